//! The words of path leases.

use std::time::Duration;

use iron_audit::{Origin, RequestFacts};
use iron_primitives::{
    ActorPath, AgentId, AuditId, IcTokenId, LeaseId, Money, ProviderId, RequestId, Timestamp,
    TokenDigest, TokenValue,
};
use serde_json::Value;

/// How path leases are dealt out.
#[derive(Debug, Clone, Copy)]
pub struct PathTerms {
    /// How long a lease lives without a refresh.
    pub ttl: Duration,
    /// How long a pass is good that nobody uses.
    pub pass_ttl: Duration,
    /// Handshakes of one runtime within this time are of one process.
    pub shared_for: Duration,
}

impl Default for PathTerms {
    fn default() -> Self {
        PathTerms {
            ttl: Duration::from_secs(3_600),
            pass_ttl: Duration::from_secs(300),
            shared_for: Duration::from_secs(2),
        }
    }
}

/// Where a path lease stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathState {
    /// Its runtime spends from it.
    Active,
    /// Its time is over, or nothing is left of it; a refresh within the grace makes it active.
    Expired,
    /// Nobody asked for it in time, or a newer process has taken its place.
    Orphaned,
    /// Taken away.
    Revoked,
    /// Its final account is known.
    Closed,
}

impl PathState {
    /// All of them.
    pub const ALL: [PathState; 5] = [
        PathState::Active,
        PathState::Expired,
        PathState::Orphaned,
        PathState::Revoked,
        PathState::Closed,
    ];

    /// The word in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            PathState::Active => "active",
            PathState::Expired => "expired",
            PathState::Orphaned => "orphaned",
            PathState::Revoked => "revoked",
            PathState::Closed => "closed",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        PathState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// An agent that has shown its token.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// The agent and everything above it.
    pub path: ActorPath,
    /// The token.
    pub token: IcTokenId,
    /// What is kept of its value.
    pub digest: TokenDigest,
    /// The request, for the audit log.
    pub request: RequestFacts,
}

impl Speaker {
    pub(super) fn origin(&self) -> Origin {
        Origin {
            tenant: self.path.tenant,
            user: None,
            request: Some(self.request.clone()),
        }
    }
}

/// A runtime that wants money.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// What it calls itself.
    pub runtime: String,
    /// Its version, if it says.
    pub version: Option<String>,
    /// How much it wants.
    pub requested: Money,
    /// Where its calls will go.
    pub provider: ProviderId,
    /// What they will ask for, if it says.
    pub model: Option<String>,
}

/// A runtime that wants more, or another pass.
#[derive(Debug, Clone, Copy)]
pub struct Refresh {
    /// Of which lease.
    pub lease: LeaseId,
    /// How much; nothing if it wants a pass only.
    pub requested: Money,
    /// How much it knows to have been granted, so that what is asked twice is given once.
    pub known: Option<Money>,
}

/// The final account of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Final {
    /// What was spent in all; what was reported if absent.
    pub spent: Option<Money>,
    /// Whether that is in whole cents: then it is not less than what was reported if it is that,
    /// rounded.
    pub in_cents: bool,
    /// What its owner believes to give back; decides nothing.
    pub returning: Option<Money>,
}

impl Final {
    /// What was spent, in nano-dollars, of a lease of which so much was reported.
    pub(super) fn of(&self, settled: i64) -> i64 {
        let Some(spent) = self.spent else {
            return settled;
        };
        let reported = Money::from_nanos(settled);
        let covered = match self.in_cents {
            true => reported.cents() >= spent.cents(),
            false => reported.micros() >= spent.micros(),
        };
        if covered { settled } else { spent.nanos() }
    }
}

/// What a call has cost.
#[derive(Debug, Clone)]
pub struct Used {
    /// The call, by the number that the agent gave it.
    pub request: RequestId,
    /// Its cost.
    pub cost: Money,
    /// The entry that its record will be in the outbox.
    pub entry: AuditId,
    /// Its record.
    pub record: Value,
    /// What a call that went through a gateway of ours is labelled with.
    pub labels: Value,
}

/// A path lease as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathLease {
    /// The lease.
    pub id: LeaseId,
    /// Whose.
    pub agent: AgentId,
    /// What its runtime calls itself.
    pub runtime: String,
    /// Where it stands.
    pub state: PathState,
    /// Granted ever.
    pub granted: Money,
    /// Spent, as far as is known.
    pub settled: Money,
    /// Given back.
    pub returned: Money,
    /// Set aside for calls by passes that are under way.
    pub held: Money,
    /// Where its calls go.
    pub provider: ProviderId,
    /// What they ask for, if it was said.
    pub model: Option<String>,
    /// When it ends without a refresh.
    pub expires_at: Timestamp,
}

impl PathLease {
    /// What may still be spent of it.
    pub fn remaining(&self) -> Money {
        match self.state {
            PathState::Active => self
                .granted
                .minus_or_zero(self.settled)
                .minus_or_zero(self.held),
            _ => Money::ZERO,
        }
    }
}

/// A pass for our gateways.
#[derive(Debug, Clone)]
pub struct Pass {
    /// Its value, which is not kept.
    pub value: TokenValue,
    /// When it ends if nobody uses it.
    pub expires_at: Timestamp,
}

/// A lease after a handshake, a report or a refresh.
#[derive(Debug, Clone)]
pub struct Lent {
    /// The lease.
    pub lease: PathLease,
    /// What was granted just now.
    pub granted: Money,
    /// The limit of the agent, if it has one.
    pub agent_limit: Option<Money>,
    /// What the agent may still be lent, if it has a limit.
    pub agent_remaining: Option<Money>,
    /// A pass, while the lease is active.
    pub pass: Option<Pass>,
}

/// What came of a report.
#[derive(Debug, Clone)]
pub struct Reported {
    /// Calls that were not known.
    pub accepted: u32,
    /// Calls that were.
    pub duplicates: u32,
    /// The lease.
    pub lent: Lent,
}

/// What came of a return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The lease, closed.
    pub lease: PathLease,
    /// What the agent could be lent then, if it had a limit.
    pub agent_remaining: Option<Money>,
}
