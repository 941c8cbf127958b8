//! Replicate: predictions that are slow, fail, are cut, are cancelled, or point elsewhere.

use std::time::Duration;

use iron_llm::ProviderKind;
use iron_runtime::record::{CallRecord, Ended, Outcome, Settlement};
use iron_testkit::{Answer, Behaviour, FakeUpstream, Fault, Shape};
use serde_json::{Value, json};

use crate::front::{Front, behind};
use crate::providers::prices;

const CHAT: &str = "/v1/chat/completions";
const MODEL: &str = "openai/gpt-4o-mini";

async fn charging() -> (FakeUpstream, Front) {
    let (fake, front) = behind(ProviderKind::Replicate).await;
    fake.set_prices(prices(ProviderKind::Replicate, MODEL));
    (fake, front)
}

fn body(stream: bool) -> String {
    let message = json!({"role": "user", "content": "Rain?"});
    json!({"model": MODEL, "max_tokens": 50, "stream": stream, "messages": [message]}).to_string()
}

async fn last(front: &Front) -> CallRecord {
    let records = front.world.records().await;
    records.last().expect("a record").clone()
}

/// The requests that the fake has seen: method and path.
fn asked(fake: &FakeUpstream) -> Vec<(String, String)> {
    let requests = fake.requests().into_iter();
    requests.map(|seen| (seen.method, seen.path)).collect()
}

/// Waits until the fake has been asked for something.
async fn until_asked(fake: &FakeUpstream, is_it: impl Fn(&str, &str) -> bool) {
    let seen = || asked(fake).iter().any(|(method, path)| is_it(method, path));
    let waiting = async {
        while !seen() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(came.is_ok(), "{:?}", asked(fake));
}

fn words(stream: &str) -> String {
    let data = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str::<Value>(data).ok())
        .filter_map(|chunk| {
            let words = chunk.pointer("/choices/0/delta/content")?;
            words.as_str().map(str::to_owned)
        })
        .collect()
}

#[tokio::test]
async fn a_prediction_is_asked_for_with_its_cap_its_wait_and_its_longest_run() {
    let (fake, front) = charging().await;
    let got = front.post(CHAT, &body(false)).await;
    assert_eq!(got.status, 200, "{}", got.body);
    let requests = fake.requests();
    assert_eq!(
        requests[0].path,
        "/v1/models/openai/gpt-4o-mini/predictions"
    );
    assert_eq!(requests[0].header("prefer"), Some("wait=30"));
    assert_eq!(requests[0].header("cancel-after"), Some("600s"));
    let sent: Value = serde_json::from_slice(&requests[0].body).expect("JSON");
    let expected = json!({"input": {"max_completion_tokens": 50, "system_prompt": "",
        "prompt": "Rain?"}});
    assert_eq!(sent, expected);
    assert_eq!(requests.len(), 1, "it was over when it was created");
    let record = last(&front).await;
    assert!(record.attempts[0].hold.amount_nanos >= record.cost_nanos);
}

#[tokio::test]
async fn a_slow_prediction_is_asked_for_until_it_is_over() {
    let (fake, front) = charging().await;
    fake.behave(Behaviour {
        piece_delay_ms: 1,
        ..Behaviour::default()
    });
    for stream in [false, true] {
        let before = fake.billed_nanos();
        let got = front.post(CHAT, &body(stream)).await;
        assert_eq!(got.status, 200, "{}", got.body);
        let record = last(&front).await;
        assert_eq!(record.cost_nanos, fake.billed_nanos() - before);
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
    }
    let polls = asked(&fake);
    let polls = polls
        .iter()
        .filter(|(method, path)| method == "GET" && path.starts_with("/v1/predictions/"));
    assert_eq!(polls.count(), 6, "two times it was not over, for each");
}

#[tokio::test]
async fn a_stream_that_is_cut_or_gone_is_made_whole_by_its_prediction() {
    let (fake, front) = charging().await;
    let plain = front.post(CHAT, &body(true)).await;
    let whole = words(&plain.body);
    assert!(whole.starts_with("w0 w1 "), "{}", plain.body);
    for fault in [Fault::CutAt(70), Fault::StreamExpired] {
        fake.behave_once(Behaviour {
            fault: fault.clone(),
            ..Behaviour::default()
        });
        let before = fake.billed_nanos();
        let got = front.post(CHAT, &body(true)).await;
        assert_eq!(words(&got.body), whole, "{fault:?}");
        assert!(got.body.ends_with("data: [DONE]\n\n"), "{fault:?}");
        let record = last(&front).await;
        assert_eq!(record.outcome, Outcome::Completed, "{fault:?}");
        assert_eq!(record.cost_nanos, fake.billed_nanos() - before, "{fault:?}");
    }
}

#[tokio::test]
async fn words_of_several_lines_and_signs_arrive_as_they_are() {
    let (fake, front) = charging().await;
    let text = "one\ntwo \"three\" \u{1F980}\n\ndata: four";
    fake.behave(Behaviour {
        answer: Answer::Exactly(text.to_owned()),
        ..Behaviour::default()
    });
    let got = front.post(CHAT, &body(true)).await;
    assert_eq!(words(&got.body), text);
    let got = front.post(CHAT, &body(false)).await;
    let said = got.json();
    assert_eq!(said["choices"][0]["message"]["content"], text);
}

