//! The texts of a file: JSON, lines of JSON, or one text of whatever kind.

use super::keys::Field;
use super::walk::Walk;
use super::{Channel, Medium, Part, Texts, Unread, plain};
use crate::scan::{Kind, Scanner};

/// Finds the texts of a file, all of which come by this way. What it says of itself is not asked: a
/// file is text if it is UTF-8 without NUL, and JSON if it reads as such, as a whole or line by line.
/// Of JSON, names, strings and long numbers are texts. Anything else is unread.
pub fn of_file(content: &[u8], channel: Channel) -> Texts<'_> {
    let Some(text) = std::str::from_utf8(content)
        .ok()
        .filter(|text| !text.contains('\0'))
    else {
        let unread = Unread {
            what: Medium::File,
            place: 0..content.len(),
        };
        return Texts {
            unread: vec![unread],
            is_plain: true,
            ..Texts::default()
        };
    };
    let found = of_json(text, channel).or_else(|| of_lines(text, channel));
    match found {
        Some(parts) => Texts {
            parts,
            ..Texts::default()
        },
        None => plain(content, channel),
    }
}

/// The texts of an object or an array.
fn of_json(text: &str, channel: Channel) -> Option<Vec<Part<'_>>> {
    let mut scanner = Scanner::new(text);
    if !matches!(scanner.kind().ok()?, Kind::Object | Kind::Array) {
        return None;
    }
    let mut walk = Walk::of_request();
    walk.field(&mut scanner, "", Field::Free(channel)).ok()?;
    scanner.finish().ok()?;
    Some(walk.finish().parts)
}

/// The texts of lines each of which is an object or an array.
fn of_lines(text: &str, channel: Channel) -> Option<Vec<Part<'_>>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty() {
            let found = of_json(line, channel)?.into_iter();
            parts.extend(found.map(|part| Part {
                place: part.place.start + start..part.place.end + start,
                ..part
            }));
        }
        start += line.len();
    }
    (!parts.is_empty()).then_some(parts)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn edited(content: &'static str, from: &str, to: &str) -> String {
        let content = Bytes::from_static(content.as_bytes());
        let texts = of_file(&content, Channel::Document);
        let edits = texts.parts.iter();
        let edits: Vec<_> = edits
            .filter(|part| part.text.contains(from))
            .map(|part| (part.place.clone(), part.text.replace(from, to)))
            .collect();
        let edits: Vec<_> = edits
            .iter()
            .map(|(place, text)| (place.clone(), &**text))
            .collect();
        String::from_utf8(texts.edited(&content, &edits).to_vec()).expect("UTF-8")
    }

    #[test]
    fn lines_of_json_stay_lines_of_json() {
        let lines = "{\"a\": \"x\\u0041\", \"n\": 41111111}\r\n\n[\"xA\"]\n";
        assert_eq!(
            edited(lines, "xA", "\"\n"),
            "{\"a\": \"\\\"\\n\", \"n\": 41111111}\r\n\n[\"\\\"\\n\"]\n"
        );
        assert_eq!(edited("[41111111]", "41111111", "x"), "[\"x\"]");
    }

    #[test]
    fn what_is_no_json_is_one_text() {
        assert_eq!(edited("a,b\n{\"x\",c\n", "x", "y"), "a,b\n{\"y\",c\n");
        assert_eq!(edited("\"x\"", "x", "y"), "\"y\"");
        assert_eq!(edited("{}\nx", "x", "y"), "{}\ny");
    }

    #[test]
    fn what_is_no_text_is_unread() {
        for content in [&b"%PDF\xff"[..], b"a\0b"] {
            let texts = of_file(content, Channel::Document);
            assert!(texts.parts.is_empty());
            assert_eq!(texts.unread[0].what, Medium::File);
        }
        assert!(of_file(b"", Channel::Document).unread.is_empty());
    }
}
