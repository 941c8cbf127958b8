//! What the handlers work with.

use std::collections::HashMap;
use std::fmt::Display;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use iron_approvals::{AccessRequests, Approvals, Channels, Courier};
use iron_audit::{Audit, AuditLog, Projection};
use iron_budget::{Ledger, Limits, Paths, Pools, Requests};
use iron_catalog::{Models, Providers};
use iron_custody::Files;
use iron_fleet::{Agents, Runtimes};
use iron_identity::{Identity, Terms, TermsOf};
use iron_insight::{Projections, Reconciliations};
use iron_net::body::BodyLimit;
use iron_net::egress::Egress;
use iron_net::rate::{PaceLimiter, Quota, RateLimiter, SharedRates, Standing, Verdict};
use iron_primitives::{
    AgentId, BootInstant, Environment, ProviderId, TeamId, TenantId, TokenDigest, UserId,
};
use iron_rules::{Policies, Profiles, Tools};
use iron_runtime::PeerView;
use iron_runtime::authority::{Authority, Change};
use iron_sdk::{BudgetAmount, Dollars};
use iron_settings::{Defaults, Rates, Settings};
use iron_store::Db;
use iron_telemetry::Metrics;
use iron_vault::Vault;

use crate::deprecation::uses::Today;

/// Told about each change that runtimes must act on at once; called after the commit.
pub type Notifier = Arc<dyn Fn(Change) + Send + Sync>;

/// By what an end user of a tenant, whose name is told, is known in the records.
pub type Pseudonym = Arc<dyn Fn(TenantId, &str) -> Result<String, iron_vault::Error> + Send + Sync>;

/// What the runtime of this server has seen of a provider, for each model that it was asked for.
pub type Sight = Arc<dyn Fn(TenantId, ProviderId) -> Vec<PeerView> + Send + Sync>;

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
    /// Budgets that agents share.
    pub pools: Pools,
    /// Requests for higher budgets.
    pub requests: Requests,
    /// Leases.
    pub ledger: Ledger,
    /// Leases of runtimes that are not ours.
    pub paths: Paths,
    /// What runtimes elsewhere are served with.
    pub far: Far,
    /// Writes the audit log.
    pub audit: Audit,
    /// Reads the audit log.
    pub audit_log: AuditLog,
    /// What spending will come to.
    pub projections: Projections,
    /// Invoices against records.
    pub reconciliations: Reconciliations,
    /// Tool calls that people decide about.
    pub approvals: Approvals,
    /// Requests for keys.
    pub access: AccessRequests,
    /// What agents keep at providers.
    pub files: Files,
    /// What is looked for in texts.
    pub profiles: Profiles,
    /// What agents may call besides models.
    pub tools: Tools,
    /// What agents may do with it.
    pub policies: Policies,
    /// Whom people are told by.
    pub channels: Channels,
    /// Carries what they are told.
    pub courier: Courier,
    /// Calls providers, to see whether they are there.
    pub egress: Egress,
    /// Seals answers that are kept.
    pub vault: Vault,
    /// What may be set while everything runs.
    pub settings: Settings,
    /// The database.
    pub db: Db,
    /// Time and randomness.
    pub environment: Environment,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    /// By what an end user is known in the records.
    pub pseudonym: Pseudonym,
    /// Whom to tell about changes.
    pub notify: Notifier,
    /// How providers have done.
    pub sight: Sight,
    /// Whether the journal can be written.
    pub journal_writable: Question,
    /// Whether the server is shutting down.
    pub draining: Question,
    /// When the server started.
    pub started_at: BootInstant,
    /// The running program.
    pub build: Build,
    /// Where requests are counted for several servers together; none if each counts its own.
    pub shared_rates: Option<SharedRates>,
    /// What an operator has set.
    pub config: Config,
}

/// What runtimes elsewhere are served with.
#[derive(Clone)]
pub struct Far {
    /// Which there are, and what is within their reach.
    pub runtimes: Runtimes,
    /// The control plane as they see it; its leases live as long as theirs.
    pub authority: Arc<dyn Authority>,
    /// The same ledger, where they enrol.
    pub ledger: Ledger,
    /// What else their records are projected to.
    pub projections: Vec<Arc<dyn Projection>>,
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
    /// What one user may ask for where the settings do not say otherwise.
    pub authenticated: Quota,
    /// What one address may ask for without a credential, likewise.
    pub unauthenticated: Quota,
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
    /// The address by which people and agents reach this server, without a trailing slash.
    pub public_url: String,
    /// How many days the key of an access request works where the settings do not say otherwise.
    pub access_key_days: u32,
}

