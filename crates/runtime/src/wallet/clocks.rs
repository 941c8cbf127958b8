//! How long agents work: the time on the wall with at least one governed call of theirs open.
//!
//! Each agent whose budget counts its time has one clock here. Its time is held in *slices*: each
//! is an ordinary hold of the agent's lease in milliseconds, with its reserve in the journal, so
//! that a crash settles at the most the slices that were open. The first call takes one, those
//! beside it join for nothing, and further ones are fetched ahead while calls are open
//! ([`Stint`] counts them). Where none is to be had, the calls end with the time that is held,
//! and nothing more is counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use iron_primitives::{ActorPath, AgentId, BootInstant, Refusal, RequestId, TenantId};
use tokio::sync::Notify;

use super::amounts::Amounts;
use super::claim::Claim;
use super::hold::Held;
use super::stint::Stint;
use super::{Hold, Inner, Wallets};

/// What the first call takes, if there is so much.
const FIRST: Claim = Claim::time(2_000);
/// What is taken after that: what is used is told so often.
const NEXT: Claim = Claim::time(1_000);
/// With less ahead than this more is fetched: longer than anybody waits for it.
const FETCH_BELOW: Duration = Duration::from_millis(2_500);
/// Calls that are shorter than this need no more than the first slice.
const FETCH_AFTER: Duration = Duration::from_millis(200);
/// Nobody looks at a clock more often than this.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(1);
/// So many clocks are kept before those that stand still are forgotten.
const KEPT: usize = 1_024;

/// The clocks of the agents whose time is counted.
#[derive(Default)]
pub(super) struct Clocks(Mutex<Known>);

#[derive(Default)]
struct Known {
    clocks: HashMap<(TenantId, AgentId), Arc<Clock>>,
    tidy_at: usize,
}

struct Clock {
    path: ActorPath,
    /// Whoever starts the clock; the others wait for what comes of it, and are told the same.
    door: tokio::sync::Mutex<Option<(BootInstant, Refusal)>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What of a millisecond was not settled.
    carried: Duration,
    begun: u64,
    running: Option<Running>,
}

/// A clock that runs, from its first call to its last or to the end of its time.
struct Running {
    number: u64,
    open: usize,
    stint: Stint<Hold>,
    fetching: bool,
    word: Arc<Word>,
}

/// What is told of a clock that runs.
#[derive(Default)]
struct Word {
    over: OnceLock<Refusal>,
    told: Notify,
    /// The last call has left.
    left: Notify,
}

/// A governed call that is open: while there is one, the time of its agent passes.
#[must_use = "time passes only while it is kept"]
pub struct Presence {
    inner: Weak<Inner>,
    clock: Arc<Clock>,
    number: u64,
    word: Arc<Word>,
}

impl Presence {
    /// Waits until the time of the agent is over, and says why there is no more.
    pub async fn over(&self) -> Refusal {
        loop {
            // Listened first and looked at afterwards: no word is missed.
            let told = self.word.told.notified();
            if let Some(refusal) = self.is_over() {
                return refusal;
            }
            told.await;
        }
    }

    /// Why there is no more time, if it is over.
    pub fn is_over(&self) -> Option<Refusal> {
        self.word.over.get().cloned()
    }
}

impl Clocks {
    fn of(&self, path: &ActorPath) -> Arc<Clock> {
        let mut known = self.known();
        if let Some(clock) = known.clocks.get(&(path.tenant, path.agent)) {
            return clock.clone();
        }
        if known.clocks.len() >= known.tidy_at {
            known.clocks.retain(|_, clock| Arc::strong_count(clock) > 1);
            known.tidy_at = known.clocks.len().saturating_mul(2).max(KEPT);
        }
        let clock = Arc::new(Clock {
            path: *path,
            door: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        });
        known
            .clocks
            .insert((path.tenant, path.agent), clock.clone());
        clock
    }

