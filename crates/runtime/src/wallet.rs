//! The money that a runtime may spend, and every call's claim on it.
//!
//! Words: a *lease* is money moved out of one budget into the hands of this instance, kept
//! here as a running account ([`Account`]). A *pocket* is one budget as the instance sees it:
//! the lease in use, the next period's, those that are ending. A *book* holds the pockets of
//! one tenant. A *hold* sets the worst-case cost of one attempt aside in every budget on the
//! agent's path, all or nothing; *settling* replaces it by the true cost.
//!
//! The hot path is [`Wallets::hold`]: one short mutex per tenant, no I/O but the write of the
//! reserve frame, and no waiting unless money has to come. Two tasks run beside it:
//! - the *exchange* reports cumulative use and fetches money ahead of need;
//! - the *marker* writes watermarks to the journal and waits for the disk, so that no call
//!   has to: money is usable only up to what the disk knows of.
//!
//! What an agent's budget counts beside money is held in the same way: tokens by each call, and
//! the time that it works by a clock of its own ([`Presence`]).
//!
//! Invariants:
//! - **used + held ≤ min(granted − returned, durable watermark)** in every lease at every
//!   admission, and only before the lease's deadline on the boot clock;
//! - **a reserve is written before its attempt is sent**, a record or a release before its
//!   hold is settled: a killed process leaves behind what it owes, exactly;
//! - **nothing is ever un-counted**: accounts only grow, a lost or doubled exchange changes
//!   nothing, and what is not known after a power cut is named as suspense;
//! - **nobody is refused while money is on its way**: a call waits, in order, for the
//!   authority, for holds to settle, and for what others hold for no call, and near the edge takes
//!   a smaller output cap; and what is idle here goes back when calls elsewhere wait for it.

mod account;
mod amounts;
mod asking;
mod book;
mod claim;
mod clocks;
mod exchange;
mod frames;
mod hold;
mod link;
mod marking;
mod pocket;
mod policy;
mod recovery;
mod rounds;
mod stint;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use iron_journal::{FrameKind, Journal, Position};
use iron_primitives::{
    ActorPath, BootInstant, Environment, LeaseId, Money, Refusal, RequestId, Scope, TenantId, Unit,
};
use tokio::sync::{Notify, broadcast, oneshot};

use crate::authority::Authority;

pub use account::Account;
pub use amounts::{Amounts, Counted};
pub use asking::{Ask, Effects};
pub use book::{Admission, Book, Needs, Settlement, WaiterId};
pub use claim::Claim;
pub use clocks::Presence;
pub use frames::{
    HoldState, LeaseMark, LeaseNote, LeaseState, ProcessNote, RecordedAttempt, RecordedAttempts,
    RecordedHold, RecordedLeg, Release, Reserve, ReservedLeg, Snapshot,
};
pub use hold::{Held, HoldKey, Leg, Legs};
pub use link::{Link, Owner};
pub use pocket::Place;
pub use policy::Policy;
pub use recovery::{Entry, Estate, Replay, estate};
pub use stint::Stint;

/// What a call that wants money says.
#[derive(Debug, Clone, Copy)]
pub struct HoldRequest<'a> {
    /// Who calls, and everything above.
    pub path: &'a ActorPath,
    /// The call.
    pub call: RequestId,
    /// Which attempt of the call, counted from one.
    pub attempt: u32,
    /// What it can cost, in each unit that the agent's budgets count.
    pub claim: Claim,
    /// What recovery needs to write a record of the attempt if nobody else can.
    pub facts: &'a [u8],
}

/// Money set aside for one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "held money stays held until it is settled or released"]
pub struct Hold {
    /// Counts the holds of the tenant in this process.
    pub id: u64,
    /// Whose money it is.
    pub tenant: TenantId,
    /// The leases it stands in, leaf first.
    pub legs: Legs,
    /// The output cap to forward.
    pub cap: u64,
    /// How much is held in each lease, by its unit.
    pub amount: Amounts,
    /// Nothing may be sent on it at or after this instant.
    pub deadline: BootInstant,
    /// The reserve in the journal; the first byte of the answer waits until it is durable.
    pub position: Position,
}

impl Hold {
    /// The tokens of an amount that settles it, if one of its budgets counts them.
    pub fn tokens_in(&self, amount: Amounts) -> Option<i64> {
        self.legs.count(Unit::Tokens).then_some(amount.tokens)
    }

    fn key(&self) -> Option<HoldKey> {
        self.legs.iter().next().map(|leg| HoldKey {
            lease: leg.lease,
            id: self.id,
        })
    }
}

/// A hold whose call should end, because a limit was lowered below what is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Whose hold.
    pub tenant: TenantId,
    /// Its number.
    pub hold: u64,
}

