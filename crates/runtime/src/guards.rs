//! Profiles at work, one for each version of a profile, shared by all who have it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use iron_guard::{Guard, ProfileError};
use iron_primitives::ProfileId;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use crate::authority::Guardrails;

/// How many profiles are compiled at a time: a large one takes a second and tens of megabytes.
const AT_A_TIME: usize = 2;

/// The guards of a process. One lives as long as somebody has it.
#[derive(Debug)]
pub(crate) struct Guards {
    turns: Semaphore,
    known: Mutex<HashMap<Version, Weak<Guard>>>,
}

/// Why there is no guard of a profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardError {
    /// The profile cannot be used here.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The process ends.
    #[error("it was not compiled to its end: {0}")]
    Stopped(#[from] JoinError),
}

/// A profile, or that of new tenants, and the count of its changes.
type Version = (Option<ProfileId>, i64);

impl Default for Guards {
    fn default() -> Self {
        Guards {
            turns: Semaphore::new(AT_A_TIME),
            known: Mutex::default(),
        }
    }
}

impl Guards {
    /// The guard of these guardrails; compiled beside the threads that serve, if nobody has it.
    ///
    /// # Errors
    /// If an expression of the profile cannot be used here.
    pub(crate) async fn of(&self, guardrails: &Guardrails) -> Result<Arc<Guard>, GuardError> {
        if let Some(guard) = self.known(guardrails) {
            return Ok(guard);
        }
        // Nobody closes the semaphore.
        let _turn = self.turns.acquire().await.ok();
        // Somebody else may have compiled it meanwhile.
        if let Some(guard) = self.known(guardrails) {
            return Ok(guard);
        }
        let profile = guardrails.profile.as_ref().clone();
        let guard = Arc::new(spawn_blocking(move || Guard::new(profile)).await??);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, guard| guard.strong_count() > 0);
        known.insert(version(guardrails), Arc::downgrade(&guard));
        Ok(guard)
    }

    fn known(&self, guardrails: &Guardrails) -> Option<Arc<Guard>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let guard = known.get(&version(guardrails))?.upgrade()?;
        // What a team wants of privacy is put into a profile without changing its version.
        (guard.profile() == guardrails.profile.as_ref()).then_some(guard)
    }
}

const fn version(guardrails: &Guardrails) -> Version {
    (guardrails.profile_id, guardrails.version)
}
