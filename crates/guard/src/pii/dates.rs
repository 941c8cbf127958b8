//! Dates of birth, other dates, and ages over 89.

use crate::finding::Entity;
use crate::scan::{Rule, Seen, Words};

/// What is said before a date of birth.
const BIRTH: &[&str] = &[
    "born",
    "birth",
    "dob",
    "d.o.b",
    "birthday",
    "birthdate",
    "birth_date",
    "date_of_birth",
    "dateofbirth",
    "geboren",
    "geb.",
    "geburtsdatum",
    "geburtstag",
    "geburt",
    "né le",
    "née le",
    "né(e)",
    "naissance",
    "né ",
    "née ",
    "naci",
    "nacimiento",
    "nascid",
    "nascimento",
    "nato ",
    "nata ",
    "nascita",
    "geboortedatum",
    "geboorte",
    "född",
    "født",
    "urodz",
    "narozen",
    "synt",
    "рожден",
    "родил",
    "doğum",
    "出生",
    "生日",
    "生年月日",
    "생년월일",
];

/// Words before dates that may be something else.
const DATED: &[&str] = &[
    "date",
    "on ",
    "admitted",
    "discharged",
    "since",
    "datum",
    "le ",
    "fecha",
    "data",
];

/// Words of numbers that look like dates.
const VERSIONS: &[&str] = &[
    "version", "v", "release", "section", "chapter", "ratio", "score", "rfc",
];

/// Months in English, German, French, Spanish, Italian, Portuguese and Dutch.
const MONTHS: &str = concat!(
    "(?i-u:jan(?:uary|uar|vier|uari)?|enero|ene|gennaio|gen|janeiro|feb(?:ruary|ruar|rero|braio|ruari)?|",
    "f(?:é|e)vrier|f(?:é|e)vr?|fevereiro|mar(?:ch|s|zo|ço)?|m(?:ä|ae)rz|m(?:å|a)rts|maart|mrt|",
    "apr(?:il|ile)?|avril|avr|abril|abr|may|mai|mei|mayo|maggio|mag|maio|june?|juni|juin|junio|giugno|giu|junho|",
    "july?|juli|juillet|juil|julio|luglio|lug|julho|aug(?:ust|ustus)?|ao(?:û|u)t|agosto|ago|",
    "sept?(?:ember|embre|iembre)?|setembro|settembre|set|oct(?:ober|obre|ubre)?|okt(?:ober)?|ottobre|ott|outubro|out|",
    "nov(?:ember|embre|iembre|embro)?|dec(?:ember)?|d(?:é|e)cembre|d(?:é|e)c|dez(?:ember|embro)?|diciembre|dic(?:embre)?)",
);

/// The forms of dates; a year may be missing only where a month has its name.
fn forms() -> Vec<(&'static str, String)> {
    let day = "(?:0?[1-9]|[12][0-9]|3[01])";
    let month = "(?:0?[1-9]|1[0-2])";
    let year = "(?:1[89]|20)[0-9]{2}";
    let time = r"(?:[T ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?";
    let short = "(?:(?:1[89]|20)[0-9]{2}|'?[0-9]{2})";
    vec![
        ("iso", format!("{year}[-/.]{month}[-/.]{day}{time}")),
        (
            "numbers",
            format!(r"(?:{day}[./-] ?{month}|{month}[./-]{day})[./-] ?{short}"),
        ),
        (
            "month_first",
            format!(r"{MONTHS}\.? {day}(?:st|nd|rd|th)?(?:,? {year})?"),
        ),
        (
            "day_first",
            format!(
                r"{day}(?:st|nd|rd|th|er|\.|º|°)?[ -]?(?: ?(?:of|de|di) )?{MONTHS}\.?(?:(?:,| de| del|-)?[ -]?{short})?"
            ),
        ),
        ("cjk", format!("{year}年 ?{month}月 ?{day}[日号]")),
        ("korean", format!("{year}년 ?{month}월 ?{day}일")),
    ]
}

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for (name, form) in forms() {
        let pattern = match name {
            "cjk" | "korean" => form,
            _ => format!(r"(?:{form})(?-u:\b)"),
        };
        let id = format!("pii.birth_{name}");
        let birth = Rule::weighed(&id, Entity::DateOfBirth, pattern.clone(), weigh_birth);
        rules.push(birth.with_words(Words::new(BIRTH, 56)));
        let id = format!("pii.date_{name}");
        let date = Rule::weighed(&id, Entity::Date, pattern, weigh_date);
        rules.push(
            date.with_words(Words::new(DATED, 40))
                .with_words(Words::new(VERSIONS, 12)),
        );
    }
    rules.push(Rule::weighed(
        "pii.birth_solid",
        Entity::DateOfBirth,
        r"(?:(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])|(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])(?:19|20)[0-9]{2})(?-u:\b)",
        |seen| if seen.nearest(0).is_some() { 0.85 } else { 0.05 },
    ).with_words(Words::new(BIRTH, 40)));
    rules.extend(ages());
    rules
}

