//! What stands around a value: words that say what it is, and signs that it is part of another.

use crate::scan::Seen;

/// How many bytes before a value its words may begin.
const REACH: usize = 72;

/// Whether a number is a part of something longer: of a version, a path, an amount, an identifier.
pub(super) fn is_part(seen: Seen<'_>) -> bool {
    let mut back = seen.before.chars().rev();
    let (last, previous) = (back.next(), back.next());
    let alphanumeric = |char: Option<char>| char.is_some_and(|char| char.is_ascii_alphanumeric());
    let digit = |char: Option<char>| char.is_some_and(|char| char.is_ascii_digit());
    let begun = match last {
        Some('-' | '.' | ',' | ':') => digit(previous),
        Some('/' | '_' | '\\') => alphanumeric(previous),
        Some('$' | '€' | '£' | '¥' | '%' | '@') => true,
        _ => false,
    };
    let mut ahead = seen.after.chars();
    let (next, second) = (ahead.next(), ahead.next());
    let goes_on = match next {
        Some('-' | '/' | '_') => alphanumeric(second),
        Some('.' | ',' | ':') => digit(second),
        Some('%' | '€' | '@' | '$' | '£') => true,
        Some(other) => other.is_ascii_alphanumeric(),
        None => false,
    };
    begun || goes_on
}

/// Whether one of the words, in lower case, stands near before the value or right after it.
pub(super) fn is_near(seen: Seen<'_>, words: &[&str]) -> bool {
    if words.is_empty() {
        return false;
    }
    let before = lower(last_bytes(seen.before, REACH));
    let after = lower(seen.after);
    words
        .iter()
        .any(|word| has_word(&before, word) || has_word(&after, word))
}

/// Whether one of the words, in lower case, stands in the `reach` bytes before the value.
pub(super) fn is_before(seen: Seen<'_>, words: &[&str], reach: usize) -> bool {
    let before = lower(last_bytes(seen.before, reach));
    words.iter().any(|word| has_word(&before, word))
}

fn lower(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.to_lowercase()
    }
}

/// Whether a text holds a word from its beginning; words of up to three letters also to their end,
/// for many longer ones begin so.
fn has_word(text: &str, word: &str) -> bool {
    let inner = |char: char| char.is_ascii_alphanumeric();
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + word.len()..).unwrap_or_default();
        let short = word.len() <= 3;
        !(before.ends_with(inner) || short && after.starts_with(inner))
    })
}

/// The last bytes of a text, of whole characters.
pub(crate) fn last_bytes(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}

/// The decimal digits of a value, at most 24.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digits {
    digits: [u8; 24],
    length: usize,
}

impl Digits {
    pub(super) fn of(value: &str) -> Self {
        let mut digits = Self {
            digits: [0; 24],
            length: 0,
        };
        for byte in value.bytes().filter(u8::is_ascii_digit) {
            if let Some(digit) = digits.digits.get_mut(digits.length) {
                *digit = byte - b'0';
                digits.length += 1;
            }
        }
        digits
    }

    pub(super) fn all(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen<'a>(before: &'a str, value: &'a str, after: &'a str) -> Seen<'a> {
        Seen {
            value,
            matched: value,
            before,
            after,
        }
    }

    #[test]
    fn parts_of_longer_things_are_told() {
        for (before, after) in [
            ("1.", ""),
            ("/a/b", "/c"),
            ("$", ""),
            ("", ".5"),
            ("", "-1"),
            ("12-", ""),
        ] {
            assert!(is_part(seen(before, "123", after)), "{before}|{after}");
        }
        for (before, after) in [
            ("ssn:", "."),
            ("id-", ","),
            ("(", ")"),
            ("a=", "; b"),
            ("", ""),
        ] {
            assert!(!is_part(seen(before, "123", after)), "{before}|{after}");
        }
    }

    #[test]
    fn words_count_from_their_beginning() {
        assert!(is_near(seen("Her SSN is ", "1", ""), &["ssn"]));
        assert!(is_near(seen("", "1", " (PAN)"), &["pan"]));
        assert!(is_near(
            seen("Führerscheinnummer ", "1", ""),
            &["führerschein"]
        ));
        assert!(!is_near(seen("company ", "1", ""), &["pan"]));
        assert!(!is_near(seen("panel ", "1", ""), &["pan"]));
    }
}
