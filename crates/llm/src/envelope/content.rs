//! Walking over messages and their parts: what is text, what is media, who says it.
//!
//! Everything counts as text unless it is certain that it does not. A string is left out of
//! the text only if it is the payload of a part whose `type` is a medium, and then the part
//! stands in the list of media, whose bound is counted instead.

use std::ops::Range;

use super::{RequestError, RoleBytes};
use crate::scan::{Kind, Scanner, Text};

/// An image, a sound, a file or a video in the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// An image, with the detail asked for.
    Image {
        /// How finely it is to be looked at.
        detail: Detail,
        /// Where it comes from.
        source: Source,
    },
    /// A sound.
    Audio(Source),
    /// A document: PDF and the like.
    File(Source),
    /// A video.
    Video(Source),
}

/// How finely an image is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// `low`.
    Low,
    /// `high`, `auto`, or nothing: the provider may choose `high`.
    #[default]
    High,
    /// `original`, or a word that we do not know.
    Original,
}

/// Where a medium comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// It stands in the body, in base64, at this place (of a data URL: after the comma).
    Inline(Range<usize>),
    /// The provider fetches it.
    Url,
    /// It was uploaded before.
    Stored,
    /// The part names none.
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Medium {
    Image,
    Audio,
    File,
    Video,
}

/// What the place of a value means to the part around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// An ordinary value.
    Plain,
    /// The part's `type`.
    Type,
    /// The image's `detail`.
    Detail,
    /// A payload, or an object that holds one.
    Payload,
    /// The id of a stored file.
    StoredId,
}

fn place(name: &str) -> Place {
    match name {
        "type" => Place::Type,
        "detail" => Place::Detail,
        "image_url" | "url" | "data" | "file_data" | "file_url" | "source" | "input_audio"
        | "file" | "audio_url" | "video_url" => Place::Payload,
        "file_id" => Place::StoredId,
        _ => Place::Plain,
    }
}

fn medium(type_word: &str) -> Option<Medium> {
    match type_word {
        "image_url" | "input_image" | "image" | "computer_screenshot" => Some(Medium::Image),
        "input_audio" | "audio" | "audio_url" => Some(Medium::Audio),
        "file" | "input_file" | "document" | "container_upload" => Some(Medium::File),
        "video" | "video_url" | "input_video" => Some(Medium::Video),
        _ => None,
    }
}

/// What is known of one part while its fields are read.
#[derive(Debug, Default)]
struct Part {
    medium: Option<Medium>,
    detail: Option<Detail>,
    payloads: Vec<(Source, Range<usize>)>,
    /// The payload is plain text (`source.type` is `text`).
    plain_payload: bool,
}

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) texts: Vec<Range<usize>>,
    pub(super) media: Vec<Media>,
    /// Ids of files that are stored at the provider, without quotes.
    pub(super) files: Vec<Range<usize>>,
    /// Bytes of payloads, which are no text.
    pub(super) inline_bytes: u64,
    pub(super) roles: RoleBytes,
    pub(super) cache_marks: bool,
    pub(super) long_cache: bool,
    pub(super) refers_elsewhere: bool,
    text_bytes: u64,
}

impl Content {
    /// Reads an array of messages or input items; gives back how many there are, and where
    /// the first one stands if it instructs.
    pub(super) fn messages(
        &mut self,
        scanner: &mut Scanner<'_>,
        field: &'static str,
    ) -> Result<(u64, Option<Range<usize>>), RequestError> {
        expect(scanner, Kind::Array, field)?;
        let (mut count, mut first) = (0, None);
        scanner.array(|scanner, index| {
            let start = scanner.position();
            let instructs = self
                .message(scanner)
                .map_err(|error| error.under(|| format!("{field}[{index}]")))?;
            if index == 0 && instructs {
                first = Some(start..scanner.end());
            }
            count += 1;
            Ok::<(), RequestError>(())
        })?;
        Ok((count, first))
    }

