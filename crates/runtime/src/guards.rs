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
    turns: Arc<Semaphore>,
    /// What a team wants of privacy is put into a profile without changing its version, so there may
    /// be several of one.
    known: Mutex<HashMap<Version, Vec<Weak<Guard>>>>,
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
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
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
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        // Somebody else may have compiled it meanwhile.
        if let Some(guard) = self.known(guardrails) {
            return Ok(guard);
        }
        let profile = guardrails.profile.as_ref().clone();
        let compiling = spawn_blocking(move || {
            // It is compiled to its end, whoever has gone.
            let _turn = turn;
            Guard::new(profile)
        });
        let guard = Arc::new(compiling.await??);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, guards| {
            guards.retain(|guard| guard.strong_count() > 0);
            !guards.is_empty()
        });
        let alike = known.entry(version(guardrails)).or_default();
        alike.push(Arc::downgrade(&guard));
        Ok(guard)
    }

    fn known(&self, guardrails: &Guardrails) -> Option<Arc<Guard>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let alike = known.get(&version(guardrails))?;
        let mut alive = alike.iter().filter_map(Weak::upgrade);
        alive.find(|guard| guard.profile() == guardrails.profile.as_ref())
    }
}

const fn version(guardrails: &Guardrails) -> Version {
    (guardrails.profile_id, guardrails.version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use iron_guard::Profile;

    fn with_most(max_input_chars: u32) -> Guardrails {
        let written = format!(r#"{{"max_input_chars": {max_input_chars}}}"#);
        let profile: Profile = serde_json::from_str(&written).expect("a profile");
        Guardrails {
            profile: Arc::new(profile),
            ..Guardrails::default()
        }
    }

    #[tokio::test]
    async fn variants_of_a_version_are_compiled_once_each() {
        let guards = Guards::default();
        let (strict, permissive) = (with_most(100), with_most(9_000));
        let first = guards.of(&strict).await.expect("a guard");
        let other = guards.of(&permissive).await.expect("a guard");
        assert!(!Arc::ptr_eq(&first, &other));
        for (wanted, guard) in [(&strict, &first), (&permissive, &other)] {
            let again = guards.of(wanted).await.expect("a guard");
            assert!(Arc::ptr_eq(&again, guard));
        }
        drop((first, other));
        let _anew = guards.of(&strict).await.expect("a guard");
        let known = guards.known.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(known.values().map(Vec::len).sum::<usize>(), 1);
    }
}
