//! Finds the phrases of all rules in a text, in one pass.
//!
//! The phrases are one tree of bytes. It is walked from each place where a phrase could begin, the
//! first byte of a word or, in scripts without spaces, of a character, until no phrase goes on: in
//! ordinary texts after two or three bytes.

use std::collections::HashMap;

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

/// The tree while it grows.
struct Sapling {
    sprouts: Vec<Sprout>,
    /// Phrases, with the nodes at which they are whole.
    ends: Vec<(u32, End)>,
}

/// A node while the tree grows. Number 0 is none: nothing leads to the root.
#[derive(Clone, Copy, Default)]
struct Sprout {
    /// What leads to it.
    byte: u8,
    /// The first of the nodes below.
    child: u32,
    /// The next node below the same, by a greater byte.
    sibling: u32,
}

impl Spotter {
    pub(super) fn new(phrases: &Phrases, joined: bool) -> Self {
        let mut ordered: Vec<_> = phrases.iter().collect();
        ordered.sort_unstable();
        let mut sapling = Sapling::default();
        for (phrase, number) in ordered {
            if joined && phrase.text.len() < JOINED_LEAST {
                continue;
            }
            let bytes = phrase.text.bytes().filter(|byte| !joined || *byte != b' ');
            sapling.grow(
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
        Self::planted(sapling, joined)
    }

    fn planted(mut sapling: Sapling, joined: bool) -> Self {
        // Of the same node in the order in which they came.
        sapling.ends.sort_by_key(|(node, _)| *node);
        let mut ends = sapling.ends.iter().peekable();
        let mut spotter = Self {
            roots: vec![0; 1 << 16],
            nodes: Vec::with_capacity(sapling.sprouts.len()),
            edges: Vec::with_capacity(sapling.sprouts.len()),
            ends: Vec::with_capacity(sapling.ends.len()),
            joined,
        };
        for node in 0..number(sapling.sprouts.len()) {
            let first = (number(spotter.edges.len()), number(spotter.ends.len()));
            spotter.edges.extend(sapling.below(node));
            while let Some((_, end)) = ends.next_if(|(at, _)| *at == node) {
                spotter.ends.push(*end);
            }
            spotter.nodes.push(Node {
                edges: (first.0, number(spotter.edges.len())),
                ends: (first.1, number(spotter.ends.len())),
            });
        }
        for (first, node) in sapling.below(0) {
            for (second, node) in sapling.below(node) {
                if let Some(root) = spotter.roots.get_mut(pair(first, second)) {
                    *root = node;
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

impl Default for Sapling {
    fn default() -> Self {
        Self {
            sprouts: vec![Sprout::default()],
            ends: Vec::new(),
        }
    }
}

impl Sapling {
    fn grow(&mut self, bytes: impl Iterator<Item = u8>, end: End) {
        let mut node = 0;
        for byte in bytes {
            node = self.child(node, byte);
        }
        self.ends.push((node, end));
    }

    fn sprout(&self, node: u32) -> Sprout {
        let sprout = self.sprouts.get(node as usize);
        sprout.copied().unwrap_or_default()
    }

    /// The nodes below one, with the bytes that lead to them, in their order.
    fn below(&self, node: u32) -> impl Iterator<Item = (u8, u32)> {
        let there = |node: u32| (node != 0).then_some(node);
        let first = there(self.sprout(node).child);
        let all = std::iter::successors(first, move |node| there(self.sprout(*node).sibling));
        all.map(|node| (self.sprout(node).byte, node))
    }

    /// The node below one to which a byte leads, which is new if there was none.
    fn child(&mut self, node: u32, byte: u8) -> u32 {
        let before = self.below(node).take_while(|(other, _)| *other < byte);
        let before = before.last().map(|(_, node)| node);
        let next = match before {
            Some(before) => self.sprout(before).sibling,
            None => self.sprout(node).child,
        };
        if next != 0 && self.sprout(next).byte == byte {
            return next;
        }
        let new = number(self.sprouts.len());
        self.sprouts.push(Sprout {
            byte,
            child: 0,
            sibling: next,
        });
        let leading = before.unwrap_or(node);
        if let Some(leading) = self.sprouts.get_mut(leading as usize) {
            match before {
                Some(_) => leading.sibling = new,
                None => leading.child = new,
            }
        }
        new
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
