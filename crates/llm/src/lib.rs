//! Words of model providers: requests read, answers metered, prices, bounds.

pub mod anthropic;
pub mod canonical;
pub mod envelope;
mod kind;
pub mod scan;
pub mod sse;
pub mod translate;
mod usage;

pub use kind::{Dialect, ErrorShape, ProviderKind};
pub use usage::{ServiceTier, Usage};
