//! One event: what came, and what can be made of it.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Said, Slot};
use crate::eventstream::Message;
use crate::scan::unescape;
use crate::sse::{Frame, lines};
use crate::texts::{Medium, Unread, Written, splice, written};

/// What the data of an event stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Around {
    /// A frame, in one line, from this byte on.
    Line(usize),
    /// A frame, in several lines or in none.
    Lines,
    /// A message of AWS, whose payload it is.
    Message(Message),
    /// A message that carries it in base64.
    Chunk(Message),
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    bytes: Bytes,
    pub(super) data: Bytes,
    around: Around,
    pub(super) said: Vec<Said>,
    pub(super) unread: Vec<Unread>,
    pub(super) repeats: Vec<Range<usize>>,
    pub(super) sequence: Option<(Range<usize>, u64)>,
    /// It begins something: what is said in it beside the text is said only once.
    pub(super) opens: bool,
}

impl Event {
    /// Bytes that say nothing.
    pub(crate) fn silent(bytes: Bytes) -> Event {
        Event {
            bytes,
            data: Bytes::new(),
            around: Around::Lines,
            said: Vec::new(),
            unread: Vec::new(),
            repeats: Vec::new(),
            sequence: None,
            opens: false,
        }
    }

    pub(crate) fn framed(bytes: Bytes, frame: &Frame<'_>) -> Event {
        let mut event = Event::silent(bytes);
        match &frame.data {
            Some(Cow::Borrowed(data)) => {
                let at = data
                    .as_ptr()
                    .addr()
                    .saturating_sub(frame.raw.as_ptr().addr());
                event.data = event.bytes.slice(at..at.saturating_add(data.len()));
                event.around = Around::Line(at);
            }
            Some(Cow::Owned(data)) => event.data = Bytes::copy_from_slice(data),
            None => {}
        }
        event
    }

    /// A message of AWS.
    pub(crate) fn wrapped(message: Message) -> Event {
        let mut event = Event::silent(message.bytes.clone());
        event.around = match message.carried() {
            Some(content) => {
                event.data = content.into();
                Around::Chunk(message)
            }
            None => {
                event.data = Bytes::copy_from_slice(&message.payload);
                Around::Message(message)
            }
        };
        event
    }

    /// Bytes that nobody here can read.
    pub(super) fn damaged(bytes: Bytes) -> Event {
        let mut event = Event::silent(bytes.clone());
        event.data = bytes;
        if !event.data.is_empty() {
            event.is_unread();
        }
        event
    }

    pub(super) fn is_unread(&mut self) {
        self.unread.push(Unread {
            what: Medium::Opaque,
            place: 0..self.data.len(),
        });
    }

    /// The bytes as they came, with the blank line.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its data; empty if it has none.
    pub const fn data(&self) -> &Bytes {
        &self.data
    }

    /// What it says: pauses, then texts in the order in which they stand, then ends.
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// What cannot be read in it.
    pub fn unread(&self) -> &[Unread] {
        &self.unread
    }

    /// Its number in the stream, where the dialect counts events.
    pub fn sequence(&self) -> Option<u64> {
        self.sequence.as_ref().map(|(_, number)| *number)
    }

    /// The text at a place that it said.
    pub fn text(&self, place: &Range<usize>) -> Cow<'_, str> {
        let literal = self.data.get(place.clone()).unwrap_or_default();
        let raw = std::str::from_utf8(literal).unwrap_or_default();
        let quoted = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
        match quoted {
            Some(raw) if raw.contains('\\') => unescape(raw).into(),
            Some(raw) => raw.into(),
            None => raw.into(),
        }
    }

    /// The bytes of this event with other texts at some places; the same bytes if there are none.
    /// Its number is raised by `inserted`, which is how many events were put into the stream before
    /// it. With the first edit, what repeats the texts token by token is emptied.
    ///
    /// Of places that overlap, the first counts.
    pub fn edited(&self, edits: &[(Range<usize>, &str)], inserted: u64) -> Bytes {
        let sequence = self.sequence().filter(|_| inserted > 0);
        self.written(
            edits,
            sequence.map(|number| number.saturating_add(inserted)),
        )
    }

    /// An event like this one that carries only `text`, in the same slot: for a part of a text that
    /// leaves before the event in which it came. `sequence` is its number, where the dialect
    /// counts.
    ///
    /// None if there is no such event, because this one says more: it begins or ends something,
    /// names a function, or has no delta of the slot at all.
    pub fn carrying(&self, slot: Slot, text: &str, sequence: Option<u64>) -> Option<Bytes> {
        if self.opens || !self.unread.is_empty() {
            return None;
        }
        let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
        let mut carried = false;
        for said in &self.said {
            match said {
                Said::Delta { slot: own, place } if *own == slot && !carried => {
                    carried = true;
                    edits.push((place.clone(), text));
                }
                Said::Delta { place, .. } => edits.push((place.clone(), "")),
                Said::Pause { .. } => {}
                Said::Whole { .. } | Said::End { .. } => return None,
            }
        }
        carried.then(|| self.written(&edits, sequence))
    }

    fn written(&self, edits: &[(Range<usize>, &str)], sequence: Option<u64>) -> Bytes {
        let number = sequence.map(|number| number.to_string());
        let mut changes = written(&self.data, edits);
        if !edits.is_empty() {
            let emptied =
                |range: &Range<usize>| (range.clone(), Written::emptied(&self.data, range));
            changes.extend(self.repeats.iter().map(emptied));
        }
        if let (Some(number), Some((place, _))) = (&number, &self.sequence) {
            changes.push((place.clone(), Written::Raw(number)));
        }
        if changes.is_empty() {
            return self.bytes.clone();
        }
        self.with_data(&splice(&self.data, changes))
    }

    /// The bytes of this event with other data.
    pub(crate) fn with_data(&self, data: &[u8]) -> Bytes {
        match &self.around {
            Around::Message(message) => return message.with_payload(data).into(),
            Around::Chunk(message) => return message.carrying(data).into(),
            Around::Line(_) | Around::Lines => {}
        }
        // Between the values of a JSON text a line end is as good as a blank.
        let flat = |byte: &u8| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                *byte
            }
        };
        let data = data.iter().map(flat);
        let mut out = BytesMut::with_capacity(self.bytes.len().saturating_add(data.len()));
        if let Around::Line(at) = self.around {
            let end = at.saturating_add(self.data.len());
            out.put_slice(self.bytes.get(..at).unwrap_or_default());
            out.extend(data);
            out.put_slice(self.bytes.get(end..).unwrap_or_default());
            return out.freeze();
        }
        for line in lines(&self.bytes).filter(|line| !is_data(line)) {
            out.put_slice(line);
            out.put_u8(b'\n');
        }
        out.put_slice(b"data: ");
        out.extend(data);
        out.put_slice(b"\n\n");
        out.freeze()
    }
}

fn is_data(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    line == b"data" || line.starts_with(b"data:")
}
