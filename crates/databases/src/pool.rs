//! Sessions that wait for the next statement of their tool.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use iron_primitives::{BootInstant, Environment, TenantId, ToolId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a seat is held by.
pub(crate) type Permit = OwnedSemaphorePermit;

/// How many statements of one tool are run at a time.
const SEATS: usize = 4;
/// How long a session may wait for work.
const IDLE: Duration = Duration::from_secs(60);

type Key = (TenantId, ToolId);
type Map<S> = HashMap<Key, Arc<Pool<S>>>;

/// The sessions of all tools.
pub(crate) struct Pools<S> {
    map: Arc<Mutex<Map<S>>>,
    environment: Environment,
}

/// What sessions of a tool were made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation {
    /// Counts its addresses.
    pub(crate) version: i64,
    pub(crate) read_only: bool,
}

/// The sessions of one tool.
pub(crate) struct Pool<S> {
    key: Key,
    generation: Generation,
    seats: Arc<Semaphore>,
    idle: Mutex<Vec<Idle<S>>>,
    environment: Environment,
    home: Weak<Mutex<Map<S>>>,
}

struct Idle<S> {
    session: S,
    since: BootInstant,
}

impl<S: Send + 'static> Pools<S> {
    pub(crate) fn new(environment: Environment) -> Self {
        Pools {
            map: Arc::default(),
            environment,
        }
    }

    /// The sessions of a tool; those of an earlier generation end with the statements they run.
    pub(crate) fn of(&self, key: Key, generation: Generation) -> Arc<Pool<S>> {
        let mut map = locked(&self.map);
        if let Some(pool) = map.get(&key).filter(|pool| pool.generation == generation) {
            return pool.clone();
        }
        let pool = Arc::new(Pool {
            key,
            generation,
            seats: Arc::new(Semaphore::new(SEATS)),
            idle: Mutex::default(),
            environment: self.environment.clone(),
            home: Arc::downgrade(&self.map),
        });
        if map.is_empty() {
            tokio::spawn(sweep(Arc::downgrade(&self.map), self.environment.clone()));
        }
        map.insert(key, pool.clone());
        pool
    }
}

/// Ends what nobody has used for long, until nothing is left.
async fn sweep<S: Send + 'static>(map: Weak<Mutex<Map<S>>>, environment: Environment) {
    loop {
        tokio::time::sleep(IDLE / 2).await;
        let Some(map) = map.upgrade() else { return };
        let now = environment.boot();
        let mut ended = Vec::new();
        let mut map = locked(&map);
        map.retain(|_, pool| {
            let mut idle = locked(&pool.idle);
            let (old, young) = std::mem::take(&mut *idle)
                .into_iter()
                .partition::<Vec<_>, _>(|idle| now.since(idle.since) >= IDLE);
            *idle = young;
            ended.extend(old);
            !idle.is_empty() || Arc::strong_count(pool) > 1
        });
        if map.is_empty() {
            return;
        }
    }
}

impl<S> Pool<S> {
    pub(crate) fn now(&self) -> BootInstant {
        self.environment.boot()
    }

    /// Waits until one more statement may be run.
    pub(crate) async fn seat(self: &Arc<Self>) -> Seat<S> {
        // The semaphore is never closed.
        let permit = self.seats.clone().acquire_owned().await.ok();
        Seat {
            pool: self.clone(),
            permit: permit.map(Arc::new),
        }
    }

    /// Whether this is still how the tool is.
    fn is_current(self: &Arc<Self>) -> bool {
        let home = self.home.upgrade();
        home.is_some_and(|home| {
            let home = locked(&home);
            home.get(&self.key)
                .is_some_and(|pool| Arc::ptr_eq(pool, self))
        })
    }
}

/// The right to run one statement.
pub(crate) struct Seat<S> {
    pool: Arc<Pool<S>>,
    permit: Option<Arc<Permit>>,
}

impl<S> Seat<S> {
    /// What holds the seat: it is free when all of these are gone.
    pub(crate) fn permit(&self) -> Option<Arc<Permit>> {
        self.permit.clone()
    }

    /// The session that was used last, if one is idle.
    pub(crate) fn take(&mut self) -> Option<S> {
        let now = self.pool.now();
        let mut idle = locked(&self.pool.idle);
        idle.retain(|idle| now.since(idle.since) < IDLE);
        idle.pop().map(|idle| idle.session)
    }

    /// Keeps a session for the next statement.
    pub(crate) fn keep(self, session: S) {
        if !self.pool.is_current() {
            return;
        }
        let since = self.pool.now();
        locked(&self.pool.idle).push(Idle { session, since });
    }
}

impl<S> fmt::Debug for Pools<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools")
            .field("tools", &locked(&self.map).len())
            .finish_non_exhaustive()
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
