//! The words that rules look for near their matches, all at once.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

/// Words that say what a match is, or what it is not.
#[derive(Clone, Debug)]
pub struct Words {
    /// In lower case. One counts where it stands by itself or begins a longer word; one of up to
    /// three letters only by itself.
    pub words: Vec<Cow<'static, str>>,
    /// How many bytes before a match they may begin.
    pub reach: usize,
}

impl Words {
    /// Words within so many bytes.
    pub fn new(words: &[&'static str], reach: usize) -> Self {
        Self {
            words: words.iter().map(|word| Cow::Borrowed(*word)).collect(),
            reach,
        }
    }
}

/// The longest of the words that begin longer ones only if they are those.
const SHORT: usize = 3;

/// The words of all rules of a set.
#[derive(Debug)]
pub(super) struct Vocabulary {
    automaton: AhoCorasick,
    /// The word of each form that the automaton finds.
    words: Vec<u16>,
}

/// The words of a list, as numbers of the vocabulary.
#[derive(Clone, Debug)]
pub(super) struct List {
    bits: Vec<u64>,
    reach: usize,
}

/// A word that was met before a place.
#[derive(Clone, Copy, Debug)]
struct Met {
    word: u16,
    /// How many bytes before the place it begins and ends.
    begin: usize,
    end: usize,
}

impl Vocabulary {
    /// Compiles the words of rules, and turns their lists into numbers.
    pub(super) fn new<'a>(
        rules: impl Iterator<Item = &'a [Words]>,
    ) -> Result<(Self, Vec<Vec<List>>), BuildError> {
        let mut numbers: HashMap<Cow<'static, str>, u16> = HashMap::new();
        let lists: Vec<Vec<List>> = rules
            .map(|lists| {
                lists
                    .iter()
                    .map(|words| list(words, &mut numbers))
                    .collect()
            })
            .collect();
        let mut forms: Vec<(String, u16)> = Vec::new();
        for (word, number) in &numbers {
            forms.extend(spellings(word).map(|form| (form, *number)));
        }
        forms.sort();
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .build(forms.iter().map(|(form, _)| form))?;
        let words = forms.into_iter().map(|(_, number)| number).collect();
        Ok((Self { automaton, words }, lists))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.automaton.memory_usage() + self.words.len() * size_of::<u16>()
    }

    fn meet(&self, text: &str) -> Vec<Met> {
        self.automaton
            .find_overlapping_iter(text)
            .filter(|found| stands(text, found.start(), found.end()))
            .filter_map(|found| {
                let word = *self.words.get(found.pattern().as_usize())?;
                Some(Met {
                    word,
                    begin: text.len() - found.start(),
                    end: text.len() - found.end(),
                })
            })
            .collect()
    }
}

fn list(words: &Words, numbers: &mut HashMap<Cow<'static, str>, u16>) -> List {
    let mut bits = Vec::new();
    for word in &words.words {
        let next = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
        let number = usize::from(*numbers.entry(word.clone()).or_insert(next));
        if bits.len() <= number / 64 {
            bits.resize(number / 64 + 1, 0);
        }
        if let Some(bits) = bits.get_mut(number / 64) {
            *bits |= 1 << (number % 64);
        }
    }
    List {
        bits,
        reach: words.reach,
    }
}

/// A word as it is; beyond ASCII, whose cases the automaton knows, also with a capital and in
/// capitals.
fn spellings(word: &str) -> impl Iterator<Item = String> {
    let mut spellings = vec![word.to_owned()];
    if !word.is_ascii() {
        let mut chars = word.chars();
        let first = chars.next().into_iter().flat_map(char::to_uppercase);
        spellings.push(first.chain(chars).collect());
        spellings.push(word.to_uppercase());
        spellings.sort();
        spellings.dedup();
    }
    spellings.into_iter()
}

/// Whether a word stands by itself, or begins a longer one and may.
fn stands(text: &str, from: usize, to: usize) -> bool {
    let inner = |char: char| char.is_ascii_alphanumeric();
    let before = text.get(..from).unwrap_or_default();
    let after = text.get(to..).unwrap_or_default();
    !(before.ends_with(inner) || to - from <= SHORT && after.starts_with(inner))
}

impl List {
    fn has(&self, word: u16) -> bool {
        let word = usize::from(word);
        self.bits
            .get(word / 64)
            .is_some_and(|bits| bits >> (word % 64) & 1 == 1)
    }
}

/// What stands around the matches of one start, looked through when it is first asked for.
#[derive(Debug)]
pub(super) struct Around<'a> {
    vocabulary: &'a Vocabulary,
    before: &'a str,
    met: OnceCell<Vec<Met>>,
}

impl<'a> Around<'a> {
    pub(super) fn new(vocabulary: &'a Vocabulary, before: &'a str) -> Self {
        Self {
            vocabulary,
            before,
            met: OnceCell::new(),
        }
    }

    pub(super) fn before(&self) -> &'a str {
        self.before
    }

    fn met(&self) -> &[Met] {
        self.met.get_or_init(|| self.vocabulary.meet(self.before))
    }
}

/// The words near a match that its rule asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Near<'a> {
    lists: &'a [List],
    around: Option<&'a Around<'a>>,
}

impl<'a> Near<'a> {
    pub(super) fn new(lists: &'a [List], around: &'a Around<'a>) -> Self {
        Self {
            lists,
            around: Some(around),
        }
    }

    /// How many bytes before the match the nearest word of a list of the rule ends.
    pub(super) fn nearest(self, list: usize) -> Option<usize> {
        let list = self.lists.get(list)?;
        self.around?
            .met()
            .iter()
            .filter(|met| met.begin <= list.reach && list.has(met.word))
            .map(|met| met.end)
            .min()
    }

    /// Whether a word of a list of the rule stands in the text after the match.
    pub(super) fn is_in(self, list: usize, after: &str) -> bool {
        let (Some(list), Some(around)) = (self.lists.get(list), self.around) else {
            return false;
        };
        let met = around.vocabulary.meet(after);
        met.iter().any(|met| list.has(met.word))
    }
}
