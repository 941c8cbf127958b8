//! Embeddings: OpenAI's request in the words of Cohere, of Google and of Bedrock, and their answers in
//! OpenAI's (Amazon Bedrock User Guide, Titan Text Embeddings and Cohere Embed, by excerpts; the packages `cohere` 7.3.1 and `google-genai` 3.4.0 of PyPI, read 2026-11).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::fields::{Fields, missing, to_bytes, wrong_type};
use super::{Direction, Error, Note, ReplyError};
use crate::kind::{Dialect, ProviderKind};
use crate::{aws, cohere, google};

/// The most texts that Cohere embeds at once.
const MOST_AT_COHERE: usize = 96;
/// The most texts that Google embeds at once.
const MOST_AT_GOOGLE: usize = 100;
/// What Cohere may be told that a text is for.
const INPUT_TYPES: [&str; 4] = [
    "search_document",
    "search_query",
    "classification",
    "clustering",
];

/// A request for embeddings.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) model: String,
    texts: Vec<String>,
    dimensions: Option<u64>,
    /// What the texts are for, in Cohere's word.
    input_type: String,
    /// Whether the caller wants base64 of floats of 32 bits.
    packed: bool,
}

/// Reads OpenAI's request. `input_type` is Cohere's own field, which may stand in it.
pub(super) fn read(mut fields: Fields, notes: &mut Vec<Note>) -> Result<Request, Error> {
    let direction = fields.direction();
    if !matches!(
        direction.upstream(),
        Dialect::CohereEmbed | Dialect::GeminiEmbed | Dialect::BedrockEmbed
    ) {
        return Err(Error::Untranslatable {
            feature: direction.client().path().to_owned(),
            direction,
        });
    }
    let model = fields.required_string("model")?;
    let maker = Maker::of(&model);
    if direction.upstream() == Dialect::BedrockEmbed && maker == Maker::Other {
        return Err(fields.refuse_self(&format!("embeddings of `{model}`")));
    }
    let texts = texts(&mut fields)?;
    let most = match direction.upstream() {
        Dialect::BedrockEmbed if maker == Maker::Amazon => 1,
        Dialect::CohereEmbed | Dialect::BedrockEmbed => MOST_AT_COHERE,
        _ => MOST_AT_GOOGLE,
    };
    if texts.len() > most {
        return Err(fields.refuse(&format!("input beyond {most} texts")));
    }
    let packed = match fields.string("encoding_format")?.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(fields.refuse("encoding_format")),
    };
    if fields.take("user").is_some() {
        notes.push(Note {
            field: "user",
            becomes: "part of the call's record: the provider has no field for it",
        });
    }
    let input_type = match direction.upstream() {
        Dialect::CohereEmbed => input_type(&mut fields)?,
        Dialect::BedrockEmbed if maker == Maker::Cohere => input_type(&mut fields)?,
        _ => String::new(),
    };
    let dimensions = fields.whole("dimensions")?;
    fields.finish()?;
    Ok(Request {
        model,
        texts,
        dimensions,
        input_type,
        packed,
    })
}

fn texts(fields: &mut Fields) -> Result<Vec<String>, Error> {
    let texts = match fields.take("input") {
        None => return Err(missing(fields.at("input"))),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => {
            let text = |item| match item {
                Value::String(text) => Ok(text),
                Value::Number(_) | Value::Array(_) => Err(fields.refuse("input of tokens")),
                other => Err(wrong_type(fields.at("input"), "a string", &other)),
            };
            items.into_iter().map(text).collect::<Result<_, _>>()?
        }
        Some(other) => return Err(wrong_type(fields.at("input"), "a string or a list", &other)),
    };
    match texts.is_empty() {
        true => Err(missing(fields.at("input"))),
        false => Ok(texts),
    }
}

fn input_type(fields: &mut Fields) -> Result<String, Error> {
    let said = fields.string("input_type")?;
    let said = said.unwrap_or_else(|| "search_document".to_owned());
    match INPUT_TYPES.contains(&said.as_str()) {
        true => Ok(said),
        false => Err(Error::Invalid {
            field: "input_type".to_owned(),
            problem: format!("must be one of {}", INPUT_TYPES.join(", ")),
        }),
    }
}

/// Writes the body. A text that is too long is refused by the provider, as OpenAI does it, not cut.
pub(super) fn write(
    request: &Request,
    direction: Direction,
    provider: ProviderKind,
    model: &str,
) -> Result<Vec<u8>, Error> {
    let body = match direction.upstream() {
        Dialect::CohereEmbed => cohere_body(request, Some(model)),
        Dialect::BedrockEmbed if Maker::of(&request.model) == Maker::Amazon => titan_body(request),
        Dialect::BedrockEmbed => cohere_body(request, None),
        _ if google::embeds_contents(model) => contents_body(request, provider, model),
        _ => instances_body(request),
    };
    Ok(to_bytes(&Value::Object(body)))
}

/// Who made a model of Bedrock, whatever region of an inference profile stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    Amazon,
    Cohere,
    Other,
}

