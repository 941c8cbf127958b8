//! The one port by which a runtime talks to the control plane.
//!
//! A runtime holds no SQL. Who a token is, what a provider's key is, what may be spent: all
//! of it is asked here. In the server the port is a direct call; from anywhere else it is
//! HTTP. Answers are cached by the runtime, and a [`Change`] tells it at once what is stale.
//! Where others may change things without telling it, it asks again and again whether what is
//! under way may go on ([`Authority::ended`]).
//!
//! Money moves by [`Authority::exchange`] alone. Its rules make loss, duplication and
//! reordering harmless:
//! - the numbers of a lease are cumulative and are merged by taking the larger;
//! - a [`Want`] names what the wallet knew when it asked ([`Want::known`]), so that the same
//!   question asked twice is granted once;
//! - durations in the answer are relative, because no two clocks agree.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use iron_llm::{PriceBook, ProviderKind};
use iron_primitives::{
    ActorPath, AgentId, IcTokenId, InstanceId, LeaseId, PeriodSpan, ProviderId, Scope, Secret,
    TenantId, Timestamp, TokenDigest, Unit, UserId,
};
use serde::{Deserialize, Serialize};

/// The control plane as a runtime sees it.
#[async_trait]
pub trait Authority: Send + Sync + 'static {
    /// Who bears this token.
    async fn authenticate(&self, token: TokenDigest) -> Result<Principal, AuthFailure>;

    /// The opened key of a provider.
    async fn credential(
        &self,
        tenant: TenantId,
        provider: ProviderId,
    ) -> Result<Credential, AuthorityError>;

    /// What has ended for these tokens, if anything, while calls of theirs are under way: one
    /// answer for each, in their order.
    async fn ended(&self, engaged: &[Engaged]) -> Result<Vec<Option<End>>, AuthorityError>;

    /// Reports what leases have used and asks for more money, in one transaction.
    async fn exchange(&self, exchange: Exchange) -> Result<ExchangeReply, AuthorityError>;

    /// The prices in force for a tenant.
    fn prices(&self, tenant: TenantId) -> Arc<PriceBook>;

    /// The key under which personal values of a data subject (named by its keyed hash) are
    /// sealed in records; made at the first question.
    async fn subject_key(
        &self,
        tenant: TenantId,
        subject: [u8; 32],
    ) -> Result<SubjectKey, AuthorityError>;
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailure {
    /// No such token.
    #[error("the token is not valid")]
    Unknown,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It was withdrawn.
    #[error("the token was revoked")]
    Revoked,
    /// Nobody could be asked.
    #[error("the control plane does not answer")]
    Unavailable,
}

/// Why the control plane gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// It, or its store, does not answer; ask again later.
    #[error("the control plane does not answer")]
    Unavailable,
    /// What was asked for does not exist, or is another tenant's.
    #[error("the control plane knows of no such thing")]
    NotFound,
    /// A newer incarnation of this instance has taken over; this one must stop.
    #[error("this instance was replaced by a newer incarnation")]
    Superseded,
}

/// Whether an agent may spend, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentState {
    /// Not started yet.
    Created,
    /// On its way up.
    Starting,
    /// The only state in which an agent spends.
    Running,
    /// Held by a person, a rule or a spent budget.
    Paused,
    /// On its way down.
    Stopping,
    /// Ended.
    Stopped,
    /// Ended by a fault.
    Failed,
    /// Nothing is left of its budget.
    Exhausted,
    /// Switched off by an admin, or its owner is suspended.
    Inactive,
}

impl AgentState {
    /// The word in refusals and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            AgentState::Created => "created",
            AgentState::Starting => "starting",
            AgentState::Running => "running",
            AgentState::Paused => "paused",
            AgentState::Stopping => "stopping",
            AgentState::Stopped => "stopped",
            AgentState::Failed => "failed",
            AgentState::Exhausted => "exhausted",
            AgentState::Inactive => "inactive",
        }
    }
}

