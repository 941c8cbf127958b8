//! The Gemini shape: `generateContent`, whole and streamed.
//!
//! Shapes and refusals as in Google's API reference (ai.google.dev, generate content, function
//! calling, thinking, errors), read 2026-11.

use serde_json::{Map, Value, json};

use super::bill::Work;
use super::openai::{count, spoiled, tokens, words};
use super::pieces::{Piece, Reply};
use super::{Answer, Behaviour, Fault, RetryAfter, SeenRequest, UsageReport};

/// The fields of a request; Google refuses all others.
const FIELDS: [&str; 7] = [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "safetySettings",
    "generationConfig",
    "cachedContent",
];
const FLASH: &str = "gemini-2.5-flash";
const GENERATION: [&str; 16] = [
    "imageConfig",
    "maxOutputTokens",
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "stopSequences",
    "responseMimeType",
    "responseJsonSchema",
    "responseSchema",
    "responseModalities",
    "mediaResolution",
    "thinkingConfig",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
];

/// Answers one request with the key in its own header.
pub(super) fn reply(seen: &SeenRequest, key: &str, behaviour: &Behaviour) -> Reply {
    if seen.header("x-goog-api-key") != Some(key) {
        let detail = json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID", "domain": "googleapis.com"});
        let message = "API key not valid. Please pass a valid API key.";
        return error(400, message, &[detail]);
    }
    let versions = ["/v1beta/models", "/v1/models"];
    let mut tails = versions
        .iter()
        .filter_map(|version| seen.path.strip_prefix(version));
    let Some(tail) = tails.next() else {
        return error(404, "Requested entity was not found.", &[]);
    };
    if seen.method == "GET" {
        return match tail {
            "" => Reply::json(json!({ "models": [described(FLASH)] }), None),
            "/gemini-2.5-flash" => Reply::json(described(FLASH), None),
            _ => error(404, "Requested entity was not found.", &[]),
        };
    }
    answer(tail.trim_start_matches('/'), seen, behaviour)
}

fn described(model: &str) -> Value {
    json!({"name": format!("models/{model}"), "displayName": model,
        "inputTokenLimit": 1_048_576, "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"]})
}

/// Answers a request whose key was accepted: `MODEL:METHOD`, with its query.
pub(super) fn answer(asked: &str, seen: &SeenRequest, behaviour: &Behaviour) -> Reply {
    if let Fault::Status {
        status,
        retry_after,
    } = &behaviour.fault
    {
        let told = "the fake provider refuses, as it was told";
        // Google says how long to wait in the body.
        return match retry_after {
            Some(RetryAfter::Seconds(seconds)) => {
                let detail = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo",
                    "retryDelay": format!("{seconds}s")});
                error(*status, told, &[detail])
            }
            Some(other) => error(*status, told, &[]).header(other.header()),
            None => error(*status, told, &[]),
        };
    }
    match asked.split_once(':') {
        Some((model, "batchEmbedContents")) => return embed(model, "requests", seen, behaviour),
        Some((model, "predict")) if model.starts_with("imagen") => return predict(seen, behaviour),
        Some((model, "predict")) => return embed(model, "instances", seen, behaviour),
        _ => {}
    }
    if asked.ends_with(":countTokens") {
        let request: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let total = request.get("contents").map_or(0, count);
        return Reply::json(json!({ "totalTokens": total }), None);
    }
    let streams = match asked.split_once(':') {
        Some((_, "generateContent")) => false,
        Some((_, "streamGenerateContent?alt=sse")) => true,
        _ => return error(404, "Requested entity was not found.", &[]),
    };
    let model = asked.split(':').next().unwrap_or_default();
    let Ok(Value::Object(request)) = serde_json::from_slice::<Value>(&seen.body) else {
        return error(400, "Invalid JSON payload received.", &[]);
    };
    if let Some(problem) = problem(&request) {
        return error(400, &problem, &[]);
    }
    if behaviour.fault == Fault::ErrorInOk {
        let error =
            json!({"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"});
        return Reply::json(json!({ "error": error }), None);
    }
    if model.contains("image") && !streams {
        return draw(model, &Value::Object(request), behaviour);
    }
    generate(model, streams, &Value::Object(request), behaviour)
}

