//! People who are asked about calls of tools, and what agents have read, as the runtime of the same
//! process sees them.

use std::time::Duration;

use async_trait::async_trait;
use iron_approvals::{
    Approval, ApprovalStatus, Approvals, Approver, NewApproval, Redemption, RiskLevel,
};
use iron_audit::Audit;
use iron_policy::RiskLevel as Declared;
use iron_primitives::ApprovalId;
use iron_runtime::authority::AuthorityError;
use iron_runtime::custody::Owner;
use iron_runtime::oversight::{AskApproval, Asked, Consent, Leave, Oversight};

/// Approvals, and the records of what agents were allowed.
pub(super) struct Watch {
    pub(super) approvals: Approvals,
    pub(super) audit: Audit,
}

#[async_trait]
impl Oversight for Watch {
    async fn ask(&self, ask: AskApproval) -> Result<Asked, AuthorityError> {
        let wanted = Redemption {
            tenant: ask.path.tenant,
            agent: ask.path.agent,
            tool: &ask.tool,
            arguments_hash: &ask.arguments_hash,
            approval: None,
        };
        if let Some(granted) = self.approvals.granted(wanted).await.map_err(silent)? {
            return Ok(asked(&granted));
        }
        let approval = self.approvals.request(new_of(ask)).await;
        Ok(asked(&approval.map_err(silent)?))
    }

    async fn wait(
        &self,
        owner: Owner,
        approval: ApprovalId,
        patience: Duration,
    ) -> Result<Asked, AuthorityError> {
        let found = self.approvals.wait(owner.tenant, approval, patience).await;
        let found = found.map_err(silent)?;
        match found.agent == owner.agent {
            true => Ok(asked(&found)),
            false => Err(AuthorityError::NotFound),
        }
    }

    async fn redeem(&self, leave: Leave<'_>) -> Result<bool, AuthorityError> {
        let wanted = Redemption {
            tenant: leave.owner.tenant,
            agent: leave.owner.agent,
            tool: leave.tool,
            arguments_hash: leave.arguments_hash,
            approval: Some(leave.approval),
        };
        let grant = self.approvals.redeem(wanted).await.map_err(silent)?;
        Ok(grant.is_some())
    }

    async fn has_read(
        &self,
        owner: Owner,
        conversation: Option<&str>,
    ) -> Result<bool, AuthorityError> {
        let (tenant, agent) = (owner.tenant, owner.agent);
        let read = self.audit.has_read_untrusted(tenant, agent, conversation);
        read.await.map_err(|error| {
            tracing::warn!(%error, "what an agent has read is not known");
            AuthorityError::Unavailable
        })
    }
}

fn new_of(ask: AskApproval) -> NewApproval {
    let approvers = ask.terms.approvers.iter();
    NewApproval {
        tenant: ask.path.tenant,
        agent: ask.path.agent,
        agent_name: ask.agent_name,
        owner: ask.path.user,
        team: ask.path.team,
        tool: ask.tool,
        arguments: ask.arguments,
        arguments_hash: ask.arguments_hash,
        risk_level: match ask.risk_level {
            Declared::Low => RiskLevel::Low,
            Declared::Medium => RiskLevel::Medium,
            Declared::High => RiskLevel::High,
            Declared::Critical => RiskLevel::Critical,
        },
        rules: ask.rules,
        cost: Some(ask.cost),
        conversation: ask.conversation,
        execution: ask.execution,
        // Whom nobody knows nobody asks; admins may always decide.
        approvers: approvers
            .filter_map(|name| name.parse::<Approver>().ok())
            .collect(),
        quorum: ask.terms.quorum,
        forbid_own: ask.terms.forbid_own,
        timeout: ask
            .terms
            .timeout_seconds
            .map(|s| Duration::from_secs(s.into())),
    }
}

fn asked(approval: &Approval) -> Asked {
    let granted = approval
        .grant_expires_at
        .filter(|_| approval.redeemed_at.is_none());
    Asked {
        approval: approval.id,
        state: match approval.status {
            ApprovalStatus::Pending => Consent::Pending,
            ApprovalStatus::Approved if granted.is_some() => Consent::Approved,
            ApprovalStatus::Denied => Consent::Denied,
            ApprovalStatus::Approved | ApprovalStatus::Expired => Consent::Expired,
        },
        expires_at: granted.unwrap_or(approval.expires_at),
    }
}

fn silent(error: iron_approvals::Error) -> AuthorityError {
    match error {
        iron_approvals::Error::NoApproval { .. } => AuthorityError::NotFound,
        other => {
            tracing::warn!(error = %other, "people could not be asked about a call of a tool");
            AuthorityError::Unavailable
        }
    }
}
