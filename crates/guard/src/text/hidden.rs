//! Texts written in characters that a reader does not see.

use std::ops::Range;

/// A way to hide a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hiding {
    /// Tag characters, each standing for one of ASCII.
    Tags,
    /// Variation selectors, each standing for a byte.
    Selectors,
    /// Characters without width, as bits or by themselves.
    ZeroWidth,
    /// Letters that are shown in the other direction than they are written.
    Override,
    /// Characters without width within words.
    Scattered,
}

impl Hiding {
    /// Its name, as in the ids of rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Selectors => "selectors",
            Self::ZeroWidth => "zero_width",
            Self::Override => "override",
            Self::Scattered => "scattered",
        }
    }
}

/// A hidden text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// How it is hidden.
    pub by: Hiding,
    /// What it says, where that can be told.
    pub says: Option<String>,
    /// Bytes of the original.
    pub span: Range<usize>,
}

/// The least of each kind that is no accident, in characters.
const TAGS: usize = 3;
const SELECTORS: usize = 4;
const ZERO_WIDTH: usize = 8;
const SCATTERED: usize = 4;

/// What a character may be part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tag,
    Selector,
    ZeroWidth,
    Override,
    /// The flag that tags spell the region of.
    Flag,
    Other,
}

fn kind(char: char) -> Kind {
    match char {
        '\u{E0000}'..='\u{E007F}' => Kind::Tag,
        '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' => Kind::Selector,
        '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{180E}' => {
            Kind::ZeroWidth
        }
        '\u{202D}' | '\u{202E}' => Kind::Override,
        '\u{1F3F4}' => Kind::Flag,
        _ => Kind::Other,
    }
}

/// The hidden texts of a text, in order.
pub fn hidden(text: &str) -> Vec<Hidden> {
    let mut found = Vec::new();
    if text.is_ascii() {
        return found;
    }
    let mut run = Run::default();
    let mut scattered: Vec<usize> = Vec::new();
    let mut before = ' ';
    for (at, char) in text.char_indices() {
        let kind = kind(char);
        if kind == Kind::ZeroWidth && before.is_ascii_alphabetic() {
            scattered.push(at);
        }
        if kind == Kind::Override {
            found.extend(overridden(text, at));
        }
        run.next(at, char, kind, &mut found);
        before = char;
    }
    run.end(text.len(), &mut found);
    if let (Some(first), Some(last)) = (scattered.first(), scattered.last())
        && scattered.len() >= SCATTERED
    {
        found.push(Hidden {
            by: Hiding::Scattered,
            says: None,
            span: *first..last + '\u{200B}'.len_utf8(),
        });
    }
    found
}

/// Characters of one kind in a row.
struct Run {
    kind: Kind,
    start: usize,
    chars: Vec<char>,
    /// Whether tags follow a flag: then they name its region.
    flag: bool,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            kind: Kind::Other,
            start: 0,
            chars: Vec::new(),
            flag: false,
        }
    }
}

impl Run {
    fn next(&mut self, at: usize, char: char, kind: Kind, found: &mut Vec<Hidden>) {
        if kind != self.kind {
            self.end(at, found);
            self.flag = self.kind == Kind::Flag;
            self.kind = kind;
            self.start = at;
        }
        if matches!(kind, Kind::Tag | Kind::Selector | Kind::ZeroWidth) {
            self.chars.push(char);
        }
    }

    fn end(&mut self, at: usize, found: &mut Vec<Hidden>) {
        let chars = std::mem::take(&mut self.chars);
        let (by, least, says) = match self.kind {
            Kind::Tag if !self.flag => (Hiding::Tags, TAGS, tags(&chars)),
            Kind::Selector => (Hiding::Selectors, SELECTORS, selectors(&chars)),
            Kind::ZeroWidth => (Hiding::ZeroWidth, ZERO_WIDTH, bits(&chars)),
            _ => return,
        };
        if chars.len() >= least {
            found.push(Hidden {
                by,
                says,
                span: self.start..at,
            });
        }
    }
}

