//! One lease as its owner keeps it: a running account.
//!
//! `granted`, `settled` and `returned` only grow. What may be held is
//! `min(granted − returned, watermark) − settled − held`, and only between `not_before` and
//! `deadline` on the boot clock. The watermark is the part of that which has been promised to
//! the disk: after a power cut nothing above it can have been spent.

use iron_primitives::{BootInstant, LeaseId, PeriodSpan};

use crate::authority::{Grant, LeaseReport, Standing};

use super::pocket::Place;

/// The state of one lease.
#[derive(Debug, Clone)]
pub struct Account {
    pub(super) lease: LeaseId,
    pub(super) span: PeriodSpan,
    pub(super) granted: i64,
    pub(super) settled: i64,
    pub(super) returned: i64,
    pub(super) held: i64,
    /// Durable on disk.
    pub(super) watermark: i64,
    /// On its way to the disk.
    pub(super) watermark_asked: i64,
    pub(super) not_before: BootInstant,
    pub(super) deadline: BootInstant,
    /// What is left of a hold older than this goes back: it was granted under another limit.
    pub(super) returns_below: u64,
    /// Nothing may be admitted any more; it ends when nothing is held.
    pub(super) ending: bool,
    /// Whether the authority knows all that is here.
    pub(super) dirty: bool,
}

impl Account {
    /// An account as the first grant makes it.
    pub(super) fn open(grant: &Grant) -> Self {
        Account {
            lease: grant.lease,
            span: grant.span,
            granted: 0,
            settled: 0,
            returned: 0,
            held: 0,
            watermark: 0,
            watermark_asked: 0,
            not_before: BootInstant::default(),
            deadline: BootInstant::default(),
            returns_below: 0,
            ending: false,
            dirty: true,
        }
    }

    /// What is in our hands and held by no call.
    pub(super) fn unheld(&self) -> i64 {
        self.usable().saturating_sub(self.used()).max(0)
    }

    /// What may be held now, the clock aside.
    pub(super) fn free(&self) -> i64 {
        if self.ending {
            return 0;
        }
        self.usable()
            .min(self.watermark)
            .saturating_sub(self.used())
            .max(0)
    }

    /// Whether calls may be admitted at this instant.
    pub(super) fn is_open_at(&self, now: BootInstant) -> bool {
        !self.ending && now >= self.not_before && now < self.deadline
    }

    /// Granted and not given back.
    pub(super) fn usable(&self) -> i64 {
        self.granted.saturating_sub(self.returned)
    }

    /// Settled or held.
    pub(super) fn used(&self) -> i64 {
        self.settled.saturating_add(self.held)
    }

    /// Sets an amount aside. The caller has seen that it is free.
    pub(super) fn hold(&mut self, amount: i64) {
        self.held = self.held.saturating_add(amount);
        self.dirty = true;
    }

    /// Replaces what a hold has set aside by what it cost.
    pub(super) fn settle(&mut self, hold: u64, amount: i64, cost: i64) {
        self.held = self.held.saturating_sub(amount).max(0);
        self.settled = self.settled.saturating_add(cost.max(0));
        self.dirty = true;
        if hold < self.returns_below {
            self.give_back(amount.saturating_sub(cost));
        }
    }

    /// Nothing that was granted so far may be used by holds from this one on.
    pub(super) fn freeze(&mut self, next_hold: u64) {
        self.returns_below = next_hold;
        self.give_back(i64::MAX);
    }

    /// Gives back up to `amount` of what is held by no call, at once in our own books: a lost
    /// report can then only make the authority believe that we have more than we do.
    pub(super) fn give_back(&mut self, amount: i64) -> i64 {
        let amount = amount.min(self.unheld()).max(0);
        if amount > 0 {
            self.returned = self.returned.saturating_add(amount);
            self.dirty = true;
        }
        amount
    }

    /// Learns what the authority says; nothing ever shrinks.
    pub(super) fn merge(&mut self, granted: i64, not_before: BootInstant, deadline: BootInstant) {
        self.granted = self.granted.max(granted);
        self.not_before = self.not_before.max(not_before);
        self.deadline = self.deadline.max(deadline);
    }

    /// The watermark that should be on disk so that calls never wait for it: `ahead` beyond
    /// what is used. `None` while the one that is there, or on its way, leaves half of that.
    pub(super) fn next_watermark(&self, ahead: i64) -> Option<i64> {
        if self.ending {
            return None;
        }
        let full = self.usable().min(self.used().saturating_add(ahead));
        let enough = self.usable().min(self.used().saturating_add(ahead / 2));
        (self.watermark_asked < enough).then_some(full)
    }

    /// What the authority is told.
    pub(super) fn report(&self, place: Place) -> LeaseReport {
        let finished = self.ending && self.held == 0;
        LeaseReport {
            lease: self.lease,
            tenant: place.tenant,
            scope: place.scope,
            unit: place.unit,
            span: self.span,
            granted: self.granted,
            settled: self.settled,
            returned: self.returned,
            held: self.held,
            standing: if finished {
                Standing::Final
            } else {
                Standing::Open
            },
        }
    }
}
