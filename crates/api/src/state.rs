//! What the handlers work with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use iron_audit::{Audit, AuditLog};
use iron_budget::{Ledger, Limits};
use iron_catalog::{Models, Providers};
use iron_fleet::Agents;
use iron_identity::Identity;
use iron_net::body::BodyLimit;
use iron_net::egress::Egress;
use iron_net::rate::{Quota, RateLimiter};
use iron_primitives::{BootInstant, Environment, TokenDigest, UserId};
use iron_runtime::authority::Change;
use iron_sdk::{BudgetAmount, Dollars};
use iron_store::Db;
use iron_telemetry::Metrics;
use iron_vault::Vault;

/// Told about each change that runtimes must act on at once; called after the commit.
pub type Notifier = Arc<dyn Fn(Change) + Send + Sync>;

/// A question with a yes or a no, asked at each request.
pub type Question = Arc<dyn Fn() -> bool + Send + Sync>;

/// Everything that the control plane needs.
#[derive(Clone)]
pub struct ApiState {
    /// Tenants, people and their tokens.
    pub identity: Identity,
    /// Agents.
    pub agents: Agents,
    /// Providers and their keys.
    pub providers: Providers,
    /// Models and their prices.
    pub models: Models,
    /// Budgets as people set them.
    pub limits: Limits,
    /// Leases.
    pub ledger: Ledger,
    /// Writes the audit log.
    pub audit: Audit,
    /// Reads the audit log.
    pub audit_log: AuditLog,
    /// Calls providers, to see whether they are there.
    pub egress: Egress,
    /// Seals answers that are kept.
    pub vault: Vault,
    /// The database.
    pub db: Db,
    /// Time and randomness.
    pub environment: Environment,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// Whom to tell about changes.
    pub notify: Notifier,
    /// Whether the journal can be written.
    pub journal_writable: Question,
    /// Whether the server is shutting down.
    pub draining: Question,
    /// When the server started.
    pub started_at: BootInstant,
    /// The running program.
    pub build: Build,
    /// What an operator has set.
    pub config: Config,
}

/// The running program.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from.
    pub commit: &'static str,
    /// When it was built.
    pub timestamp: &'static str,
}

/// What an operator may set about the control plane.
#[derive(Debug, Clone)]
pub struct Config {
    /// What one user may ask for.
    pub authenticated: Quota,
    /// What one address may ask for without a credential.
    pub unauthenticated: Quota,
    /// How long a session may rest; the same that `identity` works with.
    pub session_idle: Duration,
    /// Whether cookies are sent over TLS only.
    pub secure_cookies: bool,
    /// Who may read `/metrics`.
    pub metrics: MetricsAccess,
    /// How much of a body is read.
    pub body: BodyLimit,
    /// How much of an uploaded list is read.
    pub upload: BodyLimit,
    /// The most that a developer may give an agent of his own when he creates it.
    pub max_developer_agent_budget: BudgetAmount,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            authenticated: Quota::AUTHENTICATED,
            unauthenticated: Quota::UNAUTHENTICATED,
            session_idle: Duration::from_secs(30 * 60),
            secure_cookies: true,
            metrics: MetricsAccess::PrivateNetworks,
            body: BodyLimit::default(),
            upload: BodyLimit {
                bytes: 10 * 1024 * 1024,
                ..BodyLimit::default()
            },
            max_developer_agent_budget: BudgetAmount(Dollars::from_cents(10_000)),
        }
    }
}

/// Who may read `/metrics`.
#[derive(Debug, Clone)]
pub enum MetricsAccess {
    /// Everyone.
    Anyone,
    /// Whoever connects from this machine or a private network.
    PrivateNetworks,
    /// Whoever shows the token with this digest.
    Bearer(TokenDigest),
}

/// The state as handlers share it, with the counters of requests.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

pub(crate) struct Shared {
    state: ApiState,
    pub(crate) users: RateLimiter<UserId>,
    pub(crate) addresses: RateLimiter<IpAddr>,
}

impl Api {
    pub(crate) fn new(state: ApiState) -> Self {
        Api(Arc::new(Shared {
            users: RateLimiter::new(state.config.authenticated),
            addresses: RateLimiter::new(state.config.unauthenticated),
            state,
        }))
    }

    pub(crate) fn limiters(&self) -> &Shared {
        &self.0
    }
}

impl std::ops::Deref for Api {
    type Target = ApiState;
    fn deref(&self) -> &ApiState {
        &self.0.state
    }
}
