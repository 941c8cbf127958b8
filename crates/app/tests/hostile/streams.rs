//! Providers whose streams are no streams.

use std::time::Duration;

use crate::kit::{House, Speaks, assert_clear_error, assert_nothing_leaks, error_in_stream};
use crate::provider::{KEY, Step, answer, head, stream};

const CHUNK: &str = r#"data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"hi"}}]}"#;
const STOP: &str = r#"data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"data: {"id":"x","object":"chat.completion.chunk","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}"#;
const DONE: &str = "data: [DONE]";
const EVENTS: &str = "content-type: text/event-stream\r\n";

fn frames(frames: &[&str]) -> Vec<u8> {
    frames
        .iter()
        .map(|frame| format!("{frame}\n\n"))
        .collect::<String>()
        .into_bytes()
}

fn then(mut script: Vec<Step>, more: Step) -> Vec<Step> {
    script.push(more);
    script
}

/// Nothing of these reaches the caller but an error with its status.
fn never_begun() -> Vec<(&'static str, Vec<Step>, &'static str)> {
    let ping = Step::Forever(b": ping\n\n".to_vec(), Duration::from_millis(50));
    let flood = Step::Forever(b": ping\n\n".repeat(10_000), Duration::ZERO);
    let line = Step::Forever(vec![b'x'; 1 << 20], Duration::ZERO);
    let overloaded = r#"data: {"error":{"type":"overloaded_error","message":"busy"}}"#;
    let key = format!(r#"data: {{"error":{{"type":"x","message":"{KEY}"}}}}"#);
    let encoded = format!("{EVENTS}content-encoding: br\r\n");
    vec![
        (
            "a page",
            answer("200 OK", "text/html", b"<html>\n\n</html>"),
            "estimated",
        ),
        ("nothing", stream(b""), "estimated"),
        ("only blank lines", stream(b"\n\n\r\n\r\n\r\r"), "estimated"),
        (
            "no blank line",
            stream(format!("{CHUNK}\n{STOP}\n").as_bytes()),
            "estimated",
        ),
        (
            "no JSON",
            stream(&frames(&["data: {nope", "data: }", DONE])),
            "estimated",
        ),
        ("NUL", stream(&[0; 4_096]), "estimated"),
        ("bad UTF-8", stream(b"data: \xff\xfe\n\n"), "estimated"),
        ("only the end", stream(&frames(&[DONE])), "estimated"),
        ("only comments", then(stream(b""), ping), "estimated"),
        ("a flood of comments", then(stream(b""), flood), "estimated"),
        (
            "an endless line",
            then(stream(b"data: "), line),
            "estimated",
        ),
        (
            "silence",
            then(stream(b"data: "), Step::Silence),
            "estimated",
        ),
        (
            "compression",
            vec![head("200 OK", &encoded), Step::Send(frames(&[CHUNK]))],
            "estimated",
        ),
        (
            "a redirect",
            vec![head(
                "307 Temporary Redirect",
                "location: http://127.0.0.1:1/\r\n",
            )],
            "estimated",
        ),
        ("an error first", stream(&frames(&[overloaded])), "free"),
        ("its key first", stream(&frames(&[&key])), "free"),
    ]
}

async fn each_is_a_clear_error(kind: &str, speaks: Speaks) {
    let house = House::with(kind).await;
    let cases = never_begun();
    let expected: Vec<_> = cases
        .iter()
        .map(|(what, _, settled)| (*what, *settled))
        .collect();
    for (what, script, _) in cases {
        let got = house.ask(speaks, true, script).await;
        assert_clear_error(speaks, &got, what);
    }
    let records = house.records(expected.len()).await;
    assert_eq!(records.len(), expected.len(), "one record for each call");
    for ((what, settled), record) in expected.iter().zip(&records) {
        assert_eq!(record["outcome"], "provider_error", "{what}: {record}");
        for attempt in record["attempts"].as_array().expect("attempts") {
            assert_eq!(attempt["settlement"], *settled, "{what}: {record}");
        }
        assert_nothing_leaks(&record.to_string(), what);
    }
    house.assert_money_is_settled(&records).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_never_begins_is_a_clear_error_with_a_status() {
    each_is_a_clear_error("openai", Speaks::OpenAi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_never_begins_is_a_clear_error_in_every_dialect() {
    each_is_a_clear_error("anthropic", Speaks::Anthropic).await;
    each_is_a_clear_error("openai", Speaks::Anthropic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_ends_in_an_error_and_at_the_bound() {
    let house = House::with("openai").await;
    let begun = || stream(&frames(&[CHUNK]));
    let giant = format!("data: {}\n\n", "x".repeat(17 << 20));
    let error = r#"data: {"error":{"type":"server_error","message":"gone"}}"#;
    let drip = Step::Forever(frames(&[": ping"]), Duration::from_millis(50));
    let cases: Vec<(&str, Vec<Step>)> = vec![
        ("an end without an end", begun()),
        (
            "no blank line after the rest",
            then(begun(), Step::Send(b"data: {\"id\":".to_vec())),
        ),
        ("silence", then(begun(), Step::Silence)),
        ("only comments from then on", then(begun(), drip)),
        (
            "a giant event",
            then(begun(), Step::Send(giant.into_bytes())),
        ),
        (
            "an endless line",
            then(begun(), Step::Forever(vec![b'x'; 1 << 20], Duration::ZERO)),
        ),
        ("an error", then(begun(), Step::Send(frames(&[error])))),
    ];
    let names: Vec<_> = cases.iter().map(|(what, _)| *what).collect();
    for (what, script) in cases {
        let got = house.ask(Speaks::OpenAi, true, script).await;
        assert_eq!(got.status, 200, "{what}: {}", got.body);
        assert!(got.whole, "{what}: the stream ends as HTTP says it must");
        error_in_stream(Speaks::OpenAi, &got.body, what);
        assert!(!got.body.contains("[DONE]"), "{what}: {}", got.body);
    }
    let records = house.records(names.len()).await;
    assert_eq!(records.len(), names.len());
    for (what, record) in names.iter().zip(&records) {
        let attempt = &record["attempts"][0];
        assert_ne!(record["outcome"], "completed", "{what}: {record}");
        assert_eq!(attempt["settlement"], "estimated", "{what}: {record}");
        assert_eq!(
            attempt["settled_nanos"], attempt["hold"]["amount_nanos"],
            "{what}"
        );
    }
    house.assert_money_is_settled(&records).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_merely_odd_passes_untouched_and_at_its_true_cost() {
    let house = House::with("openai").await;
    let cr_lf = [CHUNK, STOP, USAGE, DONE]
        .map(|frame| format!("{frame}\r\n\r\n"))
        .concat();
    let mixed = format!("\u{feff}{CHUNK}\r\r: x\n\n{STOP}\r\n\r\n{USAGE}\n\r\n{DONE}\r\r");
    let twice = USAGE.replace(":1,", ":1000,");
    let half = [
        &frames(&[CHUNK])[..],
        b"data: \xf0\x9f\n\n",
        &frames(&[STOP, USAGE, DONE]),
    ]
    .concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("carriage returns", cr_lf.into_bytes()),
        (
            "a byte order mark and every kind of line end",
            mixed.into_bytes(),
        ),
        ("a frame of half a letter", half),
        (
            "a frame that is no JSON",
            frames(&[CHUNK, "data: {", STOP, USAGE, DONE]),
        ),
        (
            "more after the end",
            frames(&[CHUNK, STOP, USAGE, DONE, CHUNK]),
        ),
        (
            "a usage told twice",
            frames(&[CHUNK, &twice, STOP, USAGE, DONE]),
        ),
        (
            "no end mark, but a reason and a usage",
            frames(&[CHUNK, STOP, USAGE]),
        ),
    ];
    for kind in ["text/event-stream", "text/plain"] {
        for (what, bytes) in &cases {
            let script = answer("200 OK", kind, bytes);
            let got = house.ask(Speaks::OpenAi, true, script).await;
            assert_eq!(got.status, 200, "{what}: {}", got.body);
            assert!(
                got.head.contains("content-type: text/event-stream"),
                "{what}: {}",
                got.head
            );
            let shown = String::from_utf8_lossy(bytes);
            let without_usage = shown
                .split("data: ")
                .filter(|frame| !frame.contains("\"usage\""));
            for frame in without_usage {
                assert!(
                    got.body.contains(frame.trim_end()),
                    "{what}: `{frame}` in {}",
                    got.body
                );
            }
            assert!(
                !got.body.contains("\"usage\""),
                "{what}: only we had asked for it"
            );
        }
    }
    let records = house.records(cases.len() * 2).await;
    assert_eq!(records.len(), cases.len() * 2);
    for (record, (what, _)) in records.iter().zip(cases.iter().chain(&cases)) {
        assert_eq!(record["outcome"], "completed", "{what}: {record}");
        assert_eq!(
            record["attempts"][0]["settlement"], "actual",
            "{what}: {record}"
        );
        assert_eq!(record["tokens"]["output"], 1, "{what}: {record}");
    }
    house.assert_money_is_settled(&records).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anthropic_stream_that_breaks_ends_in_an_error_event() {
    let house = House::with("anthropic").await;
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[],\"model\":\"c\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}";
    let lies = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":-5}}";
    let ping = Step::Forever(
        b"event: ping\ndata: {\"type\":\"ping\"}\n\n".to_vec(),
        Duration::from_millis(50),
    );
    let cases: Vec<(&str, Vec<Step>)> = vec![
        ("an end without an end", stream(&frames(&[start]))),
        ("pings for ever", then(stream(&frames(&[start])), ping)),
        (
            "a negative usage, then nothing",
            stream(&frames(&[start, "event: x\ndata: \0", lies])),
        ),
    ];
    let count = cases.len();
    for speaks in [Speaks::Anthropic, Speaks::OpenAi] {
        for (what, script) in &cases {
            let got = house.ask(speaks, true, script.clone()).await;
            assert_eq!(got.status, 200, "{what}: {}", got.body);
            if *what != "a negative usage, then nothing" {
                error_in_stream(speaks, &got.body, what);
            }
            assert_nothing_leaks(&got.body, what);
        }
    }
    let records = house.records(2 * count).await;
    assert_eq!(records.len(), 2 * count);
    house.assert_money_is_settled(&records).await;
}
