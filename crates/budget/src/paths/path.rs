//! A path lease behind the locks of its budgets, and how it moves: on all of them or on none.

use std::collections::{BTreeMap, BTreeSet};

use iron_primitives::{LeaseId, Money, Timestamp};
use iron_runtime::authority::Standing;
use iron_store::Tx;

use super::PathState;
use super::store::{self, PathRow};
use crate::events::Noticed;
use crate::model::{BudgetKey, PeriodRow};
use crate::moves::{Account, LeaseState, Move, Told};
use crate::store::{BudgetRow, LeaseRow, add_entries, lock_all, periods, put_leases, put_periods};
use crate::{Error, Ledger};

/// A path lease that nobody else moves for now.
#[derive(Debug)]
pub(crate) struct Path {
    pub(crate) row: PathRow,
    /// Leaf first.
    pub(crate) legs: Vec<Leg>,
}

/// Its lease on one budget.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) lease: LeaseRow,
    pub(crate) budget: BudgetRow,
    pub(crate) row: PeriodRow,
}

/// Budgets whose locks are held.
pub(crate) type Locked = BTreeMap<BudgetKey, BudgetRow>;

impl Path {
    /// What its legs say, which is the same on all.
    pub(crate) fn account(&self) -> Account {
        self.legs
            .first()
            .map_or(Account::EMPTY, |leg| leg.lease.account)
    }

    /// What was granted and is neither spent, given back, nor set aside by a gateway.
    pub(crate) fn unheld(&self) -> i64 {
        let outstanding = self.account().outstanding();
        outstanding.saturating_sub(self.row.held).max(0)
    }

    /// What every budget on the path has room for.
    pub(crate) fn room(&self) -> i64 {
        let rooms = self.legs.iter().map(|leg| leg.row.counters.room());
        rooms.min().unwrap_or(0)
    }

    /// Whether a limit was lowered below what is out.
    pub(crate) fn is_cut(&self) -> bool {
        self.legs.iter().any(|leg| {
            let counters = &leg.row.counters;
            counters.limit.is_some_and(|limit| counters.used() > limit)
        })
    }

    /// Whether a budget has begun anew since the lease was opened.
    pub(crate) fn has_outlived_a_period(&self, now: Timestamp) -> bool {
        self.legs
            .iter()
            .any(|leg| leg.budget.period.span(now) != leg.lease.span)
    }

    /// The limit of the agent and what may still be lent of it.
    pub(crate) fn of_the_agent(&self) -> (Option<Money>, Option<Money>) {
        let counters = self.legs.first().map(|leg| leg.row.counters);
        let limit = counters.and_then(|counters| counters.limit);
        let room = counters.map_or(0, |counters| counters.room());
        (
            limit.map(Money::from_nanos),
            limit.map(|_| Money::from_nanos(room)),
        )
    }
}

impl Ledger {
    /// Takes the locks of budgets, leaves first.
    pub(crate) async fn lock_budgets(
        &self,
        tx: &mut Tx,
        keys: &BTreeSet<BudgetKey>,
        locked: &mut Locked,
    ) -> Result<(), Error> {
        let missing = keys.iter().filter(|key| !locked.contains_key(key));
        let missing: Vec<BudgetKey> = missing.copied().collect();
        let found = lock_all(tx, &missing).await?;
        if found.len() < missing.len() {
            return Err(Error::NotFound);
        }
        let found = found.into_iter();
        locked.extend(found.map(|(key, budget)| (key, self.with_defaults(budget))));
        Ok(())
    }

    /// Takes all locks of a path lease and reads it; none if there is no such one.
    pub(crate) async fn lock_path(&self, tx: &mut Tx, id: LeaseId) -> Result<Option<Path>, Error> {
        let legs = store::legs(tx, id).await?;
        let keys = legs.iter().map(|leg| leg.key).collect();
        let mut locked = Locked::new();
        self.lock_budgets(tx, &keys, &mut locked).await?;
        self.read_path(tx, id, &locked).await
    }

    /// Reads a path lease whose budgets are locked.
    pub(crate) async fn read_path(
        &self,
        tx: &mut Tx,
        id: LeaseId,
        locked: &Locked,
    ) -> Result<Option<Path>, Error> {
        let Some(row) = store::lock(tx, id).await? else {
            return Ok(None);
        };
        let leases = store::legs(tx, id).await?;
        let legs = legs_of(tx, leases, locked).await?;
        Ok(Some(Path { row, legs }))
    }

