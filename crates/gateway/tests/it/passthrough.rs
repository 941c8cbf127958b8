//! Routes of providers under `/providers/{name}/`: governed like our own where they are known, sent
//! for a price or refused where they are not.

use iron_llm::prices::Override;
use iron_llm::{Model, PriceBook, ProviderKind};
use iron_primitives::UnitPrice;
use iron_runtime::record::{Outcome, Settlement};
use iron_testkit::{Answer, Behaviour, FakeUpstream, Fault, UsageReport};
use serde_json::{Value, json};

use crate::front::{Front, Got, behind, simulated};

const FLASH: &str = "/providers/google/v1/models/gemini-2.5-flash";
const MODERATIONS: &str = "POST /v1/moderations";

fn generate() -> String {
    json!({"contents": [{"role": "user", "parts": [{"text": "Rain?"}]}]}).to_string()
}

async fn as_google(front: &Front, method: &str, path: &str, body: &str) -> Got {
    let headers = [("x-goog-api-key", front.world.token())];
    front.send(method, path, &headers, body.as_bytes()).await
}

/// Sets what one request of a route costs the tenant, in millionths of a dollar.
fn price(front: &Front, route: &str, micros: u64) {
    let free = UnitPrice::FREE;
    let own = Override {
        kind: ProviderKind::OpenAi,
        model: route.to_owned(),
        input: free,
        output: free,
        cache_read: None,
        cache_write: None,
        max_output: None,
    };
    let book = PriceBook::builtin().with_overrides([&own]);
    let model = book.lookup(ProviderKind::OpenAi, route).expect("it is set");
    let mut model = Model::clone(model);
    model.price.request = UnitPrice::from_picos(micros * 1_000_000);
    front.world.set_prices(book.with([model]));
}

fn sent(fake: &FakeUpstream) -> (String, Value) {
    let requests = fake.requests();
    let seen = requests.last().expect("a request");
    let body = serde_json::from_slice(&seen.body).unwrap_or_default();
    (format!("{} {}", seen.method, seen.path), body)
}

