//! What ends a call before its time.

use std::future::pending;

use iron_llm::translate::{ErrorClass, ProviderError};
use iron_primitives::Refusal;

use crate::authority::End;
use crate::cuts::Watched;
use crate::record::Ended;

use super::draft::Draft;

/// Why a call must end.
#[derive(Debug, Clone)]
pub(super) enum Reason {
    /// A limit was lowered below what is under way.
    BudgetLowered,
    /// Its agent or its token is no more.
    Ended(End),
    /// A guardrail does not let the rest of its answer pass.
    Blocked(Refusal),
    /// Its agent has no more time to work, for this reason.
    OutOfTime(Refusal),
}

impl Reason {
    /// What it is called in the record.
    pub(super) const fn recorded(&self) -> Ended {
        match self {
            Reason::BudgetLowered => Ended::BudgetLowered,
            Reason::Ended(end) => end.recorded(),
            Reason::Blocked(_) => Ended::Blocked,
            Reason::OutOfTime(_) => Ended::OutOfTime,
        }
    }

    /// What a caller is told whose call has brought nothing yet: the same as at its next call.
    pub(super) fn refusal(&self) -> Refusal {
        match self {
            // Only streams are cut for it, and those have begun.
            Reason::BudgetLowered => Refusal::AuthorityUnavailable,
            Reason::Ended(end) => end.refusal(),
            Reason::Blocked(refusal) | Reason::OutOfTime(refusal) => refusal.clone(),
        }
    }

    /// The error that ends a stream.
    pub(super) fn error(&self) -> ProviderError {
        let (class, message) = match self {
            Reason::BudgetLowered => (
                ErrorClass::Billing,
                "a budget was lowered below what is under way",
            ),
            Reason::Ended(End::Agent) => (ErrorClass::Permission, "the agent was ended"),
            Reason::Ended(End::Token) => (ErrorClass::Authentication, "the token was revoked"),
            Reason::Ended(End::Owner) => (
                ErrorClass::Permission,
                "the owner of the agent was suspended",
            ),
            Reason::Ended(End::Tenant) => (ErrorClass::Permission, "the tenant was suspended"),
            Reason::Blocked(refusal) => {
                return ProviderError::new(ErrorClass::Permission, refusal.to_string());
            }
            Reason::OutOfTime(refusal) => {
                let class = match refusal {
                    Refusal::Budget(_) => ErrorClass::Billing,
                    _ => ErrorClass::Overloaded,
                };
                return ProviderError::new(class, refusal.to_string());
            }
        };
        ProviderError::new(class, message)
    }
}

impl Draft {
    /// What has ended it already, if anything.
    pub(super) fn ended(&self) -> Option<Reason> {
        if let Some(end) = self.bearer.lifeline.ended() {
            return Some(Reason::Ended(end));
        }
        let over = self
            .presence
            .as_ref()
            .and_then(|presence| presence.is_over());
        over.map(Reason::OutOfTime)
    }

    /// Waits for what ends it before its time.
    pub(super) async fn cut(&self) -> Reason {
        let time = async {
            match &self.presence {
                Some(presence) => presence.over().await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            end = self.bearer.lifeline.cut() => Reason::Ended(end),
            refusal = time => Reason::OutOfTime(refusal),
        }
    }

    /// As [`Draft::cut`], for a stream that is watched.
    pub(super) async fn cut_or_lowered(&self, watched: &Watched) -> Reason {
        tokio::select! {
            biased;
            reason = self.cut() => reason,
            () = watched.cut() => Reason::BudgetLowered,
        }
    }
}
