//! Answers of the authority, kept for a short while.
//!
//! A value is *fresh* for a second or so. In the second half of that time one caller starts a
//! renewal in the background, so that nobody waits for it. A value that is no longer fresh is
//! asked for again before it is used; only if the authority does not answer is it used until
//! it is *stale*, so that a runtime outlives a short absence of the control plane.
//!
//! Forgetting is exact: what was asked before [`FreshCache::forget`] can not come back after
//! it, because an answer is written only into the slot that was there when the question was
//! put, and a forgotten slot is no longer reachable.

use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use iron_primitives::BootInstant;
use tokio::sync::OnceCell;

/// While the authority fails and a stale value serves, how long until it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

type Loading<V, E> = Pin<Box<dyn Future<Output = Result<V, E>> + Send>>;
type Load<K, V, E> = dyn Fn(K) -> Loading<V, E> + Send + Sync;

/// How long answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// How long an answer is used without asking again.
    pub fresh_for: Duration,
    /// How long it is used while the authority does not answer.
    pub stale_for: Duration,
    /// How many answers are kept.
    pub entries: u64,
}

/// A cache of answers to one kind of question.
pub(crate) struct FreshCache<K, V, E> {
    slots: moka::sync::Cache<K, Arc<Slot<V>>>,
    freshness: Freshness,
    load: Arc<Load<K, V, E>>,
}

struct Slot<V> {
    made_at: BootInstant,
    answer: OnceCell<V>,
    previous: Option<(V, BootInstant)>,
    renewing: AtomicBool,
    failed_at: AtomicU64,
}

impl<V: Clone> Slot<V> {
    fn new(made_at: BootInstant, previous: Option<(V, BootInstant)>) -> Arc<Self> {
        Arc::new(Slot {
            made_at,
            answer: OnceCell::new(),
            previous,
            renewing: AtomicBool::new(false),
            failed_at: AtomicU64::new(0),
        })
    }

    /// The newest value there is, with the instant it was asked for.
    fn newest(&self) -> Option<(V, BootInstant)> {
        let answered = self.answer.get().map(|value| (value.clone(), self.made_at));
        answered.or_else(|| self.previous.clone())
    }
}

impl<K, V, E> FreshCache<K, V, E>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + 'static,
{
    pub(crate) fn new(
        freshness: Freshness,
        load: impl Fn(K) -> Loading<V, E> + Send + Sync + 'static,
    ) -> Self {
        let slots = moka::sync::Cache::new(freshness.entries);
        FreshCache {
            slots,
            freshness,
            load: Arc::new(load),
        }
    }

    /// The answer for a key.
    pub(crate) async fn get(&self, key: &K, now: BootInstant) -> Result<V, E> {
        let known = self.slots.get(key);
        let newest = known.as_ref().and_then(|slot| slot.newest());
        let age = newest.as_ref().map(|(_, asked_at)| now.since(*asked_at));
        match (known, newest, age) {
            (Some(slot), Some((value, asked_at)), Some(age)) if age < self.freshness.fresh_for => {
                if age * 2 > self.freshness.fresh_for && !slot.renewing.swap(true, Ordering::AcqRel)
                {
                    self.renew(key, now, (value.clone(), asked_at));
                }
                Ok(value)
            }
            // Somebody is asking for the first time: wait for the same answer.
            (Some(slot), None, _) if now.since(slot.made_at) < self.freshness.fresh_for => {
                self.ask(&slot, key, now).await
            }
            (Some(slot), newest, _) if slot.answer.get().is_none() => {
                // A renewal is under way, or has failed.
                if newest.is_some() && !self.may_ask(&slot, now) {
                    return self
                        .stale_or(&slot, now, || self.ask(&slot, key, now))
                        .await;
                }
                self.ask(&slot, key, now).await
            }
            (_, newest, _) => {
                let slot = Slot::new(now, newest);
                self.slots.insert(key.clone(), slot.clone());
                self.ask(&slot, key, now).await
            }
        }
    }

    /// Forgets one answer.
    pub(crate) fn forget(&self, key: &K) {
        self.slots.invalidate(key);
    }

    /// Forgets all answers.
    pub(crate) fn forget_all(&self) {
        self.slots.invalidate_all();
    }

    fn renew(&self, key: &K, now: BootInstant, previous: (V, BootInstant)) {
        let slot = Slot::new(now, Some(previous));
        slot.renewing.store(true, Ordering::Release);
        self.slots.insert(key.clone(), slot.clone());
        let loading = (self.load)(key.clone());
        tokio::spawn(async move {
            // A failure is found by whoever needs the value once it is no longer fresh.
            let _ = slot.answer.get_or_try_init(|| loading).await;
        });
    }

