//! The one transaction of an exchange: reports are booked, then wants are granted, budget by
//! budget in the order of locks.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use iron_primitives::{LeaseId, PeriodSpan, Timestamp};
use iron_runtime::authority::{
    BudgetView, Exchange, ExchangeReply, Grant, Incarnation, LeaseReport, Shortfall, Standing, Want,
};
use iron_store::Tx;

use super::Ledger;
use super::recall::{Shortages, is_of_use};
use crate::Error;
use crate::events::Noticed;
use crate::model::{BudgetKey, PeriodRow};
use crate::moves::{Account, Counters, LeaseState, Told};
use crate::store::{self, BudgetRow, LeaseRow, Which};

/// What an exchange has to say about one budget.
#[derive(Default)]
struct Matter<'a> {
    reports: Vec<&'a LeaseReport>,
    wants: Vec<&'a Want>,
}

/// The exchange as the transaction sees it.
pub(super) struct Session {
    pub(super) from: Incarnation,
    pub(super) incarnation: i64,
    pub(super) now: Timestamp,
    live: i64,
    /// Whether anything may be granted: not to a process that was replaced, and not before
    /// every live instance has declared its leases to a ledger that was restored.
    pub(super) granting: bool,
    /// Who waits for money that others have.
    pub(super) shortages: Shortages,
    /// What is to be told of budgets at the end.
    noticed: Noticed,
}

impl Ledger {
    /// Books the reports and grants the wants of one instance.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`]; [`Error::Superseded`] after the reports were booked;
    /// [`Error::Store`] if the database fails, and then nothing has happened.
    pub async fn exchange(&self, exchange: &Exchange) -> Result<ExchangeReply, Error> {
        let now = self.environment.now();
        let mut tx = self.db.begin().await?;
        let (mut session, mut reply, superseded) = self.begin(&mut tx, exchange, now).await?;
        if exchange.from.generation != reply.generation {
            // It must hear of the new generation first, and then declare everything.
            self.commit(tx, session.noticed).await?;
            return if superseded {
                Err(Error::Superseded)
            } else {
                Ok(reply)
            };
        }
        self.close_unused(&mut tx, &mut session, exchange).await?;
        let mut matters: BTreeMap<BudgetKey, Matter<'_>> = BTreeMap::new();
        for report in &exchange.reports {
            let key = BudgetKey {
                scope: report.scope,
                unit: report.unit,
                tenant: report.tenant,
            };
            matters.entry(key).or_default().reports.push(report);
        }
        for want in exchange.wants.iter().filter(|_| !superseded) {
            let key = BudgetKey {
                scope: want.scope,
                unit: want.unit,
                tenant: want.tenant,
            };
            matters.entry(key).or_default().wants.push(want);
        }
        for (key, matter) in &matters {
            self.settle_matter(&mut tx, &mut session, key, matter, &mut reply)
                .await?;
        }
        if exchange.complete && session.granting {
            self.offer_unclaimed(&mut tx, &session, exchange, &mut reply)
                .await?;
        }
        if session.granting {
            self.recall_for_others(&mut tx, &session, &mut reply)
                .await?;
        }
        self.commit(tx, session.noticed).await?;
        if superseded {
            Err(Error::Superseded)
        } else {
            Ok(reply)
        }
    }

    /// Counts the answer and finds out whether anything may be granted.
    async fn begin(
        &self,
        tx: &mut Tx,
        exchange: &Exchange,
        now: Timestamp,
    ) -> Result<(Session, ExchangeReply, bool), Error> {
        let from = exchange.from;
        let row = store::next_answer(tx, from.instance, now).await?;
        let incarnation = i64::try_from(from.incarnation).unwrap_or(i64::MAX);
        let superseded = incarnation < row.incarnation;
        let seen = i64::try_from(exchange.seen).unwrap_or(i64::MAX);
        let mut generation = store::generation(tx).await?;
        let mut declared = row.generation;
        let mut sequence = row.sequence;
        if seen >= sequence {
            // The instance remembers answers that the ledger has not given yet.
            generation = store::begin_generation(tx, now).await?;
            sequence = seen.saturating_add(1);
            declared = 0;
            tracing::error!(instance = %from.instance, generation, "the ledger is in an earlier state");
        }
        if exchange.complete && i64::try_from(from.generation) == Ok(generation) {
            declared = generation;
        }
        if declared != row.generation || sequence != row.sequence {
            store::set_declared(tx, from.instance, declared, sequence).await?;
        }
        let mut noticed = Noticed::default();
        if declared == generation && row.generation != generation {
            self.fence_undeclared(tx, exchange, incarnation, &mut noticed)
                .await?;
        }
        let live_since = now.minus(self.terms.live_for);
        let (live, all_declared) = store::live_instances(tx, live_since, generation).await?;
        let shortages = match live {
            ..=1 => Shortages::none(from.instance),
            _ => Shortages::read(tx, from.instance, now).await?,
        };
        let session = Session {
            from,
            incarnation,
            now,
            live: live.max(1),
            granting: !superseded && live == all_declared,
            shortages,
            noticed,
        };
        let reply = ExchangeReply {
            sequence: u64::try_from(sequence).unwrap_or(0),
            generation: u64::try_from(generation).unwrap_or(0),
            ..ExchangeReply::default()
        };
        Ok((session, reply, superseded))
    }

