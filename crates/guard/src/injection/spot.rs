//! Finds the phrases of all rules in a text, in one pass.
//!
//! The phrases are one tree of bytes. It is walked from each place where a phrase could begin, the
//! first byte of a word or, in scripts without spaces, of a character, until no phrase goes on: in
//! ordinary texts after two or three bytes.

use std::collections::{BTreeMap, HashMap};

use super::grammar::{Closing, Phrase, is_unspaced};

/// Phrases and their numbers.
pub(super) type Phrases = HashMap<Phrase, u32>;

/// A phrase in a text: bytes of the words read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The number of the phrase.
    pub(super) phrase: u32,
}

/// The shortest phrase that is searched without borders of words, in bytes.
const JOINED_LEAST: usize = 3;

/// The tree of the phrases.
pub(super) struct Spotter {
    /// The node after the first two bytes, by both.
    roots: Vec<u32>,
    nodes: Vec<Node>,
    edges: Vec<(u8, u32)>,
    ends: Vec<End>,
    /// Whether spaces were taken out of the phrases, to read letters without borders of words.
    joined: bool,
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// Where its edges begin and end.
    edges: (u32, u32),
    /// Where the phrases begin and end that are whole here.
    ends: (u32, u32),
}

#[derive(Clone, Copy)]
struct End {
    phrase: u32,
    opens: bool,
    closes: Closing,
}

/// A node while the tree grows.
#[derive(Default)]
struct Sprout {
    edges: BTreeMap<u8, usize>,
    ends: Vec<End>,
}

impl Spotter {
    pub(super) fn new(phrases: &Phrases, joined: bool) -> Self {
        let mut ordered: Vec<_> = phrases.iter().collect();
        ordered.sort_unstable();
        let mut sprouts = vec![Sprout::default()];
        for (phrase, number) in ordered {
            if joined && phrase.text.len() < JOINED_LEAST {
                continue;
            }
            let bytes = phrase.text.bytes().filter(|byte| !joined || *byte != b' ');
            grow(
                &mut sprouts,
                bytes,
                End {
                    phrase: *number,
                    opens: phrase.opens && !joined,
                    closes: if joined {
                        Closing::Anything
                    } else {
                        phrase.closes
                    },
                },
            );
        }
        Self::planted(&sprouts, joined)
    }

    fn planted(sprouts: &[Sprout], joined: bool) -> Self {
        let mut spotter = Self {
            roots: vec![0; 1 << 16],
            nodes: Vec::with_capacity(sprouts.len()),
            edges: Vec::with_capacity(sprouts.len()),
            ends: Vec::new(),
            joined,
        };
        for sprout in sprouts {
            let (edges, ends) = (number(spotter.edges.len()), number(spotter.ends.len()));
            spotter.edges.extend(
                sprout
                    .edges
                    .iter()
                    .map(|(byte, node)| (*byte, number(*node))),
            );
            spotter.ends.extend(&sprout.ends);
            spotter.nodes.push(Node {
                edges: (edges, number(spotter.edges.len())),
                ends: (ends, number(spotter.ends.len())),
            });
        }
        let first = sprouts.first().into_iter().flat_map(|root| &root.edges);
        for (first, node) in first {
            for (second, node) in sprouts.get(*node).into_iter().flat_map(|node| &node.edges) {
                if let Some(root) = spotter.roots.get_mut(pair(*first, *second)) {
                    *root = number(*node);
                }
            }
        }
        spotter
    }

    /// The phrases in `text`, in the order of their starts.
    pub(super) fn spot(&self, text: &str) -> Vec<Hit> {
        let bytes = text.as_bytes();
        let mut hits = Vec::new();
        let mut before = b' ';
        for (start, byte) in bytes.iter().enumerate() {
            if self.begins(before, *byte) {
                let second = bytes.get(start + 1).copied().unwrap_or(b' ');
                let root = self.roots.get(pair(*byte, second)).copied().unwrap_or(0);
                if root != 0 {
                    self.walk(text, start, root, &mut hits);
                }
            }
            before = *byte;
        }
        hits
    }

    /// Whether a phrase could begin at a byte: after a border, or at a character of Arabic, whose
    /// words have prefixes, or of a script beyond.
    fn begins(&self, before: u8, byte: u8) -> bool {
        self.joined && !(0x80..0xC0).contains(&byte)
            || byte >= 0xE0
            || !is_separator(byte) && (is_separator(before) || before >= 0x80 && byte.is_ascii())
            || (0xD8..=0xDB).contains(&byte)
    }

    fn walk(&self, text: &str, start: usize, root: u32, hits: &mut Vec<Hit>) {
        let bytes = text.as_bytes();
        let mut node = root;
        let mut at = start + 2;
        loop {
            let Some(known) = self.nodes.get(node as usize) else {
                return;
            };
            for end in slice(&self.ends, known.ends) {
                if let Some(last) = close(text, *end, start, at) {
                    hits.push(Hit {
                        start,
                        end: last,
                        phrase: end.phrase,
                    });
                }
            }
            let Some(byte) = bytes.get(at) else {
                return;
            };
            let edges = slice(&self.edges, known.edges);
            let Some((_, next)) = edges.iter().find(|(edge, _)| edge == byte) else {
                return;
            };
            node = *next;
            at += 1;
        }
    }
}

fn grow(sprouts: &mut Vec<Sprout>, bytes: impl Iterator<Item = u8>, end: End) {
    let mut node = 0;
    for byte in bytes {
        let new = sprouts.len();
        let Some(sprout) = sprouts.get_mut(node) else {
            return;
        };
        node = *sprout.edges.entry(byte).or_insert(new);
        if node == new {
            sprouts.push(Sprout::default());
        }
    }
    if let Some(sprout) = sprouts.get_mut(node) {
        sprout.ends.push(end);
    }
}

/// Where a phrase ends, if borders stand where it wants them.
fn close(text: &str, end: End, start: usize, at: usize) -> Option<usize> {
    if end.opens && !is_border(text.get(..start)?.chars().next_back()) {
        return None;
    }
    let rest = text.get(at..)?;
    match end.closes {
        Closing::Anything => Some(at),
        Closing::Border => is_border(rest.chars().next()).then_some(at),
        Closing::Rest => {
            let length = rest.bytes().position(is_separator).unwrap_or(rest.len());
            Some(at + length)
        }
    }
}

fn slice<T>(all: &[T], (start, end): (u32, u32)) -> &[T] {
    all.get(start as usize..end as usize).unwrap_or_default()
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'.' | b'\n')
}

fn is_border(char: Option<char>) -> bool {
    char.is_none_or(|char| !char.is_alphanumeric() || is_unspaced(char))
}