    fn message(&mut self, scanner: &mut Scanner<'_>) -> Result<bool, RequestError> {
        expect(scanner, Kind::Object, "")?;
        let before = self.text_bytes;
        let (mut role, mut item) = (None, None);
        let mut part = Part::default();
        scanner.object(|scanner, name| {
            match name {
                "role" => {
                    let word = string(scanner, "role")?;
                    role = Some(word.decoded().into_owned());
                    self.text(&word);
                }
                "type" => {
                    let word = string(scanner, "type")?;
                    if word.raw == "item_reference" {
                        self.refers_elsewhere = true;
                    }
                    part.medium = part.medium.or(medium(&word.decoded()));
                    item = Some(word.decoded().into_owned());
                    self.text(&word);
                }
                "content" => {
                    let kind = scanner.kind()?;
                    if let Kind::Number | Kind::Bool = kind {
                        return Err(wrong("content", "a string or a list of parts", kind));
                    }
                    self.value(scanner, Place::Plain, &mut part)?;
                }
                // A reference to a sound that was made before.
                "audio" if scanner.kind()? == Kind::Object => {
                    self.refers_elsewhere = true;
                    scanner.skip()?;
                }
                _ => self.field(scanner, name, &mut part)?,
            }
            Ok::<(), RequestError>(())
        })?;
        self.settle(part);
        let bytes = self.text_bytes.saturating_sub(before);
        Ok(self.credit(role.as_deref(), item.as_deref(), bytes))
    }

    /// Adds a message's bytes to its role; says whether the role instructs.
    fn credit(&mut self, role: Option<&str>, item: Option<&str>, bytes: u64) -> bool {
        let roles = &mut self.roles;
        let bucket = match (role, item) {
            (Some("system" | "developer"), _) => &mut roles.system,
            (Some("assistant"), _) => &mut roles.assistant,
            (Some("tool" | "function"), _) => &mut roles.tool,
            (None, Some(item)) if item.ends_with("_output") => &mut roles.tool,
            (None, Some(item)) if item == "reasoning" || item.ends_with("_call") => {
                &mut roles.assistant
            }
            _ => &mut roles.user,
        };
        *bucket = bucket.saturating_add(bytes);
        matches!(role, Some("system" | "developer"))
    }

    /// Reads an instruction outside the messages: a string or a list of parts.
    pub(super) fn instruction(&mut self, scanner: &mut Scanner<'_>) -> Result<(), RequestError> {
        let before = self.text_bytes;
        self.parts(scanner)?;
        let bytes = self.text_bytes.saturating_sub(before);
        self.roles.system = self.roles.system.saturating_add(bytes);
        Ok(())
    }

    /// Reads input that nobody in particular says.
    pub(super) fn parts(&mut self, scanner: &mut Scanner<'_>) -> Result<(), RequestError> {
        let mut part = Part::default();
        self.value(scanner, Place::Plain, &mut part)?;
        self.settle(part);
        Ok(())
    }

    /// Counts a string that was read by another reader.
    pub(super) fn user_text(&mut self, text: &Text<'_>) {
        self.text(text);
        self.roles.user = self.roles.user.saturating_add(text.raw.len() as u64);
    }

