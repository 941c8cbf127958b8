//! Stored responses and counted tokens, at a provider that answers as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode, header};
use iron_gateway::Config;
use iron_llm::ProviderKind;
use iron_primitives::ProviderId;
use iron_runtime::authority::Change;
use iron_runtime::record::Outcome;
use iron_testkit::TestEnvironment;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::front::{Front, Got};
use crate::kit::{World, route};

const CREATED: &str = r#"{"id":"resp_abc","object":"response","status":"completed","model":"gpt-4o-mini","output":[],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}"#;
const MESSAGE: &str =
    r#"{"model":"claude-sonnet-4-5","max_tokens":50,"messages":[{"role":"user","content":"x"}]}"#;

/// What the provider does with everything that is no new response; nothing: it never answers.
type Script = Arc<Mutex<Option<(u16, String)>>>;

struct House {
    front: Front,
    script: Script,
    asked: Arc<Notify>,
}

impl House {
    async fn with(kind: ProviderKind, runtime: iron_runtime::Config) -> House {
        let (script, asked) = (Script::default(), Arc::new(Notify::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (told, seen) = (script.clone(), asked.clone());
        let provider = Router::new().fallback(move |method: Method, uri: http::Uri| {
            let (told, seen) = (told.clone(), seen.clone());
            async move {
                if method == Method::POST && uri.path() == "/v1/responses" {
                    return json(200, CREATED.to_owned());
                }
                seen.notify_one();
                let told = told.lock().expect("not poisoned").clone();
                match told {
                    Some((status, body)) => json(status, body),
                    None => std::future::pending().await,
                }
            }
        });
        tokio::spawn(async move { axum::serve(listener, provider).await });
        let id: ProviderId = TestEnvironment::seeded(9).environment.new_id();
        let routes = vec![route(kind, &format!("http://{address}"), id)];
        let front = Front::around(World::with(routes, runtime), Config::default()).await;
        front.world.set_key(id, "sk-of-the-house");
        House {
            front,
            script,
            asked,
        }
    }

    fn answers(&self, status: u16, body: impl Into<String>) {
        *self.script.lock().expect("not poisoned") = Some((status, body.into()));
    }

    /// The route of a response that the agent has made.
    async fn response(&self) -> String {
        let body = r#"{"model":"gpt-4o-mini","max_output_tokens":20,"input":"x"}"#;
        let made = self.front.post("/v1/responses", body).await;
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        format!("/v1/responses/{id}")
    }

    async fn ask(&self, method: &str, path: &str) -> Got {
        let bearer = format!("Bearer {}", self.front.world.token());
        let headers = [("authorization", bearer.as_str())];
        self.front.send(method, path, &headers, b"").await
    }

    /// Asks each errand that there is at OpenAI's.
    async fn ask_all(&self, path: &str) -> Vec<(&'static str, Got)> {
        let cancel = format!("{path}/cancel");
        vec![
            ("GET", self.ask("GET", path).await),
            ("DELETE", self.ask("DELETE", path).await),
            ("POST", self.ask("POST", &cancel).await),
        ]
    }
}

fn json(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    match body.is_empty() {
        true => status.into_response(),
        false => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
    }
}

#[tokio::test]
async fn an_answer_without_a_body_is_passed_on_as_it_is() {
    let house = House::with(ProviderKind::OpenAi, iron_runtime::Config::default()).await;
    let path = house.response().await;
    for status in [204, 200, 202] {
        house.answers(status, "");
        for (method, got) in house.ask_all(&path).await {
            assert_eq!((got.status, got.body.as_str()), (status, ""), "{method}");
            assert_eq!(got.header("content-type"), None, "{method} {status}");
            assert!(got.header("x-request-id").is_some());
        }
    }
    let records = house.front.world.records().await;
    assert_eq!(records.len(), 10);
    let mut outcomes = records.iter().map(|record| record.outcome);
    assert!(outcomes.all(|outcome| outcome == Outcome::Completed));
    assert_eq!((records[1].status, records[1].cost_nanos), (204, 0));
}

#[tokio::test]
async fn a_credential_that_the_provider_refuses_is_not_the_agents() {
    for kind in [ProviderKind::OpenAi, ProviderKind::Anthropic] {
        let house = House::with(kind, iron_runtime::Config::default()).await;
        let path = match kind {
            ProviderKind::OpenAi => house.response().await,
            _ => String::new(),
        };
        for status in [401, 403] {
            let body = r#"{"error":{"message":"sk-of-the-house may not","type":"x"}}"#;
            house.answers(status, body);
            let all = match kind {
                ProviderKind::OpenAi => house.ask_all(&path).await,
                _ => {
                    let path = "/v1/messages/count_tokens";
                    vec![("count", house.front.post_anthropic(path, MESSAGE).await)]
                }
            };
            for (what, got) in all {
                assert_eq!(got.status, 503, "{what} {status}: {}", got.body);
                assert_eq!(got.json()["error"]["code"], "PROVIDER_UNAVAILABLE");
                assert!(got.body.contains("administrator"), "{}", got.body);
                assert!(!got.body.contains("sk-of-the-house"), "{}", got.body);
            }
        }
        let records = house.front.world.records().await;
        let last = records.last().expect("records");
        assert_eq!((last.outcome, last.status), (Outcome::ProviderError, 503));
    }
}

#[tokio::test]
async fn a_calls_credential_that_may_not_is_not_the_agents_either() {
    let house = House::with(ProviderKind::OpenAi, iron_runtime::Config::default()).await;
    house.answers(403, r#"{"error":{"message":"no","type":"x"}}"#);
    let body =
        r#"{"model":"gpt-4o-mini","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#;
    let got = house.front.post("/v1/chat/completions", body).await;
    assert_eq!(got.json()["error"]["code"], "PROVIDER_UNAVAILABLE");
    house.answers(
        403,
        r#"{"error":{"message":"no","code":"model_not_found"}}"#,
    );
    let got = house.front.post("/v1/chat/completions", body).await;
    assert_eq!(got.status, 403, "that is about the model: {}", got.body);
}

#[tokio::test]
async fn an_answer_takes_room_among_those_of_calls() {
    let answer = format!(r#"{{"id":"resp_abc","pad":"{}"}}"#, "x".repeat(300 << 10));
    for (room, status) in [(200 << 10, 503), (400 << 10, 200)] {
        let config = iron_runtime::Config {
            buffered_answer_bytes: room,
            ..iron_runtime::Config::default()
        };
        let house = House::with(ProviderKind::OpenAi, config).await;
        let path = house.response().await;
        house.answers(200, answer.clone());
        // The room that one has taken is free for the next.
        for _ in 0..3 {
            let got = house.ask("GET", &path).await;
            assert_eq!(got.status, status, "{room}");
            assert!(!got.body.contains("resp_abc"), "an id of the provider");
        }
    }
}

#[tokio::test]
async fn who_leaves_leaves_a_record() {
    let house = House::with(ProviderKind::OpenAi, iron_runtime::Config::default()).await;
    let path = house.response().await;
    tokio::select! {
        _ = house.ask("DELETE", &path) => panic!("the provider does not answer"),
        () = house.asked.notified() => {}
    }
    // The server finds out that nobody is there any more.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(house.front.world.runtime.in_flight(), 1);
    let agent = house.front.world.path.agent;
    house.front.world.runtime.apply(Change::Ended(agent));
    let records = house.front.world.records().await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].dialect, "openai_responses_delete");
}

#[tokio::test]
async fn who_is_ended_waits_for_no_answer() {
    let house = House::with(ProviderKind::OpenAi, iron_runtime::Config::default()).await;
    let path = house.response().await;
    let ended = async {
        house.asked.notified().await;
        let agent = house.front.world.path.agent;
        house.front.world.runtime.apply(Change::Ended(agent));
    };
    let (got, ()) = tokio::join!(house.ask("GET", &path), ended);
    assert_eq!(got.status, 409, "{}", got.body);
    assert_eq!(got.json()["error"]["code"], "INVALID_STATE");
    let records = house.front.world.records().await;
    assert_eq!(records[1].outcome, Outcome::Cut);
}
