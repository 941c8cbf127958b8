//! A ledger, one process that spends from it, the network between them and the disk beneath,
//! each of which can fail; and the provider's own count of what it was owed.

mod crash;
mod pool;
mod process;
mod time;
mod tokens;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use iron_audit::{Audit, Authorised, Credential, Grounds, Reach, RequestFacts, Role};
use iron_budget::{BudgetStatus, Enrolment, Error, Ledger, Limits, MIGRATIONS, SetBudget, Terms};
use iron_primitives::{
    ActorPath, BootInstant, InstanceId, LeaseId, Money, Period, Refusal, Schedule, Scope, TenantId,
    Timestamp, Unit, UnitPrice,
};
use iron_runtime::authority::{Exchange, ExchangeReply};
use iron_runtime::wallet::{
    Admission, Amounts, Book, Claim, Entry, Held, LeaseMark, LeaseNote, Link, Owner, Policy,
    ProcessNote, RecordedAttempt, RecordedAttempts, RecordedHold, RecordedLeg, Release, Replay,
    Reserve, Snapshot, WaiterId,
};
use iron_store::Db;
use iron_testkit::TestEnvironment;

pub(crate) use pool::Shared;
use process::{boot_id, record_of, record_of_orphan};
use time::Work;
use tokens::{above, part_of, plus};

/// One unit of money in these tests, in nano-dollars: a thousandth of a cent.
pub(crate) const UNIT: i64 = 10_000;

/// A call that somebody wants to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// Which agent.
    pub(crate) agent: usize,
    /// Input and fees, in units.
    pub(crate) fixed: i64,
    /// Output cap; one unit a token.
    pub(crate) cap: u64,
    /// The least cap.
    pub(crate) floor: u64,
    /// How much of what is held it will cost, in percent; more than 100 is a provider that
    /// does not keep to the cap.
    pub(crate) percent: i64,
}

/// A call that was sent.
#[derive(Debug, Clone, Copy)]
struct Call {
    held: Held,
    bill: Amounts,
    recorded: bool,
}

/// A frame on the disk.
#[derive(Debug, Clone)]
enum Frame {
    Reserve(Vec<u8>),
    Release(Vec<u8>),
    Lease(Vec<u8>),
    Snapshot(Vec<u8>),
    Record(Vec<u8>),
}

impl Frame {
    fn entry(&self) -> Entry<'_> {
        match self {
            Frame::Reserve(bytes) => Entry::Reserve(bytes),
            Frame::Release(bytes) => Entry::Release(bytes),
            Frame::Lease(bytes) => Entry::Lease(bytes),
            Frame::Snapshot(bytes) => Entry::Snapshot(bytes),
            Frame::Record(bytes) => Entry::Record(bytes),
        }
    }
}

/// A message on its way, and the process that it belongs to.
#[derive(Debug, Clone)]
struct Message<T> {
    body: T,
    asked_at: BootInstant,
    complete: bool,
    process: u64,
}

struct Process {
    book: Book,
    link: Link,
    calls: Vec<Call>,
    waiting: HashMap<WaiterId, Wish>,
    work: Work,
    /// Watermarks on their way to the disk, with the length that must be durable.
    marks: Vec<(usize, Vec<LeaseMark>)>,
}

/// One budget: whose, and what it counts.
pub(crate) type Purse = (Scope, Unit);
/// What is known of one budget in one period.
type Place = (Scope, Unit, Timestamp);

