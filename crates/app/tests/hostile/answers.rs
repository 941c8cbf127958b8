//! Providers whose whole answers are no answers.

use std::time::Duration;

use crate::kit::{House, Speaks, assert_clear_error, assert_nothing_leaks};
use crate::provider::{KEY, Step, answer, head, json};

const GOOD: &str = r#"{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;

/// A case: what it is, what the provider does, and how its money is settled.
type Case = (&'static str, Vec<Step>, &'static str);

/// Whatever may have been billed costs the bound; only a clear refusal is free.
fn no_answers() -> Vec<Case> {
    let mut cases = strange_bodies();
    cases.extend(strange_heads());
    cases.extend(no_ends());
    cases.extend(errors());
    cases
}

const JSON: &str = "content-type: application/json\r\n";
const PAGE: &[u8] = b"<html><body>gateway</body></html>";

/// An error that repeats the key.
fn echo() -> String {
    format!(r#"{{"error":{{"type":"x","message":"your key {KEY} is bad, {KEY}"}}}}"#)
}

/// A blank now and then.
fn drip() -> Step {
    Step::Forever(b" ".to_vec(), Duration::from_millis(50))
}

/// As much as the connection takes.
fn flood() -> Step {
    Step::Forever(vec![b' '; 1 << 20], Duration::ZERO)
}

fn strange_bodies() -> Vec<Case> {
    let deep = format!(r#"{{"choices":{}"#, "[".repeat(100_000));
    let bad_utf8 = [b"{\"choices\":[],\"x\":\"", &b"\xff\xfe"[..], b"\"}"].concat();
    let nul = GOOD.replace("hi", "h\0i");
    vec![
        ("a page", answer("200 OK", "text/html", PAGE), "estimated"),
        (
            "a page that says it is JSON",
            answer("200 OK", "application/json", PAGE),
            "estimated",
        ),
        ("nothing", json(""), "estimated"),
        ("an array", json("[]"), "estimated"),
        ("a number", json("7"), "estimated"),
        ("two answers", json(&format!("{GOOD}{GOOD}")), "estimated"),
        ("nesting without end", json(&deep), "estimated"),
        (
            "bad UTF-8",
            answer("200 OK", "application/json", &bad_utf8),
            "estimated",
        ),
        ("NUL in a text", json(&nul), "estimated"),
        ("no content", vec![head("204 No Content", "")], "estimated"),
    ]
}

fn strange_heads() -> Vec<Case> {
    let redirect = format!("location: http://127.0.0.1:1/{KEY}\r\ncontent-length: 2\r\n");
    let many = (0..300)
        .map(|i| format!("x-{i}: y\r\n"))
        .collect::<String>();
    vec![
        (
            "compression that nobody asked for",
            vec![
                head("200 OK", &format!("{JSON}content-encoding: gzip\r\n")),
                Step::Send(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab\xae\x05\0".to_vec()),
            ],
            "estimated",
        ),
        (
            "a redirect",
            vec![head("302 Found", &redirect), Step::Send(b"{}".to_vec())],
            "estimated",
        ),
        (
            "another protocol",
            vec![
                head("101 Switching Protocols", "upgrade: x\r\n"),
                Step::Silence,
            ],
            "estimated",
        ),
        (
            "a status of its own",
            answer("799 Odd", "application/json", b"{}"),
            "estimated",
        ),
        (
            "a broken head",
            vec![Step::Send(b"\0\0\0\0\r\n\r\n".to_vec())],
            "estimated",
        ),
        (
            "a flood of headers",
            vec![head("200 OK", &many)],
            "estimated",
        ),
        ("no answer at all", vec![], "estimated"),
    ]
}

fn no_ends() -> Vec<Case> {
    vec![
        ("silence", vec![Step::Silence], "estimated"),
        (
            "silence in the middle",
            vec![
                head("200 OK", JSON),
                Step::Send(b"{".to_vec()),
                Step::Silence,
            ],
            "estimated",
        ),
        (
            "a byte now and then",
            vec![head("200 OK", JSON), drip()],
            "estimated",
        ),
        (
            "an end before the end",
            vec![
                head("200 OK", &format!("{JSON}content-length: 5000\r\n")),
                Step::Send(GOOD.as_bytes().to_vec()),
            ],
            "estimated",
        ),
        (
            "a size beyond measure, announced",
            vec![
                head("200 OK", &format!("{JSON}content-length: 9999999999\r\n")),
                flood(),
            ],
            "estimated",
        ),
        (
            "a size beyond measure, not announced",
            vec![head("200 OK", JSON), flood()],
            "estimated",
        ),
    ]
}

fn errors() -> Vec<Case> {
    let echo = echo();
    vec![
        (
            "an error that never ends",
            vec![head("500 Internal Server Error", JSON), flood()],
            "estimated",
        ),
        (
            "an error that drips",
            vec![head("500 Oh", JSON), drip()],
            "estimated",
        ),
        (
            "a page of an error",
            answer("502 Bad", "text/html", PAGE),
            "estimated",
        ),
        (
            "an error in 200",
            json(r#"{"error":{"message":"no","type":"server_error"}}"#),
            "free",
        ),
        (
            "its key, refused",
            answer("401 No", "application/json", echo.as_bytes()),
            "free",
        ),
        (
            "its key, forbidden",
            answer("403 No", "application/json", echo.as_bytes()),
            "free",
        ),
        (
            "its key in 200",
            answer("200 OK", "application/json", echo.as_bytes()),
            "free",
        ),
        (
            "its key in a page",
            answer("400 No", "text/html", echo.as_bytes()),
            "free",
        ),
    ]
}

async fn each_is_a_clear_error(kind: &str, speaks: Speaks) {
    let house = House::with(kind).await;
    let cases = no_answers();
    let count = cases.len();
    let mut expected = Vec::new();
    for (what, script, settlement) in cases {
        let got = house.ask(speaks, false, script).await;
        assert_clear_error(speaks, &got, what);
        expected.push((what, settlement, got.status));
    }
    let records = house.records(count).await;
    assert_eq!(records.len(), count, "one record for each call");
    for ((what, settlement, status), record) in expected.iter().zip(&records) {
        assert_eq!(record["outcome"], "provider_error", "{what}: {record}");
        assert_eq!(record["status"], *status, "{what}: {record}");
        for attempt in record["attempts"].as_array().expect("attempts") {
            assert_eq!(attempt["settlement"], *settlement, "{what}: {record}");
            let held = &attempt["hold"]["amount_nanos"];
            if *settlement == "estimated" {
                assert_eq!(&attempt["settled_nanos"], held, "{what}: {record}");
            }
        }
        assert_nothing_leaks(&record.to_string(), what);
    }
    house.assert_money_is_settled(&records).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_a_clear_error_to_an_openai_client() {
    each_is_a_clear_error("openai", Speaks::OpenAi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_a_clear_error_to_an_anthropic_client() {
    each_is_a_clear_error("anthropic", Speaks::Anthropic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_answer_is_a_clear_error_across_dialects() {
    each_is_a_clear_error("anthropic", Speaks::OpenAi).await;
    each_is_a_clear_error("openai", Speaks::Anthropic).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_before_the_answer_do_not_disturb_it() {
    let house = House::with("openai").await;
    let mut script = vec![
        Step::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Step::Send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec()),
    ];
    script.extend(json(GOOD));
    let got = house.ask(Speaks::OpenAi, false, script).await;
    assert_eq!((got.status, got.body.as_str()), (200, GOOD));
    let records = house.records(1).await;
    assert_eq!(records[0]["attempts"][0]["settlement"], "actual");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_content_type_does_not_hide_an_answer_nor_reach_the_caller() {
    let house = House::with("openai").await;
    let script = answer("200 OK", "text/html", GOOD.as_bytes());
    let got = house.ask(Speaks::OpenAi, false, script).await;
    assert_eq!((got.status, got.body.as_str()), (200, GOOD));
    assert!(
        got.head.contains("content-type: application/json"),
        "{}",
        got.head
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_usage_is_believed_only_if_it_can_be_one() {
    let house = House::with("openai").await;
    let with = |usage: &str| {
        let (start, _) = GOOD.split_once(r#""usage""#).expect("a usage");
        json(&format!(r#"{start}"usage":{usage}}}"#))
    };
    let numbers = |input: &str, output: &str| {
        with(&format!(
            r#"{{"prompt_tokens":{input},"completion_tokens":{output}}}"#
        ))
    };
    let missing = GOOD
        .split_once(r#","usage""#)
        .map(|(start, _)| format!("{start}}}"));
    let cases: Vec<(&str, Vec<Step>, &str)> = vec![
        ("true", numbers("9", "2"), "actual"),
        ("lower than can be", numbers("0", "0"), "actual"),
        ("above what was held", numbers("100000", "100000"), "actual"),
        (
            "as much as a number holds",
            numbers("18446744073709551615", "9"),
            "estimated",
        ),
        (
            "more than any model reads",
            numbers("9", "9223372036854775807"),
            "estimated",
        ),
        (
            "more than a number holds",
            numbers("1e400", "99999999999999999999999"),
            "estimated",
        ),
        ("negative", numbers("9", "-2"), "estimated"),
        ("broken", numbers("9", "2.5"), "estimated"),
        ("text", numbers("\"9\"", "\"2\""), "estimated"),
        ("null", with("null"), "estimated"),
        ("a list", with("[9,2]"), "estimated"),
        ("missing", json(&missing.expect("a body")), "estimated"),
        (
            "told twice",
            with(
                r#"{"prompt_tokens":9,"completion_tokens":2},"usage":{"prompt_tokens":9,"completion_tokens":3}"#,
            ),
            "actual",
        ),
    ];
    let names: Vec<_> = cases
        .iter()
        .map(|(what, _, settled)| (*what, *settled))
        .collect();
    for (what, script, _) in cases {
        let got = house.ask(Speaks::OpenAi, false, script).await;
        assert_eq!(got.status, 200, "{what}: {}", got.body);
    }
    let records = house.records(names.len()).await;
    assert_eq!(records.len(), names.len());
    let mut above = 0;
    for ((what, settled), record) in names.iter().zip(&records) {
        let attempt = &record["attempts"][0];
        assert_eq!(attempt["settlement"], *settled, "{what}: {record}");
        let number = |value: &serde_json::Value| value.as_i64().expect("a number");
        let (cost, held) = (
            number(&attempt["settled_nanos"]),
            number(&attempt["hold"]["amount_nanos"]),
        );
        match *settled {
            "estimated" => assert_eq!(cost, held, "{what}"),
            _ => above += i64::from(cost > held),
        }
    }
    assert_eq!(above, 1, "more than was held is booked in full");
    house.assert_money_is_settled(&records).await;
    let metrics = house.server.metrics().await;
    assert!(
        metrics.contains("iron_overdrafts_total 1"),
        "and it raises an alarm"
    );
}
