//! What the trainers promise.
#![expect(clippy::unwrap_used, reason = "tests")]

mod names;
