//! Trains what finds names of people and postal addresses, and measures it.
//!
//! Training texts are templates of this crate ([`fill`]), filled with names ([`people`]) and
//! addresses ([`places`]) of many countries, and harmless texts with silver labels ([`silver`]).
//! What is measured is held out by family of templates, by locale of names and by source of
//! texts, never by chance.

pub mod examples;
pub mod fill;
pub mod learn;
pub mod measure;
pub mod people;
pub mod places;
pub mod silver;
pub mod sources;
pub mod values;
pub mod words;
