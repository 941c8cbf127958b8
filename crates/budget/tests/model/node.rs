//! A node's side: calls, watermarks, exchanges, crashes. The account of a lease and the replay of
//! a journal are the product's own; who holds which lease when is restated.

use crate::protocol::{Variant, World};
use crate::recovery::replay;
use crate::state::{Exchange, Fate, Frame, Hold, Node, Reply, State, Want};
use crate::wallet::Purse;

impl Node {
    pub(crate) fn new() -> Self {
        let intro = Frame::Intro {
            incarnation: 1,
            boot: 1,
        };
        Node {
            runs: true,
            boot: 1,
            incarnation: 1,
            hour: 0,
            calls: 0,
            purses: Vec::new(),
            holds: Vec::new(),
            returning: false,
            journal: vec![intro],
            durable: 1,
            earlier: Vec::new(),
            witnessed: Vec::new(),
        }
    }

    /// The lease that a budget is spent from.
    fn current(&self, budget: u8) -> Option<&Purse> {
        self.purses
            .iter()
            .find(|purse| purse.budget == budget && !purse.ending)
    }

    /// What a call may hold on every level of the path.
    pub(crate) fn free(&self, path: &[u8]) -> i64 {
        let free = |budget: &u8| {
            self.current(*budget)
                .map_or(0, |purse| purse.free(self.hour))
        };
        path.iter().map(free).min().unwrap_or(0)
    }

    /// Cumulative reports of all leases, and what is lacking.
    pub(crate) fn ask(&self, world: &World, number: u8) -> Exchange {
        let mut reports = self.earlier.clone();
        for purse in &self.purses {
            let mut report = purse.report();
            if self.returning {
                report.returned += purse.unheld();
            }
            reports.push(report);
        }
        let lacks = |budget: &&u8| {
            let unheld = self.current(**budget).map_or(0, Purse::unheld);
            self.calls < world.calls && unheld < world.bound
        };
        let path = &world.paths[usize::from(number)];
        let wants = path.iter().filter(lacks).map(|budget| Want {
            budget: *budget,
            amount: world.want,
            known: self.current(*budget).map(|one| (one.lease, one.granted)),
        });
        Exchange {
            node: number,
            incarnation: self.incarnation,
            hour: self.hour,
            wants: wants.collect(),
            reports,
            witnessed: self.witnessed.clone(),
        }
    }

    /// Takes in an answer that is newer than all before it.
    pub(crate) fn hear(&mut self, world: &World, reply: &Reply) {
        if reply.superseded {
            self.retire();
            return;
        }
        for purse in &mut self.purses {
            purse.ending |= reply.revoked.contains(&purse.lease);
        }
        self.purses
            .retain(|one| !(one.ending && one.held == 0 && reply.closed.contains(&one.lease)));
        self.earlier
            .retain(|report| !reply.closed.contains(&report.lease));
        self.witnessed.clear();
        for grant in &reply.grants {
            if self.purses.iter().all(|purse| purse.lease != grant.lease) {
                let mut purse = Purse::open(grant.lease, grant.budget);
                purse.ending = grant.over || self.current(grant.budget).is_some();
                self.purses.push(purse);
            }
            for purse in &mut self.purses {
                if purse.lease != grant.lease {
                    continue;
                }
                let granted = match world.variant {
                    Some(Variant::DeltaGrant) => purse.granted + grant.added,
                    _ => grant.granted,
                };
                purse.learn(granted, reply.hour + 1);
                match world.variant {
                    Some(Variant::NoWatermark) => purse.watermark = purse.granted,
                    Some(Variant::LateDeduction) if self.returning => purse.give_back(),
                    _ => {}
                }
            }
        }
        self.returning = false;
        self.purses.sort_unstable();
    }

    pub(crate) fn retire(&mut self) {
        for purse in &mut self.purses {
            purse.ending = true;
        }
    }

    pub(crate) fn give_back(&mut self, world: &World) {
        if world.variant == Some(Variant::LateDeduction) {
            self.returning = true;
            return;
        }
        for purse in self.purses.iter_mut().filter(|purse| !purse.ending) {
            purse.give_back();
        }
    }

