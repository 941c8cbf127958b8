//! Words of model providers: requests read, answers metered, prices, bounds.

pub mod envelope;
mod kind;
pub mod scan;
pub mod sse;
mod usage;

pub use kind::{Dialect, ErrorShape, ProviderKind};
pub use usage::{ServiceTier, Usage};
