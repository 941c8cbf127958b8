//! What the provider counts, and what may be forfeited.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use iron_journal::Position;
use iron_primitives::{RequestId, Scope};
use iron_runtime::wallet::Hold;

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
}

/// Shared by all nodes; no node reads it.
#[derive(Clone, Default)]
pub(super) struct Oracle(Arc<Mutex<Books>>);

impl Oracle {
    fn books(&self) -> std::sync::MutexGuard<'_, Books> {
        self.0.lock().expect("unpoisoned")
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
        books.running.insert(call, sent);
        books.calls += 1;
    }

    /// The record of a call was written, and ends here.
    pub(super) fn recorded(&self, call: RequestId, position: Position) {
        if let Some(call) = self.books().running.get_mut(&call) {
            call.record = Some(position);
        }
    }

    pub(super) fn refused(&self) {
        self.books().refused += 1;
    }

    /// A node is gone with its calls under way; of its journal only what `survives` is left.
    pub(super) fn died(&self, node: usize, survives: impl Fn(Position) -> bool) {
        let mut books = self.books();
        let Books {
            running, forfeit, ..
        } = &mut *books;
        running.retain(|_, call| {
            if call.node != node {
                return true;
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
