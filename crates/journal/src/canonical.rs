//! Canonical JSON: one text for one value, so that a hash over it means the value.
//!
//! The form is that of RFC 8785: no white space, members sorted by the UTF-16 code units of
//! their names, the shortest escapes. Numbers are integers only: a float has no place in a
//! record, and is refused, so that no two implementations can print it differently. Integers
//! are written in full, also above 2⁵³, where RFC 8785 would round them.

use std::borrow::Cow;

use serde::Serialize;

/// The deepest nesting that is taken.
const MAX_DEPTH: usize = 64;
/// The largest text that is taken: a record is an entry in a log, not a document.
pub const MAX_BYTES: usize = 8 << 20;

/// A JSON object in canonical form. There is no other way to make one than from a value or a
/// text that was found to be one, so whoever holds it need not check.
#[derive(Clone, PartialEq, Eq)]
pub struct Object(Vec<u8>);

impl Object {
    /// The canonical text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The canonical text as a string.
    pub fn as_str(&self) -> &str {
        // Only valid UTF-8 is ever put in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Gives the text away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl AsRef<[u8]> for Object {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::Deref for Object {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
pub enum NotCanonical {
    /// The value cannot be written as JSON.
    #[error("the value cannot be written as JSON")]
    Serialize(#[source] serde_json::Error),
    /// The text is not JSON.
    #[error("the text is not valid JSON at byte {0}")]
    Syntax(usize),
    /// A number is not an integer of at most 64 bits.
    #[error("the number at byte {0} is not an integer of at most 64 bits")]
    Number(usize),
    /// An object has two members of one name.
    #[error("the member `{0}` stands twice in one object")]
    Duplicate(String),
    /// The value is nested too deeply.
    #[error("the value is nested more than {MAX_DEPTH} levels deep")]
    Depth,
    /// The text is too large.
    #[error("the value is larger than {} MiB", MAX_BYTES >> 20)]
    Size,
    /// The value is not an object.
    #[error("the value is not an object")]
    NotAnObject,
}

/// Writes a value as a canonical JSON object.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Object, NotCanonical> {
    from_json(&serde_json::to_vec(value).map_err(NotCanonical::Serialize)?)
}

/// A type whose plain serialisation is canonical: members declared in the order of their names at
/// every depth, no floats, no maps. Whoever says so holds [`in_order`] against [`to_vec`] in a test.
pub trait InOrder: Serialize {}

/// As [`to_vec`], without its second reading: for what stands in the path of every call.
pub fn in_order<T: InOrder>(value: &T) -> Result<Object, NotCanonical> {
    let mut text = Vec::with_capacity(3 << 10);
    serde_json::to_writer(&mut text, value).map_err(NotCanonical::Serialize)?;
    if text.len() > MAX_BYTES {
        return Err(NotCanonical::Size);
    }
    Ok(Object(text))
}

/// Brings the text of a JSON object into canonical form.
pub fn from_json(text: &[u8]) -> Result<Object, NotCanonical> {
    if text.len() > MAX_BYTES {
        return Err(NotCanonical::Size);
    }
    let text =
        std::str::from_utf8(text).map_err(|error| NotCanonical::Syntax(error.valid_up_to()))?;
    let mut reader = Reader { text, at: 0 };
    let mut out = Vec::with_capacity(text.len());
    reader.space();
    if reader.peek() != Some(b'{') {
        return Err(NotCanonical::NotAnObject);
    }
    reader.value(&mut out, 0)?;
    reader.space();
    if reader.at != text.len() {
        return Err(NotCanonical::Syntax(reader.at));
    }
    Ok(Object(out))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotCanonical> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(NotCanonical::Syntax(self.at))
    }

    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), NotCanonical> {
        if depth > MAX_DEPTH {
            return Err(NotCanonical::Depth);
        }
        match self.peek() {
            Some(b'{') => self.object(out, depth),
            Some(b'[') => self.array(out, depth),
            Some(b'"') => {
                let raw = self.string()?;
                write_string(raw, out).map_err(|()| NotCanonical::Syntax(self.at))
            }
            Some(b'-' | b'0'..=b'9') => self.number(out),
            Some(b't') => self.word("true", out),
            Some(b'f') => self.word("false", out),
            Some(b'n') => self.word("null", out),
            _ => Err(NotCanonical::Syntax(self.at)),
        }
    }

