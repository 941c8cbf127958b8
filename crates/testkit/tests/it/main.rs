//! The fake providers themselves: an oracle must be right before it judges.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its setting cannot be made"
)]

use iron_testkit::{Answer, Behaviour, Billing, FakeUpstream, Fault, Shape, UsageReport};
use serde_json::{Value, json};

async fn start(shape: Shape) -> (FakeUpstream, reqwest::Client) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    (
        FakeUpstream::start(shape).await.unwrap(),
        reqwest::Client::new(),
    )
}

fn chat(stream: bool, max_tokens: u64) -> Value {
    json!({
        "model": "gpt-4o-mini", "stream": stream, "max_tokens": max_tokens,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "hello there, provider"}]
    })
}

async fn post(fake: &FakeUpstream, client: &reqwest::Client, body: &Value) -> reqwest::Response {
    let url = format!("{}/chat/completions", fake.base_url());
    client
        .post(url)
        .bearer_auth(fake.key())
        .json(body)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_call_is_billed_by_the_tokens_it_reports_and_its_bytes_are_kept() {
    let (fake, client) = start(Shape::OpenAi).await;
    let body = chat(false, 5);
    let answer: Value = post(&fake, &client, &body).await.json().await.unwrap();
    let [bill] = fake.bills()[..] else {
        panic!("one bill")
    };
    assert_eq!(answer["usage"]["completion_tokens"], 5);
    assert_eq!(answer["usage"]["prompt_tokens"], bill.input);
    assert_eq!(
        bill.nanos,
        i64::try_from(bill.input * 150 + 5 * 600).unwrap()
    );
    assert!(bill.completed);
    assert_eq!(fake.requests()[0].body, serde_json::to_vec(&body).unwrap());
    assert_eq!(answer["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn a_wrong_key_costs_nothing() {
    let (fake, client) = start(Shape::OpenAi).await;
    let url = format!("{}/chat/completions", fake.base_url());
    let answer = client
        .post(url)
        .bearer_auth("sk-other")
        .json(&chat(false, 5))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(fake.billed_nanos(), 0);
}

#[tokio::test]
async fn a_stream_that_is_left_costs_all_or_only_what_was_sent() {
    for billing in [Billing::GoesOn, Billing::Stops] {
        let (fake, client) = start(Shape::OpenAi).await;
        fake.behave(Behaviour {
            output_tokens: 1_000,
            piece_delay_ms: 2,
            billing,
            ..Behaviour::default()
        });
        let mut answer = post(&fake, &client, &chat(true, 1_000)).await;
        answer.chunk().await.unwrap().unwrap();
        drop(answer);
        // The connection's end reaches the fake in its own time.
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            let before = fake.bills()[0].output;
            tokio::time::sleep(std::time::Duration::from_millis(40)).await;
            if fake.bills()[0].output == before {
                break;
            }
        }
        let bill = fake.bills()[0];
        assert!(!bill.completed);
        assert_eq!(
            bill.output == 1_000,
            billing == Billing::GoesOn,
            "{billing:?}: {bill:?}"
        );
    }
}

#[tokio::test]
async fn a_cut_comes_at_the_byte_that_was_asked_for() {
    let (fake, client) = start(Shape::OpenAi).await;
    fake.behave_once(Behaviour {
        fault: Fault::CutAt(700),
        ..Behaviour::default()
    });
    let mut answer = post(&fake, &client, &chat(true, 100)).await;
    let mut received = 0;
    let broken = loop {
        match answer.chunk().await {
            Ok(Some(bytes)) => received += bytes.len(),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken);
    assert_eq!(received, 700);
}

#[tokio::test]
async fn a_lie_about_usage_does_not_change_the_bill() {
    let (fake, client) = start(Shape::OpenAi).await;
    let usage = UsageReport::Wrong {
        input: 1,
        output: 2,
    };
    fake.behave(Behaviour {
        usage,
        output_tokens: 9,
        ignores_cap: true,
        ..Behaviour::default()
    });
    let answer: Value = post(&fake, &client, &chat(false, 5))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(answer["usage"]["completion_tokens"], 2);
    assert_eq!(fake.bills()[0].output, 9);
}

#[tokio::test]
async fn anthropic_asks_for_its_own_headers_and_streams_its_own_events() {
    let (fake, client) = start(Shape::Anthropic).await;
    let url = format!("{}/v1/messages", fake.base_url());
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 20, "stream": true,
        "tools": [{"name": "weather", "input_schema": {"type": "object"}}],
        "messages": [{"role": "user", "content": "rain?"}]
    });
    let bare = client
        .post(&url)
        .header("x-api-key", fake.key())
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(bare.status(), 400);
    let answer = Answer::ToolCalls {
        arguments: r#"{"city":"Oslo"}"#.to_owned(),
    };
    fake.behave(Behaviour {
        answer,
        ..Behaviour::default()
    });
    let request = client.post(&url).header("x-api-key", fake.key());
    let request = request
        .header("anthropic-version", "2023-06-01")
        .json(&body);
    let text = request.send().await.unwrap().text().await.unwrap();
    let kinds: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert!(
        text.contains(r#""partial_json":"{\"city\":\"Oslo\"}""#),
        "{text}"
    );
    assert_eq!(fake.bills()[0].output, 16);
}
