//! What every adapter of the port to the control plane must keep, tried on both: the direct call
//! and HTTP, on both engines.

use std::sync::Arc;

use iron_net::sealing::SealingKey;
use iron_primitives::{
    AgentId, IcTokenId, InstanceId, LeaseId, ProviderId, Scope, TokenDigest, Unit,
};
use iron_runtime::authority::{
    AuthFailure, Authority, AuthorityError, Counted, End, Engaged, Exchange, Incarnation,
    LeaseReport, Principal, Recall, Standing, Want,
};
use iron_runtime::remote::RemoteAuthority;
use iron_sdk::Client;
use iron_store::testing::PostgresSchema;
use serde_json::json;
use tempfile::TempDir;

use super::{Server, Settings};
use crate::config::{Config, Surroundings, keys};
use crate::environment;

const EMAIL: &str = "admin@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// Which adapter is tried.
#[derive(Debug, Clone, Copy)]
enum Adapter {
    Direct,
    Remote,
}

/// A whole server, an agent of it, and a runtime that asks through one of the adapters.
struct Stage {
    adapter: Adapter,
    server: Server,
    admin: Client,
    instance: InstanceId,
    key: Option<Client>,
    agent: AgentId,
    token: IcTokenId,
    digest: TokenDigest,
    provider: ProviderId,
    _folder: TempDir,
}

impl Stage {
    async fn set(adapter: Adapter, database: Option<String>) -> Box<Stage> {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&folder, database);
        let server = Box::pin(Server::start(settings)).await.unwrap();
        let address = format!("http://{}", server.address);
        let admin = Client::new(&address).unwrap();
        let login = read(json!({"email": EMAIL, "password": PASSWORD}));
        let session = admin.login(&login).await;
        let session = serde_json::to_value(session.unwrap()).unwrap();
        let access = session["access_token"].as_str().unwrap().to_owned();
        admin.set_credential(Some(iron_primitives::Secret::new(access)));

