//! Where the texts of a call stand: what can be read in requests and answers, who says it, and how
//! it is replaced while every other byte stays.
//!
//! A [`Part`] is one JSON string of a body, with the [`Channel`] it comes by and what it is for.
//! Parts are found in one pass, in the order in which they stand; a text without escapes is
//! borrowed from the body.
//!
//! **What is not known is read.** The fields that are passed over are a short list, and so are the
//! names whose values are words of the protocol (`type`, `id`, `signature`, …). Such a value is
//! passed over only if it looks like one: it has no blanks, nor anything else that such words do
//! not have. So a new field, a new kind of content or a field of some server's own making is text
//! from the first day.
//!
//! What callers write in objects of their own (arguments and results of tools, documents that are
//! ranked) has no names that mean anything here: all of it is text, with the names, and with the
//! numbers that are long enough for a card or a telephone.
//!
//! **Who says it** is decided from inside out: by the kind of the block that the text stands in,
//! else by the name under which the block stands, else by the role of the message, wherever in
//! the message these stand. Where a name stands twice with two meanings, the one that deserves
//! less trust counts.
//!
//! **What cannot be read** is listed ([`Unread`]): images, sounds and files, whether they stand in
//! the body, at an address, or at the provider. An address is also a text of its own. What claims
//! to be base64 and is not, is text.
//!
//! Attribution (`user`, `metadata`, keys of caches) does not reach the model and is passed over;
//! so are the words that a sequence to stop at consists of. What an answer repeats of its request
//! (`instructions` and `tools` of responses) is passed over, too: it was read on its way in.
//!
//! Escapes of half a surrogate pair read as U+FFFD. In a body that is not edited, or in a string
//! that is not, they stay as they are.

mod file;
mod keys;
mod nature;
mod stream;
mod walk;

use std::borrow::Cow;
use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};

pub use self::file::of_file;
pub use self::stream::{Event, Frames, OPEN_LIMIT, Running, Said, Slot, StreamError};
use self::walk::Walk;
use crate::envelope::Envelope;
use crate::kind::Dialect;
use crate::scan::{Kind, ScanError, Scanner};

/// By which way a text comes. Those that deserve more trust come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Instructions of the developer, and declarations of tools.
    System,
    /// What the model said before, as the request repeats it.
    Assistant,
    /// What a user says, and what nobody in particular says.
    User,
    /// A document that was attached or retrieved.
    Document,
    /// What a tool gave back.
    ToolResult,
    /// What the model asks a tool to do, now or before.
    ToolArguments,
    /// What the model says now.
    Output,
}

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartKind {
    /// It is read by people or by models.
    Prose,
    /// It is itself JSON: the arguments of a tool.
    JsonText,
    /// The name of a participant or a function, or of a field in an object of the caller's.
    Name,
    /// The name of a file.
    FileName,
    /// An address.
    Url,
    /// It belongs to the declaration of a tool, a schema, or a setting.
    Declaration,
    /// A number of at least [`LONG_NUMBER_BYTES`] in an object of the caller's. Its place has no
    /// quotes; what replaces it is a string.
    Number,
}

/// From how many bytes a number in an object of the caller's is text.
pub const LONG_NUMBER_BYTES: usize = 8;

/// One text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its literal in the body, with the quotes.
    pub place: Range<usize>,
    /// What it says, without escapes.
    pub text: Cow<'a, str>,
    /// By which way it comes.
    pub channel: Channel,
    /// What it is for.
    pub kind: PartKind,
}

/// What kind of content cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Medium {
    /// An image.
    Image,
    /// A sound.
    Audio,
    /// A video.
    Video,
    /// A document, or a file of a kind that is not said.
    File,
    /// A whole body, or the data of a whole event, that is not UTF-8.
    Opaque,
}

impl Medium {
    /// Its name in refusals.
    pub const fn name(self) -> &'static str {
        match self {
            Medium::Image => "image",
            Medium::Audio => "audio",
            Medium::Video => "video",
            Medium::File => "file",
            Medium::Opaque => "opaque",
        }
    }
}

