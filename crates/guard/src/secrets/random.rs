//! How random a value looks, and what stands in for a secret without being one.

/// The Shannon entropy of the bytes of a value, in bits per byte.
pub(super) fn entropy_bits(value: &str) -> f32 {
    let mut counts = [0_u16; 256];
    for byte in value.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let length = value.len() as f32;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f32::from(*count) / length;
            -share * share.log2()
        })
        .sum()
}

/// What characters a value is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kinds {
    pub(super) digits: usize,
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) other: usize,
    /// How often an upper-case letter follows a lower-case one, or the other way round.
    pub(super) turns: usize,
    /// How often a digit stands beside a letter.
    pub(super) mixes: usize,
}

impl Kinds {
    pub(super) fn of(value: &str) -> Self {
        let mut kinds = Self::default();
        let mut previous = 0_u8;
        for byte in value.bytes() {
            match byte {
                b'0'..=b'9' => kinds.digits += 1,
                b'a'..=b'z' => kinds.lower += 1,
                b'A'..=b'Z' => kinds.upper += 1,
                _ => kinds.other += 1,
            }
            if byte.is_ascii_alphabetic() && previous.is_ascii_alphabetic() {
                kinds.turns +=
                    usize::from(byte.is_ascii_lowercase() != previous.is_ascii_lowercase());
            }
            let beside = byte.is_ascii_digit() && previous.is_ascii_alphabetic()
                || byte.is_ascii_alphabetic() && previous.is_ascii_digit();
            kinds.mixes += usize::from(beside);
            previous = byte;
        }
        kinds
    }
}

/// Whether a value is mixed as words, names and numbers are not: digits among letters, or cases
/// that change within it.
pub(super) fn looks_random(value: &str) -> bool {
    let kinds = Kinds::of(value);
    let mixed = kinds.digits >= 2 && kinds.mixes >= 3;
    let balanced = kinds.upper.min(kinds.lower) * 3 >= kinds.upper + kinds.lower;
    let turning = balanced && kinds.upper >= 3 && kinds.turns * 3 >= value.len();
    mixed || turning
}

/// Whether a value after a prefix that no other text has is more than a word: with digits, or with
/// letters of both cases.
pub(super) fn is_varied(value: &str) -> bool {
    let kinds = Kinds::of(value);
    kinds.digits >= 2 || kinds.upper >= 3 && kinds.lower >= 3
}

/// What examples say instead of a secret, in lower case.
const STAND_INS: &[&str] = &[
    "example",
    "placeholder",
    "your_",
    "your-",
    "yourkey",
    "yourapi",
    "yourtoken",
    "yoursecret",
    "yourpassword",
    "my_api",
    "redacted",
    "insert",
    "replace",
    "xxxx",
    "****",
    ".....",
    "______",
    "------",
    "0000000",
    "1111111",
    "abcdefgh",
    "12345678901",
    "dummy",
    "sample",
    "todo",
    "<",
    "removed",
    "hidden",
    "foobar",
    "deadbeef",
    "lorem",
    "changeit_",
    "goes_here",
    "goes-here",
    "-here",
    "_here",
];

/// Whether a value stands in for a secret: an example, a variable, a mask.
pub(super) fn is_stand_in(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    STAND_INS.iter().any(|stand_in| lower.contains(stand_in)) || is_variable(value)
}

/// Whether a value is filled in elsewhere: `${NAME}`, `{{ name }}`, `%NAME%`, `$NAME`.
pub(super) fn is_variable(value: &str) -> bool {
    let percents = value.len() > 2 && value.starts_with('%') && value.ends_with('%');
    let dollar = value.strip_prefix('$').is_some_and(|name| {
        name.starts_with(['{', '(']) || !name.is_empty() && name.bytes().all(is_upper_name)
    });
    percents || dollar || value.starts_with("{{") || value.contains("${")
}

fn is_upper_name(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_values_are_told_from_words_and_numbers() {
        for random in [
            "hf_kQzWbTsOjRiAuspHcVYmncnsDkxkJdw",
            "a3f5c9d1e7b2",
            "x7Kp2mQ9",
        ] {
            assert!(looks_random(random), "{random}");
        }
        for plain in [
            "internationalization",
            "sk-this-is-a-name",
            "20240115",
            "MainWindowView",
        ] {
            assert!(!looks_random(plain), "{plain}");
        }
    }

    #[test]
    fn entropy_grows_with_the_number_of_different_bytes() {
        assert!(entropy_bits("aaaaaaaa") < 0.01);
        assert!((entropy_bits("abcdabcd") - 2.0).abs() < 0.01);
    }

    #[test]
    fn variables_and_examples_stand_in_for_secrets() {
        for value in [
            "${DB_PASSWORD}",
            "$TOKEN",
            "{{ secret }}",
            "%PASS%",
            "AKIAIOSFODNN7EXAMPLE",
        ] {
            assert!(is_stand_in(value), "{value}");
        }
        for value in ["$ecr3t!pw", "changeme", "hunter2"] {
            assert!(!is_stand_in(value), "{value}");
        }
    }
}