    /// The watermarks that are due: purse, watermark.
    pub(crate) fn marks(&self, world: &World) -> Vec<(usize, i64)> {
        let due = |(index, purse): (usize, &Purse)| {
            let watermark = purse.next_watermark(world.ahead)?;
            Some((index, watermark))
        };
        self.purses.iter().enumerate().filter_map(due).collect()
    }

    fn each_leg(&mut self, legs: &[u8], mut act: impl FnMut(&mut Purse)) {
        for purse in &mut self.purses {
            if legs.contains(&purse.lease) {
                act(purse);
            }
        }
    }
}

impl State {
    /// Sets money aside on every level and writes the reserve; gives the place of the hold.
    pub(crate) fn hold(&mut self, world: &World, number: usize) -> usize {
        let path = &world.paths[number];
        let node = &mut self.nodes[number];
        let amount = if world.variant == Some(Variant::Slices) {
            1
        } else {
            world.bound.min(node.free(path))
        };
        let legs: Vec<u8> = path
            .iter()
            .filter_map(|budget| node.current(*budget))
            .map(|purse| purse.lease)
            .collect();
        let late = node
            .purses
            .iter()
            .any(|purse| legs.contains(&purse.lease) && node.hour >= purse.deadline);
        node.each_leg(&legs, |purse| purse.hold(amount));
        let beyond = node.purses.iter().any(|purse| {
            let usable = (purse.granted - purse.returned).min(purse.watermark);
            legs.contains(&purse.lease) && purse.settled + purse.held > usable
        });
        let id = node.calls;
        node.calls += 1;
        if world.variant != Some(Variant::SentUnwritten) {
            node.journal.push(Frame::Reserve {
                legs: legs.clone(),
                id,
                amount,
            });
        }
        node.holds.push(Hold {
            id,
            legs,
            amount,
            cost: 0,
        });
        let place = node.holds.len() - 1;
        if late {
            self.broken = Some("a call was admitted after the deadline");
        } else if beyond {
            self.broken = Some("more was held than the disk knows of");
        }
        place
    }

    /// The call leaves; from here on the provider bills it, whoever hears of it.
    pub(crate) fn send(&mut self, world: &World, number: usize, hold: usize, cost: i64) {
        let hold = &mut self.nodes[number].holds[hold];
        hold.cost = cost;
        // A slice is less than the cap that was forwarded, which the provider has honoured.
        let bound = match world.variant {
            Some(Variant::Slices) => world.bound,
            _ => hold.amount,
        };
        let excess = (cost - bound).max(0);
        if excess > 0 {
            self.left.breaches -= 1;
        }
        for leg in &hold.legs {
            let lease = &mut self.leases[usize::from(*leg)];
            let budget = &mut self.budgets[usize::from(lease.budget)];
            lease.billed += cost;
            budget.billed += cost;
            lease.excess += excess;
            budget.excess += excess;
        }
    }

    /// Writes the record and replaces the hold by the cost.
    pub(crate) fn settle(&mut self, world: &World, number: usize, hold: usize) {
        let node = &mut self.nodes[number];
        let hold = node.holds.remove(hold);
        let cost = match world.variant {
            Some(Variant::ZeroOnHangUp) => 0,
            _ => hold.cost,
        };
        node.each_leg(&hold.legs, |purse| purse.settle(hold.amount, cost));
        node.journal.push(Frame::Record {
            legs: hold.legs,
            id: hold.id,
            cost,
        });
    }

    /// What no step can tell apart any more is made the same: watermarks that no power cut can
    /// put to the test are on disk at once, a journal that no crash will have read is
    /// forgotten, and nodes that differ by their number only are put in order.
    pub(crate) fn settle_down(&mut self, world: &World) {
        let frames_matter = self.left.kills + self.left.cuts > 0;
        for number in 0..self.nodes.len() {
            if world.left.cuts == 0 && world.variant != Some(Variant::NoWatermark) {
                self.mark(world, number);
            }
            let node = &mut self.nodes[number];
            if !frames_matter && node.runs {
                node.journal.clear();
            }
            if self.left.cuts == 0 || node.durable > node.journal.len() {
                node.durable = node.journal.len();
            }
        }
        if world.alike() {
            self.order_nodes();
        }
    }

