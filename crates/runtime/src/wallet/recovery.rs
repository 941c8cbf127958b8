//! What a new process makes of the journal that the last one left.
//!
//! The notes and reserves of the old process are replayed to one final account per lease:
//! - **The machine stayed up** (same boot): every reserve was written before its attempt was
//!   sent, so what has no reserve was not spent. A hold without a record settles at its bound;
//!   all the rest is free.
//! - **The machine lost power**: the newest reserves may be gone. They lie below the durable
//!   watermark; so what is above it is free, and the unknown part below it becomes suspense.
//!
//! Both accounts come out the same however often the journal is replayed.

use std::collections::{BTreeMap, HashMap, HashSet};

use iron_journal::{Content, FrameKind, Recovered};
use iron_primitives::{LeaseId, Money, Unit};

use crate::authority::{LeaseReport, Standing};

use super::amounts::Amounts;
use super::frames::{
    LeaseMark, LeaseNote, ProcessNote, RecordedAttempt, RecordedAttempts, Release, Reserve,
    Snapshot,
};
use super::hold::HoldKey;

/// One frame of the old journal, as far as money is concerned.
#[derive(Debug, Clone, Copy)]
pub enum Entry<'a> {
    /// A reserve frame.
    Reserve(&'a [u8]),
    /// A release frame.
    Release(&'a [u8]),
    /// A note about leases.
    Lease(&'a [u8]),
    /// A snapshot.
    Snapshot(&'a [u8]),
    /// The body of a record.
    Record(&'a [u8]),
}

/// Reads what the journal recovered, for a process that runs in the boot `boot_id`.
pub fn estate(recovered: &Recovered, boot_id: &str) -> Estate {
    let mut replay = Replay::default();
    for frame in &recovered.frames {
        match &frame.content {
            Content::Opaque(FrameKind::Reserve, bytes) => replay.read(Entry::Reserve(bytes)),
            Content::Opaque(FrameKind::Release, bytes) => replay.read(Entry::Release(bytes)),
            Content::Opaque(FrameKind::Lease | FrameKind::Watermark, bytes) => {
                replay.read(Entry::Lease(bytes));
            }
            Content::Opaque(FrameKind::LeaseSnapshot, bytes) => replay.read(Entry::Snapshot(bytes)),
            Content::Record(record) => replay.read(Entry::Record(record.body())),
            Content::Checkpoint(_) | Content::Seal => {}
        }
    }
    replay.finish(boot_id)
}

/// What the old processes left behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Estate {
    /// The final accounts of their leases, to be reported.
    pub accounts: Vec<LeaseReport>,
    /// Attempts that were sent, or may have been, and have no record. They are settled at
    /// their bound; each needs a record with an unknown outcome.
    pub orphans: Vec<Reserve>,
    /// The processes whose notes were read; all that they may have spent is in `accounts`.
    pub witnessed: Vec<u64>,
    /// The newest of those processes.
    pub last: Option<ProcessNote>,
    /// Frames that could not be read.
    pub unreadable: usize,
}

#[derive(Default)]
struct Lease {
    mark: Option<LeaseMark>,
    incarnation: u64,
    boot_id: String,
    settled: i64,
    returned: i64,
}

/// What a hold came to, as far as the journal says.
#[derive(Clone, Copy)]
struct Cost {
    amounts: Amounts,
    /// Whether the tokens are known.
    counts_tokens: bool,
}

impl Cost {
    /// In one unit. What was not said may have been all that was held.
    fn of(&self, unit: Unit, reserve: &Reserve) -> i64 {
        if unit == Unit::Tokens && !self.counts_tokens {
            return reserve.amount.tokens;
        }
        self.amounts.of(unit)
    }
}

impl From<Amounts> for Cost {
    fn from(amounts: Amounts) -> Self {
        Cost {
            amounts,
            counts_tokens: true,
        }
    }
}

impl From<&RecordedAttempt> for Cost {
    fn from(attempt: &RecordedAttempt) -> Self {
        Cost {
            amounts: Amounts {
                money: Money::from_nanos(attempt.settled_nanos),
                tokens: attempt.settled_tokens.unwrap_or(0),
                millis: 0,
            },
            counts_tokens: attempt.settled_tokens.is_some(),
        }
    }
}

/// Reads the journal of earlier processes, oldest frame first.
#[derive(Default)]
pub struct Replay {
    leases: BTreeMap<LeaseId, Lease>,
    open: BTreeMap<HoldKey, Reserve>,
    /// Holds that came to their end, with what they cost.
    ended: HashMap<HoldKey, Cost>,
    /// Holds that a snapshot has counted already.
    counted: HashSet<HoldKey>,
    earlier: BTreeMap<LeaseId, LeaseReport>,
    /// The processes that wrote, by incarnation, each with its boot.
    processes: BTreeMap<u64, String>,
    /// Older ones that a snapshot says are still to be told of.
    untold: Vec<u64>,
    last: Option<ProcessNote>,
    unreadable: usize,
}

impl Replay {
    /// Takes in the next frame.
    pub fn read(&mut self, entry: Entry<'_>) {
        let readable = match entry {
            Entry::Reserve(bytes) => Reserve::decode(bytes).map(|reserve| self.reserve(reserve)),
            Entry::Release(bytes) => {
                Release::decode(bytes).map(|release| self.end(release.key, release.cost.into()))
            }
            Entry::Lease(bytes) => serde_json::from_slice::<LeaseNote>(bytes)
                .ok()
                .map(|note| self.note(note)),
            Entry::Snapshot(bytes) => serde_json::from_slice::<Snapshot>(bytes)
                .ok()
                .map(|taken| self.restart(taken)),
            Entry::Record(bytes) => {
                // A record of something else than a call has no attempts, or is not even ours.
                let attempts =
                    serde_json::from_slice::<RecordedAttempts>(bytes).unwrap_or_default();
                for attempt in attempts.attempts {
                    if let Some(key) = attempt.hold.key() {
                        self.end(key, Cost::from(&attempt));
                    }
                }
                Some(())
            }
        };
        if readable.is_none() {
            self.unreadable = self.unreadable.saturating_add(1);
        }
    }

    /// The final accounts, for a process that runs in the boot `boot_id`.
    ///
    /// A frame that cannot be read makes the silence of the journal worth nothing: then every
    /// lease counts as after a power cut.
    pub fn finish(self, boot_id: &str) -> Estate {
        let mut held: HashMap<LeaseId, i64> = HashMap::new();
        for reserve in self.open.values() {
            for leg in &reserve.legs {
                let sum = held.entry(leg.lease).or_default();
                *sum = sum.saturating_add(reserve.amount.of(leg.unit));
            }
        }
        let mut accounts: Vec<LeaseReport> = self.earlier.values().copied().collect();
        for (id, lease) in &self.leases {
            let Some(mark) = lease.mark else { continue };
            // At the bound: a hold without a record may have cost all of it.
            let settled = lease
                .settled
                .saturating_add(held.get(id).copied().unwrap_or(0));
            let proven = self.unreadable == 0 && self.outlived(lease, boot_id);
            let standing = if proven {
                Standing::Final
            } else {
                Standing::Lost {
                    at_most: mark.watermark.max(settled),
                }
            };
            accounts.push(LeaseReport {
                lease: *id,
                tenant: mark.tenant,
                scope: mark.scope,
                unit: mark.unit,
                span: mark.span,
                granted: mark.granted,
                settled,
                returned: lease.returned,
                held: 0,
                standing,
            });
        }
        Estate {
            accounts,
            orphans: self.open.into_values().collect(),
            witnessed: if self.unreadable == 0 {
                self.untold
                    .iter()
                    .copied()
                    .chain(self.processes.into_keys())
                    .collect()
            } else {
                Vec::new()
            },
            last: self.last,
            unreadable: self.unreadable,
        }
    }

    /// Whether another process began in the boot in which the lease was used: this one, or one
    /// that has left notes of its own behind all that the lease's process wrote.
    fn outlived(&self, lease: &Lease, boot_id: &str) -> bool {
        let later = self.processes.range(lease.incarnation.saturating_add(1)..);
        lease.boot_id == boot_id
            || later
                .map(|(_, boot)| boot)
                .any(|boot| *boot == lease.boot_id)
    }

    fn reserve(&mut self, reserve: Reserve) {
        let Some(key) = reserve.key() else { return };
        if self.counted.contains(&key) {
            return;
        }
        if let Some(cost) = self.ended.get(&key).copied() {
            self.charge(key, &reserve, cost);
            return;
        }
        self.open.insert(key, reserve);
    }

    fn end(&mut self, key: HoldKey, cost: Cost) {
        if self.ended.insert(key, cost).is_some() {
            return;
        }
        if let Some(reserve) = self.open.remove(&key) {
            self.charge(key, &reserve, cost);
        }
    }

    fn charge(&mut self, key: HoldKey, reserve: &Reserve, cost: Cost) {
        self.counted.insert(key);
        for leg in &reserve.legs {
            let lease = self.leases.entry(leg.lease).or_default();
            let cost = cost.of(leg.unit, reserve);
            lease.settled = lease.settled.saturating_add(cost.max(0));
        }
    }

    fn note(&mut self, note: LeaseNote) {
        for mark in note.marks {
            self.mark(mark, &note.process);
        }
        self.heard(note.process);
    }

    fn heard(&mut self, process: ProcessNote) {
        self.processes
            .insert(process.incarnation, process.boot_id.clone());
        self.last = Some(process);
    }

    fn mark(&mut self, mark: LeaseMark, process: &ProcessNote) -> &mut Lease {
        let lease = self.leases.entry(mark.lease).or_default();
        lease.boot_id.clone_from(&process.boot_id);
        lease.incarnation = process.incarnation;
        let before = lease.mark.unwrap_or(mark);
        lease.mark = Some(LeaseMark {
            granted: mark.granted.max(before.granted),
            watermark: mark.watermark.max(before.watermark),
            ..mark
        });
        lease
    }

    /// A snapshot says it all: what was read before it only tells which holds have ended, and
    /// what the frames of those were that it knows by name alone.
    fn restart(&mut self, taken: Snapshot) {
        let mut seen = std::mem::take(&mut self.open);
        self.counted.extend(self.ended.keys().copied());
        self.counted.extend(seen.keys().copied());
        self.leases.clear();
        // What those before it left is told by its own list.
        self.processes.clear();
        self.untold.clone_from(&taken.witnessed);
        self.earlier = taken
            .earlier
            .iter()
            .map(|report| (report.lease, *report))
            .collect();
        for state in taken.leases {
            let lease = self.mark(state.mark, &taken.process);
            lease.settled = state.settled;
            lease.returned = state.returned;
        }
        for hold in taken.holds {
            self.counted.remove(&hold.key);
            let frame = match &hold.reserve {
                Some(text) => hex::decode(text).ok().as_deref().and_then(Reserve::decode),
                None => seen.remove(&hold.key),
            };
            match frame {
                Some(reserve) => self.reserve(reserve),
                // Its frame comes later, or was never written: then nothing was sent.
                None if hold.reserve.is_none() => {}
                None => self.unreadable = self.unreadable.saturating_add(1),
            }
        }
        self.heard(taken.process);
    }
}
