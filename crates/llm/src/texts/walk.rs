//! The walk over a body that finds its texts.

use std::borrow::Cow;
use std::ops::Range;

use super::keys::{self, Field, Holds};
use super::nature::Nature;
use super::{Channel, LONG_NUMBER_BYTES, Medium, Part, PartKind, Texts, Unread};
use crate::scan::{Kind, ScanError, Scanner, Text};

/// What is shorter is read as text even where it is a medium: no image is that small, and a
/// document of one word looks like base64.
const SHORT_MEDIUM_BYTES: usize = 256;

type Done = Result<(), ScanError>;

/// A text whose channel is not known before the objects around it have been read.
#[derive(Debug)]
struct Found<'a> {
    place: Range<usize>,
    text: Cow<'a, str>,
    kind: PartKind,
    channel: Option<Channel>,
}

/// What is a medium if the objects around it say so.
#[derive(Debug)]
struct Claim<'a> {
    text: Text<'a>,
    holds: Holds,
}

/// How far the lists had grown when an object began.
#[derive(Debug, Clone, Copy)]
struct Mark {
    found: usize,
    claims: usize,
}

/// Finds texts.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    found: Vec<Found<'a>>,
    claims: Vec<Claim<'a>>,
    unread: Vec<Unread>,
    repeats: Vec<Range<usize>>,
    is_reply: bool,
    declares: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn of_request() -> Walk<'a> {
        Walk {
            found: Vec::new(),
            claims: Vec::new(),
            unread: Vec::new(),
            repeats: Vec::new(),
            is_reply: false,
            declares: false,
        }
    }

    pub(super) fn of_reply() -> Walk<'a> {
        Walk {
            is_reply: true,
            ..Walk::of_request()
        }
    }

    /// By which way a text comes of which nothing is known.
    pub(super) const fn channel(&self) -> Channel {
        match self.is_reply {
            true => Channel::Output,
            false => Channel::User,
        }
    }

    /// Reads a field of the top level.
    pub(super) fn field(&mut self, scanner: &mut Scanner<'a>, name: &str, field: Field) -> Done {
        let mark = self.mark();
        let channel = match field {
            Field::Passed => {
                scanner.skip()?;
                return Ok(());
            }
            Field::Texts(channel) => {
                self.value(scanner, name)?;
                channel
            }
            Field::Declarations => {
                self.declares = true;
                self.value(scanner, name)?;
                self.declares = false;
                Channel::System
            }
            Field::Free(channel) => {
                self.free(scanner, channel)?;
                channel
            }
        };
        self.settle_claims(mark);
        self.settle(mark, Some(channel));
        Ok(())
    }

    /// What has been found, in order.
    pub(super) fn finish(mut self) -> Texts<'a> {
        let is_reply = self.is_reply;
        self.found.sort_by_key(|found| found.place.start);
        self.unread.sort_by_key(|unread| unread.place.start);
        let parts = self.found.into_iter().map(|found| {
            let channel = match found.channel {
                Some(channel) if !is_reply => channel,
                None if !is_reply => Channel::User,
                Some(Channel::ToolArguments) => Channel::ToolArguments,
                _ => Channel::Output,
            };
            Part {
                place: found.place,
                text: found.text,
                channel,
                kind: found.kind,
            }
        });
        Texts {
            parts: parts.collect(),
            unread: self.unread,
            is_plain: false,
            repeats: self.repeats,
        }
    }

    /// Reads a value of an answer, whatever it is.
    pub(super) fn whole(&mut self, scanner: &mut Scanner<'a>, name: &str) -> Done {
        match keys::repeats(name) {
            true => self.repeat(scanner),
            false => self.field(scanner, name, Field::Texts(Channel::Output)),
        }
    }

    /// Reads past a value that repeats what texts say.
    pub(super) fn repeat(&mut self, scanner: &mut Scanner<'a>) -> Done {
        let is_null = scanner.kind()? == Kind::Null;
        let range = scanner.skip()?;
        if !is_null {
            self.repeats.push(range);
        }
        Ok(())
    }

    /// Lists what cannot be read.
    pub(super) fn unread(&mut self, what: Medium, text: Text<'a>) {
        let place = text.literal();
        self.unread.push(Unread { what, place });
    }

    /// Takes a text out again that was found just now, and is part of a longer one.
    pub(super) fn forget(&mut self, text: Text<'a>) {
        let start = text.literal().start;
        let found = self
            .found
            .iter()
            .rposition(|found| found.place.start == start);
        if let Some(at) = found {
            self.found.remove(at);
        }
    }

    fn mark(&self) -> Mark {
        Mark {
            found: self.found.len(),
            claims: self.claims.len(),
        }
    }

    fn value(&mut self, scanner: &mut Scanner<'a>, name: &str) -> Done {
        match scanner.kind()? {
            Kind::String => {
                let text = scanner.string()?;
                self.string(text, name);
                Ok(())
            }
            Kind::Array => scanner.array(|scanner, _| self.value(scanner, name)),
            Kind::Object => self.object(scanner, name),
            Kind::Number => {
                let place = scanner.skip()?;
                if keys::is_number_of_a_call(name) {
                    self.number(scanner, place, Channel::ToolArguments);
                }
                Ok(())
            }
            Kind::Bool | Kind::Null => scanner.skip().map(|_| ()),
        }
    }

    fn object(&mut self, scanner: &mut Scanner<'a>, name: &str) -> Done {
        let mark = self.mark();
        let mut nature = Nature::named(name);
        scanner.object(|scanner, name| {
            let kind = scanner.kind()?;
            if kind == Kind::String {
                let text = scanner.string()?;
                nature.learn(name, text);
                self.string(text, name);
                return Ok(());
            }
            self.structure(scanner, name, kind)
        })?;
        self.settle_media(mark, &nature);
        self.settle(mark, nature.channel());
        Ok(())
    }

    /// A value that is no string.
    fn structure(&mut self, scanner: &mut Scanner<'a>, name: &str, kind: Kind) -> Done {
        if self.declares && keys::is_key_of_a_tool(name) {
            return scanner.skip().map(|_| ());
        }
        if self.is_reply && keys::repeats(name) {
            return self.repeat(scanner);
        }
        match keys::is_free(name).filter(|_| kind == Kind::Object && !self.declares) {
            Some(channel) => self.free(scanner, channel),
            None => {
                let mark = self.mark();
                self.value(scanner, name)?;
                self.settle(mark, keys::channel_of_name(name));
                Ok(())
            }
        }
    }

    /// Reads what has no names that mean anything here.
    fn free(&mut self, scanner: &mut Scanner<'a>, channel: Channel) -> Done {
        match scanner.kind()? {
            Kind::String => {
                let text = scanner.string()?;
                self.add(text, PartKind::Prose, Some(channel));
            }
            Kind::Array => scanner.array(|scanner, _| self.free(scanner, channel))?,
            Kind::Object => scanner.entries(|scanner, name| {
                self.add(name, PartKind::Name, Some(channel));
                self.free(scanner, channel)
            })?,
            Kind::Number => {
                let place = scanner.skip()?;
                self.number(scanner, place, channel);
            }
            Kind::Bool | Kind::Null => {
                scanner.skip()?;
            }
        }
        Ok(())
    }

    fn number(&mut self, scanner: &Scanner<'a>, place: Range<usize>, channel: Channel) {
        if place.len() >= LONG_NUMBER_BYTES {
            self.found.push(Found {
                text: scanner.read(&place).into(),
                place,
                kind: PartKind::Number,
                channel: Some(channel),
            });
        }
    }

    /// Takes a string that stands under a name.
    pub(super) fn string(&mut self, text: Text<'a>, name: &str) {
        if keys::is_of_the_protocol(name) && is_word(text.raw) {
            return;
        }
        if self.declares {
            if !keys::is_key_of_a_tool(name) {
                self.add(text, PartKind::Declaration, None);
            }
            return;
        }
        match keys::holds(name) {
            Some(holds @ (Holds::Bytes | Holds::Address)) if is_data(text.raw, holds) => {
                let is_long = text.raw.len() >= SHORT_MEDIUM_BYTES;
                match keys::medium_of_name(name).filter(|_| is_long) {
                    Some(what) => self.unread(what, text),
                    None => self.claims.push(Claim {
                        text,
                        holds: Holds::Bytes,
                    }),
                }
            }
            Some(Holds::Id) if is_word(text.raw) => {
                let holds = Holds::Id;
                self.claims.push(Claim { text, holds });
            }
            Some(Holds::Address) => {
                self.add(text, PartKind::Url, None);
                let holds = Holds::Address;
                self.claims.push(Claim { text, holds });
            }
            _ => self.add(text, keys::kind(name), None),
        }
    }

    /// Takes a text.
    pub(super) fn add(&mut self, text: Text<'a>, kind: PartKind, channel: Option<Channel>) {
        if !text.raw.is_empty() {
            self.found.push(Found {
                place: text.literal(),
                text: text.decoded(),
                kind,
                channel,
            });
        }
    }

    /// Gives a channel to the texts that have none yet.
    fn settle(&mut self, mark: Mark, channel: Option<Channel>) {
        let Some(channel) = channel else {
            return;
        };
        for found in self.found.iter_mut().skip(mark.found) {
            found.channel.get_or_insert(channel);
        }
    }

    /// Decides the claims in an object that says what they are.
    fn settle_media(&mut self, mark: Mark, nature: &Nature) {
        if self.claims.len() == mark.claims {
            return;
        }
        if nature.refers {
            self.forget_ids(mark);
        }
        if nature.is_sealed && nature.medium_by_type.is_none() {
            return self.claims.truncate(mark.claims);
        }
        match nature.medium_by_type.is_none() && nature.is_plain {
            true => self.settle_claims(mark),
            false => self.list(mark, nature),
        }
    }

    /// Lists the claims as what the object says they are.
    fn list(&mut self, mark: Mark, nature: &Nature) {
        let Some(what) = nature.medium() else {
            return;
        };
        for claim in self.claims.split_off(mark.claims) {
            let place = claim.text.literal();
            self.unread.push(Unread { what, place });
            let is_text = nature.is_plain || claim.text.raw.len() < SHORT_MEDIUM_BYTES;
            if claim.holds == Holds::Bytes && is_text {
                self.add(claim.text, PartKind::Prose, None);
            }
        }
    }

    fn forget_ids(&mut self, mark: Mark) {
        let mut claims = self.claims.split_off(mark.claims);
        claims.retain(|claim| claim.holds != Holds::Id);
        self.claims.append(&mut claims);
    }

    /// Decides the claims that nothing has confirmed: data is text, an address is no more than
    /// that, and what is stored somewhere is a file.
    fn settle_claims(&mut self, mark: Mark) {
        for claim in self.claims.split_off(mark.claims) {
            match claim.holds {
                Holds::Bytes => self.add(claim.text, PartKind::Prose, None),
                Holds::Address => {}
                Holds::Id => self.unread.push(Unread {
                    what: Medium::File,
                    place: claim.text.literal(),
                }),
            }
        }
    }
}

/// Whether this can be a word of the protocol, an id, base64 or something sealed: it has only the
/// bytes of such words, and no escapes but of slashes and line ends.
pub(super) fn is_word(raw: &str) -> bool {
    let mut rest = raw.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| !is_of_words(byte)) {
        let escape = rest.get(at..).unwrap_or_default();
        match escape {
            [b'\\', b'/' | b'n' | b'r', after @ ..] => rest = after,
            _ => return false,
        }
    }
    true
}

const fn is_of_words(byte: u8) -> bool {
    matches!(
        byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' | b'/' | b'+' | b'='
    )
}

/// Whether this can be the bytes of a medium, or of what is sealed.
pub(super) fn is_data(raw: &str, holds: Holds) -> bool {
    match raw
        .strip_prefix("data:")
        .and_then(|url| url.split_once(','))
    {
        Some((head, data)) if head.ends_with(";base64") => is_word(data),
        _ => holds == Holds::Bytes && is_word(raw),
    }
}
