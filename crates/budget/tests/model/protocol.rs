//! Which worlds are looked at, what can happen in them, and what must always hold.

use stateright::{Model, Property};

use crate::moves::{Counters, LeaseState};
use crate::state::{Budget, Fate, Left, Node, State};

/// A tempting change of the protocol; each must be found to overspend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    RefundAtExpiry,
    ReleaseOnCrash,
    ZeroOnHangUp,
    DeltaGrant,
    DeltaReturn,
    LateDeduction,
    TakeoverFrees,
    NoWatermark,
    CutTakenForKill,
    SentUnwritten,
    Slices,
    OldAnswers,
}

/// One world: who is in it, how large it is, and how much may go wrong.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) name: &'static str,
    pub(crate) limits: Vec<i64>,
    /// The budgets on the path of each node's calls, leaf first.
    pub(crate) paths: Vec<Vec<u8>>,
    /// What a call holds, or less near the edge.
    pub(crate) bound: i64,
    /// How much a node asks for at a time.
    pub(crate) want: i64,
    /// How far a watermark runs ahead of what is used.
    pub(crate) ahead: i64,
    /// Whether calls may be given up before they are sent.
    pub(crate) unsent: bool,
    /// Calls of one node.
    pub(crate) calls: u8,
    pub(crate) leases: usize,
    /// Exchanges and answers under way at a time, each.
    pub(crate) wire: usize,
    /// Hours that pass on a node's clock; leases live for one.
    pub(crate) hours: u8,
    pub(crate) left: Left,
    pub(crate) variant: Option<Variant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// The second number: which exchange under way is lost to make room for this one.
    Ask(u8, Option<u8>),
    Call(u8, i64),
    Settle(u8, u8),
    Sync(u8),
    Mark(u8),
    GiveBack(u8),
    Retire(u8),
    Hour(u8),
    Kill(u8),
    CutPower(u8),
    Restart(u8),
    Book(u8),
    Hear(u8, u8),
    Expire(u8),
    TakeOver(u8),
    Lower(u8),
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Action::Ask(node, None) => write!(f, "n{node} asks"),
            Action::Ask(node, Some(lost)) => write!(f, "exchange {lost} is lost, n{node} asks"),
            Action::Call(node, cost) => write!(f, "n{node} calls for {cost}"),
            Action::Settle(node, _) => write!(f, "n{node} settles"),
            Action::Sync(node) => write!(f, "n{node} syncs"),
            Action::Mark(node) => write!(f, "n{node} marks"),
            Action::GiveBack(node) => write!(f, "n{node} gives back"),
            Action::Retire(node) => write!(f, "n{node} ends its leases"),
            Action::Hour(node) => write!(f, "an hour on n{node}"),
            Action::Kill(node) => write!(f, "n{node} is killed"),
            Action::CutPower(node) => write!(f, "n{node} loses power"),
            Action::Restart(node) => write!(f, "n{node} restarts"),
            Action::Book(which) => write!(f, "exchange {which} is booked"),
            Action::Hear(node, _) => write!(f, "n{node} hears"),
            Action::Expire(lease) => write!(f, "lease {lease} expires"),
            Action::TakeOver(node) => write!(f, "another process enrols as n{node}"),
            Action::Lower(budget) => write!(f, "limit {budget} is lowered"),
        }
    }
}

impl World {
    /// Whether the nodes differ by their number only. A counterexample is told by numbers that
    /// stay.
    pub(crate) fn alike(&self) -> bool {
        self.variant.is_none() && self.paths.windows(2).all(|pair| pair[0] == pair[1])
    }