/// What happened in the wallets since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Holds made.
    pub held: u64,
    /// Of those, with a smaller output cap than asked for.
    pub shrunk: u64,
    /// Calls that had to wait for money.
    pub waited: u64,
    /// Calls refused by a budget.
    pub refused: u64,
    /// Attempts that cost more than was held: an alarm each.
    pub above_held: u64,
    /// Exchanges that failed.
    pub exchanges_failed: u64,
}

#[derive(Debug, Default)]
struct Counters {
    held: AtomicU64,
    shrunk: AtomicU64,
    waited: AtomicU64,
    refused: AtomicU64,
    above_held: AtomicU64,
    exchanges_failed: AtomicU64,
}

/// The wallets of all tenants in one process. A clone is a handle to the same wallets.
#[derive(Clone)]
pub struct Wallets {
    inner: Arc<Inner>,
}

struct Inner {
    journal: Journal,
    authority: Arc<dyn Authority>,
    environment: Environment,
    policy: Policy,
    tenants: RwLock<HashMap<TenantId, Arc<Wallet>>>,
    link: Mutex<Link>,
    /// One exchange at a time: a question that is overtaken could fetch money which nobody asks
    /// after any more.
    telling: tokio::sync::Mutex<()>,
    snapshots: Mutex<Snapshots>,
    /// Somebody needs money, or there is news to tell.
    hungry: Notify,
    /// A watermark will soon be needed.
    marks_due: Notify,
    news: AtomicBool,
    cuts: broadcast::Sender<Cut>,
    clocks: clocks::Clocks,
    counters: Counters,
}

/// When the whole picture was last written to the journal.
struct Snapshots {
    /// For the next one: a place in the journal well before it.
    since: Position,
    at: BootInstant,
}

type Answer = Result<Held, Refusal>;

/// One tenant's wallet behind its mutex.
struct Wallet {
    tenant: TenantId,
    desk: Mutex<Desk>,
}

struct Desk {
    book: Book,
    callers: HashMap<WaiterId, oneshot::Sender<Answer>>,
}

impl Wallet {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// Serves the queue and tells the callers. What a caller who has gone would have held is
    /// let go; nothing was sent for it, nor journalled.
    fn pump(&mut self, environment: &Environment) {
        loop {
            let mut again = false;
            for (id, answer) in self.book.pump(environment) {
                let held = answer.as_ref().ok().map(|held| held.id);
                let told = self
                    .callers
                    .remove(&id)
                    .is_some_and(|caller| caller.send(answer).is_ok());
                if let (Some(held), false) = (held, told) {
                    self.book.settle(held, Amounts::ZERO);
                    again = true;
                }
            }
            if !again {
                return;
            }
        }
    }
}

impl Wallets {
    /// Opens the wallets and starts their two tasks. `estate` is what earlier processes left;
    /// the records of its orphans must have been appended before.
    pub fn start(
        owner: Owner,
        estate: &Estate,
        journal: Journal,
        authority: Arc<dyn Authority>,
        environment: Environment,
        policy: Policy,
    ) -> Wallets {
        let now = environment.boot();
        let link = Link::new(owner, estate, now);
        let snapshots = Snapshots {
            since: journal.position(),
            at: now,
        };
        let inner = Arc::new(Inner {
            journal,
            authority,
            environment,
            policy,
            tenants: RwLock::default(),
            link: Mutex::new(link),
            telling: tokio::sync::Mutex::default(),
            snapshots: Mutex::new(snapshots),
            hungry: Notify::new(),
            marks_due: Notify::new(),
            news: AtomicBool::new(true),
            cuts: broadcast::channel(1_024).0,
            clocks: clocks::Clocks::default(),
            counters: Counters::default(),
        });
        exchange::spawn(&inner);
        marking::spawn(&inner);
        Wallets { inner }
    }

    /// Sets the bound of an attempt aside in every budget on its path and writes the reserve.
    ///
    /// # Errors
    /// The refusal of the tightest budget; [`Refusal::AuthorityUnavailable`] if money could
    /// not be fetched; [`Refusal::JournalUnavailable`] if the reserve could not be written;
    /// [`Refusal::Draining`] at the end.
    pub async fn hold(&self, request: HoldRequest<'_>) -> Result<Hold, Refusal> {
        let wallet = self.inner.wallet(request.path.tenant);
        let held = self
            .inner
            .acquire(&wallet, request.path, request.claim)
            .await?;
        self.inner.reserve(&wallet, held, request)
    }

