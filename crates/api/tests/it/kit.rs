//! What the tests share: a control plane with one tenant, and a request in a line.

mod call;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use http::{HeaderMap, Method, StatusCode};
use iron_api::{ApiState, Build, Config, Far, MetricsAccess};
use iron_approvals::{AccessRequests, Approver, Channels, Courier, NewApproval, RiskLevel};
use iron_audit::{
    Audit, AuditLog, Authorised, Credential, Grounds, JournalPlace, KeyFailure, Projector, Reach,
    Relay, RequestFacts, SubjectKey, SubjectKeys, Wanted,
};
use iron_budget::{Ledger, Limits, PathTerms, Paths, Pools, Requests, Teller, Terms};
use iron_catalog::{Models, Providers, Seal, SealFailure};
use iron_fleet::{Agents, Runtimes};
use iron_identity::{Bootstrap, Identity, PasswordCost, Role, TenantCreated};
use iron_journal::{Journal, JournalKeys, Options};
use iron_net::TrustedProxies;
use iron_net::edge::{self, Edge};
use iron_net::egress::{AddressRules, Egress, EgressOptions};
use iron_net::rate::Quota;
use iron_primitives::{Period, ProviderId, Scope, Secret, TenantId, UserId};
use iron_rules::{Policies, Profiles, Sets, Tools};
use iron_runtime::authority::Change;
use iron_settings::Settings;
use iron_store::{Db, Tx, sql};
use iron_telemetry::Metrics;
use iron_testkit::TestEnvironment;
use iron_vault::{Error, MasterKey, Place, Vault};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::house::House;
use crate::keeper::{ChannelKeeper, ToolKeeper};
pub(crate) use call::{Call, Reply, User};

pub(crate) const ADMIN: &str = "root@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The vault as the catalogue and the audit log want it.
struct Keeper(Vault);

#[async_trait]
impl Seal for Keeper {
    async fn seal(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        provider: ProviderId,
        version: i64,
        key: &Secret,
    ) -> Result<Vec<u8>, SealFailure> {
        let id = provider.to_string();
        let sealed = self
            .0
            .seal(
                tx,
                Place {
                    tenant,
                    id: &id,
                    version,
                },
                key,
            )
            .await;
        sealed.map_err(|error| SealFailure(Box::new(error)))
    }

    async fn unseal(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, SealFailure> {
        let id = provider.to_string();
        let opened = self
            .0
            .unseal(
                Place {
                    tenant,
                    id: &id,
                    version,
                },
                sealed,
            )
            .await;
        opened.map_err(|error| SealFailure(Box::new(error)))
    }
}

#[async_trait]
impl SubjectKeys for Keeper {
    async fn subject_key(
        &self,
        tenant: TenantId,
        wanted: Wanted<'_>,
    ) -> Result<Option<SubjectKey>, KeyFailure> {
        let found = match wanted {
            Wanted::Of(subject) => self.0.subject_key(tenant, subject).await,
            Wanted::Named(id) => self.0.subject_key_by_id(tenant, id).await,
        };
        match found {
            Ok(found) => Ok(Some(SubjectKey {
                id: found.id,
                key: found.key,
            })),
            Err(Error::Erased) => Ok(None),
            Err(error) => Err(Box::new(error)),
        }
    }
}

/// A control plane.
pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) state: ApiState,
    pub(crate) db: Db,
    pub(crate) time: TestEnvironment,
    pub(crate) made: TenantCreated,
    pub(crate) changes: Arc<Mutex<Vec<Change>>>,
    pub(crate) metrics: Metrics,
    pub(crate) ledger: Ledger,
    limits: Limits,
    projector: Projector,
    relay: Relay,
    pub(crate) journal: Journal,
    _folder: TempDir,
}

/// No rate limits, so that a test may ask as often as it likes.
pub(crate) fn relaxed() -> Config {
    Config {
        authenticated: Quota::default(),
        unauthenticated: Quota::default(),
        metrics: MetricsAccess::Anyone,
        ..Config::default()
    }
}

