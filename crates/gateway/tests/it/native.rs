//! Providers' own dialects under `/providers/{name}/`, as their official clients send them.

mod bedrock;

use iron_llm::{ProviderConfig, ProviderKind};
use iron_runtime::record::Settlement;
use iron_testkit::{Behaviour, FakeUpstream, Fault};
use serde_json::{Value, json};

use crate::front::{Front, behind, behind_configured};
use crate::providers::charging;

/// The path, the query and the body of the last request that the fake has seen.
fn sent(fake: &FakeUpstream) -> (String, Value) {
    let requests = fake.requests();
    let seen = requests.last().expect("a request");
    (
        seen.path.clone(),
        serde_json::from_slice(&seen.body).expect("JSON"),
    )
}

/// What the last call cost, by its record, in the dialect that it says.
async fn cost(front: &Front, dialect: &str) -> i64 {
    let records = front.world.records().await;
    let record = records.last().expect("a record");
    assert_eq!(record.dialect, dialect);
    let attempt = record.attempts.last().expect("an attempt");
    assert_eq!(attempt.settlement, Settlement::Actual);
    record.cost_nanos
}

#[tokio::test]
async fn a_client_of_cohere_chats_in_its_own_dialect() {
    let model = "command-a-03-2025";
    let (fake, front) = charging(ProviderKind::Cohere, model).await;
    for stream in [false, true] {
        let body = json!({"model": model, "stream": stream, "safety_mode": "STRICT",
            "messages": [{"role": "user", "content": "Rain?"}]});
        let before = fake.billed_nanos();
        let got = front
            .post("/providers/cohere/v2/chat", &body.to_string())
            .await;
        assert_eq!(got.status, 200, "{}", got.body);
        assert_eq!(
            got.body.contains("event: message-end"),
            stream,
            "{}",
            got.body
        );
        assert!(got.body.contains("billed_units"), "{}", got.body);
        let (path, sent) = sent(&fake);
        assert_eq!(path, "/v2/chat");
        assert_eq!(sent["safety_mode"], "STRICT");
        // Nobody has said how long the answer may be, so the hold has.
        assert_eq!(sent["max_tokens"], 8000);
        assert_eq!(cost(&front, "cohere").await, fake.billed_nanos() - before);
    }
}

#[tokio::test]
async fn a_client_of_cohere_embeds_and_ranks_in_its_own_dialect() {
    for (model, path, dialect, body) in [
        (
            "embed-v4.0",
            "/v2/embed",
            "cohere_embed",
            json!({"model": "embed-v4.0", "input_type": "search_query", "texts": ["Rain?", "Sun?"],
                "embedding_types": ["float"]}),
        ),
        (
            "rerank-v5.0-pro",
            "/v2/rerank",
            "rerank",
            json!({"model": "rerank-v5.0-pro", "query": "Rain?", "documents": ["Sun", "Rain"]}),
        ),
    ] {
        let (fake, front) = charging(ProviderKind::Cohere, model).await;
        let got = front
            .post(&format!("/providers/cohere{path}"), &body.to_string())
            .await;
        assert_eq!(got.status, 200, "{model}: {}", got.body);
        assert_eq!(sent(&fake), (path.to_owned(), body));
        assert!(fake.billed_nanos() > 0, "{model}");
        assert_eq!(cost(&front, dialect).await, fake.billed_nanos(), "{model}");
    }
}

#[tokio::test]
async fn what_has_no_bound_at_cohere_is_refused_in_its_words() {
    let (fake, front) = behind(ProviderKind::Cohere).await;
    let pictures = json!({"model": "embed-v4.0", "input_type": "image", "images": ["data:,"]});
    let unknown = json!({"model": "nobody", "messages": [{"role": "user", "content": "Hi"}]});
    for (path, body) in [("/v2/embed", pictures), ("/v2/chat", unknown)] {
        let got = front
            .post(&format!("/providers/cohere{path}"), &body.to_string())
            .await;
        assert_eq!(got.status, 400, "{}", got.body);
        assert!(got.json()["message"].is_string(), "{}", got.body);
    }
    assert!(fake.requests().is_empty());
    fake.behave(Behaviour {
        fault: Fault::Status {
            status: 422,
            retry_after: None,
        },
        ..Behaviour::default()
    });
    let body =
        json!({"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hi"}]});
    let got = front
        .post("/providers/cohere/v2/chat", &body.to_string())
        .await;
    assert_eq!(got.status, 422, "{}", got.body);
    let told = "the fake provider refuses, as it was told";
    assert_eq!(got.json()["message"], told, "{}", got.body);
}

#[tokio::test]
async fn a_client_of_azure_names_the_deployment_in_its_path() {
    let config = ProviderConfig {
        api_version: Some("2024-10-21".to_owned()),
        deployments: [("prod-mini".to_owned(), "gpt-4o-mini".to_owned())].into(),
        ..ProviderConfig::default()
    };
    let (fake, front) = behind_configured(ProviderKind::AzureOpenAi, config).await;
    let message = json!([{"role": "user", "content": "Rain?"}]);
    // The official client says the deployment twice; the path is what counts.
    for (said, stream) in [
        (None, false),
        (Some("prod-mini"), true),
        (Some("gpt-4o"), false),
    ] {
        let mut body = json!({"messages": message, "stream": stream, "max_tokens": 20});
        if let Some(said) = said {
            body["model"] = said.into();
        }
        let path = "/openai/deployments/prod-mini/chat/completions";
        for (query, version) in [
            ("?api-version=2025-01-01-preview", "2025-01-01-preview"),
            ("", "2024-10-21"),
        ] {
            let asked = format!("/providers/azure_openai{path}{query}");
            let got = front.post(&asked, &body.to_string()).await;
            assert_eq!(got.status, 200, "{}", got.body);
            assert_eq!(sent(&fake).0, format!("{path}?api-version={version}"));
            let records = front.world.records().await;
            let record = records.last().expect("a record");
            assert_eq!(record.model.as_deref(), Some("prod-mini"));
            assert!(record.cost_nanos > 0);
            assert_eq!(record.stream, stream);
        }
    }
    let body = json!({"model": "prod-mini", "messages": message, "max_tokens": 20});
    let got = front
        .post(
            "/providers/azure_openai/openai/v1/chat/completions",
            &body.to_string(),
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.body);
}
