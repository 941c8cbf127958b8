//! The response as an object, and its items.

use iron_primitives::Timestamp;
use serde_json::{Map, Value, json};

use crate::canonical::{Block, Finish, Reply, Thought};
use crate::translate::thoughts::seal;
use crate::translate::usage::{tier_word, to_responses};

/// A whole response.
pub(in crate::translate) fn response(
    reply: &Reply,
    echo: &Map<String, Value>,
    now: Timestamp,
) -> Value {
    let (status, reason) = match reply.finish {
        Finish::Done | Finish::Stopped { .. } | Finish::ToolCalls => ("completed", None),
        Finish::MaxTokens | Finish::ContextFull => ("incomplete", Some("max_output_tokens")),
        Finish::Refused => ("incomplete", Some("content_filter")),
    };
    let mut out = head(reply, echo, now, status);
    let blocks = reply.blocks.iter().enumerate();
    let items: Vec<Value> = blocks
        .map(|(number, block)| item(&reply.id, number, block, "completed"))
        .collect();
    out.insert("output".to_owned(), items.into());
    if let Some(reason) = reason {
        out.insert("incomplete_details".to_owned(), json!({ "reason": reason }));
    }
    out.insert("usage".to_owned(), to_responses(&reply.usage));
    if let Some(tier) = tier_word(&reply.usage) {
        out.insert("service_tier".to_owned(), tier.into());
    }
    Value::Object(out)
}

/// A response without its output, which repeats what was asked for.
pub(super) fn head(
    reply: &Reply,
    echo: &Map<String, Value>,
    now: Timestamp,
    status: &str,
) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| out.insert(name.to_owned(), value);
    let asked = |name: &str, otherwise: Value| echo.get(name).cloned().unwrap_or(otherwise);
    put("id", format!("resp_{}", suffix(&reply.id)).into());
    put("object", "response".into());
    put("created_at", now.seconds().into());
    put("status", status.into());
    put("error", Value::Null);
    put("incomplete_details", Value::Null);
    put("instructions", asked("instructions", Value::Null));
    put("max_output_tokens", asked("max_output_tokens", Value::Null));
    put("metadata", asked("metadata", json!({})));
    match reply.model.as_str() {
        "" => put("model", asked("model", Value::Null)),
        model => put("model", model.into()),
    };
    put("output", json!([]));
    put(
        "parallel_tool_calls",
        asked("parallel_tool_calls", true.into()),
    );
    put("previous_response_id", Value::Null);
    put(
        "reasoning",
        asked("reasoning", json!({ "effort": null, "summary": null })),
    );
    put("store", false.into());
    put("temperature", asked("temperature", json!(1.0)));
    put(
        "text",
        asked("text", json!({ "format": { "type": "text" } })),
    );
    put("tool_choice", asked("tool_choice", "auto".into()));
    put("tools", asked("tools", json!([])));
    put("top_p", asked("top_p", json!(1.0)));
    put("truncation", "disabled".into());
    put("usage", Value::Null);
    for name in ["user", "safety_identifier"] {
        if let Some(value) = echo.get(name) {
            put(name, value.clone());
        }
    }
    out
}

fn suffix(provider_id: &str) -> &str {
    provider_id.strip_prefix("msg_").unwrap_or(provider_id)
}

pub(super) fn item_id(reply_id: &str, number: usize, block: &Block) -> String {
    let prefix = match block {
        Block::Text(_) | Block::Refusal(_) => "msg",
        Block::Thought(_) => "rs",
        Block::ToolCall { .. } => "fc",
    };
    format!("{prefix}_{}_{number}", suffix(reply_id))
}

pub(super) fn item(reply_id: &str, number: usize, block: &Block, status: &str) -> Value {
    let id = item_id(reply_id, number, block);
    match block {
        Block::Text(_) | Block::Refusal(_) => {
            let content: Vec<Value> = part(block).into_iter().collect();
            message_item(&id, &content, status)
        }
        Block::Thought(thought) => {
            let summary: Vec<Value> = summary(thought).into_iter().collect();
            json!({
                "id": id,
                "type": "reasoning",
                "summary": summary,
                "encrypted_content": seal(thought),
            })
        }
        Block::ToolCall {
            id: call_id,
            name,
            arguments,
        } => {
            let arguments = if arguments.trim().is_empty() {
                "{}"
            } else {
                arguments
            };
            json!({
                "id": id,
                "type": "function_call",
                "status": status,
                "call_id": call_id,
                "name": name,
                "arguments": arguments,
            })
        }
    }
}

pub(super) fn message_item(id: &str, content: &[Value], status: &str) -> Value {
    json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": content })
}

pub(super) fn part(block: &Block) -> Option<Value> {
    match block {
        Block::Text(text) => {
            Some(json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] }))
        }
        Block::Refusal(text) => Some(json!({ "type": "refusal", "refusal": text })),
        _ => None,
    }
}

fn summary(thought: &Thought) -> Option<Value> {
    match thought {
        Thought::Open { text, .. } if !text.is_empty() => {
            Some(json!({ "type": "summary_text", "text": text }))
        }
        _ => None,
    }
}
