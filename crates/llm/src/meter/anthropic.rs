//! Anthropic's messages (platform.claude.com, streaming messages, read 2026-11).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::counts::{fault, number, word};
use super::{Counted, Reading};
use crate::anthropic::Tally;
use crate::scan::{Kind, ScanError, Scanner};

/// Reads the events of a message.
#[derive(Debug)]
pub(super) struct Messages {
    tally: Tally,
    open_blocks: BTreeSet<u64>,
}

/// Blocks that may be open at once; a provider that opens more is not followed further.
const OPEN_BLOCKS: usize = 1024;

impl Messages {
    pub(super) fn new(long_cache: bool) -> Messages {
        Messages {
            tally: Tally::new(long_cache),
            open_blocks: BTreeSet::new(),
        }
    }

    pub(super) fn frame(&mut self, data: &str, reading: &mut Reading, text: &mut Counted) {
        let mut scanner = Scanner::new(data);
        let read = self.event(&mut scanner, data, reading, text);
        let Ok((kind, index)) = read.and_then(|read| scanner.finish().map(|()| read)) else {
            reading.unreadable_frames = reading.unreadable_frames.saturating_add(1);
            return;
        };
        match kind.as_deref() {
            Some("message_stop") => reading.complete = reading.fault.is_none(),
            Some("content_block_start") if self.open_blocks.len() < OPEN_BLOCKS => {
                self.open_blocks.insert(index);
            }
            Some("content_block_stop") => {
                self.open_blocks.remove(&index);
            }
            _ => {}
        }
        reading.started |= !matches!(kind.as_deref(), None | Some("ping" | "error"));
        if self.tally.is_known() {
            reading.usage = Some(self.tally.usage());
        }
    }

    fn event(
        &mut self,
        scanner: &mut Scanner<'_>,
        data: &str,
        reading: &mut Reading,
        text: &mut Counted,
    ) -> Result<(Option<String>, u64), ScanError> {
        let (mut kind, mut index) = (None, 0);
        scanner.object(|scanner, name| {
            match name {
                "type" => kind = word(scanner)?,
                "index" => index = number(scanner)?.unwrap_or(0),
                "message" => message(scanner, data, &mut self.tally, reading)?,
                "usage" => merge(scanner, data, &mut self.tally)?,
                "error" => reading.fault = fault(scanner)?.or(reading.fault.take()),
                "delta" | "content_block" => piece(scanner, reading, text)?,
                _ => {
                    scanner.skip()?;
                }
            }
            Ok::<(), ScanError>(())
        })?;
        Ok((kind, index))
    }

    pub(super) fn ending(&self, reading: &Reading) -> Vec<u8> {
        let mut out = String::new();
        let mut event =
            |name: &str, data: Value| out.push_str(&format!("event: {name}\ndata: {data}\n\n"));
        for index in &self.open_blocks {
            event(
                "content_block_stop",
                json!({"type": "content_block_stop", "index": index}),
            );
        }
        event(
            "message_delta",
            json!({
                "type": "message_delta",
                "delta": {"stop_reason": "max_tokens", "stop_sequence": null},
                "usage": {"output_tokens": reading.visible_output},
            }),
        );
        event("message_stop", json!({"type": "message_stop"}));
        out.into_bytes()
    }
}

/// Takes a usage object into the tally.
fn merge(scanner: &mut Scanner<'_>, text: &str, tally: &mut Tally) -> Result<(), ScanError> {
    let range = scanner.skip()?;
    if let Some(usage) = text
        .get(range)
        .and_then(|text| serde_json::from_str(text).ok())
    {
        tally.merge(&usage);
    }
    Ok(())
}

/// Reads a message, at the start of a stream or as the whole answer.
fn message(
    scanner: &mut Scanner<'_>,
    text: &str,
    tally: &mut Tally,
    reading: &mut Reading,
) -> Result<(), ScanError> {
    if scanner.kind()? != Kind::Object {
        scanner.skip()?;
        return Ok(());
    }
    scanner.object(|scanner, name| {
        match name {
            "id" => reading.id = word(scanner)?,
            "model" => reading.model = word(scanner)?,
            "stop_reason" => reading.finish = word(scanner)?.or(reading.finish.take()),
            "usage" => merge(scanner, text, tally)?,
            "error" => reading.fault = fault(scanner)?.or(reading.fault.take()),
            "content" if scanner.kind()? == Kind::Array => {
                let mut counted = Counted {
                    encoding: None,
                    tokens: 0,
                };
                scanner.array(|scanner, _| piece(scanner, reading, &mut counted))?;
            }
            _ => {
                scanner.skip()?;
            }
        }
        Ok(())
    })
}

/// Reads a piece of content, or the delta that carries the reason of the end.
fn piece(
    scanner: &mut Scanner<'_>,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    if scanner.kind()? != Kind::Object {
        scanner.skip()?;
        return Ok(());
    }
    scanner.object(|scanner, name| {
        match (name, scanner.kind()?) {
            ("text" | "partial_json" | "thinking" | "name", Kind::String) => {
                let piece = scanner.string()?;
                reading.tool_calls = reading.tool_calls.saturating_add(u64::from(name == "name"));
                text.text(&piece, reading);
            }
            ("stop_reason", _) => reading.finish = word(scanner)?.or(reading.finish.take()),
            _ => {
                scanner.skip()?;
            }
        }
        Ok(())
    })
}

/// Reads a whole answer, or an error in Anthropic's shape.
pub(super) fn answer(text: &str, long_cache: bool, reading: &mut Reading) -> Result<(), ScanError> {
    let mut tally = Tally::new(long_cache);
    let mut scanner = Scanner::new(text);
    if scanner.kind()? != Kind::Object {
        return Err(ScanError::Unexpected {
            at: 0,
            expected: "an object",
        });
    }
    message(&mut scanner, text, &mut tally, reading)?;
    scanner.finish()?;
    if tally.is_known() {
        reading.usage = Some(tally.usage());
    }
    reading.started = reading.fault.is_none();
    Ok(())
}
