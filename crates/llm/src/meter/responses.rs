//! Responses: the usage stands in the last event, `response.completed`, `.incomplete` or
//! `.failed` (developers.openai.com, API reference, streaming events, read 2026-11).

use serde_json::json;

use super::counts::{fault, number, tier, usage, word};
use super::{Counted, Fault, Reading};
use crate::scan::{Kind, ScanError, Scanner};

/// Reads the events of a response.
#[derive(Debug, Default)]
pub(super) struct Responses {
    sequence: u64,
}

impl Responses {
    pub(super) fn frame(
        &mut self,
        event: Option<&[u8]>,
        data: &str,
        long_cache: bool,
        reading: &mut Reading,
        text: &mut Counted,
    ) {
        if data.trim() == "[DONE]" {
            return;
        }
        let mut scanner = Scanner::new(data);
        let read = self.event(&mut scanner, long_cache, reading, text);
        let Ok(kind) = read.and_then(|kind| scanner.finish().map(|()| kind)) else {
            reading.unreadable_frames = reading.unreadable_frames.saturating_add(1);
            return;
        };
        let event = event.and_then(|name| std::str::from_utf8(name).ok());
        match kind.as_deref().or(event) {
            Some("response.completed" | "response.incomplete" | "response.cancelled") => {
                reading.started = true;
                reading.complete = true;
            }
            Some("response.failed") => {
                reading.fault.get_or_insert_with(Fault::default);
            }
            Some("error") | None => {}
            Some(_) => reading.started |= reading.fault.is_none(),
        }
    }

    fn event(
        &mut self,
        scanner: &mut Scanner<'_>,
        long_cache: bool,
        reading: &mut Reading,
        text: &mut Counted,
    ) -> Result<Option<String>, ScanError> {
        let (mut kind, mut flat) = (None, Fault::default());
        scanner.object(|scanner, name| {
            match name {
                "type" => kind = word(scanner)?,
                "sequence_number" => self.sequence = number(scanner)?.unwrap_or(self.sequence),
                "response" => response(scanner, long_cache, reading)?,
                "delta" if scanner.kind()? == Kind::String => {
                    let piece = scanner.string()?;
                    text.text(&piece, reading);
                }
                // An event of type `error` holds its fields itself, or under `error`.
                "error" => reading.fault = fault(scanner)?.or(reading.fault.take()),
                "message" => flat.message = word(scanner)?.unwrap_or_default(),
                "code" => flat.code = word(scanner)?,
                _ => {
                    scanner.skip()?;
                }
            }
            Ok::<(), ScanError>(())
        })?;
        if kind.as_deref() == Some("error") && reading.fault.is_none() {
            flat.kind = flat.code.clone().unwrap_or_else(|| "error".to_owned());
            reading.fault = Some(flat);
        }
        if kind.as_deref() == Some("response.function_call_arguments.done") {
            reading.tool_calls = reading.tool_calls.saturating_add(1);
        }
        Ok(kind)
    }

    pub(super) fn ending(&self, reading: &Reading) -> Vec<u8> {
        let event = json!({
            "type": "response.incomplete",
            "sequence_number": self.sequence.saturating_add(1),
            "response": {
                "id": reading.id.as_deref().unwrap_or_default(),
                "object": "response",
                "created_at": reading.created,
                "status": "incomplete",
                "error": null,
                "incomplete_details": {"reason": "max_output_tokens"},
                "model": reading.model.as_deref().unwrap_or_default(),
                "output": [],
                "parallel_tool_calls": true,
                "tool_choice": "auto",
                "tools": [],
            },
        });
        format!("event: response.incomplete\ndata: {event}\n\n").into_bytes()
    }
}

/// Reads a response object, in an event or as the whole answer.
fn response(
    scanner: &mut Scanner<'_>,
    long_cache: bool,
    reading: &mut Reading,
) -> Result<(), ScanError> {
    if scanner.kind()? != Kind::Object {
        scanner.skip()?;
        return Ok(());
    }
    let (mut served, mut status, mut reason) = (None, None, None);
    scanner.object(|scanner, name| {
        match name {
            "id" => reading.id = word(scanner)?.or(reading.id.take()),
            "model" => reading.model = word(scanner)?.or(reading.model.take()),
            "created_at" => reading.created = number(scanner)?.unwrap_or(reading.created),
            "status" => status = word(scanner)?,
            "service_tier" => served = tier(scanner)?,
            "usage" => reading.usage = usage(scanner, long_cache)?.or(reading.usage),
            "error" => reading.fault = fault(scanner)?.or(reading.fault.take()),
            "incomplete_details" if scanner.kind()? == Kind::Object => {
                scanner.object(|scanner, name| {
                    if name == "reason" {
                        reason = word(scanner)?;
                    } else {
                        scanner.skip()?;
                    }
                    Ok::<(), ScanError>(())
                })?;
            }
            "output" if scanner.kind()? == Kind::Array => {
                scanner.array(|scanner, _| {
                    reading.content_seen = true;
                    scanner.skip().map(|_| ())
                })?;
            }
            _ => {
                scanner.skip()?;
            }
        }
        Ok::<(), ScanError>(())
    })?;
    if let (Some(usage), Some(tier)) = (&mut reading.usage, served) {
        usage.tier = Some(tier);
    }
    if let Some("completed" | "incomplete" | "failed" | "cancelled") = status.as_deref() {
        reading.finish = reason.or(status);
    }
    Ok(())
}

/// Reads a whole answer, or an error in OpenAI's shape.
pub(super) fn answer(text: &str, long_cache: bool, reading: &mut Reading) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text);
    if scanner.kind()? != Kind::Object {
        return Err(ScanError::Unexpected {
            at: 0,
            expected: "an object",
        });
    }
    response(&mut scanner, long_cache, reading)?;
    scanner.finish()?;
    reading.started = reading.fault.is_none();
    Ok(())
}
