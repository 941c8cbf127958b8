//! Calls of tools that models propose, judged before the agent sees them.

mod endings;

use std::sync::Arc;

use iron_guard::{Action, Pattern, Profile, ToolCallAction, ToolCalls};
use iron_llm::{Dialect, ProviderKind};
use iron_primitives::{Environment, Refusal};
use iron_runtime::Config;
use iron_runtime::authority::Guardrails;
use iron_runtime::call::Reply;
use iron_runtime::record::{Ended, Outcome, ProposalRecord, Settlement};
use iron_testkit::{Answer, Behaviour, FakeUpstream, Shape, TestEnvironment};
use serde_json::{Value, json};

use crate::kit::{World, route, text};
use crate::tools::{give, usual};

const DENIES_NOTES: &str = "- {name: no-notes, effect: deny, match: {tools: [save_*]}}";

/// An agent with tools, and a model that calls every tool of a request with these arguments.
async fn proposing(
    kind: ProviderKind,
    tool_calls: ToolCalls,
    arguments: &str,
) -> (FakeUpstream, World) {
    let profile = Profile {
        tool_calls,
        ..Profile::default()
    };
    proposing_with(kind, profile, arguments).await
}

async fn proposing_with(
    kind: ProviderKind,
    profile: Profile,
    arguments: &str,
) -> (FakeUpstream, World) {
    proposing_under(Config::default(), kind, profile, arguments).await
}

async fn proposing_under(
    config: Config,
    kind: ProviderKind,
    profile: Profile,
    arguments: &str,
) -> (FakeUpstream, World) {
    let shape = match kind {
        ProviderKind::Anthropic => Shape::Anthropic,
        _ => Shape::OpenAi,
    };
    let fake = FakeUpstream::start(shape).await.expect("a fake provider");
    let environment: Environment = TestEnvironment::seeded(9).environment;
    let provider = environment.new_id();
    let world = World::with(vec![route(kind, &fake.base_url(), provider)], config);
    world.set_key(provider, &fake.key());
    fake.behave(Behaviour {
        answer: Answer::ToolCalls {
            arguments: arguments.to_owned(),
        },
        ..Behaviour::default()
    });
    world.change(|principal| {
        principal.guardrails = Guardrails {
            profile_id: None,
            version: 1,
            profile: Arc::new(profile),
        };
    });
    give(&world, usual(), DENIES_NOTES);
    (fake, world)
}

const fn both(action: ToolCallAction) -> ToolCalls {
    ToolCalls {
        denied: action,
        undeclared: action,
    }
}

fn chat(tools: &[&str], stream: bool) -> String {
    let tools = tools.iter().map(|name| {
        let function = json!({"name": name, "parameters": {"type": "object"}});
        json!({"type": "function", "function": function})
    });
    json!({
        "model": "gpt-4o-mini", "max_tokens": 100, "stream": stream,
        "messages": [{"role": "user", "content": "go on"}], "tools": tools.collect::<Vec<_>>(),
    })
    .to_string()
}

fn messages(tools: &[&str], stream: bool) -> String {
    let tools = tools
        .iter()
        .map(|name| json!({"name": name, "input_schema": {"type": "object"}}));
    json!({
        "model": "claude-sonnet-4-5", "max_tokens": 100, "stream": stream,
        "messages": [{"role": "user", "content": "go on"}], "tools": tools.collect::<Vec<_>>(),
    })
    .to_string()
}

fn found(record: &[ProposalRecord]) -> Vec<(&str, &str, &str)> {
    let found = record.iter();
    found
        .map(|one| (&*one.tool, &*one.code, &*one.action))
        .collect()
}

fn header(reply: &Reply) -> Option<&str> {
    let value = reply.headers.get("x-ironcage-tool-calls")?;
    value.to_str().ok()
}

/// What the caller gets.
async fn said(world: &World, body: &str) -> String {
    let reply = world.call(Dialect::OpenAiChat, body).await;
    text(reply.expect("an answer")).await
}

/// The data of the events of a stream.
fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok())
        .collect()
}

