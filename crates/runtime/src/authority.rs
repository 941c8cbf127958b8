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

mod routing;
mod tools;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use iron_llm::{PriceBook, ProviderConfig, ProviderKind};
use iron_net::rate::Pace;
use iron_primitives::{
    ActorPath, AgentId, BudgetShortfall, IcTokenId, InstanceId, LeaseId, Money, ProfileId,
    ProviderId, Refusal, RequestId, Scope, Secret, TenantId, Timestamp, TokenDigest, ToolId,
    UserId,
};

use crate::custody::Custody;
use crate::oversight::Oversight;
pub use crate::wallet::Counted;
pub use routing::{BreakerTerms, Fallback, Routing, Strategy};
pub use tools::{Method, RateLimit, RegisteredTool, RulesVersion, Run, ToolRules};

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

    /// The opened secret of a tool that is run for its callers: what stands for `{secret}` in its
    /// headers, or the address of its database. A control plane without tools knows none.
    async fn tool_secret(
        &self,
        _tenant: TenantId,
        _tool: ToolId,
    ) -> Result<Credential, AuthorityError> {
        Err(AuthorityError::NotFound)
    }

    /// What has ended for these tokens, if anything, while calls of theirs are under way: one
    /// answer for each, in their order.
    async fn ended(&self, engaged: &[Engaged]) -> Result<Vec<Option<End>>, AuthorityError>;

    /// Reports what leases have used and asks for more money, in one transaction.
    async fn exchange(&self, exchange: Exchange) -> Result<ExchangeReply, AuthorityError>;

    /// What a pass stands for. A control plane that gives none out knows none.
    async fn pass(&self, _pass: TokenDigest) -> Result<Pass, AuthFailure> {
        Err(AuthFailure::Unknown)
    }

    /// Sets the worst case of an attempt aside in the lease of a pass, and uses the pass up.
    async fn hold_on_pass(&self, _ask: AskPassHold) -> Result<PassHeld, Refusal> {
        Err(Refusal::TokenUnknown)
    }

    /// Books what the attempts of a call by pass have cost; asked twice, it happens once.
    async fn settle_pass(
        &self,
        _tenant: TenantId,
        _call: RequestId,
        _costs: &[(u32, Money)],
    ) -> Result<(), AuthorityError> {
        Ok(())
    }

    /// Books calls of a tenant's day. Asked twice, it books twice: that costs calls, never money.
    /// A control plane without plans books none.
    async fn book_calls(&self, _ask: BookCalls) -> Result<CallsBooked, AuthorityError> {
        Err(AuthorityError::Unavailable)
    }

    /// Where it is remembered what agents keep at providers; none where nobody remembers it.
    fn custody(&self) -> Option<&dyn Custody> {
        None
    }

    /// People who are asked before an agent may act; none where nobody can be asked.
    fn oversight(&self) -> Option<&dyn Oversight> {
        None
    }

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
    const ALL: [AgentState; 9] = [
        AgentState::Created,
        AgentState::Starting,
        AgentState::Running,
        AgentState::Paused,
        AgentState::Stopping,
        AgentState::Stopped,
        AgentState::Failed,
        AgentState::Exhausted,
        AgentState::Inactive,
    ];

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        AgentState::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
    }

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
    /// Its name in the tenant, by which agents may name it.
    pub name: String,
    /// Which dialect it speaks and which prices apply.
    pub kind: ProviderKind,
    /// Where it is reached, without a trailing slash.
    pub base_url: String,
    /// The organization header of OpenAI, if one is set.
    pub organization: Option<String>,
    /// What only some kinds have.
    pub config: ProviderConfig,
    /// The models it serves; empty means that the price book knows.
    pub models: Vec<String>,
    /// How long a whole call may take.
    pub timeout_ms: u64,
}

/// Calls of a tenant's day that are to be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookCalls {
    /// The tenant.
    pub tenant: TenantId,
    /// The day, counted from 1970 in UTC.
    pub day: i64,
    /// What was made already, and counts whatever the limit says; below zero what was booked
    /// before and is given back.
    pub made: i64,
    /// How many more are wanted.
    pub want: u32,
}

/// What was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallsBooked {
    /// How many of the wanted ones.
    pub granted: u32,
    /// How many all servers have booked for the day.
    pub booked: i64,
}

/// What the policy of a team says besides models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TeamRules {
    /// How much all its agents may do in a minute; the weight of a request is its tokens.
    pub pace: Pace,
    /// What may be kept of what its agents send.
    pub privacy: Privacy,
}

/// What may be kept of what agents send and are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Privacy {
    /// Names of end users are kept sealed, and providers may store what they are asked to.
    #[default]
    Permissive,
    /// Of names of end users only keyed digests are kept, and providers store nothing.
    Moderate,
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
    /// What is left of its own budget, if that is spent and has paused it: then it is refused
    /// for want of money, whatever a call would cost.
    pub spent_out: Option<BudgetShortfall>,
    /// What the agent's budgets count besides money.
    pub counted: Counted,
    /// How often the agent was ended before and has begun anew.
    pub agent_ends: i64,
    /// Whether the whole tenant is switched off.
    pub tenant_suspended: bool,
    /// How many calls the plan of the tenant allows on a day (UTC); no limit if absent.
    pub calls_per_day: Option<u32>,
    /// The models the agent's settings allow; none means all.
    pub allowed_models: Option<Vec<String>>,
    /// What its team says besides; nothing without a team.
    pub team_rules: TeamRules,
    /// The providers assigned, in order of preference.
    pub routes: Vec<Route>,
    /// Which of them is asked first, and which when it fails.
    pub routing: Routing,
    /// The tenant's key for the hashes of prompts and end users.
    pub hash_key: [u8; 32],
    /// `prod`, `staging` or `dev`, if the agent says.
    pub environment: Option<String>,
    /// What is looked for in its texts.
    pub guardrails: Guardrails,
    /// The tools that it is offered, and the policies that hold for it.
    pub tools: ToolRules,
}

/// The guardrail profile of an agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Guardrails {
    /// Which profile it is; none for that of a new tenant.
    pub profile_id: Option<ProfileId>,
    /// Counts the changes of the profile.
    pub version: i64,
    /// What it says.
    pub profile: Arc<iron_guard::Profile>,
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

/// A pass: good for one call, which a lease of the budget protocol pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// What is kept of its value.
    pub digest: TokenDigest,
    /// The token of its agent.
    pub token: TokenDigest,
    /// The lease that pays.
    pub lease: LeaseId,
    /// What is left of that.
    pub left: Money,
}

/// What is to be set aside in the lease of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskPassHold {
    /// The pass.
    pub pass: TokenDigest,
    /// The call.
    pub call: RequestId,
    /// The number under which its client knows it.
    pub request: RequestId,
    /// Which attempt of it, counted from one.
    pub attempt: u32,
    /// The worst case.
    pub full: Money,
    /// The least that is worth sending.
    pub least: Money,
    /// The process that will send it.
    pub sender: (InstanceId, u64),
}

/// What was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassHeld {
    /// How much.
    pub amount: Money,
    /// The leases that it stands in, leaf first, all in US dollars.
    pub legs: Vec<(LeaseId, Scope)>,
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

// What travels between wallets and the ledger is one form, in process and over the wire.
pub use iron_sdk::exchange::{
    BudgetView, Exchange, ExchangeReply, Grant, Incarnation, LeaseReport, Recall, Shortfall,
    Standing, Want,
};

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
