//! Guardrails in the governed path: what a provider gets, what a caller gets, what is recorded.

mod edges;

use std::sync::Arc;

use iron_guard::{Action, InjectionActions, Pattern, Profile, Style, Unread};
use iron_llm::{Dialect, ProviderKind};
use iron_primitives::{Environment, Refusal};
use iron_runtime::authority::Guardrails;
use iron_runtime::record::{CallRecord, Ended, Outcome, Settlement};
use iron_testkit::{Answer, Behaviour, FakeUpstream, Shape, TestEnvironment};
use serde_json::{Value, json};

use crate::kit::{World, route, text};

fn environment() -> Environment {
    TestEnvironment::seeded(9).environment
}

fn pattern(name: &str, pattern: &str, action: Action) -> Pattern {
    Pattern {
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        score: 1.0,
        action,
        matches: Vec::new(),
        misses: Vec::new(),
    }
}

fn profile() -> Profile {
    Profile {
        patterns: vec![
            pattern("employee", "EMP-[0-9]{6}", Action::Redact),
            pattern("project", "[Pp]roject [A-Z][a-z]+", Action::Alert),
            pattern("launch", "launch code [0-9]+", Action::Block),
        ],
        max_input_chars: 100,
        ..Profile::default()
    }
}

/// An agent with a guardrail profile, and a provider that answers as it is told.
async fn guarded(shape: Shape, kind: ProviderKind, profile: Profile) -> (FakeUpstream, World) {
    let fake = FakeUpstream::start(shape).await.expect("a fake provider");
    let provider = environment().new_id();
    let world = World::new(vec![route(kind, &fake.base_url(), provider)]);
    world.set_key(provider, &fake.key());
    let guardrails = Guardrails {
        profile_id: Some(world.environment.new_id()),
        version: 3,
        profile: Arc::new(profile),
    };
    world.change(|principal| principal.guardrails = guardrails);
    (fake, world)
}

async fn openai(profile: Profile) -> (FakeUpstream, World) {
    guarded(Shape::OpenAi, ProviderKind::OpenAi, profile).await
}

fn says(fake: &FakeUpstream, answer: &str) {
    fake.behave(Behaviour {
        answer: Answer::Exactly(answer.to_owned()),
        ..Behaviour::default()
    });
}

/// The model says this, a few characters at a time.
fn says_in_pieces(fake: &FakeUpstream, answer: &str) {
    let characters: Vec<char> = answer.chars().collect();
    let pieces = characters.chunks(3).map(|piece| piece.iter().collect());
    fake.behave(Behaviour {
        answer: Answer::Pieces(pieces.collect()),
        ..Behaviour::default()
    });
}

fn chat(content: &str, stream: bool) -> String {
    json!({
        "model": "gpt-4o-mini",
        "max_tokens": 100,
        "stream": stream,
        "messages": [{"role": "user", "content": content}],
    })
    .to_string()
}

/// The text that a stream of chat completions carries.
fn streamed_text(body: &str) -> String {
    let events = body.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    events
        .filter_map(|event| {
            let content = event.pointer("/choices/0/delta/content")?;
            content.as_str().map(str::to_owned)
        })
        .collect()
}

fn findings(record: &CallRecord) -> Vec<(&str, &str, &str)> {
    let guard = record.guard.as_ref().expect("findings");
    guard
        .findings
        .iter()
        .map(|found| (&*found.channel, &*found.rule, &*found.verdict))
        .collect()
}

fn check(refusal: &Refusal) -> (&str, &str, &str) {
    match refusal {
        Refusal::ContentBlocked(blocked) => (blocked.direction, blocked.channel, blocked.check),
        other => panic!("another refusal: {other}"),
    }
}

#[tokio::test]
async fn what_is_redacted_never_reaches_the_provider_and_every_other_byte_does() {
    let (fake, world) = openai(profile()).await;
    let body = chat("I am EMP-123456 of Project Hydra", false);
    let answer = world.call(Dialect::OpenAiChat, &body).await;
    text(answer.expect("an answer")).await;
    let sent = String::from_utf8(fake.requests()[0].body.to_vec()).expect("UTF-8");
    assert_eq!(sent, body.replace("EMP-123456", "[REDACTED]"));
    let record = world.record().await;
    assert_eq!(
        findings(&record),
        [
            ("user", "custom.employee", "redact"),
            ("user", "custom.project", "flag"),
        ]
    );
    let guard = record.guard.expect("findings");
    assert_eq!((guard.version, &*guard.verdict), (3, "redact"));
    let first = &guard.findings[0];
    assert_eq!((first.start, first.end, first.part), (5, 15, 0));
}

