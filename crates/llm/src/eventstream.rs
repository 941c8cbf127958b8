//! Frames of `application/vnd.amazon.eventstream`, in which AWS streams answers.
//!
//! A message is a prelude (its length, the length of its headers, a checksum of both), headers, a
//! payload and a checksum of all that (Smithy 2.0, Amazon Event Stream specification, read
//! 2026-11). A [`Decoder`] is fed with whatever the network delivers and gives each message out
//! once both checksums were found right; where the bytes were split makes no difference. What is
//! damaged, too large or out of shape ends the stream, for nothing tells where the next message
//! begins.
//!
//! [`Decoder::events`] writes messages as server-sent events, one object each, so that a meter and
//! a translator read them like any other stream: `data: {"contentBlockDelta":{…}}`. An exception
//! becomes `data: {"error":{"type":…,"message":…}}`. A `chunk` is what it carries in base64, which
//! is an event of the model's maker. For clients of AWS messages are written by [`event`],
//! [`chunks`] and [`exception`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, Bytes, BytesMut};
use serde_json::{Value, json};

/// The largest message that is accepted, in bytes. An event of a model's answer is a few words.
pub const MESSAGE_LIMIT_BYTES: usize = 1024 * 1024;
/// The largest headers, as the specification has it, in bytes.
const HEADERS_LIMIT_BYTES: usize = 128 * 1024;
/// Two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 4;
/// A buffer that is larger than this is not kept for the next message.
const KEPT_BYTES: usize = 64 * 1024;

/// Why nothing more can be read from a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// A message is longer than is accepted.
    #[error("a message of the stream is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// A checksum is wrong: bytes were changed on the way.
    #[error("the checksum of a message of the stream is wrong")]
    Checksum,
    /// Its lengths or headers contradict each other.
    #[error("a message of the stream is out of shape")]
    Shape,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its headers that are texts, in order; those of other types are passed over.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub payload: Vec<u8>,
    /// The whole message, as it came.
    pub bytes: Bytes,
}

impl Message {
    /// A header by its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The message with another payload, under the same headers.
    pub fn with_payload(&self, payload: &[u8]) -> Vec<u8> {
        let end = self.bytes.len().saturating_sub(CHECKSUM_BYTES);
        let end = end.saturating_sub(self.payload.len());
        framed(
            self.bytes.get(PRELUDE_BYTES..end).unwrap_or_default(),
            payload,
        )
    }

    /// What a chunk carries; none if the message is no chunk, or holds nothing.
    pub fn carried(&self) -> Option<Vec<u8>> {
        let is_chunk = self.header(":event-type") == Some("chunk");
        let payload: Value = serde_json::from_slice(&self.payload)
            .ok()
            .filter(|_| is_chunk)?;
        STANDARD.decode(payload.get("bytes")?.as_str()?).ok()
    }

    /// The chunk with other content.
    pub fn carrying(&self, content: &[u8]) -> Vec<u8> {
        let payload = json!({ "bytes": STANDARD.encode(content) }).to_string();
        self.with_payload(payload.as_bytes())
    }

    /// The message as server-sent events.
    pub fn events(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.event(&mut out);
        out
    }

    /// The message as a server-sent event.
    fn event(&self, out: &mut Vec<u8>) {
        let payload = match serde_json::from_slice::<Value>(&self.payload) {
            Ok(value) => value,
            // Who reads it finds that it is no event.
            Err(_) => Value::Null,
        };
        let data = match self.header(":message-type") {
            Some("event") if self.header(":event-type") == Some("chunk") => {
                let content = payload.get("bytes").and_then(Value::as_str);
                let content = content.and_then(|content| STANDARD.decode(content).ok());
                let content = content.as_deref().map(serde_json::from_slice);
                content.and_then(Result::ok).unwrap_or_default()
            }
            Some("event") => {
                let name = self.header(":event-type").unwrap_or_default();
                json!({ name: payload })
            }
            Some("exception") => {
                let message = payload.get("message").and_then(Value::as_str);
                error(
                    self.header(":exception-type"),
                    message.or_else(|| payload.get("Message")?.as_str()),
                )
            }
            Some("error") => error(self.header(":error-code"), self.header(":error-message")),
            _ => return,
        };
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(data.to_string().as_bytes());
        out.extend_from_slice(b"\n\n");
    }
}

