//! Reading the messages of Anthropic's dialect.

use serde_json::Value;

use super::fields::{Fields, missing, wrong_type};
use super::thoughts::{is_own, thought};
use super::{Direction, Error};
use crate::canonical::{CacheMark, Part, Role, Source, Turn};
use crate::kind::Dialect;

/// Reads `system`.
pub(super) fn system(fields: &mut Fields, cached: &mut bool) -> Result<Vec<Part>, Error> {
    content(fields, "system", Place::System, cached)
}

/// Reads all messages.
pub(super) fn read(
    messages: Vec<Value>,
    direction: Direction,
    cached: &mut bool,
) -> Result<Vec<Turn>, Error> {
    let mut turns: Vec<Turn> = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        let path = format!("messages[{index}]");
        let mut fields = Fields::of(message, path.clone(), direction)?;
        let (role, place) = match fields.required_string("role")?.as_str() {
            "user" => (Role::User, Place::User),
            "assistant" => (Role::Assistant, Place::Assistant),
            "system" => (Role::System, Place::System),
            other => return Err(fields.refuse_self(other)),
        };
        if !fields.has("content") {
            return Err(missing(fields.at("content")));
        }
        let parts = content(&mut fields, "content", place, cached)?;
        fields.finish()?;
        match turns.last_mut() {
            Some(turn) if turn.role == role => turn.parts.extend(parts),
            _ => turns.push(Turn {
                role,
                parts,
                field: path,
            }),
        }
    }
    check_order(&turns)?;
    if let Some(turn) = turns.last()
        && turn.role == Role::Assistant
    {
        return Err(Error::Untranslatable {
            feature: format!("{}: prefill", turn.field),
            direction,
        });
    }
    Ok(turns)
}

/// Results come first in their turn; elsewhere they could not stand right behind the calls.
fn check_order(turns: &[Turn]) -> Result<(), Error> {
    for turn in turns {
        let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
        let first_other = turn.parts.iter().position(|part| !is_result(part));
        if let Some(at) = first_other
            && turn.parts.iter().skip(at).any(is_result)
        {
            return Err(Error::Invalid {
                field: turn.field.clone(),
                problem: "results of tools must stand before anything else".to_owned(),
            });
        }
    }
    Ok(())
}

/// Where content stands, which decides what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    System,
    User,
    Assistant,
    Result,
}

fn content(
    fields: &mut Fields,
    name: &str,
    place: Place,
    cached: &mut bool,
) -> Result<Vec<Part>, Error> {
    let path = fields.at(name);
    match fields.take(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::text(text)]),
        Some(Value::Array(items)) => {
            let (mut parts, mut of_results) = (Vec::with_capacity(items.len()), None);
            for (index, item) in items.into_iter().enumerate() {
                let block = Fields::of(item, format!("{path}[{index}]"), fields.direction())?;
                let (read, mark) = part(block, place, cached)?;
                of_results = mark.or(of_results);
                parts.push(read);
            }
            if let Some(mark) = of_results {
                // Results stand together, so the prefix ends behind the last one.
                let is_result = |part: &Part| matches!(part, Part::ToolResult { .. });
                let behind = parts.iter().rposition(is_result);
                let at = behind.map_or(parts.len(), |at| at.saturating_add(1));
                parts.insert(at, mark_alone(mark));
            }
            Ok(parts)
        }
        Some(other) => Err(wrong_type(path, "a string or an array", &other)),
    }
}

/// The end of a prefix that is cached, behind something that bears no mark itself.
pub(super) fn mark_alone(mark: CacheMark) -> Part {
    Part::Text {
        text: String::new(),
        cache: Some(mark),
    }
}

/// Where a prefix should end that is cached. Only Bedrock can be told; elsewhere that it was asked
/// for is all that is kept.
pub(super) fn cache_mark(
    block: &mut Fields,
    cached: &mut bool,
) -> Result<Option<CacheMark>, Error> {
    if block.direction().upstream() != Dialect::Converse {
        *cached |= block.take("cache_control").is_some();
        return Ok(None);
    }
    let Some(mut control) = block.object("cache_control")? else {
        return Ok(None);
    };
    control.only("type", &["ephemeral"])?;
    let mark = match control.string("ttl")?.as_deref() {
        None | Some("5m") => CacheMark::FiveMinutes,
        Some("1h") => CacheMark::OneHour,
        Some(_) => return Err(control.refuse("ttl")),
    };
    control.finish()?;
    Ok(Some(mark))
}

