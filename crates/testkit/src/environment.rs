//! Time and randomness that belong to the test.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use iron_primitives::{BootInstant, Clock, Entropy, Environment, Timestamp};

/// 2026-03-04T05:06:07Z: a Wednesday in the middle of a month, so that no period is at an edge.
const START_SECONDS: i64 = 1_772_600_767;
/// An hour after boot, so that a test can also look back.
const START_BOOT_NANOS: u64 = 3_600_000_000_000;

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct ManualClock {
    wall_micros: AtomicI64,
    boot_nanos: AtomicU64,
}

impl Default for ManualClock {
    fn default() -> Self {
        ManualClock {
            wall_micros: AtomicI64::new(Timestamp::from_seconds(START_SECONDS).micros()),
            boot_nanos: AtomicU64::new(START_BOOT_NANOS),
        }
    }
}

impl ManualClock {
    /// Lets time pass on both clocks.
    pub fn advance(&self, duration: Duration) {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.wall_micros.fetch_add(micros, Ordering::SeqCst);
        self.boot_nanos.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Sets the wall clock, in either direction; boot time does not move.
    pub fn set_wall(&self, instant: Timestamp) {
        self.wall_micros.store(instant.micros(), Ordering::SeqCst);
    }

    /// Lets only boot time pass, as a wall clock that is being held back would see it.
    pub fn advance_boot(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.boot_nanos.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.wall_micros.load(Ordering::SeqCst))
    }

    fn boot(&self) -> BootInstant {
        BootInstant::from_nanos(self.boot_nanos.load(Ordering::SeqCst))
    }
}

/// Bytes that look random and are the same in every run with the same seed.
///
/// The sequence is `splitmix64`; it is not fit for keys outside tests.
#[derive(Debug)]
pub struct SeededEntropy {
    state: AtomicU64,
}

impl SeededEntropy {
    /// A sequence of its own for each seed.
    pub const fn new(seed: u64) -> Self {
        SeededEntropy {
            state: AtomicU64::new(seed),
        }
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self
            .state
            .fetch_add(STEP, Ordering::SeqCst)
            .wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            for (target, source) in chunk.iter_mut().zip(word) {
                *target = source;
            }
        }
    }
}

/// An environment together with the handle that moves its clock.
#[derive(Debug, Clone)]
pub struct TestEnvironment {
    /// What the code under test is given.
    pub environment: Environment,
    /// How the test moves time.
    pub clock: Arc<ManualClock>,
}

impl TestEnvironment {
    /// An environment with seed 0.
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// An environment with randomness of its own.
    pub fn seeded(seed: u64) -> Self {
        let clock = Arc::new(ManualClock::default());
        let environment = Environment::new(clock.clone(), Arc::new(SeededEntropy::new(seed)));
        TestEnvironment { environment, clock }
    }
}

impl Default for TestEnvironment {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use iron_primitives::{AgentId, Timestamp};

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
        let ids = |seed| {
            TestEnvironment::seeded(seed)
                .environment
                .new_id::<AgentId>()
        };
        assert_eq!(ids(7), ids(7));
        assert_ne!(ids(7), ids(8));
    }

    #[test]
    fn every_byte_of_an_odd_buffer_is_filled() {
        let entropy = SeededEntropy::new(1);
        let mut seen = [0_u8; 13];
        for _ in 0..64 {
            let mut bytes = [0_u8; 13];
            entropy.fill(&mut bytes);
            for (total, byte) in seen.iter_mut().zip(bytes) {
                *total |= byte;
            }
        }
        assert_eq!(seen, [0xFF; 13]);
    }

    #[test]
    fn a_wall_clock_that_jumps_leaves_boot_time_alone() {
        let world = TestEnvironment::new();
        let boot = world.environment.boot();
        world.clock.set_wall(Timestamp::from_seconds(0));
        assert_eq!(world.environment.now(), Timestamp::from_seconds(0));
        assert_eq!(world.environment.boot(), boot);
    }
}