    fn node_actions(&self, state: &State, number: u8, actions: &mut Vec<Action>) {
        let node = &state.nodes[usize::from(number)];
        let left = &state.left;
        if left.cuts > 0 && (node.runs || node.durable < node.journal.len()) {
            actions.push(Action::CutPower(number));
        }
        if !node.runs {
            actions.push(Action::Restart(number));
            return;
        }
        let exchange = node.ask(self, number);
        let silent = exchange.reports.is_empty()
            && exchange.wants.is_empty()
            && exchange.witnessed.is_empty();
        if !silent && !state.up.contains(&exchange) {
            if state.up.len() < self.wire {
                actions.push(Action::Ask(number, None));
            } else {
                let lost = (0..self.wire).map(|which| u8::try_from(which).ok());
                actions.extend(lost.map(|which| Action::Ask(number, which)));
            }
        }
        let free = node.free(&self.paths[usize::from(number)]);
        if node.calls < self.calls && free > 0 {
            let most = match self.variant {
                Some(Variant::Slices) => self.bound,
                _ => self.bound.min(free) + i64::from(left.breaches > 0),
            };
            let costs = i64::from(!self.unsent)..=most;
            actions.extend(costs.map(|cost| Action::Call(number, cost)));
        }
        let holds = 0..u8::try_from(node.holds.len()).unwrap();
        actions.extend(holds.map(|hold| Action::Settle(number, hold)));
        if left.cuts > 0 && node.durable < node.journal.len() {
            actions.push(Action::Sync(number));
        }
        if self.left.cuts > 0
            && self.variant != Some(Variant::NoWatermark)
            && !node.marks(self).is_empty()
        {
            actions.push(Action::Mark(number));
        }
        let live = || node.purses.iter().filter(|purse| !purse.ending);
        if left.returns > 0 && live().any(|purse| purse.unheld() > 0) {
            actions.push(Action::GiveBack(number));
        }
        if left.retirements > 0 && live().next().is_some() {
            actions.push(Action::Retire(number));
        }
        if node.hour < self.hours {
            actions.push(Action::Hour(number));
        }
        if left.kills > 0 {
            actions.push(Action::Kill(number));
        }
        let present = node.incarnation == state.enrolled[usize::from(number)];
        if left.takeovers > 0 && present {
            actions.push(Action::TakeOver(number));
        }
        let answers = 0..u8::try_from(state.down[usize::from(number)].len()).unwrap();
        actions.extend(answers.map(|answer| Action::Hear(number, answer)));
    }

    fn step(&self, state: &mut State, action: Action) {
        let at = usize::from;
        match action {
            Action::Ask(node, lost) => {
                let exchange = state.nodes[at(node)].ask(self, node);
                if let Some(lost) = lost {
                    state.up.remove(at(lost));
                }
                state.up.push(exchange);
                state.up.sort_unstable();
            }
            Action::Call(node, cost) => {
                let hold = state.hold(self, at(node));
                state.send(self, at(node), hold, cost);
            }
            Action::Settle(node, hold) => state.settle(self, at(node), at(hold)),
            Action::Sync(node) => {
                let node = &mut state.nodes[at(node)];
                node.durable = node.journal.len();
            }
            Action::Mark(node) => state.mark(self, at(node)),
            Action::GiveBack(node) => {
                state.left.returns -= 1;
                state.nodes[at(node)].give_back(self);
            }
            Action::Retire(node) => {
                state.left.retirements -= 1;
                state.nodes[at(node)].retire();
            }
            Action::Hour(node) => state.nodes[at(node)].hour += 1,
            Action::Kill(node) => {
                state.left.kills -= 1;
                state.down[at(node)].clear();
                state.crash(self, at(node), Fate::Killed);
            }
            Action::CutPower(node) => {
                state.left.cuts -= 1;
                state.down[at(node)].clear();
                state.crash(self, at(node), Fate::LostPower);
            }
            Action::Restart(node) => state.restart(self, at(node)),
            Action::Book(which) => self.book(state, at(which)),
            Action::Hear(node, which) => {
                let reply = state.down[at(node)][at(which)].clone();
                // An answer older than one that was heard is never heard.
                if self.variant != Some(Variant::OldAnswers)
                    && self.variant != Some(Variant::DeltaGrant)
                {
                    state.down[at(node)].drain(..=at(which));
                }
                state.nodes[at(node)].hear(self, &reply);
            }
            Action::Expire(lease) => {
                state.left.expiries -= 1;
                state.expire(self, at(lease));
            }
            Action::TakeOver(node) => {
                state.left.takeovers -= 1;
                state.enrol(self, at(node));
            }
            Action::Lower(budget) => {
                state.left.lowerings -= 1;
                state.lower(at(budget), 2);
            }
        }
    }

