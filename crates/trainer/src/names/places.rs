//! Postal addresses in the forms of their countries.

use super::sources::Sources;
use crate::random::Random;

/// Where addresses come from.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// All places.
    pub sources: &'a Sources,
    /// The locale of the addresses.
    pub locale: &'a str,
    /// Its language, as of templates.
    pub language: &'a str,
}

impl Places<'_> {
    /// A city.
    pub fn city(&self, random: &mut Random) -> String {
        let own = format!("city_{}", self.language);
        if random.percent(60) && !self.sources.list("own", &own).is_empty() {
            return self.sources.own(random, &own).to_owned();
        }
        let city = self.sources.pick(random, "city", &[self.locale]);
        if city.is_empty() {
            return self.sources.own(random, "city_en").to_owned();
        }
        city.to_owned()
    }

    fn street(&self, random: &mut Random) -> String {
        let own = format!("street_{}", self.language);
        if random.percent(50) && !self.sources.list("own", &own).is_empty() {
            return self.sources.own(random, &own).to_owned();
        }
        let street = self.sources.pick(random, "street", &[self.locale]);
        if !street.is_empty() {
            return street.to_owned();
        }
        match self.language {
            "en" => self.sources.own(random, "street_en").to_owned(),
            _ => self.sources.pick(random, "street", &["en_US"]).to_owned(),
        }
    }

    /// A street with a number.
    pub fn line(&self, random: &mut Random) -> String {
        if random.percent(30) {
            let line = self.sources.pick(random, "line", &[self.locale]);
            if line.chars().any(char::is_numeric) {
                return line.replace('\n', ", ");
            }
        }
        let street = self.street(random);
        let number = self.number(random);
        match self.language {
            "en" => {
                let unit = self.unit(random);
                match random.below(10) {
                    0 => format!("{unit}, {number} {street}"),
                    1 => format!("{number} {street}, {unit}"),
                    2 => format!("{number} {street} {unit}"),
                    3 => format!("{number} {} {street}", direction(random)),
                    _ => format!("{number} {street}"),
                }
            }
            "fr" => match random.below(4) {
                0 => format!("{number}, {street}"),
                1 => format!("{number} bis {street}"),
                _ => format!("{number} {street}"),
            },
            "es" | "it" | "pt" | "ru" => match random.below(6) {
                0 => format!("{street} nº {number}"),
                1 => format!("{street} {number}, {}", self.unit(random)),
                2 | 3 => format!("{street} {number}"),
                _ => format!("{street}, {number}"),
            },
            _ => format!("{street} {number}"),
        }
    }

    fn number(&self, random: &mut Random) -> String {
        let digits = match self.language {
            "en" => random.between(1, 5),
            _ => random.between(1, 3),
        };
        let number = digits_of(random, digits);
        match random.below(20) {
            0 => format!("{number}{}", letter(random).to_ascii_lowercase()),
            1 => format!("{number}-{}", digits_of(random, 2)),
            2 if self.language != "en" => format!("{number}/{}", digits_of(random, 2)),
            3 if self.language != "en" => format!("{number} {}", letter(random)),
            _ => number,
        }
    }

    fn unit(&self, random: &mut Random) -> String {
        let number = random.between(1, 400);
        let letter = letter(random);
        let floor = random.between(1, 9);
        match (self.language, random.below(4)) {
            ("es", 0 | 1) => format!("{floor}º {letter}"),
            ("es", _) => format!("piso {floor}"),
            ("it", _) => format!("int. {floor}"),
            ("pt", _) => format!("apto {number}"),
            ("ru", _) => format!("кв. {number}"),
            (_, 0) => format!("Apt {number}"),
            (_, 1) => format!("Suite {number}"),
            (_, 2) => format!("Apt. {floor}{letter}"),
            _ => {
                let word = ["Flat", "Unit", "#", "Apartment", "Floor", "Ste."];
                let word = random.pick(&word).copied().unwrap_or_default();
                format!("{word} {floor}")
            }
        }
    }

    fn code(&self, random: &mut Random) -> String {
        let country = self.locale.get(3..).unwrap_or_default();
        let patterns: &[&str] = match country {
            "US" => &["#####", "#####", "#####-####"],
            "GB" | "IE" => &["@@# #@@", "@## #@@", "@@## #@@", "@# #@@", "@#@ #@@"],
            "CA" => &["@#@ #@#"],
            "AU" | "NZ" | "AT" | "CH" | "BE" | "DK" | "NO" | "HU" | "SI" | "LU" => &["####"],
            "NL" => &["#### @@", "####@@"],
            "PL" => &["##-###"],
            "PT" => &["####-###"],
            "BR" => &["#####-###", "########"],
            "SE" | "CZ" | "SK" => &["### ##", "#####"],
            "IN" | "RU" | "CO" => &["######", "### ###"],
            _ => &["#####"],
        };
        pattern(random, patterns)
    }

    /// The lines of an address.
    fn lines(&self, random: &mut Random) -> Vec<String> {
        let street = match random.below(30) {
            0 if self.language == "en" => format!("P.O. Box {}", digits_of(random, 4)),
            1 if self.language == "en" => format!("PO Box {}", digits_of(random, 3)),
            _ => self.line(random),
        };
        let city = self.city(random);
        let code = self.code(random);
        let mut lines = vec![street];
        match (self.language, self.locale.get(3..)) {
            ("en", Some("GB" | "IE")) => {
                lines.push(city);
                lines.push(code);
            }
            ("en", Some("IN" | "KE" | "PK" | "NG" | "NZ" | "AU")) => {
                lines.push(format!("{city} {code}"));
            }
            ("en", _) => {
                let state = self.sources.own(random, "state_en");
                let comma = if random.percent(80) { "," } else { "" };
                let code = if random.percent(85) {
                    format!(" {code}")
                } else {
                    String::new()
                };
                lines.push(format!("{city}{comma} {state}{code}"));
            }
            ("pt", Some("BR")) => {
                lines.push(format!("{city} - {}{}", letter(random), letter(random)));
                lines.push(code);
            }
            ("it", _) if random.percent(60) => {
                lines.push(format!(
                    "{code} {city} ({}{})",
                    letter(random),
                    letter(random)
                ));
            }
            ("ru", _) => {
                lines.reverse();
                lines.insert(0, format!("г. {city}"));
                lines.insert(0, code);
            }
            _ if random.percent(90) => lines.push(format!("{code} {city}")),
            _ => lines.push(city),
        }
        if random.percent(15) {
            lines.push(self.sources.own(random, "country").to_owned());
        }
        lines
    }

    fn made(&self, random: &mut Random, joint: &str) -> String {
        let faked = self.sources.pick(random, "address", &[self.locale]);
        let is_whole = faked.chars().any(char::is_numeric);
        if is_whole && random.percent(if self.language == "tr" { 90 } else { 40 }) {
            return faked.replace('\n', joint);
        }
        let lines = self.lines(random);
        match joint {
            "," => lines.join(", "),
            joint => lines.join(joint),
        }
    }

    /// An address of several lines.
    pub fn block(&self, random: &mut Random) -> String {
        let joint = if random.percent(20) { ",\n" } else { "\n" };
        self.made(random, joint)
    }

    /// An address of one line.
    pub fn one_line(&self, random: &mut Random) -> String {
        let joint = match random.below(10) {
            0 | 1 => " ",
            2 if matches!(self.language, "it" | "pt" | "es") => " - ",
            _ => ", ",
        };
        self.made(random, joint)
    }

    /// An address of any form, or of a street alone.
    pub fn any(&self, random: &mut Random) -> String {
        match random.below(10) {
            0 | 1 => self.line(random),
            2 | 3 => self.block(random),
            4 => format!("{}, {}", self.line(random), self.city(random)),
            _ => self.one_line(random),
        }
    }
}

/// A code of a pattern: `#` is a digit, `@` a capital.
fn pattern(random: &mut Random, patterns: &[&str]) -> String {
    let pattern = random.pick(patterns).copied().unwrap_or_default();
    pattern
        .chars()
        .map(|char| match char {
            '#' => char::from(b'0' + random.below(10) as u8),
            '@' => letter(random),
            char => char,
        })
        .collect()
}

fn digits_of(random: &mut Random, count: usize) -> String {
    let least = 10_usize.pow(count as u32 - 1);
    random.between(least, 10 * least - 1).to_string()
}

fn letter(random: &mut Random) -> char {
    char::from(b'A' + random.below(26) as u8)
}

fn direction(random: &mut Random) -> &'static str {
    let directions = ["N", "S.", "West", "E", "North", "SW", "E.", "South"];
    random.pick(&directions).copied().unwrap_or_default()
}
