//! Texts that speak about attacks are none: what is quoted, or told of somebody.

use std::ops::Range;

use super::book::Reads;
use crate::finding::Severity;

/// How far before a match words count that speak about attacks, in bytes of the words read.
const CUE_BYTES: usize = 120;

/// How far behind a quoted match such words count, too.
const HINT_BYTES: usize = 60;

/// How far before and behind a match its quotation marks stand at most, in bytes.
const QUOTE_BYTES: usize = 200;

/// How grave a match is where it stands: less so where words near it speak about attacks, and not
/// at all if it is quoted there, too.
pub(super) fn damped(
    severity: Severity,
    reads: &Reads,
    words: Range<usize>,
    quoted: bool,
) -> Option<Severity> {
    let Range { start, end } = words;
    let before = |at: usize| at < start && at + CUE_BYTES >= start;
    let behind = |at: usize| at >= end && at <= end + HINT_BYTES;
    let cued = reads
        .cues
        .iter()
        .any(|at| before(*at) || quoted && behind(*at));
    let hinted = quoted && reads.hints.iter().any(|at| before(*at) || behind(*at));
    match (cued || hinted, quoted, severity) {
        (false, ..) => Some(severity),
        (true, true, _) => None,
        (true, false, Severity::High) => Some(Severity::Medium),
        (true, false, _) => Some(Severity::Low),
    }
}

/// Whether a span stands between quotation marks of its line.
pub(super) fn is_quoted(text: &str, span: &Range<usize>) -> bool {
    let before = text.get(..span.start).unwrap_or_default();
    let after = text.get(span.end..).unwrap_or_default();
    let opened = before
        .char_indices()
        .rev()
        .take_while(|(at, char)| *char != '\n' && span.start - at <= QUOTE_BYTES)
        .find_map(|(at, char)| opens(before, at, char));
    let Some(closing) = opened else {
        return false;
    };
    after
        .char_indices()
        .take_while(|(at, char)| *char != '\n' && *at <= QUOTE_BYTES)
        .any(|(_, char)| char == closing)
}

/// The mark that closes a quotation, if one opens at `at`.
fn opens(text: &str, at: usize, char: char) -> Option<char> {
    let closing = match char {
        '"' | '`' => char,
        '\'' => char,
        '“' => '”',
        '‘' => '’',
        '„' => '“',
        '«' => '»',
        '「' => '」',
        '『' => '』',
        '《' => '》',
        _ => return None,
    };
    let before = text.get(..at).and_then(|text| text.chars().next_back());
    let borders = before.is_none_or(|char| !char.is_alphanumeric());
    (borders || char != '\'').then_some(closing)
}

/// Whether a line, a sentence or a clause begins at a byte.
pub(super) fn opens_clause(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    let before = before.trim_end_matches([' ', '\t']);
    before
        .chars()
        .next_back()
        .is_none_or(|char| !char.is_alphanumeric())
}
