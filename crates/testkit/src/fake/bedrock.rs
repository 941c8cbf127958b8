//! The shape of Amazon Bedrock: `Converse`, `InvokeModel` and their streams, for whoever signs.
//!
//! Shapes and refusals as botocore 1.44.5 has them (`bedrock-runtime/2023-09-30`); the messages of
//! refused signatures as AWS's documents on Signature Version 4 name them (by excerpts, 2026-11).
//! The signature is computed anew from the bytes that arrived, by code of its own.

mod invoke;
mod refusals;
mod signature;
mod sts;

use serde_json::{Value, json};

use self::refusals::problem;
use self::signature::unsigned;
pub(super) use self::sts::Sts;
use super::bill::Work;
use super::openai::{count, tokens, words};
use super::pieces::{Piece, Reply};
use super::{Answer, Behaviour, Fault, SeenRequest, UsageReport};

/// The region that the fake serves.
pub(super) const REGION: &str = "eu-central-1";
/// The key that it knows, and the key of Bedrock's own.
pub(super) const KEY: &str = "AKIAFAKEFAKEFAKEFAKE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYFAKEFAKE";
const API_KEY: &str = "ABSKRmFrZUJlZHJvY2tLZXk=";
/// How far the clock of who signs may be away, in seconds.
const SKEW_SECONDS: i64 = 300;
/// The fields of a request; Bedrock refuses all others.
const FIELDS: [&str; 11] = [
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "guardrailConfig",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "outputConfig",
];
const INFERENCE: [&str; 4] = ["maxTokens", "temperature", "topP", "stopSequences"];
const BLOCKS: [&str; 7] = [
    "text",
    "image",
    "document",
    "toolUse",
    "toolResult",
    "reasoningContent",
    "cachePoint",
];

/// Answers one request; the clock is the fake's own.
pub(super) fn reply(seen: &SeenRequest, key: &str, now: i64, behaviour: &Behaviour) -> Reply {
    if let Some((kind, message)) = unsigned(seen, key, now, "bedrock") {
        return error(403, kind, &message);
    }
    if seen.method == "GET" && seen.path == "/foundation-models" {
        return Reply::json(json!({ "modelSummaries": [] }), None);
    }
    if let Fault::Status {
        status,
        retry_after,
    } = &behaviour.fault
    {
        let kind = match status {
            429 => "ThrottlingException",
            404 => "ResourceNotFoundException",
            408 => "ModelTimeoutException",
            424 => "ModelErrorException",
            503 => "ServiceUnavailableException",
            500 => "InternalServerException",
            _ => "ValidationException",
        };
        let told = error(*status, kind, "the fake provider refuses, as it was told");
        return match retry_after {
            Some(wait) => told.header(wait.header()),
            None => told,
        };
    }
    let asked = seen.path.strip_prefix("/model/");
    let (model, method) = match asked.and_then(|asked| asked.split_once('/')) {
        Some((model, method)) if seen.method == "POST" => (model, method),
        _ => return error(404, "UnknownOperationException", "no such operation"),
    };
    let (streams, is_invoked) = match method {
        "converse" => (false, false),
        "converse-stream" => (true, false),
        "invoke" => (false, true),
        "invoke-with-response-stream" => (true, true),
        _ => return error(404, "UnknownOperationException", "no such operation"),
    };
    if model.contains(':') {
        return error(
            400,
            "ValidationException",
            "The provided model identifier is invalid.",
        );
    }
    let Ok(Value::Object(request)) = serde_json::from_slice::<Value>(&seen.body) else {
        return error(400, "SerializationException", "the body is no object");
    };
    if is_invoked {
        return invoke::invoke(streams, model, request, behaviour);
    }
    if let Some(problem) = problem(&request) {
        return error(400, "ValidationException", &problem);
    }
    converse(streams, &Value::Object(request), behaviour)
}

fn error(status: u16, kind: &'static str, message: &str) -> Reply {
    Reply::status(status, json!({ "message": message }))
        .header(("x-amzn-errortype", kind.to_owned()))
}

fn converse(streams: bool, request: &Value, behaviour: &Behaviour) -> Reply {
    let input = ["messages", "system", "toolConfig"]
        .iter()
        .filter_map(|field| request.get(*field))
        .map(count)
        .sum();
    let cap = request.pointer("/inferenceConfig/maxTokens");
    let cap = cap.and_then(Value::as_u64).unwrap_or(u64::MAX);
    let each = tokens(behaviour, cap);
    let work = Work {
        input,
        cached: behaviour.cached_tokens.min(input),
        output: each,
    };
    let text = words(behaviour, each);
    let calls = calls(request, behaviour);
    let reason = match (calls.is_empty(), each >= cap) {
        (false, _) => "tool_use",
        (true, true) => "max_tokens",
        (true, false) => "end_turn",
    };
    let told = usage(behaviour, &work);
    if !streams {
        let content = match calls.is_empty() {
            true => json!([{ "text": text.concat() }]),
            false => calls
                .iter()
                .map(|call| json!({ "toolUse": call }))
                .collect(),
        };
        let mut answer = json!({
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": reason, "metrics": {"latencyMs": 1},
        });
        if let (Some(told), Some(answer)) = (told, answer.as_object_mut()) {
            answer.insert("usage".to_owned(), told);
        }
        return Reply::json(answer, Some(work));
    }
    let mut pieces = vec![event("messageStart", &json!({"role": "assistant"}), 0)];
    pieces.extend(match calls.is_empty() {
        true => spoken(&text),
        false => called(&calls, each),
    });
    pieces.push(event("messageStop", &json!({ "stopReason": reason }), each));
    let mut metadata = json!({"metrics": {"latencyMs": 1}});
    if let (Some(told), Some(metadata)) = (told, metadata.as_object_mut()) {
        metadata.insert("usage".to_owned(), told);
    }
    pieces.push(event("metadata", &metadata, each));
    Reply::event_stream(spoiled(pieces, behaviour), work)
}

