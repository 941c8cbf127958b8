//! Calls of which nobody has told what came of them.

use iron_journal::canonical;
use iron_primitives::{
    AgentId, IcTokenId, ProjectId, Refusal, RequestId, TeamId, TenantId, UserId,
};

use crate::Runtime;
use crate::record::FORMAT;
use crate::record::tool::{ToolOutcome, ToolResultKind, ToolResultRecord};

/// What is said of a call whose result has not come in time.
const ABANDONED: &str = "abandoned";

/// An allowed call whose result has not come in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbandonedCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The call.
    pub call: RequestId,
    /// The agent.
    pub agent: AgentId,
    /// Its project when it was allowed.
    pub project: ProjectId,
    /// Its team then, if it had one.
    pub team: Option<TeamId>,
    /// The user who owned it.
    pub user: UserId,
    /// The token that was presented.
    pub token: IcTokenId,
    /// What the agent called the tool.
    pub tool: String,
}

impl Runtime {
    /// Writes down that nobody has told what came of a call. Its price was settled when it was allowed,
    /// and stays so. A result that comes later counts all the same.
    ///
    /// # Errors
    /// [`Refusal::JournalUnavailable`].
    pub fn abandon_tool_call(&self, abandoned: AbandonedCall) -> Result<(), Refusal> {
        let record = ToolResultRecord {
            agent: abandoned.agent,
            call: abandoned.call,
            format: FORMAT,
            guard: None,
            kind: ToolResultKind::ToolResult,
            personal: false,
            project: abandoned.project,
            request: abandoned.call,
            result: ToolOutcome {
                duration_us: None,
                output_bytes: 0,
                output_hash: None,
                status: ABANDONED.to_owned(),
            },
            secrets: false,
            started_at_us: self.environment.now().micros(),
            team: abandoned.team,
            tenant: abandoned.tenant,
            token: abandoned.token,
            tool: abandoned.tool,
            user: abandoned.user,
        };
        let body = canonical::in_order(&record).map_err(|error| {
            tracing::error!(call = %record.call, %error, "a record could not be written down");
            Refusal::JournalUnavailable
        })?;
        let appended = self.journal.append_record(record.tenant, &body);
        appended.map_err(|_| Refusal::JournalUnavailable)?;
        self.metrics.tools.results.of(ABANDONED).inc();
        Ok(())
    }
}
