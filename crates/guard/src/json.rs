//! JSON read as text: strings without their escapes, and where values stand.

use std::borrow::Cow;
use std::ops::Range;

use crate::text::Folded;

/// Where a value stands that may be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Of a string what is between its quotes, of another value all of it.
    pub(crate) span: Range<usize>,
    /// Whether it is in quotes.
    pub(crate) quoted: bool,
}

/// Reads a text that should be JSON: as it is but for the escapes in its strings, with the values
/// in it. A text that is none is read as far as its quotes tell.
pub(crate) fn read(text: &str) -> (Folded<'static>, Vec<Piece>) {
    let mut view = Folded::default();
    let mut values: Vec<Piece> = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    while let Some(char) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let (said, written) = match (open, char) {
            (Some(_), '\\') => escape(text, at),
            _ => (char, char.len_utf8()),
        };
        match (open, char) {
            (None, '"') => open = Some(at + 1),
            (Some(start), '"') => {
                values.push(Piece {
                    span: start..at,
                    quoted: true,
                });
                open = None;
            }
            (None, char) if is_bare(char) => extend_bare(&mut values, at, written),
            _ => {}
        }
        view.push_written(said, written);
        at += written;
    }
    if let Some(start) = open {
        values.push(Piece {
            span: start..text.len(),
            quoted: true,
        });
    }
    (view, values)
}

/// What a piece says.
pub(crate) fn value<'a>(text: &'a str, piece: &Piece) -> Cow<'a, str> {
    let raw = text.get(piece.span.clone()).unwrap_or_default();
    match piece.quoted && raw.contains('\\') {
        false => Cow::Borrowed(raw),
        true => match serde_json::from_str(&format!("\"{raw}\"")) {
            Ok(value) => Cow::Owned(value),
            Err(_) => Cow::Borrowed(raw),
        },
    }
}

/// A text as it is written in the place of a piece.
pub(crate) fn written(text: &str, within_quotes: bool) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    match within_quotes {
        true => quoted
            .get(1..quoted.len() - 1)
            .unwrap_or_default()
            .to_owned(),
        false => quoted,
    }
}

/// Whether a character stands in numbers and words.
fn is_bare(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '+' | '-' | '.')
}

fn extend_bare(values: &mut Vec<Piece>, at: usize, length: usize) {
    match values.last_mut() {
        Some(last) if !last.quoted && last.span.end == at => last.span.end += length,
        _ => values.push(Piece {
            span: at..at + length,
            quoted: false,
        }),
    }
}

/// The character of the escape that begins at `at`, and the bytes it is written in. What is no
/// escape is the backslash itself.
fn escape(text: &str, at: usize) -> (char, usize) {
    let Some(letter) = text.as_bytes().get(at + 1) else {
        return ('\\', 1);
    };
    let said = match letter {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'"' | b'\\' | b'/' => char::from(*letter),
        b'u' => return unicode(text, at).unwrap_or(('\\', 1)),
        _ => return ('\\', 1),
    };
    (said, 2)
}

/// `\uXXXX`, or two of them where they are a pair of surrogates; a lone surrogate is U+FFFD.
fn unicode(text: &str, at: usize) -> Option<(char, usize)> {
    let high = unit(text, at)?;
    if let Some(char) = char::from_u32(high) {
        return Some((char, 6));
    }
    let low = unit(text, at + 6)
        .filter(|low| (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(low));
    Some(match low {
        Some(low) => {
            let code = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(code)?, 12)
        }
        None => ('\u{FFFD}', 6),
    })
}

fn unit(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hexadecimal
        .then(|| u32::from_str_radix(digits, 16).ok())
        .flatten()
}

/// The parts of values that lie in a span; of a value without quotes always all of it.
pub(crate) fn pieces(values: &[Piece], span: &Range<usize>) -> impl Iterator<Item = Piece> {
    let first = values.partition_point(|value| value.span.end <= span.start);
    let touched = values.iter().skip(first);
    touched
        .take_while(move |value| value.span.start < span.end)
        .map(|value| match value.quoted {
            true => Piece {
                span: value.span.start.max(span.start)..value.span.end.min(span.end),
                quoted: true,
            },
            false => value.clone(),
        })
        .filter(|piece| !piece.span.is_empty())
}
