//! Leases of runtimes that are not ours: the same amount on every budget of an agent's path.
//!
//! A foreign runtime knows an agent's token and nothing else. It shakes hands and is lent money,
//! tells what each call has cost, asks for more, and gives back what is left. What it is lent is
//! one *path lease*: an ordinary lease (a *leg*) on each budget from the agent up to the tenant,
//! the agent's under the id of the whole. The legs say the same numbers at every commit, because
//! they move together behind the locks of all their budgets; so the books of the ledger
//! ([`crate::Ledger::check`]) cover them like any other lease.
//!
//! ```text
//! active ──time, or used up──► expired ──refresh within the grace──► active
//!    │                            │ └──grace over, or a newer process──► orphaned ─┐
//!    ├──revoked by an admin, a kill, a lower limit──► revoked ───────────────────────┤
//!    └────────────── final account of the owner, or an audited reconcile ──► closed ◄┘
//! ```
//!
//! Invariants, beside those of the ledger:
//! - **a lease belongs to one process**: a handshake under the same name takes the lease of the
//!   process before it away, unless both come at nearly the same time: then they share it;
//! - **time gives nothing back**: what is not accounted for when a lease is orphaned or revoked is
//!   suspense, until its owner's final account or an audited reconcile;
//! - **a call counts once**, by its number and agent, and a report is never refused for being late:
//!   after the end of the lease it is booked as an overdraft;
//! - **there is one spender**: a call by a pass goes through a gateway of ours, which sets its worst
//!   case aside in the row of the lease and books what it measured; the runtime's own report of that
//!   call moves no money.
//!
//! A lease draws on the periods in which it began, and ends with the first of them.

mod ending;
mod handshake;
mod holds;
mod model;
mod path;
mod refresh;
mod report;
mod reserve;
pub(crate) mod store;

use std::future::Future;
use std::time::Duration;

use iron_audit::Entry;
use iron_primitives::{Environment, LeaseId};
use iron_store::Tx;
use serde_json::Value;

use crate::{Error, Ledger};

pub use holds::{PassFor, PassHold};
pub use model::{
    Final, Handshake, Lent, Pass, PathLease, PathState, PathTerms, Refresh, Reported, Returned,
    Speaker, Used,
};
pub use reserve::Reservation;
pub use store::PathOf;

/// How often a transaction is tried that others stood in the way of.
const TRIES: usize = 5;

/// Path leases of all tenants.
#[derive(Debug, Clone)]
pub struct Paths {
    pub(crate) ledger: Ledger,
    pub(crate) terms: PathTerms,
}

impl Paths {
    /// Path leases in a ledger.
    pub const fn new(ledger: Ledger, terms: PathTerms) -> Self {
        Paths { ledger, terms }
    }

    /// How they are dealt out.
    pub const fn terms(&self) -> PathTerms {
        self.terms
    }

    /// How long after its time a lease can still be refreshed.
    pub const fn grace(&self) -> Duration {
        self.ledger.terms.grace
    }

    const fn environment(&self) -> &Environment {
        &self.ledger.environment
    }

    /// Writes what an agent did into the audit log.
    async fn note(
        &self,
        tx: &mut Tx,
        speaker: &Speaker,
        action: &'static str,
        lease: LeaseId,
        parameters: &Value,
    ) -> Result<(), Error> {
        let entry = Entry::new(action, "lease")
            .resource(lease)
            .agent(speaker.path.agent)
            .parameters(parameters);
        let audit = &self.ledger.audit;
        audit.write_event(tx, &speaker.origin(), entry).await?;
        Ok(())
    }

    /// Refuses a lease that is another agent's, and one that no runtime has.
    fn own(path: &path::Path, speaker: &Speaker) -> Result<(), Error> {
        let ours = (path.row.tenant, path.row.agent) == (speaker.path.tenant, speaker.path.agent);
        match ours && !path.row.is_of_a_batch() {
            true => Ok(()),
            false => Err(Error::NoLease { id: path.row.id }),
        }
    }
}

/// Tries a transaction again where another one stood in the way.
async fn again<T, F: Future<Output = Result<T, Error>>>(
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error> {
    for _ in 1..TRIES {
        match attempt().await {
            Err(Error::Store(
                iron_store::Error::Conflict(_) | iron_store::Error::Unique { .. },
            )) => {}
            other => return other,
        }
    }
    attempt().await
}
