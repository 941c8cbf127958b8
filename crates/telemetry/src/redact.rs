//! Masks whatever looks like a credential in a text that is about to be written.

use std::borrow::Cow;

/// The beginnings of secrets, with the fewest characters that must follow for the text to be
/// one. Record ids share `ic_` and `at_` but hold hyphens at fixed places: they stay readable.
const MARKS: &[(&str, usize)] = &[
    ("ic_", 32),
    ("at_", 32),
    ("sk-", 8),
    ("sk_", 16),
    ("xai-", 16),
    ("AIza", 30),
    ("AKIA", 16),
    ("ghp_", 20),
    ("xoxb-", 10),
    ("eyJ", 20),
    ("Bearer ", 8),
    ("Basic ", 8),
];

const MASK: &str = "***";

/// The text with every credential replaced by its mark and `***`.
///
/// Recognised are our own tokens, JWTs, the keys of the usual providers, `Bearer` and `Basic`
/// credentials, and passwords inside URLs. The answer borrows when there was nothing to mask.
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut rest = text;
    let mut changed = false;
    while let Some((before, mark, after)) = next_secret(rest) {
        changed = true;
        masked.push_str(before);
        masked.push_str(mark);
        masked.push_str(MASK);
        rest = after;
    }
    if changed {
        masked.push_str(rest);
        Cow::Owned(masked)
    } else {
        Cow::Borrowed(text)
    }
}

/// The text before the first secret, what may stay of the secret, and the text after it.
fn next_secret(text: &str) -> Option<(&str, &str, &str)> {
    let mut previous = None;
    for (at, character) in text.char_indices() {
        let word_begins = previous.is_none_or(|p: char| !p.is_ascii_alphanumeric());
        let tail = text.get(at..)?;
        let secret = if word_begins {
            marked_secret(tail)
        } else {
            None
        };
        if let Some((kept, length)) = secret.or_else(|| url_password(tail, character)) {
            return Some((text.get(..at)?, tail.get(..kept)?, tail.get(length..)?));
        }
        previous = Some(character);
    }
    None
}

/// The length of what may stay and the length of the whole, if the text begins with a secret.
fn marked_secret(tail: &str) -> Option<(usize, usize)> {
    let (mark, fewest) = MARKS.iter().find(|(mark, _)| tail.starts_with(mark))?;
    let body = tail.get(mark.len()..)?;
    let length = body
        .bytes()
        .take_while(|byte| is_secret_byte(*byte))
        .count();
    if length < *fewest || is_record_id(mark, body.get(..length)?) {
        return None;
    }
    Some((mark.len(), mark.len() + length))
}

const fn is_secret_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b'~')
}

/// `ic_` and `at_` followed by a UUID are ids of records, which a log may show.
fn is_record_id(mark: &str, body: &str) -> bool {
    let shaped = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    matches!(mark, "ic_" | "at_")
        && body
            .get(..36)
            .is_some_and(|uuid| uuid.bytes().enumerate().all(shaped))
        && !body
            .as_bytes()
            .get(36)
            .is_some_and(u8::is_ascii_alphanumeric)
}

/// A password between `://user:` and `@`.
fn url_password(tail: &str, first: char) -> Option<(usize, usize)> {
    if first != ':' {
        return None;
    }
    let authority = tail.strip_prefix("://")?;
    let end = authority.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\''));
    let authority = authority.get(..end.unwrap_or(authority.len()))?;
    let at = authority.rfind('@')?;
    let colon = authority.get(..at)?.find(':')?;
    (colon + 1 < at).then_some((3 + colon + 1, 3 + at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_masked_and_the_rest_stays() {
        for (line, expected) in [
            (
                "Authorization: Bearer ic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA sent",
                "Authorization: Bearer *** sent",
            ),
            ("key=sk-proj-abcdefghijkl, next", "key=sk-***, next"),
            ("\"at_abcdefghijklmnopqrstuvwxyz012345\"", "\"at_***\""),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx.sig", "jwt eyJ***"),
            (
                "postgres://iron:hunter2@db:5432/iron",
                "postgres://iron:***@db:5432/iron",
            ),
        ] {
            assert_eq!(redact(line), expected);
        }
    }

    #[test]
    fn ids_and_ordinary_words_stay_readable() {
        for line in [
            "token ic_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f rotated",
            "risk-averse task-based disk-full",
            "http://localhost:4000/v1/chat/completions",
            "at_least basic_ sk-",
            "",
        ] {
            assert!(
                matches!(redact(line), Cow::Borrowed(same) if same == line),
                "{line}"
            );
        }
    }

    #[test]
    fn text_of_any_script_passes_unharmed() {
        assert_eq!(redact("ключ sk-абвгд и ещё ☂"), "ключ sk-абвгд и ещё ☂");
    }
}
