//! Time and randomness as arguments.

use std::fmt;
use std::sync::Arc;

use uuid::Builder;

use crate::{BootInstant, Id, Timestamp};

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The wall clock; may jump in either direction.
    fn now(&self) -> Timestamp;
    /// Time since boot, sleep included; never jumps.
    fn boot(&self) -> BootInstant;
}

/// Where unpredictable bytes come from.
pub trait Entropy: Send + Sync {
    /// Fills the buffer with bytes fit for keys.
    fn fill(&self, buffer: &mut [u8]);
}

/// The clock and the source of randomness that a part of the system works with.
#[derive(Clone)]
pub struct Environment {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Environment {
    /// An environment made of these two.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Environment { clock, entropy }
    }

    /// The wall clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time since boot.
    pub fn boot(&self) -> BootInstant {
        self.clock.boot()
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A fresh id: UUID v7, ordered by the wall clock.
    pub fn new_id<I: Id>(&self) -> I {
        let millis = u64::try_from(self.now().millis()).unwrap_or(0);
        I::from_uuid(Builder::from_unix_timestamp_millis(millis, &self.random()).into_uuid())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}
