//! How often: sliding windows per caller, short bursts smoothed.
//!
//! A window is kept in sixty slots and one more, so that it never admits more than its limit
//! in any stretch of its length, and remembers at most 61 numbers per caller. Bursts are
//! smoothed by a virtual schedule: ten requests at one instant pass untouched, further ones
//! wait for their turn, 10 ms apart, up to a second.
//!
//! [`RateLimiter`] counts in the memory of one server, [`SharedRates`] for several in Redis.
//! [`PaceLimiter`] counts what groups of callers do in a minute: requests, and what they weigh.
//! [`AllowanceLimiter`] counts how often something is used, by the minute, the hour and the day.

mod allowance;
mod pace;
mod shared;
mod window;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use iron_primitives::{BootInstant, Timestamp};
use serde::{Deserialize, Serialize};

pub use allowance::{Allowance, AllowanceLimiter};
pub use pace::{Excess, Pace, PaceLimit, PaceLimiter};
pub use shared::{InvalidRedisAddress, SharedObserver, SharedRates};
use window::Window;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// The distance of smoothed requests.
const PACE_NANOS: u64 = 10_000_000;
/// The longest that a request is held back.
const LONGEST_QUEUE: Duration = Duration::from_secs(1);
const SHARDS: usize = 16;
/// The most callers that one shard remembers.
const MOST_CALLERS: usize = 16_384;

/// How many requests a caller may make; 0 = no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quota {
    /// In any 60 seconds.
    pub per_minute: u32,
    /// In any 3600 seconds.
    pub per_hour: u32,
    /// At one instant, before smoothing begins.
    pub burst: u32,
}

impl Default for Quota {
    fn default() -> Self {
        Quota {
            per_minute: 0,
            per_hour: 0,
            burst: 10,
        }
    }
}

impl Quota {
    /// What one user may do: 100 a minute, 1000 an hour.
    pub const AUTHENTICATED: Quota = Quota {
        per_minute: 100,
        per_hour: 1000,
        burst: 10,
    };
    /// What one address may do without a credential: 20 a minute, 100 an hour.
    pub const UNAUTHENTICATED: Quota = Quota {
        per_minute: 20,
        per_hour: 100,
        burst: 10,
    };

    const fn is_unlimited(self) -> bool {
        self.per_minute == 0 && self.per_hour == 0
    }
}

/// What the limiter says about one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on, after this much waiting (mostly none).
    Admitted {
        /// How long to hold it back.
        wait: Duration,
    },
    /// It is too much.
    Refused {
        /// When there is room again.
        retry_after: Duration,
    },
}

/// The window nearest to exhaustion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many requests it admits.
    pub limit: u32,
    /// How many more it admits now.
    pub remaining: u32,
    /// When the oldest request that it counts leaves it.
    pub resets_at: Timestamp,
}

impl Standing {
    /// The one of which the smaller share is left.
    pub fn nearest(self, other: Standing) -> Standing {
        nearer(self, other)
    }

    /// Writes the `X-RateLimit-*` headers, unless a nearer window has been told already.
    pub fn write_unless_told(&self, headers: &mut HeaderMap) {
        if !headers.contains_key(LIMIT) {
            self.write(headers);
        }
    }

    /// Writes the `X-RateLimit-*` headers.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        // Rounded up: a client that waits until then finds room.
        let seconds = self
            .resets_at
            .plus(Duration::from_micros(999_999))
            .seconds();
        headers.insert(RESET, HeaderValue::from(seconds));
    }
}

