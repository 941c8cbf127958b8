//! How often something may be used: by the minute, the hour and the day.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use iron_primitives::{BootInstant, Timestamp};
use serde::{Deserialize, Serialize};

use super::window::{Window, standings};
use super::{DAY, HOUR, MINUTE, MOST_CALLERS, SharedRates, Standing, Verdict, nearest};

/// How often something may be used; 0 = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allowance {
    /// In any 60 seconds.
    pub per_minute: u32,
    /// In any 3600 seconds.
    pub per_hour: u32,
    /// In any 86400 seconds.
    pub per_day: u32,
}

impl Allowance {
    /// Whether nothing is limited.
    pub const fn is_unlimited(self) -> bool {
        self.per_minute == 0 && self.per_hour == 0 && self.per_day == 0
    }

    pub(super) const fn limits(self) -> [u32; 3] {
        [self.per_minute, self.per_hour, self.per_day]
    }
}

/// Counts uses, in the memory of this server, and with others while they can be asked.
#[derive(Debug)]
pub struct AllowanceLimiter<K> {
    users: Mutex<Users<K>>,
    shared: Option<SharedRates>,
}

#[derive(Debug)]
struct Users<K> {
    windows: HashMap<K, [Window; 3]>,
    /// When there are so many, those of whom nothing is counted any more are forgotten.
    most: usize,
}

impl<K: Eq + Hash> Users<K> {
    fn of(&mut self, user: K, boot: BootInstant) -> &mut [Window; 3] {
        if self.windows.len() >= self.most && !self.windows.contains_key(&user) {
            self.windows
                .retain(|_, windows| windows.iter_mut().any(|one| one.count(boot) > 0));
            self.most = MOST_CALLERS.max(self.windows.len().saturating_mul(2));
        }
        self.windows
            .entry(user)
            .or_insert_with(|| [MINUTE, HOUR, DAY].map(|length| Window::new(length, 0)))
    }
}

impl<K: Eq + Hash + Copy + Display> AllowanceLimiter<K> {
    /// A limiter that has seen nobody. With shared counters an allowance holds for all servers
    /// together, for as long as those answer.
    pub fn new(shared: Option<SharedRates>) -> Self {
        AllowanceLimiter {
            users: Mutex::new(Users {
                windows: HashMap::new(),
                most: MOST_CALLERS,
            }),
            shared,
        }
    }

    /// Counts one use, if the allowance has room for it. Tells how the nearest window stands;
    /// nothing without limits.
    ///
    /// # Errors
    /// The window that is full; of several the one that is so for the longest.
    pub async fn use_once(
        &self,
        user: K,
        allowance: Allowance,
        boot: BootInstant,
        now: Timestamp,
    ) -> Result<Option<Standing>, Standing> {
        if allowance.is_unlimited() {
            return Ok(None);
        }
        let counted = match &self.shared {
            Some(shared) => shared.use_once(&user.to_string(), allowance, now).await,
            None => None,
        };
        let Some((verdict, standings)) = counted else {
            return self.use_here(user, allowance, boot, now);
        };
        let refused = matches!(verdict, Verdict::Refused { .. });
        if let Some(full) = full(standings).filter(|_| refused) {
            return Err(full);
        }
        // Known here, too: that much is known when this server is alone again.
        self.with(user, allowance, boot, |windows| add(windows, boot));
        Ok(nearest(standings))
    }

    fn use_here(
        &self,
        user: K,
        allowance: Allowance,
        boot: BootInstant,
        now: Timestamp,
    ) -> Result<Option<Standing>, Standing> {
        self.with(user, allowance, boot, |windows| {
            if let Some(full) = full(standings(windows, boot, now)) {
                return Err(full);
            }
            add(windows, boot);
            Ok(nearest(standings(windows, boot, now)))
        })
    }

    fn with<T>(
        &self,
        user: K,
        allowance: Allowance,
        boot: BootInstant,
        act: impl FnOnce(&mut [Window; 3]) -> T,
    ) -> T {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let windows = users.of(user, boot);
        for (window, limit) in windows.iter_mut().zip(allowance.limits()) {
            window.set_limit(limit);
        }
        act(windows)
    }
}

fn add(windows: &mut [Window; 3], boot: BootInstant) {
    for window in windows {
        window.add(1, boot);
    }
}

/// The window that is full for the longest.
fn full(standings: [Option<Standing>; 3]) -> Option<Standing> {
    let full = standings.into_iter().flatten();
    full.filter(|standing| standing.remaining == 0)
        .max_by_key(|standing| standing.resets_at)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        per_minute: 2,
        per_hour: 3,
        per_day: 4,
    };

    fn after(seconds: u64) -> (BootInstant, Timestamp) {
        let begin = 1_000_000;
        (
            BootInstant::from_nanos((begin + seconds) * 1_000_000_000),
            Timestamp::from_micros(0).plus(Duration::from_secs(seconds)),
        )
    }

    async fn used(limiter: &AllowanceLimiter<u8>, user: u8, seconds: u64) -> bool {
        let (boot, now) = after(seconds);
        limiter.use_once(user, ALLOWANCE, boot, now).await.is_ok()
    }

    #[tokio::test]
    async fn each_window_admits_no_more_than_its_limit() {
        let limiter = AllowanceLimiter::new(None);
        assert!(used(&limiter, 1, 0).await && used(&limiter, 1, 0).await);
        assert!(!used(&limiter, 1, 1).await, "the minute is full");
        assert!(used(&limiter, 1, 62).await);
        assert!(!used(&limiter, 1, 200).await, "the hour is full");
        assert!(used(&limiter, 1, 3_800).await);
        assert!(!used(&limiter, 1, 9_000).await, "the day is full");
        assert!(used(&limiter, 1, 90_000).await);
        assert!(used(&limiter, 2, 9_000).await, "another has its own");
    }

    #[tokio::test]
    async fn what_is_left_is_told() {
        let limiter = AllowanceLimiter::new(None);
        let (boot, now) = after(0);
        let left = limiter.use_once(1, ALLOWANCE, boot, now).await;
        let left = left.expect("admitted").expect("limited");
        assert_eq!((left.limit, left.remaining), (2, 1));
        let unlimited = limiter.use_once(1, Allowance::default(), boot, now).await;
        assert_eq!(unlimited, Ok(None));
    }
}
