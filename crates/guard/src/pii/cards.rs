//! Payment cards: the number by its checksum and its issuer's range, the verification value by its
//! context, the tracks of the stripe.

use super::checks::is_luhn;
use super::context::{Digits, is_part, words};
use crate::finding::Entity;
use crate::scan::{Rule, Seen};

/// The ranges of the networks: first and last of the first four digits, and the shortest and
/// longest number (ISO/IEC 7812; the networks' public tables).
const RANGES: &[(u16, u16, usize, usize)] = &[
    (1800, 1800, 15, 15),
    (2131, 2131, 15, 15),
    (2200, 2204, 16, 19),
    (2221, 2720, 16, 16),
    (3000, 3059, 14, 19),
    (3095, 3095, 14, 19),
    (3400, 3499, 15, 15),
    (3528, 3599, 16, 19),
    (3600, 3699, 14, 19),
    (3700, 3799, 15, 15),
    (3800, 3999, 14, 19),
    (4000, 4999, 13, 19),
    (5018, 5020, 12, 19),
    (5038, 5038, 12, 19),
    (5060, 5067, 16, 19),
    (5078, 5090, 16, 19),
    (5100, 5599, 16, 16),
    (5600, 5899, 12, 19),
    (6011, 6011, 16, 19),
    (6062, 6062, 16, 16),
    (6200, 6299, 16, 19),
    (6304, 6304, 12, 19),
    (6363, 6363, 16, 16),
    (6370, 6399, 16, 16),
    (6440, 6599, 16, 19),
    (6700, 6799, 12, 19),
    (8100, 8299, 16, 19),
    (9792, 9792, 16, 16),
];

const WORDS: &[&str] = &[
    "card",
    "credit",
    "debit",
    "visa",
    "mastercard",
    "master card",
    "amex",
    "american express",
    "discover",
    "diners",
    "jcb",
    "maestro",
    "unionpay",
    "pan",
    "cc",
    "ccn",
    "kreditkarte",
    "karte",
    "carte",
    "tarjeta",
    "carta",
    "cartão",
    "cartao",
    "kaart",
    "creditcard",
    "payment",
    "pay with",
    "charge",
    "karta",
    "kort",
    "信用卡",
    "カード",
    "카드",
];

pub(super) fn rules() -> Vec<Rule> {
    let number = |name: &str, pattern: &'static str| {
        Rule::weighed(name, Entity::PaymentCard, pattern, weigh).with_words(words(WORDS))
    };
    vec![
        number("pii.card", r"[0-9]{12,19}(?-u:\b)"),
        number("pii.card_in_fours", r"[0-9]{4}(?:[ .-][0-9]{4}){3}(?-u:\b)"),
        number(
            "pii.card_in_fours_long",
            r"[0-9]{4}(?:[ .-][0-9]{4}){3}[ .-]?[0-9]{1,3}(?-u:\b)",
        ),
        number(
            "pii.card_amex",
            r"3[47][0-9]{2}[ .-][0-9]{6}[ .-][0-9]{5}(?-u:\b)",
        ),
        number(
            "pii.card_diners",
            r"3[0-9]{3}[ .-][0-9]{6}[ .-][0-9]{4}(?-u:\b)",
        ),
        Rule::weighed(
            "pii.card_track",
            Entity::CardTrack,
            r"%?[Bb][0-9]{12,19}\^[^\^\n]{2,26}\^[0-9]{4}[^?\n]{0,60}\??",
            weigh_track,
        ),
        Rule::weighed(
            "pii.card_track_2",
            Entity::CardTrack,
            r";?[0-9]{12,19}[=D][0-9]{7,30}\??",
            weigh_track,
        ),
    ]
}

/// Verification values, told by their names.
pub(super) fn codes() -> Vec<Rule> {
    vec![Rule::fixed(
        "pii.card_cvv",
        Entity::CardCvv,
        concat!(
            "(?i-u:cvv2?|cvc2?|csc|cav2?|cid|card verification (?:value|code|number)|",
            "card security code|security code|kartenpr(?:ü|ue)fnummer|pr(?:ü|ue)fziffer|",
            "code de s(?:é|e)curit(?:é|e)|cryptogramme|c(?:ó|o)digo de seguran?(?:ç|c|d)ad?a?|",
            "codice di sicurezza|beveiligingscode)",
            r#"[^0-9\n.;]{0,16}(?<value>[0-9]{3,4})(?-u:\b)"#,
        ),
        0.85,
    )]
}

fn weigh(seen: Seen<'_>) -> f32 {
    let digits = Digits::of(seen.value);
    let digits = digits.all();
    if is_part(seen) || !is_luhn(digits) || is_filler(digits) {
        return 0.0;
    }
    match (is_issued(digits), seen.is_near(0)) {
        (true, true) => 0.98,
        (true, false) if digits.len() < 14 => 0.4,
        (true, false) => 0.85,
        (false, true) => 0.6,
        (false, false) => 0.1,
    }
}

/// Whether a network issues such numbers.
fn is_issued(digits: &[u8]) -> bool {
    let first = digits
        .iter()
        .take(4)
        .fold(0, |number, digit| number * 10 + u16::from(*digit));
    RANGES.iter().any(|(from, to, shortest, longest)| {
        (*from..=*to).contains(&first) && (*shortest..=*longest).contains(&digits.len())
    })
}

/// Whether a number only fills a form: three different digits have to be in it.
fn is_filler(digits: &[u8]) -> bool {
    let kinds = (0..10).filter(|digit| digits.contains(digit)).count();
    // Cards for tests have two: 4111 1111 1111 1111, 4242 4242 4242 4242.
    kinds < 2
}

fn weigh_track(seen: Seen<'_>) -> f32 {
    let number = seen.value.trim_start_matches(['%', 'B', 'b', ';']);
    let number = number.split(['^', '=', 'D']).next().unwrap_or_default();
    let digits = Digits::of(number);
    if is_luhn(digits.all()) && is_issued(digits.all()) {
        0.97
    } else {
        0.2
    }
}
