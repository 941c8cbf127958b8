//! What people are told of what happens here.

use iron_approvals::{AccessRequest, AccessStatus, EndingKey, Notice, Reminder, Topic};
use iron_budget::{BudgetRequest, RequestStatus};
use iron_fleet::Verb;
use iron_identity::{Invitation, User};
use iron_primitives::{AgentId, TeamId};

/// An agent, by its id, its team and its name, is no longer in the state that it was in.
pub fn agent_state(
    (agent, team, name): (AgentId, Option<TeamId>, &str),
    verb: Verb,
    reason: Option<&str>,
) -> Notice {
    let (topic, state, done) = match verb {
        Verb::Start => (Topic::AgentStarted, "running", "was started"),
        Verb::Restart => (Topic::AgentStarted, "running", "begins anew"),
        Verb::Pause => (Topic::AgentPaused, "paused", "was paused"),
        Verb::Resume => (Topic::AgentResumed, "running", "goes on"),
        Verb::Stop { .. } => (Topic::AgentStopped, "stopped", "was stopped"),
        Verb::Kill => (Topic::AgentStopped, "stopped", "was killed"),
    };
    let notice = Notice::new(topic, format!("agent {name} {done}"))
        .about_agent(agent, team)
        .data("agent_id", agent.to_string())
        .data("name", name)
        .data("runtime_state", state);
    match reason {
        Some(reason) => notice.fact("reason", reason),
        None => notice,
    }
}

/// Somebody asks for a higher budget.
pub(crate) fn budget_requested(
    request: &BudgetRequest,
    team: Option<TeamId>,
    requester: &User,
) -> Notice {
    let title = format!(
        "{} asks for a budget of ${} for the agent {}",
        requester.name, request.requested_budget, request.agent_name
    );
    about(
        Notice::new(Topic::BudgetRequestCreated, title),
        request,
        team,
    )
    .fact("reason", &request.justification)
    .fact(
        "decide",
        format!("iron budget-requests approve {}", request.id),
    )
}

/// A request for a higher budget was decided; the requester is told too.
pub(crate) fn budget_decided(
    request: &BudgetRequest,
    team: Option<TeamId>,
    requester: &User,
) -> Notice {
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
    let mut notice = about(
        Notice::new(Topic::BudgetRequestDecided, title),
        request,
        team,
    )
    .data("status", request.status.as_str())
    .concerns(requester.email.clone());
    for (name, value) in [("reason", &request.reason), ("notes", &request.notes)] {
        if let Some(value) = value {
            notice = notice.fact(name, value);
        }
    }
    notice
}

fn about(notice: Notice, request: &BudgetRequest, team: Option<TeamId>) -> Notice {
    notice
        .about_agent(request.agent, team)
        .fact("budget when asked", format!("${}", request.current_budget))
        .fact("asked for", format!("${}", request.requested_budget))
        .data("budget_request_id", request.id.to_string())
        .data("agent_id", request.agent.to_string())
        .data("requester_id", request.requester.to_string())
}

/// Somebody asks for access.
pub(crate) fn access_requested(request: &AccessRequest, requester: &User) -> Notice {
    let title = format!(
        "{} asks for access in the team {}, ${} a month",
        requester.name, request.team_name, request.monthly_budget
    );
    of_access(Notice::new(Topic::AccessRequested, title), request)
        .fact("use case", &request.use_case)
        .fact("decide", format!("iron access approve {}", request.id))
}

/// A request for access was approved, denied or revoked; the requester is told too, but not his
/// key: that he takes himself.
pub(crate) fn access_decided(request: &AccessRequest, requester: &User) -> Notice {
    let title = format!(
        "the access of {} in the team {} is {}",
        requester.name,
        request.team_name,
        request.status.as_str()
    );
    let mut notice = of_access(Notice::new(Topic::AccessDecided, title), request)
        .data("status", request.status.as_str())
        .concerns(requester.email.clone());
    if let Some(reason) = &request.reason {
        notice = notice.fact("reason", reason);
    }
    if request.status == AccessStatus::Approved {
        notice = notice.fact("take the key", format!("iron access claim {}", request.id));
    }
    notice
}

/// A key ends soon, or has ended; its owner is told too.
pub(crate) fn access_expiring(ending: &EndingKey, owner: &User) -> Notice {
    let (request, ends) = (&ending.request, ending.key.expires_at);
    let verb = match ending.reminder {
        Reminder::Due | Reminder::Last => "ends",
        Reminder::Ended => "has ended",
    };
    let title = format!(
        "the key of {} in the team {} {verb} at {ends}",
        owner.name, request.team_name
    );
    of_access(Notice::new(Topic::AccessExpiring, title), request)
        .data("stage", ending.reminder.as_str())
        .data("expires_at", ends.to_string())
        .fact(
            "take a new key",
            format!("iron access renew {}", request.id),
        )
        .concerns(owner.email.clone())
}

fn of_access(notice: Notice, request: &AccessRequest) -> Notice {
    let budget = request.budget.unwrap_or(request.monthly_budget);
    notice
        .fact("a month", format!("${budget}"))
        .data("access_request_id", request.id.to_string())
        .data("requester_id", request.requester.to_string())
        .data("team_id", request.team.to_string())
        .about_team(request.team)
}

/// Somebody is invited; the token is enclosed, below these lines.
pub(crate) fn invited(made: &Invitation, address: &str) -> Notice {
    Notice::new(Topic::UserInvited, "you are invited to Iron Cage")
        .fact("sign in as", &made.user.email)
        .fact("until", made.expires_at)
        .fact(
            "accept",
            format!("iron --server {address} users accept, with the token below"),
        )
}
