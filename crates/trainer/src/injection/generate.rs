//! Texts made from templates: harmless ones with the words that attacks are made of, and attacks.

use std::collections::HashMap;

use crate::corpus::Example;
use crate::random::Random;

const SLOTS: &str = include_str!("../../data/slots.txt");
const ATTACK_SLOTS: &str = include_str!("../../data/attack.slots.txt");
const BENIGN: &[&str] = &[
    include_str!("../../data/benign.en.txt"),
    include_str!("../../data/benign.other.txt"),
];
const ATTACKS: &str = include_str!("../../data/attack.en.txt");

/// Where generated texts come from, by their source.
pub const SOURCE: &str = "templates";

/// How a template is used: some are held out to measure with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// To train on: nine of ten templates.
    Train,
    /// To measure with: the others.
    Held,
}

/// Texts from the templates of a part, up to `each` of every template, without repetitions.
pub fn texts(part: Part, each: usize, seed: u64) -> Vec<Example> {
    let mut random = Random::new(seed);
    let slots = slots(SLOTS);
    let attack_slots = slots_of_attacks();
    let mut texts = Vec::new();
    for template in BENIGN.iter().flat_map(|file| templates(file, part)) {
        texts.extend(
            filled(template, &slots, each, &mut random)
                .into_iter()
                .map(benign),
        );
    }
    for template in templates(ATTACKS, part) {
        let filled = filled(template, &attack_slots, each * 4, &mut random);
        texts.extend(filled.into_iter().map(attack));
    }
    texts
}

fn slots_of_attacks() -> HashMap<&'static str, Vec<&'static str>> {
    slots(ATTACK_SLOTS)
}

fn templates(file: &'static str, part: Part) -> impl Iterator<Item = &'static str> {
    let lines = file.lines().filter(|line| !line.starts_with("# "));
    lines.enumerate().filter_map(move |(index, line)| {
        let held = index % 10 == 7;
        (held == (part == Part::Held)).then_some(line)
    })
}

fn slots(file: &'static str) -> HashMap<&'static str, Vec<&'static str>> {
    let lines = file.lines().filter(|line| !line.starts_with("# "));
    lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, fillers)| (name, fillers.split(" | ").collect()))
        .collect()
}

fn filled(
    template: &str,
    slots: &HashMap<&str, Vec<&str>>,
    each: usize,
    random: &mut Random,
) -> Vec<String> {
    let count = if template.contains('{') { each } else { 1 };
    let mut texts: Vec<_> = (0..count).map(|_| fill(template, slots, random)).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn fill(template: &str, slots: &HashMap<&str, Vec<&str>>, random: &mut Random) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        let filler = slots.get(name).and_then(|fillers| random.pick(fillers));
        text.push_str(before);
        text.push_str(filler.copied().unwrap_or_default());
        rest = after;
    }
    text.push_str(rest);
    let first = text.chars().next();
    match first {
        Some(first) if first.is_lowercase() && random.below(4) > 0 => {
            let upper: String = first.to_uppercase().collect();
            text.replacen(first, &upper, 1)
        }
        _ => text,
    }
}

fn benign(text: String) -> Example {
    example(text, 0)
}

fn attack(text: String) -> Example {
    example(text, 1)
}

fn example(text: String, label: u8) -> Example {
    Example {
        text,
        label,
        source: SOURCE.to_owned(),
        cat: None,
        lang: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_texts() {
        let first: Vec<_> = texts(Part::Train, 3, 1)
            .into_iter()
            .map(|e| e.text)
            .collect();
        let again: Vec<_> = texts(Part::Train, 3, 1)
            .into_iter()
            .map(|e| e.text)
            .collect();
        assert_eq!(first, again);
        assert!(first.len() > 1000, "{}", first.len());
    }

    #[test]
    fn every_slot_of_a_template_has_fillers() {
        for part in [Part::Train, Part::Held] {
            for example in texts(part, 5, 2) {
                assert!(!example.text.contains('{'), "{}", example.text);
                assert!(!example.text.contains("  "), "{}", example.text);
            }
        }
    }
}
