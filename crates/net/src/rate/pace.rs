//! How much groups of callers do in a minute: how many requests, and what they weigh together.
//!
//! What a request weighs is known when it ends, and counts from then on. So a request is let in
//! while the weight of the last minute is below its limit; those that are under way by then may
//! bring it above.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use iron_primitives::{BootInstant, Timestamp};

use super::window::{Window, standings};
use super::{MINUTE, MOST_CALLERS, SharedRates, Standing, Verdict, nearest};

/// How much a group may do in any 60 seconds; 0 = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pace {
    /// Requests.
    pub requests: u32,
    /// What they weigh together, in whatever the caller counts.
    pub weight: u32,
}

impl Pace {
    const fn is_unlimited(self) -> bool {
        self.requests == 0 && self.weight == 0
    }
}

/// Which limit of a pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaceLimit {
    /// The number of requests.
    Requests,
    /// What they weigh.
    Weight,
}

/// A limit that is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// Which one.
    pub limit: PaceLimit,
    /// How much it admits, and when the oldest that it counts leaves it.
    pub standing: Standing,
}

/// Counts what groups do, in the memory of this server, and with others while they can be asked.
#[derive(Debug)]
pub struct PaceLimiter<K> {
    groups: Mutex<HashMap<K, [Window; 2]>>,
    shared: Option<SharedRates>,
}

impl<K: Eq + Hash + Copy + Display> PaceLimiter<K> {
    /// A limiter that has seen nobody. With shared counters a pace holds for all servers
    /// together, for as long as those answer.
    pub fn new(shared: Option<SharedRates>) -> Self {
        PaceLimiter {
            groups: Mutex::default(),
            shared,
        }
    }

    /// Counts one request of a group, if there is room for it. Tells how the nearest limit
    /// stands; nothing without limits.
    ///
    /// # Errors
    /// The limit that is reached; where both are, the one that is so for longer.
    pub async fn enter(
        &self,
        group: K,
        pace: Pace,
        boot: BootInstant,
        now: Timestamp,
    ) -> Result<Option<Standing>, Excess> {
        if pace.is_unlimited() {
            return Ok(None);
        }
        let counted = match &self.shared {
            Some(shared) => shared.enter(&group.to_string(), pace, now).await,
            None => None,
        };
        let Some((verdict, standings)) = counted else {
            return self.enter_here(group, pace, boot, now);
        };
        let refused = matches!(verdict, Verdict::Refused { .. });
        if let Some(full) = excess(standings).filter(|_| refused) {
            return Err(full);
        }
        // Known here, too: that much is known when this server is alone again.
        self.with(group, pace, boot, |[requests, _]| requests.add(1, boot));
        Ok(nearest(standings))
    }

    /// Adds what a request of a group has weighed, now that it has ended.
    pub async fn weigh(&self, group: K, pace: Pace, weight: u32, boot: BootInstant) {
        if pace.weight == 0 || weight == 0 {
            return;
        }
        self.with(group, pace, boot, |[_, weights]| weights.add(weight, boot));
        if let Some(shared) = &self.shared {
            shared.weigh(&group.to_string(), pace, weight).await;
        }
    }

    fn enter_here(
        &self,
        group: K,
        pace: Pace,
        boot: BootInstant,
        now: Timestamp,
    ) -> Result<Option<Standing>, Excess> {
        self.with(group, pace, boot, |windows| {
            let full = excess(standings(windows, boot, now));
            if let Some(full) = full {
                return Err(full);
            }
            let [requests, _] = &mut *windows;
            requests.add(1, boot);
            Ok(nearest(standings(windows, boot, now)))
        })
    }

    fn with<T>(
        &self,
        group: K,
        pace: Pace,
        boot: BootInstant,
        act: impl FnOnce(&mut [Window; 2]) -> T,
    ) -> T {
        let mut groups = self.groups();
        if groups.len() >= MOST_CALLERS && !groups.contains_key(&group) {
            groups.retain(|_, windows| windows.iter_mut().any(|one| one.count(boot) > 0));
        }
        let windows = groups
            .entry(group)
            .or_insert_with(|| [Window::new(MINUTE, 0), Window::new(MINUTE, 0)]);
        let [requests, weights] = &mut *windows;
        requests.set_limit(pace.requests);
        weights.set_limit(pace.weight);
        act(windows)
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<K, [Window; 2]>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The limit that is reached, for the longest.
fn excess(standings: [Option<Standing>; 2]) -> Option<Excess> {
    let [requests, weight] = standings;
    let reached = |limit, standing: Option<Standing>| {
        let standing = standing.filter(|standing| standing.remaining == 0)?;
        Some(Excess { limit, standing })
    };
    let both = [
        reached(PaceLimit::Requests, requests),
        reached(PaceLimit::Weight, weight),
    ];
    both.into_iter()
        .flatten()
        .max_by_key(|excess| excess.standing.resets_at)
}
