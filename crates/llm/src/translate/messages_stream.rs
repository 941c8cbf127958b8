//! Reading a stream of Anthropic's messages.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::error::{ErrorClass, ProviderError};
use super::messages_reply::finish;
use super::stream::{ReadFrames, parse_keeping};
use crate::anthropic::Tally;
use crate::canonical::{Event, Finish, Opening};

/// The most blocks that one answer may have.
pub(super) const MOST_BLOCKS: usize = 4096;

/// The arguments with which a call begins.
const INPUT: [&str; 2] = ["content_block", "input"];

/// What is known of the stream so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    started: bool,
    tally: Tally,
    finish: Option<Finish>,
    /// Open blocks: the provider's index and our number.
    open: Vec<(u64, usize)>,
    next: usize,
}

impl ReadFrames for Reader {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), ProviderError> {
        let event = parse_keeping(data, &INPUT)?;
        let kind = event
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        match kind {
            "message_start" => self.start(&event, events),
            "content_block_start" => self.open(&event, events),
            "content_block_delta" => self.delta(&event, events),
            "content_block_stop" => {
                let index = index_of(&event)?;
                if let Some(at) = self.open.iter().position(|(open, _)| *open == index) {
                    let (_, block) = self.open.remove(at);
                    events.push(Event::Close { block });
                }
                Ok(())
            }
            "message_delta" => {
                self.message_delta(&event);
                Ok(())
            }
            "message_stop" => self.end(events),
            "error" => Err(
                ProviderError::of_value(&event, ErrorClass::Internal).unwrap_or_else(|| {
                    ProviderError::new(
                        ErrorClass::Internal,
                        "the provider reported an error without words",
                    )
                }),
            ),
            // Pings, and kinds of events that are yet to be invented: a reader must skip them.
            _ => Ok(()),
        }
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        // A stream that broke off has said no reason to stop, and is left unfinished.
        if let Some(finish) = self.finish.take() {
            for (_, block) in self.open.drain(..) {
                events.push(Event::Close { block });
            }
            events.push(Event::Finish {
                finish,
                usage: self.tally.usage(),
            });
        }
        Ok(())
    }
}

impl Reader {
    fn start(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        if self.started {
            return Err(broken("begins twice"));
        }
        self.started = true;
        let message = event
            .get("message")
            .ok_or_else(|| broken("begins without a message"))?;
        if let Some(usage) = message.get("usage") {
            self.tally.merge(usage);
        }
        let text = |name: &str| {
            message
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        events.push(Event::Start {
            id: text("id"),
            model: text("model"),
            usage: self.tally.usage(),
        });
        Ok(())
    }

    fn open(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        if !self.started {
            return Err(broken("does not begin with its start"));
        }
        let index = index_of(event)?;
        let content = event.get("content_block").unwrap_or(&Value::Null);
        let text = |name: &str| {
            content
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (opening, first) = match text("type") {
            "text" => (Opening::Text, text("text").to_owned()),
            "thinking" => (Opening::Thinking, text("thinking").to_owned()),
            "redacted_thinking" => (
                Opening::Sealed {
                    data: text("data").to_owned(),
                },
                String::new(),
            ),
            "tool_use" => {
                let opening = Opening::ToolCall {
                    id: text("id").to_owned(),
                    name: text("name").to_owned(),
                };
                // The input streams; where it stands here already, it is whole.
                (opening, whole_input(text("input"))?)
            }
            other => {
                return Err(broken(&format!(
                    "contains `{other}`, which cannot be translated"
                )));
            }
        };
        if self.next >= MOST_BLOCKS || self.open.iter().any(|(open, _)| *open == index) {
            return Err(broken("opens too many blocks"));
        }
        let block = self.next;
        self.next = block.saturating_add(1);
        self.open.push((index, block));
        events.push(Event::Open { block, opening });
        if !first.is_empty() {
            events.push(Event::Delta { block, text: first });
        }
        Ok(())
    }

    fn delta(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        let index = index_of(event)?;
        let found = self.open.iter().find(|(open, _)| *open == index);
        let (_, block) = *found.ok_or_else(|| broken("continues a block that is not open"))?;
        let delta = event.get("delta").unwrap_or(&Value::Null);
        let text = |name: &str| {
            delta
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let text = match delta
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
        {
            "text_delta" => text("text"),
            "thinking_delta" => text("thinking"),
            "input_json_delta" => text("partial_json"),
            "signature_delta" => {
                events.push(Event::Signature {
                    block,
                    signature: text("signature"),
                });
                return Ok(());
            }
            other => {
                return Err(broken(&format!(
                    "contains `{other}`, which cannot be translated"
                )));
            }
        };
        if !text.is_empty() {
            events.push(Event::Delta { block, text });
        }
        Ok(())
    }

    fn message_delta(&mut self, event: &Value) {
        if let Some(usage) = event.get("usage") {
            self.tally.merge(usage);
        }
        let delta = event.get("delta").unwrap_or(&Value::Null);
        if let Some(reason) = delta.get("stop_reason").and_then(Value::as_str) {
            self.finish = Some(finish(reason, delta.get("stop_sequence")));
        }
    }
}

/// The arguments with which a call begins; an empty object says that they are yet to come.
fn whole_input(text: &str) -> Result<String, ProviderError> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let fields: HashMap<String, IgnoredAny> =
        serde_json::from_str(text).map_err(|_| broken("has arguments that are no JSON object"))?;
    Ok(match fields.is_empty() {
        true => String::new(),
        false => text.to_owned(),
    })
}

fn index_of(event: &Value) -> Result<u64, ProviderError> {
    event
        .get("index")
        .and_then(Value::as_u64)
        .ok_or_else(|| broken("has a block without index"))
}

pub(super) fn broken(how: &str) -> ProviderError {
    ProviderError::new(ErrorClass::Internal, format!("the provider's stream {how}"))
}
