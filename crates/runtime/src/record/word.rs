//! The closed words of a record.

use iron_primitives::Refusal;
use serde::{Deserialize, Serialize};

/// How a call ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole answer was handed over.
    Completed,
    /// We refused it.
    Refused,
    /// The provider answered with an error, or could not be reached.
    ProviderError,
    /// The caller left before the end.
    ClientGone,
    /// The answer broke off.
    Cut,
    /// The process ended while the call was under way; found at recovery.
    Unknown,
}

impl Outcome {
    /// The word in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Refused => "refused",
            Outcome::ProviderError => "provider_error",
            Outcome::ClientGone => "client_gone",
            Outcome::Cut => "cut",
            Outcome::Unknown => "unknown",
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// With the provider's whole answer.
    Done,
    /// Without a connection: nothing was sent.
    Unsent,
    /// With an error of the provider before any content.
    ProviderError,
    /// With an error of the provider within the stream.
    ErrorInStream,
    /// No first byte in time.
    TimedOut,
    /// No further byte in time.
    Stalled,
    /// The connection broke.
    UpstreamCut,
    /// The answer could not be read as what it claimed to be.
    Malformed,
    /// The provider sent more than the hold covers, and was cut off.
    BoundReached,
    /// A limit was lowered below what was under way.
    BudgetLowered,
    /// A guardrail did not let the rest of the answer pass.
    Blocked,
    /// The time that its agent may work was used up.
    OutOfTime,
    /// Its agent was killed, or stopped and its grace was over.
    AgentEnded,
    /// Its token was revoked.
    TokenRevoked,
    /// The owner of its agent was suspended.
    OwnerSuspended,
    /// Its tenant was suspended.
    TenantSuspended,
    /// The caller left; the rest was read to the end for its usage.
    ClientGoneDrained,
    /// The caller left; the attempt was aborted.
    ClientGoneAborted,
    /// The process ended.
    Crashed,
}

/// On what the cost of an attempt rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The provider's own usage.
    Actual,
    /// The bound: no usage came.
    Estimated,
    /// Nothing was billed: it was not sent, or was clearly refused.
    Free,
    /// What a runtime that is not ours told.
    Reported,
}

/// The word of a refusal, as its serialised form tags it.
pub(super) const fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::CredentialMissing => "credential_missing",
        Refusal::TokenUnknown => "token_unknown",
        Refusal::TokenExpired => "token_expired",
        Refusal::TokenRevoked => "token_revoked",
        Refusal::WrongTokenType => "wrong_token_type",
        Refusal::AgentNotRunning { .. } => "agent_not_running",
        Refusal::TenantSuspended => "tenant_suspended",
        Refusal::Draining => "draining",
        Refusal::Overloaded { .. } => "overloaded",
        Refusal::NoRoom { .. } => "no_room",
        Refusal::Malformed { .. } => "malformed",
        Refusal::InvalidField { .. } => "invalid_field",
        Refusal::TooLarge { .. } => "too_large",
        Refusal::ModelNotAllowed { .. } => "model_not_allowed",
        Refusal::StoringForbidden { .. } => "storing_forbidden",
        Refusal::ContentBlocked(_) => "content_blocked",
        Refusal::ToolRefused(_) => "tool_refused",
        Refusal::RateLimited(_) => "rate_limited",
        Refusal::QuotaSpent(_) => "quota_spent",
        Refusal::NoProvider { .. } => "no_provider",
        Refusal::Unbounded { .. } => "unbounded",
        Refusal::Untranslatable { .. } => "untranslatable",
        Refusal::NotFound { .. } => "not_found",
        Refusal::Budget(_) => "budget",
        Refusal::AuthorityUnavailable => "authority_unavailable",
        Refusal::JournalUnavailable => "journal_unavailable",
        Refusal::ProviderUnavailable { .. } => "provider_unavailable",
        Refusal::CircuitOpen { .. } => "circuit_open",
        Refusal::ToolUnavailable { .. } => "tool_unavailable",
    }
}
