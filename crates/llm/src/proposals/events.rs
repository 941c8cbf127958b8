//! Streams cut into events, each with what kind it says it is.

use bytes::Bytes;

use crate::eventstream::{Decoder, Message};
use crate::kind::Dialect;
use crate::sse::{Frame, Framer};
use crate::texts::{Event, StreamError};

/// An event, and the kind that stands beside its data.
#[derive(Debug)]
pub(super) struct Kinded {
    pub(super) event: Event,
    pub(super) kind: String,
}

/// Cuts the bytes of a stream.
#[derive(Debug)]
pub(super) enum Cutter {
    Events(Framer),
    Messages(Decoder),
}

impl Cutter {
    pub(super) fn new(dialect: Dialect) -> Self {
        match dialect.streams_in_messages() {
            true => Cutter::Messages(Decoder::default()),
            false => Cutter::Events(Framer::default()),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Kinded>, StreamError> {
        match self {
            Cutter::Events(framer) => {
                let block = framer.feed(bytes)?;
                let events = block.frames().map(|frame| {
                    let bytes = block.bytes().slice(frame.range.clone());
                    Kinded::framed(bytes, &frame)
                });
                Ok(events.collect())
            }
            Cutter::Messages(decoder) => {
                let messages = decoder.feed(bytes)?.into_iter();
                Ok(messages.map(Kinded::message).collect())
            }
        }
    }

    /// The rest, which some clients read like any other event.
    pub(super) fn finish(&mut self) -> Kinded {
        match self {
            Cutter::Events(framer) => {
                let rest = framer.finish();
                let mut ended = rest.to_vec();
                ended.extend_from_slice(b"\n\n");
                let block = Framer::default().feed(&ended).ok();
                let mut frames = block.iter().flat_map(|block| block.frames());
                match frames.find(|frame| frame.data.is_some()) {
                    Some(frame) => Kinded::framed(rest, &frame),
                    None => Kinded::silent(rest),
                }
            }
            Cutter::Messages(decoder) => Kinded::silent(decoder.finish()),
        }
    }
}

impl Kinded {
    fn silent(bytes: Bytes) -> Self {
        Kinded {
            event: Event::silent(bytes),
            kind: String::new(),
        }
    }

    fn framed(bytes: Bytes, frame: &Frame<'_>) -> Self {
        let kind = String::from_utf8_lossy(frame.event.unwrap_or_default());
        Kinded {
            kind: kind.into_owned(),
            event: Event::framed(bytes, frame),
        }
    }

    fn message(message: Message) -> Self {
        let kind = message.header(":event-type").unwrap_or_default();
        Kinded {
            kind: kind.to_owned(),
            event: Event::wrapped(message),
        }
    }
}
