//! The wallet of one tenant: pure state, no I/O, one owner at a time.
//!
//! [`Book::admit`] sets money aside in every budget on a path, all or nothing. A call that
//! does not fit waits in order if there is hope: money on its way from the authority, or held
//! by calls that may cost less than they hold. Near the edge, where waiting cannot help, the
//! output cap shrinks to the call's share of what is left; below its floor the tightest
//! budget refuses.

use std::collections::{HashMap, VecDeque};

use iron_primitives::{
    ActorPath, BootInstant, Environment, LeaseId, Money, Refusal, Scope, TenantId, Unit,
};

use super::amounts::Amounts;
use super::claim::Claim;
use super::hold::{Held, Leg, Legs, MAX_LEGS};
use super::pocket::{Outlook, Place, Pocket};
use super::policy::Policy;
use super::rounds::Rounds;

/// The place of a leg that no pocket of this wallet keeps.
const ELSEWHERE: u32 = u32::MAX;

/// Names a waiting call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WaiterId(pub(super) u64);

/// The answer to a call that wants money.
#[expect(
    clippy::large_enum_variant,
    reason = "lives for a moment; a box would be an allocation per call"
)]
#[derive(Debug)]
pub enum Admission {
    /// It has it.
    Held(Held),
    /// It cannot have it.
    Refused(Refusal),
    /// It stands in the queue; [`Book::pump`] will tell.
    Waiting(WaiterId),
}

/// What came of settling a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settlement {
    /// How much more it came to than was held; an alarm if it is not zero.
    pub above_held: Amounts,
}

/// What a book needs from the tasks beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// An exchange: money at hand runs low, or calls wait for it.
    pub money: bool,
    /// A watermark: what the disk knows of runs low.
    pub marks: bool,
}

/// The pockets on a path, leaf first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slots {
    slots: [Option<u32>; MAX_LEGS],
}

impl Slots {
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().flatten().copied()
    }
}

#[derive(Debug)]
pub(super) struct Waiter {
    id: WaiterId,
    pub(super) slots: Slots,
    pub(super) claim: Claim,
    /// The pocket that holds it up, counted there.
    blocked_on: Option<u32>,
}

#[derive(Debug)]
pub(super) struct OpenHold {
    pub(super) legs: Legs,
    pub(super) amount: Amounts,
    /// The frame that was journalled for it.
    pub(super) reserve: Option<Vec<u8>>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "lives for a moment; a box would be an allocation per call"
)]
enum Attempt {
    Held(Held),
    Refused(Refusal),
    /// The pocket that it waits for.
    Blocked(u32),
}

/// More than there is of anything.
const ENDLESS: Amounts = Amounts {
    money: Money::MAX,
    tokens: i64::MAX,
    millis: i64::MAX,
};

/// The part of what is free that one of several may take, but no less than it needs at the least.
fn share(free: Amounts, contenders: usize, least: Amounts) -> Amounts {
    let contenders = i64::try_from(contenders).unwrap_or(i64::MAX).max(1);
    let of = |unit| (free.of(unit) / contenders).clamp(least.of(unit), free.of(unit));
    Amounts {
        money: Money::from_nanos(of(Unit::Usd)),
        tokens: of(Unit::Tokens),
        millis: of(Unit::ExecutionTime),
    }
}

/// The wallet of one tenant.
#[derive(Debug)]
pub struct Book {
    pub(super) tenant: TenantId,
    pub(super) policy: Policy,
    pub(super) next_hold: u64,
    next_waiter: u64,
    pub(super) slots: HashMap<(Scope, Unit), u32>,
    pub(super) pockets: Vec<Option<Pocket>>,
    pub(super) rounds: Rounds,
    pub(super) holds: HashMap<u64, OpenHold>,
    pub(super) queue: VecDeque<Waiter>,
    /// What should be seen to soon.
    pub(super) needs: Needs,
    /// When a call has asked for money last.
    last_used: Option<BootInstant>,
    pub(super) closing: bool,
}