/// Where an agent's calls are sent, without the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The provider, for its credential and its breaker.
    pub provider: ProviderId,
    /// Which dialect it speaks and which prices apply.
    pub kind: ProviderKind,
    /// Where it is reached, without a trailing slash.
    pub base_url: String,
    /// The organization header of OpenAI, if one is set.
    pub organization: Option<String>,
    /// The models it serves; empty means that the price book knows.
    pub models: Vec<String>,
    /// How long a whole call may take.
    pub timeout_ms: u64,
}

/// The bearer of a token with everything that the governed path asks about it.
#[derive(Clone)]
pub struct Principal {
    /// The token.
    pub token: IcTokenId,
    /// When the token ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// The agent and everything above it.
    pub path: ActorPath,
    /// Whether the agent may spend.
    pub agent_state: AgentState,
    /// How often the agent was ended before and has begun anew.
    pub agent_ends: i64,
    /// Whether the whole tenant is switched off.
    pub tenant_suspended: bool,
    /// The models the agent's settings allow; none means all.
    pub allowed_models: Option<Vec<String>>,
    /// The providers assigned, in order of preference.
    pub routes: Vec<Route>,
    /// The tenant's key for the hashes of prompts and end users.
    pub hash_key: [u8; 32],
    /// `prod`, `staging` or `dev`, if the agent says.
    pub environment: Option<String>,
}

impl Principal {
    /// What is to be asked about it while it has calls under way.
    pub(crate) const fn engaged(&self) -> Engaged {
        Engaged {
            token: self.token,
            path: self.path,
            agent_ends: self.agent_ends,
        }
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("token", &self.token)
            .field("path", &self.path)
            .field("agent_state", &self.agent_state)
            .finish_non_exhaustive()
    }
}

/// A token with calls under way, as it stood when they were let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engaged {
    /// The token.
    pub token: IcTokenId,
    /// The agent and everything above it.
    pub path: ActorPath,
    /// What [`Principal::agent_ends`] was.
    pub agent_ends: i64,
}

/// What ends everything that is under way with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The token was revoked.
    Token,
    /// The tenant was suspended.
    Tenant,
    /// The owner of the agent was suspended.
    Owner,
    /// The agent was killed, or stopped and its grace is over. One that is deleted loses its
    /// tokens first.
    Agent,
}

/// The opened key of a provider.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The key itself.
    pub secret: Secret,
    /// Counts the rotations, so that a cached one can be told from a new one.
    pub version: i64,
}

/// A data subject's own key; destroying it erases what was sealed under it.
#[derive(Clone)]
pub struct SubjectKey {
    /// Names the key in what it sealed.
    pub id: String,
    /// AES-256.
    pub key: [u8; 32],
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// One process of one instance, as the ledger numbered it when it enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Incarnation {
    /// The instance: one data folder.
    pub instance: InstanceId,
    /// Counts its processes; a later one fences the leases of the earlier ones.
    pub incarnation: u64,
    /// The generation of the ledger at the time.
    pub generation: u64,
}

/// What a wallet tells and asks, all tenants together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Whose leases these are.
    pub from: Incarnation,
    /// The highest [`ExchangeReply::sequence`] seen so far. If the ledger itself is behind
    /// it, the ledger was restored to an earlier state.
    pub seen: u64,
    /// The state of the leases, each cumulative.
    pub reports: Vec<LeaseReport>,
    /// Whether every lease that this incarnation knows of is among the reports.
    pub complete: bool,
    /// Earlier incarnations whose journal this one has read to its end. A lease of theirs that
    /// is not among the reports has no mark there, so nothing was ever spent from it.
    pub witnessed: Vec<u64>,
    /// What is asked for.
    pub wants: Vec<Want>,
}

/// The running account of one lease. All amounts are in the unit of its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseReport {
    /// The lease.
    pub lease: LeaseId,
    /// Whose budget it draws on; enough, with the period, to restore a lost row.
    pub tenant: TenantId,
    /// The scope of that budget.
    pub scope: Scope,
    /// What the budget counts.
    pub unit: Unit,
    /// The period it draws on.
    pub span: PeriodSpan,
    /// Cumulative: the most the wallet knows it was granted.
    pub granted: i64,
    /// Cumulative: what calls have cost.
    pub settled: i64,
    /// Cumulative: given back, and already deducted by the wallet.
    pub returned: i64,
    /// Held now by calls under way.
    pub held: i64,
    /// Whether more is to come.
    pub standing: Standing,
}

