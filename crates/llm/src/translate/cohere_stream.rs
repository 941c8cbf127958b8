//! Reading an answer of Cohere's chat of version 2, whole or streamed (the package `cohere` 7.3.1 of
//! PyPI, read 2026-11).
//!
//! Cohere signs nothing. Its thoughts, and its plan of what to call, are thoughts with a mark that
//! says where they go back. Citations are left out: no client here has asked for them, and the texts
//! that they cite stand in the request.

use serde_json::Value;

use super::ReplyError;
use super::error::{ErrorClass, ProviderError};
use super::fields::{object_text, text_of};
use super::messages_stream::{MOST_BLOCKS, broken};
use super::stream::{ReadFrames, parse};
use super::thoughts::{COHERE_PLAN, COHERE_THINKING};
use crate::canonical::{Block, Event, Finish, Opening, Reply, Thought};
use crate::cohere;
use crate::usage::Usage;

/// Which block of Cohere's is meant; contents and calls are numbered apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Content(u64),
    Plan,
    Call(u64),
}

/// A block that has begun.
#[derive(Debug)]
struct Open {
    place: Place,
    block: usize,
    /// What stands in for a signature, of thoughts.
    mark: Option<&'static str>,
}

/// What is known of the answer so far.
#[derive(Debug)]
pub(super) struct Reader {
    model: String,
    started: bool,
    open: Vec<Open>,
    next: usize,
}

impl ReadFrames for Reader {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), ProviderError> {
        if data.trim_ascii() == b"[DONE]" {
            return Ok(());
        }
        let event = parse(data)?;
        let kind = event.get("type").and_then(Value::as_str);
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str);
        let index = event.get("index").and_then(Value::as_u64).unwrap_or(0);
        match kind {
            Some("message-start") => self.start(&event, events),
            Some("content-start") => self.content(index, &event, events),
            Some("content-delta") => {
                let said = ["text", "thinking"].map(|name| {
                    let pointer = format!("/delta/message/content/{name}");
                    event.pointer(&pointer).and_then(Value::as_str)
                });
                let [words, thoughts] = said;
                let said = words.or(thoughts).unwrap_or_default();
                self.more(Place::Content(index), said, events)
            }
            Some("content-end") => {
                self.close(Place::Content(index), events);
                Ok(())
            }
            Some("tool-plan-delta") => {
                if self.at(Place::Plan).is_none() {
                    self.begin(Place::Plan, Opening::Thinking, Some(COHERE_PLAN), events)?;
                }
                let said = text("/delta/message/tool_plan").unwrap_or_default();
                self.more(Place::Plan, said, events)
            }
            Some("tool-call-start") => self.call(index, &event, events),
            Some("tool-call-delta") => {
                let call = event.pointer("/delta/message/tool_calls");
                self.more(Place::Call(index), arguments(call)?, events)
            }
            Some("tool-call-end") => {
                self.close(Place::Call(index), events);
                Ok(())
            }
            Some("message-end") => self.finish(&event, events),
            // Citations, and kinds of events that are yet to be invented.
            Some(_) => Ok(()),
            None => Err(failure(text("/message"))),
        }
    }

    fn end(&mut self, _: &mut Vec<Event>) -> Result<(), ProviderError> {
        // A stream ends with its last event, or it has broken off.
        Ok(())
    }
}

impl Reader {
    /// A reader of an answer of this model: Cohere does not say which one answers.
    pub(super) fn new(model: &str) -> Reader {
        Reader {
            model: model.to_owned(),
            started: false,
            open: Vec::new(),
            next: 0,
        }
    }

    fn start(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        if self.started {
            return Err(broken("begins twice"));
        }
        self.started = true;
        let id = event.get("id").and_then(Value::as_str).unwrap_or_default();
        events.push(Event::Start {
            id: id.to_owned(),
            model: self.model.clone(),
            usage: Usage::default(),
        });
        Ok(())
    }

    fn at(&self, place: Place) -> Option<&Open> {
        self.open.iter().find(|open| open.place == place)
    }

    fn begin(
        &mut self,
        place: Place,
        opening: Opening,
        mark: Option<&'static str>,
        events: &mut Vec<Event>,
    ) -> Result<(), ProviderError> {
        if !self.started {
            return Err(broken("does not begin with its start"));
        }
        if self.next >= MOST_BLOCKS || self.at(place).is_some() {
            return Err(broken("opens too many blocks"));
        }
        let block = self.next;
        self.next = block.saturating_add(1);
        self.open.push(Open { place, block, mark });
        events.push(Event::Open { block, opening });
        Ok(())
    }

    fn more(
        &mut self,
        place: Place,
        text: &str,
        events: &mut Vec<Event>,
    ) -> Result<(), ProviderError> {
        let open = self.at(place);
        let block = open
            .ok_or_else(|| broken("continues a block that is not open"))?
            .block;
        if !text.is_empty() {
            events.push(Event::Delta {
                block,
                text: text.to_owned(),
            });
        }
        Ok(())
    }

    fn close(&mut self, place: Place, events: &mut Vec<Event>) {
        let Some(at) = self.open.iter().position(|open| open.place == place) else {
            return;
        };
        let Open { block, mark, .. } = self.open.remove(at);
        if let Some(mark) = mark {
            let signature = mark.to_owned();
            events.push(Event::Signature { block, signature });
        }
        events.push(Event::Close { block });
    }

