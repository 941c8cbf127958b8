//! Texts as a reader sees them.

mod cipher;
mod folded;
mod letters;
mod reading;
mod spaced;

pub use cipher::Cipher;
pub use folded::{Folded, is_hidden};
pub use reading::Reading;
pub use spaced::{Spaced, spaced};