/// A message that is an event of this name.
pub fn event(name: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [
        (":event-type", name),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    message(&headers, payload)
}

/// Server-sent events as the chunks that carry them.
pub fn chunks(events: &[u8]) -> Vec<u8> {
    let lines = events.split(|byte| *byte == b'\n');
    let data = lines.filter_map(|line| line.strip_prefix(b"data: "));
    let chunk = |data| {
        let payload = json!({ "bytes": STANDARD.encode(data) }).to_string();
        event("chunk", payload.as_bytes())
    };
    data.flat_map(chunk).collect()
}

/// A message by which a stream ends in an exception.
pub fn exception(kind: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [
        (":exception-type", kind),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    message(&headers, payload)
}

/// A message; its headers are short texts.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        block.extend_from_slice(name.as_bytes());
        block.push(7);
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        block.extend_from_slice(&length.to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    framed(&block, payload)
}

/// A message of a block of headers and a payload.
fn framed(block: &[u8], payload: &[u8]) -> Vec<u8> {
    let told = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let around = PRELUDE_BYTES.saturating_add(CHECKSUM_BYTES);
    let total = block
        .len()
        .saturating_add(payload.len())
        .saturating_add(around);
    let mut out = [told(total), told(block.len())].concat();
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(block);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

fn error(kind: Option<&str>, message: Option<&str>) -> Value {
    let kind = kind.unwrap_or("unknown");
    let message = message.unwrap_or("the provider reported an error without words");
    json!({ "error": { "type": kind, "message": message } })
}

/// Cuts a stream of bytes into messages.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    limit_bytes: usize,
    failed: Option<MessageError>,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new(MESSAGE_LIMIT_BYTES)
    }
}

impl Decoder {
    /// A decoder that refuses messages above the limit, in bytes.
    pub fn new(limit_bytes: usize) -> Decoder {
        Decoder {
            buffer: BytesMut::new(),
            limit_bytes,
            failed: None,
        }
    }

    /// How many bytes of an unfinished message are kept.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Takes the next bytes and gives the messages that are whole now.
    ///
    /// # Errors
    /// [`MessageError`], from then on always. Messages that came together with the fault, but
    /// before it, are given first; then the next call tells of it.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Message>, MessageError> {
        let mut messages = Vec::new();
        match self.read(bytes, &mut messages) {
            Some(error) if messages.is_empty() => Err(error),
            _ => Ok(messages),
        }
    }

    /// The same, as server-sent events.
    ///
    /// # Errors
    /// As [`Decoder::feed`].
    pub fn events(&mut self, bytes: &[u8]) -> Result<Vec<u8>, MessageError> {
        let mut out = Vec::new();
        for message in self.feed(bytes)? {
            message.event(&mut out);
        }
        Ok(out)
    }

    /// Gives back the unfinished rest after the last byte, in which nothing can be read.
    pub fn finish(&mut self) -> Bytes {
        self.buffer.split().freeze()
    }

    /// The fault that ended the stream, if one has.
    pub const fn fault(&self) -> Option<MessageError> {
        self.failed
    }

    fn read(&mut self, bytes: &[u8], messages: &mut Vec<Message>) -> Option<MessageError> {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
        while self.failed.is_none() {
            match take(&mut self.buffer, self.limit_bytes) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => {
                    self.failed = Some(error);
                    self.buffer = BytesMut::new();
                }
            }
        }
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT_BYTES {
            self.buffer = BytesMut::new();
        }
        self.failed
    }
}

/// Takes the first message out of the buffer, if it is whole.
fn take(buffer: &mut BytesMut, limit_bytes: usize) -> Result<Option<Message>, MessageError> {
    let Some(prelude) = buffer.get(..PRELUDE_BYTES) else {
        return Ok(None);
    };
    let (mut fields, mut told) = (prelude, prelude.get(8..).unwrap_or_default());
    let (total, headers) = (length(fields.get_u32()), length(fields.get_u32()));
    if told.get_u32() != crc32fast::hash(prelude.get(..8).unwrap_or_default()) {
        return Err(MessageError::Checksum);
    }
    if total > limit_bytes || headers > HEADERS_LIMIT_BYTES {
        return Err(MessageError::TooLarge { limit_bytes });
    }
    let most = total.checked_sub(PRELUDE_BYTES.saturating_add(CHECKSUM_BYTES));
    if most.is_none_or(|most| headers > most) {
        return Err(MessageError::Shape);
    }
    if buffer.len() < total {
        return Ok(None);
    }
    let whole = buffer.split_to(total).freeze();
    let (checked, mut told) = whole.split_at(total.saturating_sub(CHECKSUM_BYTES));
    if told.get_u32() != crc32fast::hash(checked) {
        return Err(MessageError::Checksum);
    }
    let content = checked.get(PRELUDE_BYTES..).unwrap_or_default();
    let (headers, payload) = content.split_at(headers);
    Ok(Some(Message {
        headers: texts(headers).ok_or(MessageError::Shape)?,
        payload: payload.to_vec(),
        bytes: whole.clone(),
    }))
}

/// A length that no memory can hold is too large in any case.
fn length(told: u32) -> usize {
    usize::try_from(told).unwrap_or(usize::MAX)
}

/// The headers that are texts; none if they are out of shape.
fn texts(mut rest: &[u8]) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let name_bytes = usize::from(rest.try_get_u8().ok()?);
        let name = take_bytes(&mut rest, name_bytes)?;
        let kind = rest.try_get_u8().ok()?;
        let value_bytes = match kind {
            // True and false.
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            // Numbers and moments.
            5 | 8 => 8,
            6 | 7 => usize::from(rest.try_get_u16().ok()?),
            // A UUID.
            9 => 16,
            _ => return None,
        };
        let value = take_bytes(&mut rest, value_bytes)?;
        if kind == 7 {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
            headers.push((text(name)?, text(value)?));
        }
    }
    Some(headers)
}

fn take_bytes<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests;
