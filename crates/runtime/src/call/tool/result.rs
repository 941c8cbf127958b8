//! The result of a call of a tool: looked at, recorded, given back as it may go on.

use std::sync::Arc;
use std::time::Duration;

use iron_guard::{Category, Channel, Judged, Verdict};
use iron_journal::canonical;
use iron_primitives::{Refusal, RequestId, Timestamp};

use crate::Runtime;
use crate::bearer::Bearer;
use crate::call::Authenticated;
use crate::call::lasting::Lasting;
use crate::call::safety::Safety;
use crate::record::FORMAT;
use crate::record::tool::{ToolOutcome, ToolResultKind, ToolResultRecord};

use super::request::{Shown, ToolResult};
use super::ticket::Ticket;

/// What a tool gave back, as it may go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    /// What may go on; nothing if it was blocked, or if there was nothing.
    pub output: Option<Shown>,
    /// What became of it.
    pub verdict: Verdict,
    /// What was found in it.
    pub findings: Vec<Judged>,
}

impl Inspected {
    pub(super) fn nothing() -> Self {
        Inspected {
            output: None,
            verdict: Verdict::Allow,
            findings: Vec::new(),
        }
    }
}

/// What came of a call, before anybody has looked at it.
pub(super) struct Brought<'a> {
    pub(super) call: RequestId,
    /// The request that brought it.
    pub(super) request: RequestId,
    /// What the agent calls the tool.
    pub(super) tool: &'a str,
    pub(super) status: &'static str,
    pub(super) duration: Option<Duration>,
    pub(super) output: Option<&'a Shown>,
    pub(super) arrived_at: Timestamp,
}

impl Runtime {
    /// Takes the result of a call that was allowed. Brought twice, it is looked at twice and counts
    /// once.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if the decision is none of the agent's, or too old;
    /// [`Refusal::JournalUnavailable`].
    pub async fn take_tool_result(
        self: &Arc<Self>,
        authenticated: Authenticated,
        result: ToolResult,
    ) -> Result<Inspected, Refusal> {
        let runtime = Arc::clone(self);
        let work = async move { runtime.take_result(authenticated, result) };
        let brought = Lasting::new(work).await;
        brought.unwrap_or(Err(Refusal::AuthorityUnavailable))
    }

    fn take_result(
        &self,
        authenticated: Authenticated,
        result: ToolResult,
    ) -> Result<Inspected, Refusal> {
        let _seat = self.in_flight.enter()?;
        let bearer = authenticated.bearer.shared();
        let now = self.environment.now();
        let ticket = Ticket::open(&bearer, &result.decision, now);
        let ticket = ticket.ok_or(Refusal::NotFound {
            resource: "decision",
        })?;
        self.take_brought(
            &bearer,
            Brought {
                call: ticket.call,
                request: result.id,
                tool: &ticket.tool,
                status: result.status,
                duration: result.duration,
                output: result.output.as_ref(),
                arrived_at: authenticated.started_at,
            },
        )
    }

    /// Looks at what came of a call and writes it down.
    pub(super) fn take_brought(
        &self,
        bearer: &Bearer,
        brought: Brought<'_>,
    ) -> Result<Inspected, Refusal> {
        let mut safety = Safety::default();
        let inspected = inspected(bearer, brought.output, &mut safety);
        let path = bearer.principal.path;
        let record = ToolResultRecord {
            agent: path.agent,
            call: brought.call,
            format: FORMAT,
            kind: ToolResultKind::ToolResult,
            personal: safety.has(Category::Pii),
            project: path.project,
            request: brought.request,
            result: ToolOutcome {
                duration_us: brought
                    .duration
                    .map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
                ..outcome(bearer, brought.status, brought.output)
            },
            secrets: safety.has(Category::Secret),
            guard: safety.record(&bearer.principal.guardrails),
            started_at_us: brought.arrived_at.micros(),
            team: path.team,
            tenant: path.tenant,
            token: bearer.principal.token,
            tool: brought.tool.to_owned(),
            user: path.user,
        };
        self.metrics.tools.results.of(brought.status).inc();
        let body = canonical::in_order(&record).map_err(|error| {
            tracing::error!(call = %brought.call, %error, "a record could not be written down");
            Refusal::JournalUnavailable
        })?;
        self.journal
            .append_record(path.tenant, &body)
            .map_err(|_| Refusal::JournalUnavailable)?;
        Ok(inspected)
    }
}

/// What came of a call, as records say it.
pub(super) fn outcome(bearer: &Bearer, status: &str, output: Option<&Shown>) -> ToolOutcome {
    let written = output.map(Shown::written);
    let hash = |text: &str| {
        let parts = std::iter::once(text.as_bytes());
        hex::encode(bearer.keyed_hash("tool-output", parts))
    };
    ToolOutcome {
        duration_us: None,
        output_bytes: written.map_or(0, |text| text.len() as u64),
        output_hash: written.map(hash),
        status: status.to_owned(),
    }
}

/// Puts what a tool gave back before the guardrails of the agent.
pub(super) fn inspected(bearer: &Bearer, output: Option<&Shown>, safety: &mut Safety) -> Inspected {
    let (Some(output), false) = (output, bearer.guard.is_idle()) else {
        return Inspected {
            output: output.cloned(),
            verdict: Verdict::Allow,
            findings: Vec::new(),
        };
    };
    let (guard, channel) = (&bearer.guard, Channel::ToolResult);
    let judgement = match output {
        Shown::Text(text) => guard.judge(text, channel, &mut safety.pseudonyms),
        Shown::Json(text) => guard.judge_json(text, channel, &mut safety.pseudonyms),
    };
    safety.note(0, channel, &judgement.findings);
    let verdict = judgement.verdict();
    let edited = match (verdict, output) {
        (Verdict::Block, _) => None,
        (_, Shown::Text(text)) => Some(Shown::Text(judgement.apply(text).into_owned())),
        (_, Shown::Json(text)) => Some(Shown::Json(judgement.apply(text).into_owned())),
    };
    Inspected {
        output: edited,
        verdict,
        findings: judgement.findings,
    }
}
