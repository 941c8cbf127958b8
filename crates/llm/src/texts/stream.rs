//! Streams as they are given to a caller, event by event.
//!
//! [`Frames`] cuts the bytes into [`Event`]s and tells of each what it says ([`Said`]). A running
//! text is told apart by its [`Slot`], and arrives as deltas. Everything else that an event says is
//! whole: what it repeats of a running text that has ended, and what stands by itself, such as an
//! error, a citation, or the arguments of a call of Gemini.
//!
//! **How a filter uses it.** It keeps events in the order in which they came, and for each slot the
//! text of which it is not sure yet. An event leaves when all texts in it are decided: as it came
//! if none is changed, and [`Event::edited`] otherwise. So no event is ever made up, and what
//! counts events (`sequence_number`) needs no care. A redaction that spans several deltas is
//! written into the first of them, and taken out of the others.
//!
//! Who would rather send the part of a delta that is decided already, uses [`Event::carrying`],
//! which gives an event like it with another text. The event that was inserted takes the number of
//! the next one that leaves, and those after it get theirs raised: [`Event::edited`] takes how
//! many were inserted before.
//!
//! **When a text ends** is told once for each slot: by the event that ends its block, its item or
//! its choice, by the one that ends the answer, or by [`Frames::finish`]. A [`Said::Pause`] tells
//! that the answer goes on in another slot: chat and Gemini do not say that thoughts or words are
//! over before the calls begin. The text may go on after a pause, though it hardly ever does; to
//! wait for more of it would hold back all that comes between.
//!
//! Where the bytes were split makes no difference. Data that is not JSON is a piece of
//! one text, which runs through all such events. A last event that lacks its blank line is read like any other, for some clients do.

mod chat;
mod converse;
mod event;
mod gemini;
mod heard;
mod messages;
mod other;
mod responses;

use std::collections::BTreeSet;
use std::ops::Range;

use bytes::Bytes;

pub use self::event::Event;
use self::heard::{Ending, Heard};
use super::{Channel, PartKind};
use crate::eventstream::{Decoder, Message, MessageError};
use crate::kind::Dialect;
use crate::sse::{Frame, FrameTooLarge, Framer};

/// How many texts may run at once. One more, and the oldest is told to have ended.
pub const OPEN_LIMIT: usize = 256;

/// What runs in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Running {
    /// What is said.
    Prose,
    /// Why nothing is said.
    Refusal,
    /// Thoughts, or a summary of them.
    Reasoning,
    /// A block of thoughts, where a dialect has both.
    Thinking,
    /// The arguments of a call, as JSON.
    Arguments,
    /// What a call is given in a form of the tool's own: code, a patch, a command.
    Input,
    /// A field that is not known here.
    Other {
        /// A hash of the names on the way to it.
        path: u64,
        /// By which way it comes.
        channel: Channel,
        /// What it is for.
        kind: PartKind,
    },
}

/// Which running text a delta belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The choice, candidate, output item or content block.
    pub item: u32,
    /// The part of it: of content, of a summary, or which call.
    pub part: u32,
    /// What runs there.
    pub running: Running,
}

impl Slot {
    /// By which way its text comes.
    pub const fn channel(&self) -> Channel {
        match self.running {
            Running::Arguments | Running::Input => Channel::ToolArguments,
            Running::Other { channel, .. } => channel,
            _ => Channel::Output,
        }
    }

    /// What its text is for.
    pub const fn kind(&self) -> PartKind {
        match self.running {
            Running::Arguments => PartKind::JsonText,
            Running::Other { kind, .. } => kind,
            _ => PartKind::Prose,
        }
    }
}

/// Where the data of events runs that is no JSON.
const UNSHAPED: Slot = Slot {
    item: u32::MAX,
    part: 0,
    running: Running::Prose,
};

/// What an event says. Places are those of literals in [`Event::data`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// More of a running text. Never empty.
    Delta {
        /// Which.
        slot: Slot,
        /// Where.
        place: Range<usize>,
    },
    /// A text that is whole.
    Whole {
        /// By which way it comes.
        channel: Channel,
        /// What it is for.
        kind: PartKind,
        /// Where.
        place: Range<usize>,
    },
    /// The answer goes on elsewhere. It stands before all texts of the event.
    Pause {
        /// Which text rests.
        slot: Slot,
    },
    /// A running text is over. It stands after all texts of the event.
    End {
        /// Which.
        slot: Slot,
    },
}

#[derive(Debug, Clone, Copy)]
struct Open {
    slot: Slot,
    paused: bool,
}

