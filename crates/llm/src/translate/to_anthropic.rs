//! Writing a request for Anthropic's messages.

mod thinking;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

pub(super) use self::thinking::{output_floor, write as thinking};
use super::fields::raw_object;
use super::open_calls::{calls, check_answered};
use super::thoughts::thought_block;
use super::{Direction, Error, tools};
use crate::anthropic::model::accepts_system_messages;
use crate::canonical::{CacheMark, Part, Request, Role, Source, Tier, Turn};

/// The body. The messages stand apart because arguments must stay the text they are.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block>,
    messages: Vec<Message>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: Vec<Block>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Block {
    ToolUse {
        #[serde(rename = "type")]
        kind: &'static str,
        id: String,
        name: String,
        input: Box<RawValue>,
    },
    Other(Value),
}

/// Writes the body.
pub(super) fn write(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
) -> Result<Vec<u8>, Error> {
    let body = Body {
        model,
        max_tokens: output_cap,
        system: parts(&request.system)?,
        messages: turns(request, direction, model)?,
        rest: rest(request, direction, model, output_cap)?,
    };
    serde_json::to_vec(&body).map_err(|_| Error::Invalid {
        field: "messages".to_owned(),
        problem: "cannot be written as JSON".to_owned(),
    })
}

fn rest(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
) -> Result<Map<String, Value>, Error> {
    let mut body = Map::new();
    if !request.tools.is_empty() {
        body.insert(
            "tools".to_owned(),
            tools::to_messages(&request.tools).into(),
        );
    }
    if let Some(choice) = tools::choice_to_messages(request) {
        body.insert("tool_choice".to_owned(), choice);
    }
    if let Some(temperature) = &request.temperature {
        body.insert("temperature".to_owned(), Value::Number(temperature.clone()));
    }
    if let Some(top_p) = &request.top_p {
        body.insert("top_p".to_owned(), Value::Number(top_p.clone()));
    }
    if !request.stop.is_empty() {
        body.insert("stop_sequences".to_owned(), request.stop.clone().into());
    }
    let mut output_config = Map::new();
    if let Some(thinking) =
        thinking::write(request, direction, model, output_cap, &mut output_config)?
    {
        body.insert("thinking".to_owned(), thinking);
    }
    if let Some(output) = &request.output_schema {
        let format = json!({ "type": "json_schema", "schema": output.schema });
        output_config.insert("format".to_owned(), format);
    }
    if !output_config.is_empty() {
        body.insert("output_config".to_owned(), output_config.into());
    }
    if let Some(end_user) = &request.end_user {
        body.insert("metadata".to_owned(), json!({ "user_id": end_user }));
    }
    if let Some(tier) = request.service_tier {
        let word = match tier {
            Tier::Auto => "auto",
            Tier::Standard => "standard_only",
        };
        body.insert("service_tier".to_owned(), word.into());
    }
    if request.stream {
        body.insert("stream".to_owned(), true.into());
    }
    Ok(body)
}

fn turns(request: &Request, direction: Direction, model: &str) -> Result<Vec<Message>, Error> {
    let mut out = Vec::with_capacity(request.turns.len());
    let mut open_calls = BTreeSet::new();
    for (index, turn) in request.turns.iter().enumerate() {
        match turn.role {
            Role::User => user_turn(turn, &mut open_calls, &mut out)?,
            Role::Assistant => {
                check_answered(open_calls.first().map(String::as_str), turn)?;
                open_calls = calls(turn)?;
                out.push(Message {
                    role: "assistant",
                    content: parts(&turn.parts)?,
                });
            }
            Role::System => {
                let next = request
                    .turns
                    .get(index.saturating_add(1))
                    .map(|turn| turn.role);
                let previous = index.checked_sub(1).and_then(|at| request.turns.get(at));
                let placed = previous.is_some_and(|turn| turn.role == Role::User)
                    && !matches!(next, Some(Role::User));
                if !placed || !open_calls.is_empty() || !accepts_system_messages(model) {
                    return Err(Error::Untranslatable {
                        feature: format!("{}: instructions in the middle", turn.field),
                        direction,
                    });
                }
                out.push(Message {
                    role: "system",
                    content: parts(&turn.parts)?,
                });
            }
        }
    }
    match request.turns.last() {
        Some(turn) if turn.role == Role::Assistant => Err(Error::Untranslatable {
            feature: format!("{}: the assistant has the last word", turn.field),
            direction,
        }),
        _ => Ok(out),
    }
}

