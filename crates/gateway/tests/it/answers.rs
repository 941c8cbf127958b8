//! What clients get: answers, streams, models, stored responses, errors in their own shape.

use iron_llm::ProviderKind;
use iron_primitives::ErrorKind;
use iron_runtime::authority::{AgentState, AuthFailure, Change};
use iron_runtime::record::Outcome;
use iron_testkit::{Behaviour, Fault};
use serde_json::json;

use crate::front::{behind, simulated};

const CHAT: &str = r#"{"model":"sim/chat","messages":[{"role":"user","content":"hello"}]}"#;
const MESSAGE: &str =
    r#"{"model":"sim/chat","max_tokens":50,"messages":[{"role":"user","content":"hello"}]}"#;

#[tokio::test]
async fn an_answer_says_what_it_cost_and_what_is_left() {
    let front = simulated().await;
    front.world.limit_agent(1_000_000_000);
    let got = front.post("/v1/chat/completions", CHAT).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert!(
        got.header("x-request-id")
            .is_some_and(|id| id.starts_with("req_"))
    );
    let cost: i64 = got
        .header("x-ironcage-cost-micros")
        .expect("a cost")
        .parse()
        .expect("a number");
    let left = got
        .header("x-ironcage-budget-remaining")
        .expect("what is left");
    let record = front.world.record().await;
    assert_eq!(cost, (record.cost_nanos + 500) / 1_000);
    assert!(left.starts_with("0.99"), "{left}");
}