/// Why nothing more can be read from a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// An event is too large.
    #[error(transparent)]
    Frame(#[from] FrameTooLarge),
    /// A message of AWS is too large or damaged.
    #[error(transparent)]
    Message(#[from] MessageError),
}

/// What the bytes of a stream are cut by.
#[derive(Debug)]
enum Cutter {
    Events(Framer),
    Messages(Decoder),
}

/// Cuts a stream into events and keeps account of the texts that run in it.
#[derive(Debug)]
pub struct Frames {
    dialect: Dialect,
    cutter: Cutter,
    open: Vec<Open>,
}

impl Frames {
    /// Reads a stream in this dialect: of server-sent events, or of messages of AWS where it
    /// [streams in these](Dialect::streams_in_messages). Of a dialect without a stream of its own
    /// here, each string is taken for a piece of a running text.
    pub fn new(dialect: Dialect) -> Frames {
        let cutter = match dialect.streams_in_messages() {
            true => Cutter::Messages(Decoder::default()),
            false => Cutter::Events(Framer::default()),
        };
        Frames {
            dialect,
            cutter,
            open: Vec::new(),
        }
    }

    /// Takes the next bytes and gives back all events that are now whole. Their bytes, one after
    /// the other, are those that came in.
    ///
    /// # Errors
    /// [`StreamError`]; the stream is then beyond repair.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, StreamError> {
        match &mut self.cutter {
            Cutter::Events(framer) => {
                let block = framer.feed(bytes)?;
                let frames = block.frames();
                Ok(frames
                    .map(|frame| {
                        let bytes = block.bytes().slice(frame.range.clone());
                        self.event(bytes, &frame)
                    })
                    .collect())
            }
            Cutter::Messages(decoder) => {
                let messages = decoder.feed(bytes)?.into_iter();
                Ok(messages.map(|message| self.message(message)).collect())
            }
        }
    }

    /// Gives back the rest after the last byte, which may be empty, as an event that ends all
    /// texts that still run. Of the rest of a message nothing can be read.
    pub fn finish(&mut self) -> Event {
        let mut event = match &mut self.cutter {
            Cutter::Events(framer) => {
                let rest = framer.finish();
                self.unfinished(rest)
            }
            Cutter::Messages(decoder) => Event::damaged(decoder.finish()),
        };
        let open = self.open.drain(..);
        event
            .said
            .extend(open.map(|open| Said::End { slot: open.slot }));
        event
    }

    fn unfinished(&mut self, rest: Bytes) -> Event {
        let mut ended = rest.to_vec();
        ended.extend_from_slice(b"\n\n");
        let block = Framer::default().feed(&ended).ok();
        let mut frames = block.iter().flat_map(|block| block.frames());
        match frames.find(|frame| frame.data.is_some()) {
            Some(frame) => self.event(rest, &frame),
            None => Event::silent(rest),
        }
    }

    fn event(&mut self, bytes: Bytes, frame: &Frame<'_>) -> Event {
        let mut event = Event::framed(bytes, frame);
        if event.data.trim_ascii() == b"[DONE]" {
            event.said = self.account(&[], vec![], &[Ending::All]);
            return event;
        }
        self.listen(&mut event, self.dialect, frame.event);
        event
    }

    fn message(&mut self, message: Message) -> Event {
        let kind = message.header(":event-type").map(str::to_owned);
        let dialect = match message.carried() {
            Some(_) => Dialect::AnthropicMessages,
            None => Dialect::Converse,
        };
        let mut event = Event::wrapped(message);
        self.listen(&mut event, dialect, kind.as_deref().map(str::as_bytes));
        event
    }

    fn listen(&mut self, event: &mut Event, dialect: Dialect, kind: Option<&[u8]>) {
        let data = event.data.clone();
        if data.is_empty() {
            return;
        }
        let Some(heard) = Heard::read(dialect, &data, kind) else {
            return match std::str::from_utf8(&data) {
                Ok(_) => event.said = self.account(&[(UNSHAPED, 0..data.len())], vec![], &[]),
                Err(_) => event.is_unread(),
            };
        };
        let texts = heard.walk.finish();
        let whole = texts.parts.iter().map(|part| Said::Whole {
            channel: part.channel,
            kind: part.kind,
            place: part.place.clone(),
        });
        event.said = self.account(&heard.deltas, whole.collect(), &heard.ends);
        event.unread = texts.unread;
        event.repeats = texts.repeats;
        event.sequence = heard.sequence;
        event.opens = heard.opens;
    }

    /// Puts what an event says in order, and remembers what runs.
    fn account(
        &mut self,
        deltas: &[(Slot, Range<usize>)],
        whole: Vec<Said>,
        ends: &[Ending],
    ) -> Vec<Said> {
        let mut said = self.pauses(deltas);
        let mut texts = whole;
        texts.extend(deltas.iter().map(|(slot, place)| Said::Delta {
            slot: *slot,
            place: place.clone(),
        }));
        texts.sort_by_key(Said::start);
        said.append(&mut texts);
        let mut before = None;
        for (slot, _) in deltas {
            if before.replace(slot) != Some(slot) {
                let ended = self.goes_on(*slot);
                said.extend(ended.map(|slot| Said::End { slot }));
            }
        }
        for ending in ends {
            let ended = self.open.extract_if(.., |open| ending.covers(&open.slot));
            said.extend(ended.map(|open| Said::End { slot: open.slot }));
        }
        said
    }

    fn pauses(&mut self, deltas: &[(Slot, Range<usize>)]) -> Vec<Said> {
        let slots: BTreeSet<Slot> = deltas.iter().map(|(slot, _)| *slot).collect();
        let items: BTreeSet<u32> = slots.iter().map(|slot| slot.item).collect();
        let mut said = Vec::new();
        for open in self.open.iter_mut().filter(|open| !open.paused) {
            if items.contains(&open.slot.item) && !slots.contains(&open.slot) {
                open.paused = true;
                said.push(Said::Pause { slot: open.slot });
            }
        }
        said
    }

    /// Remembers that a text runs; gives back the one that had to be forgotten for it.
    fn goes_on(&mut self, slot: Slot) -> Option<Slot> {
        if let Some(open) = self.open.iter_mut().find(|open| open.slot == slot) {
            open.paused = false;
            return None;
        }
        let paused = false;
        self.open.push(Open { slot, paused });
        (self.open.len() > OPEN_LIMIT).then(|| self.open.remove(0).slot)
    }
}

impl Said {
    fn start(&self) -> usize {
        match self {
            Said::Delta { place, .. } | Said::Whole { place, .. } => place.start,
            Said::Pause { .. } | Said::End { .. } => 0,
        }
    }
}