/// So many tokens has a picture of Gemini's.
const PICTURE: u64 = 1_290;
/// A picture of one pixel.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A picture, which is billed as output; nobody bills words beside it here.
fn draw(model: &str, request: &Value, behaviour: &Behaviour) -> Reply {
    let input = request.get("contents").map_or(0, count);
    let work = Work {
        input,
        cached: 0,
        output: PICTURE,
    };
    let details = json!([{"modality": "IMAGE", "tokenCount": PICTURE}]);
    let usage = json!({"promptTokenCount": input, "candidatesTokenCount": PICTURE,
        "candidatesTokensDetails": details, "totalTokenCount": input + PICTURE});
    let data = json!({"mimeType": "image/png", "data": PIXEL});
    let mut answer = json!({"responseId": "r1", "modelVersion": model, "candidates": [{"index": 0,
        "content": {"role": "model", "parts": [{"inlineData": data}]}, "finishReason": "STOP"}]});
    if let (Some(fields), true) = (
        answer.as_object_mut(),
        behaviour.usage != UsageReport::Missing,
    ) {
        fields.insert("usageMetadata".to_owned(), usage);
    }
    Reply::json(answer, Some(work))
}

/// Pictures of Imagen: a unit of input is billed for each. One that a filter takes out is not.
fn predict(seen: &SeenRequest, behaviour: &Behaviour) -> Reply {
    let request: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let prompt = request.pointer("/instances/0/prompt");
    if !prompt.is_some_and(Value::is_string) {
        return error(400, "* prompt must not be empty.", &[]);
    }
    let asked = request.pointer("/parameters/sampleCount");
    let asked = asked.and_then(Value::as_u64).unwrap_or(4);
    let made = match behaviour.fault {
        Fault::OverloadedAfter(count) => asked.min(count as u64),
        _ => asked,
    };
    let one = json!({"mimeType": "image/png", "bytesBase64Encoded": PIXEL});
    let predictions: Vec<Value> = (0..made).map(|_| one.clone()).collect();
    let work = Work {
        input: made,
        cached: 0,
        output: 0,
    };
    Reply::json(json!({ "predictions": predictions }), Some(work))
}

pub(super) fn error(status: u16, message: &str, details: &[Value]) -> Reply {
    let word = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    };
    let error = json!({"code": status, "message": message, "status": word, "details": details});
    Reply::status(status, json!({ "error": error }))
}

/// Embeddings, of Gemini's models by `requests`, of the older ones of Vertex AI by `instances`.
fn embed(model: &str, field: &str, seen: &SeenRequest, behaviour: &Behaviour) -> Reply {
    let request: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let items = request.get(field).and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() || (model.starts_with("gemini") != (field == "requests")) {
        return error(400, "Invalid JSON payload received.", &[]);
    }
    let text = |item: &Value| match field {
        "requests" => item.pointer("/content/parts/0/text").cloned(),
        _ => item.get("content").cloned(),
    };
    let Some(texts) = items.iter().map(text).collect::<Option<Vec<Value>>>() else {
        return error(400, "* content must not be empty.", &[]);
    };
    let work = Work {
        input: texts.iter().map(count).sum(),
        cached: 0,
        output: 0,
    };
    let told = match behaviour.usage {
        UsageReport::True => Some(work.input),
        UsageReport::Missing => None,
        UsageReport::Wrong { input, .. } => Some(input),
    };
    let values = |text: &Value| json!([0.25, -0.5, count(text)]);
    if field == "instances" {
        let predictions = texts.iter().map(|text| match told {
            Some(_) => json!({"embeddings": {"values": values(text),
                "statistics": {"truncated": false, "token_count": count(text)}}}),
            None => json!({"embeddings": {"values": values(text)}}),
        });
        let predictions: Vec<Value> = predictions.collect();
        return Reply::json(json!({ "predictions": predictions }), Some(work));
    }
    let embeddings = texts.iter().map(|text| json!({"values": values(text)}));
    let mut answer = json!({"embeddings": embeddings.collect::<Vec<Value>>()});
    if let (Some(told), Some(fields)) = (told, answer.as_object_mut()) {
        let usage = json!({"promptTokenCount": told, "totalTokenCount": told});
        fields.insert("usageMetadata".to_owned(), usage);
    }
    Reply::json(answer, Some(work))
}

/// What Google would refuse.
fn problem(request: &Map<String, Value>) -> Option<String> {
    let unknown = |name: &str, at: &str| {
        format!("Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field.")
    };
    if let Some(name) = request.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Some(unknown(name, ""));
    }
    let config = request.get("generationConfig").and_then(Value::as_object);
    let strange = config.and_then(|config| {
        let mut names = config.keys();
        names.find(|name| !GENERATION.contains(&name.as_str()))
    });
    if let Some(name) = strange {
        return Some(unknown(name, " at 'generation_config'"));
    }
    let contents = request.get("contents").and_then(Value::as_array);
    let contents = contents.map(Vec::as_slice).unwrap_or_default();
    if contents.is_empty() {
        return Some("* GenerateContentRequest.contents: contents is not specified".to_owned());
    }
    order(contents)
}

