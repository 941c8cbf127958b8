//! Templates filled: texts whose names and addresses are known.
//!
//! A template is a line `family|text`; in its text `\n` is the end of a line and a word in braces
//! is a slot. Families that begin with `n-` hold no names.

use std::ops::Range;

use iron_guard::Entity;

use super::people::People;
use super::places::Places;
use super::sources::{LANGUAGES, Sources};
use crate::random::Random;

/// A text whose names and addresses are known.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The text.
    pub text: String,
    /// What it holds, in order.
    pub spans: Vec<(Entity, Range<usize>)>,
    /// What is unknown in it: neither right nor wrong.
    pub unsure: Vec<Range<usize>>,
    /// Language and family of the template, or the source of a text.
    pub family: String,
    /// Locale of its names, where they were filled in.
    pub locale: String,
}

impl Known {
    /// Adds a span; names beside each other are one.
    fn add(&mut self, entity: Entity, span: Range<usize>) {
        let beside = |last: &Range<usize>| self.text.get(last.end..span.start) == Some(" ");
        match self.spans.last_mut() {
            Some((Entity::Person, last)) if entity == Entity::Person && beside(last) => {
                last.end = span.end;
            }
            _ => self.spans.push((entity, span)),
        }
    }
}

/// A template.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// Its language.
    pub language: &'static str,
    /// Its family.
    pub family: &'static str,
    text: &'static str,
}

const FILES: &[(&str, &str)] = &[
    ("en", include_str!("../../data/names/en.txt")),
    ("en", include_str!("../../data/names/neg_en.txt")),
    ("de", include_str!("../../data/names/de.txt")),
    ("fr", include_str!("../../data/names/fr.txt")),
    ("es", include_str!("../../data/names/es.txt")),
    ("it", include_str!("../../data/names/it.txt")),
    ("pt", include_str!("../../data/names/pt.txt")),
    ("nl", include_str!("../../data/names/nl.txt")),
    ("pl", include_str!("../../data/names/pl.txt")),
    ("sv", include_str!("../../data/names/sv.txt")),
    ("tr", include_str!("../../data/names/tr.txt")),
    ("ru", include_str!("../../data/names/ru.txt")),
];

impl Template {
    /// Language and family.
    pub fn name(&self) -> String {
        format!("{}/{}", self.language, self.family)
    }
}

/// All templates.
pub fn templates() -> Vec<Template> {
    let mut templates = Vec::new();
    for (language, file) in FILES {
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            if let Some((family, text)) = line.split_once('|') {
                templates.push(Template {
                    language,
                    family,
                    text,
                });
            }
        }
    }
    templates
}

/// What fills a template.
pub struct Filler<'a> {
    sources: &'a Sources,
    people: People<'a>,
    places: Places<'a>,
    language: &'static str,
}

impl<'a> Filler<'a> {
    /// A filler with names and addresses of a locale.
    pub fn new(
        sources: &'a Sources,
        language: &'static str,
        locale: &'a str,
        home: &'a str,
    ) -> Self {
        Self {
            sources,
            people: People { sources, locale },
            places: Places {
                sources,
                locale: home,
                language,
            },
            language,
        }
    }