/// Content that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// What it is.
    pub what: Medium,
    /// The literal that holds it, its address or its id.
    pub place: Range<usize>,
}

/// What was found in a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts<'a> {
    /// The texts, in the order in which they stand; those that are empty are left out.
    pub parts: Vec<Part<'a>>,
    /// What could not be read, in the same order.
    pub unread: Vec<Unread>,
    /// Whether a text stands there as it is, and not as a JSON string: in a form, or as a whole body.
    pub is_plain: bool,
    /// Values that repeat what the texts say, token by token (`logprobs`): they are no parts, and
    /// are emptied by [`Texts::edited`] together with the first edit.
    pub repeats: Vec<Range<usize>>,
}

/// Why the texts of a body cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not UTF-8.
    #[error("the body is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first wrong byte.
        at: usize,
    },
    /// It is not JSON.
    #[error("{0}")]
    Json(#[from] ScanError),
}

/// Finds the texts of a request.
///
/// A request of a route that is not known may be no JSON; it is then one text, or unread as a whole.
/// A form, in which a recording is sent, is read by [`of_form`].
///
/// # Errors
/// [`Error`]; a request that [`crate::Envelope::read`] has taken has none.
pub fn of_request(dialect: Dialect, body: &[u8]) -> Result<Texts<'_>, Error> {
    read(dialect, body, Walk::of_request(), |name| {
        keys::request_field(dialect, name)
    })
}

/// Finds the texts of a request that was read, whether it is JSON or a form.
///
/// # Errors
/// [`Error`], as [`of_request`]; a form has none.
pub fn of_envelope(envelope: &Envelope) -> Result<Texts<'_>, Error> {
    match envelope.dialect().takes_a_form() {
        true => Ok(of_form(envelope)),
        false => of_request(envelope.dialect(), envelope.body()),
    }
}

/// Finds the texts of a form. Whether an edit divides it is found out when the envelope is read
/// again.
pub fn of_form(envelope: &Envelope) -> Texts<'_> {
    let mut texts = Texts {
        is_plain: true,
        ..Texts::default()
    };
    let what = match envelope.dialect().draws() {
        true => Medium::Image,
        false => Medium::Audio,
    };
    for (name, is_file, place) in envelope.form_fields() {
        let content = envelope.body().get(place.clone()).unwrap_or_default();
        match std::str::from_utf8(content) {
            Ok(text) if !is_file && !keys::is_setting_of_a_form(name, text) => {
                texts.parts.push(Part {
                    place,
                    text: text.into(),
                    channel: Channel::User,
                    kind: PartKind::Prose,
                })
            }
            Ok(_) if !is_file => {}
            _ => texts.unread.push(Unread { what, place }),
        }
    }
    texts
}

/// Finds the texts of a whole answer: each is [`Channel::Output`] or [`Channel::ToolArguments`].
/// Embeddings have none. A transcription that is no JSON is one text, a sound is unread.
///
/// # Errors
/// [`Error`], where the dialect answers in JSON and this is none.
pub fn of_reply(dialect: Dialect, body: &[u8]) -> Result<Texts<'_>, Error> {
    if let Dialect::OpenAiEmbeddings
    | Dialect::CohereEmbed
    | Dialect::GeminiEmbed
    | Dialect::BedrockEmbed = dialect
    {
        return Ok(Texts::default());
    }
    read(dialect, body, Walk::of_reply(), |name| {
        keys::reply_field(dialect, name)
    })
}

/// Finds the texts of an error, or of another answer whose shape is not known: each string in it,
/// or all of it where it is no JSON.
pub fn of_error(body: &[u8]) -> Texts<'_> {
    let dialect = Dialect::Passthrough;
    let field = |_: &str| keys::Field::Texts(Channel::Output);
    read(dialect, body, Walk::of_reply(), field).unwrap_or_else(|_| plain(body, Channel::Output))
}

