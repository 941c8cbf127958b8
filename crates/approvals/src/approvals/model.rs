//! The words of approvals.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use iron_audit::Role;
use iron_primitives::{
    AgentId, ApprovalId, ChannelId, Money, TeamId, TenantId, Timestamp, TokenDigest, UserId,
};
use serde::{Serialize, Serializer};
use serde_json::Value;

iron_store::words! {
    /// Where an approval stands.
    pub enum ApprovalStatus {
        /// Nobody, or not enough people, have decided yet.
        Pending = "pending",
        /// The call may be made, once.
        Approved = "approved",
        /// It may not.
        Denied = "denied",
        /// Nobody decided in time: it may not.
        Expired = "expired",
    }
}

iron_store::words! {
    /// How much harm a call can do.
    pub enum RiskLevel {
        /// Hardly any.
        Low = "low",
        /// Some.
        Medium = "medium",
        /// Much.
        High = "high",
        /// More than can be undone.
        Critical = "critical",
    }
}

iron_store::words! {
    /// What one person says.
    pub enum Verdict {
        /// Yes.
        Approve = "approve",
        /// No.
        Deny = "deny",
    }
}

/// Somebody who may decide, as a policy names him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approver {
    /// This user.
    User(UserId),
    /// Whoever has this address, in lower case.
    Email(String),
    /// Everybody with this role.
    Role(Role),
}

/// Not the name of an approver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the id of a user, an e-mail address, or `role:` and a role")]
pub struct UnknownApprover;

impl FromStr for Approver {
    type Err = UnknownApprover;

    fn from_str(text: &str) -> Result<Self, UnknownApprover> {
        if let Some(role) = text.strip_prefix("role:") {
            return role
                .parse()
                .map(Approver::Role)
                .map_err(|_| UnknownApprover);
        }
        if let Ok(user) = text.parse() {
            return Ok(Approver::User(user));
        }
        let is_address = text.len() <= 254 && text.parse::<lettre::Address>().is_ok();
        is_address
            .then(|| Approver::Email(text.to_lowercase()))
            .ok_or(UnknownApprover)
    }
}

impl fmt::Display for Approver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Approver::User(user) => user.fmt(f),
            Approver::Email(address) => f.write_str(address),
            Approver::Role(role) => write!(f, "role:{}", role.as_str()),
        }
    }
}

impl Serialize for Approver {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Somebody of the tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user.
    pub user: UserId,
    /// What he is in the tenant.
    pub role: Role,
    /// His address.
    pub email: String,
}

impl Person {
    /// The names under which a policy may know him.
    pub(crate) fn names(&self) -> [String; 3] {
        [
            Approver::User(self.user).to_string(),
            self.email.to_lowercase(),
            Approver::Role(self.role).to_string(),
        ]
    }
}

/// What people have to decide about: one call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApproval {
    /// Whose it is.
    pub tenant: TenantId,
    /// Who wants to call.
    pub agent: AgentId,
    /// What it is called.
    pub agent_name: String,
    /// Whose agent it is.
    pub owner: UserId,
    /// The team it belongs to.
    pub team: Option<TeamId>,
    /// The tool.
    pub tool: String,
    /// What it is called with, secrets masked: people see it, and so do the channels they are told by.
    pub arguments: Value,
    /// By which the very same call is known again: 64 hexadecimal digits, lower case.
    pub arguments_hash: String,
    /// How much harm it can do.
    pub risk_level: RiskLevel,
    /// The rules that ask for it.
    pub rules: Vec<String>,
    /// What the call costs.
    pub cost: Option<Money>,
    /// The conversation it belongs to.
    pub conversation: Option<String>,
    /// The execution it belongs to.
    pub execution: Option<String>,
    /// Who may decide beside the admins.
    pub approvers: Vec<Approver>,
    /// How many different people have to approve; 1 to 20.
    pub quorum: u32,
    /// Whether the owner may not decide, whatever the tenant has set.
    pub forbid_own: bool,
    /// How long it waits; by the setting of the tenant if absent, else 1 s to 1 h.
    pub timeout: Option<Duration>,
}

/// What one person has said to an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Who.
    pub user: UserId,
    /// What.
    pub verdict: Verdict,
    /// And why.
    pub comment: Option<String>,
    /// By which way it came: `api`, `link`, or the channel.
    pub way: String,
    /// When.
    pub decided_at: Timestamp,
}

