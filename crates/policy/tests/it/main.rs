//! Policies as tenants write them, and what they say to calls.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod conditions;
mod cookbook;
mod corpora;
mod decide;
mod kit;
mod parameters;
mod random_arguments;
mod refused;
mod texts;
