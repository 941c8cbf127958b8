//! Writing a request for Cohere's chat of version 2 (the package `cohere` 7.3.1 of PyPI, read
//! 2026-11).

use serde_json::{Map, Number, Value, json};

use super::fields::to_bytes;
use super::thoughts::COHERE;
use super::{Direction, Error, Note};
use crate::canonical::{
    Effort, Part, Request, Role, Source, Thinking, ThinkingMode, Thought, Tool, ToolChoice, Turn,
};
use crate::kind::Dialect;

/// The most texts that may end the output.
const MOST_STOPS: usize = 5;
/// The largest share of nucleus sampling, which stands for all of it, and the smallest.
const MOST_P: f64 = 0.99;
const LEAST_P: f64 = 0.01;

/// Tells what the body leaves out because Cohere has no field for it, or does it by itself.
pub(super) fn note_what_is_not_said(request: &Request, notes: &mut Vec<Note>) {
    let mut note = |field: &'static str, becomes: &'static str| {
        if !notes.iter().any(|note| note.field == field) {
            notes.push(Note { field, becomes });
        }
    };
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    for part in parts.chain(&request.system) {
        if let Part::Text { cache: Some(_), .. } | Part::Image(_, Some(_)) = part {
            note(
                "prompt_cache_breakpoint",
                "nothing: prefixes are cached by themselves",
            );
        }
    }
    let named = request
        .output_schema
        .as_ref()
        .and_then(|output| output.name.as_ref());
    if named.is_some() {
        note("name", "nothing: a schema has no name at Cohere");
    }
    if request.top_p.as_ref().is_some_and(|p| share(p).is_none()) {
        note("top_p", "the nearest that Cohere takes, from 0.01 to 0.99");
    }
}

/// Writes the body.
pub(super) fn write(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
) -> Result<Vec<u8>, Error> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("model", model.into());
    put("max_tokens", output_cap.into());
    put("messages", messages(request, direction)?.into());
    if !request.tools.is_empty() {
        put("tools", request.tools.iter().map(function).collect());
        if request.tools.iter().any(|tool| tool.strict == Some(true)) {
            put("strict_tools", true.into());
        }
        if let Some(choice) = choice(request, direction)? {
            put("tool_choice", choice.into());
        }
    }
    if let Some(temperature) = &request.temperature {
        put("temperature", Value::Number(temperature.clone()));
    }
    if let Some(top_p) = &request.top_p {
        put("p", share(top_p).unwrap_or_else(|| nearest(top_p)));
    }
    if request.stop.len() > MOST_STOPS {
        return Err(refuse("stop beyond five", direction));
    }
    if !request.stop.is_empty() {
        put("stop_sequences", request.stop.clone().into());
    }
    if let Some(output) = &request.output_schema {
        if !request.tools.is_empty() {
            return Err(refuse("an output schema beside tools", direction));
        }
        put(
            "response_format",
            json!({ "type": "json_object", "json_schema": output.schema }),
        );
    }
    if let Some(thinking) = thinking(&request.thinking, direction, model, output_cap)? {
        put("thinking", thinking);
    }
    if request.stream {
        put("stream", true.into());
    }
    Ok(to_bytes(&Value::Object(body)))
}

fn refuse(feature: &str, direction: Direction) -> Error {
    Error::Untranslatable {
        feature: feature.to_owned(),
        direction,
    }
}

fn misplaced(turn: &Turn, what: &str, direction: Direction) -> Error {
    refuse(&format!("{}: {what}", turn.field), direction)
}

fn function(tool: &Tool) -> Value {
    let mut out = Map::new();
    out.insert("name".to_owned(), tool.name.clone().into());
    if let Some(description) = &tool.description {
        out.insert("description".to_owned(), description.clone().into());
    }
    out.insert("parameters".to_owned(), tool.schema.clone());
    json!({ "type": "function", "function": out })
}