    fn of_tenant(&self, tenant: TenantId) -> Vec<Arc<Clock>> {
        let known = self.known();
        let its = known.clocks.iter().filter(|(key, _)| key.0 == tenant);
        its.map(|(_, clock)| clock.clone()).collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The run of this number, unless it is over.
    fn run(&mut self, number: u64) -> Option<&mut Running> {
        self.running.as_mut().filter(|run| run.number == number)
    }
}

impl Wallets {
    /// Lets the time of an agent pass until what is returned is dropped.
    ///
    /// # Errors
    /// As [`Wallets::hold`].
    pub async fn enter(&self, path: &ActorPath, call: RequestId) -> Result<Presence, Refusal> {
        let inner = &self.inner;
        let clock = inner.clocks.of(path);
        if let Some(presence) = inner.join(&clock) {
            return Ok(presence);
        }
        let came = inner.environment.boot();
        let mut door = clock.door.lock().await;
        if let Some(presence) = inner.join(&clock) {
            return Ok(presence);
        }
        if let Some((at, refusal)) = &*door
            && came < *at
        {
            // It has come to nothing while this call waited for it.
            return Err(refusal.clone());
        }
        match inner.take_slice(path, FIRST, call).await {
            Ok(slice) => Ok(inner.begin(&clock, slice)),
            Err(refusal) => {
                *door = Some((inner.environment.boot(), refusal.clone()));
                Err(refusal)
            }
        }
    }
}

impl Inner {
    /// Whoever comes while the clock runs needs nothing.
    fn join(self: &Arc<Self>, clock: &Arc<Clock>) -> Option<Presence> {
        let mut state = clock.state();
        let run = state.running.as_mut()?;
        run.open = run.open.saturating_add(1);
        Some(Presence {
            inner: Arc::downgrade(self),
            clock: clock.clone(),
            number: run.number,
            word: run.word.clone(),
        })
    }

    fn begin(self: &Arc<Self>, clock: &Arc<Clock>, slice: Hold) -> Presence {
        let now = self.environment.boot();
        let mut state = clock.state();
        let mut stint = Stint::begin(now, std::mem::take(&mut state.carried));
        stint.add(slice, slice.amount.millis);
        state.begun = state.begun.wrapping_add(1);
        let (number, word) = (state.begun, Arc::new(Word::default()));
        let first = FETCH_AFTER.min(stint.first_ends_at().since(now));
        state.running = Some(Running {
            number,
            open: 1,
            stint,
            fetching: false,
            word: word.clone(),
        });
        drop(state);
        let inner = Arc::downgrade(self);
        tokio::spawn(keep(
            inner.clone(),
            clock.clone(),
            number,
            word.clone(),
            first,
        ));
        Presence {
            inner,
            clock: clock.clone(),
            number,
            word,
        }
    }

    async fn take_slice(
        &self,
        path: &ActorPath,
        claim: Claim,
        call: RequestId,
    ) -> Result<Hold, Refusal> {
        let wallet = self.wallet(path.tenant);
        let held = self.acquire(&wallet, path, claim).await?;
        self.journalled(&wallet, held, call, 0, &[])
    }

    /// What there is at this moment.
    fn grab_slice(&self, path: &ActorPath) -> Result<Hold, Refusal> {
        let wallet = self.wallet(path.tenant);
        let held: Held = wallet
            .desk()
            .book
            .admit_at_once(path, NEXT, &self.environment)?;
        self.journalled(&wallet, held, self.environment.new_id(), 0, &[])
    }

    fn settle_slices(&self, slices: impl IntoIterator<Item = (Hold, i64)>) {
        for (slice, millis) in slices {
            let passed = Amounts::millis(millis);
            self.note_end(&slice, passed);
            self.end(&slice, passed);
        }
    }