#[tokio::test]
async fn a_client_of_gemini_is_governed_as_any_other() {
    let (fake, front) = behind(ProviderKind::Google).await;
    fake.set_prices(crate::providers::prices(
        ProviderKind::Google,
        "gemini-2.5-flash",
    ));
    for (tail, stream) in [
        (":generateContent", false),
        (":streamGenerateContent?alt=sse&key=mine", true),
    ] {
        let before = fake.billed_nanos();
        let got = as_google(&front, "POST", &format!("{FLASH}{tail}"), &generate()).await;
        assert_eq!(got.status, 200, "{}", got.body);
        assert!(got.body.contains("candidates"), "{}", got.body);
        assert_eq!(got.body.contains("data: "), stream, "{}", got.body);
        assert!(!got.body.contains("[DONE]"), "{}", got.body);
        let (asked, body) = sent(&fake);
        let tail = tail.split('&').next().expect("a tail");
        assert_eq!(asked, format!("POST /v1/models/gemini-2.5-flash{tail}"));
        assert_eq!(body["generationConfig"]["maxOutputTokens"], 65_536);
        let records = front.world.records().await;
        let record = records.last().expect("a record");
        assert_eq!(record.dialect, "gemini");
        assert_eq!(record.model.as_deref(), Some("gemini-2.5-flash"));
        assert_eq!(record.stream, stream);
        assert_eq!(record.cost_nanos, fake.billed_nanos() - before);
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
        let roles = record.roles.expect("counted");
        assert_eq!(roles.user_bytes, 5);
    }
    let seen = fake.requests();
    for request in seen {
        assert_eq!(request.header("x-goog-api-key"), Some(fake.key().as_str()));
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn gemini_calls_tools_and_refuses_in_its_own_words() {
    let (fake, front) = behind(ProviderKind::Google).await;
    fake.behave(Behaviour {
        answer: Answer::ToolCalls {
            arguments: r#"{"city":"Oslo"}"#.to_owned(),
        },
        ..Behaviour::default()
    });
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "Rain?"}]}],
        "tools": [{"functionDeclarations": [{"name": "weather"}]}],
    });
    let path = format!("{FLASH}:generateContent");
    let got = as_google(&front, "POST", &path, &body.to_string()).await;
    let call = got.json()["candidates"][0]["content"]["parts"][0]["functionCall"].clone();
    assert_eq!(call, json!({"name": "weather", "args": {"city": "Oslo"}}));
    fake.behave(Behaviour {
        fault: Fault::Status {
            status: 400,
            retry_after: None,
        },
        ..Behaviour::default()
    });
    let got = as_google(&front, "POST", &path, &generate()).await;
    assert_eq!(got.json()["error"]["status"], "INVALID_ARGUMENT");
    let (_fake, front) = behind(ProviderKind::Google).await;
    front.world.limit_agent(1);
    let got = as_google(&front, "POST", &path, &generate()).await;
    assert_eq!(got.status, 429, "{}", got.body);
    let error = &got.json()["error"];
    assert_eq!(error["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(error["code"], 429);
    assert_eq!(error["details"][0]["code"], "BUDGET_EXCEEDED");
}

#[tokio::test]
async fn a_stream_of_gemini_beyond_its_bound_ends_regularly_for_its_client() {
    let (fake, front) = behind(ProviderKind::Google).await;
    fake.behave(Behaviour {
        ignores_cap: true,
        output_tokens: 200,
        usage: UsageReport::True,
        ..Behaviour::default()
    });
    let body = json!({
        "contents": [{"role": "user", "parts": [{"text": "Rain?"}]}],
        "generationConfig": {"maxOutputTokens": 10},
    });
    let path = format!("{FLASH}:streamGenerateContent?alt=sse");
    let got = as_google(&front, "POST", &path, &body.to_string()).await;
    let last = got.body.trim_end().lines().last().expect("a frame");
    let last: Value = serde_json::from_str(&last["data: ".len()..]).expect("JSON");
    assert_eq!(last["candidates"][0]["finishReason"], "MAX_TOKENS");
}

#[tokio::test]
async fn vertex_is_asked_with_its_own_token() {
    let (fake, front) = behind(ProviderKind::Vertex).await;
    for place in ["", "/projects/fake-project/locations/europe-west4"] {
        let path = format!(
            "/providers/vertex/v1beta1{place}/publishers/google/models/gemini-2.5-flash:generateContent"
        );
        let got = as_google(&front, "POST", &path, &generate()).await;
        assert_eq!(got.status, 200, "{}", got.body);
    }
    let other = "/providers/vertex/v1/projects/other/locations/us/publishers/google/models/gemini-2.5-flash:generateContent";
    let got = as_google(&front, "POST", other, &generate()).await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(got.body.contains("fake-project"), "{}", got.body);
    assert!(fake.billed_nanos() > 0);
}

#[tokio::test]
async fn own_routes_of_openai_and_anthropic_are_governed_and_priced() {
    let (_fake, front) = behind(ProviderKind::OpenAi).await;
    let chat = json!({"model": "gpt-4o-mini", "max_tokens": 20,
        "messages": [{"role": "user", "content": "Rain?"}]});
    let path = "/providers/openai/v1/chat/completions";
    let got = front.post(path, &chat.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let record = front.world.record().await;
    assert_eq!(record.dialect, "openai_chat");
    assert!(record.cost_nanos > 0);

    let (fake, front) = behind(ProviderKind::Anthropic).await;
    let message = json!({"model": "claude-haiku-4-5", "max_tokens": 20,
        "messages": [{"role": "user", "content": "Rain?"}]});
    let path = "/providers/anthropic/v1/messages?beta=true";
    let got = front.post_anthropic(path, &message.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(sent(&fake).0, "POST /v1/messages?beta=true");
    let path = "/providers/anthropic/v1/messages/count_tokens";
    let got = front.post_anthropic(path, &message.to_string()).await;
    assert!(got.json()["input_tokens"].is_u64(), "{}", got.body);
}

#[tokio::test]
async fn the_named_provider_answers_and_no_other() {
    let front = simulated().await;
    let chat = json!({"model": "sim/chat", "messages": [{"role": "user", "content": "Hi"}]});
    let path = "/providers/simulated/v1/chat/completions";
    let got = front.post(path, &chat.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let path = "/providers/openai/v1/chat/completions";
    let got = front.post(path, &chat.to_string()).await;
    assert_eq!(got.status, 404, "{}", got.body);
    assert!(got.body.contains("provider"), "{}", got.body);
    let records = front.world.records().await;
    assert_eq!(records[1].outcome, Outcome::Refused);
}

#[tokio::test]
async fn lists_of_models_cost_nothing_and_are_recorded() {
    for (kind, path) in [
        (ProviderKind::OpenAi, "/providers/openai/v1/models"),
        (
            ProviderKind::Anthropic,
            "/providers/anthropic/v1/models?limit=2",
        ),
        (ProviderKind::Google, "/providers/google/v1beta/models"),
        (ProviderKind::Together, "/providers/together/v1/models"),
    ] {
        let (fake, front) = behind(kind).await;
        let bearer = format!("Bearer {}", front.world.token());
        let headers = [
            ("authorization", bearer.as_str()),
            ("anthropic-version", "2023-06-01"),
        ];
        let got = front.send("GET", path, &headers, b"").await;
        assert_eq!(got.status, 200, "{path}: {}", got.body);
        assert!(got.json().is_object() || kind == ProviderKind::Together);
        let record = front.world.record().await;
        assert_eq!(
            (record.dialect.as_ref(), record.cost_nanos),
            ("passthrough", 0)
        );
        let (asked, _) = sent(&fake);
        let plain = asked.split('?').next().expect("a path");
        assert_eq!(record.model.as_deref(), Some(plain));
    }
    let (_fake, front) = behind(ProviderKind::Google).await;
    let path = format!("{FLASH}:countTokens");
    let got = as_google(&front, "POST", &path, &generate()).await;
    assert!(got.json()["totalTokens"].is_u64(), "{}", got.body);
}

#[tokio::test]
async fn a_route_that_is_not_known_is_sent_for_its_price_alone() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    front.world.limit_agent(400_000);
    let path = "/providers/openai/v1/moderations?x=1";
    let body = r#"{"input":"is this fine?"}"#;
    let refused = front.post(path, body).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    assert!(
        refused.body.contains("iron models price"),
        "{}",
        refused.body
    );
    assert!(refused.body.contains(MODERATIONS), "{}", refused.body);
    assert!(fake.requests().is_empty());

    price(&front, MODERATIONS, 250);
    let got = front.post(path, body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.header("x-ironcage-cost-micros"), Some("250"));
    assert_eq!(sent(&fake).0, format!("{MODERATIONS}?x=1"));
    let records = front.world.records().await;
    let record = records.last().expect("a record");
    assert_eq!(record.dialect, "passthrough");
    assert_eq!(record.model.as_deref(), Some(MODERATIONS));
    assert_eq!(record.cost_nanos, 250_000);
    assert_eq!(record.attempts[0].hold.amount_nanos, 250_000);
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);

    // What is refused costs nothing, and what is limited is refused.
    let missing = front.post("/providers/openai/v1/nothing", body).await;
    assert_eq!(missing.status, 400, "{}", missing.body);
    let refused = front.post(path, body).await;
    assert_eq!(refused.status, 429, "{}", refused.body);
}

#[tokio::test]
async fn a_price_for_tokens_is_none_for_a_route_and_a_star_stands_for_a_segment() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    price(&front, "POST /v1/*", 10);
    let got = front.post("/providers/openai/v1/moderations", "{}").await;
    assert_eq!(got.status, 200, "{}", got.body);
    for path in ["/v1/a/b", "/v1/batches", "/v1/chat%2Fcompletions", "/v1//x"] {
        let got = front.post(&format!("/providers/openai{path}"), "{}").await;
        assert_eq!(got.status, 400, "{path}: {}", got.body);
    }
    // Known routes are what they are, whatever a star covers.
    let got = front.post("/providers/openai/v1/embeddings", "{}").await;
    assert!(got.body.contains("model"), "{}", got.body);
    assert_eq!(fake.requests().len(), 1);
    let tokens = Override {
        kind: ProviderKind::OpenAi,
        model: MODERATIONS.to_owned(),
        input: UnitPrice::from_picos(1),
        output: UnitPrice::FREE,
        cache_read: None,
        cache_write: None,
        max_output: None,
    };
    let book = PriceBook::builtin().with_overrides([&tokens]);
    front.world.set_prices(book);
    let got = front.post("/providers/openai/v1/moderations", "{}").await;
    assert!(got.body.contains("price for tokens"), "{}", got.body);
}

#[tokio::test]
async fn other_protocols_and_agents_that_may_not_are_refused() {
    let (fake, front) = behind(ProviderKind::OpenAi).await;
    price(&front, MODERATIONS, 10);
    front.world.change(|agent| {
        agent.allowed_models = Some(vec!["gpt-4o-mini".to_owned()]);
    });
    let bearer = format!("Bearer {}", front.world.token());
    let headers = [("authorization", bearer.as_str()), ("upgrade", "websocket")];
    let path = "/providers/openai/v1/realtime";
    let got = front.send("GET", path, &headers, b"").await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(got.body.contains("Upgrade"), "{}", got.body);
    let got = front.post("/providers/openai/v1/moderations", "{}").await;
    assert_eq!(got.status, 403, "{}", got.body);
    let nobody = front.send("POST", path, &[], b"{}").await;
    assert_eq!(nobody.status, 401, "{}", nobody.body);
    assert!(fake.requests().is_empty());
}
