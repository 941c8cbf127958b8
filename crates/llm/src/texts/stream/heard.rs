//! What is heard in the data of one event.

use std::borrow::Cow;
use std::ops::Range;

use super::{Running, Slot};
use crate::kind::Dialect;
use crate::scan::{Kind, ScanError, Scanner, Text};
use crate::texts::keys::{self, Holds};
use crate::texts::walk::{Walk, is_data, is_word};
use crate::texts::{Channel, Medium, PartKind};

pub(super) type Done = Result<(), ScanError>;

/// Which running texts end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// This one.
    Slot(Slot),
    /// Those of a choice, an item or a block.
    Item(u32),
    /// Those of the calls of a choice.
    Calls(u32),
    /// All.
    All,
}

impl Ending {
    pub(super) fn covers(&self, slot: &Slot) -> bool {
        match self {
            Ending::Slot(ended) => ended == slot,
            Ending::Item(item) => *item == slot.item,
            Ending::Calls(item) => *item == slot.item && slot.channel() == Channel::ToolArguments,
            Ending::All => true,
        }
    }
}

/// What the way to a field that is not known says about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    path: u64,
    channel: Channel,
    medium: Option<Medium>,
}

impl Way {
    pub(super) const START: Way = Way {
        // FNV-1a, of 64 bits.
        path: 0xcbf2_9ce4_8422_2325,
        channel: Channel::Output,
        medium: None,
    };

    pub(super) fn to(self, name: &str) -> Way {
        let calls = keys::channel_of_name(name) == Some(Channel::ToolArguments);
        let path = name.bytes().chain([b'/']).fold(self.path, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Way {
            path,
            channel: if calls {
                Channel::ToolArguments
            } else {
                self.channel
            },
            medium: keys::medium_of_name(name).or(self.medium),
        }
    }

    pub(super) const fn running(self, kind: PartKind) -> Running {
        Running::Other {
            path: self.path,
            channel: self.channel,
            kind,
        }
    }
}

/// What has been heard so far.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    pub(super) walk: Walk<'a>,
    pub(super) deltas: Vec<(Slot, Range<usize>)>,
    pub(super) ends: Vec<Ending>,
    pub(super) sequence: Option<(Range<usize>, u64)>,
    pub(super) opens: bool,
}