/// Everything.
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) limits: Limits,
    pub(crate) world: TestEnvironment,
    pub(crate) authorised: Authorised,
    pub(crate) paths: Vec<ActorPath>,
    instance: InstanceId,
    boot: u32,
    process: Process,
    disk: Vec<Frame>,
    durable: usize,
    /// What a snapshot must look back to.
    snapshot_since: usize,
    requests: Vec<Message<Exchange>>,
    replies: Vec<Message<ExchangeReply>>,
    spans: HashMap<LeaseId, Timestamp>,
    /// What the provider was owed.
    pub(crate) billed: BTreeMap<Place, i64>,
    /// The limits in force.
    pub(crate) in_force: BTreeMap<Purse, i64>,
    /// What was owed already when a limit was set.
    pub(crate) owed_before: BTreeMap<Place, i64>,
    /// What crashes may at the most have forfeited.
    pub(crate) forfeit: BTreeMap<Purse, i64>,
    /// What was billed above a hold.
    pub(crate) lies: Amounts,
    /// The part of that which a crash kept us from hearing of.
    pub(crate) unheard: Amounts,
    settled_before: BTreeMap<Place, i64>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) shared: Shared,
}

/// Somebody who may do everything in a tenant.
pub(crate) fn admin(world: &TestEnvironment, tenant: TenantId) -> Authorised {
    let environment = &world.environment;
    Authorised::attest(Grounds {
        tenant,
        user: environment.new_id(),
        role: Role::Admin,
        credential: Credential::Session(environment.new_id()),
        reach: Reach::Tenant,
        platform_admin: false,
        request: RequestFacts {
            request_id: environment.new_id(),
            method: "PUT".to_owned(),
            endpoint: "/api/v1/limits".to_owned(),
            ip: None,
            user_agent: None,
            trace_id: None,
        },
    })
}

/// The ledger in an empty database.
pub(crate) async fn ledger_in(db: &Db, world: &TestEnvironment, instance: InstanceId) -> Ledger {
    ledger_with(db, world, instance, Terms::default()).await
}

/// As [`ledger_in`], with terms of its own.
pub(crate) async fn ledger_with(
    db: &Db,
    world: &TestEnvironment,
    instance: InstanceId,
    terms: Terms,
) -> Ledger {
    db.migrate(&[iron_audit::MIGRATIONS, MIGRATIONS])
        .await
        .expect("the tables are made");
    let audit = Audit::new(db.clone(), instance, world.environment.clone());
    Ledger::new(db.clone(), audit, world.environment.clone(), terms)
}

/// A period with a schedule.
pub(crate) fn custom(cron: &str, timezone: &str) -> Period {
    Period::Custom(Schedule::new(cron, timezone).expect("a schedule"))
}

/// A path of agent, user, project and tenant.
pub(crate) fn path_in(world: &TestEnvironment, above: Option<&ActorPath>) -> ActorPath {
    let environment = &world.environment;
    match above {
        Some(path) => ActorPath {
            agent: environment.new_id(),
            ..*path
        },
        None => ActorPath {
            pool: None,
            tenant: environment.new_id(),
            project: environment.new_id(),
            team: None,
            user: environment.new_id(),
            agent: environment.new_id(),
        },
    }
}

