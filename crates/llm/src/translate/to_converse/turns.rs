//! The turns of a conversation, in Converse's blocks.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::documents::Names;
use crate::canonical::{CacheMark, Part, Request, Role, Source, Thought, Turn};
use crate::kind::Dialect;
use crate::translate::fields::raw_object;
use crate::translate::open_calls::{calls, check_answered};
use crate::translate::thoughts::BEDROCK;
use crate::translate::{Direction, Error};

/// A turn.
#[derive(Serialize)]
pub(super) struct Message {
    role: &'static str,
    content: Vec<Block>,
}

/// A block. Arguments stay the text they are.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Block {
    ToolUse {
        #[serde(rename = "toolUse")]
        call: Call,
    },
    Other(Value),
}

#[derive(Serialize)]
pub(super) struct Call {
    #[serde(rename = "toolUseId")]
    id: String,
    name: String,
    input: Box<RawValue>,
}

/// Writes the parts of turns.
pub(super) struct Writer {
    pub(super) direction: Direction,
    /// Whether the ends of prefixes are marked for the cache.
    pub(super) marks: bool,
    /// The names of the documents so far.
    pub(super) documents: Names,
}

impl Writer {
    pub(super) fn messages(&mut self, request: &Request) -> Result<Vec<Message>, Error> {
        let mut out = Vec::with_capacity(request.turns.len());
        let mut open = BTreeSet::new();
        for turn in &request.turns {
            let (role, parts) = match turn.role {
                Role::System => return Err(self.refuse(&turn.field, "instructions in the middle")),
                Role::User => ("user", results_first(turn, &mut open)?),
                Role::Assistant => {
                    check_answered(open.first().map(String::as_str), turn)?;
                    open = calls(turn)?;
                    ("assistant", turn.parts.clone())
                }
            };
            let content = self.parts(&parts, &turn.field)?;
            out.push(Message { role, content });
        }
        match request.turns.last() {
            None => Err(Error::Invalid {
                field: match self.direction.client() {
                    Dialect::OpenAiResponses => "input".to_owned(),
                    _ => "messages".to_owned(),
                },
                problem: "needs a message of the user".to_owned(),
            }),
            Some(turn) if turn.role == Role::Assistant => {
                Err(self.refuse(&turn.field, "the assistant has the last word"))
            }
            Some(_) => Ok(out),
        }
    }