/// Cohere can be told to call something or nothing, not what; and it may always call several.
fn choice(request: &Request, direction: Direction) -> Result<Option<&'static str>, Error> {
    if request.parallel_tool_calls == Some(false) {
        return Err(refuse(
            match direction.client() {
                Dialect::AnthropicMessages => "tool_choice.disable_parallel_tool_use",
                _ => "parallel_tool_calls",
            },
            direction,
        ));
    }
    Ok(match &request.tool_choice {
        None | Some(ToolChoice::Auto) => None,
        Some(ToolChoice::Never) => Some("NONE"),
        Some(ToolChoice::Any) => Some("REQUIRED"),
        Some(ToolChoice::Named(name)) => match request.tools.as_slice() {
            [only] if only.name == *name => Some("REQUIRED"),
            _ => return Err(refuse("tool_choice of one among several tools", direction)),
        },
    })
}

/// The number as it stands, if Cohere takes it.
fn share(p: &Number) -> Option<Value> {
    let fits = p.as_f64().is_some_and(|p| (LEAST_P..=MOST_P).contains(&p));
    fits.then(|| Value::Number(p.clone()))
}

fn nearest(p: &Number) -> Value {
    let p = p.as_f64().unwrap_or(MOST_P);
    p.clamp(LEAST_P, MOST_P).into()
}

/// How much to think. Models that can think do so unless they are told not to; the cap on output
/// covers the thoughts.
fn thinking(
    thinking: &Thinking,
    direction: Direction,
    model: &str,
    output_cap: u64,
) -> Result<Option<Value>, Error> {
    let wanted = match (thinking.effort, thinking.mode) {
        (Some(effort), _) => budget(effort),
        (None, ThinkingMode::Unsaid) => return Ok(None),
        (None, ThinkingMode::Off) => {
            return Ok(thinks(model).then(|| json!({ "type": "disabled" })));
        }
        (None, ThinkingMode::Adaptive) => None,
        (None, ThinkingMode::Budget(budget)) => Some(budget),
    };
    if !thinks(model) {
        let field = match direction.client() {
            Dialect::OpenAiResponses => "reasoning.effort",
            Dialect::AnthropicMessages => "thinking",
            _ => "reasoning_effort",
        };
        return Err(refuse(
            &format!("{field} above none of `{model}`"),
            direction,
        ));
    }
    let mut out = json!({ "type": "enabled" });
    if let (Some(wanted), Some(map)) = (wanted, out.as_object_mut()) {
        let budget = wanted.min(output_cap).max(1);
        map.insert("token_budget".to_owned(), budget.into());
    }
    Ok(Some(out))
}

/// Whether a model thinks, by its name (docs.cohere.com, reasoning, by excerpts, 2026-11).
fn thinks(model: &str) -> bool {
    model.contains("reasoning") || model.starts_with("command-a-plus")
}

/// The budget that stands for an effort; none for as much as the model likes.
const fn budget(effort: Effort) -> Option<u64> {
    Some(match effort {
        Effort::Minimal => 1024,
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 16_384,
        Effort::ExtraHigh => 24_576,
        Effort::Max => return None,
    })
}

fn messages(request: &Request, direction: Direction) -> Result<Vec<Value>, Error> {
    let mut out = Vec::new();
    if !request.system.is_empty() {
        out.push(json!({ "role": "system", "content": texts(&request.system) }));
    }
    for turn in &request.turns {
        match turn.role {
            Role::System => out.push(json!({ "role": "system", "content": texts(&turn.parts) })),
            Role::User => user(turn, direction, &mut out)?,
            Role::Assistant => out.push(assistant(turn, direction)?),
        }
    }
    match request.turns.last() {
        Some(turn) if turn.role == Role::Assistant => Err(misplaced(
            turn,
            "the assistant has the last word",
            direction,
        )),
        _ => Ok(out),
    }
}

