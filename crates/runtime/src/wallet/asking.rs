//! What a book tells and asks the authority, and what it makes of the answer.
//!
//! Both directions are cumulative, so that any exchange may be lost, doubled or late. An
//! answer that is older than one already taken in is dropped: its news comes again.

use std::collections::HashMap;

use iron_primitives::{BootInstant, Environment, LeaseId, Scope, Unit};

use crate::authority::{BudgetView, ExchangeReply, Grant, LeaseReport, Recall, Shortfall, Want};

use super::account::Account;
use super::book::{Book, seat_mut};
use super::frames::{HoldState, LeaseMark, LeaseState};
use super::hold::HoldKey;
use super::pocket::Pocket;
use super::rounds::seats;

/// What one book contributes to an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// Its leases, cumulative.
    pub reports: Vec<LeaseReport>,
    /// What it would like to have.
    pub wants: Vec<Want>,
}

/// What calls in the queue wait for in one pocket.
#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    /// All together, at their full caps.
    full: i64,
    /// The first of them, at its least: before it nobody goes on.
    least: i64,
}

/// What must follow from an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effects {
    /// Holds that no longer fit under a lowered limit, youngest first: end their streams.
    pub cut: Vec<u64>,
}

impl Book {
    /// Gathers reports and wants. `complete`: of every lease, not only of those with news.
    pub fn collect(&mut self, complete: bool, environment: &Environment) -> Ask {
        let now = environment.boot();
        let waiting = self.waiting_amounts();
        self.stir_for_round(complete || self.closing, now);
        let mut ask = Ask::default();
        for slot in self.rounds.take_stirred() {
            let Some(pocket) = seat_mut(&mut self.pockets, slot) else {
                continue;
            };
            pocket.stirred = false;
            pocket.turn(now);
            pocket.measure(now);
            tidy(pocket, now, &self.policy, self.closing);
            let waited_for = waiting.get(&slot).copied().unwrap_or_default();
            let told = ask.wants.len();
            if !self.closing {
                ask.wants
                    .extend(wants(pocket, waited_for, environment, &self.policy));
            }
            let asked = ask.wants.len() > told;
            let place = pocket.place;
            for account in pocket.accounts_mut() {
                if complete || asked || account.dirty || account.ending {
                    account.dirty = false;
                    ask.reports.push(account.report(place));
                }
            }
            // Told again and again until the authority has closed it.
            if !pocket.ending.is_empty() {
                self.rounds.stir(slot, pocket);
            }
        }
        ask
    }

    /// Takes in the part of an answer that is about this tenant. `asked_at` is when the
    /// question was gathered.
    pub fn apply(
        &mut self,
        reply: &ExchangeReply,
        asked_at: BootInstant,
        environment: &Environment,
    ) -> Effects {
        let now = environment.boot();
        if !reply.revoked.is_empty() || !reply.closed.is_empty() {
            self.end_leases(reply);
        }
        let mut effects = Effects::default();
        let tenant = self.tenant;
        for grant in reply.grants.iter().filter(|grant| grant.tenant == tenant) {
            self.take_grant(grant, asked_at, now, &mut effects);
        }
        for shortfall in reply.shortfalls.iter().filter(|one| one.tenant == tenant) {
            self.take_shortfall(shortfall, asked_at, now);
        }
        if !reply.recalled.is_empty() {
            self.heed(&reply.recalled);
        }
        if !reply.closed.is_empty() {
            self.drop_empty();
        }
        effects
    }

    fn end_leases(&mut self, reply: &ExchangeReply) {
        for (slot, pocket) in seats(&mut self.pockets) {
            for lease in &reply.revoked {
                if pocket.fence(*lease) {
                    self.rounds.stir(slot, pocket);
                }
            }
            for lease in &reply.closed {
                pocket.forget(*lease);
            }
        }
    }

    fn take_grant(
        &mut self,
        grant: &Grant,
        asked_at: BootInstant,
        now: BootInstant,
        effects: &mut Effects,
    ) {
        let slot = self.slot(grant.scope, grant.unit, now);
        let policy = &self.policy;
        let Some(pocket) = seat_mut(&mut self.pockets, slot) else {
            return;
        };
        pocket.take(grant, asked_at, now, policy);
        self.rounds.stir(slot, pocket);
        self.rounds.lower(slot, pocket);
        pocket.low_water = pocket.provision(policy) / 2;
        if grant.not_before_ms == 0 && grant.ttl_ms > 0 && grant.view.limit.is_some() {
            match grant.view.room() {
                0 if pocket.has_all_of(&grant.view) => pocket.run_dry(0, now, policy),
                // Money has come back since it was denied.
                room if room > pocket.largest => pocket.dry_until = None,
                _ => {}
            }
            self.cut_excess(slot, &grant.view, effects);
        }
    }

