//! What a model says, as each dialect tells it: whole, and as a stream.

use bytes::Bytes;
use iron_llm::{Dialect, eventstream};
use serde_json::{Value, json};

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Block {
    Text(String),
    Call { name: String, arguments: String },
}

impl Block {
    pub(crate) fn call(name: &str, arguments: &str) -> Self {
        Block::Call {
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        }
    }

    pub(crate) fn is_bad(&self) -> bool {
        matches!(self, Block::Call { name, .. } if name.starts_with("bad"))
    }

    fn is_call(&self) -> bool {
        matches!(self, Block::Call { .. })
    }
}

/// Chat completions and Cohere have one text, and calls after it.
pub(crate) fn as_it_can_be_said(dialect: Dialect, blocks: &[Block]) -> Vec<Block> {
    let mut blocks = blocks.to_vec();
    if matches!(dialect, Dialect::OpenAiChat | Dialect::Cohere) {
        blocks.sort_by_key(Block::is_call);
    }
    blocks
}

pub(crate) fn text(blocks: &[Block]) -> String {
    let texts = blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(text.as_str()),
        Block::Call { .. } => None,
    });
    texts.collect()
}

/// The names and arguments of all calls.
pub(crate) fn calls(blocks: &[Block]) -> Vec<(String, Value)> {
    let calls = blocks.iter().filter_map(|block| match block {
        Block::Call { name, arguments } => Some((name.clone(), parsed(arguments))),
        Block::Text(_) => None,
    });
    calls.collect()
}

pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn reason(blocks: &[Block], calls: &str, itself: &str) -> String {
    let has_calls = blocks.iter().any(Block::is_call);
    if has_calls { calls } else { itself }.to_owned()
}

/// In two pieces.
fn halves(text: &str) -> [&str; 2] {
    let (one, other) = text.split_at(text.len() / 2);
    [one, other]
}

pub(crate) fn whole(dialect: Dialect, blocks: &[Block]) -> Bytes {
    let body = match dialect {
        Dialect::OpenAiChat => whole_chat(blocks),
        Dialect::OpenAiResponses => response(blocks),
        Dialect::AnthropicMessages | Dialect::BedrockMessages => json!({
            "type": "message", "role": "assistant",
            "content": blocks.iter().map(message_block).collect::<Vec<_>>(),
            "stop_reason": reason(blocks, "tool_use", "end_turn"), "usage": {"output_tokens": 1},
        }),
        Dialect::Gemini => json!({"candidates": [{
            "content": {"role": "model", "parts": blocks.iter().map(part).collect::<Vec<_>>()},
            "finishReason": "STOP",
        }]}),
        Dialect::Cohere => whole_cohere(blocks),
        _ => json!({
            "output": {"message": {
                "role": "assistant",
                "content": blocks.iter().map(converse_block).collect::<Vec<_>>(),
            }},
            "stopReason": reason(blocks, "tool_use", "end_turn"),
        }),
    };
    body.to_string().into()
}

fn function_call((number, block): (usize, &Block)) -> Option<Value> {
    match block {
        Block::Call { name, arguments } => Some(json!({
            "id": format!("call_{number}"), "type": "function",
            "function": {"name": name, "arguments": arguments},
        })),
        Block::Text(_) => None,
    }
}

fn whole_chat(blocks: &[Block]) -> Value {
    let calls: Vec<_> = blocks
        .iter()
        .enumerate()
        .filter_map(function_call)
        .collect();
    let mut message = json!({"role": "assistant", "content": text(blocks), "refusal": null});
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    json!({"choices": [{
        "index": 0, "message": message,
        "finish_reason": reason(blocks, "tool_calls", "stop"),
    }]})
}

fn whole_cohere(blocks: &[Block]) -> Value {
    let calls: Vec<_> = blocks
        .iter()
        .enumerate()
        .filter_map(function_call)
        .collect();
    let content = json!([{"type": "text", "text": text(blocks)}]);
    let mut message = json!({"role": "assistant", "content": content});
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    json!({"id": "c", "message": message,
           "finish_reason": reason(blocks, "TOOL_CALL", "COMPLETE")})
}