    fn value(
        &mut self,
        scanner: &mut Scanner<'_>,
        place: Place,
        part: &mut Part,
    ) -> Result<(), RequestError> {
        match scanner.kind()? {
            Kind::String => {
                let text = scanner.string()?;
                self.string(&text, place, part);
            }
            Kind::Array => {
                scanner.array(|scanner, _| self.value(scanner, Place::Plain, part))?;
            }
            Kind::Object if place == Place::Payload => {
                scanner.object(|scanner, name| self.payload_field(scanner, name, part))?;
            }
            Kind::Object => {
                let mut inner = Part::default();
                scanner.object(|scanner, name| self.field(scanner, name, &mut inner))?;
                self.settle(inner);
            }
            Kind::Number | Kind::Bool | Kind::Null => {
                scanner.skip()?;
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        scanner: &mut Scanner<'_>,
        name: &str,
        part: &mut Part,
    ) -> Result<(), RequestError> {
        if name == "cache_control" {
            return self.cache_control(scanner);
        }
        self.value(scanner, place(name), part)
    }

    /// A field of the object that holds a payload (`source`, `image_url`, `input_audio`).
    fn payload_field(
        &mut self,
        scanner: &mut Scanner<'_>,
        name: &str,
        part: &mut Part,
    ) -> Result<(), RequestError> {
        match (name, scanner.kind()?) {
            ("type", Kind::String) => {
                let word = scanner.string()?;
                part.plain_payload |= matches!(&*word.decoded(), "text" | "content");
                self.text(&word);
                Ok(())
            }
            // An object in a payload (the parts of a document) stands for itself.
            (_, Kind::Object | Kind::Array) => self.value(scanner, Place::Plain, part),
            _ => self.field(scanner, name, part),
        }
    }

    fn string(&mut self, text: &Text<'_>, place: Place, part: &mut Part) {
        match place {
            Place::Plain => self.text(text),
            Place::Type => {
                part.medium = part.medium.or(medium(&text.decoded()));
                self.text(text);
            }
            Place::Detail => {
                let detail = match &*text.decoded() {
                    "low" => Detail::Low,
                    "high" | "auto" => Detail::High,
                    _ => Detail::Original,
                };
                // Where it stands twice, the dearer one counts.
                part.detail = Some(part.detail.map_or(detail, |before| dearer(before, detail)));
            }
            Place::Payload => part.payloads.push((payload_source(text), text.range())),
            Place::StoredId => part.payloads.push((Source::Stored, text.range())),
        }
    }

    fn text(&mut self, text: &Text<'_>) {
        self.text_bytes = self.text_bytes.saturating_add(text.raw.len() as u64);
        self.texts.push(text.range());
    }

    /// A part has been read: its payloads are media, or text after all.
    fn settle(&mut self, part: Part) {
        let Some(medium) = part.medium else {
            return self.payloads_are_text(part.payloads);
        };
        let is_stored = |(source, _): &&(Source, _)| *source == Source::Stored;
        let stored = part.payloads.iter().filter(is_stored);
        self.files.extend(stored.map(|(_, range)| range.clone()));
        if part.plain_payload {
            return self.payloads_are_text(part.payloads);
        }
        let detail = part.detail.unwrap_or_default();
        let mut add = |source| {
            self.media.push(match medium {
                Medium::Image => Media::Image { detail, source },
                Medium::Audio => Media::Audio(source),
                Medium::File => Media::File(source),
                Medium::Video => Media::Video(source),
            });
        };
        if part.payloads.is_empty() {
            add(Source::Missing);
        }
        for (source, range) in part.payloads {
            self.inline_bytes = self.inline_bytes.saturating_add(range.len() as u64);
            add(source);
        }
    }

    fn payloads_are_text(&mut self, payloads: Vec<(Source, Range<usize>)>) {
        for (_, range) in payloads {
            self.text_bytes = self.text_bytes.saturating_add(range.len() as u64);
            self.texts.push(range);
        }
    }

    /// Reads a cache mark; anything but five minutes is a long life.
    pub(super) fn cache_control(&mut self, scanner: &mut Scanner<'_>) -> Result<(), RequestError> {
        match scanner.kind()? {
            Kind::Null => {
                scanner.null()?;
                return Ok(());
            }
            Kind::Object => scanner.object(|scanner, name| {
                if name == "ttl" && scanner.kind()? == Kind::String {
                    self.long_cache |= scanner.string()?.decoded() != "5m";
                } else {
                    scanner.skip()?;
                }
                Ok::<(), RequestError>(())
            })?,
            _ => {
                scanner.skip()?;
            }
        }
        self.cache_marks = true;
        Ok(())
    }
}

fn dearer(one: Detail, other: Detail) -> Detail {
    match (one, other) {
        (Detail::Original, _) | (_, Detail::Original) => Detail::Original,
        (Detail::Low, Detail::Low) => Detail::Low,
        _ => Detail::High,
    }
}

fn payload_source(text: &Text<'_>) -> Source {
    let range = text.range();
    if text.raw.starts_with("http://")
        || text.raw.starts_with("https://")
        || text.raw.starts_with("http:\\/")
    {
        return Source::Url;
    }
    let header = match text.raw.starts_with("data:") {
        true => text
            .raw
            .find(',')
            .map_or(0, |comma| comma.saturating_add(1)),
        false => 0,
    };
    Source::Inline(range.start.saturating_add(header)..range.end)
}

/// The error for a value of the wrong type.
pub(super) fn wrong(field: &str, expected: &'static str, found: Kind) -> RequestError {
    RequestError::WrongType {
        field: field.to_owned(),
        expected,
        found: found.as_str(),
    }
}

/// Demands a kind of value.
pub(super) fn expect(
    scanner: &mut Scanner<'_>,
    kind: Kind,
    field: &str,
) -> Result<(), RequestError> {
    match scanner.kind()? {
        found if found == kind => Ok(()),
        found => Err(wrong(field, kind.as_str(), found)),
    }
}

/// Reads a string that must be one.
pub(super) fn string<'a>(scanner: &mut Scanner<'a>, field: &str) -> Result<Text<'a>, RequestError> {
    expect(scanner, Kind::String, field)?;
    Ok(scanner.string()?)
}
