//! Integration tests of the dialects.

mod bounds;
mod envelope;
mod meters;
mod prices;
mod simulated;
mod translation;
