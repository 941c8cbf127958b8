//! What happens to budgets that somebody should know of: warnings, limits, runaways.
//!
//! What counts as used is what is settled, and what has been in suspense for a minute: money that
//! is gone, or may be. What is only held or leased out comes back, and so does most of what a
//! server leaves in suspense that is killed and started again; that warns nobody.
//!
//! A percentage is crossed by the booking that makes the used money reach it, and the event is
//! written in that same transaction: once for each budget, period and percentage, whichever server
//! books. A lowered limit crosses at once. A raised one takes back what is no longer true, so that
//! it is told again when it is crossed again. A new period has told nothing yet.
//!
//! A limit counts as reached when nothing is left, and also when less than a hundredth of it is
//! left and a call has found that too little: the worst case of a call seldom fits to the
//! nano-dollar, and a budget must not stay at 99.9 % for good without anybody being told.
//!
//! Far from all percentages this costs a comparison with `next_notice`, which is stored beside
//! the counters.
//!
//! Locks: the numbers of events come last, after all budgets. Therefore events are gathered while
//! budgets are booked, and written at the end of the transaction.

mod model;
pub(crate) mod store;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use iron_audit::{Authorised, Entry, Origin};
use iron_primitives::{Money, Scope, Timestamp, Unit};
use iron_store::{Page, Paged, Tx};

pub use model::{BudgetEvent, EventFilter, EventKind, HardAction, SoftLimits};

use crate::limits::shown;
use crate::model::{BudgetKey, PeriodRow};
use crate::moves::Counters;
use crate::store::{BudgetRow, lock_budget, period, update_period};
use crate::{Error, Ledger};
use model::ALL;

/// Over how long the pace of an agent is measured, less the second that has just begun.
const PACE_OVER: Duration = Duration::from_secs(59);
/// How long an instance was not heard of before its money in suspense counts as used.
const IN_SUSPENSE_FOR: Duration = Duration::from_secs(60);
/// Calls of a killed agent that end within this time do not make it run away again.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
/// An event is not due.
const NEVER_DUE: i64 = i64::MAX;

/// Events that a transaction has found and not written yet.
#[derive(Debug, Default)]
#[must_use = "events are lost if they are not written"]
pub(crate) struct Noticed(Vec<BudgetEvent>);

impl Noticed {
    /// Finds out what the counters of a period have crossed. `short`: a call has just found too
    /// little in it. Whether the row must be written.
    pub(crate) async fn look(
        &mut self,
        tx: &mut Tx,
        row: &mut PeriodRow,
        budget: &BudgetRow,
        short: bool,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if limit_was_told(&row.counters) && !is_little(&row.counters) {
            // Money in suspense has come free. Warnings stay told.
            store::clear(tx, row, ALL, now).await?;
            self.0
                .retain(|one| !(is_about(one, row) && one.percent == ALL));
            row.counters.next_notice = 0;
        }
        let counters = row.counters;
        let spent_out = short && counters.next_notice != NEVER_DUE && is_little(&counters);
        if gone(&counters) < counters.next_notice && !spent_out {
            return Ok(false);
        }
        let Some(limit) = counters.limit else {
            row.counters.next_notice = NEVER_DUE;
            return Ok(counters.next_notice != NEVER_DUE);
        };
        let mut told = store::told(tx, row).await?;
        // What this transaction has found before is told, too.
        let found = self.0.iter().filter(|one| is_about(one, row));
        told.extend(found.map(|one| one.percent));
        for percent in percents(budget) {
            let crossed = gone(&counters) >= threshold(limit, percent);
            if !(crossed || percent == ALL && spent_out) || !told.insert(percent) {
                continue;
            }
            self.0.push(BudgetEvent {
                tenant: row.key.tenant,
                sequence: 0,
                kind: if percent == ALL {
                    EventKind::Limit
                } else {
                    EventKind::Warning
                },
                scope: row.key.scope,
                unit: row.key.unit,
                span: row.span,
                percent,
                limit: Money::from_nanos(limit),
                used: Money::from_nanos(gone(&counters)),
                hard_action: budget.hard_action,
                at: now,
                cleared_at: None,
            });
        }
        row.counters.next_notice = next_notice(limit, budget, &told);
        Ok(row.counters.next_notice != counters.next_notice)
    }

