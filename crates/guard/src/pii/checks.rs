//! The checksums and rules of numbers, by the names that the table of numbers uses.

mod letters;
mod moduli;

pub(super) use letters::is_country;
pub(super) use moduli::{is_luhn, is_mod_97};

use super::context::Digits;

/// Whether some digits or letters can be a number of a kind.
type Holds = fn(&[u8]) -> bool;

/// Whether a value can be a number of a kind.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check {
    /// By its decimal digits.
    Digits(Holds),
    /// By its letters and digits, in upper case.
    Letters(Holds),
}

impl Check {
    pub(super) fn holds(self, value: &str) -> bool {
        match self {
            Self::Digits(check) => check(Digits::of(value).all()),
            Self::Letters(check) => check(&letters(value)),
        }
    }
}

/// The check of a name.
pub(super) fn named(name: &str) -> Option<Check> {
    let find = |checks: &[(&str, Holds)]| {
        let found = checks.iter().find(|(known, _)| *known == name);
        found.map(|(_, check)| *check)
    };
    let digits = find(moduli::CHECKS).map(Check::Digits);
    digits.or_else(|| find(letters::CHECKS).map(Check::Letters))
}

fn letters(value: &str) -> Vec<u8> {
    value
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_uppercase())
        .collect()
}

/// The sum of digits times weights.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum()
}

/// The digit at a place, from zero.
fn at(digits: &[u8], place: usize) -> u32 {
    digits.get(place).copied().map_or(0, u32::from)
}

/// The number that some digits write.
fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(*digit))
}

fn slice(digits: &[u8], from: usize, to: usize) -> &[u8] {
    digits.get(from..to).unwrap_or_default()
}

/// Whether two digits each write a month and a day that exist.
fn is_month_day(month: u64, day: u64) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Whether digits are not all the same, as in fillers.
fn varies(digits: &[u8]) -> bool {
    digits.windows(2).any(|pair| pair.first() != pair.last())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_check_fails_on_any_digits_or_letters(
            digits in prop::collection::vec(0_u8..10, 0..24),
            letters in "[A-Z0-9]{0,24}",
        ) {
            for (_, check) in moduli::CHECKS {
                check(&digits);
            }
            for (_, check) in letters::CHECKS {
                check(letters.as_bytes());
            }
        }
    }
}
