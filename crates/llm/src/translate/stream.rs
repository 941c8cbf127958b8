//! Streams: a reader of one dialect's frames, a writer of the other's.

use serde_json::Value;

use super::error::{ErrorClass, ProviderError};
use super::messages_stream::broken;
use super::verbatim::{self, Place};
use crate::canonical::{Event, Opening};
use crate::sse::{Block as Frames, Framer};

/// Turns the provider's stream into the caller's, however its bytes were split.
///
/// Whatever goes wrong becomes the error event of the caller's dialect; after it, and after
/// the regular end, nothing more is written.
pub trait StreamTranslator: Send {
    /// Takes the next bytes from the provider and appends what the caller gets for them.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>);

    /// Ends the caller's stream as far as it has not ended yet.
    fn finish(&mut self, ending: Ending, out: &mut Vec<u8>);

    /// Whether the caller's stream has ended, well or badly.
    fn ended(&self) -> bool;
}

/// How the bytes from the provider ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The body came to its end. A stream that its dialect has not ended counts as broken.
    Closed,
    /// It broke off, or is broken off by us, for this reason.
    Broken(ProviderError),
}

/// Reads the frames of a dialect.
pub(super) trait ReadFrames: Send {
    /// One frame's data.
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), ProviderError>;

    /// The end of the bytes.
    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), ProviderError>;
}

/// Writes the events of a dialect.
pub(super) trait WriteEvents: Send {
    /// One event.
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) -> Result<(), ProviderError>;

    /// The error that ends the stream.
    fn fail(&mut self, error: &ProviderError, out: &mut Vec<u8>);
}

/// A reader and a writer back to back.
pub(super) struct Translator<R, W> {
    framer: Framer,
    reader: R,
    writer: W,
    hidden: Option<Hidden>,
    events: Vec<Event>,
    ended: bool,
}

impl<R: ReadFrames, W: WriteEvents> Translator<R, W> {
    pub(super) fn new(reader: R, writer: W, hides_thoughts: bool) -> Translator<R, W> {
        Translator {
            framer: Framer::default(),
            reader,
            writer,
            hidden: hides_thoughts.then(Hidden::default),
            events: Vec::new(),
            ended: false,
        }
    }

    fn frames(&mut self, frames: &Frames, out: &mut Vec<u8>) {
        for frame in frames.frames() {
            let Some(data) = frame.data else { continue };
            let read = self.reader.frame(&data, &mut self.events);
            self.write(read, out);
            if self.ended {
                return;
            }
        }
    }

    /// Writes what was read before a failure, then the failure.
    fn write(&mut self, read: Result<(), ProviderError>, out: &mut Vec<u8>) {
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            if self.ended {
                break;
            }
            let event = match &mut self.hidden {
                None => Some(event),
                Some(hidden) => hidden.filter(event),
            };
            match event {
                None => {}
                Some(Event::Failed(error)) => self.fail(&error, out),
                Some(event) => {
                    let finished = matches!(event, Event::Finish { .. });
                    match self.writer.event(&event, out) {
                        Ok(()) => self.ended = finished,
                        Err(error) => self.fail(&error, out),
                    }
                }
            }
        }
        self.events = events;
        if let Err(error) = read {
            self.fail(&error, out);
        }
    }

    fn fail(&mut self, error: &ProviderError, out: &mut Vec<u8>) {
        if !self.ended {
            self.ended = true;
            self.writer.fail(error, out);
        }
    }
}

impl<R: ReadFrames, W: WriteEvents> StreamTranslator for Translator<R, W> {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        match self.framer.feed(bytes) {
            Ok(frames) => self.frames(&frames, out),
            Err(error) => {
                self.fail(
                    &ProviderError::new(ErrorClass::Internal, error.to_string()),
                    out,
                );
            }
        }
    }

    fn finish(&mut self, ending: Ending, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        if let Ending::Broken(error) = ending {
            self.fail(&error, out);
            return;
        }
        let read = self.reader.end(&mut self.events);
        self.write(read, out);
        let error = ProviderError::new(
            ErrorClass::Internal,
            "the provider's stream ended too early",
        );
        self.fail(&error, out);
    }

    fn ended(&self) -> bool {
        self.ended
    }
}

/// Takes thoughts out of a stream and closes the gaps in the numbering.
#[derive(Debug, Default)]
struct Hidden {
    /// Per block of the provider: its number without the thoughts, or none.
    numbers: Vec<Option<usize>>,
    shown: usize,
}

impl Hidden {
    fn filter(&mut self, event: Event) -> Option<Event> {
        let number = |block: usize| self.numbers.get(block).copied().flatten();
        Some(match event {
            Event::Open {
                opening: Opening::Thinking | Opening::Sealed { .. },
                ..
            } => {
                self.numbers.push(None);
                return None;
            }
            Event::Open { opening, .. } => {
                let block = self.shown;
                self.numbers.push(Some(block));
                self.shown = block.saturating_add(1);
                Event::Open { block, opening }
            }
            Event::Delta { block, text } => Event::Delta {
                block: number(block)?,
                text,
            },
            Event::Signature { block, signature } => Event::Signature {
                block: number(block)?,
                signature,
            },
            Event::Close { block } => Event::Close {
                block: number(block)?,
            },
            other => other,
        })
    }
}

/// A chunk of a stream that is a sequence of them; none for the `[DONE]` behind the last. What the
/// provider reports as an error in one is an error here.
pub(super) fn chunk_of(data: &[u8]) -> Result<Option<Value>, ProviderError> {
    if data.trim_ascii() == b"[DONE]" {
        return Ok(None);
    }
    faultless(parse(data)?).map(Some)
}

/// The same, in which what stands at the place stays the text that it is.
pub(super) fn chunk_keeping(data: &[u8], place: &Place) -> Result<Option<Value>, ProviderError> {
    if data.trim_ascii() == b"[DONE]" {
        return Ok(None);
    }
    faultless(parse_keeping(data, place)?).map(Some)
}

fn faultless(chunk: Value) -> Result<Value, ProviderError> {
    if chunk.get("error").is_none_or(Value::is_null) {
        return Ok(chunk);
    }
    let error = ProviderError::of_value(&chunk, ErrorClass::Internal);
    Err(error.unwrap_or_else(|| broken("reports an error without words")))
}

/// Reads a frame's JSON.
pub(super) fn parse(data: &[u8]) -> Result<Value, ProviderError> {
    serde_json::from_slice(data).map_err(|_| no_json())
}

/// The same, in which what stands at the place stays the text that it is.
pub(super) fn parse_keeping(data: &[u8], place: &Place) -> Result<Value, ProviderError> {
    verbatim::read(data, place).map_err(|_| no_json())
}

fn no_json() -> ProviderError {
    ProviderError::new(
        ErrorClass::Internal,
        "the provider sent an event that is not JSON",
    )
}
