//! The languages of model providers, without any I/O: requests read and bounded, answers
//! metered and priced.
//!
//! | word | meaning |
//! |---|---|
//! | [`Dialect`] | the shape of a request: OpenAI's chat, responses, completions, embeddings; Anthropic's messages; Gemini; Cohere; Bedrock's Converse |
//! | [`Envelope`] | a request, read once: its [`Facts`], and the places where it may be edited |
//! | [`PriceBook`] | what models cost, dated and identified by its content |
//! | [`Bound`] | the most that an attempt can cost, as a function of the output cap that is forwarded |
//! | [`Meter`] | watches a stream pass by and says what was used and why it ended |
//! | [`Usage`] | counts of tokens in buckets that do not overlap |
//! | [`ProviderConfig`] | what only some kinds have: the deployments of Azure, the project of Vertex AI, the region of AWS |
//! | [`translate`] | from one dialect into another and back, by way of [`canonical`] words |
//! | [`texts`] | where the texts of a call stand, who says them, and how they are replaced |
//! | [`batch`] | many requests that a provider answers within a day: read, bounded and counted |
//! | [`Passage`] | what a request is that names its provider and a route there |
//! | [`simulated`] | a provider that is built in, so that everything can be tried without a key |
//!
//! A call passes through here in this order: [`Envelope::read`] · [`Bound::quick`], or
//! [`Bound::tight`] near the edge of a budget · [`Envelope::rewrite`] with [`Bound::edits`] ·
//! [`Meter::feed`] for each piece of a stream, or [`meter::read_answer`] · [`Bound::settle`].
//! What is refused on the way is said in the caller's own shape by [`errors`].
//!
//! Invariants:
//! - **Bytes pass untouched** where both sides speak the same dialect, in both directions,
//!   but for the few that an edit names.
//! - **No honest bill exceeds the bound**: whatever way a provider splits the tokens that it
//!   may count, at whatever rate it may serve them.
//! - **No usage is guessed.** What a provider did not say is none, not zero; a bucket without
//!   a price costs the dearest that could be meant, not nothing.
//! - **Money is never a float**, from the text of a price list to the rounded sum.
//! - **Hostile bytes cost no more than others**: depth, frames and counts are bounded, and
//!   every reader takes linear time.
//! - **No clock, no chance**: the same input gives the same output.
//!
//! ```
//! use iron_llm::{Assumptions, Bound, Dialect, Envelope, PriceBook, ProviderKind, Usage};
//!
//! let body = br#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}]}"#;
//! let envelope = Envelope::read(Dialect::OpenAiChat, body[..].into())?;
//! let book = PriceBook::builtin();
//! let bound = Bound::quick(&book, ProviderKind::OpenAi, &envelope, &Assumptions::default())?;
//!
//! // The budget has room for 200 tokens of output; the request that is sent says so.
//! let room = bound.cost_at(200)?;
//! let cap = bound.cap_within(room).expect("there is room");
//! let sent = envelope.rewrite(&bound.edits(cap, None, Dialect::OpenAiChat));
//! assert_eq!(
//!     &sent[..],
//!     br#"{"max_completion_tokens":200,"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}]}"#
//! );
//!
//! // Whatever comes back within the cap costs no more than what was held.
//! let usage = Usage { input: 8, output: 200, ..Usage::default() };
//! assert!(bound.settle(&usage)? <= room);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod anthropic;
pub mod aws;
pub mod batch;
pub mod bound;
pub mod canonical;
mod cohere;
mod config;
pub mod entra;
pub mod envelope;
pub mod errors;
pub mod eventstream;
pub mod google;
pub mod images;
mod kind;
pub mod meter;
pub mod oauth;
mod passage;
pub mod prices;
pub mod proposals;
pub mod replicate;
pub mod scan;
pub mod simulated;
mod sound;
pub mod sse;
pub mod texts;
pub mod tokens;
pub mod translate;
mod usage;

pub use bound::{Assumptions, Bound, BoundError};
pub use config::{ProviderConfig, Served, root_of};
pub use envelope::{Edits, Envelope, Facts, FileForm};
pub use kind::{Dialect, ErrorShape, ProviderKind};
pub use meter::{Meter, MeterOptions, Reading};
pub use passage::{Address, BatchRoute, FileRoute, Kept, Passage, PassageError, is_route};
pub use prices::{Model, ModelRef, PriceBook};
pub use usage::{ServiceTier, Usage};
