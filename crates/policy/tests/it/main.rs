//! Policies as tenants write them, and what they say to calls.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

mod decide;
mod kit;
mod parameters;
mod refused;
mod texts;