    /// What the restored ledger believes to be open and its owner does not know is over: it may
    /// have been closed since.
    async fn fence_undeclared(
        &self,
        tx: &mut Tx,
        exchange: &Exchange,
        incarnation: i64,
        noticed: &mut Noticed,
    ) -> Result<(), Error> {
        let declared: HashSet<LeaseId> =
            exchange.reports.iter().map(|report| report.lease).collect();
        let instance = exchange.from.instance;
        let which = Which::Of {
            instance,
            incarnation,
            state: LeaseState::Open,
        };
        for lease in store::leases(tx, which).await? {
            if !declared.contains(&lease.id) {
                self.fence(tx, lease.id, noticed).await?;
            }
        }
        Ok(())
    }

    /// Closes leases of earlier processes that their own journal does not mention: a lease may
    /// be used only after the journal has a mark of it, so these never were.
    async fn close_unused(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        exchange: &Exchange,
    ) -> Result<(), Error> {
        let mentioned: HashSet<LeaseId> =
            exchange.reports.iter().map(|report| report.lease).collect();
        for incarnation in &exchange.witnessed {
            let incarnation = i64::try_from(*incarnation).unwrap_or(i64::MAX);
            if incarnation >= session.incarnation {
                continue;
            }
            let instance = session.from.instance;
            let which = Which::Of {
                instance,
                incarnation,
                state: LeaseState::Fenced,
            };
            for lease in store::leases(tx, which).await? {
                if !mentioned.contains(&lease.id) {
                    let (now, noticed) = (session.now, &mut session.noticed);
                    self.change(tx, lease.id, now, noticed, Account::close)
                        .await?;
                }
            }
        }
        Ok(())
    }

    async fn settle_matter(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        key: &BudgetKey,
        matter: &Matter<'_>,
        reply: &mut ExchangeReply,
    ) -> Result<(), Error> {
        let budget = store::lock_budget(tx, key).await?;
        let Some(budget) = budget.map(|budget| self.with_defaults(budget)) else {
            // A scope without a budget was never born here: nothing may be spent on it, and
            // whoever reports on it may forget it.
            reply
                .closed
                .extend(matter.reports.iter().map(|report| report.lease));
            reply
                .shortfalls
                .extend(matter.wants.iter().map(|want| nothing(want)));
            return Ok(());
        };
        let mut alive = Vec::new();
        for report in &matter.reports {
            if let Some(lease) = self
                .take_report(tx, session, key, &budget, report, reply)
                .await?
            {
                alive.push(lease);
            }
        }
        for want in &matter.wants {
            let granted = self.grant(tx, session, key, &budget, want, reply).await?;
            if let Some(lease) = granted {
                alive.retain(|known| known.id != lease.id);
                alive.push(lease);
            }
        }
        for lease in alive {
            let counters = store::find_period(&mut *tx, key, &lease.span)
                .await?
                .unwrap_or_default();
            reply.grants.push(self.told(session, &lease, &counters));
        }
        Ok(())
    }

