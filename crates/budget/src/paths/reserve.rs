//! Money that is set aside for a batch, which a provider works on for hours.
//!
//! Its lease is a path lease that nobody spends from: all of it is what the batch may cost at the
//! most, on every budget of the agent's path, in the periods in which the batch began, and stays so
//! until the batch is settled. Time does not take it away, no runtime can touch it, and it is no
//! part of what a process must account for when it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use iron_primitives::{ActorPath, IcTokenId, LeaseId, Money, ProviderId, Unit};
use iron_store::Tx;

use super::handshake::short;
use super::path::Locked;
use super::store::{self, PathRow};
use super::{Handshake, Paths};
use crate::Error;
use crate::events::Noticed;
use crate::model::BudgetKey;
use crate::moves::Account;

/// How the leases of batches are called; no runtime can call itself so.
const PREFIX: &str = "ironcage/batch:";
/// Longer than any provider takes.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// What is to be set aside.
#[derive(Debug, Clone, Copy)]
pub struct Reservation<'a> {
    /// The agent and everything above it.
    pub path: ActorPath,
    /// The token that was presented.
    pub token: IcTokenId,
    /// Where the batch goes.
    pub provider: ProviderId,
    /// Its model, or the first of several.
    pub model: Option<&'a str>,
    /// What it is called; unique.
    pub name: &'a str,
    /// The worst case, all of it or nothing.
    pub amount: Money,
}

/// Whether a runtime calls itself as only leases of batches are called.
pub(super) fn is_reserved(runtime: &str) -> bool {
    runtime.starts_with(PREFIX)
}

impl PathRow {
    /// Whether it is set aside for a batch.
    pub(super) fn is_of_a_batch(&self) -> bool {
        is_reserved(&self.runtime)
    }
}

impl Paths {
    /// Sets money aside on every budget of a path, within a transaction that writes down for what.
    ///
    /// # Errors
    /// [`Error::Short`] if a budget has no room, and then the transaction must not be committed;
    /// [`Error::Recovering`] after the ledger was restored; [`Error::Store`].
    pub async fn reserve(&self, tx: &mut Tx, ask: &Reservation<'_>) -> Result<LeaseId, Error> {
        let now = self.environment().now();
        let (ledger, tenant) = (&self.ledger, ask.path.tenant);
        let key = |scope| BudgetKey {
            scope,
            unit: Unit::Usd,
            tenant,
        };
        let keys: Vec<BudgetKey> = ask.path.scopes().map(key).collect();
        let mut locked = Locked::new();
        let all: BTreeSet<BudgetKey> = keys.iter().copied().collect();
        ledger.lock_budgets(tx, &all, &mut locked).await?;
        ledger.may_grant(tx, now).await?;
        let handshake = Handshake {
            runtime: format!("{PREFIX}{}", ask.name),
            version: None,
            requested: ask.amount,
            provider: ask.provider,
            model: ask.model.map(str::to_owned),
        };
        let whose = (ask.path.tenant, ask.path.agent, ask.token);
        let mut path = self
            .blank(tx, whose, &handshake, &keys, &locked, now)
            .await?;
        path.row.expires_at = now.plus(FOR_EVER);
        for leg in &mut path.legs {
            leg.lease.expires_at = path.row.expires_at;
        }
        let (amount, mut noticed) = (ask.amount.nanos(), Noticed::default());
        if amount > path.room() {
            return Err(short(tx, &mut path, &mut noticed, amount, now).await?);
        }
        let grant = |account: &mut Account| account.grant(amount);
        ledger
            .move_path(tx, &mut path, &mut noticed, now, grant)
            .await?;
        let legs = path.legs.iter().map(|leg| leg.lease.id);
        store::add_legs(tx, path.row.id, legs).await?;
        ledger.write_noticed(tx, noticed).await?;
        Ok(path.row.id)
    }

    /// Books what a batch has cost and frees the rest. What goes beyond what was set aside, or comes
    /// after somebody has closed the lease, is booked all the same, as an overdraft.
    ///
    /// # Errors
    /// [`Error::NoLease`]; [`Error::Store`].
    pub async fn settle_reservation(
        &self,
        tx: &mut Tx,
        lease: LeaseId,
        cost: Money,
    ) -> Result<(), Error> {
        let (now, mut noticed) = (self.environment().now(), Noticed::default());
        let path = self.ledger.lock_path(tx, lease).await?;
        let mut path = path.filter(|path| path.row.is_of_a_batch());
        let path = path.as_mut().ok_or(Error::NoLease { id: lease })?;
        self.ledger
            .close_path(tx, path, &mut noticed, now, cost.nanos())
            .await?;
        self.ledger.write_noticed(tx, noticed).await?;
        Ok(())
    }
}
