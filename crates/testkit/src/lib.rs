//! The kit for tests: a clock that stands still, seeded randomness, and peers that misbehave.
//!
//! A dev-dependency of everyone, a dependency of nobody.
//!
//! - [`ManualClock`] and [`SeededEntropy`] make an [`Environment`](iron_primitives::Environment)
//!   whose time moves only when the test says so and whose randomness repeats.
//!
//! ```
//! use std::time::Duration;
//! use iron_testkit::TestEnvironment;
//!
//! let world = TestEnvironment::new();
//! let before = world.environment.now();
//! world.clock.advance(Duration::from_secs(60));
//! assert_eq!(world.environment.now().since(before), Duration::from_secs(60));
//! ```

mod environment;

pub use environment::{ManualClock, SeededEntropy, TestEnvironment};
