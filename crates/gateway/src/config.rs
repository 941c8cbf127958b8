//! The settings of the gateway.

use std::time::Duration;

/// How much is taken in, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// The most bytes of one body.
    pub body_limit_bytes: usize,
    /// How long a body may take to arrive.
    pub body_timeout: Duration,
    /// The most bytes of all bodies together that are in memory before they are sent on.
    pub buffered_bytes: usize,
    /// How long a request waits for its share of that.
    pub buffer_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            body_limit_bytes: 32 * 1024 * 1024,
            body_timeout: Duration::from_secs(60),
            buffered_bytes: 512 * 1024 * 1024,
            buffer_timeout: Duration::from_secs(5),
        }
    }
}
