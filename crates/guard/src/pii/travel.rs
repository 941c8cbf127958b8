//! The machine-readable zones of passports and identity cards (ICAO 9303), by their check digits.

use crate::finding::Entity;
use crate::scan::{Rule, Seen};

/// The second line of a passport: number, nationality, birth, sex, expiry, personal number.
const PASSPORT: &str =
    "[A-Z0-9<]{9}[0-9][A-Z]{1,3}<{0,2}[0-9]{6}[0-9][MFX<][0-9]{6}[0-9][A-Z0-9<]{14,15}[0-9]";

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::weighed(
            "pii.passport_zone",
            Entity::Passport,
            format!("P[A-Z<][A-Z<]{{3}}[A-Z<]{{39}}\r?\n{PASSPORT}"),
            |seen| {
                weigh(
                    seen,
                    seen.value
                        .trim_end()
                        .rsplit('\n')
                        .next()
                        .unwrap_or_default(),
                )
            },
        ),
        Rule::weighed("pii.passport_line", Entity::Passport, PASSPORT, |seen| {
            weigh(seen, seen.value)
        }),
        Rule::weighed(
            "pii.identity_card_zone",
            Entity::NationalId,
            concat!(
                "[IAC][A-Z0-9<][A-Z<]{3}[A-Z0-9<]{9}[0-9<][A-Z0-9<]{15}\r?\n",
                "[0-9]{6}[0-9][MFX<][0-9]{6}[0-9][A-Z<]{3}[A-Z0-9<]{11}[0-9](?:\r?\n[A-Z<]{30})?",
            ),
            weigh_card,
        ),
    ]
}

/// At most a check digit may be missing, for poor scans are usual.
fn weigh(seen: Seen<'_>, line: &str) -> f32 {
    if seen
        .after
        .starts_with(|next: char| next.is_ascii_alphanumeric())
    {
        return 0.0;
    }
    let held = [(0..9, 9), (13..19, 19), (21..27, 27)]
        .into_iter()
        .filter(|(field, check)| is_checked(line, field.clone(), *check))
        .count();
    match held {
        3 => 0.99,
        2 => 0.6,
        _ => 0.0,
    }
}

fn weigh_card(seen: Seen<'_>) -> f32 {
    let mut lines = seen.value.lines();
    let (first, second) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    let held = usize::from(is_checked(first, 5..14, 14))
        + usize::from(is_checked(second, 0..6, 6))
        + usize::from(is_checked(second, 8..14, 14));
    if held >= 2 { 0.97 } else { 0.0 }
}

/// Weights 7, 3, 1 over digits, letters from 10 on, and `<` as 0, modulo 10.
fn is_checked(line: &str, field: std::ops::Range<usize>, check: usize) -> bool {
    let value = |byte: u8| char::from(byte).to_digit(36).unwrap_or_default();
    let field = line.as_bytes().get(field).unwrap_or_default();
    let sum: u32 = field
        .iter()
        .zip([7, 3, 1].iter().cycle())
        .map(|(byte, weight)| value(*byte) * weight)
        .sum();
    line.as_bytes()
        .get(check)
        .is_some_and(|check| value(*check) == sum % 10)
}