#[tokio::test]
async fn a_request_without_findings_passes_byte_for_byte() {
    let (fake, world) = openai(profile()).await;
    let body = chat("nothing \\u0041 to see", false).replace("\"user\"", " \"user\" ");
    let answer = world.call(Dialect::OpenAiChat, &body).await;
    text(answer.expect("an answer")).await;
    assert_eq!(fake.requests()[0].body.to_vec(), body.as_bytes());
    assert_eq!(world.record().await.guard, None);
}

#[tokio::test]
async fn a_blocked_request_costs_nothing_and_says_what_was_found_but_not_the_text() {
    let (fake, world) = openai(profile()).await;
    let body = chat("the launch code 4711", false);
    let answer = world.call(Dialect::OpenAiChat, &body).await;
    let refusal = answer.expect_err("a refusal");
    assert_eq!(check(&refusal), ("input", "user", "custom_pattern"));
    assert!(!refusal.to_string().contains("4711"), "{refusal}");
    assert_eq!(refusal.kind().code(), "CONTENT_BLOCKED");
    assert!(fake.requests().is_empty());
    let record = world.record().await;
    assert_eq!((record.outcome, record.cost_nanos), (Outcome::Refused, 0));
    assert_eq!(findings(&record), [("user", "custom.launch", "block")]);
    let refused = record.decisions.last().expect("a decision");
    assert_eq!((&*refused.rule, refused.allowed), ("guardrails", false));
}

#[tokio::test]
async fn only_what_a_user_writes_is_measured() {
    let (_fake, world) = openai(profile()).await;
    let long = "word ".repeat(30);
    let too_long = world.call(Dialect::OpenAiChat, &chat(&long, false)).await;
    assert_eq!(
        check(&too_long.expect_err("a refusal")),
        ("input", "user", "max_input_chars")
    );
    let record = world.record().await;
    assert_eq!(findings(&record), [("user", "max_input_chars", "block")]);
    let body = json!({
        "model": "gpt-4o-mini",
        "max_tokens": 10,
        "messages": [
            {"role": "system", "content": long},
            {"role": "assistant", "content": long},
            {"role": "user", "content": "go on"},
        ],
    });
    let answer = world.call(Dialect::OpenAiChat, &body.to_string()).await;
    assert!(answer.is_ok());
}

#[tokio::test]
async fn content_that_cannot_be_read_is_refused_where_the_profile_says_so() {
    let strict = Profile {
        unread: Unread::Refuse,
        ..profile()
    };
    let (_fake, world) = openai(strict).await;
    let image =
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}});
    let body = json!({
        "model": "gpt-4o-mini",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, image]}],
    });
    let answer = world.call(Dialect::OpenAiChat, &body.to_string()).await;
    assert_eq!(
        check(&answer.expect_err("a refusal")),
        ("input", "user", "unread")
    );
    let record = world.record().await;
    assert_eq!(findings(&record), [("user", "image", "block")]);
    assert_eq!(record.guard.expect("a note").findings[0].entity, "unread");
}

#[tokio::test]
async fn a_whole_answer_is_redacted_and_costs_what_it_costs() {
    let (fake, world) = openai(profile()).await;
    says(&fake, "ask EMP-123456 now");
    let answer = world.call(Dialect::OpenAiChat, &chat("who?", false)).await;
    let body = text(answer.expect("an answer")).await;
    assert!(body.contains("ask [REDACTED] now"), "{body}");
    let record = world.record().await;
    assert_eq!(findings(&record), [("output", "custom.employee", "redact")]);
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
}

#[tokio::test]
async fn a_blocked_answer_is_paid_for_and_not_shown() {
    let (fake, world) = openai(profile()).await;
    says(&fake, "it is launch code 4711");
    let answer = world
        .call(Dialect::OpenAiChat, &chat("which?", false))
        .await;
    assert_eq!(
        check(&answer.expect_err("a refusal")),
        ("output", "output", "custom_pattern")
    );
    let record = world.record().await;
    assert_eq!((record.outcome, record.status), (Outcome::Refused, 403));
    assert!(record.cost_nanos > 0);
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
}

