//! What time and people do to leases: expiry, and the release of what is in suspense.

use iron_audit::{Authorised, Entry, Removal};
use iron_primitives::{InstanceId, LeaseId, Timestamp};
use iron_store::Tx;
use serde::Serialize;

use super::Ledger;
use crate::Error;
use crate::events::{self, Noticed};
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
        let mut noticed = Noticed::default();
        for lease in &expired {
            self.fence(&mut tx, lease.id, &mut noticed).await?;
        }
        self.commit(tx, noticed).await?;
        let (mut tx, mut noticed) = (self.db.begin().await?, Noticed::default());
        self.look_at_suspense(&mut tx, &mut noticed, now).await?;
        self.forget_shortages(&mut tx, now).await?;
        self.commit(tx, noticed).await?;
        let paths = self.sweep_paths().await?;
        Ok(expired.len().saturating_add(paths))
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
        let mut noticed = Noticed::default();
        for lease in store::leases(&mut tx, which).await? {
            if lease.key.tenant != authorised.tenant {
                continue;
            }
            let freed = self
                .change(&mut tx, lease.id, now, &mut noticed, Account::close)
                .await?;
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
        self.commit(tx, noticed).await?;
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
        removal.delete(tx, events::store::OF_A_TENANT).await?;
        Ok(removal.delete(tx, store::OF_A_TENANT).await?)
    }

    pub(crate) async fn fence(
        &self,
        tx: &mut Tx,
        lease: LeaseId,
        noticed: &mut Noticed,
    ) -> Result<(), Error> {
        let now = self.environment.now();
        self.change(tx, lease, now, noticed, Account::fence)
            .await
            .map(drop)
    }

    /// Writes what was noticed, commits, and tells whoever waits for events.
    pub(crate) async fn commit(&self, mut tx: Tx, noticed: Noticed) -> Result<(), Error> {
        let any = self.write_noticed(&mut tx, noticed).await?;
        tx.commit().await?;
        if any {
            self.noticed.notify_one();
        }
        Ok(())
    }

    /// Changes one lease under the lock of its budget; gives how much was moved.
    pub(super) async fn change(
        &self,
        tx: &mut Tx,
        lease: LeaseId,
        now: Timestamp,
        noticed: &mut Noticed,
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
        noticed.look(tx, &mut row, &budget, false, now).await?;
        store::put_lease(tx, &found).await?;
        store::update_period(tx, &row).await?;
        Ok(moves
            .iter()
            .fold(0, |sum, change| sum.saturating_add(change.amount)))
    }
}
