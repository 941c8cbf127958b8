//! A call of a tool that is run here: decided, paid for and written down like any other, then run,
//! and what it gives back looked at and written down.

use std::sync::Arc;
use std::time::Duration;

use iron_primitives::{Money, Refusal};
use tokio::sync::oneshot;

use crate::Runtime;
use crate::call::Authenticated;
use crate::call::lasting::Lasting;
use crate::record::tool::ToolMode;

use super::Gone;
use super::answer::ToolAnswer;
use super::draft::ToolDraft;
use super::request::ToolRequest;
use super::result::{Brought, Inspected};
use super::run::{Ready, RunStatus};

/// Why a result is kept back that no record speaks of.
const UNWRITTEN: &str =
    "the tool was run, but its result could not be written down and is kept back";

/// What became of a call of a tool that is run here.
#[derive(Debug, Clone, PartialEq)]
pub struct Invoked {
    /// What was decided.
    pub answer: ToolAnswer,
    /// What the tool did, if it was allowed.
    pub run: Option<ToolRun>,
}

/// What a tool did.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolRun {
    /// What came of it.
    pub status: RunStatus,
    /// What went wrong, without addresses and secrets.
    pub error: Option<String>,
    /// The status of its answer, for a tool over HTTP.
    pub http_status: Option<u16>,
    /// How long it took.
    pub took: Duration,
    /// What the call cost.
    pub cost: Money,
    /// What it gave back, as it may go on.
    pub inspected: Inspected,
}

impl Runtime {
    /// Decides on a call of a tool and, if it may be made, runs the tool. It goes on for as long as
    /// somebody waits: a caller that leaves ends the run, and the record says so.
    ///
    /// # Errors
    /// As [`Runtime::authorize_tool`]; [`Refusal::InvalidField`] for a tool that is not run here,
    /// [`Refusal::ToolUnavailable`] while its host is left alone. Then nothing was sent, and nothing
    /// is charged.
    pub async fn invoke_tool(
        self: &Arc<Self>,
        authenticated: Authenticated,
        request: ToolRequest,
    ) -> Result<Invoked, Refusal> {
        let (_here, mut gone) = oneshot::channel();
        let runtime = Arc::clone(self);
        let work = async move {
            let mut draft = ToolDraft::new(authenticated, request, ToolMode::Server);
            match runtime.authorize(&mut draft, &mut gone).await {
                Ok((answer, Some(ready))) => {
                    Ok(runtime.run_allowed(&draft, answer, ready, gone).await)
                }
                Ok((answer, None)) => Ok(Invoked { answer, run: None }),
                Err(refusal) => Err(runtime.close_refused_tool(draft, refusal).await),
            }
        };
        let brought = Lasting::new(work).await;
        brought.unwrap_or(Err(Refusal::AuthorityUnavailable))
    }

    async fn run_allowed(
        &self,
        draft: &ToolDraft,
        answer: ToolAnswer,
        ready: Ready,
        mut gone: Gone,
    ) -> Invoked {
        let began = self.environment.boot();
        let ran = self.run_tool(draft, ready, &mut gone).await;
        let took = self.environment.boot().since(began);
        let brought = Brought {
            call: draft.id,
            request: draft.id,
            tool: &draft.tool,
            status: ran.status.as_str(),
            duration: Some(took),
            output: ran.output.as_ref(),
            arrived_at: self.environment.now(),
        };
        let (error, inspected) = match self.take_brought(draft.bearer(), brought) {
            Ok(inspected) => (ran.error, inspected),
            // The tool was run, so this is no refusal: nobody is to try again.
            Err(_) => (Some(UNWRITTEN.to_owned()), Inspected::nothing()),
        };
        let run = ToolRun {
            status: ran.status,
            error,
            http_status: ran.http_status,
            took,
            cost: draft.cost(),
            inspected,
        };
        Invoked {
            answer,
            run: Some(run),
        }
    }
}