    fn order_nodes(&mut self) {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by(|a, b| {
            let key = |number: usize| (&self.nodes[number], self.enrolled[number]);
            key(*a)
                .cmp(&key(*b))
                .then_with(|| self.down[*a].cmp(&self.down[*b]))
        });
        if order.is_sorted() {
            return;
        }
        let place = |number: u8| {
            let found = order.iter().position(|old| *old == usize::from(number));
            u8::try_from(found.unwrap()).unwrap()
        };
        for lease in &mut self.leases {
            lease.node = place(lease.node);
        }
        for exchange in &mut self.up {
            exchange.node = place(exchange.node);
        }
        self.up.sort_unstable();
        self.enrolled = order.iter().map(|old| self.enrolled[*old]).collect();
        self.down = order.iter().map(|old| self.down[*old].clone()).collect();
        self.nodes = order.iter().map(|old| self.nodes[*old].clone()).collect();
    }

    /// Writes the watermarks that are due and waits for the disk.
    pub(crate) fn mark(&mut self, world: &World, number: usize) {
        let node = &mut self.nodes[number];
        for (index, watermark) in node.marks(world) {
            let purse = &mut node.purses[index];
            purse.watermark = watermark;
            self.leases[usize::from(purse.lease)].held_at_mark = purse.held;
            node.journal.push(Frame::Mark {
                incarnation: node.incarnation,
                boot: node.boot,
                lease: purse.lease,
                granted: purse.granted,
                watermark,
            });
        }
        node.durable = node.journal.len();
    }

    /// The process dies. Its frames are in the page cache; those that the disk does not have go
    /// with the power.
    pub(crate) fn crash(&mut self, world: &World, number: usize, fate: Fate) {
        let node = &mut self.nodes[number];
        node.runs = false;
        node.purses.clear();
        node.returning = false;
        node.earlier.clear();
        node.witnessed.clear();
        let keep = match fate {
            Fate::LostPower => node.durable,
            _ => node.journal.len(),
        };
        let lost: Vec<Frame> = node.journal.drain(keep..).collect();
        let mut slack: Vec<(Vec<u8>, i64)> = Vec::new();
        for hold in std::mem::take(&mut node.holds) {
            slack.push((hold.legs, hold.amount - hold.cost));
        }
        for frame in lost {
            let Frame::Record { legs, id, cost } = frame else {
                continue;
            };
            for kept in &node.journal {
                if let Frame::Reserve {
                    legs: held,
                    id: one,
                    amount,
                } = kept
                    && (held, *one) == (&legs, id)
                {
                    slack.push((legs.clone(), amount - cost));
                }
            }
        }
        // A boot that does not count up takes a power cut for the death of a process.
        if fate == Fate::LostPower && world.variant != Some(Variant::CutTakenForKill) {
            node.boot += 1;
        }
        for lease in &mut self.leases {
            if usize::from(lease.node) == number && !lease.is_closed() {
                lease.fate = fate;
            }
        }
        for (legs, amount) in slack {
            for leg in legs {
                self.leases[usize::from(leg)].in_flight += amount.max(0);
            }
        }
    }

    /// The next process enrols, reads the journal, and records what it finds unfinished.
    pub(crate) fn restart(&mut self, world: &World, number: usize) {
        self.enrol(world, number);
        let incarnation = self.enrolled[number];
        let node = &mut self.nodes[number];
        let estate = replay(&node.journal, node.boot);
        node.runs = true;
        node.incarnation = incarnation;
        node.hour = 0;
        for (legs, id, amount) in estate.orphans {
            node.journal.push(Frame::Record {
                legs,
                id,
                cost: amount,
            });
        }
        node.journal.push(Frame::Intro {
            incarnation,
            boot: node.boot,
        });
        node.durable = node.journal.len();
        node.earlier = estate.reports;
        node.witnessed = estate.witnessed;
    }
}
