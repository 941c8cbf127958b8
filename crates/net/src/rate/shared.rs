//! The same windows for several servers, counted by a Redis that all of them ask.
//!
//! One script does what [`RateLimiter`](super::RateLimiter) does in memory, by the clock of the
//! Redis server, so that it does not matter whether the clocks of the servers agree. Whoever
//! does not get an answer within a few milliseconds counts by himself until Redis answers again:
//! a limit may then be stretched, a request is never lost to it. [`SharedRates::keep`] watches
//! over that; while it finds Redis away, no request waits for it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use iron_primitives::{Secret, Timestamp};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, Script};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Allowance, LONGEST_QUEUE, PACE_NANOS, Pace, Quota, Standing, Verdict, nearest};

/// A second in microseconds.
const SECOND: u64 = 1_000_000;
/// How wide the sixty slots of a minute, an hour and a day are.
const SLOTS_OF_TIERS: [u64; 3] = [SECOND, 60 * SECOND, 24 * 60 * SECOND];
/// How long a new connection may take.
const CONNECTING: Duration = Duration::from_secs(2);
/// How often Redis is asked whether it counts, beside the requests.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How soon it is asked again when it does not.
const RETRY_EVERY: Duration = Duration::from_millis(250);

/// Told how the counting goes.
pub trait SharedObserver: Send + Sync {
    /// From now on requests are counted for all servers together, or by this one alone.
    fn shared(&self, yes: bool);
    /// A request was counted by this server alone.
    fn alone(&self);
}

/// The address of a Redis server cannot be used; what it is stays untold, it may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("the address of the Redis server cannot be used: {reason}")]
pub struct InvalidRedisAddress {
    reason: String,
}

/// Counters that several servers share.
#[derive(Clone)]
pub struct SharedRates(Arc<Inner>);

struct Inner {
    client: Client,
    script: Script,
    patience: Duration,
    /// Where requests are counted; none while Redis is away.
    connection: RwLock<Option<MultiplexedConnection>>,
    counting: AtomicBool,
    /// Whether it has been said that it does not.
    told: AtomicBool,
    doubted: Notify,
    observer: Arc<dyn SharedObserver>,
}

impl fmt::Debug for SharedRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counting = self.is_counting();
        f.debug_struct("SharedRates")
            .field("counting", &counting)
            .finish_non_exhaustive()
    }
}

/// Why a request was not counted.
#[derive(Debug, thiserror::Error)]
enum Missed {
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error(transparent)]
    Failed(#[from] RedisError),
}

impl SharedRates {
    /// Counters on the server at this address (`redis://`, or `rediss://` for TLS). Nothing is
    /// counted there before [`SharedRates::keep`] runs. A request waits for an answer for as
    /// long as `patience`.
    ///
    /// # Errors
    /// If the address is none.
    pub fn at(
        url: &Secret,
        patience: Duration,
        observer: Arc<dyn SharedObserver>,
    ) -> Result<Self, InvalidRedisAddress> {
        let client = Client::open(url.expose()).map_err(|error| InvalidRedisAddress {
            reason: error.category().to_owned(),
        })?;
        observer.shared(false);
        Ok(SharedRates(Arc::new(Inner {
            client,
            script: Script::new(include_str!("shared.lua")),
            patience,
            connection: RwLock::default(),
            counting: AtomicBool::new(false),
            told: AtomicBool::new(false),
            doubted: Notify::new(),
            observer,
        })))
    }

    /// Whether requests are counted for all servers together at this moment.
    pub fn is_counting(&self) -> bool {
        self.0.counting.load(Ordering::Acquire)
    }

    /// Counts one request of a caller, if there is room for it; `now` only serves to tell the
    /// client when its windows reset. None if Redis does not answer.
    pub async fn check(
        &self,
        caller: &str,
        quota: Quota,
        now: Timestamp,
    ) -> Option<(Verdict, Option<Standing>)> {
        let counted = self.count(caller, Ask::of(quota)).await?;
        let standings = counted.standings([quota.per_minute, quota.per_hour, 0], now);
        Some((counted.outcome(), nearest(standings)))
    }

    /// Counts one use of an allowance, if it has room for it. None if Redis does not answer.
    pub(super) async fn use_once(
        &self,
        user: &str,
        allowance: Allowance,
        now: Timestamp,
    ) -> Option<(Verdict, [Option<Standing>; 3])> {
        let counted = self.count(user, Ask::allowance(allowance)).await?;
        let standings = counted.standings(allowance.limits(), now);
        Some((counted.outcome(), standings))
    }

    /// Counts one request of a group, if its pace has room for it. None if Redis does not answer.
    pub(super) async fn enter(
        &self,
        group: &str,
        pace: Pace,
        now: Timestamp,
    ) -> Option<(Verdict, [Option<Standing>; 2])> {
        let counted = self.count(group, Ask::pace(pace, [1, 0])).await?;
        let [requests, weight, _] = counted.standings([pace.requests, pace.weight, 0], now);
        Some((counted.outcome(), [requests, weight]))
    }

    /// Adds what a request of a group has weighed. Whether Redis answered.
    pub(super) async fn weigh(&self, group: &str, pace: Pace, weight: u32) -> bool {
        let ask = Ask {
            always: true,
            ..Ask::pace(pace, [0, weight])
        };
        self.count(group, ask).await.is_some()
    }

    async fn count(&self, caller: &str, ask: Ask) -> Option<Count> {
        let connection = self.connection();
        let Some(connection) = connection.filter(|_| self.is_counting()) else {
            self.0.observer.alone();
            return None;
        };
        match self.ask(connection, caller, ask).await {
            Ok(counted) => Some(counted),
            Err(missed) => {
                self.stop_counting(&missed);
                self.0.observer.alone();
                None
            }
        }
    }

