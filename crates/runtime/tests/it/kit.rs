//! A control plane in memory, and a runtime around it.

// The gateway's tests take this file by its path.
#[path = "kept.rs"]
mod kept;
#[path = "people.rs"]
mod people;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use iron_journal::{Content, Cursor, Journal, JournalKeys, Options};
use iron_llm::{Dialect, PriceBook, ProviderConfig, ProviderKind};
use iron_net::egress::{AddressRules, Egress, EgressOptions};
use iron_primitives::{
    ActorPath, AgentId, Environment, IcTokenId, InstanceId, LeaseId, ProjectId, ProviderId,
    Refusal, RequestId, Scope, TenantId, TokenDigest, TokenKind, TokenValue, ToolId, Unit, UserId,
};
use iron_runtime::authority::{
    AgentState, AuthFailure, Authority, AuthorityError, BookCalls, BudgetView, CallsBooked,
    Credential, End, Engaged, Exchange, ExchangeReply, Grant, Incarnation, Principal, Route,
    Shortfall, Standing, SubjectKey, TeamRules,
};
use iron_runtime::call::{Attribution, Body, CallRequest, Reply};
use iron_runtime::custody::{self, Custody, KeptFile};
use iron_runtime::oversight::Oversight;
use iron_runtime::record::CallRecord;
use iron_runtime::wallet::{Estate, Owner, Policy, Wallets};
use iron_runtime::{Config, Parts, Runtime, ToolHosts};
use iron_telemetry::Metrics;
use iron_testkit::{ManualClock, TestEnvironment};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) use kept::TestBatch;
pub(crate) use people::Question;

/// What one budget has given out.
#[derive(Debug, Default, Clone)]
struct Account {
    limit: Option<i64>,
    lease: Option<LeaseId>,
    granted: i64,
    settled: i64,
    returned: i64,
    /// Leased to others.
    elsewhere: i64,
}

impl Account {
    fn view(&self) -> BudgetView {
        let escrow = self.granted - self.settled - self.returned;
        BudgetView {
            limit: self.limit,
            settled: self.settled,
            escrow: escrow + self.elsewhere,
            suspense: 0,
        }
    }
}

/// What the control plane knows.
#[derive(Default)]
pub(crate) struct Plane {
    pub(crate) principals: HashMap<TokenDigest, Result<Principal, AuthFailure>>,
    pub(crate) keys: HashMap<ProviderId, String>,
    /// The secret of each tool, with how many it has had.
    pub(crate) tool_secret: Option<(String, i64)>,
    accounts: HashMap<(Scope, Unit), Account>,
    sequence: u64,
    /// How many calls are booked of each day.
    pub(crate) calls: HashMap<i64, i64>,
    pub(crate) books_no_calls: bool,
    /// How many calls a day the plan allows.
    pub(crate) plan: i64,
    pub(crate) down: bool,
    pub(crate) authentications: u64,
    /// About how many tokens with calls under way it was asked.
    pub(crate) asked_about: usize,
    /// Whether nobody remembers here what agents keep at providers.
    pub(crate) keeps_nothing: bool,
    /// How often it fails to note how a provider calls a batch.
    pub(crate) forgetful: u32,
    /// Batches, the oldest first.
    pub(crate) batches: Vec<TestBatch>,
    /// Files, the oldest first.
    pub(crate) files: Vec<(custody::Owner, KeptFile)>,
    /// Whether nobody can be asked.
    pub(crate) asks_nobody: bool,
    /// What people were asked.
    pub(crate) questions: Vec<Question>,
    /// The conversation in which another instance has seen something of strangers.
    pub(crate) read_elsewhere: Option<String>,
}

/// A control plane in memory.
pub(crate) struct TestAuthority {
    plane: Mutex<Plane>,
    pub(crate) environment: Environment,
    prices: Mutex<Arc<PriceBook>>,
}

