//! A client that streams gets the same answer as one that does not.

use iron_llm::translate::Plan;
use iron_llm::{Dialect, ProviderKind};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::assembly;
use crate::translation::fixture::{NOW, json, stream};

mod back;

/// A block of an answer, with the places at which a stream cuts its text.
#[derive(Debug, Clone)]
enum Block {
    Text(Vec<String>),
    Thinking(Vec<String>, String),
    Sealed(String),
    Call(String, Value),
}

fn pieces() -> impl Strategy<Value = Vec<String>> {
    vec("[a-zé\"\\\\\n{}🙂 ]{1,6}", 0..4)
}

/// An object that a model might give as arguments.
pub(super) fn arguments() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z\"\\\\{}é ]{0,5}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            object(inner).prop_map(Value::from),
        ]
    });
    object(value).prop_map(Value::from)
}

fn object(
    value: impl Strategy<Value = Value>,
) -> impl Strategy<Value = serde_json::Map<String, Value>> {
    vec(("[a-z]{1,4}", value), 0..3).prop_map(|fields| fields.into_iter().collect())
}

fn block() -> impl Strategy<Value = Block> {
    prop_oneof![
        pieces().prop_map(Block::Text),
        (pieces(), "[a-zA-Z0-9+/]{4,12}").prop_map(|(text, sign)| Block::Thinking(text, sign)),
        "[a-zA-Z0-9+/]{4,12}".prop_map(Block::Sealed),
        ("[a-z_]{1,8}", arguments()).prop_map(|(name, input)| Block::Call(name, input)),
    ]
}

fn tool_use(number: usize, name: &str, input: &Value) -> Value {
    json!({ "type": "tool_use", "id": format!("toolu_{number}"), "name": name, "input": input })
}

const REASONS: [&str; 5] = [
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "refusal",
];

fn usage() -> Value {
    json!({ "input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 11 })
}

fn message(blocks: &[Block], reason: &str) -> Value {
    let content: Vec<Value> = blocks
        .iter()
        .enumerate()
        .map(|(number, block)| match block {
            Block::Text(text) => json!({ "type": "text", "text": text.concat() }),
            Block::Thinking(text, sign) => {
                json!({ "type": "thinking", "thinking": text.concat(), "signature": sign })
            }
            Block::Sealed(data) => json!({ "type": "redacted_thinking", "data": data }),
            Block::Call(name, input) => tool_use(number, name, input),
        })
        .collect();
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": content, "stop_reason": reason, "stop_sequence": null, "usage": usage(),
    })
}

fn frame(event: &Value) -> String {
    format!(
        "event: {}\ndata: {event}\n\n",
        event["type"].as_str().expect("a type")
    )
}

/// The message as a stream, arguments cut after every third character.
fn message_stream(blocks: &[Block], reason: &str) -> String {
    let mut start = message(&[], reason);
    start["stop_reason"] = Value::Null;
    start["usage"]["output_tokens"] = json!(1);
    let mut out = frame(&json!({ "type": "message_start", "message": start }));
    for (number, block) in blocks.iter().enumerate() {
        let (content, deltas): (Value, Vec<Value>) = match block {
            Block::Text(text) => (
                json!({ "type": "text", "text": "" }),
                text.iter()
                    .map(|text| json!({ "type": "text_delta", "text": text }))
                    .collect(),
            ),
            Block::Thinking(text, sign) => (
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
                text.iter()
                    .map(|text| json!({ "type": "thinking_delta", "thinking": text }))
                    .chain([json!({ "type": "signature_delta", "signature": sign })])
                    .collect(),
            ),
            Block::Sealed(data) => (json!({ "type": "redacted_thinking", "data": data }), vec![]),
            Block::Call(name, input) => {
                let text = if *input == json!({}) {
                    String::new()
                } else {
                    input.to_string()
                };
                let deltas = cut(&text)
                    .iter()
                    .map(|text| json!({ "type": "input_json_delta", "partial_json": text }))
                    .collect();
                (tool_use(number, name, &json!({})), deltas)
            }
        };
        out += &frame(
            &json!({ "type": "content_block_start", "index": number, "content_block": content }),
        );
        for delta in deltas {
            out +=
                &frame(&json!({ "type": "content_block_delta", "index": number, "delta": delta }));
            out += &frame(&json!({ "type": "ping" }));
        }
        out += &frame(&json!({ "type": "content_block_stop", "index": number }));
    }
    let delta = json!({ "stop_reason": reason, "stop_sequence": null });
    out += &frame(&json!({ "type": "message_delta", "delta": delta, "usage": usage() }));
    out + &frame(&json!({ "type": "message_stop" }))
}

fn cut(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters
        .chunks(3)
        .map(|piece| piece.iter().collect())
        .collect()
}

/// Cuts bytes at these places.
fn split<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts
        .iter()
        .map(|cut| cut.index(bytes.len().max(1)))
        .collect();
    places.sort_unstable();
    let mut rest = bytes;
    let mut taken = 0;
    let mut pieces = Vec::new();
    for place in places {
        let (piece, more) = rest.split_at(place - taken);
        pieces.push(piece);
        rest = more;
        taken = place;
    }
    pieces.push(rest);
    pieces
}

