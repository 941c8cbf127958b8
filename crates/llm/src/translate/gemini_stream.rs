//! Reading an answer of Gemini's `generateContent`, whole or streamed: a stream is a sequence of
//! whole answers, each with what is new.
//!
//! Google signs thoughts on the part that follows from them. The signature of a call travels in
//! the call's id, for that is what every client sends back; that of a text becomes a block of
//! sealed thoughts behind it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::error::ProviderError;
use super::messages_stream::{MOST_BLOCKS, broken};
use super::stream::{ReadFrames, chunk_keeping};
use super::thoughts::GOOGLE;
use super::{ReplyError, verbatim};
use crate::canonical::{Collector, Event, Finish, Opening, Reply};
use crate::google;
use crate::usage::Usage;

/// What stands before an id that Google gave.
const GIVEN: &str = "google_";
/// What stands between an id and the signature of its call.
const SIGNED: &str = "__thought__";

/// The arguments of the functions that are called.
const ARGS: [&str; 5] = ["candidates", "content", "parts", "functionCall", "args"];

/// What stands in an answer and cannot be said to a client.
struct Unsayable(String);

/// What is known of the answer so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    id: String,
    started: bool,
    usage: Usage,
    finish: Option<Finish>,
    /// The open block: whether it holds thoughts, and its number.
    speaking: Option<(bool, usize)>,
    /// The signature of the thoughts that are open.
    signature: String,
    calls: usize,
    next: usize,
}

/// Reads a whole answer.
pub(super) fn read_whole(body: &[u8]) -> Result<Reply, ReplyError> {
    let unreadable = |field| ReplyError::Unreadable { field };
    let answer = verbatim::read(body, &ARGS).map_err(|_| unreadable("body"))?;
    let (mut reader, mut events) = (Reader::default(), Vec::new());
    reader
        .chunk(&answer, &mut events)
        .map_err(|Unsayable(what)| ReplyError::Unexpected { what })?;
    if reader.finish.is_none() {
        return Err(unreadable("candidates.finishReason"));
    }
    reader.close(&mut events);
    let mut collector = Collector::default();
    for event in &events {
        let taken = collector.take(event);
        taken.map_err(|_| unreadable("candidates"))?;
    }
    Ok(collector.reply())
}

impl ReadFrames for Reader {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), ProviderError> {
        // Google has no end mark; it is ours, of a stream that we cut off.
        let Some(chunk) = chunk_keeping(data, &ARGS)? else {
            return self.end(events);
        };
        self.chunk(&chunk, events).map_err(|Unsayable(what)| {
            broken(&format!("contains `{what}`, which cannot be translated"))
        })
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        // A stream that broke off has said no reason to stop, and is left unfinished.
        self.close(events);
        Ok(())
    }
}