fn identity_config() -> iron_identity::Config {
    iron_identity::Config {
        password_cost: PasswordCost::LOWEST,
        ..iron_identity::Config::default()
    }
}

impl World {
    pub(crate) async fn new(db: Db) -> World {
        World::with(db, relaxed()).await
    }

    pub(crate) async fn with(db: Db, config: Config) -> World {
        World::behind(db, config, TrustedProxies::default()).await
    }

    pub(crate) async fn behind(db: Db, config: Config, proxies: TrustedProxies) -> World {
        let rules = AddressRules {
            private_networks: true,
            plain_http: true,
        };
        World::built(db, config, proxies, rules).await
    }

    /// One that reaches public addresses only, as a server does where nothing is set.
    pub(crate) async fn guarded(db: Db) -> World {
        let (proxies, rules) = (TrustedProxies::default(), AddressRules::default());
        World::built(db, relaxed(), proxies, rules).await
    }

    async fn built(db: Db, config: Config, proxies: TrustedProxies, rules: AddressRules) -> World {
        db.migrate(&[
            iron_audit::MIGRATIONS,
            iron_vault::MIGRATIONS,
            iron_identity::MIGRATIONS,
            iron_budget::MIGRATIONS,
            iron_catalog::MIGRATIONS,
            iron_fleet::MIGRATIONS,
            iron_insight::MIGRATIONS,
            iron_approvals::MIGRATIONS,
            iron_settings::MIGRATIONS,
            iron_custody::MIGRATIONS,
            iron_rules::MIGRATIONS,
            iron_api::MIGRATIONS,
        ])
        .await
        .unwrap();
        let time = TestEnvironment::seeded(11);
        let environment = time.environment.clone();
        let instance = environment.new_id();
        let folder = tempfile::tempdir().unwrap();
        let keys = || JournalKeys::new([1; 32], [2; 32], [3; 32]);
        let audit = Audit::new(db.clone(), instance, environment.clone());
        let master = MasterKey::from_bytes([7; 32]);
        let vault = Vault::open(db.clone(), &master, environment.clone())
            .await
            .unwrap();
        let keeper = Arc::new(Keeper(vault.clone()));
        let journal = Journal::open(
            folder.path(),
            Options::new(instance, 1, keys()),
            environment.clone(),
        );
        let (journal, _) = journal.unwrap();
        let mut projector = Projector::open(audit.clone(), journal.clone(), Vec::new())
            .await
            .unwrap();
        let caught_up = projector.catch_up().await.unwrap();
        let relay = Relay::new(audit.clone(), journal.clone(), keeper.clone(), caught_up);
        let place = JournalPlace {
            folder: folder.path().to_owned(),
            keys: keys(),
        };
        let identity = Identity::new(
            db.clone(),
            audit.clone(),
            environment.clone(),
            identity_config(),
            &[9; 32],
        )
        .unwrap();
        let defaults = config.defaults();
        let opened = Settings::open(db.clone(), audit.clone(), environment.clone(), defaults);
        let settings = opened.await.unwrap();
        let identity = identity.with_terms(iron_api::terms_of(&settings));
        let ledger = Ledger::new(
            db.clone(),
            audit.clone(),
            environment.clone(),
            Terms::default(),
        );
        let limits = Limits::new(ledger.clone());
        let made = first_start(&db, &identity, &limits).await;
        let changes: Arc<Mutex<Vec<Change>>> = Arc::default();
        let heard = Arc::clone(&changes);
        let metrics = Metrics::new();
        let agents = Agents::new(db.clone(), audit.clone(), environment.clone());
        let providers = Providers::new(
            db.clone(),
            audit.clone(),
            keeper.clone(),
            rules,
            environment.clone(),
        );
        let models = Models::open(db.clone(), audit.clone(), environment.clone())
            .await
            .unwrap();
        let channels = Channels::new(
            db.clone(),
            audit.clone(),
            Arc::new(ChannelKeeper(vault.clone())),
            rules,
            environment.clone(),
        );
        let egress = Egress::new(EgressOptions {
            rules,
            ..EgressOptions::default()
        })
        .unwrap();
        let profiles = Profiles::new(db.clone(), audit.clone(), environment.clone());
        let lender = ledger.lending_for(Duration::from_secs(900));
        let far = Far {
            runtimes: Runtimes::new(db.clone(), audit.clone(), environment.clone()),
            authority: Arc::new(House {
                identity: identity.clone(),
                agents: agents.clone(),
                providers: providers.clone(),
                profiles: profiles.clone(),
                sets: Sets::new(db.clone()),
                models: models.clone(),
                limits: limits.clone(),
                teller: Teller::new(lender.clone()),
            }),
            ledger: lender,
            projections: Vec::new(),
        };
        let approvals = iron_api::approvals(&identity, &settings, &channels, &config.public_url);
        let state = ApiState {
            approvals,
            identity,
            agents,
            far,
            providers,
            models,
            limits: limits.clone(),
            files: iron_custody::Files::new(db.clone(), environment.clone()),
            profiles: profiles.clone(),
            tools: Tools::new(
                db.clone(),
                audit.clone(),
                Arc::new(ToolKeeper(vault.clone())),
                rules,
                environment.clone(),
            ),
            policies: Policies::new(db.clone(), audit.clone(), environment.clone()),
            access: AccessRequests::new(db.clone(), audit.clone(), environment.clone()),
            pools: Pools::new(limits.clone()),
            requests: Requests::new(limits.clone()),
            ledger: ledger.clone(),
            paths: Paths::new(ledger.clone(), PathTerms::default()),
            audit_log: AuditLog::new(audit.clone(), keeper, place),
            reconciliations: iron_insight::Reconciliations::new(
                db.clone(),
                audit.clone(),
                environment.clone(),
            ),
            projections: iron_insight::Projections::new(audit.clone(), environment.clone()),
            audit,
            courier: Courier::new(channels.clone(), egress.clone(), metrics.clone()),
            channels,
            egress,
            vault,
            settings,
            db: db.clone(),
            environment: environment.clone(),
            metrics: metrics.clone(),
            pseudonym: Arc::new(|_, name| Ok(format!("known-as-{name}"))),
            notify: Arc::new(move |change| heard.lock().unwrap().push(change)),
            sight: Arc::new(|_, _| crate::routing::seen_of_a_provider()),
            journal_writable: Arc::new(|| true),
            draining: Arc::new(|| false),
            started_at: environment.boot(),
            build: Build {
                version: "0.0.0",
                commit: "test",
                timestamp: "2026-01-01T00:00:00Z",
            },
            shared_rates: None,
            config,
        };
        let router = edge::wrap(
            iron_api::router(state.clone()),
            Edge {
                environment,
                proxies,
                observer: None,
            },
        );
        World {
            router,
            state,
            db,
            time,
            made,
            changes,
            metrics,
            ledger,
            limits,
            projector,
            relay,
            journal,
            _folder: folder,
        }
    }