    /// Appends a filled template.
    pub fn fill(&self, random: &mut Random, template: &Template, known: &mut Known) {
        let text = template.text.replace("\\n", "\n").replace("\\t", "\t");
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            known.text.push_str(before);
            match after.split_once('}').filter(|(slot, _)| is_slot(slot)) {
                Some((slot, after)) => {
                    self.slot(random, slot, known);
                    rest = after;
                }
                None => {
                    known.text.push('{');
                    rest = after;
                }
            }
        }
        known.text.push_str(rest);
    }

    fn slot(&self, random: &mut Random, slot: &str, known: &mut Known) {
        let start = known.text.len();
        let entity = if let Some(name) = self.person(random, slot, known) {
            let start = known.text.len();
            known.text.push_str(&name);
            Some((Entity::Person, start))
        } else if let Some(address) = self.address(random, slot) {
            known.text.push_str(&address);
            Some((Entity::Address, start))
        } else {
            let other = self.other(random, slot);
            known.text.push_str(&other);
            None
        };
        if let Some((entity, start)) = entity {
            known.add(entity, start..known.text.len());
        }
    }

    fn person(&self, random: &mut Random, slot: &str, known: &mut Known) -> Option<String> {
        let people = &self.people;
        Some(match slot {
            "full" => people.full(random),
            "name" => people.any(random),
            "given" => people.given(random),
            "family" => people.family(random),
            "reversed" => people.reversed(random),
            "NAME" => people.full(random).to_uppercase(),
            "GIVEN" => people.given(random).to_uppercase(),
            "FAMILY" => people.family(random).to_uppercase(),
            "namelow" => people.full(random).to_lowercase(),
            "givenlow" => people.given(random).to_lowercase(),
            "familylow" => people.family(random).to_lowercase(),
            "formal" => {
                let title = self.own(random, "title");
                known.text.push_str(&title);
                known.text.push(' ');
                if random.percent(60) {
                    people.family(random)
                } else {
                    people.full(random)
                }
            }
            _ => return None,
        })
    }

    fn address(&self, random: &mut Random, slot: &str) -> Option<String> {
        let places = &self.places;
        Some(match slot {
            "address" => places.any(random),
            "line" => places.line(random),
            "block" => places.block(random),
            "oneline" => places.one_line(random),
            "ADDRESS" => places.one_line(random).to_uppercase(),
            "ADDRESSBLOCK" => places.block(random).to_uppercase(),
            "addresslow" => places.any(random).to_lowercase(),
            _ => return None,
        })
    }

    /// A value of the list of the language, or of the English one.
    fn own(&self, random: &mut Random, kind: &str) -> String {
        let list = format!("{kind}_{}", self.language);
        match self.sources.list("own", &list).is_empty() {
            true => self.sources.own(random, &format!("{kind}_en")).to_owned(),
            false => self.sources.own(random, &list).to_owned(),
        }
    }

    fn other(&self, random: &mut Random, slot: &str) -> String {
        match slot {
            "city" => self.places.city(random),
            "state" => self.own(random, "state"),
            "month" | "weekday" => self.own(random, slot),
            "company" => self.company(random),
            "date" => self.date(random),
            "sentence" => self.sentence(random),
            "Sentence" => format!("{}.", capital(&self.sentence(random))),
            "word" => self.word(random),
            "Word" => capital(&self.word(random)),
            "WORD" => self.word(random).to_uppercase(),
            "Words" => {
                let words = self.words(random, 2, 5);
                words
                    .iter()
                    .map(|word| capital(word))
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            "Ident" => self
                .words(random, 1, 3)
                .iter()
                .map(|word| capital(word))
                .collect(),
            "ident" => self.words(random, 1, 3).join("_").to_lowercase(),
            "IDENT" => self.words(random, 1, 3).join("_").to_uppercase(),
            "JobTitle" => self.sources.own(random, "jobtitle").to_owned(),
            "Subject" => self.sources.own(random, "subject").to_owned(),
            "heshe" => if random.percent(50) { "he" } else { "she" }.to_owned(),
            "hisher" => if random.percent(50) { "his" } else { "her" }.to_owned(),
            _ => simple(random, slot).unwrap_or_else(|| self.sources.own(random, slot).to_owned()),
        }
    }

    fn company(&self, random: &mut Random) -> String {
        if random.percent(40) {
            return self.sources.own(random, "realcompany").to_owned();
        }
        let company = self
            .sources
            .pick(random, "company", &[self.places.locale, "en_US"]);
        company.to_owned()
    }

    fn date(&self, random: &mut Random) -> String {
        let (day, month) = (random.between(1, 28), random.between(1, 12));
        let year = random.between(1930, 2029);
        let name = self.own(random, "month");
        match (random.below(5), self.language) {
            (0, _) => format!("{year}-{month:02}-{day:02}"),
            (1, _) => format!("{day:02}/{month:02}/{year}"),
            (2, _) => format!("{day:02}.{month:02}.{year}"),
            (3, "en") => format!("{name} {day}, {year}"),
            (_, "de") => format!("{day}. {name} {year}"),
            (_, "es" | "pt") => format!("{day} de {name} de {year}"),
            _ => format!("{day} {name} {year}"),
        }
    }

    fn sentence(&self, random: &mut Random) -> String {
        if self.language == "en" && random.percent(70) {
            return self.sources.own(random, "sentence").to_owned();
        }
        self.words(random, 4, 10).join(" ")
    }

    fn word(&self, random: &mut Random) -> String {
        if self.language == "en" && random.percent(80) {
            return self.sources.own(random, "vocabulary").to_owned();
        }
        let home = LANGUAGES
            .iter()
            .find(|(language, _)| *language == self.language);
        let locales = home.map(|(_, locales)| *locales).unwrap_or_default();
        let mut tried: Vec<&str> = vec![self.places.locale];
        tried.extend(locales);
        tried.push("en_US");
        self.sources.pick(random, "word", &tried).to_owned()
    }

    fn words(&self, random: &mut Random, least: usize, most: usize) -> Vec<String> {
        (0..random.between(least, most))
            .map(|_| self.word(random))
            .collect()
    }
}

