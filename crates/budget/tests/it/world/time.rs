//! The time that an agent works, counted by the clock of the world.

use std::collections::HashSet;

use iron_runtime::wallet::Stint;

use super::*;

const FIRST_MS: i64 = 2_000;
const NEXT_MS: i64 = 1_000;
const FETCH_BELOW: Duration = Duration::from_millis(2_500);

/// The clock of the first agent in one process.
#[derive(Default)]
pub(super) struct Work {
    /// How many of its calls are open.
    open: usize,
    running: Option<Running>,
    carried: Duration,
    pub(super) waiting: HashSet<WaiterId>,
    /// What was settled, and what has passed by the clock of the world.
    settled_ms: i64,
    worked: Duration,
}

struct Running {
    stint: Stint<Held>,
    begun: BootInstant,
}

/// A time quota for the first agent, in milliseconds.
pub(super) async fn limit(
    db: &Db,
    limits: &Limits,
    authorised: &Authorised,
    path: &ActorPath,
    millis: i64,
    period: Period,
) -> (Purse, i64) {
    let mut tx = db.begin().await.expect("begins");
    put(&mut tx, limits, authorised, path, millis, Some(period)).await;
    tx.commit().await.expect("commits");
    (purse(path), millis)
}

async fn put(
    tx: &mut iron_store::Tx,
    limits: &Limits,
    authorised: &Authorised,
    path: &ActorPath,
    millis: i64,
    period: Option<Period>,
) {
    let set = SetBudget {
        limit: Some(Some(Money::from_nanos(millis))),
        period,
        ..SetBudget::default()
    };
    limits
        .put_quota_in(tx, authorised, path.agent, Unit::ExecutionTime, &set)
        .await
        .expect("the quota is set");
}

const fn purse(path: &ActorPath) -> Purse {
    (Scope::Agent(path.agent), Unit::ExecutionTime)
}

impl World {
    /// Another quota is set, and the runtime is told at once.
    pub(crate) async fn set_time(&mut self, millis: i64) {
        let path = self.paths[0];
        let mut tx = self.shared.db().begin().await.expect("begins");
        put(&mut tx, &self.limits, &self.authorised, &path, millis, None).await;
        tx.commit().await.expect("commits");
        self.in_force.insert(purse(&path), millis);
        self.limit_was_set(purse(&path));
        // What is held may still be used.
        for (slice, _) in self.slices() {
            let place = self.place_of(&slice);
            let billed = self.billed.get(&place).copied().unwrap_or(0);
            *self.owed_before.entry(place).or_insert(billed) += slice.amount.millis;
        }
    }

    /// A call begins.
    pub(crate) fn work(&mut self) {
        self.process.work.open += 1;
        if self.process.work.running.is_none() && self.process.work.waiting.is_empty() {
            self.ask_for_time(FIRST_MS);
        }
    }

    /// A call ends.
    pub(crate) fn rest(&mut self) {
        let work = &mut self.process.work;
        work.open = work.open.saturating_sub(1);
        if work.open == 0
            && let Some(running) = work.running.take()
        {
            self.end_work(running);
        }
    }

    /// All calls end.
    pub(super) fn stop_work(&mut self) {
        self.process.work.open = self.process.work.open.min(1);
        self.rest();
    }

    pub(crate) fn is_at_work(&self) -> bool {
        self.process.work.running.is_some()
    }

    /// As whoever keeps the clock does, again and again.
    pub(super) fn look_at_the_clock(&mut self) {
        let now = self.world.environment.boot();
        let Some(running) = &mut self.process.work.running else {
            return;
        };
        let passed = running.stint.passed(now);
        self.settle_slices(passed);
        while let Some(end) = self.held_until()
            && end <= now
        {
            let claim = Claim::time(NEXT_MS);
            let (book, path) = (&mut self.process.book, self.paths[0]);
            match book.admit_at_once(&path, claim, &self.world.environment) {
                Ok(held) => self.take_slice(held),
                Err(refusal) => {
                    self.refusals.push(refusal);
                    self.stop_work();
                    return;
                }
            }
            let running = self.process.work.running.as_mut().expect("it runs");
            let passed = running.stint.passed(now);
            self.settle_slices(passed);
        }
        let ahead = self.held_until().map(|end| end.since(now));
        if ahead.is_some_and(|ahead| ahead < FETCH_BELOW) && self.process.work.waiting.is_empty() {
            self.ask_for_time(NEXT_MS);
        }
    }

