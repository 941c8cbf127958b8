//! Approvals of tool calls.

use iron_approvals::{Approval, Decision};
use iron_sdk::Dollars;
use iron_sdk::approvals::{
    ApprovalDecision, ApprovalStatus, ApprovalVerdict, ApprovalView, RiskLevel,
};

/// An approval.
pub(crate) fn approval(approval: Approval) -> ApprovalView {
    let last = approval.decided_by();
    let (decided_by, comment) = (
        last.map(|said| said.user),
        last.and_then(|said| said.comment.clone()),
    );
    ApprovalView {
        id: approval.id,
        agent_id: approval.agent,
        agent_name: approval.agent_name,
        requester: approval.owner,
        execution_id: approval.execution,
        conversation_id: approval.conversation,
        tool: approval.tool,
        arguments: approval.arguments,
        arguments_hash: approval.arguments_hash,
        risk_level: risk_level(approval.risk_level),
        rules: approval.rules,
        cost: approval.cost.map(Dollars::from),
        cost_micros: approval.cost.map(|cost| cost.micros()),
        status: status(approval.status),
        approvers: approval.approvers.iter().map(ToString::to_string).collect(),
        quorum: approval.quorum,
        forbid_own: approval.forbid_own,
        decisions: approval.decisions.into_iter().map(decision).collect(),
        channels: approval.channels,
        created_at: approval.created_at,
        expires_at: approval.expires_at,
        decided_at: approval.decided_at,
        decided_by,
        comment,
        grant_expires_at: approval.grant_expires_at,
        redeemed_at: approval.redeemed_at,
    }
}

fn decision(said: Decision) -> ApprovalDecision {
    ApprovalDecision {
        user_id: said.user,
        decision: match said.verdict {
            iron_approvals::Verdict::Approve => ApprovalVerdict::Approve,
            iron_approvals::Verdict::Deny => ApprovalVerdict::Deny,
        },
        comment: said.comment,
        via: said.way,
        decided_at: said.decided_at,
    }
}

/// What a request says to an approval.
pub(crate) const fn verdict_of(verdict: ApprovalVerdict) -> iron_approvals::Verdict {
    match verdict {
        ApprovalVerdict::Approve => iron_approvals::Verdict::Approve,
        ApprovalVerdict::Deny => iron_approvals::Verdict::Deny,
    }
}

const fn risk_level(level: iron_approvals::RiskLevel) -> RiskLevel {
    match level {
        iron_approvals::RiskLevel::Low => RiskLevel::Low,
        iron_approvals::RiskLevel::Medium => RiskLevel::Medium,
        iron_approvals::RiskLevel::High => RiskLevel::High,
        iron_approvals::RiskLevel::Critical => RiskLevel::Critical,
    }
}

const fn status(status: iron_approvals::ApprovalStatus) -> ApprovalStatus {
    match status {
        iron_approvals::ApprovalStatus::Pending => ApprovalStatus::Pending,
        iron_approvals::ApprovalStatus::Approved => ApprovalStatus::Approved,
        iron_approvals::ApprovalStatus::Denied => ApprovalStatus::Denied,
        iron_approvals::ApprovalStatus::Expired => ApprovalStatus::Expired,
    }
}
