//! What was used at each refusal (I7): 95 % and more of the budget that refuses, settled or held, at
//! some moment of the second before it. How often money lay free for all of that second is counted.
//! Calls that wait for a budget are served in their order, so what lies free may be on its way to
//! one that needs more: enough is what any call needs.
//!
//! Free is what a limit leaves after all that is billed, held by calls under way, and forfeited with
//! calls whose end nobody saw. It is the truth of the whole town, known to no single part of it.

use std::collections::{BTreeMap, VecDeque};

use iron_primitives::{BudgetShortfall, Scope};

/// The least of a limit, in thousandths, that is used or held when it refuses.
const LEAST_USED: i64 = 950;
/// Money that lies free for longer should have come to the call that lacks it.
const WITHIN_MICROS: u64 = 1_000_000;

#[derive(Default)]
pub(super) struct Justice {
    /// What was free from when on, the oldest first; one entry is older than the window.
    free: BTreeMap<Scope, VecDeque<(u64, i64)>>,
    /// The least of a limit, in thousandths, that was used or held shortly before a refusal.
    least_used: Option<i64>,
    judged: u64,
    /// Refused while enough for any call lay free for the whole window.
    slow: u64,
}

impl Justice {
    /// So much is free from now on.
    pub(super) fn note(&mut self, scope: Scope, now: u64, free: i64) {
        let noted = self.free.entry(scope).or_default();
        noted.push_back((now, free));
        let begins = now.saturating_sub(WITHIN_MICROS);
        while noted.get(1).is_some_and(|(at, _)| *at <= begins) {
            noted.pop_front();
        }
    }

    /// A call was refused by a healthy node, and all the others are healthy.
    pub(super) fn judge(&mut self, now: u64, limit: i64, enough: i64, short: &BudgetShortfall) {
        let noted = self.free.entry(short.scope).or_default();
        let begins = now.saturating_sub(WITHIN_MICROS);
        while noted.get(1).is_some_and(|(at, _)| *at <= begins) {
            noted.pop_front();
        }
        let least = noted.iter().map(|(_, free)| *free).min().unwrap_or(limit);
        if least >= enough {
            self.slow += 1;
        }
        let used = (limit - least) * 1_000 / limit;
        assert!(
            used >= LEAST_USED,
            "refused when {used} of 1000 were used or held: {short:?}"
        );
        self.least_used = Some(self.least_used.map_or(used, |known| known.min(used)));
        self.judged += 1;
    }

    /// How many refusals were judged, how many of them had to wait for money that lay free, and the
    /// least that was used at any of them.
    pub(super) fn found(&self) -> (u64, u64, Option<i64>) {
        (self.judged, self.slow, self.least_used)
    }
}