    /// Books one report; gives the lease if it is still in use.
    async fn take_report(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        key: &BudgetKey,
        budget: &BudgetRow,
        report: &LeaseReport,
        reply: &mut ExchangeReply,
    ) -> Result<Option<LeaseRow>, Error> {
        let mut lease = match store::lease(tx, report.lease).await? {
            Some(lease) if lease.key == *key && lease.instance == session.from.instance => lease,
            Some(_) => return Ok(None),
            None => self.declared(session, key, report),
        };
        let told = Told {
            granted: report.granted,
            settled: report.settled,
            returned: report.returned,
            held: report.held,
            standing: report.standing,
        };
        let settled = lease.account.settled;
        let moves = lease.account.merge(&told);
        let settled = lease.account.settled.saturating_sub(settled);
        let mut row = store::period(tx, key, lease.span, budget.limit).await?;
        let heard_at = std::mem::replace(&mut lease.reported_at, session.now);
        if lease.account.state == LeaseState::Open {
            lease.expires_at = session.now.plus(self.terms.ttl);
        }
        store::put_lease(tx, &lease).await?;
        if !moves.is_empty() {
            let now = session.now;
            self.book(tx, &mut row, &lease, &moves, now).await?;
            let noticed = &mut session.noticed;
            noticed.look(tx, &mut row, budget, false, now).await?;
            noticed
                .pace(tx, &row, budget, (settled, heard_at), now)
                .await?;
            store::update_period(tx, &row).await?;
        }
        // A lost lease stays fenced, and its account is known as far as it ever will be.
        let told_all = lease.account.state == LeaseState::Closed
            || matches!(report.standing, Standing::Lost { .. });
        match lease.account.state {
            _ if told_all => reply.closed.push(lease.id),
            LeaseState::Open if session.granting => return Ok(Some(lease)),
            LeaseState::Open => {}
            _ => reply.revoked.push(lease.id),
        }
        Ok(None)
    }

    /// A lease that the ledger does not know, as its owner declares it. Only a restored ledger
    /// meets one; what was granted then was granted.
    fn declared(&self, session: &Session, key: &BudgetKey, report: &LeaseReport) -> LeaseRow {
        LeaseRow {
            id: report.lease,
            key: *key,
            span: report.span,
            instance: session.from.instance,
            incarnation: session.incarnation,
            account: Account::EMPTY,
            opened_at: session.now,
            reported_at: session.now,
            expires_at: session.now.plus(self.terms.ttl),
        }
    }

    /// Tops a lease up by what the budget has room for; gives the lease if there is one.
    async fn grant(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        key: &BudgetKey,
        budget: &BudgetRow,
        want: &Want,
        reply: &mut ExchangeReply,
    ) -> Result<Option<LeaseRow>, Error> {
        let present = budget.period.span(session.now);
        let span = match (want.ahead, present.end) {
            (false, _) => present,
            (true, Some(end)) => budget.period.span(end),
            (true, None) => return Ok(None),
        };
        if !session.granting {
            return Ok(None);
        }
        let mut row = store::period(tx, key, span, budget.limit).await?;
        let open =
            store::open_lease(tx, key, &span, session.from.instance, session.incarnation).await?;
        let mut lease = match open {
            Some(lease) => lease,
            None => self.new_lease(session, key, span),
        };
        let amount = amount_of(want, &lease);
        let needed = want.exact.min(amount).max(0);
        let exact = session.shortages.exact(want, &row, needed);
        let short = needed > exact;
        let provision = match short || session.shortages.of_others(&row) {
            // What is left is for calls that wait.
            true => 0,
            false => self.provision(session, &row.counters, &lease, amount - exact, exact),
        };
        let moves = lease.account.grant(exact.saturating_add(provision));
        lease.expires_at = session.now.plus(self.terms.ttl);
        let mut refuses = short;
        if short {
            let missing = needed.saturating_sub(exact);
            let elsewhere = self
                .wait_for(tx, session, want, &row, exact, missing)
                .await?;
            reply.shortfalls.push(shortfall(want, &row, elsewhere));
            refuses = !is_of_use(want, exact, elsewhere);
        } else {
            self.waits_no_more(tx, session, &row).await?;
        }
        let unused = moves.is_empty() && open.is_none() && !want.ahead;
        if !unused {
            store::put_lease(tx, &lease).await?;
        }
        if !moves.is_empty() {
            self.book(tx, &mut row, &lease, &moves, session.now).await?;
        }
        let (noticed, now) = (&mut session.noticed, session.now);
        let seen = refuses && noticed.look(tx, &mut row, budget, true, now).await?;
        if seen || !moves.is_empty() {
            store::update_period(tx, &row).await?;
        }
        Ok((!unused).then_some(lease))
    }

