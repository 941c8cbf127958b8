//! How streams end in which a call is refused, or is not over.

use std::sync::Arc;
use std::time::Duration;

use iron_guard::{Profile, ToolCallAction, ToolCalls};
use iron_llm::ProviderKind;
use iron_runtime::Config;
use iron_runtime::record::{Ended, Outcome};
use iron_testkit::{Answer, Behaviour, Fault, TestEnvironment};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{DENIES_NOTES, both, chat, events, found, proposing, proposing_under, said};
use crate::kit::{World, route};
use crate::tools::{give, usual};

#[tokio::test]
async fn a_refusal_at_the_end_of_a_stream_is_told_in_another_dialect_too() {
    let refuse = both(ToolCallAction::Refuse);
    let (_fake, world) = proposing(ProviderKind::Anthropic, refuse, "{}").await;
    let body = chat(&["save_note"], true).replace("gpt-4o-mini", "claude-sonnet-4-5");
    let streamed = said(&world, &body).await;
    assert!(!streamed.contains("\"name\":\"save_note\""), "{streamed}");
    assert!(!streamed.contains("[DONE]"), "{streamed}");
    let last = events(&streamed).pop().expect("an event");
    let message = last["error"]["message"].as_str().expect("an error");
    assert!(message.contains("POLICY_DENIED: no-notes"), "{message}");
    let record = world.record().await;
    assert_eq!(record.attempts[0].ended, Ended::Blocked);
}

#[tokio::test]
async fn a_stream_that_breaks_in_a_call_ends_with_one_error_and_refuses_nothing() {
    let config = Config {
        idle_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let profile = Profile {
        tool_calls: both(ToolCallAction::Refuse),
        ..Profile::default()
    };
    let (fake, world) = proposing_under(config, ProviderKind::OpenAi, profile, "{}").await;
    fake.behave(Behaviour {
        answer: Answer::ToolCalls {
            arguments: "{}".to_owned(),
        },
        // The call stands in the second piece, its end in the third.
        fault: Fault::SilentAfter(2),
        ..Behaviour::default()
    });
    let streamed = said(&world, &chat(&["save_note"], true)).await;
    assert!(!streamed.contains("save_note"), "{streamed}");
    let errors = events(&streamed);
    let errors: Vec<_> = errors
        .iter()
        .filter_map(|event| event.get("error"))
        .collect();
    assert_eq!(errors.len(), 1, "{streamed}");
    assert_eq!(errors[0]["message"], "the provider stopped sending");
    let record = world.record().await;
    assert_eq!(
        (record.outcome, record.attempts[0].ended),
        (Outcome::Cut, Ended::Stalled)
    );
    assert!(record.refusal.is_none(), "{:?}", record.refusal);
    assert_eq!(found(&record.proposals), []);
}

/// Answers a request with these events.
async fn answer(listener: TcpListener, events: String) {
    let (mut stream, _) = listener.accept().await.expect("a call");
    let mut seen = Vec::new();
    while !seen.ends_with(b"}") {
        let read = stream.read_buf(&mut seen).await.expect("a request");
        assert!(read > 0, "the request ends in its body");
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close";
    let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{events}", events.len());
    stream.write_all(answer.as_bytes()).await.expect("sent");
    stream.shutdown().await.expect("sent");
}

#[tokio::test]
async fn a_call_with_two_names_gets_the_stricter_of_what_is_done() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let provider = TestEnvironment::seeded(9).environment.new_id();
    let world = World::new(vec![route(ProviderKind::OpenAi, &url, provider)]);
    world.set_key(provider, "a-key");
    let tool_calls = ToolCalls {
        denied: ToolCallAction::Strip,
        undeclared: ToolCallAction::Annotate,
    };
    world.change(|principal| {
        principal.guardrails.profile = Arc::new(Profile {
            tool_calls,
            ..Profile::default()
        });
    });
    give(&world, usual(), DENIES_NOTES);
    let delta = |name: &str| {
        let call = json!({"index": 0, "function": {"name": name, "arguments": "{}"}});
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
    };
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]});
    let sent = [delta("format_disk"), delta("save_note"), end];
    let mut sent: String = sent
        .iter()
        .map(|data| format!("data: {data}\n\n"))
        .collect();
    sent.push_str("data: [DONE]\n\n");
    let body = chat(&["format_disk", "save_note"], true);
    let (streamed, ()) = tokio::join!(said(&world, &body), answer(listener, sent));
    assert!(!streamed.contains("tool_calls"), "{streamed}");
    assert!(streamed.contains("[DONE]"), "{streamed}");
    let record = world.record().await;
    let expected = [("format_disk", "TOOL_UNKNOWN", "strip")];
    assert_eq!(found(&record.proposals), expected);
}
