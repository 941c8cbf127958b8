//! What ends all calls of a token together: its own end, that of its agent, or that of anybody
//! above it.
//!
//! All calls of a token share one [`Lifeline`], so that a call has no entry in any table for it.
//! A lifeline counts what hangs on it, so that the control plane is asked only about tokens that
//! are doing something, however many are known.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use iron_primitives::{AgentId, Refusal, TokenDigest};
use tokio::sync::Notify;

use crate::authority::{AgentState, End, Engaged};
use crate::record::Ended;

impl End {
    /// What a caller is told whose call has brought nothing yet: the same as at its next call.
    pub(crate) const fn refusal(self) -> Refusal {
        let state = match self {
            End::Token => return Refusal::TokenRevoked,
            End::Tenant => return Refusal::TenantSuspended,
            End::Owner => AgentState::Inactive,
            End::Agent => AgentState::Stopped,
        };
        Refusal::AgentNotRunning {
            state: state.as_str(),
        }
    }

    /// What it is called in the record.
    pub(crate) const fn recorded(self) -> Ended {
        match self {
            End::Token => Ended::TokenRevoked,
            End::Tenant => Ended::TenantSuspended,
            End::Owner => Ended::OwnerSuspended,
            End::Agent => Ended::AgentEnded,
        }
    }
}

/// The lifelines of all tokens.
#[derive(Debug, Default)]
pub(crate) struct Lifelines {
    known: Mutex<HashMap<TokenDigest, Vec<Line>>>,
    /// Those on which something hangs, and some on which nothing does any more.
    listed: Mutex<Vec<Weak<Lifeline>>>,
}

/// Where a lifeline leads; it ends with the last call and the last bearer that hold it. A token
/// has several only if its agent was ended or changed hands while calls were under way.
#[derive(Debug)]
struct Line {
    engaged: Engaged,
    lifeline: Weak<Lifeline>,
}

/// On which everything hangs that is done with one token. Once ended it stays so; whoever comes
/// with the token later gets another one, if anything.
#[derive(Debug)]
pub(crate) struct Lifeline {
    token: TokenDigest,
    engaged: Engaged,
    /// How much hangs on it.
    hanging: AtomicU64,
    /// Whether it stands among the engaged ones.
    listed: AtomicBool,
    ended: OnceLock<End>,
    notify: Notify,
    lines: Weak<Lifelines>,
}

impl Lifelines {
    /// The lifeline of a token that stands so; the same one for as long as somebody holds it.
    pub(crate) fn of(self: &Arc<Self>, token: TokenDigest, engaged: Engaged) -> Arc<Lifeline> {
        let mut known = self.known();
        let lines = known.entry(token).or_default();
        let like_this = lines.iter().filter(|line| line.engaged == engaged);
        let alive: Vec<_> = like_this
            .filter_map(|line| line.lifeline.upgrade())
            .collect();
        let found = alive.iter().find(|one| one.ended().is_none()).cloned();
        let found = found.unwrap_or_else(|| {
            let new = Arc::new(Lifeline {
                token,
                engaged,
                hanging: AtomicU64::new(0),
                listed: AtomicBool::new(false),
                ended: OnceLock::new(),
                notify: Notify::new(),
                lines: Arc::downgrade(self),
            });
            let lifeline = Arc::downgrade(&new);
            lines.push(Line { engaged, lifeline });
            new
        });
        // An ended one may be dropped here for good, which wants the lines.
        drop(known);
        drop(alive);
        found
    }

    /// Ends everything that an agent does.
    pub(crate) fn end(&self, agent: AgentId) {
        self.end_all(End::Agent, |_, engaged| engaged.path.agent == agent);
    }

    /// Ends everything that is done with a token.
    pub(crate) fn revoke(&self, token: TokenDigest) {
        self.end_all(End::Token, |known, _| *known == token);
    }

    fn end_all(&self, end: End, is_meant: impl Fn(&TokenDigest, &Engaged) -> bool) {
        let known = self.known();
        let lines = known
            .iter()
            .flat_map(|(token, lines)| lines.iter().map(move |line| (token, line)));
        let meant: Vec<_> = lines
            .filter(|(token, line)| is_meant(token, &line.engaged))
            .filter_map(|(_, line)| line.lifeline.upgrade())
            .collect();
        drop(known);
        for lifeline in meant {
            lifeline.end(end);
        }
    }

    /// Those on which something hangs that has not been told that it is over.
    pub(crate) fn engaged(&self) -> Vec<Arc<Lifeline>> {
        let mut listed = self.listed();
        let mut all = Vec::with_capacity(listed.len());
        listed.retain(|lifeline| {
            let Some(lifeline) = lifeline.upgrade() else {
                return false;
            };
            let stays = lifeline.stays_listed();
            all.push(lifeline);
            stays
        });
        // What is dropped for good is dropped after the list is free.
        drop(listed);
        all.retain(|lifeline| lifeline.is_engaged() && lifeline.ended().is_none());
        all
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TokenDigest, Vec<Line>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listed(&self) -> MutexGuard<'_, Vec<Weak<Lifeline>>> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lifeline {
    /// The token that hangs on it.
    pub(crate) const fn token(&self) -> TokenDigest {
        self.token
    }

    /// How the token stood when it was made.
    pub(crate) const fn engaged(&self) -> Engaged {
        self.engaged
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

    pub(crate) fn end(&self, end: End) {
        if self.ended.set(end).is_ok() {
            self.notify.notify_waiters();
        }
    }

    /// Something more hangs on it, until [`Lifeline::let_go`].
    pub(crate) fn hang_on(self: &Arc<Self>) {
        self.hanging.fetch_add(1, Ordering::SeqCst);
        let is_listed =
            self.listed.load(Ordering::SeqCst) || self.listed.swap(true, Ordering::SeqCst);
        if !is_listed && let Some(lines) = self.lines.upgrade() {
            lines.listed().push(Arc::downgrade(self));
        }
    }

    pub(crate) fn let_go(&self) {
        self.hanging.fetch_sub(1, Ordering::SeqCst);
    }

    fn is_engaged(&self) -> bool {
        self.hanging.load(Ordering::SeqCst) > 0
    }

    /// Whether it goes on standing among the engaged ones.
    fn stays_listed(&self) -> bool {
        if self.is_engaged() {
            return true;
        }
        self.listed.store(false, Ordering::SeqCst);
        // Who has come meanwhile may have found it listed, and relied on that.
        self.is_engaged() && !self.listed.swap(true, Ordering::SeqCst)
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        let Some(lines) = self.lines.upgrade() else {
            return;
        };
        let mut known = lines.known();
        let Some(of_token) = known.get_mut(&self.token) else {
            return;
        };
        of_token.retain(|line| !std::ptr::eq(line.lifeline.as_ptr(), self));
        if of_token.is_empty() {
            known.remove(&self.token);
        }
    }
}

#[cfg(test)]
mod tests;
