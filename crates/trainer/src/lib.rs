//! What trains the models of [`iron_guard`] and measures its detectors: never shipped.
//!
//! The data is not part of the project: its folder is an argument of each program. What a program
//! writes is a file of weights that is committed, and a report of how well they do on sources that
//! they were not trained on. The same data and the same seed give the same bytes.

pub mod corpus;
pub mod eval;
pub mod injection;
pub mod names;
pub mod random;
