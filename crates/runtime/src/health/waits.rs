//! How long answers take to begin.

use std::time::Duration;

/// How many waits for a first byte are remembered.
const WAITS: usize = 128;

/// How long answers took to begin.
#[derive(Default)]
pub(super) struct Waits {
    /// An average that follows the last ones, in microseconds; 0 before the first.
    average_us: u64,
    last_us: Vec<u32>,
    next: usize,
}

impl Waits {
    /// In microseconds; 0 before the first.
    pub(super) const fn average_us(&self) -> u64 {
        self.average_us
    }

    pub(super) fn add(&mut self, wait: Duration) {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX).max(1);
        self.average_us = match self.average_us {
            0 => micros,
            // The last one weighs an eighth.
            average => (average.saturating_mul(7)).saturating_add(micros) / 8,
        };
        let micros = u32::try_from(micros).unwrap_or(u32::MAX);
        match self.last_us.get_mut(self.next) {
            Some(place) => *place = micros,
            None => self.last_us.push(micros),
        }
        self.next = self.next.saturating_add(1) % WAITS;
    }

    /// What 95 of 100 of them took at the most.
    pub(super) fn p95(&self) -> Option<Duration> {
        let mut sorted = self.last_us.clone();
        sorted.sort_unstable();
        let place = sorted.len().saturating_mul(95).div_ceil(100);
        let micros = sorted.get(place.checked_sub(1)?)?;
        Some(Duration::from_micros(u64::from(*micros)))
    }
}
