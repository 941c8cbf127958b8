//! Bedrock's own dialects, as boto3 sends them.

use iron_llm::eventstream::{Decoder, Message};
use iron_llm::{ProviderConfig, ProviderKind};
use iron_testkit::{Answer, Behaviour, FakeUpstream, Fault, UsageReport};
use serde_json::{Value, json};

use super::{cost, sent};
use crate::front::{Front, behind, behind_configured};
use crate::providers::prices;

const HAIKU: &str = "eu.anthropic.claude-haiku-4-5-20251001-v1:0";
/// The same as botocore writes it.
const ESCAPED: &str = "eu.anthropic.claude-haiku-4-5-20251001-v1%3A0";

async fn bedrock() -> (FakeUpstream, Front) {
    let (fake, front) = behind(ProviderKind::AwsBedrock).await;
    fake.set_prices(prices(ProviderKind::AwsBedrock, HAIKU));
    (fake, front)
}

/// What the last request was billed.
fn last_bill(fake: &FakeUpstream) -> i64 {
    let bills = fake.bills();
    bills.last().expect("a bill").nanos
}

fn path(model: &str, method: &str) -> String {
    format!("/providers/aws_bedrock/model/{model}/{method}")
}

fn converse() -> Value {
    json!({
        "messages": [{"role": "user", "content": [{"text": "Rain?"}]}],
        "inferenceConfig": {"maxTokens": 50},
    })
}

fn invoke() -> Value {
    json!({
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 50,
        "messages": [{"role": "user", "content": "Rain?"}],
    })
}

/// The messages of a stream, and what its type is said to be.
async fn stream(front: &Front, path: &str, body: &Value) -> (String, Vec<Message>) {
    let bearer = format!("Bearer {}", front.world.token());
    let headers = [("authorization", bearer.as_str())];
    let body = body.to_string();
    let outgoing = front.outgoing("POST", path, &headers, body.as_bytes());
    let mut answer = front.open(outgoing).await;
    assert_eq!(answer.status.as_u16(), 200);
    let kind = answer.headers["content-type"].to_str().expect("text");
    let kind = kind.to_owned();
    let body = answer.collect(1 << 20).await.expect("a body");
    let messages = Decoder::default().feed(&body).expect("whole messages");
    let bytes: usize = messages.iter().map(|message| message.bytes.len()).sum();
    assert_eq!(bytes, body.len(), "nothing else");
    (kind, messages)
}

fn names(messages: &[Message]) -> Vec<&str> {
    let name = |message: &'static str| message;
    let mut names: Vec<&str> = messages
        .iter()
        .map(|message| {
            let event = message.header(":event-type");
            event
                .or_else(|| message.header(":exception-type"))
                .unwrap_or(name("none"))
        })
        .collect();
    names.dedup();
    names
}