fn tags(chars: &[char]) -> Option<String> {
    let ascii = chars.iter().filter_map(|char| {
        let code = u8::try_from(u32::from(*char).checked_sub(0xE0000)?).ok()?;
        (code >= 0x20).then_some(char::from(code))
    });
    let says: String = ascii.filter(|char| !char.is_control()).collect();
    (!says.is_empty()).then_some(says)
}

fn selectors(chars: &[char]) -> Option<String> {
    let bytes = chars.iter().filter_map(|char| {
        let code = u32::from(*char);
        let value = match code {
            0xFE00..=0xFE0F => code - 0xFE00,
            _ => code.checked_sub(0xE0100)? + 16,
        };
        u8::try_from(value).ok()
    });
    String::from_utf8(bytes.collect()).ok()
}

/// Two characters as zero and one, eight of them a letter: which is which is tried.
fn bits(chars: &[char]) -> Option<String> {
    let first = chars.first()?;
    let read = |one_is_first: bool| {
        let bits: Vec<u8> = chars
            .iter()
            .map(|char| u8::from((char == first) == one_is_first))
            .collect();
        let (bytes, _) = bits.as_chunks::<8>();
        let letters: Vec<u8> = bytes
            .iter()
            .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit))
            .collect();
        let says = String::from_utf8(letters).ok()?;
        super::decode::is_readable(&says).then_some(says)
    };
    read(true).or_else(|| read(false))
}

/// What is shown from right to left, as it is shown.
fn overridden(text: &str, at: usize) -> Option<Hidden> {
    let rest = text.get(at..)?;
    let mark = rest.chars().next()?;
    let inner = rest.get(mark.len_utf8()..)?;
    let length = inner.find(['\u{202C}', '\n']).unwrap_or(inner.len());
    let written = inner.get(..length)?;
    let says = match mark {
        '\u{202E}' => written.chars().rev().collect(),
        _ => written.to_owned(),
    };
    (written
        .chars()
        .filter(|char| char.is_alphanumeric())
        .count()
        >= 3)
        .then(|| Hidden {
            by: Hiding::Override,
            says: Some(says),
            span: at..at + mark.len_utf8() + length,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Hidden {
        let mut found = hidden(text);
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn tags_say_what_they_stand_for() {
        let tags: String = "say hi"
            .chars()
            .map(|char| char::from_u32(0xE0000 + char as u32).unwrap())
            .collect();
        let text = format!("Hello{tags}!");
        let found = one(&text);
        assert_eq!(
            (found.by, found.says.as_deref()),
            (Hiding::Tags, Some("say hi"))
        );
        assert_eq!(text.get(found.span), Some(tags.as_str()));
    }

    #[test]
    fn selectors_are_bytes() {
        let selectors: String = b"obey"
            .iter()
            .map(|byte| char::from_u32(0xE0100 + u32::from(*byte) - 16).unwrap())
            .collect();
        assert_eq!(one(&format!("a{selectors}")).says.as_deref(), Some("obey"));
    }

    #[test]
    fn characters_without_width_are_bits() {
        let bits: String = b"read this"
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
            .map(|bit| if bit == 1 { '\u{200C}' } else { '\u{200B}' })
            .collect();
        assert_eq!(one(&bits).says.as_deref(), Some("read this"));
    }

    #[test]
    fn what_is_shown_the_other_way_is_read_as_shown() {
        let found = one("x \u{202E}erongi\u{202C} y");
        assert_eq!(
            (found.by, found.says.as_deref()),
            (Hiding::Override, Some("ignore"))
        );
    }

    #[test]
    fn flags_emoji_and_other_scripts_hide_nothing() {
        for text in [
            "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} won",
            "👩\u{200D}👩\u{200D}👧\u{200D}👦 ❤\u{FE0F} 1\u{FE0F}\u{20E3}",
            "می\u{200C}خواهم",
            "क\u{094D}\u{200D}ष",
            "co\u{AD}operate",
        ] {
            assert_eq!(hidden(text), [], "{text:?}");
        }
    }
}