    /// An exchange reaches the ledger and stays under way: it may come again. Its answer is lost
    /// if its asker has died.
    fn book(&self, state: &mut State, which: usize) {
        let exchange = state.up[which].clone();
        let reply = state.exchange(self, &exchange);
        let node = usize::from(exchange.node);
        let asker = &state.nodes[node];
        if asker.runs && asker.incarnation == exchange.incarnation {
            let answers = &mut state.down[node];
            if answers.last() != Some(&reply) {
                answers.push(reply);
            }
            if answers.len() > self.wire {
                answers.remove(0);
            }
        }
    }
}

impl Model for World {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let budget = |limit: &i64| Budget {
            counters: Counters {
                limit: Some(*limit),
                ..Counters::default()
            },
            allowed: 0,
            billed: 0,
            excess: 0,
        };
        vec![State {
            budgets: self.limits.iter().map(budget).collect(),
            leases: Vec::new(),
            enrolled: vec![1; self.paths.len()],
            nodes: vec![Node::new(); self.paths.len()],
            up: Vec::new(),
            down: vec![Vec::new(); self.paths.len()],
            left: self.left,
            broken: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let number = |index: usize| u8::try_from(index).unwrap();
        for node in 0..state.nodes.len() {
            self.node_actions(state, number(node), actions);
        }
        for which in 0..state.up.len() {
            actions.push(Action::Book(number(which)));
        }
        if state.left.expiries > 0 {
            for (lease, row) in state.leases.iter().enumerate() {
                if row.account.state == LeaseState::Open {
                    actions.push(Action::Expire(number(lease)));
                }
            }
        }
        if state.left.lowerings > 0 {
            actions.extend((0..state.budgets.len()).map(|index| Action::Lower(number(index))));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = last.clone();
        self.step(&mut next, action);
        next.settle_down(self);
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![Property::always(I1, within_limits)];
        if self.variant.is_none() {
            properties.extend([
                Property::always("I2 the ledger's CHECK holds", checked),
                Property::always("I3 the books balance", balanced),
                Property::always("I4 the order of reports is nothing", commute),
                Property::always("I4, I5, I6 no step breaks a rule", |_, state: &State| {
                    state.broken.is_none()
                }),
                Property::always("I8 nothing billed is uncounted", counted),
                Property::always("I8 a crash forfeits no more than it may", forfeits_bounded),
                Property::always("I9 a living owner's account is exact", exact),
                Property::sometimes("a whole limit is spent", |_, state: &State| {
                    state
                        .budgets
                        .iter()
                        .any(|budget| budget.billed == budget.allowed && budget.allowed > 0)
                }),
            ]);
            let Left {
                retirements,
                expiries,
                takeovers,
                kills,
                ..
            } = self.left;
            if retirements + expiries + takeovers + kills > 0 {
                properties.push(Property::sometimes(
                    "a lease ends with its final account",
                    |_, state: &State| {
                        state
                            .leases
                            .iter()
                            .any(|lease| lease.is_closed() && lease.billed > 0)
                    },
                ));
            }
            self.faults_happen(&mut properties);
        }
        properties
    }
}

/// The property that every variant must break.
pub(crate) const I1: &str = "I1 billed within the limit";

impl World {
    /// What shows that a world with faults is not an idle one.
    fn faults_happen(&self, properties: &mut Vec<Property<Self>>) {
        if self.left.expiries + self.left.takeovers > 0 {
            properties.push(Property::sometimes(
                "a living owner frees what was in suspense",
                |_, state: &State| {
                    state.leases.iter().any(|lease| {
                        lease.was_fenced && lease.is_closed() && lease.fate == Fate::Lives
                    })
                },
            ));
        }
        if self.left.kills > 0 {
            properties.push(Property::sometimes(
                "a successor settles what a killed process spent, and frees the rest",
                |_, state: &State| {
                    state.leases.iter().any(|lease| {
                        let freed = lease.account.returned > 0;
                        let spent = lease.billed > 0 && lease.account.settled >= lease.billed;
                        lease.fate == Fate::Killed && lease.is_closed() && spent && freed
                    })
                },
            ));
        }
        if self.left.cuts > 0 {
            properties.push(Property::sometimes(
                "a power cut leaves what is unknown in suspense, and frees the rest",
                |_, state: &State| {
                    state.leases.iter().any(|lease| {
                        let freed = lease.account.returned > 0;
                        let unknown = lease.account.outstanding() > 0;
                        lease.fate == Fate::LostPower && !lease.is_closed() && unknown && freed
                    })
                },
            ));
        }
        if self.left.breaches + self.left.lowerings > 0 {
            properties.push(Property::sometimes(
                "an overdraft is booked",
                |_, state: &State| {
                    state
                        .budgets
                        .iter()
                        .any(|budget| budget.counters.overdraft > 0)
                },
            ));
        }
        if self.hours > 0 {
            properties.push(Property::sometimes(
                "a lease lives on after its first hour",
                |_, state: &State| {
                    let living = |node: &Node| {
                        let mut purses = node.purses.iter();
                        node.hour == 1 && purses.any(|purse| purse.free(1) > 0)
                    };
                    state.nodes.iter().any(living)
                },
            ));
        }
    }
}

fn within_limits(_: &World, state: &State) -> bool {
    let within = |budget: &Budget| budget.billed - budget.excess <= budget.allowed;
    state.budgets.iter().all(within)
}

fn checked(_: &World, state: &State) -> bool {
    state.budgets.iter().all(|budget| {
        let Counters {
            limit,
            settled,
            escrow,
            suspense,
            overdraft,
            ..
        } = budget.counters;
        let limit = limit.unwrap_or(i64::MAX);
        settled >= 0
            && escrow >= 0
            && suspense >= 0
            && settled + escrow + suspense <= limit.saturating_add(overdraft)
    })
}

fn balanced(_: &World, state: &State) -> bool {
    state.budgets.iter().enumerate().all(|(number, budget)| {
        let (mut settled, mut escrow, mut suspense) = (0, 0, 0);
        for lease in state
            .leases
            .iter()
            .filter(|lease| usize::from(lease.budget) == number)
        {
            settled += lease.account.settled;
            match lease.account.state {
                LeaseState::Open => escrow += lease.account.outstanding(),
                LeaseState::Fenced => suspense += lease.account.outstanding(),
                LeaseState::Closed => {}
            }
        }
        let counters = &budget.counters;
        (counters.settled, counters.escrow, counters.suspense) == (settled, escrow, suspense)
    })
}

/// Whatever reports are under way, they lead to the same books in either order.
fn commute(world: &World, state: &State) -> bool {
    let apply = |first: usize, second: usize| {
        let mut copy = state.clone();
        for which in [first, second] {
            for report in &state.up[which].reports {
                copy.take_report(world, report);
            }
        }
        let leases = copy.leases.into_iter().map(|mut lease| {
            // The newest word, not a sum: it only says how suspense divides.
            lease.account.held = 0;
            lease
        });
        let budgets = copy.budgets.iter().map(|budget| budget.counters);
        (leases.collect::<Vec<_>>(), budgets.collect::<Vec<_>>())
    };
    (0..state.up.len()).all(|first| {
        let mut others = first + 1..state.up.len();
        others.all(|second| apply(first, second) == apply(second, first))
    })
}

fn counted(_: &World, state: &State) -> bool {
    let mut leases = state.leases.iter();
    leases.all(|lease| lease.billed - lease.excess <= lease.covered())
}

fn forfeits_bounded(world: &World, state: &State) -> bool {
    state.leases.iter().enumerate().all(|(number, lease)| {
        let forfeit = lease.covered() - lease.billed;
        match lease.fate {
            Fate::Lives => true,
            _ if lease.is_closed() => forfeit <= lease.in_flight,
            Fate::LostPower if state.is_told(number) => {
                forfeit <= lease.in_flight + lease.held_at_mark + world.ahead
            }
            _ => true,
        }
    })
}

impl State {
    /// Whether a later process has told all that the owner of this lease left behind.
    fn is_told(&self, lease: usize) -> bool {
        let row = &self.leases[lease];
        let node = &self.nodes[usize::from(row.node)];
        let mut untold = node.earlier.iter();
        node.runs
            && node.incarnation > row.incarnation
            && node.witnessed.is_empty()
            && untold.all(|report| usize::from(report.lease) != lease)
    }
}

fn exact(_: &World, state: &State) -> bool {
    state.leases.iter().all(|lease| {
        let owner_closed = lease.is_closed() && lease.fate == Fate::Lives;
        !owner_closed || lease.account.settled == lease.billed
    })
}
