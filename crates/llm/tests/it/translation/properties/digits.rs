//! The arguments of tools keep each of their digits, whichever way they go.

use iron_llm::translate::{Direction, Ending, Plan};
use iron_llm::{Dialect, ProviderKind};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::translation::fixture::NOW;

/// Where the arguments stand in the requests and answers below, as a text with quotes around it.
const HERE: &str = "ARGUMENTS";

/// The text of an object, with spaces and with numbers that no machine can hold.
fn arguments() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?";
    let leaf = prop_oneof![
        4 => number,
        1 => "(null|true|false|\"(e0|1\\.10|é|\\\\u00e9|\\\\n|\\\\\")\")",
    ];
    let value = leaf.prop_recursive(3, 12, 4, |inner| {
        let list = vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", ")));
        prop_oneof![list, object(inner)]
    });
    object(value)
}

fn object(value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let field = ("[a-z]{1,4}", "[ \n]{0,1}", value);
    let field = field.prop_map(|(name, space, value)| format!("\"{name}\":{space}{value}"));
    vec(field, 0..4).prop_map(|fields| format!("{{{}}}", fields.join(",")))
}

/// A document with the arguments in it: as the object that they are, or as its text.
fn with(document: &Value, arguments: &str, as_text: bool) -> String {
    let arguments = match as_text {
        true => Value::from(arguments).to_string(),
        false => arguments.to_owned(),
    };
    document
        .to_string()
        .replace(&format!("\"{HERE}\""), &arguments)
}

/// Whether a document says the arguments, as an object or as its text.
fn says(document: &[u8], arguments: &str) -> bool {
    let document = String::from_utf8_lossy(document);
    let text = Value::from(arguments).to_string();
    document.contains(&format!(":{arguments}")) || document.contains(&text)
}

fn request(client: Dialect) -> Value {
    let model = "claude-sonnet-4-5";
    let function = json!({ "name": "f", "arguments": HERE });
    match client {
        Dialect::OpenAiChat => json!({ "model": model, "stream": true, "messages": [
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c1", "type": "function", "function": function },
            ] },
            { "role": "tool", "tool_call_id": "c1", "content": "ok" },
        ] }),
        Dialect::OpenAiResponses => {
            json!({ "model": model, "stream": true, "store": false, "input": [
                { "role": "user", "content": "Hi" },
                { "type": "function_call", "call_id": "c1", "name": "f", "arguments": HERE },
                { "type": "function_call_output", "call_id": "c1", "output": "ok" },
            ] })
        }
        _ => json!({ "model": model, "stream": true, "max_tokens": 64, "messages": [
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": [
                { "type": "tool_use", "id": "c1", "name": "f", "input": HERE },
            ] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "content": "ok" }] },
        ] }),
    }
}

fn answer(upstream: Dialect) -> Value {
    let function = json!({ "name": "f", "arguments": HERE });
    let calls = json!([{ "id": "c1", "type": "function", "function": function }]);
    match upstream {
        Dialect::AnthropicMessages => json!({
            "id": "a", "model": "m", "stop_reason": "tool_use",
            "content": [{ "type": "tool_use", "id": "c1", "name": "f", "input": HERE }],
        }),
        Dialect::Gemini => {
            let parts = json!([{ "functionCall": { "name": "f", "args": HERE } }]);
            json!({ "candidates": [{ "content": { "parts": parts }, "finishReason": "STOP" }] })
        }
        Dialect::Cohere => {
            json!({ "finish_reason": "TOOL_CALL", "message": { "tool_calls": calls } })
        }
        Dialect::Converse => {
            let call = json!({ "toolUseId": "c1", "name": "f", "input": HERE });
            let message = json!({ "content": [{ "toolUse": call }] });
            json!({ "output": { "message": message }, "stopReason": "tool_use" })
        }
        _ => json!({ "id": "a", "model": "m", "choices": [
            { "finish_reason": "tool_calls", "message": { "tool_calls": calls } },
        ] }),
    }
}

/// The frames of an answer. The arguments come in one piece.
fn frames(upstream: Dialect) -> Vec<Value> {
    let function = json!({ "name": "f", "arguments": HERE });
    let call = json!({ "index": 0, "id": "c1", "type": "function", "function": function });
    match upstream {
        Dialect::AnthropicMessages => vec![
            json!({ "type": "message_start", "message": { "id": "a", "model": "m" } }),
            json!({ "type": "content_block_start", "index": 0, "content_block":
                { "type": "tool_use", "id": "c1", "name": "f", "input": HERE } }),
            json!({ "type": "content_block_stop", "index": 0 }),
            json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" } }),
            json!({ "type": "message_stop" }),
        ],
        Dialect::Gemini => vec![answer(upstream)],
        Dialect::Cohere => vec![
            json!({ "type": "message-start", "id": "a" }),
            json!({ "type": "tool-call-start", "index": 0, "delta": { "message": { "tool_calls": call } } }),
            json!({ "type": "tool-call-end", "index": 0 }),
            json!({ "type": "message-end", "delta": { "finish_reason": "TOOL_CALL" } }),
        ],
        Dialect::Converse => vec![
            json!({ "messageStart": { "role": "assistant" } }),
            json!({ "contentBlockStart": { "contentBlockIndex": 0, "start":
                { "toolUse": { "toolUseId": "c1", "name": "f" } } } }),
            json!({ "contentBlockDelta": { "contentBlockIndex": 0, "delta":
                { "toolUse": { "input": HERE } } } }),
            json!({ "contentBlockStop": { "contentBlockIndex": 0 } }),
            json!({ "messageStop": { "stopReason": "tool_use" } }),
            json!({ "metadata": { "usage": { "inputTokens": 1, "outputTokens": 1 } } }),
        ],
        _ => vec![
            json!({ "id": "a", "model": "m", "choices": [{ "index": 0, "delta": { "tool_calls": [call] } }] }),
            json!({ "id": "a", "model": "m", "choices": [
                { "index": 0, "delta": {}, "finish_reason": "tool_calls" },
            ] }),
        ],
    }
}

