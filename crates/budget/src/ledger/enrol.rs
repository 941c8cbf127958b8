//! A process takes over an instance, and what it takes over from.

use iron_runtime::authority::Incarnation;
use iron_store::Tx;

use super::Ledger;
use crate::Error;
use crate::events::Noticed;
use crate::model::Enrolment;
use crate::store::{self, InstanceRow, Which};

impl Ledger {
    /// Numbers a new process of an instance and fences the leases of those before it: what
    /// they have not reported may have been spent, until the new process has read their
    /// journal and reports their final accounts.
    ///
    /// If the instance has seen answers that the ledger does not remember, the ledger was
    /// restored to an earlier state, and a new generation begins.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn enrol(&self, enrolment: &Enrolment) -> Result<Incarnation, Error> {
        let now = self.environment.now();
        let mut tx = self.db.begin().await?;
        let known = store::instance_row(&mut tx, enrolment.instance).await?;
        let sequence = known.map_or(0, |row| row.sequence);
        let seen = i64::try_from(enrolment.seen).unwrap_or(i64::MAX);
        let generation = if seen > sequence {
            store::begin_generation(&mut tx, now).await?
        } else {
            store::generation(&mut tx).await?
        };
        let at_least = i64::try_from(enrolment.at_least).unwrap_or(i64::MAX);
        let next = known.map_or(1, |row| row.incarnation.saturating_add(1));
        let row = InstanceRow {
            incarnation: next.max(at_least),
            // A new process knows no leases of its own, so it has declared them all, unless
            // the ledger has forgotten: then its journal must speak first.
            generation: if seen > sequence { 0 } else { generation },
            sequence: sequence.max(seen),
        };
        store::put_instance(&mut tx, enrolment.instance, row, &enrolment.boot_id, now).await?;
        let mut noticed = Noticed::default();
        self.fence_before(&mut tx, enrolment, row.incarnation, &mut noticed)
            .await?;
        self.commit(tx, noticed).await?;
        Ok(Incarnation {
            instance: enrolment.instance,
            incarnation: u64::try_from(row.incarnation).unwrap_or(1),
            generation: u64::try_from(generation).unwrap_or(1),
        })
    }

    async fn fence_before(
        &self,
        tx: &mut Tx,
        enrolment: &Enrolment,
        incarnation: i64,
        noticed: &mut Noticed,
    ) -> Result<(), Error> {
        let which = Which::Before {
            instance: enrolment.instance,
            incarnation,
        };
        for lease in store::leases(tx, which).await? {
            self.fence(tx, lease.id, noticed).await?;
        }
        Ok(())
    }
}
