//! How path leases end: given back, forgotten, taken away, reconciled.

use std::collections::BTreeSet;

use iron_audit::{Authorised, Entry};
use iron_primitives::{LeaseId, Money};
use iron_store::Tx;
use serde_json::json;

use super::path::{Locked, Path};
use super::{Final, PathState, Paths, Returned, Speaker, again, store};
use crate::events::Noticed;
use crate::{Error, Ledger};

/// For how long dead passes are remembered, so that their bearers learn what is wrong.
const PASSES_KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

impl Paths {
    /// Takes the final account of a lease's owner and closes it: what was not spent is free again,
    /// but for what calls by passes still have set aside. Doing it again gives the same answer.
    ///
    /// # Errors
    /// [`Error::NoLease`]; [`Error::Store`].
    pub async fn give_back(
        &self,
        speaker: &Speaker,
        lease: LeaseId,
        account: &Final,
    ) -> Result<Returned, Error> {
        again(|| self.try_give_back(speaker, lease, account)).await
    }

    async fn try_give_back(
        &self,
        speaker: &Speaker,
        lease: LeaseId,
        account: &Final,
    ) -> Result<Returned, Error> {
        let now = self.environment().now();
        let ledger = &self.ledger;
        let (mut tx, mut noticed) = (ledger.db.begin().await?, Noticed::default());
        let path = ledger.lock_path(&mut tx, lease).await?;
        let mut path = path.ok_or(Error::NoLease { id: lease })?;
        Paths::own(&path, speaker)?;
        if path.row.state != PathState::Closed {
            let spent = account.of(path.row.settled);
            ledger
                .close_path(&mut tx, &mut path, &mut noticed, now, spent)
                .await?;
            let remaining = path.of_the_agent().1;
            path.row.remaining_at_return = remaining.map(Money::nanos);
            store::put(&mut tx, &path.row).await?;
            let parameters = json!({
                "final_spent": account.spent.map(|money| money.to_string()),
                "returning": account.returning.map(|money| money.to_string()),
                "settled": Money::from_nanos(path.row.settled).to_string(),
                "returned": Money::from_nanos(path.row.returned).to_string(),
            });
            self.note(&mut tx, speaker, "budget.return", lease, &parameters)
                .await?;
        }
        ledger.commit(tx, noticed).await?;
        Ok(Returned {
            lease: path.row.view(now),
            agent_remaining: path.row.remaining_at_return.map(Money::from_nanos),
        })
    }
}

impl Ledger {
    /// Orphans every path lease whose time and grace are over. Gives how many there were.
    pub(crate) async fn sweep_paths(&self) -> Result<usize, Error> {
        let now = self.environment.now();
        let before = now.minus(self.terms.grace);
        let mut count = 0_usize;
        for id in store::expired(&self.db, before).await? {
            let (mut tx, mut noticed) = (self.db.begin().await?, Noticed::default());
            let Some(mut path) = self.lock_path(&mut tx, id).await? else {
                continue;
            };
            // It may have been refreshed meanwhile.
            if path.row.state == PathState::Active && path.row.expires_at < before {
                let orphaned = PathState::Orphaned;
                self.end_path(&mut tx, &mut path, &mut noticed, now, orphaned)
                    .await?;
                count = count.saturating_add(1);
            }
            self.commit(tx, noticed).await?;
        }
        store::forget_passes(&self.db, now.minus(PASSES_KEPT)).await?;
        Ok(count)
    }

    /// Takes leases away in one transaction, and whole paths where they are a part of one.
    pub(crate) async fn fence_all(
        &self,
        tx: &mut Tx,
        leases: &[LeaseId],
        noticed: &mut Noticed,
    ) -> Result<(), Error> {
        let (mut paths, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for lease in leases {
            if let Some(path) = store::path_of(tx, *lease).await? {
                paths.insert(path);
            }
        }
        for path in &paths {
            let legs = store::legs(tx, *path).await?;
            keys.extend(legs.iter().map(|leg| leg.key));
        }
        for lease in leases {
            if let Some(found) = crate::store::lease(tx, *lease).await? {
                keys.insert(found.key);
            }
        }
        let mut locked = Locked::new();
        self.lock_budgets(tx, &keys, &mut locked).await?;
        let now = self.environment.now();
        for path in paths {
            if let Some(mut path) = self.read_path(tx, path, &locked).await? {
                let revoked = PathState::Revoked;
                self.end_path(tx, &mut path, noticed, now, revoked).await?;
            }
        }
        for lease in leases {
            // One that was a part of a path is fenced already, and stays as it is.
            self.fence(tx, *lease, noticed).await?;
        }
        Ok(())
    }

    /// The path that a lease is a part of, behind its locks.
    pub(crate) async fn path_around(
        &self,
        tx: &mut Tx,
        lease: LeaseId,
    ) -> Result<Option<Path>, Error> {
        match store::path_of(tx, lease).await? {
            Some(id) => self.lock_path(tx, id).await,
            None => Ok(None),
        }
    }

    /// Takes a path lease away.
    pub(crate) async fn revoke_path(
        &self,
        tx: &mut Tx,
        path: &mut Path,
        noticed: &mut Noticed,
    ) -> Result<bool, Error> {
        let was_active = path.row.state == PathState::Active;
        if path.row.state == PathState::Closed {
            return Err(Error::LeaseClosed);
        }
        let now = self.environment.now();
        self.end_path(tx, path, noticed, now, PathState::Revoked)
            .await?;
        Ok(was_active)
    }

    /// Closes a path lease for an owner who cannot do it himself, on all its budgets.
    pub(crate) async fn reconcile_path(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        path: &mut Path,
        final_spent: Option<Money>,
        reason: &str,
    ) -> Result<Noticed, Error> {
        let under_way = path.row.state == PathState::Closed && path.row.held > 0;
        match path.row.state {
            PathState::Active | PathState::Expired => return Err(Error::LeaseOpen),
            PathState::Closed if !under_way => return Err(Error::LeaseClosed),
            _ => {}
        }
        // What gateways have set aside may all have been spent.
        let out = path.row.settled.saturating_add(path.row.held);
        let spent = final_spent.map_or(out, Money::nanos);
        if spent < path.row.settled {
            return Err(Error::BelowReported);
        }
        let (now, mut noticed) = (self.environment.now(), Noticed::default());
        path.row.held = 0;
        self.close_path(tx, path, &mut noticed, now, spent).await?;
        let entry = Entry::new("lease.reconcile", "lease")
            .resource(path.row.id)
            .agent(path.row.agent)
            .parameters(&json!({
                "reason": reason,
                "runtime_id": path.row.runtime,
                "settled": Money::from_nanos(path.row.settled).to_string(),
                "returned": Money::from_nanos(path.row.returned).to_string(),
            }));
        self.audit.write(tx, authorised, entry).await?;
        Ok(noticed)
    }
}
