//! Anthropic's own dialect: its headers, what it says it counted, its streams.
//!
//! A request of this dialect is read by [`crate::envelope`] like any other and passes byte
//! for byte, but for the output cap. What is special is here: the credential travels in
//! [`CREDENTIAL_HEADER`], every request names a [`VERSION_HEADER`], and usage is told in
//! pieces that must be put together ([`Tally`]).

mod beta;
pub mod model;
mod usage;

pub use beta::{Betas, LONG_CONTEXT};
pub use usage::{Iteration, Tally};

/// Carries the credential, without a scheme in front.
pub const CREDENTIAL_HEADER: &str = "x-api-key";
/// Names the version of the dialect.
pub const VERSION_HEADER: &str = "anthropic-version";
/// The version that is sent for clients that speak another dialect.
pub const VERSION: &str = "2023-06-01";
/// Names the experimental features that a request uses, separated by commas.
pub const BETA_HEADER: &str = "anthropic-beta";
/// The path that counts the tokens of a request and generates nothing.
pub const COUNT_TOKENS_PATH: &str = "/v1/messages/count_tokens";

/// The headers of a client's request that go on to Anthropic when the client speaks its
/// dialect. The credential is not among them: the gateway sends its own.
pub const REQUEST_HEADERS: [&str; 2] = [VERSION_HEADER, BETA_HEADER];

/// Whether a header of Anthropic's answer goes back to the client: its id for the request
/// and its rate limits, but not whose account it is.
pub fn is_answer_header(name: &str) -> bool {
    matches!(name, "request-id" | "retry-after") || name.starts_with("anthropic-ratelimit-")
}

/// The answer to a request that only counts tokens.
pub fn count_tokens_answer(input_tokens: u64) -> Vec<u8> {
    format!("{{\"input_tokens\":{input_tokens}}}").into_bytes()
}
