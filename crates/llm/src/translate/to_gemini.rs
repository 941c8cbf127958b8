//! Writing a request for Gemini's `generateContent` (ai.google.dev, by excerpts, 2026-11). The model and
//! whether the answer streams are said by the address.

mod thinking;

use serde_json::{Map, Value, json};

use super::fields::object;
use super::gemini_stream::unseal_id;
use super::open_calls::check_answered;
use super::thoughts::GOOGLE;
use super::{Direction, Error, Note, verbatim};
use crate::canonical::{Part, Request, Role, Source, Thought, Tool, ToolChoice, Turn};
use crate::kind::Dialect;

/// The most texts that may end the output.
const MOST_STOPS: usize = 5;
/// The arguments of the functions that were called.
const ARGS: [&str; 4] = ["contents", "parts", "functionCall", "args"];
/// The media types of images that Gemini reads.
const IMAGES: [&str; 5] = [
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/heic",
    "image/heif",
];

/// Tells what the body leaves out because Gemini has no field for it, or does it by itself.
pub(super) fn note_what_is_not_said(request: &Request, notes: &mut Vec<Note>) {
    let mut note = |field: &'static str, becomes: &'static str| {
        if !notes.iter().any(|note| note.field == field) {
            notes.push(Note { field, becomes });
        }
    };
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    for part in parts.chain(&request.system) {
        if let Part::Document { title: Some(_), .. } = part {
            note("filename", "nothing: a document has no name at Google");
        }
        if let Part::Text { cache: Some(_), .. }
        | Part::Image(_, Some(_))
        | Part::Document { cache: Some(_), .. } = part
        {
            note(
                "prompt_cache_breakpoint",
                "nothing: prefixes are cached by themselves",
            );
        }
    }
    if request
        .output_schema
        .as_ref()
        .is_some_and(|output| output.name.is_some())
    {
        note("name", "nothing: a schema has no name at Google");
    }
}

/// Writes the body.
pub(super) fn write(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
) -> Result<Vec<u8>, Error> {
    let refuse = |feature: &str| Error::Untranslatable {
        feature: feature.to_owned(),
        direction,
    };
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("contents", contents(request, direction)?.into());
    if !request.system.is_empty() {
        let parts = parts(&request.system, "system", direction)?;
        put("systemInstruction", json!({ "parts": parts }));
    }
    if !request.tools.is_empty() {
        let functions: Vec<Value> = request.tools.iter().map(function).collect();
        put("tools", json!([{ "functionDeclarations": functions }]));
        if request.parallel_tool_calls == Some(false) {
            return Err(refuse(match direction.client() {
                Dialect::AnthropicMessages => "tool_choice.disable_parallel_tool_use",
                _ => "parallel_tool_calls",
            }));
        }
        if let Some(calling) = function_calling(request) {
            put("toolConfig", json!({ "functionCallingConfig": calling }));
        }
    }
    if request.stop.len() > MOST_STOPS {
        return Err(refuse("stop beyond five"));
    }
    let generation = generation(request, direction, model, output_cap)?;
    put("generationConfig", generation.into());
    verbatim::write(&Value::Object(body), &ARGS).map_err(|_| Error::Invalid {
        field: "contents".to_owned(),
        problem: "cannot be written as JSON".to_owned(),
    })
}

fn generation(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
) -> Result<Map<String, Value>, Error> {
    let mut config = Map::new();
    let mut put = |name: &str, value: Value| config.insert(name.to_owned(), value);
    put("maxOutputTokens", output_cap.into());
    if let Some(temperature) = &request.temperature {
        put("temperature", Value::Number(temperature.clone()));
    }
    if let Some(top_p) = &request.top_p {
        put("topP", Value::Number(top_p.clone()));
    }
    if !request.stop.is_empty() {
        put("stopSequences", request.stop.clone().into());
    }
    if let Some(output) = &request.output_schema {
        put("responseMimeType", "application/json".into());
        put("responseJsonSchema", output.schema.clone());
    }
    if let Some(thinking) = thinking::write(&request.thinking, direction, model)? {
        put("thinkingConfig", thinking);
    }
    Ok(config)
}

