//! People of the tests: they agree or not when they are told to.

use std::time::Duration;

use async_trait::async_trait;
use iron_primitives::ApprovalId;
use iron_runtime::authority::AuthorityError;
use iron_runtime::custody::Owner;
use iron_runtime::oversight::{AskApproval, Asked, Consent, Leave, Oversight};

use super::TestAuthority;

/// What people were asked, and what they have said.
pub(crate) struct Question {
    pub(crate) ask: AskApproval,
    pub(crate) asked: Asked,
    pub(crate) used: bool,
}

impl TestAuthority {
    /// People decide about what was asked last.
    pub(crate) fn decide(&self, state: Consent) {
        let mut plane = self.plane();
        let question = plane.questions.last_mut().expect("a question");
        question.asked.state = state;
    }

    fn asked(&self, owner: Owner, approval: ApprovalId) -> Option<Asked> {
        let plane = self.plane();
        let found = plane.questions.iter().find(|question| {
            question.asked.approval == approval && question.ask.path.agent == owner.agent
        });
        found.map(|question| question.asked)
    }
}

#[async_trait]
impl Oversight for TestAuthority {
    async fn ask(&self, ask: AskApproval) -> Result<Asked, AuthorityError> {
        let approval = self.environment.new_id();
        let mut plane = self.plane();
        let same = plane.questions.iter().find(|question| {
            question.ask.arguments_hash == ask.arguments_hash
                && question.ask.tool == ask.tool
                && !question.used
                && matches!(question.asked.state, Consent::Pending | Consent::Approved)
        });
        if let Some(question) = same {
            return Ok(question.asked);
        }
        let asked = Asked {
            approval,
            state: Consent::Pending,
            expires_at: self.environment.now().plus(Duration::from_secs(300)),
        };
        let used = false;
        plane.questions.push(Question { ask, asked, used });
        Ok(asked)
    }

    async fn wait(
        &self,
        owner: Owner,
        approval: ApprovalId,
        patience: Duration,
    ) -> Result<Asked, AuthorityError> {
        let end = tokio::time::Instant::now() + patience;
        loop {
            let asked = self.asked(owner, approval);
            let asked = asked.ok_or(AuthorityError::NotFound)?;
            if asked.state != Consent::Pending || tokio::time::Instant::now() >= end {
                return Ok(asked);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn redeem(&self, leave: Leave<'_>) -> Result<bool, AuthorityError> {
        let mut plane = self.plane();
        let found = plane.questions.iter_mut().find(|question| {
            question.asked.approval == leave.approval
                && question.ask.path.agent == leave.owner.agent
                && question.ask.tool == leave.tool
                && question.ask.arguments_hash == leave.arguments_hash
                && question.asked.state == Consent::Approved
                && !question.used
        });
        Ok(found.is_some_and(|question| !std::mem::replace(&mut question.used, true)))
    }

    async fn has_read(&self, _: Owner, conversation: Option<&str>) -> Result<bool, AuthorityError> {
        let plane = self.plane();
        Ok(plane.read_elsewhere.as_deref() == Some(conversation.unwrap_or_default()))
    }
}
