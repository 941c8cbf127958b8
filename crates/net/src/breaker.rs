//! A breaker for each peer: what does not answer is left alone for a while.
//!
//! ```text
//!     failures in a row, or too many          the wait is over
//!  closed ─────────────────────► open ◄──────────────────────► half-open
//!    ▲                                     a probe fails           │
//!    └─────────────────────────────────────────────────────────────┘
//!                        enough probes succeed
//! ```
//!
//! A [`Breaker`] is a pure state machine: time is an argument. [`Breakers`] keeps one for each peer,
//! and only of peers that have failed, unless a share of failures is asked for.
//!
//! Invariants:
//! - **While it is open, nobody is let through**; while it is half-open, one at a time.
//! - **An outcome counts in the term in which it was admitted.** What was sent before the breaker
//!   opened neither closes it nor makes it wait longer.
//! - **A probe whose outcome nobody learns blocks nobody**: a [`Permit`] that is dropped gives it
//!   back.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iron_primitives::BootInstant;

mod window;

pub use window::{Counts, Window};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// How many failures in a row open it; 0 for none ever.
    pub failures: u32,
    /// Which share of failures opens it; none ever if absent.
    pub rate: Option<ErrorRate>,
    /// How long it is open the first time; each probe that fails doubles that.
    pub open_for: Duration,
    /// The longest that it is open before the next probe.
    pub longest: Duration,
    /// How many probes in a row must succeed before it closes, from 1.
    pub probes: u32,
}

/// A share of failures that is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorRate {
    /// From how many failures among a hundred on.
    pub percent: u32,
    /// Among how many calls at the least.
    pub at_least: u32,
    /// Of which time.
    pub within: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        BreakerPolicy {
            failures: 5,
            rate: None,
            open_for: Duration::from_secs(30),
            longest: Duration::from_secs(300),
            probes: 1,
        }
    }
}

/// How it went with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Success,
    /// It did not, or said that it cannot.
    Failure,
    /// Nobody waited to see.
    Unknown,
}

/// One peer's breaker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breaker {
    state: State,
    /// Counts the changes of the state.
    term: u64,
    /// How often it has opened since it was closed.
    openings: u32,
    /// How it went while it was closed, if the policy asks for that.
    recent: Window,
}

/// Whether a breaker lets anybody through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Everybody.
    Closed,
    /// Nobody, until then.
    Open {
        /// When the next probe may go.
        until: BootInstant,
    },
    /// One at a time, to see how it goes.
    HalfOpen,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: BootInstant },
    HalfOpen { succeeded: u32, probing: bool },
}

impl Default for State {
    fn default() -> Self {
        State::Closed { failures: 0 }
    }
}

/// Says in which term something was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    term: u64,
}

impl Breaker {
    /// Lets one through, if the state allows it.
    ///
    /// # Errors
    /// How long to wait; zero while a probe is under way.
    pub fn admit(&mut self, now: BootInstant) -> Result<Admission, Duration> {
        match &mut self.state {
            State::Closed { .. } => {}
            State::Open { until } if now < *until => return Err(until.since(now)),
            State::Open { .. } => self.enter(State::HalfOpen {
                succeeded: 0,
                probing: true,
            }),
            State::HalfOpen { probing: true, .. } => return Err(Duration::ZERO),
            State::HalfOpen { probing, .. } => *probing = true,
        }
        Ok(Admission { term: self.term })
    }

    /// Takes note of how it went.
    pub fn report(
        &mut self,
        admission: Admission,
        outcome: Outcome,
        policy: BreakerPolicy,
        now: BootInstant,
    ) {
        if admission.term != self.term {
            return;
        }
        match (&mut self.state, outcome) {
            (State::Open { .. }, _) | (State::Closed { .. }, Outcome::Unknown) => {}
            (State::Closed { failures }, Outcome::Success) => {
                *failures = 0;
                self.count(policy.rate, true, now);
            }
            (State::Closed { failures }, Outcome::Failure) => {
                *failures = failures.saturating_add(1);
                let in_a_row = policy.failures > 0 && *failures >= policy.failures;
                if self.count(policy.rate, false, now) || in_a_row {
                    self.open(policy, now);
                }
            }
            (State::HalfOpen { probing, .. }, Outcome::Unknown) => *probing = false,
            (State::HalfOpen { .. }, Outcome::Failure) => self.open(policy, now),
            (State::HalfOpen { succeeded, probing }, Outcome::Success) => {
                (*succeeded, *probing) = (succeeded.saturating_add(1), false);
                if *succeeded >= policy.probes {
                    self.openings = 0;
                    self.enter(State::default());
                }
            }
        }
    }

