//! Every kind of provider from every dialect: what it is sent, what the client gets, and that the
//! bill is the record's to the nano-dollar.

use iron_llm::{PriceBook, ProviderConfig, ProviderKind, ServiceTier};
use iron_runtime::record::{CallRecord, Outcome, Settlement};
use iron_testkit::{Answer, Behaviour, FakeUpstream, Fault, Prices, RetryAfter, UsageReport};
use serde_json::{Value, json};

use crate::front::{Front, Got, behind, behind_configured, provider};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";
const EMBEDDINGS: &str = "/v1/embeddings";
const RERANK: &str = "/v1/rerank";
const CLIENTS: [&str; 3] = [CHAT, RESPONSES, MESSAGES];

/// Each kind with a model of it that has a price and, where there are such, knows tools.
const KINDS: [(ProviderKind, &str); 13] = [
    (ProviderKind::OpenAi, "gpt-4o-mini"),
    (ProviderKind::Anthropic, "claude-haiku-4-5"),
    (ProviderKind::AzureOpenAi, "gpt-4o-mini"),
    (
        ProviderKind::Together,
        "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    ),
    (ProviderKind::HuggingFace, "Qwen/Qwen3-32B:groq"),
    (ProviderKind::Ai21, "jamba-large-1.7"),
    (ProviderKind::Cohere, "command-a-03-2025"),
    (ProviderKind::Google, "gemini-2.5-flash"),
    (ProviderKind::Google, "gemini-3.1-pro-preview"),
    (ProviderKind::Vertex, "gemini-2.5-flash"),
    (
        ProviderKind::AwsBedrock,
        "eu.anthropic.claude-haiku-4-5-20251001-v1:0",
    ),
    (ProviderKind::AwsBedrock, "amazon.nova-lite-v1:0"),
    (ProviderKind::Replicate, "openai/gpt-4o-mini"),
];

/// Those that call tools.
fn callers() -> impl Iterator<Item = (ProviderKind, &'static str)> {
    let calls = |(kind, _): &(ProviderKind, &str)| *kind != ProviderKind::Replicate;
    KINDS.into_iter().filter(calls)
}

/// A fake that charges what the built-in book says of the model.
pub(crate) async fn charging(kind: ProviderKind, model: &str) -> (FakeUpstream, Front) {
    let (fake, front) = behind(kind).await;
    fake.set_prices(prices(kind, model));
    (fake, front)
}

/// What the built-in book says of a model.
pub(crate) fn prices(kind: ProviderKind, model: &str) -> Prices {
    let book = PriceBook::builtin();
    let model = book.lookup(kind, model).expect("a priced model");
    let rates = model.price.tiers[&ServiceTier::Standard].base;
    Prices {
        input: rates.input,
        cached: rates.cache_read,
        output: rates.output,
    }
}

fn body(client: &str, model: &str, stream: bool, tools: bool) -> String {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let mut body = match client {
        RESPONSES => {
            json!({"model": model, "input": "Rain?", "max_output_tokens": 50, "store": false})
        }
        _ => json!({"model": model, "max_tokens": 50,
            "messages": [{"role": "user", "content": "Rain?"}]}),
    };
    if stream {
        body["stream"] = json!(true);
    }
    if tools {
        body["tools"] = match client {
            CHAT => {
                json!([{"type": "function", "function": {"name": "weather", "parameters": schema}}])
            }
            RESPONSES => json!([{"type": "function", "name": "weather", "parameters": schema}]),
            _ => json!([{"name": "weather", "input_schema": schema}]),
        };
    }
    body.to_string()
}

async fn ask(front: &Front, client: &str, body: &str) -> Got {
    match client {
        MESSAGES => front.post_anthropic(client, body).await,
        _ => front.post(client, body).await,
    }
}

/// The data of a stream's frames, but for the end mark.
fn frames(got: &Got) -> Vec<Value> {
    let data = got
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let values = data
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap_or_else(|_| panic!("JSON: {data}")));
    values.collect()
}

