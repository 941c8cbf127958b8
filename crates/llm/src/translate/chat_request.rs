//! Reading a request of OpenAI's chat completions.

use serde_json::{Map, Value};

use super::fields::{Fields, missing, wrong_type};
use super::{ClientFacts, Error, Note, chat_turns, tools};
use crate::canonical::{Effort, OutputSchema, Request, Thinking, ThinkingMode, Tier};
use crate::kind::Dialect;

/// Reads the request; what cannot be said elsewhere is refused by name.
pub(super) fn read(
    mut fields: Fields,
    notes: &mut Vec<Note>,
) -> Result<(Request, ClientFacts), Error> {
    refuse_what_chat_alone_knows(&mut fields)?;
    let messages = fields
        .array("messages")?
        .ok_or_else(|| missing("messages".to_owned()))?;
    let conversation = chat_turns::read(messages, fields.direction())?;
    let tools = tools::chat_tools(&mut fields)?;
    let (tool_choice, parallel_tool_calls) = tools::chat_choice(&mut fields)?;
    let (include_usage, stream) = stream_options(&mut fields)?;
    let request = Request {
        model: fields.required_string("model")?,
        system: conversation.system,
        turns: conversation.turns,
        tools,
        tool_choice,
        parallel_tool_calls,
        max_output_tokens: cap(&mut fields)?,
        temperature: temperature(&mut fields)?,
        top_p: not_one(fields.number("top_p")?),
        stop: stop(&mut fields)?,
        output_schema: fields
            .object("response_format")?
            .map(|format| response_format(format, notes))
            .transpose()?
            .flatten(),
        thinking: Thinking {
            mode: ThinkingMode::Unsaid,
            effort: None,
            display: None,
        },
        end_user: end_user(&mut fields)?,
        service_tier: tier(&mut fields)?,
        stream,
    };
    let thinking = match fields.string("reasoning_effort")? {
        Some(word) => effort(&word, "reasoning_effort")?,
        None => Thinking::default(),
    };
    note_what_the_provider_does_by_itself(&mut fields, notes)?;
    fields.finish()?;
    let client = ClientFacts {
        include_usage,
        echo: Map::new(),
    };
    Ok((
        Request {
            thinking,
            ..request
        },
        client,
    ))
}

/// Fields for which Anthropic has no word; harmless values of them pass.
fn refuse_what_chat_alone_knows(fields: &mut Fields) -> Result<(), Error> {
    if fields.take("n").is_some_and(|n| n.as_u64() != Some(1)) {
        return Err(fields.refuse("n"));
    }
    fields.only_false("logprobs")?;
    fields.only_zero("top_logprobs")?;
    fields.only_zero("frequency_penalty")?;
    fields.only_zero("presence_penalty")?;
    fields.only_empty("logit_bias")?;
    fields.only_false("store")?;
    fields.only("verbosity", &["medium"])?;
    fields.only("prompt_cache_retention", &["in_memory"])?;
    if let Some(Value::Array(kinds)) = fields.take("modalities")
        && kinds.iter().any(|kind| kind != "text")
    {
        return Err(fields.refuse("modalities"));
    }
    Ok(())
}

/// Hints that Anthropic needs no field for, and what the gateway itself keeps.
fn note_what_the_provider_does_by_itself(
    fields: &mut Fields,
    notes: &mut Vec<Note>,
) -> Result<(), Error> {
    if fields.string("prompt_cache_key")?.is_some() {
        notes.push(Note {
            field: "prompt_cache_key",
            becomes: "nothing: caches are found by prefix",
        });
    }
    if fields.take("metadata").is_some() {
        notes.push(Note {
            field: "metadata",
            becomes: "part of the call's record only",
        });
    }
    Ok(())
}

fn cap(fields: &mut Fields) -> Result<Option<u64>, Error> {
    let newer = fields.whole("max_completion_tokens")?;
    let older = fields.whole("max_tokens")?;
    Ok(match (newer, older) {
        (Some(newer), Some(older)) => Some(newer.min(older)),
        (newer, older) => newer.or(older),
    })
}

fn stream_options(fields: &mut Fields) -> Result<(bool, bool), Error> {
    let stream = fields.boolean("stream")?.unwrap_or(false);
    let Some(mut options) = fields.object("stream_options")? else {
        return Ok((false, stream));
    };
    let include_usage = options.boolean("include_usage")?.unwrap_or(false);
    options.only_false("include_obfuscation")?;
    options.finish()?;
    Ok((include_usage, stream))
}

