//! From texts whose names and addresses are known to runs with labels.

use iron_guard::names::decode::labels_of;
use iron_guard::names::feature::{self, Features};
use iron_guard::names::lexicon::Lexicon;
use iron_guard::names::run::{Runs, Search};

use super::fill::{Filler, Known, Template};
use super::sources::{LANGUAGES, Sources};
use crate::random::Random;

/// A run with its labels.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// What is seen of its tokens.
    pub features: Features,
    /// Their labels.
    pub labels: Vec<usize>,
}

/// What is left out of training, to be measured on.
#[derive(Clone, Debug, Default)]
pub struct HeldOut {
    /// Families of templates, as `language/family`.
    pub families: Vec<String>,
    /// Locales of names and addresses.
    pub locales: Vec<String>,
    /// Files of the data folder.
    pub files: Vec<String>,
}

impl HeldOut {
    /// What the tables are measured on.
    pub fn measured() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            families: owned(&[
                "en/chat",
                "en/json",
                "en/mail",
                "en/medical",
                "en/ship",
                "en/n-company",
                "en/n-place",
                "en/n-product",
                "de/chat",
                "de/n-de",
                "fr/lives",
                "es/form",
                "it/dear",
                "pt/chat",
                "nl/sign",
                "pl/lives",
                "sv/intro",
                "tr/form",
                "ru/chat",
            ]),
            locales: owned(&[
                "de_AT", "en_NZ", "fr_BE", "es_CO", "pt_PT", "da_DK", "hr_HR", "uk_UA",
            ]),
            files: owned(&["si_seed", "acts_tr", "sl_validation"]),
        }
    }
}

/// Makes texts out of templates.
pub struct Maker<'a> {
    sources: &'a Sources,
    by_language: Vec<(&'static str, Vec<Template>)>,
    locales: Vec<(&'static str, Vec<&'static str>)>,
}

impl<'a> Maker<'a> {
    /// With the templates and locales that `keep` keeps.
    pub fn new(
        sources: &'a Sources,
        templates: &[Template],
        keep: impl Fn(&Template) -> bool,
        keep_locale: impl Fn(&str) -> bool,
    ) -> Self {
        let of = |language: &str| {
            let all = templates
                .iter()
                .filter(|template| template.language == language);
            all.filter(|template| keep(template))
                .copied()
                .collect::<Vec<_>>()
        };
        let by_language = LANGUAGES
            .iter()
            .map(|(language, _)| (*language, of(language)));
        let locales = LANGUAGES.iter().map(|(language, locales)| {
            let kept = locales.iter().filter(|locale| keep_locale(locale));
            (*language, kept.copied().collect::<Vec<_>>())
        });
        Self {
            sources,
            by_language: by_language.filter(|(_, list)| !list.is_empty()).collect(),
            locales: locales.filter(|(_, list)| !list.is_empty()).collect(),
        }
    }

    /// A text of one or more templates of a language.
    pub fn make(&self, random: &mut Random) -> Known {
        let english = random.percent(55);
        let Some((language, templates)) = self
            .by_language
            .iter()
            .find(|(language, _)| english && *language == "en")
            .or_else(|| random.pick(&self.by_language))
        else {
            return Known::default();
        };
        let home = self.locale(random, language);
        let abroad = random.percent(25) && *language != "ru";
        let locale = match abroad {
            true => {
                let language = random
                    .pick(&self.locales)
                    .map_or("en", |(language, _)| language);
                self.locale(random, if language == "ru" { "en" } else { language })
            }
            false => home,
        };
        let filler = Filler::new(self.sources, language, locale, home);
        let mut known = Known {
            locale: locale.to_owned(),
            ..Known::default()
        };
        let count = random.pick(&[1, 1, 2, 2, 3, 4]).copied().unwrap_or(1);
        for index in 0..count {
            let Some(template) = random.pick(templates) else {
                continue;
            };
            if index == 0 {
                known.family = template.name();
            } else {
                let joint = random.pick(&[" ", "\n", "\n\n", " "]).copied();
                known.text.push_str(joint.unwrap_or_default());
            }
            filler.fill(random, template, &mut known);
        }
        spoil(random, &mut known);
        known
    }

    fn locale(&self, random: &mut Random, language: &str) -> &'static str {
        let known = self.locales.iter().find(|(known, _)| *known == language);
        let locales = known
            .map(|(_, locales)| locales.as_slice())
            .unwrap_or_default();
        random.pick(locales).copied().unwrap_or("en_US")
    }
}

/// Writes some texts without capitals, or in capitals.
fn spoil(random: &mut Random, known: &mut Known) {
    let spoiled = match random.below(100) {
        0..4 => known.text.to_lowercase(),
        4..7 => known.text.to_uppercase(),
        _ => return,
    };
    // Spans hold only where no character changes its length.
    if spoiled.len() == known.text.len() {
        known.text = spoiled;
    }
}

/// The runs of a text with their labels; those with something unsure are left out.
pub fn label(lexicon: &Lexicon, known: &Known, examples: &mut Vec<Labelled>) {
    let runs = Runs::new(lexicon, &known.text, true);
    let mut run = Vec::new();
    let mut at = 0;
    loop {
        let end = match runs.next(at, &mut run) {
            Search::Run(end) => end,
            Search::Caseless(token) => {
                at = token.end;
                continue;
            }
            Search::Open(_) | Search::None(_) => return,
        };
        let start = run.first().map_or(end, |word| word.token.start);
        at = end;
        let unsure = |span: &std::ops::Range<usize>| span.start < end && start < span.end;
        if known.unsure.iter().any(unsure) {
            continue;
        }
        let mut features = Features::default();
        feature::see(&runs, &known.text, &run, &mut features);
        examples.push(Labelled {
            features,
            labels: labels_of(&run, &known.spans),
        });
    }
}
