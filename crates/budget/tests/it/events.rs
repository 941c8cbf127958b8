//! What is told of budgets: once, at once, and again only when it has become untrue meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use iron_audit::Authorised;
use iron_budget::{
    BudgetEvent, Enrolment, EventFilter, EventKind, Ledger, Limits, SetBudget, SoftLimits, Terms,
};
use iron_primitives::{ActorPath, InstanceId, Money, Period, Scope, Unit};
use iron_runtime::authority::{Exchange, Incarnation, LeaseReport, Standing, Want};
use iron_store::{Db, Page, sql};
use iron_testkit::TestEnvironment;

use crate::world::{admin, ledger_in, path_in};

/// A dollar.
const LIMIT: i64 = 1_000_000_000;
const CENT: i64 = LIMIT / 100;

/// One instance that spends a dollar of one agent.
struct Spender {
    ledger: Ledger,
    me: Incarnation,
    seen: u64,
    lease: Option<LeaseReport>,
}

struct Bank {
    db: Db,
    limits: Limits,
    world: TestEnvironment,
    authorised: Authorised,
    path: ActorPath,
    first: Spender,
}

impl Bank {
    async fn open(db: Db, period: Period) -> Bank {
        let world = TestEnvironment::new();
        let instance = world.environment.new_id();
        let ledger = ledger_in(&db, &world, instance).await;
        let limits = Limits::new(ledger.clone());
        let path = path_in(&world, None);
        let mut tx = db.begin().await.expect("begins");
        for scope in path.scopes() {
            let limit = matches!(scope, Scope::Agent(_)).then(|| Money::from_nanos(LIMIT));
            limits
                .create_row(&mut tx, path.tenant, scope, limit, period.clone())
                .await
                .expect("is born");
        }
        tx.commit().await.expect("commits");
        let authorised = admin(&world, path.tenant);
        let first = Spender::enrol(ledger, instance).await;
        Bank {
            db,
            limits,
            world,
            authorised,
            path,
            first,
        }
    }

    fn agent(&self) -> Scope {
        Scope::Agent(self.path.agent)
    }

    /// Spends so many cents through the first instance.
    async fn spend(&mut self, cents: i64) {
        let (path, agent) = (self.path, self.agent());
        self.first.spend(&path, agent, cents * CENT).await;
    }

    async fn set(&self, set: SetBudget) {
        let changed = self.limits.put(&self.authorised, self.agent(), &set).await;
        changed.expect("is set");
    }

    async fn limit(&self, cents: i64) {
        self.set(SetBudget {
            limit: Some(Some(Money::from_nanos(cents * CENT))),
            ..SetBudget::default()
        })
        .await;
    }

    /// Everything that was told, the oldest first.
    async fn events(&self) -> Vec<BudgetEvent> {
        let filter = EventFilter {
            after: Some(0),
            ..EventFilter::default()
        };
        let page = Page {
            page: 1,
            per_page: 100,
        };
        let ledger = &self.first.ledger;
        let found = ledger.events(&self.authorised, &filter, page).await;
        found.expect("are read").items
    }

    async fn percents(&self) -> Vec<u8> {
        self.events().await.iter().map(|one| one.percent).collect()
    }

    /// How often each action stands in the outbox of the audit log.
    async fn audited(&self) -> BTreeMap<String, usize> {
        let rows = sql("SELECT entry FROM audit_outbox")
            .fetch_all(&self.db)
            .await;
        let mut counts = BTreeMap::new();
        for row in rows.expect("is read") {
            let entry: String = row.get("entry").expect("a text");
            for action in ["budget.warning", "budget.exhausted", "budget.runaway"] {
                if entry.contains(action) {
                    *counts.entry(action.to_owned()).or_default() += 1;
                }
            }
        }
        counts
    }

    async fn is_reached(&self) -> bool {
        let scopes = [self.agent()];
        let reached = self.first.ledger.reached(&scopes).await;
        !reached.expect("is read").is_empty()
    }
}

impl Spender {
    async fn enrol(ledger: Ledger, instance: InstanceId) -> Spender {
        let enrolment = Enrolment {
            instance,
            boot_id: "boot".to_owned(),
            at_least: 0,
            seen: 0,
        };
        let me = ledger.enrol(&enrolment).await.expect("enrols");
        Spender {
            ledger,
            me,
            seen: 0,
            lease: None,
        }
    }

