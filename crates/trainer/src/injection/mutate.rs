//! What attackers do to a text so that filters miss it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use iron_guard::text::Cipher;

/// A mutation: its name, and what it makes of a text.
pub type Mutation = (&'static str, fn(&str) -> String);

/// The mutations that are measured.
pub const MUTATIONS: &[Mutation] = &[
    ("plain", str::to_owned),
    ("base64", |text| STANDARD.encode(text)),
    ("base64 twice", |text| {
        STANDARD.encode(STANDARD.encode(text))
    }),
    ("hex", hex),
    ("URL", |text| {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }),
    ("entities", |text| {
        text.chars()
            .map(|char| format!("&#{};", u32::from(char)))
            .collect()
    }),
    ("binary", |text| {
        text.bytes().map(|byte| format!("{byte:08b} ")).collect()
    }),
    ("decimal", |text| {
        text.bytes().map(|byte| format!("{byte} ")).collect()
    }),
    ("ROT13", |text| Cipher::Shifted(13).write(text)),
    ("shifted by 3", |text| Cipher::Shifted(3).write(text)),
    ("reversed", |text| Cipher::Reversed.write(text)),
    ("words reversed", words_reversed),
    ("spaced letters", |text| between(text, " ")),
    ("dotted letters", |text| between(text, ".")),
    ("zero width", |text| between(text, "\u{200B}")),
    ("tags", tags),
    ("full width", full_width),
    ("homoglyphs", homoglyphs),
    ("leet", leet),
    ("mixed case", mixed_case),
    ("hyphens", hyphens),
];

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn between(text: &str, with: &str) -> String {
    text.chars().map(|char| format!("{char}{with}")).collect()
}

fn words_reversed(text: &str) -> String {
    let words: Vec<String> = text
        .split(' ')
        .map(|word| word.chars().rev().collect())
        .collect();
    words.join(" ")
}

fn tags(text: &str) -> String {
    let tag = |char: char| char::from_u32(0xE_0000 + u32::from(char)).unwrap_or(char);
    let hidden: String = text.chars().filter(char::is_ascii).map(tag).collect();
    format!("What a nice day.{hidden}")
}

fn full_width(text: &str) -> String {
    let wide = |char: char| match char {
        '!'..='~' => char::from_u32(u32::from(char) + 0xFEE0).unwrap_or(char),
        other => other,
    };
    text.chars().map(wide).collect()
}

fn replaced(text: &str, pairs: &[(char, char)]) -> String {
    let replace = |char: char| {
        pairs
            .iter()
            .find(|(of, _)| *of == char)
            .map_or(char, |(_, by)| *by)
    };
    text.chars().map(replace).collect()
}

fn homoglyphs(text: &str) -> String {
    replaced(
        text,
        &[
            ('a', 'а'),
            ('e', 'е'),
            ('i', 'і'),
            ('o', 'о'),
            ('c', 'с'),
            ('p', 'р'),
            ('s', 'ѕ'),
            ('y', 'у'),
        ],
    )
}

fn leet(text: &str) -> String {
    replaced(
        text,
        &[
            ('a', '4'),
            ('e', '3'),
            ('i', '1'),
            ('o', '0'),
            ('s', '5'),
            ('t', '7'),
        ],
    )
}

fn mixed_case(text: &str) -> String {
    let cased = text
        .chars()
        .enumerate()
        .map(|(index, char)| match index % 2 {
            0 => char.to_ascii_uppercase(),
            _ => char.to_ascii_lowercase(),
        });
    cased.collect()
}

fn hyphens(text: &str) -> String {
    let words: Vec<String> = text
        .split(' ')
        .map(|word| match word.char_indices().nth(3) {
            Some((at, _)) if word.len() > 5 => word.split_at_checked(at).map_or_else(
                || word.to_owned(),
                |(first, second)| format!("{first}-{second}"),
            ),
            _ => word.to_owned(),
        })
        .collect();
    words.join(" ")
}
