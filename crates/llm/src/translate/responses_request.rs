//! Reading a request of OpenAI's responses, as far as it needs no state at the provider.

use serde_json::{Map, Value};

use super::chat_request::{effort, end_user, not_one, output_schema, temperature, tier};
use super::chat_turns::{Conversation, arguments_text, breakpoint, image, pdf};
use super::fields::{Fields, missing, wrong_type};
use super::thoughts::unseal;
use super::{ClientFacts, Error, Note, tools};
use crate::canonical::{Display, OutputSchema, Part, Request, Role, Source, Thinking};

/// The fields that an answer repeats from its request.
const ECHOED: [&str; 13] = [
    "instructions",
    "max_output_tokens",
    "metadata",
    "model",
    "parallel_tool_calls",
    "reasoning",
    "safety_identifier",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "user",
];

/// Reads the request; what cannot be said elsewhere is refused by name.
pub(super) fn read(
    mut fields: Fields,
    notes: &mut Vec<Note>,
) -> Result<(Request, ClientFacts), Error> {
    let mut echo = Map::new();
    for name in ECHOED {
        if let Some(value) = fields.peek(name) {
            echo.insert(name.to_owned(), value.clone());
        }
    }
    refuse_state(&mut fields)?;
    let mut conversation = Conversation::default();
    if let Some(instructions) = fields.string("instructions")?
        && !instructions.is_empty()
    {
        conversation.system.push(Part::text(instructions));
    }
    input(&mut fields, &mut conversation)?;
    let tools = tools::responses_tools(&mut fields)?;
    let (tool_choice, parallel_tool_calls) = tools::responses_choice(&mut fields)?;
    let stream = stream(&mut fields)?;
    let request = Request {
        model: fields.required_string("model")?,
        system: conversation.system,
        turns: conversation.turns,
        tools,
        tool_choice,
        parallel_tool_calls,
        max_output_tokens: fields.whole("max_output_tokens")?,
        temperature: temperature(&mut fields)?,
        top_p: not_one(fields.number("top_p")?),
        stop: Vec::new(),
        output_schema: text_format(&mut fields, notes)?,
        thinking: reasoning(&mut fields)?,
        end_user: end_user(&mut fields)?,
        service_tier: tier(&mut fields)?,
        stream,
    };
    if fields.string("prompt_cache_key")?.is_some() {
        notes.push(Note {
            field: "prompt_cache_key",
            becomes: "nothing: caches are found by prefix",
        });
    }
    if fields.take("metadata").is_some() {
        notes.push(Note {
            field: "metadata",
            becomes: "part of the call's record and of the answer",
        });
    }
    fields.finish()?;
    Ok((
        request,
        ClientFacts {
            include_usage: false,
            echo,
        },
    ))
}

/// Everything that lives on at the provider, and what only a response knows.
fn refuse_state(fields: &mut Fields) -> Result<(), Error> {
    fields.only_false("background")?;
    fields.only_false("store")?;
    fields.only_zero("top_logprobs")?;
    fields.only("truncation", &["disabled"])?;
    fields.only("prompt_cache_retention", &["in_memory"])?;
    let path = fields.at("include");
    for item in fields.array("include")?.unwrap_or_default() {
        // Sealed thoughts are always part of the answer, for nobody stores them for it.
        if item != "reasoning.encrypted_content" {
            let item = item.as_str().unwrap_or("?");
            return Err(Error::Untranslatable {
                feature: format!("{path}: {item}"),
                direction: fields.direction(),
            });
        }
    }
    Ok(())
}

fn stream(fields: &mut Fields) -> Result<bool, Error> {
    if let Some(mut options) = fields.object("stream_options")? {
        options.only_false("include_obfuscation")?;
        options.finish()?;
    }
    Ok(fields.boolean("stream")?.unwrap_or(false))
}

fn text_format(fields: &mut Fields, notes: &mut Vec<Note>) -> Result<Option<OutputSchema>, Error> {
    let Some(mut text) = fields.object("text")? else {
        return Ok(None);
    };
    text.only("verbosity", &["medium"])?;
    let schema = match text.object("format")? {
        None => None,
        Some(mut format) => {
            let schema = match format.required_string("type")?.as_str() {
                "text" => None,
                "json_schema" => Some(output_schema(&mut format, notes)?),
                other => return Err(format.refuse_self(other)),
            };
            format.finish()?;
            schema
        }
    };
    text.finish()?;
    Ok(schema)
}

fn reasoning(fields: &mut Fields) -> Result<Thinking, Error> {
    let Some(mut reasoning) = fields.object("reasoning")? else {
        return Ok(Thinking::default());
    };
    let mut thinking = match reasoning.string("effort")? {
        Some(word) => effort(&word, "reasoning.effort")?,
        None => Thinking::default(),
    };
    let summary = reasoning.string("summary")?;
    let older = reasoning.string("generate_summary")?;
    if summary.or(older).is_some() {
        thinking.display = Some(Display::Summarized);
    }
    reasoning.only("context", &["auto"])?;
    reasoning.only("mode", &["standard"])?;
    reasoning.finish()?;
    Ok(thinking)
}