    /// Changes every leg alike and writes everything down.
    pub(crate) async fn move_path(
        &self,
        tx: &mut Tx,
        path: &mut Path,
        noticed: &mut Noticed,
        now: Timestamp,
        change: impl Fn(&mut Account) -> Vec<Move>,
    ) -> Result<(), Error> {
        let mut entries = Vec::new();
        for leg in &mut path.legs {
            let before = leg.lease.account.settled;
            let moves = change(&mut leg.lease.account);
            let account = &mut leg.lease.account;
            // All of it is reserved for the runtime, whatever it does with it.
            account.held = match account.state {
                LeaseState::Open => account.outstanding(),
                LeaseState::Fenced | LeaseState::Closed => 0,
            };
            let spent = account.settled.saturating_sub(before);
            let heard_at = std::mem::replace(&mut leg.lease.reported_at, now);
            leg.lease.expires_at = path.row.expires_at;
            if !moves.is_empty() {
                let row = &mut leg.row;
                self.count(tx, row, &leg.lease, &moves, now).await?;
                entries.extend(moves.iter().map(|change| (leg.lease.id, *change)));
                let budget = &leg.budget;
                noticed.look(tx, &mut leg.row, budget, false, now).await?;
                noticed
                    .pace(tx, &leg.row, budget, (spent, heard_at), now)
                    .await?;
            }
        }
        // A lease refers to its period, and an entry to its lease.
        put_periods(tx, path.legs.iter().map(|leg| &leg.row)).await?;
        put_leases(tx, path.legs.iter().map(|leg| &leg.lease)).await?;
        add_entries(tx, &entries, now).await?;
        let account = path.account();
        path.row.granted = account.granted;
        path.row.settled = account.settled;
        path.row.returned = account.returned;
        store::put(tx, &path.row).await
    }

    /// Books what single calls have cost. What a final account has told of before is not booked
    /// again.
    pub(crate) async fn itemise(
        &self,
        tx: &mut Tx,
        path: &mut Path,
        noticed: &mut Noticed,
        now: Timestamp,
        cost: i64,
    ) -> Result<(), Error> {
        let itemised = path.row.itemised.checked_add(cost.max(0));
        path.row.itemised = itemised.ok_or(Error::OutOfRange)?;
        let told = path.row.itemised;
        let settle = |account: &mut Account| account.merge(&settled(account, told));
        self.move_path(tx, path, noticed, now, settle).await?;
        let account = path.account();
        if path.row.state == PathState::Active && account.outstanding() == 0 {
            path.row.expires_at = path.row.expires_at.min(now);
            store::put(tx, &path.row).await?;
        }
        Ok(())
    }

    /// Lets nobody spend from a lease any more; what is not accounted for is suspense.
    pub(crate) async fn end_path(
        &self,
        tx: &mut Tx,
        path: &mut Path,
        noticed: &mut Noticed,
        now: Timestamp,
        as_state: PathState,
    ) -> Result<(), Error> {
        if path.row.state != PathState::Active {
            return Ok(());
        }
        path.row.state = as_state;
        self.move_path(tx, path, noticed, now, Account::fence).await
    }

    /// Closes a lease: what is not spent was not spent, but for what gateways still have set
    /// aside. That closes with the last of them.
    pub(crate) async fn close_path(
        &self,
        tx: &mut Tx,
        path: &mut Path,
        noticed: &mut Noticed,
        now: Timestamp,
        spent: i64,
    ) -> Result<(), Error> {
        path.row.state = PathState::Closed;
        let held = path.row.held;
        let close = |account: &mut Account| {
            let mut moves = account.merge(&settled(account, spent));
            if held == 0 {
                moves.extend(account.close());
                return moves;
            }
            let free = account.outstanding().saturating_sub(held).max(0);
            let mut told = settled(account, spent);
            told.returned = account.returned.saturating_add(free);
            moves.extend(account.merge(&told));
            moves.extend(account.fence());
            moves
        };
        self.move_path(tx, path, noticed, now, close).await
    }
}

/// Leases with their budgets, which are locked, and the counters of their periods.
pub(super) async fn legs_of(
    tx: &mut Tx,
    leases: Vec<LeaseRow>,
    locked: &Locked,
) -> Result<Vec<Leg>, Error> {
    let mut budgets = Vec::with_capacity(leases.len());
    for lease in &leases {
        budgets.push(locked.get(&lease.key).cloned().ok_or(Error::NotFound)?);
    }
    let wanted = leases.iter().zip(&budgets);
    let wanted: Vec<_> = wanted
        .map(|(lease, budget)| (lease.key, lease.span, budget.limit))
        .collect();
    let rows = periods(tx, &wanted).await?;
    let parts = leases.into_iter().zip(budgets).zip(rows);
    Ok(parts
        .map(|((lease, budget), row)| Leg { lease, budget, row })
        .collect())
}

/// A report that only says what was spent in all.
pub(crate) fn settled(account: &Account, spent: i64) -> Told {
    Told {
        granted: account.granted,
        settled: spent,
        returned: account.returned,
        held: 0,
        standing: Standing::Open,
    }
}
