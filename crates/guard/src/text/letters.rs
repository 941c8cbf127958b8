//! Letters as they look: what other alphabets write is read as the letter of ASCII it resembles.
//!
//! A text and the words that are searched in it are folded alike. So the fold need not know the
//! language of a word: `система` is folded to the same letters in a text and in a rule, and
//! `systеm` with a Cyrillic letter to those of `system`. The letters `l`, `I`, `i` and `1` are one.

use std::sync::LazyLock;

use unicode_normalization::char::{compose, decompose_compatible};

static LOOKALIKES: LazyLock<Vec<(char, u8)>> =
    LazyLock::new(|| table(include_str!("../../data/lookalikes.txt")));

fn table(lines: &str) -> Vec<(char, u8)> {
    let mut table = Vec::new();
    for line in lines.lines().filter(|line| !line.starts_with('#')) {
        if let Some((letter, others)) = line.split_once(' ') {
            let letter = letter.bytes().next().unwrap_or(b'?');
            table.extend(others.chars().map(|other| (other, one_of_i(letter))));
        }
    }
    table.sort_unstable();
    table
}

/// Folds a character that is not ASCII, and adds what it is read as. Nothing is added for marks
/// over letters; what follows a letter of Korean or Japanese and belongs to it is put together
/// with it.
pub(super) fn push(char: char, into: &mut String) {
    if is_own(char) {
        into.push(char);
    } else if is_mark(char) {
    } else if is_joining(char) {
        join(char, into);
    } else {
        decompose_compatible(char, |part| push_part(part, into));
    }
}

/// A byte of ASCII as it is read: letters in lower case, `l` as `i`.
pub(super) fn ascii(byte: u8) -> u8 {
    one_of_i(byte.to_ascii_lowercase())
}

fn one_of_i(byte: u8) -> u8 {
    if byte == b'l' { b'i' } else { byte }
}

fn push_part(part: char, into: &mut String) {
    if part.is_ascii() {
        into.push(char::from(ascii(part as u8)));
    } else if is_mark(part) {
    } else if let Some(letter) = lookalike(part) {
        into.push(char::from(letter));
    } else {
        match part {
            'ß' => into.push_str("ss"),
            'æ' | 'Æ' => into.push_str("ae"),
            'œ' | 'Œ' => into.push_str("oe"),
            'ø' | 'Ø' => into.push('o'),
            'đ' | 'Đ' | 'ð' | 'Ð' => into.push('d'),
            'ى' | 'ی' => into.push('ي'),
            'ک' => into.push('ك'),
            _ => push_lower(part, into),
        }
    }
}

fn push_lower(part: char, into: &mut String) {
    for lower in part.to_lowercase() {
        match lookalike(lower).or_else(|| enclosed(lower)) {
            Some(letter) => into.push(char::from(letter)),
            None => into.push(lower),
        }
    }
}

fn lookalike(char: char) -> Option<u8> {
    let table = &*LOOKALIKES;
    let at = table
        .binary_search_by_key(&char, |(known, _)| *known)
        .ok()?;
    table.get(at).map(|(_, letter)| *letter)
}

/// Letters in circles and squares, and the letters that flags are spelled with.
fn enclosed(char: char) -> Option<u8> {
    let first = match char {
        '\u{1F150}'..='\u{1F169}' => 0x1F150,
        '\u{1F170}'..='\u{1F189}' => 0x1F170,
        '\u{1F1E6}'..='\u{1F1FF}' => 0x1F1E6,
        _ => return None,
    };
    let letter = u8::try_from(u32::from(char) - first).ok()?;
    Some(one_of_i(b'a' + letter))
}

/// Scripts without look-alikes of Latin letters that are compatible with themselves only.
fn is_own(char: char) -> bool {
    matches!(char,
        '\u{0904}'..='\u{0939}' | '\u{093E}'..='\u{0D7F}' | '\u{0E00}'..='\u{0E7F}'
        | '\u{3041}'..='\u{3096}' | '\u{30A1}'..='\u{30FE}' | '\u{3400}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7A3}' | '\u{20000}'..='\u{3FFFF}')
}

/// Marks that change how a letter is spoken, not which letter is seen at a glance.
fn is_mark(char: char) -> bool {
    matches!(char,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05C7}'
        | '\u{0610}'..='\u{061A}' | '\u{0640}' | '\u{064B}'..='\u{065F}' | '\u{0670}'
        | '\u{06D6}'..='\u{06ED}' | '\u{093C}' | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// What is put together with the character before it.
fn is_joining(char: char) -> bool {
    matches!(
        char,
        '\u{1161}'..='\u{11FF}' | '\u{3099}' | '\u{309A}' | '\u{FF9E}' | '\u{FF9F}'
    )
}

fn join(char: char, into: &mut String) {
    let mark = match char {
        '\u{FF9E}' => '\u{3099}',
        '\u{FF9F}' => '\u{309A}',
        other => other,
    };
    let together = into
        .chars()
        .next_back()
        .and_then(|last| compose(last, mark));
    if let Some(together) = together {
        into.pop();
        into.push(together);
    } else {
        into.push(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut into = String::new();
        for char in text.chars() {
            if char.is_ascii() {
                into.push(char::from(ascii(char as u8)));
            } else {
                push(char, &mut into);
            }
        }
        into
    }

    #[test]
    fn letters_of_other_alphabets_are_read_as_they_look() {
        for text in [
            "ѕуѕtеm",
            "ｓｙｓｔｅｍ",
            "𝔰𝔶𝔰𝔱𝔢𝔪",
            "ⓢⓨⓢⓣⓔⓜ",
            "ꜱʏꜱᴛᴇᴍ",
            "🅂🅈🅂🅃🄴🄼",
            "s̸y̷s̶t̵e̴m̷",
            "⠎⠽⠎⠞⠑⠍",
            "SYSTEM",
            "🇸🇾🇸🇹🇪🇲",
        ] {
            assert_eq!(folded(text), "system", "{text}");
        }
    }

    #[test]
    fn accents_are_no_difference() {
        assert_eq!(
            folded("Précédentes ÜBER Çok ığ Straße"),
            "precedentes uber cok ig strasse"
        );
    }

    #[test]
    fn scripts_of_their_own_stay_and_are_put_together() {
        assert_eq!(folded("無視して 이전 जानकारी"), "無視して 이전 जानकारी");
        assert_eq!(folded("\u{110B}\u{1175}"), "이");
        assert_eq!(folded("\u{304B}\u{3099}ｶﾞ"), "がガ");
    }
}
