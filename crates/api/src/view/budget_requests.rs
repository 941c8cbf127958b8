//! Budget requests.

use iron_budget::{Approved, BudgetRequest, BudgetStatus, RequestStatus};
use iron_primitives::Money;
use iron_sdk::Dollars;
use iron_sdk::budget_requests::{
    BudgetRequestApproved, BudgetRequestDetails, BudgetRequestStatus, BudgetRequestView,
    RaisedAgent,
};

/// A budget request.
pub(crate) fn budget_request(request: BudgetRequest) -> BudgetRequestView {
    BudgetRequestView {
        id: request.id,
        agent_id: request.agent,
        agent_name: request.agent_name,
        requester_id: request.requester,
        current_budget: request.current_budget.into(),
        requested_budget: request.requested_budget.into(),
        justification: request.justification,
        status: match request.status {
            RequestStatus::Pending => BudgetRequestStatus::Pending,
            RequestStatus::Approved => BudgetRequestStatus::Approved,
            RequestStatus::Denied => BudgetRequestStatus::Denied,
            RequestStatus::Cancelled => BudgetRequestStatus::Cancelled,
        },
        created_at: request.created_at,
        decided_at: request.decided_at,
        decided_by: request.decided_by,
        reason: request.reason,
        notes: request.notes,
        approved_budget: request.approved_budget.map(Dollars::from),
    }
}

/// A budget request with the agent's budget now.
pub(crate) fn budget_request_details(
    request: BudgetRequest,
    budget: &BudgetStatus,
) -> BudgetRequestDetails {
    let (spent, remaining) = (budget.spent(), budget.remaining());
    BudgetRequestDetails {
        request: budget_request(request),
        agent_budget: budget.limit.map(Dollars::from),
        agent_spent: spent.into(),
        agent_spent_micros: spent.micros(),
        agent_remaining: remaining.map(Dollars::from),
        agent_remaining_micros: remaining.map(Money::micros),
    }
}

/// An approved budget request with what it has made of the budget.
pub(crate) fn budget_request_approved(approved: Approved, name: String) -> BudgetRequestApproved {
    let Approved { request, changed } = approved;
    let before = changed.previous_limit.unwrap_or(request.current_budget);
    let after = changed.now.limit.unwrap_or(request.requested_budget);
    BudgetRequestApproved {
        agent: RaisedAgent {
            id: request.agent,
            name,
            old_budget: before.into(),
            new_budget: after.into(),
        },
        request: budget_request(request),
    }
}

/// The tag of a budget request: it changes once, when it is decided.
pub(crate) fn budget_request_tag(request: &BudgetRequest) -> String {
    let at = request.decided_at.unwrap_or(request.created_at).micros();
    format!("\"{at:x}-{}\"", request.status.as_str())
}