#[tokio::test]
async fn what_may_not_be_called_is_told_and_passes_byte_for_byte() {
    let tools = ["read_file", "save_note", "delete_file", "format_disk"];
    let arguments = r#"{"path": "/data/a"}"#;
    let (_gated_fake, gated) =
        proposing(ProviderKind::OpenAi, ToolCalls::default(), arguments).await;
    let (_free_fake, free) = proposing(ProviderKind::OpenAi, ToolCalls::default(), arguments).await;
    give(&free, Vec::new(), "");
    for stream in [false, true] {
        let body = chat(&tools, stream);
        let reply = gated.call(Dialect::OpenAiChat, &body).await;
        let reply = reply.expect("an answer");
        let told = "save_note=POLICY_DENIED, delete_file=APPROVAL_REQUIRED, \
                    format_disk=TOOL_UNKNOWN";
        assert_eq!(header(&reply), (!stream).then_some(told));
        let plain = free.call(Dialect::OpenAiChat, &body).await;
        let plain = plain.expect("an answer");
        assert_eq!(header(&plain), None);
        assert_eq!(text(reply).await, text(plain).await);
    }
    let expected = [
        ("save_note", "POLICY_DENIED", "annotate"),
        ("delete_file", "APPROVAL_REQUIRED", "annotate"),
        ("format_disk", "TOOL_UNKNOWN", "annotate"),
    ];
    for record in gated.records().await {
        assert_eq!(found(&record.proposals), expected);
        assert_eq!(record.proposals[0].rules, ["no-notes"]);
        assert_eq!(record.outcome, Outcome::Completed);
    }
    let records = free.records().await;
    assert!(records.iter().all(|record| record.proposals.is_empty()));
    assert!(gated.recorded::<Value>("tool").await.is_empty());
}

#[tokio::test]
async fn calls_that_are_taken_out_leave_an_answer_that_ends_by_itself() {
    let strip = both(ToolCallAction::Strip);
    let (_fake, world) = proposing(ProviderKind::OpenAi, strip, "{}").await;
    let answer = said(&world, &chat(&["save_note", "format_disk"], false)).await;
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "stop");
    assert!(choice["message"].get("tool_calls").is_none());

    let streamed = said(&world, &chat(&["save_note", "fetch_all"], true)).await;
    assert!(!streamed.contains("tool_calls") && streamed.contains("[DONE]"));
    assert!(
        streamed.contains("\"finish_reason\":\"stop\""),
        "{streamed}"
    );

    let records = world.records().await;
    let strip = |tool, code| (tool, code, "strip");
    let denied = strip("save_note", "POLICY_DENIED");
    assert_eq!(
        found(&records[0].proposals),
        [denied, strip("format_disk", "TOOL_UNKNOWN")]
    );
    assert_eq!(
        found(&records[1].proposals),
        [denied, strip("fetch_all", "TOOL_UNKNOWN")]
    );
}