fn is_slot(slot: &str) -> bool {
    !slot.is_empty() && slot.chars().all(|char| char.is_ascii_alphabetic())
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + chars.as_str()
}

/// Slots of digits and letters.
fn simple(random: &mut Random, slot: &str) -> Option<String> {
    let number = random.below(1000);
    Some(match slot {
        "number" => match random.below(4) {
            0 => random.between(1000, 99_999).to_string(),
            1 => number.to_string(),
            _ => random.between(1, 30).to_string(),
        },
        "age" => random.between(1, 99).to_string(),
        "year" => random.between(1900, 2030).to_string(),
        "letter" => char::from(b'A' + random.below(26) as u8).to_string(),
        "initial" => char::from(b'A' + random.below(26) as u8).to_string(),
        "time" => match random.below(3) {
            0 => format!("{} pm", random.between(1, 12)),
            1 => format!(
                "{}:{:02}:{:02}",
                random.below(24),
                random.below(60),
                random.below(60)
            ),
            _ => format!("{:02}:{:02}", random.below(24), random.below(60)),
        },
        "amount" => {
            let sign = random
                .pick(&["$", "€", "EUR ", "USD ", "£"])
                .copied()
                .unwrap_or_default();
            format!(
                "{sign}{}.{:02}",
                random.between(1, 99_999),
                random.below(100)
            )
        }
        "phone" => match random.below(4) {
            0 => format!(
                "+{} {} {:07}",
                random.between(1, 99),
                random.between(10, 999),
                number * 9973
            ),
            1 => format!("({:03}) 555-{:04}", number, random.below(10_000)),
            2 => format!("0{}{:07}", random.between(10, 999), number * 7919),
            _ => format!(
                "{:03}-{:03}-{:04}",
                number,
                random.below(1000),
                random.below(10_000)
            ),
        },
        "email" => {
            let user = [
                "info", "jsmith", "maria.k", "contact", "a.b", "sales", "peter77", "x",
            ];
            let host = ["example.com", "mail.example.org", "acme.test", "example.de"];
            format!(
                "{}{}@{}",
                random.pick(&user).copied().unwrap_or_default(),
                random.below(100),
                random.pick(&host).copied().unwrap_or_default()
            )
        }
        "ip" => format!(
            "10.{}.{}.{}",
            random.below(256),
            random.below(256),
            random.below(256)
        ),
        "iban" => format!(
            "DE{:02} {:04} {:04} {:04}",
            number % 100,
            number * 7,
            number * 3,
            number
        ),
        "id" => match random.below(4) {
            0 => format!("#{}", random.between(1000, 999_999)),
            1 => format!(
                "{}{}",
                random
                    .pick(&["INV-", "A", "ORD", "TK-"])
                    .copied()
                    .unwrap_or_default(),
                number * 37 + 1000
            ),
            2 => format!("{:08}", number * 99_991),
            _ => format!("{}-{:04}", random.between(2000, 2030), number),
        },
        "hex" => format!("{:016x}", random.number()),
        _ => return None,
    })
}