/// One text is said as a string; several stay apart.
fn texts(parts: &[Part]) -> Value {
    if let [Part::Text { text, .. }] = parts {
        return text.clone().into();
    }
    let text = |part: &Part| match part {
        Part::Text { text, .. } => Some(json!({ "type": "text", "text": text })),
        _ => None,
    };
    parts.iter().filter_map(text).collect()
}

fn user(turn: &Turn, direction: Direction, out: &mut Vec<Value>) -> Result<(), Error> {
    let mut said = Vec::new();
    for part in &turn.parts {
        match part {
            Part::ToolResult {
                id,
                content,
                is_error,
            } => {
                let content = result(content, *is_error);
                let content = content
                    .ok_or_else(|| misplaced(turn, "content that has no place there", direction))?;
                out.push(json!({ "role": "tool", "tool_call_id": id, "content": content }));
            }
            _ => said.push(part),
        }
    }
    let content: Value = match said.as_slice() {
        [] => return Ok(()),
        [Part::Text { text, .. }] => text.clone().into(),
        parts => {
            let parts = parts.iter().map(|part| user_part(part, turn, direction));
            parts.collect::<Result<Vec<Value>, Error>>()?.into()
        }
    };
    out.push(json!({ "role": "user", "content": content }));
    Ok(())
}

fn user_part(part: &Part, turn: &Turn, direction: Direction) -> Result<Value, Error> {
    let url = match part {
        Part::Text { text, .. } => return Ok(json!({ "type": "text", "text": text })),
        Part::Image(Source::Url(url), _) => url.clone(),
        Part::Image(Source::Base64 { media_type, data }, _) => {
            format!("data:{media_type};base64,{data}")
        }
        Part::Document { .. } => return Err(misplaced(turn, "a document", direction)),
        _ => {
            return Err(misplaced(
                turn,
                "content that has no place there",
                direction,
            ));
        }
    };
    Ok(json!({ "type": "image_url", "image_url": { "url": url } }))
}

/// What a tool gave back, if it is text alone. A failure has no field of its own, so the text
/// says it.
fn result(content: &[Part], is_error: bool) -> Option<Value> {
    let lines = content.iter().map(|part| match part {
        Part::Text { text, .. } => Some(text.as_str()),
        _ => None,
    });
    let lines = lines.collect::<Option<Vec<&str>>>()?;
    Some(match (is_error, lines.as_slice()) {
        (true, lines) => format!("error: {}", lines.join("\n")).into(),
        (false, []) => "".into(),
        (false, _) => texts(content),
    })
}

fn assistant(turn: &Turn, direction: Direction) -> Result<Value, Error> {
    let (mut said, mut calls, mut plan) = (Vec::new(), Vec::new(), String::new());
    for part in &turn.parts {
        match part {
            Part::Text { text, .. } => said.push(json!({ "type": "text", "text": text })),
            Part::ToolCall {
                id,
                name,
                arguments,
            } => calls.push(json!({
                "id": id,
                "type": "function",
                "function": { "name": name, "arguments": arguments },
            })),
            Part::Thought(Thought::Open { text, signature }) => {
                let own = COHERE.iter().find(|(mark, _)| mark == signature);
                match own {
                    Some((_, "tool_plan")) => plan.push_str(text),
                    Some((_, field)) => said.push(json!({ "type": field, *field: text })),
                    None => {
                        return Err(misplaced(turn, "thoughts of another provider", direction));
                    }
                }
            }
            _ => {
                return Err(misplaced(
                    turn,
                    "content that has no place there",
                    direction,
                ));
            }
        }
    }
    let mut message = Map::new();
    let mut put = |name: &str, value: Value| message.insert(name.to_owned(), value);
    put("role", "assistant".into());
    if !plan.is_empty() {
        put("tool_plan", plan.into());
    }
    match said.as_slice() {
        [] => {}
        [only] if only.get("text").is_some() => {
            put("content", only.get("text").cloned().unwrap_or_default());
        }
        _ => {
            put("content", said.into());
        }
    }
    if !calls.is_empty() {
        put("tool_calls", calls.into());
    }
    Ok(Value::Object(message))
}
