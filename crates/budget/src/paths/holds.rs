//! Calls by passes: a gateway of ours sets their worst case aside in the row of the lease, and books
//! what it has measured.
//!
//! Setting aside takes no lock of a budget: the money is lent already, and one conditional update
//! of the row of the lease decides. Booking moves all budgets, like a report.

mod rows;

use iron_primitives::{
    BudgetShortfall, InstanceId, LeaseId, Money, RequestId, Scope, TenantId, Timestamp,
    TokenDigest, Unit,
};
use iron_store::{Tx, sql};

use super::path::{Path, settled};
use super::{PathState, Paths, again, store};
use crate::events::Noticed;
use crate::moves::{Account, LeaseState};
use crate::store::find_period;
use crate::{Error, Ledger};
use rows::{add_hold, expect_report, mark_settled, open_hold};

/// What a pass stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassFor {
    /// The lease it spends from.
    pub lease: LeaseId,
    /// The token of its agent.
    pub token: TokenDigest,
    /// Whether it may still be used: it was not, its time is not over, and its lease is active.
    pub good: bool,
    /// What is left of its lease.
    pub left: Money,
}

/// What a gateway wants to set aside for an attempt.
#[derive(Debug, Clone, Copy)]
pub struct PassHold {
    /// On whose pass.
    pub pass: TokenDigest,
    /// The call.
    pub call: RequestId,
    /// The number under which the runtime knows it.
    pub request: RequestId,
    /// Which attempt of it.
    pub attempt: u32,
    /// The worst case.
    pub full: Money,
    /// The least that is worth sending.
    pub least: Money,
    /// Which process sends it.
    pub sender: (InstanceId, u64),
}

impl Paths {
    /// What a pass stands for, if it is one.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn pass(&self, pass: TokenDigest) -> Result<Option<PassFor>, Error> {
        let now = self.environment().now();
        let row = sql(
            "SELECT p.path_id AS path_id, p.token_digest AS token_digest, p.call_id AS call_id,
             p.expires_at AS expires_at, l.state AS state, l.expires_at AS lease_expires_at,
             l.granted - l.settled - l.held AS remaining
             FROM path_passes p JOIN path_leases l ON l.id = p.path_id WHERE p.digest = $1",
        )
        .bind(pass)
        .fetch_optional(&self.ledger.db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let unused = row.get::<Option<RequestId>>("call_id")?.is_none();
        let ends_at = [row.get("expires_at")?, row.get("lease_expires_at")?];
        let in_time = ends_at.iter().all(|at: &Timestamp| now < *at);
        let active = row.get::<String>("state")? == PathState::Active.as_str();
        Ok(Some(PassFor {
            lease: row.get("path_id")?,
            token: row.get("token_digest")?,
            good: unused && in_time && active,
            left: Money::from_nanos(row.get::<i64>("remaining")?.max(0)),
        }))
    }

    /// Sets money aside for an attempt, as much as is wished for or as is left, and uses the pass
    /// up. Gives how much, and the leases that it stands in, leaf first.
    ///
    /// # Errors
    /// [`Error::PassSpent`]; [`Error::PathEnded`]; [`Error::Short`] if less is left than the least,
    /// or a limit was lowered; [`Error::Store`].
    pub async fn hold(&self, ask: &PassHold) -> Result<(Money, Vec<(LeaseId, Scope)>), Error> {
        again(|| self.try_hold(ask)).await
    }

