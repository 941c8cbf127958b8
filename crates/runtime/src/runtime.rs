//! The runtime: what the governed call needs, put together once.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use iron_journal::Journal;
use iron_net::breaker::Breakers;
use iron_net::egress::Egress;
use iron_net::rate::{AllowanceLimiter, PaceLimiter, SharedRates};
use iron_primitives::{Environment, ProviderId, TeamId, TenantId, TokenDigest, ToolId};
use iron_telemetry::Metrics;
use tokio::sync::Notify;

use crate::asking::Asking;
use crate::authority::{AuthFailure, Authority, AuthorityError, Change, Credential, SubjectKey};
use crate::bearer::Bearer;
use crate::call::UseOf;
use crate::config::Config;
use crate::counters::ModelCounters;
use crate::cuts::Cuts;
use crate::databases::Databases;
use crate::fresh::FreshCache;
use crate::guards::Guards;
use crate::health::{Health, PeerView};
use crate::in_flight::InFlight;
use crate::lifeline::Lifelines;
use crate::missed::Missed;
use crate::plans::Plans;
use crate::recheck;
use crate::room::Room;
use crate::shelf::Shelf;
use crate::taints::Taints;
use crate::tokens::Tokens;
use crate::tool_hosts::ToolHosts;
use crate::toolbox::Toolboxes;
use crate::wallet::Wallets;

/// How long it may take at the end to give unused calls of plans back.
const GIVING_BACK: Duration = Duration::from_secs(2);

/// What a token turned out to be; the failures that are answers are kept as well.
pub(crate) type Known = Result<Arc<Bearer>, AuthFailure>;

/// The governed path of one process.
pub struct Runtime {
    pub(crate) config: Config,
    pub(crate) authority: Arc<dyn Authority>,
    pub(crate) journal: Journal,
    pub(crate) wallets: Wallets,
    pub(crate) egress: Egress,
    pub(crate) metrics: Metrics,
    pub(crate) environment: Environment,
    pub(crate) in_flight: Arc<InFlight>,
    /// How it goes with the providers.
    pub(crate) health: Health,
    pub(crate) room: Room,
    pub(crate) shelf: Shelf,
    /// What the agents of teams do in a minute.
    pub(crate) paces: Arc<PaceLimiter<TeamId>>,
    /// What the plans of tenants still allow today.
    pub(crate) plans: Arc<Plans>,
    pub(crate) cuts: Arc<Cuts>,
    pub(crate) lifelines: Arc<Lifelines>,
    /// Tells that something has changed that calls under way may rest on.
    unsettled: Arc<Notify>,
    pub(crate) counters: ModelCounters,
    /// How often something has changed that a bearer may rest on.
    pub(crate) changes: AtomicU64,
    pub(crate) bearers: FreshCache<TokenDigest, Known, AuthFailure>,
    pub(crate) credentials: FreshCache<(TenantId, ProviderId), Credential, AuthorityError>,
    pub(crate) tokens: Tokens,
    pub(crate) missed: Missed,
    pub(crate) asking: Asking,
    pub(crate) subjects: FreshCache<(TenantId, [u8; 32]), SubjectKey, AuthorityError>,
    /// How often agents use tools.
    pub(crate) tool_uses: AllowanceLimiter<UseOf>,
    pub(crate) taints: Taints,
    /// Which hosts of tools do not answer, for each tenant.
    pub(crate) tool_breakers: Breakers<ToolPeer>,
    pub(crate) tool_hosts: ToolHosts,
    /// Runs statements of tools; none where none are run.
    pub(crate) databases: Option<Arc<dyn Databases>>,
    pub(crate) tool_secrets: FreshCache<SecretOf, Credential, AuthorityError>,
}

/// A host of tools of a tenant.
pub(crate) type ToolPeer = (TenantId, String);

/// A secret of a tool, by the count of those that it has had.
pub(crate) type SecretOf = (TenantId, ToolId, i64);