/// Counts requests by caller.
#[derive(Debug)]
pub struct RateLimiter<K> {
    quota: Quota,
    shards: Vec<Mutex<HashMap<K, Caller>>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Caller {
    minute: Window,
    hour: Window,
    /// The instant at which the schedule of this caller is empty, in nanoseconds since boot.
    scheduled_until: u64,
}

impl<K: Eq + Hash> RateLimiter<K> {
    /// A limiter that has seen nobody.
    pub fn new(quota: Quota) -> Self {
        RateLimiter {
            quota,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Counts one request, if there is room for it. The windows run on boot time; the wall
    /// clock only serves to tell the client when they reset.
    ///
    /// The standing is absent if no limit is set.
    pub fn check(&self, key: K, boot: BootInstant, now: Timestamp) -> (Verdict, Option<Standing>) {
        self.check_within(key, self.quota, boot, now)
    }

    /// As [`RateLimiter::check`], with a quota that holds for this caller now; one that has
    /// changed counts what came before.
    pub fn check_within(
        &self,
        key: K,
        quota: Quota,
        boot: BootInstant,
        now: Timestamp,
    ) -> (Verdict, Option<Standing>) {
        self.of(key, quota, boot, |caller| {
            caller.check(quota.burst, boot, now)
        })
        .unwrap_or(UNLIMITED)
    }

    /// As [`RateLimiter::check_within`], but what other servers have counted counts too, for as
    /// long as they can be asked; `name` is what the caller is called there. This server keeps
    /// count of what it admits itself: it knows that much when it is alone again.
    pub async fn check_shared(
        &self,
        shared: &SharedRates,
        (key, name): (K, String),
        quota: Quota,
        boot: BootInstant,
        now: Timestamp,
    ) -> (Verdict, Option<Standing>) {
        if quota.is_unlimited() {
            return UNLIMITED;
        }
        let Some(counted) = shared.check(&name, quota, now).await else {
            return self.check_within(key, quota, boot, now);
        };
        if matches!(counted.0, Verdict::Admitted { .. }) {
            self.of(key, quota, boot, |caller| caller.add(boot));
        }
        counted
    }

    /// Does something with the windows of a caller; none if it has no limit.
    fn of<T>(
        &self,
        key: K,
        quota: Quota,
        boot: BootInstant,
        act: impl FnOnce(&mut Caller) -> T,
    ) -> Option<T> {
        if quota.is_unlimited() {
            return None;
        }
        let shard = usize::try_from(self.hasher.hash_one(&key)).unwrap_or(0) % SHARDS;
        let shard = self.shards.get(shard)?;
        let mut callers = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MOST_CALLERS && !callers.contains_key(&key) {
            forget_someone(&mut callers, boot);
        }
        let caller = callers.entry(key).or_insert_with(|| Caller::new(quota));
        caller.minute.set_limit(quota.per_minute);
        caller.hour.set_limit(quota.per_hour);
        Some(act(caller))
    }
}

/// What is said of whoever has no limit.
const UNLIMITED: (Verdict, Option<Standing>) = (
    Verdict::Admitted {
        wait: Duration::ZERO,
    },
    None,
);

/// Forgets callers of whom nothing is counted any more; if there is none, the first at hand.
fn forget_someone<K: Eq + Hash>(callers: &mut HashMap<K, Caller>, boot: BootInstant) {
    let before = callers.len();
    callers.retain(|_, caller| caller.hour.count(boot) > 0 || caller.minute.count(boot) > 0);
    if callers.len() == before {
        let mut first = true;
        callers.retain(|_, _| !std::mem::replace(&mut first, false));
    }
}

impl Caller {
    fn new(quota: Quota) -> Self {
        Caller {
            minute: Window::new(MINUTE, quota.per_minute),
            hour: Window::new(HOUR, quota.per_hour),
            scheduled_until: 0,
        }
    }

    fn check(
        &mut self,
        burst: u32,
        boot: BootInstant,
        now: Timestamp,
    ) -> (Verdict, Option<Standing>) {
        let full = [&mut self.minute, &mut self.hour]
            .into_iter()
            .filter_map(|window| window.full_for(boot))
            .max();
        let verdict = match full {
            Some(retry_after) => Verdict::Refused { retry_after },
            None => self.schedule(burst, boot),
        };
        if matches!(verdict, Verdict::Admitted { .. }) {
            self.add(boot);
        }
        (verdict, self.standing(boot, now))
    }

    fn add(&mut self, boot: BootInstant) {
        self.minute.add(1, boot);
        self.hour.add(1, boot);
    }

    fn schedule(&mut self, burst: u32, boot: BootInstant) -> Verdict {
        let tolerance = u64::from(burst.max(1) - 1) * PACE_NANOS;
        let start = self.scheduled_until.max(boot.nanos());
        let wait = start.saturating_sub(tolerance).saturating_sub(boot.nanos());
        let wait = Duration::from_nanos(wait);
        if wait > LONGEST_QUEUE {
            return Verdict::Refused { retry_after: wait };
        }
        self.scheduled_until = start.saturating_add(PACE_NANOS);
        Verdict::Admitted { wait }
    }

    fn standing(&mut self, boot: BootInstant, now: Timestamp) -> Option<Standing> {
        let standings = [&mut self.minute, &mut self.hour].map(|window| {
            let remaining = window.limit().checked_sub(window.count(boot));
            (window.limit() > 0).then(|| Standing {
                limit: window.limit(),
                remaining: remaining.unwrap_or(0),
                resets_at: now.plus(window.frees_in(boot)),
            })
        });
        nearest(standings)
    }
}

/// The window that is nearest to its end.
fn nearest<const N: usize>(standings: [Option<Standing>; N]) -> Option<Standing> {
    standings.into_iter().flatten().reduce(nearer)
}

fn nearer(a: Standing, b: Standing) -> Standing {
    // a/b < c/d without fractions: the smaller share of what is left is nearer to its end.
    let share = |x: Standing, y: Standing| u64::from(x.remaining) * u64::from(y.limit);
    if share(a, b) <= share(b, a) { a } else { b }
}