fn plan(client: Dialect, body: Value) -> Plan {
    let provider = match client {
        Dialect::AnthropicMessages => ProviderKind::Local,
        _ => ProviderKind::Anthropic,
    };
    Plan::new(client, provider, body.to_string().as_bytes()).expect("a plan")
}

/// An empty text and none are the same to a reader of completions.
fn same_text(mut message: Value) -> Value {
    for name in ["content", "refusal", "reasoning_content"] {
        if message[name] == "" || message[name].is_null() {
            message
                .as_object_mut()
                .expect("an object")
                .shift_remove(name);
        }
    }
    message
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    vec(any::<prop::sample::Index>(), 0..12)
}

proptest! {
    #[test]
    fn a_chat_client_gets_the_same_answer_from_a_stream(
        blocks in vec(block(), 0..6),
        reason in 0..REASONS.len(),
        cuts in cuts(),
    ) {
        let plan = plan(Dialect::OpenAiChat, json!({
            "model": "claude-sonnet-4-5", "stream": true,
            "stream_options": { "include_usage": true },
            "messages": [{ "role": "user", "content": "Hi" }],
        }));
        let whole = message(&blocks, REASONS[reason]).to_string();
        let given = json(&plan.response(whole.as_bytes(), NOW).expect("an answer"));
        let bytes = message_stream(&blocks, REASONS[reason]);
        let streamed = assembly::completion(&stream(&plan, &split(bytes.as_bytes(), &cuts)));
        let choice = &given["choices"][0];
        prop_assert_eq!(same_text(streamed["message"].clone()), same_text(choice["message"].clone()));
        prop_assert_eq!(&streamed["finish_reason"], &choice["finish_reason"]);
        prop_assert_eq!(&streamed["usage"], &given["usage"]);
        prop_assert_eq!(&streamed["id"], &given["id"]);
    }

    #[test]
    fn a_responses_client_gets_the_same_answer_from_a_stream(
        blocks in vec(block(), 0..6),
        reason in 0..REASONS.len(),
        cuts in cuts(),
    ) {
        let plan = plan(Dialect::OpenAiResponses, json!({
            "model": "claude-sonnet-4-5", "stream": true, "input": "Hi", "instructions": "Be brief.",
        }));
        let whole = message(&blocks, REASONS[reason]).to_string();
        let given = json(&plan.response(whole.as_bytes(), NOW).expect("an answer"));
        let bytes = message_stream(&blocks, REASONS[reason]);
        let streamed = assembly::response(&stream(&plan, &split(bytes.as_bytes(), &cuts)));
        prop_assert_eq!(streamed, given);
    }

    #[test]
    fn a_messages_client_gets_the_same_answer_from_a_stream(
        thoughts in option::of(pieces()),
        text in pieces(),
        calls in vec(("[a-z_]{1,8}", arguments()), 0..4),
        cuts in cuts(),
    ) {
        let plan = plan(Dialect::AnthropicMessages, json!({
            "model": "qwen3", "max_tokens": 100, "stream": true,
            "messages": [{ "role": "user", "content": "Hi" }],
        }));
        let thoughts = thoughts.unwrap_or_default();
        let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
        let tool_calls: Vec<Value> = calls.iter().enumerate().map(|(number, (name, input))| json!({
            "id": format!("call_{number}"), "type": "function",
            "function": { "name": name, "arguments": input.to_string() },
        })).collect();
        let usage = json!({
            "prompt_tokens": 12, "completion_tokens": 5, "prompt_tokens_details": { "cached_tokens": 4 },
        });
        let whole = json!({
            "id": "chatcmpl-1", "model": "qwen3", "usage": usage,
            "choices": [{ "index": 0, "finish_reason": finish, "message": {
                "role": "assistant", "content": text.concat(), "reasoning": thoughts.concat(),
                "tool_calls": tool_calls,
            } }],
        });
        let given = json(&plan.response(whole.to_string().as_bytes(), NOW).expect("an answer"));

        let chunk = |delta: Value, finish: Value| format!("data: {}\n\n", json!({
            "id": "chatcmpl-1", "model": "qwen3",
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
        }));
        let mut bytes = chunk(json!({ "role": "assistant", "content": "" }), Value::Null);
        for piece in &thoughts {
            bytes += &chunk(json!({ "reasoning": piece }), Value::Null);
        }
        for piece in &text {
            bytes += &chunk(json!({ "content": piece }), Value::Null);
        }
        for (number, (name, input)) in calls.iter().enumerate() {
            let first = json!({ "index": number, "id": format!("call_{number}"), "type": "function",
                "function": { "name": name, "arguments": "" } });
            bytes += &chunk(json!({ "tool_calls": [first] }), Value::Null);
            for piece in cut(&input.to_string()) {
                let more = json!({ "index": number, "function": { "arguments": piece } });
                bytes += &chunk(json!({ "tool_calls": [more] }), Value::Null);
            }
        }
        bytes += &chunk(json!({}), json!(finish));
        bytes += &format!("data: {}\n\n", json!({ "id": "chatcmpl-1", "choices": [], "usage": usage }));
        bytes += "data: [DONE]\n\n";
        let streamed = assembly::message(&stream(&plan, &split(bytes.as_bytes(), &cuts)));
        prop_assert_eq!(streamed, given);
    }
}
