//! The answer as a response.

use serde_json::{Value, json};

use super::reply::{Call, Content, Ended, Reply};
use super::words;

fn usage(reply: &Reply) -> Value {
    reply.usage.map_or(Value::Null, |(input, output)| {
        json!({
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input.saturating_add(output),
        })
    })
}

fn is_cut(reply: &Reply) -> bool {
    reply
        .choices
        .first()
        .is_some_and(|choice| choice.ended == Ended::AtCap)
}

fn content(reply: &Reply) -> Option<&Content> {
    reply.choices.first().map(|choice| &choice.content)
}

fn text_item(reply: &Reply, status: &str, parts: &[Value]) -> Value {
    json!({"id": format!("msg_{}", reply.id), "type": "message", "status": status, "role": "assistant", "content": parts})
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn call_item(call: &Call, status: &str, arguments: &str) -> Value {
    json!({
        "id": format!("fc_{}", call.id),
        "type": "function_call",
        "status": status,
        "call_id": format!("call_{}", call.id),
        "name": call.name,
        "arguments": arguments,
    })
}

fn output(reply: &Reply) -> Vec<Value> {
    let status = if is_cut(reply) {
        "incomplete"
    } else {
        "completed"
    };
    match content(reply) {
        Some(Content::Text(text)) => vec![text_item(reply, status, &[text_part(text)])],
        Some(Content::Calls(calls)) => calls
            .iter()
            .map(|call| call_item(call, status, &call.arguments))
            .collect(),
        None => Vec::new(),
    }
}

fn response(reply: &Reply, status: &str, output: &[Value], usage: Value) -> Value {
    let details = if status == "incomplete" {
        json!({"reason": "max_output_tokens"})
    } else {
        Value::Null
    };
    json!({
        "id": format!("resp_{}", reply.id),
        "object": "response",
        "created_at": reply.created_s,
        "status": status,
        "error": null,
        "incomplete_details": details,
        "instructions": null,
        "metadata": {},
        "model": reply.model,
        "output": output,
        "parallel_tool_calls": true,
        "temperature": null,
        "tool_choice": "auto",
        "tools": [],
        "top_p": null,
        "max_output_tokens": null,
        "previous_response_id": null,
        "service_tier": "default",
        "truncation": "disabled",
        "usage": usage,
    })
}

/// The whole answer.
pub(super) fn whole(reply: &Reply) -> String {
    response(reply, last_status(reply), &output(reply), usage(reply)).to_string()
}

fn last_status(reply: &Reply) -> &'static str {
    if is_cut(reply) {
        "incomplete"
    } else {
        "completed"
    }
}

/// Writes numbered events.
struct Events {
    frames: Vec<String>,
}

impl Events {
    fn push(&mut self, name: &str, mut data: Value) {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("type".to_owned(), json!(name));
            fields.insert("sequence_number".to_owned(), json!(self.frames.len()));
        }
        self.frames.push(format!("event: {name}\ndata: {data}\n\n"));
    }
}

/// The answer in events.
pub(super) fn stream(reply: &Reply) -> Vec<String> {
    let mut events = Events { frames: Vec::new() };
    let begun = response(reply, "in_progress", &[], Value::Null);
    events.push("response.created", json!({"response": begun}));
    events.push("response.in_progress", json!({"response": begun}));
    match content(reply) {
        Some(Content::Text(text)) => text_events(&mut events, reply, text),
        Some(Content::Calls(calls)) => {
            for (index, call) in calls.iter().enumerate() {
                call_events(&mut events, reply, index, call);
            }
        }
        None => {}
    }
    let status = last_status(reply);
    let last = response(reply, status, &output(reply), usage(reply));
    events.push(&format!("response.{status}"), json!({"response": last}));
    events.frames
}

fn text_events(events: &mut Events, reply: &Reply, text: &str) {
    let id = format!("msg_{}", reply.id);
    let place = |more: Value| {
        let mut place = json!({"item_id": id, "output_index": 0, "content_index": 0});
        if let (Some(fields), Value::Object(more)) = (place.as_object_mut(), more) {
            fields.extend(more);
        }
        place
    };
    let item = text_item(reply, "in_progress", &[]);
    events.push(
        "response.output_item.added",
        json!({"output_index": 0, "item": item}),
    );
    events.push(
        "response.content_part.added",
        place(json!({"part": text_part("")})),
    );
    for piece in words::tokens(text) {
        events.push(
            "response.output_text.delta",
            place(json!({"delta": piece, "logprobs": []})),
        );
    }
    events.push(
        "response.output_text.done",
        place(json!({"text": text, "logprobs": []})),
    );
    events.push(
        "response.content_part.done",
        place(json!({"part": text_part(text)})),
    );
    let item = text_item(reply, last_status(reply), &[text_part(text)]);
    events.push(
        "response.output_item.done",
        json!({"output_index": 0, "item": item}),
    );
}

fn call_events(events: &mut Events, reply: &Reply, index: usize, call: &Call) {
    let id = format!("fc_{}", call.id);
    let item = call_item(call, "in_progress", "");
    events.push(
        "response.output_item.added",
        json!({"output_index": index, "item": item}),
    );
    for piece in words::tokens(&call.arguments) {
        let delta = json!({"item_id": id, "output_index": index, "delta": piece});
        events.push("response.function_call_arguments.delta", delta);
    }
    let done = json!({"item_id": id, "output_index": index, "name": call.name, "arguments": call.arguments});
    events.push("response.function_call_arguments.done", done);
    let item = call_item(call, last_status(reply), &call.arguments);
    events.push(
        "response.output_item.done",
        json!({"output_index": index, "item": item}),
    );
}