    /// Measures the pace of an agent that has just been booked as having spent this much since
    /// it was last heard of.
    pub(crate) async fn pace(
        &mut self,
        tx: &mut Tx,
        row: &PeriodRow,
        budget: &BudgetRow,
        (spent, heard_at): (i64, Timestamp),
        now: Timestamp,
    ) -> Result<(), Error> {
        let (Some(bound), Scope::Agent(_), Unit::Usd) =
            (budget.most_per_minute, row.key.scope, row.key.unit)
        else {
            return Ok(());
        };
        if spent <= 0 {
            return Ok(());
        }
        let amount = of_the_last_minute(spent, now.since(heard_at));
        let second = Timestamp::from_seconds(now.micros().div_euclid(1_000_000));
        let since = second.minus(PACE_OVER);
        let sum = store::spent_since(tx, &row.key, (second, amount), since).await?;
        if sum <= bound || store::ran_away(tx, &row.key, now.minus(ENDS_WITHIN)).await? {
            return Ok(());
        }
        // It begins anew when it is started again.
        store::forget_spends(tx, &row.key, Timestamp::from_micros(i64::MAX)).await?;
        self.0.push(BudgetEvent {
            tenant: row.key.tenant,
            sequence: 0,
            kind: EventKind::Runaway,
            scope: row.key.scope,
            unit: row.key.unit,
            span: row.span,
            percent: 0,
            limit: Money::from_nanos(bound),
            used: Money::from_nanos(sum),
            hard_action: HardAction::Kill,
            at: now,
            cleared_at: None,
        });
        Ok(())
    }
}

/// Takes back what a higher limit, or money that came free, has made untrue.
pub(crate) async fn take_back(
    tx: &mut Tx,
    row: &mut PeriodRow,
    now: Timestamp,
) -> Result<(), Error> {
    for percent in store::told(tx, row).await? {
        let holds = match row.counters.limit {
            None => false,
            Some(_) if percent == ALL => is_little(&row.counters),
            Some(limit) => gone(&row.counters) >= threshold(limit, percent),
        };
        if !holds {
            store::clear(tx, row, percent, now).await?;
        }
    }
    row.counters.next_notice = 0;
    Ok(())
}

/// Takes back what was told under another period.
pub(crate) async fn leave_other_periods(
    tx: &mut Tx,
    row: &PeriodRow,
    now: Timestamp,
) -> Result<(), Error> {
    store::clear_others(tx, &row.key, &row.span, now).await
}

/// Forgets the pace of an agent whose bound is new.
pub(crate) async fn forget_pace(tx: &mut Tx, key: &BudgetKey) -> Result<(), Error> {
    store::forget_spends(tx, key, Timestamp::from_micros(i64::MAX)).await
}

/// Whether an event tells of how much of this period of a budget is gone.
fn is_about(event: &BudgetEvent, row: &PeriodRow) -> bool {
    let BudgetKey {
        scope,
        unit,
        tenant,
    } = row.key;
    event.kind != EventKind::Runaway
        && (event.tenant, event.scope, event.unit, event.span) == (tenant, scope, unit, row.span)
}

/// What is gone, or may be.
fn gone(counters: &Counters) -> i64 {
    let doubtful = counters.lasting_suspense.min(counters.suspense);
    counters.settled.saturating_add(doubtful)
}

/// Whether it was told that the limit is reached: then nothing is due below it.
fn limit_was_told(counters: &Counters) -> bool {
    counters
        .limit
        .is_some_and(|limit| counters.next_notice > limit)
}

/// Whether less than a hundredth of the limit is left.
fn is_little(counters: &Counters) -> bool {
    counters.limit.is_some_and(|limit| {
        let left = i128::from(limit.saturating_sub(gone(counters)));
        left.saturating_mul(100) < i128::from(limit) || left <= 0
    })
}

fn percents(budget: &BudgetRow) -> impl Iterator<Item = u8> {
    budget.soft_limits.percents().chain([ALL])
}

/// The least amount that is so many percent of a limit.
fn threshold(limit: i64, percent: u8) -> i64 {
    let exact = i128::from(limit).saturating_mul(i128::from(percent));
    let up = exact.saturating_add(99).checked_div(100).unwrap_or(exact);
    i64::try_from(up).unwrap_or(i64::MAX)
}