impl TestAuthority {
    pub(crate) fn plane(&self) -> MutexGuard<'_, Plane> {
        self.plane.lock().expect("not poisoned")
    }

    fn reply(&self, exchange: &Exchange) -> ExchangeReply {
        let mut plane = self.plane();
        plane.sequence += 1;
        let mut reply = ExchangeReply {
            sequence: plane.sequence,
            ..ExchangeReply::default()
        };
        let mut touched = Vec::new();
        for report in &exchange.reports {
            let account = plane
                .accounts
                .entry((report.scope, report.unit))
                .or_default();
            account.settled = account.settled.max(report.settled);
            account.returned = account.returned.max(report.returned);
            if report.standing == Standing::Final {
                account.returned = account.granted - account.settled;
                reply.closed.push(report.lease);
            } else {
                touched.push((report.scope, report.unit, report.span, report.tenant));
            }
        }
        for want in &exchange.wants {
            let account = plane.accounts.entry((want.scope, want.unit)).or_default();
            let lease = *account
                .lease
                .get_or_insert_with(|| self.environment.new_id());
            let known = want.known.map_or(0, |(_, granted)| granted);
            if known >= account.granted || want.known.is_some_and(|(id, _)| id != lease) {
                let given = want.amount.min(account.view().room());
                account.granted += given;
                if given < want.exact {
                    let view = account.view();
                    let (tenant, scope, unit) = (want.tenant, want.scope, want.unit);
                    reply.shortfalls.push(Shortfall {
                        tenant,
                        scope,
                        unit,
                        view,
                        resets_at: None,
                        elsewhere: 0,
                    });
                }
            }
            let span = iron_primitives::Period::None.span(self.environment.now());
            touched.push((want.scope, want.unit, span, want.tenant));
        }
        for (scope, unit, span, tenant) in touched {
            let account = plane.accounts.entry((scope, unit)).or_default();
            let Some(lease) = account.lease else { continue };
            let (granted, view) = (account.granted, account.view());
            let (not_before_ms, ttl_ms) = (0, 30_000);
            reply.grants.push(Grant {
                lease,
                tenant,
                scope,
                unit,
                span,
                granted,
                not_before_ms,
                ttl_ms,
                view,
            });
        }
        reply
    }
}

#[async_trait]
impl Authority for TestAuthority {
    async fn authenticate(&self, token: TokenDigest) -> Result<Principal, AuthFailure> {
        let mut plane = self.plane();
        plane.authentications += 1;
        if plane.down {
            return Err(AuthFailure::Unavailable);
        }
        plane
            .principals
            .get(&token)
            .cloned()
            .unwrap_or(Err(AuthFailure::Unknown))
    }

    async fn credential(
        &self,
        _: TenantId,
        provider: ProviderId,
    ) -> Result<Credential, AuthorityError> {
        let plane = self.plane();
        let key = plane.keys.get(&provider).ok_or(AuthorityError::NotFound)?;
        Ok(Credential {
            secret: key.clone().into(),
            version: 1,
        })
    }

    async fn tool_secret(&self, _: TenantId, _: ToolId) -> Result<Credential, AuthorityError> {
        let secret = self.plane().tool_secret.clone();
        let (secret, version) = secret.ok_or(AuthorityError::NotFound)?;
        let secret = secret.into();
        Ok(Credential { secret, version })
    }

    async fn ended(&self, engaged: &[Engaged]) -> Result<Vec<Option<End>>, AuthorityError> {
        let mut plane = self.plane();
        plane.asked_about += engaged.len();
        if plane.down {
            return Err(AuthorityError::Unavailable);
        }
        let end_of = |one: &Engaged| {
            let mut known = plane
                .principals
                .values()
                .filter_map(|known| known.as_ref().ok());
            let Some(known) = known.find(|known| known.token == one.token) else {
                return Some(End::Token);
            };
            match known.agent_state {
                _ if known.tenant_suspended => Some(End::Tenant),
                AgentState::Inactive => Some(End::Owner),
                AgentState::Stopped => Some(End::Agent),
                _ => (known.agent_ends != one.agent_ends).then_some(End::Agent),
            }
        };
        Ok(engaged.iter().map(end_of).collect())
    }

    async fn exchange(&self, exchange: Exchange) -> Result<ExchangeReply, AuthorityError> {
        if self.plane().down {
            return Err(AuthorityError::Unavailable);
        }
        Ok(self.reply(&exchange))
    }

    async fn book_calls(&self, ask: BookCalls) -> Result<CallsBooked, AuthorityError> {
        let mut plane = self.plane();
        if plane.books_no_calls {
            return Err(AuthorityError::Unavailable);
        }
        let plan = plane.plan;
        let day = plane.calls.entry(ask.day).or_default();
        *day = (*day + ask.made).max(0);
        let granted = i64::from(ask.want).min(plan - *day).max(0);
        *day += granted;
        let booked = *day;
        let granted = u32::try_from(granted).expect("small");
        Ok(CallsBooked { granted, booked })
    }

    fn custody(&self) -> Option<&dyn Custody> {
        let keeps_nothing = self.plane().keeps_nothing;
        (!keeps_nothing).then_some(self)
    }

    fn oversight(&self) -> Option<&dyn Oversight> {
        let asks_nobody = self.plane().asks_nobody;
        (!asks_nobody).then_some(self)
    }

    fn prices(&self, _: TenantId) -> Arc<PriceBook> {
        self.prices.lock().expect("not poisoned").clone()
    }