/// Everything that is said in an answer, whole or streamed.
fn said(client: &str, got: &Got, stream: bool) -> String {
    if !stream {
        let answer = got.json();
        let text = match client {
            CHAT => answer.pointer("/choices/0/message/content"),
            RESPONSES => answer.pointer("/output/0/content/0/text"),
            _ => answer.pointer("/content/0/text"),
        };
        return text.and_then(Value::as_str).unwrap_or_default().to_owned();
    }
    let pointer = match client {
        CHAT => "/choices/0/delta/content",
        RESPONSES => "/delta",
        _ => "/delta/text",
    };
    let frames = frames(got);
    let words = frames
        .iter()
        .filter_map(|frame| frame.pointer(pointer)?.as_str());
    words.collect()
}

fn settlement(record: &CallRecord) -> Settlement {
    record.attempts.last().expect("an attempt").settlement
}

fn last(records: &[CallRecord]) -> &CallRecord {
    records.last().expect("a record")
}

#[tokio::test]
async fn every_kind_answers_every_client_and_costs_what_it_bills() {
    for (kind, model) in KINDS {
        let (fake, front) = charging(kind, model).await;
        for client in CLIENTS {
            for stream in [false, true] {
                let what = format!("{kind:?} {client} stream={stream}");
                let before = fake.billed_nanos();
                let got = ask(&front, client, &body(client, model, stream, false)).await;
                assert_eq!(got.status, 200, "{what}: {}", got.body);
                let words = said(client, &got, stream);
                assert!(words.starts_with("w0 w1 w2 "), "{what}: {}", got.body);
                let records = front.world.records().await;
                let record = last(&records);
                assert_eq!(record.outcome, Outcome::Completed, "{what}");
                let billed = fake.billed_nanos() - before;
                assert!(billed > 0, "{what}");
                assert_eq!(record.cost_nanos, billed, "{what}");
                assert_eq!(settlement(record), Settlement::Actual, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn every_kind_calls_tools_for_every_client() {
    for (kind, model) in callers() {
        let (fake, front) = charging(kind, model).await;
        let arguments = r#"{"city":"Oslo"}"#.to_owned();
        fake.behave(Behaviour {
            answer: Answer::ToolCalls { arguments },
            ..Behaviour::default()
        });
        for client in CLIENTS {
            for stream in [false, true] {
                let what = format!("{kind:?} {client} stream={stream}");
                let got = ask(&front, client, &body(client, model, stream, true)).await;
                assert_eq!(got.status, 200, "{what}: {}", got.body);
                assert!(got.body.contains("weather"), "{what}: {}", got.body);
                assert!(got.body.contains("Oslo"), "{what}: {}", got.body);
                let records = front.world.records().await;
                assert_eq!(last(&records).outcome, Outcome::Completed, "{what}");
            }
        }
        assert_eq!(
            front
                .world
                .records()
                .await
                .iter()
                .map(|record| record.cost_nanos)
                .sum::<i64>(),
            fake.billed_nanos(),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn every_kind_that_hides_its_usage_costs_its_bound() {
    for (kind, model) in KINDS {
        let (fake, front) = charging(kind, model).await;
        fake.behave(Behaviour {
            usage: UsageReport::Missing,
            ..Behaviour::default()
        });
        for client in CLIENTS {
            let got = ask(&front, client, &body(client, model, false, false)).await;
            let records = front.world.records().await;
            let record = last(&records);
            assert_ne!(
                settlement(record),
                Settlement::Actual,
                "{kind:?} {client}: {}",
                got.body
            );
        }
        let counted: i64 = front
            .world
            .records()
            .await
            .iter()
            .map(|record| record.cost_nanos)
            .sum();
        assert!(counted >= fake.billed_nanos(), "{kind:?}");
    }
}

#[tokio::test]
async fn every_kind_that_refuses_is_heard_in_the_clients_words() {
    for (kind, model) in KINDS {
        let (fake, front) = charging(kind, model).await;
        for client in CLIENTS {
            fake.behave(Behaviour {
                fault: Fault::Status {
                    status: 400,
                    retry_after: None,
                },
                ..Behaviour::default()
            });
            let got = ask(&front, client, &body(client, model, false, false)).await;
            assert_eq!(got.status, 400, "{kind:?} {client}: {}", got.body);
            let message = got.json()["error"]["message"].clone();
            assert!(message.is_string(), "{kind:?} {client}: {}", got.body);
            let records = front.world.records().await;
            assert_eq!(last(&records).cost_nanos, 0, "{kind:?} {client}");
        }
        assert_eq!(fake.billed_nanos(), 0, "{kind:?}");
    }
}

#[tokio::test]
async fn what_a_kind_does_not_offer_is_refused_by_name() {
    for kind in [
        ProviderKind::HuggingFace,
        ProviderKind::Ai21,
        ProviderKind::Cohere,
        ProviderKind::Google,
        ProviderKind::Vertex,
        ProviderKind::AwsBedrock,
        ProviderKind::Replicate,
    ] {
        let (fake, front) = behind(kind).await;
        let (_, model) = KINDS
            .into_iter()
            .find(|(other, _)| *other == kind)
            .expect("it is listed");
        let embeds = !matches!(kind, ProviderKind::HuggingFace | ProviderKind::Ai21);
        for (path, field) in [("/v1/completions", "prompt"), (EMBEDDINGS, "input")] {
            if path == EMBEDDINGS && embeds {
                continue;
            }
            let body = json!({"model": model, field: "Hi"}).to_string();
            let got = front.post(path, &body).await;
            assert_eq!(got.status, 400, "{kind:?} {path}: {}", got.body);
        }
        assert!(fake.requests().is_empty(), "{kind:?}");
    }
}

/// Each kind that embeds in its own way, with a model of it.
const EMBEDDING: [(ProviderKind, &str); 6] = [
    (ProviderKind::AwsBedrock, "cohere.embed-v4:0"),
    (ProviderKind::Cohere, "embed-v4.0"),
    (ProviderKind::Google, "gemini-embedding-001"),
    (ProviderKind::Google, "gemini-embedding-2"),
    (ProviderKind::Vertex, "gemini-embedding-2"),
    (ProviderKind::OpenAi, "text-embedding-3-small"),
];

#[tokio::test]
async fn every_kind_that_embeds_costs_what_it_bills() {
    for (kind, model) in EMBEDDING {
        let (fake, front) = charging(kind, model).await;
        for (input, count) in [
            (json!("Rain?"), 1),
            (json!(["Rain?", "Will it rain in Oslo?"]), 2),
        ] {
            let body = json!({"model": model, "input": input, "dimensions": 3});
            let before = fake.billed_nanos();
            let got = front.post(EMBEDDINGS, &body.to_string()).await;
            assert_eq!(got.status, 200, "{kind:?}: {}", got.body);
            let answer = got.json();
            assert_eq!(
                answer["data"].as_array().map(Vec::len),
                Some(count),
                "{answer}"
            );
            let records = front.world.records().await;
            let record = last(&records);
            assert_eq!(settlement(record), Settlement::Actual, "{kind:?}");
            let billed = fake.billed_nanos() - before;
            assert!(billed > 0, "{kind:?}");
            // Vertex AI elsewhere than in `global` is a tenth dearer.
            let expected = match kind {
                ProviderKind::Vertex => (billed * 11 + 9) / 10,
                _ => billed,
            };
            assert_eq!(record.cost_nanos, expected, "{kind:?}");
        }
        fake.behave(Behaviour {
            usage: UsageReport::Missing,
            ..Behaviour::default()
        });
        let body = json!({"model": model, "input": "Rain?"});
        let got = front.post(EMBEDDINGS, &body.to_string()).await;
        let records = front.world.records().await;
        assert_ne!(
            settlement(last(&records)),
            Settlement::Actual,
            "{kind:?}: {}",
            got.body
        );
        let counted: i64 = records.iter().map(|record| record.cost_nanos).sum();
        assert!(counted >= fake.billed_nanos(), "{kind:?}");
    }
}

#[tokio::test]
async fn embeddings_are_packed_for_who_asks_in_base64() {
    for (kind, model) in EMBEDDING {
        if kind == ProviderKind::OpenAi {
            continue;
        }
        let (_fake, front) = charging(kind, model).await;
        let body = json!({"model": model, "input": "Rain", "encoding_format": "base64"});
        let got = front.post(EMBEDDINGS, &body.to_string()).await;
        assert_eq!(got.status, 200, "{kind:?}: {}", got.body);
        // 0.25, -0.5 and 1 as floats of 32 bits.
        assert_eq!(
            got.json()["data"][0]["embedding"],
            "AACAPgAAAL8AAIA/",
            "{kind:?}"
        );
    }
}

/// Each kind that ranks documents, with a model of it and what it bills by.
const RANKING: [(ProviderKind, &str, Billed); 3] = [
    (ProviderKind::Cohere, "rerank-v3.5", Billed::Searches),
    (ProviderKind::Cohere, "rerank-v5.0-pro", Billed::Tokens),
    (
        ProviderKind::Together,
        "Salesforce/Llama-Rank-V1",
        Billed::Tokens,
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Billed {
    Searches,
    Tokens,
}

#[tokio::test]
async fn every_kind_that_ranks_costs_what_it_bills() {
    for (kind, model, by) in RANKING {
        let (fake, front) = charging(kind, model).await;
        if by == Billed::Searches {
            let book = PriceBook::builtin();
            let model = book.lookup(kind, model).expect("a priced model");
            fake.set_prices(Prices {
                input: model.price.search_unit,
                ..Prices::default()
            });
        }
        for count in [2, 150] {
            let body = json!({"model": model, "query": "Rain?", "top_n": 1,
                "documents": vec!["It rains in Oslo."; count]});
            let before = fake.billed_nanos();
            let got = front.post(RERANK, &body.to_string()).await;
            assert_eq!(got.status, 200, "{model}: {}", got.body);
            assert!(got.json()["results"].is_array(), "{}", got.body);
            let seen = fake.requests().pop().expect("a request");
            assert_eq!(seen.body, body.to_string(), "as it is");
            let records = front.world.records().await;
            let record = last(&records);
            assert_eq!(settlement(record), Settlement::Actual, "{model}");
            let billed = fake.billed_nanos() - before;
            assert!(billed > 0, "{model}");
            assert_eq!(record.cost_nanos, billed, "{model}");
        }
    }
}

#[tokio::test]
async fn who_ranks_and_hides_what_it_bills_costs_its_bound() {
    let (fake, front) = charging(ProviderKind::Cohere, "rerank-v3.5").await;
    fake.behave(Behaviour {
        usage: UsageReport::Missing,
        ..Behaviour::default()
    });
    let body = json!({"model": "rerank-v3.5", "query": "Rain?", "documents": ["Sun", "Rain"]});
    let got = front.post(RERANK, &body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let records = front.world.records().await;
    let record = last(&records);
    assert_eq!(settlement(record), Settlement::Estimated);
    assert_eq!(record.cost_nanos, 2_000_000);
}

#[tokio::test]
async fn ranking_elsewhere_is_refused_by_name() {
    for (kind, model) in [
        (ProviderKind::OpenAi, "gpt-4o-mini"),
        (ProviderKind::Anthropic, "claude-haiku-4-5"),
        (ProviderKind::Google, "gemini-2.5-flash"),
        (ProviderKind::Cohere, "command-a-03-2025"),
    ] {
        let (fake, front) = behind(kind).await;
        let body = json!({"model": model, "query": "Rain?", "documents": ["Sun"]});
        let got = front.post(RERANK, &body.to_string()).await;
        assert_eq!(got.status, 400, "{kind:?}: {}", got.body);
        assert!(fake.requests().is_empty(), "{kind:?}");
    }
}

/// The path and the model of the last request that the fake has seen, and its key.
fn asked(fake: &FakeUpstream) -> (String, Value, Option<String>) {
    let requests = fake.requests();
    let seen = requests.last().expect("a request");
    let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
    let key = seen.header("api-key").map(str::to_owned);
    assert_eq!(seen.header("authorization"), None);
    (seen.path.clone(), body["model"].clone(), key)
}

#[tokio::test]
async fn azure_is_asked_by_deployment_and_priced_by_model() {
    for (version, chat, responses) in [
        (None, "/openai/v1/chat/completions", "/openai/v1/responses"),
        (
            Some("2024-10-21"),
            "/openai/deployments/prod-mini/chat/completions?api-version=2024-10-21",
            "/openai/responses?api-version=2024-10-21",
        ),
    ] {
        let config = ProviderConfig {
            api_version: version.map(str::to_owned),
            deployments: [("prod-mini".to_owned(), "gpt-4o-mini".to_owned())].into(),
            ..ProviderConfig::default()
        };
        let (fake, front) = behind_configured(ProviderKind::AzureOpenAi, config).await;
        for model in ["gpt-4o-mini", "prod-mini"] {
            let got = ask(&front, CHAT, &body(CHAT, model, true, false)).await;
            assert_eq!(got.status, 200, "{}", got.body);
            let expected = (chat.to_owned(), json!("prod-mini"), Some(fake.key()));
            assert_eq!(asked(&fake), expected);
            let got = ask(&front, RESPONSES, &body(RESPONSES, model, false, false)).await;
            assert_eq!(got.status, 200, "{}", got.body);
            let expected = (responses.to_owned(), json!("prod-mini"), Some(fake.key()));
            assert_eq!(asked(&fake), expected);
        }
        for record in front.world.records().await {
            assert!(record.cost_nanos > 0);
        }
    }
}

#[tokio::test]
async fn ai21_is_not_told_what_it_does_not_know() {
    let (fake, front) = behind(ProviderKind::Ai21).await;
    let message = json!({"model": "jamba-large-1.7", "max_tokens": 20, "stream": true,
        "metadata": {"user_id": "u-1"}, "service_tier": "auto",
        "messages": [{"role": "user", "content": "Hi"}]});
    let got = ask(&front, MESSAGES, &message.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let requests = fake.requests();
    let sent: Value = serde_json::from_slice(&requests[0].body).expect("JSON");
    for field in ["stream_options", "user", "service_tier"] {
        assert_eq!(sent.get(field), None);
    }
    // The usage stands in the chunk of the reason; the client of chat gets it as it is.
    let got = ask(&front, CHAT, &body(CHAT, "jamba-large-1.7", true, false)).await;
    assert!(got.body.contains("\"usage\":{"), "{}", got.body);
}

#[tokio::test]
async fn google_is_asked_by_its_address_and_signatures_find_back() {
    let (fake, front) = behind(ProviderKind::Google).await;
    let arguments = r#"{"city":"Oslo"}"#.to_owned();
    fake.behave(Behaviour {
        answer: Answer::ToolCalls { arguments },
        ..Behaviour::default()
    });
    let model = "gemini-3.1-pro-preview";
    let got = ask(&front, CHAT, &body(CHAT, model, true, true)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let id = frames(&got)
        .iter()
        .find_map(|frame| {
            let id = frame.pointer("/choices/0/delta/tool_calls/0/id")?;
            id.as_str().map(str::to_owned)
        })
        .expect("a call");
    let message = json!({"model": model, "max_tokens": 50, "messages": [
        {"role": "user", "content": "Rain?"},
        {"role": "assistant", "tool_calls": [{"id": id, "type": "function",
            "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": id, "content": "rain"}]});
    let got = ask(&front, CHAT, &message.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let requests = fake.requests();
    let paths: Vec<&str> = requests.iter().map(|seen| seen.path.as_str()).collect();
    let of = |method| format!("/v1beta/models/{model}:{method}");
    assert_eq!(
        paths,
        [of("streamGenerateContent?alt=sse"), of("generateContent")]
    );
    let sent: Value = serde_json::from_slice(&requests[1].body).expect("JSON");
    let call = &sent["contents"][1]["parts"][0];
    assert_eq!(call["thoughtSignature"], "c2lnbmVk", "{sent}");
    assert_eq!(sent.get("model"), None);
}

#[tokio::test]
async fn googles_wait_is_told_and_its_wrong_key_is_not_the_callers() {
    let (fake, front) = charging(ProviderKind::Google, "gemini-2.5-flash").await;
    fake.behave(Behaviour {
        fault: Fault::Status {
            status: 429,
            retry_after: Some(RetryAfter::Seconds(31)),
        },
        ..Behaviour::default()
    });
    let got = ask(&front, CHAT, &body(CHAT, "gemini-2.5-flash", false, false)).await;
    assert_eq!(got.status, 429, "{}", got.body);
    assert_eq!(got.headers["retry-after"], "31");
    fake.set_key("another");
    let got = ask(&front, CHAT, &body(CHAT, "gemini-2.5-flash", false, false)).await;
    assert_eq!(got.status, 503, "{}", got.body);
    assert!(got.body.contains("stored credential"), "{}", got.body);
    assert_eq!(fake.billed_nanos(), 0);
}

#[tokio::test]
async fn a_stream_of_google_that_breaks_costs_its_bound() {
    let (fake, front) = charging(ProviderKind::Google, "gemini-2.5-flash").await;
    for fault in [Fault::CutAt(900), Fault::OverloadedAfter(3)] {
        fake.behave_once(Behaviour {
            fault,
            ..Behaviour::default()
        });
        for client in CLIENTS {
            let got = ask(
                &front,
                client,
                &body(client, "gemini-2.5-flash", true, false),
            )
            .await;
            assert_eq!(got.status, 200, "{}", got.body);
        }
    }
    let records = front.world.records().await;
    let estimated = records
        .iter()
        .filter(|record| settlement(record) == Settlement::Estimated);
    assert_eq!(estimated.count(), 2);
    let counted: i64 = records.iter().map(|record| record.cost_nanos).sum();
    assert!(counted >= fake.billed_nanos());
}

/// How often the fake was asked for a token.
fn tokens_asked(fake: &FakeUpstream) -> usize {
    let requests = fake.requests();
    let asked = requests.iter().filter(|seen| seen.path.ends_with("/token"));
    asked.count()
}

/// Azure with an application of Entra ID in the place of a key.
async fn behind_entra() -> (FakeUpstream, Front) {
    let (fake, front) = behind(ProviderKind::AzureOpenAi).await;
    let application = fake.application().expect("an application");
    front.world.set_key(provider(), &application);
    (fake, front)
}

#[tokio::test]
async fn azure_is_shown_a_token_of_entra_that_all_calls_share() {
    let (fake, front) = behind_entra().await;
    let chat = body(CHAT, "gpt-4o-mini", false, false);
    let together = (0..8).map(|_| ask(&front, CHAT, &chat));
    for got in futures_util::future::join_all(together).await {
        assert_eq!(got.status, 200, "{}", got.body);
    }
    assert_eq!(tokens_asked(&fake), 1);
    let seen = fake.requests().pop().expect("a request");
    assert_eq!(seen.header("api-key"), None);
    let shown = seen.header("authorization").expect("a token");
    assert!(shown.starts_with("Bearer ey"), "{shown}");
    fake.revoke_tokens();
    let got = ask(&front, CHAT, &chat).await;
    assert_eq!(got.status, 503, "{}", got.body);
    let got = ask(&front, CHAT, &chat).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(tokens_asked(&fake), 2);
}

#[tokio::test]
async fn stored_responses_of_azure_are_read_with_a_token_of_entra() {
    let (fake, front) = behind_entra().await;
    let asked = json!({"model": "gpt-4o-mini", "input": "Rain?", "store": true});
    let got = ask(&front, RESPONSES, &asked.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let id = got.json()["id"].as_str().expect("an id").to_owned();
    fake.revoke_tokens();
    let stored = format!("{RESPONSES}/{id}");
    assert_ne!(front.get(&stored).await.status, 200);
    front.get(&stored).await;
    let seen = fake.requests().pop().expect("a request");
    assert_eq!(seen.method, "GET");
    assert!(seen.header("authorization").is_some() && seen.header("api-key").is_none());
    assert_eq!(
        tokens_asked(&fake),
        2,
        "the one that is worth nothing is forgotten"
    );
}

#[tokio::test]
async fn a_secret_that_entra_refuses_is_told_and_nothing_is_sent() {
    let (fake, front) = behind_entra().await;
    let application = fake.application().expect("an application");
    let mut wrong: Value = serde_json::from_str(&application).expect("JSON");
    wrong["client_secret"] = json!("wrong");
    front.world.set_key(provider(), &wrong.to_string());
    let got = ask(&front, CHAT, &body(CHAT, "gpt-4o-mini", false, false)).await;
    assert_eq!(got.status, 503, "{}", got.body);
    assert!(got.body.contains("there is no token"), "{}", got.body);
    assert!(!got.body.contains("AADSTS"), "{}", got.body);
    assert!(!got.body.contains("wrong"), "{}", got.body);
    assert!(fake.bills().is_empty());
}

#[tokio::test]
async fn calls_to_vertex_share_a_token_until_it_is_worth_nothing() {
    let (fake, front) = behind(ProviderKind::Vertex).await;
    let model = "gemini-2.5-flash";
    let body = body(CHAT, model, false, false);
    let together = (0..8).map(|_| ask(&front, CHAT, &body));
    for got in futures_util::future::join_all(together).await {
        assert_eq!(got.status, 200, "{}", got.body);
    }
    assert_eq!(tokens_asked(&fake), 1);
    let asked = fake.requests().last().expect("a request").path.clone();
    assert_eq!(
        asked,
        format!(
            "/v1/projects/fake-project/locations/europe-west4/publishers/google/models/{model}:generateContent"
        )
    );
    fake.revoke_tokens();
    let got = ask(&front, CHAT, &body).await;
    assert_eq!(got.status, 503, "{}", got.body);
    let got = ask(&front, CHAT, &body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    assert_eq!(tokens_asked(&fake), 2);
}

#[tokio::test]
async fn vertex_costs_more_in_a_place_of_ones_choice_where_its_model_does() {
    let (fake, front) = charging(ProviderKind::Vertex, "gemini-3.8-flash").await;
    let body = body(CHAT, "gemini-3.8-flash", false, false);
    let got = ask(&front, CHAT, &body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let records = front.world.records().await;
    // A tenth more, rounded up once.
    let listed = fake.billed_nanos();
    assert_eq!(last(&records).cost_nanos, (listed * 11 + 9) / 10);
}

#[tokio::test]
async fn a_token_for_vertex_is_renewed_before_it_ends() {
    let (fake, front) = behind(ProviderKind::Vertex).await;
    let body = body(CHAT, "gemini-2.5-flash", false, false);
    for (passed, asked) in [(0, 1), (3_200, 1), (200, 2)] {
        front
            .world
            .clock
            .advance(std::time::Duration::from_secs(passed));
        fake.set_time(front.world.environment.now().seconds());
        let got = ask(&front, CHAT, &body).await;
        assert_eq!(got.status, 200, "{}", got.body);
        settled_at(&fake, asked).await;
    }
}

/// Waits for a renewal that runs beside the calls; no more tokens are asked for than these.
async fn settled_at(fake: &FakeUpstream, asked: usize) {
    for _ in 0..500 {
        if tokens_asked(fake) >= asked {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(tokens_asked(fake), asked);
}

#[tokio::test]
async fn a_token_for_vertex_that_is_still_good_outlives_a_failed_renewal() {
    let (fake, front) = behind(ProviderKind::Vertex).await;
    let body = body(CHAT, "gemini-2.5-flash", false, false);
    let got = ask(&front, CHAT, &body).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let clock = &front.world.clock;
    clock.advance(std::time::Duration::from_secs(3_400));
    // A clock of Google's that is behind takes no assertion.
    fake.set_time(front.world.environment.now().seconds() - 60);
    for _ in 0..2 {
        let got = ask(&front, CHAT, &body).await;
        assert_eq!(got.status, 200, "{}", got.body);
        settled_at(&fake, 2).await;
    }
    clock.advance(std::time::Duration::from_secs(300));
    let got = ask(&front, CHAT, &body).await;
    assert_eq!(got.status, 503, "{}", got.body);
    assert!(got.body.contains("there is no token"), "{}", got.body);
}

#[tokio::test]
async fn an_assertion_that_google_refuses_is_told_and_nothing_is_sent() {
    let (fake, front) = behind(ProviderKind::Vertex).await;
    // An hour and more beside Google's clock.
    fake.set_time(front.world.environment.now().seconds() + 7_200);
    for client in CLIENTS {
        let got = ask(
            &front,
            client,
            &body(client, "gemini-2.5-flash", false, false),
        )
        .await;
        assert_eq!(got.status, 503, "{}", got.body);
        assert!(got.body.contains("there is no token"), "{}", got.body);
    }
    assert_eq!(
        tokens_asked(&fake),
        1,
        "a failure is told to all for a moment"
    );
    assert!(fake.bills().is_empty());
    for record in front.world.records().await {
        assert_eq!(record.cost_nanos, 0);
    }
}
