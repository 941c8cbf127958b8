//! Writing the input of a prediction of Replicate (the schemas of its models, by excerpts, 2026-11).
//!
//! Most models take one prompt and instructions. A conversation of several turns becomes a text in
//! which each turn begins with the name of who speaks, unless the model takes messages.

use serde_json::{Map, Value, json};

use super::fields::to_bytes;
use super::{Direction, Error};
use crate::canonical::{Part, Request, Role, ThinkingMode, ToolChoice, Turn};
use crate::kind::Dialect;
use crate::replicate::Family;

/// Writes the body.
pub(super) fn write(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
) -> Result<Vec<u8>, Error> {
    refuse_what_is_not_offered(request, direction)?;
    let family = Family::of(model);
    if output_cap < family.least_cap {
        return Err(Error::Invalid {
            field: cap_field(direction).to_owned(),
            problem: format!("`{model}` takes {} at the least", family.least_cap),
        });
    }
    let mut input = Map::new();
    input.insert(family.cap.to_owned(), output_cap.into());
    let system = texts(&request.system, "system", direction)?;
    let several = request.turns.len() > 1;
    if several && family.takes_messages {
        input.insert(
            "messages".to_owned(),
            messages(request, &system, direction)?,
        );
    } else {
        let mut prompt = conversation(request, direction)?;
        match family.system {
            // Unsaid, some have instructions of their own.
            Some(field) => drop(input.insert(field.to_owned(), system.into())),
            None if system.is_empty() => {}
            None => prompt = format!("{system}\n\n{prompt}"),
        }
        input.insert("prompt".to_owned(), prompt.into());
    }
    sampling(request, family, direction, &mut input)?;
    let mut body = Map::new();
    if let Some((_, version)) = model.split_once(':') {
        body.insert("version".to_owned(), version.into());
    }
    body.insert("input".to_owned(), Value::Object(input));
    if request.stream {
        body.insert("stream".to_owned(), true.into());
    }
    Ok(to_bytes(&Value::Object(body)))
}

/// The least cap that the model takes.
pub(super) fn output_floor(request: &Request) -> u64 {
    // A smaller one of the client's is refused rather than raised.
    match request.max_output_tokens {
        Some(_) => 1,
        None => Family::of(&request.model).least_cap,
    }
}

const fn cap_field(direction: Direction) -> &'static str {
    match direction.client() {
        Dialect::OpenAiResponses => "max_output_tokens",
        _ => "max_tokens",
    }
}

fn refuse(feature: &str, direction: Direction) -> Error {
    Error::Untranslatable {
        feature: feature.to_owned(),
        direction,
    }
}

fn refuse_what_is_not_offered(request: &Request, direction: Direction) -> Result<(), Error> {
    let chooses = !matches!(
        request.tool_choice,
        None | Some(ToolChoice::Auto | ToolChoice::Never)
    );
    let schema = match direction.client() {
        Dialect::OpenAiResponses => "text.format",
        Dialect::AnthropicMessages => "output_config.format",
        _ => "response_format",
    };
    let stop = match direction.client() {
        Dialect::AnthropicMessages => "stop_sequences",
        _ => "stop",
    };
    let features = [
        (!request.tools.is_empty(), "tools"),
        (chooses, "tool_choice"),
        (request.output_schema.is_some(), schema),
        (!request.stop.is_empty(), stop),
    ];
    if let Some((_, feature)) = features.into_iter().find(|(is_asked, _)| *is_asked) {
        return Err(refuse(feature, direction));
    }
    match request.turns.last() {
        Some(turn) if turn.role == Role::Assistant => {
            let what = format!("{}: the assistant has the last word", turn.field);
            Err(refuse(&what, direction))
        }
        _ => Ok(()),
    }
}

fn sampling(
    request: &Request,
    family: Family,
    direction: Direction,
    input: &mut Map<String, Value>,
) -> Result<(), Error> {
    for (name, number) in [
        ("temperature", &request.temperature),
        ("top_p", &request.top_p),
    ] {
        match number {
            Some(_) if !family.samples => return Err(refuse(name, direction)),
            Some(number) => drop(input.insert(name.to_owned(), Value::Number(number.clone()))),
            None => {}
        }
    }
    let (effort, mode) = (request.thinking.effort, request.thinking.mode);
    match (effort, mode) {
        (Some(effort), _) if family.thinks => {
            input.insert("reasoning_effort".to_owned(), effort.as_str().into());
        }
        (None, ThinkingMode::Unsaid | ThinkingMode::Off) => {}
        _ => {
            let field = match direction.client() {
                Dialect::OpenAiResponses => "reasoning.effort",
                Dialect::AnthropicMessages => "thinking",
                _ => "reasoning_effort",
            };
            return Err(refuse(field, direction));
        }
    }
    Ok(())
}

/// What is said; whatever is no text has no place.
fn texts(parts: &[Part], field: &str, direction: Direction) -> Result<String, Error> {
    let mut said = Vec::new();
    for part in parts {
        match part {
            Part::Text { text, .. } => said.push(text.as_str()),
            // Thoughts go back to who had them, who is another one here.
            Part::Thought(_) => {}
            Part::Image(..) => return Err(refuse(&format!("{field}: an image"), direction)),
            Part::Document { .. } => {
                return Err(refuse(&format!("{field}: a document"), direction));
            }
            Part::ToolCall { .. } | Part::ToolResult { .. } => {
                return Err(refuse(&format!("{field}: a call of a tool"), direction));
            }
        }
    }
    Ok(said.join("\n"))
}

fn said(turn: &Turn, direction: Direction) -> Result<String, Error> {
    texts(&turn.parts, &turn.field, direction)
}

/// One turn as it is; of several, each behind who speaks.
fn conversation(request: &Request, direction: Direction) -> Result<String, Error> {
    if let [turn] = request.turns.as_slice() {
        return said(turn, direction);
    }
    let mut text = String::new();
    for turn in &request.turns {
        let who = match turn.role {
            Role::System => "System",
            Role::User => "User",
            Role::Assistant => "Assistant",
        };
        text.push_str(&format!("{who}: {}\n\n", said(turn, direction)?));
    }
    text.push_str("Assistant:");
    Ok(text)
}

fn messages(request: &Request, system: &str, direction: Direction) -> Result<Value, Error> {
    let mut out = Vec::new();
    if !system.is_empty() {
        out.push(json!({ "role": "system", "content": system }));
    }
    for turn in &request.turns {
        let role = match turn.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        out.push(json!({ "role": role, "content": said(turn, direction)? }));
    }
    Ok(out.into())
}
