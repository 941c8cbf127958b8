//! Texts as a reader sees them.

mod cipher;
mod decode;
mod folded;
mod hidden;
mod letters;
mod markup;
mod reading;
mod spaced;

pub use cipher::Cipher;
pub use decode::{Budget, Decoded, decoded};
pub use folded::{Folded, is_hidden};
pub use hidden::{Hidden, Hiding, hidden};
pub use markup::{hidden_markup, without_tags};
pub use reading::Reading;
pub use spaced::{Spaced, spaced, without_joints};
