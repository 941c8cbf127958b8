//! Providers that speak OpenAI's chat completions with an accent: other addresses, other headers,
//! fields they do not know, and streams of their own.
//!
//! Azure: learn.microsoft.com/azure/foundry/openai, REST reference 2024-10-21 and the v1 API.
//! Together: docs.together.ai, chat completions. Hugging Face: huggingface.co/docs/inference-providers.
//! AI21: docs.ai21.com, Jamba API reference. All read 2026-11.

use serde_json::{Value, json};

use super::bill::Work;
use super::pieces::{Piece, Reply};
use super::{Behaviour, SeenRequest, Shape, openai};

/// Fields that AI21 refuses, as it does all that it does not know.
const UNKNOWN_TO_AI21: [&str; 6] = [
    "stream_options",
    "max_completion_tokens",
    "user",
    "safety_identifier",
    "service_tier",
    "reasoning_effort",
];

/// Answers one request. Who shows a token that was given out is admitted without the key.
pub(super) fn reply(
    shape: Shape,
    seen: &SeenRequest,
    key: &str,
    admitted: bool,
    behaviour: &Behaviour,
) -> Reply {
    let authorised = match shape {
        _ if admitted => true,
        Shape::Azure => seen.header("api-key") == Some(key),
        _ => seen.header("authorization") == Some(&format!("Bearer {key}")),
    };
    if !authorised {
        return match shape {
            Shape::Azure => Reply::status(
                401,
                json!({"error": {"code": "401", "message": "Access denied due to invalid subscription key or wrong API endpoint."}}),
            ),
            Shape::Ai21 => Reply::status(
                401,
                json!({"detail": "Forbidden: Bad or missing API token."}),
            ),
            _ => Reply::status(401, json!({"error": "Invalid username or password."})),
        };
    }
    let Some(path) = path_of(shape, &seen.path) else {
        return Reply::status(
            404,
            json!({"error": {"code": "404", "message": "Resource not found"}}),
        );
    };
    if shape == Shape::Together && path == "/v1/models" {
        return Reply::json(json!([{"id": "gpt-4o-mini", "object": "model"}]), None);
    }
    let mut body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    if shape == Shape::Together && path == "/v1/rerank" {
        return rerank(&body);
    }
    if shape == Shape::Ai21 {
        if let Some(field) = UNKNOWN_TO_AI21
            .iter()
            .find(|field| body.get(**field).is_some())
        {
            let detail = json!([{"type": "extra_forbidden", "loc": ["body", field], "msg": "Extra inputs are not permitted"}]);
            return Reply::status(422, json!({ "detail": detail }));
        }
        // Its streams end with the usage, asked for or not.
        if let Some(body) = body.as_object_mut() {
            body.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
    }
    let plain = SeenRequest {
        path,
        body: match body {
            Value::Null => seen.body.clone(),
            body => body.to_string().into(),
        },
        ..seen.clone()
    };
    let reply = openai::answer(&plain, behaviour);
    match shape {
        Shape::Azure => reply.with_pieces(begun_by_azure),
        Shape::Ai21 => reply.with_pieces(ended_by_ai21),
        _ => reply,
    }
}

/// Ranks the documents as they stand, for the tokens of each with those of the query.
fn rerank(request: &Value) -> Reply {
    let documents = request.get("documents").and_then(Value::as_array);
    let documents = documents.map(Vec::as_slice).unwrap_or_default();
    let query = request.get("query").map_or(0, openai::count);
    let each = |document| openai::count(document).saturating_add(query);
    let tokens: u64 = documents.iter().map(each).sum();
    let results: Vec<Value> = (0..documents.len())
        .map(|index| json!({"index": index, "relevance_score": 0.5}))
        .collect();
    let usage = json!({"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens});
    let work = Work {
        input: tokens,
        cached: 0,
        output: 0,
    };
    let answer = json!({"object": "rerank", "id": "fake", "model": request.get("model"),
        "results": results, "usage": usage});
    Reply::json(answer, Some(work))
}

/// OpenAI's own path for what was asked, if this provider has it.
fn path_of(shape: Shape, asked: &str) -> Option<String> {
    let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
    match shape {
        Shape::Azure => {
            let version = query
                .split('&')
                .find_map(|pair| pair.strip_prefix("api-version="));
            if let Some(tail) = path.strip_prefix("/openai/v1/") {
                let fits = version.is_none_or(|version| matches!(version, "v1" | "preview"));
                return fits.then(|| format!("/v1/{tail}"));
            }
            version.filter(|version| version.starts_with("20"))?;
            let tail = path.strip_prefix("/openai/")?;
            let Some(rest) = tail.strip_prefix("deployments/") else {
                return Some(format!("/v1/{tail}"));
            };
            let (_, tail) = rest.split_once('/')?;
            Some(format!("/v1/{tail}"))
        }
        Shape::Ai21 => match path.strip_prefix("/studio")? {
            tail @ ("/v1/chat/completions" | "/v1/models") => Some(tail.to_owned()),
            _ => None,
        },
        Shape::HuggingFace => {
            matches!(path, "/v1/chat/completions" | "/v1/models").then(|| path.to_owned())
        }
        _ => Some(path.to_owned()),
    }
}

/// Azure's streams begin with what its filters found, and no choices.
fn begun_by_azure(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let filtered = json!({
        "choices": [], "created": 0, "id": "", "model": "", "object": "",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": false, "severity": "safe"}}}],
    });
    if is_chat_stream(&pieces) {
        pieces.insert(0, Piece::new(format!("data: {filtered}\n\n"), 0));
    }
    pieces
}

/// AI21 tells the usage in the chunk that tells why the answer ended.
fn ended_by_ai21(mut pieces: Vec<Piece>) -> Vec<Piece> {
    let chunk = |piece: &Piece| -> Option<Value> {
        let text = std::str::from_utf8(&piece.bytes).ok()?;
        serde_json::from_str(text.strip_prefix("data: ")?.trim_end()).ok()
    };
    let usage = pieces.iter().position(|piece| {
        let told = chunk(piece);
        told.is_some_and(|chunk| chunk.get("usage").is_some_and(Value::is_object))
    });
    let Some(usage) = usage.filter(|_| is_chat_stream(&pieces)) else {
        return pieces;
    };
    let told = chunk(&pieces.remove(usage)).unwrap_or_default();
    let last = usage.saturating_sub(1);
    if let Some(piece) = pieces.get_mut(last)
        && let Some(mut ending) = chunk(piece)
        && let Some(fields) = ending.as_object_mut()
    {
        fields.insert(
            "usage".to_owned(),
            told.get("usage").cloned().unwrap_or_default(),
        );
        *piece = Piece::new(format!("data: {ending}\n\n"), piece.output);
    }
    pieces
}

fn is_chat_stream(pieces: &[Piece]) -> bool {
    let first = pieces.first();
    first.is_some_and(|piece| piece.bytes.starts_with(b"data: "))
}
