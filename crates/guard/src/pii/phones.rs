//! Telephone numbers: international ones by the plan of their country, national ones by the layouts
//! of the larger countries and the words near.

use std::sync::LazyLock;

use super::context::{Digits, is_part, words};
use crate::finding::Entity;
use crate::scan::{Rule, Seen, Words};

const TABLE: &str = include_str!("../../data/phones.txt");

const WORDS: &[&str] = &[
    "phone",
    "tel",
    "tel.",
    "telephone",
    "mobile",
    "cell",
    "fax",
    "call",
    "sms",
    "text me",
    "dial",
    "whatsapp",
    "telegram",
    "signal",
    "reach me",
    "reach",
    "contact",
    "ring",
    "telefon",
    "handy",
    "mobil",
    "rufnummer",
    "anruf",
    "ruf",
    "téléphone",
    "portable",
    "appel",
    "joindre",
    "teléfono",
    "telefono",
    "móvil",
    "celular",
    "llama",
    "llámame",
    "cellulare",
    "chiama",
    "telefone",
    "telemóvel",
    "ligue",
    "telefoon",
    "bel ",
    "nummer",
    "numéro",
    "número",
    "numero",
    "hotline",
    "phone number",
    "number is",
    "voicemail",
    "pager",
    "emergency contact",
    "номер",
    "телефон",
    "电话",
    "手机",
    "電話",
    "携帯",
    "전화",
    "휴대폰",
    "hp:",
    "m:",
    "t:",
    "p:",
    "text",
    "tél",
    "erreichbar",
    "switchboard",
    "line ",
    "landline",
    "helpline",
    "callback",
    "facetime",
    "viber",
];

/// What has digits in such layouts and is no telephone number.
const OTHERS: &[&str] = &[
    "order",
    "invoice",
    "version",
    "isbn",
    "issn",
    "doi",
    "ticket",
    "tracking",
    "id:",
    "sku",
    "part",
    "serial",
    "model",
    "case",
    "ref",
    "reference",
    "rfc",
    "iso",
    "page",
    "pages",
    "timestamp",
    "bestellung",
    "rechnung",
    "commande",
    "facture",
    "pedido",
    "factura",
    "ordine",
    "fattura",
    "account",
    "card",
    "iban",
    "ssn",
    "coordinates",
    "lat",
    "port",
    "pid",
    "uuid",
    "hash",
    "build",
];

/// The plan of a country or a group of countries.
struct Plan {
    code: &'static str,
    kinds: Vec<Kind>,
}

/// The national numbers of some lengths.
struct Kind {
    lengths: Vec<usize>,
    /// The ranges of their first two digits.
    ranges: Vec<(u8, u8)>,
}

/// The plans by calling code.
static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(Plan::read)
        .collect()
});

/// Whose national numbers are known by themselves: calling codes of countries where calls begin
/// with `0`.
const WITH_TRUNK: &[&str] = &[
    "44", "49", "33", "31", "32", "41", "43", "353", "46", "358", "61", "64", "81", "82", "86",
    "91", "62", "60", "63", "66", "84", "27", "20", "90", "972", "971", "880", "92", "40", "359",
    "385", "386", "381", "421", "380", "55", "54", "51", "593", "58", "234", "254", "39", "886",
    "94",
];

/// And of countries where they do not.
const WITHOUT_TRUNK: &[&str] = &[
    "34", "351", "48", "420", "47", "45", "30", "39", "65", "852", "52", "56", "57", "371", "372",
    "370", "36", "7", "354", "352", "356", "507", "506", "1",
];

/// The plans of some calling codes.
fn plans(codes: &[&str]) -> Vec<&'static Plan> {
    codes.iter().filter_map(|code| plan(code)).collect()
}

static TRUNK_PLANS: LazyLock<Vec<&'static Plan>> = LazyLock::new(|| plans(WITH_TRUNK));

static OTHER_PLANS: LazyLock<Vec<&'static Plan>> = LazyLock::new(|| plans(WITHOUT_TRUNK));

/// Italy keeps the zero of its numbers.
static ITALY: LazyLock<Option<&'static Plan>> = LazyLock::new(|| plan("39"));

static NORTH_AMERICA: LazyLock<Option<&'static Plan>> = LazyLock::new(|| plan("1"));

impl Plan {
    fn read(line: &'static str) -> Option<Self> {
        let mut cells = line.split(' ');
        let code = cells.next()?;
        let kinds = cells.skip(2).map(Kind::read).collect::<Option<_>>()?;
        Some(Self { code, kinds })
    }

