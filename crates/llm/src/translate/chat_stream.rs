//! Reading a stream of OpenAI's chat completions, as OpenAI, Azure, vLLM, llama.cpp, Ollama
//! and others send it.
//!
//! The usage comes after the reason to stop, in the same chunk or earlier, so nothing ends
//! before `[DONE]` or the end of the bytes, and the last usage that was said counts. Chunks
//! without choices, or whose choice has no delta, say nothing about the answer.

use serde_json::Value;

use super::chat_reply::{finish, tier};
use super::error::ProviderError;
use super::fields::text_of;
use super::messages_stream::{MOST_BLOCKS, broken};
use super::stream::{ReadFrames, chunk_of};
use super::thoughts::UNSIGNED;
use super::usage::from_chat;
use crate::canonical::{Event, Finish, Opening};
use crate::usage::Usage;

/// What is known of the stream so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    stop: Vec<String>,
    started: bool,
    usage: Usage,
    finish: Option<Finish>,
    /// The open block of words or thoughts.
    speaking: Option<(Speech, usize)>,
    calls: Vec<Call>,
    refused: bool,
    next: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    Words,
    Refusal,
    Thoughts(&'static str),
}

/// A tool call that has begun.
#[derive(Debug)]
struct Call {
    index: u64,
    block: usize,
    open: bool,
    arguments: Completeness,
}

impl Reader {
    /// `stop` are the texts that were to end the output.
    pub(super) fn new(stop: Vec<String>) -> Reader {
        Reader {
            stop,
            ..Reader::default()
        }
    }
}

impl ReadFrames for Reader {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), ProviderError> {
        let Some(chunk) = chunk_of(data)? else {
            return self.end(events);
        };
        self.start(&chunk, events);
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Usage {
                tier: self.usage.tier,
                ..from_chat(usage)
            };
        }
        self.usage.tier = tier(&chunk).or(self.usage.tier);
        let choices = chunk
            .get("choices")
            .and_then(Value::as_array)
            .map(Vec::as_slice);
        for choice in choices.unwrap_or_default() {
            if choice.get("index").and_then(Value::as_u64).unwrap_or(0) != 0 {
                return Err(broken("has more than the one choice that was asked for"));
            }
            if let Some(delta) = choice.get("delta") {
                self.delta(delta, events)?;
            }
            if choice.get("finish_reason").is_some_and(Value::is_string) {
                let calls = !self.calls.is_empty();
                self.finish = Some(finish(choice, calls, self.refused, &self.stop));
            }
        }
        Ok(())
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        // A stream that broke off has said no reason to stop, and is left unfinished.
        let Some(finish) = self.finish.take() else {
            return Ok(());
        };
        self.fall_silent(events);
        for call in self.calls.iter().filter(|call| call.open) {
            events.push(Event::Close { block: call.block });
        }
        events.push(Event::Finish {
            finish,
            usage: self.usage,
        });
        Ok(())
    }
}

impl Reader {
    fn start(&mut self, chunk: &Value, events: &mut Vec<Event>) {
        // Azure's first chunk has neither an id nor choices.
        let text = |name: &str| chunk.get(name).and_then(Value::as_str).unwrap_or_default();
        let speaks = chunk
            .get("choices")
            .and_then(Value::as_array)
            .is_some_and(|c| !c.is_empty());
        if self.started || !speaks {
            return;
        }
        self.started = true;
        events.push(Event::Start {
            id: text("id").to_owned(),
            model: text("model").to_owned(),
            usage: self.usage,
        });
    }

    fn delta(&mut self, delta: &Value, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        let text = |name: &str| {
            delta
                .get(name)
                .and_then(Value::as_str)
                .filter(|t| !t.is_empty())
        };
        let thoughts = UNSIGNED
            .iter()
            .find_map(|(mark, name)| Some((*mark, text(name)?)));
        if let Some((mark, text)) = thoughts {
            self.speak(Speech::Thoughts(mark), text, events)?;
        }
        if let Some(text) = text("content") {
            self.speak(Speech::Words, text, events)?;
        }
        if let Some(text) = text("refusal") {
            self.refused = true;
            self.speak(Speech::Refusal, text, events)?;
        }
        let calls = delta
            .get("tool_calls")
            .and_then(Value::as_array)
            .map(Vec::as_slice);
        for (position, call) in calls.unwrap_or_default().iter().enumerate() {
            // Some servers send whole calls without an index.
            let position = u64::try_from(position).unwrap_or(u64::MAX);
            let index = call
                .get("index")
                .and_then(Value::as_u64)
                .unwrap_or(position);
            self.call(index, call, events)?;
        }
        Ok(())
    }

