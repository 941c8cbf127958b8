//! Integration tests of the dialects.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what the tests share is test code, too"
)]

mod aws;
mod betas;
mod bounds;
mod envelope;
mod gemini;
mod meters;
mod pictures;
mod prices;
mod proposals;
mod replicate;
mod rerank;
mod simulated;
mod texts;
mod tokens;
mod translation;