    /// What is given beyond the need: never more than a quarter of what is left, divided by
    /// the live instances, nor beyond the instance's share of the limit.
    fn provision(
        &self,
        session: &Session,
        counters: &Counters,
        lease: &LeaseRow,
        wish: i64,
        exact: i64,
    ) -> i64 {
        let Some(limit) = counters.limit else {
            return wish.max(0);
        };
        let room = counters.room().saturating_sub(exact);
        let quarter = room / session.live.saturating_mul(4).max(4);
        let share = limit.saturating_mul(self.terms.share_percent) / 100;
        let own = lease.account.outstanding().saturating_add(exact);
        wish.min(quarter).min(share.saturating_sub(own)).max(0)
    }

    fn new_lease(&self, session: &Session, key: &BudgetKey, span: PeriodSpan) -> LeaseRow {
        LeaseRow {
            id: self.environment.new_id::<LeaseId>(),
            key: *key,
            span,
            instance: session.from.instance,
            incarnation: session.incarnation,
            account: Account::EMPTY,
            opened_at: session.now,
            reported_at: session.now,
            expires_at: session.now.plus(self.terms.ttl),
        }
    }

    /// Names the leases that a complete report does not: their first answer was lost. One that
    /// was ever reported on, or that stood in a ledger before it was restored, is not among
    /// them: its owner may have ended it. One that has expired meanwhile is named to be closed.
    async fn offer_unclaimed(
        &self,
        tx: &mut Tx,
        session: &Session,
        exchange: &Exchange,
        reply: &mut ExchangeReply,
    ) -> Result<(), Error> {
        let known: HashSet<LeaseId> = exchange
            .reports
            .iter()
            .map(|report| report.lease)
            .chain(reply.grants.iter().map(|grant| grant.lease))
            .collect();
        let since = store::generation_began_at(tx).await?;
        let (instance, incarnation) = (session.from.instance, session.incarnation);
        for state in [LeaseState::Open, LeaseState::Fenced] {
            let which = Which::Of {
                instance,
                incarnation,
                state,
            };
            for lease in store::leases(tx, which).await? {
                let account = &lease.account;
                let untouched = account.settled == 0 && account.returned == 0;
                if !untouched || lease.opened_at < since || known.contains(&lease.id) {
                    continue;
                }
                let counters = store::find_period(&mut *tx, &lease.key, &lease.span)
                    .await?
                    .unwrap_or_default();
                let mut grant = self.told(session, &lease, &counters);
                if state == LeaseState::Fenced {
                    grant.ttl_ms = 0;
                }
                reply.grants.push(grant);
            }
        }
        Ok(())
    }

    /// A lease as its owner is told of it.
    fn told(&self, session: &Session, lease: &LeaseRow, counters: &Counters) -> Grant {
        let until_start = lease.span.start.since(session.now);
        let until_end = lease
            .span
            .end
            .map_or(Duration::MAX, |end| end.since(session.now));
        // A lease for a period that has not begun lives from its beginning on.
        let ttl = self.terms.ttl.saturating_add(until_start).min(until_end);
        Grant {
            lease: lease.id,
            tenant: lease.key.tenant,
            scope: lease.key.scope,
            unit: lease.key.unit,
            span: lease.span,
            granted: lease.account.granted,
            not_before_ms: millis_up(until_start),
            ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
            view: view(counters),
        }
    }
}

/// How much is wished for beyond what the ledger has granted already: the same question asked
/// twice is granted once.
fn amount_of(want: &Want, lease: &LeaseRow) -> i64 {
    match want.known {
        Some((known, granted)) if known == lease.id => granted
            .saturating_add(want.amount)
            .saturating_sub(lease.account.granted),
        _ => want.amount.saturating_sub(lease.account.outstanding()),
    }
}

fn view(counters: &Counters) -> BudgetView {
    BudgetView {
        limit: counters.limit,
        settled: counters.settled,
        escrow: counters.escrow,
        suspense: counters.suspense,
    }
}

/// A budget that has given all that there was for whoever asks: the rest is too little, or for
/// those who have waited longer.
fn shortfall(want: &Want, row: &PeriodRow, elsewhere: i64) -> Shortfall {
    let mut view = view(&row.counters);
    view.escrow = view.escrow.saturating_add(row.counters.room());
    Shortfall {
        tenant: want.tenant,
        scope: want.scope,
        unit: want.unit,
        view,
        resets_at: row.span.end,
        elsewhere,
    }
}

fn nothing(want: &Want) -> Shortfall {
    Shortfall {
        tenant: want.tenant,
        scope: want.scope,
        unit: want.unit,
        view: BudgetView {
            limit: Some(0),
            ..BudgetView::default()
        },
        resets_at: None,
        elsewhere: 0,
    }
}

/// Rounded up, so that a period never begins too early.
fn millis_up(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}
