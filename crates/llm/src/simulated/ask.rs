//! What a request asks the simulated provider for, whatever its dialect.

use serde_json::{Map, Value};

use super::catalogue::{IMAGE_TOKENS, MOST_OUTPUT_TOKENS};
use super::words::Seed;
use crate::envelope::{Envelope, Media};
use crate::kind::Dialect;

/// A request, understood.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) model: String,
    pub(super) seed: Seed,
    pub(super) stream: bool,
    pub(super) usage_asked: bool,
    pub(super) choices: u64,
    pub(super) cap: u64,
    pub(super) stop: Vec<String>,
    pub(super) input_tokens: u64,
    /// What the user said last.
    pub(super) said: String,
    /// What tools have answered since.
    pub(super) results: Vec<String>,
    pub(super) tools: Vec<Tool>,
    pub(super) tool_choice: ToolChoice,
    pub(super) parallel: bool,
    /// The schema of the answer; an empty one for any JSON object.
    pub(super) schema: Option<Value>,
    pub(super) thinks: bool,
    /// The body.
    pub(super) body: Value,
}

/// A function that may be called.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) schema: Value,
}

/// Which tools are to be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ToolChoice {
    Auto,
    None,
    Any,
    Named(String),
}

impl Ask {
    pub(super) fn read(envelope: &Envelope) -> Ask {
        let facts = envelope.facts();
        let body: Value = serde_json::from_slice(envelope.body()).unwrap_or_default();
        let dialect = envelope.dialect();
        let (said, results) = conversation(dialect, &body);
        let default_cap = if dialect == Dialect::OpenAiCompletions {
            16
        } else {
            MOST_OUTPUT_TOKENS
        };
        Ask {
            model: facts.model.clone(),
            seed: Seed::of(&[
                facts.model.as_bytes(),
                envelope.prompt(),
                body.get("seed")
                    .map(Value::to_string)
                    .unwrap_or_default()
                    .as_bytes(),
            ]),
            stream: facts.stream,
            usage_asked: facts.usage_asked,
            choices: facts.choices,
            cap: facts
                .output_cap
                .unwrap_or(default_cap)
                .min(MOST_OUTPUT_TOKENS),
            stop: stop(&body),
            input_tokens: input_tokens(envelope),
            said,
            results,
            tools: tools(&body),
            tool_choice: tool_choice(&body),
            parallel: is_parallel(&body),
            schema: schema(&body),
            thinks: body
                .pointer("/thinking/type")
                .and_then(Value::as_str)
                .is_some_and(|kind| kind != "disabled"),
            body,
        }
    }
}

/// A token for every four bytes of a string, four for a message, and the images.
pub(super) fn input_tokens(envelope: &Envelope) -> u64 {
    let facts = envelope.facts();
    let text: u64 = envelope
        .texts()
        .map(|text| (text.len() as u64).div_ceil(4))
        .sum();
    let declared: u64 = envelope
        .declarations()
        .map(|json| (json.len() as u64).div_ceil(4))
        .sum();
    let images = facts
        .media
        .iter()
        .filter(|medium| matches!(medium, Media::Image { .. }))
        .count() as u64;
    text.saturating_add(declared)
        .saturating_add(facts.messages.saturating_mul(4))
        .saturating_add(facts.input_tokens)
        .min(facts.text_bytes)
        .saturating_add(images.saturating_mul(IMAGE_TOKENS))
}