/// A part, and the mark that it cannot bear itself.
fn part(
    mut block: Fields,
    place: Place,
    cached: &mut bool,
) -> Result<(Part, Option<CacheMark>), Error> {
    let mark = cache_mark(&mut block, cached)?;
    let mut read = unmarked(block, place, cached)?;
    match &mut read {
        Part::Text { cache, .. } | Part::Image(_, cache) | Part::Document { cache, .. } => {
            *cache = mark;
            Ok((read, None))
        }
        _ => Ok((read, mark)),
    }
}

fn unmarked(mut block: Fields, place: Place, cached: &mut bool) -> Result<Part, Error> {
    let sees_results = block.direction().upstream() == Dialect::Converse;
    let kind = block
        .peek("type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let read = match (kind.as_str(), place) {
        ("thinking" | "redacted_thinking", Place::Assistant) => {
            return own_thought(block).map(Part::Thought);
        }
        ("text", _) => {
            block.only_empty("citations")?;
            block.take("parsed_output");
            Part::text(block.required_string("text")?)
        }
        ("image", Place::User) => image_part(&mut block)?,
        ("image", Place::Result) if sees_results => image_part(&mut block)?,
        ("document", Place::Result) if sees_results => document(&mut block)?,
        ("document", Place::User) => document(&mut block)?,
        ("tool_use", Place::Assistant) => tool_use(&mut block)?,
        ("tool_result", Place::User) => tool_result(&mut block, cached)?,
        ("", _) => return Err(missing(block.at("type"))),
        (kind, _) => return Err(block.refuse_self(kind)),
    };
    block.take("type");
    block.finish()?;
    Ok(read)
}

/// Thoughts can only go back to the provider that had them. Those of other providers than
/// Anthropic carry our own mark in, or in place of, the signature.
fn own_thought(block: Fields) -> Result<crate::canonical::Thought, Error> {
    let what = match block.has("data") {
        true => "data",
        false => "signature",
    };
    let mark = block.peek(what).and_then(Value::as_str).unwrap_or_default();
    if !is_own(block.direction().upstream(), mark) {
        return Err(block.refuse(what));
    }
    thought(block)
}

fn image_part(block: &mut Fields) -> Result<Part, Error> {
    block.only_empty("transformations")?;
    Ok(Part::Image(image(block)?, None))
}

fn image(block: &mut Fields) -> Result<Source, Error> {
    let mut source = block
        .object("source")?
        .ok_or_else(|| missing(block.at("source")))?;
    let read = match source.required_string("type")?.as_str() {
        "base64" => Source::Base64 {
            media_type: source.required_string("media_type")?,
            data: source.required_string("data")?,
        },
        "url" => Source::Url(source.required_string("url")?),
        other => return Err(source.refuse_self(other)),
    };
    source.finish()?;
    Ok(read)
}

fn document(block: &mut Fields) -> Result<Part, Error> {
    if let Some(mut citations) = block.object("citations")? {
        citations.only_false("enabled")?;
        citations.finish()?;
    }
    let mut source = block
        .object("source")?
        .ok_or_else(|| missing(block.at("source")))?;
    let kind = source.required_string("type")?;
    let part = match kind.as_str() {
        "base64" => {
            let media_type = source.required_string("media_type")?;
            if media_type != "application/pdf" {
                return Err(source.refuse("media_type"));
            }
            let data = source.required_string("data")?;
            let title = block.string("title")?;
            Part::Document {
                source: Source::Base64 { media_type, data },
                title,
                cache: None,
            }
        }
        "text" => {
            source.only("media_type", &["text/plain"])?;
            Part::text(source.required_string("data")?)
        }
        other => return Err(source.refuse_self(other)),
    };
    source.finish()?;
    Ok(part)
}

fn tool_use(block: &mut Fields) -> Result<Part, Error> {
    if let Some(mut caller) = block.object("caller")? {
        caller.only("type", &["direct"])?;
        caller.finish()?;
    }
    Ok(Part::ToolCall {
        arguments: arguments(block)?,
        id: block.required_string("id")?,
        name: block.required_string("name")?,
    })
}

/// The text of `input`, which has been kept as it is.
fn arguments(block: &mut Fields) -> Result<String, Error> {
    let text = block.string("input")?.unwrap_or_else(|| "{}".to_owned());
    if text.starts_with('{') {
        return Ok(text);
    }
    let found = serde_json::from_str(&text).unwrap_or_default();
    Err(wrong_type(block.at("input"), "an object", &found))
}

fn tool_result(block: &mut Fields, cached: &mut bool) -> Result<Part, Error> {
    Ok(Part::ToolResult {
        id: block.required_string("tool_use_id")?,
        content: content(block, "content", Place::Result, cached)?,
        is_error: block.boolean("is_error")?.unwrap_or(false),
    })
}
