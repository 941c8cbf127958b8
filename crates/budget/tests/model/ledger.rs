//! The ledger's side: what an exchange, a new process and time do to leases. The arithmetic of
//! a lease and of a budget is the product's own; the order of steps within an exchange is
//! restated, because there it is woven into SQL.

use iron_runtime::authority::Standing;

use crate::moves::{Account, LeaseState, Move, Told};
use crate::protocol::{Variant, World};
use crate::state::{End, Exchange, Fate, Grant, Lease, Reply, Report, State, Want};

impl State {
    /// The one transaction of an exchange.
    pub(crate) fn exchange(&mut self, world: &World, asked: &Exchange) -> Reply {
        let superseded = asked.incarnation < self.enrolled[usize::from(asked.node)];
        let mut reply = Reply {
            hour: asked.hour,
            superseded,
            ..Reply::default()
        };
        self.close_unused(asked);
        let mut alive: Vec<(u8, i64)> = Vec::new();
        for report in &asked.reports {
            self.take_report(world, report);
            let lease = &self.leases[usize::from(report.lease)];
            match lease.account.state {
                _ if lease.is_closed() || matches!(report.end, End::Lost { .. }) => {
                    reply.closed.push(report.lease);
                }
                LeaseState::Open if !superseded => alive.push((report.lease, 0)),
                LeaseState::Open => {}
                _ => reply.revoked.push(report.lease),
            }
        }
        if superseded {
            return reply;
        }
        for want in &asked.wants {
            if let Some((lease, added)) = self.grant(world, asked, want) {
                alive.retain(|(known, _)| *known != lease);
                alive.push((lease, added));
            }
        }
        for (lease, added) in alive {
            reply.grants.push(self.told(lease, added, false));
        }
        self.offer_unclaimed(asked, &mut reply);
        reply
    }

    /// Leases of earlier processes that their own journal does not mention were never used.
    fn close_unused(&mut self, asked: &Exchange) {
        for number in 0..self.leases.len() {
            let lease = &self.leases[number];
            let unused = lease.node == asked.node
                && lease.incarnation < asked.incarnation
                && asked.witnessed.contains(&lease.incarnation)
                && lease.account.state == LeaseState::Fenced
                && !asked
                    .reports
                    .iter()
                    .any(|report| usize::from(report.lease) == number);
            if unused {
                self.change(number, Account::close);
            }
        }
    }

    /// Books one report, once more on a copy to see that a second time moves nothing.
    pub(crate) fn take_report(&mut self, world: &World, report: &Report) {
        let told = Told {
            granted: report.granted,
            settled: report.settled,
            returned: report.returned,
            held: report.held,
            standing: match report.end {
                End::Open => Standing::Open,
                End::Final => Standing::Final,
                End::Lost { at_most } => Standing::Lost { at_most },
            },
        };
        let number = usize::from(report.lease);
        if let End::Lost { .. } = report.end {
            self.leases[number].was_fenced = true;
        }
        self.change(number, |account| {
            let mut told = told;
            if world.variant == Some(Variant::DeltaReturn) {
                told.returned = told.returned.saturating_add(account.returned);
            }
            account.merge(&told)
        });
        let mut again = self.leases[number].account;
        if world.variant.is_none() && !again.merge(&told).is_empty() {
            self.broken = Some("a report that came twice moved money");
        }
    }

