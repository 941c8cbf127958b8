//! Reading a request of Anthropic's messages.

use serde_json::{Map, Value};

use super::chat_request::strings;
use super::fields::{Fields, missing};
use super::{ClientFacts, Error, Note, messages_turns, tools};
use crate::canonical::{Display, Effort, OutputSchema, Request, Thinking, ThinkingMode, Tier};

/// OpenAI accepts no more texts that end the output.
const MOST_STOPS: usize = 4;

/// Reads the request; what cannot be said elsewhere is refused by name.
pub(super) fn read(
    mut fields: Fields,
    notes: &mut Vec<Note>,
) -> Result<(Request, ClientFacts), Error> {
    let messages = fields
        .array("messages")?
        .ok_or_else(|| missing("messages".to_owned()))?;
    let mut cached = false;
    let of_all = messages_turns::cache_mark(&mut fields, &mut cached)?;
    let system = messages_turns::system(&mut fields, &mut cached)?;
    let mut turns = messages_turns::read(messages, fields.direction(), &mut cached)?;
    if let (Some(mark), Some(last)) = (of_all, turns.last_mut()) {
        last.parts.push(messages_turns::mark_alone(mark));
    }
    let tools = tools::messages_tools(&mut fields, notes)?;
    let (tool_choice, parallel_tool_calls) = tools::messages_choice(&mut fields)?;
    let max_tokens = match fields.whole("max_tokens")? {
        None => return Err(missing("max_tokens".to_owned())),
        // Zero fills Anthropic's cache and generates nothing, which no other dialect can ask.
        Some(0) => return Err(fields.refuse_self("max_tokens of 0")),
        Some(cap) => cap,
    };
    fields.only("speed", &["standard"])?;
    let (thinking, output_schema) = thinking_and_output(&mut fields)?;
    let request = Request {
        model: fields.required_string("model")?,
        system,
        turns,
        tools,
        tool_choice,
        parallel_tool_calls,
        max_output_tokens: Some(max_tokens),
        temperature: fields.number("temperature")?,
        top_p: fields.number("top_p")?,
        stop: stop(&mut fields)?,
        output_schema,
        thinking,
        end_user: end_user(&mut fields)?,
        service_tier: tier(&mut fields)?,
        stream: fields.boolean("stream")?.unwrap_or(false),
    };
    fields.finish()?;
    let already = notes.iter().any(|note| note.field == "cache_control");
    if cached && !already {
        notes.push(Note {
            field: "cache_control",
            becomes: "nothing: prefixes are cached by themselves",
        });
    }
    Ok((
        request,
        ClientFacts {
            include_usage: false,
            echo: Map::new(),
        },
    ))
}

fn stop(fields: &mut Fields) -> Result<Vec<String>, Error> {
    let texts = strings(
        fields.array("stop_sequences")?.unwrap_or_default(),
        "stop_sequences",
    )?;
    if texts.len() > MOST_STOPS {
        return Err(fields.refuse_self("stop_sequences beyond four"));
    }
    Ok(texts)
}

fn end_user(fields: &mut Fields) -> Result<Option<String>, Error> {
    let Some(mut metadata) = fields.object("metadata")? else {
        return Ok(None);
    };
    let user = metadata.string("user_id")?;
    metadata.finish()?;
    Ok(user)
}

fn tier(fields: &mut Fields) -> Result<Option<Tier>, Error> {
    match fields.string("service_tier")?.as_deref() {
        None => Ok(None),
        Some("auto") => Ok(Some(Tier::Auto)),
        Some("standard_only") => Ok(Some(Tier::Standard)),
        Some(_) => Err(fields.refuse("service_tier")),
    }
}

fn thinking_and_output(fields: &mut Fields) -> Result<(Thinking, Option<OutputSchema>), Error> {
    let mut thinking = match fields.object("thinking")? {
        Some(config) => config_of_thinking(config)?,
        None => Thinking::default(),
    };
    let Some(mut config) = fields.object("output_config")? else {
        return Ok((thinking, None));
    };
    if let Some(word) = config.string("effort")? {
        let effort = Effort::parse(&word).filter(|effort| *effort != Effort::Minimal);
        thinking.effort = Some(effort.ok_or_else(|| Error::Invalid {
            field: config.at("effort"),
            problem: format!("`{word}` is no effort; use low, medium, high, xhigh or max"),
        })?);
        if thinking.mode == ThinkingMode::Off {
            // Elsewhere an effort is one of thinking, so it contradicts having none.
            return Err(config.refuse_self("effort without thinking"));
        }
    }
    let schema = match config.object("format")? {
        None => None,
        Some(mut format) => {
            let kind = format.required_string("type")?;
            if kind != "json_schema" {
                return Err(format.refuse_self(&kind));
            }
            let path = format.at("schema");
            let schema = format.take("schema").ok_or_else(|| missing(path))?;
            format.finish()?;
            Some(OutputSchema { name: None, schema })
        }
    };
    config.finish()?;
    Ok((thinking, schema))
}

fn config_of_thinking(mut config: Fields) -> Result<Thinking, Error> {
    let kind = config.required_string("type")?;
    let mode = match kind.as_str() {
        "disabled" => ThinkingMode::Off,
        "adaptive" => ThinkingMode::Adaptive,
        "enabled" => match config.whole("budget_tokens")? {
            Some(budget) => ThinkingMode::Budget(budget),
            None => return Err(missing(config.at("budget_tokens"))),
        },
        other => return Err(config.refuse_self(other)),
    };
    let display = match config.take("display") {
        None => None,
        Some(Value::String(word)) if word == "summarized" => Some(Display::Summarized),
        Some(Value::String(word)) if word == "omitted" => Some(Display::Omitted),
        Some(_) => return Err(config.refuse("display")),
    };
    config.finish()?;
    Ok(Thinking {
        mode,
        effort: None,
        display,
    })
}
