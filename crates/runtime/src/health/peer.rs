//! One lane as this process has seen it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iron_net::breaker::{Admission, Breaker, BreakerPolicy, Counts, Outcome, Standing, Window};
use iron_primitives::BootInstant;
use iron_telemetry::Gauge;

use super::waits::Waits;

/// Of which time shares of failures are told.
const LATELY: Duration = Duration::from_secs(300);
/// Nobody is left alone for longer because he asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);
/// Of which time repeated attempts are counted.
const RETRIES_WITHIN: Duration = Duration::from_secs(10);
/// So many may be repeated whatever the others do.
const RETRIES_FREE: u32 = 10;
/// So many of a hundred attempts may be repeated besides.
const RETRIES_PERCENT: u32 = 20;
/// A lane that fails more often goes behind others.
const POOR_PERCENT: u32 = 20;
/// Among fewer calls it is not known how often a lane fails.
const POOR_AT_LEAST: u32 = 10;
/// Of which time it is looked at how often a lane fails: when it is over, it is tried again.
const POOR_WITHIN: Duration = Duration::from_secs(30);

/// What an attempt has shown of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It answers; so long it took to begin, where that says something.
    Well(Option<Duration>),
    /// It is down.
    Down,
    /// It answers that it wants to be left alone for so long.
    Busy(Duration),
    /// It could not be asked, and will not be for so long; what it would say is not known.
    Unasked(Duration),
    /// Nothing that counts.
    Nothing,
}

/// Whether calls are sent to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// All of them.
    Closed,
    /// None.
    Open,
    /// One at a time, to see how it goes.
    HalfOpen,
}

/// What is known of a provider that is asked for one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerView {
    /// The model, as the provider is asked for it.
    pub model: Arc<str>,
    /// Whether calls are sent to it.
    pub circuit: Circuit,
    /// For how long the circuit has not been closed.
    pub open_for: Option<Duration>,
    /// When calls are sent to it again that has an open circuit, from now.
    pub reopens_in: Option<Duration>,
    /// For how long it has asked to be left alone.
    pub paused_for: Option<Duration>,
    /// What went well and what did not in the last five minutes.
    pub lately: Counts,
    /// How long 95 of 100 answers took at the most to begin, of the last 128.
    pub p95: Option<Duration>,
    /// For how long it is known.
    pub known_for: Duration,
    /// For how much of that its circuit was open.
    pub down_for: Duration,
    /// Attempts under way.
    pub in_flight: u32,
}

/// One lane.
pub(crate) struct Peer {
    seen: Mutex<Seen>,
    in_flight: AtomicU32,
    /// Counts the open circuits of its kind.
    open: Gauge,
}

struct Seen {
    breaker: Breaker,
    paused_until: BootInstant,
    /// How it went in the last half minute: whether others are better.
    recently: Window,
    /// How it went in the last five minutes: what is told.
    lately: Window,
    /// First attempts and repeated ones.
    attempts: Window,
    waits: Waits,
    since: BootInstant,
    down_since: Option<BootInstant>,
    /// For how long it was down before.
    down: Duration,
}

impl Peer {
    pub(super) fn new(now: BootInstant, open: Gauge) -> Self {
        let seen = Seen {
            breaker: Breaker::default(),
            paused_until: BootInstant::from_nanos(0),
            recently: Window::default(),
            lately: Window::default(),
            attempts: Window::default(),
            waits: Waits::default(),
            since: now,
            down_since: None,
            down: Duration::ZERO,
        };
        Peer {
            seen: Mutex::new(seen),
            in_flight: AtomicU32::new(0),
            open,
        }
    }

    /// Lets an attempt through, if the breaker does.
    ///
    /// # Errors
    /// How long to wait; zero while a probe is under way.
    pub(crate) fn admit(self: &Arc<Self>, now: BootInstant) -> Result<Permit, Duration> {
        let mut seen = self.seen();
        let admission = seen.breaker.admit(now)?;
        seen.attempts.over(RETRIES_WITHIN).add(true, now);
        drop(seen);
        Ok(self.permit(admission))
    }

    /// Lets an attempt be repeated, if the breaker does and not too many are.
    pub(crate) fn admit_again(self: &Arc<Self>, now: BootInstant) -> Option<Permit> {
        let mut seen = self.seen();
        let attempts = seen.attempts.over(RETRIES_WITHIN).counts(now);
        let most = attempts.good.saturating_mul(RETRIES_PERCENT) / 100;
        if attempts.bad >= most.saturating_add(RETRIES_FREE) {
            return None;
        }
        let admission = seen.breaker.admit(now).ok()?;
        seen.attempts.add(false, now);
        drop(seen);
        Some(self.permit(admission))
    }

    fn permit(self: &Arc<Self>, admission: Admission) -> Permit {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Permit {
            peer: self.clone(),
            admission,
            told: false,
        }
    }

