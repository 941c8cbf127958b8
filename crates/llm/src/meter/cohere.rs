//! Cohere's chat of version 2 (the package `cohere` 7.3.1 of PyPI, read 2026-11): the events of a
//! stream are pieces of a message, and the last one says why it ended and what is billed.

use serde_json::Value;

use super::counts::word;
use super::gemini::each_field;
use super::{Counted, Fault, Reading};
use crate::cohere;
use crate::scan::{Kind, ScanError, Scanner};

pub(super) fn frame(data: &str, reading: &mut Reading, text: &mut Counted) {
    if data.trim() == "[DONE]" {
        return;
    }
    let mut scanner = Scanner::new(data);
    let read = event(&mut scanner, data, reading, text);
    if read.and_then(|()| scanner.finish()).is_err() {
        reading.unreadable_frames = reading.unreadable_frames.saturating_add(1);
    }
}

fn event(
    scanner: &mut Scanner<'_>,
    data: &str,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    scanner.object(|scanner, name| match name {
        "type" => {
            reading.started |= word(scanner)?.is_some();
            Ok(())
        }
        "delta" => each_field(scanner, |scanner, name| {
            field(scanner, name, data, reading, text)
        }),
        _ => field(scanner, name, data, reading, text),
    })?;
    reading.complete = reading.finish.is_some() && reading.fault.is_none();
    Ok(())
}

/// What stands at the top of an answer, and in the `delta` of an event.
fn field(
    scanner: &mut Scanner<'_>,
    name: &str,
    data: &str,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    match (name, scanner.kind()?) {
        ("id", _) => reading.id = word(scanner)?.or(reading.id.take()),
        ("finish_reason", _) => {
            let reason = word(scanner)?;
            if let Some("ERROR" | "TIMEOUT") = reason.as_deref() {
                fail(reading, "the provider could not finish its answer");
            }
            reading.finish = reason.or(reading.finish.take());
        }
        ("usage", Kind::Object) => {
            let range = scanner.skip()?;
            let value = data.get(range).map(serde_json::from_str::<Value>);
            let told = value.and_then(Result::ok).as_ref().and_then(cohere::billed);
            reading.usage = told.or(reading.usage);
        }
        // In place of a message of the model, an error has one for people.
        ("error" | "message", Kind::String) => {
            let said = word(scanner)?.unwrap_or_default();
            reading.fault = None;
            fail(reading, &said);
        }
        ("message", Kind::Object) => {
            each_field(scanner, |scanner, name| {
                message(scanner, name, reading, text)
            })?;
        }
        _ => {
            scanner.skip()?;
        }
    }
    Ok(())
}

fn fail(reading: &mut Reading, message: &str) {
    reading.fault.get_or_insert_with(|| Fault {
        message: message.to_owned(),
        ..Fault::default()
    });
}

fn message(
    scanner: &mut Scanner<'_>,
    name: &str,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    match (name, scanner.kind()?) {
        ("content" | "tool_plan", Kind::String) => text.text(&scanner.string()?, reading),
        ("content", Kind::Array) => scanner.array(|scanner, _| part(scanner, reading, text))?,
        ("content", Kind::Object) => part(scanner, reading, text)?,
        ("tool_calls", Kind::Array) => scanner.array(|scanner, _| call(scanner, reading, text))?,
        ("tool_calls", Kind::Object) => call(scanner, reading, text)?,
        _ => {
            scanner.skip()?;
        }
    }
    Ok(())
}

fn part(
    scanner: &mut Scanner<'_>,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    each_field(scanner, |scanner, name| {
        match (name, scanner.kind()?) {
            ("text" | "thinking", Kind::String) => text.text(&scanner.string()?, reading),
            _ => {
                scanner.skip()?;
            }
        }
        Ok(())
    })
}

/// A call, or a piece of its arguments, which has no id.
fn call(
    scanner: &mut Scanner<'_>,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    each_field(scanner, |scanner, name| {
        match (name, scanner.kind()?) {
            ("id", Kind::String) => {
                scanner.skip()?;
                reading.tool_calls = reading.tool_calls.saturating_add(1);
            }
            ("function", _) => each_field(scanner, |scanner, name| {
                match (name, scanner.kind()?) {
                    ("name" | "arguments", Kind::String) => {
                        text.text(&scanner.string()?, reading);
                    }
                    _ => {
                        scanner.skip()?;
                    }
                }
                Ok(())
            })?,
            _ => {
                scanner.skip()?;
            }
        }
        Ok(())
    })
}

/// The event that ends a stream for its translator.
pub(super) fn ending() -> Vec<u8> {
    b"event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"MAX_TOKENS\"}}\n\n".to_vec()
}

/// Reads a whole answer, or an error.
pub(super) fn answer(text: &str, reading: &mut Reading) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text);
    let mut counted = Counted {
        encoding: None,
        tokens: 0,
    };
    event(&mut scanner, text, reading, &mut counted)?;
    scanner.finish()?;
    reading.started = reading.fault.is_none();
    Ok(())
}