fn item((number, block): (usize, &Block)) -> Value {
    match block {
        Block::Text(text) => json!({
            "type": "message", "id": format!("msg_{number}"), "role": "assistant",
            "content": [{"type": "output_text", "text": text}],
        }),
        Block::Call { name, arguments } => json!({
            "type": "function_call", "id": format!("fc_{number}"), "name": name,
            "call_id": format!("call_{number}"), "arguments": arguments,
        }),
    }
}

fn response(blocks: &[Block]) -> Value {
    let output: Vec<_> = blocks.iter().enumerate().map(item).collect();
    json!({"object": "response", "status": "completed", "output": output})
}

fn message_block(block: &Block) -> Value {
    match block {
        Block::Text(text) => json!({"type": "text", "text": text}),
        Block::Call { name, arguments } => {
            json!({"type": "tool_use", "id": "t", "name": name, "input": parsed(arguments)})
        }
    }
}

fn part(block: &Block) -> Value {
    match block {
        Block::Text(text) => json!({"text": text}),
        Block::Call { name, arguments } => {
            json!({"functionCall": {"name": name, "args": parsed(arguments)}})
        }
    }
}

fn converse_block(block: &Block) -> Value {
    match block {
        Block::Text(text) => json!({"text": text}),
        Block::Call { name, arguments } => {
            json!({"toolUse": {"toolUseId": "t", "name": name, "input": parsed(arguments)}})
        }
    }
}

pub(crate) fn streamed(dialect: Dialect, blocks: &[Block]) -> Vec<u8> {
    match dialect {
        Dialect::OpenAiChat => {
            let mut bytes = plain(&chat_chunks(blocks));
            bytes.extend_from_slice(b"data: [DONE]\n\n");
            bytes
        }
        Dialect::OpenAiResponses => named(&response_events(blocks)),
        Dialect::AnthropicMessages => named(&message_events(blocks)),
        Dialect::BedrockMessages => eventstream::chunks(&named(&message_events(blocks))),
        Dialect::Gemini => plain(&gemini_chunks(blocks)),
        Dialect::Cohere => named(&cohere_events(blocks)),
        _ => converse_messages(blocks),
    }
}

fn plain(events: &[Value]) -> Vec<u8> {
    let events = events.iter().map(|data| format!("data: {data}\n\n"));
    events.collect::<String>().into_bytes()
}

fn named(events: &[Value]) -> Vec<u8> {
    let events = events.iter().map(|data| {
        let kind = data["type"].as_str().expect("a type");
        format!("event: {kind}\ndata: {data}\n\n")
    });
    events.collect::<String>().into_bytes()
}

