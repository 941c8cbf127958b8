//! Words drawn from a hash.

use aws_lc_rs::digest::{Context, SHA256};

/// A number that decides everything that is random about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seed(pub(super) u64);

impl Seed {
    /// The seed of some bytes, each part apart from the next.
    pub(super) fn of(parts: &[&[u8]]) -> Seed {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let digest = context.finish();
        let first = digest
            .as_ref()
            .first_chunk::<8>()
            .copied()
            .unwrap_or_default();
        Seed(u64::from_be_bytes(first))
    }

    /// A seed for one part of the answer.
    pub(super) fn part(self, index: u64) -> Draw {
        Draw {
            state: self.0 ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        }
    }

    /// The seed in hexadecimal, for ids.
    pub(super) fn id(self) -> String {
        format!(
            "{:016x}{:016x}",
            self.0,
            self.0.rotate_left(32) ^ 0x5851_F42D_4C95_7F2D
        )
    }
}

/// Draws numbers one after the other (`SplitMix64`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw {
    state: u64,
}

impl Draw {
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below the bound, which must not be zero.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    pub(super) fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.below(words.len() as u64)).unwrap_or(0);
        words.get(index).copied().unwrap_or_default()
    }
}

const WHO: [&str; 8] = [
    "The assistant",
    "A simulated model",
    "The plan",
    "This answer",
    "The agent",
    "A careful reader",
    "The record",
    "The budget",
];
const DOES: [&str; 8] = [
    "keeps", "counts", "weighs", "checks", "follows", "explains", "measures", "balances",
];
const WHAT: [&str; 8] = [
    "every step",
    "the whole request",
    "each token",
    "what was asked",
    "the open questions",
    "the numbers twice",
    "the next action",
    "all of its sources",
];
const HOW: [&str; 6] = [
    "with care",
    "in order",
    "without haste",
    "one by one",
    "as agreed",
    "before it goes on",
];

/// A few sentences that repeat what was said.
pub(super) fn sentences(draw: &mut Draw, said: &str, results: &[String]) -> String {
    let mut text = match results {
        [] => format!("You said: {}", shortened(said)),
        some => format!("The tools answered: {}", shortened(&some.join("; "))),
    };
    for _ in 0..2_u64.saturating_add(draw.below(4)) {
        let sentence = format!(
            "\n{} {} {} {}.",
            draw.pick(&WHO),
            draw.pick(&DOES),
            draw.pick(&WHAT),
            draw.pick(&HOW)
        );
        text.push_str(&sentence);
    }
    text
}

fn shortened(text: &str) -> String {
    let short: String = text.chars().take(120).collect();
    if short.len() < text.len() {
        format!("{short}…")
    } else {
        short
    }
}

/// Cuts a text into tokens: up to four characters each, so at most one for each byte.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(4).map_or(rest.len(), |(at, _)| at);
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after;
    }
    tokens
}