    /// Whether it is as if nothing had ever failed.
    pub fn is_idle(&self) -> bool {
        self.state == State::default() && self.recent == Window::default()
    }

    /// Whom it lets through now.
    pub fn standing(&self, now: BootInstant) -> Standing {
        match self.state {
            State::Closed { .. } => Standing::Closed,
            State::Open { until } if now < until => Standing::Open { until },
            State::Open { .. } | State::HalfOpen { .. } => Standing::HalfOpen,
        }
    }

    /// Counts one for the share of failures, and says whether that is too large now.
    fn count(&mut self, rate: Option<ErrorRate>, good: bool, now: BootInstant) -> bool {
        let Some(rate) = rate else { return false };
        self.recent.over(rate.within).add(good, now);
        let counts = self.recent.counts(now);
        counts.total() >= rate.at_least && counts.bad_percent() >= rate.percent
    }

    fn open(&mut self, policy: BreakerPolicy, now: BootInstant) {
        let doublings = self.openings.min(31);
        let wait = policy.open_for.saturating_mul(1 << doublings);
        self.openings = self.openings.saturating_add(1);
        // What it opened for is over: it does not open it again.
        self.recent = Window::default();
        self.enter(State::Open {
            until: now.plus(wait.min(policy.longest)),
        });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.term = self.term.wrapping_add(1);
    }
}

/// The breakers of many peers. Clones share them.
#[derive(Debug)]
pub struct Breakers<K> {
    policy: BreakerPolicy,
    known: Arc<Mutex<HashMap<K, Breaker>>>,
}

impl<K> Clone for Breakers<K> {
    fn clone(&self) -> Self {
        Breakers {
            policy: self.policy,
            known: self.known.clone(),
        }
    }
}

impl<K: Eq + Hash + Clone> Breakers<K> {
    /// Breakers of peers of which none has failed yet.
    pub fn new(policy: BreakerPolicy) -> Self {
        Breakers {
            policy,
            known: Arc::default(),
        }
    }

    /// Lets one through to a peer, if its breaker does.
    ///
    /// # Errors
    /// How long to wait; zero while a probe is under way.
    pub fn admit(&self, peer: K, now: BootInstant) -> Result<Permit<K>, Duration> {
        let admitted = match self.known().get_mut(&peer) {
            Some(breaker) => breaker.admit(now)?,
            None => Breaker::default().admit(now)?,
        };
        Ok(Permit {
            breakers: self.clone(),
            peer: Some(peer),
            admitted,
        })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<K, Breaker>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, peer: K, admitted: Admission, outcome: Outcome, now: BootInstant) {
        let mut known = self.known();
        let counts = self.policy.rate.is_some() && outcome == Outcome::Success;
        if !counts && outcome != Outcome::Failure && !known.contains_key(&peer) {
            return;
        }
        let breaker = known.entry(peer.clone()).or_default();
        breaker.report(admitted, outcome, self.policy, now);
        if breaker.is_idle() {
            known.remove(&peer);
        }
    }
}

/// The leave to call a peer once. Dropped without an outcome, it is as if nobody had asked.
#[derive(Debug)]
pub struct Permit<K: Eq + Hash + Clone> {
    breakers: Breakers<K>,
    peer: Option<K>,
    admitted: Admission,
}

impl<K: Eq + Hash + Clone> Permit<K> {
    /// Tells how it went.
    pub fn report(mut self, outcome: Outcome, now: BootInstant) {
        if let Some(peer) = self.peer.take() {
            self.breakers.report(peer, self.admitted, outcome, now);
        }
    }
}

impl<K: Eq + Hash + Clone> Drop for Permit<K> {
    fn drop(&mut self) {
        if let Some(peer) = self.peer.take() {
            let never = BootInstant::from_nanos(0);
            self.breakers
                .report(peer, self.admitted, Outcome::Unknown, never);
        }
    }
}

#[cfg(test)]
mod tests;