fn function(tool: &Tool) -> Value {
    let mut out = Map::new();
    out.insert("name".to_owned(), tool.name.clone().into());
    if let Some(description) = &tool.description {
        out.insert("description".to_owned(), description.clone().into());
    }
    out.insert("parametersJsonSchema".to_owned(), tool.schema.clone());
    out.into()
}

/// Which functions must be called. One that is strict binds the model to its schema, which Gemini
/// does where it must call, or where it is told to validate.
fn function_calling(request: &Request) -> Option<Value> {
    let strict = request.tools.iter().any(|tool| tool.strict == Some(true));
    Some(match &request.tool_choice {
        None | Some(ToolChoice::Auto) if strict => json!({ "mode": "VALIDATED" }),
        None => return None,
        Some(ToolChoice::Auto) => json!({ "mode": "AUTO" }),
        Some(ToolChoice::Never) => json!({ "mode": "NONE" }),
        Some(ToolChoice::Any) => json!({ "mode": "ANY" }),
        Some(ToolChoice::Named(name)) => json!({ "mode": "ANY", "allowedFunctionNames": [name] }),
    })
}

/// A call that waits for its result: the client's id of it and the function.
type OpenCall<'a> = (&'a str, &'a str);

fn contents(request: &Request, direction: Direction) -> Result<Vec<Value>, Error> {
    let mut out = Vec::with_capacity(request.turns.len());
    let mut open: Vec<OpenCall<'_>> = Vec::new();
    for turn in &request.turns {
        match turn.role {
            Role::System => {
                return Err(refuse(turn, "instructions in the middle", direction));
            }
            Role::User => user(turn, &mut open, direction, &mut out)?,
            Role::Assistant => {
                check_answered(open.first().map(|(id, _)| *id), turn)?;
                out.push(assistant(turn, &mut open, direction)?);
            }
        }
    }
    match request.turns.last() {
        None => Err(Error::Invalid {
            field: match direction.client() {
                Dialect::OpenAiResponses => "input".to_owned(),
                _ => "messages".to_owned(),
            },
            problem: "needs a message of the user".to_owned(),
        }),
        Some(turn) if turn.role == Role::Assistant => {
            Err(refuse(turn, "the assistant has the last word", direction))
        }
        Some(_) => Ok(out),
    }
}

/// The results answer the calls of the turn before, one by one and in their order; what else is
/// said stands behind them.
fn user(
    turn: &Turn,
    open: &mut Vec<OpenCall<'_>>,
    direction: Direction,
    out: &mut Vec<Value>,
) -> Result<(), Error> {
    let (mut results, mut said) = (Vec::new(), Vec::new());
    for part in &turn.parts {
        let Part::ToolResult {
            id,
            content,
            is_error,
        } = part
        else {
            said.push(part.clone());
            continue;
        };
        let Some(at) = open.iter().position(|(waiting, _)| waiting == id) else {
            return Err(Error::Invalid {
                field: turn.field.clone(),
                problem: format!("`{id}` answers no tool call of the turn before"),
            });
        };
        let text = texts(content)
            .ok_or_else(|| refuse(turn, "content that has no place there", direction))?;
        results.push((at, response(id, open, at, text, *is_error)));
    }
    let answered: Vec<usize> = results.iter().map(|(at, _)| *at).collect();
    let mut at = 0_usize;
    open.retain(|_| {
        at = at.saturating_add(1);
        !answered.contains(&at.saturating_sub(1))
    });
    check_answered(open.first().map(|(id, _)| *id), turn)?;
    if !results.is_empty() {
        results.sort_by_key(|(at, _)| *at);
        let parts: Vec<Value> = results.into_iter().map(|(_, part)| part).collect();
        out.push(json!({ "role": "user", "parts": parts }));
    }
    if !said.is_empty() {
        out.push(json!({ "role": "user", "parts": parts(&said, &turn.field, direction)? }));
    }
    Ok(())
}