fn ages() -> Vec<Rule> {
    let age = "(?:9[0-9]|1[0-2][0-9])";
    let years = concat!(
        "[ -]?(?i-u:years?[ -]olds?|year[ -]olds?|y/?o|yrs?[ -]old|years? of age|jahre alt|[ -]?jährige?[rn]?|ans|",
        "años|anni|anos|jaar(?: oud)?)",
    );
    vec![
        Rule::fixed(
            "pii.high_age",
            Entity::HighAge,
            format!(r"{age}{years}(?-u:\b)"),
            0.85,
        ),
        Rule::fixed(
            "pii.high_age_said",
            Entity::HighAge,
            format!(
                r#"(?i-u:aged?|alter|âge|edad|età|idade|leeftijd|years old)["']?(?: of| is| von|:|=)? ?"?(?<value>{age})(?-u:\b)"#
            ),
            0.8,
        ),
    ]
}

/// Whether a date is a part of something else: a path, a version, a number with more parts.
fn is_part(seen: Seen<'_>) -> bool {
    let glued = |char: char| {
        char.is_ascii_alphanumeric() || matches!(char, '/' | '.' | '-' | '_' | '$' | '@')
    };
    let begun = match seen.before.chars().next_back() {
        Some('-' | '/' | '.') => seen
            .before
            .chars()
            .rev()
            .nth(1)
            .is_some_and(|char| char.is_ascii_alphanumeric()),
        Some(last) => glued(last),
        None => false,
    };
    let mut ahead = seen.after.chars();
    let goes_on = match ahead.next() {
        Some('.' | '-' | '/') => ahead.next().is_some_and(|char| char.is_ascii_digit()),
        Some(next) => next.is_ascii_alphanumeric() || next == '%',
        None => false,
    };
    begun || goes_on
}

fn weigh_birth(seen: Seen<'_>) -> f32 {
    if is_part(seen) || seen.nearest(0).is_none() {
        return 0.0;
    }
    if has_year(seen.value) { 0.95 } else { 0.8 }
}

fn weigh_date(seen: Seen<'_>) -> f32 {
    if is_part(seen) {
        return 0.0;
    }
    if seen.nearest(1).is_some() {
        return 0.1;
    }
    let named = seen.value.chars().any(char::is_alphabetic);
    let dated = seen.is_near(0);
    match (has_year(seen.value), named) {
        (true, _) => 0.9,
        // `May 5` may be a name and a number.
        (false, true) if dated => 0.8,
        (false, true) => 0.6,
        (false, false) if dated => 0.7,
        (false, false) if seen.value.contains('.') => 0.55,
        (false, false) => 0.4,
    }
}

fn has_year(value: &str) -> bool {
    value
        .split(|char: char| !char.is_ascii_digit())
        .any(|group| group.len() == 4)
}
