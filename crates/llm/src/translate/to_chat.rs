//! Writing a request for OpenAI's chat completions.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::fields::to_bytes;
use super::thoughts::UNSIGNED;
use super::{Direction, Error, tools};
use crate::canonical::{
    Effort, Part, Request, Role, Source, Thinking, ThinkingMode, Thought, Tier, Turn,
};
use crate::kind::ProviderKind;

/// The longest name of an end user that OpenAI accepts.
const LONGEST_USER: usize = 64;

/// Writes the body.
pub(super) fn write(
    request: &Request,
    direction: Direction,
    provider: ProviderKind,
    model: &str,
    output_cap: u64,
) -> Result<Vec<u8>, Error> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("model", model.into());
    // OpenAI's reasoning models refuse the older name, many local servers know no other.
    let cap_field = match provider.serves_openai() {
        true => "max_completion_tokens",
        false => "max_tokens",
    };
    put(cap_field, output_cap.into());
    put("messages", messages(request, direction)?.into());
    if !request.tools.is_empty() {
        put("tools", tools::to_chat(&request.tools).into());
        if let Some(choice) = &request.tool_choice {
            put("tool_choice", tools::choice_to_chat(choice));
        }
        if let Some(parallel) = request.parallel_tool_calls {
            put("parallel_tool_calls", parallel.into());
        }
    }
    if let Some(temperature) = &request.temperature {
        put("temperature", Value::Number(temperature.clone()));
    }
    if let Some(top_p) = &request.top_p {
        put("top_p", Value::Number(top_p.clone()));
    }
    if !request.stop.is_empty() {
        put("stop", request.stop.clone().into());
    }
    if let Some(output) = &request.output_schema {
        let name = output.name.as_deref().unwrap_or("output");
        put(
            "response_format",
            json!({
                "type": "json_schema",
                "json_schema": { "name": name, "schema": output.schema, "strict": true },
            }),
        );
    }
    if let Some(effort) = effort(&request.thinking, provider, model) {
        put("reasoning_effort", effort.into());
    }
    if let Some(end_user) = &request.end_user {
        let field = match provider.serves_openai() {
            true => "safety_identifier",
            false => "user",
        };
        put(field, short(end_user).into());
    }
    if let Some(tier) = request.service_tier {
        let word = match tier {
            Tier::Auto => "auto",
            Tier::Standard => "default",
        };
        put("service_tier", word.into());
    }
    if request.stream {
        put("stream", true.into());
        if provider.takes_stream_options() {
            put("stream_options", json!({ "include_usage": true }));
        }
    }
    Ok(to_bytes(&Value::Object(body)))
}

/// A name that is too long becomes its SHA-256, which is as stable.
fn short(end_user: &str) -> String {
    if end_user.len() <= LONGEST_USER {
        return end_user.to_owned();
    }
    hex::encode(digest(&SHA256, end_user.as_bytes()))
}

/// The effort that stands for how much thinking was asked for.
fn effort(thinking: &Thinking, provider: ProviderKind, model: &str) -> Option<&'static str> {
    if let Some(effort) = thinking.effort {
        return Some(effort.as_str());
    }
    match thinking.mode {
        ThinkingMode::Unsaid | ThinkingMode::Adaptive => None,
        // A model that does not reason refuses the field, and has nothing to switch off.
        ThinkingMode::Off => reasons(provider, model).then_some("none"),
        ThinkingMode::Budget(budget) => Some(
            match budget {
                0..4096 => Effort::Low,
                4096..16384 => Effort::Medium,
                _ => Effort::High,
            }
            .as_str(),
        ),
    }
}

/// Whether OpenAI's model reasons, by its name: the o series and everything since GPT-5 but
/// the chat variants.
fn reasons(provider: ProviderKind, model: &str) -> bool {
    let o_series = model
        .strip_prefix('o')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let generation = model.strip_prefix("gpt-").and_then(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().ok()
    });
    provider.serves_openai()
        && (o_series || (generation.is_some_and(|g| g >= 5) && !model.contains("-chat")))
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
    Ok(out)
}

