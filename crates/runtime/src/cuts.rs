//! Calls that must end: a limit was lowered below what is under way, their agent was ended, or
//! their token was revoked.
//!
//! A lowered limit names holds, the youngest first, and ends streams. The end of an agent or of
//! a token names nobody and ends whatever is under way, also what waits for its first byte: all
//! calls of a token share one [`Lifeline`], so that a call has no entry in any table for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use iron_primitives::{AgentId, Refusal, TenantId, TokenDigest};
use tokio::sync::{Notify, broadcast};

use crate::authority::AgentState;
use crate::record::Ended;
use crate::wallet::{Cut, Hold};

type Key = (TenantId, u64);

/// What ended a lifeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The agent was killed, or stopped and its grace is over.
    Agent,
    /// The token was revoked.
    Token,
}

impl End {
    /// What a caller is told whose call has brought nothing yet: the same as at its next call.
    pub(crate) const fn refusal(self) -> Refusal {
        match self {
            End::Agent => Refusal::AgentNotRunning {
                state: AgentState::Stopped.as_str(),
            },
            End::Token => Refusal::TokenRevoked,
        }
    }

    /// What it is called in the record.
    pub(crate) const fn recorded(self) -> Ended {
        match self {
            End::Agent => Ended::AgentEnded,
            End::Token => Ended::TokenRevoked,
        }
    }
}

/// The streams under way by their holds, and the lifelines of tokens.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    streams: Mutex<HashMap<Key, Arc<Notify>>>,
    lifelines: Mutex<HashMap<TokenDigest, Line>>,
}

/// Where a lifeline leads; it ends with the last call and the last bearer that hold it.
#[derive(Debug)]
struct Line {
    agent: AgentId,
    lifeline: Weak<Lifeline>,
}

/// On which everything hangs that is done with one token. Once ended it stays so; whoever comes
/// with the token later gets another one, if anything.
#[derive(Debug)]
pub(crate) struct Lifeline {
    token: TokenDigest,
    ended: OnceLock<End>,
    notify: Notify,
    cuts: Weak<Cuts>,
}

/// A stream under way, until it is dropped.
pub(crate) struct Watched {
    cuts: Arc<Cuts>,
    key: Key,
    notify: Arc<Notify>,
}

impl Cuts {
    /// Listens to the wallets for as long as there are any.
    pub(crate) fn listen(mut cuts: broadcast::Receiver<Cut>) -> Arc<Self> {
        let streams = Arc::new(Cuts::default());
        let told = streams.clone();
        tokio::spawn(async move {
            loop {
                match cuts.recv().await {
                    Ok(cut) => told.cut((cut.tenant, cut.hold)),
                    // What was missed is named again by the next exchange.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return,
                }
            }
        });
        streams
    }

    /// Watches a stream, whose hold may be too large for a lowered limit.
    pub(crate) fn watch(self: &Arc<Self>, hold: &Hold) -> Watched {
        let key = (hold.tenant, hold.id);
        let notify = Arc::new(Notify::new());
        self.streams().insert(key, notify.clone());
        Watched {
            cuts: self.clone(),
            key,
            notify,
        }
    }

    /// The lifeline of a token of an agent; the same one for as long as somebody holds it.
    pub(crate) fn lifeline(self: &Arc<Self>, token: TokenDigest, agent: AgentId) -> Arc<Lifeline> {
        let mut lines = self.lifelines();
        let line = lines.get(&token).filter(|line| line.agent == agent);
        let known = line.and_then(|line| line.lifeline.upgrade());
        match known {
            Some(alive) if alive.ended().is_none() => alive,
            ended => {
                let new = Arc::new(Lifeline {
                    token,
                    ended: OnceLock::new(),
                    notify: Notify::new(),
                    cuts: Arc::downgrade(self),
                });
                let lifeline = Arc::downgrade(&new);
                lines.insert(token, Line { agent, lifeline });
                // The ended one may be dropped here for good, which wants the lines.
                drop(lines);
                drop(ended);
                new
            }
        }
    }

    /// Ends everything that an agent does.
    pub(crate) fn end(&self, agent: AgentId) {
        self.end_all(End::Agent, |_, line| line.agent == agent);
    }