    pub(super) fn parts(&mut self, parts: &[Part], field: &str) -> Result<Vec<Block>, Error> {
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            if is_said(part, parts) {
                out.push(self.block(part, field)?);
            }
            if let Some(mark) = cache(part).filter(|_| self.marks && !out.is_empty()) {
                let point = match mark {
                    CacheMark::FiveMinutes => json!({ "type": "default" }),
                    CacheMark::OneHour => json!({ "type": "default", "ttl": "1h" }),
                };
                out.push(Block::Other(json!({ "cachePoint": point })));
            }
        }
        Ok(out)
    }

    fn block(&mut self, part: &Part, field: &str) -> Result<Block, Error> {
        let Part::ToolCall {
            id,
            name,
            arguments,
        } = part
        else {
            return self.value(part, field).map(Block::Other);
        };
        let call = Call {
            id: id.clone(),
            name: name.clone(),
            input: raw_object(arguments, field)?,
        };
        Ok(Block::ToolUse { call })
    }

    fn value(&mut self, part: &Part, field: &str) -> Result<Value, Error> {
        Ok(match part {
            Part::Text { text, .. } => json!({ "text": text }),
            Part::Image(Source::Base64 { media_type, data }, _) => {
                let format = match media_type.as_str() {
                    "image/png" => "png",
                    "image/jpeg" => "jpeg",
                    "image/gif" => "gif",
                    "image/webp" => "webp",
                    other => return Err(self.refuse(field, other)),
                };
                json!({ "image": { "format": format, "source": { "bytes": data } } })
            }
            Part::Image(Source::Url(_), _) => return Err(self.refuse(field, "an image by URL")),
            Part::Document {
                source: Source::Base64 { media_type, data },
                title,
                ..
            } if media_type == "application/pdf" => {
                let name = self.documents.next(title.as_deref());
                json!({ "document": { "format": "pdf", "name": name, "source": { "bytes": data } } })
            }
            Part::Document {
                source: Source::Base64 { media_type, .. },
                ..
            } => return Err(self.refuse(field, media_type)),
            Part::Document { .. } => return Err(self.refuse(field, "a document by URL")),
            Part::ToolCall { .. } => return Err(self.refuse(field, "a tool call inside a result")),
            Part::ToolResult {
                id,
                content,
                is_error,
            } => self.result(id, content, *is_error, field)?,
            Part::Thought(thought) => self.thought(thought, field)?,
        })
    }

    fn result(
        &mut self,
        id: &str,
        content: &[Part],
        failed: bool,
        field: &str,
    ) -> Result<Value, Error> {
        let is_plain = |part: &Part| {
            matches!(
                part,
                Part::Text { .. } | Part::Image(..) | Part::Document { .. }
            )
        };
        if !content.iter().all(is_plain) {
            return Err(self.refuse(field, "content that has no place there"));
        }
        let mut result = Map::new();
        result.insert("toolUseId".to_owned(), id.into());
        let said = content.iter().filter(|part| is_said(part, content));
        let blocks: Result<Vec<Value>, Error> = said.map(|part| self.value(part, field)).collect();
        result.insert("content".to_owned(), blocks?.into());
        if failed {
            result.insert("status".to_owned(), "error".into());
        }
        Ok(json!({ "toolResult": result }))
    }

    /// Thoughts go back as they came: with the signature, if there was one.
    fn thought(&self, thought: &Thought, field: &str) -> Result<Value, Error> {
        let own = |mark: &str| {
            let own = mark.strip_prefix(BEDROCK).map(str::to_owned);
            own.ok_or_else(|| self.refuse(field, "thoughts of another provider"))
        };
        let content = match thought {
            Thought::Open { text, signature } => {
                let mut thought = json!({ "text": text });
                let signature = own(signature)?;
                if let (false, Some(map)) = (signature.is_empty(), thought.as_object_mut()) {
                    map.insert("signature".to_owned(), signature.into());
                }
                json!({ "reasoningText": thought })
            }
            Thought::Sealed { data } => json!({ "redactedContent": own(data)? }),
        };
        Ok(json!({ "reasoningContent": content }))
    }

    fn refuse(&self, field: &str, what: &str) -> Error {
        Error::Untranslatable {
            feature: format!("{field}: {what}"),
            direction: self.direction,
        }
    }
}

/// Bedrock refuses texts without a word, which clients leave beside calls of tools.
fn is_said(part: &Part, among: &[Part]) -> bool {
    let is_empty = matches!(part, Part::Text { text, .. } if text.is_empty());
    !is_empty || among.len() == 1
}

/// Where a prefix should end that is cached.
pub(super) fn cache(part: &Part) -> Option<CacheMark> {
    match part {
        Part::Text { cache, .. } | Part::Image(_, cache) | Part::Document { cache, .. } => *cache,
        _ => None,
    }
}

/// The results of tools come first, and answer exactly the calls of the turn before.
fn results_first(turn: &Turn, open: &mut BTreeSet<String>) -> Result<Vec<Part>, Error> {
    let (results, rest): (Vec<Part>, Vec<Part>) = turn
        .parts
        .iter()
        .cloned()
        .partition(|part| matches!(part, Part::ToolResult { .. }));
    for part in &results {
        if let Part::ToolResult { id, .. } = part
            && !open.remove(id)
        {
            return Err(Error::Invalid {
                field: turn.field.clone(),
                problem: format!("`{id}` answers no tool call of the turn before"),
            });
        }
    }
    check_answered(open.first().map(String::as_str), turn)?;
    Ok(results.into_iter().chain(rest).collect())
}