    fn take_shortfall(&mut self, shortfall: &Shortfall, asked_at: BootInstant, now: BootInstant) {
        let slot = self.slot(shortfall.scope, shortfall.unit, now);
        let policy = &self.policy;
        let Some(pocket) = seat_mut(&mut self.pockets, slot) else {
            return;
        };
        if pocket.frozen_at.is_some_and(|frozen| asked_at <= frozen) {
            return;
        }
        pocket.see(shortfall.view, shortfall.resets_at);
        pocket.run_dry(shortfall.elsewhere, now, policy);
    }

    /// Gives back what calls elsewhere wait for: never what is held, nor what calls here are about
    /// to hold.
    fn heed(&mut self, recalled: &[Recall]) {
        let (ready, with_first) = (self.ready_amounts(false), self.ready_amounts(true));
        for (slot, pocket) in seats(&mut self.pockets) {
            let Some(account) = &mut pocket.current else {
                continue;
            };
            let Some(recall) = recalled.iter().find(|one| one.lease == account.lease) else {
                continue;
            };
            let kept = if recall.ahead { &ready } else { &with_first };
            let kept = kept.get(&slot).copied().unwrap_or(0);
            let spare = account.unheld().saturating_sub(kept);
            if account.give_back(spare.min(recall.amount)) > 0 {
                self.rounds.stir(slot, pocket);
                self.needs.money = true;
            }
        }
    }

    /// Names the youngest holds that no longer fit under the limit.
    fn cut_excess(&mut self, slot: u32, view: &BudgetView, effects: &mut Effects) {
        let Some(limit) = view.limit else { return };
        let Some(unit) = self.pocket(slot).map(|pocket| pocket.place.unit) else {
            return;
        };
        let held = self.pocket(slot).map_or(0, |pocket| {
            pocket
                .accounts()
                .fold(0_i64, |sum, a| sum.saturating_add(a.held))
        });
        let mut excess = view.settled.saturating_add(held).saturating_sub(limit);
        if excess <= 0 || held == 0 {
            return;
        }
        let mut numbers: Vec<(u64, i64)> = self
            .holds
            .iter()
            .filter(|(_, hold)| hold.legs.iter().any(|leg| leg.slot == slot))
            .map(|(number, hold)| (*number, hold.amount.of(unit)))
            .collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        for (number, amount) in numbers {
            if excess <= 0 {
                break;
            }
            excess = excess.saturating_sub(amount);
            effects.cut.push(number);
        }
    }

    /// A limit or a period changed: money that is not held goes back at once, and comes again
    /// under the new limit.
    pub fn freeze(&mut self, scope: Scope, environment: &Environment) -> bool {
        let now = environment.boot();
        let next_hold = self.next_hold;
        let mut touched = false;
        for (slot, pocket) in seats(&mut self.pockets) {
            if pocket.place.scope == scope {
                pocket.freeze(next_hold, now);
                self.rounds.stir(slot, pocket);
                touched = true;
            }
        }
        self.needs.money |= touched;
        touched
    }

    /// Lets no more calls in and gives everything back that no call holds.
    pub fn close(&mut self) {
        self.closing = true;
        self.needs.money = true;
    }

    /// Whether every lease was closed and booked.
    pub fn is_closed(&self) -> bool {
        self.closing
            && self
                .pockets
                .iter()
                .flatten()
                .all(|pocket| pocket.accounts().next().is_none())
    }

    /// The watermarks to be written to disk now, before they are needed.
    pub fn marks(&mut self) -> Vec<LeaseMark> {
        let waiting = self.waiting_amounts();
        for slot in waiting.keys() {
            if let Some(pocket) = seat_mut(&mut self.pockets, *slot) {
                self.rounds.lower(*slot, pocket);
            }
        }
        let mut marks = Vec::new();
        for slot in self.rounds.take_low() {
            let Some(pocket) = seat_mut(&mut self.pockets, slot) else {
                continue;
            };
            pocket.low = false;
            let waited_for = waiting.get(&slot).map_or(0, |waiting| waiting.full);
            let step = pocket.watermark_step(&self.policy);
            pocket.low_mark = step / 2;
            let ahead = step.saturating_add(waited_for);
            let place = pocket.place;
            for account in pocket.current.iter_mut().chain(pocket.next.iter_mut()) {
                if let Some(watermark) = account.next_watermark(ahead) {
                    account.watermark_asked = watermark;
                    marks.push(LeaseMark::of(account, place, watermark));
                }
            }
        }
        marks
    }