    async fn say(&mut self, reports: Vec<LeaseReport>, wants: Vec<Want>) -> Option<LeaseReport> {
        let exchange = Exchange {
            from: self.me,
            seen: self.seen,
            reports,
            complete: false,
            witnessed: Vec::new(),
            wants,
        };
        let reply = self.ledger.exchange(&exchange).await.expect("an answer");
        self.seen = reply.sequence;
        reply.grants.first().map(|grant| LeaseReport {
            lease: grant.lease,
            tenant: grant.tenant,
            scope: grant.scope,
            unit: grant.unit,
            span: grant.span,
            granted: grant.granted,
            settled: 0,
            returned: 0,
            held: 0,
            standing: Standing::Open,
        })
    }

    async fn want(&mut self, path: &ActorPath, scope: Scope, nanos: i64) {
        let want = Want {
            tenant: path.tenant,
            scope,
            unit: Unit::Usd,
            amount: nanos,
            exact: nanos,
            least: 0,
            known: self.lease.map(|lease| (lease.lease, lease.granted)),
            ahead: false,
        };
        if let Some(told) = self.say(Vec::new(), vec![want]).await {
            let settled = self.lease.map_or(0, |lease| lease.settled);
            self.lease = Some(LeaseReport { settled, ..told });
        }
    }

    async fn spend(&mut self, path: &ActorPath, scope: Scope, nanos: i64) {
        self.want(path, scope, nanos).await;
        let mut lease = self.lease.expect("a lease");
        lease.settled += nanos;
        self.lease = Some(lease);
        self.say(vec![lease], Vec::new()).await;
    }
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

impl Bank {
    /// What was told and still holds is what is true, and nothing was told twice.
    async fn tells_the_truth(&self) {
        let status = self.limits.get(&self.authorised, self.agent()).await;
        let status = status.expect("a budget");
        let (limit, used) = (status.limit.expect("a limit"), status.spent());
        let part = i128::from(limit.nanos());
        let is_true = |percent: u8| i128::from(used.nanos()) * 100 >= part * i128::from(percent);
        let all = status.soft_limits.percents().chain([100]);
        let events = self.events().await;
        let told: BTreeMap<u8, usize> = events.iter().filter(|one| one.cleared_at.is_none()).fold(
            BTreeMap::new(),
            |mut told, one| {
                *told.entry(one.percent).or_default() += 1;
                told
            },
        );
        assert!(told.values().all(|count| *count == 1), "{told:?}");
        for percent in all.filter(|percent| is_true(*percent)) {
            assert!(
                told.contains_key(&percent),
                "{percent} of {limit} at {used}"
            );
        }
        // In the last hundredth the limit stays reached.
        let still = |percent: u8| is_true(percent) || percent == 100 && is_true(99);
        assert!(
            told.keys().all(|percent| still(*percent)),
            "{told:?} of {limit} at {used}"
        );
        let numbers: Vec<i64> = events.iter().map(|one| one.sequence).collect();
        let expected: Vec<i64> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, expected);
    }
}

