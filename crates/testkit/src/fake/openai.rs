//! The OpenAI shape: chat completions, completions, responses, embeddings, models.
//!
//! Shapes as in OpenAI's published OpenAPI document, read 2026-11.

use serde_json::{Value, json};

mod pictures;
mod responses;
pub(super) mod sound;

use super::bill::Work;
use super::pieces::{Piece, Reply};
use super::{Answer, Behaviour, Fault, SeenRequest, UsageReport};

const CREATED: i64 = 1_772_600_767;

/// Answers one request.
pub(super) fn reply(seen: &SeenRequest, key: &str, behaviour: &Behaviour) -> Reply {
    if seen.header("authorization") != Some(&format!("Bearer {key}")) {
        return error(
            401,
            "invalid_request_error",
            "invalid_api_key",
            "Incorrect API key provided",
        );
    }
    answer(seen, behaviour)
}

/// Answers a request whose key was accepted.
pub(super) fn answer(seen: &SeenRequest, behaviour: &Behaviour) -> Reply {
    if let Fault::Status {
        status,
        retry_after,
    } = &behaviour.fault
    {
        let (kind, code) = match status {
            429 => ("requests", "rate_limit_exceeded"),
            _ => ("server_error", "server_error"),
        };
        let reply = error(
            *status,
            kind,
            code,
            "the fake provider refuses, as it was told",
        );
        return retry_after
            .iter()
            .fold(reply, |reply, wait| reply.header(wait.header()));
    }
    let path = seen.path.split('?').next().unwrap_or_default();
    if seen.method == "GET" && path == "/v1/models" {
        let models = [
            json!({"id": "gpt-4o-mini", "object": "model", "created": CREATED, "owned_by": "openai"}),
        ];
        return Reply::json(json!({"object": "list", "data": models}), None);
    }
    if let Some(reply) = pictures::reply(path, seen, behaviour) {
        return reply;
    }
    if let Some(reply) = sound::reply(path, seen, behaviour) {
        return reply;
    }
    let Ok(request) = serde_json::from_slice::<Value>(&seen.body) else {
        return error(
            400,
            "invalid_request_error",
            "invalid_json",
            "the body is not JSON",
        );
    };
    if behaviour.fault == Fault::ErrorInOk {
        let body = json!({"error": {"message": "the server had an error", "type": "server_error", "code": null, "param": null}});
        return Reply::json(body, None);
    }
    match path {
        "/v1/chat/completions" => chat(&request, behaviour),
        "/v1/completions" => completions(&request, behaviour),
        "/v1/embeddings" => embeddings(&request, behaviour),
        "/v1/responses" => responses::reply(&request, behaviour),
        "/v1/moderations" => {
            let result = json!({"flagged": false, "categories": {}, "category_scores": {}});
            let body = json!({"id": "modr-1", "model": "omni-moderation-latest",
                "results": [result]});
            Reply::json(body, None)
        }
        _ => error(
            404,
            "invalid_request_error",
            "unknown_url",
            "unknown request URL",
        ),
    }
}

pub(super) fn error(status: u16, kind: &str, code: &str, message: &str) -> Reply {
    let error = json!({"message": message, "type": kind, "param": null, "code": code});
    Reply::status(status, json!({ "error": error }))
}

/// One token per started four bytes of every text in the value: never more than its bytes.
pub(super) fn count(value: &Value) -> u64 {
    match value {
        Value::String(text) => u64::try_from(text.len().div_ceil(4)).unwrap_or(u64::MAX),
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

fn field_count(request: &Value, fields: &[&str]) -> u64 {
    fields
        .iter()
        .filter_map(|field| request.get(*field))
        .map(count)
        .sum()
}

fn cap(request: &Value, fields: &[&str]) -> u64 {
    fields
        .iter()
        .find_map(|field| request.get(*field)?.as_u64())
        .unwrap_or(u64::MAX)
}

/// The tokens of one choice.
pub(super) fn tokens(behaviour: &Behaviour, cap: u64) -> u64 {
    let wished = match &behaviour.answer {
        Answer::Exactly(text) => count(&json!(text)),
        Answer::Pieces(texts) => count(&json!(texts.concat())),
        _ => behaviour.output_tokens,
    };
    if behaviour.ignores_cap {
        wished
    } else {
        wished.min(cap)
    }
}

/// The text that these tokens make.
pub(super) fn words(behaviour: &Behaviour, tokens: u64) -> Vec<String> {
    match &behaviour.answer {
        Answer::Exactly(text) => vec![text.clone()],
        Answer::Pieces(texts) => texts.clone(),
        _ => (0..tokens)
            .map(|index| format!("w{} ", index % 10))
            .collect(),
    }
}

fn usage(work: Work, behaviour: &Behaviour) -> Value {
    let (input, output) = match behaviour.usage {
        UsageReport::Wrong { input, output } => (input, output),
        _ => (work.input, work.output),
    };
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
        "prompt_tokens_details": {"cached_tokens": work.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0
        }
    })
}