fn next_notice(limit: i64, budget: &BudgetRow, told: &BTreeSet<u8>) -> i64 {
    percents(budget)
        .filter(|percent| !told.contains(percent))
        .map(|percent| threshold(limit, percent))
        .min()
        .unwrap_or(NEVER_DUE)
}

/// What was spent since an instance was last heard of counts evenly over that time: one that
/// comes back after a while without the database has not spent it all just now.
fn of_the_last_minute(spent: i64, since: Duration) -> i64 {
    let millis = i128::try_from(since.as_millis())
        .unwrap_or(i128::MAX)
        .max(1);
    let share = i128::from(spent).saturating_mul(60_000);
    let share = share.checked_div(millis).unwrap_or(i128::from(spent));
    i64::try_from(share).unwrap_or(i64::MAX).min(spent)
}

impl Ledger {
    /// Writes what a transaction has found, behind its last lock of a budget; whether there was
    /// anything.
    pub(crate) async fn write_noticed(&self, tx: &mut Tx, noticed: Noticed) -> Result<bool, Error> {
        let Noticed(mut events) = noticed;
        events.sort_by_key(|event| event.tenant);
        for event in &mut events {
            event.sequence = store::next_sequence(tx, event.tenant).await?;
            store::insert(tx, event).await?;
            self.audit_event(tx, event).await?;
        }
        Ok(!events.is_empty())
    }

    /// Looks at what has been in suspense for a while, which then counts as used.
    pub(crate) async fn look_at_suspense(
        &self,
        tx: &mut Tx,
        noticed: &mut Noticed,
        now: Timestamp,
    ) -> Result<(), Error> {
        let before = now.minus(IN_SUSPENSE_FOR);
        for (key, span, lasting) in store::lasting_suspense(tx, before).await? {
            let Some(budget) = lock_budget(tx, &key).await? else {
                continue;
            };
            let mut row = period(tx, &key, span, budget.limit).await?;
            row.counters.lasting_suspense = lasting;
            noticed.look(tx, &mut row, &budget, false, now).await?;
            update_period(tx, &row).await?;
        }
        Ok(())
    }

    async fn audit_event(&self, tx: &mut Tx, event: &BudgetEvent) -> Result<(), Error> {
        let origin = Origin {
            tenant: event.tenant,
            user: None,
            request: None,
        };
        let parameters = serde_json::json!({
            "event": event.sequence,
            "unit": event.unit,
            "percent": event.percent,
            "limit": shown(event.unit, event.limit.nanos()),
            "used": shown(event.unit, event.used.nanos()),
            "period_start": event.span.start,
        });
        let mut entry = Entry::new(event.kind.action(), event.scope.kind().as_str())
            .resource(event.scope)
            .parameters(&parameters);
        if let Scope::Agent(agent) = event.scope {
            entry = entry.agent(agent);
        }
        self.audit.write_event(tx, &origin, entry).await?;
        Ok(())
    }

    /// A page of the tenant's events: the newest first, or with [`EventFilter::after`] the oldest
    /// first.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn events(
        &self,
        authorised: &Authorised,
        filter: &EventFilter,
        page: Page,
    ) -> Result<Paged<BudgetEvent>, Error> {
        store::list(&self.db, authorised.tenant, filter, page).await
    }

    /// Events of all tenants that no server has acted on yet, the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn unhandled_events(&self, most: u32) -> Result<Vec<BudgetEvent>, Error> {
        store::unhandled(&self.db, most).await
    }

    /// Takes an event to act on it, in the transaction of the act: none if another server has
    /// taken it, else whether it still holds.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn take_event(
        &self,
        tx: &mut Tx,
        event: &BudgetEvent,
    ) -> Result<Option<bool>, Error> {
        store::take(tx, event, self.environment.now()).await
    }

    /// Which of these scopes, of any tenant, have a budget whose limit is reached now.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn reached(&self, scopes: &[Scope]) -> Result<HashMap<Scope, BudgetEvent>, Error> {
        if scopes.is_empty() {
            return Ok(HashMap::new());
        }
        store::reached(&self.db, scopes, self.environment.now()).await
    }

    /// Waits until a transaction of this server has written events.
    pub async fn noticed(&self) {
        self.noticed.notified().await;
    }
}

#[cfg(test)]
mod tests;