    async fn try_hold(&self, ask: &PassHold) -> Result<(Money, Vec<(LeaseId, Scope)>), Error> {
        let now = self.environment().now();
        let mut tx = self.ledger.db.begin().await?;
        let row = sql("UPDATE path_passes SET call_id = $2 WHERE digest = $1
             AND (call_id = $2 OR (call_id IS NULL AND expires_at > $3)) RETURNING path_id")
        .bind(ask.pass)
        .bind(ask.call)
        .bind(now)
        .fetch_optional(&mut tx)
        .await?;
        let id: LeaseId = row.ok_or(Error::PassSpent)?.get("path_id")?;
        let path = store::lock(&mut tx, id).await?.ok_or(Error::PassSpent)?;
        let state = path.state_at(now);
        if state != PathState::Active {
            return Err(Error::PathEnded { state });
        }
        let (full, least) = (ask.full.nanos(), ask.least.nanos());
        let left = path
            .granted
            .saturating_sub(path.settled)
            .saturating_sub(path.held);
        let amount = full.min(left);
        let legs = store::legs(&mut tx, id).await?;
        for leg in &legs {
            let counters = find_period(&mut tx, &leg.key, &leg.span).await?;
            let counters = counters.unwrap_or_default();
            let cut = counters.limit.is_some_and(|limit| counters.used() > limit);
            if cut || amount < least.min(full) {
                return Err(Error::Short(Box::new(BudgetShortfall {
                    scope: leg.key.scope,
                    pool: None,
                    unit: Unit::Usd,
                    limit: counters.limit.unwrap_or(path.granted),
                    spent: counters.settled,
                    reserved: counters.escrow,
                    suspense: counters.suspense,
                    needed: least,
                    resets_at: leg.span.end,
                })));
            }
        }
        let held = sql("UPDATE path_leases SET held = held + $2 WHERE id = $1
             AND state = 'active' AND granted - settled - held >= $2")
        .bind(id)
        .bind(amount)
        .execute(&mut tx)
        .await?;
        if held == 0 {
            return Err(Error::PathEnded { state });
        }
        add_hold(&mut tx, path.tenant, id, ask, amount, now).await?;
        expect_report(&mut tx, &path, ask.request).await?;
        tx.commit().await?;
        let legs = legs.iter().map(|leg| (leg.id, leg.key.scope)).collect();
        Ok((Money::from_nanos(amount), legs))
    }

    /// Books what attempts of a call have cost, each once; unknown ones are passed over.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn settle(
        &self,
        tenant: TenantId,
        call: RequestId,
        costs: &[(u32, Money)],
    ) -> Result<(), Error> {
        again(|| async {
            let (mut tx, mut noticed) = (self.ledger.db.begin().await?, Noticed::default());
            self.ledger
                .settle_holds(&mut tx, tenant, call, costs, &mut noticed)
                .await?;
            self.ledger.commit(tx, noticed).await
        })
        .await
    }

    /// As [`Paths::settle`], in a transaction that does other things too.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn settle_within(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        call: RequestId,
        costs: &[(u32, Money)],
    ) -> Result<(), Error> {
        let mut noticed = Noticed::default();
        self.ledger
            .settle_holds(tx, tenant, call, costs, &mut noticed)
            .await?;
        self.ledger.write_noticed(tx, noticed).await?;
        Ok(())
    }

    /// Books what earlier processes of an instance have set aside and never settled, at its bound.
    /// Call it when all their records were projected. Gives how many there were.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn settle_lost(
        &self,
        instance: InstanceId,
        incarnation: u64,
    ) -> Result<usize, Error> {
        let rows = sql(
            "SELECT tenant_id, call_id, path_id, attempt, amount FROM path_holds
             WHERE instance_id = $1 AND incarnation < $2 AND settled IS NULL",
        )
        .bind(instance)
        .bind(i64::try_from(incarnation).unwrap_or(i64::MAX))
        .fetch_all(&self.ledger.db)
        .await?;
        for row in &rows {
            let hold = open_hold(row)?;
            let cost = (hold.attempt, Money::from_nanos(hold.amount));
            self.settle(row.get("tenant_id")?, row.get("call_id")?, &[cost])
                .await?;
        }
        Ok(rows.len())
    }
}

impl Ledger {
    async fn settle_holds(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        call: RequestId,
        costs: &[(u32, Money)],
        noticed: &mut Noticed,
    ) -> Result<(), Error> {
        let rows = sql("SELECT path_id, attempt, amount FROM path_holds
             WHERE tenant_id = $1 AND call_id = $2 AND settled IS NULL ORDER BY attempt")
        .bind(tenant)
        .bind(call)
        .fetch_all(&mut *tx)
        .await?;
        for row in rows {
            let hold = open_hold(&row)?;
            let cost = costs.iter().find(|(attempt, _)| *attempt == hold.attempt);
            let Some((_, cost)) = cost else { continue };
            let Some(mut path) = self.lock_path(tx, hold.path).await? else {
                continue;
            };
            if mark_settled(tx, tenant, call, &hold, *cost).await? {
                self.settle_hold(tx, &mut path, hold.amount, *cost, noticed)
                    .await?;
            }
        }
        Ok(())
    }

    async fn settle_hold(
        &self,
        tx: &mut Tx,
        path: &mut Path,
        amount: i64,
        cost: Money,
        noticed: &mut Noticed,
    ) -> Result<(), Error> {
        let now = self.environment.now();
        // A final account that left it set aside did not speak of it; a reconcile did.
        let apart = path.row.state == PathState::Closed && path.row.held >= amount;
        path.row.held = path.row.held.saturating_sub(amount).max(0);
        if apart {
            let total = path.account().settled.checked_add(cost.nanos());
            let total = total.ok_or(Error::OutOfRange)?;
            let settle = |account: &mut Account| account.merge(&settled(account, total));
            self.move_path(tx, path, noticed, now, settle).await?;
            path.row.itemised = path.row.itemised.saturating_add(cost.nanos());
            store::put(tx, &path.row).await?;
        } else {
            self.itemise(tx, path, noticed, now, cost.nanos()).await?;
        }
        let last = path.row.held == 0 && path.account().state != LeaseState::Closed;
        if path.row.state == PathState::Closed && last {
            self.move_path(tx, path, noticed, now, Account::close)
                .await?;
        }
        if path.row.state == PathState::Active && path.is_cut() {
            self.end_path(tx, path, noticed, now, PathState::Revoked)
                .await?;
        }
        Ok(())
    }
}
