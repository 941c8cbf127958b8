//! Profiles at work, one for each version of a profile, shared by all who have it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use iron_guard::{Guard, ProfileError};
use iron_primitives::ProfileId;

use crate::authority::Guardrails;

/// The guards of a process. One lives as long as somebody has it.
#[derive(Debug, Default)]
pub(crate) struct Guards(Mutex<HashMap<Version, Weak<Guard>>>);

/// A profile, or that of new tenants, and the count of its changes.
type Version = (Option<ProfileId>, i64);

impl Guards {
    /// The guard of these guardrails.
    ///
    /// # Errors
    /// If an expression of the profile cannot be used here.
    pub(crate) fn of(&self, guardrails: &Guardrails) -> Result<Arc<Guard>, ProfileError> {
        let key = (guardrails.profile_id, guardrails.version);
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What a team wants of privacy is put into a profile without changing its version.
        if let Some(guard) = known().get(&key).and_then(Weak::upgrade)
            && guard.profile() == guardrails.profile.as_ref()
        {
            return Ok(guard);
        }
        // Compiled without the lock: nobody waits for it who has a guard already.
        let guard = Arc::new(Guard::new(guardrails.profile.as_ref().clone())?);
        let mut known = known();
        known.retain(|_, guard| guard.strong_count() > 0);
        known.insert(key, Arc::downgrade(&guard));
        Ok(guard)
    }
}