#[tokio::test]
async fn every_dialect_is_answered_whole_and_streamed() {
    let front = simulated().await;
    for (path, body, end) in [
        (
            "/v1/chat/completions",
            r#""messages":[{"role":"user","content":"x"}]"#,
            "data: [DONE]\n\n",
        ),
        ("/v1/completions", r#""prompt":"x""#, "data: [DONE]\n\n"),
        ("/v1/responses", r#""input":"x""#, "\n\n"),
        (
            "/v1/messages",
            r#""max_tokens":20,"messages":[{"role":"user","content":"x"}]"#,
            "\n\n",
        ),
    ] {
        let whole = front
            .post(path, &format!(r#"{{"model":"sim/chat",{body}}}"#))
            .await;
        assert_eq!(whole.status, 200, "{path}: {}", whole.body);
        assert!(
            whole.json().get("usage").is_some(),
            "{path}: {}",
            whole.body
        );
        let streamed = front
            .post(
                path,
                &format!(r#"{{"model":"sim/chat","stream":true,{body}}}"#),
            )
            .await;
        assert_eq!(streamed.status, 200, "{path}: {}", streamed.body);
        assert_eq!(
            streamed.header("content-type"),
            Some("text/event-stream"),
            "{path}"
        );
        assert!(streamed.body.ends_with(end), "{path}: {}", streamed.body);
    }
    let embedded = front
        .post(
            "/v1/embeddings",
            r#"{"model":"sim/embed","input":["a","b"]}"#,
        )
        .await;
    assert_eq!(embedded.json()["data"].as_array().map(Vec::len), Some(2));
    let records = front.world.records().await;
    assert_eq!(records.len(), 9);
    assert!(
        records
            .iter()
            .all(|record| record.outcome == Outcome::Completed)
    );
    assert!(records.iter().all(|record| record.tokens.input_total() > 0));
}

#[tokio::test]
async fn models_are_listed_in_the_shape_of_the_sdk_that_asks() {
    let front = simulated().await;
    front
        .world
        .change(|agent| agent.allowed_models = Some(vec!["sim/chat".to_owned()]));
    let list = front.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["data"][0]["id"], "sim/chat");
    let headers = [
        ("x-api-key", front.world.token()),
        ("anthropic-version", "2023-06-01"),
    ];
    let list = front.send("GET", "/v1/models", &headers, b"").await.json();
    assert_eq!(
        (&list["data"][0]["type"], &list["has_more"]),
        (&"model".into(), &false.into())
    );
    assert_eq!(
        front.get("/v1/models/sim/chat").await.json()["object"],
        "model"
    );
    assert_eq!(front.get("/v1/models/sim/embed").await.status, 404);
}

#[tokio::test]
async fn a_stored_response_is_its_agents_alone() {
    let front = simulated().await;
    let created = front
        .post("/v1/responses", r#"{"model":"sim/chat","input":"x"}"#)
        .await
        .json();
    let id = created["id"].as_str().expect("an id").to_owned();
    let fetched = front.get(&format!("/v1/responses/{id}")).await;
    assert_eq!(fetched.status, 200, "{}", fetched.body);
    assert_eq!(fetched.json()["id"], id.as_str());
    assert_eq!(fetched.json()["output"], created["output"]);

    // The same token, now of another agent.
    let own = front.world.path.agent;
    front.world.change(|agent| {
        agent.path.agent = iron_testkit::TestEnvironment::seeded(3)
            .environment
            .new_id()
    });
    front.world.runtime.apply(Change::Agent(own));
    assert_eq!(front.get(&format!("/v1/responses/{id}")).await.status, 404);
    front.world.change(|agent| agent.path.agent = own);
    front.world.runtime.apply(Change::Agent(own));

    let bearer = format!("Bearer {}", front.world.token());
    let path = format!("/v1/responses/{id}");
    let deleted = front
        .send("DELETE", &path, &[("authorization", &bearer)], b"")
        .await;
    assert_eq!(deleted.json()["deleted"], true);
    assert_eq!(front.get(&path).await.status, 404);
    assert_eq!(front.get("/v1/responses/resp_made_up").await.status, 404);
}

#[tokio::test]
async fn a_streamed_response_has_the_same_sealed_id_in_every_event() {
    let front = simulated().await;
    let body = r#"{"model":"sim/chat","stream":true,"input":"x"}"#;
    let got = front.post("/v1/responses", body).await;
    let events = got
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let ids: Vec<String> = events
        .filter_map(|data| serde_json::from_str::<serde_json::Value>(data).ok())
        .filter_map(|event| event["response"]["id"].as_str().map(str::to_owned))
        .collect();
    assert!(
        ids.len() >= 2 && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    assert_eq!(
        front.get(&format!("/v1/responses/{}", ids[0])).await.status,
        200
    );
}

#[tokio::test]
async fn counting_tokens_costs_nothing_and_is_recorded() {
    let front = simulated().await;
    let counted = front
        .post_anthropic("/v1/messages/count_tokens", MESSAGE)
        .await;
    assert!(
        counted.json()["input_tokens"]
            .as_u64()
            .is_some_and(|count| count > 0),
        "{}",
        counted.body
    );
    let record = front.world.record().await;
    assert_eq!((record.cost_nanos, record.attempts.len()), (0, 0));
    assert_eq!(record.dialect, "anthropic_count_tokens");
}

#[tokio::test]
async fn refusals_speak_the_callers_dialect() {
    let front = simulated().await;
    let refused = front
        .send("POST", "/v1/chat/completions", &[], CHAT.as_bytes())
        .await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.json()["error"]["code"],
        ErrorKind::Unauthorized.code()
    );
    assert_eq!(refused.header("x-should-retry"), Some("false"));

    let unknown = format!("ic_{}", "A".repeat(32));
    let headers = [("x-api-key", unknown.as_str())];
    let refused = front
        .send("POST", "/v1/messages", &headers, MESSAGE.as_bytes())
        .await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["type"], "error");
    assert_eq!(refused.json()["error"]["type"], "authentication_error");
    assert!(refused.header("request-id").is_some());

    let headers = [(
        "authorization",
        "Bearer at_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    )];
    let refused = front
        .send("POST", "/v1/chat/completions", &headers, CHAT.as_bytes())
        .await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (403, Some("WRONG_TOKEN_TYPE"))
    );
    assert!(
        front.world.records().await.is_empty(),
        "a stranger leaves no record"
    );
}

#[tokio::test]
async fn what_changes_in_the_control_plane_acts_on_the_next_call() {
    let front = simulated().await;
    assert_eq!(front.post("/v1/chat/completions", CHAT).await.status, 200);
    front
        .world
        .change(|agent| agent.agent_state = AgentState::Paused);
    front
        .world
        .runtime
        .apply(Change::Agent(front.world.path.agent));
    let refused = front.post("/v1/chat/completions", CHAT).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (409, Some("INVALID_STATE"))
    );
    front.world.fail_token(AuthFailure::Revoked);
    front
        .world
        .runtime
        .apply(Change::Token(front.world.digest()));
    let refused = front.post("/v1/chat/completions", CHAT).await;
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (401, Some("TOKEN_REVOKED"))
    );
    let records = front.world.records().await;
    let outcomes: Vec<Outcome> = records.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [Outcome::Completed, Outcome::Refused]);
    assert_eq!(
        records[1]
            .refusal
            .as_ref()
            .map(|refusal| refusal.reason.as_str()),
        Some("agent_not_running")
    );
}

#[tokio::test]
async fn a_budget_refuses_with_its_facts_and_says_that_waiting_is_useless() {
    let front = simulated().await;
    front.world.limit_agent(1);
    let refused = front.post("/v1/chat/completions", CHAT).await;
    assert_eq!(refused.status, 429, "{}", refused.body);
    let error = &refused.json()["error"];
    assert_eq!(error["code"], "BUDGET_EXCEEDED");
    assert!(
        error.get("limit").is_some() && error.get("scope").is_some(),
        "{error}"
    );
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.header("retry-after"), Some("3600"));
    assert_eq!(front.world.record().await.outcome, Outcome::Refused);
}

#[tokio::test]
async fn labels_end_in_the_record_and_the_end_user_is_sealed() {
    let front = simulated().await;
    let bearer = format!("Bearer {}", front.world.token());
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-ironcage-end-user", "zoë@example.com"),
        ("x-ironcage-conversation", "thread-7"),
        ("x-ironcage-operation", "summarise"),
        ("x-ironcage-tags", "blue, green"),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("x-request-id", "req_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"),
    ];
    let got = front
        .send("POST", "/v1/chat/completions", &headers, CHAT.as_bytes())
        .await;
    assert_eq!(
        got.header("x-request-id"),
        Some("req_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f")
    );
    let record = front.world.record().await;
    assert_eq!(record.conversation.as_deref(), Some("thread-7"));
    assert_eq!(record.operation.as_deref(), Some("summarise"));
    assert_eq!(record.tags, ["blue", "green"]);
    assert_eq!(
        record.trace.as_deref(),
        Some("4bf92f3577b34da6a3ce929d0e0e4736")
    );
    assert_eq!(
        record.request.map(|id| id.to_string()).as_deref(),
        got.header("x-request-id")
    );
    let sealed = record.end_user.clone().expect("an end user");
    assert!(
        !serde_json::to_string(&record)
            .expect("serialises")
            .contains("example.com")
    );
    let mut key = [0; 32];
    hex::decode_to_slice(&sealed.digest, &mut key).expect("a digest");
    let opened = iron_runtime::subject::open(&sealed, &key, record.call);
    assert_eq!(opened.as_deref(), Some("zoë@example.com"));
}