    /// Ends everything that is done with a token.
    pub(crate) fn revoke(&self, token: TokenDigest) {
        self.end_all(End::Token, |known, _| *known == token);
    }

    fn end_all(&self, end: End, is_meant: impl Fn(&TokenDigest, &Line) -> bool) {
        let lines = self.lifelines();
        let meant = lines.iter().filter(|(token, line)| is_meant(token, line));
        let meant: Vec<_> = meant
            .filter_map(|(_, line)| line.lifeline.upgrade())
            .collect();
        drop(lines);
        for lifeline in meant {
            lifeline.end(end);
        }
    }

    fn cut(&self, key: Key) {
        if let Some(notify) = self.streams().get(&key) {
            notify.notify_one();
        }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<Key, Arc<Notify>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lifelines(&self) -> MutexGuard<'_, HashMap<TokenDigest, Line>> {
        self.lifelines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Waits until the limit is too low for the stream.
    pub(crate) async fn cut(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.cuts.streams().remove(&self.key);
    }
}

impl Lifeline {
    /// The token that hangs on it.
    pub(crate) const fn token(&self) -> TokenDigest {
        self.token
    }

    /// Whether it has ended, and by what.
    pub(crate) fn ended(&self) -> Option<End> {
        self.ended.get().copied()
    }

    /// Waits for its end.
    pub(crate) async fn cut(&self) -> End {
        loop {
            // Listened first and looked at afterwards: no end is missed.
            let told = self.notify.notified();
            if let Some(end) = self.ended() {
                return end;
            }
            told.await;
        }
    }

    fn end(&self, end: End) {
        if self.ended.set(end).is_ok() {
            self.notify.notify_waiters();
        }
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        let Some(cuts) = self.cuts.upgrade() else {
            return;
        };
        let mut lines = cuts.lifelines();
        let line = lines.get(&self.token);
        if line.is_some_and(|line| std::ptr::eq(line.lifeline.as_ptr(), self)) {
            lines.remove(&self.token);
        }
    }
}

#[cfg(test)]
mod tests {
    use iron_testkit::TestEnvironment;

    use super::*;

    fn digest(byte: u8) -> TokenDigest {
        TokenDigest::from_bytes([byte; 32])
    }

    #[tokio::test]
    async fn an_end_reaches_all_who_hold_the_lifeline_and_nobody_who_comes_later() {
        let environment = TestEnvironment::new().environment;
        let (agent, other) = (environment.new_id(), environment.new_id());
        let cuts = Arc::new(Cuts::default());
        let [first, again] = [
            cuts.lifeline(digest(1), agent),
            cuts.lifeline(digest(1), agent),
        ];
        assert!(
            Arc::ptr_eq(&first, &again),
            "a renewed bearer hangs on the same one"
        );
        let second = cuts.lifeline(digest(2), agent);
        let others = cuts.lifeline(digest(3), other);

        cuts.revoke(digest(1));
        assert_eq!((first.cut().await, second.ended()), (End::Token, None));
        let later = cuts.lifeline(digest(1), agent);
        assert_eq!(later.ended(), None);

        cuts.end(agent);
        assert_eq!(
            (later.cut().await, second.cut().await),
            (End::Agent, End::Agent)
        );
        assert_eq!((first.ended(), others.ended()), (Some(End::Token), None));
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let environment = TestEnvironment::new().environment;
        let agent = environment.new_id();
        let cuts = Arc::new(Cuts::default());
        let old = cuts.lifeline(digest(1), agent);
        cuts.end(agent);
        let new = cuts.lifeline(digest(1), agent);
        drop(old);
        assert_eq!(
            cuts.lifelines().len(),
            1,
            "an old one takes no new one along"
        );
        drop(new);
        assert!(cuts.lifelines().is_empty());
        let moved = cuts.lifeline(digest(1), environment.new_id());
        assert!(moved.ended().is_none());
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let environment = TestEnvironment::new().environment;
        let agent = environment.new_id();
        let cuts = Arc::new(Cuts::default());
        let lifeline = cuts.lifeline(digest(1), agent);
        let waiting = tokio::spawn(async move { lifeline.cut().await });
        tokio::task::yield_now().await;
        cuts.end(agent);
        assert_eq!(waiting.await.expect("told"), End::Agent);
    }
}