/// Where a lease stands in the eyes of its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In use.
    Open,
    /// Nothing is held and nothing more will be: what is not settled is free.
    Final,
    /// The machine lost power. Beyond `settled`, up to `at_most` in total may have been used;
    /// what lies above is free, the rest is suspense.
    Lost {
        /// The durable watermark.
        at_most: i64,
    },
}

/// A wish for more money out of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// The tenant of the budget.
    pub tenant: TenantId,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// How much beyond `known` is wished for.
    pub amount: i64,
    /// The part of `amount` that calls are waiting for; the rest is provision, and only
    /// provision is bound by the instance's share of the limit.
    pub exact: i64,
    /// The lease that is to be topped up and its cumulative grant as the wallet knows it.
    pub known: Option<(LeaseId, i64)>,
    /// Whether it is for the period after the present one.
    pub ahead: bool,
}

/// The answer to an [`Exchange`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExchangeReply {
    /// Counts the answers given to this instance; an older answer that arrives after a newer
    /// one is dropped.
    pub sequence: u64,
    /// The generation of the ledger; a new one asks for a complete report.
    pub generation: u64,
    /// The state of every lease that was reported open or asked for, and, after a complete
    /// report, of those that the wallet has never heard of.
    pub grants: Vec<Grant>,
    /// The budgets that gave less than what calls wait for.
    pub shortfalls: Vec<Shortfall>,
    /// Leases that were fenced: nothing more may be admitted on them.
    pub revoked: Vec<LeaseId>,
    /// Leases whose final report was booked: they can be forgotten.
    pub closed: Vec<LeaseId>,
}

/// One lease as the ledger knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The lease.
    pub lease: LeaseId,
    /// The tenant of its budget.
    pub tenant: TenantId,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// The period it draws on.
    pub span: PeriodSpan,
    /// Cumulative.
    pub granted: i64,
    /// How long from the answer until the period has begun; zero if it has.
    pub not_before_ms: u64,
    /// How long from the question the lease lives; never beyond its period. Zero for one that
    /// has ended before its owner heard of it, and is to be closed.
    pub ttl_ms: u64,
    /// The budget after this exchange.
    pub view: BudgetView,
}

/// The counters of a budget in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BudgetView {
    /// The limit, if there is one.
    pub limit: Option<i64>,
    /// Settled.
    pub settled: i64,
    /// Leased out and not settled.
    pub escrow: i64,
    /// What vanished instances may have spent.
    pub suspense: i64,
}

impl BudgetView {
    /// What can still be granted; the largest number where there is no limit.
    pub fn room(&self) -> i64 {
        self.limit.map_or(i64::MAX, |limit| {
            let out = self
                .settled
                .saturating_add(self.escrow)
                .saturating_add(self.suspense);
            limit.saturating_sub(out).max(0)
        })
    }
}

/// A budget that could not give what calls are waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// The tenant of the budget.
    pub tenant: TenantId,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// The budget after this exchange.
    pub view: BudgetView,
    /// When it begins anew, if it does.
    pub resets_at: Option<Timestamp>,
}

/// Something changed in the control plane that a runtime must act on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A token was rotated or changed.
    Token(TokenDigest),
    /// An agent's state, settings or assignment changed.
    Agent(AgentId),
    /// A provider or its key changed.
    Provider(ProviderId),
    /// An agent was ended: what it is being told is cut off, and what it waits for is not told.
    Ended(AgentId),
    /// A token was revoked for good: what is done with it ends as if its agent had ended.
    Revoked(TokenDigest),
    /// A user was suspended or activated.
    User(UserId),
    /// A tenant was suspended or changed.
    Tenant(TenantId),
    /// A limit or a period changed.
    Budget(Scope),
    /// A price book changed.
    Prices,
}
