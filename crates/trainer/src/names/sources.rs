//! Names, places and words to fill templates with: an export of Faker's (see
//! `data/export.py`), and the lists of this crate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::random::Random;

/// One line of the export.
#[derive(Deserialize)]
struct Line {
    locale: String,
    kind: String,
    values: Vec<String>,
}

/// Values by locale and kind; lists of this crate have the locale `own`.
#[derive(Debug, Default)]
pub struct Sources {
    values: BTreeMap<(String, String), Vec<String>>,
}

/// The languages of templates, with the locales whose names and addresses fill them.
pub const LANGUAGES: &[(&str, &[&str])] = &[
    (
        "en",
        &[
            "en_US", "en_US", "en_US", "en_GB", "en_GB", "en_IE", "en_NZ", "en_IN", "en_KE",
            "en_PK", "en_NG", "en_CA", "en_AU", "en",
        ],
    ),
    ("de", &["de_DE", "de_DE", "de_AT", "de_CH", "de_LU"]),
    ("fr", &["fr_FR", "fr_FR", "fr_CA", "fr_CH", "fr_BE"]),
    (
        "es",
        &["es_ES", "es_ES", "es_MX", "es_CO", "es_CL", "es_AR"],
    ),
    ("it", &["it_IT"]),
    ("pt", &["pt_BR", "pt_BR", "pt_PT"]),
    ("nl", &["nl_NL", "nl_NL", "nl_BE"]),
    ("pl", &["pl_PL"]),
    ("sv", &["sv_SE", "no_NO", "da_DK", "fi_FI"]),
    (
        "tr",
        &[
            "tr_TR", "cs_CZ", "sk_SK", "hu_HU", "hr_HR", "ro_RO", "sl_SI", "id_ID", "vi_VN",
            "lt_LT", "lv_LV", "et_EE", "az_AZ",
        ],
    ),
    (
        "ru",
        &["ru_RU", "ru_RU", "uk_UA", "bg_BG", "mk_MK", "el_GR"],
    ),
];

impl Sources {
    /// Reads an export.
    ///
    /// # Errors
    /// If it cannot be read, or a line of it is none.
    pub fn read(export: &Path) -> Result<Self> {
        let text = fs::read_to_string(export)
            .with_context(|| format!("cannot read `{}`", export.display()))?;
        let mut sources = Self::default();
        for line in text.lines() {
            let line: Line = serde_json::from_str(line).context("a line of the export is none")?;
            let values = line.values.into_iter().filter(|value| is_cased(value));
            sources
                .values
                .insert((line.locale, line.kind), values.collect());
        }
        for line in include_str!("../../data/names/words.txt").lines() {
            if let Some((kind, values)) = line.split_once(": ") {
                let values = values.split("; ").map(str::to_owned).collect();
                sources
                    .values
                    .insert(("own".to_owned(), kind.to_owned()), values);
            }
        }
        Ok(sources)
    }

    /// Adds a list of this crate's own.
    pub fn add(&mut self, kind: &str, values: Vec<String>) {
        self.values
            .insert(("own".to_owned(), kind.to_owned()), values);
    }

    /// The values of a locale and kind; none if there are none.
    pub fn list(&self, locale: &str, kind: &str) -> &[String] {
        self.values
            .get(&(locale.to_owned(), kind.to_owned()))
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// One of the values of a locale and kind; the first locale that has some counts.
    pub fn pick(&self, random: &mut Random, kind: &str, locales: &[&str]) -> &str {
        let mut lists = locales.iter().map(|locale| self.list(locale, kind));
        let list = lists.find(|list| !list.is_empty());
        list.and_then(|list| random.pick(list))
            .map_or("", String::as_str)
    }

    /// One of the values of a list of this crate.
    pub fn own(&self, random: &mut Random, kind: &str) -> &str {
        random
            .pick(self.list("own", kind))
            .map_or("", String::as_str)
    }

    /// The values of a kind in all locales.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.values
            .iter()
            .filter(move |((_, known), _)| known == kind)
            .flat_map(|(_, values)| values.iter().map(String::as_str))
    }
}

/// Whether a value is written in Latin, Greek or Cyrillic.
fn is_cased(value: &str) -> bool {
    value
        .chars()
        .filter(|char| char.is_alphabetic())
        .all(|char| matches!(char, '\0'..='\u{52F}' | '\u{1E00}'..='\u{1FFF}'))
}