    /// Moves everything that was written to the audit log to where it is read.
    pub(crate) async fn settle(&mut self) {
        // The relay sees so many entries at once, until the projector has taken them away.
        while self.relay.run_once().await.unwrap() > 0 {
            self.journal.durable(self.journal.position()).await.unwrap();
            self.projector.catch_up().await.unwrap();
        }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.time.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn new_id<I: iron_primitives::Id>(&self) -> I {
        self.time.environment.new_id()
    }

    /// What runtimes have been told since the last time.
    pub(crate) fn told(&self) -> Vec<Change> {
        std::mem::take(&mut self.changes.lock().unwrap())
    }

    /// A request without a credential.
    pub(crate) fn call(&self, method: Method, path: impl Into<String>) -> Call<'_> {
        Call {
            world: self,
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            peer: None,
            certificate: None,
            body: Vec::new(),
        }
    }

    /// Signs in and gives the access token.
    pub(crate) async fn sign_in(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let reply = self
            .call(Method::POST, "/api/v1/auth/login")
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        reply.body["access_token"].as_str().unwrap().to_owned()
    }

    /// The platform admin.
    pub(crate) async fn admin(&self) -> User {
        User {
            id: self.made.admin.id,
            token: self.sign_in(ADMIN).await,
        }
    }