    /// Whether it is better left for others: it has asked for that, or often fails.
    pub(crate) fn standing(&self, now: BootInstant) -> Preference {
        let mut seen = self.seen();
        if now < seen.paused_until {
            return Preference::Paused;
        }
        let counts = seen.recently.over(POOR_WITHIN).counts(now);
        match counts.total() >= POOR_AT_LEAST && counts.bad_percent() > POOR_PERCENT {
            true => Preference::Poor,
            false => Preference::Good,
        }
    }

    /// How long it takes to begin an answer, in microseconds; 0 if nobody knows yet.
    pub(crate) fn wait_us(&self) -> u64 {
        self.seen().waits.average_us()
    }

    /// How many attempts are under way.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Whether there is nothing to tell of it any more.
    pub(super) fn is_idle(&self, now: BootInstant) -> bool {
        let mut seen = self.seen();
        let nothing_lately = seen.lately.over(LATELY).counts(now).total() == 0;
        nothing_lately && seen.breaker.standing(now) == Standing::Closed
    }

    pub(super) fn view(&self, model: Arc<str>, now: BootInstant) -> PeerView {
        let mut seen = self.seen();
        let standing = seen.breaker.standing(now);
        let down_now = seen.down_since.map(|since| now.since(since));
        let paused_for = seen.paused_until.since(now);
        PeerView {
            model,
            circuit: match standing {
                Standing::Closed => Circuit::Closed,
                Standing::Open { .. } => Circuit::Open,
                Standing::HalfOpen => Circuit::HalfOpen,
            },
            open_for: down_now,
            reopens_in: match standing {
                Standing::Open { until } => Some(until.since(now)),
                _ => None,
            },
            paused_for: (!paused_for.is_zero()).then_some(paused_for),
            lately: seen.lately.over(LATELY).counts(now),
            p95: seen.waits.p95(),
            known_for: now.since(seen.since),
            down_for: seen.down.saturating_add(down_now.unwrap_or_default()),
            in_flight: self.in_flight(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if self.seen().down_since.is_some() {
            self.open.dec();
        }
    }
}

/// Which of several lanes goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Preference {
    /// Nothing speaks against it.
    Good,
    /// It often fails.
    Poor,
    /// It has asked to be left alone.
    Paused,
}

impl Seen {
    fn leave_alone(&mut self, wait: Duration, now: BootInstant) {
        let until = now.plus(wait.min(LONGEST_PAUSE));
        self.paused_until = self.paused_until.max(until);
    }

    /// Takes note of what an attempt has shown; true if the circuit has opened or closed by that.
    fn learn(
        &mut self,
        admission: Admission,
        verdict: Verdict,
        policy: BreakerPolicy,
        now: BootInstant,
    ) -> Option<Circuit> {
        let outcome = match verdict {
            Verdict::Well(wait) => {
                if let Some(wait) = wait {
                    self.waits.add(wait);
                }
                Outcome::Success
            }
            Verdict::Down => Outcome::Failure,
            Verdict::Busy(wait) => {
                self.leave_alone(wait, now);
                // Who says that he is busy is there.
                Outcome::Success
            }
            Verdict::Unasked(wait) => {
                self.leave_alone(wait, now);
                Outcome::Unknown
            }
            Verdict::Nothing => Outcome::Unknown,
        };
        if outcome != Outcome::Unknown {
            let good = outcome == Outcome::Success;
            self.recently.over(POOR_WITHIN).add(good, now);
            self.lately.over(LATELY).add(good, now);
        }
        self.breaker.report(admission, outcome, policy, now);
        let is_closed = self.breaker.standing(now) == Standing::Closed;
        match (self.down_since, is_closed) {
            (None, false) => {
                self.down_since = Some(now);
                Some(Circuit::Open)
            }
            (Some(since), true) => {
                self.down = self.down.saturating_add(now.since(since));
                self.down_since = None;
                Some(Circuit::Closed)
            }
            _ => None,
        }
    }
}

/// The leave to ask a lane once. Dropped without a verdict, it is as if nobody had asked.
pub(crate) struct Permit {
    peer: Arc<Peer>,
    admission: Admission,
    told: bool,
}

impl Permit {
    /// Tells what the attempt has shown; what the circuit is now if it has opened or closed by that.
    ///
    /// An answer that broke off after it had begun is told a second time.
    pub(crate) fn tell(
        &mut self,
        verdict: Verdict,
        policy: BreakerPolicy,
        now: BootInstant,
    ) -> Option<Circuit> {
        self.told = true;
        let mut seen = self.peer.seen();
        let changed = seen.learn(self.admission, verdict, policy, now);
        drop(seen);
        match changed {
            Some(Circuit::Closed) => self.peer.open.dec(),
            Some(_) => self.peer.open.inc(),
            None => return None,
        };
        changed
    }

    /// The lane.
    pub(crate) const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.peer.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.told {
            let never = BootInstant::from_nanos(0);
            let mut seen = self.peer.seen();
            let policy = BreakerPolicy::default();
            seen.breaker
                .report(self.admission, Outcome::Unknown, policy, never);
        }
    }
}
