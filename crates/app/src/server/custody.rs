//! What agents keep at providers, as the runtime of the same process asks for it.
//!
//! A batch and its money are written down in one transaction, and end in one: so there is no batch
//! without money, and no money is booked twice.

use async_trait::async_trait;
use iron_audit::Audit;
use iron_budget::{Paths, Reservation};
use iron_custody::Batches;
use iron_primitives::{ProviderId, Refusal, RequestId, TenantId};
use iron_runtime::authority::{AuthorityError, Route};
use iron_runtime::custody::{
    AskFiles, Custody, DueBatch, FilePlace, KeptBatch, KeptFile, NewBatch, Owner, SettledBatch,
};
use iron_store::{Db, Tx};

use super::authority::{House, route_of, silent};

/// How often a transaction is tried that others stood in the way of.
const TRIES: usize = 5;

#[async_trait]
impl Custody for House {
    async fn keep_file(&self, owner: Owner, file: &KeptFile) -> Result<(), AuthorityError> {
        self.files.keep(owner, file).await.map_err(silent)
    }

    async fn forget_file(&self, owner: Owner, place: &FilePlace) -> Result<(), AuthorityError> {
        self.files.forget(owner, place).await.map_err(silent)
    }

    async fn files(&self, owner: Owner, ask: &AskFiles) -> Result<Vec<KeptFile>, AuthorityError> {
        self.files.list(owner, ask).await.map_err(silent)
    }

    async fn open_batch(&self, new: &NewBatch) -> Result<(), Refusal> {
        self.desk.open(new).await.map_err(refusal)
    }

    async fn batch_begun(
        &self,
        id: RequestId,
        original: &str,
        told: &str,
    ) -> Result<(), AuthorityError> {
        match self.desk.batches.begun(id, original, told).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(AuthorityError::NotFound),
            Err(error) => Err(silent(error)),
        }
    }

    async fn batch_told(
        &self,
        owner: Owner,
        place: &FilePlace,
        told: &str,
    ) -> Result<(), AuthorityError> {
        self.desk
            .batches
            .told(owner, place, told)
            .await
            .map_err(silent)
    }

    async fn batches(
        &self,
        owner: Owner,
        ask: &AskFiles,
    ) -> Result<Vec<KeptBatch>, AuthorityError> {
        self.desk.batches.list(owner, ask).await.map_err(silent)
    }

    async fn due_batches(&self, most: u32) -> Result<Vec<DueBatch>, AuthorityError> {
        self.desk.batches.due(most).await.map_err(silent)
    }

    async fn batch_route(
        &self,
        tenant: TenantId,
        provider: ProviderId,
    ) -> Result<Option<Route>, AuthorityError> {
        let found = self.providers.for_call(tenant, &[provider]).await;
        let mut found = found.map_err(silent)?;
        Ok(found.pop().map(route_of))
    }

    async fn settle_batch(&self, settled: &SettledBatch) -> Result<bool, AuthorityError> {
        self.desk.settle(settled).await.map_err(silent)
    }
}

/// Where batches and their money are written down together.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) db: Db,
    pub(super) paths: Paths,
    pub(super) batches: Batches,
    pub(super) audit: Audit,
}

impl Desk {
    async fn open(&self, new: &NewBatch) -> Result<(), iron_budget::Error> {
        for _ in 1..TRIES {
            match self.try_open(new).await {
                Err(error) if is_in_the_way(&error) => {}
                other => return other,
            }
        }
        self.try_open(new).await
    }

    async fn try_open(&self, new: &NewBatch) -> Result<(), iron_budget::Error> {
        let mut tx = self.db.begin().await?;
        let name = new.id.to_string();
        let reservation = Reservation {
            path: new.path,
            token: new.token,
            provider: new.provider,
            model: new.model.as_deref(),
            name: &name,
            amount: new.amount,
        };
        let lease = self.paths.reserve(&mut tx, &reservation).await?;
        self.batches.open(&mut tx, new, lease).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn settle(&self, settled: &SettledBatch) -> Result<bool, iron_budget::Error> {
        for _ in 1..TRIES {
            match self.try_settle(settled).await {
                Err(error) if is_in_the_way(&error) => {}
                other => return other,
            }
        }
        self.try_settle(settled).await
    }

    async fn try_settle(&self, settled: &SettledBatch) -> Result<bool, iron_budget::Error> {
        let mut tx = self.db.begin().await?;
        let is_first = self.settle_within(&mut tx, settled).await?;
        tx.commit().await?;
        Ok(is_first)
    }

    async fn settle_within(
        &self,
        tx: &mut Tx,
        settled: &SettledBatch,
    ) -> Result<bool, iron_budget::Error> {
        let (tenant, id) = (settled.tenant, settled.id);
        let open = self.batches.settle(tx, tenant, id, settled.cost);
        let Some(lease) = open.await? else {
            return Ok(false);
        };
        self.paths
            .settle_reservation(tx, lease, settled.cost)
            .await?;
        if let Some((entry, record)) = &settled.record {
            self.audit.write_call(tx, tenant, *entry, record).await?;
        }
        Ok(true)
    }
}

/// Whether another transaction stood in the way of this one.
const fn is_in_the_way(error: &iron_budget::Error) -> bool {
    matches!(
        error,
        iron_budget::Error::Store(
            iron_store::Error::Conflict(_) | iron_store::Error::Unique { .. }
        )
    )
}

fn refusal(error: iron_budget::Error) -> Refusal {
    match error {
        iron_budget::Error::Short(shortfall) => Refusal::Budget(shortfall),
        error => {
            tracing::error!(%error, "money could not be set aside for a batch");
            Refusal::AuthorityUnavailable
        }
    }
}

#[cfg(test)]
mod tests;
