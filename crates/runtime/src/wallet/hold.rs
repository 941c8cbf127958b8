//! What a call holds: its bound in every budget on its path, each in its unit, or nothing.

use iron_primitives::{BootInstant, LeaseId, PoolPath, Scope, Unit};
use serde::{Deserialize, Serialize};

use super::amounts::Amounts;

/// The deepest path there is: agent, the parts of a pool, user, team, project, tenant; and the
/// agent's own budget in another unit than money.
pub(super) const MAX_LEGS: usize = 6 + PoolPath::MOST;

/// One leg of a hold: the lease of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Where the wallet keeps it.
    pub(super) slot: u32,
    /// The lease.
    pub lease: LeaseId,
    /// Whose budget.
    pub scope: Scope,
    /// What the budget counts.
    pub unit: Unit,
}

/// The legs of a hold, leaf first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Legs {
    legs: [Option<Leg>; MAX_LEGS],
}

impl Legs {
    pub(super) fn push(&mut self, leg: Leg) {
        if let Some(seat) = self.legs.iter_mut().find(|seat| seat.is_none()) {
            *seat = Some(leg);
        }
    }

    /// Whether a budget among them counts this.
    pub fn count(&self, unit: Unit) -> bool {
        self.iter().any(|leg| leg.unit == unit)
    }

    /// The legs, leaf first; one in another unit than money comes last.
    pub fn iter(&self) -> impl Iterator<Item = &Leg> + '_ {
        self.legs.iter().flatten()
    }
}

/// Money set aside for one attempt of one call. It must be settled, or released unsent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "held money stays held until it is settled or released"]
pub struct Held {
    /// Counts the holds of one tenant in one process.
    pub id: u64,
    /// The leases it stands in.
    pub legs: Legs,
    /// The output cap to forward: the one asked for, or a smaller one near the edge.
    pub cap: u64,
    /// How much is held in each leg, by its unit.
    pub amount: Amounts,
    /// Nothing may be sent on it at or after this instant.
    pub deadline: BootInstant,
}

/// Names a hold for ever: its leaf lease belongs to one process of one instance only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HoldKey {
    /// The lease of its first leg.
    pub lease: LeaseId,
    /// Its number.
    pub id: u64,
}

impl Held {
    /// Its name in the journal.
    pub fn key(&self) -> Option<HoldKey> {
        self.legs.iter().next().map(|leg| HoldKey {
            lease: leg.lease,
            id: self.id,
        })
    }
}