    fn may_ask(&self, slot: &Slot<V>, now: BootInstant) -> bool {
        let failed_at = slot.failed_at.load(Ordering::Acquire);
        failed_at == 0 || now.since(BootInstant::from_nanos(failed_at)) >= ASK_AGAIN
    }

    async fn stale_or<F: Future<Output = Result<V, E>>>(
        &self,
        slot: &Slot<V>,
        now: BootInstant,
        ask: impl FnOnce() -> F,
    ) -> Result<V, E> {
        match &slot.previous {
            Some((value, asked_at)) if now.since(*asked_at) < self.freshness.stale_for => {
                Ok(value.clone())
            }
            _ => ask().await,
        }
    }

    async fn ask(&self, slot: &Slot<V>, key: &K, now: BootInstant) -> Result<V, E> {
        match slot
            .answer
            .get_or_try_init(|| (self.load)(key.clone()))
            .await
        {
            Ok(value) => Ok(value.clone()),
            Err(error) => {
                slot.failed_at.store(now.nanos().max(1), Ordering::Release);
                self.stale_or(slot, now, || std::future::ready(Err(error)))
                    .await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const FRESHNESS: Freshness = Freshness {
        fresh_for: Duration::from_secs(1),
        stale_for: Duration::from_secs(60),
        entries: 100,
    };

    /// An authority that answers with what it was last told, and counts the questions.
    #[derive(Default)]
    struct Source {
        answer: Mutex<Option<u32>>,
        asked: AtomicU64,
    }

    fn cache(source: &Arc<Source>) -> FreshCache<&'static str, u32, ()> {
        let source = source.clone();
        FreshCache::new(FRESHNESS, move |_| {
            let source = source.clone();
            Box::pin(async move {
                source.asked.fetch_add(1, Ordering::SeqCst);
                source.answer.lock().expect("not poisoned").ok_or(())
            })
        })
    }

    fn at(millis: u64) -> BootInstant {
        BootInstant::from_nanos(1_000_000_000 + millis * 1_000_000)
    }

    fn says(source: &Source, answer: Option<u32>) {
        *source.answer.lock().expect("not poisoned") = answer;
    }

    #[tokio::test]
    async fn a_fresh_answer_is_not_asked_for_again() {
        let source = Arc::new(Source::default());
        let cache = cache(&source);
        says(&source, Some(1));
        assert_eq!(cache.get(&"a", at(0)).await, Ok(1));
        says(&source, Some(2));
        assert_eq!(cache.get(&"a", at(400)).await, Ok(1));
        assert_eq!(source.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_old_answer_is_renewed_before_it_is_used() {
        let source = Arc::new(Source::default());
        let cache = cache(&source);
        says(&source, Some(1));
        assert_eq!(cache.get(&"a", at(0)).await, Ok(1));
        says(&source, Some(2));
        assert_eq!(cache.get(&"a", at(1_000)).await, Ok(2));
    }

    #[tokio::test]
    async fn in_its_second_half_it_is_renewed_behind_the_callers_back() {
        let source = Arc::new(Source::default());
        let cache = cache(&source);
        says(&source, Some(1));
        assert_eq!(cache.get(&"a", at(0)).await, Ok(1));
        says(&source, Some(2));
        assert_eq!(cache.get(&"a", at(600)).await, Ok(1));
        while source.asked.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        assert_eq!(cache.get(&"a", at(700)).await, Ok(2));
    }

    #[tokio::test]
    async fn while_nobody_answers_the_last_answer_serves_for_its_time() {
        let source = Arc::new(Source::default());
        let cache = cache(&source);
        says(&source, Some(1));
        assert_eq!(cache.get(&"a", at(0)).await, Ok(1));
        says(&source, None);
        assert_eq!(cache.get(&"a", at(5_000)).await, Ok(1));
        assert_eq!(cache.get(&"a", at(5_100)).await, Ok(1));
        assert_eq!(
            source.asked.load(Ordering::SeqCst),
            2,
            "it is not asked at every call"
        );
        assert_eq!(cache.get(&"a", at(61_000)).await, Err(()));
        says(&source, Some(3));
        assert_eq!(cache.get(&"a", at(62_000)).await, Ok(3));
    }

    #[tokio::test]
    async fn what_is_forgotten_does_not_come_back() {
        let source = Arc::new(Source::default());
        let cache = cache(&source);
        says(&source, Some(1));
        assert_eq!(cache.get(&"a", at(0)).await, Ok(1));
        // A renewal with the old answer is under way when the change comes.
        assert_eq!(cache.get(&"a", at(600)).await, Ok(1));
        cache.forget(&"a");
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        says(&source, None);
        assert_eq!(
            cache.get(&"a", at(650)).await,
            Err(()),
            "neither fresh nor stale"
        );
    }
}