/// One text is said as a string, which every server understands; several stay apart.
fn texts(parts: &[Part]) -> Value {
    if let [Part::Text { text, .. }] = parts {
        return text.clone().into();
    }
    parts
        .iter()
        .filter_map(|part| match part {
            Part::Text { text, .. } => Some(json!({ "type": "text", "text": text })),
            _ => None,
        })
        .collect()
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
                out.push(json!({
                    "role": "tool",
                    "tool_call_id": id,
                    "content": result(content, *is_error)
                        .ok_or_else(|| misplaced(turn, direction))?,
                }));
            }
            Part::Text { .. } | Part::Image(..) | Part::Document { .. } => said.push(part.clone()),
            Part::ToolCall { .. } | Part::Thought(_) => return Err(misplaced(turn, direction)),
        }
    }
    if said.iter().all(|part| matches!(part, Part::Text { .. })) {
        if !said.is_empty() {
            out.push(json!({ "role": "user", "content": texts(&said) }));
        }
        return Ok(());
    }
    let content = said.iter().map(user_part).collect::<Option<Vec<Value>>>();
    let content = content.ok_or_else(|| misplaced(turn, direction))?;
    out.push(json!({ "role": "user", "content": content }));
    Ok(())
}

fn user_part(part: &Part) -> Option<Value> {
    Some(match part {
        Part::Text { text, .. } => json!({ "type": "text", "text": text }),
        Part::Image(source, _) => {
            json!({ "type": "image_url", "image_url": { "url": url(source) } })
        }
        // A document is sent with its bytes; there is no field for its address.
        Part::Document {
            source: source @ Source::Base64 { .. },
            title,
            ..
        } => {
            let name = title.as_deref().unwrap_or("document.pdf");
            json!({ "type": "file", "file": { "filename": name, "file_data": url(source) } })
        }
        _ => return None,
    })
}

fn url(source: &Source) -> String {
    match source {
        Source::Base64 { media_type, data } => format!("data:{media_type};base64,{data}"),
        Source::Url(url) => url.clone(),
    }
}

/// What a tool gave back, if it is text alone. A failure has no field of its own, so the text
/// says it.
fn result(content: &[Part], is_error: bool) -> Option<Value> {
    if !content.iter().all(|part| matches!(part, Part::Text { .. })) {
        return None;
    }
    if !is_error {
        return Some(match content {
            [] => "".into(),
            _ => texts(content),
        });
    }
    let mut said = String::from("error:");
    for part in content {
        if let Part::Text { text, .. } = part {
            said.push(if said.ends_with(':') { ' ' } else { '\n' });
            said.push_str(text);
        }
    }
    Some(said.into())
}

fn assistant(turn: &Turn, direction: Direction) -> Result<Value, Error> {
    let mut message = Map::new();
    message.insert("role".to_owned(), "assistant".into());
    let (mut said, mut calls) = (Vec::new(), Vec::new());
    for part in &turn.parts {
        match part {
            Part::Text { .. } => said.push(part.clone()),
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
                let field = UNSIGNED.iter().find(|(mark, _)| mark == signature);
                let (_, field) = *field.ok_or_else(|| misplaced(turn, direction))?;
                let all = message.entry(field).or_insert_with(|| "".into());
                *all = format!("{}{text}", all.as_str().unwrap_or_default()).into();
            }
            _ => return Err(misplaced(turn, direction)),
        }
    }
    let content = if said.is_empty() {
        Value::Null
    } else {
        texts(&said)
    };
    message.insert("content".to_owned(), content);
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    Ok(Value::Object(message))
}

fn misplaced(turn: &Turn, direction: Direction) -> Error {
    Error::Untranslatable {
        feature: format!("{}: content that has no place there", turn.field),
        direction,
    }
}