fn input(fields: &mut Fields, conversation: &mut Conversation) -> Result<(), Error> {
    let direction = fields.direction();
    match fields.take("input") {
        None => Err(missing("input".to_owned())),
        Some(Value::String(text)) => {
            conversation.say(Role::User, vec![Part::text(text)], "input".to_owned());
            Ok(())
        }
        Some(Value::Array(items)) => {
            for (index, value) in items.into_iter().enumerate() {
                let path = format!("input[{index}]");
                let (role, parts) = item(Fields::of(value, path.clone(), direction)?)?;
                conversation.say(role, parts, path);
            }
            Ok(())
        }
        Some(other) => Err(wrong_type(
            "input".to_owned(),
            "a string or an array",
            &other,
        )),
    }
}

fn item(mut fields: Fields) -> Result<(Role, Vec<Part>), Error> {
    let kind = fields
        .string("type")?
        .unwrap_or_else(|| "message".to_owned());
    let (role, parts) = match kind.as_str() {
        "message" => message(&mut fields)?,
        "function_call" => (Role::Assistant, vec![function_call(&mut fields)?]),
        "function_call_output" => (Role::User, vec![function_call_output(&mut fields)?]),
        "reasoning" => (Role::Assistant, vec![sealed_thought(&mut fields)?]),
        other => return Err(fields.refuse_self(other)),
    };
    // An item of an earlier answer has an id and is complete.
    fields.string("id")?;
    fields.only("status", &["completed", "incomplete"])?;
    fields.finish()?;
    Ok((role, parts))
}

fn message(fields: &mut Fields) -> Result<(Role, Vec<Part>), Error> {
    let role = match fields.required_string("role")?.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => return Err(fields.refuse_self(other)),
    };
    fields.only("phase", &["commentary", "final_answer"])?;
    let path = fields.at("content");
    let parts = match fields.take("content") {
        None => return Err(missing(path)),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![Part::text(text)],
        Some(Value::Array(items)) => content(items, &path, fields, role)?,
        Some(other) => return Err(wrong_type(path, "a string or an array", &other)),
    };
    Ok((role, parts))
}

fn content(items: Vec<Value>, path: &str, fields: &Fields, role: Role) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let mut part = Fields::of(item, format!("{path}[{index}]"), fields.direction())?;
        let kind = part.required_string("type")?;
        let cache = breakpoint(&mut part)?;
        let read = match (kind.as_str(), role) {
            ("input_text", _) | ("output_text", Role::Assistant) => {
                part.only_empty("annotations")?;
                part.only_empty("logprobs")?;
                part.take("parsed");
                Part::Text {
                    text: part.required_string("text")?,
                    cache,
                }
            }
            ("refusal", Role::Assistant) => Part::text(part.required_string("refusal")?),
            ("input_image", Role::User) => {
                part.only("detail", &["auto"])?;
                if part.has("file_id") {
                    return Err(part.refuse("file_id"));
                }
                let url = part.required_string("image_url")?;
                Part::Image(image(&url, &part.at("image_url"))?, cache)
            }
            ("input_file", Role::User) => {
                part.only("detail", &["auto"])?;
                let source = file(&mut part)?;
                Part::Document {
                    source,
                    title: part.string("filename")?,
                    cache,
                }
            }
            _ => return Err(part.refuse_self(&kind)),
        };
        part.finish()?;
        if !matches!(&read, Part::Text { text, .. } if text.is_empty()) {
            parts.push(read);
        }
    }
    Ok(parts)
}

fn file(part: &mut Fields) -> Result<Source, Error> {
    if part.has("file_id") {
        return Err(part.refuse("file_id"));
    }
    if let Some(url) = part.string("file_url")? {
        return Ok(Source::Url(url));
    }
    let data = part.required_string("file_data")?;
    pdf(&data, part.path(), part.direction())
}

fn function_call(fields: &mut Fields) -> Result<Part, Error> {
    fields.take("parsed_arguments");
    let arguments = fields.string("arguments")?.unwrap_or_default();
    Ok(Part::ToolCall {
        id: fields.required_string("call_id")?,
        name: fields.required_string("name")?,
        arguments: arguments_text(&arguments, || fields.at("arguments"))?,
    })
}

fn function_call_output(fields: &mut Fields) -> Result<Part, Error> {
    let id = fields.required_string("call_id")?;
    fields.string("name")?;
    let path = fields.at("output");
    let content = match fields.take("output") {
        None => return Err(missing(path)),
        Some(Value::String(text)) if text.is_empty() => Vec::new(),
        Some(Value::String(text)) => vec![Part::text(text)],
        Some(Value::Array(items)) => content(items, &path, fields, Role::User)?,
        Some(other) => return Err(wrong_type(path, "a string or an array", &other)),
    };
    Ok(Part::ToolResult {
        id,
        content,
        is_error: false,
    })
}

/// Thoughts that an earlier answer of ours has sealed. The summary repeats their text.
fn sealed_thought(fields: &mut Fields) -> Result<Part, Error> {
    fields.take("summary");
    fields.only_empty("content")?;
    let path = fields.at("encrypted_content");
    let Some(sealed) = fields.string("encrypted_content")? else {
        return Err(fields.refuse_self("reasoning without encrypted_content"));
    };
    Ok(Part::Thought(unseal(&sealed, path, fields.direction())?))
}
