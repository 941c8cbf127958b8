//! A server, an agent, a hostile provider, and the records of what happened.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{self, Answer};
use crate::provider::{KEY, Provider, Step};
use crate::server::{self, Agent, Server};

/// The dialect that a caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    OpenAi,
    Anthropic,
}

/// A server whose agent calls a provider that does what it is told.
pub(crate) struct House {
    pub(crate) server: Server,
    pub(crate) admin: String,
    pub(crate) agent: Agent,
    pub(crate) provider: Provider,
}

impl House {
    /// With a provider of this kind, which has a second for each call.
    pub(crate) async fn with(kind: &str) -> House {
        House::patient(kind, 1).await
    }

    /// With a provider of this kind, which has so many seconds for each call and is asked
    /// however often it fails.
    pub(crate) async fn patient(kind: &str, seconds: u32) -> House {
        let provider = Provider::start().await;
        let server = Server::start().await;
        let admin = server.sign_in().await;
        server.break_no_circuits(&admin).await;
        let told = server::Provider {
            kind,
            base_url: &provider.base_url(kind),
            key: KEY,
            timeout_seconds: Some(seconds),
        };
        let agent = server.agent_of(&admin, &told, 1_000.0).await;
        House {
            server,
            admin,
            agent,
            provider,
        }
    }

    /// With the provider that is built in.
    pub(crate) async fn simulated() -> House {
        let provider = Provider::start().await;
        let server = Server::start().await;
        let admin = server.sign_in().await;
        let agent = server.simulated_agent(&admin, "simulated", None).await;
        House {
            server,
            admin,
            agent,
            provider,
        }
    }

    /// Asks for a few words while the provider plays a script.
    pub(crate) async fn ask(&self, speaks: Speaks, stream: bool, script: Vec<Step>) -> Answer {
        self.provider.plays(script);
        let model = match self.provider_kind() {
            "anthropic" => "claude-haiku-4-5",
            _ => "gpt-4o-mini",
        };
        let body = json!({
            "model": model, "max_tokens": 50, "stream": stream,
            "messages": [{"role": "user", "content": "hello"}],
        });
        self.send(speaks, &body.to_string()).await
    }

    /// Sends a body as the agent.
    pub(crate) async fn send(&self, speaks: Speaks, body: &str) -> Answer {
        let path = match speaks {
            Speaks::OpenAi => "/v1/chat/completions",
            Speaks::Anthropic => "/v1/messages",
        };
        self.post(path, body.as_bytes()).await
    }

    /// Sends bytes to a route as the agent.
    pub(crate) async fn post(&self, path: &str, body: &[u8]) -> Answer {
        let mut message = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.agent.token,
            body.len()
        )
        .into_bytes();
        message.extend_from_slice(body);
        http::exchange(&self.server.address, &message, None)
            .await
            .expect("the server answers")
    }

    fn provider_kind(&self) -> &'static str {
        match self.agent.name.starts_with("anthropic") {
            true => "anthropic",
            false => "openai",
        }
    }

    /// The bodies of all records of calls, in order, once there are so many.
    pub(crate) async fn records(&self, wanted: usize) -> Vec<Value> {
        let mut found = Vec::new();
        for _ in 0..100 {
            found = self.server.call_records();
            if found.len() >= wanted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        found
    }

    /// Nothing is held, and what was spent is the sum of what the records say, to a micro.
    pub(crate) async fn assert_money_is_settled(&self, records: &[Value]) {
        let costs = records
            .iter()
            .filter_map(|record| record["cost_nanos"].as_i64());
        let recorded = costs.sum::<i64>();
        let mut budget = Value::Null;
        for _ in 0..150 {
            budget = self.server.budget(&self.admin, &self.agent).await;
            let spent = budget["spent_micros"].as_i64().expect("a number") * 1_000;
            if budget["reserved_micros"] == 0 && (spent - recorded).abs() <= 1_000 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{recorded} n$ were recorded: {budget}");
    }
}

/// An error that the SDK of the caller understands, and that tells nothing that it should not.
pub(crate) fn assert_clear_error(speaks: Speaks, answer: &Answer, what: &str) {
    assert!(
        answer.status >= 400,
        "{what}: {} {}",
        answer.status,
        answer.body
    );
    assert!(answer.whole, "{what}: the answer ends as HTTP says it must");
    assert!(
        answer.head.contains("content-type: application/json"),
        "{what}: {}",
        answer.head
    );
    let value: Value = serde_json::from_str(&answer.body)
        .unwrap_or_else(|error| panic!("{what}: {error} in {}", answer.body));
    assert_error_shape(speaks, &value, what);
    assert_nothing_leaks(&answer.head, what);
    assert_nothing_leaks(&answer.body, what);
}

pub(crate) fn assert_error_shape(speaks: Speaks, value: &Value, what: &str) {
    let error = &value["error"];
    let said = |field: &str| error[field].as_str().is_some_and(|text| !text.is_empty());
    assert!(said("message") && said("type"), "{what}: {value}");
    match speaks {
        Speaks::OpenAi => assert!(value.get("type").is_none(), "{what}: {value}"),
        Speaks::Anthropic => assert_eq!(value["type"], "error", "{what}: {value}"),
    }
}

/// No key, no address of a provider, no word of the machinery.
pub(crate) fn assert_nothing_leaks(text: &str, what: &str) {
    for secret in [
        KEY,
        "hostile-provider",
        "127.0.0.1",
        "hyper",
        "panicked",
        "/root",
        "crates/",
    ] {
        assert!(!text.contains(secret), "{what}: `{secret}` in {text}");
    }
}

/// The error at the end of a stream that had begun well.
pub(crate) fn error_in_stream(speaks: Speaks, body: &str, what: &str) -> Value {
    let last = body
        .split("\n\n")
        .filter_map(|frame| frame.lines().find_map(|line| line.strip_prefix("data: ")))
        .filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .last()
        .unwrap_or_else(|| panic!("{what}: no frame in {body}"));
    assert_error_shape(speaks, &last, what);
    assert_nothing_leaks(body, what);
    last
}
