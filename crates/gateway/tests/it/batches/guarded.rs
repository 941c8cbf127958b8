//! Batches of agents with guardrails: each line is judged as it would be alone, on both ways.

use std::sync::Arc;

use iron_llm::ProviderKind::{self, Anthropic, OpenAi};
use iron_primitives::Money;
use iron_runtime::authority::{Change, Guardrails};
use iron_runtime::record::{CallRecord, Outcome};
use iron_testkit::BatchEnd;
use serde_json::{Value, json};

use super::house::{House, chat, line};
use crate::front::Got;

/// Numbers of employees are redacted, launch codes blocked.
fn guard(house: &House) {
    let pattern = |name: &str, pattern: &str, action: &str| json!({"name": name, "pattern": pattern, "action": action});
    let profile = json!({"custom_patterns": [
        pattern("employee", "EMP-[0-9]{6}", "redact"),
        pattern("launch", "launch code [0-9]+", "block"),
    ]});
    under(house, profile);
}

/// What an ended batch brought.
async fn results(house: &House, made: &Value) -> Got {
    let path = format!("{}/{}", house.root(), made["id"].as_str().expect("an id"));
    let told = house.desk().get(&path).await.json();
    let place = match house.kind {
        Anthropic => format!("{path}/results"),
        _ => format!(
            "/v1/files/{}/content",
            told["output_file_id"].as_str().expect("a file")
        ),
    };
    house.desk().get(&place).await
}

fn under(house: &House, profile: Value) {
    let world = &house.front.world;
    let guardrails = Guardrails {
        profile_id: Some(world.environment.new_id()),
        version: 1,
        profile: Arc::new(serde_json::from_value(profile).expect("a profile")),
    };
    world.change(|principal| principal.guardrails = guardrails);
    world.runtime.apply(Change::Prices);
}

async fn guarded(kind: ProviderKind) -> House {
    let house = House::of(kind).await;
    guard(&house);
    house
}

/// What the provider was sent at a path.
fn sent(house: &House, path: &str) -> Vec<String> {
    let seen = house.fake.requests();
    let seen = seen
        .iter()
        .filter(|seen| seen.method == "POST" && seen.path == path);
    seen.map(|seen| String::from_utf8_lossy(&seen.body).into_owned())
        .collect()
}

async fn record_of(house: &House, dialect: &str) -> CallRecord {
    let records = house.front.world.records().await;
    let found = records
        .into_iter()
        .rfind(|record| record.dialect == dialect);
    found.unwrap_or_else(|| panic!("no record of {dialect}"))
}

fn found(record: &CallRecord) -> Vec<(&str, &str)> {
    let guard = record.guard.as_ref().expect("findings");
    let findings = guard.findings.iter();
    findings.map(|one| (&*one.rule, &*one.verdict)).collect()
}

#[tokio::test]
async fn what_is_redacted_in_a_line_never_reaches_the_provider() {
    let house = guarded(Anthropic).await;
    let made = house.make(&["I am EMP-123456", "b"]).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let body = &sent(&house, "/v1/messages/batches")[0];
    let told: Value = serde_json::from_str(body).expect("JSON");
    let content = |index: usize| &told["requests"][index]["params"]["messages"][0]["content"];
    assert_eq!(
        (content(0), content(1)),
        (&json!("I am [REDACTED]"), &json!("b"))
    );
    assert_eq!(
        told["requests"][0]["custom_id"],
        json!("I am EMP-123456"),
        "names are not said"
    );
    let record = record_of(&house, "batches_create").await;
    assert_eq!(found(&record), [("custom.employee", "redact")]);

    let house = guarded(OpenAi).await;
    let made = house
        .make_of(&[line("a", &chat("I am EMP-123456")), line("b", &chat("b"))])
        .await;
    assert_eq!(made.status, 200, "{}", made.body);
    let stored = &sent(&house, "/v1/files")[0];
    assert!(
        stored.contains("I am [REDACTED]") && !stored.contains("EMP-"),
        "{stored}"
    );
    let record = record_of(&house, "files_upload").await;
    assert_eq!(found(&record), [("custom.employee", "redact")]);
    assert_eq!(
        record_of(&house, "batches_create").await.guard,
        None,
        "it was replaced before"
    );
}

#[tokio::test]
async fn a_line_that_would_be_blocked_refuses_all_before_anything_is_sent() {
    let lines = [
        line("a", &chat("x")),
        line("b", &chat("the launch code 4711")),
    ];
    for kind in [OpenAi, Anthropic] {
        let house = guarded(kind).await;
        let got = match kind {
            Anthropic => house.make(&["a", "the launch code 4711"]).await,
            _ => {
                let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
                house.desk().upload("in.jsonl", "batch", &text).await
            }
        };
        assert_eq!(got.status, 403, "{}", got.body);
        let error = got.json()["error"].clone();
        let text = error["message"].as_str().expect("says why");
        assert!(!text.contains("4711"), "{text}");
        assert_eq!(error["code"], json!("CONTENT_BLOCKED"));
        if kind == Anthropic {
            assert!(text.starts_with("line 2: "), "{text}");
            assert_eq!(error["checks"][0]["line"], json!(2));
        }
        assert_eq!(house.fake.requests().len(), 0, "nothing was sent");
        assert_eq!(house.front.world.authority.plane().batches.len(), 0);
        let records = house.front.world.records().await;
        let refused = records.last().expect("a record");
        assert_eq!((refused.outcome, refused.status), (Outcome::Refused, 403));
        assert_eq!(found(refused), [("custom.launch", "block")]);
    }
}

