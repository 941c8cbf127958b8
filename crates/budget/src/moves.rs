//! What a report does to a lease, and what that does to its budget: pure arithmetic.
//!
//! Whatever happens is told as moves between the four accounts of a budget. A move takes from
//! one and gives to another, so the books balance by construction; the counters of the budget
//! are the sums of the moves, which [`crate::Ledger::check`] proves against the rows.
//!
//! Reports are cumulative and are merged by taking the larger number: a report that came
//! before, or comes twice, moves nothing.

use iron_runtime::authority::Standing;

/// An account of a budget in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// Not given out; may go below zero by an overdraft.
    Available,
    /// In the hands of an instance.
    Escrow,
    /// Perhaps spent by an instance that has vanished.
    Suspense,
    /// Spent.
    Spent,
}

impl Holder {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Holder::Available => "available",
            Holder::Escrow => "escrow",
            Holder::Suspense => "suspense",
            Holder::Spent => "spent",
        }
    }
}

/// An amount that goes from one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) from: Holder,
    pub(crate) to: Holder,
    pub(crate) amount: i64,
}

/// Where a lease stands; only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseState {
    /// Its owner spends from it.
    Open,
    /// Nobody may spend from it; what is left may have been spent.
    Fenced,
    /// Its final account is known.
    Closed,
}

impl LeaseState {
    /// The word in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            LeaseState::Open => "open",
            LeaseState::Fenced => "fenced",
            LeaseState::Closed => "closed",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [LeaseState::Open, LeaseState::Fenced, LeaseState::Closed]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// The numbers of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Account {
    pub(crate) state: LeaseState,
    pub(crate) granted: i64,
    pub(crate) settled: i64,
    pub(crate) returned: i64,
    pub(crate) held: i64,
}

/// The cumulative numbers that an owner reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) granted: i64,
    pub(crate) settled: i64,
    pub(crate) returned: i64,
    pub(crate) held: i64,
    pub(crate) standing: Standing,
}

impl Account {
    pub(crate) const EMPTY: Account = Account {
        state: LeaseState::Open,
        granted: 0,
        settled: 0,
        returned: 0,
        held: 0,
    };

    /// What was granted and is neither settled nor given back.
    pub(crate) fn outstanding(&self) -> i64 {
        if self.state == LeaseState::Closed {
            return 0;
        }
        self.granted
            .saturating_sub(self.returned)
            .saturating_sub(self.settled)
            .max(0)
    }

    const fn holder(&self) -> Holder {
        match self.state {
            LeaseState::Open => Holder::Escrow,
            LeaseState::Fenced => Holder::Suspense,
            LeaseState::Closed => Holder::Available,
        }
    }

    /// Raises the grant by an amount that the budget has room for.
    pub(crate) fn grant(&mut self, amount: i64) -> Vec<Move> {
        let before = self.outstanding();
        self.granted = self.granted.saturating_add(amount.max(0));
        moved(
            Holder::Available,
            self.holder(),
            self.outstanding().saturating_sub(before),
        )
    }

    /// Stops the owner from spending; what is left may already have been spent.
    pub(crate) fn fence(&mut self) -> Vec<Move> {
        if self.state != LeaseState::Open {
            return Vec::new();
        }
        let left = self.outstanding();
        self.state = LeaseState::Fenced;
        moved(Holder::Escrow, Holder::Suspense, left)
    }

    /// Ends the lease: what is left was not spent.
    pub(crate) fn close(&mut self) -> Vec<Move> {
        let moves = self.give_back(self.outstanding());
        self.state = LeaseState::Closed;
        self.held = 0;
        moves
    }

    /// Takes in a report of the owner.
    pub(crate) fn merge(&mut self, told: &Told) -> Vec<Move> {
        let mut moves = Vec::new();
        if self.state != LeaseState::Closed {
            // Only a ledger that was restored knows less than the owner.
            moves.extend(self.grant(told.granted.saturating_sub(self.granted)));
        }
        moves.extend(self.settle(told.settled.saturating_sub(self.settled)));
        if self.state == LeaseState::Closed {
            return moves;
        }
        moves.extend(self.give_back(told.returned.saturating_sub(self.returned)));
        self.held = told.held.max(0);
        match told.standing {
            Standing::Open => {}
            Standing::Final => moves.extend(self.close()),
            Standing::Lost { at_most } => {
                moves.extend(self.fence());
                let used = at_most.max(self.settled);
                let free = self
                    .granted
                    .saturating_sub(self.returned)
                    .saturating_sub(used);
                moves.extend(self.give_back(free));
            }
        }
        moves
    }

    fn settle(&mut self, amount: i64) -> Vec<Move> {
        let amount = amount.max(0);
        let covered = amount.min(self.outstanding());
        self.settled = self.settled.saturating_add(amount);
        let mut moves = moved(self.holder(), Holder::Spent, covered);
        moves.extend(moved(
            Holder::Available,
            Holder::Spent,
            amount.saturating_sub(covered),
        ));
        moves
    }

    fn give_back(&mut self, amount: i64) -> Vec<Move> {
        let amount = amount.max(0);
        let left = self.outstanding();
        self.returned = self.returned.saturating_add(amount);
        moved(self.holder(), Holder::Available, amount.min(left))
    }
}

fn moved(from: Holder, to: Holder, amount: i64) -> Vec<Move> {
    if amount > 0 && from != to {
        vec![Move { from, to, amount }]
    } else {
        Vec::new()
    }
}

/// The counters of a budget in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Counters {
    pub(crate) limit: Option<i64>,
    pub(crate) settled: i64,
    pub(crate) escrow: i64,
    pub(crate) suspense: i64,
    pub(crate) overdraft: i64,
    /// The part of `suspense` that has been so for a while, as last looked at.
    pub(crate) lasting_suspense: i64,
    /// When so much is used, an event is due; zero where nobody has looked yet.
    pub(crate) next_notice: i64,
}

impl Counters {
    /// What is spent, out or in doubt.
    pub(crate) fn used(&self) -> i64 {
        self.settled
            .saturating_add(self.escrow)
            .saturating_add(self.suspense)
    }

    /// What may still be granted: the limit alone counts, never the overdraft.
    pub(crate) fn room(&self) -> i64 {
        self.limit
            .map_or(i64::MAX, |limit| limit.saturating_sub(self.used()).max(0))
    }

    /// Applies a move; `None` if a counter leaves its range.
    pub(crate) fn apply(&mut self, change: &Move) -> Option<()> {
        self.add(change.from, change.amount.checked_neg()?)?;
        self.add(change.to, change.amount)
    }

    fn add(&mut self, holder: Holder, amount: i64) -> Option<()> {
        let counter = match holder {
            Holder::Available => return Some(()),
            Holder::Escrow => &mut self.escrow,
            Holder::Suspense => &mut self.suspense,
            Holder::Spent => &mut self.settled,
        };
        *counter = counter.checked_add(amount)?;
        Some(())
    }

    /// Raises the overdraft to what is now beyond the limit; gives by how much.
    pub(crate) fn overdraw(&mut self) -> i64 {
        let Some(limit) = self.limit else { return 0 };
        let beyond = self
            .used()
            .saturating_sub(limit)
            .saturating_sub(self.overdraft)
            .max(0);
        self.overdraft = self.overdraft.saturating_add(beyond);
        beyond
    }
}

#[cfg(test)]
mod tests;
