//! One budget as one instance sees it: the lease in use, the one for the next period, and
//! those that are ending; what the authority last said about the whole budget; and how much
//! it would be wise to have at hand.

use std::time::Duration;

use iron_primitives::{BootInstant, BudgetShortfall, LeaseId, Scope, TenantId, Timestamp, Unit};

use crate::authority::{BudgetView, Grant};

use super::account::Account;
use super::policy::Policy;

/// Which budget a pocket belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
}

/// What a call that does not fit may hope for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// More may come from the authority, or is on its way to the disk.
    Coming,
    /// The budget has no more room, but calls under way may cost less than they hold, or others
    /// have what they hold for no call.
    Settling,
    /// Nothing more will come.
    Spent,
}

/// One budget's money in the hands of this instance.
#[derive(Debug)]
pub(super) struct Pocket {
    pub(super) place: Place,
    pub(super) current: Option<Account>,
    pub(super) next: Option<Account>,
    pub(super) ending: Vec<Account>,
    /// What the authority last said, and how much of it was then our own.
    pub(super) view: Option<BudgetView>,
    pub(super) view_settled: i64,
    pub(super) resets_at: Option<Timestamp>,
    /// Until then the authority need not be asked for what it has just denied.
    pub(super) dry_until: Option<BootInstant>,
    /// What may come back from elsewhere until then, as it was told.
    elsewhere: i64,
    /// When the authority may be asked again for calls that wait all the same.
    ask_again_at: BootInstant,
    /// Answers to questions older than this may carry money granted under another limit.
    pub(super) frozen_at: Option<BootInstant>,
    /// How many waiting calls this budget holds up.
    pub(super) waiting: usize,
    /// The largest hold of late.
    pub(super) largest: i64,
    /// Below this much free money the exchange is woken.
    pub(super) low_water: i64,
    /// Below this much marked money the marker is woken.
    pub(super) low_mark: i64,
    /// Settled per second, smoothed, and where it was last looked at.
    pub(super) rate: i64,
    rate_settled: i64,
    rate_at: BootInstant,
    pub(super) last_used: BootInstant,
    /// Whether it is on the list of those that the next round sees to.
    pub(super) stirred: bool,
    /// Whether it is on the list of those that may want a watermark.
    pub(super) low: bool,
}

impl Pocket {
    pub(super) fn new(place: Place, now: BootInstant) -> Self {
        Pocket {
            place,
            current: None,
            next: None,
            ending: Vec::new(),
            view: None,
            view_settled: 0,
            resets_at: None,
            dry_until: None,
            elsewhere: 0,
            ask_again_at: now,
            frozen_at: None,
            waiting: 0,
            largest: 0,
            low_water: 0,
            low_mark: 0,
            rate: 0,
            rate_settled: 0,
            rate_at: now,
            last_used: now,
            stirred: false,
            low: false,
        }
    }

    /// Puts the lease of a new period to use when its time has come.
    pub(super) fn turn(&mut self, now: BootInstant) {
        let begun = self
            .next
            .as_ref()
            .is_some_and(|next| now >= next.not_before);
        if begun {
            self.retire_current();
            self.current = self.next.take();
            self.dry_until = None;
        }
    }

    /// Sends the lease in use on its way out.
    pub(super) fn retire_current(&mut self) {
        if let Some(mut old) = self.current.take() {
            old.ending = true;
            old.dirty = true;
            self.ending.push(old);
        }
    }

    /// What may be held now.
    pub(super) fn free(&self, now: BootInstant) -> i64 {
        match &self.current {
            Some(account) if account.is_open_at(now) => account.free(),
            _ => 0,
        }
    }

    /// The most that could ever become free, as far as is known of a budget without room.
    pub(super) fn ceiling(&self, now: BootInstant) -> i64 {
        let held = self.current.as_ref().map_or(0, |account| account.held);
        self.free(now)
            .saturating_add(held)
            .saturating_add(self.elsewhere)
    }

    /// The authority has nothing left to grant; so much may come back to it.
    pub(super) fn run_dry(&mut self, elsewhere: i64, now: BootInstant, policy: &Policy) {
        self.dry_until = Some(now.plus(policy.dry_for));
        self.elsewhere = elsewhere.max(0);
        let pause = match self.elsewhere {
            0 => policy.dry_for / 4,
            _ => policy.ask_again_after,
        };
        self.ask_again_at = now.plus(pause);
    }