    fn held_until(&self) -> Option<BootInstant> {
        let running = self.process.work.running.as_ref()?;
        Some(running.stint.ends_at())
    }

    fn ask_for_time(&mut self, millis: i64) {
        let (book, path) = (&mut self.process.book, self.paths[0]);
        match book.admit(&path, Claim::time(millis), &self.world.environment) {
            Admission::Held(held) => self.take_slice(held),
            Admission::Refused(refusal) => self.no_time(refusal),
            Admission::Waiting(id) => {
                self.process.work.waiting.insert(id);
            }
        }
    }

    /// Those who wait for the clock to start are sent away; one that runs goes on as it can.
    pub(super) fn no_time(&mut self, refusal: Refusal) {
        self.refusals.push(refusal);
        let work = &mut self.process.work;
        if work.running.is_none() {
            work.open = 0;
        }
    }

    pub(super) fn take_slice(&mut self, held: Held) {
        let now = self.world.environment.boot();
        assert!(
            now < held.deadline,
            "nothing is held at or after the deadline"
        );
        let (tenant, call) = (self.paths[0].tenant, self.world.environment.new_id());
        let frame = Reserve::encode(tenant, &held, call, 0, b"");
        self.process.book.reserved(held.id, frame.clone());
        self.disk.push(Frame::Reserve(frame));
        let work = &mut self.process.work;
        if work.open == 0 {
            // It came too late.
            return self.settle_slices(vec![(held, 0)]);
        }
        let running = work.running.get_or_insert_with(|| Running {
            stint: Stint::begin(now, std::mem::take(&mut work.carried)),
            begun: now,
        });
        running.stint.add(held, held.amount.millis);
    }

    fn end_work(&mut self, running: Running) {
        let now = self.world.environment.boot();
        let counted = now.min(running.stint.ends_at());
        let (slices, over) = running.stint.end(now);
        self.process.work.worked += counted.since(running.begun);
        self.process.work.carried = over;
        self.settle_slices(slices);
        let work = &self.process.work;
        let settled = Duration::from_millis(u64::try_from(work.settled_ms).expect("positive"));
        assert_eq!(settled + work.carried, work.worked);
    }

    fn settle_slices(&mut self, slices: Vec<(Held, i64)>) {
        for (held, millis) in slices {
            assert!(millis <= held.amount.millis, "no more than was held");
            let (key, cost) = (held.key().expect("it has legs"), Amounts::millis(millis));
            self.disk
                .push(Frame::Release(Release { key, cost }.encode()));
            self.process.book.settle(held.id, cost);
            self.process.work.settled_ms += millis;
            let place = self.place_of(&held);
            *self.billed.entry(place).or_default() += millis;
        }
        self.nothing_is_overspent();
        self.pump();
    }

    fn place_of(&self, slice: &Held) -> Place {
        let leg = slice.legs.iter().next().expect("it has one");
        (leg.scope, leg.unit, self.spans[&leg.lease])
    }

    /// The slices that are held, each with what has passed of it.
    fn slices(&self) -> Vec<(Held, i64)> {
        let now = self.world.environment.boot();
        let running = self.process.work.running.as_ref();
        running.map_or_else(Vec::new, |running| running.stint.clone().end(now).0)
    }

    /// What has passed of the slices has passed, though nobody writes it down any more. Gives what
    /// they hold.
    pub(super) fn work_ends_unwritten(&mut self) -> Amounts {
        let mut held = Amounts::ZERO;
        for (slice, millis) in self.slices() {
            let place = self.place_of(&slice);
            *self.billed.entry(place).or_default() += millis;
            held = plus(held, slice.amount);
        }
        self.nothing_is_overspent();
        held
    }

    /// What is left of the time can be used.
    pub(crate) async fn the_rest_of_the_time_is_usable(&mut self) {
        let agent = self.paths[0].agent;
        let quotas = self.limits.quotas(&self.authorised, agent).await;
        let quotas = quotas.expect("they are read");
        let mut time = quotas
            .iter()
            .filter(|quota| quota.unit == Unit::ExecutionTime);
        let time = time.next().expect("there is one");
        let used = time.settled.nanos() + time.suspense.nanos();
        let left = time.limit.map_or(i64::MAX, |limit| limit.nanos() - used);
        self.work();
        for _ in 0..4 {
            self.round().await;
        }
        assert_eq!(self.is_at_work(), left > 0, "{left} ms are left");
        self.stop_work();
    }
}
