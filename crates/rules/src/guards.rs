//! Compiling profiles: few at a time, and those that texts are checked by not again.

use std::sync::{Arc, Mutex, PoisonError};

use iron_guard::Guard;
use iron_primitives::ProfileId;
use tokio::sync::Semaphore;

use crate::{Chosen, Error};

/// How many profiles are compiled at a time: a large one takes a second and tens of megabytes.
const AT_A_TIME: usize = 2;

/// How many guards are kept, and how much memory they may take together, in bytes.
const KEPT: usize = 32;
const KEPT_BYTES: usize = 32 << 20;

/// Guards that texts were checked by, those of last use first.
#[derive(Debug)]
pub(crate) struct Guards {
    turns: Semaphore,
    kept: Mutex<Vec<Kept>>,
    /// The most memory that those kept take together, in bytes.
    most_bytes: usize,
}

#[derive(Debug)]
struct Kept {
    /// None for what is built in.
    id: Option<ProfileId>,
    guard: Arc<Guard>,
}

impl Guards {
    pub(crate) fn new() -> Self {
        Self::keeping(KEPT_BYTES)
    }

    fn keeping(most_bytes: usize) -> Self {
        Self {
            turns: Semaphore::new(AT_A_TIME),
            kept: Mutex::default(),
            most_bytes,
        }
    }

    /// Does what compiles a profile, beside the threads that serve, once it is its turn.
    pub(crate) async fn compile<T: Send + 'static>(
        &self,
        compile: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // Nobody closes the semaphore.
        let turn = self.turns.acquire().await.ok();
        let compiled = tokio::task::spawn_blocking(compile).await?;
        drop(turn);
        compiled
    }

    /// The guard of a profile.
    pub(crate) async fn of(&self, chosen: &Chosen) -> Result<Arc<Guard>, Error> {
        if let Some(guard) = self.known(chosen) {
            return Ok(guard);
        }
        let profile = chosen.profile.as_ref().clone();
        let compiled = self.compile(move || Guard::new(profile).map_err(Error::Broken));
        let guard = Arc::new(compiled.await?);
        self.keep(Kept {
            id: chosen.id,
            guard: Arc::clone(&guard),
        });
        Ok(guard)
    }

    fn known(&self, chosen: &Chosen) -> Option<Arc<Guard>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // What it says is compared, too: what a team wants of privacy changes no version.
        let place = kept.iter().position(|one| {
            one.id == chosen.id && one.guard.profile() == chosen.profile.as_ref()
        })?;
        kept.get_mut(..=place)?.rotate_right(1);
        kept.first().map(|one| Arc::clone(&one.guard))
    }

    fn keep(&self, new: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(0, new);
        let mut bytes = 0;
        let mut count = 0;
        kept.retain(|one| {
            bytes += one.guard.memory_bytes();
            count += 1;
            bytes <= self.most_bytes && count <= KEPT
        });
    }
}

#[cfg(test)]
mod tests {
    use iron_guard::Profile;

    use super::*;

    fn chosen(block: &str) -> Chosen {
        Chosen {
            id: None,
            version: 0,
            profile: Arc::new(Profile {
                block: vec![block.to_owned()],
                ..Profile::default()
            }),
        }
    }

    #[tokio::test]
    async fn a_profile_is_compiled_once() {
        let guards = Guards::new();
        let first = guards.of(&chosen("nightfall")).await.unwrap();
        let again = guards.of(&chosen("nightfall")).await.unwrap();
        let other = guards.of(&chosen("daybreak")).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert!(!Arc::ptr_eq(&first, &other));
    }

    #[tokio::test]
    async fn no_more_guards_are_kept_than_may_be() {
        let guards = Guards::new();
        for number in 0..KEPT + 5 {
            guards.of(&chosen(&format!("word{number}"))).await.unwrap();
        }
        let kept = guards.kept.lock().unwrap();
        assert_eq!(kept.len(), KEPT);
        let latest = kept.first().unwrap().guard.profile();
        assert_eq!(latest.block, [format!("word{}", KEPT + 4)]);
    }

    #[tokio::test]
    async fn guards_that_take_much_memory_push_others_out() {
        let one = Guards::new().of(&chosen("word0")).await.unwrap();
        let guards = Guards::keeping(3 * one.memory_bytes());
        for number in 0..8 {
            guards.of(&chosen(&format!("word{number}"))).await.unwrap();
        }
        let kept = guards.kept.lock().unwrap();
        let words: Vec<_> = kept.iter().map(|one| &one.guard.profile().block).collect();
        assert_eq!(words, [&["word7"], &["word6"], &["word5"]]);
    }
}