    /// Writes the reserve of an attempt whose money lies elsewhere: the journal knows of it like of
    /// any other, and no lease of this instance does.
    ///
    /// # Errors
    /// [`Refusal::JournalUnavailable`] if the reserve could not be written.
    pub fn note_hold(
        &self,
        request: HoldRequest<'_>,
        cap: u64,
        amount: Money,
        legs: &[(LeaseId, Scope)],
    ) -> Result<Hold, Refusal> {
        let inner = &*self.inner;
        let wallet = inner.wallet(request.path.tenant);
        let held = wallet.desk().book.note_elsewhere(cap, amount, legs);
        inner.reserve(&wallet, held, request)
    }

    /// Replaces a hold by the true cost. Call it after the record that says so was appended.
    pub fn settle(&self, hold: Hold, cost: Amounts) -> Settlement {
        let inner = &*self.inner;
        let settlement = inner.end(&hold, cost);
        if settlement.above_held != Amounts::ZERO {
            inner.counters.above_held.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                tenant = %hold.tenant,
                hold = hold.id,
                held_nanos = hold.amount.nanos(),
                cost_nanos = cost.nanos(),
                held_tokens = hold.amount.tokens,
                used_tokens = cost.tokens,
                "an attempt cost more than was held for it"
            );
        }
        settlement
    }

    /// Settles an attempt before the record of its call is written, as when another attempt
    /// follows. The journal is told by a frame of its own.
    pub fn settle_ahead(&self, hold: Hold, cost: Amounts) -> Settlement {
        self.inner.note_end(&hold, cost);
        self.settle(hold, cost)
    }

    /// Lets a hold go whose attempt was never sent.
    pub fn release_unsent(&self, hold: Hold) {
        self.inner.note_end(&hold, Amounts::ZERO);
        self.inner.end(&hold, Amounts::ZERO);
    }

    /// A limit or a period of this scope has changed: from now on nothing is admitted under
    /// the old one.
    pub fn budget_changed(&self, scope: Scope) {
        for wallet in self.inner.wallets() {
            let mut desk = wallet.desk();
            if desk.book.freeze(scope, &self.inner.environment) {
                self.inner.news.store(true, Ordering::Release);
                self.inner.hungry.notify_one();
            }
        }
    }

    /// Holds whose calls should end at once, because they fit under no limit any more.
    pub fn cuts(&self) -> broadcast::Receiver<Cut> {
        self.inner.cuts.subscribe()
    }

    /// What is left of a budget as far as this instance knows; `None` if it has no limit or
    /// is not in use here.
    pub fn remaining(&self, tenant: TenantId, scope: Scope) -> Option<Money> {
        let wallet = self.inner.find(tenant)?;
        let desk = wallet.desk();
        desk.book.remaining(scope, Unit::Usd).map(Money::from_nanos)
    }

    /// What is left of an agent's own budget in tokens; `None` as above.
    pub fn remaining_tokens(&self, path: &ActorPath) -> Option<i64> {
        let wallet = self.inner.find(path.tenant)?;
        let desk = wallet.desk();
        desk.book.remaining(Scope::Agent(path.agent), Unit::Tokens)
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.inner.counters;
        Counts {
            held: read(&counters.held),
            shrunk: read(&counters.shrunk),
            waited: read(&counters.waited),
            refused: read(&counters.refused),
            above_held: read(&counters.above_held),
            exchanges_failed: read(&counters.exchanges_failed),
        }
    }

    /// How many holds are open.
    pub fn open_holds(&self) -> usize {
        self.inner
            .wallets()
            .iter()
            .map(|wallet| wallet.desk().book.open_holds())
            .sum()
    }
}

