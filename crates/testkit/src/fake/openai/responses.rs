//! `POST /v1/responses`.

use serde_json::{Value, json};

use super::super::bill::Work;
use super::super::pieces::{Piece, Reply};
use super::super::{Answer, Behaviour, UsageReport};
use super::{CREATED, cap, field_count, spoiled, tokens, tool_calls, words};

pub(super) fn reply(request: &Value, behaviour: &Behaviour) -> Reply {
    let cap = cap(request, &["max_output_tokens"]);
    let each = tokens(behaviour, cap);
    let input = field_count(request, &["input", "instructions", "tools", "text"]);
    let work = Work {
        input,
        cached: behaviour.cached_tokens.min(input),
        output: each,
    };
    let incomplete = each >= cap;
    let text = words(behaviour, each);
    let output = match &behaviour.answer {
        Answer::ToolCalls { arguments } => tool_calls(request, arguments)
            .iter()
            .map(|call| {
                json!({"type": "function_call", "id": "fc_fake", "call_id": call["id"], "name": call.pointer("/function/name"), "arguments": arguments, "status": "completed"})
            })
            .collect(),
        _ => vec![json!({"type": "message", "id": "msg_fake", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": text.concat(), "annotations": [], "logprobs": []}]})],
    };
    let told = match behaviour.usage {
        UsageReport::Wrong { input, output } => (input, output),
        _ => (work.input, work.output),
    };
    let usage = json!({
        "input_tokens": told.0, "input_tokens_details": {"cached_tokens": work.cached},
        "output_tokens": told.1, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": told.0.saturating_add(told.1)
    });
    let body = |status: &str, output: &[Value], usage: Value| {
        json!({
            "id": "resp_fake", "object": "response", "created_at": CREATED, "status": status,
            "background": false, "error": null,
            "incomplete_details": if status == "incomplete" { json!({"reason": "max_output_tokens"}) } else { Value::Null },
            "instructions": request.get("instructions"), "max_output_tokens": request.get("max_output_tokens"),
            "model": request.get("model"), "output": output, "parallel_tool_calls": true,
            "previous_response_id": null, "store": true, "temperature": 1.0, "text": {"format": {"type": "text"}},
            "tool_choice": "auto", "tools": request.get("tools").cloned().unwrap_or(json!([])), "top_p": 1.0,
            "truncation": "disabled", "usage": usage, "metadata": {}
        })
    };
    let status = if incomplete {
        "incomplete"
    } else {
        "completed"
    };
    let usage = if behaviour.usage == UsageReport::Missing {
        Value::Null
    } else {
        usage
    };
    let done = body(status, &output, usage);
    if request.get("stream").and_then(Value::as_bool) != Some(true) {
        return Reply::json(done, Some(work));
    }
    let started = body("in_progress", &[], Value::Null);
    Reply::stream(
        spoiled(
            response_events(&started, &done, &output, &text, each),
            behaviour,
            &response_overloaded(),
        ),
        work,
    )
}

fn response_overloaded() -> String {
    let error = json!({"type": "error", "code": "server_error", "message": "overloaded", "param": null, "sequence_number": 99});
    format!("event: error\ndata: {error}\n\n")
}

fn response_events(
    started: &Value,
    done: &Value,
    output: &[Value],
    text: &[String],
    each: u64,
) -> Vec<Piece> {
    let mut number = 0_u64;
    let mut named = |kind: &str, mut fields: Value, output: u64| {
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("type".to_owned(), json!(kind));
            fields.insert("sequence_number".to_owned(), json!(number));
        }
        number = number.saturating_add(1);
        Piece::new(format!("event: {kind}\ndata: {fields}\n\n"), output)
    };
    let mut pieces = vec![
        named("response.created", json!({"response": started}), 0),
        named("response.in_progress", json!({"response": started}), 0),
    ];
    for (index, item) in output.iter().enumerate() {
        let id = &item["id"];
        pieces.push(named(
            "response.output_item.added",
            json!({"output_index": index, "item": item}),
            0,
        ));
        if item["type"] == "message" {
            let part =
                json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
            pieces.push(named(
                "response.content_part.added",
                json!({"item_id": id, "output_index": index, "content_index": 0, "part": part}),
                0,
            ));
            for (count, word) in (1..).zip(text) {
                let fields = json!({"item_id": id, "output_index": index, "content_index": 0, "delta": word, "logprobs": []});
                pieces.push(named("response.output_text.delta", fields, count));
            }
            let fields = json!({"item_id": id, "output_index": index, "content_index": 0, "text": text.concat(), "logprobs": []});
            pieces.push(named("response.output_text.done", fields, each));
            let fields = json!({"item_id": id, "output_index": index, "content_index": 0, "part": item.pointer("/content/0")});
            pieces.push(named("response.content_part.done", fields, each));
        } else {
            let fields = json!({"item_id": id, "output_index": index, "delta": item["arguments"]});
            pieces.push(named(
                "response.function_call_arguments.delta",
                fields,
                each,
            ));
            let fields = json!({"item_id": id, "output_index": index, "name": item["name"], "arguments": item["arguments"]});
            pieces.push(named("response.function_call_arguments.done", fields, each));
        }
        pieces.push(named(
            "response.output_item.done",
            json!({"output_index": index, "item": item}),
            each,
        ));
    }
    let end = if done["status"] == "incomplete" {
        "response.incomplete"
    } else {
        "response.completed"
    };
    pieces.push(named(end, json!({"response": done}), each));
    pieces
}