fn read<'a>(
    dialect: Dialect,
    body: &'a [u8],
    mut walk: Walk<'a>,
    field: impl Fn(&str) -> keys::Field,
) -> Result<Texts<'a>, Error> {
    let found = utf8(body).map(|text| {
        let mut scanner = Scanner::new(text);
        match scanner.kind()? {
            Kind::Object => {
                scanner.object(|scanner, name| walk.field(scanner, name, field(name)))?;
            }
            _ => walk.field(&mut scanner, "", field(""))?,
        }
        scanner.finish()
    });
    match found.and_then(|read| read.map_err(Error::Json)) {
        Ok(()) => Ok(walk.finish()),
        Err(_) if !dialect.answers_in_json() || dialect.takes_a_form() => {
            Ok(plain(body, walk.channel()))
        }
        Err(error) => Err(error),
    }
}

fn utf8(body: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(body).map_err(|error| Error::NotUtf8 {
        at: error.valid_up_to(),
    })
}

/// What is no JSON is one text, or nothing that can be read.
fn plain(body: &[u8], channel: Channel) -> Texts<'_> {
    let mut texts = Texts {
        is_plain: true,
        ..Texts::default()
    };
    let place = 0..body.len();
    match std::str::from_utf8(body) {
        Ok("") => {}
        Ok(text) => texts.parts.push(Part {
            place,
            text: text.into(),
            channel,
            kind: PartKind::Prose,
        }),
        Err(_) => texts.unread.push(Unread {
            what: Medium::Opaque,
            place,
        }),
    }
    texts
}

impl Texts<'_> {
    /// The body with other texts at some places, and without what repeats them, if there is an
    /// edit at all. See [`edited`].
    pub fn edited(&self, body: &Bytes, edits: &[(Range<usize>, &str)]) -> Bytes {
        let emptied = self.repeats.iter().filter(|_| !edits.is_empty());
        let emptied = emptied.map(|range| (range.clone(), Written::emptied(body, range)));
        let mut changes = match self.is_plain {
            true => Vec::from_iter(
                edits
                    .iter()
                    .map(|(place, text)| (place.clone(), Written::Raw(text))),
            ),
            false => written(body, edits),
        };
        changes.extend(emptied);
        splice(body, changes)
    }
}

/// The body with other texts at some places, each of which is the place of a [`Part`]. What is put
/// there is written as a JSON string, whatever it consists of; as it is, if the part is a whole body
/// that is no JSON. All other bytes stay.
///
/// Places must not overlap; of those that do, the first counts. An [`Envelope`] of the body is to be
/// read again: it tells of places in the old one.
pub fn edited(body: &Bytes, edits: &[(Range<usize>, &str)]) -> Bytes {
    splice(body, written(body, edits))
}

/// What is written in the place of a literal.
#[derive(Debug)]
enum Written<'a> {
    Text(&'a str),
    Raw(&'a str),
}

impl Written<'_> {
    /// The least that can stand for a list, or for anything else.
    fn emptied(body: &[u8], place: &Range<usize>) -> Self {
        match body.get(place.start) {
            Some(b'[') => Written::Raw("[]"),
            _ => Written::Raw("null"),
        }
    }
}

fn written<'a>(body: &[u8], edits: &[(Range<usize>, &'a str)]) -> Vec<(Range<usize>, Written<'a>)> {
    let edits = edits.iter().map(|(place, text)| {
        let is_literal = *place != (0..body.len()) || body.starts_with(b"\"");
        let written = match is_literal {
            true => Written::Text(text),
            false => Written::Raw(text),
        };
        (place.clone(), written)
    });
    edits.collect()
}

fn splice(body: &Bytes, mut changes: Vec<(Range<usize>, Written<'_>)>) -> Bytes {
    if changes.is_empty() {
        return body.clone();
    }
    changes.sort_by_key(|(place, _)| place.start);
    let mut out = BytesMut::with_capacity(body.len());
    let mut copied = 0;
    for (place, written) in changes {
        let Some(before) = body.get(copied..place.start) else {
            continue;
        };
        out.put_slice(before);
        match written {
            Written::Text(text) => {
                out.put_slice(serde_json::Value::from(text).to_string().as_bytes())
            }
            Written::Raw(raw) => out.put_slice(raw.as_bytes()),
        }
        copied = place.end;
    }
    out.put_slice(body.get(copied..).unwrap_or_default());
    out.freeze()
}