impl Maker {
    fn of(model: &str) -> Maker {
        match model {
            _ if model.contains("amazon.titan-embed-text") => Maker::Amazon,
            _ if model.contains("cohere.embed") => Maker::Cohere,
            _ => Maker::Other,
        }
    }
}

/// Titan embeds one text at a time.
fn titan_body(request: &Request) -> Map<String, Value> {
    let text = request.texts.first().cloned().unwrap_or_default();
    let dimensions = request
        .dimensions
        .map(|dimensions| ("dimensions".to_owned(), dimensions.into()));
    let mut body = Map::from_iter([("inputText".to_owned(), text.into())]);
    body.extend(dimensions);
    body
}

/// Cohere's own; at Bedrock the address names the model.
fn cohere_body(request: &Request, model: Option<&str>) -> Map<String, Value> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    if let Some(model) = model {
        put("model", model.into());
    }
    put("input_type", request.input_type.clone().into());
    put("texts", request.texts.clone().into());
    put("embedding_types", json!(["float"]));
    put("truncate", "NONE".into());
    if let Some(dimensions) = request.dimensions {
        put("output_dimension", dimensions.into());
    }
    body
}

/// The models of Gemini, whose settings stand elsewhere at Vertex AI.
fn contents_body(request: &Request, provider: ProviderKind, model: &str) -> Map<String, Value> {
    let one = |text: &String| {
        let mut one = Map::new();
        let mut put = |name: &str, value: Value| one.insert(name.to_owned(), value);
        let dimensions = request.dimensions;
        let sized = dimensions.map(|dimensions| ("outputDimensionality", Value::from(dimensions)));
        put("content", json!({ "parts": [{ "text": text }] }));
        if provider == ProviderKind::Vertex {
            let config = json!({ "autoTruncate": false });
            let mut config = config.as_object().cloned().unwrap_or_default();
            config.extend(sized.map(|(name, value)| (name.to_owned(), value)));
            put("embedContentConfig", config.into());
        } else {
            put("model", format!("models/{model}").into());
            if let Some((name, value)) = sized {
                put(name, value);
            }
        }
        Value::Object(one)
    };
    let requests: Vec<Value> = request.texts.iter().map(one).collect();
    Map::from_iter([("requests".to_owned(), requests.into())])
}

/// The older models of Vertex AI.
fn instances_body(request: &Request) -> Map<String, Value> {
    let instances: Vec<Value> = request
        .texts
        .iter()
        .map(|text| json!({ "content": text }))
        .collect();
    let mut parameters = json!({ "autoTruncate": false });
    if let (Some(dimensions), Some(map)) = (request.dimensions, parameters.as_object_mut()) {
        map.insert("outputDimensionality".to_owned(), dimensions.into());
    }
    Map::from_iter([
        ("instances".to_owned(), instances.into()),
        ("parameters".to_owned(), parameters),
    ])
}

/// The provider's answer as OpenAI's: as many embeddings as there are texts, in their order.
pub(super) fn answer(request: &Request, body: &[u8]) -> Result<Vec<u8>, ReplyError> {
    let unreadable = |field| ReplyError::Unreadable { field };
    let answer: Value = serde_json::from_slice(body).map_err(|_| unreadable("body"))?;
    let vectors = vectors(&answer).ok_or_else(|| unreadable("embeddings"))?;
    if vectors.len() != request.texts.len() {
        return Err(unreadable("embeddings"));
    }
    let data: Option<Vec<Value>> = vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| {
            let embedding = match request.packed {
                true => packed(vector)?.into(),
                false => (*vector).clone(),
            };
            Some(json!({ "object": "embedding", "index": index, "embedding": embedding }))
        })
        .collect();
    let told = cohere::embed_usage(&answer)
        .or_else(|| aws::embed_usage(&answer))
        .or_else(|| google::embed_usage(&answer));
    let tokens = told.unwrap_or_default().input_total();
    Ok(to_bytes(&json!({
        "object": "list",
        "data": data.ok_or_else(|| unreadable("embeddings"))?,
        "model": request.model,
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens },
    })))
}

/// The vectors, wherever the provider puts them.
fn vectors(answer: &Value) -> Option<Vec<&Value>> {
    let list = |pointer: &str| answer.pointer(pointer).and_then(Value::as_array);
    if let Some(vectors) = list("/embeddings/float") {
        return Some(vectors.iter().collect());
    }
    if let Some(vector @ Value::Array(_)) = answer.get("embedding") {
        return Some(vec![vector]);
    }
    let (items, place) = match list("/embeddings") {
        Some(items) => (items, "/values"),
        None => (list("/predictions")?, "/embeddings/values"),
    };
    items.iter().map(|item| item.pointer(place)).collect()
}

/// Floats of 32 bits, the lowest byte first, in base64.
fn packed(vector: &Value) -> Option<String> {
    let mut bytes = Vec::new();
    for number in vector.as_array()? {
        let text = number.as_number()?.to_string();
        let number: f32 = text.parse().ok()?;
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    Some(STANDARD.encode(bytes))
}