fn tool_calls(request: &Value, arguments: &str) -> Vec<Value> {
    let tools = request
        .get("tools")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let names = tools
        .iter()
        .filter_map(|tool| tool.pointer("/function/name").or(tool.get("name")));
    let calls = names.enumerate().map(|(index, name)| {
        json!({"id": format!("call_fake{index}"), "type": "function", "function": {"name": name, "arguments": arguments}})
    });
    calls.collect()
}

fn chat(request: &Value, behaviour: &Behaviour) -> Reply {
    let choices = request.get("n").and_then(Value::as_u64).unwrap_or(1);
    let cap = cap(request, &["max_completion_tokens", "max_tokens"]);
    let each = tokens(behaviour, cap);
    let input = field_count(
        request,
        &["messages", "tools", "functions", "response_format"],
    );
    let work = Work {
        input,
        cached: behaviour.cached_tokens.min(input),
        output: each.saturating_mul(choices),
    };
    let finish = match (&behaviour.answer, each >= cap) {
        (Answer::ToolCalls { .. }, _) => "tool_calls",
        (_, true) => "length",
        _ => "stop",
    };
    if request.get("stream").and_then(Value::as_bool) == Some(true) {
        return chat_stream(request, behaviour, work, each, choices, finish);
    }
    let message = match &behaviour.answer {
        Answer::ToolCalls { arguments } => {
            json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": tool_calls(request, arguments)})
        }
        _ => {
            json!({"role": "assistant", "content": words(behaviour, each).concat(), "refusal": null, "annotations": []})
        }
    };
    let choice = |index: u64| json!({"index": index, "message": message, "logprobs": null, "finish_reason": finish});
    let mut body = json!({
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": CREATED,
        "model": request.get("model"),
        "choices": (0..choices).map(choice).collect::<Vec<_>>(),
        "usage": usage(work, behaviour),
        "service_tier": "default",
        "system_fingerprint": "fp_fake"
    });
    if behaviour.usage == UsageReport::Missing
        && let Some(body) = body.as_object_mut()
    {
        body.remove("usage");
    }
    Reply::json(body, Some(work))
}

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn chat_stream(
    request: &Value,
    behaviour: &Behaviour,
    work: Work,
    each: u64,
    choices: u64,
    finish: &str,
) -> Reply {
    let with_usage = request
        .pointer("/stream_options/include_usage")
        .and_then(Value::as_bool)
        == Some(true);
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": "chatcmpl-fake",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": request.get("model"),
            "service_tier": "default",
            "system_fingerprint": "fp_fake",
            "choices": choices
        });
        if with_usage && let Some(chunk) = chunk.as_object_mut() {
            chunk.insert("usage".to_owned(), usage.unwrap_or(Value::Null));
        }
        event(&chunk)
    };
    let delta = |index: u64, delta: Value, finish: Option<&str>| {
        chunk(
            json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}]),
            None,
        )
    };
    let mut pieces = Vec::new();
    for index in 0..choices {
        let before = each.saturating_mul(index);
        let first = json!({"role": "assistant", "content": "", "refusal": null});
        pieces.push(Piece::new(delta(index, first, None), before));
        match &behaviour.answer {
            Answer::ToolCalls { arguments } => {
                for (place, mut call) in tool_calls(request, arguments).into_iter().enumerate() {
                    if let Some(call) = call.as_object_mut() {
                        call.insert("index".to_owned(), json!(place));
                    }
                    let output = before.saturating_add(each);
                    pieces.push(Piece::new(
                        delta(index, json!({"tool_calls": [call]}), None),
                        output,
                    ));
                }
            }
            _ => {
                for (place, word) in (1..).zip(words(behaviour, each)) {
                    let output = before.saturating_add(place);
                    pieces.push(Piece::new(
                        delta(index, json!({"content": word}), None),
                        output,
                    ));
                }
            }
        }
        let output = before.saturating_add(each);
        pieces.push(Piece::new(delta(index, json!({}), Some(finish)), output));
    }
    if with_usage && behaviour.usage != UsageReport::Missing {
        pieces.push(Piece::new(
            chunk(json!([]), Some(usage(work, behaviour))),
            work.output,
        ));
    }
    pieces.push(Piece::new("data: [DONE]\n\n", work.output));
    Reply::stream(spoiled(pieces, behaviour, &overloaded()), work)
}

