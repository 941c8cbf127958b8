//! The governed call: one function, read from top to bottom.
//!
//! | step | takes | gives | why it stands there |
//! |---|---|---|---|
//! | [authenticate](Runtime::authenticate) | a token | [`Authenticated`] | nothing is known before |
//! | admit | `Authenticated` | `Admitted` | cheap refusals come first |
//! | decide | `Admitted` | `Decided` | what may not be done is not inspected |
//! | count | `Decided` | `Counted` | only calls that may be made use up a plan or a rate |
//! | inspect input | `Counted` | `Cleared` | what is held is what will be sent |
//! | hold | `Cleared` | `Ready` | no byte leaves without money for its worst case |
//! | send | `Ready` | `Sent` | an attempt, or several, each with its own hold |
//! | settle | `Sent` | `Settled` | the true cost, or the bound, whatever the ending |
//! | inspect output | each piece | what the caller gets | interleaved with the stream |
//! | close | `Settled` | the record | signed and chained, before the money is let go |
//!
//! Each step takes the value that only the step before can make, so a skipped step does not
//! compile. Up to the hold the caller's own task does the work, and if the caller leaves,
//! nothing has happened. From the first dispatch on the work outlives its caller, in a task of
//! its own if need be: a caller that leaves never stops a settlement or a record.

mod admit;
mod attempt;
mod authenticate;
mod batch;
mod choice;
mod close;
mod count;
mod decide;
mod draft;
mod errand;
mod failure;
mod file_list;
mod files;
mod flow;
mod further;
mod hold;
mod inspect;
mod lasting;
mod models;
mod prediction;
mod proposals;
mod pump;
mod reason;
mod reply;
mod request;
mod safety;
mod screen;
mod scrub;
mod send;
mod served;
mod sieve;
mod tiers;
mod tool;
mod upload;
mod upstream;

use std::sync::Arc;

use iron_primitives::Refusal;
use tokio::sync::oneshot;

use crate::Runtime;
use decide::Reach;
use draft::Refused;
use lasting::Lasting;

pub use authenticate::{Authenticated, Named};
pub use batch::BatchErrand;
pub use errand::{Errand, StoredAction};
pub use files::FileErrand;
pub use models::ModelOffer;
pub use reply::{Body, Chunks, Reply};
pub use request::{Attribution, CallRequest, Passing};
pub(crate) use tool::UseOf;
pub use tool::{
    AbandonedCall, Denial, Inspected, Invoked, RESULT_WITHIN, RunStatus, Shown, ToolAnswer,
    ToolRequest, ToolResult, ToolRun, ToolVerdict,
};
pub use upload::Upload;

impl Runtime {
    /// Governs one call of a model.
    ///
    /// # Errors
    /// A [`Refusal`] if nothing was sent, or if what was sent brought no answer. An error of
    /// the provider is a [`Reply`] with its status.
    pub async fn call(
        self: &Arc<Self>,
        authenticated: Authenticated,
        request: CallRequest,
    ) -> Result<Reply, Refusal> {
        match self.prepare(authenticated, request).await {
            Ok(ready) => {
                let standing = ready.standing();
                let answer = self.dispatch(ready).await;
                answer.map(|reply| reply.telling(standing))
            }
            Err(refused) => Err(self.close_refused(refused).await),
        }
    }

    /// The steps before anything leaves the house.
    async fn prepare(
        &self,
        authenticated: Authenticated,
        request: CallRequest,
    ) -> Result<hold::Ready, Refused> {
        let admitted = self.admit(authenticated, request).await?;
        let decided = self.decide(admitted, Reach::Fallbacks)?;
        let counted = self.count_call(decided).await?;
        let cleared = self.inspect_input(counted)?;
        self.hold(cleared).await
    }

    /// The steps from the first byte that leaves to the record, which no caller can stop.
    async fn dispatch(self: &Arc<Self>, ready: hold::Ready) -> Result<Reply, Refusal> {
        let (answer, answered) = oneshot::channel();
        let runtime = Arc::clone(self);
        let mut work = Lasting::new(async move {
            let mut caller = reply::Caller::new(answer);
            let sent = runtime.send(ready, &mut caller).await;
            let settled = runtime.settle(sent, caller).await;
            runtime.close(settled).await;
        });
        let answered = async {
            // The sender is dropped unused only if the work panicked.
            answered.await.unwrap_or(Err(Refusal::ProviderUnavailable {
                detail: "the call ended unexpectedly; its cost is settled at recovery".to_owned(),
            }))
        };
        tokio::pin!(answered);
        tokio::select! {
            biased;
            _ = &mut work => answered.await,
            answer = &mut answered => answer,
        }
    }
}
