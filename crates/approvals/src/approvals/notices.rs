//! What people are told of approvals.

use iron_primitives::Timestamp;

use super::model::{Approval, ApprovalStatus, Person};
use crate::{Notice, Topic};

/// So much of the arguments is told; all of it can be looked at.
const MOST_TOLD: usize = 1_500;
/// Programs are told arguments of so many bytes, or none.
const MOST_FOR_PROGRAMS: usize = 16 * 1024;

/// An agent wants to make a call.
pub(super) fn requested(approval: &Approval, owner: Option<&Person>) -> Notice {
    let title = format!(
        "the agent {} asks to call {}",
        approval.agent_name, approval.tool
    );
    let owner = owner.map_or_else(|| approval.owner.to_string(), |owner| owner.email.clone());
    let mut notice = about(Notice::new(Topic::ApprovalRequested, title), approval)
        .fact("arguments", arguments(approval))
        .fact("risk", approval.risk_level)
        .fact("agent of", owner)
        .fact("asked by", listed(&approval.rules, "no rule by name"));
    if let Some(cost) = approval.cost {
        notice = notice.fact("cost", format!("${cost}"));
    }
    if approval.quorum > 1 {
        let quorum = format!("{} people have to approve", approval.quorum);
        notice = notice.fact("quorum", quorum);
    }
    if approval.arguments.to_string().len() <= MOST_FOR_PROGRAMS {
        notice = notice.data("arguments", approval.arguments.clone());
    }
    let id = approval.id;
    notice
        .fact("until", whole_seconds(approval.expires_at))
        .fact("decide", format!("iron approvals approve {id}"))
        .data("risk_level", approval.risk_level.as_str())
        .data("requester_id", approval.owner.to_string())
        .data("rules", approval.rules.clone())
        .data("quorum", approval.quorum)
        .data("expires_at", approval.expires_at.to_string())
}

/// It was decided, or nobody did so in time.
pub(super) fn decided(approval: &Approval) -> Notice {
    let title = format!(
        "the call of {} by the agent {} is {}",
        approval.tool, approval.agent_name, approval.status
    );
    let mut notice = about(Notice::new(Topic::ApprovalDecided, title), approval)
        .data("status", approval.status.as_str())
        .data("decided_at", approval.decided_at.map(|at| at.to_string()));
    if approval.status == ApprovalStatus::Expired {
        notice = notice.fact("reason", "nobody has decided in time");
    }
    let by: Vec<_> = approval
        .decisions
        .iter()
        .map(|one| one.user.to_string())
        .collect();
    if !by.is_empty() {
        notice = notice.fact("decided by", by.join(", "));
    }
    for said in approval
        .decisions
        .iter()
        .filter_map(|one| one.comment.as_ref())
    {
        notice = notice.fact("comment", said);
    }
    notice.data("decided_by", by)
}

fn about(notice: Notice, approval: &Approval) -> Notice {
    notice
        .about_agent(approval.agent, approval.team)
        .data("approval_id", approval.id.to_string())
        .data("agent_id", approval.agent.to_string())
        .data("agent_name", approval.agent_name.clone())
        .data("tool", approval.tool.clone())
}

/// The masked arguments as people read them, or the beginning of them.
fn arguments(approval: &Approval) -> String {
    let text = approval.arguments.to_string();
    match text.char_indices().nth(MOST_TOLD) {
        None => text,
        Some((end, _)) => format!(
            "{}… ({} bytes in all, see `iron approvals get {}`)",
            text.get(..end).unwrap_or_default(),
            text.len(),
            approval.id
        ),
    }
}

fn listed(names: &[String], none: &str) -> String {
    match names {
        [] => none.to_owned(),
        some => some.join(", "),
    }
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds(at.seconds())
}