#[tokio::test]
async fn a_file_that_was_stored_before_its_guardrails_is_judged_when_a_batch_is_made_of_it() {
    let house = House::of(OpenAi).await;
    let mut ids = Vec::new();
    for text in ["the launch code 4711", "I am EMP-123456", "fine"] {
        let input = format!("{}\n{}\n", line("a", &chat("x")), line("b", &chat(text)));
        let stored = house.desk().upload("in.jsonl", "batch", &input).await;
        ids.push(stored.json()["id"].clone());
    }
    guard(&house);
    let wish = |id: &Value| {
        json!({"input_file_id": id, "endpoint": "/v1/chat/completions",
            "completion_window": "24h"})
        .to_string()
    };
    for (id, status, word) in [
        (&ids[0], 403, "line 2: a guardrail blocked"),
        (
            &ids[1],
            400,
            "`line 2`: the guardrails replace something in it, too late",
        ),
        (&ids[2], 200, "in_progress"),
    ] {
        let got = house
            .desk()
            .send("POST", "/v1/batches", &[], &wish(id))
            .await;
        assert_eq!(got.status, status, "{}", got.body);
        assert!(got.body.contains(word), "{}", got.body);
    }
    assert_eq!(sent(&house, "/v1/batches").len(), 1);
}

#[tokio::test]
async fn calls_of_tools_in_results_are_judged_as_in_other_answers() {
    for kind in [OpenAi, Anthropic] {
        let house = House::of(kind).await;
        let undeclared = json!({"tool_calls": {"undeclared": "strip"}});
        under(&house, undeclared);
        let made = house.make(&["a", "b"]).await.json();
        house.fake.end_batches(&BatchEnd {
            output_tokens: 7,
            calls: [("b".to_owned(), "format_disk".to_owned())].into(),
            ..BatchEnd::default()
        });
        let read = results(&house, &made).await;
        assert_eq!(read.status, 200, "{}", read.body);
        assert!(!read.body.contains("format_disk"), "{}", read.body);
        assert_eq!(read.body.lines().count(), 2);
        let end = match kind {
            Anthropic => "\"stop_reason\":\"end_turn\"",
            _ => "\"finish_reason\":\"stop\"",
        };
        assert_eq!(read.body.matches(end).count(), 2, "{}", read.body);
        let route = if kind == Anthropic {
            "batches_results"
        } else {
            "files_content"
        };
        let record = record_of(&house, route).await;
        let [found] = record.proposals.as_slice() else {
            panic!("{:?}", record.proposals)
        };
        assert_eq!((&*found.tool, &*found.action), ("format_disk", "strip"));
    }
}

#[tokio::test]
async fn results_are_judged_line_by_line_and_what_is_blocked_is_replaced_alone() {
    for kind in [OpenAi, Anthropic] {
        let house = guarded(kind).await;
        let made = house.make(&["a", "b", "c", "d"]).await.json();
        let says = [
            ("a", "ask EMP-123456 now"),
            ("b", "it is launch code 4711"),
            ("c", "fine"),
        ];
        house.fake.end_batches(&BatchEnd {
            output_tokens: 7,
            failing: vec!["d".to_owned()],
            says: says
                .map(|(name, text)| (name.to_owned(), text.to_owned()))
                .into(),
            ..BatchEnd::default()
        });
        let read = results(&house, &made).await;
        assert_eq!(read.status, 200, "{}", read.body);
        assert!(
            !read.body.contains("EMP-") && !read.body.contains("4711"),
            "{}",
            read.body
        );
        assert!(read.body.contains("ask [REDACTED] now"), "{}", read.body);
        let lines: Vec<Value> = read
            .body
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let names: Vec<&str> = lines
            .iter()
            .filter_map(|line| line["custom_id"].as_str())
            .collect();
        let blocked = lines
            .iter()
            .find(|line| line["custom_id"] == json!("b"))
            .expect("a line");
        match kind {
            Anthropic => {
                assert_eq!(names, ["a", "b", "c", "d"]);
                assert_eq!(blocked["result"]["type"], json!("errored"));
                assert_eq!(
                    blocked["result"]["error"]["error"]["code"],
                    json!("CONTENT_BLOCKED")
                );
            }
            _ => {
                assert_eq!(names, ["a", "b", "c"]);
                assert_eq!(blocked["response"], Value::Null);
                assert_eq!(blocked["error"]["code"], json!("CONTENT_BLOCKED"));
            }
        }
        let route = if kind == Anthropic {
            "batches_results"
        } else {
            "files_content"
        };
        let record = record_of(&house, route).await;
        assert_eq!((record.outcome, record.status), (Outcome::Completed, 200));
        assert_eq!(
            found(&record),
            [("custom.employee", "redact"), ("custom.launch", "block")]
        );
        // What was withheld is paid for.
        assert_eq!(house.settle().await, 1);
        let (_, cost, _) = house.last();
        assert_eq!(cost, Money::from_nanos(house.fake.billed_nanos()));
    }
}