#[tokio::test]
async fn the_key_is_shown_to_no_other_host() {
    let other = FakeUpstream::start(Shape::Replicate).await.expect("a fake");
    let (fake, front) = charging().await;
    let elsewhere = [
        format!("http://{}/v1/files/fake0", other.address()),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://stream.replicate.com/v1/files/x".to_owned(),
        format!("file://{}/etc/passwd", fake.address()),
    ];
    for address in elsewhere {
        fake.behave_once(Behaviour {
            fault: Fault::StreamElsewhere(address.clone()),
            ..Behaviour::default()
        });
        let got = front.post(CHAT, &body(true)).await;
        assert_eq!(got.status, 503, "{address}: {}", got.body);
        assert!(got.body.contains("another host"), "{}", got.body);
        assert!(!got.body.contains(&address), "{}", got.body);
        let record = last(&front).await;
        assert_eq!(record.cost_nanos, record.attempts[0].hold.amount_nanos);
        let (method, path) = asked(&fake).pop().expect("a request");
        assert!(method == "POST" && path.ends_with("/cancel"), "{path}");
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_prediction_that_fails_is_not_free() {
    let (fake, front) = charging().await;
    for (stream, fault) in [
        (false, Fault::ErrorInOk),
        (true, Fault::OverloadedAfter(0)),
        (true, Fault::OverloadedAfter(3)),
    ] {
        fake.behave_once(Behaviour {
            fault: fault.clone(),
            ..Behaviour::default()
        });
        let before = fake.billed_nanos();
        let got = front.post(CHAT, &body(stream)).await;
        assert!(
            got.body.contains("as it was told"),
            "{fault:?}: {}",
            got.body
        );
        let record = last(&front).await;
        assert_eq!(record.outcome, Outcome::ProviderError, "{fault:?}");
        let billed = fake.billed_nanos() - before;
        assert!(record.cost_nanos >= billed && billed > 0, "{fault:?}");
    }
    let key = fake.key();
    fake.set_key("another");
    let got = front.post(CHAT, &body(false)).await;
    assert_eq!(got.status, 503, "{}", got.body);
    assert_eq!(last(&front).await.cost_nanos, 0);
    fake.set_key(&key);
}

#[tokio::test]
async fn who_leaves_cancels_and_pays_what_was_made() {
    for stream in [true, false] {
        let (fake, front) = charging().await;
        fake.behave(Behaviour {
            output_tokens: 40,
            piece_delay_ms: 400,
            ..Behaviour::default()
        });
        let bearer = format!("Bearer {}", front.world.token());
        let headers = [("authorization", bearer.as_str())];
        let request = front.outgoing("POST", CHAT, &headers, body(stream).as_bytes());
        let answer = async {
            let mut answer = front.open(request).await;
            while let Ok(Some(_)) = answer.chunk().await {}
        };
        let place = if stream {
            "/v1/files/"
        } else {
            "/v1/predictions/"
        };
        tokio::select! {
            () = answer => panic!("it was over before its caller left"),
            () = until_asked(&fake, |method, path| method == "GET" && path.starts_with(place)) => {}
        }
        let record = front.world.record().await;
        assert_eq!(record.outcome, Outcome::ClientGone, "stream={stream}");
        let attempt = &record.attempts[0];
        assert_eq!(attempt.settlement, Settlement::Actual, "stream={stream}");
        assert_eq!(attempt.ended, Ended::ClientGoneDrained, "stream={stream}");
        assert_eq!(record.cost_nanos, fake.billed_nanos(), "stream={stream}");
        assert_eq!(record.tokens.output, 20, "half of what it would have said");
    }
}

#[tokio::test]
async fn what_takes_too_long_is_cancelled() {
    for stream in [true, false] {
        let (fake, front) = charging().await;
        front
            .world
            .change(|principal| principal.routes[0].timeout_ms = 700);
        fake.behave(Behaviour {
            output_tokens: 40,
            piece_delay_ms: 400,
            ..Behaviour::default()
        });
        front.post(CHAT, &body(stream)).await;
        until_asked(&fake, |method, path| {
            method == "POST" && path.ends_with("/cancel")
        })
        .await;
        let attempt = last(&front).await.attempts[0].clone();
        assert_eq!(attempt.ended, Ended::TimedOut, "stream={stream}");
        assert_eq!(
            attempt.settled_nanos, attempt.hold.amount_nanos,
            "stream={stream}"
        );
    }
}

#[tokio::test]
async fn what_has_no_bound_or_no_words_is_refused_by_name() {
    let (fake, front) = charging().await;
    let ask = |changes: Value| {
        let mut body: Value = serde_json::from_str(&body(false)).expect("JSON");
        for (name, value) in changes.as_object().expect("fields") {
            body[name] = value.clone();
        }
        body.to_string()
    };
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    let image = json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]);
    for (changes, named) in [
        (json!({"tools": tool}), "tools"),
        (json!({"stop": ["x"]}), "stop"),
        (
            json!({"response_format": {"type": "json_object"}}),
            "response_format",
        ),
        (json!({"n": 2}), "n"),
        (json!({"messages": image}), "image"),
        (
            json!({"model": "anthropic/claude-4-sonnet", "max_tokens": 50}),
            "1024",
        ),
        (json!({"model": "somebody/something"}), "somebody/something"),
        (
            json!({"model": "stability-ai/sdxl:abc"}),
            "stability-ai/sdxl",
        ),
    ] {
        let got = front.post(CHAT, &ask(changes)).await;
        assert_eq!(got.status, 400, "{named}: {}", got.body);
        assert!(got.body.contains(named), "{named}: {}", got.body);
    }
    assert!(fake.requests().is_empty());
}
