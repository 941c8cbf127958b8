//! Words written letter by letter: `i g n o r e`, `i.g.n.o.r.e`.

use std::ops::Range;

use super::Reading;

/// The fewest letters that are a word written so.
const FEWEST: usize = 6;

/// The most letters of one run: longer runs are cut.
const MOST: usize = 4_000;

/// Letters that stand alone, in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spaced {
    /// The letters, without what is between them.
    pub letters: String,
    /// Where they stand in the original.
    pub span: Range<usize>,
}

/// The runs of letters in a text that each stand alone.
pub fn spaced(reading: &Reading) -> Vec<Spaced> {
    let text = reading.text();
    let mut runs = Vec::new();
    let mut letters = String::new();
    let mut span = 0..0;
    for word in reading.words() {
        let alone = word.len() <= 4 && letters.len() < MOST;
        match alone.then(|| letter(text, &word)).flatten() {
            Some(letter) => {
                if letters.is_empty() {
                    span.start = word.start;
                }
                letters.push(letter);
                span.end = word.end;
            }
            None if letters.is_empty() => {}
            None => take(reading, &mut letters, &span, &mut runs),
        }
    }
    take(reading, &mut letters, &span, &mut runs);
    runs
}

/// The letter that a word is.
fn letter(text: &str, word: &Range<usize>) -> Option<char> {
    let mut chars = text.get(word.clone())?.chars();
    chars.next().filter(|_| chars.next().is_none())
}

fn take(reading: &Reading, letters: &mut String, span: &Range<usize>, runs: &mut Vec<Spaced>) {
    if letters.chars().take(FEWEST).count() == FEWEST {
        runs.push(Spaced {
            letters: std::mem::take(letters),
            span: reading.original(span.clone()),
        });
    }
    letters.clear();
}

/// The fewest words with signs in them that are looked at.
const JOINED: usize = 3;

/// A text without the signs that stand between letters of a word (`ig-nore`), if there are some.
pub fn without_joints(text: &str) -> Option<String> {
    let mut before = [b' '; 2];
    let mut joints = 0;
    for byte in text.bytes() {
        let [first, middle] = before;
        joints += usize::from(is_joint(middle) && is_letter(first) && is_letter(byte));
        before = [middle, byte];
    }
    if joints < JOINED {
        return None;
    }
    let bytes = text.as_bytes();
    let at = |index: Option<usize>| index.and_then(|index| bytes.get(index)).copied();
    let plain = text.char_indices().filter(|(index, char)| {
        let within = u8::try_from(*char).is_ok_and(is_joint)
            && at(index.checked_sub(1)).is_some_and(is_letter)
            && at(index.checked_add(1)).is_some_and(is_letter);
        !within
    });
    Some(plain.map(|(_, char)| char).collect())
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

fn is_joint(byte: u8) -> bool {
    matches!(
        byte,
        b'-' | b'*' | b'~' | b'|' | b'^' | b'+' | b'`' | b'\\' | b'#'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_within_words_are_left_out() {
        assert_eq!(
            without_joints("ig-nore a*ll pre|vious. Now - go!").as_deref(),
            Some("ignore all previous. Now - go!")
        );
        assert_eq!(without_joints("a well-known fact"), None);
    }

    #[test]
    fn letters_that_stand_alone_are_words() {
        let text = "Say: i g n-o.r e A\\l\\l. A word, a b c.";
        let runs = spaced(&Reading::new(text));
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!(runs[0].letters, "ignoreaiia");
        assert_eq!(
            text.get(runs[0].span.clone()),
            Some("i g n-o.r e A\\l\\l. A")
        );
    }
}
