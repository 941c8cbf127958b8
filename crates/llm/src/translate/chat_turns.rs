//! Reading the messages of a chat completion.

use serde_json::Value;

use super::fields::{Fields, missing, object_text, wrong_type};
use super::thoughts::thought;
use super::{Direction, Error};
use crate::canonical::{CacheMark, Part, Role, Source, Turn};

/// Instructions and turns.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    pub(super) system: Vec<Part>,
    pub(super) turns: Vec<Turn>,
}

impl Conversation {
    /// Adds what a role says; to its turn, if it speaks already.
    pub(super) fn say(&mut self, role: Role, parts: Vec<Part>, field: String) {
        match (role, self.turns.last_mut()) {
            (Role::System, None) => self.system.extend(parts),
            (role, Some(turn)) if turn.role == role => turn.parts.extend(parts),
            (role, _) => self.turns.push(Turn { role, parts, field }),
        }
    }
}

/// Reads all messages.
pub(super) fn read(messages: Vec<Value>, direction: Direction) -> Result<Conversation, Error> {
    let mut conversation = Conversation::default();
    for (index, message) in messages.into_iter().enumerate() {
        let path = format!("messages[{index}]");
        let mut fields = Fields::of(message, path.clone(), direction)?;
        let role = fields.required_string("role")?;
        let (role, parts) = match role.as_str() {
            "system" | "developer" => (Role::System, content(&mut fields, texts_only)?),
            "user" => (Role::User, content(&mut fields, part)?),
            "assistant" => (Role::Assistant, assistant(&mut fields)?),
            "tool" => (Role::User, vec![result(&mut fields)?]),
            _ => return Err(fields.refuse_self(&role)),
        };
        fields.finish()?;
        conversation.say(role, parts, path);
    }
    Ok(conversation)
}

type PartReader = fn(&str, Fields) -> Result<Part, Error>;

/// Content that is a string or an array of parts. Empty texts say nothing and are left out:
/// Anthropic refuses them.
fn content(fields: &mut Fields, read: PartReader) -> Result<Vec<Part>, Error> {
    let path = fields.at("content");
    match fields.take("content") {
        None => Err(missing(path)),
        Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![Part::text(text)]),
        Some(Value::Array(items)) => parts(items, &path, fields.direction(), read),
        Some(other) => Err(wrong_type(path, "a string or an array", &other)),
    }
}

fn parts(
    items: Vec<Value>,
    path: &str,
    direction: Direction,
    read: PartReader,
) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let mut fields = Fields::of(item, format!("{path}[{index}]"), direction)?;
        let kind = fields.required_string("type")?;
        match read(&kind, fields)? {
            Part::Text { text, .. } if text.is_empty() => {}
            part => parts.push(part),
        }
    }
    Ok(parts)
}

fn texts_only(kind: &str, mut fields: Fields) -> Result<Part, Error> {
    if kind != "text" {
        return Err(fields.refuse_self(kind));
    }
    let cache = breakpoint(&mut fields)?;
    let text = fields.required_string("text")?;
    fields.finish()?;
    Ok(Part::Text { text, cache })
}

fn assistant_part(kind: &str, mut fields: Fields) -> Result<Part, Error> {
    if kind != "refusal" {
        return texts_only(kind, fields);
    }
    let text = fields.required_string("refusal")?;
    fields.finish()?;
    Ok(Part::text(text))
}

fn part(kind: &str, mut fields: Fields) -> Result<Part, Error> {
    let cache = match kind {
        "text" => return texts_only(kind, fields),
        "image_url" | "file" => breakpoint(&mut fields)?,
        _ => return Err(fields.refuse_self(kind)),
    };
    let mut inner = fields
        .object(kind)?
        .ok_or_else(|| missing(fields.at(kind)))?;
    let part = if kind == "image_url" {
        inner.only("detail", &["auto"])?;
        Part::Image(
            image(&inner.required_string("url")?, &inner.at("url"))?,
            cache,
        )
    } else {
        let title = inner.string("filename")?;
        let data = inner.string("file_data")?;
        let Some(data) = data else {
            // What is left is `file_id`, or nothing.
            inner.finish()?;
            return Err(missing(fields.at("file.file_data")));
        };
        let source = pdf(&data, fields.path(), fields.direction())?;
        Part::Document {
            source,
            title,
            cache,
        }
    };
    inner.finish()?;
    fields.finish()?;
    Ok(part)
}

/// An explicit mark where a cached prefix ends. Its default life is the provider's; a life
/// that only one side knows is refused.
pub(super) fn breakpoint(fields: &mut Fields) -> Result<Option<CacheMark>, Error> {
    let Some(mut mark) = fields.object("prompt_cache_breakpoint")? else {
        return Ok(None);
    };
    mark.only("mode", &["explicit"])?;
    mark.finish()?;
    Ok(Some(CacheMark::FiveMinutes))
}

