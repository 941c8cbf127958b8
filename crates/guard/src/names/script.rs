//! Names in scripts without capitals, by rules.
//!
//! In Chinese, Japanese and Korean a name begins with one of the usual surnames, and a word before
//! it or after it says that it is one. In Arabic, Hindi and Hebrew it is what follows a title or
//! "my name is". Other scripts, addresses, and names without such a word are not found.

use std::ops::Range;

use super::token::{self, Kind, Token};

/// Bytes before a place that are read.
const BEFORE: usize = 40;

/// Bytes after the start of a name that are read.
const AFTER: usize = 64;

/// How sure a name with a word before or after it is.
const SURE: f32 = 0.9;

/// How sure a name with a word before and after it is.
const SURER: f32 = 0.97;

/// The words of a script.
#[derive(Clone, Debug, Default)]
struct Words {
    name: &'static str,
    families: Vec<&'static str>,
    /// Before a name.
    before: Vec<&'static str>,
    /// Before a name that one of `said` follows.
    weak: Vec<&'static str>,
    /// After a name.
    after: Vec<&'static str>,
    said: Vec<&'static str>,
    /// Parts of a name after the first.
    more: Vec<&'static str>,
    stop: Vec<&'static str>,
}

/// Finds names in scripts without capitals.
#[derive(Clone, Debug)]
pub(super) struct Scripts(Vec<Words>);

/// What a token holds.
pub(super) enum Held {
    /// Names with their scores.
    Names(Vec<(Range<usize>, f32)>),
    /// It depends on what follows.
    Open,
}

impl Scripts {
    /// With the words of the list in the repository.
    pub(super) fn new() -> Self {
        let mut scripts: Vec<Words> = Vec::new();
        for line in include_str!("../../data/names_scripts.txt").lines() {
            let Some((head, words)) = line.split_once(": ") else {
                continue;
            };
            let Some((script, kind)) = head.split_once(' ') else {
                continue;
            };
            if scripts.last().is_none_or(|last| last.name != script) {
                scripts.push(Words {
                    name: script,
                    ..Words::default()
                });
            }
            if let Some(last) = scripts.last_mut() {
                last.take(kind, words.split_whitespace().collect());
            }
        }
        Self(scripts)
    }

    /// The names that begin in a token of letters without capitals.
    pub(super) fn find(&self, text: &str, token: &Token, last: bool) -> Held {
        let mut names = Vec::new();
        let mut at = token.start;
        while let Some(char) = text.get(at..token.end).and_then(|rest| rest.chars().next()) {
            let mut next = at + char.len_utf8();
            for words in self.0.iter().filter(|words| words.writes(char)) {
                match words.name_at(text, at, last) {
                    Name::None => {}
                    Name::Open => return Held::Open,
                    Name::Ends(end, score) => {
                        names.push((at..end, score));
                        next = end;
                        break;
                    }
                }
            }
            at = next;
        }
        Held::Names(names)
    }
}

/// What begins at a place.
enum Name {
    None,
    Open,
    Ends(usize, f32),
}

impl Words {
    fn take(&mut self, kind: &str, words: Vec<&'static str>) {
        match kind {
            "family" => self.families = words,
            "before" => self.before = words,
            "weak" => self.weak = words,
            "after" => self.after = words,
            "said" => self.said = words,
            "more" => self.more = words,
            _ => self.stop = words,
        }
    }

    /// Whether a name of this script can begin with a character.
    fn writes(&self, char: char) -> bool {
        match self.name {
            "zh" | "ja" => is_han(char),
            "ko" => matches!(char, '\u{AC00}'..='\u{D7A3}'),
            "ar" => matches!(char, '\u{0620}'..='\u{064A}'),
            "hi" => matches!(char, '\u{0904}'..='\u{0939}'),
            _ => matches!(char, '\u{05D0}'..='\u{05EA}'),
        }
    }

