//! What the model remembers: the ledger, the nodes with their journals, what is under way
//! between them, what the provider billed, and what may still go wrong.

use crate::moves::{Account, Counters, LeaseState};
use crate::wallet::Purse;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) budgets: Vec<Budget>,
    pub(crate) leases: Vec<Lease>,
    /// The process that the ledger takes for each node's present one.
    pub(crate) enrolled: Vec<u8>,
    pub(crate) nodes: Vec<Node>,
    /// Exchanges on their way: a set, for one may arrive again and again, late, or never.
    pub(crate) up: Vec<Exchange>,
    /// Answers on their way to each node, in the order in which they were given.
    pub(crate) down: Vec<Vec<Reply>>,
    pub(crate) left: Left,
    /// A rule that a single step has broken.
    pub(crate) broken: Option<&'static str>,
}

/// One budget, and the truth about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) counters: Counters,
    /// The highest limit under which anything was granted.
    pub(crate) allowed: i64,
    /// What the provider has billed, and how much of that above what was held.
    pub(crate) billed: i64,
    pub(crate) excess: i64,
}

/// One lease as the ledger keeps it, and the truth about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    pub(crate) budget: u8,
    pub(crate) node: u8,
    pub(crate) incarnation: u8,
    pub(crate) account: Account,
    pub(crate) billed: i64,
    pub(crate) excess: i64,
    /// How far the bounds of the calls without a record on disk lay above their costs when the
    /// process died.
    pub(crate) in_flight: i64,
    /// The bounds that were held when the last watermark was written.
    pub(crate) held_at_mark: i64,
    pub(crate) fate: Fate,
    pub(crate) was_fenced: bool,
}

/// What has become of the owner of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    Lives,
    Killed,
    LostPower,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Node {
    pub(crate) runs: bool,
    pub(crate) boot: u8,
    pub(crate) incarnation: u8,
    /// Hours on its clock since boot.
    pub(crate) hour: u8,
    pub(crate) calls: u8,
    pub(crate) purses: Vec<Purse>,
    pub(crate) holds: Vec<Hold>,
    /// Of a node that deducts late: it will say that it gives back what it still holds.
    pub(crate) returning: bool,
    pub(crate) journal: Vec<Frame>,
    /// How many frames are on disk; a power cut takes the others.
    pub(crate) durable: usize,
    /// What earlier processes left, still to be booked.
    pub(crate) earlier: Vec<Report>,
    pub(crate) witnessed: Vec<u8>,
}

/// A call of a process that lives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Hold {
    pub(crate) id: u8,
    pub(crate) legs: Vec<u8>,
    pub(crate) amount: i64,
    /// What the provider bills; nothing if it was not sent.
    pub(crate) cost: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Frame {
    Intro {
        incarnation: u8,
        boot: u8,
    },
    Mark {
        incarnation: u8,
        boot: u8,
        lease: u8,
        granted: i64,
        watermark: i64,
    },
    Reserve {
        legs: Vec<u8>,
        id: u8,
        amount: i64,
    },
    Record {
        legs: Vec<u8>,
        id: u8,
        cost: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum End {
    Open,
    Final,
    Lost { at_most: i64 },
}

/// The running account of a lease as its owner tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Report {
    pub(crate) lease: u8,
    pub(crate) granted: i64,
    pub(crate) settled: i64,
    pub(crate) returned: i64,
    pub(crate) held: i64,
    pub(crate) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Want {
    pub(crate) budget: u8,
    pub(crate) amount: i64,
    pub(crate) known: Option<(u8, i64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Exchange {
    pub(crate) node: u8,
    pub(crate) incarnation: u8,
    pub(crate) hour: u8,
    pub(crate) reports: Vec<Report>,
    pub(crate) witnessed: Vec<u8>,
    pub(crate) wants: Vec<Want>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub(crate) struct Reply {
    /// When it was asked for, on the clock of who asked.
    pub(crate) hour: u8,
    pub(crate) superseded: bool,
    pub(crate) grants: Vec<Grant>,
    pub(crate) revoked: Vec<u8>,
    pub(crate) closed: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Grant {
    pub(crate) lease: u8,
    pub(crate) budget: u8,
    pub(crate) granted: i64,
    /// How much of it is new; nobody reads it but who forgets that grants are cumulative.
    pub(crate) added: i64,
    /// Whether it was over before its owner heard of it.
    pub(crate) over: bool,
}

/// How often each thing may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Left {
    pub(crate) kills: u8,
    pub(crate) cuts: u8,
    pub(crate) expiries: u8,
    pub(crate) takeovers: u8,
    pub(crate) lowerings: u8,
    pub(crate) breaches: u8,
    pub(crate) returns: u8,
    pub(crate) retirements: u8,
}

impl Lease {
    /// What the books keep against what may have been spent from it.
    pub(crate) fn covered(&self) -> i64 {
        self.account.settled + self.account.outstanding()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.account.state == LeaseState::Closed
    }
}