/// All text below a value, in order.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts: Vec<String> = parts
                .iter()
                .map(text_of)
                .filter(|text| !text.is_empty())
                .collect();
            texts.join(" ")
        }
        Value::Object(part) => ["text", "content", "output"]
            .iter()
            .find_map(|name| part.get(*name))
            .map(text_of)
            .unwrap_or_default(),
        _ => String::new(),
    }
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What the user said last, and what tools answered after it.
fn conversation(dialect: Dialect, body: &Value) -> (String, Vec<String>) {
    let list = match dialect {
        Dialect::OpenAiChat
        | Dialect::AnthropicMessages
        | Dialect::BedrockMessages
        | Dialect::Cohere
        | Dialect::Converse => body.get("messages"),
        Dialect::OpenAiResponses | Dialect::OpenAiEmbeddings => body.get("input"),
        Dialect::OpenAiCompletions => body.get("prompt"),
        Dialect::Gemini => body.get("contents"),
        Dialect::CohereEmbed => body.get("texts"),
        Dialect::Rerank => body.get("query"),
        Dialect::GeminiEmbed => body.get("requests"),
        Dialect::BedrockEmbed => body.get("texts").or_else(|| body.get("inputText")),
        Dialect::OpenAiSpeech
        | Dialect::OpenAiTranscriptions
        | Dialect::OpenAiTranslations
        | Dialect::Replicate
        | Dialect::GeminiImages
        | Dialect::OpenAiImages
        | Dialect::OpenAiImageEdits
        | Dialect::OpenAiImageVariations
        | Dialect::Passthrough => None,
    };
    let Some(Value::Array(messages)) = list else {
        return (list.map(text_of).unwrap_or_default(), Vec::new());
    };
    let (mut said, mut results) = (String::new(), Vec::new());
    for message in messages {
        let found = results_of(message);
        if !found.is_empty() {
            results.extend(found);
        } else if matches!(word(message, "role"), "user" | "") && !text_of(message).is_empty() {
            said = text_of(message);
            results.clear();
        }
    }
    (said, results)
}

/// The results of tools in a message, in each dialect's way.
fn results_of(message: &Value) -> Vec<String> {
    if word(message, "role") == "tool" || word(message, "type") == "function_call_output" {
        return vec![text_of(message)];
    }
    let parts = message.get("content").and_then(Value::as_array);
    let results = parts
        .into_iter()
        .flatten()
        .filter(|part| word(part, "type") == "tool_result");
    results.map(text_of).collect()
}

fn stop(body: &Value) -> Vec<String> {
    let stop = body.get("stop").or_else(|| body.get("stop_sequences"));
    match stop {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
    .into_iter()
    .filter(|text| !text.is_empty())
    .collect()
}

fn tools(body: &Value) -> Vec<Tool> {
    let declared = body.get("tools").and_then(Value::as_array);
    declared.into_iter().flatten().filter_map(tool).collect()
}

/// A tool of chat (below `function`), of responses, or of Anthropic (`input_schema`).
fn tool(declared: &Value) -> Option<Tool> {
    let function = declared.get("function").unwrap_or(declared);
    let name = function.get("name")?.as_str()?.to_owned();
    let schema = function
        .get("parameters")
        .or_else(|| function.get("input_schema"));
    let empty = || Value::Object(Map::new());
    Some(Tool {
        name,
        schema: schema.cloned().unwrap_or_else(empty),
    })
}

fn tool_choice(body: &Value) -> ToolChoice {
    let Some(choice) = body.get("tool_choice") else {
        return ToolChoice::Auto;
    };
    let kind = choice.as_str().unwrap_or_else(|| word(choice, "type"));
    match kind {
        "none" => ToolChoice::None,
        "required" | "any" => ToolChoice::Any,
        "function" | "tool" => {
            let function = choice.get("function").unwrap_or(choice);
            ToolChoice::Named(word(function, "name").to_owned())
        }
        _ => ToolChoice::Auto,
    }
}

fn is_parallel(body: &Value) -> bool {
    let refused = body
        .pointer("/tool_choice/disable_parallel_tool_use")
        .and_then(Value::as_bool);
    body.get("parallel_tool_calls")
        .and_then(Value::as_bool)
        .unwrap_or(true)
        && refused != Some(true)
}

/// The schema that the answer must satisfy.
fn schema(body: &Value) -> Option<Value> {
    let format = [
        "/response_format",
        "/text/format",
        "/output_config/format",
        "/output_format",
    ]
    .iter()
    .find_map(|place| body.pointer(place))?;
    match word(format, "type") {
        "json_schema" => format
            .pointer("/json_schema/schema")
            .or_else(|| format.get("schema"))
            .cloned(),
        "json_object" => Some(Value::Object(Map::new())),
        _ => None,
    }
}
