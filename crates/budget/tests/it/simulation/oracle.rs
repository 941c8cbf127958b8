//! What the provider counts, and what may be forfeited.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use iron_journal::Position;
use iron_primitives::{Refusal, RequestId, Scope};
use iron_runtime::wallet::Hold;

use super::justice::Justice;

/// A call that was sent by a process which still runs.
struct Call {
    node: usize,
    scopes: Vec<Scope>,
    /// What is held above what it costs: forfeited if nobody lives to see its end.
    spare: i64,
    /// Where its reserve ends in the journal.
    reserve: Position,
    /// Where its record ends, once there is one.
    record: Option<Position>,
}

#[derive(Default)]
struct Books {
    limits: BTreeMap<Scope, i64>,
    billed: BTreeMap<Scope, i64>,
    /// So much more is counted than was billed: calls settle at their bounds that are known to
    /// have begun and not how they ended.
    forfeit: BTreeMap<Scope, i64>,
    running: HashMap<RequestId, Call>,
    calls: u64,
    refused: u64,
    /// What the calls under way hold above what they cost.
    spare: BTreeMap<Scope, i64>,
    justice: Justice,
}

impl Books {
    /// Notes what is free of some budgets from now on.
    fn note(&mut self, scopes: &[Scope], now: u64) {
        let of = |sums: &BTreeMap<Scope, i64>, scope| sums.get(scope).copied().unwrap_or(0);
        for scope in scopes {
            if let Some(limit) = self.limits.get(scope) {
                let taken = [&self.billed, &self.spare, &self.forfeit].map(|sums| of(sums, scope));
                let free = limit - taken.iter().sum::<i64>();
                self.justice.note(*scope, now, free);
            }
        }
    }

    fn spare(&mut self, scopes: &[Scope], more: i64) {
        for scope in scopes {
            *self.spare.entry(*scope).or_default() += more;
        }
    }
}

/// Shared by all nodes; no node reads it.
#[derive(Clone, Default)]
pub(super) struct Oracle {
    books: Arc<Mutex<Books>>,
    /// Simulated time.
    micros: Arc<AtomicU64>,
}

impl Oracle {
    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.books.lock().expect("unpoisoned")
    }

    pub(super) fn new(micros: Arc<AtomicU64>) -> Oracle {
        Oracle {
            micros,
            ..Oracle::default()
        }
    }

    fn now(&self) -> u64 {
        self.micros.load(Ordering::SeqCst)
    }

    pub(super) fn limit(&self, scope: Scope, nanos: i64) {
        self.books().limits.insert(scope, nanos);
    }

    /// A call is sent: from here on it is owed.
    pub(super) fn sent(&self, node: usize, call: RequestId, hold: &Hold, cost: i64) {
        let mut books = self.books();
        let scopes: Vec<Scope> = hold.legs.iter().map(|leg| leg.scope).collect();
        for scope in &scopes {
            let billed = books.billed.entry(*scope).or_default();
            *billed += cost;
            let billed = *billed;
            if let Some(limit) = books.limits.get(scope) {
                assert!(billed <= *limit, "{scope}: billed {billed} of {limit} n$");
            }
        }
        let spare = hold.amount.nanos() - cost;
        let sent = Call {
            node,
            scopes,
            spare,
            reserve: hold.position,
            record: None,
        };
        books.spare(&sent.scopes, spare);
        books.note(&sent.scopes, self.now());
        books.running.insert(call, sent);
        books.calls += 1;
    }

    /// The record of a call was written, and ends here.
    pub(super) fn recorded(&self, call: RequestId, position: Position) {
        let mut books = self.books();
        let Some(call) = books.running.get_mut(&call) else {
            return;
        };
        call.record = Some(position);
        let (scopes, spare) = (call.scopes.clone(), call.spare);
        books.spare(&scopes, -spare);
        books.note(&scopes, self.now());
    }

    pub(super) fn refused(&self) {
        self.books().refused += 1;
    }

    /// A refusal when all has been well for a while: was it just?
    pub(super) fn judge(&self, refusal: &Refusal, enough: i64) {
        let Refusal::Budget(short) = refusal else {
            panic!("all is well, and yet: {refusal:?}");
        };
        let mut books = self.books();
        let limit = books.limits.get(&short.scope).copied();
        let limit = limit.expect("only what has a limit refuses");
        books.justice.judge(self.now(), limit, enough, short);
    }

    pub(super) fn justice(&self) -> (u64, u64, Option<i64>) {
        self.books().justice.found()
    }

    /// A node is gone with its calls under way; of its journal only what `survives` is left.
    pub(super) fn died(&self, node: usize, survives: impl Fn(Position) -> bool) {
        let mut books = self.books();
        let Books {
            running,
            forfeit,
            spare,
            ..
        } = &mut *books;
        running.retain(|_, call| {
            if call.node != node {
                return true;
            }
            if call.record.is_none() {
                for scope in &call.scopes {
                    *spare.entry(*scope).or_default() -= call.spare;
                }
            }
            // A call whose reserve is lost, too, is covered by suspense, and that is all we know.
            if survives(call.reserve) && !call.record.is_some_and(&survives) {
                for scope in &call.scopes {
                    *forfeit.entry(*scope).or_default() += call.spare;
                }
            }
            false
        });
    }

    pub(super) fn billed(&self, scope: Scope) -> i64 {
        self.books().billed.get(&scope).copied().unwrap_or(0)
    }

    pub(super) fn forfeit(&self, scope: Scope) -> i64 {
        self.books().forfeit.get(&scope).copied().unwrap_or(0)
    }

    pub(super) fn limits(&self) -> BTreeMap<Scope, i64> {
        self.books().limits.clone()
    }

    pub(super) fn tally(&self) -> (u64, u64) {
        let books = self.books();
        (books.calls, books.refused)
    }
}
