//! The kit for tests: a clock that stands still, seeded randomness, and peers that misbehave.
//!
//! A dev-dependency of everyone, a dependency of nobody.
//!
//! - [`ManualClock`] and [`SeededEntropy`] make an [`Environment`](iron_primitives::Environment)
//!   whose time moves only when the test says so and whose randomness repeats.
//! - [`FakeUpstream`] is a provider on a loopback port, OpenAI-shaped or Anthropic-shaped. It
//!   keeps every request byte for byte, bills every token it generates, and is therefore the
//!   oracle of every claim about money: what it billed is what was spent. A [`Behaviour`] tells
//!   it how to fail.
//! - [`CertificateAuthority`] makes certificates for servers and clients, good ones and others.
//! - [`RedisServer`] is a real Redis of the test's own.
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

mod authority;
mod environment;
mod fake;
mod redis;

pub use authority::{CertificateAuthority, IssuedCertificate};
pub use environment::{ManualClock, SeededEntropy, TestEnvironment};
pub use fake::{
    Answer, BatchEnd, Behaviour, Bill, Billing, FakeUpstream, Fault, Prices, RetryAfter,
    SeenRequest, Shape, UsageReport,
};
pub use redis::RedisServer;