/// One is both sides' default, and newer models refuse to be told it.
pub(super) fn not_one(number: Option<serde_json::Number>) -> Option<serde_json::Number> {
    number.filter(|number| number.as_f64() != Some(1.0))
}

/// OpenAI's scale and Google's end at two, Anthropic's at one.
pub(super) fn temperature(fields: &mut Fields) -> Result<Option<serde_json::Number>, Error> {
    let number = fields.number("temperature")?;
    if fields.direction().upstream() == Dialect::Gemini {
        return Ok(number);
    }
    if number
        .as_ref()
        .and_then(serde_json::Number::as_f64)
        .is_some_and(|value| value > 1.0)
    {
        return Err(fields.refuse_self("temperature above 1"));
    }
    Ok(not_one(number))
}

fn stop(fields: &mut Fields) -> Result<Vec<String>, Error> {
    let texts = match fields.take("stop") {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => strings(items, "stop")?,
        Some(other) => {
            return Err(wrong_type(
                "stop".to_owned(),
                "a string or an array",
                &other,
            ));
        }
    };
    if texts.iter().any(|text| text.trim().is_empty()) {
        return Err(fields.refuse_self("stop of white space only"));
    }
    Ok(texts)
}

/// The strings of an array.
pub(super) fn strings(items: Vec<Value>, field: &str) -> Result<Vec<String>, Error> {
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| match item {
            Value::String(text) => Ok(text),
            other => Err(wrong_type(format!("{field}[{index}]"), "a string", &other)),
        })
        .collect()
}

/// `user` and its successor name the same person.
pub(super) fn end_user(fields: &mut Fields) -> Result<Option<String>, Error> {
    let user = fields.string("user")?;
    Ok(fields.string("safety_identifier")?.or(user))
}

pub(super) fn tier(fields: &mut Fields) -> Result<Option<Tier>, Error> {
    match fields.string("service_tier")?.as_deref() {
        None => Ok(None),
        Some("auto") => Ok(Some(Tier::Auto)),
        Some("default") => Ok(Some(Tier::Standard)),
        Some(_) => Err(fields.refuse("service_tier")),
    }
}

/// What an effort word asks for.
pub(super) fn effort(word: &str, field: &str) -> Result<Thinking, Error> {
    if word == "none" {
        return Ok(Thinking {
            mode: ThinkingMode::Off,
            ..Thinking::default()
        });
    }
    let effort = Effort::parse(word).ok_or_else(|| Error::Invalid {
        field: field.to_owned(),
        problem: format!(
            "`{word}` is no effort; use none, minimal, low, medium, high, xhigh or max"
        ),
    })?;
    Ok(Thinking {
        mode: ThinkingMode::Adaptive,
        effort: Some(effort),
        display: None,
    })
}

fn response_format(
    mut format: Fields,
    notes: &mut Vec<Note>,
) -> Result<Option<OutputSchema>, Error> {
    match format.required_string("type")?.as_str() {
        "text" => {
            format.finish()?;
            Ok(None)
        }
        "json_schema" => {
            let mut inner = format
                .object("json_schema")?
                .ok_or_else(|| missing(format.at("json_schema")))?;
            let schema = output_schema(&mut inner, notes)?;
            inner.finish()?;
            format.finish()?;
            Ok(Some(schema))
        }
        kind => Err(Error::Untranslatable {
            feature: format!("{}: {kind}", format.path()),
            direction: format.direction(),
        }),
    }
}

/// Name, description, schema and strictness of an output format, in the object that holds
/// them in chat completions and in responses.
pub(super) fn output_schema(
    inner: &mut Fields,
    notes: &mut Vec<Note>,
) -> Result<OutputSchema, Error> {
    let name = inner.string("name")?;
    let path = inner.at("schema");
    let mut schema = inner.take("schema").ok_or_else(|| missing(path.clone()))?;
    let Some(object) = schema.as_object_mut() else {
        return Err(wrong_type(path, "an object", &schema));
    };
    if let Some(description) = inner.string("description")? {
        object
            .entry("description")
            .or_insert(Value::String(description));
    }
    if inner.boolean("strict")? != Some(true) {
        notes.push(Note {
            field: "strict",
            becomes: "true: the schema always binds",
        });
    }
    Ok(OutputSchema { name, schema })
}