iron_store::both_engines! {
    async fn whatever_is_spent_and_set_what_is_told_is_true_and_told_once(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let mut dice = Dice(20_261_122);
        let mut limit = 100;
        for _ in 0..60 {
            let status = bank.limits.get(&bank.authorised, bank.agent()).await.expect("a budget");
            let left = (limit * CENT - status.spent().nanos()) / CENT;
            match dice.roll(4) {
                0 | 1 if left > 0 => bank.spend(1 + dice.roll(left)).await,
                2 => {
                    let soft = (0..dice.roll(5)).map(|_| u8::try_from(1 + dice.roll(98)).expect("small"));
                    let soft = SoftLimits::new(soft.collect::<Vec<_>>());
                    // Warnings at percentages that nobody asks for any more stay told.
                    bank.set(SetBudget { soft_limits: Some(soft), ..SetBudget::default() }).await;
                }
                _ => {
                    limit += dice.roll(60) - 20;
                    limit = limit.max(1);
                    bank.limit(limit).await;
                }
            }
            bank.tells_the_truth().await;
        }
    }

    async fn each_percentage_is_told_once_when_it_is_crossed(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        for (cents, told) in [
            (49, vec![]),
            (1, vec![50]),
            (29, vec![50]),
            (12, vec![50, 80, 90]),
            (1, vec![50, 80, 90]),
            (7, vec![50, 80, 90, 95]),
            (1, vec![50, 80, 90, 95, 100]),
        ] {
            bank.spend(cents).await;
            assert_eq!(bank.percents().await, told, "after {cents} more");
        }
        let report = bank.first.lease.expect("a lease");
        bank.first.say(vec![report, report], Vec::new()).await;
        let events = bank.events().await;
        assert_eq!(events.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        let last = events.last().expect("an event");
        assert_eq!((last.kind, last.limit.nanos(), last.used.nanos()), (EventKind::Limit, LIMIT, LIMIT));
        assert_eq!(last.scope, bank.agent());
        let audited = [("budget.exhausted".to_owned(), 1), ("budget.warning".to_owned(), 4)];
        assert_eq!(bank.audited().await, BTreeMap::from(audited));
    }

    async fn two_servers_that_report_at_once_tell_once(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let (path, agent) = (bank.path, bank.agent());
        let instance = bank.world.environment.new_id();
        let mut second = Spender::enrol(bank.first.ledger.clone(), instance).await;
        bank.first.want(&path, agent, 49 * CENT).await;
        second.want(&path, agent, 51 * CENT).await;
        let mut reports = Vec::new();
        for (spender, nanos) in [(&mut bank.first, 49 * CENT), (&mut second, 51 * CENT)] {
            let mut lease = spender.lease.expect("a lease");
            lease.settled = nanos;
            reports.push(spender.say(vec![lease], Vec::new()));
        }
        futures_util::future::join_all(reports).await;
        let mut told = bank.percents().await;
        told.sort_unstable();
        assert_eq!(told, [50, 80, 90, 95, 100]);
    }

    async fn a_lowered_limit_crosses_at_once_and_a_raised_one_begins_again(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        bank.spend(45).await;
        assert_eq!(bank.percents().await, [0_u8; 0]);
        bank.limit(50).await;
        assert_eq!(bank.percents().await, [50, 80, 90]);
        bank.limit(80).await;
        let live: Vec<u8> = bank.events().await.iter().filter(|one| one.cleared_at.is_none()).map(|one| one.percent).collect();
        assert_eq!(live, [50], "45 of 80 is still more than half");
        bank.spend(20).await;
        assert_eq!(bank.percents().await, [50, 80, 90, 80], "65 of 80 is over 80 % again");
        bank.limit(65).await;
        assert!(bank.is_reached().await);
        bank.limit(66).await;
        assert!(!bank.is_reached().await);
        bank.limit(65).await;
        assert!(bank.is_reached().await, "and again");
    }

    async fn a_new_period_begins_anew(db: Db) {
        let mut bank = Bank::open(db, Period::Monthly).await;
        bank.spend(100).await;
        assert_eq!(bank.percents().await, [50, 80, 90, 95, 100]);
        assert!(bank.is_reached().await);
        let april = "2026-04-01T00:00:00Z".parse().expect("a timestamp");
        bank.world.clock.set_wall(april);
        assert!(!bank.is_reached().await);
        bank.first.lease = None;
        bank.spend(50).await;
        let events = bank.events().await;
        let last = events.last().expect("an event");
        assert_eq!((events.len(), last.percent, last.span.start), (6, 50, april));
    }

    async fn another_period_takes_back_what_was_told_under_the_one_before(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        bank.spend(100).await;
        assert!(bank.is_reached().await);
        bank.set(SetBudget { period: Some(Period::Daily), ..SetBudget::default() }).await;
        assert!(!bank.is_reached().await);
    }

    async fn soft_limits_are_at_any_percentages(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        bank.spend(40).await;
        let set = |percents: &[u8]| SetBudget {
            soft_limits: Some(SoftLimits::new(percents.iter().copied())),
            ..SetBudget::default()
        };
        bank.set(set(&[99, 33])).await;
        assert_eq!(bank.percents().await, [33], "what is crossed already is told at once");
        bank.spend(58).await;
        assert_eq!(bank.percents().await, [33]);
        bank.spend(1).await;
        assert_eq!(bank.percents().await, [33, 99]);
        let status = bank.limits.get(&bank.authorised, bank.agent()).await.expect("a budget");
        assert_eq!(status.soft_limits.percents().collect::<Vec<_>>(), [33, 99]);
        bank.set(SetBudget { soft_limits: Some(None), ..SetBudget::default() }).await;
        assert_eq!(bank.percents().await, [33, 99, 50, 80, 90, 95]);
    }

    async fn too_little_for_a_call_is_the_limit_only_in_the_last_hundredth(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let (path, agent) = (bank.path, bank.agent());
        bank.spend(98).await;
        bank.first.want(&path, agent, 3 * CENT).await;
        assert!(!bank.is_reached().await, "two cents may serve for a smaller call");
        bank.spend(1).await;
        bank.first.want(&path, agent, 3 * CENT).await;
        assert!(!bank.is_reached().await);
        let mut lease = bank.first.lease.expect("a lease");
        lease.settled += 1;
        bank.first.say(vec![lease], Vec::new()).await;
        assert!(!bank.is_reached().await, "nobody has asked");
        bank.first.want(&path, agent, 3 * CENT).await;
        assert!(bank.is_reached().await);
        bank.first.want(&path, agent, 3 * CENT).await;
        assert_eq!(bank.percents().await, [50, 80, 90, 95, 100]);
    }

    async fn money_in_suspense_counts_after_a_while_and_only_the_limit_is_taken_back(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let (path, agent) = (bank.path, bank.agent());
        bank.spend(40).await;
        bank.first.want(&path, agent, 60 * CENT).await;
        let ledger = bank.first.ledger.clone();
        let lease = bank.first.lease.expect("a lease");
        ledger.revoke_lease(&bank.authorised, lease.lease, "gone").await.expect("is revoked");
        ledger.sweep().await.expect("sweeps");
        assert_eq!(bank.percents().await, [0_u8; 0], "it may be back at once");
        bank.world.clock.advance(Duration::from_secs(61));
        ledger.sweep().await.expect("sweeps");
        ledger.sweep().await.expect("sweeps");
        assert_eq!(bank.percents().await, [50, 80, 90, 95, 100]);
        assert!(bank.is_reached().await);
        ledger.reconcile_lease(&bank.authorised, lease.lease, None, "it was not").await.expect("is closed");
        assert!(!bank.is_reached().await);
        assert_eq!(bank.percents().await.len(), 5, "warnings stay told");
    }

    async fn an_event_is_acted_on_once(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        bank.spend(50).await;
        let ledger = bank.first.ledger.clone();
        let [event] = ledger.unhandled_events(10).await.expect("are read")[..] else {
            panic!("one event");
        };
        let mut taken = Vec::new();
        for _ in 0..2 {
            let mut tx = bank.db.begin().await.expect("begins");
            taken.push(ledger.take_event(&mut tx, &event).await.expect("is taken"));
            tx.commit().await.expect("commits");
        }
        assert_eq!(taken, [Some(true), None]);
        assert!(ledger.unhandled_events(10).await.expect("are read").is_empty());
    }

    async fn who_spends_faster_than_his_bound_runs_away_once(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let bound = |cents: i64| SetBudget {
            most_per_minute: Some(Some(Money::from_nanos(cents * CENT))),
            soft_limits: Some(Some(SoftLimits::NONE)),
            ..SetBudget::default()
        };
        bank.set(bound(10)).await;
        for _ in 0..3 {
            bank.spend(10).await;
            bank.world.clock.advance(Duration::from_secs(60));
        }
        assert!(bank.events().await.is_empty(), "ten a minute is no more than ten a minute");
        bank.spend(6).await;
        bank.world.clock.advance(Duration::from_secs(30));
        bank.spend(5).await;
        let events = bank.events().await;
        let [event] = events[..] else { panic!("one event, not {events:?}") };
        assert_eq!((event.kind, event.used.nanos()), (EventKind::Runaway, 11 * CENT));
        assert_eq!(event.limit.nanos(), 10 * CENT);
        bank.spend(20).await;
        assert_eq!(bank.events().await.len(), 1, "nobody has acted on the first yet");
        assert!(bank.audited().await.contains_key("budget.runaway"));
    }

    async fn a_server_bounds_the_pace_of_agents_that_have_no_bound_of_their_own(db: Db) {
        let bank = Bank::open(db.clone(), Period::None).await;
        let instance = bank.world.environment.new_id();
        let terms = Terms {
            most_per_minute: Some(Money::from_nanos(5 * CENT)),
            ..Terms::default()
        };
        let audit = iron_audit::Audit::new(db, instance, bank.world.environment.clone());
        let ledger = Ledger::new(bank.db.clone(), audit, bank.world.environment.clone(), terms);
        let mut strict = Spender::enrol(ledger, instance).await;
        strict.spend(&bank.path, bank.agent(), 6 * CENT).await;
        assert_eq!(bank.events().await.len(), 1);
    }

    async fn who_was_not_heard_for_long_has_not_run_away(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let (path, agent) = (bank.path, bank.agent());
        bank.set(SetBudget {
            most_per_minute: Some(Some(Money::from_nanos(10 * CENT))),
            ..SetBudget::default()
        })
        .await;
        bank.first.want(&path, agent, 40 * CENT).await;
        let mut lease = bank.first.lease.expect("a lease");
        bank.first.say(vec![lease], Vec::new()).await;
        bank.world.clock.advance(Duration::from_secs(300));
        lease.settled = 40 * CENT;
        bank.first.say(vec![lease], Vec::new()).await;
        assert!(bank.events().await.is_empty(), "eight a minute is less than ten");
    }

    async fn events_of_another_tenant_are_not_seen(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        bank.spend(50).await;
        let stranger = admin(&bank.world, bank.world.environment.new_id());
        let filter = EventFilter::default();
        let found = bank.first.ledger.events(&stranger, &filter, Page::default()).await;
        assert_eq!(found.expect("are read").total, 0);
    }
}
