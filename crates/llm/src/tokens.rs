//! Counting tokens with OpenAI's public encodings.
//!
//! The counters run in linear time in the worst case, so hostile text costs no more than
//! any other. For encodings that are not public nothing is guessed: there the number of
//! bytes is the bound.

use crate::prices::Encoding;

/// How many tokens a text is in an encoding. Markers such as `<|endoftext|>` count as text,
/// as they do when they are part of a message.
pub fn count(encoding: Encoding, text: &str) -> u64 {
    let tokenizer = match encoding {
        Encoding::O200k => bpe_openai::o200k_base(),
        Encoding::Cl100k => bpe_openai::cl100k_base(),
    };
    tokenizer.count(text) as u64
}

/// Builds the tables, so that no call waits for it.
pub fn warm_up() {
    count(Encoding::O200k, "a");
    count(Encoding::Cl100k, "a");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_are_those_of_the_public_encodings() {
        // From the tests of tiktoken 0.12 and OpenAI's cookbook, 2026-11.
        assert_eq!(count(Encoding::Cl100k, "tiktoken is great!"), 6);
        assert_eq!(count(Encoding::O200k, "tiktoken is great!"), 6);
        assert_eq!(count(Encoding::Cl100k, "お誕生日おめでとう"), 9);
        assert_eq!(count(Encoding::O200k, "お誕生日おめでとう"), 8);
        assert_eq!(count(Encoding::Cl100k, ""), 0);
    }

    proptest! {
        #[test]
        fn a_text_never_has_more_tokens_than_bytes(text in ".{0,200}") {
            prop_assert!(count(Encoding::O200k, &text) <= text.len() as u64);
            prop_assert!(count(Encoding::Cl100k, &text) <= text.len() as u64);
        }
    }
}
