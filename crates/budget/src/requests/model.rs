//! The words of budget requests.

use iron_primitives::{AgentId, BudgetRequestId, Money, Timestamp, UserId};
use serde::Serialize;

use crate::model::Changed;

/// Where a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    /// Nobody has decided yet.
    Pending,
    /// The budget was raised.
    Approved,
    /// The budget stayed.
    Denied,
    /// It was taken back, or its agent or requester was deleted.
    Cancelled,
}

impl RequestStatus {
    /// Every status.
    pub const ALL: [RequestStatus; 4] = [
        RequestStatus::Pending,
        RequestStatus::Approved,
        RequestStatus::Denied,
        RequestStatus::Cancelled,
    ];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            RequestStatus::Pending => "pending",
            RequestStatus::Approved => "approved",
            RequestStatus::Denied => "denied",
            RequestStatus::Cancelled => "cancelled",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// What can be done about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Raise the budget.
    Approve,
    /// Leave the budget as it is.
    Deny,
    /// Take the request back.
    Cancel,
}

impl Decision {
    /// Every decision.
    pub const ALL: [Decision; 3] = [Decision::Approve, Decision::Deny, Decision::Cancel];

    /// The status after it; none if the present one does not allow it.
    pub const fn outcome(self, from: RequestStatus) -> Option<RequestStatus> {
        match (self, from) {
            (Decision::Approve, RequestStatus::Pending) => Some(RequestStatus::Approved),
            (Decision::Deny, RequestStatus::Pending) => Some(RequestStatus::Denied),
            (Decision::Cancel, RequestStatus::Pending) => Some(RequestStatus::Cancelled),
            (_, RequestStatus::Approved | RequestStatus::Denied | RequestStatus::Cancelled) => None,
        }
    }

    /// The action in the audit log.
    pub(super) const fn action(self) -> &'static str {
        match self {
            Decision::Approve => "budget_request.approve",
            Decision::Deny => "budget_request.deny",
            Decision::Cancel => "budget_request.cancel",
        }
    }
}

/// A request for a higher budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRequest {
    /// The request.
    pub id: BudgetRequestId,
    /// Whose budget.
    pub agent: AgentId,
    /// What the agent was called when it was made.
    pub agent_name: String,
    /// Who asks.
    pub requester: UserId,
    /// The limit when it was made.
    pub current_budget: Money,
    /// The limit asked for, not the difference.
    pub requested_budget: Money,
    /// Why.
    pub justification: String,
    /// Where it stands.
    pub status: RequestStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// Who decided.
    pub decided_by: Option<UserId>,
    /// Why it was denied or cancelled.
    pub reason: Option<String>,
    /// What was said to an approval.
    pub notes: Option<String>,
    /// The limit that was given.
    pub approved_budget: Option<Money>,
}

/// A request that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Whose budget; the caller has seen that the agent exists and is within reach.
    pub agent: AgentId,
    /// What the agent is called.
    pub agent_name: String,
    /// The limit asked for.
    pub requested_budget: Money,
    /// Why.
    pub justification: String,
}

/// Which requests are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestFilter {
    /// In one of these states; any if empty.
    pub statuses: Vec<RequestStatus>,
    /// For this agent.
    pub agent: Option<AgentId>,
    /// By this user.
    pub requester: Option<UserId>,
    /// Only the caller's own.
    pub mine: bool,
}

impl RequestFilter {
    /// What lists are sorted by: the word and its column.
    pub const SORTS: &'static [(&'static str, &'static str)] = &[
        ("created_at", "created_at"),
        ("requested_budget", "requested_budget"),
    ];
}

/// How a request is approved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Approval {
    /// The limit that is given; the one asked for if absent.
    pub budget: Option<Money>,
    /// What is said to it.
    pub notes: Option<String>,
}

/// What an approval came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The request.
    pub request: BudgetRequest,
    /// The budget.
    pub changed: Changed,
}

/// Whose requests go with him or it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestsOf {
    /// An agent that is deleted.
    Agent(AgentId),
    /// A user who is deleted.
    Requester(UserId),
}

impl RequestsOf {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            RequestsOf::Agent(_) => "the agent was deleted",
            RequestsOf::Requester(_) => "the requester was deleted",
        }
    }
}