    /// A new user of this role, signed in.
    pub(crate) async fn user(&self, role: Role, name: &str) -> User {
        let email = format!("{name}@example.com");
        let admin = User {
            id: self.made.admin.id,
            token: self.sign_in(ADMIN).await,
        };
        let first = "chosen by the admin";
        let body = json!({
            "email": email, "name": name, "role": role.as_str(), "password": first,
        });
        let made = self.create(&admin, "/api/v1/users", body).await;
        let id = made.id("id");
        let body = json!({"email": email, "password": first});
        let login = self
            .call(Method::POST, "/api/v1/auth/login")
            .json(&body)
            .send()
            .await
            .ok();
        let user = User {
            id,
            token: login.text_of("access_token").to_owned(),
        };
        let body = json!({"current_password": first, "new_password": PASSWORD});
        self.call(Method::POST, "/api/v1/auth/password")
            .by(&user)
            .json(&body)
            .send()
            .await
            .ok();
        user
    }

    /// Creates something as this user and gives it back.
    pub(crate) async fn create(&self, user: &User, path: &str, body: Value) -> Reply {
        let reply = self
            .call(Method::POST, path)
            .by(user)
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, StatusCode::CREATED, "{}", reply.body);
        reply
    }

    /// What an admin of a tenant may do, without asking.
    pub(crate) fn evidence(&self, tenant: TenantId) -> Authorised {
        Authorised::attest(Grounds {
            tenant,
            user: self.new_id(),
            role: iron_audit::Role::Admin,
            credential: Credential::Session(self.new_id()),
            reach: Reach::Tenant,
            platform_admin: false,
            request: RequestFacts {
                request_id: self.new_id(),
                method: "POST".to_owned(),
                endpoint: "/test".to_owned(),
                ip: None,
                user_agent: None,
                trace_id: None,
            },
        })
    }

    /// Lets the first admin of another tenant in and has him make something of everything.
    pub(crate) async fn live_in(&self, tenant: &Reply, slug: &str) -> User {
        let (id, first) = ("chosen by the platform", &tenant.body["admin"]);
        let boss: UserId = first["id"].as_str().unwrap().parse().unwrap();
        let identity = &self.state.identity;
        let password = Secret::new(id.to_owned());
        let hash = identity
            .hash_password(None, "password", password)
            .await
            .unwrap();
        let authorised = self.evidence(tenant.id("id"));
        let mut tx = self.db.begin().await.unwrap();
        let reset = identity.reset_password(&mut tx, &authorised, boss, &hash, false);
        reset.await.unwrap();
        tx.commit().await.unwrap();
        let body = json!({"email": first["email"], "password": id, "tenant": slug});
        let login = self.call(Method::POST, "/api/v1/auth/login").json(&body);
        let login = login.send().await.ok();
        let user = User {
            id: boss,
            token: login.text_of("access_token").to_owned(),
        };
        let provider = json!({"name": "o", "type": "openai", "api_key": "sk-test-0123456789"});
        let provider = self.create(&user, "/api/v1/providers", provider).await;
        let agent = json!({
            "name": "a", "budget": 1, "tags": ["x"], "providers": [provider.text_of("id")],
            "create_ic_token": true,
        });
        let agent = self.create(&user, "/api/v1/agents", agent).await;
        self.waiting_call(user.id, &agent).await;
        let channel = json!({"name": "c", "kind": "slack", "url": "https://hooks.slack.com/x"});
        self.create(&user, "/api/v1/notification-channels", channel)
            .await;
        let request = json!({
            "agent_id": agent.text_of("id"), "requested_budget": 2,
            "justification": "something of everything",
        });
        self.create(&user, "/api/v1/budget-requests", request).await;
        let pool = json!({"name": "p", "budget": 1, "members": [
            {"agent_id": agent.text_of("id"), "priority": "low"},
        ]});
        self.create(&user, "/api/v1/budget-pools", pool).await;
        let team = json!({"name": "t", "budget": 1});
        let team = self.create(&user, "/api/v1/teams", team).await;
        let path = format!("/api/v1/teams/{}/members/{boss}", team.text_of("id"));
        let joins = self.call(Method::PUT, path).by(&user).json(&json!({}));
        joins.send().await.ok();
        let access = json!({"team_id": team.text_of("id"), "use_case": "u", "monthly_budget": 1});
        self.create(&user, "/api/v1/access-requests", access).await;
        let profile = json!({"name": "g", "allow": ["x"]});
        self.create(&user, "/api/v1/guardrail-profiles", profile)
            .await;
        self.create(&user, "/api/v1/api-tokens", json!({"name": "ci"}))
            .await;
        let price = json!({"input_per_million": "1", "output_per_million": "2"});
        let set = self
            .call(Method::PUT, "/api/v1/models/gpt-4o-mini/price")
            .by(&user);
        set.json(&price).send().await.ok();
        let once = self.call(Method::POST, "/api/v1/projects").by(&user);
        let once = once
            .header("idempotency-key", "one")
            .json(&json!({"name": "p"}));
        assert_eq!(once.send().await.status, StatusCode::CREATED);
        user
    }

    /// A call of an agent that somebody has to approve.
    async fn waiting_call(&self, owner: UserId, agent: &Reply) {
        let new = NewApproval {
            tenant: agent.body["tenant_id"].as_str().unwrap().parse().unwrap(),
            agent: agent.id("id"),
            agent_name: "a".to_owned(),
            owner,
            team: None,
            tool: "send_email".to_owned(),
            arguments: json!({}),
            arguments_hash: "0".repeat(64),
            risk_level: RiskLevel::Low,
            rules: Vec::new(),
            cost: None,
            conversation: None,
            execution: None,
            approvers: vec![Approver::User(owner)],
            quorum: 1,
            forbid_own: false,
            timeout: None,
        };
        self.state.approvals.request(new).await.unwrap();
    }

    /// How many rows of a tenant each table has that has any.
    pub(crate) async fn rows_of(&self, tenant: TenantId) -> BTreeMap<String, i64> {
        let mut found = BTreeMap::new();
        for line in iron_store::schema::describe(&self.db).await.unwrap() {
            let place = line
                .split_once(": ")
                .and_then(|(place, _)| place.split_once('.'));
            let Some((table, column)) = place else {
                continue;
            };
            let key = match (table, column) {
                ("tenants", "id") => "id",
                (_, "tenant_id") => "tenant_id",
                _ => continue,
            };
            let text = format!("SELECT COUNT(*) AS rows FROM {table} WHERE {key} = $1");
            let row = sql(text.leak())
                .bind(tenant)
                .fetch_one(&self.db)
                .await
                .unwrap();
            let rows: i64 = row.get("rows").unwrap();
            if rows > 0 {
                found.insert(table.to_owned(), rows);
            }
        }
        found
    }

    /// What the server does from time to time.
    pub(crate) async fn remove_due_tenants(&self) -> Vec<TenantId> {
        iron_api::remove_due_tenants(&self.state).await.unwrap()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// The first tenant, as a first start makes it.
async fn first_start(db: &Db, identity: &Identity, limits: &Limits) -> TenantCreated {
    let wish = Bootstrap {
        email: ADMIN.to_owned(),
        password: Some(Secret::new(PASSWORD.to_owned())),
    };
    let prepared = identity.prepare_bootstrap(wish).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let made = identity
        .bootstrap(&mut tx, &prepared)
        .await
        .unwrap()
        .unwrap()
        .made;
    let tenant = made.tenant.id;
    for scope in [
        Scope::Tenant(tenant),
        Scope::Project(made.project.id),
        Scope::User(made.admin.id),
    ] {
        limits
            .create_row(&mut tx, tenant, scope, None, Period::None)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    made
}
