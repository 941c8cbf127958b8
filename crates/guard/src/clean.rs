//! Texts in which nothing was found, so that a conversation does not pay for its history at each turn.
//!
//! What is remembered of a text is a hash of 128 bits, under keys that each guard draws for itself and
//! nobody sees: who writes texts can neither look for two with one hash, nor ask what others have sent.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::finding::Channel;

/// Shorter texts cost less to judge than is saved, in bytes.
const LEAST_BYTES: usize = 256;

/// How many texts are remembered: 32 KiB of hashes.
const TEXTS: usize = 2_048;

/// Texts of one profile in which nothing was found, those of late.
#[derive(Debug, Default)]
pub(crate) struct CleanTexts {
    keys: [RandomState; 2],
    /// Each at the place that its hash says; none at all until the first.
    hashes: Mutex<Vec<Hash>>,
}

/// The hash of a text; none for one that is too short to be remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hash(u64, u64);

impl CleanTexts {
    /// The hash of a text that comes through a channel, as JSON or not.
    pub(crate) fn hash(&self, text: &str, channel: Channel, json: bool) -> Option<Hash> {
        if text.len() < LEAST_BYTES {
            return None;
        }
        let [one, other] = &self.keys;
        let hash = |key: &RandomState| {
            let mut hasher = key.build_hasher();
            hasher.write(text.as_bytes());
            hasher.write(&[0xFF, channel as u8, u8::from(json)]);
            hasher.finish()
        };
        Some(Hash(hash(one), hash(other)))
    }

    /// Whether nothing was found in the text of this hash.
    pub(crate) fn has(&self, hash: Hash) -> bool {
        let hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.get(hash.place()) == Some(&hash)
    }

    /// Nothing was found in the text of this hash.
    pub(crate) fn add(&self, hash: Hash) {
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if hashes.is_empty() {
            hashes.resize(TEXTS, Hash::default());
        }
        if let Some(place) = hashes.get_mut(hash.place()) {
            *place = hash;
        }
    }
}

impl Hash {
    fn place(self) -> usize {
        self.0 as usize % TEXTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_remembered_by_its_channel_and_form() {
        let clean = CleanTexts::default();
        let text = "Nothing is in this text. ".repeat(20);
        let hash = |channel, json| clean.hash(&text, channel, json).unwrap();
        clean.add(hash(Channel::User, false));
        assert!(clean.has(hash(Channel::User, false)));
        assert!(!clean.has(hash(Channel::ToolResult, false)));
        assert!(!clean.has(hash(Channel::User, true)));
        assert!(clean.hash("too short", Channel::User, false).is_none());
    }

    #[test]
    fn what_one_guard_remembers_tells_another_nothing() {
        let text = "Nothing is in this text. ".repeat(20);
        let hash = |clean: &CleanTexts| clean.hash(&text, Channel::User, false);
        let (one, other) = (CleanTexts::default(), CleanTexts::default());
        assert_ne!(hash(&one), hash(&other));
    }

    #[test]
    fn memory_is_bounded() {
        let clean = CleanTexts::default();
        for number in 0..3 * TEXTS {
            let text = format!("{number}").repeat(300);
            clean.add(clean.hash(&text, Channel::User, false).unwrap());
        }
        assert_eq!(clean.hashes.lock().unwrap().len(), TEXTS);
    }
}
