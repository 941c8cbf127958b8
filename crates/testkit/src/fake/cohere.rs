//! The Cohere shape: chat of version 2, whole and streamed.
//!
//! Shapes as the package `cohere` 7.3.1 of PyPI types them; refusals as docs.cohere.com tells them
//! (errors, chat), read 2026-11.

use serde_json::{Map, Value, json};

use super::bill::Work;
use super::openai::{count, spoiled, tokens, words};
use super::pieces::{Piece, Reply};
use super::{Answer, Behaviour, Fault, SeenRequest, UsageReport};

/// The fields of a request; Cohere refuses all others.
const FIELDS: [&str; 21] = [
    "model",
    "messages",
    "tools",
    "strict_tools",
    "tool_choice",
    "documents",
    "citation_options",
    "response_format",
    "safety_mode",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "thinking",
    "priority",
    "stream",
];
/// The fields of a request for embeddings.
const EMBED_FIELDS: [&str; 6] = [
    "model",
    "texts",
    "input_type",
    "embedding_types",
    "output_dimension",
    "truncate",
];
/// The fields of a request to rank.
const RERANK_FIELDS: [&str; 6] = [
    "model",
    "query",
    "documents",
    "top_n",
    "max_tokens_per_doc",
    "priority",
];
/// What Cohere puts around a prompt and counts, but does not bill.
const UNBILLED_TOKENS: u64 = 500;

/// Answers one request.
pub(super) fn reply(seen: &SeenRequest, key: &str, behaviour: &Behaviour) -> Reply {
    if seen.header("authorization") != Some(&format!("Bearer {key}")) {
        return error(401, "invalid api token");
    }
    if seen.method == "GET" && seen.path.starts_with("/v1/models") {
        let model = json!({"name": "command-a-03-2025", "endpoints": ["chat"]});
        return Reply::json(json!({ "models": [model] }), None);
    }
    if !matches!(seen.path.as_str(), "/v2/chat" | "/v2/embed" | "/v2/rerank") {
        return error(404, "endpoint not found");
    }
    if let Fault::Status {
        status,
        retry_after,
    } = &behaviour.fault
    {
        let refused = error(*status, "the fake provider refuses, as it was told");
        return match retry_after {
            Some(wait) => refused.header(wait.header()),
            None => refused,
        };
    }
    let Ok(Value::Object(request)) = serde_json::from_slice::<Value>(&seen.body) else {
        return error(400, "invalid json syntax");
    };
    let problem = match seen.path.as_str() {
        "/v2/embed" => embed_problem(&request),
        "/v2/rerank" => rerank_problem(&request),
        _ => problem(&request),
    };
    if let Some(problem) = problem {
        return error(422, &problem);
    }
    if behaviour.fault == Fault::ErrorInOk {
        return Reply::json(json!({"message": "the model is overloaded"}), None);
    }
    let request = Value::Object(request);
    match seen.path.as_str() {
        "/v2/embed" => embed(&request, behaviour),
        "/v2/rerank" => rerank(&request, behaviour),
        _ => chat(&request, behaviour),
    }
}

/// What Cohere would refuse to rank.
fn rerank_problem(request: &Map<String, Value>) -> Option<String> {
    let known = |name: &&String| RERANK_FIELDS.contains(&name.as_str());
    if let Some(name) = request.keys().find(|name| !known(name)) {
        return Some(format!(
            "unknown field: parameter '{name}' is not a valid field"
        ));
    }
    let documents = request.get("documents").and_then(Value::as_array);
    let strings = documents
        .is_some_and(|documents| !documents.is_empty() && documents.iter().all(Value::is_string));
    (!strings || !request.contains_key("query"))
        .then(|| "invalid request: query and documents must be provided".to_owned())
}

/// Ranks the documents as they stand. A search is billed for each hundred pieces of 500 tokens, by
/// models whose names end in a version below 5; later ones bill tokens.
fn rerank(request: &Value, behaviour: &Behaviour) -> Reply {
    let documents = request.get("documents").and_then(Value::as_array);
    let documents = documents.map(Vec::as_slice).unwrap_or_default();
    let query = request.get("query").map_or(0, count);
    let room = 500_u64.saturating_sub(query.min(250));
    let pieces: u64 = documents
        .iter()
        .map(|document| count(document).div_ceil(room).max(1))
        .sum();
    let model = request.get("model").and_then(Value::as_str);
    let by_tokens = model.is_some_and(|model| model.starts_with("rerank-v5"));
    let tokens: u64 = documents.iter().map(count).sum();
    let tokens = tokens.saturating_add(query.saturating_mul(pieces));
    let (units, work) = match by_tokens {
        true => (json!({ "input_tokens": tokens }), tokens),
        false => {
            let searches = pieces.div_ceil(100);
            (json!({ "search_units": searches }), searches)
        }
    };
    let work = Work {
        input: work,
        cached: 0,
        output: 0,
    };
    let results: Vec<Value> = (0..documents.len())
        .map(|index| json!({"index": index, "relevance_score": 0.5}))
        .collect();
    let mut answer = json!({"id": "fake", "results": results});
    if let (UsageReport::True, Some(fields)) = (behaviour.usage, answer.as_object_mut()) {
        let meta = json!({"api_version": {"version": "2"}, "billed_units": units});
        fields.insert("meta".to_owned(), meta);
    }
    Reply::json(answer, Some(work))
}

