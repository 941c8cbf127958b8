//! Policies as tenants write them, and what they say to calls.
#![expect(clippy::expect_used, reason = "tests")]

mod decide;
mod kit;
mod refused;
mod texts;
