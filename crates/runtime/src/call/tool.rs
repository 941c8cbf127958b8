//! The governed call of a tool: what an agent wants to do, decided before it is done.
//!
//! A tool is run by the agent itself: it asks ([`Runtime::authorize_tool`]), runs, and brings the
//! result ([`Runtime::take_tool_result`]). Or it is run here ([`Runtime::invoke_tool`]), with a key
//! that no agent sees. What is asked takes these steps either way, in this order:
//!
//! | step | why it stands there |
//! |---|---|
//! | admit | cheap refusals come first |
//! | read the arguments | policies judge what they name |
//! | decide | what may not be done is not inspected, nor are people asked |
//! | inspect | what people agree to is what will be done |
//! | consent | nobody holds money while people think |
//! | count | only calls that may be made use up a rate |
//! | make ready | a run that cannot begin costs nothing |
//! | hold | no effect without money for it |
//! | redeem | the leave of people is used up by a call that is made |
//! | record | before anybody hears of it |
//! | run | only what is run here |
//!
//! Invariants:
//! - **A tool that is not declared read-only is allowed only when its record is durable**, so that
//!   no crash makes an effect that nobody wrote down.
//! - **Each call of a known agent leaves one record**, whatever was decided; what came of it leaves
//!   another, which names the first.
//! - **What was decided is good for one agent, one tool and one hash of the arguments**, at any
//!   instance: it is sealed into the decision's id.
//! - **An agent runs its own tools on its honour.** That it is not denied here what it does elsewhere
//!   is no promise of this module: for that the tool, or the key to it, must lie behind the runtime.

mod abandon;
mod answer;
mod consent;
mod draft;
mod facts;
mod invoke;
mod judge;
mod offer;
mod request;
mod result;
mod run;
mod ticket;

use std::sync::Arc;
use std::time::Duration;

use iron_policy::Access;
use iron_primitives::{BudgetShortfall, Refusal};
use tokio::sync::oneshot;

use crate::Runtime;
use crate::record::tool::ToolMode;
use crate::wallet::{Claim, Hold, HoldRequest};

use super::Authenticated;
use super::lasting::Lasting;

pub use abandon::AbandonedCall;
pub use answer::{Denial, ToolAnswer, ToolVerdict};
pub(crate) use draft::UseOf;
pub use invoke::{Invoked, ToolRun};
pub use request::{Shown, ToolRequest, ToolResult};
pub use result::Inspected;
pub use run::RunStatus;

use answer::Judged;
use draft::ToolDraft;
use run::Ready;
use ticket::Ticket;

/// How long the result of an allowed call is taken.
pub const RESULT_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// Resolves when the caller has gone.
type Gone = oneshot::Receiver<()>;

impl Runtime {
    /// Decides on a call of a tool that the agent runs itself. While people are asked, it waits for
    /// as long as the request says.
    ///
    /// # Errors
    /// A [`Refusal`] of what every call must pass: the token, the agent's state, its rates and
    /// budgets, guardrails. What policies and people say is an answer.
    pub async fn authorize_tool(
        self: &Arc<Self>,
        authenticated: Authenticated,
        request: ToolRequest,
    ) -> Result<ToolAnswer, Refusal> {
        let (_here, mut gone) = oneshot::channel();
        let runtime = Arc::clone(self);
        let work = async move {
            let mut draft = ToolDraft::new(authenticated, request, ToolMode::Client);
            match runtime.authorize(&mut draft, &mut gone).await {
                Ok((answer, _)) => Ok(answer),
                Err(refusal) => Err(runtime.close_refused_tool(draft, refusal).await),
            }
        };
        // It brings nothing only if it panicked; then nothing was allowed.
        let brought = Lasting::new(work).await;
        brought.unwrap_or(Err(Refusal::AuthorityUnavailable))
    }

    /// Takes the steps of a call up to its answer. One that is run here is made ready on the way.
    async fn authorize(
        &self,
        draft: &mut ToolDraft,
        gone: &mut Gone,
    ) -> Result<(ToolAnswer, Option<Ready>), Refusal> {
        let decided = match self.clear_tool(draft, gone).await? {
            Judged::Allowed(allowed) => allowed,
            Judged::Answered(answer) => return self.answered(draft, answer).await,
        };
        let ready = match draft.mode {
            ToolMode::Client => None,
            ToolMode::Server => match self.ready(draft).await? {
                Ok(ready) => Some(ready),
                Err(violation) => {
                    let answer = ToolAnswer::violates(vec![violation]);
                    return self.answered(draft, answer).await;
                }
            },
        };
        let hold = self.hold_for_tool(draft).await?;
        match self.redeemed(draft).await {
            Ok(true) => {}
            Ok(false) => {
                self.wallets.release_unsent(hold);
                let reason = "the approval was used already, or given for other arguments";
                let answer = ToolAnswer::deny(Denial::ApprovalExpired, reason);
                return self.answered(draft, answer).await;
            }
            Err(refusal) => {
                self.wallets.release_unsent(hold);
                return Err(refusal);
            }
        }
        let ticket = Ticket::of(draft).seal(draft.bearer(), &self.environment);
        let answer = decided.allowing(ticket.inspect_err(|_| self.wallets.release_unsent(hold))?);
        self.pay(draft, hold, &answer).await?;
        self.taint(draft);
        Ok((answer, ready))
    }

    /// Writes down that a call is not made, or not yet.
    async fn answered(
        &self,
        draft: &mut ToolDraft,
        answer: ToolAnswer,
    ) -> Result<(ToolAnswer, Option<Ready>), Refusal> {
        self.record_tool(draft, &answer).await?;
        Ok((answer, None))
    }

    /// Settles an allowed call and writes it down; what may have an effect is on the disk after it.
    async fn pay(
        &self,
        draft: &mut ToolDraft,
        hold: Hold,
        answer: &ToolAnswer,
    ) -> Result<(), Refusal> {
        draft.settle(&hold);
        let recorded = self.record_tool(draft, answer).await;
        let Ok(position) = recorded else {
            // The reserve stays without a record; recovery settles it at the bound.
            return Err(Refusal::JournalUnavailable);
        };
        self.wallets.settle(hold, hold.amount);
        if draft.access() != Access::Read {
            let durable = self.journal.durable(position).await;
            durable.map_err(|_| Refusal::JournalUnavailable)?;
        }
        Ok(())
    }

    /// Sets aside what the call costs. Also what costs nothing is held, so that the journal knows of
    /// it before anything happens.
    async fn hold_for_tool(&self, draft: &ToolDraft) -> Result<Hold, Refusal> {
        let facts = facts::of(draft);
        let principal = &draft.bearer().principal;
        if let Some(spent_out) = &principal.spent_out {
            return Err(Refusal::Budget(Box::new(BudgetShortfall {
                needed: draft.cost().nanos(),
                ..spent_out.clone()
            })));
        }
        self.wallets
            .hold(HoldRequest {
                path: &principal.path,
                call: draft.id,
                attempt: 1,
                claim: Claim::exactly(draft.cost()),
                facts: &facts,
            })
            .await
    }
}
