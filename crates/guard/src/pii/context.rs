//! What stands around a value: words that say what it is, and signs that it is part of another.

use crate::scan::{Seen, Words};

/// How many bytes before a value its words may begin.
pub(super) const REACH: usize = 72;

/// Words that say what a value is.
pub(super) fn words(words: &[&'static str]) -> Words {
    Words::new(words, REACH)
}

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
    use crate::scan::Near;

    fn seen<'a>(before: &'a str, value: &'a str, after: &'a str) -> Seen<'a> {
        Seen {
            value,
            matched: value,
            before,
            after,
            near: Near::default(),
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
}