        let provider = read(json!({"name": "p", "type": "openai", "api_key": "sk-conform"}));
        let provider = admin.create_provider(&provider).await;
        let provider = provider.unwrap().id;
        let agent = read(json!({"name": "a", "budget": 10, "providers": [provider]}));
        let agent = admin.create_agent(&agent).await;
        let agent = agent.unwrap().id;
        let token = read(json!({"agent_id": agent}));
        let token = admin.create_token(&token).await;
        let token = token.unwrap();
        let key = match adapter {
            Adapter::Direct => None,
            Adapter::Remote => {
                let made = read(json!({"name": "edge"}));
                let key = admin.create_runtime(&made).await;
                let key = key.unwrap().key.into_secret();
                Some(Client::new(&address).unwrap().with_credential(key))
            }
        };
        Box::new(Stage {
            adapter,
            server,
            admin,
            instance: environment::system().new_id(),
            key,
            agent,
            token: token.id,
            digest: TokenDigest::of(token.token.expose()),
            provider,
            _folder: folder,
        })
    }

    /// A process of the runtime begins, and gets the port.
    async fn enrol(&self) -> (Incarnation, Arc<dyn Authority>) {
        let Some(client) = &self.key else {
            let enrolment = iron_budget::Enrolment {
                instance: self.instance,
                boot_id: "boot".to_owned(),
                at_least: 1,
                seen: 0,
            };
            let features = &self.server.features;
            let incarnation = features.ledger.enrol(&enrolment).await.unwrap();
            return (incarnation, Arc::new(features.house()));
        };
        let sealing = SealingKey::generate().unwrap();
        let body = read(json!({
            "instance_id": self.instance, "boot_id": "boot", "at_least": 1, "seen": 0,
            "public_key": "ab".repeat(32), "sealing_key": sealing.public(), "version": "1.0.0",
        }));
        let enrolled = client.enroll_runtime(&body).await.unwrap();
        let authority = RemoteAuthority::new(client.clone(), enrolled.id, sealing);
        assert!(authority.refresh_prices().await.unwrap());
        assert!(!authority.refresh_prices().await.unwrap(), "nothing new");
        (enrolled.incarnation, Arc::new(authority))
    }

    async fn play(self: Box<Self>) {
        let (first, port) = self.enrol().await;
        let principal = self.tell_who(&*port).await;
        self.give_keys(&*port, &principal).await;
        self.count_besides(&*port).await;
        self.move_money(&*port, first, &principal).await;
        self.end_what_is_over(&*port, &principal).await;
        let stopped = Box::pin(self.server.stop()).await;
        assert!(stopped.is_ok(), "{:?}: {stopped:?}", self.adapter);
    }

    async fn tell_who(&self, port: &dyn Authority) -> Principal {
        let unknown = port.authenticate(TokenDigest::of("nobody")).await;
        assert_eq!(unknown.map(|_| ()), Err(AuthFailure::Unknown));
        let principal = port.authenticate(self.digest).await.unwrap();
        assert_eq!(
            (principal.path.agent, principal.token),
            (self.agent, self.token)
        );
        let direct = self.server.features.house();
        let direct = direct.authenticate(self.digest).await.unwrap();
        assert_eq!(principal.path, direct.path);
        assert_eq!(principal.routes, direct.routes);
        assert_eq!(principal.hash_key, direct.hash_key);
        assert_eq!(principal.agent_state, direct.agent_state);
        principal
    }

    async fn give_keys(&self, port: &dyn Authority, principal: &Principal) {
        let tenant = principal.path.tenant;
        let key = port.credential(tenant, self.provider).await.unwrap();
        assert_eq!((key.secret.expose(), key.version), ("sk-conform", 1));
        let nobody = environment::system().new_id();
        let none = port.credential(tenant, nobody).await.map(|_| ());
        assert_eq!(none, Err(AuthorityError::NotFound));
        let one = port.subject_key(tenant, [3; 32]).await.unwrap();
        let again = port.subject_key(tenant, [3; 32]).await.unwrap();
        let other = port.subject_key(tenant, [4; 32]).await.unwrap();
        assert_eq!((one.id.as_str(), one.key), (again.id.as_str(), again.key));
        assert_ne!(one.key, other.key);
        let book = self.server.features.models.book(tenant);
        assert_eq!(port.prices(tenant).hash_hex(), book.hash_hex());
    }

    /// What is counted besides money is said with the bearer.
    async fn count_besides(&self, port: &dyn Authority) {
        let counted = async || port.authenticate(self.digest).await.unwrap().counted;
        assert_eq!(counted().await, Counted::default());
        for (quota, tokens) in [
            (json!({"execution_seconds_per_day": 60}), false),
            (json!({"tokens_per_day": 1_000}), true),
        ] {
            let set = self.admin.set_agent_quotas(self.agent, &read(quota)).await;
            set.unwrap();
            let execution_time = true;
            let both = Counted {
                tokens,
                execution_time,
            };
            assert_eq!(counted().await, both);
        }
    }

    async fn move_money(&self, port: &dyn Authority, from: Incarnation, principal: &Principal) {
        let tenant = principal.path.tenant;
        let scope = Scope::Agent(self.agent);
        let want = Want {
            tenant,
            scope,
            unit: Unit::Usd,
            amount: 1_000_000,
            exact: 1_000_000,
            least: 0,
            known: None,
            ahead: false,
        };
        let ask = |from, wants: Vec<Want>, reports: Vec<LeaseReport>| Exchange {
            from,
            seen: 0,
            reports,
            complete: false,
            witnessed: Vec::new(),
            wants,
        };
        // An answer that was lost: the same question is granted once.
        let reply = port
            .exchange(ask(from, vec![want], Vec::new()))
            .await
            .unwrap();
        let grant = reply.grants.first().copied().unwrap();
        let again = port
            .exchange(ask(from, vec![want], Vec::new()))
            .await
            .unwrap();
        assert_eq!(
            again.grants.first().map(|grant| grant.granted),
            Some(1_000_000)
        );
        assert!(again.sequence > reply.sequence);

        self.recall_for_others(port, from, (want, grant.lease))
            .await;

        // Reports that come twice, and in the wrong order.
        let report = |settled, standing| LeaseReport {
            lease: grant.lease,
            tenant,
            scope,
            unit: Unit::Usd,
            span: grant.span,
            granted: grant.granted,
            settled,
            returned: 0,
            held: 0,
            standing,
        };
        for settled in [400_000, 100_000, 400_000] {
            let told = ask(from, Vec::new(), vec![report(settled, Standing::Open)]);
            port.exchange(told).await.unwrap();
        }
        assert_eq!(self.spent().await, 400_000);

        // Another generation is told first, and nothing else happens.
        let stranger = Incarnation {
            generation: from.generation + 1,
            ..from
        };
        let reply = port
            .exchange(ask(stranger, vec![want], Vec::new()))
            .await
            .unwrap();
        assert_eq!((reply.generation, reply.grants.len()), (from.generation, 0));

        // A newer process fences the leases of this one, whose late report still counts.
        let (second, new_port) = self.enrol().await;
        let late = ask(from, vec![want], vec![report(500_000, Standing::Open)]);
        let late = port.exchange(late).await.map(|_| ());
        assert_eq!(late, Err(AuthorityError::Superseded));
        assert_eq!(self.spent().await, 500_000);
        let last = ask(second, Vec::new(), vec![report(600_000, Standing::Final)]);
        let reply = new_port.exchange(last).await.unwrap();
        assert_eq!(reply.closed, [grant.lease]);
        assert_eq!(self.spent().await, 600_000);
    }

    /// What is idle here is asked back when calls wait for it elsewhere, and no longer when they do
    /// not.
    async fn recall_for_others(
        &self,
        port: &dyn Authority,
        from: Incarnation,
        (want, lease): (Want, LeaseId),
    ) {
        let ask = |from, wants| Exchange {
            from,
            seen: 0,
            reports: Vec::new(),
            complete: false,
            witnessed: Vec::new(),
            wants,
        };
        let enrolment = iron_budget::Enrolment {
            instance: environment::system().new_id(),
            boot_id: "boot".to_owned(),
            at_least: 1,
            seen: 0,
        };
        let ledger = &self.server.features.ledger;
        let stranger = ledger.enrol(&enrolment).await.unwrap();
        let most = Want {
            amount: 10_000_000_000,
            exact: 10_000_000_000,
            least: 10_000_000_000,
            ..want
        };
        let reply = ledger.exchange(&ask(stranger, vec![most])).await.unwrap();
        let elsewhere = reply.shortfalls.first().map(|short| short.elsewhere);
        assert_eq!(
            elsewhere,
            Some(10_000_000_000),
            "the rest, and what lies here"
        );
        let reply = port.exchange(ask(from, Vec::new())).await.unwrap();
        let recall = Recall {
            lease,
            amount: 1_000_000,
            ahead: true,
        };
        assert_eq!(reply.recalled, [recall]);
        let little = Want {
            amount: 1,
            exact: 1,
            least: 1,
            ..want
        };
        ledger.exchange(&ask(stranger, vec![little])).await.unwrap();
        let reply = port.exchange(ask(from, Vec::new())).await.unwrap();
        assert_eq!(reply.recalled, []);
    }

    /// What the ledger has booked for the agent, in nano-dollars; what is in doubt counts as spent
    /// for people.
    async fn spent(&self) -> i64 {
        let view = self.admin.get_agent_budget(self.agent).await.unwrap();
        (view.spent_micros - view.suspense_micros) * 1_000
    }

    async fn end_what_is_over(&self, port: &dyn Authority, principal: &Principal) {
        let engaged = [Engaged {
            token: self.token,
            path: principal.path,
            agent_ends: principal.agent_ends,
        }];
        assert_eq!(port.ended(&engaged).await, Ok(vec![None]));
        assert_eq!(port.ended(&[]).await, Ok(Vec::new()));
        let action = read(json!({}));
        self.admin.kill_agent(self.agent, &action).await.unwrap();
        assert_eq!(port.ended(&engaged).await, Ok(vec![Some(End::Agent)]));
        self.admin.delete_token(self.token).await.unwrap();
        assert_eq!(port.ended(&engaged).await, Ok(vec![Some(End::Token)]));
        let revoked = port.authenticate(self.digest).await.map(|_| ());
        assert_eq!(revoked, Err(AuthFailure::Revoked));
    }
}