impl World {
    /// Three agents under one user, project and tenant. Limits in units; the user has none.
    pub(crate) async fn new(
        db: Db,
        seed: u64,
        agent: i64,
        project: i64,
        tenant: i64,
        period: Period,
    ) -> World {
        let world = TestEnvironment::seeded(seed);
        let instance: InstanceId = world.environment.new_id();
        let ledger = ledger_in(&db, &world, instance).await;
        let limits = Limits::new(ledger.clone());
        let first = path_in(&world, None);
        let mut paths = vec![first];
        paths.extend((0..2).map(|_| path_in(&world, Some(&first))));
        let authorised = admin(&world, first.tenant);
        let mut in_force = BTreeMap::new();
        let mut tx = db.begin().await.expect("begins");
        let mut rows: Vec<(Scope, Option<i64>)> = paths
            .iter()
            .map(|path| (Scope::Agent(path.agent), Some(agent)))
            .collect();
        rows.push((Scope::User(first.user), None));
        rows.push((Scope::Project(first.project), Some(project)));
        rows.push((Scope::Tenant(first.tenant), Some(tenant)));
        for (scope, limit) in rows {
            let money = limit.map(|units| Money::from_nanos(units * UNIT));
            limits
                .create_row(&mut tx, first.tenant, scope, money, period.clone())
                .await
                .expect("a scope is born");
            if let Some(money) = money {
                in_force.insert((scope, Unit::Usd), money.nanos());
            }
        }
        tx.commit().await.expect("commits");
        let tokens = tokens::limit(&db, &limits, &authorised, &paths, agent, period.clone());
        in_force.extend(tokens.await);
        let time = time::limit(&db, &limits, &authorised, &first, agent * 2, period).await;
        in_force.extend([time]);
        let (shared, caps) = Shared::found(&db, &limits, &authorised, &mut paths, project).await;
        in_force.extend(caps);
        let process = Process::begin(
            &ledger,
            &world,
            first.tenant,
            instance,
            0,
            Replay::default(),
        )
        .await;
        let disk = vec![process.introduction(0)];
        World {
            ledger,
            limits,
            world,
            authorised,
            paths,
            instance,
            boot: 0,
            process,
            disk,
            durable: 1,
            snapshot_since: 0,
            requests: Vec::new(),
            replies: Vec::new(),
            spans: HashMap::new(),
            billed: BTreeMap::new(),
            in_force,
            owed_before: BTreeMap::new(),
            forfeit: BTreeMap::new(),
            lies: Amounts::ZERO,
            unheard: Amounts::ZERO,
            settled_before: BTreeMap::new(),
            refusals: Vec::new(),
            shared,
        }
    }

    /// Somebody wants to make a call.
    pub(crate) fn admit(&mut self, wish: Wish) {
        let path = self.paths[wish.agent % self.paths.len()];
        let claim = Claim::new(
            Money::from_nanos(wish.fixed * UNIT),
            UnitPrice::from_picos(u64::try_from(UNIT).expect("positive") * 1_000),
            wish.cap,
            wish.floor,
        )
        .expect("in range");
        let claim = match self.counts_tokens(&path) {
            true => claim.counting(u64::try_from(wish.fixed).expect("positive"), 1),
            false => claim,
        };
        match self
            .process
            .book
            .admit(&path, claim, &self.world.environment)
        {
            Admission::Held(held) => self.send(held, wish),
            Admission::Refused(refusal) => self.refusals.push(refusal),
            Admission::Waiting(id) => {
                self.process.waiting.insert(id, wish);
            }
        }
    }

    /// Writes the reserve and sends: from here on the provider counts.
    fn send(&mut self, held: Held, wish: Wish) {
        let now = self.world.environment.boot();
        assert!(
            now < held.deadline,
            "nothing is admitted at or after the deadline"
        );
        let path = self.paths[wish.agent % self.paths.len()];
        let frame = Reserve::encode(
            path.tenant,
            &held,
            self.world.environment.new_id(),
            1,
            b"facts",
        );
        self.process.book.reserved(held.id, frame.clone());
        self.disk.push(Frame::Reserve(frame));
        let bill = part_of(&held.amount, wish.percent);
        self.lies = plus(self.lies, above(bill, held.amount));
        self.shared.caps_are_nested(&held);
        for leg in held.legs.iter() {
            let starts_at = self.spans[&leg.lease];
            *self
                .billed
                .entry((leg.scope, leg.unit, starts_at))
                .or_default() += bill.of(leg.unit);
        }
        self.process.calls.push(Call {
            held,
            bill,
            recorded: false,
        });
        self.nothing_is_overspent();
    }

    /// I1: the provider's own count never passes the limit in force, or what was owed when it
    /// was set, unless the provider lied.
    fn nothing_is_overspent(&self) {
        for (place, billed) in &self.billed {
            if let Some(limit) = self.in_force.get(&(place.0, place.1)) {
                let before = self.owed_before.get(place).copied().unwrap_or(0);
                let allowed = before.max(*limit) + self.lies.of(place.1);
                assert!(
                    *billed <= allowed,
                    "{}: billed {billed} of {allowed}",
                    place.0
                );
            }
        }
    }