    fn name_at(&self, text: &str, at: usize, last: bool) -> Name {
        let whole = last || text.len() >= at + AFTER;
        let rest = text.get(at..floor(text, at + AFTER)).unwrap_or_default();
        let before = text
            .get(floor(text, at.saturating_sub(BEFORE))..at)
            .unwrap_or_default();
        let named = self.ends_with(before, &self.before);
        let found = match self.families.is_empty() {
            true if named => self.words(rest),
            true => None,
            false => self.with_family(rest, named, self.ends_with(before, &self.weak)),
        };
        match found {
            None => Name::None,
            Some(_) if !whole => Name::Open,
            Some((0, _)) => Name::None,
            Some((length, score)) => Name::Ends(at + length, score),
        }
    }

    /// Whether what stands before a name ends with one of some words.
    fn ends_with(&self, before: &str, words: &[&str]) -> bool {
        let before = before.trim_end_matches([' ', ':', '：', '"', '「', '“', '.', '\n']);
        words.iter().any(|word| {
            let rest = before.strip_suffix(word);
            // Where words are spaced the whole word must be one.
            rest.is_some_and(|rest| {
                !self.families.is_empty() || !rest.ends_with(|char: char| char.is_alphabetic())
            })
        })
    }

    /// The length of a name that begins with a surname, 0 if what follows says that it is none;
    /// nothing if there is no surname.
    fn with_family(&self, rest: &str, named: bool, weakly: bool) -> Option<(usize, f32)> {
        let families = self.families.iter();
        let family = families
            .filter(|family| rest.starts_with(**family))
            .max_by_key(|family| family.len())?;
        let given = self.given(rest.get(family.len()..).unwrap_or_default());
        // The longest name counts that one of the words after names follows.
        for count in (self.least_titled()..=given.len()).rev() {
            let length = family.len() + given.iter().take(count).sum::<usize>();
            let after = rest.get(length..).unwrap_or_default();
            let after = after.trim_start_matches(' ');
            let follows = |words: &[&str]| words.iter().any(|word| after.starts_with(word));
            let said = (named || weakly) && follows(&self.said);
            if follows(&self.after) || said {
                return Some((length, if named { SURER } else { SURE }));
            }
        }
        let length = family.len() + given.iter().sum::<usize>();
        let enough = given.len() >= self.least_titled().max(1);
        Some(if named && enough {
            (length, SURE)
        } else {
            (0, 0.0)
        })
    }

    /// The fewest characters of a given name before a title: a Korean surname alone is too short.
    fn least_titled(&self) -> usize {
        if self.name == "ko" { 2 } else { 0 }
    }

    /// The lengths of the characters of a given name, one after the other.
    fn given(&self, rest: &str) -> Vec<usize> {
        let most = if self.name == "ja" { 3 } else { 2 };
        let mut lengths = Vec::with_capacity(most);
        for (index, char) in rest.chars().enumerate() {
            let space = index == 0 && char == ' ' && self.name == "ja";
            let stops = self.stop.iter().any(|stop| stop.starts_with(char));
            if lengths.len() == most || !(space || self.writes(char)) || stops {
                break;
            }
            match lengths.last_mut() {
                Some(last) if *last == 1 => *last += char.len_utf8(),
                _ => lengths.push(char.len_utf8()),
            }
        }
        lengths
    }

    /// The length of the words that follow a title: one, and those that go on like a name.
    fn words(&self, rest: &str) -> Option<(usize, f32)> {
        let mut length = 0;
        for count in 0..3 {
            let Some(token) = token::next(rest, length) else {
                break;
            };
            let word = rest.get(token.span()).unwrap_or_default();
            let beside = rest
                .get(length..token.start)
                .is_some_and(|gap| gap == " " || count == 0);
            let is_word = token.kind == Kind::Caseless && !self.stop.contains(&word);
            if !(beside && is_word && (count == 0 || self.goes_on(word))) {
                break;
            }
            length = token.end;
        }
        Some((length, SURE))
    }

    /// Whether a word after the first of a name belongs to it.
    fn goes_on(&self, word: &str) -> bool {
        if self.name != "ar" {
            return true;
        }
        let joined = ["ال", "بن", "ابن", "أبو", "عبد", "آل"];
        joined.iter().any(|start| word.starts_with(start)) || self.more.contains(&word)
    }
}

fn is_han(char: char) -> bool {
    matches!(char, '\u{3005}' | '\u{4E00}'..='\u{9FFF}')
}

/// The character border at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