/// The results of tools come first, and answer exactly the calls of the turn before.
fn user_turn(
    turn: &Turn,
    open_calls: &mut BTreeSet<String>,
    out: &mut Vec<Message>,
) -> Result<(), Error> {
    let (results, rest): (Vec<Part>, Vec<Part>) = turn
        .parts
        .iter()
        .cloned()
        .partition(|part| matches!(part, Part::ToolResult { .. }));
    for part in &results {
        if let Part::ToolResult { id, .. } = part
            && !open_calls.remove(id)
        {
            return Err(Error::Invalid {
                field: turn.field.clone(),
                problem: format!("`{id}` answers no tool call of the turn before"),
            });
        }
    }
    check_answered(open_calls.first().map(String::as_str), turn)?;
    let ordered: Vec<Part> = results.into_iter().chain(rest).collect();
    out.push(Message {
        role: "user",
        content: parts(&ordered)?,
    });
    Ok(())
}

fn parts(parts: &[Part]) -> Result<Vec<Block>, Error> {
    parts
        .iter()
        .map(|part| match part {
            Part::ToolCall {
                id,
                name,
                arguments,
            } => Ok(Block::ToolUse {
                kind: "tool_use",
                id: id.clone(),
                name: name.clone(),
                input: raw_object(arguments, "messages")?,
            }),
            other => value(other).map(Block::Other),
        })
        .collect()
}

fn value(part: &Part) -> Result<Value, Error> {
    let (mut out, cache) = match part {
        Part::Text { text, cache } => (json!({ "type": "text", "text": text }), *cache),
        Part::Image(source, cache) => {
            (json!({ "type": "image", "source": origin(source) }), *cache)
        }
        Part::Document {
            source,
            title,
            cache,
        } => {
            let mut out = json!({ "type": "document", "source": origin(source) });
            if let (Some(title), Some(map)) = (title, out.as_object_mut()) {
                map.insert("title".to_owned(), title.clone().into());
            }
            (out, *cache)
        }
        Part::ToolCall { id, .. } => {
            return Err(Error::Invalid {
                field: "messages".to_owned(),
                problem: format!("the tool call `{id}` stands inside a result"),
            });
        }
        Part::ToolResult {
            id,
            content,
            is_error,
        } => {
            let mut out = Map::new();
            out.insert("type".to_owned(), "tool_result".into());
            out.insert("tool_use_id".to_owned(), id.clone().into());
            if !content.is_empty() {
                out.insert("content".to_owned(), values(content)?.into());
            }
            if *is_error {
                out.insert("is_error".to_owned(), true.into());
            }
            (Value::Object(out), None)
        }
        Part::Thought(thought) => (thought_block(thought), None),
    };
    if let (Some(cache), Some(map)) = (cache, out.as_object_mut()) {
        let mark = match cache {
            CacheMark::FiveMinutes => json!({ "type": "ephemeral" }),
            CacheMark::OneHour => json!({ "type": "ephemeral", "ttl": "1h" }),
        };
        map.insert("cache_control".to_owned(), mark);
    }
    Ok(out)
}

fn values(parts: &[Part]) -> Result<Vec<Value>, Error> {
    parts.iter().map(value).collect()
}

fn origin(source: &Source) -> Value {
    match source {
        Source::Base64 { media_type, data } => {
            json!({ "type": "base64", "media_type": media_type, "data": data })
        }
        Source::Url(url) => json!({ "type": "url", "url": url }),
    }
}
