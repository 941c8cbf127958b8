//! One pass over JSON text that keeps byte ranges and builds nothing.
//!
//! The governed path must know some forty facts about a request and pass everything else on
//! byte by byte, so it reads the text itself instead of a tree made of it. The scanner
//! checks the whole grammar of RFC 8259 while it walks, bounds the depth, and never copies
//! but for names with escapes in them.

use std::borrow::Cow;
use std::ops::Range;

/// The deepest nesting that is accepted.
pub const DEPTH_LIMIT: u8 = 64;

/// Why a text is not JSON that we accept, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// A byte that cannot stand there.
    #[error("expected {expected} at byte {at}")]
    Unexpected {
        /// Offset of the byte.
        at: usize,
        /// What could have stood there.
        expected: &'static str,
    },
    /// Objects and arrays are nested too deeply.
    #[error("nested deeper than {DEPTH_LIMIT} levels at byte {at}")]
    TooDeep {
        /// Offset of the bracket.
        at: usize,
    },
    /// The text ends in the middle of a value.
    #[error("the text ends at byte {at}, in the middle of a value")]
    Truncated {
        /// The length of the text.
        at: usize,
    },
    /// More text after the value.
    #[error("unexpected text after the value at byte {at}")]
    Trailing {
        /// Offset of the first byte of it.
        at: usize,
    },
}

/// What kind of value stands next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Object,
    Array,
    String,
    Number,
    Bool,
    Null,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Kind::Object => "an object",
            Kind::Array => "an array",
            Kind::String => "a string",
            Kind::Number => "a number",
            Kind::Bool => "a boolean",
            Kind::Null => "null",
        }
    }
}

/// A string as it stands in the text, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    /// Between the quotes, escapes and all.
    pub(crate) raw: &'a str,
    /// Offset of the first byte after the opening quote.
    pub(crate) start: usize,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// Where it stands, without the quotes.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.start.saturating_add(self.raw.len())
    }

    /// Where it stands, with the quotes.
    pub(crate) fn literal(&self) -> Range<usize> {
        let Range { start, end } = self.range();
        start.saturating_sub(1)..end.saturating_add(1)
    }

    /// The text that is meant.
    pub(crate) fn decoded(&self) -> Cow<'a, str> {
        if self.escaped {
            Cow::Owned(unescape(self.raw))
        } else {
            Cow::Borrowed(self.raw)
        }
    }
}

/// What the escapes of a valid JSON string mean; lone surrogates become U+FFFD.
pub(crate) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = escape.chars();
        chars.next();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                rest = push_unicode(&mut out, chars.as_str());
                continue;
            }
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

/// Reads the four digits after `\u`, and the second half of a pair; gives back the rest.
fn push_unicode<'a>(out: &mut String, digits: &'a str) -> &'a str {
    let hex = |text: &str| {
        text.get(..4)
            .and_then(|four| u32::from_str_radix(four, 16).ok())
    };
    let Some(first) = hex(digits) else {
        return digits;
    };
    let rest = digits.get(4..).unwrap_or_default();
    if let 0xD800..=0xDBFF = first
        && let Some(second) = rest.strip_prefix("\\u").and_then(hex)
        && let 0xDC00..=0xDFFF = second
    {
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return rest.get(6..).unwrap_or_default();
    }
    out.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

/// Walks over a text, value by value.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