impl Reader {
    fn chunk(&mut self, chunk: &Value, events: &mut Vec<Event>) -> Result<(), Unsayable> {
        let text = |name: &str| chunk.get(name).and_then(Value::as_str).unwrap_or_default();
        let told = chunk.get("usageMetadata").and_then(google::usage);
        self.usage = told.unwrap_or(self.usage);
        if !self.started {
            self.started = true;
            self.id = text("responseId").to_owned();
            events.push(Event::Start {
                id: self.id.clone(),
                model: text("modelVersion").to_owned(),
                usage: self.usage,
            });
        }
        let blocked = chunk.pointer("/promptFeedback/blockReason");
        if blocked.is_some_and(Value::is_string) {
            self.finish = Some(Finish::Refused);
        }
        let candidates = chunk.get("candidates").and_then(Value::as_array);
        let candidate = match candidates.map(Vec::as_slice).unwrap_or_default() {
            [] => return Ok(()),
            [candidate] => candidate,
            _ => return Err(Unsayable("candidates[1]".to_owned())),
        };
        let parts = candidate
            .pointer("/content/parts")
            .and_then(Value::as_array);
        for part in parts.into_iter().flatten() {
            self.part(part, events)?;
        }
        if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
            self.finish = Some(finish(reason, self.calls > 0)?);
        }
        Ok(())
    }

    fn part(&mut self, part: &Value, events: &mut Vec<Event>) -> Result<(), Unsayable> {
        let signature = part.get("thoughtSignature").and_then(Value::as_str);
        let signature = signature.filter(|signature| !signature.is_empty());
        if let Some(call) = part.get("functionCall") {
            return self.call(call, signature, events);
        }
        let Some(text) = part.get("text").and_then(Value::as_str) else {
            return match foreign(part) {
                Some(what) => Err(Unsayable(what.to_owned())),
                None => self.seal(signature, events),
            };
        };
        let thinks = part.get("thought").and_then(Value::as_bool) == Some(true);
        self.speak(thinks, text, events)?;
        if !thinks {
            return self.seal(signature, events);
        }
        self.signature.push_str(signature.unwrap_or_default());
        Ok(())
    }

    fn speak(
        &mut self,
        thinks: bool,
        text: &str,
        events: &mut Vec<Event>,
    ) -> Result<(), Unsayable> {
        if text.is_empty() {
            return Ok(());
        }
        let block = match self.speaking {
            Some((open, block)) if open == thinks => block,
            _ => {
                self.fall_silent(events);
                let opening = match thinks {
                    true => Opening::Thinking,
                    false => Opening::Text,
                };
                let block = self.open(opening, events)?;
                self.speaking = Some((thinks, block));
                block
            }
        };
        events.push(Event::Delta {
            block,
            text: text.to_owned(),
        });
        Ok(())
    }

    /// The signature of a text: a block of its own.
    fn seal(&mut self, signature: Option<&str>, events: &mut Vec<Event>) -> Result<(), Unsayable> {
        let Some(signature) = signature else {
            return Ok(());
        };
        self.fall_silent(events);
        let data = format!("{GOOGLE}{signature}");
        let block = self.open(Opening::Sealed { data }, events)?;
        events.push(Event::Close { block });
        Ok(())
    }

    fn call(
        &mut self,
        call: &Value,
        signature: Option<&str>,
        events: &mut Vec<Event>,
    ) -> Result<(), Unsayable> {
        let text = |name: &str| call.get(name).and_then(Value::as_str);
        let unsayable = |what: &str| Unsayable(what.to_owned());
        let name = text("name").ok_or_else(|| unsayable("functionCall without name"))?;
        let arguments = text("args").unwrap_or("{}");
        if !arguments.starts_with('{') {
            return Err(unsayable("functionCall.args"));
        }
        let id = match text("id").filter(|id| !id.is_empty()) {
            Some(given) => format!("{GIVEN}{given}"),
            None => format!("call_{}_{}", self.id, self.calls),
        };
        let id = match signature {
            Some(signature) => format!("{id}{SIGNED}{}", URL_SAFE_NO_PAD.encode(signature)),
            None => id,
        };
        self.fall_silent(events);
        self.calls = self.calls.saturating_add(1);
        let name = name.to_owned();
        let block = self.open(Opening::ToolCall { id, name }, events)?;
        events.push(Event::Delta {
            block,
            text: arguments.to_owned(),
        });
        events.push(Event::Close { block });
        Ok(())
    }

    fn open(&mut self, opening: Opening, events: &mut Vec<Event>) -> Result<usize, Unsayable> {
        if self.next >= MOST_BLOCKS {
            return Err(Unsayable(format!("more than {MOST_BLOCKS} blocks")));
        }
        let block = self.next;
        self.next = block.saturating_add(1);
        events.push(Event::Open { block, opening });
        Ok(block)
    }

    fn fall_silent(&mut self, events: &mut Vec<Event>) {
        let Some((thinks, block)) = self.speaking.take() else {
            return;
        };
        if thinks {
            let signature = std::mem::take(&mut self.signature);
            events.push(Event::Signature {
                block,
                signature: format!("{GOOGLE}{signature}"),
            });
        }
        events.push(Event::Close { block });
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        if let Some(finish) = self.finish.take() {
            self.fall_silent(events);
            events.push(Event::Finish {
                finish,
                usage: self.usage,
            });
        }
    }
}

/// What a part holds that no client can be told; nothing for an empty one.
fn foreign(part: &Value) -> Option<&str> {
    let known = ["thought", "thoughtSignature", "partMetadata"];
    let fields = part.as_object()?.keys().map(String::as_str);
    fields.into_iter().find(|name| !known.contains(name))
}

/// Why a candidate ended (ai.google.dev, `FinishReason`, by excerpts, 2026-11). A reason that is not known
/// yet counts as done; one by which the model has made no answer is an error.
fn finish(reason: &str, calls: bool) -> Result<Finish, Unsayable> {
    Ok(match reason {
        "MAX_TOKENS" => Finish::MaxTokens,
        "SAFETY"
        | "RECITATION"
        | "LANGUAGE"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "MODEL_ARMOR"
        | "OTHER" => Finish::Refused,
        "MALFORMED_FUNCTION_CALL"
        | "MALFORMED_RESPONSE"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE" => {
            return Err(Unsayable(reason.to_owned()));
        }
        _ if calls => Finish::ToolCalls,
        _ => Finish::Done,
    })
}

/// What a client calls a call: Google's own id of it, if there was one, and its signature.
pub(super) fn unseal_id(id: &str) -> (Option<&str>, Option<String>) {
    let (id, signature) = match id.split_once(SIGNED) {
        Some((id, sealed)) => (id, URL_SAFE_NO_PAD.decode(sealed).ok()),
        None => (id, None),
    };
    let signature = signature.and_then(|bytes| String::from_utf8(bytes).ok());
    (id.strip_prefix(GIVEN), signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_filters_end_is_a_refusal() {
        for reason in ["MODEL_ARMOR", "IMAGE_PROHIBITED_CONTENT", "IMAGE_SAFETY"] {
            for calls in [false, true] {
                let read = finish(reason, calls);
                assert!(matches!(read, Ok(Finish::Refused)), "{reason}");
            }
        }
    }
}