/// What Cohere would refuse to embed.
fn embed_problem(request: &Map<String, Value>) -> Option<String> {
    let known = |name: &&String| EMBED_FIELDS.contains(&name.as_str());
    if let Some(name) = request.keys().find(|name| !known(name)) {
        return Some(format!(
            "unknown field: parameter '{name}' is not a valid field"
        ));
    }
    let texts = request.get("texts").and_then(Value::as_array);
    let texts = texts.map(Vec::as_slice).unwrap_or_default();
    if !(1..=96).contains(&texts.len()) || !texts.iter().all(Value::is_string) {
        return Some("invalid request: texts must be 1 to 96 strings.".to_owned());
    }
    let kind = request.get("input_type").and_then(Value::as_str);
    let known = matches!(
        kind,
        Some("search_document" | "search_query" | "classification" | "clustering")
    );
    (!known).then(|| "invalid request: valid input_type must be provided".to_owned())
}

fn embed(request: &Value, behaviour: &Behaviour) -> Reply {
    let texts = request.get("texts").and_then(Value::as_array);
    let vectors: Vec<Value> = texts
        .into_iter()
        .flatten()
        .map(|text| json!([0.25, -0.5, count(text)]))
        .collect();
    let work = Work {
        input: request.get("texts").map_or(0, count),
        cached: 0,
        output: 0,
    };
    let mut answer = json!({"id": "fake", "response_type": "embeddings_by_type",
        "embeddings": {"float": vectors}, "texts": request.get("texts")});
    let told = match behaviour.usage {
        UsageReport::True => Some(work.input),
        UsageReport::Missing => None,
        UsageReport::Wrong { input, .. } => Some(input),
    };
    if let (Some(told), Some(fields)) = (told, answer.as_object_mut()) {
        let meta = json!({"api_version": {"version": "2"}, "billed_units": {"input_tokens": told}});
        fields.insert("meta".to_owned(), meta);
    }
    Reply::json(answer, Some(work))
}

fn error(status: u16, message: &str) -> Reply {
    Reply::status(status, json!({"id": "fake", "message": message}))
}

/// What Cohere would refuse.
fn problem(request: &Map<String, Value>) -> Option<String> {
    if let Some(name) = request.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Some(format!(
            "unknown field: parameter '{name}' is not a valid field"
        ));
    }
    let share = request.get("p").and_then(Value::as_f64);
    if share.is_some_and(|p| !(0.01..=0.99).contains(&p)) {
        return Some("invalid request: p must be between 0.01 and 0.99 inclusive.".to_owned());
    }
    if request.contains_key("tools") && request.contains_key("response_format") {
        return Some("invalid request: response_format is not supported with tools.".to_owned());
    }
    let messages = request.get("messages").and_then(Value::as_array);
    let messages = messages.map(Vec::as_slice).unwrap_or_default();
    let Some(last) = messages.last() else {
        return Some("invalid request: list of messages must not be empty".to_owned());
    };
    let role = |message: &Value| {
        message
            .get("role")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    if !matches!(role(last).as_deref(), Some("user" | "tool")) {
        return Some("invalid request: the last message must be of a user or a tool".to_owned());
    }
    order(messages)
}

/// Each call of a message has one result behind it, and no result stands alone.
fn order(messages: &[Value]) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for message in messages {
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        if text("role") == Some("tool") {
            let id = text("tool_call_id").unwrap_or_default();
            let Some(at) = open.iter().position(|waiting| *waiting == id) else {
                return Some(format!("invalid request: no tool call with the id '{id}'"));
            };
            open.remove(at);
            continue;
        }
        if let Some(id) = open.first() {
            return Some(format!(
                "invalid request: missing result of the tool call '{id}'"
            ));
        }
        let calls = message.get("tool_calls").and_then(Value::as_array);
        let ids = calls
            .into_iter()
            .flatten()
            .filter_map(|call| call.get("id"));
        open.extend(ids.filter_map(Value::as_str));
    }
    None
}