    /// Appends the record of a call that is under way.
    pub(crate) fn record(&mut self, index: usize) {
        let count = self.process.calls.len();
        if count == 0 {
            return;
        }
        let call = &mut self.process.calls[index % count];
        if call.recorded {
            return;
        }
        call.recorded = true;
        self.disk.push(Frame::Record(record_of(call)));
    }

    /// Settles a call after its record.
    pub(crate) fn settle(&mut self, index: usize) {
        let count = self.process.calls.len();
        if count == 0 {
            return;
        }
        self.record(index);
        let call = self.process.calls.remove(index % count);
        let settlement = self.process.book.settle(call.held.id, call.bill);
        let above = above(call.bill, call.held.amount);
        assert_eq!(settlement.above_held, above, "what is above a hold is told");
        self.pump();
    }

    /// Holds money for a call that then is not sent.
    pub(crate) fn hold_and_release(&mut self, wish: Wish) {
        let before = self.process.calls.len();
        let billed = self.billed.clone();
        let lies = self.lies;
        self.admit(Wish { percent: 0, ..wish });
        if self.process.calls.len() > before {
            let call = self.process.calls.pop().expect("just pushed");
            self.billed = billed;
            self.lies = lies;
            let key = call.held.key().expect("it has legs");
            let cost = Amounts::ZERO;
            self.disk
                .push(Frame::Release(Release { key, cost }.encode()));
            self.process.book.settle(call.held.id, cost);
            self.pump();
        }
    }

    fn pump(&mut self) {
        for (id, answer) in self.process.book.pump(&self.world.environment) {
            self.answered(id, answer);
        }
    }

    fn answered(&mut self, id: WaiterId, answer: Result<Held, Refusal>) {
        if self.process.work.waiting.remove(&id) {
            match answer {
                Ok(held) => self.take_slice(held),
                Err(refusal) => self.no_time(refusal),
            }
            return;
        }
        let wish = self
            .process
            .waiting
            .remove(&id)
            .expect("only those who wait are answered");
        match answer {
            Ok(held) => self.send(held, wish),
            Err(refusal) => self.refusals.push(refusal),
        }
    }

    /// The patience of all who wait comes to its end.
    pub(crate) fn expire_waiters(&mut self) {
        let work = self.process.work.waiting.iter();
        let mut waiting: Vec<WaiterId> = self.process.waiting.keys().chain(work).copied().collect();
        waiting.sort_by_key(|id| format!("{id:?}"));
        for id in waiting {
            if let Some(answer) = self.process.book.expire(id, &self.world.environment) {
                self.answered(id, answer);
            }
        }
    }

    /// Puts an exchange on its way.
    pub(crate) fn ask(&mut self, complete: bool) {
        let asked_at = self.world.environment.boot();
        let complete = complete || self.process.link.must_be_complete(asked_at);
        let ask = self.process.book.collect(complete, &self.world.environment);
        let exchange = self.process.link.exchange(complete, [ask]);
        let silent = exchange.reports.is_empty() && exchange.wants.is_empty();
        if silent && !complete {
            return;
        }
        let process = self.process.number();
        self.requests.push(Message {
            body: exchange,
            asked_at,
            complete,
            process,
        });
    }

    /// A request arrives at the ledger; `keep`: and will arrive once more.
    pub(crate) async fn request_arrives(&mut self, index: usize, keep: bool) {
        let count = self.requests.len();
        if count == 0 {
            return;
        }
        let message = match keep {
            true => self.requests[index % count].clone(),
            false => self.requests.remove(index % count),
        };
        let Message {
            body,
            asked_at,
            complete,
            process,
        } = message;
        match self.ledger.exchange(&body).await {
            Ok(reply) => {
                for grant in &reply.grants {
                    self.spans.insert(grant.lease, grant.span.start);
                }
                self.replies.push(Message {
                    body: reply,
                    asked_at,
                    complete,
                    process,
                });
            }
            Err(Error::Superseded) => assert_ne!(process, self.process.number()),
            Err(error) => panic!("the ledger failed: {error}"),
        }
        self.counters_only_grow().await;
    }