#[tokio::test]
async fn callers_of_another_dialect_get_the_same() {
    let strip = both(ToolCallAction::Strip);
    let (_fake, world) = proposing(ProviderKind::Anthropic, strip, r#"{"path": "/data/a"}"#).await;
    let tools = ["save_note", "read_file"];
    let body = chat(&tools, true).replace("gpt-4o-mini", "claude-sonnet-4-5");
    let translated = text(
        world
            .call(Dialect::OpenAiChat, &body)
            .await
            .expect("an answer"),
    )
    .await;
    let calls = events(&translated)
        .into_iter()
        .filter_map(|event| event.pointer("/choices/0/delta/tool_calls/0").cloned())
        .collect::<Vec<_>>();
    assert_eq!(calls[0]["function"]["name"], "read_file");
    assert!(calls.iter().all(|call| call["index"] == 0));
    assert!(translated.contains("\"finish_reason\":\"tool_calls\""));

    let body = messages(&tools, true);
    let native = world.call(Dialect::AnthropicMessages, &body).await;
    let native = events(&text(native.expect("an answer")).await);
    let starts: Vec<_> = native
        .iter()
        .filter(|event| event["type"] == "content_block_start")
        .collect();
    assert_eq!(starts.len(), 1);
    assert_eq!(
        (&starts[0]["index"], &starts[0]["content_block"]["name"]),
        (&json!(0), &json!("read_file"))
    );
}

#[tokio::test]
async fn an_answer_that_is_refused_is_paid_for_and_names_the_rules() {
    let refuse = ToolCalls {
        denied: ToolCallAction::Refuse,
        undeclared: ToolCallAction::Annotate,
    };
    let (_fake, world) = proposing(ProviderKind::OpenAi, refuse, "{}").await;
    let tools = ["format_disk", "save_note"];
    let refused = world.call(Dialect::OpenAiChat, &chat(&tools, false)).await;
    let Err(refusal @ Refusal::ToolRefused(_)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        (refusal.kind().status(), refusal.kind().code()),
        (403, "ACTION_DENIED")
    );
    let message = "the model proposes a call of the tool `save_note` that may not be made \
                   (POLICY_DENIED: no-notes)";
    assert_eq!(refusal.to_string(), message);

    let streamed = world.call(Dialect::OpenAiChat, &chat(&tools, true)).await;
    let streamed = text(streamed.expect("a stream")).await;
    assert!(!streamed.contains("\"name\":\"save_note\""), "{streamed}");
    assert!(!streamed.contains("[DONE]"));
    let last = events(&streamed).pop().expect("an event");
    assert_eq!(last["error"]["message"], message);

    let records = world.records().await;
    for record in &records {
        assert_eq!(
            found(&record.proposals),
            [
                ("format_disk", "TOOL_UNKNOWN", "annotate"),
                ("save_note", "POLICY_DENIED", "refuse"),
            ]
        );
        let refusal = record.refusal.as_ref().expect("a refusal");
        assert_eq!(
            (&*refusal.code, &*refusal.reason),
            ("ACTION_DENIED", "tool_refused")
        );
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
        assert!(
            record
                .decisions
                .iter()
                .any(|one| one.rule == "tools" && !one.allowed)
        );
    }
    assert_eq!(records[1].attempts[0].ended, Ended::Blocked);
}

#[tokio::test]
async fn arguments_that_a_tool_does_not_take_are_denied() {
    let strip = both(ToolCallAction::Strip);
    let (_fake, world) = proposing(
        ProviderKind::OpenAi,
        strip,
        r#"{"path": "/data/../etc/passwd"}"#,
    )
    .await;
    for stream in [false, true] {
        let reply = world
            .call(Dialect::OpenAiChat, &chat(&["read_file"], stream))
            .await;
        let body = text(reply.expect("an answer")).await;
        assert!(!body.contains("passwd"), "{body}");
    }
    for record in world.records().await {
        assert_eq!(
            found(&record.proposals),
            [("read_file", "PARAMETER_INVALID", "strip")]
        );
        assert_eq!(record.proposals[0].rules, ["path_traversal"]);
    }
}

#[tokio::test]
async fn what_is_judged_is_what_guardrails_have_left() {
    let pattern = Pattern {
        name: "climb".to_owned(),
        pattern: "CLIMB".to_owned(),
        score: 1.0,
        action: Action::Redact,
        matches: Vec::new(),
        misses: Vec::new(),
    };
    let profile = Profile {
        tool_calls: both(ToolCallAction::Strip),
        patterns: vec![pattern],
        ..Profile::default()
    };
    let arguments = r#"{"path": "/data/CLIMB"}"#;
    let (_fake, world) = proposing_with(ProviderKind::OpenAi, profile, arguments).await;
    for stream in [false, true] {
        let reply = world
            .call(Dialect::OpenAiChat, &chat(&["read_file"], stream))
            .await;
        let body = text(reply.expect("an answer")).await;
        assert!(body.contains("/data/[REDACTED]"), "{body}");
    }
}

#[tokio::test]
async fn without_tools_a_profile_can_still_say_that_none_may_be_called() {
    let undeclared = ToolCalls {
        undeclared: ToolCallAction::Strip,
        ..ToolCalls::default()
    };
    let (_fake, world) = proposing(ProviderKind::OpenAi, undeclared, "{}").await;
    give(&world, Vec::new(), "");
    let reply = world
        .call(Dialect::OpenAiChat, &chat(&["anything"], false))
        .await;
    let body = text(reply.expect("an answer")).await;
    assert!(!body.contains("anything"), "{body}");
}