impl Book {
    /// An empty wallet.
    pub fn new(tenant: TenantId, policy: Policy) -> Self {
        Book {
            tenant,
            policy,
            next_hold: 1,
            next_waiter: 1,
            slots: HashMap::new(),
            pockets: Vec::new(),
            rounds: Rounds::default(),
            holds: HashMap::new(),
            queue: VecDeque::new(),
            needs: Needs::default(),
            last_used: None,
            closing: false,
        }
    }

    /// Sets what a call may cost aside in every budget on its path, or says why not.
    pub fn admit(
        &mut self,
        path: &ActorPath,
        claim: Claim,
        environment: &Environment,
    ) -> Admission {
        if self.closing {
            return Admission::Refused(Refusal::Draining);
        }
        let now = environment.boot();
        let slots = self.slots_of(path, &claim, now);
        self.note_use(&slots, claim.full(), now);
        // Whoever waits for one of these budgets comes first.
        let mut blocked_on = self.busy(&slots);
        if blocked_on.is_none() {
            match self.attempt(&slots, &claim, environment, false) {
                Attempt::Held(held) => return Admission::Held(held),
                Attempt::Refused(refusal) => return Admission::Refused(refusal),
                Attempt::Blocked(slot) => blocked_on = Some(slot),
            }
        }
        if self.queue.len() >= self.policy.queue_limit {
            return Admission::Refused(self.refusal(&slots, &claim, now));
        }
        let id = WaiterId(self.next_waiter);
        self.next_waiter = self.next_waiter.wrapping_add(1);
        self.queue.push_back(Waiter {
            id,
            slots,
            claim,
            blocked_on,
        });
        self.count_waiting(None, blocked_on);
        self.needs = Needs {
            money: true,
            marks: true,
        };
        Admission::Waiting(id)
    }

    /// As [`Book::admit`], for whom waiting is over: it passes over those who wait.
    ///
    /// # Errors
    /// The refusal of the tightest budget; [`Refusal::AuthorityUnavailable`] if none is short.
    pub fn admit_at_once(
        &mut self,
        path: &ActorPath,
        claim: Claim,
        environment: &Environment,
    ) -> Result<Held, Refusal> {
        if self.closing {
            return Err(Refusal::Draining);
        }
        let now = environment.boot();
        let slots = self.slots_of(path, &claim, now);
        self.note_use(&slots, claim.full(), now);
        match self.attempt(&slots, &claim, environment, true) {
            Attempt::Held(held) => Ok(held),
            Attempt::Refused(refusal) => Err(refusal),
            Attempt::Blocked(_) => Err(Refusal::AuthorityUnavailable),
        }
    }

    /// Serves the queue in order; call it after anything that may have brought money.
    ///
    /// Budgets are served independently: a call is passed over only by calls that need none of
    /// the budgets which it waits for.
    pub fn pump(&mut self, environment: &Environment) -> Vec<(WaiterId, Result<Held, Refusal>)> {
        let mut served = Vec::new();
        let mut blocked: Vec<u32> = Vec::new();
        let mut index = 0;
        while let Some(waiter) = self.queue.get(index) {
            if self.closing {
                let id = waiter.id;
                self.remove_waiter(index);
                served.push((id, Err(Refusal::Draining)));
                continue;
            }
            let (id, slots) = (waiter.id, waiter.slots);
            let mut waits_for = slots.iter().find(|slot| blocked.contains(slot));
            if waits_for.is_none() {
                let claim = waiter.claim;
                match self.attempt(&slots, &claim, environment, false) {
                    Attempt::Held(held) => served.push((id, Ok(held))),
                    Attempt::Refused(refusal) => served.push((id, Err(refusal))),
                    Attempt::Blocked(slot) => {
                        blocked.push(slot);
                        waits_for = Some(slot);
                    }
                }
            }
            if waits_for.is_some() {
                self.block(index, waits_for);
                index = index.saturating_add(1);
            } else {
                self.remove_waiter(index);
            }
        }
        served
    }