    async fn subject_key(
        &self,
        _: TenantId,
        subject: [u8; 32],
    ) -> Result<SubjectKey, AuthorityError> {
        Ok(SubjectKey {
            id: format!("key-{:02x}", subject[0]),
            key: subject,
        })
    }
}

/// One agent of one tenant, a runtime for it, and the token to call it with.
pub(crate) struct World {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) authority: Arc<TestAuthority>,
    pub(crate) journal: Journal,
    pub(crate) wallets: Wallets,
    pub(crate) metrics: Metrics,
    pub(crate) environment: Environment,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) path: ActorPath,
    token: TokenValue,
    _folder: tempfile::TempDir,
}

impl World {
    /// An agent whose providers are these.
    pub(crate) fn new(routes: Vec<Route>) -> World {
        World::with(routes, Config::default())
    }

    pub(crate) fn with(routes: Vec<Route>, config: Config) -> World {
        let TestEnvironment { environment, clock } = TestEnvironment::new();
        let token = TokenValue::generate(TokenKind::Ic, &environment);
        let path = ActorPath {
            pool: None,
            tenant: environment.new_id::<TenantId>(),
            project: environment.new_id::<ProjectId>(),
            team: None,
            user: environment.new_id::<UserId>(),
            agent: environment.new_id::<AgentId>(),
        };
        let principal = Principal {
            token: environment.new_id::<IcTokenId>(),
            expires_at: None,
            path,
            agent_state: AgentState::Running,
            spent_out: None,
            counted: iron_runtime::authority::Counted::default(),
            agent_ends: 0,
            tenant_suspended: false,
            calls_per_day: None,
            allowed_models: None,
            team_rules: TeamRules::default(),
            routes,
            routing: iron_runtime::authority::Routing::default(),
            hash_key: [7; 32],
            environment: Some("prod".to_owned()),
            guardrails: iron_runtime::authority::Guardrails::default(),
            tools: iron_runtime::authority::ToolRules::default(),
        };
        let mut plane = Plane::default();
        plane.principals.insert(token.digest(), Ok(principal));
        let authority = Arc::new(TestAuthority {
            plane: Mutex::new(plane),
            environment: environment.clone(),
            prices: Mutex::new(PriceBook::builtin()),
        });
        let folder = tempfile::tempdir().expect("a folder");
        let instance: InstanceId = environment.new_id();
        let options = Options::new(instance, 1, JournalKeys::new([1; 32], [2; 32], [3; 32]));
        let (journal, _) =
            Journal::open(folder.path(), options, environment.clone()).expect("opens");
        let owner = Owner {
            incarnation: Incarnation {
                instance,
                incarnation: 1,
                generation: 1,
            },
            boot_id: "boot".to_owned(),
            seen: 0,
        };
        let wallets = Wallets::start(
            owner,
            &Estate::default(),
            journal.clone(),
            authority.clone(),
            environment.clone(),
            Policy::SERVER,
        );
        let metrics = Metrics::new();
        let egress = Egress::new(EgressOptions::default()).expect("a client");
        let parts = Parts {
            authority: authority.clone(),
            journal: journal.clone(),
            wallets: wallets.clone(),
            egress: egress.clone(),
            tool_hosts: ToolHosts::new(["127.0.0.1".to_owned()], inside(), egress),
            databases: None,
            metrics: metrics.clone(),
            shared_rates: None,
            environment: environment.clone(),
        };
        let runtime = Runtime::new(config, parts);
        World {
            runtime,
            authority,
            journal,
            wallets,
            metrics,
            environment,
            clock,
            path,
            token,
            _folder: folder,
        }
    }

    /// Limits the agent's budget, in nano-dollars.
    pub(crate) fn limit_agent(&self, nanos: i64) {
        self.limit(Unit::Usd, nanos);
    }

    /// Limits the time that the agent may work.
    pub(crate) fn limit_time(&self, millis: i64) {
        self.change(|agent| agent.counted.execution_time = true);
        self.limit(Unit::ExecutionTime, millis);
    }

    fn limit(&self, unit: Unit, limit: i64) {
        let mut plane = self.authority.plane();
        let purse = (Scope::Agent(self.path.agent), unit);
        plane.accounts.entry(purse).or_default().limit = Some(limit);
    }

    /// Another instance has leased all the time of the agent.
    pub(crate) fn takes_all_elsewhere(&self) {
        let mut plane = self.authority.plane();
        let purse = (Scope::Agent(self.path.agent), Unit::ExecutionTime);
        let account = plane.accounts.entry(purse).or_default();
        account.elsewhere = account.limit.unwrap_or(0);
    }

    /// How long the agent has worked, once no time is held any more, in milliseconds.
    pub(crate) async fn time_used(&self) -> i64 {
        self.used(Unit::ExecutionTime).await
    }

