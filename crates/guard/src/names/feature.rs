//! What the model sees of each token of a run.

use super::lexicon::{COMMON, FAMILY, Flags, GIVEN, STREET};
use super::run::{Gap, Runs, Word};
use super::token::{self, Kind};

/// Buckets that features are hashed into.
pub const BUCKETS: usize = 1 << 16;

/// The hash of what is not there: before a text and after it.
const NOTHING: u32 = 0x9E37_79B9;

/// Tokens before a run that are seen.
const BEFORE: usize = 3;

/// Tokens after a run that are seen.
const AFTER: usize = 2;

/// The features of each token of a run, as buckets.
#[derive(Clone, Debug, Default)]
pub struct Features {
    buckets: Vec<u32>,
    ends: Vec<usize>,
}

impl Features {
    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Those of one token.
    pub fn of(&self, token: usize) -> &[u32] {
        let start = token
            .checked_sub(1)
            .and_then(|before| self.ends.get(before))
            .copied()
            .unwrap_or_default();
        let end = self.ends.get(token).copied().unwrap_or(start);
        self.buckets.get(start..end).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.buckets.clear();
        self.ends.clear();
    }

    fn add(&mut self, kind: u32, left: u32, right: u32) {
        let mut hash = kind.wrapping_mul(0x85EB_CA6B) ^ left;
        hash = (hash ^ (hash >> 15)).wrapping_mul(0xC2B2_AE35);
        hash ^= right.wrapping_mul(0x27D4_EB2F);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0x1656_67B1);
        self.buckets
            .push((hash ^ (hash >> 16)) & (BUCKETS as u32 - 1));
    }
}

/// What is seen of a token without its neighbours.
#[derive(Clone, Copy)]
struct Seen {
    hash: u32,
    shape: u32,
    flags: u32,
    gap: u32,
}

const BORDER: Seen = Seen {
    hash: NOTHING,
    shape: NOTHING,
    flags: NOTHING,
    gap: Gap::Break as u32,
};

impl Seen {
    fn new(word: &Word) -> Self {
        Self {
            hash: word.token.hash,
            shape: word.token.shape,
            flags: u32::from(word.flags),
            gap: word.gap as u32,
        }
    }
}

/// What is seen of a run as a whole.
struct Around {
    /// Tokens before, in the run and after it; the run begins at [`BEFORE`].
    seen: Vec<Seen>,
    length: usize,
    /// Which sorts of tokens the run has.
    sorts: u32,
    /// Whether a sentence begins with the run.
    first: u32,
    /// Neighbours with a capital that are ordinary words: a headline has many.
    headline: u32,
    glue_before: u32,
    glue_after: u32,
    /// The white space after the run.
    gap_after: u32,
}

/// Sees a run; false if what follows it could change what is seen.
pub fn see(runs: &Runs<'_>, text: &str, run: &[Word], features: &mut Features) -> bool {
    features.clear();
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return true;
    };
    let (after, whole) = runs.after(last.token.end, AFTER);
    if !whole {
        return false;
    }
    let before = runs.before(first.token.start, BEFORE);
    let around = Around {
        length: run.len(),
        sorts: sorts(run),
        first: first_of_sentence(before.first(), first.gap),
        headline: headline(&before) + headline(&after),
        glue_before: u32::from(runs.glue_before(first.token.start)),
        glue_after: u32::from(runs.glue_after(last.token.end)),
        gap_after: after.first().map_or(Gap::Break, |word| word.gap) as u32,
        seen: line_up(&before, run, &after),
    };
    for (index, word) in run.iter().enumerate() {
        around.own(text, word, features);
        around.neighbours(index, features);
        around.place(index, features);
        features.ends.push(features.buckets.len());
    }
    true
}

fn line_up(before: &[Word], run: &[Word], after: &[Word]) -> Vec<Seen> {
    let mut seen = Vec::with_capacity(BEFORE + run.len() + AFTER);
    seen.resize(BEFORE - before.len(), BORDER);
    seen.extend(before.iter().rev().map(Seen::new));
    seen.extend(run.iter().map(Seen::new));
    seen.extend(after.iter().map(Seen::new));
    seen.resize(BEFORE + run.len() + AFTER, BORDER);
    seen
}

fn sorts(run: &[Word]) -> u32 {
    let any = |test: fn(&Word) -> bool| u32::from(run.iter().any(test));
    let named: Flags = GIVEN | FAMILY;
    let count = run.iter().filter(|word| word.token.kind != Kind::Mark);
    let known = run.iter().filter(|word| word.flags & named != 0).count();
    any(|word| word.token.kind == Kind::Number)
        | any(|word| word.flags & STREET != 0) << 1
        | any(|word| word.token.is_mark(',')) << 2
        | any(|word| word.gap == Gap::Line) << 3
        | any(|word| word.token.kind == Kind::Alphanumeric) << 4
        | (known.min(3) as u32) << 5
        | (count.count().min(7) as u32) << 8
}

fn first_of_sentence(before: Option<&Word>, gap: Gap) -> u32 {
    match before {
        None => 1,
        Some(_) if gap == Gap::Break => 2,
        Some(_) if gap == Gap::Line => 3,
        Some(word) if ['.', '!', '?'].iter().any(|mark| word.token.is_mark(*mark)) => 4,
        Some(_) => 0,
    }
}