type Scanned<T, E = ScanError> = Result<T, E>;

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Scanner<'a> {
        Scanner {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// Where the next value starts.
    pub(crate) fn position(&mut self) -> usize {
        self.blank();
        self.at
    }

    /// The end of what was read.
    pub(crate) const fn end(&self) -> usize {
        self.at
    }

    /// The text of a place.
    pub(crate) fn read(&self, place: &Range<usize>) -> &'a str {
        self.text.get(place.clone()).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    fn unexpected(&self, expected: &'static str) -> ScanError {
        match self.byte() {
            Some(_) => ScanError::Unexpected {
                at: self.at,
                expected,
            },
            None => ScanError::Truncated { at: self.at },
        }
    }

    /// What stands next, without reading it.
    pub(crate) fn kind(&mut self) -> Scanned<Kind> {
        self.blank();
        Ok(match self.byte() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'n') => Kind::Null,
            _ => return Err(self.unexpected("a value")),
        })
    }

    /// Nothing but blanks may follow.
    pub(crate) fn finish(&mut self) -> Scanned<()> {
        self.blank();
        match self.byte() {
            None => Ok(()),
            Some(_) => Err(ScanError::Trailing { at: self.at }),
        }
    }

    /// Reads an object; `each` reads the value of each name.
    pub(crate) fn object<E: From<ScanError>>(
        &mut self,
        mut each: impl FnMut(&mut Scanner<'a>, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.entries(|scanner, name| each(scanner, &name.decoded()))
    }

    /// The same, with each name as it stands in the text.
    pub(crate) fn entries<E: From<ScanError>>(
        &mut self,
        mut each: impl FnMut(&mut Scanner<'a>, Text<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'{', "an object")?;
        self.blank();
        if self.byte() != Some(b'}') {
            loop {
                self.blank();
                let name = self.string()?;
                self.blank();
                self.punctuation(b':', "`:`")?;
                each(self, name)?;
                self.blank();
                match self.byte() {
                    Some(b',') => self.at += 1,
                    Some(b'}') => break,
                    _ => return Err(self.unexpected("`,` or `}`").into()),
                }
            }
        }
        self.close();
        Ok(())
    }

    /// Reads an array; `each` reads the element of each index.
    pub(crate) fn array<E: From<ScanError>>(
        &mut self,
        mut each: impl FnMut(&mut Scanner<'a>, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        self.open(b'[', "an array")?;
        self.blank();
        if self.byte() != Some(b']') {
            let mut index = 0;
            loop {
                each(self, index)?;
                index += 1;
                self.blank();
                match self.byte() {
                    Some(b',') => self.at += 1,
                    Some(b']') => break,
                    _ => return Err(self.unexpected("`,` or `]`").into()),
                }
            }
        }
        self.close();
        Ok(())
    }

    fn open(&mut self, bracket: u8, expected: &'static str) -> Scanned<()> {
        self.blank();
        if self.depth >= DEPTH_LIMIT {
            return Err(ScanError::TooDeep { at: self.at });
        }
        self.punctuation(bracket, expected)?;
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    fn punctuation(&mut self, byte: u8, expected: &'static str) -> Scanned<()> {
        if self.byte() != Some(byte) {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// Reads a string.
    pub(crate) fn string(&mut self) -> Scanned<Text<'a>> {
        self.blank();
        self.punctuation(b'"', "a string")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20);
            self.at = match plain {
                Some(offset) => self.at + offset,
                None => self.text.len(),
            };
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.unexpected("an escaped control character")),
            }
        }
        let raw = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        Ok(Text {
            raw,
            start,
            escaped,
        })
    }

    fn escape(&mut self) -> Scanned<()> {
        self.at += 1;
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.byte().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                        return Err(self.unexpected("a hexadecimal digit"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.unexpected("an escape")),
        }
        Ok(())
    }

    /// Reads a number and gives back its text.
    pub(crate) fn number(&mut self) -> Scanned<&'a str> {
        self.blank();
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn digits(&mut self) -> Scanned<()> {
        if !self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unexpected("a digit"));
        }
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Scanned<bool> {
        self.blank();
        if self.byte() == Some(b't') {
            return self.word("true", true);
        }
        self.word("false", false)
    }

    /// Reads `null`.
    pub(crate) fn null(&mut self) -> Scanned<()> {
        self.blank();
        self.word("null", ())
    }

    fn word<T>(&mut self, word: &'static str, value: T) -> Scanned<T> {
        for expected in word.bytes() {
            if self.byte() != Some(expected) {
                return Err(self.unexpected(word));
            }
            self.at += 1;
        }
        Ok(value)
    }

    /// Reads past a value of any kind, checking it, and says where it stands.
    pub(crate) fn skip(&mut self) -> Scanned<Range<usize>> {
        let start = self.position();
        match self.kind()? {
            Kind::Object => self.object(|inner, _| inner.skip().map(|_| ()))?,
            Kind::Array => self.array(|inner, _| inner.skip().map(|_| ()))?,
            Kind::String => {
                self.string()?;
            }
            Kind::Number => {
                self.number()?;
            }
            Kind::Bool => {
                self.boolean()?;
            }
            Kind::Null => self.null()?,
        }
        Ok(start..self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn accepts(text: &str) -> Result<(), ScanError> {
        let mut scanner = Scanner::new(text);
        scanner.skip()?;
        scanner.finish()
    }

    #[test]
    fn the_grammar_is_the_one_of_json() {
        for good in [
            "{}",
            "[]",
            "[[],{\"a\":-0.5e+3}]",
            " \"\\u00e9\\n\" ",
            "0",
            "-1E9",
            "null",
            "true",
        ] {
            assert_eq!(accepts(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "tru",
            "nul",
            "\"\n\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "[1 2]",
            "{\"a\" 1}",
            "{} {}",
            "\"open",
            "[}",
            "NaN",
            "'a'",
        ] {
            assert!(accepts(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(accepts(&nested(64)), Ok(()));
        assert_eq!(accepts(&nested(65)), Err(ScanError::TooDeep { at: 64 }));
        assert_eq!(
            accepts(&"[".repeat(1_000_000)),
            Err(ScanError::TooDeep { at: 64 })
        );
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map(".*", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_json_text_is_accepted_to_its_end(value in any_json()) {
            prop_assert_eq!(accepts(&value.to_string()), Ok(()));
            prop_assert_eq!(accepts(&format!("{value:#}")), Ok(()));
        }

        #[test]
        fn verdicts_agree_with_serde_on_damaged_text(value in any_json(), at in any::<prop::sample::Index>(), with in "[\\x00-\\x7f]") {
            let mut text = value.to_string();
            let at = at.index(text.len());
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                text.replace_range(at..=at, &with);
                let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok();
                prop_assert_eq!(accepts(&text).is_ok(), theirs, "{}", text);
            }
        }

        #[test]
        fn strings_decode_as_serde_decodes_them(text in ".*") {
            let json = serde_json::Value::String(text.clone()).to_string();
            let read = Scanner::new(&json).string().map(|read| read.decoded().into_owned());
            prop_assert_eq!(read, Ok(text));
        }
    }
}