    /// The watermarks are durable: money up to them may be used.
    pub fn marked(&mut self, marks: &[LeaseMark]) {
        for mark in marks {
            let Some(slot) = self.slots.get(&(mark.scope, mark.unit)).copied() else {
                continue;
            };
            let Some(account) = self
                .pocket_mut(slot)
                .and_then(|p| p.account_mut(mark.lease))
            else {
                continue;
            };
            account.watermark = account.watermark.max(mark.watermark);
        }
    }

    /// The watermarks could not be written: they must be asked for again.
    pub fn unmarked(&mut self, marks: &[LeaseMark]) {
        for mark in marks {
            let Some(slot) = self.slots.get(&(mark.scope, mark.unit)).copied() else {
                continue;
            };
            let Some(pocket) = seat_mut(&mut self.pockets, slot) else {
                continue;
            };
            self.rounds.lower(slot, pocket);
            if let Some(account) = pocket.account_mut(mark.lease) {
                account.watermark_asked = account.watermark;
            }
        }
    }

    /// The whole picture, for a snapshot: every lease and every open hold.
    pub fn picture(&self) -> (Vec<LeaseState>, Vec<HoldState>) {
        let mut leases = Vec::new();
        for pocket in self.pockets.iter().flatten() {
            for account in pocket.accounts() {
                leases.push(LeaseState {
                    mark: LeaseMark::of(account, pocket.place, account.watermark_asked),
                    settled: account.settled,
                    returned: account.returned,
                });
            }
        }
        let holds = self.holds.iter().filter_map(|(id, hold)| {
            let leaf = hold.legs.iter().next()?;
            Some(HoldState {
                key: HoldKey {
                    lease: leaf.lease,
                    id: *id,
                },
                reserve: hold.reserve.as_ref().map(hex::encode),
            })
        });
        (leases, holds.collect())
    }

    /// Chooses the pockets that a round sees to: all; or those with news, those that calls wait
    /// for, and some of the quiet ones in turn, whose time may have come.
    fn stir_for_round(&mut self, all: bool, now: BootInstant) {
        for waiter in &self.queue {
            for slot in waiter.slots.iter() {
                if let Some(pocket) = seat_mut(&mut self.pockets, slot) {
                    self.rounds.stir(slot, pocket);
                }
            }
        }
        for slot in self.rounds.next_quiet(all, self.pockets.len(), now) {
            if let Some(pocket) = seat_mut(&mut self.pockets, slot) {
                self.rounds.stir(slot, pocket);
            }
        }
    }

    /// By pocket, what calls in the queue would hold.
    fn waiting_amounts(&self) -> HashMap<u32, Waiting> {
        let mut amounts = HashMap::new();
        for waiter in &self.queue {
            let (full, least) = (waiter.claim.full(), waiter.claim.least());
            for slot in waiter.slots.iter() {
                let unit = self.unit_of(slot);
                let first = Waiting {
                    full: 0,
                    least: least.of(unit),
                };
                let amount = amounts.entry(slot).or_insert(first);
                amount.full = amount.full.saturating_add(full.of(unit));
            }
        }
        amounts
    }

    /// By pocket, what those calls in the queue would hold that lack money nowhere: they wait for
    /// the disk. And, if `with_first`, the first one that does lack some.
    fn ready_amounts(&self, mut with_first: bool) -> HashMap<u32, i64> {
        let mut amounts: HashMap<u32, i64> = HashMap::new();
        for waiter in &self.queue {
            let full = waiter.claim.full();
            let with = |amounts: &HashMap<u32, i64>, slot| {
                let before = amounts.get(&slot).copied().unwrap_or(0);
                before.saturating_add(full.of(self.unit_of(slot)))
            };
            let lacks = |slot| {
                let current = self.pocket(slot).and_then(|pocket| pocket.current.as_ref());
                current.map_or(0, Account::unheld) < with(&amounts, slot)
            };
            if waiter.slots.iter().any(lacks) && !std::mem::take(&mut with_first) {
                continue;
            }
            for slot in waiter.slots.iter() {
                let amount = with(&amounts, slot);
                amounts.insert(slot, amount);
            }
        }
        amounts
    }