fn headline(words: &[Word]) -> u32 {
    let capital = |word: &&Word| {
        matches!(word.token.kind, Kind::Capital | Kind::Upper) && word.flags & COMMON != 0
    };
    words.iter().filter(capital).count() as u32
}

/// The byte that ends the first `count` characters, and the one that begins the last.
fn affixes(text: &str, count: usize) -> (&str, &str) {
    let head = text
        .char_indices()
        .nth(count)
        .map_or(text.len(), |(at, _)| at);
    let tail = text
        .char_indices()
        .rev()
        .nth(count - 1)
        .map_or(0, |(at, _)| at);
    (
        text.get(..head).unwrap_or_default(),
        text.get(tail..).unwrap_or_default(),
    )
}

impl Around {
    /// A token before (`-`) or after (`+`) another.
    fn at(&self, index: usize, offset: isize) -> Seen {
        (BEFORE + index)
            .checked_add_signed(offset)
            .and_then(|at| self.seen.get(at))
            .copied()
            .unwrap_or(BORDER)
    }

    /// The token by itself.
    fn own(&self, text: &str, word: &Word, features: &mut Features) {
        let seen = Seen::new(word);
        features.add(0, 0, 0);
        features.add(1, seen.hash, 0);
        features.add(2, seen.shape, 0);
        features.add(3, seen.flags, 0);
        features.add(4, seen.flags, seen.shape);
        features.add(5, seen.gap, seen.shape);
        features.add(6, seen.flags, self.sorts);
        features.add(7, seen.shape, self.sorts & 0x1F);
        let spelled = text.get(word.token.span()).unwrap_or_default();
        match word.token.kind {
            Kind::Mark | Kind::Initial => {}
            Kind::Number | Kind::Alphanumeric => {
                features.add(8, word.token.length() as u32, seen.shape)
            }
            _ => spell(spelled, features),
        }
    }

    /// The token with those beside it.
    fn neighbours(&self, index: usize, features: &mut Features) {
        let here = self.at(index, 0);
        let (left, right) = (self.at(index, -1), self.at(index, 1));
        let (far_left, far_right) = (self.at(index, -2), self.at(index, 2));
        features.add(16, left.hash, 0);
        features.add(17, right.hash, 0);
        features.add(18, far_left.hash, 0);
        features.add(19, far_right.hash, 0);
        features.add(20, left.hash, here.hash);
        features.add(21, here.hash, right.hash);
        features.add(22, left.hash, far_left.hash);
        features.add(23, right.hash, far_right.hash);
        features.add(24, left.shape, here.shape);
        features.add(25, here.shape, right.shape);
        features.add(26, left.shape ^ right.shape.rotate_left(9), here.shape);
        features.add(27, left.flags, here.flags);
        features.add(28, here.flags, right.flags);
        features.add(29, left.flags | right.flags << 16, here.flags);
        features.add(30, left.hash, here.flags);
        features.add(31, right.hash, here.flags);
        features.add(32, left.hash, here.shape);
        features.add(33, right.hash, here.shape);
        features.add(34, here.gap | right.gap << 4, here.flags);
        features.add(35, far_left.flags, left.flags);
        features.add(36, right.flags, far_right.flags);
    }

    /// The token in its run, and the run in the text.
    fn place(&self, index: usize, features: &mut Features) {
        let from_start = index.min(3) as u32;
        let from_end = (self.length - index).min(4) as u32;
        let place = from_start | from_end << 4;
        let here = self.at(index, 0);
        let before = self.at(0, -1);
        let after = self.at(self.length, 0);
        features.add(48, place, self.length.min(6) as u32);
        features.add(49, from_start | self.first << 4, here.flags);
        features.add(50, before.hash, from_start);
        features.add(
            51,
            before.hash ^ self.at(0, -2).hash.rotate_left(7),
            from_start,
        );
        features.add(52, after.hash, from_end);
        features.add(53, self.headline | self.first << 4, here.flags);
        features.add(54, self.glue_before | self.glue_after << 8, place);
        features.add(55, self.at(0, 0).gap | self.gap_after << 4, place);
        features.add(56, self.at(0, -2).hash, from_start);
        features.add(57, self.at(0, -3).hash, from_start);
    }
}

/// The beginning and the ends of a word.
fn spell(word: &str, features: &mut Features) {
    let small = word.len() <= 4;
    let hash = |part: Option<&str>| part.map_or(NOTHING, token::hash_of);
    if word.is_ascii() {
        for count in 2..=4 {
            let tail = word.get(word.len().saturating_sub(count)..);
            features.add(8 + count as u32, hash(tail), u32::from(small));
        }
        features.add(13, hash(word.get(..word.len().min(3))), u32::from(small));
        return;
    }
    for count in 2..=4 {
        let (_, tail) = affixes(word, count);
        features.add(8 + count as u32, token::hash_of(tail), u32::from(small));
    }
    let (head, _) = affixes(word, 3);
    features.add(13, token::hash_of(head), u32::from(small));
}
