//! Money that lies idle at an instance, for calls that wait elsewhere.
//!
//! A budget that cannot grant what calls wait for looks at what other instances have of it and
//! hold for no call. If that would do, the shortage is written down. From then on, until those
//! calls have what they need or nobody asks for them any more:
//! - the answers to the others name what they should give back ([`Recall`]), and to each no more
//!   than is missing: several that answer at once may give back more than that together;
//! - what comes back is for those who wait, in the order in which they began to, and provision is
//!   granted to nobody.
//!
//! None of this bears on safety: a recall is a request, and money that is given back counts when
//! its return is booked. A shortage that is lost, late or wrong costs time alone. It is therefore
//! read without the lock of its budget.

use std::collections::BTreeMap;
use std::time::Duration;

use iron_primitives::{InstanceId, LeaseId, PeriodSpan, TenantId, Timestamp};
use iron_runtime::authority::{ExchangeReply, Recall, Want};
use iron_store::Tx;

use super::Ledger;
use super::exchange::Session;
use crate::Error;
use crate::model::{BudgetKey, PeriodRow};
use crate::store::{self, Shortage};

/// A shortage of which nothing was heard for so long is over: whoever waits asks again sooner.
const BELIEVED_FOR: Duration = Duration::from_secs(1);
/// An instance whose calls wait asks for them about every 100 ms, with exchanges about other
/// matters in between. If it speaks and has not asked for so long, they do not wait any more.
const ASKS_WITHIN: Duration = Duration::from_millis(300);
/// No call waits for longer. Whoever is short for longer stands behind the others anew.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Nothing is awaited from an instance that has said nothing for so long: one that has idle money
/// and is in use speaks more often.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// What an instance has left behind that came to no end is forgotten after this.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// One period of one budget.
type Place = (BudgetKey, Timestamp, Option<Timestamp>);

fn place_of(key: &BudgetKey, span: &PeriodSpan) -> Place {
    (*key, span.start, span.end)
}

/// Who waits for money that others have, as one exchange sees it.
pub(super) struct Shortages {
    instance: InstanceId,
    now: Timestamp,
    others: Vec<Shortage>,
    mine: BTreeMap<Place, Shortage>,
}

impl Shortages {
    /// For an instance that is alone.
    pub(super) fn none(instance: InstanceId) -> Self {
        Shortages {
            instance,
            now: Timestamp::default(),
            others: Vec::new(),
            mine: BTreeMap::new(),
        }
    }

    pub(super) async fn read(
        tx: &mut Tx,
        instance: InstanceId,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let known = store::shortages(tx, instance, now.minus(BELIEVED_FOR)).await?;
        let (mine, others): (Vec<_>, Vec<_>) = known
            .into_iter()
            .partition(|shortage| shortage.instance == instance);
        let mine = mine.into_iter();
        Ok(Shortages {
            instance,
            now,
            others,
            mine: mine
                .map(|shortage| (place_of(&shortage.key, &shortage.span), shortage))
                .collect(),
        })
    }

    /// How much calls get of what they need: all that is left by those who have waited longer, or
    /// nothing if none of them could go on with that.
    pub(super) fn exact(&self, want: &Want, row: &PeriodRow, needed: i64) -> i64 {
        let left = row.counters.room().saturating_sub(self.before(row)).max(0);
        let exact = needed.min(left);
        if exact < want.least.min(needed) {
            0
        } else {
            exact
        }
    }

    /// Whether calls of others wait for this budget.
    pub(super) fn of_others(&self, row: &PeriodRow) -> bool {
        self.of_others_in(row).next().is_some()
    }

    fn of_others_in(&self, row: &PeriodRow) -> impl Iterator<Item = &Shortage> {
        let place = place_of(&row.key, &row.span);
        let others = self.others.iter();
        others.filter(move |shortage| place_of(&shortage.key, &shortage.span) == place)
    }

    /// What is missing to those who have waited longer than mine.
    fn before(&self, row: &PeriodRow) -> i64 {
        let turn = (self.since(row), self.instance);
        self.of_others_in(row)
            .filter(|shortage| (shortage.since, shortage.instance) < turn)
            .fold(0, |sum, shortage| sum.saturating_add(shortage.missing))
    }

    /// Since when calls of mine wait for this budget.
    fn since(&self, row: &PeriodRow) -> Timestamp {
        let oldest = self.now.minus(LONGEST_WAIT);
        let known = self.mine.get(&place_of(&row.key, &row.span));
        known
            .map(|shortage| shortage.since)
            .filter(|since| *since >= oldest)
            .unwrap_or(self.now)
    }

