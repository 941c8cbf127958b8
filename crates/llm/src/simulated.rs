//! A provider that is built in, so that everything can be tried without a key.

mod catalogue;

pub use self::catalogue::models;
