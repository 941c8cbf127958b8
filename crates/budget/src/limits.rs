//! Budgets as people see and set them.

mod quotas;
mod several;
mod teams;

pub use teams::{Transfer, Transferred};

pub(crate) use quotas::shown;
pub use quotas::{LEAST_MILLIS, MOST_MILLIS, MOST_TOKENS};

use iron_audit::{Authorised, Entry};
use iron_primitives::{
    AgentId, BudgetRequestId, EventId, Money, Period, Scope, TenantId, Timestamp, Unit,
};
use iron_store::{Db, Page, Paged, Row, Select, Sort, Tx, sql};
use serde::Serialize;

use crate::events::{self, Noticed, SoftLimits};
use crate::model::{BudgetKey, BudgetStatus, Changed, Modification, PeriodRow, SetBudget};
use crate::store::{self, BudgetRow};
use crate::{Error, Ledger};

/// The least budget that can be set: one cent.
pub const LEAST: Money = Money::from_nanos(10_000_000);
/// The largest budget that can be set: $999 999.99.
pub const MOST: Money = Money::from_nanos(999_999_990_000_000);

/// The budgets of all scopes.
#[derive(Debug, Clone)]
pub struct Limits {
    pub(crate) ledger: Ledger,
}

/// A budget in an audit entry.
#[derive(Serialize)]
struct Noted {
    /// What it counts, if not money.
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
    limit: Option<String>,
    period: Period,
    soft_limits: Vec<u8>,
    hard_action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_spend_per_minute: Option<String>,
}

impl Noted {
    fn of(unit: Unit, row: &BudgetRow) -> Self {
        Noted {
            unit: (unit != Unit::Usd).then_some(unit),
            limit: row.limit.map(|limit| shown(unit, limit)),
            period: row.period.clone(),
            soft_limits: row.soft_limits.percents().collect(),
            hard_action: row.hard_action.as_str(),
            max_spend_per_minute: row
                .most_per_minute
                .map(|most| Money::from_nanos(most).to_string()),
        }
    }
}

impl Limits {
    /// The budgets of a ledger.
    pub const fn new(ledger: Ledger) -> Self {
        Limits { ledger }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.ledger.db
    }

    /// Gives a scope its budget, in the transaction of its birth. Every scope needs one, also
    /// without a limit: what it spends is counted from its first day, and a scope without a
    /// budget cannot spend at all.
    ///
    /// # Errors
    /// [`Error::LimitOutOfRange`]; [`Error::Store`] if it has one already.
    pub async fn create_row(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        scope: Scope,
        limit: Option<Money>,
        period: Period,
    ) -> Result<(), Error> {
        let limit = limit.map(in_range).transpose()?;
        let key = BudgetKey {
            scope,
            unit: Unit::Usd,
            tenant,
        };
        let row = BudgetRow::new(limit.map(Money::nanos), period);
        store::insert_budget(tx, &key, &row, self.ledger.environment.now()).await
    }

    /// Gives an agent its budget, in the transaction of its birth; with soft limits that are not the
    /// usual ones.
    ///
    /// # Errors
    /// As [`Limits::create_row`].
    pub async fn create_agent_row(
        &self,
        tx: &mut Tx,
        (tenant, agent): (TenantId, AgentId),
        limit: Option<Money>,
        period: Period,
        soft_limits: SoftLimits,
    ) -> Result<(), Error> {
        let limit = limit.map(in_range).transpose()?;
        let key = BudgetKey {
            scope: Scope::Agent(agent),
            unit: Unit::Usd,
            tenant,
        };
        let row = BudgetRow {
            soft_limits,
            ..BudgetRow::new(limit.map(Money::nanos), period)
        };
        store::insert_budget(tx, &key, &row, self.ledger.environment.now()).await
    }

    /// A budget as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the scope has none in the caller's tenant.
    pub async fn get(&self, authorised: &Authorised, scope: Scope) -> Result<BudgetStatus, Error> {
        self.status(authorised.tenant, scope).await
    }

