//! The answer as one of Anthropic's messages.

use serde_json::{Value, json};

use super::reply::{Content, Ended, Reply};
use super::words;

/// What stands in for a signature; it says nothing and is accepted by nobody else.
const SIGNATURE: &str = "c2ltdWxhdGVk";

fn reason(ended: &Ended) -> (&'static str, Option<&str>) {
    match ended {
        Ended::Naturally => ("end_turn", None),
        Ended::AtStop(sequence) => ("stop_sequence", Some(sequence)),
        Ended::AtCap => ("max_tokens", None),
        Ended::WithCalls => ("tool_use", None),
    }
}

fn usage(input: u64, output: u64) -> Value {
    json!({
        "input_tokens": input,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    })
}

/// The blocks of the answer, whole.
fn blocks(reply: &Reply) -> Vec<Value> {
    let mut blocks = Vec::new();
    if let Some(thought) = &reply.thought {
        blocks.push(json!({"type": "thinking", "thinking": thought, "signature": SIGNATURE}));
    }
    let content = reply.choices.first().map(|choice| &choice.content);
    match content {
        Some(Content::Text(text)) => blocks.push(json!({"type": "text", "text": text})),
        Some(Content::Calls(calls)) => blocks.extend(calls.iter().map(|call| {
            // Input that the cap cut off is none.
            let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
            json!({"type": "tool_use", "id": format!("toolu_{}", call.id), "name": call.name, "input": input})
        })),
        None => {}
    }
    blocks
}

fn message(reply: &Reply, content: &[Value], ended: Option<&Ended>, usage: Value) -> Value {
    let (reason, sequence) = ended.map(reason).unzip();
    let mut message = json!({
        "id": format!("msg_{}", reply.id),
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence.flatten(),
    });
    if let (Some(fields), Some(_)) = (message.as_object_mut(), reply.usage) {
        fields.insert("usage".to_owned(), usage);
    }
    message
}

fn ended(reply: &Reply) -> &Ended {
    reply
        .choices
        .first()
        .map_or(&Ended::Naturally, |choice| &choice.ended)
}

/// The whole answer.
pub(super) fn whole(reply: &Reply) -> String {
    let (input, output) = reply.usage.unwrap_or_default();
    message(
        reply,
        &blocks(reply),
        Some(ended(reply)),
        usage(input, output),
    )
    .to_string()
}

/// The answer in events.
pub(super) fn stream(reply: &Reply) -> Vec<String> {
    let mut frames = Vec::new();
    let mut event = |name: &str, mut data: Value| {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("type".to_owned(), json!(name));
        }
        frames.push(format!("event: {name}\ndata: {data}\n\n"));
    };
    let (input, output) = reply.usage.unwrap_or_default();
    event(
        "message_start",
        json!({"type": "", "message": message(reply, &[], None, usage(input, 1))}),
    );
    event("ping", json!({"type": ""}));
    for (index, block) in blocks(reply).iter().enumerate() {
        let (opening, deltas) = pieces(block, reply, index);
        event(
            "content_block_start",
            json!({"type": "", "index": index, "content_block": opening}),
        );
        for delta in deltas {
            event(
                "content_block_delta",
                json!({"type": "", "index": index, "delta": delta}),
            );
        }
        event("content_block_stop", json!({"type": "", "index": index}));
    }
    let (reason, sequence) = reason(ended(reply));
    let mut last = json!({"type": "", "delta": {"stop_reason": reason, "stop_sequence": sequence}});
    if let (Some(fields), Some(_)) = (last.as_object_mut(), reply.usage) {
        fields.insert("usage".to_owned(), json!({"output_tokens": output}));
    }
    event("message_delta", last);
    event("message_stop", json!({"type": ""}));
    frames
}

/// How a block is opened, and what is then added to it.
fn pieces(block: &Value, reply: &Reply, index: usize) -> (Value, Vec<Value>) {
    let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "thinking" => {
            let mut deltas: Vec<Value> = words::tokens(text("thinking"))
                .into_iter()
                .map(|piece| json!({"type": "thinking_delta", "thinking": piece}))
                .collect();
            deltas.push(json!({"type": "signature_delta", "signature": text("signature")}));
            (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                deltas,
            )
        }
        "tool_use" => {
            let opening =
                json!({"type": "tool_use", "id": text("id"), "name": text("name"), "input": {}});
            let deltas = words::tokens(arguments(reply, index))
                .into_iter()
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                .collect();
            (opening, deltas)
        }
        _ => {
            let deltas = words::tokens(text("text"))
                .into_iter()
                .map(|piece| json!({"type": "text_delta", "text": piece}))
                .collect();
            (json!({"type": "text", "text": ""}), deltas)
        }
    }
}

/// The arguments of the call that a block stands for, as they were written.
fn arguments(reply: &Reply, index: usize) -> &str {
    let before = usize::from(reply.thought.is_some());
    match reply.choices.first().map(|choice| &choice.content) {
        Some(Content::Calls(calls)) => calls
            .get(index.saturating_sub(before))
            .map_or("", |call| &call.arguments),
        _ => "",
    }
}
