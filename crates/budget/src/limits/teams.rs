//! The budgets of teams: born with a month and a percentage to warn at, and moved between teams.

use iron_audit::{Authorised, Entry};
use iron_primitives::{Money, Period, Scope, TeamId, TenantId, Timestamp, Unit};
use iron_store::Tx;
use serde_json::json;

use super::{LEAST, Limits, in_range};
use crate::Error;
use crate::events::{Noticed, SoftLimits};
use crate::model::{BudgetKey, BudgetStatus, SetBudget};
use crate::store::{self, BudgetRow};

/// Money that goes from the budget of one team to that of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Who gives.
    pub from: TeamId,
    /// Who gets.
    pub to: TeamId,
    /// How much, at least a cent.
    pub amount: Money,
    /// Why.
    pub reason: String,
}

/// What a transfer has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transferred {
    /// The budget of the giver now.
    pub from: BudgetStatus,
    /// The budget of the other one now.
    pub to: BudgetStatus,
}

impl Limits {
    /// Gives a team its budget, in the transaction of its birth.
    ///
    /// # Errors
    /// [`Error::LimitOutOfRange`]; [`Error::Store`] if it has one already.
    pub async fn create_team_row(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        team: TeamId,
        limit: Money,
        soft_limits: SoftLimits,
    ) -> Result<(), Error> {
        let row = BudgetRow {
            soft_limits,
            ..BudgetRow::new(Some(in_range(limit)?.nanos()), Period::Monthly)
        };
        let now = self.ledger.environment.now();
        store::insert_budget(tx, &of_team(tenant, team), &row, now).await
    }

    /// Lowers the limit of one team and raises that of another by the same amount, for good. The
    /// giver keeps at least what it has spent and what is out in the hands of instances. Tell the
    /// runtimes by `Change::Budget` of both after the commit.
    ///
    /// # Errors
    /// [`Error::InsufficientFunds`]; [`Error::NothingToTransfer`] if a team has no limit or both
    /// are the same; [`Error::LimitOutOfRange`]; [`Error::NotFound`].
    pub async fn transfer(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        transfer: &Transfer,
    ) -> Result<Transferred, Error> {
        let refused = |field, problem| Error::NothingToTransfer { field, problem };
        if transfer.from == transfer.to {
            return Err(refused("to_team_id", "must be another team"));
        }
        let amount = in_range(transfer.amount)?.nanos();
        let (giver, getter) = (
            of_team(authorised.tenant, transfer.from),
            of_team(authorised.tenant, transfer.to),
        );
        let (before_giver, before_getter) = lock_both(tx, &giver, &getter).await?;
        let has = before_giver.limit.ok_or_else(|| {
            refused(
                "amount",
                "the team has no limit that something could be taken from",
            )
        })?;
        let had = before_getter
            .limit
            .ok_or_else(|| refused("to_team_id", "that team has no limit, so it lacks nothing"))?;
        let now = self.ledger.environment.now();
        let used = used(tx, &giver, &before_giver, now).await?;
        let free = has.saturating_sub(used.max(LEAST.nanos())).max(0);
        if amount > free {
            return Err(Error::InsufficientFunds {
                available: Money::from_nanos(free),
            });
        }
        let more = in_range(Money::from_nanos(had.saturating_add(amount)))?;
        let after_giver = BudgetRow {
            limit: Some(has.saturating_sub(amount)),
            ..before_giver.clone()
        };
        let after_getter = BudgetRow {
            limit: Some(more.nanos()),
            ..before_getter.clone()
        };
        let changes = [
            (&giver, &before_giver, &after_giver),
            (&getter, &before_getter, &after_getter),
        ];
        let set = SetBudget {
            reason: Some(transfer.reason.clone()),
            ..SetBudget::default()
        };
        let mut noticed = Noticed::default();
        for (key, before, after) in changes {
            self.apply(tx, key, (before, after), &mut noticed, now)
                .await?;
            self.note_change(tx, authorised, key, (before, after), &set, now)
                .await?;
        }
        self.note_transfer(tx, authorised, transfer).await?;
        self.ledger.write_noticed(tx, noticed).await?;
        Ok(Transferred {
            from: self.now_of(tx, &giver, &after_giver, now).await?,
            to: self.now_of(tx, &getter, &after_getter, now).await?,
        })
    }

    async fn note_transfer(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        transfer: &Transfer,
    ) -> Result<(), Error> {
        let entry = Entry::new("team.transfer", "team")
            .resource(transfer.from)
            .parameters(&json!({
                "to_team_id": transfer.to,
                "amount": transfer.amount.to_string(),
                "reason": transfer.reason,
            }));
        self.ledger.audit.write(tx, authorised, entry).await?;
        Ok(())
    }

    /// A budget in the transaction that has just changed it, without holds.
    async fn now_of(
        &self,
        tx: &mut Tx,
        key: &BudgetKey,
        row: &BudgetRow,
        now: Timestamp,
    ) -> Result<BudgetStatus, Error> {
        let span = row.period.span(now);
        let counters = store::find_period(tx, key, &span).await?;
        Ok(super::status(
            key,
            row,
            counters.unwrap_or_default(),
            span,
            0,
        ))
    }
}

/// Takes both locks, in the order of locks, and reads both budgets.
async fn lock_both(
    tx: &mut Tx,
    giver: &BudgetKey,
    getter: &BudgetKey,
) -> Result<(BudgetRow, BudgetRow), Error> {
    let (first, second) = (giver.min(getter), giver.max(getter));
    let one = store::lock_budget(tx, first)
        .await?
        .ok_or(Error::NotFound)?;
    let other = store::lock_budget(tx, second)
        .await?
        .ok_or(Error::NotFound)?;
    Ok(if first == giver {
        (one, other)
    } else {
        (other, one)
    })
}

/// What is spent, out or in doubt of a budget: in its present period, or in the next one if that
/// was opened ahead of its time and is used more.
async fn used(tx: &mut Tx, key: &BudgetKey, row: &BudgetRow, now: Timestamp) -> Result<i64, Error> {
    let present = row.period.span(now);
    let next = present.end.map(|end| row.period.span(end));
    let mut most = 0;
    for span in std::iter::once(present).chain(next) {
        let counters = store::find_period(&mut *tx, key, &span).await?;
        most = most.max(counters.map_or(0, |counters| counters.used()));
    }
    Ok(most)
}

const fn of_team(tenant: TenantId, team: TeamId) -> BudgetKey {
    BudgetKey {
        scope: Scope::Team(team),
        unit: Unit::Usd,
        tenant,
    }
}