    /// Settles what has passed, fetches ahead, and ends the run where nothing is left. Says when
    /// to look again; nothing if the run is over.
    fn look_at(self: &Arc<Self>, clock: &Arc<Clock>, number: u64) -> Option<Duration> {
        let mut state = clock.state();
        let now = self.environment.boot();
        let run = state.run(number)?;
        self.settle_slices(run.stint.passed(now));
        while run.stint.ends_at() <= now {
            match self.grab_slice(&clock.path) {
                Ok(slice) => {
                    run.stint.add(slice, slice.amount.millis);
                    self.settle_slices(run.stint.passed(now));
                }
                Err(refusal) => {
                    let word = run.word.clone();
                    state.running = None;
                    drop(state);
                    let _ = word.over.set(refusal);
                    word.told.notify_waiters();
                    return None;
                }
            }
        }
        if !run.fetching && run.stint.ends_at().since(now) < FETCH_BELOW {
            run.fetching = true;
            tokio::spawn(fetch(self.clone(), clock.clone(), number));
        }
        let pause = run.stint.first_ends_at().since(now);
        Some(pause.max(LOOK_AT_MOST_EVERY))
    }

    /// Gives up slices that fit under no limit any more. If the one that is passing is among them,
    /// the time ends here unless another one is to be had.
    pub(super) fn cut_slices(self: &Arc<Self>, tenant: TenantId, holds: &[u64]) {
        let is_cut = |slice: &Hold| holds.contains(&slice.id);
        for clock in self.clocks.of_tenant(tenant) {
            let mut state = clock.state();
            let now = self.environment.boot();
            let Some(run) = state.running.as_mut().filter(|run| run.stint.has(is_cut)) else {
                continue;
            };
            let number = run.number;
            self.settle_slices(run.stint.passed(now));
            while let Some(slice) = run.stint.give_up(is_cut) {
                self.settle_slices([(slice, 0)]);
            }
            if run.stint.has(is_cut) {
                let nothing = Stint::begin(now, Duration::ZERO);
                let (settled, over) = std::mem::replace(&mut run.stint, nothing).end(now);
                self.settle_slices(settled);
                run.stint = Stint::begin(now, over);
            }
            drop(state);
            self.look_at(&clock, number);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut state = self.clock.state();
        let Some(run) = state.run(self.number) else {
            return;
        };
        run.open = run.open.saturating_sub(1);
        if run.open > 0 {
            return;
        }
        // Without wallets the journal alone says what has passed.
        if let (Some(inner), Some(run)) = (self.inner.upgrade(), state.running.take()) {
            let (settled, over) = run.stint.end(inner.environment.boot());
            inner.settle_slices(settled);
            state.carried = over;
        }
        drop(state);
        self.word.left.notify_one();
    }
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presence").finish_non_exhaustive()
    }
}

/// Looks at a clock for as long as it runs.
async fn keep(
    inner: Weak<Inner>,
    clock: Arc<Clock>,
    number: u64,
    word: Arc<Word>,
    first: Duration,
) {
    let mut pause = first;
    loop {
        tokio::select! {
            () = word.left.notified() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let next = inner
            .upgrade()
            .and_then(|inner| inner.look_at(&clock, number));
        match next {
            Some(next) => pause = next,
            None => return,
        }
    }
}

/// Fetches a slice ahead, and more while too little is there.
async fn fetch(inner: Arc<Inner>, clock: Arc<Clock>, number: u64) {
    loop {
        let call = inner.environment.new_id();
        let slice = inner.take_slice(&clock.path, NEXT, call).await;
        let mut state = clock.state();
        let now = inner.environment.boot();
        match (slice, state.run(number)) {
            (Ok(slice), Some(run)) => {
                run.stint.add(slice, slice.amount.millis);
                if run.stint.ends_at().since(now) >= FETCH_BELOW {
                    run.fetching = false;
                    return;
                }
            }
            // It came too late to be of use.
            (Ok(slice), None) => return inner.settle_slices([(slice, 0)]),
            (Err(_), Some(run)) => {
                run.fetching = false;
                return;
            }
            (Err(_), None) => return,
        }
    }
}