impl Inner {
    fn wallet(&self, tenant: TenantId) -> Arc<Wallet> {
        if let Some(wallet) = self.find(tenant) {
            return wallet;
        }
        let mut tenants = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let book = Book::new(tenant, self.policy.clone());
            Arc::new(Wallet {
                tenant,
                desk: Mutex::new(Desk {
                    book,
                    callers: HashMap::new(),
                }),
            })
        };
        Arc::clone(tenants.entry(tenant).or_insert_with(make))
    }

    fn find(&self, tenant: TenantId) -> Option<Arc<Wallet>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.get(&tenant).cloned()
    }

    fn wallets(&self) -> Vec<Arc<Wallet>> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        tenants.values().cloned().collect()
    }

    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_for(&self, book: &mut Book) {
        let needs = book.take_needs();
        if needs.money {
            self.hungry.notify_one();
        }
        if needs.marks {
            self.marks_due.notify_one();
        }
    }

    /// Takes what a claim needs out of the leases on a path, waiting for it if there is hope.
    async fn acquire(
        &self,
        wallet: &Wallet,
        path: &ActorPath,
        claim: Claim,
    ) -> Result<Held, Refusal> {
        let mut waiting = None;
        let admission = {
            let mut desk = wallet.desk();
            let admission = desk.book.admit(path, claim, &self.environment);
            if let Admission::Waiting(id) = admission {
                let (sender, receiver) = oneshot::channel();
                desk.callers.insert(id, sender);
                waiting = Some(Waiting {
                    wallet,
                    inner: self,
                    id,
                    receiver,
                });
            }
            self.wake_for(&mut desk.book);
            admission
        };
        let answer = match (admission, waiting) {
            (Admission::Held(held), _) => Ok(held),
            (Admission::Refused(refusal), _) => Err(refusal),
            (Admission::Waiting(_), Some(waiting)) => waiting.answer().await,
            (Admission::Waiting(_), None) => Err(Refusal::AuthorityUnavailable),
        };
        answer.map_err(|mut refusal| {
            if let Refusal::Budget(shortfall) = &mut refusal {
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                shortfall.pool = path.part_of_pool(shortfall.scope);
            }
            refusal
        })
    }

    /// Writes the reserve of an attempt; without it nothing may be sent.
    fn reserve(
        &self,
        wallet: &Wallet,
        held: Held,
        request: HoldRequest<'_>,
    ) -> Result<Hold, Refusal> {
        let hold = self.journalled(wallet, held, request.call, request.attempt, request.facts)?;
        self.counters.held.fetch_add(1, Ordering::Relaxed);
        if hold.cap < request.claim.cap() {
            self.counters.shrunk.fetch_add(1, Ordering::Relaxed);
        }
        Ok(hold)
    }

    /// Writes the reserve of a hold.
    fn journalled(
        &self,
        wallet: &Wallet,
        held: Held,
        call: RequestId,
        attempt: u32,
        facts: &[u8],
    ) -> Result<Hold, Refusal> {
        let Held {
            id,
            legs,
            cap,
            amount,
            deadline,
        } = held;
        let tenant = wallet.tenant;
        let frame = Reserve::encode(tenant, &held, call, attempt, facts);
        match self.journal.append(FrameKind::Reserve, &frame) {
            Ok(position) => {
                wallet.desk().book.reserved(id, frame);
                Ok(Hold {
                    id,
                    tenant,
                    legs,
                    cap,
                    amount,
                    deadline,
                    position,
                })
            }
            Err(stopped) => {
                tracing::error!(%stopped, "a reserve could not be written");
                let mut desk = wallet.desk();
                desk.book.settle(id, Amounts::ZERO);
                desk.pump(&self.environment);
                Err(Refusal::JournalUnavailable)
            }
        }
    }

    fn end(&self, hold: &Hold, cost: Amounts) -> Settlement {
        let wallet = self.wallet(hold.tenant);
        let mut desk = wallet.desk();
        let settlement = desk.book.settle(hold.id, cost);
        if desk.book.has_waiters() {
            desk.pump(&self.environment);
        }
        self.wake_for(&mut desk.book);
        self.news.store(true, Ordering::Release);
        settlement
    }

    fn note_end(&self, hold: &Hold, cost: Amounts) {
        let Some(key) = hold.key() else { return };
        let frame = Release { key, cost }.encode();
        // A journal that takes no release takes no reserve either: the money is not used again.
        if let Err(stopped) = self.journal.append(FrameKind::Release, &frame) {
            tracing::error!(%stopped, "a release could not be written");
        }
    }
}

/// A call in the queue. Whoever gives up leaves the queue, and lets go of what came too late.
struct Waiting<'a> {
    wallet: &'a Wallet,
    inner: &'a Inner,
    id: WaiterId,
    receiver: oneshot::Receiver<Answer>,
}

impl Waiting<'_> {
    async fn answer(mut self) -> Answer {
        self.inner.counters.waited.fetch_add(1, Ordering::Relaxed);
        let patience = self.inner.policy.patience;
        if let Ok(Ok(answer)) = tokio::time::timeout(patience, &mut self.receiver).await {
            return answer;
        }
        let mut desk = self.wallet.desk();
        // It may have been answered between the last look and the lock.
        if let Ok(answer) = self.receiver.try_recv() {
            return answer;
        }
        desk.callers.remove(&self.id);
        let answer = desk.book.expire(self.id, &self.inner.environment);
        desk.pump(&self.inner.environment);
        answer.unwrap_or(Err(Refusal::AuthorityUnavailable))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut desk = self.wallet.desk();
        desk.callers.remove(&self.id);
        desk.book.abandon(self.id);
        if let Ok(Ok(held)) = self.receiver.try_recv() {
            desk.book.settle(held.id, Amounts::ZERO);
        }
        desk.pump(&self.inner.environment);
    }
}
