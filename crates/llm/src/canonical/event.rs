//! What a streamed answer is made of.

use super::Finish;
use crate::translate::ProviderError;
use crate::usage::Usage;

/// One step of a streamed answer.
///
/// A stream is `Start`, then blocks (`Open`, `Delta`s, `Close`), then `Finish`; blocks are
/// numbered from zero in the order in which they open and may overlap. `Failed` may come at
/// any time and ends it.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The provider has begun.
    Start {
        /// The provider's id for the answer.
        id: String,
        /// The model that answers.
        model: String,
        /// What is known of the usage so far.
        usage: Usage,
    },
    /// A block begins.
    Open {
        /// Its number.
        block: usize,
        /// What it holds.
        opening: Opening,
    },
    /// More text of a block: words, thoughts or arguments.
    Delta {
        /// The block's number.
        block: usize,
        /// The text.
        text: String,
    },
    /// The signature of a block of thoughts.
    Signature {
        /// The block's number.
        block: usize,
        /// The signature.
        signature: String,
    },
    /// A block is complete.
    Close {
        /// The block's number.
        block: usize,
    },
    /// The answer is complete.
    Finish {
        /// Why it ended.
        finish: Finish,
        /// All that was used.
        usage: Usage,
    },
    /// The provider failed after it had begun.
    Failed(ProviderError),
}

/// What a block holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// Words for the user.
    Text,
    /// Words by which the model refuses.
    Refusal,
    /// Thoughts.
    Thinking,
    /// Thoughts that only the provider can read.
    Sealed {
        /// The sealed bytes, as text.
        data: String,
    },
    /// A call of a tool; its deltas are the arguments.
    ToolCall {
        /// The call's id.
        id: String,
        /// The tool.
        name: String,
    },
}
