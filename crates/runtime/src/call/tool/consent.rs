//! What people say to a call that policies let nobody make alone.

use std::time::Duration;

use iron_policy::Approval as Terms;
use iron_primitives::{ApprovalId, Refusal};

use crate::Runtime;
use crate::authority::AuthorityError;
use crate::oversight::{AskApproval, Asked, Consent, Leave, Oversight};

use super::Gone;
use super::answer::{Allowed, Denial, ToolAnswer, ToolVerdict};
use super::draft::ToolDraft;

/// The longest that a caller may wait for people.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

impl Runtime {
    /// Finds out whether people agree. None if they do.
    pub(super) async fn consent(
        &self,
        draft: &mut ToolDraft,
        allowed: &Allowed,
        terms: Terms,
        gone: &mut Gone,
    ) -> Result<Option<ToolAnswer>, Refusal> {
        let oversight = self.authority.oversight();
        let oversight = oversight.ok_or(Refusal::AuthorityUnavailable)?;
        let asked = self.asked(oversight, draft, allowed, terms).await?;
        draft.approval = Some(asked.approval);
        let patience = draft.patience.min(LONGEST_WAIT);
        let asked = match asked.state {
            Consent::Pending if patience > Duration::ZERO => {
                let waiting = oversight.wait(draft.owner(), asked.approval, patience);
                tokio::select! {
                    decided = waiting => decided.map_err(refusal_of)?,
                    _ = gone => asked,
                }
            }
            _ => asked,
        };
        Ok(answer_to(asked, allowed))
    }

    async fn asked(
        &self,
        oversight: &dyn Oversight,
        draft: &ToolDraft,
        allowed: &Allowed,
        terms: Terms,
    ) -> Result<Asked, Refusal> {
        if let Some(approval) = draft.approval {
            return known(oversight, draft, approval).await;
        }
        let Some(equipped) = &draft.equipped else {
            return Err(Refusal::AuthorityUnavailable);
        };
        let principal = &draft.bearer().principal;
        let ask = AskApproval {
            path: principal.path,
            agent_name: principal.tools.agent_name.clone(),
            tool: draft.tool.clone(),
            arguments: draft.shown.clone(),
            arguments_hash: draft.arguments_hash(),
            risk_level: equipped.registered.tool.risk_level,
            rules: allowed.rules.clone(),
            terms,
            cost: draft.cost(),
            conversation: draft.attribution.conversation.clone(),
            execution: draft.execution.clone(),
        };
        oversight.ask(ask).await.map_err(refusal_of)
    }

    /// Uses up the approval that the call has, if it needs one. False if somebody else has used it.
    pub(super) async fn redeemed(&self, draft: &ToolDraft) -> Result<bool, Refusal> {
        let Some(approval) = draft.approval else {
            return Ok(true);
        };
        let oversight = self.authority.oversight();
        let oversight = oversight.ok_or(Refusal::AuthorityUnavailable)?;
        let arguments_hash = draft.arguments_hash();
        let leave = Leave {
            owner: draft.owner(),
            approval,
            tool: &draft.tool,
            arguments_hash: &arguments_hash,
        };
        oversight.redeem(leave).await.map_err(refusal_of)
    }
}

async fn known(
    oversight: &dyn Oversight,
    draft: &ToolDraft,
    approval: ApprovalId,
) -> Result<Asked, Refusal> {
    let found = oversight
        .wait(draft.owner(), approval, Duration::ZERO)
        .await;
    match found {
        Ok(asked) => Ok(asked),
        Err(AuthorityError::NotFound) => Err(Refusal::NotFound {
            resource: "approval",
        }),
        Err(error) => Err(refusal_of(error)),
    }
}

fn refusal_of(_: AuthorityError) -> Refusal {
    Refusal::AuthorityUnavailable
}

fn answer_to(asked: Asked, allowed: &Allowed) -> Option<ToolAnswer> {
    let denied = |code, reason| {
        Some(ToolAnswer {
            rules: allowed.rules.clone(),
            ..ToolAnswer::deny(code, reason)
        })
    };
    match asked.state {
        Consent::Approved => None,
        Consent::Denied => denied(Denial::ApprovalDenied, "somebody who was asked said no"),
        Consent::Expired => denied(
            Denial::ApprovalExpired,
            "nobody agreed in time; make the call anew to ask again",
        ),
        Consent::Pending => Some(ToolAnswer {
            verdict: ToolVerdict::ApprovalRequired {
                approval: asked.approval,
                expires_at: asked.expires_at,
            },
            reason: allowed.reason.clone(),
            rules: allowed.rules.clone(),
            rate: None,
        }),
    }
}
