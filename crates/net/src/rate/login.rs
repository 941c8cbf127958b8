//! Failed logins by address.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use iron_primitives::BootInstant;

use super::window::Window;

/// The most addresses remembered.
const MOST_ADDRESSES: usize = 65_536;

/// Allows a number of failed logins per address and window.
///
/// An attempt counts as failed from its start and is taken back when it succeeds, so that
/// many attempts at one instant cannot slip through together.
#[derive(Debug)]
pub struct LoginLimiter<K> {
    failures: u32,
    window: Duration,
    addresses: Mutex<HashMap<K, Window>>,
}

impl<K: Eq + Hash + Clone> LoginLimiter<K> {
    /// Allows this many failures in any stretch of this length; 0 = no limit.
    pub fn new(failures: u32, window: Duration) -> Self {
        LoginLimiter {
            failures,
            window,
            addresses: Mutex::default(),
        }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// How long to wait, if there have been too many failures.
    pub fn begin(&self, address: &K, boot: BootInstant) -> Result<(), Duration> {
        if self.failures == 0 {
            return Ok(());
        }
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if addresses.len() >= MOST_ADDRESSES {
            addresses.retain(|_, window| window.count(boot) > 0);
        }
        let window = addresses
            .entry(address.clone())
            .or_insert_with(|| Window::new(self.window, self.failures));
        if let Some(wait) = window.full_for(boot) {
            return Err(wait);
        }
        window.add(boot);
        Ok(())
    }

    /// Takes the attempt back: it was no failure.
    pub fn succeeded(&self, address: &K) {
        let mut addresses = self
            .addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = addresses.get_mut(address) {
            window.take_back();
        }
    }
}