/// One call of a tool that people decide about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Approval {
    /// The approval.
    pub id: ApprovalId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Who wants to call.
    pub agent: AgentId,
    /// What it was called when it asked.
    pub agent_name: String,
    /// Whose agent it is.
    pub owner: UserId,
    /// The team it belongs to.
    pub team: Option<TeamId>,
    /// The tool.
    pub tool: String,
    /// What it is called with, secrets masked.
    pub arguments: Value,
    /// By which the very same call is known again.
    pub arguments_hash: String,
    /// How much harm it can do.
    pub risk_level: RiskLevel,
    /// The rules that ask for it.
    pub rules: Vec<String>,
    /// What the call costs.
    pub cost: Option<Money>,
    /// The conversation it belongs to.
    pub conversation: Option<String>,
    /// The execution it belongs to.
    pub execution: Option<String>,
    /// Who may decide beside the admins.
    pub approvers: Vec<Approver>,
    /// How many different people have to approve.
    pub quorum: u32,
    /// Whether the owner may not decide.
    pub forbid_own: bool,
    /// Through which channels people were told.
    pub channels: Vec<ChannelId>,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// What people have said, the first one first.
    pub decisions: Vec<Decision>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Until when it can be decided.
    pub expires_at: Timestamp,
    /// When it was decided, or ran out.
    pub decided_at: Option<Timestamp>,
    /// Until when the approved call can be made.
    pub grant_expires_at: Option<Timestamp>,
    /// When it was made.
    pub redeemed_at: Option<Timestamp>,
}

impl Approval {
    /// As it stands at an instant: what nobody has decided by its end has expired then, whether or
    /// not that was written down yet.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        if self.status == ApprovalStatus::Pending && self.expires_at <= now {
            self.status = ApprovalStatus::Expired;
            self.decided_at = Some(self.expires_at);
        }
        self
    }

    /// Whether it waits for people.
    pub fn is_pending(&self) -> bool {
        self.status == ApprovalStatus::Pending
    }

    /// Who brought the end: the one who denied, or the last who approved.
    pub fn decided_by(&self) -> Option<&Decision> {
        match self.status {
            ApprovalStatus::Approved | ApprovalStatus::Denied => self.decisions.last(),
            ApprovalStatus::Pending | ApprovalStatus::Expired => None,
        }
    }

    /// Who has approved so far.
    pub fn approved_by(&self) -> impl Iterator<Item = &Decision> {
        let all = self.decisions.iter();
        all.filter(|one| one.verdict == Verdict::Approve)
    }

    /// Whether a policy names this person.
    pub(crate) fn names(&self, person: &Person) -> bool {
        let names = person.names();
        let mut all = self.approvers.iter();
        all.any(|approver| names.contains(&approver.to_string()))
    }

    /// Whether it asks the same people in the same way as a new one would.
    pub(crate) fn asks_as(&self, new: &Approval) -> bool {
        let set = |list: &[Approver]| -> BTreeSet<_> {
            let words = list.iter().map(Approver::to_string);
            words.collect()
        };
        set(&self.approvers) == set(&new.approvers)
            && self.quorum == new.quorum
            && self.forbid_own == new.forbid_own
    }
}

/// What somebody says to an approval.
#[derive(Debug, Clone)]
pub struct Ruling {
    /// The approval.
    pub approval: ApprovalId,
    /// The address of whoever says it, as the directory of people knows it now.
    pub email: String,
    /// What.
    pub verdict: Verdict,
    /// And why.
    pub comment: Option<String>,
    /// By which way it came.
    pub way: Way,
}

/// By which way somebody has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With a credential of his own.
    Api,
    /// By a signed answer through a channel.
    Channel(ChannelId),
    /// By the link in a letter to him, which this spends.
    Link(TokenDigest),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Api => f.write_str("api"),
            Way::Channel(channel) => channel.fmt(f),
            Way::Link(_) => f.write_str("link"),
        }
    }
}

/// Leave for one call, taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The approval it comes from, spent now.
    pub approval: ApprovalId,
    /// Who approved, and when.
    pub approved_by: Vec<(UserId, Timestamp)>,
}

/// Which call is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Redemption<'a> {
    /// Whose it is.
    pub tenant: TenantId,
    /// Who calls.
    pub agent: AgentId,
    /// Which tool.
    pub tool: &'a str,
    /// The hash of its arguments.
    pub arguments_hash: &'a str,
    /// Only by this approval; by any that fits if absent.
    pub approval: Option<ApprovalId>,
}

/// Which approvals are wanted.
#[derive(Debug, Clone, Default)]
pub struct ApprovalFilter {
    /// In one of these states; any if empty.
    pub statuses: Vec<ApprovalStatus>,
    /// Of this agent.
    pub agent: Option<AgentId>,
}

impl ApprovalFilter {
    /// What lists are sorted by: the word and its column.
    pub const SORTS: &'static [(&'static str, &'static str)] =
        &[("created_at", "created_at"), ("expires_at", "expires_at")];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approvers_read_back_what_they_say_and_nothing_else_is_one() {
        let user = "user_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f";
        for text in [user, "ada@example.com", "role:operator"] {
            let approver: Approver = text.parse().expect("an approver");
            assert_eq!(approver.to_string(), text);
        }
        assert_eq!(
            "Ada@Example.com"
                .parse::<Approver>()
                .map(|one| one.to_string()),
            Ok("ada@example.com".to_owned())
        );
        for text in [
            "",
            "ada",
            "role:king",
            "agent_0192f0c1",
            "a@b\r\nBcc: c@d",
            "*",
        ] {
            assert_eq!(text.parse::<Approver>(), Err(UnknownApprover), "{text}");
        }
    }
}
