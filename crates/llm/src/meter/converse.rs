//! Bedrock's `Converse` (botocore 1.44.5, `ConverseResponse` and `ConverseStreamOutput`): the
//! events of a stream are objects with one field, their name, as [`crate::eventstream`] writes
//! them. The reason to stop comes before the usage, which is the last event.

use serde_json::Value;

use super::counts::{fault, word};
use super::gemini::each_field;
use super::{Counted, Reading};
use crate::aws;
use crate::eventstream;
use crate::scan::{Kind, ScanError, Scanner};

/// Reads the events of an answer.
#[derive(Debug)]
pub(super) struct Converse {
    long_cache: bool,
}

impl Converse {
    pub(super) const fn new(long_cache: bool) -> Self {
        Converse { long_cache }
    }

    pub(super) fn frame(&self, data: &str, reading: &mut Reading, text: &mut Counted) {
        if data.trim() == "[DONE]" {
            return;
        }
        let mut scanner = Scanner::new(data);
        let read = self.event(&mut scanner, data, reading, text);
        if read.and_then(|()| scanner.finish()).is_err() {
            reading.unreadable_frames = reading.unreadable_frames.saturating_add(1);
        }
    }

    fn event(
        &self,
        scanner: &mut Scanner<'_>,
        data: &str,
        reading: &mut Reading,
        text: &mut Counted,
    ) -> Result<(), ScanError> {
        scanner.object(|scanner, name| {
            match name {
                "error" => {
                    // The first one ended the answer.
                    let told = fault(scanner)?;
                    reading.fault = reading.fault.take().or(told);
                    let failed = reading.fault.as_ref();
                    // The model had begun to work, which may be billed.
                    reading.started |= failed.is_some_and(|fault| fault.kind.starts_with("model"));
                }
                "messageStart" => {
                    scanner.skip()?;
                    reading.started = true;
                }
                "contentBlockStart" => each_field(scanner, |scanner, name| match name {
                    "start" => each_field(scanner, |scanner, name| {
                        let range = scanner.skip()?;
                        if name == "toolUse" {
                            reading.tool_calls = reading.tool_calls.saturating_add(1);
                            reading.content(range.len());
                        }
                        Ok(())
                    }),
                    _ => scanner.skip().map(|_| ()),
                })?,
                "contentBlockDelta" => each_field(scanner, |scanner, name| match name {
                    "delta" => {
                        each_field(scanner, |scanner, name| delta(scanner, name, reading, text))
                    }
                    _ => scanner.skip().map(|_| ()),
                })?,
                "messageStop" => each_field(scanner, |scanner, name| match name {
                    "stopReason" => {
                        reading.finish = word(scanner)?.or(reading.finish.take());
                        Ok(())
                    }
                    _ => scanner.skip().map(|_| ()),
                })?,
                "metadata" => each_field(scanner, |scanner, name| match name {
                    "usage" => self.usage(scanner, data, reading),
                    _ => scanner.skip().map(|_| ()),
                })?,
                _ => {
                    scanner.skip()?;
                }
            }
            Ok::<(), ScanError>(())
        })?;
        let whole = reading.finish.is_some() && reading.usage.is_some();
        reading.complete = whole && reading.fault.is_none();
        Ok(())
    }

    fn usage(
        &self,
        scanner: &mut Scanner<'_>,
        data: &str,
        reading: &mut Reading,
    ) -> Result<(), ScanError> {
        let range = scanner.skip()?;
        let value = data.get(range).map(serde_json::from_str::<Value>);
        let told = value.and_then(Result::ok);
        let told = told.and_then(|value| aws::usage(&value, self.long_cache));
        reading.usage = told.or(reading.usage);
        Ok(())
    }
}

fn delta(
    scanner: &mut Scanner<'_>,
    name: &str,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    match (name, scanner.kind()?) {
        ("text", Kind::String) => text.text(&scanner.string()?, reading),
        ("toolUse", Kind::Object) => each_field(scanner, |scanner, name| {
            match (name, scanner.kind()?) {
                ("input", Kind::String) => text.text(&scanner.string()?, reading),
                _ => {
                    scanner.skip()?;
                }
            }
            Ok(())
        })?,
        ("reasoningContent", Kind::Object) => each_field(scanner, |scanner, name| {
            match (name, scanner.kind()?) {
                ("text", Kind::String) => text.text(&scanner.string()?, reading),
                // No words, but a server that sends them without end is cut all the same.
                ("redactedContent" | "signature", Kind::String) => {
                    reading.content(scanner.string()?.raw.len());
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
}

/// The events that end a stream for its translator.
pub(super) fn ending() -> Vec<u8> {
    b"data: {\"messageStop\":{\"stopReason\":\"max_tokens\"}}\n\ndata: [DONE]\n\n".to_vec()
}

/// The messages that end a stream for a client of Bedrock.
pub(super) fn last_messages() -> Vec<u8> {
    eventstream::event("messageStop", br#"{"stopReason":"max_tokens"}"#)
}

/// Reads a whole answer.
pub(super) fn answer(text: &str, long_cache: bool, reading: &mut Reading) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text);
    let converse = Converse::new(long_cache);
    scanner.object(|scanner, name| match name {
        "stopReason" => {
            reading.finish = word(scanner)?.or(reading.finish.take());
            Ok(())
        }
        "usage" => converse.usage(scanner, text, reading),
        "output" => {
            let range = scanner.skip()?;
            reading.content(range.len());
            Ok(())
        }
        _ => scanner.skip().map(|_| ()),
    })?;
    scanner.finish()?;
    reading.started = true;
    Ok(())
}