    /// What should be given back out of a lease of mine for calls of others.
    fn recall(&self, lease: LeaseId, row: &PeriodRow) -> Option<Recall> {
        let missing = self
            .of_others_in(row)
            .fold(0_i64, |sum, one| sum.saturating_add(one.missing));
        // What has come back already need not come twice.
        let amount = missing.saturating_sub(row.counters.room());
        let oldest = self.of_others_in(row).map(|one| one.since).min()?;
        let mine = self.waits_since(row.key.tenant);
        (amount > 0).then_some(Recall {
            lease,
            amount,
            ahead: mine.is_none_or(|mine| oldest < mine),
        })
    }

    /// Since when any call of mine waits, in a tenant.
    fn waits_since(&self, tenant: TenantId) -> Option<Timestamp> {
        let mine = self.mine.values();
        mine.filter(|shortage| shortage.key.tenant == tenant && !self.is_over(shortage))
            .map(|shortage| shortage.since)
            .min()
    }

    /// Whether calls of mine have ceased to wait.
    fn is_over(&self, mine: &Shortage) -> bool {
        mine.asked_at < self.now.minus(ASKS_WITHIN)
    }
}

impl Ledger {
    /// Finds out how much may come for calls that wait for more than there is to grant, and writes
    /// down that they do if that is of use.
    pub(super) async fn wait_for(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        want: &Want,
        row: &PeriodRow,
        granted: i64,
        missing: i64,
    ) -> Result<i64, Error> {
        let (instance, now) = (session.from.instance, session.now);
        let heard_since = now.minus(ANSWERS_WITHIN);
        let idle = store::idle_elsewhere(tx, &row.key, &row.span, instance, heard_since).await?;
        let elsewhere = row
            .counters
            .room()
            .saturating_sub(granted)
            .saturating_add(idle);
        if !is_of_use(want, granted, elsewhere) {
            // Its calls are refused.
            self.waits_no_more(tx, session, row).await?;
            return Ok(elsewhere);
        }
        let shortages = &mut session.shortages;
        let shortage = Shortage {
            key: row.key,
            span: row.span,
            instance,
            missing,
            // Who was given something has had his turn.
            since: match granted {
                0 => shortages.since(row),
                _ => now,
            },
            asked_at: now,
        };
        store::put_shortage(tx, &shortage).await?;
        let place = place_of(&row.key, &row.span);
        shortages.mine.insert(place, shortage);
        Ok(elsewhere)
    }

    /// No call of the instance waits for a budget: they have what they need, or are refused.
    pub(super) async fn waits_no_more(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        row: &PeriodRow,
    ) -> Result<(), Error> {
        let place = place_of(&row.key, &row.span);
        match session.shortages.mine.remove(&place) {
            Some(shortage) => store::drop_shortage(tx, &shortage).await,
            None => Ok(()),
        }
    }

    /// Names the leases of an instance out of which calls elsewhere need something, and takes out
    /// what it has ceased to ask for.
    pub(super) async fn recall_for_others(
        &self,
        tx: &mut Tx,
        session: &Session,
        reply: &mut ExchangeReply,
    ) -> Result<(), Error> {
        let shortages = &session.shortages;
        for shortage in shortages.mine.values() {
            if shortages.is_over(shortage) {
                store::drop_shortage(tx, shortage).await?;
            }
        }
        if shortages.others.is_empty() {
            return Ok(());
        }
        let (instance, incarnation) = (session.from.instance, session.incarnation);
        let since = session.now.minus(BELIEVED_FOR);
        for lease in store::wanted_elsewhere(tx, instance, incarnation, since).await? {
            let counters = store::find_period(&mut *tx, &lease.key, &lease.span).await?;
            let row = PeriodRow {
                key: lease.key,
                span: lease.span,
                counters: counters.unwrap_or_default(),
            };
            reply.recalled.extend(shortages.recall(lease.id, &row));
        }
        Ok(())
    }

    /// Forgets what instances that are gone were short of.
    pub(super) async fn forget_shortages(&self, tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
        store::forget_shortages(tx, now.minus(FORGOTTEN_AFTER)).await
    }
}

/// Whether a call that waits could go on with what was granted and what may come.
pub(super) fn is_of_use(want: &Want, granted: i64, elsewhere: i64) -> bool {
    elsewhere > 0 && granted.saturating_add(elsewhere) >= want.least
}
