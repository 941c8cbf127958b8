//! The real clock and the real randomness: the only place of the product that asks for either.

use std::cell::RefCell;
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
///
/// Ids and nonces, which every call needs, come from a supply of each thread that is drawn at
/// once; what may be a key is drawn by itself.
struct SystemEntropy(SystemRandom);

/// The longest thing that is taken from the supply: shorter than any key.
const SHORT_BYTES: usize = 16;
const SUPPLY_BYTES: usize = 1_024;

/// Random bytes of which the first few have been given away, and are zero.
struct Supply {
    bytes: [u8; SUPPLY_BYTES],
    given: usize,
}

thread_local! {
    static SUPPLY: RefCell<Supply> = const {
        RefCell::new(Supply { bytes: [0; SUPPLY_BYTES], given: SUPPLY_BYTES })
    };
}

impl SystemEntropy {
    fn draw(&self, buffer: &mut [u8]) {
        if self.0.fill(buffer).is_err() {
            // Keys made of anything but randomness would be worse than no process.
            std::process::abort();
        }
    }

    fn take(&self, supply: &mut Supply, buffer: &mut [u8]) {
        if SUPPLY_BYTES - supply.given < buffer.len() {
            self.draw(&mut supply.bytes);
            supply.given = 0;
        }
        for (byte, drawn) in buffer
            .iter_mut()
            .zip(supply.bytes.iter_mut().skip(supply.given))
        {
            *byte = std::mem::take(drawn);
        }
        supply.given += buffer.len();
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        if buffer.len() > SHORT_BYTES {
            return self.draw(buffer);
        }
        // Without its supply, as at the end of a thread, a short thing is drawn like a long one.
        let taken = SUPPLY.try_with(|supply| self.take(&mut supply.borrow_mut(), buffer));
        if taken.is_err() {
            self.draw(buffer);
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
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn time_passes_and_randomness_does_not_repeat() {
        let environment = system();
        let (wall, boot) = (environment.now(), environment.boot());
        assert!(wall > Timestamp::from_seconds(1_700_000_000));
        while environment.boot() <= boot {}
        assert_ne!(environment.random::<32>(), environment.random::<32>());
    }

    #[test]
    fn what_comes_from_the_supply_does_not_repeat_either() {
        let environment = system();
        let mut seen = HashSet::new();
        for _ in 0..SUPPLY_BYTES {
            assert!(seen.insert(environment.random::<16>().to_vec()));
            assert!(seen.insert(environment.random::<12>().to_vec()));
        }
        let elsewhere = std::thread::spawn(|| system().random::<16>().to_vec());
        assert!(seen.insert(elsewhere.join().expect("the thread ends")));
    }
}