/// The media types of images that Anthropic accepts.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// An image's URL, which may hold the image itself.
pub(super) fn image(url: &str, path: &str) -> Result<Source, Error> {
    let Some((media_type, data)) = data_url(url) else {
        return if url.starts_with("https://") || url.starts_with("http://") {
            Ok(Source::Url(url.to_owned()))
        } else {
            Err(Error::Invalid {
                field: path.to_owned(),
                problem: "must be an http(s) URL or a base64 data URL".to_owned(),
            })
        };
    };
    if !IMAGES.contains(&media_type) {
        return Err(Error::Invalid {
            field: path.to_owned(),
            problem: format!(
                "`{media_type}` is no image that the provider reads; use jpeg, png, gif or webp"
            ),
        });
    }
    Ok(Source::Base64 {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
    })
}

/// A file's data URL, which must hold a PDF.
pub(super) fn pdf(data: &str, path: &str, direction: Direction) -> Result<Source, Error> {
    match data_url(data) {
        Some(("application/pdf", data)) => Ok(Source::Base64 {
            media_type: "application/pdf".to_owned(),
            data: data.to_owned(),
        }),
        Some((other, _)) => Err(Error::Untranslatable {
            feature: format!("{path}: {other}"),
            direction,
        }),
        None => Err(Error::Invalid {
            field: format!("{path}.file_data"),
            problem: "must be a base64 data URL".to_owned(),
        }),
    }
}

fn data_url(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}

fn assistant(fields: &mut Fields) -> Result<Vec<Part>, Error> {
    let mut parts = thoughts(fields)?;
    if fields.has("content") {
        parts.extend(content(fields, assistant_part)?);
    } else {
        fields.take("content");
    }
    if let Some(refusal) = fields.string("refusal")?
        && !refusal.is_empty()
    {
        parts.push(Part::text(refusal));
    }
    fields.only_empty("annotations")?;
    // The official SDK leaves its own reading of the content in a message that is sent back.
    fields.take("parsed");
    let path = fields.at("tool_calls");
    let direction = fields.direction();
    for (index, call) in fields
        .array("tool_calls")?
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        let fields = Fields::of(call, format!("{path}[{index}]"), direction)?;
        parts.push(tool_call(fields)?);
    }
    if parts.is_empty() {
        return Err(missing(fields.at("content")));
    }
    Ok(parts)
}

fn tool_call(mut fields: Fields) -> Result<Part, Error> {
    // The helper of the official SDK that sums up a stream leaves the index in.
    fields.take("index");
    let kind = fields.required_string("type")?;
    if kind != "function" {
        return Err(fields.refuse_self(&kind));
    }
    let id = fields.required_string("id")?;
    let mut function = fields
        .object("function")?
        .ok_or_else(|| missing(fields.at("function")))?;
    let name = function.required_string("name")?;
    let arguments = function.string("arguments")?.unwrap_or_default();
    let arguments = arguments_text(&arguments, || function.at("arguments"))?;
    function.take("parsed_arguments");
    function.finish()?;
    fields.finish()?;
    Ok(Part::ToolCall {
        id,
        name,
        arguments,
    })
}

/// Arguments must be a JSON object: Anthropic carries them as one, not as text.
pub(super) fn arguments_text(text: &str, field: impl FnOnce() -> String) -> Result<String, Error> {
    object_text(text)
        .map(str::to_owned)
        .ok_or_else(|| Error::Invalid {
            field: field(),
            problem: "must be the text of a JSON object".to_owned(),
        })
}

/// Our own fields on an assistant's message: `thinking_blocks` hold what the provider needs
/// to take its thoughts back, `reasoning_content` repeats the text of them.
fn thoughts(fields: &mut Fields) -> Result<Vec<Part>, Error> {
    let path = fields.at("thinking_blocks");
    let direction = fields.direction();
    let Some(blocks) = fields.array("thinking_blocks")? else {
        return Ok(Vec::new());
    };
    let thoughts = blocks
        .into_iter()
        .enumerate()
        .map(|(index, block)| {
            let mut block = Fields::of(block, format!("{path}[{index}]"), direction)?;
            block.take("index");
            thought(block).map(Part::Thought)
        })
        .collect::<Result<Vec<Part>, Error>>()?;
    if !thoughts.is_empty() {
        fields.string("reasoning_content")?;
    }
    Ok(thoughts)
}

fn result(fields: &mut Fields) -> Result<Part, Error> {
    let id = fields.required_string("tool_call_id")?;
    // Legacy clients repeat the function's name; the id says it already.
    fields.string("name")?;
    Ok(Part::ToolResult {
        id,
        content: content(fields, texts_only)?,
        is_error: false,
    })
}
