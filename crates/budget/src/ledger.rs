//! The ledger: who may spend how much, exactly once.
//!
//! Every change of a budget takes the lock of its row, leaves first and tenants last, so that
//! transactions over many budgets never wait for each other in a circle.

mod enrol;
mod exchange;
mod far;
mod keeping;
mod people;
mod prove;
mod recall;

use std::sync::Arc;

use iron_audit::Audit;
use iron_primitives::{Environment, EventId, LeaseId, Money, Timestamp};
use iron_store::{Db, Tx};
use tokio::sync::Notify;

use crate::Error;
use crate::model::{PeriodRow, Terms};
use crate::moves::{Holder, LeaseState, Move};
use crate::store::{self, BudgetRow, LeaseRow, Overdraft};

pub use keeping::Released;
pub use prove::Discrepancy;

/// The ledger of all tenants.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) db: Db,
    pub(crate) audit: Audit,
    pub(crate) environment: Environment,
    pub(crate) terms: Terms,
    /// Something has happened to a budget that somebody may act on.
    pub(crate) noticed: Arc<Notify>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// The ledger in a database.
    pub fn new(db: Db, audit: Audit, environment: Environment, terms: Terms) -> Self {
        Ledger {
            db,
            audit,
            environment,
            terms,
            noticed: Arc::default(),
        }
    }

    /// The settings of a budget with what the server says where they are silent.
    pub(crate) fn with_defaults(&self, budget: BudgetRow) -> BudgetRow {
        let usual = self.terms.most_per_minute.map(Money::nanos);
        BudgetRow {
            most_per_minute: budget.most_per_minute.or(usual),
            ..budget
        }
    }

    /// Books what happened to a lease: entries, counters, and an overdraft where there is one.
    pub(crate) async fn book(
        &self,
        tx: &mut Tx,
        row: &mut PeriodRow,
        lease: &LeaseRow,
        moves: &[Move],
        now: Timestamp,
    ) -> Result<(), Error> {
        self.count(tx, row, lease, moves, now).await?;
        let entries: Vec<_> = moves.iter().map(|change| (lease.id, *change)).collect();
        store::add_entries(tx, &entries, now).await
    }

    /// As [`Ledger::book`], but for the entries, which the caller adds.
    pub(crate) async fn count(
        &self,
        tx: &mut Tx,
        row: &mut PeriodRow,
        lease: &LeaseRow,
        moves: &[Move],
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut above = 0_i64;
        for change in moves {
            row.counters.apply(change).ok_or(Error::OutOfRange)?;
            if change.from == Holder::Available && change.to == Holder::Spent {
                above = above.saturating_add(change.amount);
            }
        }
        let beyond_limit = row.counters.overdraw();
        if above > 0 || beyond_limit > 0 {
            let late = lease.account.state == LeaseState::Closed;
            let reason = if late { "late_report" } else { "above_lease" };
            self.overdraft(tx, row, Some(lease.id), reason, above, beyond_limit, now)
                .await?;
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of one row")]
    async fn overdraft(
        &self,
        tx: &mut Tx,
        row: &PeriodRow,
        lease: Option<LeaseId>,
        reason: &'static str,
        amount: i64,
        beyond_limit: i64,
        now: Timestamp,
    ) -> Result<(), Error> {
        tracing::warn!(
            tenant = %row.key.tenant, scope = %row.key.scope, reason, amount, beyond_limit,
            "a budget was overdrawn"
        );
        let id: EventId = self.environment.new_id();
        let overdraft = Overdraft {
            id: id.to_string(),
            lease,
            reason,
            amount,
            beyond_limit,
        };
        store::add_overdraft(tx, row, &overdraft, now).await
    }

    /// Raises the overdraft of a budget whose limit was lowered below what is out.
    pub(crate) async fn overdraw_lowered(
        &self,
        tx: &mut Tx,
        row: &mut PeriodRow,
        now: Timestamp,
    ) -> Result<(), Error> {
        let beyond = row.counters.overdraw();
        if beyond > 0 {
            self.overdraft(tx, row, None, "limit_lowered", 0, beyond, now)
                .await?;
        }
        Ok(())
    }
}
