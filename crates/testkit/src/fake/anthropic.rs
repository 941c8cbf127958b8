//! The Anthropic shape: messages and count_tokens.
//!
//! Shapes as in Anthropic's published API reference, read 2026-11.

use serde_json::{Value, json};

use super::bill::Work;
use super::openai::{count, spoiled, tokens, words};
use super::pieces::{Piece, Reply};
use super::{Answer, Behaviour, Fault, SeenRequest, UsageReport};

/// Answers one request.
pub(super) fn reply(seen: &SeenRequest, key: &str, behaviour: &Behaviour) -> Reply {
    if seen.header("x-api-key") != Some(key) {
        return error(401, "authentication_error", "invalid x-api-key");
    }
    if seen.header("anthropic-version").is_none() {
        return error(
            400,
            "invalid_request_error",
            "anthropic-version: header is required",
        );
    }
    if let Fault::Status {
        status,
        retry_after,
    } = &behaviour.fault
    {
        let kind = match status {
            429 => "rate_limit_error",
            529 => "overloaded_error",
            _ => "api_error",
        };
        let reply = error(*status, kind, "the fake provider refuses, as it was told");
        return retry_after
            .iter()
            .fold(reply, |reply, wait| reply.header(wait.header()));
    }
    if seen.method == "GET" && seen.path.starts_with("/v1/models") {
        let model = json!({"type": "model", "id": "claude-haiku-4-5",
            "display_name": "Claude Haiku 4.5", "created_at": "2025-10-01T00:00:00Z"});
        let list = json!({"data": [model], "has_more": false,
            "first_id": "claude-haiku-4-5", "last_id": "claude-haiku-4-5"});
        return Reply::json(list, None);
    }
    let Ok(request) = serde_json::from_slice::<Value>(&seen.body) else {
        return error(400, "invalid_request_error", "the body is not JSON");
    };
    if behaviour.fault == Fault::ErrorInOk {
        let error = json!({"type": "overloaded_error", "message": "Overloaded"});
        return Reply::json(json!({"type": "error", "error": error}), None);
    }
    let input = ["messages", "system", "tools"]
        .iter()
        .filter_map(|field| request.get(*field))
        .map(count)
        .sum();
    match seen.path.split('?').next().unwrap_or_default() {
        "/v1/messages" => messages(&request, input, behaviour),
        "/v1/messages/count_tokens" => Reply::json(json!({ "input_tokens": input }), None),
        _ => error(404, "not_found_error", "not found"),
    }
}

pub(super) fn error(status: u16, kind: &str, message: &str) -> Reply {
    let error = json!({"type": kind, "message": message});
    Reply::status(
        status,
        json!({"type": "error", "error": error, "request_id": "req_fake"}),
    )
}

/// The content blocks of the answer.
fn blocks(request: &Value, behaviour: &Behaviour, text: &[String]) -> Vec<Value> {
    let Answer::ToolCalls { arguments } = &behaviour.answer else {
        return vec![json!({"type": "text", "text": text.concat()})];
    };
    let tools = request
        .get("tools")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let input: Value = serde_json::from_str(arguments).unwrap_or_default();
    let call = |(index, tool): (usize, &Value)| json!({"type": "tool_use", "id": format!("toolu_fake{index}"), "name": tool["name"], "input": input});
    tools.iter().enumerate().map(call).collect()
}

pub(super) fn messages(request: &Value, input: u64, behaviour: &Behaviour) -> Reply {
    let Some(cap) = request.get("max_tokens").and_then(Value::as_u64) else {
        return error(400, "invalid_request_error", "max_tokens: Field required");
    };
    let each = tokens(behaviour, cap);
    let work = Work {
        input,
        cached: behaviour.cached_tokens.min(input),
        output: each,
    };
    let text = words(behaviour, each);
    let content = blocks(request, behaviour, &text);
    let stop = match (&behaviour.answer, each >= cap) {
        (Answer::ToolCalls { .. }, _) => "tool_use",
        (_, true) => "max_tokens",
        _ => "end_turn",
    };
    let (told_input, told_output) = match behaviour.usage {
        UsageReport::Wrong { input, output } => (input, output),
        _ => (work.input.saturating_sub(work.cached), work.output),
    };
    let usage = |output: u64| {
        json!({
            "input_tokens": told_input,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": work.cached,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": output,
            "service_tier": "standard"
        })
    };
    let message = |content: &[Value], stop: Option<&str>, usage: Value| {
        let mut message = json!({
            "id": "msg_fake", "type": "message", "role": "assistant", "model": request.get("model"),
            "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage
        });
        if behaviour.usage == UsageReport::Missing
            && let Some(message) = message.as_object_mut()
        {
            message.remove("usage");
        }
        message
    };
    if request.get("stream").and_then(Value::as_bool) != Some(true) {
        return Reply::json(
            message(&content, Some(stop), usage(told_output)),
            Some(work),
        );
    }
    let mut pieces = vec![
        named(
            "message_start",
            json!({"message": message(&[], None, usage(1))}),
            0,
        ),
        named("ping", json!({}), 0),
    ];
    pieces.extend(content_events(&content, &text, each));
    let mut last = json!({"delta": {"stop_reason": stop, "stop_sequence": null}});
    if behaviour.usage != UsageReport::Missing
        && let Some(last) = last.as_object_mut()
    {
        last.insert("usage".to_owned(), json!({"output_tokens": told_output}));
    }
    pieces.push(named("message_delta", last, each));
    pieces.push(named("message_stop", json!({}), each));
    let overloaded =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let overloaded = format!("event: error\ndata: {overloaded}\n\n");
    Reply::stream(spoiled(pieces, behaviour, &overloaded), work)
}

fn named(kind: &str, mut fields: Value, output: u64) -> Piece {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("type".to_owned(), json!(kind));
    }
    Piece::new(format!("event: {kind}\ndata: {fields}\n\n"), output)
}

fn content_events(content: &[Value], text: &[String], each: u64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (index, block) in content.iter().enumerate() {
        let is_text = block["type"] == "text";
        let mut empty = block.clone();
        if let Some(empty) = empty.as_object_mut() {
            let (field, value) = if is_text {
                ("text", json!(""))
            } else {
                ("input", json!({}))
            };
            empty.insert(field.to_owned(), value);
        }
        pieces.push(named(
            "content_block_start",
            json!({"index": index, "content_block": empty}),
            0,
        ));
        if is_text {
            for (output, word) in (1..).zip(text) {
                let delta = json!({"type": "text_delta", "text": word});
                pieces.push(named(
                    "content_block_delta",
                    json!({"index": index, "delta": delta}),
                    output,
                ));
            }
        } else {
            let delta =
                json!({"type": "input_json_delta", "partial_json": block["input"].to_string()});
            pieces.push(named(
                "content_block_delta",
                json!({"index": index, "delta": delta}),
                each,
            ));
        }
        pieces.push(named("content_block_stop", json!({"index": index}), each));
    }
    pieces
}
