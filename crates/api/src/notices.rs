//! What people are told of what happens here.

use iron_approvals::{Notice, Topic};
use iron_budget::{BudgetRequest, RequestStatus};
use iron_identity::User;

/// Somebody asks for a higher budget.
pub(crate) fn budget_requested(request: &BudgetRequest, requester: &User) -> Notice {
    let title = format!(
        "{} asks for a budget of ${} for the agent {}",
        requester.name, request.requested_budget, request.agent_name
    );
    about(Notice::new(Topic::BudgetRequestCreated, title), request)
        .fact("reason", &request.justification)
        .fact(
            "decide",
            format!("iron budget-requests approve {}", request.id),
        )
}

/// A request for a higher budget was decided; the requester is told too.
pub(crate) fn budget_decided(request: &BudgetRequest, requester: &User) -> Notice {
    let given = request.approved_budget.unwrap_or(request.requested_budget);
    let title = match request.status {
        RequestStatus::Approved => format!(
            "the agent {} has a budget of ${given} now",
            request.agent_name
        ),
        _ => format!(
            "the request of {} for a higher budget of the agent {} was {}",
            requester.name,
            request.agent_name,
            request.status.as_str()
        ),
    };
    let mut notice = about(Notice::new(Topic::BudgetRequestDecided, title), request)
        .data("status", request.status.as_str())
        .concerns(requester.email.clone());
    for (name, value) in [("reason", &request.reason), ("notes", &request.notes)] {
        if let Some(value) = value {
            notice = notice.fact(name, value);
        }
    }
    notice
}

fn about(notice: Notice, request: &BudgetRequest) -> Notice {
    notice
        .fact("budget when asked", format!("${}", request.current_budget))
        .fact("asked for", format!("${}", request.requested_budget))
        .data("budget_request_id", request.id.to_string())
        .data("agent_id", request.agent.to_string())
        .data("requester_id", request.requester.to_string())
}
