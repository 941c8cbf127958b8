//! The words that the detector knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use iron_guard::names::lexicon::{COMMON, FAMILY, Flags, GIVEN, PLACE};
use iron_guard::names::token::{self, Kind, hash_of};

use super::silver::Silver;
use super::sources::Sources;

/// How often a word must be written without a capital to be an ordinary one.
const MIN_COUNT: u32 = 4;

/// Known words, as the file of weights holds them.
pub fn learn(sources: &Sources, silver: &[Silver]) -> Vec<(u32, Flags)> {
    let mut words = BTreeMap::new();
    for (kind, flags) in [
        ("given", GIVEN),
        ("family", FAMILY),
        ("city", PLACE),
        ("state", PLACE),
        ("country", PLACE),
        ("word", COMMON),
    ] {
        for value in sources.of_kind(kind) {
            add(&mut words, value, flags);
        }
    }
    for kind in [
        "city_en", "city_de", "city_fr", "city_es", "city_it", "city_pt", "city_nl",
    ] {
        for value in sources.list("own", kind) {
            add(&mut words, value, PLACE);
        }
    }
    for hash in ordinary(silver) {
        *words.entry(hash).or_default() |= COMMON;
    }
    words.into_iter().collect()
}

/// Without what is known of half of the surnames and places and of some given names, so that
/// training sees unknown ones. Names that are ordinary words too stay known, or ordinary words
/// would look like names.
pub fn masked(words: &[(u32, Flags)], half: u32) -> Vec<(u32, Flags)> {
    let hidden = GIVEN | FAMILY | PLACE;
    let words = words.iter().map(|(hash, flags)| {
        let is_hidden = match flags & GIVEN {
            0 => (hash >> 7) & 1 == half,
            _ => (hash >> 7) & 7 == half,
        };
        let is_hidden = is_hidden && flags & COMMON == 0;
        (*hash, if is_hidden { flags & !hidden } else { *flags })
    });
    words.filter(|(_, flags)| *flags != 0).collect()
}

fn add(words: &mut BTreeMap<u32, Flags>, value: &str, flags: Flags) {
    let mut at = 0;
    while let Some(token) = token::next(value, at) {
        at = token.end;
        let is_word = matches!(
            token.kind,
            Kind::Capital | Kind::Upper | Kind::Lower | Kind::Mixed
        );
        // A name of several words has particles and common words in it.
        let part = flags != COMMON && token.kind == Kind::Lower;
        if is_word && !part && token.length() > 2 {
            *words.entry(token.hash).or_default() |= flags;
        }
    }
}

/// Ordinary words of the harmless English texts, as they are written small.
pub fn vocabulary(silver: &[Silver], words: &[(u32, Flags)]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    for silver in silver.iter().filter(|silver| silver.file != "chatterbot") {
        let mut at = 0;
        while let Some(token) = token::next(&silver.text, at) {
            at = token.end;
            let known = words.binary_search_by_key(&token.hash, |(hash, _)| *hash);
            let flags = known
                .ok()
                .and_then(|at| words.get(at))
                .map_or(0, |word| word.1);
            let is_word = token.kind == Kind::Lower && token.length() > 2;
            if is_word && flags & COMMON != 0 && flags & GIVEN == 0 {
                seen.extend(silver.text.get(token.span()).map(str::to_owned));
            }
        }
    }
    seen.into_iter().collect()
}

/// Sentences of harmless English texts in which nothing was found.
pub fn sentences(silver: &[Silver]) -> Vec<String> {
    let plain = silver.iter().filter(|silver| {
        silver.entities.is_empty() && silver.file != "chatterbot" && silver.text.is_ascii()
    });
    let sentences = plain.flat_map(|silver| silver.text.split(['.', '?', '!', '\n']));
    let mut sentences: Vec<_> = sentences
        .map(|sentence| sentence.trim().to_owned())
        .filter(|sentence| (20..160).contains(&sentence.len()))
        .filter(|sentence| !sentence.contains(['{', '}', '|', '<', '_', '=']))
        .collect();
    sentences.sort_unstable();
    sentences.dedup();
    sentences
}

/// Words that are mostly written without a capital.
fn ordinary(silver: &[Silver]) -> Vec<u32> {
    let mut counts: HashMap<u32, (u32, u32)> = HashMap::new();
    for silver in silver {
        let mut at = 0;
        while let Some(token) = token::next(&silver.text, at) {
            at = token.end;
            let count = counts.entry(token.hash).or_default();
            match token.kind {
                Kind::Lower => count.0 += 1,
                Kind::Capital | Kind::Upper => count.1 += 1,
                _ => {}
            }
        }
    }
    let mut ordinary: Vec<_> = counts
        .into_iter()
        .filter(|(_, (small, capital))| *small >= MIN_COUNT && 2 * small >= *capital)
        .map(|(hash, _)| hash)
        .collect();
    ordinary.sort_unstable();
    ordinary.retain(|hash| *hash != hash_of("i"));
    ordinary
}
