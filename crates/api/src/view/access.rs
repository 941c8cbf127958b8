//! Access requests.

use iron_approvals::AccessRequest;
use iron_sdk::Dollars;
use iron_sdk::access::{AccessRequestView, AccessStatus};

/// An access request, without its key.
pub(crate) fn access_request(request: AccessRequest) -> AccessRequestView {
    let renewable_from = request.renewable_from();
    AccessRequestView {
        id: request.id,
        requester_id: request.requester,
        team_id: request.team,
        team_name: request.team_name,
        use_case: request.use_case,
        monthly_budget: request.monthly_budget.into(),
        status: access_status(request.status),
        created_at: request.created_at,
        decided_at: request.decided_at,
        decided_by: request.decided_by,
        budget: request.budget.map(Dollars::from),
        allowed_models: request.allowed_models,
        reason: request.reason,
        agent_id: request.key.map(|key| key.agent),
        claimed_at: request.claimed_at,
        renewed_at: request.renewed_at,
        renewable_from,
        expires_at: request.key.map(|key| key.expires_at),
        revoked_at: request.revoked_at,
    }
}

/// Where an access request stands.
pub(crate) const fn access_status(status: iron_approvals::AccessStatus) -> AccessStatus {
    match status {
        iron_approvals::AccessStatus::Pending => AccessStatus::Pending,
        iron_approvals::AccessStatus::Approved => AccessStatus::Approved,
        iron_approvals::AccessStatus::Denied => AccessStatus::Denied,
        iron_approvals::AccessStatus::Claimed => AccessStatus::Claimed,
        iron_approvals::AccessStatus::Revoked => AccessStatus::Revoked,
    }
}
