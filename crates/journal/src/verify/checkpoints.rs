//! Reading the checkpoints of a bundle: what they pin.

use std::collections::{BTreeMap, HashMap};

use iron_primitives::{Id, InstanceId, TenantId};

use super::{Bundle, Fault, Reason, Report, Trust};
use crate::checkpoint::{self, Checkpoint, Ledger, TenantHead};
use crate::{Error, Hash, Position};

/// A record that a checkpoint names.
pub(super) struct Pin {
    pub(super) hash: Hash,
    pub(super) checkpoint: u64,
    pub(super) position: Position,
}

/// The last record of a chain in one incarnation that is vouched for.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Newest {
    pub(super) sequence: u64,
    pub(super) checkpoint: u64,
    pub(super) position: Position,
}

/// Everything that the checkpoints say about records.
#[derive(Default)]
pub(super) struct Pins {
    /// By tenant, incarnation and number.
    pub(super) heads: HashMap<(TenantId, u64, u64), Pin>,
    /// The last record that is vouched for in each chain.
    pub(super) newest: BTreeMap<(TenantId, u64), Newest>,
    /// The incarnations that were closed, with the last number of each tenant.
    closed: HashMap<u64, HashMap<TenantId, u64>>,
    instance: Option<InstanceId>,
}

impl Pins {
    pub(super) fn read(bundle: &Bundle, trust: &Trust, report: &mut Report) -> Result<Pins, Error> {
        let mut pins = Pins::default();
        let mut walk = Walk::new(trust);
        let mut numbers: HashMap<u64, Hash> = HashMap::new();
        for (line, bytes) in (1_u64..).zip(bundle.checkpoint_lines()?) {
            let parsed = Checkpoint::parse(&bytes).ok();
            let Some(checkpoint) = parsed.filter(|checkpoint| checkpoint.key == trust.public_key)
            else {
                report.faults.push(fault(Reason::BadCheckpoint { line }));
                continue;
            };
            report.checkpoints += 1;
            let number = checkpoint.statement.number;
            report.newest_checkpoint = report.newest_checkpoint.max(Some(number));
            numbers.insert(number, checkpoint.hash);
            report.faults.extend(walk.next(&checkpoint).map(fault));
            pins.take(&checkpoint);
        }
        if let Some(known) = &trust.known {
            let number = known.statement.number;
            if known.key != trust.public_key {
                report.faults.push(fault(Reason::BadCheckpoint { line: 0 }));
            } else if report
                .newest_checkpoint
                .is_none_or(|newest| newest < number)
            {
                report
                    .faults
                    .push(fault(Reason::RolledBack { known: number }));
                pins.take(known);
            } else if numbers.get(&number) != Some(&known.hash) {
                report.faults.push(fault(Reason::Forked { number }));
            }
        }
        Ok(pins)
    }

    fn take(&mut self, checkpoint: &Checkpoint) {
        let statement = &checkpoint.statement;
        self.instance = Some(statement.instance);
        for TenantHead { tenant, head } in &statement.heads {
            let place = (*tenant, head.incarnation, head.sequence);
            let pin = Pin {
                hash: head.hash,
                checkpoint: statement.number,
                position: head.position,
            };
            // The first checkpoint that names a record is the one to be told.
            self.heads.entry(place).or_insert(pin);
            let newest = self.newest.entry((*tenant, head.incarnation)).or_default();
            if head.sequence > newest.sequence {
                *newest = Newest {
                    sequence: head.sequence,
                    checkpoint: statement.number,
                    position: head.position,
                };
            }
        }
        if statement.closes {
            let of_this = |pinned: &&TenantHead| pinned.head.incarnation == statement.incarnation;
            let last = statement.heads.iter().filter(of_this);
            let last = last
                .map(|pinned| (pinned.tenant, pinned.head.sequence))
                .collect();
            self.closed.insert(statement.incarnation, last);
        }
    }

    /// Whether the incarnation was closed before this record.
    pub(super) fn closed_before(&self, tenant: TenantId, incarnation: u64, sequence: u64) -> bool {
        let closed = self.closed.get(&incarnation);
        closed.is_some_and(|last| last.get(&tenant).copied().unwrap_or(0) < sequence)
    }

    pub(super) const fn instance(&self) -> Option<InstanceId> {
        self.instance
    }

    pub(super) fn instance_or_nil(&self) -> InstanceId {
        self.instance
            .unwrap_or_else(|| InstanceId::from_uuid(uuid::Uuid::nil()))
    }
}

fn fault(reason: Reason) -> Fault {
    Fault {
        stream: None,
        sequence: None,
        reason,
    }
}

/// Follows the row of checkpoints.
struct Walk {
    ledger: Ledger,
    /// Whether all heads are known, so that roots can be computed.
    whole: bool,
}

impl Walk {
    fn new(trust: &Trust) -> Self {
        let mut ledger = Ledger::default();
        if let Some(since) = &trust.since {
            ledger.apply(since);
        }
        Walk {
            ledger,
            whole: true,
        }
    }

    fn next(&mut self, checkpoint: &Checkpoint) -> Option<Reason> {
        let statement = &checkpoint.statement;
        let number = statement.number;
        // The bundle may hold checkpoints from before the one it is trusted from.
        if self.ledger.number >= number && self.ledger.hash == Some(checkpoint.hash) {
            return None;
        }
        let expected = self.ledger.number.saturating_add(1);
        let previous = self.ledger.hash.unwrap_or(Hash::ZERO);
        self.whole |= statement.full;
        let in_order = number == expected;
        let linked = statement.previous == previous;
        self.whole &= in_order || statement.full;
        self.ledger.apply(checkpoint);
        if !in_order {
            return Some(Reason::CheckpointMissing {
                expected,
                found: number,
            });
        }
        if !linked {
            return Some(Reason::CheckpointNotLinked { number });
        }
        let root = checkpoint::root(&self.ledger.heads);
        let grown = self.ledger.heads.len() as u64 == statement.tree_size;
        (self.whole && (root != statement.root || !grown)).then_some(Reason::WrongRoot { number })
    }
}