/// What a runtime is made of.
pub struct Parts {
    /// The control plane.
    pub authority: Arc<dyn Authority>,
    /// Where records go.
    pub journal: Journal,
    /// Where money is held.
    pub wallets: Wallets,
    /// How providers are reached.
    pub egress: Egress,
    /// Where tools that are run here may be.
    pub tool_hosts: ToolHosts,
    /// Who runs statements of tools; none where none are run.
    pub databases: Option<Arc<dyn Databases>>,
    /// What is counted.
    pub metrics: Metrics,
    /// Where the calls of teams are counted for all servers together; here alone if none.
    pub shared_rates: Option<SharedRates>,
    /// Time and randomness.
    pub environment: Environment,
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("in_flight", &self.in_flight.count())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl Runtime {
    /// A runtime that can take calls.
    pub fn new(config: Config, parts: Parts) -> Arc<Self> {
        let Parts {
            authority,
            journal,
            wallets,
            egress,
            tool_hosts,
            databases,
            metrics,
            shared_rates,
            environment,
        } = parts;
        let cuts = Cuts::listen(wallets.cuts());
        let lifelines = Arc::new(Lifelines::default());
        let bearers = bearers(&config, &authority, &egress, &lifelines);
        let asked = authority.clone();
        let credentials = FreshCache::new(config.credentials, move |(tenant, provider)| {
            let asked = asked.clone();
            Box::pin(async move { asked.credential(tenant, provider).await })
        });
        let asked = authority.clone();
        let subjects = FreshCache::new(config.subjects, move |(tenant, subject)| {
            let asked = asked.clone();
            Box::pin(async move { asked.subject_key(tenant, subject).await })
        });
        let asked = authority.clone();
        let tool_secrets = FreshCache::new(config.credentials, move |(tenant, tool, _)| {
            let asked = asked.clone();
            Box::pin(async move { asked.tool_secret(tenant, tool).await })
        });
        let in_flight = InFlight::new(config.max_in_flight, metrics.calls.in_flight.clone());
        let room = Room::new(config.buffered_answer_bytes);
        let unsettled = Arc::new(Notify::new());
        let plans = Plans::new(authority.clone(), environment.clone());
        let tool_breakers = Breakers::new(config.tool_breaker);
        let runtime = Arc::new(Runtime {
            config,
            authority,
            journal,
            wallets,
            egress,
            metrics,
            environment,
            in_flight,
            health: Health::default(),
            room,
            shelf: Shelf::new(),
            paces: Arc::new(PaceLimiter::new(shared_rates.clone())),
            tool_uses: AllowanceLimiter::new(shared_rates),
            taints: Taints::new(),
            tool_breakers,
            tool_hosts,
            databases,
            tool_secrets,
            plans,
            cuts,
            lifelines,
            unsettled,
            counters: ModelCounters::default(),
            changes: AtomicU64::new(0),
            bearers,
            credentials,
            tokens: Tokens::new(),
            missed: Missed::default(),
            asking: Asking::default(),
            subjects,
        });
        let told = runtime.unsettled.clone();
        tokio::spawn(recheck::watch(Arc::downgrade(&runtime), told));
        runtime
    }

    /// Acts at once on something that changed in the control plane: the next call sees it.
    pub fn apply(&self, change: Change) {
        match change {
            Change::Token(token) => self.bearers.forget(&token),
            // Rare, and cheap to refill: nothing is lost but one question per token.
            Change::Agent(_) | Change::User(_) | Change::Tenant(_) | Change::Prices => {
                self.bearers.forget_all();
            }
            Change::Ended(agent) => {
                self.lifelines.end(agent);
                self.bearers.forget_all();
            }
            Change::Revoked(token) => {
                self.lifelines.revoke(token);
                self.bearers.forget(&token);
            }
            Change::Provider(provider) => {
                self.health.forget(provider);
                self.credentials.forget_all();
                self.bearers.forget_all();
            }
            Change::Budget(scope) => self.wallets.budget_changed(scope),
        }
        // After what was known is forgotten: whoever sees the old number asks again.
        self.changes.fetch_add(1, Ordering::Release);
        if let Change::Agent(_) | Change::User(_) | Change::Tenant(_) = change {
            self.unsettled.notify_one();
        }
    }

    /// Forgets the key of a data subject that was erased.
    pub fn forget_subject(&self, tenant: TenantId, subject: [u8; 32]) {
        self.subjects.forget(&(tenant, subject));
    }

    /// Takes no more calls, and waits until those under way are closed, but no longer than
    /// this. What is left then is closed by the recovery of the next process.
    pub async fn drain(&self, patience: Duration) -> bool {
        self.in_flight.close();
        let drained = tokio::time::timeout(patience, self.in_flight.drained()).await;
        if tokio::time::timeout(GIVING_BACK, self.plans.give_back())
            .await
            .is_err()
        {
            tracing::debug!("unused calls of plans were not given back");
        }
        drained.is_ok()
    }

    /// The most bytes of a file that is stored at a provider.
    pub const fn file_limit_bytes(&self) -> u64 {
        self.config.file_limit_bytes
    }

    /// Time and randomness.
    pub const fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What this process has seen of a provider, for each model that it was asked for.
    pub fn health_of(&self, tenant: TenantId, provider: ProviderId) -> Vec<PeerView> {
        self.health.of((tenant, provider), self.environment.boot())
    }

    /// How many calls are under way.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.count()
    }
}

fn bearers(
    config: &Config,
    authority: &Arc<dyn Authority>,
    egress: &Egress,
    lifelines: &Arc<Lifelines>,
) -> FreshCache<TokenDigest, Known, AuthFailure> {
    let (authority, lifelines) = (authority.clone(), lifelines.clone());
    let (guards, toolboxes) = (Arc::<Guards>::default(), Arc::<Toolboxes>::default());
    let rules = egress.rules();
    FreshCache::new(config.bearers, move |token| {
        let (authority, lifelines) = (authority.clone(), lifelines.clone());
        let (guards, toolboxes) = (guards.clone(), toolboxes.clone());
        Box::pin(async move {
            match authority.authenticate(token).await {
                Ok(principal) => {
                    let guard = guards.of(&principal.guardrails).await.map_err(|error| {
                        let agent = principal.path.agent;
                        tracing::error!(%agent, %error, "a guardrail profile cannot be used");
                        AuthFailure::Unavailable
                    })?;
                    let toolbox = toolboxes.of(&principal.tools).map_err(|error| {
                        let agent = principal.path.agent;
                        tracing::error!(%agent, %error, "no tool can be called");
                    });
                    let lifeline = lifelines.of(token, principal.engaged());
                    let bearer = Bearer::new(principal, rules, lifeline, guard, toolbox.ok());
                    Ok(Ok(Arc::new(bearer)))
                }
                Err(AuthFailure::Unavailable) => Err(AuthFailure::Unavailable),
                Err(failure) => Ok(Err(failure)),
            }
        })
    })
}
