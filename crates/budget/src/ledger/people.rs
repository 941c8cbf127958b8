//! What people do to single leases: look at them, take them away, close their accounts.

use iron_audit::{Authorised, Entry};
use iron_primitives::{LeaseId, Money, Scope, TenantId};
use iron_runtime::authority::Standing;
use iron_store::{Page, Paged, Tx};

use super::Ledger;
use crate::Error;
use crate::events::Noticed;
use crate::model::{LeaseFilter, LeaseView};
use crate::moves::{Account, LeaseState, Move, Told};
use crate::paths::store::find_path_of;
use crate::store;

impl Ledger {
    /// A page of the tenant's leases, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn leases(
        &self,
        authorised: &Authorised,
        filter: &LeaseFilter,
        page: Page,
    ) -> Result<Paged<LeaseView>, Error> {
        let mut found = store::list_leases(&self.db, authorised.tenant, filter, page).await?;
        let now = self.environment.now();
        for lease in &mut found.items {
            lease.path = find_path_of(&self.db, lease.id, now).await?;
        }
        Ok(found)
    }

    /// Takes a lease away: its owner admits no further call, and what it does not account for
    /// stays in suspense. Doing it again changes nothing. Tell the runtimes by `Change::Budget`.
    ///
    /// # Errors
    /// [`Error::NoLease`] if the tenant has no such lease; [`Error::LeaseClosed`].
    pub async fn revoke_lease(
        &self,
        authorised: &Authorised,
        id: LeaseId,
        reason: &str,
    ) -> Result<LeaseView, Error> {
        let mut tx = self.db.begin().await?;
        self.own_lease(&mut tx, authorised, id).await?;
        if let Some(mut path) = self.path_around(&mut tx, id).await? {
            let mut noticed = Noticed::default();
            let revoked = self.revoke_path(&mut tx, &mut path, &mut noticed).await?;
            let lease = self.own_lease(&mut tx, authorised, id).await?;
            if revoked {
                let entry = about("lease.revoke", &lease, reason);
                self.audit.write(&mut tx, authorised, entry).await?;
            }
            self.commit(tx, noticed).await?;
            return Ok(lease);
        }
        let mut before = LeaseState::Closed;
        let fence = |account: &mut Account| {
            before = account.state;
            account.fence()
        };
        let (now, mut noticed) = (self.environment.now(), Noticed::default());
        self.change(&mut tx, id, now, &mut noticed, fence).await?;
        if before == LeaseState::Closed {
            return Err(Error::LeaseClosed);
        }
        let lease = self.own_lease(&mut tx, authorised, id).await?;
        if before == LeaseState::Open {
            let entry = about("lease.revoke", &lease, reason);
            self.audit.write(&mut tx, authorised, entry).await?;
        }
        self.commit(tx, noticed).await?;
        Ok(lease)
    }

    /// Takes away every open lease on the budget of a scope, in a transaction that does other
    /// things too and tells of it in its own entry; how many there were.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn revoke_leases_of(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        scope: Scope,
    ) -> Result<u64, Error> {
        self.revoke_leases(tx, authorised.tenant, scope).await
    }

    /// As [`Ledger::revoke_leases_of`], for an agent that a server ends by itself.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn revoke_leases(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        scope: Scope,
    ) -> Result<u64, Error> {
        let mut noticed = Noticed::default();
        let leases = store::open_leases(tx, tenant, scope).await?;
        self.fence_all(tx, &leases, &mut noticed).await?;
        self.write_noticed(tx, noticed).await?;
        Ok(u64::try_from(leases.len()).unwrap_or(u64::MAX))
    }

    /// Closes the account of a lease that was taken away from its owner and frees what is left
    /// of it. The caller vouches for what was spent: `final_spent`, or what was reported. A report
    /// that comes later all the same is booked as an overdraft.
    ///
    /// # Errors
    /// [`Error::NoLease`] if the tenant has no such lease; [`Error::LeaseOpen`] while its owner
    /// may spend from it; [`Error::LeaseClosed`]; [`Error::BelowReported`].
    pub async fn reconcile_lease(
        &self,
        authorised: &Authorised,
        id: LeaseId,
        final_spent: Option<Money>,
        reason: &str,
    ) -> Result<LeaseView, Error> {
        let mut tx = self.db.begin().await?;
        self.own_lease(&mut tx, authorised, id).await?;
        if let Some(mut path) = self.path_around(&mut tx, id).await? {
            let noticed = self
                .reconcile_path(&mut tx, authorised, &mut path, final_spent, reason)
                .await?;
            let lease = self.own_lease(&mut tx, authorised, id).await?;
            self.commit(tx, noticed).await?;
            return Ok(lease);
        }
        let mut outcome = Err(Error::LeaseClosed);
        let close = |account: &mut Account| match closing(account, final_spent) {
            Ok(moves) => {
                outcome = Ok(());
                moves
            }
            Err(error) => {
                outcome = Err(error);
                Vec::new()
            }
        };
        let (now, mut noticed) = (self.environment.now(), Noticed::default());
        self.change(&mut tx, id, now, &mut noticed, close).await?;
        outcome?;
        let lease = self.own_lease(&mut tx, authorised, id).await?;
        let entry = about("lease.reconcile", &lease, reason);
        self.audit.write(&mut tx, authorised, entry).await?;
        self.commit(tx, noticed).await?;
        Ok(lease)
    }

    async fn own_lease(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: LeaseId,
    ) -> Result<LeaseView, Error> {
        let found = store::lease(tx, id).await?;
        let mut lease = found
            .filter(|lease| lease.key.tenant == authorised.tenant)
            .map(|lease| lease.view())
            .ok_or(Error::NoLease { id })?;
        lease.path = find_path_of(tx, id, self.environment.now()).await?;
        Ok(lease)
    }
}

/// The final report of an owner who cannot give it himself.
fn closing(account: &mut Account, final_spent: Option<Money>) -> Result<Vec<Move>, Error> {
    match account.state {
        LeaseState::Open => return Err(Error::LeaseOpen),
        LeaseState::Closed => return Err(Error::LeaseClosed),
        LeaseState::Fenced => {}
    }
    // What was out when the owner was last heard of may all have been spent.
    let out = account.settled.saturating_add(account.held);
    let settled = final_spent.map_or(out, Money::nanos);
    if settled < account.settled {
        return Err(Error::BelowReported);
    }
    Ok(account.merge(&Told {
        granted: account.granted,
        settled,
        returned: account.returned,
        held: 0,
        standing: Standing::Final,
    }))
}

fn about(action: &'static str, lease: &LeaseView, reason: &str) -> Entry {
    let entry = Entry::new(action, "lease")
        .resource(lease.id)
        .parameters(&serde_json::json!({
            "reason": reason,
            "scope": lease.scope,
            "settled": Money::from_nanos(lease.settled).to_string(),
        }));
    match lease.scope {
        Scope::Agent(agent) => entry.agent(agent),
        _ => entry,
    }
}
