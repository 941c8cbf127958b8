//! What time and people do to leases: expiry, and the release of what is in suspense.

use iron_audit::{Authorised, Entry, Removal};
use iron_primitives::{InstanceId, LeaseId, Timestamp};
use iron_store::Tx;
use serde::Serialize;

use super::Ledger;
use crate::Error;
use crate::moves::{Account, LeaseState, Move};
use crate::store::{self, Which};
use crate::{pools, requests};

/// What an audited release did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Released {
    /// How many leases were closed.
    pub leases: usize,
    /// What came free on the level of single leases, in nano-dollars; a path of several
    /// budgets counts on each.
    pub released_nanos: i64,
}

impl Ledger {
    /// Fences every lease that has shown no sign of life for its time and the grace. Nothing
    /// is refunded: the remainder is suspense.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let now = self.environment.now();
        let mut tx = self.db.begin().await?;
        let which = Which::Expired {
            before: now.minus(self.terms.grace),
        };
        let expired = store::leases(&mut tx, which).await?;
        for lease in &expired {
            self.fence(&mut tx, lease.id).await?;
        }
        tx.commit().await?;
        Ok(expired.len())
    }

    /// Frees, once and for all levels together, what the fenced leases of a vanished process
    /// still keep in suspense. The caller vouches that it was not spent.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the process has no fenced lease in the caller's tenant.
    pub async fn release_suspense(
        &self,
        authorised: &Authorised,
        instance: InstanceId,
        incarnation: u64,
        reason: &str,
    ) -> Result<Released, Error> {
        let now = self.environment.now();
        let mut tx = self.db.begin().await?;
        let incarnation_number = i64::try_from(incarnation).unwrap_or(i64::MAX);
        let which = Which::Of {
            instance,
            incarnation: incarnation_number,
            state: LeaseState::Fenced,
        };
        let mut released = Released {
            leases: 0,
            released_nanos: 0,
        };
        for lease in store::leases(&mut tx, which).await? {
            if lease.key.tenant != authorised.tenant {
                continue;
            }
            let freed = self.change(&mut tx, lease.id, now, Account::close).await?;
            released.leases = released.leases.saturating_add(1);
            released.released_nanos = released.released_nanos.saturating_add(freed);
        }
        if released.leases == 0 {
            return Err(Error::NotFound);
        }
        let entry = Entry::new("budget.reconcile", "instance")
            .resource(instance)
            .parameters(&serde_json::json!({
                "incarnation": incarnation, "reason": reason, "released": released,
            }));
        self.audit.write(&mut tx, authorised, entry).await?;
        tx.commit().await?;
        Ok(released)
    }

    /// Removes the budgets, leases and budget requests of a tenant whose time is over. An
    /// instance that still reports on a lease is told to forget it.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        // Pools and requests come before budgets in the order of locks.
        removal.delete(tx, pools::OF_A_TENANT).await?;
        removal.delete(tx, requests::store::OF_A_TENANT).await?;
        for key in store::budgets_of(tx, removal.tenant()).await? {
            store::lock_budget(tx, &key).await?;
        }
        Ok(removal.delete(tx, store::OF_A_TENANT).await?)
    }

    pub(super) async fn fence(&self, tx: &mut Tx, lease: LeaseId) -> Result<(), Error> {
        let now = self.environment.now();
        self.change(tx, lease, now, Account::fence).await.map(drop)
    }

    /// Changes one lease under the lock of its budget; gives how much was moved.
    pub(super) async fn change(
        &self,
        tx: &mut Tx,
        lease: LeaseId,
        now: Timestamp,
        change: impl FnOnce(&mut Account) -> Vec<Move>,
    ) -> Result<i64, Error> {
        let Some(found) = store::lease(tx, lease).await? else {
            return Ok(0);
        };
        let budget = store::lock_budget(tx, &found.key)
            .await?
            .ok_or(Error::NotFound)?;
        // Read again behind the lock.
        let Some(mut found) = store::lease(tx, lease).await? else {
            return Ok(0);
        };
        let moves = change(&mut found.account);
        let mut row = store::period(tx, &found.key, found.span, budget.limit).await?;
        self.book(tx, &mut row, &found, &moves, now).await?;
        store::put_lease(tx, &found).await?;
        store::update_period(tx, &row).await?;
        Ok(moves
            .iter()
            .fold(0, |sum, change| sum.saturating_add(change.amount)))
    }
}
