//! Names of people in the forms that they are written in.

use super::sources::Sources;
use crate::random::Random;

/// Words before surnames.
const PARTICLES: &[&str] = &[
    "de", "van", "von", "van der", "de la", "del", "da", "dos", "di", "van den", "El", "al", "bin",
    "Mac", "St.", "Le", "La", "Ben", "ter", "O'",
];

/// Words after names.
const SUFFIXES: &[&str] = &["Jr.", "Jr", "Sr.", "II", "III", "IV"];

/// Where names come from.
#[derive(Clone, Copy, Debug)]
pub struct People<'a> {
    /// All names.
    pub sources: &'a Sources,
    /// The locale of the names.
    pub locale: &'a str,
}

impl People<'_> {
    /// A given name.
    pub fn given(&self, random: &mut Random) -> String {
        self.sources
            .pick(random, "given", &[self.locale, "en_US"])
            .to_owned()
    }

    /// A surname.
    pub fn family(&self, random: &mut Random) -> String {
        let family = self.sources.pick(random, "family", &[self.locale, "en_US"]);
        let (joined, particles): (usize, &[&str]) = match self.locale.get(..2) {
            Some("pt") => (25, &["da", "de", "dos", "do", "das", "e"]),
            Some("nl") => (15, &["van", "de", "van der", "van den", "van de", "ter"]),
            Some("es") => (8, &["de", "de la", "del", "de los", "y"]),
            _ => (3, PARTICLES),
        };
        match random.below(100) {
            part if part < joined => {
                let particle = random.pick(particles).copied().unwrap_or_default();
                let gap = if particle.ends_with('\'') { "" } else { " " };
                format!("{particle}{gap}{family}")
            }
            part if part < joined + 3 => format!(
                "{family}-{}",
                self.sources.pick(random, "family", &[self.locale])
            ),
            _ => family.to_owned(),
        }
    }

    /// Given name and surname, often with more.
    pub fn full(&self, random: &mut Random) -> String {
        let given = self.given(random);
        let family = self.family(random);
        let double = matches!(self.locale.get(..2), Some("es" | "pt"));
        match random.below(100) {
            0..7 => format!("{given} {}. {family}", self.initial(random)),
            7..9 => format!("{given} {} {family}", self.initial(random)),
            9..15 => format!("{given} {} {family}", self.given(random)),
            15..19 => format!("{}. {family}", first(&given)),
            19..21 => format!("{}. {}. {family}", first(&given), self.initial(random)),
            21..22 => format!("{}.{}. {family}", first(&given), self.initial(random)),
            22..24 => {
                let suffix = random.pick(SUFFIXES).copied().unwrap_or_default();
                format!("{given} {family} {suffix}")
            }
            24..26 => format!("{given} {}.", first(&family)),
            26..28 => format!("{family} {given}"),
            28..30 => format!("{given}-{} {family}", self.given(random)),
            30..60 if double => format!("{given} {family} {}", self.family(random)),
            _ => format!("{given} {family}"),
        }
    }

    /// Surname first.
    pub fn reversed(&self, random: &mut Random) -> String {
        let given = self.given(random);
        let family = self.family(random);
        match random.below(4) {
            0 => format!("{family}, {given} {}.", self.initial(random)),
            1 => format!("{}, {given}", family.to_uppercase()),
            _ => format!("{family}, {given}"),
        }
    }

    /// A full name, a given name, or a surname in capitals.
    pub fn any(&self, random: &mut Random) -> String {
        match random.below(12) {
            0 => self.given(random),
            1 => format!(
                "{} {}",
                self.given(random),
                self.family(random).to_uppercase()
            ),
            2 => self.full(random).to_uppercase(),
            _ => self.full(random),
        }
    }

    fn initial(&self, random: &mut Random) -> String {
        first(&self.given(random))
    }
}

fn first(name: &str) -> String {
    name.chars().take(1).collect()
}
