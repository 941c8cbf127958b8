//! What agents keep at providers, and have done there, remembered in memory.

use async_trait::async_trait;
use iron_primitives::{
    BudgetShortfall, LeaseId, ProviderId, Refusal, RequestId, Scope, TenantId, Timestamp, Unit,
};
use iron_runtime::authority::{AuthorityError, Route};
use iron_runtime::custody::{
    self, AskFiles, Custody, DueBatch, FilePlace, KeptBatch, KeptFile, NewBatch, SettledBatch,
};

use super::TestAuthority;

/// A batch that is looked after whenever somebody asks.
pub(crate) struct TestBatch {
    pub(crate) new: NewBatch,
    original: Option<String>,
    told: String,
    opened_at: Timestamp,
    lease: LeaseId,
    /// Its cost and its record.
    pub(crate) settled: Vec<SettledBatch>,
}

#[async_trait]
impl Custody for TestAuthority {
    async fn keep_file(
        &self,
        owner: custody::Owner,
        file: &KeptFile,
    ) -> Result<(), AuthorityError> {
        let mut plane = self.plane();
        if plane.down {
            return Err(AuthorityError::Unavailable);
        }
        plane.files.push((owner, file.clone()));
        Ok(())
    }

    async fn forget_file(
        &self,
        owner: custody::Owner,
        place: &FilePlace,
    ) -> Result<(), AuthorityError> {
        let is_it = |kept: &(custody::Owner, KeptFile)| kept.0 == owner && kept.1.place == *place;
        self.plane().files.retain(|kept| !is_it(kept));
        Ok(())
    }

    async fn files(
        &self,
        owner: custody::Owner,
        ask: &AskFiles,
    ) -> Result<Vec<KeptFile>, AuthorityError> {
        let plane = self.plane();
        let own = plane.files.iter().filter(|(of, _)| *of == owner);
        let mut own: Vec<KeptFile> = own.map(|(_, file)| file.clone()).collect();
        if ask.newest_first {
            own.reverse();
        }
        let behind = ask.after.as_ref().map_or(0, |place| {
            let at = own.iter().position(|file| file.place == *place);
            at.map_or(own.len(), |at| at + 1)
        });
        own.drain(..behind);
        own.retain(|file| ask.providers.contains(&file.place.provider));
        own.retain(|file| ask.purpose.is_none() || file.purpose == ask.purpose);
        own.truncate(ask.limit as usize);
        Ok(own)
    }

    async fn open_batch(&self, new: &NewBatch) -> Result<(), Refusal> {
        let mut plane = self.plane();
        let purse = (Scope::Agent(new.path.agent), Unit::Usd);
        let account = plane.accounts.entry(purse).or_default();
        let view = account.view();
        if view.room() < new.amount.nanos() {
            return Err(Refusal::Budget(Box::new(BudgetShortfall {
                scope: purse.0,
                pool: None,
                unit: purse.1,
                limit: view.limit.unwrap_or(i64::MAX),
                spent: view.settled,
                reserved: view.escrow,
                suspense: 0,
                needed: new.amount.nanos(),
                resets_at: None,
            })));
        }
        account.elsewhere += new.amount.nanos();
        let lease = self.environment.new_id();
        plane.batches.push(TestBatch {
            new: new.clone(),
            original: None,
            told: String::new(),
            opened_at: self.environment.now(),
            lease,
            settled: Vec::new(),
        });
        Ok(())
    }

    async fn batch_begun(
        &self,
        id: RequestId,
        original: &str,
        told: &str,
    ) -> Result<(), AuthorityError> {
        let mut plane = self.plane();
        if plane.forgetful > 0 {
            plane.forgetful -= 1;
            return Err(AuthorityError::Unavailable);
        }
        let found = plane.batches.iter_mut().find(|batch| batch.new.id == id);
        let batch = found.expect("a batch that was opened");
        (batch.original, batch.told) = (Some(original.to_owned()), told.to_owned());
        Ok(())
    }

    async fn batch_told(
        &self,
        _: custody::Owner,
        place: &FilePlace,
        told: &str,
    ) -> Result<(), AuthorityError> {
        let mut plane = self.plane();
        let name = Some(place.original.as_str());
        let found = plane
            .batches
            .iter_mut()
            .find(|batch| batch.original.as_deref() == name);
        found.expect("a batch that has a name").told = told.to_owned();
        Ok(())
    }

    async fn batches(
        &self,
        owner: custody::Owner,
        ask: &AskFiles,
    ) -> Result<Vec<KeptBatch>, AuthorityError> {
        let plane = self.plane();
        let own = plane.batches.iter().rev();
        let own = own.filter(|batch| batch.new.path.agent == owner.agent);
        let own = own.filter(|batch| ask.providers.contains(&batch.new.provider));
        let kept = own.filter_map(|batch| {
            let place = FilePlace {
                provider: batch.new.provider,
                original: batch.original.clone()?,
            };
            let told = batch.told.clone();
            Some(KeptBatch { place, told })
        });
        Ok(kept.take(ask.limit as usize).collect())
    }

    async fn due_batches(&self, most: u32) -> Result<Vec<DueBatch>, AuthorityError> {
        let plane = self.plane();
        let open = plane
            .batches
            .iter()
            .filter(|batch| batch.settled.is_empty());
        let due = open.map(|batch| DueBatch {
            id: batch.new.id,
            owner: custody::Owner {
                tenant: batch.new.path.tenant,
                agent: batch.new.path.agent,
            },
            provider: batch.new.provider,
            original: batch.original.clone(),
            lease: batch.lease,
            amount: batch.new.amount,
            plan: batch.new.plan.clone(),
            template: batch.new.template.clone(),
            created_at: batch.opened_at,
        });
        Ok(due.take(most as usize).collect())
    }

    async fn batch_route(
        &self,
        _: TenantId,
        provider: ProviderId,
    ) -> Result<Option<Route>, AuthorityError> {
        let plane = self.plane();
        let known = plane
            .principals
            .values()
            .filter_map(|known| known.as_ref().ok());
        let mut routes = known.flat_map(|known| known.routes.iter());
        Ok(routes.find(|route| route.provider == provider).cloned())
    }

    async fn settle_batch(&self, settled: &SettledBatch) -> Result<bool, AuthorityError> {
        let mut plane = self.plane();
        let found = plane
            .batches
            .iter_mut()
            .find(|batch| batch.new.id == settled.id);
        let batch = found.expect("a batch that was opened");
        let is_first = batch.settled.is_empty();
        batch.settled.push(settled.clone());
        let (amount, agent) = (batch.new.amount, batch.new.path.agent);
        if is_first {
            let purse = (Scope::Agent(agent), Unit::Usd);
            plane.accounts.entry(purse).or_default().elsewhere +=
                settled.cost.nanos() - amount.nanos();
        }
        Ok(is_first)
    }
}
