//! People who are asked before an agent may act, and what an agent has read before.
//!
//! Both are known to the control plane alone: people decide there, and what was read may have been
//! read by way of another instance. A control plane without [`Oversight`] asks nobody, and then
//! nothing is done that somebody would have to agree to.

use std::time::Duration;

use async_trait::async_trait;
use iron_policy::{Approval as Terms, RiskLevel};
use iron_primitives::{ActorPath, ApprovalId, Money, Timestamp};
use serde_json::Value;

use crate::authority::AuthorityError;
use crate::custody::Owner;

/// Asks people, and remembers what was read.
#[async_trait]
pub trait Oversight: Send + Sync {
    /// How the approval of a call stands: one that is given and not used comes back, else one that
    /// waits, else people are asked.
    async fn ask(&self, ask: AskApproval) -> Result<Asked, AuthorityError>;

    /// How an approval of the owner stands. While it is pending it is waited for, at most for so
    /// long.
    async fn wait(
        &self,
        owner: Owner,
        approval: ApprovalId,
        patience: Duration,
    ) -> Result<Asked, AuthorityError>;

    /// Uses an approval up, for the call that it was given for: of all who try at once, one has it.
    async fn redeem(&self, leave: Leave<'_>) -> Result<bool, AuthorityError>;

    /// Whether a tool has been allowed in the conversation, or where none is named by the agent at
    /// all, that gives back what strangers may have written.
    async fn has_read(
        &self,
        owner: Owner,
        conversation: Option<&str>,
    ) -> Result<bool, AuthorityError>;
}

/// A call that people are asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct AskApproval {
    /// The agent and everything above it.
    pub path: ActorPath,
    /// What people call the agent.
    pub agent_name: String,
    /// What the agent calls the tool.
    pub tool: String,
    /// What it is to be given.
    pub arguments: Value,
    /// By which the very same call is known again: 64 hexadecimal digits.
    pub arguments_hash: String,
    /// How bad the worst is that the tool can do.
    pub risk_level: RiskLevel,
    /// The rules that ask.
    pub rules: Vec<String>,
    /// Who is asked, and how.
    pub terms: Terms,
    /// What the call costs.
    pub cost: Money,
    /// The conversation it belongs to.
    pub conversation: Option<String>,
    /// What the client calls the run it belongs to.
    pub execution: Option<String>,
}

/// How an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Which one.
    pub approval: ApprovalId,
    /// Where it stands.
    pub state: Consent,
    /// When it ends if nobody decides; of one that is given, when it is too late to use it.
    pub expires_at: Timestamp,
}

/// Where an approval stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Not decided.
    Pending,
    /// The call may be made, once.
    Approved,
    /// It may not.
    Denied,
    /// Nobody has decided in time, or nobody has used it.
    Expired,
}

/// The use of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leave<'a> {
    /// Whose call it is.
    pub owner: Owner,
    /// The approval.
    pub approval: ApprovalId,
    /// What the agent calls the tool.
    pub tool: &'a str,
    /// As it was asked for.
    pub arguments_hash: &'a str,
}