#[tokio::test]
async fn a_profile_that_changes_counts_from_the_next_call() {
    let (fake, world) = openai(profile()).await;
    let body = chat("I am EMP-123456", false);
    text(
        world
            .call(Dialect::OpenAiChat, &body)
            .await
            .expect("an answer"),
    )
    .await;
    world.change(|principal| {
        principal.guardrails.version = 4;
        principal.guardrails.profile = Arc::new(Profile {
            injection: InjectionActions::NONE,
            style: Style::Typed,
            ..profile()
        });
    });
    let agent = world.path.agent;
    let change = iron_runtime::authority::Change::Agent(agent);
    world.runtime.apply(change);
    text(
        world
            .call(Dialect::OpenAiChat, &body)
            .await
            .expect("an answer"),
    )
    .await;
    let sent = |index: usize| String::from_utf8_lossy(&fake.requests()[index].body).into_owned();
    assert!(sent(0).contains("[REDACTED]"));
    assert!(sent(1).contains("[CUSTOM_PATTERN]"));
}

#[tokio::test]
async fn a_stream_is_redacted_across_its_pieces() {
    let (fake, world) = openai(profile()).await;
    let said = "ask EMP-123456 or EMP-654321 of Project Hydra, not EMP-1";
    says_in_pieces(&fake, said);
    let answer = world.call(Dialect::OpenAiChat, &chat("who?", true)).await;
    let body = text(answer.expect("an answer")).await;
    assert_eq!(
        streamed_text(&body).trim(),
        "ask [REDACTED] or [REDACTED] of Project Hydra, not EMP-1"
    );
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    let record = world.record().await;
    assert_eq!(
        findings(&record),
        [
            ("output", "custom.employee", "redact"),
            ("output", "custom.employee", "redact"),
            ("output", "custom.project", "flag"),
        ]
    );
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
    assert_eq!(record.outcome, Outcome::Completed);
}

#[tokio::test]
async fn a_stream_ends_before_what_is_blocked() {
    let (fake, world) = openai(profile()).await;
    says_in_pieces(
        &fake,
        "well, it is launch code 4711 and more words follow here",
    );
    let answer = world.call(Dialect::OpenAiChat, &chat("which?", true)).await;
    let body = text(answer.expect("an answer")).await;
    assert!(streamed_text(&body).starts_with("well, it is"), "{body}");
    assert!(
        !body.contains("4711") && !body.contains("launch code"),
        "{body}"
    );
    assert!(body.contains("permission_denied"), "{body}");
    let record = world.record().await;
    assert_eq!(record.outcome, Outcome::Cut);
    assert_eq!(record.attempts[0].ended, Ended::Blocked);
    assert_eq!(findings(&record), [("output", "custom.launch", "block")]);
    assert!(record.cost_nanos > 0);
}

#[tokio::test]
async fn arguments_of_tools_are_judged_when_they_are_whole() {
    let (fake, world) = openai(profile()).await;
    fake.behave(Behaviour {
        answer: Answer::ToolCalls {
            arguments: r#"{"to":"EMP-123456","n":1}"#.to_owned(),
        },
        ..Behaviour::default()
    });
    let tool = json!({"type": "function", "function": {"name": "send", "parameters": {}}});
    let mut body: Value = serde_json::from_str(&chat("send", true)).expect("JSON");
    body["tools"] = json!([tool]);
    let answer = world.call(Dialect::OpenAiChat, &body.to_string()).await;
    let body = text(answer.expect("an answer")).await;
    assert!(!body.contains("EMP-123456"), "{body}");
    let events = body.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let arguments: String = events
        .filter_map(|event| {
            let said = event.pointer("/choices/0/delta/tool_calls/0/function/arguments")?;
            said.as_str().map(str::to_owned)
        })
        .collect();
    assert_eq!(arguments, r#"{"to":"[REDACTED]","n":1}"#);
    assert_eq!(
        findings(&world.record().await),
        [("tool_arguments", "custom.employee", "redact")]
    );
}