    /// Connects, looks after the connection and makes new ones, for ever.
    pub async fn keep(self) {
        loop {
            match self.connect().await {
                Ok(connection) => {
                    *self.slot() = Some(connection);
                    self.stay().await;
                    *self.slot() = None;
                }
                Err(missed) => self.stop_counting(&missed),
            }
            tokio::time::sleep(RETRY_EVERY).await;
        }
    }

    /// Returns when the connection does not count any more.
    async fn stay(&self) {
        while let Some(connection) = self.connection() {
            // The probe does what requests do: a server that answers pings may be read-only.
            let probe = Quota {
                per_minute: u32::MAX,
                ..Quota::default()
            };
            match self.ask(connection, "probe", Ask::of(probe)).await {
                Ok(_) => self.count_again(),
                Err(missed) => return self.stop_counting(&missed),
            }
            tokio::select! {
                () = tokio::time::sleep(PROBE_EVERY) => {}
                () = self.0.doubted.notified() => {}
            }
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, Missed> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(CONNECTING));
        let connecting = self
            .0
            .client
            .get_multiplexed_async_connection_with_config(&config);
        match timeout(CONNECTING, connecting).await {
            Ok(connection) => Ok(connection?),
            Err(_) => Err(Missed::Late(CONNECTING)),
        }
    }

    async fn ask(
        &self,
        mut connection: MultiplexedConnection,
        caller: &str,
        ask: Ask,
    ) -> Result<Count, Missed> {
        let mut invocation = self.0.script.key(format!("iron:rate:{caller}"));
        invocation
            .arg(&ask.limits)
            .arg(&ask.schedule)
            .arg(&ask.widths)
            .arg(&ask.adds)
            .arg(u8::from(ask.always));
        let asked = invocation.invoke_async(&mut connection);
        match timeout(self.0.patience, asked).await {
            Ok(count) => Ok(Count(count?)),
            Err(_) => Err(Missed::Late(self.0.patience)),
        }
    }

    fn connection(&self) -> Option<MultiplexedConnection> {
        let slot = self.0.connection.read();
        slot.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn slot(&self) -> std::sync::RwLockWriteGuard<'_, Option<MultiplexedConnection>> {
        let slot = self.0.connection.write();
        slot.unwrap_or_else(PoisonError::into_inner)
    }

    fn count_again(&self) {
        if !self.0.counting.swap(true, Ordering::AcqRel) {
            self.0.told.store(false, Ordering::Release);
            tracing::info!("requests are counted for all servers together, by Redis");
            self.0.observer.shared(true);
        }
    }

    fn stop_counting(&self, missed: &Missed) {
        self.0.counting.store(false, Ordering::Release);
        if !self.0.told.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                error = %missed,
                "Redis does not count requests; this server counts its own until it does"
            );
            self.0.observer.shared(false);
            self.0.doubted.notify_one();
        }
    }
}

/// What the script is asked; times are microseconds.
struct Ask {
    limits: [u32; 3],
    /// How far ahead of its schedule a request may be, the distance of requests in it, and the
    /// longest wait.
    schedule: [u64; 3],
    /// How wide the slots of the windows are.
    widths: [u64; 3],
    adds: [u32; 3],
    always: bool,
}

impl Ask {
    fn of(quota: Quota) -> Self {
        let pace = PACE_NANOS / 1_000;
        let longest = u64::try_from(LONGEST_QUEUE.as_micros()).unwrap_or(u64::MAX);
        Ask {
            limits: [quota.per_minute, quota.per_hour, 0],
            schedule: [u64::from(quota.burst.max(1) - 1) * pace, pace, longest],
            widths: SLOTS_OF_TIERS,
            adds: [1, 1, 0],
            always: false,
        }
    }

    /// Two windows of a minute, and nothing is held back.
    const fn pace(pace: Pace, [requests, weight]: [u32; 2]) -> Self {
        Ask {
            limits: [pace.requests, pace.weight, 0],
            schedule: [0, 0, 0],
            widths: [SECOND, SECOND, SECOND],
            adds: [requests, weight, 0],
            always: false,
        }
    }

    /// A minute, an hour and a day, and nothing is held back.
    const fn allowance(allowance: Allowance) -> Self {
        Ask {
            limits: allowance.limits(),
            schedule: [0, 0, 0],
            widths: SLOTS_OF_TIERS,
            adds: [1, 1, 1],
            always: false,
        }
    }
}

/// What the script says, in microseconds: refused for so long, held back for so long, and for
/// each window what it counts and how long until the oldest leaves it.
struct Count((u64, u64, u32, u64, u32, u64, u32, u64));

impl Count {
    const fn outcome(&self) -> Verdict {
        let (refused, wait, ..) = self.0;
        match refused {
            0 => Verdict::Admitted {
                wait: Duration::from_micros(wait),
            },
            retry_after => Verdict::Refused {
                retry_after: Duration::from_micros(retry_after),
            },
        }
    }

    fn standings(&self, limits: [u32; 3], now: Timestamp) -> [Option<Standing>; 3] {
        let (_, _, first, first_frees, second, second_frees, third, third_frees) = self.0;
        let [first_limit, second_limit, third_limit] = limits;
        let standing = |limit: u32, count: u32, frees: u64| {
            (limit > 0).then(|| Standing {
                limit,
                remaining: limit.saturating_sub(count),
                resets_at: now.plus(Duration::from_micros(frees)),
            })
        };
        [
            standing(first_limit, first, first_frees),
            standing(second_limit, second, second_frees),
            standing(third_limit, third, third_frees),
        ]
    }
}