    fn has(&self, national: &[u8]) -> bool {
        let first = national
            .iter()
            .take(2)
            .fold(0, |number, digit| number * 10 + digit);
        self.kinds.iter().any(|kind| {
            kind.lengths.contains(&national.len())
                && kind
                    .ranges
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&first))
        })
    }
}

impl Kind {
    fn read(cell: &str) -> Option<Self> {
        let (lengths, ranges) = cell.split_once(':')?;
        let range = |range: &str| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            Some((from.parse().ok()?, to.parse().ok()?))
        };
        Some(Self {
            lengths: lengths
                .split(',')
                .map(|length| length.parse().ok())
                .collect::<Option<_>>()?,
            ranges: ranges.split(',').map(range).collect::<Option<_>>()?,
        })
    }
}

fn plan(code: &str) -> Option<&'static Plan> {
    PLANS.iter().find(|plan| plan.code == code)
}

/// An extension after the number.
const EXTENSION: &str = r"(?:[ ,;]{0,2}(?i-u:x|ext\.?|extension|durchwahl|poste|\#) ?[0-9]{1,6})?";

pub(super) fn rules() -> Vec<Rule> {
    let rule = |name: &str, pattern: &str, weigh: fn(Seen<'_>) -> f32| {
        let pattern = format!(r"{pattern}{EXTENSION}(?-u:\b)");
        Rule::weighed(name, Entity::Phone, pattern, weigh)
            .with_words(words(WORDS))
            .with_words(Words::new(OTHERS, 24))
    };
    vec![
        rule(
            "pii.phone_international",
            r"(?:\+|00) ?\(?[1-9][0-9]{0,3}\)?(?:[ ./()-]{0,3}[0-9]){5,13}",
            weigh_international,
        ),
        rule(
            "pii.phone_north_america",
            r"(?:(?:\+|00)?1[ .-]?)?(?:\([2-9][0-9]{2}\) ?[./-]?|[2-9][0-9]{2}[ ./-])[0-9]{3}[ .-][0-9]{4}",
            weigh_north_america,
        ),
        rule(
            "pii.phone_trunk",
            r"(?:\(0[0-9]{1,5}\)|0[0-9]{1,5})(?:[ ./-]{0,3}[0-9]{1,8}){1,5}",
            weigh_trunk,
        ),
        rule(
            "pii.phone_national",
            r"\(?[1-9][0-9]{0,4}\)?(?:[ ./-]{1,3}\(?[0-9]{2,9}\)?){1,4}",
            weigh_national,
        ),
        rule("pii.phone_solid", r"[1-9][0-9]{6,11}", weigh_solid),
    ]
}

/// The number without its extension.
fn without_extension(value: &str) -> &str {
    let end = value.find(|char: char| char.is_ascii_alphabetic() || "#,;".contains(char));
    value.get(..end.unwrap_or(value.len())).unwrap_or(value)
}

fn weigh_international(seen: Seen<'_>) -> f32 {
    let value = without_extension(seen.value);
    if is_part(seen)
        || seen
            .before
            .ends_with(|char: char| char.is_ascii_alphanumeric() || char == '+')
    {
        return 0.0;
    }
    let digits = Digits::of(&value.replacen("(0)", "", 1));
    let plus = value.starts_with('+');
    let all = digits.all();
    let all = if plus {
        all
    } else {
        all.get(2..).unwrap_or_default()
    };
    let known = is_international(all);
    let near = seen.is_near(0);
    match (plus, known, near) {
        (true, true, true) => 0.97,
        (true, true, false) => 0.9,
        (true, false, true) => 0.75,
        (true, false, false) if (8..=15).contains(&all.len()) => 0.55,
        (false, true, true) => 0.93,
        (false, true, false) if value.contains([' ', '-', '(']) => 0.6,
        (false, false, true) => 0.6,
        _ => 0.2,
    }
}

/// Whether digits are a calling code and a number of its plan.
fn is_international(digits: &[u8]) -> bool {
    (1..=3).any(|length| {
        let (Some(code), Some(national)) = (digits.get(..length), digits.get(length..)) else {
            return false;
        };
        let code: String = code.iter().map(|digit| char::from(b'0' + digit)).collect();
        plan(&code).is_some_and(|plan| {
            plan.has(national)
                || national.first() == Some(&0) && plan.has(national.get(1..).unwrap_or_default())
        })
    })
}