    fn speak(
        &mut self,
        speech: Speech,
        text: &str,
        events: &mut Vec<Event>,
    ) -> Result<(), ProviderError> {
        let block = match self.speaking {
            Some((open, block)) if open == speech => block,
            _ => {
                self.fall_silent(events);
                self.close_whole_calls(events);
                let opening = match speech {
                    Speech::Words => Opening::Text,
                    Speech::Refusal => Opening::Refusal,
                    Speech::Thoughts(_) => Opening::Thinking,
                };
                let block = self.open(opening, events)?;
                self.speaking = Some((speech, block));
                block
            }
        };
        events.push(Event::Delta {
            block,
            text: text.to_owned(),
        });
        Ok(())
    }

    /// Closes the block of words or thoughts that is open.
    fn fall_silent(&mut self, events: &mut Vec<Event>) {
        let Some((speech, block)) = self.speaking.take() else {
            return;
        };
        if let Speech::Thoughts(mark) = speech {
            events.push(Event::Signature {
                block,
                signature: mark.to_owned(),
            });
        }
        events.push(Event::Close { block });
    }

    /// Closes the calls whose arguments are a whole object; the others may still go on.
    fn close_whole_calls(&mut self, events: &mut Vec<Event>) {
        for call in self
            .calls
            .iter_mut()
            .filter(|call| call.open && call.arguments.is_whole())
        {
            call.open = false;
            events.push(Event::Close { block: call.block });
        }
    }

    fn open(&mut self, opening: Opening, events: &mut Vec<Event>) -> Result<usize, ProviderError> {
        if self.next >= MOST_BLOCKS {
            return Err(broken("opens too many blocks"));
        }
        let block = self.next;
        self.next = block.saturating_add(1);
        events.push(Event::Open { block, opening });
        Ok(block)
    }

    fn call(
        &mut self,
        index: u64,
        value: &Value,
        events: &mut Vec<Event>,
    ) -> Result<(), ProviderError> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        if !self.calls.iter().any(|call| call.index == index) {
            let name = text("/function/name").filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| broken("continues a tool call that has not begun"))?;
            self.fall_silent(events);
            self.close_whole_calls(events);
            let id = match text("/id") {
                Some(id) if !id.is_empty() => id.to_owned(),
                _ => format!("call_{index}"),
            };
            let block = self.open(
                Opening::ToolCall {
                    id,
                    name: name.to_owned(),
                },
                events,
            )?;
            self.calls.push(Call {
                index,
                block,
                open: true,
                arguments: Completeness::default(),
            });
        }
        let text = text_of(value.pointer("/function/arguments"));
        let text = text.ok_or_else(|| broken("has arguments that are no text"))?;
        if text.is_empty() {
            return Ok(());
        }
        let Some(call) = self.calls.iter_mut().find(|call| call.index == index) else {
            return Ok(());
        };
        if !call.arguments.take(text) || (!call.open && !text.trim().is_empty()) {
            return Err(broken("has arguments that are no JSON object"));
        }
        if call.open {
            events.push(Event::Delta {
                block: call.block,
                text: text.to_owned(),
            });
        }
        Ok(())
    }
}

/// Whether a text that comes in pieces is a whole JSON object yet. It only counts brackets
/// outside of strings; the reader at the end checks the rest.
#[derive(Debug, Default)]
struct Completeness {
    depth: u64,
    begun: bool,
    in_string: bool,
    escaped: bool,
}

impl Completeness {
    const fn is_whole(&self) -> bool {
        self.begun && self.depth == 0
    }

    /// Takes the next piece; false when the text cannot become one object.
    fn take(&mut self, text: &str) -> bool {
        for byte in text.bytes() {
            if self.in_string {
                match (self.escaped, byte) {
                    (true, _) => self.escaped = false,
                    (false, b'\\') => self.escaped = true,
                    (false, b'"') => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            if byte.is_ascii_whitespace() {
                continue;
            }
            if self.is_whole() || (!self.begun && byte != b'{') {
                return false;
            }
            match byte {
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b'"' => self.in_string = true,
                _ => {}
            }
            self.begun = true;
        }
        true
    }
}