fn chat(request: &Value, behaviour: &Behaviour) -> Reply {
    let input = ["messages", "tools"]
        .iter()
        .filter_map(|field| request.get(*field))
        .map(count)
        .sum();
    let cap = request.get("max_tokens").and_then(Value::as_u64);
    let cap = cap.unwrap_or(u64::MAX);
    let each = tokens(behaviour, cap);
    let work = Work {
        input,
        cached: behaviour.cached_tokens.min(input),
        output: each,
    };
    let calls = calls(request, behaviour);
    let end = match (each >= cap, calls.is_empty()) {
        (true, true) => "MAX_TOKENS",
        (false, true) => "COMPLETE",
        (_, false) => "TOOL_CALL",
    };
    let text = words(behaviour, each);
    if request.get("stream").and_then(Value::as_bool) == Some(true) {
        return stream(&text, &calls, end, &work, behaviour);
    }
    let message = match calls.is_empty() {
        true => {
            json!({"role": "assistant", "content": [{"type": "text", "text": text.concat()}]})
        }
        false => {
            json!({"role": "assistant", "tool_plan": "I will look.", "tool_calls": calls})
        }
    };
    let mut answer = json!({"id": "fake", "finish_reason": end, "message": message});
    if let (Some(usage), Some(fields)) = (usage(behaviour, &work), answer.as_object_mut()) {
        fields.insert("usage".to_owned(), usage);
    }
    Reply::json(answer, Some(work))
}

fn stream(
    text: &[String],
    calls: &[Value],
    end: &str,
    work: &Work,
    behaviour: &Behaviour,
) -> Reply {
    let event = |kind: &str, mut fields: Value, output: u64| {
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("type".to_owned(), kind.into());
        }
        Piece::new(format!("event: {kind}\ndata: {fields}\n\n"), output)
    };
    let said = |fields: Value| json!({"delta": {"message": fields}});
    let numbered =
        |index: usize, fields: Value| json!({"index": index, "delta": {"message": fields}});
    let start = json!({"id": "fake", "delta": {"message": {"role": "assistant"}}});
    let mut pieces = vec![event("message-start", start, 0)];
    if calls.is_empty() {
        let opening = json!({"content": {"type": "text", "text": ""}});
        pieces.push(event("content-start", numbered(0, opening), 0));
        pieces.extend((1..).zip(text).map(|(output, word)| {
            let content = json!({"content": {"text": word}});
            event("content-delta", numbered(0, content), output)
        }));
        pieces.push(event("content-end", json!({"index": 0}), work.output));
    } else {
        for word in ["I will ", "look."] {
            pieces.push(event(
                "tool-plan-delta",
                said(json!({"tool_plan": word})),
                1,
            ));
        }
    }
    for (index, call) in calls.iter().enumerate() {
        let arguments = call
            .pointer("/function/arguments")
            .cloned()
            .unwrap_or_default();
        let mut opening = call.clone();
        if let Some(slot) = opening.pointer_mut("/function/arguments") {
            *slot = "".into();
        }
        let opening = json!({ "tool_calls": opening });
        let more = json!({"tool_calls": {"function": {"arguments": arguments}}});
        pieces.push(event(
            "tool-call-start",
            numbered(index, opening),
            work.output,
        ));
        pieces.push(event("tool-call-delta", numbered(index, more), work.output));
        pieces.push(event(
            "tool-call-end",
            json!({ "index": index }),
            work.output,
        ));
    }
    let mut last = json!({"delta": {"finish_reason": end}});
    if let (Some(usage), Some(slot)) = (usage(behaviour, work), last.get_mut("delta"))
        && let Some(fields) = slot.as_object_mut()
    {
        fields.insert("usage".to_owned(), usage);
    }
    pieces.push(event("message-end", last, work.output));
    let overloaded = json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "the model is overloaded"}});
    let overloaded = format!("event: message-end\ndata: {overloaded}\n\n");
    Reply::stream(spoiled(pieces, behaviour, &overloaded), *work)
}

/// A call of each function.
fn calls(request: &Value, behaviour: &Behaviour) -> Vec<Value> {
    let Answer::ToolCalls { arguments } = &behaviour.answer else {
        return Vec::new();
    };
    let tools = request.get("tools").and_then(Value::as_array);
    let call = |(index, tool): (usize, &Value)| {
        let name = tool.pointer("/function/name");
        json!({"id": format!("fake_{index}"), "type": "function",
            "function": {"name": name, "arguments": arguments}})
    };
    tools.into_iter().flatten().enumerate().map(call).collect()
}

/// What is told: as floats, and with what is counted but not billed.
fn usage(behaviour: &Behaviour, work: &Work) -> Option<Value> {
    let (input, output) = match behaviour.usage {
        UsageReport::True => (work.input, work.output),
        UsageReport::Missing => return None,
        UsageReport::Wrong { input, output } => (input, output),
    };
    let read = input.saturating_add(UNBILLED_TOKENS);
    Some(json!({
        "billed_units": {"input_tokens": input, "output_tokens": output},
        "tokens": {"input_tokens": read, "output_tokens": output},
        "cached_tokens": work.cached,
    }))
}
