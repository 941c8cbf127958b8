//! Calls of tools that are run here.

use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use iron_llm::ErrorShape;
use iron_net::context::NothingDone;
use iron_net::problem::Problem;
use iron_primitives::Refusal;
use iron_runtime::call::{Invoked, RunStatus, ToolRun};
use iron_sdk::tool_calls::{ToolInvoked, ToolRunStatus, ToolRunView};

use super::{Asked, answered, decided, read, shown};
use crate::Gateway;
use crate::answer::problem_of;
use crate::calls::Visit;
use crate::credential::presented;

/// `POST /api/v1/tools/{tool_id}/invoke`
pub(super) async fn invoke(
    State(gateway): State<Gateway>,
    Path(tool): Path<String>,
    request: Request,
) -> Response {
    let now = gateway.runtime.environment().now();
    let (parts, body) = request.into_parts();
    let visit = Visit::new(&parts, ErrorShape::OpenAi, gateway.runtime.environment());
    match gateway.invoke_tool(&visit, &parts, tool, body).await {
        Ok(invoked) => {
            let nothing_done = invoked.run.is_none();
            let mut response = answered(&visit, &told(invoked));
            if nothing_done {
                response.extensions_mut().insert(NothingDone);
            }
            response
        }
        Err(refusal) => {
            let mut response = problem_of(&refusal, now).into_response();
            response.extensions_mut().insert(NothingDone);
            response
        }
    }
}

/// Refuses a key under which an answer is to be kept, where none are: a call that is repeated in good
/// faith would be run again.
pub(crate) async fn keeps_no_answers(request: Request, next: Next) -> Response {
    if request.headers().contains_key("idempotency-key") {
        let problem = "this runtime keeps no answers; send the call to the server";
        return Problem::field("Idempotency-Key", problem).into_response();
    }
    next.run(request).await
}

impl Gateway {
    async fn invoke_tool(
        &self,
        visit: &Visit,
        parts: &Parts,
        tool: String,
        body: axum::body::Body,
    ) -> Result<Invoked, Refusal> {
        let authenticated = self.runtime.authenticate(presented(&parts.headers)).await?;
        let taken = self.intake.take(body).await?;
        let asked: Asked<'_> = match taken.bytes.is_empty() {
            true => Asked::default(),
            false => read(&taken.bytes)?,
        };
        if asked.tool.is_some() {
            return Err(Refusal::InvalidField {
                field: "tool".to_owned(),
                problem: "stands in the path; leave it out".to_owned(),
            });
        }
        let request = self.request(visit, parts, tool, asked)?;
        self.runtime.invoke_tool(authenticated, request).await
    }
}

fn told(invoked: Invoked) -> ToolInvoked {
    let mut decided = decided(invoked.answer);
    if invoked.run.is_some() {
        // There is no result that anybody could bring.
        decided.expires_at = None;
    }
    ToolInvoked {
        decided,
        run: invoked.run.map(run),
    }
}

fn run(run: ToolRun) -> ToolRunView {
    ToolRunView {
        status: match run.status {
            RunStatus::Success => ToolRunStatus::Success,
            RunStatus::Timeout => ToolRunStatus::Timeout,
            // Whoever is still there to read it learns why from the error.
            RunStatus::Error | RunStatus::Cancelled => ToolRunStatus::Error,
        },
        error: run.error,
        http_status: run.http_status,
        duration_ms: run.took.as_secs_f64() * 1_000.0,
        cost: run.cost.into(),
        cost_micros: run.cost.micros(),
        inspected: shown(run.inspected),
    }
}
