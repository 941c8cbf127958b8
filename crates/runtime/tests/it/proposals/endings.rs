//! How streams end in which a call is refused, or is not over.

use std::time::Duration;

use iron_guard::{Profile, ToolCallAction};
use iron_llm::ProviderKind;
use iron_runtime::Config;
use iron_runtime::record::{Ended, Outcome};
use iron_testkit::{Answer, Behaviour, Fault};

use super::{both, chat, events, found, proposing, proposing_under, said};

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