/// Turns have a role and parts, and a turn of calls is followed by as many results.
fn order(contents: &[Value]) -> Option<String> {
    let mut open = 0;
    for content in contents {
        let role = content.get("role").and_then(Value::as_str);
        if !matches!(role, Some("user" | "model")) {
            return Some("Please use a valid role: user, model.".to_owned());
        }
        let parts = content
            .get("parts")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if parts.is_empty() {
            return Some("* contents.parts must not be empty.".to_owned());
        }
        let of = |name: &str| parts.iter().filter(|part| part.get(name).is_some()).count();
        if of("functionResponse") != open {
            return Some(
                "Please ensure that the number of function response parts is equal to the number \
                 of function call parts of the function call turn."
                    .to_owned(),
            );
        }
        open = of("functionCall");
    }
    None
}

fn generate(model: &str, streams: bool, request: &Value, behaviour: &Behaviour) -> Reply {
    let input = ["contents", "systemInstruction", "tools"]
        .iter()
        .filter_map(|field| request.get(*field))
        .map(count)
        .sum();
    let cap = request.pointer("/generationConfig/maxOutputTokens");
    let cap = cap.and_then(Value::as_u64).unwrap_or(u64::MAX);
    let each = tokens(behaviour, cap);
    let work = Work {
        input,
        cached: behaviour.cached_tokens.min(input),
        output: each,
    };
    let text = words(behaviour, each);
    let calls = calls(request, behaviour);
    let end = match (each >= cap, calls.is_empty()) {
        (true, true) => "MAX_TOKENS",
        _ => "STOP",
    };
    let chunk = |parts: Value, end: Option<&str>, output: u64| {
        let mut chunk = Map::new();
        let mut candidate = Map::new();
        candidate.insert(
            "content".to_owned(),
            json!({"role": "model", "parts": parts}),
        );
        if let Some(end) = end {
            candidate.insert("finishReason".to_owned(), end.into());
        }
        chunk.insert("candidates".to_owned(), json!([candidate]));
        chunk.insert("modelVersion".to_owned(), model.into());
        chunk.insert("responseId".to_owned(), "fake".into());
        if let Some(usage) = usage(behaviour, &work, output) {
            chunk.insert("usageMetadata".to_owned(), usage);
        }
        Value::Object(chunk)
    };
    if !streams {
        let parts = match calls.is_empty() {
            true => json!([{ "text": text.concat() }]),
            false => calls.into(),
        };
        return Reply::json(chunk(parts, Some(end), each), Some(work));
    }
    let event = |chunk: Value, output: u64| Piece::new(format!("data: {chunk}\r\n\r\n"), output);
    let mut pieces: Vec<Piece> = match calls.is_empty() {
        true => (1..)
            .zip(&text)
            .map(|(output, word)| event(chunk(json!([{ "text": word }]), None, output), output))
            .collect(),
        false => calls
            .into_iter()
            .map(|call| event(chunk(json!([call]), None, each), each))
            .collect(),
    };
    pieces.push(event(chunk(json!([{ "text": "" }]), Some(end), each), each));
    let overloaded = json!({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}});
    let overloaded = format!("data: {overloaded}\r\n\r\n");
    Reply::stream(spoiled(pieces, behaviour, &overloaded), work)
}

/// A call of each function; the first one is signed, as Gemini 3 does it.
fn calls(request: &Value, behaviour: &Behaviour) -> Vec<Value> {
    let Answer::ToolCalls { arguments } = &behaviour.answer else {
        return Vec::new();
    };
    let args: Value = serde_json::from_str(arguments).unwrap_or_default();
    let functions = request.pointer("/tools/0/functionDeclarations");
    let functions = functions.and_then(Value::as_array).into_iter().flatten();
    let call = |(index, function): (usize, &Value)| {
        let call = json!({"name": function.get("name"), "args": args});
        match index {
            0 => json!({"functionCall": call, "thoughtSignature": "c2lnbmVk"}),
            _ => json!({ "functionCall": call }),
        }
    };
    functions.enumerate().map(call).collect()
}

/// What is told of so much output; a third of it was thought, which stands beside the candidates.
fn usage(behaviour: &Behaviour, work: &Work, output: u64) -> Option<Value> {
    let (input, output) = match behaviour.usage {
        UsageReport::True => (work.input, output),
        UsageReport::Missing => return None,
        UsageReport::Wrong { input, output } => (input, output),
    };
    let thoughts = output / 3;
    let counts = [
        ("promptTokenCount", input),
        ("cachedContentTokenCount", work.cached),
        ("candidatesTokenCount", output.saturating_sub(thoughts)),
        ("thoughtsTokenCount", thoughts),
        ("totalTokenCount", input.saturating_add(output)),
    ];
    // Counts that are zero are left out.
    let told = counts.into_iter().filter(|(_, count)| *count > 0);
    Some(
        told.map(|(name, count)| (name.to_owned(), count.into()))
            .collect::<Map<String, Value>>()
            .into(),
    )
}