    /// An answer arrives at the process; `keep`: and will arrive once more.
    pub(crate) fn reply_arrives(&mut self, index: usize, keep: bool) {
        let count = self.replies.len();
        if count == 0 {
            return;
        }
        let message = match keep {
            true => self.replies[index % count].clone(),
            false => self.replies.remove(index % count),
        };
        if message.process != self.process.number() {
            return;
        }
        let now = self.world.environment.boot();
        if self
            .process
            .link
            .accept(&message.body, message.complete, now)
        {
            self.process
                .book
                .apply(&message.body, message.asked_at, &self.world.environment);
            self.pump();
        }
    }

    /// A message is lost.
    pub(crate) fn lose(&mut self, index: usize) {
        self.process.link.failed();
        match (self.requests.len(), self.replies.len()) {
            (0, 0) => {}
            (0, replies) => drop(self.replies.remove(index % replies)),
            (requests, _) => drop(self.requests.remove(index % requests)),
        }
    }

    /// Writes the watermarks that are due; they count when the disk has them.
    pub(crate) fn mark(&mut self) {
        let marks = self.process.book.marks();
        if marks.is_empty() {
            return;
        }
        let note = LeaseNote {
            process: self.process.note(self.boot),
            marks: marks.clone(),
        };
        self.disk
            .push(Frame::Lease(serde_json::to_vec(&note).expect("serialises")));
        self.process.marks.push((self.disk.len(), marks));
    }

    /// The disk follows, wholly or in part.
    pub(crate) fn sync(&mut self, percent: usize) {
        let behind = self.disk.len() - self.durable;
        self.durable += behind * percent.min(100) / 100;
        let (done, waiting): (Vec<_>, Vec<_>) = self
            .process
            .marks
            .drain(..)
            .partition(|(position, _)| *position <= self.durable);
        self.process.marks = waiting;
        for (_, marks) in done {
            self.process.book.marked(&marks);
        }
        self.pump();
    }

    /// Writes the whole picture; older frames are forgotten as the journal would.
    pub(crate) fn snapshot(&mut self) {
        let since = std::mem::replace(&mut self.snapshot_since, self.disk.len());
        // A record that was appended before lies well behind, or its call has settled.
        if self.process.calls.iter().any(|call| call.recorded) {
            return;
        }
        let (leases, holds) = self.process.book.picture();
        let process = self.process.note(self.boot);
        let earlier = self.process.link.earlier().to_vec();
        let witnessed = self.process.link.witnessed().to_vec();
        let picture = Snapshot {
            process,
            leases,
            holds,
            earlier,
            witnessed,
        };
        self.disk.push(Frame::Snapshot(
            serde_json::to_vec(&picture).expect("serialises"),
        ));
        // Only what is durable may be forgotten.
        if self.durable == self.disk.len() - 1 {
            self.durable += 1;
            self.disk.drain(..since);
            self.durable -= since;
            for (position, _) in &mut self.process.marks {
                *position -= since;
            }
            self.snapshot_since -= since;
        }
    }

    /// A limit is set, in units, and the runtime is told at once.
    pub(crate) async fn set_limit(&mut self, scope: Scope, units: i64, period: Option<Period>) {
        let limit = Money::from_nanos(units * UNIT);
        let set = SetBudget {
            limit: Some(Some(limit)),
            period,
            ..SetBudget::default()
        };
        self.limits
            .put(&self.authorised, scope, &set)
            .await
            .expect("the limit is set");
        let purse = (scope, Unit::Usd);
        self.in_force.insert(purse, limit.nanos());
        self.limit_was_set(purse);
    }

