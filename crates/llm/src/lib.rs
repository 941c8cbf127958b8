//! Words of model providers: requests read, answers metered, prices, bounds.

pub mod anthropic;
pub mod canonical;
pub mod bound;
pub mod envelope;
pub mod errors;
pub mod images;
mod kind;
pub mod meter;
pub mod prices;
pub mod scan;
pub mod simulated;
pub mod sse;
pub mod tokens;
pub mod translate;
mod usage;

pub use bound::{Assumptions, Bound, BoundError};
pub use envelope::{Edits, Envelope, Facts};
pub use kind::{Dialect, ErrorShape, ProviderKind};
pub use meter::{Meter, MeterOptions, Reading};
pub use prices::{Model, ModelRef, PriceBook};
pub use usage::{ServiceTier, Usage};