    fn word(&mut self, word: &str, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
        if !self.rest().starts_with(word) {
            return Err(NotCanonical::Syntax(self.at));
        }
        self.at += word.len();
        out.extend_from_slice(word.as_bytes());
        Ok(())
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
        let start = self.at;
        let length = self
            .rest()
            .bytes()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
            .count();
        self.at += length;
        let digits = self.text.get(start..self.at).unwrap_or_default();
        let magnitude = digits.strip_prefix('-').unwrap_or(digits);
        let whole = !magnitude.is_empty() && magnitude.bytes().all(|byte| byte.is_ascii_digit());
        let plain = whole && (magnitude == "0" || !magnitude.starts_with('0')) && digits != "-0";
        let fits = digits.parse::<i64>().is_ok() || digits.parse::<u64>().is_ok();
        if !plain || !fits {
            return Err(NotCanonical::Number(start));
        }
        out.extend_from_slice(digits.as_bytes());
        Ok(())
    }

    /// The raw text between two quotes, without them.
    fn string(&mut self) -> Result<&'a str, NotCanonical> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(0..=0x1f) | None => return Err(NotCanonical::Syntax(self.at)),
                Some(_) => self.at += 1,
            }
        }
        let raw = self
            .text
            .get(start..self.at)
            .ok_or(NotCanonical::Syntax(start))?;
        self.at += 1;
        Ok(raw)
    }

    fn array(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), NotCanonical> {
        self.expect(b'[')?;
        out.push(b'[');
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            out.push(b']');
            return Ok(());
        }
        loop {
            self.space();
            self.value(out, depth + 1)?;
            self.space();
            match self.peek() {
                Some(b',') => out.push(b','),
                Some(b']') => break,
                _ => return Err(NotCanonical::Syntax(self.at)),
            }
            self.at += 1;
        }
        self.at += 1;
        out.push(b']');
        Ok(())
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), NotCanonical> {
        self.expect(b'{')?;
        out.push(b'{');
        let members_start = out.len();
        // Each member is written where it stands; they are moved only if they stand out of order.
        let mut members: Vec<(Cow<'a, str>, std::ops::Range<usize>)> = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            out.push(b'}');
            return Ok(());
        }
        loop {
            self.space();
            let start = out.len();
            let raw = self.string()?;
            let name = decoded(raw).map_err(|()| NotCanonical::Syntax(self.at))?;
            write_string(raw, out).map_err(|()| NotCanonical::Syntax(self.at))?;
            self.space();
            self.expect(b':')?;
            out.push(b':');
            self.space();
            self.value(out, depth + 1)?;
            members.push((name, start..out.len()));
            self.space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    out.push(b',');
                }
                Some(b'}') => {
                    self.at += 1;
                    break;
                }
                _ => return Err(NotCanonical::Syntax(self.at)),
            }
        }
        sort_members(&mut members, members_start, out)?;
        out.push(b'}');
        Ok(())
    }
}

/// The order of names: by UTF-16 code units, which for ASCII is the order of bytes.
fn order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.as_bytes().cmp(b.as_bytes());
    }
    a.encode_utf16().cmp(b.encode_utf16())
}

/// Puts the members of an object, already written to `out`, in their order.
fn sort_members(
    members: &mut [(Cow<'_, str>, std::ops::Range<usize>)],
    start: usize,
    out: &mut Vec<u8>,
) -> Result<(), NotCanonical> {
    let in_order = members.windows(2).all(|pair| match pair {
        [(a, _), (b, _)] => order(a, b).is_lt(),
        _ => true,
    });
    if in_order {
        return Ok(());
    }
    members.sort_by(|(a, _), (b, _)| order(a, b));
    for pair in members.windows(2) {
        if let [(a, _), (b, _)] = pair
            && a == b
        {
            return Err(NotCanonical::Duplicate(a.clone().into_owned()));
        }
    }
    let written = out.split_off(start);
    for (index, (_, range)) in members.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let range = range.start - start..range.end - start;
        out.extend_from_slice(written.get(range).unwrap_or_default());
    }
    Ok(())
}

/// What a raw JSON string means.
fn decoded(raw: &str) -> Result<Cow<'_, str>, ()> {
    if !raw.contains('\\') {
        return Ok(Cow::Borrowed(raw));
    }
    serde_json::from_str::<String>(&format!("\"{raw}\""))
        .map(Cow::Owned)
        .map_err(drop)
}

/// Writes a raw JSON string with the shortest escapes.
fn write_string(raw: &str, out: &mut Vec<u8>) -> Result<(), ()> {
    match decoded(raw)? {
        Cow::Borrowed(plain) => {
            out.push(b'"');
            out.extend_from_slice(plain.as_bytes());
            out.push(b'"');
            Ok(())
        }
        Cow::Owned(text) => serde_json::to_writer(out, &text).map_err(drop),
    }
}
