//! How a process and the authority stand to each other.

use std::time::Duration;

use iron_primitives::BootInstant;

use crate::authority::{Exchange, ExchangeReply, Incarnation, LeaseReport};

use super::asking::Ask;
use super::recovery::Estate;

/// Every lease is reported at least this often, which also prolongs its life; more often where
/// leases are short.
const COMPLETE_EVERY: Duration = Duration::from_secs(8);
/// A lease is prolonged at least so often within its life, so that two lost exchanges end none.
const TIMES_PER_LIFE: u32 = 3;
/// But never more often than this: a lease that ends with its period is not worth more.
const COMPLETE_AT_MOST_EVERY: Duration = Duration::from_millis(500);

/// Who a wallet belongs to.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The process, as the ledger enrolled it.
    pub incarnation: Incarnation,
    /// The boot of the machine (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// The newest answer of the ledger that the old journal knew of.
    pub seen: u64,
}

/// One end of the exchange: what was heard last, and what must be said again.
#[derive(Debug)]
pub struct Link {
    pub(super) owner: Owner,
    /// Final accounts of earlier processes that the ledger has not booked yet.
    pub(super) earlier: Vec<LeaseReport>,
    /// The processes that those accounts are the whole legacy of.
    witnessed: Vec<u64>,
    complete_next: bool,
    complete_at: BootInstant,
    /// When the last question was put.
    pub(super) asked_at: BootInstant,
    pub(super) failing: bool,
}

impl Link {
    /// A process that has just enrolled, with what earlier ones left.
    pub fn new(owner: Owner, estate: &Estate, now: BootInstant) -> Self {
        Link {
            owner,
            earlier: estate.accounts.clone(),
            witnessed: estate.witnessed.clone(),
            complete_next: true,
            complete_at: now,
            asked_at: now,
            failing: false,
        }
    }

    /// Whether there is a legacy to be told.
    pub fn has_news(&self) -> bool {
        !self.earlier.is_empty() || !self.witnessed.is_empty()
    }

    /// Whether the next exchange must report every lease.
    pub fn must_be_complete(&self, now: BootInstant) -> bool {
        self.complete_next || now >= self.complete_at
    }

    /// Puts an exchange together out of what the books say.
    pub fn exchange(&self, complete: bool, asks: impl IntoIterator<Item = Ask>) -> Exchange {
        let mut reports = self.earlier.clone();
        let mut wants = Vec::new();
        for ask in asks {
            reports.extend(ask.reports);
            wants.extend(ask.wants);
        }
        let Owner {
            incarnation: from,
            seen,
            ..
        } = self.owner;
        Exchange {
            from,
            seen,
            reports,
            complete,
            witnessed: self.witnessed.clone(),
            wants,
        }
    }

    /// Whether an answer is news. One that is older than another already taken in is not; what
    /// it says comes again.
    pub fn accept(&mut self, reply: &ExchangeReply, complete: bool, now: BootInstant) -> bool {
        if reply.sequence <= self.owner.seen {
            return false;
        }
        self.owner.seen = reply.sequence;
        self.earlier
            .retain(|report| !reply.closed.contains(&report.lease));
        self.failing = false;
        if reply.generation == self.owner.incarnation.generation {
            // All accounts went with it; one that is still to be booked is told on its own.
            self.witnessed.clear();
        }
        if complete {
            let lives_ms = reply.grants.iter().map(|grant| grant.ttl_ms);
            self.complete_at = now.plus(prolong_after(lives_ms));
            self.complete_next = false;
        }
        if reply.generation != self.owner.incarnation.generation {
            tracing::warn!(
                generation = reply.generation,
                "the ledger was restored; every lease is declared again"
            );
            self.owner.incarnation.generation = reply.generation;
            self.complete_next = true;
        }
        true
    }

    /// An answer did not come: everything must be said again. Whether that is new.
    pub fn failed(&mut self) -> bool {
        self.complete_next = true;
        !std::mem::replace(&mut self.failing, true)
    }

    /// Final accounts that are still to be booked.
    pub fn earlier(&self) -> &[LeaseReport] {
        &self.earlier
    }

    /// Processes whose legacy is still to be told.
    pub fn witnessed(&self) -> &[u64] {
        &self.witnessed
    }

    /// The owner, with the newest answer it has heard.
    pub const fn owner(&self) -> &Owner {
        &self.owner
    }
}

/// When leases that live so long have to be reported again; those that live no more have not.
fn prolong_after(lives_ms: impl Iterator<Item = u64>) -> Duration {
    let shortest = lives_ms.filter(|ttl_ms| *ttl_ms > 0).min();
    shortest.map_or(COMPLETE_EVERY, |ttl_ms| {
        (Duration::from_millis(ttl_ms) / TIMES_PER_LIFE)
            .clamp(COMPLETE_AT_MOST_EVERY, COMPLETE_EVERY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_prolonged_well_within_their_lives() {
        let after_ms = |lives_ms: &[u64]| prolong_after(lives_ms.iter().copied()).as_millis();
        assert_eq!(after_ms(&[]), 8_000);
        assert_eq!(after_ms(&[30_000]), 8_000);
        assert_eq!(after_ms(&[30_000, 2_000, 0]), 666);
        assert_eq!(after_ms(&[300]), 500);
    }
}