    /// Ends the patience of a waiting call: it takes what there is, or is refused.
    /// `None` if it waits no more.
    pub fn expire(
        &mut self,
        id: WaiterId,
        environment: &Environment,
    ) -> Option<Result<Held, Refusal>> {
        let index = self.queue.iter().position(|waiter| waiter.id == id)?;
        let waiter = self.remove_waiter(index)?;
        match self.attempt(&waiter.slots, &waiter.claim, environment, true) {
            Attempt::Held(held) => Some(Ok(held)),
            Attempt::Refused(refusal) => Some(Err(refusal)),
            Attempt::Blocked(_) => Some(Err(Refusal::AuthorityUnavailable)),
        }
    }

    /// Takes a call out of the queue whose caller has gone.
    pub fn abandon(&mut self, id: WaiterId) {
        if let Some(index) = self.queue.iter().position(|waiter| waiter.id == id) {
            self.remove_waiter(index);
        }
    }

    /// Replaces a hold by what the attempt cost; zero releases it.
    ///
    /// A hold that is not known, because it was settled before, changes nothing.
    pub fn settle(&mut self, id: u64, cost: Amounts) -> Settlement {
        let Some(hold) = self.holds.remove(&id) else {
            return Settlement::default();
        };
        let mut above_held = Amounts::money(cost.money.minus_or_zero(hold.amount.money));
        for leg in hold.legs.iter() {
            let (held, cost) = (hold.amount.of(leg.unit), cost.of(leg.unit));
            if cost > held {
                above_held = above_held.with(leg.unit, cost.saturating_sub(held));
            }
            let Some(pocket) = seat_mut(&mut self.pockets, leg.slot) else {
                continue;
            };
            self.rounds.stir(leg.slot, pocket);
            if let Some(account) = pocket.account_mut(leg.lease) {
                account.settle(id, held, cost);
            }
        }
        Settlement { above_held }
    }

    /// Numbers a hold whose money lies in leases that are not of this instance.
    pub fn note_elsewhere(&mut self, cap: u64, amount: Money, at: &[(LeaseId, Scope)]) -> Held {
        let mut legs = Legs::default();
        for (lease, scope) in at {
            legs.push(Leg {
                slot: ELSEWHERE,
                lease: *lease,
                scope: *scope,
                unit: Unit::Usd,
            });
        }
        let id = self.next_hold;
        self.next_hold = self.next_hold.wrapping_add(1);
        self.holds.insert(
            id,
            OpenHold {
                legs,
                amount: Amounts::money(amount),
                reserve: None,
            },
        );
        Held {
            id,
            legs,
            cap,
            amount: Amounts::money(amount),
            deadline: BootInstant::from_nanos(u64::MAX),
        }
    }

    /// Keeps the frame of a hold for snapshots.
    pub fn reserved(&mut self, id: u64, frame: Vec<u8>) {
        if let Some(hold) = self.holds.get_mut(&id) {
            hold.reserve = Some(frame);
        }
    }

    /// What should be seen to soon; asking clears it.
    pub fn take_needs(&mut self) -> Needs {
        std::mem::take(&mut self.needs)
    }

    /// What is left of a budget as far as this instance knows; `None` without a limit.
    pub fn remaining(&self, scope: Scope, unit: Unit) -> Option<i64> {
        let pocket = self.pocket(*self.slots.get(&(scope, unit))?)?;
        pocket.remaining()
    }

    /// Whether calls wait.
    pub fn has_waiters(&self) -> bool {
        !self.queue.is_empty()
    }

    /// How many holds are open.
    pub fn open_holds(&self) -> usize {
        self.holds.len()
    }