impl Config {
    /// What holds where nothing is set.
    pub fn defaults(&self) -> Defaults {
        let (users, others) = (self.authenticated, self.unauthenticated);
        Defaults::default()
            .with("security.access_key_days", self.access_key_days)
            .with("rate_limits.user_per_minute", users.per_minute)
            .with("rate_limits.user_per_hour", users.per_hour)
            .with("rate_limits.anonymous_per_minute", others.per_minute)
            .with("rate_limits.anonymous_per_hour", others.per_hour)
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            authenticated: Quota::AUTHENTICATED,
            unauthenticated: Quota::UNAUTHENTICATED,
            secure_cookies: true,
            metrics: MetricsAccess::PrivateNetworks,
            body: BodyLimit::default(),
            upload: BodyLimit {
                bytes: 10 * 1024 * 1024,
                ..BodyLimit::default()
            },
            max_developer_agent_budget: BudgetAmount(Dollars::from_cents(10_000)),
            public_url: "http://127.0.0.1:4766".to_owned(),
            access_key_days: 90,
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

impl MetricsAccess {
    /// Whether whoever asks from there, with these headers, may read them.
    pub fn allows(&self, address: Option<IpAddr>, headers: &HeaderMap) -> bool {
        use std::net::IpAddr::{V4, V6};
        match self {
            MetricsAccess::Anyone => true,
            MetricsAccess::PrivateNetworks => match address {
                Some(V4(address)) => address.is_loopback() || address.is_private(),
                Some(V6(address)) => address.is_loopback() || address.is_unique_local(),
                None => true,
            },
            MetricsAccess::Bearer(expected) => headers
                .get(http::header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
                .is_some_and(|token| TokenDigest::of(token) == *expected),
        }
    }
}

/// The state as handlers share it, with the counters of requests.
#[derive(Clone)]
pub(crate) struct Api(Arc<Shared>);

pub(crate) struct Shared {
    state: ApiState,
    users: RateLimiter<UserId>,
    addresses: RateLimiter<IpAddr>,
    teams: PaceLimiter<TeamId>,
    graces: Graces,
    uses: Today,
}

impl Api {
    pub(crate) fn new(state: ApiState) -> Self {
        Api(Arc::new(Shared {
            users: RateLimiter::new(state.config.authenticated),
            addresses: RateLimiter::new(state.config.unauthenticated),
            teams: PaceLimiter::new(state.shared_rates.clone()),
            graces: Graces::default(),
            uses: Today::default(),
            state,
        }))
    }

    /// Counts a request of a user.
    pub(crate) async fn count_user(&self, tenant: TenantId, user: UserId) -> Counted {
        let quota = within(self.settings.user_rates(tenant), self.config.authenticated);
        self.count(&self.0.users, user, quota).await
    }

    /// Counts a request without a credential.
    pub(crate) async fn count_address(&self, address: IpAddr) -> Counted {
        let quota = within(self.settings.anonymous_rates(), self.config.unauthenticated);
        self.count(&self.0.addresses, address, quota).await
    }

    /// How often the agents of teams ask, beside their calls.
    pub(crate) fn teams(&self) -> &PaceLimiter<TeamId> {
        &self.0.teams
    }

    async fn count<K: Eq + Hash + Display>(
        &self,
        here: &RateLimiter<K>,
        caller: K,
        quota: Quota,
    ) -> Counted {
        let (boot, now) = (self.environment.boot(), self.environment.now());
        match &self.shared_rates {
            Some(shared) => {
                let name = caller.to_string();
                let caller = (caller, name);
                here.check_shared(shared, caller, quota, boot, now).await
            }
            None => here.check_within(caller, quota, boot, now),
        }
    }

    /// Who has used today what goes away.
    pub(crate) fn uses(&self) -> &Today {
        &self.0.uses
    }

    pub(crate) fn graces(&self) -> &Graces {
        &self.0.graces
    }
}

/// What the counters say about a request.
pub(crate) type Counted = (Verdict, Option<Standing>);

const fn within(rates: Rates, usual: Quota) -> Quota {
    Quota {
        per_minute: rates.per_minute,
        per_hour: rates.per_hour,
        burst: usual.burst,
    }
}

/// What sessions, passwords and tokens must satisfy, as it is set now.
pub fn terms_of(settings: &Settings) -> TermsOf {
    let settings = settings.clone();
    Arc::new(move |tenant| {
        let security = settings.security(tenant);
        Terms {
            idle_limit: security.session_idle,
            refresh_lifetime: security.refresh_lifetime,
            password_min_length: security.password_min_length,
            api_token_max: security.api_token_max,
            invitation_lifetime: security.invitation_lifetime,
        }
    })
}

/// The stops of agents whose calls still have their grace, as this server was asked for them.
/// A later stop has a grace of its own, which an earlier one must not cut short.
#[derive(Default)]
pub(crate) struct Graces(Mutex<HashMap<AgentId, i64>>);

impl Graces {
    /// Notes a stop, the version of the agent that it made; the later one counts.
    pub(crate) fn begin(&self, agent: AgentId, version: i64) {
        let mut graces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = graces.entry(agent).or_default();
        *latest = version.max(*latest);
    }

    /// Ends the grace of this stop; false if a later one has taken its place.
    pub(crate) fn end(&self, agent: AgentId, version: i64) -> bool {
        let mut graces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = graces.get(&agent) == Some(&version);
        if latest {
            graces.remove(&agent);
        }
        latest
    }
}

impl std::ops::Deref for Api {
    type Target = ApiState;
    fn deref(&self) -> &ApiState {
        &self.0.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_stop_takes_the_place_of_an_earlier_one_in_whatever_order_they_are_noted() {
        let agent = "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"
            .parse::<AgentId>()
            .unwrap();
        let graces = Graces::default();
        graces.begin(agent, 5);
        graces.begin(agent, 3);
        assert!(!graces.end(agent, 3));
        assert!(graces.end(agent, 5));
        assert!(!graces.end(agent, 5));
    }
}