    fn unit_of(&self, slot: u32) -> Unit {
        self.pocket(slot)
            .map_or(Unit::Usd, |pocket| pocket.place.unit)
    }

    fn drop_empty(&mut self) {
        if !self.queue.is_empty() {
            return;
        }
        let slots = &mut self.slots;
        for (slot, seat) in (0_u32..).zip(&mut self.pockets) {
            let idle = seat.as_ref().is_some_and(Pocket::is_empty);
            if let Some(pocket) = seat
                && idle
                && pocket.dry_until.is_none()
            {
                slots.remove(&(pocket.place.scope, pocket.place.unit));
                *seat = None;
                self.rounds.vacate(slot);
            }
        }
    }

    /// The lease that a budget now spends from, for views and tests.
    pub fn lease_of(&self, scope: Scope, unit: Unit) -> Option<LeaseId> {
        let slot = self.slots.get(&(scope, unit))?;
        self.pocket(*slot)?
            .current
            .as_ref()
            .map(|account| account.lease)
    }
}

/// Gives back what is not needed, and lets go of a lease that nobody uses.
fn tidy(pocket: &mut Pocket, now: BootInstant, policy: &super::policy::Policy, closing: bool) {
    let idle = now.since(pocket.last_used);
    if closing || (idle >= policy.close_after && pocket.waiting == 0) {
        pocket.retire_current();
        if let Some(mut next) = pocket.next.take() {
            next.ending = true;
            pocket.ending.push(next);
        }
        return;
    }
    if idle >= policy.return_after && pocket.waiting == 0 {
        pocket.largest = 0;
        pocket.low_water = 0;
        if let Some(account) = &mut pocket.current {
            account.give_back(i64::MAX);
        }
        return;
    }
    // Far more than the pace asks for: the rest of the budget may be wanted elsewhere.
    let limited = pocket.view.is_some_and(|view| view.limit.is_some());
    let plenty = pocket.provision(policy).saturating_mul(4);
    if limited
        && pocket.waiting == 0
        && let Some(account) = &mut pocket.current
    {
        let spare = account.unheld().saturating_sub(plenty.max(pocket.largest));
        if spare > plenty {
            account.give_back(spare);
        }
    }
}

/// What a pocket should ask for: what calls wait for, and provision.
fn wants(
    pocket: &Pocket,
    waiting: Waiting,
    environment: &Environment,
    policy: &super::policy::Policy,
) -> Vec<Want> {
    let now = environment.boot();
    let mut wants = Vec::new();
    let waited_for = waiting.full;
    let idle = now.since(pocket.last_used) >= policy.return_after && waited_for == 0;
    if idle || !pocket.may_ask(waited_for > 0, now) {
        return wants;
    }
    let current = pocket
        .current
        .as_ref()
        .filter(|account| now < account.deadline);
    let unheld = current.map_or(0, Account::unheld);
    let provision = pocket.provision(policy);
    let exact = waited_for.saturating_sub(unheld).max(0);
    let spare = unheld.saturating_sub(waited_for).max(0);
    let top_up = if spare < provision / 2 {
        provision.saturating_sub(spare)
    } else {
        0
    };
    let want = |known, amount, exact, ahead| Want {
        tenant: pocket.place.tenant,
        scope: pocket.place.scope,
        unit: pocket.place.unit,
        amount,
        exact,
        least: waiting.least.saturating_sub(unheld).clamp(0, exact),
        known,
        ahead,
    };
    let awaits_next = pocket.next.is_some() && current.is_none();
    if exact.saturating_add(top_up) > 0 && !awaits_next {
        let known = pocket
            .current
            .as_ref()
            .map(|account| (account.lease, account.granted));
        wants.push(want(known, exact.saturating_add(top_up), exact, false));
    }
    let ends_soon = pocket
        .current
        .as_ref()
        .and_then(|account| account.span.end)
        .is_some_and(|end| environment.now().plus(policy.look_ahead) >= end);
    if ends_soon && pocket.next.is_none() {
        wants.push(want(None, provision.max(pocket.largest), 0, true));
    }
    wants
}
