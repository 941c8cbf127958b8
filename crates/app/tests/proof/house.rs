//! Three servers on one PostgreSQL and one Redis behind a balancer.

use std::time::Duration;

use iron_store::testing::PostgresSchema;
use iron_testkit::{FakeUpstream, RedisServer};
use serde_json::{Value, json};

use crate::balancer::Balancer;
use crate::http::{self, Answer};
use crate::server::{Agent, EMAIL, PASSWORD, Provider, Server, Variables};

pub(crate) const SERVERS: usize = 3;
/// How long a server that is told to stop goes on; the balancer asks twice a second.
const NOTICE_SECONDS: &str = "6";

pub(crate) struct House {
    pub(crate) balancer: Balancer,
    pub(crate) servers: Vec<Server>,
    pub(crate) redis: RedisServer,
    schema: PostgresSchema,
}

impl House {
    pub(crate) async fn build(more: Variables) -> House {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let schema = PostgresSchema::create().await.expect("a schema");
        let redis = RedisServer::start().expect("a Redis");
        let mut servers = Vec::new();
        for _ in 0..SERVERS {
            let mut variables: Variables = vec![
                ("IRON_DATABASE_URL", schema.url()),
                ("IRON_MASTER_KEY", "5a".repeat(32)),
                ("IRON_REDIS_URL", redis.url()),
                // What is shown are counts; how fast a busy machine answers is not.
                ("IRON_REDIS_TIMEOUT_MS", "1000".to_owned()),
                ("IRON_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
                ("IRON_DRAIN_NOTICE_SECONDS", NOTICE_SECONDS.to_owned()),
            ];
            variables.extend(more.clone());
            servers.push(Server::start_with(variables).await);
        }
        let balancer = Balancer::before(&servers).await;
        let house = House {
            balancer,
            servers,
            redis,
            schema,
        };
        house.until_redis_is("up").await;
        house
    }

    /// Waits until all servers say so of the Redis that they share, at their doors.
    pub(crate) async fn until_redis_is(&self, word: &str) {
        for server in &self.servers {
            let mut patience = 1_200;
            while self.health(server).await["services"]["cache"] != word {
                patience -= 1;
                assert!(patience > 0, "{}", self.health(server).await);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    pub(crate) async fn health(&self, server: &Server) -> Value {
        ask(&server.address, None, "GET", "/api/health", &Value::Null)
            .await
            .json()
    }

    /// Asks whichever server it comes to.
    pub(crate) async fn ask(
        &self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Answer {
        ask(&self.balancer.address, token, method, path, body).await
    }

    pub(crate) async fn sign_in(&self) -> Value {
        let login = json!({"email": EMAIL, "password": PASSWORD});
        let answer = self.ask(None, "POST", "/api/v1/auth/login", &login).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    pub(crate) async fn end(self) {
        drop((self.servers, self.balancer, self.redis));
        self.schema.drop().await.expect("the schema goes");
    }
}

pub(crate) async fn ask(
    address: &str,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: &Value,
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1");
    if let Some(token) = token {
        head.push_str(&format!("\r\nauthorization: Bearer {token}"));
    }
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    http::request(address, &head, &body, None)
        .await
        .expect("an answer")
}

pub(crate) fn text(object: &Value, field: &str) -> String {
    let text = object[field].as_str();
    text.unwrap_or_else(|| panic!("no `{field}` in {object}"))
        .to_owned()
}

/// The number in a header of the answer.
pub(crate) fn told(answer: &Answer, name: &str) -> Option<u64> {
    let lines = answer.head.lines();
    let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    values.next()?.trim().parse().ok()
}

pub(crate) async fn agent_of(
    house: &House,
    admin: &str,
    upstream: &FakeUpstream,
    number: usize,
    budget: f64,
) -> Agent {
    let (base_url, key) = (upstream.base_url(), upstream.key());
    let provider = Provider {
        kind: "openai",
        base_url: &base_url,
        key: &key,
        timeout_seconds: Some(60),
    };
    let server = &house.servers[number % SERVERS];
    server
        .agent_named(admin, &format!("agent {number}"), &provider, budget)
        .await
}