    fn limit_was_set(&mut self, purse: Purse) {
        let (scope, unit) = purse;
        let owed = self
            .billed
            .iter()
            .filter(|(place, _)| (place.0, place.1) == (scope, unit));
        self.owed_before
            .extend(owed.map(|(place, billed)| (*place, *billed)));
        self.process.book.freeze(scope, &self.world.environment);
    }

    /// Time passes, and leases may expire.
    pub(crate) async fn wait(&mut self, duration: Duration) {
        self.world.clock.advance(duration);
        self.ledger.sweep().await.expect("sweeps");
        self.pump();
        self.look_at_the_clock();
    }

    /// Ends everything in good order: all calls settle, all messages of the dead are lost, and
    /// a few undisturbed exchanges follow.
    pub(crate) async fn come_to_rest(&mut self) {
        self.stop_work();
        self.expire_waiters();
        while !self.process.calls.is_empty() {
            self.settle(0);
        }
        self.requests.clear();
        self.replies.clear();
        for _ in 0..4 {
            self.wait(Duration::from_millis(1_100)).await;
            self.round().await;
        }
    }

    /// One undisturbed exchange, and the disk follows.
    pub(crate) async fn round(&mut self) {
        self.round_with(0).await;
    }

    /// As [`World::round`], while the first `late` answers stay on their way.
    pub(crate) async fn round_with(&mut self, late: usize) {
        self.process.link.failed();
        self.ask(true);
        while !self.requests.is_empty() {
            self.request_arrives(0, false).await;
        }
        while self.replies.len() > late {
            self.reply_arrives(late, false);
        }
        self.mark();
        self.sync(100);
    }

    /// How many answers are on their way.
    pub(crate) fn late_replies(&self) -> usize {
        self.replies.len()
    }

    /// The process holds no lease.
    pub(crate) fn nothing_is_in_hand(&self) {
        let (leases, _) = self.process.book.picture();
        assert_eq!(leases, []);
    }

    /// The state of a budget.
    pub(crate) async fn status(&self, scope: Scope) -> BudgetStatus {
        self.limits
            .get(&self.authorised, scope)
            .await
            .expect("it has a budget")
    }

    /// How many calls are under way and how many wait.
    pub(crate) fn under_way(&self) -> (usize, usize) {
        (self.process.calls.len(), self.process.waiting.len())
    }

    /// All scopes there are.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self.paths.iter().flat_map(|path| path.scopes()).collect();
        // Also those that nobody stands under any more.
        scopes.extend(self.in_force.keys().map(|(scope, _)| *scope));
        scopes.extend(self.billed.keys().map(|(scope, ..)| *scope));
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }

    /// What the provider was owed in the period that begins then.
    pub(crate) fn billed_in(&self, (scope, unit): Purse, starts_at: Timestamp) -> i64 {
        let place = (scope, unit, starts_at);
        self.billed.get(&place).copied().unwrap_or(0)
    }

    /// The books balance, and settled counters only grow.
    pub(crate) async fn counters_only_grow(&mut self) {
        let found = self
            .ledger
            .check(self.paths[0].tenant)
            .await
            .expect("the books are read");
        assert_eq!(found, [], "the books agree with themselves");
        for status in self.statuses().await {
            let scope = status.scope;
            let place = (scope, status.unit, status.span.start);
            let settled = status.settled.nanos();
            let before = self.settled_before.insert(place, settled).unwrap_or(0);
            assert!(
                settled >= before,
                "{scope}: settled went from {before} to {settled}"
            );
            if let Some(limit) = status.limit {
                let used = settled + status.escrow.nanos() + status.suspense.nanos();
                let allowed = limit.nanos() + status.overdraft.nanos();
                assert!(used <= allowed, "{scope}: {used} of {allowed}");
            }
        }
    }
}