#[tokio::test]
async fn a_client_of_bedrock_converses_in_its_own_dialect() {
    let (fake, front) = bedrock().await;
    for model in [HAIKU, ESCAPED] {
        let got = front
            .post(&path(model, "converse"), &converse().to_string())
            .await;
        assert_eq!(got.status, 200, "{}", got.body);
        assert_eq!(got.json()["output"]["message"]["role"], "assistant");
        let expected = format!("/model/{ESCAPED}/converse");
        assert_eq!(sent(&fake), (expected, converse()));
        assert_eq!(cost(&front, "converse").await, last_bill(&fake));
    }
    let (kind, messages) = stream(&front, &path(ESCAPED, "converse-stream"), &converse()).await;
    assert_eq!(kind, "application/vnd.amazon.eventstream");
    let expected = [
        "messageStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    ];
    assert_eq!(names(&messages), expected);
    assert_eq!(cost(&front, "converse").await, last_bill(&fake));
    let seen = fake.requests();
    let shown = seen.last().and_then(|seen| seen.header("authorization"));
    assert!(shown.is_some_and(|shown| shown.starts_with("AWS4-HMAC-SHA256 ")));
}

#[tokio::test]
async fn anthropics_models_are_invoked_with_their_own_messages() {
    let (fake, front) = bedrock().await;
    let got = front
        .post(&path(ESCAPED, "invoke"), &invoke().to_string())
        .await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(got.json()["content"][0]["type"], "text");
    assert!(got.headers.contains_key("x-amzn-bedrock-input-token-count"));
    assert_eq!(sent(&fake), (format!("/model/{ESCAPED}/invoke"), invoke()));
    assert_eq!(cost(&front, "bedrock_messages").await, last_bill(&fake));
    let asked = path(ESCAPED, "invoke-with-response-stream");
    let (_, messages) = stream(&front, &asked, &invoke()).await;
    assert_eq!(names(&messages), ["chunk"]);
    let events: Vec<u8> = messages.iter().flat_map(Message::events).collect();
    let events = String::from_utf8(events).expect("text");
    assert!(
        events.contains("message_start") && events.contains("message_stop"),
        "{events}"
    );
    assert_eq!(cost(&front, "bedrock_messages").await, last_bill(&fake));
    let records = front.world.records().await;
    let record = records.last().expect("a record");
    assert!(record.stream);
    assert_eq!(record.model.as_deref(), Some(HAIKU));
}

#[tokio::test]
async fn tools_are_called_in_both() {
    let (fake, front) = bedrock().await;
    fake.behave(Behaviour {
        answer: Answer::ToolCalls {
            arguments: r#"{"city":"Oslo"}"#.to_owned(),
        },
        ..Behaviour::default()
    });
    let schema = json!({"type": "object"});
    let mut body = converse();
    let spec = json!({"toolSpec": {"name": "weather", "inputSchema": {"json": schema}}});
    body["toolConfig"] = json!({ "tools": [spec] });
    let got = front
        .post(&path(HAIKU, "converse"), &body.to_string())
        .await;
    let call = &got.json()["output"]["message"]["content"][0]["toolUse"];
    assert_eq!(call["input"], json!({"city": "Oslo"}), "{}", got.body);
    let mut body = invoke();
    body["tools"] = json!([{"name": "weather", "input_schema": schema}]);
    let got = front.post(&path(HAIKU, "invoke"), &body.to_string()).await;
    let call = &got.json()["content"][0];
    assert_eq!(call["input"], json!({"city": "Oslo"}), "{}", got.body);
}

#[tokio::test]
async fn a_stream_that_fails_or_never_ends_is_ended_as_bedrock_would() {
    for (method, body) in [
        ("converse-stream", converse()),
        ("invoke-with-response-stream", invoke()),
    ] {
        let (fake, front) = bedrock().await;
        fake.behave(Behaviour {
            fault: Fault::OverloadedAfter(4),
            ..Behaviour::default()
        });
        let (_, messages) = stream(&front, &path(HAIKU, method), &body).await;
        let last = names(&messages).pop();
        assert_eq!(last, Some("serviceUnavailableException"), "{method}");
        fake.behave(Behaviour {
            fault: Fault::CutAt(1500),
            ..Behaviour::default()
        });
        let (_, messages) = stream(&front, &path(HAIKU, method), &body).await;
        let last = names(&messages).pop();
        assert!(
            last.is_some_and(|last| last.ends_with("Exception")),
            "{method}: {last:?}"
        );
        fake.behave(Behaviour {
            ignores_cap: true,
            output_tokens: 400,
            ..Behaviour::default()
        });
        let (_, messages) = stream(&front, &path(HAIKU, method), &body).await;
        assert!(messages.len() < 100, "{method}");
        let last = messages.last().expect("a message").events();
        let last = String::from_utf8(last).expect("text");
        let ends = ["message_stop", "max_tokens"];
        assert!(
            ends.iter().any(|end| last.contains(end)),
            "{method}: {last}"
        );
        let records = front.world.records().await;
        let counted: i64 = records.iter().map(|record| record.cost_nanos).sum();
        assert!(counted > 0, "{method}");
    }
}

#[tokio::test]
async fn what_has_no_bound_at_bedrock_is_refused_in_its_words() {
    let (fake, front) = bedrock().await;
    let with = |mut body: Value, field: &str, value: Value| {
        body[field] = value;
        body
    };
    let refused = [
        (
            path(HAIKU, "converse"),
            with(converse(), "guardrailConfig", json!({"a": 1})),
        ),
        (
            path(HAIKU, "converse"),
            with(
                converse(),
                "performanceConfig",
                json!({"latency": "optimized"}),
            ),
        ),
        (
            path(HAIKU, "converse"),
            with(
                converse(),
                "additionalModelRequestFields",
                json!({"max_tokens": 9}),
            ),
        ),
        (
            path(HAIKU, "converse"),
            with(converse(), "inferenceConfig", json!({})),
        ),
        (path("amazon.nova-lite-v1%3A0", "invoke"), invoke()),
        (path("nobody.model-v1%3A0", "converse"), converse()),
        (path("a%2fb", "converse"), converse()),
        (path("%2e%2e", "converse"), converse()),
    ];
    for (path, body) in refused {
        let got = front.post(&path, &body.to_string()).await;
        assert_eq!(got.status, 400, "{path}: {}", got.body);
        let told = got.json();
        assert_eq!(told["__type"], "ValidationException", "{path}");
        assert!(
            told["message"].is_string() && told["code"].is_null(),
            "{path}"
        );
    }
    let bearer = format!("Bearer {}", front.world.token());
    let guarded = [
        ("authorization", bearer.as_str()),
        ("x-amzn-bedrock-guardrailidentifier", "g"),
    ];
    let body = invoke().to_string();
    let got = front
        .send("POST", &path(HAIKU, "invoke"), &guarded, body.as_bytes())
        .await;
    assert_eq!(got.status, 400, "{}", got.body);
    assert!(fake.requests().is_empty());
    front.world.limit_agent(1);
    let got = front.post(&path(HAIKU, "invoke"), &body).await;
    assert_eq!(got.status, 429, "{}", got.body);
    assert_eq!(got.json()["__type"], "ServiceQuotaExceededException");
    let (fake, front) = bedrock().await;
    fake.behave(Behaviour {
        fault: Fault::Status {
            status: 429,
            retry_after: None,
        },
        ..Behaviour::default()
    });
    let got = front
        .post(&path(HAIKU, "converse"), &converse().to_string())
        .await;
    assert_eq!(got.status, 429, "{}", got.body);
    assert_eq!(got.headers["x-amzn-errortype"], "ThrottlingException");
}

#[tokio::test]
async fn a_profile_of_ones_own_is_invoked_at_the_price_of_its_model() {
    let arn = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc";
    let config = ProviderConfig {
        deployments: [(arn.to_owned(), HAIKU.to_owned())].into(),
        ..ProviderConfig::default()
    };
    let (fake, front) = behind_configured(ProviderKind::AwsBedrock, config).await;
    fake.set_prices(prices(ProviderKind::AwsBedrock, HAIKU));
    let escaped = arn.replace(':', "%3A").replace('/', "%2F");
    let got = front
        .post(&path(&escaped, "converse"), &converse().to_string())
        .await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(sent(&fake).0, format!("/model/{escaped}/converse"));
    assert_eq!(cost(&front, "converse").await, last_bill(&fake));
}

#[tokio::test]
async fn titan_embeds_one_text_at_the_price_of_its_tokens() {
    let model = "amazon.titan-embed-text-v2:0";
    let (fake, front) = behind(ProviderKind::AwsBedrock).await;
    fake.set_prices(prices(ProviderKind::AwsBedrock, model));
    let body = json!({"model": model, "input": "Will it rain in Oslo?", "dimensions": 256});
    let got = front.post("/v1/embeddings", &body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let told = &got.json()["usage"]["prompt_tokens"];
    assert_eq!(*told, fake.bills()[0].input, "{}", got.body);
    let expected = json!({"inputText": "Will it rain in Oslo?", "dimensions": 256});
    let path = "/model/amazon.titan-embed-text-v2%3A0/invoke".to_owned();
    assert_eq!(sent(&fake), (path, expected));
    assert_eq!(cost(&front, "openai_embeddings").await, last_bill(&fake));
    for (model, input) in [
        (model, json!(["a", "b"])),
        ("amazon.nova-lite-v1:0", json!("a")),
        (HAIKU, json!("a")),
    ] {
        let body = json!({"model": model, "input": input});
        let got = front.post("/v1/embeddings", &body.to_string()).await;
        assert_eq!(got.status, 400, "{model}: {}", got.body);
    }
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_client_of_bedrock_embeds_in_the_words_of_the_model() {
    for (model, body) in [
        (
            "amazon.titan-embed-text-v2:0",
            json!({"inputText": "Will it rain in Oslo?", "normalize": true}),
        ),
        (
            "cohere.embed-v4:0",
            json!({"texts": ["Rain?", "Sun?"], "input_type": "search_query"}),
        ),
    ] {
        let (fake, front) = behind(ProviderKind::AwsBedrock).await;
        fake.set_prices(prices(ProviderKind::AwsBedrock, model));
        let got = front.post(&path(model, "invoke"), &body.to_string()).await;
        assert_eq!(got.status, 200, "{model}: {}", got.body);
        assert_eq!(sent(&fake).1, body, "{model}");
        let says_so = got.body.contains("inputTextTokenCount");
        assert_eq!(says_so, model.starts_with("amazon"), "{}", got.body);
        assert!(last_bill(&fake) > 0, "{model}");
        assert_eq!(cost(&front, "bedrock_embed").await, last_bill(&fake));
        fake.behave_once(Behaviour {
            usage: UsageReport::Missing,
            ..Behaviour::default()
        });
        let got = front.post(&path(model, "invoke"), &body.to_string()).await;
        assert_eq!(got.status, 200, "{model}: {}", got.body);
        let records = front.world.records().await;
        let attempt = &records.last().expect("a record").attempts[0];
        let (settled, held) = (attempt.settled_nanos, attempt.hold.amount_nanos);
        assert_eq!(settled, held, "{model}: nobody tells what it took");
        assert!(held >= last_bill(&fake), "{model}");
        for more in ["images", "inputs", "inputImage"] {
            let mut body = body.clone();
            body[more] = json!(["data:,"]);
            let got = front.post(&path(model, "invoke"), &body.to_string()).await;
            assert_eq!(got.status, 400, "{model}: {}", got.body);
            assert!(got.body.contains("\"__type\""), "{}", got.body);
        }
        assert_eq!(fake.requests().len(), 2, "{model}");
    }
}

#[tokio::test]
async fn a_signed_request_shows_no_token() {
    let (fake, front) = bedrock().await;
    let signed = "AWS4-HMAC-SHA256 Credential=AKIA/20261123/eu-central-1/bedrock/aws4_request, \
                  SignedHeaders=host;x-amz-date, Signature=00";
    let headers = [
        ("authorization", signed),
        ("x-amz-date", "20261123T055000Z"),
    ];
    let body = converse().to_string();
    let got = front
        .send("POST", &path(HAIKU, "converse"), &headers, body.as_bytes())
        .await;
    assert_eq!(got.status, 401, "{}", got.body);
    assert_eq!(got.json()["__type"], "UnrecognizedClientException");
    assert!(fake.requests().is_empty());
}
