//! What ends a call ends it wherever it is served: agents, tokens, owners and tenants that are
//! ended on one server while another one has calls of theirs under way.

use std::time::Duration;

use iron_store::testing::PostgresSchema;
use iron_store::{Db, sql};
use iron_testkit::FakeUpstream;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::http::{self, Answer};
use crate::kit::{Speaks, assert_clear_error, error_in_stream};
use crate::server::{Agent, Provider, Server, Variables};

mod cast;

use cast::{ALL, End, Upstreams};

const PASSWORD: &str = "a password for everybody";

/// Somebody with two agents: one gets a stream, one waits for its answer.
struct Household {
    end: End,
    /// A session that may look at the budgets.
    admin: String,
    owner: String,
    tenant: String,
    streams: Agent,
    waits: Agent,
}

async fn sign_in(server: &Server, email: &str) -> Value {
    let login = json!({"email": email, "password": PASSWORD});
    server.post(None, "/api/v1/auth/login", &login).await
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .unwrap_or_else(|| panic!("no `{pointer}` in {value}"))
        .to_owned()
}

/// A tenant with an admin who has a password.
async fn found_tenant(asked: &Server, db: &Db, root: &str, slug: &str) {
    let email = format!("boss@{slug}.example");
    let told = json!({"name": slug, "slug": slug, "admin_email": email});
    asked.post(Some(root), "/api/v1/tenants", &told).await;
    let known = format!("known@{slug}.example");
    let told = json!({"email": known, "name": "known", "password": PASSWORD});
    asked.post(Some(root), "/api/v1/users", &told).await;
    sql("UPDATE users SET status = 'active', password_hash = \
         (SELECT known.password_hash FROM users known WHERE known.email = $2) WHERE email = $1")
    .bind(&email)
    .bind(&known)
    .execute(db)
    .await
    .expect("the admin gets a password");
}

async fn move_in(
    asked: &Server,
    db: &Db,
    root: &str,
    upstreams: &Upstreams,
    end: End,
) -> Household {
    let name = format!("{end:?}").to_lowercase();
    let email = match end {
        End::TenantSuspended => {
            found_tenant(asked, db, root, &name).await;
            format!("boss@{name}.example")
        }
        _ => {
            let email = format!("{name}@example.com");
            let told = json!({"email": email, "name": name, "role": "admin", "password": PASSWORD});
            asked.post(Some(root), "/api/v1/users", &told).await;
            email
        }
    };
    sql("UPDATE users SET must_change_password = 0 WHERE email = $1")
        .bind(&email)
        .execute(db)
        .await
        .expect("nobody has to change it");
    let session = sign_in(asked, &email).await;
    let own = text(&session, "/access_token");
    let agent = async |what: &str, upstream: &FakeUpstream| {
        let provider = Provider {
            kind: "openai",
            base_url: &upstream.base_url(),
            key: &upstream.key(),
            timeout_seconds: Some(60),
        };
        let name = format!("{name} {what}");
        asked.agent_named(&own, &name, &provider, 10.0).await
    };
    let streams = agent("streams", &upstreams.talkative).await;
    let waits = agent("waits", &upstreams.silent).await;
    let me = http::call(
        &asked.address,
        Some(&own),
        "GET",
        "/api/v1/users/me",
        &Value::Null,
    );
    let me = me.await;
    let admin = match end {
        End::TenantSuspended => own,
        _ => root.to_owned(),
    };
    Household {
        end,
        admin,
        owner: text(&me, "/id"),
        tenant: text(&me, "/tenant_id"),
        streams,
        waits,
    }
}

/// One call, in a task of its own.
fn ask(serving: &Server, agent: &Agent, stream: bool) -> JoinHandle<Answer> {
    let body = json!({
        "model": "gpt-4o-mini", "max_tokens": 100, "stream": stream,
        "messages": [{"role": "user", "content": "hello"}],
    });
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {}",
        agent.token
    );
    let address = serving.address.clone();
    tokio::spawn(async move {
        let answer = http::request(&address, &head, &body.to_string(), None).await;
        answer.expect("the server answers")
    })
}

async fn act(asked: &Server, root: &str, agent: &Agent, verb: &str, told: &Value) {
    let path = format!("/api/v1/agents/{}/{verb}", agent.id);
    asked.post(Some(root), &path, told).await;
}

impl Household {
    async fn meets_its_end(&self, asked: &Server, root: &str) {
        let put = async |path: String| {
            let why = json!({"reason": "it is over"});
            http::call(&asked.address, Some(root), "PUT", &path, &why).await;
        };
        match self.end {
            End::OwnerSuspended => put(format!("/api/v1/users/{}/suspend", self.owner)).await,
            End::TenantSuspended => put(format!("/api/v1/tenants/{}/suspend", self.tenant)).await,
            _ => {
                for agent in [&self.streams, &self.waits] {
                    self.one_ends(asked, root, agent).await;
                }
            }
        }
    }

    async fn one_ends(&self, asked: &Server, root: &str, agent: &Agent) {
        match self.end {
            End::Killed => act(asked, root, agent, "kill", &json!({})).await,
            End::KilledAndStarted => {
                act(asked, root, agent, "kill", &json!({})).await;
                act(asked, root, agent, "start", &json!({})).await;
            }
            End::Stopped => {
                let grace = json!({"grace_seconds": 1});
                act(asked, root, agent, "stop", &grace).await;
            }
            End::Deleted => {
                let path = format!("/api/v1/agents/{}", agent.id);
                asked.delete(root, &path).await;
            }
            End::Revoked => {
                let path = format!("/api/v1/tokens/{}", agent.token_id);
                asked.delete(root, &path).await;
            }
            End::OwnerSuspended | End::TenantSuspended => {}
        }
    }