    /// The budgets of several scopes, in the order asked for; those that have none are left out.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn get_all(
        &self,
        authorised: &Authorised,
        scopes: &[Scope],
    ) -> Result<Vec<BudgetStatus>, Error> {
        several::statuses(self, authorised.tenant, scopes).await
    }

    /// Sets a limit, a period or both. What is lower acts at once: tell the runtimes by
    /// `Change::Budget` after this has returned with [`Changed::changed`].
    ///
    /// What is out beyond a lowered limit is an overdraft; what was spent stays spent. Under a
    /// new period counting begins anew, unless that period of the budget was counted before.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the scope has no budget in the caller's tenant;
    /// [`Error::LimitOutOfRange`].
    pub async fn put(
        &self,
        authorised: &Authorised,
        scope: Scope,
        set: &SetBudget,
    ) -> Result<Changed, Error> {
        let mut tx = self.db().begin().await?;
        let changed = self.put_in(&mut tx, authorised, scope, set).await?;
        tx.commit().await?;
        self.ledger.noticed.notify_one();
        Ok(Changed {
            now: self.status(authorised.tenant, scope).await?,
            ..changed
        })
    }

    /// The limit and the period of a budget, held until the end of the transaction: what is read
    /// here is what will be changed, whoever else wants to change it.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the scope has no budget in the caller's tenant.
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        scope: Scope,
    ) -> Result<(Option<Money>, Period), Error> {
        let key = BudgetKey {
            scope,
            unit: Unit::Usd,
            tenant: authorised.tenant,
        };
        let row = store::lock_budget(tx, &key).await?.ok_or(Error::NotFound)?;
        Ok((row.limit.map(Money::from_nanos), row.period))
    }

    /// As [`Limits::put`], in a transaction that does other things too. The status that comes
    /// back has no holds in it.
    ///
    /// # Errors
    /// As [`Limits::put`].
    pub async fn put_in(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        scope: Scope,
        set: &SetBudget,
    ) -> Result<Changed, Error> {
        let key = BudgetKey {
            scope,
            unit: Unit::Usd,
            tenant: authorised.tenant,
        };
        self.put_at(tx, authorised, key, set).await
    }

    /// Sets the budget of a whole tenant, which may be another one than the caller's: whoever
    /// manages tenants sets what they may spend.
    ///
    /// # Errors
    /// As [`Limits::put`].
    pub async fn put_tenant_in(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        tenant: TenantId,
        set: &SetBudget,
    ) -> Result<Changed, Error> {
        let key = BudgetKey {
            scope: Scope::Tenant(tenant),
            unit: Unit::Usd,
            tenant,
        };
        self.put_at(tx, authorised, key, set).await
    }

    async fn put_at(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        key: BudgetKey,
        set: &SetBudget,
    ) -> Result<Changed, Error> {
        let limit = match set.limit {
            None => None,
            Some(limit) => {
                let in_range = |limit| quotas::in_range(key.unit, limit);
                Some(limit.map(in_range).transpose()?.map(Money::nanos))
            }
        };
        if let Some(Some(most)) = set.most_per_minute {
            in_range(most)?;
        }
        let now = self.ledger.environment.now();
        let before = store::lock_budget(tx, &key).await?.ok_or(Error::NotFound)?;
        let after = set_on(&before, limit, set);
        let changed = after != before;
        let row = if changed {
            let mut noticed = Noticed::default();
            let row = self
                .apply(tx, &key, (&before, &after), &mut noticed, now)
                .await?;
            self.note_change(tx, authorised, &key, (&before, &after), set, now)
                .await?;
            self.ledger.write_noticed(tx, noticed).await?;
            row
        } else {
            store::period(tx, &key, after.period.span(now), after.limit).await?
        };
        Ok(Changed {
            now: status(&key, &after, row.counters, row.span, 0),
            previous_limit: before.limit.map(Money::from_nanos),
            previous_period: before.period,
            changed,
            modified_by: authorised.user,
            modified_at: now,
        })
    }

    /// Changes a budget whose lock is held; gives the counters of its present period.
    pub(crate) async fn apply(
        &self,
        tx: &mut Tx,
        key: &BudgetKey,
        (before, after): (&BudgetRow, &BudgetRow),
        noticed: &mut Noticed,
        now: Timestamp,
    ) -> Result<PeriodRow, Error> {
        let mut row = store::period(tx, key, after.period.span(now), after.limit).await?;
        row.counters.limit = after.limit;
        self.ledger.overdraw_lowered(tx, &mut row, now).await?;
        events::take_back(tx, &mut row, now).await?;
        noticed.look(tx, &mut row, after, false, now).await?;
        store::update_period(tx, &row).await?;
        store::update_budget(tx, key, after, now).await?;
        if after.period != before.period {
            events::leave_other_periods(tx, &row, now).await?;
        }
        if after.most_per_minute != before.most_per_minute {
            events::forget_pace(tx, key).await?;
        }
        self.follow_next(tx, key, after, now).await?;
        Ok(row)
    }

    /// The next period may have been opened ahead of its time.
    async fn follow_next(
        &self,
        tx: &mut Tx,
        key: &BudgetKey,
        after: &BudgetRow,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(end) = after.period.span(now).end else {
            return Ok(());
        };
        let span = after.period.span(end);
        let Some(mut counters) = store::find_period(&mut *tx, key, &span).await? else {
            return Ok(());
        };
        counters.limit = after.limit;
        counters.next_notice = 0;
        let mut row = PeriodRow {
            key: *key,
            span,
            counters,
        };
        self.ledger.overdraw_lowered(tx, &mut row, now).await?;
        store::update_period(tx, &row).await
    }

    async fn note_change(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        key: &BudgetKey,
        (before, after): (&BudgetRow, &BudgetRow),
        set: &SetBudget,
        now: Timestamp,
    ) -> Result<(), Error> {
        if (before.limit, &before.period) != (after.limit, &after.period) {
            self.add_to_history(tx, authorised, key, (before, after), set, now)
                .await?;
        }
        let mut entry = Entry::new("budget.set", key.scope.kind().as_str())
            .resource(key.scope)
            .parameters(&serde_json::json!({ "reason": set.reason }))
            .changes(
                Some(&Noted::of(key.unit, before)),
                Some(&Noted::of(key.unit, after)),
            );
        if let Scope::Agent(agent) = key.scope {
            entry = entry.agent(agent);
        }
        self.ledger.audit.write(tx, authorised, entry).await?;
        Ok(())
    }

    async fn add_to_history(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        key: &BudgetKey,
        (before, after): (&BudgetRow, &BudgetRow),
        set: &SetBudget,
        now: Timestamp,
    ) -> Result<(), Error> {
        let id: EventId = self.ledger.environment.new_id();
        sql("INSERT INTO budget_changes
             (id, tenant_id, scope, unit, previous_limit, new_limit, previous_period, new_period,
              reason, modified_by, modified_at, budget_request_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
        .bind(id)
        .bind(key.tenant)
        .bind(key.scope)
        .bind(key.unit.as_str())
        .bind(before.limit)
        .bind(after.limit)
        .bind(before.period.to_string())
        .bind(after.period.to_string())
        .bind(set.reason.as_deref())
        .bind(authorised.user)
        .bind(now)
        .bind(set.budget_request)
        .execute(tx)
        .await?;
        Ok(())
    }

    /// The modifications of a budget, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the scope has no budget in the caller's tenant.
    pub async fn history(
        &self,
        authorised: &Authorised,
        scope: Scope,
        page: Page,
    ) -> Result<Paged<Modification>, Error> {
        let key = BudgetKey {
            scope,
            unit: Unit::Usd,
            tenant: authorised.tenant,
        };
        store::budget(self.db(), &key)
            .await?
            .ok_or(Error::NotFound)?;
        Select::new(
            "previous_limit, new_limit, previous_period, new_period, reason, modified_by,
             modified_at, budget_request_id",
            "budget_changes",
        )
        .filter("tenant_id = ?", key.tenant)
        .filter("scope = ?", key.scope)
        .filter("unit = ?", key.unit.as_str())
        .sort(Sort::descending("modified_at"), "id")
        .fetch_page(self.db(), page)
        .await?
        .try_map(|row| modification(&row))
    }

    /// The state of a budget without evidence, for parts of the product itself.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the scope has no budget in this tenant.
    pub async fn status(&self, tenant: TenantId, scope: Scope) -> Result<BudgetStatus, Error> {
        self.status_in(&BudgetKey {
            scope,
            unit: Unit::Usd,
            tenant,
        })
        .await
    }

    /// As [`Limits::status`], of a budget in any unit: its amounts are in that.
    ///
    /// # Errors
    /// As [`Limits::status`].
    pub async fn status_in(&self, key: &BudgetKey) -> Result<BudgetStatus, Error> {
        let budget = store::budget(self.db(), key)
            .await?
            .ok_or(Error::NotFound)?;
        let span = budget.period.span(self.ledger.environment.now());
        let counters = store::find_period(self.db(), key, &span)
            .await?
            .unwrap_or_default();
        let held = store::held_of(self.db(), key, &span).await?;
        Ok(status(key, &budget, counters, span, held))
    }
}

pub(crate) fn status(
    key: &BudgetKey,
    budget: &BudgetRow,
    counters: crate::moves::Counters,
    span: iron_primitives::PeriodSpan,
    held: i64,
) -> BudgetStatus {
    BudgetStatus {
        scope: key.scope,
        unit: key.unit,
        limit: budget.limit.map(Money::from_nanos),
        period: budget.period.clone(),
        soft_limits: budget.soft_limits,
        hard_action: budget.hard_action,
        most_per_minute: budget.most_per_minute.map(Money::from_nanos),
        span,
        settled: Money::from_nanos(counters.settled),
        held: Money::from_nanos(held),
        escrow: Money::from_nanos(counters.escrow),
        suspense: Money::from_nanos(counters.suspense),
        overdraft: Money::from_nanos(counters.overdraft),
    }
}

/// A budget with what a change makes of it; `limit` was checked.
fn set_on(before: &BudgetRow, limit: Option<Option<i64>>, set: &SetBudget) -> BudgetRow {
    let most = set.most_per_minute.map(|most| most.map(Money::nanos));
    BudgetRow {
        limit: limit.unwrap_or(before.limit),
        period: set.period.clone().unwrap_or_else(|| before.period.clone()),
        soft_limits: set
            .soft_limits
            .map_or(before.soft_limits, Option::unwrap_or_default),
        hard_action: set.hard_action.unwrap_or(before.hard_action),
        most_per_minute: most.unwrap_or(before.most_per_minute),
    }
}

pub(crate) fn in_range(limit: Money) -> Result<Money, Error> {
    if (LEAST..=MOST).contains(&limit) {
        Ok(limit)
    } else {
        Err(Error::LimitOutOfRange)
    }
}

fn modification(row: &Row) -> Result<Modification, Error> {
    let period = |word: String| store::period_from(&word);
    let money = |nanos: Option<i64>| nanos.map(Money::from_nanos);
    Ok(Modification {
        previous_limit: money(row.get("previous_limit")?),
        new_limit: money(row.get("new_limit")?),
        previous_period: period(row.get("previous_period")?)?,
        new_period: period(row.get("new_period")?)?,
        reason: row.get("reason")?,
        modified_by: row.get("modified_by")?,
        modified_at: row.get("modified_at")?,
        budget_request: row.get::<Option<BudgetRequestId>>("budget_request_id")?,
    })
}