    /// One try. `last`: waiting is over.
    fn attempt(
        &mut self,
        slots: &Slots,
        claim: &Claim,
        environment: &Environment,
        last: bool,
    ) -> Attempt {
        let now = environment.boot();
        let mut free = ENDLESS;
        let mut hope: Option<u32> = None;
        let mut contenders = 1;
        for slot in slots.iter() {
            let Some(pocket) = self.pocket_mut(slot) else {
                continue;
            };
            pocket.turn(now);
            let here = pocket.free(now);
            let unit = pocket.place.unit;
            let (full, least) = (claim.full().of(unit), claim.least().of(unit));
            if here < full {
                contenders = contenders.max(pocket.waiting);
                match pocket.outlook(now) {
                    Outlook::Coming => hope = hope.or(Some(slot)),
                    Outlook::Settling if pocket.ceiling(now) < least => {
                        return Attempt::Refused(self.refusal(slots, claim, now));
                    }
                    // Whoever takes any part waits only if there is none.
                    Outlook::Settling if claim.is_of_time() && here >= least => {}
                    // Waiting may bring the whole bound, or at least the floor.
                    Outlook::Settling if pocket.ceiling(now) >= full || here < least => {
                        hope = hope.or(Some(slot));
                    }
                    Outlook::Settling => {}
                    Outlook::Spent if here < least => {
                        return Attempt::Refused(self.refusal(slots, claim, now));
                    }
                    Outlook::Spent => {}
                }
            }
            if here < free.of(unit) {
                free = free.with(unit, here);
            }
        }
        let (full, least) = (claim.full(), claim.least());
        if free.covers(&full) {
            return self.debit(slots, claim.cap(), full, environment);
        }
        match hope {
            Some(slot) if !last => return Attempt::Blocked(slot),
            _ => {}
        }
        if !free.covers(&least) || least == full {
            return Attempt::Refused(self.refusal(slots, claim, now));
        }
        match claim.within(share(free, contenders, least)) {
            Some((cap, amount)) => self.debit(slots, cap, amount, environment),
            None => Attempt::Refused(self.refusal(slots, claim, now)),
        }
    }

    /// Debits every leg, then looks at the clock again: a deadline may have passed meanwhile.
    fn debit(
        &mut self,
        slots: &Slots,
        cap: u64,
        amount: Amounts,
        environment: &Environment,
    ) -> Attempt {
        let mut legs = Legs::default();
        let mut deadline = BootInstant::from_nanos(u64::MAX);
        let mut needs = self.needs;
        for slot in slots.iter() {
            let Some(pocket) = seat_mut(&mut self.pockets, slot) else {
                continue;
            };
            self.rounds.stir(slot, pocket);
            let Some(account) = &mut pocket.current else {
                continue;
            };
            let Place { scope, unit, .. } = pocket.place;
            account.hold(amount.of(unit));
            deadline = deadline.min(account.deadline);
            needs.money |= account.unheld() < pocket.low_water;
            let is_low = account.watermark_asked.saturating_sub(account.used()) < pocket.low_mark;
            legs.push(Leg {
                slot,
                lease: account.lease,
                scope,
                unit,
            });
            if is_low {
                needs.marks = true;
                self.rounds.lower(slot, pocket);
            }
        }
        let id = self.next_hold;
        self.next_hold = self.next_hold.wrapping_add(1);
        self.holds.insert(
            id,
            OpenHold {
                legs,
                amount,
                reserve: None,
            },
        );
        self.needs = needs;
        if environment.boot() >= deadline {
            self.settle(id, Amounts::ZERO);
            self.needs.money = true;
            return slots.iter().next().map_or(
                Attempt::Refused(Refusal::AuthorityUnavailable),
                Attempt::Blocked,
            );
        }
        Attempt::Held(Held {
            id,
            legs,
            cap,
            amount,
            deadline,
        })
    }

    /// The refusal of the tightest budget, with its facts: of the one that has the smallest part
    /// of what is needed at the least, together with what may come back from elsewhere.
    fn refusal(&self, slots: &Slots, claim: &Claim, now: BootInstant) -> Refusal {
        let short = |slot| {
            let pocket = self.pocket(slot)?;
            let (free, needed) = (pocket.free(now), claim.least().of(pocket.place.unit));
            let is_short = free < needed && (pocket.has_no_room_for(needed) || pocket.is_dry(now));
            is_short.then_some((pocket, pocket.prospect(now), needed))
        };
        let tightest = slots.iter().filter_map(short).min_by(|a, b| {
            let part = |of: i64, other: i64| i128::from(of).saturating_mul(i128::from(other));
            part(a.1, b.2).cmp(&part(b.1, a.2))
        });
        // Where no budget is short, it is the money that has not come.
        tightest.map_or(Refusal::AuthorityUnavailable, |(pocket, _, needed)| {
            Refusal::Budget(Box::new(pocket.shortfall(needed, now)))
        })
    }