    fn content(
        &mut self,
        index: u64,
        event: &Value,
        events: &mut Vec<Event>,
    ) -> Result<(), ProviderError> {
        let content = event.pointer("/delta/message/content");
        let text = |name: &str| content.and_then(|content| content.get(name)?.as_str());
        let (opening, mark, first) = match text("type") {
            Some("thinking") => (Opening::Thinking, Some(COHERE_THINKING), text("thinking")),
            Some("text") | None => (Opening::Text, None, text("text")),
            Some(other) => {
                return Err(broken(&format!(
                    "contains `{other}`, which cannot be translated"
                )));
            }
        };
        let place = Place::Content(index);
        self.begin(place, opening, mark, events)?;
        self.more(place, first.unwrap_or_default(), events)
    }

    fn call(
        &mut self,
        index: u64,
        event: &Value,
        events: &mut Vec<Event>,
    ) -> Result<(), ProviderError> {
        let call = event.pointer("/delta/message/tool_calls");
        let text = |pointer: &str| call.and_then(|call| call.pointer(pointer)?.as_str());
        let name = text("/function/name").ok_or_else(|| broken("has a call without a name"))?;
        let opening = Opening::ToolCall {
            id: text("/id").unwrap_or_default().to_owned(),
            name: name.to_owned(),
        };
        self.close(Place::Plan, events);
        let place = Place::Call(index);
        self.begin(place, opening, None, events)?;
        self.more(place, arguments(call)?, events)
    }

    fn finish(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        if !self.started {
            return Err(broken("does not begin with its start"));
        }
        let text = |name: &str| event.pointer(name).and_then(Value::as_str);
        let reason = text("/delta/finish_reason").unwrap_or_default();
        if matches!(reason, "ERROR" | "TIMEOUT") {
            return Err(failure(text("/delta/error")));
        }
        while let Some(place) = self.open.first().map(|open| open.place) {
            self.close(place, events);
        }
        let usage = event.pointer("/delta/usage").and_then(cohere::usage);
        events.push(Event::Finish {
            finish: finish(reason),
            usage: usage.unwrap_or_default(),
        });
        Ok(())
    }
}

/// What a call or a piece of it says of its arguments.
fn arguments(call: Option<&Value>) -> Result<&str, ProviderError> {
    let said = text_of(call.and_then(|call| call.pointer("/function/arguments")));
    said.ok_or_else(|| broken("has arguments that are no text"))
}

fn failure(said: Option<&str>) -> ProviderError {
    let words = said.unwrap_or("the provider could not finish its answer");
    ProviderError::new(ErrorClass::Internal, words)
}

/// Why an answer ended; a reason that is not known yet counts as done.
fn finish(reason: &str) -> Finish {
    match reason {
        "MAX_TOKENS" => Finish::MaxTokens,
        "STOP_SEQUENCE" => Finish::Stopped { sequence: None },
        "TOOL_CALL" => Finish::ToolCalls,
        _ => Finish::Done,
    }
}

/// Reads a whole answer of this model.
pub(super) fn read_whole(body: &[u8], model: &str) -> Result<Reply, ReplyError> {
    let unreadable = |field| ReplyError::Unreadable { field };
    let answer: Value = serde_json::from_slice(body).map_err(|_| unreadable("body"))?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let reason = text("finish_reason").ok_or_else(|| unreadable("finish_reason"))?;
    if matches!(reason, "ERROR" | "TIMEOUT") {
        let what = reason.to_owned();
        return Err(ReplyError::Unexpected { what });
    }
    let message = answer.get("message").filter(|message| message.is_object());
    let blocks = blocks(message.ok_or_else(|| unreadable("message"))?)?;
    let usage = answer.get("usage").and_then(cohere::usage);
    Ok(Reply {
        id: text("id").unwrap_or_default().to_owned(),
        model: model.to_owned(),
        blocks,
        finish: finish(reason),
        usage: usage.unwrap_or_default(),
    })
}

fn blocks(message: &Value) -> Result<Vec<Block>, ReplyError> {
    let list = |name: &str| message.get(name).and_then(Value::as_array);
    let thought = |text: &str, mark: &str| {
        Block::Thought(Thought::Open {
            text: text.to_owned(),
            signature: mark.to_owned(),
        })
    };
    let mut blocks = Vec::new();
    for part in list("content").into_iter().flatten() {
        let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
        blocks.push(match text("type") {
            "text" => Block::Text(text("text").to_owned()),
            "thinking" => thought(text("thinking"), COHERE_THINKING),
            other => {
                let what = other.to_owned();
                return Err(ReplyError::Unexpected { what });
            }
        });
    }
    let plan = message.get("tool_plan").and_then(Value::as_str);
    blocks.extend(
        plan.filter(|plan| !plan.is_empty())
            .map(|plan| thought(plan, COHERE_PLAN)),
    );
    for call in list("tool_calls").into_iter().flatten() {
        let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str);
        let unreadable = |field| ReplyError::Unreadable { field };
        let arguments = text_of(call.pointer("/function/arguments"));
        blocks.push(Block::ToolCall {
            id: text("/id").unwrap_or_default().to_owned(),
            name: text("/function/name")
                .ok_or_else(|| unreadable("tool_calls"))?
                .to_owned(),
            arguments: arguments
                .and_then(object_text)
                .ok_or_else(|| unreadable("arguments"))?
                .to_owned(),
        });
    }
    Ok(blocks)
}