    fn grant(&mut self, world: &World, asked: &Exchange, want: &Want) -> Option<(u8, i64)> {
        let open = self.leases.iter().position(|lease| {
            lease.budget == want.budget
                && lease.node == asked.node
                && lease.incarnation == asked.incarnation
                && lease.account.state == LeaseState::Open
        });
        let room = self.budgets[usize::from(want.budget)].counters.room();
        let number = match open {
            Some(number) => number,
            None if self.leases.len() < world.leases && room > 0 => {
                self.leases.push(Lease {
                    budget: want.budget,
                    node: asked.node,
                    incarnation: asked.incarnation,
                    account: Account::EMPTY,
                    billed: 0,
                    excess: 0,
                    in_flight: 0,
                    held_at_mark: 0,
                    fate: Fate::Lives,
                    was_fenced: false,
                });
                self.leases.len() - 1
            }
            None => return None,
        };
        let account = &self.leases[number].account;
        let wished = match want.known {
            Some((known, granted)) if usize::from(known) == number => {
                granted + want.amount - account.granted
            }
            _ => want.amount - account.outstanding(),
        };
        let amount = wished.min(room).max(0);
        self.change(number, |account| account.grant(amount));
        if amount > 0 {
            let budget = &mut self.budgets[usize::from(want.budget)];
            budget.allowed = budget
                .allowed
                .max(budget.counters.limit.unwrap_or(i64::MAX));
        }
        Some((u8::try_from(number).unwrap(), amount))
    }

    /// Leases that their owner has never heard of, because the answer was lost.
    fn offer_unclaimed(&self, asked: &Exchange, reply: &mut Reply) {
        for (number, lease) in self.leases.iter().enumerate() {
            let id = u8::try_from(number).unwrap();
            let untouched = lease.account.settled == 0 && lease.account.returned == 0;
            let mine = lease.node == asked.node && lease.incarnation == asked.incarnation;
            let known = asked.reports.iter().any(|report| report.lease == id)
                || reply.grants.iter().any(|grant| grant.lease == id);
            if mine && untouched && !known && !lease.is_closed() {
                let over = lease.account.state == LeaseState::Fenced;
                reply.grants.push(self.told(id, 0, over));
            }
        }
    }

    fn told(&self, lease: u8, added: i64, over: bool) -> Grant {
        let row = &self.leases[usize::from(lease)];
        Grant {
            lease,
            budget: row.budget,
            granted: row.account.granted,
            added,
            over,
        }
    }

    /// A lease has shown no sign of life for too long.
    pub(crate) fn expire(&mut self, world: &World, lease: usize) {
        self.leases[lease].was_fenced = true;
        if world.variant == Some(Variant::RefundAtExpiry) {
            self.change(lease, Account::close);
        } else {
            self.change(lease, Account::fence);
        }
    }

    /// A new process of a node: what the ones before it have not told may be spent.
    pub(crate) fn enrol(&mut self, world: &World, node: usize) {
        self.enrolled[node] += 1;
        let crashed = !self.nodes[node].runs;
        for number in 0..self.leases.len() {
            let lease = &self.leases[number];
            if usize::from(lease.node) != node || lease.account.state != LeaseState::Open {
                continue;
            }
            self.leases[number].was_fenced = true;
            match world.variant {
                Some(Variant::ReleaseOnCrash) if crashed => self.change(number, Account::close),
                Some(Variant::TakeoverFrees) if !crashed => self.change(number, Account::close),
                _ => self.change(number, Account::fence),
            }
        }
    }

    pub(crate) fn lower(&mut self, budget: usize, by: i64) {
        let counters = &mut self.budgets[budget].counters;
        counters.limit = counters.limit.map(|limit| (limit - by).max(0));
        counters.overdraw();
    }

    /// Changes one lease, books the moves, and sees that nothing goes backwards.
    fn change(&mut self, number: usize, change: impl FnOnce(&mut Account) -> Vec<Move>) {
        let lease = &mut self.leases[number];
        let budget = &mut self.budgets[usize::from(lease.budget)];
        let (before, counted) = (lease.account, budget.counters);
        for step in change(&mut lease.account) {
            if budget.counters.apply(&step).is_none() {
                self.broken = Some("a counter left its range");
            }
        }
        budget.counters.overdraw();
        let after = &lease.account;
        let forward = after.state >= before.state
            && after.granted >= before.granted
            && after.settled >= before.settled
            && after.returned >= before.returned
            && budget.counters.settled >= counted.settled
            && budget.counters.overdraft >= counted.overdraft;
        if !forward {
            self.broken = Some("a counter fell or a state went back");
        }
    }
}
