//! Chat completions and the old completions.

use serde_json::json;

use super::counts::{fault, number, tier, usage, word};
use super::{Counted, Reading};
use crate::scan::{Kind, ScanError, Scanner};
use crate::usage::ServiceTier;

/// Reads the frames of a chat.
#[derive(Debug)]
pub(super) struct Chat {
    /// The old completions, whose choices hold `text`.
    text_only: bool,
    tier: Option<ServiceTier>,
    /// The highest index of a choice.
    choices: u64,
}

/// What one chunk was.
#[derive(Debug, Default)]
struct Chunk {
    has_usage: bool,
    choices: u64,
    has_fault: bool,
}

impl Chat {
    pub(super) const fn new(text_only: bool) -> Chat {
        Chat {
            text_only,
            tier: None,
            choices: 0,
        }
    }

    /// Reads a frame; says whether it is nothing but the usage.
    pub(super) fn frame(
        &mut self,
        data: &str,
        long_cache: bool,
        reading: &mut Reading,
        text: &mut Counted,
    ) -> bool {
        if data.trim() == "[DONE]" {
            reading.complete = reading.fault.is_none();
            return false;
        }
        let mut scanner = Scanner::new(data);
        let chunk = self.chunk(&mut scanner, long_cache, reading, text);
        match chunk.and_then(|chunk| scanner.finish().map(|()| chunk)) {
            Ok(chunk) => {
                reading.started |= !chunk.has_fault;
                if let (Some(usage), Some(tier)) = (&mut reading.usage, self.tier) {
                    usage.tier = Some(tier);
                }
                chunk.has_usage && chunk.choices == 0
            }
            Err(_) => {
                reading.unreadable_frames = reading.unreadable_frames.saturating_add(1);
                false
            }
        }
    }

    fn chunk(
        &mut self,
        scanner: &mut Scanner<'_>,
        long_cache: bool,
        reading: &mut Reading,
        text: &mut Counted,
    ) -> Result<Chunk, ScanError> {
        let mut chunk = Chunk::default();
        scanner.object(|scanner, name| {
            match name {
                "id" => set(&mut reading.id, word(scanner)?),
                "model" => set(&mut reading.model, word(scanner)?),
                "created" => reading.created = number(scanner)?.unwrap_or(reading.created),
                "service_tier" => self.tier = tier(scanner)?.or(self.tier),
                "usage" => {
                    if let Some(usage) = usage(scanner, long_cache)? {
                        reading.usage = Some(usage);
                        chunk.has_usage = true;
                    }
                }
                "error" => {
                    if let Some(fault) = fault(scanner)? {
                        reading.fault = Some(fault);
                        chunk.has_fault = true;
                    }
                }
                "choices" if scanner.kind()? == Kind::Array => scanner.array(|scanner, _| {
                    chunk.choices = chunk.choices.saturating_add(1);
                    let index = choice(scanner, reading, text)?;
                    self.choices = self.choices.max(index.saturating_add(1));
                    Ok::<(), ScanError>(())
                })?,
                _ => {
                    scanner.skip()?;
                }
            }
            Ok::<(), ScanError>(())
        })?;
        Ok(chunk)
    }

    pub(super) fn ending(&self, reading: &Reading) -> Vec<u8> {
        let mut out = Vec::new();
        for index in 0..self.choices.max(1) {
            let choice = match self.text_only {
                true => {
                    json!({"index": index, "text": "", "logprobs": null, "finish_reason": "length"})
                }
                false => json!({"index": index, "delta": {}, "finish_reason": "length"}),
            };
            let chunk = json!({
                "id": reading.id.as_deref().unwrap_or_default(),
                "object": if self.text_only { "text_completion" } else { "chat.completion.chunk" },
                "created": reading.created,
                "model": reading.model.as_deref().unwrap_or_default(),
                "choices": [choice],
            });
            out.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        out
    }
}

fn set(slot: &mut Option<String>, value: Option<String>) {
    if slot.is_none() {
        *slot = value.filter(|value| !value.is_empty());
    }
}

/// Reads a choice of a chunk or of a whole answer; gives back its index.
fn choice(
    scanner: &mut Scanner<'_>,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<u64, ScanError> {
    if scanner.kind()? != Kind::Object {
        scanner.skip()?;
        return Ok(0);
    }
    let mut index = 0;
    scanner.object(|scanner, name| {
        match name {
            "index" => index = number(scanner)?.unwrap_or(0),
            "finish_reason" => {
                if let Some(reason) = word(scanner)? {
                    reading.finish = Some(reason);
                }
            }
            "delta" | "message" => said(scanner, reading, text)?,
            "text" => piece(scanner, reading, text)?,
            _ => {
                scanner.skip()?;
            }
        }
        Ok::<(), ScanError>(())
    })?;
    // An index only numbers the choices; a provider that lies cannot make us write more.
    Ok(index.min(crate::envelope::CHOICES_LIMIT - 1))
}

/// Reads a message or a piece of one: everything in it that the model has made.
fn said(
    scanner: &mut Scanner<'_>,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    if scanner.kind()? != Kind::Object {
        scanner.skip()?;
        return Ok(());
    }
    scanner.object(|scanner, name| {
        match name {
            "content" | "reasoning_content" | "reasoning" | "refusal" => {
                piece(scanner, reading, text)?
            }
            "tool_calls" if scanner.kind()? == Kind::Array => {
                scanner.array(|scanner, _| call(scanner, reading, text))?
            }
            "function_call" => call(scanner, reading, text)?,
            _ => {
                scanner.skip()?;
            }
        }
        Ok(())
    })
}

fn call(
    scanner: &mut Scanner<'_>,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    if scanner.kind()? != Kind::Object {
        scanner.skip()?;
        return Ok(());
    }
    scanner.object(|scanner, name| {
        match name {
            "function" => call(scanner, reading, text)?,
            "name" => {
                if scanner.kind()? == Kind::String {
                    reading.tool_calls = reading.tool_calls.saturating_add(1);
                }
                piece(scanner, reading, text)?;
            }
            "arguments" => piece(scanner, reading, text)?,
            _ => {
                scanner.skip()?;
            }
        }
        Ok(())
    })
}

fn piece(
    scanner: &mut Scanner<'_>,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    if scanner.kind()? == Kind::String {
        let piece = scanner.string()?;
        text.text(&piece, reading);
    } else {
        scanner.skip()?;
    }
    Ok(())
}

/// Reads a whole answer: chat, completions, embeddings, or an error in their shape.
pub(super) fn answer(text: &str, long_cache: bool, reading: &mut Reading) -> Result<(), ScanError> {
    let mut chat = Chat::new(false);
    let mut scanner = Scanner::new(text);
    let mut counted = Counted {
        encoding: None,
        tokens: 0,
    };
    chat.chunk(&mut scanner, long_cache, reading, &mut counted)?;
    scanner.finish()?;
    if let (Some(usage), Some(tier)) = (&mut reading.usage, chat.tier) {
        usage.tier = Some(tier);
    }
    reading.started = reading.fault.is_none();
    Ok(())
}
