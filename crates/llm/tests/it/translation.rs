//! Translation between dialects, cell by cell of `docs/translation.md`.

mod fixture;
mod goldens;
mod hostile;
mod properties;
mod table;
mod traps;