impl<'a> Heard<'a> {
    /// Reads the data of an event; nothing if it is not JSON.
    pub(super) fn read(
        dialect: Dialect,
        data: &'a [u8],
        event: Option<&[u8]>,
    ) -> Option<Heard<'a>> {
        let mut scanner = Scanner::new(std::str::from_utf8(data).ok()?);
        let event = event.and_then(|event| std::str::from_utf8(event).ok());
        let mut heard = Heard {
            walk: Walk::of_reply(),
            deltas: Vec::new(),
            ends: Vec::new(),
            sequence: None,
            opens: false,
        };
        let read = heard.event(dialect, &mut scanner, event);
        read.and_then(|()| scanner.finish()).ok()?;
        Some(heard)
    }

    fn event(&mut self, dialect: Dialect, scanner: &mut Scanner<'a>, event: Option<&str>) -> Done {
        if scanner.kind()? != Kind::Object {
            return self.whole(scanner, "");
        }
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiCompletions => self.chat(scanner),
            Dialect::OpenAiResponses => self.responses(scanner, event),
            Dialect::AnthropicMessages => self.messages(scanner, event),
            Dialect::Gemini => self.gemini(scanner),
            Dialect::Converse => self.converse(scanner, event),
            _ => self.other(scanner, dialect),
        }
    }

    /// Reads a value that is said as a whole.
    pub(super) fn whole(&mut self, scanner: &mut Scanner<'a>, name: &str) -> Done {
        self.walk.whole(scanner, name)
    }

    /// Reads a word of the protocol, which is a text if it does not look like one.
    pub(super) fn word(
        &mut self,
        scanner: &mut Scanner<'a>,
        name: &str,
    ) -> Result<Cow<'a, str>, ScanError> {
        let text = scanner.string()?;
        self.walk.string(text, name);
        Ok(text.decoded())
    }

    /// Reads a number that counts something; zero if it is none.
    pub(super) fn count(
        &mut self,
        scanner: &mut Scanner<'a>,
        name: &str,
    ) -> Result<u32, ScanError> {
        match scanner.kind()? {
            Kind::Number => Ok(scanner.number()?.parse().unwrap_or_default()),
            _ => self.whole(scanner, name).map(|()| 0),
        }
    }

    /// Takes more of a running text; item and part are set later.
    pub(super) fn delta(&mut self, text: Text<'a>, running: Running) {
        if !text.raw.is_empty() {
            let slot = Slot {
                item: 0,
                part: 0,
                running,
            };
            self.deltas.push((slot, text.literal()));
        }
    }

    /// Reads the choices of a chunk: each has its number, says why it is over once it is, and
    /// holds more in fields of its dialect.
    pub(super) fn choices(
        &mut self,
        scanner: &mut Scanner<'a>,
        list: &str,
        field: fn(&mut Self, &mut Scanner<'a>, &str) -> Done,
    ) -> Done {
        scanner.array(|scanner, _| match scanner.kind()? {
            Kind::Object => self.choice(scanner, field),
            _ => self.whole(scanner, list),
        })
    }

    fn choice(
        &mut self,
        scanner: &mut Scanner<'a>,
        field: fn(&mut Self, &mut Scanner<'a>, &str) -> Done,
    ) -> Done {
        let (deltas, ends) = (self.deltas.len(), self.ends.len());
        let (mut item, mut ended) = (0, false);
        scanner.object(|scanner, name| {
            match (name, scanner.kind()?) {
                ("index", _) => item = self.count(scanner, name)?,
                ("finish_reason" | "finishReason", Kind::String) => {
                    let reason = self.word(scanner, name)?;
                    // Some servers send one of these until there is a reason.
                    ended = !matches!(&*reason, "" | "FINISH_REASON_UNSPECIFIED");
                }
                _ => field(self, scanner, name)?,
            }
            Ok(())
        })?;
        self.assign(deltas, |slot| slot.item = item);
        // What ends within a choice are its calls; now it is known which choice it is.
        for ending in self.ends.iter_mut().skip(ends) {
            *ending = Ending::Calls(item);
        }
        self.ends.extend(ended.then_some(Ending::Item(item)));
        Ok(())
    }

    /// Says to which item or part the deltas belong that were read since.
    pub(super) fn assign(&mut self, from: usize, set: impl Fn(&mut Slot)) {
        for (slot, _) in self.deltas.iter_mut().skip(from) {
            set(slot);
        }
    }

    /// Reads a field of a delta that is not known: each string in it is a piece of a text.
    pub(super) fn unknown(&mut self, scanner: &mut Scanner<'a>, name: &str, way: Way) -> Done {
        if keys::repeats(name) {
            return self.walk.repeat(scanner);
        }
        match scanner.kind()? {
            Kind::String => {
                let text = scanner.string()?;
                self.piece(text, name, way);
                Ok(())
            }
            Kind::Array => scanner.array(|scanner, _| self.unknown(scanner, name, way)),
            Kind::Object => {
                scanner.object(|scanner, name| self.unknown(scanner, name, way.to(name)))
            }
            Kind::Number | Kind::Bool | Kind::Null => scanner.skip().map(|_| ()),
        }
    }

    fn piece(&mut self, text: Text<'a>, name: &str, way: Way) {
        if keys::is_of_the_protocol(name) && is_word(text.raw) {
            self.opens |= matches!(name, "id" | "role" | "signature");
            return;
        }
        let holds = keys::holds(name).filter(|holds| *holds != Holds::Id);
        match (way.medium, holds) {
            (Some(what), Some(holds)) if is_data(text.raw, holds) => self.walk.unread(what, text),
            _ if name == "name" => self.walk.add(text, keys::kind(name), Some(way.channel)),
            _ => {
                let kind = match keys::kind(name) {
                    PartKind::JsonText => PartKind::JsonText,
                    _ => PartKind::Prose,
                };
                self.delta(text, way.running(kind));
            }
        }
    }
}
