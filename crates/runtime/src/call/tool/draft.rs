//! What is known about a call of a tool while it is under way: the record in the making.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use iron_guard::Category;
use iron_journal::{Position, canonical};
use iron_net::rate::Standing;
use iron_policy::Access;
use iron_primitives::{
    AgentId, ApprovalId, Money, Refusal, RequestId, Timestamp, ToolId, subject_of,
};
use serde_json::Value;

use crate::Runtime;
use crate::bearer::Bearer;
use crate::call::safety::Safety;
use crate::call::{Attribution, Authenticated};
use crate::in_flight::Seat;
use crate::record::tool::{RateRecord, ToolAttempt, ToolDecision, ToolKind, ToolMode, ToolRecord};
use crate::record::{FORMAT, HoldRecord, Sealed};
use crate::taints::Thread;
use crate::toolbox::Equipped;
use crate::wallet::Hold;

use super::answer::{ToolAnswer, ToolVerdict};
use super::judge::canonical as sorted;
use super::request::ToolRequest;

/// How much of a name that is too long is recorded.
const SHOWN_NAME_CHARS: usize = 64;

/// The facts gathered so far.
pub(super) struct ToolDraft {
    pub(super) known: Authenticated,
    pub(super) mode: ToolMode,
    pub(super) id: RequestId,
    pub(super) edge_id: Option<RequestId>,
    pub(super) tool: String,
    pub(super) arguments: String,
    /// What guardrails have made of the arguments, once they have looked.
    pub(super) inspected: Option<Option<String>>,
    /// What the tool will be given.
    pub(super) shown: Value,
    hash: [u8; 32],
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) execution: Option<String>,
    pub(super) attribution: Attribution,
    pub(super) approval: Option<ApprovalId>,
    pub(super) patience: Duration,
    origin: Option<IpAddr>,
    trace: Option<String>,
    pub(super) equipped: Option<Arc<Equipped>>,
    pub(super) tainted: bool,
    pub(super) safety: Safety,
    pub(super) rate: Option<Standing>,
    attempts: Vec<ToolAttempt>,
    /// The call counts as under way for as long as its draft lives.
    pub(super) seat: Option<Seat>,
}

/// One agent's use of one tool, by which rates are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct UseOf {
    pub(crate) agent: AgentId,
    pub(crate) tool: ToolId,
}

impl fmt::Display for UseOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.agent, self.tool)
    }
}

impl ToolDraft {
    pub(super) fn new(known: Authenticated, request: ToolRequest, mode: ToolMode) -> Self {
        let parts = std::iter::once(request.arguments.as_bytes());
        let hash = known.bearer.keyed_hash("tool-arguments", parts);
        ToolDraft {
            known,
            mode,
            id: request.id,
            edge_id: request.edge_id,
            tool: request.tool,
            arguments: request.arguments,
            inspected: None,
            shown: Value::Null,
            hash,
            attributes: request.attributes,
            execution: request.execution,
            attribution: request.attribution,
            approval: request.approval,
            patience: request.patience,
            origin: request.origin,
            trace: request.trace,
            equipped: None,
            tainted: false,
            safety: Safety::default(),
            rate: None,
            attempts: Vec::new(),
            seat: None,
        }
    }

    pub(super) fn bearer(&self) -> &Bearer {
        &self.known.bearer
    }

    /// Keeps nothing of what the client says about the call, and of the tool's name the beginning.
    pub(super) fn forget_labels(&mut self) {
        self.attribution = Attribution::default();
        self.attributes.clear();
        self.execution = None;
        self.tool = self.tool.chars().take(SHOWN_NAME_CHARS).collect();
    }

    pub(super) fn trace(&self) -> Option<String> {
        self.trace.clone()
    }

    pub(super) fn started_at(&self) -> Timestamp {
        self.known.started_at
    }

    /// Takes note of what the tool will be given: approvals and records know it by its hash.
    pub(super) fn given(&mut self, arguments: &Value) {
        let text = sorted(arguments);
        let parts = std::iter::once(text.as_bytes());
        self.hash = self.bearer().keyed_hash("tool-arguments", parts);
        self.shown = arguments.clone();
    }

    pub(super) fn arguments_hash(&self) -> String {
        hex::encode(self.hash)
    }

    pub(super) fn cost(&self) -> Money {
        let equipped = self.equipped.as_ref();
        equipped.map_or(Money::ZERO, |equipped| equipped.registered.cost)
    }

    pub(super) fn access(&self) -> Access {
        let equipped = self.equipped.as_ref();
        equipped.map_or(Access::Admin, |equipped| equipped.registered.tool.access)
    }

    pub(super) fn is_untrusted(&self) -> bool {
        let equipped = self.equipped.as_ref();
        equipped.is_some_and(|equipped| equipped.registered.tool.has_untrusted_output())
    }

    pub(super) fn thread(&self) -> Thread {
        Thread::of(self.bearer(), self.attribution.conversation.as_deref())
    }

    /// The call costs what is held for it.
    pub(super) fn settle(&mut self, hold: &Hold) {
        self.attempts = vec![ToolAttempt {
            hold: HoldRecord::from(hold),
            settled_nanos: hold.amount.nanos(),
        }];
    }

    fn decision(&self, answer: &ToolAnswer) -> ToolDecision {
        let (code, broken) = match &answer.verdict {
            ToolVerdict::Deny { code, violations } => {
                let broken = violations.iter().map(|one| one.rule.to_owned());
                (Some(code.code().to_owned()), broken.collect())
            }
            _ => (None, Vec::new()),
        };
        ToolDecision {
            code,
            effect: answer.verdict.word().to_owned(),
            rules: [answer.rules.clone(), broken].concat(),
        }
    }
}

