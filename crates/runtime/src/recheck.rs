//! Asking whether what is under way may go on.
//!
//! A change that was made here is told by [`Runtime::apply`]; one that was made elsewhere is not.
//! So the control plane is asked, a few times a second and in one question, about all tokens
//! that have something under way. It is also asked after each change whose reach only the
//! control plane knows: who owns which agent, who belongs to whom.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::Runtime;
use crate::authority::{AuthorityError, Engaged};
use crate::lifeline::Lifeline;

/// How often it is looked who has something under way where nobody need be asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often it is asked after a change. The second time finds who was let in at that moment.
const ROUNDS_PER_CHANGE: u8 = 2;
/// About so many tokens it is asked at once.
const TOKENS_AT_ONCE: usize = 512;
/// An answer that takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for as long as the runtime lives. Where nobody answers, nothing ends: money is bounded by
/// what was leased, and new calls by how long a bearer may be stale.
pub(crate) async fn watch(runtime: Weak<Runtime>, told: Arc<Notify>) {
    let mut every = Duration::ZERO;
    let mut rounds = 0;
    let mut is_answered = true;
    loop {
        tokio::select! {
            () = told.notified() => rounds = ROUNDS_PER_CHANGE,
            () = tokio::time::sleep(every) => {}
        }
        let Some(runtime) = runtime.upgrade() else {
            return;
        };
        every = runtime.config.recheck.unwrap_or(LOOK_EVERY);
        let engaged = runtime.lifelines.engaged();
        if rounds == 0 && runtime.config.recheck.is_none() {
            continue;
        }
        match runtime.cut_what_has_ended(&engaged).await {
            Ok(()) => {
                rounds = rounds.saturating_sub(1);
                if !is_answered {
                    tracing::info!("the control plane says again whose calls must end");
                }
                is_answered = true;
            }
            Err(error) => {
                if is_answered {
                    tracing::warn!(%error, "nobody says whose calls must end; all go on for now");
                }
                is_answered = false;
            }
        }
    }
}

impl Runtime {
    async fn cut_what_has_ended(&self, engaged: &[Arc<Lifeline>]) -> Result<(), AuthorityError> {
        for some in engaged.chunks(TOKENS_AT_ONCE) {
            let asked: Vec<Engaged> = some.iter().map(|lifeline| lifeline.engaged()).collect();
            let answers = timeout(PATIENCE, self.authority.ended(&asked)).await;
            let answers = answers.unwrap_or(Err(AuthorityError::Unavailable))?;
            for (lifeline, end) in some.iter().zip(answers) {
                if let Some(end) = end {
                    lifeline.end(end);
                    self.bearers.forget(&lifeline.token());
                    // As in `apply`: whoever has waited meanwhile is looked up again.
                    self.changes.fetch_add(1, Ordering::Release);
                }
            }
        }
        Ok(())
    }
}