fn weigh_north_america(seen: Seen<'_>) -> f32 {
    let value = without_extension(seen.value);
    let digits = Digits::of(value);
    let digits = digits.all();
    let national = digits
        .get(digits.len().saturating_sub(10)..)
        .unwrap_or_default();
    if is_part(seen) || national.len() != 10 {
        return 0.0;
    }
    let exchange = national.get(3).is_some_and(|digit| *digit >= 2);
    let known = exchange && NORTH_AMERICA.is_some_and(|plan| plan.has(national));
    let near = seen.is_near(0);
    if seen.nearest(1).is_some() && !near {
        return 0.2;
    }
    let shaped = value.contains('(') || value.matches('-').count() >= 2;
    match (known, near, shaped) {
        (true, true, _) => 0.97,
        (true, false, true) => 0.85,
        (true, false, false) => 0.65,
        (false, true, _) => 0.8,
        (false, false, true) => 0.6,
        (false, false, false) => 0.4,
    }
}

fn weigh_trunk(seen: Seen<'_>) -> f32 {
    let value = without_extension(seen.value);
    let digits = Digits::of(value);
    let digits = digits.all();
    if is_part(seen)
        || !(8..=13).contains(&digits.len())
        || value.starts_with("00")
        || is_date(value)
    {
        return 0.0;
    }
    let national = digits.get(1..).unwrap_or_default();
    let known = TRUNK_PLANS.iter().any(|plan| plan.has(national))
        || ITALY.is_some_and(|plan| plan.has(digits));
    let near = seen.is_near(0);
    if seen.nearest(1).is_some() && !near {
        return 0.15;
    }
    let groups = value
        .split([' ', '/', '-', '.', '(', ')'])
        .filter(|group| !group.is_empty())
        .count();
    match (near, known, groups) {
        (true, true, _) => 0.95,
        (true, false, _) => 0.75,
        (false, true, 2..) if digits.len() >= 9 => 0.6,
        (false, true, 1) if digits.len() >= 10 => 0.4,
        _ => 0.2,
    }
}

fn weigh_national(seen: Seen<'_>) -> f32 {
    let value = without_extension(seen.value);
    let digits = Digits::of(value);
    let digits = digits.all();
    if is_part(seen) || !(7..=12).contains(&digits.len()) || is_date(value) {
        return 0.0;
    }
    let known = OTHER_PLANS.iter().any(|plan| plan.has(digits)) || is_russian(value, digits);
    let near = seen.is_near(0);
    let other = seen.nearest(1).is_some();
    if near && !known && is_international(digits) {
        return 0.75;
    }
    match (near && !other, known) {
        (true, true) => 0.85,
        (true, false) => 0.6,
        (false, true) if is_iberian(value) && !other => 0.5,
        (false, true) if is_russian(value, digits) => 0.6,
        (false, true) if !other => 0.25,
        _ => 0.05,
    }
}

/// Eleven digits of which the first, an 8, begins calls within Russia: `8 (495) 123-45-67`.
fn is_russian(value: &str, digits: &[u8]) -> bool {
    value.starts_with("8 (") && digits.len() == 11
}

/// Nine digits in groups of three, the first of them 6, 7 or 9: mobiles of Spain and Portugal.
fn is_iberian(value: &str) -> bool {
    let groups: Vec<&str> = value.split(' ').collect();
    groups.len() == 3
        && groups.iter().all(|group| group.len() == 3)
        && value.starts_with(['6', '7', '9'])
}

/// Digits without any separators need words.
fn weigh_solid(seen: Seen<'_>) -> f32 {
    let value = without_extension(seen.value);
    let digits = Digits::of(value);
    let digits = digits.all();
    if is_part(seen) || seen.nearest(1).is_some() || !seen.is_near(0) {
        return 0.05;
    }
    let varied = digits.windows(2).any(|pair| pair.first() != pair.last());
    let known = OTHER_PLANS
        .iter()
        .chain(TRUNK_PLANS.iter())
        .any(|plan| plan.has(digits));
    match (known && varied, is_international(digits)) {
        (true, _) => 0.8,
        (false, true) => 0.75,
        (false, false) if varied => 0.45,
        _ => 0.1,
    }
}

/// Whether groups of digits write a date: `2024-01-15`, `15.01.2024`.
fn is_date(value: &str) -> bool {
    let groups: Vec<u32> = value
        .split(['.', '-', '/', ' '])
        .map(|group| group.parse().unwrap_or(u32::MAX))
        .collect();
    match groups.as_slice() {
        [year, month, day] if (1800..2200).contains(year) => *month <= 12 && *day <= 31,
        [one, other, year] => {
            *one <= 31
                && *other <= 31
                && (*one <= 12 || *other <= 12)
                && (*year < 100 || (1800..2200).contains(year))
        }
        [from, to] => (1800..2200).contains(from) && (1800..2200).contains(to),
        _ => false,
    }
}
