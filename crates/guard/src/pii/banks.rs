//! International bank account numbers.

use super::checks::{is_country, is_mod_97};
use super::context::{is_part, words};
use crate::finding::Entity;
use crate::scan::{Rule, Seen};

/// The length of an account number and the countries that have it, two letters each (the registry
/// of SWIFT).
const LENGTHS: &[(usize, &str)] = &[
    (15, "NO"),
    (16, "BE"),
    (18, "DKFOGLFINLSDFK"),
    (19, "MKSI"),
    (20, "ATBAEEKZXKLTLUMN"),
    (21, "CHHRLILV"),
    (22, "BGDEGEIEMEGBRSBHCRVA"),
    (23, "AEGIILTLIQOM"),
    (24, "ADCZMDPKROSASKESSETNVG"),
    (25, "PTSTLY"),
    (26, "ISTR"),
    (27, "FRGRITMCMRSMBIDJ"),
    (28, "ALAZBYCYDOHUGTLBPLSVNIHN"),
    (29, "BRPSQAUAEG"),
    (30, "JOKWMUYE"),
    (31, "MTSC"),
    (32, "LC"),
    (33, "RU"),
];

const WORDS: &[&str] = &[
    "iban", "account", "konto", "compte", "cuenta", "conto", "conta", "rekening",
];

pub(super) fn rules() -> Vec<Rule> {
    LENGTHS
        .iter()
        .map(|(length, countries)| {
            let id = format!("pii.iban_{length}");
            Rule::weighed(&id, Entity::Iban, pattern(*length, countries), weigh)
                .with_words(words(WORDS))
        })
        .collect()
}

/// Groups of four, or any grouping with single spaces or dashes where the groups of four are.
fn pattern(length: usize, countries: &str) -> String {
    let countries: Vec<&str> = (0..countries.len())
        .step_by(2)
        .filter_map(|at| countries.get(at..at + 2))
        .collect();
    let (groups, rest) = ((length - 4) / 4, (length - 4) % 4);
    let rest = match rest {
        0 => String::new(),
        rest => format!("[ -]?[A-Z0-9]{{{rest}}}"),
    };
    let countries = countries.join("|");
    format!(r"(?i-u:(?:{countries})[0-9]{{2}}(?:[ -]?[A-Z0-9]{{4}}){{{groups}}}{rest})(?-u:\b)")
}

/// Codes of banks, which have letters only.
pub(super) fn codes() -> Vec<Rule> {
    let bic = Rule::weighed(
        "pii.bic",
        Entity::BankAccount,
        r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?-u:\b)",
        weigh_bic,
    );
    vec![bic.with_words(words(&["bic", "swift", "swift-code"]))]
}

fn weigh_bic(seen: Seen<'_>) -> f32 {
    let country = seen.value.get(4..6).is_some_and(is_country);
    match (country && !is_part(seen), seen.is_near(0)) {
        (true, true) => 0.88,
        (true, false) => 0.05,
        (false, _) => 0.0,
    }
}

fn weigh(seen: Seen<'_>) -> f32 {
    let value: String = seen
        .value
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    if is_part(seen) {
        return 0.0;
    }
    match (is_mod_97(&value), seen.is_near(0)) {
        (true, true) => 0.99,
        (true, false) => 0.96,
        (false, true) if value.bytes().filter(u8::is_ascii_digit).count() > 10 => 0.4,
        (false, _) => 0.0,
    }
}