fn overloaded() -> String {
    event(
        &json!({"error": {"message": "The server is currently overloaded", "type": "server_error", "code": "server_overloaded", "param": null}}),
    )
}

/// The pieces with the fault that changes what is in them.
pub(super) fn spoiled(
    mut pieces: Vec<Piece>,
    behaviour: &Behaviour,
    overloaded: &str,
) -> Vec<Piece> {
    match behaviour.fault {
        Fault::OverloadedAfter(count) => {
            pieces.truncate(count);
            let output = pieces.last().map_or(0, |piece| piece.output);
            pieces.push(Piece::new(overloaded.to_owned(), output));
        }
        Fault::Garbage => {
            let output = pieces.last().map_or(0, |piece| piece.output);
            pieces.truncate(1);
            pieces.push(Piece::new(
                b"data: {\"choices\": [\xff\n\n<html>not sse</html>\n\n".to_vec(),
                output,
            ));
        }
        _ => {}
    }
    pieces
}

fn completions(request: &Value, behaviour: &Behaviour) -> Reply {
    let cap = cap(request, &["max_tokens"]).min(if request.get("max_tokens").is_some() {
        u64::MAX
    } else {
        16
    });
    let each = tokens(behaviour, cap);
    let work = Work {
        input: field_count(request, &["prompt"]),
        cached: 0,
        output: each,
    };
    let finish = if each >= cap { "length" } else { "stop" };
    let choice = |text: &str, finish: Option<&str>| json!([{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]);
    let body = |choices: Value, usage: Option<Value>| {
        let mut body = json!({"id": "cmpl-fake", "object": "text_completion", "created": CREATED, "model": request.get("model"), "choices": choices});
        if let (Some(usage), Some(body)) = (usage, body.as_object_mut()) {
            body.insert("usage".to_owned(), usage);
        }
        body
    };
    let told = (behaviour.usage != UsageReport::Missing).then(|| usage(work, behaviour));
    if request.get("stream").and_then(Value::as_bool) != Some(true) {
        return Reply::json(
            body(choice(&words(behaviour, each).concat(), Some(finish)), told),
            Some(work),
        );
    }
    let mut pieces: Vec<_> = (1..)
        .zip(words(behaviour, each))
        .map(|(output, word)| Piece::new(event(&body(choice(&word, None), None)), output))
        .collect();
    pieces.push(Piece::new(
        event(&body(choice("", Some(finish)), None)),
        each,
    ));
    let asked = request
        .pointer("/stream_options/include_usage")
        .and_then(Value::as_bool);
    if asked == Some(true) {
        pieces.push(Piece::new(event(&body(json!([]), told)), each));
    }
    pieces.push(Piece::new("data: [DONE]\n\n", each));
    Reply::stream(spoiled(pieces, behaviour, &overloaded()), work)
}

fn embeddings(request: &Value, behaviour: &Behaviour) -> Reply {
    let texts = match request.get("input") {
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => items.len(),
        _ => 1,
    };
    let work = Work {
        input: field_count(request, &["input"]),
        cached: 0,
        output: 0,
    };
    let vector = match request.get("encoding_format").and_then(Value::as_str) {
        // [0.25, -0.5] in little-endian f32.
        Some("base64") => json!("AACAPgAAAL8="),
        _ => json!([0.25, -0.5]),
    };
    let item = |index: usize| json!({"object": "embedding", "index": index, "embedding": vector});
    let mut body = json!({
        "object": "list",
        "data": (0..texts).map(item).collect::<Vec<_>>(),
        "model": request.get("model"),
        "usage": {"prompt_tokens": work.input, "total_tokens": work.input}
    });
    if behaviour.usage == UsageReport::Missing
        && let Some(body) = body.as_object_mut()
    {
        body.remove("usage");
    }
    Reply::json(body, Some(work))
}
