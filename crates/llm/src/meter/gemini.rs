//! Gemini's `generateContent` (ai.google.dev, read 2026-11): each event of a stream is a whole
//! `GenerateContentResponse`, the counts in it grow, and the stream has no end mark but its last
//! answer, which says why it ended.

use serde_json::Value;

use super::counts::{fault, word};
use super::{Counted, Reading};
use crate::google;
use crate::scan::{Kind, ScanError, Scanner};

/// Reads the events of an answer.
#[derive(Debug, Default)]
pub(super) struct Gemini {
    ended: bool,
    /// Whether the answer that was read last says so.
    ends_here: bool,
}

impl Gemini {
    pub(super) fn frame(&mut self, data: &str, reading: &mut Reading, text: &mut Counted) {
        let mut scanner = Scanner::new(data);
        let read = self.chunk(&mut scanner, data, reading, text);
        if read.and_then(|()| scanner.finish()).is_err() {
            reading.unreadable_frames = reading.unreadable_frames.saturating_add(1);
        }
    }

    fn chunk(
        &mut self,
        scanner: &mut Scanner<'_>,
        data: &str,
        reading: &mut Reading,
        text: &mut Counted,
    ) -> Result<(), ScanError> {
        let (mut told, mut answers) = (None, false);
        let (ended_before, seen_before) = (self.ended, reading.content_bytes);
        self.ends_here = false;
        scanner.object(|scanner, name| {
            match name {
                "responseId" => reading.id = word(scanner)?.or(reading.id.take()),
                "modelVersion" => reading.model = word(scanner)?.or(reading.model.take()),
                "error" => reading.fault = fault(scanner)?.or(reading.fault.take()),
                "usageMetadata" => {
                    let range = scanner.skip()?;
                    let value = data.get(range).map(serde_json::from_str::<Value>);
                    told = value.and_then(Result::ok).as_ref().and_then(google::usage);
                }
                "promptFeedback" if scanner.kind()? == Kind::Object => {
                    answers = true;
                    scanner.object(|scanner, name| {
                        if name == "blockReason" {
                            self.end(word(scanner)?, reading);
                        } else {
                            scanner.skip()?;
                        }
                        Ok::<(), ScanError>(())
                    })?;
                }
                "candidates" if scanner.kind()? == Kind::Array => {
                    answers = true;
                    scanner.array(|scanner, _| self.candidate(scanner, reading, text))?;
                }
                _ => {
                    scanner.skip()?;
                }
            }
            Ok::<(), ScanError>(())
        })?;
        if ended_before && reading.content_bytes > seen_before {
            self.reopen(reading);
        }
        // Before the end the counts are of what has come so far.
        if self.ended {
            reading.usage = told.or(reading.usage);
        }
        reading.started |= answers;
        reading.complete = self.ended && reading.fault.is_none();
        Ok(())
    }

    /// An end with words behind it was none, nor was the count at it the last.
    fn reopen(&mut self, reading: &mut Reading) {
        reading.usage = None;
        if !self.ends_here {
            self.ended = false;
            reading.finish = None;
        }
    }

    fn end(&mut self, reason: Option<String>, reading: &mut Reading) {
        if reason.is_some() {
            (self.ended, self.ends_here) = (true, true);
            reading.finish = reason;
        }
    }

    fn candidate(
        &mut self,
        scanner: &mut Scanner<'_>,
        reading: &mut Reading,
        text: &mut Counted,
    ) -> Result<(), ScanError> {
        each_field(scanner, |scanner, name| match name {
            "finishReason" => {
                self.end(word(scanner)?, reading);
                Ok(())
            }
            "content" => each_field(scanner, |scanner, name| {
                if name != "parts" || scanner.kind()? != Kind::Array {
                    scanner.skip()?;
                    return Ok(());
                }
                scanner.array(|scanner, _| part(scanner, reading, text))
            }),
            _ => scanner.skip().map(|_| ()),
        })
    }
}

/// Reads the fields of an object; what is none is passed over.
pub(super) fn each_field(
    scanner: &mut Scanner<'_>,
    mut read: impl FnMut(&mut Scanner<'_>, &str) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    if scanner.kind()? != Kind::Object {
        scanner.skip()?;
        return Ok(());
    }
    scanner.object(|scanner, name| read(scanner, name))
}

fn part(
    scanner: &mut Scanner<'_>,
    reading: &mut Reading,
    text: &mut Counted,
) -> Result<(), ScanError> {
    each_field(scanner, |scanner, name| {
        match (name, scanner.kind()?) {
            ("text", Kind::String) => text.text(&scanner.string()?, reading),
            ("functionCall", Kind::Object) => {
                reading.tool_calls = reading.tool_calls.saturating_add(1);
                let range = scanner.skip()?;
                reading.content(range.len());
            }
            _ => {
                scanner.skip()?;
            }
        }
        Ok(())
    })
}

/// The event that ends a stream for its client. A translator is told the end, which clients of
/// Google do not know.
pub(super) fn ending(translated: bool) -> Vec<u8> {
    let last = "data: {\"candidates\":[{\"finishReason\":\"MAX_TOKENS\"}]}\n\n";
    let mark = if translated { "data: [DONE]\n\n" } else { "" };
    format!("{last}{mark}").into_bytes()
}

/// Reads a whole answer, or an error.
pub(super) fn answer(text: &str, reading: &mut Reading) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text);
    let mut counted = Counted {
        encoding: None,
        tokens: 0,
    };
    Gemini::default().chunk(&mut scanner, text, reading, &mut counted)?;
    scanner.finish()?;
    reading.started = reading.fault.is_none();
    Ok(())
}
