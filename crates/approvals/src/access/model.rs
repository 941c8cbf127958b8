//! The words of access requests.

use std::time::Duration;

use iron_primitives::{AccessRequestId, AgentId, IcTokenId, Money, TeamId, Timestamp, UserId};
use serde::Serialize;

iron_store::words! {
    /// Where a request for access stands.
    pub enum AccessStatus {
        /// Nobody has decided yet.
        Pending = "pending",
        /// The requester can claim the key.
        Approved = "approved",
        /// There is none.
        Denied = "denied",
        /// The requester has the key.
        Claimed = "claimed",
        /// It works no more, or can be claimed no more.
        Revoked = "revoked",
    }
}

impl AccessStatus {
    /// Whether this step is one that a request can take.
    pub const fn may_become(self, next: AccessStatus) -> bool {
        use AccessStatus::{Approved, Claimed, Denied, Pending, Revoked};
        matches!(
            (self, next),
            (Pending, Approved | Denied) | (Approved, Claimed | Revoked) | (Claimed, Revoked)
        )
    }

    /// The action in the audit log by which this state is reached.
    pub(super) const fn action(self) -> &'static str {
        match self {
            AccessStatus::Pending => "access.request",
            AccessStatus::Approved => "access.approve",
            AccessStatus::Denied => "access.deny",
            AccessStatus::Claimed => "access.claim",
            AccessStatus::Revoked => "access.revoke",
        }
    }
}

/// The key that a request has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IssuedKey {
    /// Whose it is.
    pub agent: AgentId,
    /// Its record.
    pub record: IcTokenId,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// A request for access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessRequest {
    /// The request.
    pub id: AccessRequestId,
    /// Who asks.
    pub requester: UserId,
    /// From whose budget.
    pub team: TeamId,
    /// What the team was called when it was made.
    pub team_name: String,
    /// What for.
    pub use_case: String,
    /// How much a month.
    pub monthly_budget: Money,
    /// Where it stands.
    pub status: AccessStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last took a step.
    pub updated_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
    /// Who decided.
    pub decided_by: Option<UserId>,
    /// The monthly budget that was given.
    pub budget: Option<Money>,
    /// The models that may be used; all that the team may use if absent.
    pub allowed_models: Option<Vec<String>>,
    /// Why it was denied or revoked.
    pub reason: Option<String>,
    /// The key.
    pub key: Option<IssuedKey>,
    /// When it was claimed.
    pub claimed_at: Option<Timestamp>,
    /// When it was last renewed.
    pub renewed_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The longest time before its end in which a key can be renewed.
const RENEWAL: Duration = Duration::from_secs(14 * 86_400);

impl AccessRequest {
    /// From when on the key can be renewed: two weeks before its end, or a quarter of its time if
    /// that is less. None while nobody has a key.
    pub fn renewable_from(&self) -> Option<Timestamp> {
        let key = self.key.filter(|_| self.status == AccessStatus::Claimed)?;
        let since = self.renewed_at.or(self.claimed_at)?;
        let quarter = key.expires_at.since(since) / 4;
        Some(key.expires_at.minus(quarter.min(RENEWAL)))
    }
}

/// A request that is about to be made.
#[derive(Debug, Clone)]
pub struct NewAccessRequest {
    /// From whose budget; the caller has seen that the team exists.
    pub team: TeamId,
    /// What it is called.
    pub team_name: String,
    /// What for.
    pub use_case: String,
    /// How much a month.
    pub monthly_budget: Money,
}

/// What is given.
#[derive(Debug, Clone, Default)]
pub struct AccessGrant {
    /// How much a month; what was asked for if absent.
    pub budget: Option<Money>,
    /// Which models; all that the team may use if absent.
    pub allowed_models: Option<Vec<String>>,
}

/// Which requests are wanted.
#[derive(Debug, Clone, Default)]
pub struct AccessFilter {
    /// In one of these states; any if empty.
    pub statuses: Vec<AccessStatus>,
    /// For this team.
    pub team: Option<TeamId>,
    /// Only the caller's own.
    pub mine: bool,
}

impl AccessFilter {
    /// What lists are sorted by: the word and its column.
    pub const SORTS: &'static [(&'static str, &'static str)] = &[
        ("created_at", "created_at"),
        ("monthly_budget", "monthly_budget"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_never_changes_again() {
        for status in AccessStatus::ALL {
            for next in AccessStatus::ALL {
                let ended = matches!(status, AccessStatus::Denied | AccessStatus::Revoked);
                let back = *next == AccessStatus::Pending || status == next;
                assert!(
                    !(ended || back) || !status.may_become(*next),
                    "{status} {next}"
                );
            }
        }
    }
}
