//! Rows of numbers and of Morse's signs: one for each letter.

use std::ops::Range;

use super::{Budget, Decoded, readable};

/// The fewest in a row that are looked at.
const FEWEST: usize = 8;

/// The longest group, in bytes: eight bits.
const LONGEST: usize = 8;

/// How a group is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hex,
    Binary,
    Decimal,
    Octal,
    Morse,
}

const KINDS: &[(Kind, &str)] = &[
    (Kind::Hex, "hex"),
    (Kind::Binary, "binary"),
    (Kind::Decimal, "decimal"),
    (Kind::Octal, "octal"),
    (Kind::Morse, "morse"),
];

/// Groups in a row; for each kind whether all of them are of it.
#[derive(Default)]
struct Row {
    groups: Vec<Range<usize>>,
    kinds: u8,
}

pub(super) fn find(text: &str, budget: &mut Budget, found: &mut Vec<Decoded>) {
    let bytes = text.as_bytes();
    let mut row = Row::default();
    let mut start = 0;
    while start < bytes.len() {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| is_separator(*byte));
        let length = length.unwrap_or(rest.len());
        if length > 0 && (row.kinds != 0 || rest.first().is_some_and(|byte| may_begin(*byte))) {
            let group = rest.get(..length).unwrap_or_default();
            let kinds = kinds(group);
            if row.kinds & kinds == 0 {
                take(text, &mut row, budget, found);
                row.kinds = kinds;
            } else {
                row.kinds &= kinds;
            }
            if kinds != 0 {
                row.groups.push(start..start + length);
            }
        }
        start += length + 1;
    }
    take(text, &mut row, budget, found);
}

fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b',' | b';' | b'[' | b']' | b'"' | b'\'')
}

fn may_begin(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || matches!(byte, b'.' | b'-' | b'/' | b'|' | b'\\')
}

/// The kinds that a group may be of, as bits in the order of [`KINDS`].
fn kinds(group: &[u8]) -> u8 {
    if group.len() > LONGEST {
        return 0;
    }
    let digits = hex_digits(group);
    let all = |test: fn(&u8) -> bool| group.iter().all(test);
    let hex = digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    let binary = matches!(group.len(), 7 | 8) && all(|byte| matches!(byte, b'0' | b'1'));
    let decimal = matches!(group.len(), 2 | 3) && all(u8::is_ascii_digit);
    let octal = matches!(group.len(), 2 | 3) && all(|byte| matches!(byte, b'0'..=b'7'));
    let morse = group.len() <= 7 && all(|byte| matches!(byte, b'.' | b'-' | b'/' | b'|'))
        || matches!(group, b"/" | b"|");
    [hex, binary, decimal, octal, morse]
        .iter()
        .enumerate()
        .fold(0, |bits, (at, is)| bits | u8::from(*is) << at)
}

/// Without what marks them as hexadecimal.
fn hex_digits(group: &[u8]) -> &[u8] {
    group
        .strip_prefix(b"0x")
        .or_else(|| group.strip_prefix(b"\\x"))
        .unwrap_or(group)
}

fn take(text: &str, row: &mut Row, budget: &mut Budget, found: &mut Vec<Decoded>) {
    let row = std::mem::take(row);
    let (Some(first), Some(last)) = (row.groups.first(), row.groups.last()) else {
        return;
    };
    let span = first.start..last.end;
    if row.groups.len() < FEWEST || !budget.take(span.len()) {
        return;
    }
    for (at, (kind, name)) in KINDS.iter().enumerate() {
        if row.kinds >> at & 1 == 1 {
            let groups = row
                .groups
                .iter()
                .filter_map(|group| text.get(group.clone()));
            let bytes: Option<Vec<u8>> = groups.map(|group| letter(*kind, group)).collect();
            if let Some(decoded) = readable(name, bytes, span.clone()) {
                found.push(decoded);
                return;
            }
        }
    }
}

fn letter(kind: Kind, group: &str) -> Option<u8> {
    let digits = std::str::from_utf8(hex_digits(group.as_bytes())).ok()?;
    match kind {
        Kind::Hex => u8::from_str_radix(digits, 16).ok(),
        Kind::Binary => u8::from_str_radix(group, 2).ok(),
        Kind::Decimal => group.parse().ok(),
        Kind::Octal => u8::from_str_radix(group, 8).ok(),
        Kind::Morse => morse(group),
    }
}

/// International Morse code (ITU-R M.1677).
fn morse(group: &str) -> Option<u8> {
    const CODES: &[&str] = &[
        ".-", "-...", "-.-.", "-..", ".", "..-.", "--.", "....", "..", ".---", "-.-", ".-..", "--",
        "-.", "---", ".--.", "--.-", ".-.", "...", "-", "..-", "...-", ".--", "-..-", "-.--",
        "--..",
    ];
    if matches!(group, "/" | "|" | "//") {
        return Some(b' ');
    }
    match CODES.iter().position(|code| *code == group) {
        Some(at) => u8::try_from(at).ok().map(|at| b'a' + at),
        None => Some(b'?'),
    }
}