fn spoken(text: &[String]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = (1..)
        .zip(text)
        .map(|(output, word)| {
            let delta = json!({"delta": {"text": word}, "contentBlockIndex": 0, "p": "abc"});
            event("contentBlockDelta", &delta, output)
        })
        .collect();
    let output = u64::try_from(text.len()).unwrap_or(u64::MAX);
    pieces.push(event(
        "contentBlockStop",
        &json!({"contentBlockIndex": 0}),
        output,
    ));
    pieces
}

/// Calls whose arguments come in two pieces.
fn called(calls: &[Value], output: u64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let start = json!({"toolUseId": call.get("toolUseId"), "name": call.get("name")});
        let input = call.get("input").map(Value::to_string).unwrap_or_default();
        let (first, rest) = input.split_at(1.min(input.len()));
        let body = json!({"start": {"toolUse": start}, "contentBlockIndex": index});
        pieces.push(event("contentBlockStart", &body, output));
        for part in [first, rest] {
            let body = json!({"delta": {"toolUse": {"input": part}}, "contentBlockIndex": index});
            pieces.push(event("contentBlockDelta", &body, output));
        }
        let body = json!({ "contentBlockIndex": index });
        pieces.push(event("contentBlockStop", &body, output));
    }
    pieces
}

/// A call of each tool.
fn calls(request: &Value, behaviour: &Behaviour) -> Vec<Value> {
    let Answer::ToolCalls { arguments } = &behaviour.answer else {
        return Vec::new();
    };
    let input: Value = serde_json::from_str(arguments).unwrap_or_default();
    let tools = request
        .pointer("/toolConfig/tools")
        .and_then(Value::as_array);
    let call = |(index, tool): (usize, &Value)| {
        let name = tool.pointer("/toolSpec/name");
        json!({"toolUseId": format!("tooluse_fake{index}"), "name": name, "input": input})
    };
    tools.into_iter().flatten().enumerate().map(call).collect()
}

/// What the cache gave stands beside the input.
fn usage(behaviour: &Behaviour, work: &Work) -> Option<Value> {
    let (input, output) = match behaviour.usage {
        UsageReport::True => (work.input, work.output),
        UsageReport::Missing => return None,
        UsageReport::Wrong { input, output } => (input, output),
    };
    let fresh = input.saturating_sub(work.cached);
    Some(json!({
        "inputTokens": fresh, "outputTokens": output,
        "totalTokens": input.saturating_add(output),
        "cacheReadInputTokens": work.cached, "cacheWriteInputTokens": 0,
    }))
}

/// The pieces with the fault that changes what is in them.
fn spoiled(mut pieces: Vec<Piece>, behaviour: &Behaviour) -> Vec<Piece> {
    match behaviour.fault {
        Fault::OverloadedAfter(count) => {
            pieces.truncate(count);
            let output = pieces.last().map_or(0, |piece| piece.output);
            let headers = [
                (":exception-type", "serviceUnavailableException"),
                (":content-type", "application/json"),
                (":message-type", "exception"),
            ];
            let body = json!({"message": "The service is unavailable."}).to_string();
            pieces.push(Piece::new(message(&headers, body.as_bytes()), output));
        }
        Fault::Garbage => {
            // One bit of a word has changed on its way.
            if let Some(piece) = pieces.get_mut(1) {
                let mut bytes = piece.bytes.to_vec();
                if let Some(byte) = bytes.iter_mut().rev().nth(8) {
                    *byte ^= 1;
                }
                piece.bytes = bytes.into();
            }
        }
        _ => {}
    }
    pieces
}

fn event(name: &str, body: &Value, output: u64) -> Piece {
    let headers = [
        (":event-type", name),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    Piece::new(message(&headers, body.to_string().as_bytes()), output)
}

/// A message of `application/vnd.amazon.eventstream`.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        block.extend_from_slice(name.as_bytes());
        block.push(7);
        block.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    let told = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let total = block.len().saturating_add(payload.len()).saturating_add(16);
    let mut out = [told(total), told(block.len())].concat();
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&block);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}
