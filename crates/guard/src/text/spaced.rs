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
    let mut start = 0;
    for word in text.split([' ', '.', '\n']) {
        let end = start + word.len();
        let mut chars = word.chars();
        match (chars.next(), chars.next()) {
            (Some(letter), None) if letters.len() < MOST => {
                if letters.is_empty() {
                    span.start = start;
                }
                letters.push(letter);
                span.end = end;
            }
            _ => take(reading, &mut letters, &span, &mut runs),
        }
        start = end + 1;
    }
    take(reading, &mut letters, &span, &mut runs);
    runs
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
    let mut plain = String::with_capacity(text.len());
    let mut joints = 0;
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let within =
            before.is_alphabetic() && chars.peek().is_some_and(|next| next.is_alphabetic());
        if within && is_joint(char) {
            joints += 1;
        } else {
            plain.push(char);
        }
        before = char;
    }
    (joints >= JOINED).then_some(plain)
}

fn is_joint(char: char) -> bool {
    matches!(
        char,
        '-' | '*' | '~' | '|' | '^' | '+' | '\'' | '`' | '\\' | '.' | '_' | '·' | '•' | '/' | '#'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_within_words_are_left_out() {
        assert_eq!(
            without_joints("ig-nore a*ll pre_vious. Now - go!").as_deref(),
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