    /// Both callers were told what has ended, each in the way that it understands.
    fn assert_told(&self, streamed: &Answer, waited: &Answer) {
        let what = format!("{:?}", self.end);
        assert_eq!(streamed.status, 200, "{what}: {}", streamed.body);
        let error = error_in_stream(Speaks::OpenAi, &streamed.body, &what);
        assert_eq!(error["error"]["message"], self.end.said(), "{what}");
        assert!(!streamed.body.contains("[DONE]"), "{what}");
        assert_clear_error(Speaks::OpenAi, waited, &what);
        let told = waited.json()["error"]["code"].clone();
        let (status, code) = self.end.told();
        assert_eq!((waited.status, told), (status, json!(code)), "{what}");
    }

    fn assert_recorded(&self, records: &[Value]) {
        for agent in [&self.streams, &self.waits] {
            let own = |record: &&Value| record["agent"] == json!(agent.id);
            let own: Vec<_> = records.iter().filter(own).collect();
            let what = format!("{:?} {own:#?}", self.end);
            assert_eq!(own.len(), 1, "{what}");
            let attempt = &own[0]["attempts"][0];
            assert_eq!(own[0]["outcome"], "cut", "{what}");
            assert_eq!(attempt["ended"], self.end.recorded(), "{what}");
            assert_eq!(attempt["settlement"], "actual", "{what}");
        }
    }
}

/// Waits for the records of so many calls.
async fn records(serving: &Server, wanted: usize) -> Vec<Value> {
    let mut found = Vec::new();
    for _ in 0..150 {
        found = serving.call_records();
        if found.len() >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(found.len(), wanted);
    found
}

/// What an agent has spent once nothing is held and nothing in doubt, in micro-dollars.
async fn spent_micros(asked: &Server, admin: &str, agent: &Agent) -> i64 {
    let mut budget = Value::Null;
    for _ in 0..150 {
        budget = asked.budget(admin, agent).await;
        if budget["reserved_micros"] == 0 && budget["suspense_micros"] == 0 {
            return budget["spent_micros"].as_i64().expect("a number");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("not at rest: {budget}");
}

/// Calls go to one server while everything is ended on the other, which may be the same.
async fn everything_ends(serving: &Server, asked: &Server, db: &Db) {
    let upstreams = Upstreams::start().await;
    let root = asked.sign_in().await;
    let mut households = Vec::new();
    for end in ALL {
        households.push(move_in(asked, db, &root, &upstreams, end).await);
    }
    let provider = Provider {
        kind: "openai",
        base_url: &upstreams.talkative.base_url(),
        key: &upstreams.talkative.key(),
        timeout_seconds: Some(60),
    };
    let bystander = asked.agent_named(&root, "bystander", &provider, 10.0).await;

    let calls: Vec<_> = households
        .iter()
        .map(|household| {
            let streamed = ask(serving, &household.streams, true);
            (streamed, ask(serving, &household.waits, false))
        })
        .collect();
    let goes_on = ask(serving, &bystander, true);
    let count = 2 * households.len() + 1;
    let streams = format!("iron_streams_in_flight {}\n", households.len() + 1);
    while upstreams.asked() < count || !serving.metrics().await.contains(&streams) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for household in &households {
        household.meets_its_end(asked, &root).await;
    }
    for (household, (streamed, waited)) in households.iter().zip(calls) {
        let streamed = streamed.await.expect("a caller");
        let waited = waited.await.expect("a caller");
        household.assert_told(&streamed, &waited);
    }
    assert!(!goes_on.is_finished(), "nobody waited for a provider");
    let goes_on = goes_on.await.expect("a caller");
    assert!(goes_on.body.contains("[DONE]"), "{}", goes_on.body);
    let records = records(serving, count).await;
    for household in &households {
        household.assert_recorded(&records);
    }
    let recorded: i64 = records
        .iter()
        .filter_map(|record| record["cost_nanos"].as_i64())
        .sum();
    assert_eq!(recorded, upstreams.billed_nanos(), "to the nano-dollar");
    // What was suspended can be looked at again.
    for household in &households {
        if household.end == End::TenantSuspended {
            let path = format!("/api/v1/tenants/{}/activate", household.tenant);
            http::call(&asked.address, Some(&root), "PUT", &path, &Value::Null).await;
        }
        if household.end == End::Deleted {
            continue;
        }
        for agent in [&household.streams, &household.waits] {
            let own = |record: &&Value| record["agent"] == json!(agent.id);
            let cost = records.iter().filter(own);
            let cost: i64 = cost
                .filter_map(|record| record["cost_nanos"].as_i64())
                .sum();
            let spent = spent_micros(asked, &household.admin, agent).await;
            assert!((spent * 1_000 - cost).abs() <= 1_000, "{}", agent.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ended_on_one_server_ends_on_the_others_too() {
    let schema = PostgresSchema::create().await.expect("a schema");
    let variables: Variables = vec![
        ("IRON_DATABASE_URL", schema.url()),
        ("IRON_MASTER_KEY", "5a".repeat(32)),
    ];
    let serving = Server::start_with(variables.clone()).await;
    let asked = Server::start_with(variables).await;
    let db = schema.connect().await.expect("the database");
    everything_ends(&serving, &asked, &db).await;
    db.close().await;
    drop((serving, asked));
    schema.drop().await.expect("the schema goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ended_on_the_server_that_serves_it_ends_there() {
    let server = Server::start().await;
    let db = Db::open_sqlite(&server.data_folder().join("iron.db"))
        .await
        .expect("the database");
    everything_ends(&server, &server, &db).await;
    db.close().await;
}