    /// Whether asking the authority may help. `waited_for`: by calls.
    pub(super) fn may_ask(&self, waited_for: bool, now: BootInstant) -> bool {
        !self.is_dry(now) || waited_for && now >= self.ask_again_at
    }

    pub(super) fn is_dry(&self, now: BootInstant) -> bool {
        self.dry_until.is_some_and(|until| now < until)
    }

    /// What a call that lacks money here may hope for.
    pub(super) fn outlook(&self, now: BootInstant) -> Outlook {
        let Some(account) = &self.current else {
            return match self.is_dry(now) && self.next.is_none() {
                true if self.elsewhere > 0 => Outlook::Settling,
                true => Outlook::Spent,
                false => Outlook::Coming,
            };
        };
        if !account.is_open_at(now) || account.unheld() > account.free() || !self.is_dry(now) {
            Outlook::Coming
        } else if account.held > 0 || self.elsewhere > 0 {
            Outlook::Settling
        } else {
            Outlook::Spent
        }
    }

    pub(super) fn account_mut(&mut self, lease: LeaseId) -> Option<&mut Account> {
        self.accounts_mut().find(|account| account.lease == lease)
    }

    pub(super) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.current
            .iter()
            .chain(self.next.iter())
            .chain(self.ending.iter())
    }

    pub(super) fn accounts_mut(&mut self) -> impl Iterator<Item = &mut Account> {
        self.current
            .iter_mut()
            .chain(self.next.iter_mut())
            .chain(self.ending.iter_mut())
    }

    /// Forgets a lease whose final report was booked.
    pub(super) fn forget(&mut self, lease: LeaseId) {
        self.ending
            .retain(|account| account.lease != lease || account.held > 0);
    }

    /// Stops admitting on a lease that the authority has fenced. Whether it was here.
    pub(super) fn fence(&mut self, lease: LeaseId) -> bool {
        let before = self.ending.len();
        if self
            .current
            .as_ref()
            .is_some_and(|account| account.lease == lease)
        {
            self.retire_current();
        }
        if self
            .next
            .as_ref()
            .is_some_and(|account| account.lease == lease)
            && let Some(mut old) = self.next.take()
        {
            old.ending = true;
            old.dirty = true;
            self.ending.push(old);
        }
        self.ending.len() > before
    }

    /// Takes in what the authority granted on a question asked at `asked_at`.
    pub(super) fn take(
        &mut self,
        grant: &Grant,
        asked_at: BootInstant,
        now: BootInstant,
        policy: &Policy,
    ) {
        let lifetime = Duration::from_millis(grant.ttl_ms);
        let deadline = asked_at
            .plus(lifetime)
            .minus(policy.deadline_margin(lifetime));
        let not_before = match grant.not_before_ms {
            0 => BootInstant::default(),
            wait => now
                .plus(Duration::from_millis(wait))
                .plus(policy.begin_margin),
        };
        if self.account_mut(grant.lease).is_none() {
            let mut account = Account::open(grant);
            if grant.ttl_ms == 0 {
                account.ending = true;
                self.ending.push(account);
            } else {
                self.adopt(account, not_before > now);
            }
        }
        let stale = self.frozen_at.is_some_and(|frozen| asked_at <= frozen);
        let ahead = grant.not_before_ms > 0;
        if let Some(account) = self.account_mut(grant.lease) {
            account.merge(grant.granted, not_before, deadline);
            if stale {
                account.give_back(i64::MAX);
            }
        }
        if !ahead && grant.ttl_ms > 0 {
            self.see(grant.view, grant.span.end);
        }
        self.turn(now);
    }

    fn adopt(&mut self, mut account: Account, ahead: bool) {
        let seat = if ahead {
            &mut self.next
        } else {
            &mut self.current
        };
        match seat {
            None => *seat = Some(account),
            // A newer period than the one in use: the old one has ended.
            Some(old)
                if old.span.start != account.span.start || old.span.end != account.span.end =>
            {
                let mut old = std::mem::replace(old, account);
                old.ending = true;
                old.dirty = true;
                self.ending.push(old);
            }
            Some(_) => {
                account.ending = true;
                self.ending.push(account);
            }
        }
    }

    /// Whether, as far as we were told, the whole budget cannot give this much.
    pub(super) fn has_no_room_for(&self, needed: i64) -> bool {
        self.view
            .is_some_and(|view| view.limit.is_some() && view.room() < needed)
    }

    /// Whether all that is out of a budget is in our hands.
    pub(super) fn has_all_of(&self, view: &BudgetView) -> bool {
        view.escrow <= self.outstanding()
    }

    fn outstanding(&self) -> i64 {
        self.accounts().fold(0, |sum, account| {
            sum.saturating_add(account.usable().saturating_sub(account.settled))
        })
    }

    /// What is free, and what may come from elsewhere: as was said when it was asked for, or else
    /// all that others have.
    pub(super) fn prospect(&self, now: BootInstant) -> i64 {
        let coming = match self.view {
            _ if self.is_dry(now) => self.elsewhere,
            Some(view) => {
                let of_others = view.escrow.saturating_sub(self.outstanding()).max(0);
                of_others.saturating_add(view.room())
            }
            None => 0,
        };
        self.free(now).saturating_add(coming)
    }

    /// Remembers the state of the whole budget.
    pub(super) fn see(&mut self, view: BudgetView, resets_at: Option<Timestamp>) {
        self.view = Some(view);
        self.view_settled = self.current.as_ref().map_or(0, |account| account.settled);
        self.resets_at = resets_at;
    }

    /// A limit or a period has changed: nothing that is not held may be used under the old one.
    pub(super) fn freeze(&mut self, next_hold: u64, now: BootInstant) {
        self.frozen_at = Some(now);
        self.dry_until = None;
        for account in self.accounts_mut() {
            account.freeze(next_hold);
        }
    }

    /// Looks at how fast money goes.
    pub(super) fn measure(&mut self, now: BootInstant) {
        let settled: i64 = self
            .accounts()
            .fold(0, |sum, account| sum.saturating_add(account.settled));
        let passed_ms = i64::try_from(now.since(self.rate_at).as_millis()).unwrap_or(i64::MAX);
        if passed_ms < 200 {
            return;
        }
        let spent = settled.saturating_sub(self.rate_settled).max(0);
        let fresh = spent.saturating_mul(1_000) / passed_ms.max(1);
        // Up at once, down slowly: too much at hand costs nothing far from the limit.
        self.rate = fresh.max(self.rate.saturating_sub(self.rate / 8));
        if fresh == 0 && self.rate < 8 {
            self.rate = 0;
        }
        self.rate_settled = settled;
        self.rate_at = now;
    }

    /// How much should be at hand beyond what calls wait for.
    pub(super) fn provision(&self, policy: &Policy) -> i64 {
        let calls = self.largest.saturating_mul(policy.calls_ahead);
        let seconds = self.rate.saturating_mul(policy.autonomy_s);
        let wish = calls.max(seconds);
        match self.view {
            Some(view) if view.limit.is_some() => {
                let own = self.current.as_ref().map_or(0, Account::unheld);
                // A quarter of what is left, so that the last mile is walked in small steps.
                wish.min(view.room().saturating_add(own) / 4)
            }
            _ => wish,
        }
    }

    /// How far ahead of use the watermark should be: what a power cut may freeze.
    pub(super) fn watermark_step(&self, policy: &Policy) -> i64 {
        self.largest
            .saturating_mul(policy.calls_ahead)
            .max(self.rate)
    }

    /// What the whole budget has left, holds not deducted.
    pub(super) fn remaining(&self) -> Option<i64> {
        let view = self.view?;
        let spent = view.settled.saturating_add(self.settled_since_view());
        let left = view
            .limit?
            .saturating_sub(spent)
            .saturating_sub(view.suspense);
        Some(left.max(0))
    }

    fn settled_since_view(&self) -> i64 {
        self.current.as_ref().map_or(0, |account| {
            account.settled.saturating_sub(self.view_settled).max(0)
        })
    }

    /// The facts of a refusal by this budget.
    pub(super) fn shortfall(&self, needed: i64, now: BootInstant) -> BudgetShortfall {
        let view = self.view.unwrap_or_default();
        let limit = view.limit.unwrap_or(i64::MAX);
        let spent = view.settled.saturating_add(self.settled_since_view());
        let reserved = limit
            .saturating_sub(spent)
            .saturating_sub(view.suspense)
            .saturating_sub(self.free(now))
            .max(0);
        BudgetShortfall {
            scope: self.place.scope,
            // Whoever knows the path of the call says so.
            pool: None,
            unit: self.place.unit,
            limit,
            spent,
            reserved,
            suspense: view.suspense,
            needed,
            resets_at: self.resets_at,
        }
    }

    /// Whether nothing would be lost by forgetting this pocket.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0 && self.current.is_none() && self.next.is_none() && self.ending.is_empty()
    }
}
