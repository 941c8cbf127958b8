//! Templates filled: texts whose names and addresses are known.
//!
//! A template is a line `family|text`; in its text `\n` is the end of a line and a word in braces
//! is a slot. Families that begin with `n-` hold no names.

use std::ops::Range;

use iron_guard::Entity;

use super::people::People;
use super::places::Places;
use super::sources::{LANGUAGES, Sources};
use super::values;
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
                    let spans = known.spans.len();
                    self.slot(random, slot, known);
                    if template.family.starts_with("n-") {
                        known.spans.truncate(spans);
                    }
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
            _ => values::of(random, slot)
                .unwrap_or_else(|| self.sources.own(random, slot).to_owned()),
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
