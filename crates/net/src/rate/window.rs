//! One sliding window: counts in slots, never more than the limit in any stretch of its length.

use std::collections::VecDeque;
use std::time::Duration;

use iron_primitives::{BootInstant, Timestamp};

use super::Standing;

const SLOTS: u64 = 60;

#[derive(Debug)]
pub(super) struct Window {
    slot_nanos: u64,
    limit: u32,
    /// Slot number and count, oldest first; only slots that count something.
    slots: VecDeque<(u64, u32)>,
    total: u32,
}

impl Window {
    pub(super) fn new(length: Duration, limit: u32) -> Self {
        let nanos = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        Window {
            slot_nanos: (nanos / SLOTS).max(1),
            limit,
            slots: VecDeque::new(),
            total: 0,
        }
    }

    pub(super) const fn set_limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    pub(super) const fn limit(&self) -> u32 {
        self.limit
    }

    /// How much the window counts.
    pub(super) fn count(&mut self, boot: BootInstant) -> u32 {
        let present = boot.nanos() / self.slot_nanos;
        // The slot that is only partly inside still counts: 61 slots cover the whole length.
        while let Some((slot, count)) = self.slots.front().copied() {
            if slot.saturating_add(SLOTS) >= present {
                break;
            }
            self.total = self.total.saturating_sub(count);
            self.slots.pop_front();
        }
        self.total
    }

    /// How long until there is room; none if there is.
    pub(super) fn full_for(&mut self, boot: BootInstant) -> Option<Duration> {
        let full = self.limit > 0 && self.count(boot) >= self.limit;
        full.then(|| self.frees_in(boot))
    }

    /// How long until the oldest that is counted leaves.
    pub(super) fn frees_in(&self, boot: BootInstant) -> Duration {
        let Some((oldest, _)) = self.slots.front() else {
            return Duration::ZERO;
        };
        let leaves = oldest
            .saturating_add(SLOTS + 1)
            .saturating_mul(self.slot_nanos);
        Duration::from_nanos(leaves.saturating_sub(boot.nanos()))
    }

    pub(super) fn add(&mut self, weight: u32, boot: BootInstant) {
        if self.limit == 0 || weight == 0 {
            return;
        }
        self.count(boot);
        let present = boot.nanos() / self.slot_nanos;
        match self.slots.back_mut() {
            Some((slot, count)) if *slot >= present => *count = count.saturating_add(weight),
            _ => self.slots.push_back((present, weight)),
        }
        self.total = self.total.saturating_add(weight);
    }
}

/// How windows stand; those without a limit have none.
pub(super) fn standings<const N: usize>(
    windows: &mut [Window; N],
    boot: BootInstant,
    now: Timestamp,
) -> [Option<Standing>; N] {
    windows.each_mut().map(|window| {
        (window.limit() > 0).then(|| Standing {
            limit: window.limit(),
            remaining: window.limit().saturating_sub(window.count(boot)),
            resets_at: now.plus(window.frees_in(boot)),
        })
    })
}