fn chat_chunks(blocks: &[Block]) -> Vec<Value> {
    let chunk = |delta: Value, reason: Value| {
        json!({"object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    };
    let more = |delta: Value| chunk(delta, Value::Null);
    let mut chunks = vec![more(json!({"role": "assistant", "content": ""}))];
    let mut number = 0;
    for block in blocks {
        match block {
            Block::Text(text) => {
                chunks.extend(halves(text).map(|half| more(json!({"content": half}))));
            }
            Block::Call { name, arguments } => {
                let call = json!({"index": number, "id": "call", "type": "function",
                                  "function": {"name": name, "arguments": ""}});
                chunks.push(more(json!({"tool_calls": [call]})));
                chunks.extend(halves(arguments).map(|half| {
                    more(json!({"tool_calls": [
                        {"index": number, "function": {"arguments": half}},
                    ]}))
                }));
                number += 1;
            }
        }
    }
    chunks.push(chunk(
        json!({}),
        reason(blocks, "tool_calls", "stop").into(),
    ));
    chunks.push(json!({"choices": [], "usage": {"total_tokens": 1}}));
    chunks
}

fn response_events(blocks: &[Block]) -> Vec<Value> {
    let mut events = vec![json!({"type": "response.created", "response": response(&[])})];
    for (at, block) in blocks.iter().enumerate() {
        let item = item((at, block));
        let mut begun = item.clone();
        let (word, text) = match block {
            Block::Text(text) => {
                begun["content"] = json!([]);
                ("output_text", text)
            }
            Block::Call { arguments, .. } => {
                begun["arguments"] = json!("");
                ("function_call_arguments", arguments)
            }
        };
        let of = |kind: &str| json!({"type": format!("response.{kind}"), "output_index": at});
        let with = |kind: &str, name: &str, value: Value| {
            let mut event = of(kind);
            event[name] = value;
            event
        };
        events.push(with("output_item.added", "item", begun));
        let deltas = halves(text).map(|half| with(&format!("{word}.delta"), "delta", half.into()));
        events.extend(deltas);
        let name = if block.is_call() { "arguments" } else { "text" };
        events.push(with(&format!("{word}.done"), name, text.as_str().into()));
        events.push(with("output_item.done", "item", item));
    }
    events.push(json!({"type": "response.completed", "response": response(blocks)}));
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    events
}

fn message_events(blocks: &[Block]) -> Vec<Value> {
    let start = json!({"type": "message", "role": "assistant", "content": []});
    let mut events = vec![json!({"type": "message_start", "message": start})];
    for (at, block) in blocks.iter().enumerate() {
        let (begun, word, name, text) = match block {
            Block::Text(text) => (
                json!({"type": "text", "text": ""}),
                "text_delta",
                "text",
                text,
            ),
            Block::Call { name, arguments } => (
                json!({"type": "tool_use", "id": "t", "name": name, "input": {}}),
                "input_json_delta",
                "partial_json",
                arguments,
            ),
        };
        events.push(json!({"type": "content_block_start", "index": at, "content_block": begun}));
        events.extend(halves(text).map(|half| {
            json!({"type": "content_block_delta", "index": at,
                   "delta": {"type": word, name: half}})
        }));
        events.push(json!({"type": "content_block_stop", "index": at}));
    }
    let reason = reason(blocks, "tool_use", "end_turn");
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": reason}}));
    events.push(json!({"type": "message_stop"}));
    events
}

fn gemini_chunks(blocks: &[Block]) -> Vec<Value> {
    let chunk = |parts: Vec<Value>| {
        json!({"candidates": [{"index": 0,
        "content": {"role": "model", "parts": parts}}]})
    };
    let mut chunks: Vec<Value> = blocks
        .chunks(2)
        .map(|blocks| chunk(blocks.iter().map(part).collect()))
        .collect();
    let mut last = chunk(Vec::new());
    last["candidates"][0]["finishReason"] = "STOP".into();
    chunks.push(last);
    chunks
}

fn cohere_events(blocks: &[Block]) -> Vec<Value> {
    let mut events = vec![json!({"type": "message-start", "id": "c"})];
    let mut number = 0;
    let event = |kind: &str, index: usize, message: Value| {
        json!({"type": kind, "index": index,
        "delta": {"message": message}})
    };
    for block in blocks {
        match block {
            Block::Text(text) => events.extend(
                halves(text)
                    .map(|half| event("content-delta", 0, json!({"content": {"text": half}}))),
            ),
            Block::Call { name, arguments } => {
                let function = json!({"name": name, "arguments": ""});
                let call = json!({"tool_calls": {"id": "t", "function": function}});
                events.push(event("tool-call-start", number, call));
                events.extend(halves(arguments).map(|half| {
                    let call = json!({"tool_calls": {"function": {"arguments": half}}});
                    event("tool-call-delta", number, call)
                }));
                events.push(json!({"type": "tool-call-end", "index": number}));
                number += 1;
            }
        }
    }
    let reason = reason(blocks, "TOOL_CALL", "COMPLETE");
    events.push(json!({"type": "message-end", "delta": {"finish_reason": reason}}));
    events
}

fn converse_messages(blocks: &[Block]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut say = |kind: &str, data: Value| {
        bytes.extend(eventstream::event(kind, data.to_string().as_bytes()));
    };
    say("messageStart", json!({"role": "assistant"}));
    for (at, block) in blocks.iter().enumerate() {
        let (text, is_call) = match block {
            Block::Text(text) => (text, false),
            Block::Call { name, arguments } => {
                let start = json!({"toolUse": {"toolUseId": "t", "name": name}});
                say(
                    "contentBlockStart",
                    json!({"start": start, "contentBlockIndex": at}),
                );
                (arguments, true)
            }
        };
        for half in halves(text) {
            let delta = match is_call {
                true => json!({"toolUse": {"input": half}}),
                false => json!({"text": half}),
            };
            say(
                "contentBlockDelta",
                json!({"delta": delta, "contentBlockIndex": at}),
            );
        }
        say("contentBlockStop", json!({"contentBlockIndex": at}));
    }
    let reason = reason(blocks, "tool_use", "end_turn");
    say("messageStop", json!({"stopReason": reason}));
    bytes
}