fn response(id: &str, open: &[OpenCall<'_>], at: usize, text: String, failed: bool) -> Value {
    let name = open.get(at).map_or("", |(_, name)| name);
    let (given, _) = unseal_id(id);
    let mut out = Map::new();
    if let Some(given) = given {
        out.insert("id".to_owned(), given.into());
    }
    out.insert("name".to_owned(), name.into());
    let field = if failed { "error" } else { "output" };
    out.insert("response".to_owned(), json!({ field: text }));
    json!({ "functionResponse": out })
}

/// Texts, one line for each; none if there is something else.
fn texts(content: &[Part]) -> Option<String> {
    let lines = content.iter().map(|part| match part {
        Part::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    Some(lines.collect::<Option<Vec<&str>>>()?.join("\n"))
}

fn assistant<'a>(
    turn: &'a Turn,
    open: &mut Vec<OpenCall<'a>>,
    direction: Direction,
) -> Result<Value, Error> {
    let (mut said, mut signatures, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    for part in &turn.parts {
        match part {
            Part::ToolCall {
                id,
                name,
                arguments,
            } => {
                if open.iter().any(|(other, _)| other == id) {
                    return Err(Error::Invalid {
                        field: turn.field.clone(),
                        problem: format!("two tool calls have the id `{id}`"),
                    });
                }
                open.push((id, name));
                calls.push(call(id, name, object(arguments, &turn.field)?));
            }
            // The signature of a text stands behind it, wherever the client has put it.
            Part::Thought(Thought::Sealed { data }) => {
                let signature = own(data, turn, direction)?;
                signatures.push(json!({ "text": "", "thoughtSignature": signature }));
            }
            Part::Thought(Thought::Open { text, signature }) => {
                let mut thought = json!({ "text": text, "thought": true });
                let signature = own(signature, turn, direction)?;
                if let (false, Some(map)) = (signature.is_empty(), thought.as_object_mut()) {
                    map.insert("thoughtSignature".to_owned(), signature.into());
                }
                said.push(thought);
            }
            Part::Text { text, .. } => said.push(json!({ "text": text })),
            _ => return Err(refuse(turn, "content that has no place there", direction)),
        }
    }
    said.extend(signatures);
    said.extend(calls);
    Ok(json!({ "role": "model", "parts": said }))
}

/// Google's own signature; another provider's is refused.
fn own<'a>(mark: &'a str, turn: &Turn, direction: Direction) -> Result<&'a str, Error> {
    let own = mark.strip_prefix(GOOGLE);
    own.ok_or_else(|| refuse(turn, "thoughts of another provider", direction))
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    let (given, signature) = unseal_id(id);
    let mut call = Map::new();
    if let Some(given) = given {
        call.insert("id".to_owned(), given.into());
    }
    call.insert("name".to_owned(), name.into());
    call.insert("args".to_owned(), arguments.into());
    let mut part = json!({ "functionCall": call });
    if let (Some(signature), Some(map)) = (signature, part.as_object_mut()) {
        map.insert("thoughtSignature".to_owned(), signature.into());
    }
    part
}

fn parts(parts: &[Part], field: &str, direction: Direction) -> Result<Vec<Value>, Error> {
    let refuse = |what: &str| Error::Untranslatable {
        feature: format!("{field}: {what}"),
        direction,
    };
    let part = |part: &Part| match part {
        Part::Text { text, .. } => Ok(json!({ "text": text })),
        Part::Image(Source::Base64 { media_type, data }, _) => {
            match IMAGES.contains(&media_type.as_str()) {
                true => Ok(inline(media_type, data)),
                false => Err(refuse(media_type)),
            }
        }
        Part::Document {
            source: Source::Base64 { media_type, data },
            ..
        } => Ok(inline(media_type, data)),
        Part::Image(Source::Url(_), _) => Err(refuse("an image by URL")),
        Part::Document { .. } => Err(refuse("a document by URL")),
        _ => Err(refuse("content that has no place there")),
    };
    parts.iter().map(part).collect()
}

fn inline(media_type: &str, data: &str) -> Value {
    json!({ "inlineData": { "mimeType": media_type, "data": data } })
}

fn refuse(turn: &Turn, what: &str, direction: Direction) -> Error {
    Error::Untranslatable {
        feature: format!("{}: {what}", turn.field),
        direction,
    }
}