    /// What the calls of the agent have cost by the books of its budget, once no money is held any
    /// more, in nano-dollars. The budget must have a limit.
    pub(crate) async fn money_used(&self) -> i64 {
        self.used(Unit::Usd).await
    }

    async fn used(&self, unit: Unit) -> i64 {
        while self.wallets.open_holds() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.wallets.report().await.expect("it is told");
        let plane = self.authority.plane();
        let purse = (Scope::Agent(self.path.agent), unit);
        plane.accounts.get(&purse).map_or(0, |one| one.settled)
    }

    /// Puts another price book in force.
    pub(crate) fn set_prices(&self, book: PriceBook) {
        *self.authority.prices.lock().expect("not poisoned") = Arc::new(book);
    }

    /// Changes what the control plane says about the agent.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Principal)) {
        let mut plane = self.authority.plane();
        if let Some(Ok(principal)) = plane.principals.get_mut(&self.token.digest()) {
            change(principal);
        }
    }

    /// Makes a token unknown, expired or revoked.
    pub(crate) fn fail_token(&self, failure: AuthFailure) {
        self.authority
            .plane()
            .principals
            .insert(self.token.digest(), Err(failure));
    }

    pub(crate) fn token(&self) -> &str {
        self.token.secret().expose()
    }

    pub(crate) fn digest(&self) -> TokenDigest {
        self.token.digest()
    }

    pub(crate) fn set_key(&self, provider: ProviderId, key: &str) {
        self.authority.plane().keys.insert(provider, key.to_owned());
    }

    pub(crate) fn request(&self, dialect: Dialect, body: &str) -> CallRequest {
        CallRequest {
            passing: None,
            id: self.environment.new_id::<RequestId>(),
            edge_id: None,
            dialect,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            attribution: Attribution::default(),
            trace: None,
        }
    }

    /// Calls as the agent.
    pub(crate) async fn call(&self, dialect: Dialect, body: &str) -> Result<Reply, Refusal> {
        self.send(self.request(dialect, body)).await
    }

    pub(crate) async fn send(&self, request: CallRequest) -> Result<Reply, Refusal> {
        let authenticated = self.runtime.authenticate(Some(self.token())).await?;
        self.runtime.call(authenticated, request).await
    }

    /// Every call of a model recorded so far, oldest first, after all calls are closed.
    pub(crate) async fn records(&self) -> Vec<CallRecord> {
        self.recorded("call").await
    }

    /// Everything of this kind recorded so far, oldest first, after all calls are closed.
    pub(crate) async fn recorded<T>(&self, kind: &str) -> Vec<T>
    where
        T: Serialize + DeserializeOwned,
    {
        while self.runtime.in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        self.journal
            .durable(self.journal.position())
            .await
            .expect("durable");
        let mut reader = self.journal.read_from(Cursor::START).expect("a reader");
        let mut records = Vec::new();
        let frames = reader.next_frames(10_000).expect("readable");
        for frame in frames {
            if let Content::Record(record) = &frame.content {
                let value: Value = serde_json::from_slice(record.body()).expect("JSON");
                if value.get("kind").and_then(Value::as_str) != Some(kind) {
                    continue;
                }
                let read = serde_json::from_slice(record.body()).expect("a record");
                let again = iron_journal::canonical::to_vec(&read).expect("canonical");
                assert_eq!(
                    again.as_bytes(),
                    record.body(),
                    "a record reads back as it was"
                );
                records.push(read);
            }
        }
        records
    }

    /// The one record there is.
    pub(crate) async fn record(&self) -> CallRecord {
        let mut records = self.records().await;
        assert_eq!(records.len(), 1, "one call leaves one record");
        records.remove(0)
    }
}

/// A client that may go inside the network.
fn inside() -> Egress {
    let rules = AddressRules {
        plain_http: true,
        private_networks: true,
    };
    let options = EgressOptions {
        rules,
        ..EgressOptions::default()
    };
    Egress::new(options).expect("a client")
}

/// A route to a provider.
pub(crate) fn route(kind: ProviderKind, base_url: &str, provider: ProviderId) -> Route {
    Route {
        provider,
        name: kind.as_str().to_owned(),
        kind,
        base_url: base_url.to_owned(),
        config: ProviderConfig::default(),
        organization: None,
        models: Vec::new(),
        timeout_ms: 10_000,
    }
}

/// The whole body of a reply.
pub(crate) async fn text(reply: Reply) -> String {
    let mut bytes = Vec::new();
    match reply.body {
        Body::Whole(body) => bytes.extend_from_slice(&body),
        Body::Chunks(mut chunks) => {
            while let Some(chunk) = chunks.next().await {
                bytes.extend_from_slice(&chunk);
            }
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}