fn read<T: serde::de::DeserializeOwned>(body: serde_json::Value) -> T {
    serde_json::from_value(body).unwrap()
}

fn settings(folder: &TempDir, database: Option<String>) -> Settings {
    let variable = |name: &str| match name {
        "IRON_ADMIN_EMAIL" => Some(EMAIL.to_owned()),
        "IRON_ADMIN_PASSWORD" => Some(PASSWORD.to_owned()),
        "IRON_DATABASE_URL" => database.clone(),
        "HOME" => Some(folder.path().display().to_string()),
        _ => None,
    };
    let data = folder.path().join("data").display().to_string();
    let flags = vec![
        (keys::DATA, "data", data),
        (keys::LISTEN, "listen", "127.0.0.1:0".to_owned()),
    ];
    let around = Surroundings {
        variable: &variable,
        folder: folder.path(),
    };
    Settings::read(&Config::load(flags, &around).unwrap()).unwrap()
}

async fn play(adapter: Adapter, database: Option<String>) {
    let stage = Box::pin(Stage::set(adapter, database)).await;
    Box::pin(stage.play()).await;
}

async fn play_on_postgres(adapter: Adapter) {
    let schema = PostgresSchema::create().await.unwrap();
    Box::pin(play(adapter, Some(schema.url()))).await;
    schema.drop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_direct_port_keeps_the_rules_on_sqlite() {
    Box::pin(play(Adapter::Direct, None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_direct_port_keeps_the_rules_on_postgres() {
    Box::pin(play_on_postgres(Adapter::Direct)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_over_http_keeps_the_rules_on_sqlite() {
    Box::pin(play(Adapter::Remote, None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_over_http_keeps_the_rules_on_postgres() {
    Box::pin(play_on_postgres(Adapter::Remote)).await;
}