#[tokio::test]
async fn an_openai_client_may_use_an_anthropic_provider_and_the_reverse() {
    let (fake, front) = behind(ProviderKind::Anthropic).await;
    let body = r#"{"model":"claude-sonnet-4-5","max_tokens":50,"messages":[{"role":"user","content":"x"}]}"#;
    let whole = front.post("/v1/chat/completions", body).await;
    assert_eq!(whole.json()["object"], "chat.completion", "{}", whole.body);
    let streamed = body.replace("50,", "50,\"stream\":true,");
    let streamed = front.post("/v1/chat/completions", &streamed).await;
    assert!(
        streamed.body.ends_with("data: [DONE]\n\n"),
        "{}",
        streamed.body
    );
    assert_eq!(fake.requests()[0].path, "/v1/messages");
    assert_eq!(
        fake.requests()[0].header("x-api-key"),
        Some(fake.key().as_str())
    );
    assert_eq!(fake.requests()[0].header("authorization"), None);
    let seeded = body.replace("50,", "50,\"seed\":1,");
    let refused = front.post("/v1/chat/completions", &seeded).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("`seed`"), "{}", refused.body);
    assert_eq!(fake.requests().len(), 2, "what cannot be said is not sent");

    let (fake, front) = behind(ProviderKind::OpenAi).await;
    let body =
        r#"{"model":"gpt-4o-mini","max_tokens":50,"messages":[{"role":"user","content":"x"}]}"#;
    let whole = front.post_anthropic("/v1/messages", body).await;
    assert_eq!(whole.json()["type"], "message", "{}", whole.body);
    let streamed = body.replace("50,", "50,\"stream\":true,");
    let streamed = front.post_anthropic("/v1/messages", &streamed).await;
    assert!(
        streamed.body.contains("event: message_stop"),
        "{}",
        streamed.body
    );
    fake.behave(Behaviour {
        fault: Fault::Status {
            status: 400,
            retry_after: None,
        },
        ..Behaviour::default()
    });
    let refused = front.post_anthropic("/v1/messages", body).await;
    assert_eq!(
        (refused.status, refused.json()["type"].as_str()),
        (400, Some("error"))
    );
    let counted = front
        .post_anthropic("/v1/messages/count_tokens", body)
        .await;
    assert!(
        counted.json()["input_tokens"]
            .as_u64()
            .is_some_and(|count| count > 0)
    );
}