    /// Whether there may be money at hand that no call holds: what is idle for longer was given
    /// back.
    pub fn is_in_use(&self, environment: &Environment) -> bool {
        let now = environment.boot();
        self.last_used
            .is_some_and(|at| now.since(at) < self.policy.return_after)
    }

    fn note_use(&mut self, slots: &Slots, full: Amounts, now: BootInstant) {
        self.last_used = Some(now);
        for slot in slots.iter() {
            if let Some(pocket) = seat_mut(&mut self.pockets, slot) {
                pocket.largest = pocket.largest.max(full.of(pocket.place.unit));
                pocket.last_used = now;
            }
        }
    }

    fn slots_of(&mut self, path: &ActorPath, claim: &Claim, now: BootInstant) -> Slots {
        let mut slots = Slots {
            slots: [None; MAX_LEGS],
        };
        let mut seats = slots.slots.iter_mut();
        if !claim.is_of_time() {
            for (scope, seat) in path.scopes().zip(seats.by_ref()) {
                *seat = Some(self.slot(scope, Unit::Usd, now));
            }
        }
        if let (Some(unit), Some(seat)) = (claim.own(), seats.next()) {
            *seat = Some(self.slot(Scope::Agent(path.agent), unit, now));
        }
        slots
    }

    /// The pocket of a budget, made if there is none.
    pub(super) fn slot(&mut self, scope: Scope, unit: Unit, now: BootInstant) -> u32 {
        if let Some(slot) = self.slots.get(&(scope, unit)) {
            return *slot;
        }
        let pocket = Pocket::new(
            Place {
                tenant: self.tenant,
                scope,
                unit,
            },
            now,
        );
        let slot = match self.rounds.take_vacant() {
            Some(slot) => slot,
            None => {
                self.pockets.push(None);
                u32::try_from(self.pockets.len().saturating_sub(1)).unwrap_or(u32::MAX)
            }
        };
        if let Some(seat) = usize::try_from(slot)
            .ok()
            .and_then(|i| self.pockets.get_mut(i))
        {
            *seat = Some(pocket);
        }
        self.slots.insert((scope, unit), slot);
        slot
    }

    pub(super) fn pocket(&self, slot: u32) -> Option<&Pocket> {
        self.pockets.get(usize::try_from(slot).ok()?)?.as_ref()
    }

    pub(super) fn pocket_mut(&mut self, slot: u32) -> Option<&mut Pocket> {
        seat_mut(&mut self.pockets, slot)
    }

    /// The first pocket on a path that calls wait for.
    fn busy(&self, slots: &Slots) -> Option<u32> {
        slots
            .iter()
            .find(|slot| self.pocket(*slot).is_some_and(|pocket| pocket.waiting > 0))
    }

    /// Moves a waiter's mark to the pocket that now holds it up.
    fn block(&mut self, index: usize, slot: Option<u32>) {
        let Some(waiter) = self.queue.get_mut(index) else {
            return;
        };
        let before = std::mem::replace(&mut waiter.blocked_on, slot);
        self.count_waiting(before, slot);
    }

    fn count_waiting(&mut self, before: Option<u32>, after: Option<u32>) {
        if let Some(pocket) = before.and_then(|slot| self.pocket_mut(slot)) {
            pocket.waiting = pocket.waiting.saturating_sub(1);
        }
        if let Some(pocket) = after.and_then(|slot| self.pocket_mut(slot)) {
            pocket.waiting = pocket.waiting.saturating_add(1);
        }
    }

    fn remove_waiter(&mut self, index: usize) -> Option<Waiter> {
        let waiter = self.queue.remove(index)?;
        self.count_waiting(waiter.blocked_on, None);
        Some(waiter)
    }
}

/// The pocket in a seat; a function, so that the rest of the book can be used beside it.
pub(super) fn seat_mut(pockets: &mut [Option<Pocket>], slot: u32) -> Option<&mut Pocket> {
    pockets.get_mut(usize::try_from(slot).ok()?)?.as_mut()
}
