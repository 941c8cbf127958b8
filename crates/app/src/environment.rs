//! The real clock and the real randomness: the only place of the product that asks for either.

use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use iron_primitives::{BootInstant, Clock, Entropy, Environment, Timestamp};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The clocks of this machine.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
        Timestamp::from_micros(
            tv_sec
                .saturating_mul(1_000_000)
                .saturating_add(tv_nsec / 1_000),
        )
    }

    fn boot(&self) -> BootInstant {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Boottime);
        let nanos = tv_sec.saturating_mul(1_000_000_000).saturating_add(tv_nsec);
        BootInstant::from_nanos(u64::try_from(nanos).unwrap_or_default())
    }
}

/// The generator of the cryptographic library, seeded by the kernel.
struct SystemEntropy(SystemRandom);

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        if self.0.fill(buffer).is_err() {
            // Keys made of anything but randomness would be worse than no process.
            std::process::abort();
        }
    }
}

/// The environment of a running process.
pub(crate) fn system() -> Environment {
    Environment::new(
        Arc::new(SystemClock),
        Arc::new(SystemEntropy(SystemRandom::new())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_and_randomness_does_not_repeat() {
        let environment = system();
        let (wall, boot) = (environment.now(), environment.boot());
        assert!(wall > Timestamp::from_seconds(1_700_000_000));
        while environment.boot() <= boot {}
        assert_ne!(environment.random::<32>(), environment.random::<32>());
    }
}
