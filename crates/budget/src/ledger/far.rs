//! What the ledger does for instances that are elsewhere.

use std::time::Duration;

use iron_primitives::InstanceId;

use super::Ledger;
use crate::Error;
use crate::events::Noticed;
use crate::store::{self, Which};

impl Ledger {
    /// The same ledger, whose leases live so long without a sign of their owner.
    #[must_use]
    pub fn lending_for(&self, ttl: Duration) -> Ledger {
        let mut ledger = self.clone();
        ledger.terms.ttl = ttl;
        ledger
    }

    /// How long a lease lives without a sign of its owner.
    pub const fn lends_for(&self) -> Duration {
        self.terms.ttl
    }

    /// Whether an instance has enrolled before.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn knows(&self, instance: InstanceId) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let row = store::instance_row(&mut tx, instance).await?;
        tx.commit().await?;
        Ok(row.is_some())
    }

    /// Takes every open lease of an instance away; what it does not account for stays in
    /// suspense. Gives how many there were.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn fence_instance(&self, instance: InstanceId) -> Result<usize, Error> {
        let mut tx = self.db.begin().await?;
        let mut noticed = Noticed::default();
        let which = Which::Before {
            instance,
            incarnation: i64::MAX,
        };
        let leases = store::leases(&mut tx, which).await?;
        for lease in &leases {
            self.fence(&mut tx, lease.id, &mut noticed).await?;
        }
        self.commit(tx, noticed).await?;
        Ok(leases.len())
    }
}