/// Every client at every provider that speaks another dialect.
fn pairs() -> impl Iterator<Item = (Dialect, ProviderKind, Direction)> {
    let clients = [
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
        Dialect::AnthropicMessages,
    ];
    clients.into_iter().flat_map(|client| {
        // Replicate's models call no tools.
        let providers = ProviderKind::ALL.into_iter();
        let providers = providers.filter(|kind| *kind != ProviderKind::Replicate);
        providers.filter_map(move |kind| Some((client, kind, Direction::of(client, kind)?)))
    })
}

fn plan(client: Dialect, kind: ProviderKind, arguments: &str) -> Result<Plan, String> {
    let as_text = client != Dialect::AnthropicMessages;
    let body = with(&request(client), arguments, as_text);
    Plan::new(client, kind, body.as_bytes()).map_err(|error| error.to_string())
}

/// Whether a dialect says arguments as a text in its answers, and in its streams.
fn says_text(upstream: Dialect) -> (bool, bool) {
    match upstream {
        Dialect::AnthropicMessages | Dialect::Gemini => (false, false),
        Dialect::Converse => (false, true),
        _ => (true, true),
    }
}

fn whole(plan: &Plan, arguments: &str) -> Option<Vec<u8>> {
    let upstream = plan.upstream();
    let answer = with(&answer(upstream), arguments, says_text(upstream).0);
    plan.response(answer.as_bytes(), NOW).ok()
}

fn streamed(plan: &Plan, arguments: &str) -> Vec<u8> {
    let upstream = plan.upstream();
    let mut translator = plan.stream(1, NOW).expect("a stream");
    let mut out = Vec::new();
    for frame in frames(upstream) {
        let frame = with(&frame, arguments, says_text(upstream).1);
        // A line break may stand in an object, but not in a line of a stream.
        let frame = frame.replace('\n', " ");
        translator.feed(format!("data: {frame}\n\n").as_bytes(), &mut out);
    }
    translator.finish(Ending::Closed, &mut out);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arguments_survive_every_direction_byte_for_byte(arguments in arguments()) {
        for (client, kind, direction) in pairs() {
            let plan = plan(client, kind, &arguments).expect("a plan");
            let sent = plan.request(64).expect("a body");
            prop_assert!(says(&sent, &arguments), "{direction}: {}", String::from_utf8_lossy(&sent));
            let given = whole(&plan, &arguments).expect("an answer");
            prop_assert!(says(&given, &arguments), "{direction}: {}", String::from_utf8_lossy(&given));
            if arguments == "{}" {
                continue;
            }
            let told = match says_text(direction.upstream()).1 {
                true => arguments.clone(),
                false => arguments.replace('\n', " "),
            };
            let given = streamed(&plan, &arguments);
            prop_assert!(says(&given, &told), "{direction}: {}", String::from_utf8_lossy(&given));
        }
    }
}

#[test]
fn what_is_no_object_is_refused_and_never_an_empty_one() {
    for broken in ["[1]", "7", "\"{}\"", "true"] {
        for (client, kind, direction) in pairs() {
            let refused = plan(client, kind, broken).expect_err("no plan");
            assert!(refused.contains("object"), "{direction}: {refused}");
            let plan = plan(client, kind, "{}").expect("a plan");
            assert!(whole(&plan, broken).is_none(), "{direction}: {broken}");
        }
    }
}

#[test]
fn an_object_is_taken_from_servers_of_chat_that_say_no_text() {
    let arguments = r#"{"n": 12345678901234567890123}"#;
    let plan = plan(Dialect::AnthropicMessages, ProviderKind::HuggingFace, "{}").expect("a plan");
    let answer = with(&answer(Dialect::OpenAiChat), arguments, false);
    let given = plan.response(answer.as_bytes(), NOW).expect("an answer");
    assert!(says(&given, arguments));
    let given = with(&answer_stream_of_chat(), arguments, false);
    let mut translator = plan.stream(1, NOW).expect("a stream");
    let mut out = Vec::new();
    translator.feed(format!("data: {given}\n\n").as_bytes(), &mut out);
    translator.finish(Ending::Closed, &mut out);
    assert!(String::from_utf8_lossy(&out).contains("arguments that are no text"));
}

fn answer_stream_of_chat() -> Value {
    frames(Dialect::OpenAiChat).remove(0)
}
