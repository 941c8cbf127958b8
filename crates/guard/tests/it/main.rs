//! What the guardrails promise, tried on real texts and hostile ones.
#![expect(
    clippy::expect_used,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "tests"
)]

mod guard;
mod held;
mod injection;
mod lanes;
mod names;
mod pii;
mod scan;
mod secrets;
mod settle;
