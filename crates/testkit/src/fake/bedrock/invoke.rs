//! `InvokeModel`: the messages of Anthropic's models, each event of a stream in a chunk, and
//! embeddings of Titan and Cohere.
//!
//! As the Amazon Bedrock User Guide has it (Anthropic's Claude messages API, by excerpts, 2026-11)
//! and botocore 1.44.5 (`PayloadPart`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{error, event, message};
use crate::fake::bill::Work;
use crate::fake::openai::count;
use crate::fake::pieces::{Piece, Reply};
use crate::fake::{Behaviour, UsageReport, anthropic};

const VERSION: &str = "bedrock-2023-05-31";

/// Answers a request to a model.
pub(super) fn invoke(
    streams: bool,
    model: &str,
    mut request: Map<String, Value>,
    behaviour: &Behaviour,
) -> Reply {
    let refuse = |message: &str| error(400, "ValidationException", message);
    if model.contains("amazon.titan-embed-text") || model.contains("cohere.embed") {
        return embed(&request, behaviour);
    }
    if !model.contains("anthropic.") {
        return refuse("Malformed input request, please reformat your input and try again.");
    }
    for field in ["model", "stream"] {
        if request.contains_key(field) {
            return refuse(&format!("extraneous key [{field}] is not permitted"));
        }
    }
    if request.get("anthropic_version").and_then(Value::as_str) != Some(VERSION) {
        return refuse("anthropic_version: Field required");
    }
    let input: u64 = ["messages", "system", "tools"]
        .iter()
        .filter_map(|field| request.get(*field))
        .map(count)
        .sum();
    let model = model.rsplit("anthropic.").next().unwrap_or_default();
    request.insert("model".to_owned(), model.into());
    request.insert("stream".to_owned(), streams.into());
    let reply = anthropic::messages(&Value::Object(request), input, behaviour);
    let reply = reply.header(("x-amzn-bedrock-input-token-count", input.to_string()));
    if !streams {
        return reply;
    }
    reply
        .header((
            "content-type",
            "application/vnd.amazon.eventstream".to_owned(),
        ))
        .with_pieces(|pieces| pieces.into_iter().map(chunk).collect())
}

/// Embeds a text in the words of Titan, or texts in those of Cohere.
fn embed(request: &Map<String, Value>, behaviour: &Behaviour) -> Reply {
    let titan = ["inputText", "dimensions", "normalize", "embeddingTypes"];
    let cohere = [
        "texts",
        "input_type",
        "truncate",
        "embedding_types",
        "output_dimension",
    ];
    let is_titan = request.contains_key("inputText");
    let known = |name: &String| match is_titan {
        true => titan.contains(&name.as_str()),
        false => cohere.contains(&name.as_str()),
    };
    if let Some(name) = request.keys().find(|name| !known(name)) {
        let problem = format!("Malformed input request: extraneous key [{name}] is not permitted");
        return error(400, "ValidationException", &problem);
    }
    let texts = request.get("texts").and_then(Value::as_array).cloned();
    let texts = texts.or_else(|| Some(vec![request.get("inputText")?.clone()]));
    let texts = texts.unwrap_or_default();
    let vector = |text: &Value| json!([0.25, -0.5, count(text)]);
    let vectors: Vec<Value> = texts.iter().map(vector).collect();
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
    let answer = match (is_titan, told) {
        (true, Some(told)) => {
            json!({"embedding": vectors.first(), "inputTextTokenCount": told})
        }
        (true, None) => json!({"embedding": vectors.first()}),
        (false, _) => json!({"id": "fake", "response_type": "embeddings_by_type",
            "embeddings": {"float": vectors}, "texts": texts}),
    };
    let reply = Reply::json(answer, Some(work));
    match told {
        Some(told) => reply.header(("x-amzn-bedrock-input-token-count", told.to_string())),
        None => reply,
    }
}

/// A server-sent event as a message.
fn chunk(piece: Piece) -> Piece {
    let text = String::from_utf8_lossy(&piece.bytes).into_owned();
    if text.starts_with("event: error") {
        let headers = [
            (":exception-type", "serviceUnavailableException"),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ];
        let body = json!({"message": "The service is unavailable."}).to_string();
        return Piece::new(message(&headers, body.as_bytes()), piece.output);
    }
    let data = text.lines().find_map(|line| line.strip_prefix("data: "));
    let carried = STANDARD.encode(data.unwrap_or(&text));
    event(
        "chunk",
        &json!({"bytes": carried, "p": "abc"}),
        piece.output,
    )
}
