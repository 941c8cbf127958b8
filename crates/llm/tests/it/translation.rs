//! Translation between dialects, cell by cell of `docs/translation.md`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod fixture;
mod goldens;
mod hostile;
mod properties;
mod table;
mod traps;
