//! Texts as a reader sees them.

mod folded;

pub use folded::{Folded, is_hidden};
