//! What is known of words: names, places, street words, words that are none of these.

use super::token::hash_of;

/// What a word is known to be, as bits.
pub type Flags = u16;

/// Given names.
pub const GIVEN: Flags = 1;
/// Surnames.
pub const FAMILY: Flags = 1 << 1;
/// Words of the names of cities, states and countries.
pub const PLACE: Flags = 1 << 2;
/// Ordinary words of some language.
pub const COMMON: Flags = 1 << 3;
/// Words that are no part of a name even with a capital.
pub const STOP: Flags = 1 << 4;
/// Street words: `street`, `straße`, `rue`.
pub const STREET: Flags = 1 << 5;
/// Street words that may begin an address with a small letter: `rue`, `via`.
pub const LEADING: Flags = 1 << 6;
/// Words that join names: `van`, `de`.
pub const PARTICLE: Flags = 1 << 7;
/// Words before or after a name: `Mr`, `Frau`.
pub const TITLE: Flags = 1 << 8;
/// Words of the names of companies: `Inc`, `GmbH`.
pub const COMPANY: Flags = 1 << 9;
/// Months and days.
pub const CALENDAR: Flags = 1 << 10;
/// Parts of a building: `apt`, `floor`.
pub const UNIT: Flags = 1 << 11;
/// Words after which a name may come without a capital: `called`.
pub const TRIGGER: Flags = 1 << 12;

/// The groups of the word list, by their names in it.
const GROUPS: &[(&str, Flags)] = &[
    ("stop", STOP | COMMON),
    ("foreign", STOP | COMMON),
    ("street", STREET),
    ("leading", STREET | LEADING),
    ("particle", PARTICLE),
    ("title", TITLE),
    ("company", COMPANY),
    ("calendar", CALENDAR),
    ("unit", UNIT),
    ("trigger", TRIGGER),
];

/// Bits of an entry that are flags.
const FLAGS: u32 = 13;

/// Bits of the hash of a word that may matter without a capital.
const SMALL: u32 = 18;

/// Known words by their hashes: open addressing, an entry is a part of a hash and its flags.
#[derive(Clone, Debug)]
pub struct Lexicon {
    slots: Vec<u32>,
    mask: usize,
    /// A bit for each word that may open a run without a capital, or let the next one do so: most
    /// words are told by it.
    small: Vec<u64>,
}

impl Lexicon {
    /// The words of the list in the repository, with those of `learned`.
    pub fn new(learned: &[(u32, Flags)]) -> Self {
        let list = include_str!("../../data/names_words.txt");
        let listed: usize = list.split_whitespace().count();
        let size = (4 * (listed + learned.len()) / 3).next_power_of_two();
        let mut lexicon = Self {
            slots: vec![0; size],
            mask: size - 1,
            small: vec![0; 1 << (SMALL - 6)],
        };
        for (hash, flags) in learned {
            lexicon.add(*hash, *flags);
            if flags & (GIVEN | COMMON) == GIVEN {
                lexicon.mark_small(*hash);
            }
        }
        for line in list.lines() {
            let Some((group, words)) = line.split_once(':') else {
                continue;
            };
            let known = GROUPS.iter().find(|(name, _)| *name == group);
            let flags = known.map_or(0, |(_, flags)| *flags);
            for word in words.split_whitespace() {
                // `Ella` and `Ben` are names in one language and pronoun and verb in another.
                let given = lexicon.flags(hash_of(word)) & GIVEN != 0;
                let flags = if group == "foreign" && given {
                    COMMON
                } else {
                    flags
                };
                lexicon.add(hash_of(word), flags);
                if flags & (LEADING | TRIGGER) != 0 {
                    lexicon.mark_small(hash_of(word));
                }
            }
        }
        lexicon
    }

    fn add(&mut self, hash: u32, flags: Flags) {
        let mut at = hash as usize & self.mask;
        while let Some(slot) = self.slots.get_mut(at) {
            if *slot == 0 || is_of(*slot, hash) {
                *slot = hash >> FLAGS << FLAGS | *slot & ((1 << FLAGS) - 1) | u32::from(flags);
                return;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// What is known of the word of a hash.
    pub fn flags(&self, hash: u32) -> Flags {
        let mut at = hash as usize & self.mask;
        while let Some(slot) = self.slots.get(at).filter(|slot| **slot != 0) {
            if is_of(*slot, hash) {
                return (slot & ((1 << FLAGS) - 1)) as Flags;
            }
            at = (at + 1) & self.mask;
        }
        0
    }

    /// Whether a word without a capital may matter: false for most that do not.
    pub fn may_matter(&self, hash: u32) -> bool {
        let bit = hash & ((1 << SMALL) - 1);
        let bits = self.small.get((bit >> 6) as usize);
        bits.is_some_and(|bits| bits >> (bit & 63) & 1 == 1)
    }

    fn mark_small(&mut self, hash: u32) {
        let bit = hash & ((1 << SMALL) - 1);
        if let Some(bits) = self.small.get_mut((bit >> 6) as usize) {
            *bits |= 1 << (bit & 63);
        }
    }
}

/// Whether an entry is of the word of a hash.
fn is_of(slot: u32, hash: u32) -> bool {
    slot >> FLAGS == hash >> FLAGS
}