impl Runtime {
    /// Writes the record of a call that was decided.
    ///
    /// # Errors
    /// [`Refusal::JournalUnavailable`] if it could not be written.
    pub(super) async fn record_tool(
        &self,
        draft: &mut ToolDraft,
        answer: &ToolAnswer,
    ) -> Result<Position, Refusal> {
        let decision = draft.decision(answer);
        self.metrics.tools.decisions.of(answer.verdict.word()).inc();
        if draft.approval.is_none() {
            let took = self.environment.boot().since(draft.known.started);
            self.metrics.tools.took.observe(took);
        }
        self.write_tool(draft, decision).await
    }

    /// Leaves the record of a call that was refused before anybody decided on it.
    pub(super) async fn close_refused_tool(
        &self,
        mut draft: ToolDraft,
        refusal: Refusal,
    ) -> Refusal {
        self.metrics.calls.refused(refusal.kind()).inc();
        if self.journal.is_full() {
            return refusal;
        }
        let decision = ToolDecision {
            code: Some(refusal.kind().code().to_owned()),
            effect: "deny".to_owned(),
            rules: Vec::new(),
        };
        // The caller is told of the refusal in any case.
        let _ = self.write_tool(&mut draft, decision).await;
        refusal
    }

    async fn write_tool(
        &self,
        draft: &mut ToolDraft,
        decision: ToolDecision,
    ) -> Result<Position, Refusal> {
        let sealed = self.sealed(draft).await;
        let record = self.tool_record(draft, decision, sealed);
        let body = canonical::in_order(&record).map_err(|error| {
            tracing::error!(call = %draft.id, %error, "a record could not be written down");
            Refusal::JournalUnavailable
        })?;
        match self.journal.append_record(record.tenant, &body) {
            Ok(appended) => Ok(appended.position),
            Err(error) => {
                tracing::error!(call = %draft.id, %error, "a record could not be journalled");
                Err(Refusal::JournalUnavailable)
            }
        }
    }

    /// What is personal of a call: for whom it was made, what the tool was given, and where it came
    /// from.
    async fn sealed(&self, draft: &ToolDraft) -> [Option<Sealed>; 3] {
        let owner = subject_of(draft.bearer().principal.path.user);
        let end_user = draft.attribution.end_user.as_deref();
        let digest = end_user.map(|name| {
            let parts = std::iter::once(name.as_bytes());
            draft.bearer().keyed_hash("end-user", parts)
        });
        let about = digest.unwrap_or(owner);
        let shown = shortened(&draft.shown);
        let origin = draft.origin.map(|address| address.to_string());
        let mut sealed = [None, None, None];
        let values = [
            (digest.unwrap_or(owner), end_user),
            (about, shown.as_deref()),
            (owner, origin.as_deref()),
        ];
        for (place, (digest, value)) in sealed.iter_mut().zip(values) {
            if let Some(value) = value {
                let bearer = draft.bearer();
                *place = Some(self.sealed_for(bearer, digest, draft.id, value).await);
            }
        }
        sealed
    }

    fn tool_record(
        &self,
        draft: &mut ToolDraft,
        decision: ToolDecision,
        [end_user, arguments, origin]: [Option<Sealed>; 3],
    ) -> ToolRecord {
        let attempts = std::mem::take(&mut draft.attempts);
        let safety = std::mem::take(&mut draft.safety);
        let principal = &draft.known.bearer.principal;
        let path = principal.path;
        let equipped = draft.equipped.as_ref();
        let declared = equipped.map(|equipped| &equipped.registered.tool);
        ToolRecord {
            agent: path.agent,
            approval: draft.approval,
            arguments,
            arguments_bytes: draft.arguments.len() as u64,
            arguments_hash: draft.arguments_hash(),
            call: draft.id,
            conversation: draft.attribution.conversation.clone(),
            cost_nanos: attempts.iter().map(|attempt| attempt.settled_nanos).sum(),
            attempts,
            data_class: declared
                .map(|tool| tool.data_class.clone())
                .unwrap_or_default(),
            decision,
            end_user,
            ended_at_us: self.environment.now().micros(),
            environment: principal.environment.clone(),
            execution: draft.execution.clone(),
            format: FORMAT,
            kind: ToolKind::Tool,
            mode: draft.mode,
            origin,
            personal: safety.has(Category::Pii),
            pool: path.pool,
            project: path.project,
            rate: draft.rate.map(|standing| RateRecord {
                limit: standing.limit,
                remaining: standing.remaining,
            }),
            request: draft.edge_id,
            risk_level: declared.map(|tool| tool.risk_level.name().to_owned()),
            secrets: safety.has(Category::Secret),
            guard: safety.record(&principal.guardrails),
            started_at_us: draft.known.started_at.micros(),
            tags: draft.attribution.tags.clone(),
            tainted: draft.tainted,
            team: path.team,
            tenant: path.tenant,
            token: principal.token,
            tool: draft.tool.clone(),
            tool_id: equipped.map(|equipped| equipped.registered.id),
            trace: draft.trace.clone(),
            untrusted: draft.is_untrusted(),
            user: path.user,
        }
    }
}

/// The beginning of what a tool is given, as far as a record shows it.
fn shortened(shown: &Value) -> Option<String> {
    if shown.is_null() {
        return None;
    }
    let mut text = shown.to_string();
    if text.len() > ToolRecord::SHOWN_BYTES {
        text.truncate(text.floor_char_boundary(ToolRecord::SHOWN_BYTES));
        text.push('…');
    }
    Some(text)
}