#[tokio::test]
async fn a_conversation_goes_on_at_its_provider_under_the_providers_own_id() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    let first = r#"{"model":"gpt-4o-mini","max_output_tokens":20,"input":"x"}"#;
    let created = front.post("/v1/responses", first).await;
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    assert!(!created.body.contains("resp_fake"), "{}", created.body);
    let next = format!(
        r#"{{"model":"gpt-4o-mini","max_output_tokens":20,"input":"y","previous_response_id":"{id}"}}"#
    );
    let continued = front.post("/v1/responses", &next).await;
    assert_eq!(continued.status, 200, "{}", continued.body);
    let sent = String::from_utf8_lossy(&fake.requests()[1].body).into_owned();
    assert!(
        !sent.contains(&id) && sent.contains("\"previous_response_id\":\"resp_fake"),
        "{sent}"
    );

    let invented = next.replace(&id, "resp_fake");
    let refused = front.post("/v1/responses", &invented).await;
    assert_eq!(
        refused.status, 404,
        "an id that was not sealed is nobody's: {}",
        refused.body
    );
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn routes_that_do_not_exist_are_refused_in_the_callers_shape() {
    let (_fake, front) = behind(ProviderKind::OpenAi).await;
    for path in [
        "/v1",
        "/v1/",
        "/v1/chat",
        "/v1/chat/completions/7",
        "/v1/audio/nothing",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let got = front.send(method, path, &[], b"{}").await;
            assert_eq!(got.status, 404, "{method} {path}");
            let error = &got.json()["error"];
            assert_eq!(error["code"], "RESOURCE_NOT_FOUND");
            assert_eq!(error["type"], "invalid_request_error");
            assert_eq!(
                error["request_id"],
                got.header("x-request-id").expect("a number")
            );
            assert_eq!(got.header("x-should-retry"), Some("false"));
        }
    }
    let version = [("anthropic-version", "2023-06-01")];
    for (path, headers) in [
        ("/v1/messages/other", &[][..]),
        ("/v1/skills", &version[..]),
    ] {
        let got = front.send("POST", path, headers, b"{}").await;
        assert_eq!(
            (got.status, &got.json()["type"]),
            (404, &json!("error")),
            "{path}"
        );
        assert_eq!(got.json()["error"]["type"], "not_found_error");
        assert_eq!(got.header("request-id"), got.header("x-request-id"));
    }
}

#[tokio::test]
async fn wrong_methods_are_refused_in_the_callers_shape_with_the_right_ones() {
    let (_fake, front) = behind(ProviderKind::OpenAi).await;
    for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("PUT", "/v1/completions", "POST"),
        ("DELETE", "/v1/embeddings", "POST"),
        ("GET", "/v1/responses", "POST"),
        ("POST", "/v1/responses/resp_1", "GET,HEAD,DELETE"),
        ("GET", "/v1/responses/resp_1/cancel", "POST"),
        ("POST", "/v1/models", "GET,HEAD"),
        ("DELETE", "/v1/models/a/b", "GET,HEAD"),
    ] {
        let got = front.send(method, path, &[], b"").await;
        assert_eq!(got.status, 405, "{method} {path}");
        assert_eq!(got.header("allow"), Some(allowed), "{method} {path}");
        assert_eq!(got.json()["error"]["code"], "METHOD_NOT_ALLOWED");
    }
    for path in ["/v1/messages", "/v1/messages/count_tokens"] {
        let got = front.send("GET", path, &[], b"").await;
        assert_eq!(
            (got.status, got.header("allow")),
            (405, Some("POST")),
            "{path}"
        );
        assert_eq!(got.json()["type"], "error");
        assert_eq!(got.json()["error"]["type"], "invalid_request_error");
    }
}
