//! The ledger alone: what an exchange may and may not do.

use std::time::Duration;

use iron_audit::Authorised;
use iron_budget::{Enrolment, Error, LeaseFilter, LeaseState, Ledger, Limits};
use iron_primitives::{ActorPath, InstanceId, LeaseId, Money, Period, Scope, Timestamp, Unit};
use iron_runtime::authority::{Exchange, ExchangeReply, Incarnation, LeaseReport, Standing, Want};
use iron_store::{Db, Page};
use iron_testkit::TestEnvironment;

use crate::world::{admin, custom, ledger_in, path_in};

/// A dollar.
const LIMIT: i64 = 1_000_000_000;

struct Bank {
    ledger: Ledger,
    limits: Limits,
    world: TestEnvironment,
    authorised: Authorised,
    path: ActorPath,
    instance: InstanceId,
    me: Incarnation,
    seen: u64,
}

impl Bank {
    /// One agent with a dollar, and one process.
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
        let me = enrol(&ledger, instance).await;
        Bank {
            ledger,
            limits,
            world,
            authorised,
            path,
            instance,
            me,
            seen: 0,
        }
    }

    fn agent(&self) -> Scope {
        Scope::Agent(self.path.agent)
    }

    fn want(&self, amount: i64, exact: i64, known: Option<(LeaseId, i64)>) -> Want {
        let (tenant, scope) = (self.path.tenant, self.agent());
        Want {
            tenant,
            scope,
            unit: Unit::Usd,
            amount,
            exact,
            least: 0,
            known,
            ahead: false,
        }
    }

    fn says(&self, reports: &[LeaseReport], wants: &[Want]) -> Exchange {
        Exchange {
            from: self.me,
            seen: self.seen,
            reports: reports.to_vec(),
            complete: false,
            witnessed: Vec::new(),
            wants: wants.to_vec(),
        }
    }

    async fn exchange(&mut self, reports: &[LeaseReport], wants: &[Want]) -> ExchangeReply {
        let exchange = self.says(reports, wants);
        let reply = self.ledger.exchange(&exchange).await.expect("an answer");
        self.seen = reply.sequence;
        reply
    }

    /// A lease of this much, however small the provision would be.
    async fn lease(&mut self, amount: i64) -> LeaseReport {
        let want = self.want(amount, amount, None);
        let reply = self.exchange(&[], &[want]).await;
        let grant = reply.grants.first().expect("a grant");
        LeaseReport {
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
        }
    }

    /// Settled, escrow and suspense of the agent, with the books checked.
    async fn counters(&self) -> (i64, i64, i64) {
        assert_eq!(
            self.ledger.check(self.path.tenant).await.expect("is read"),
            []
        );
        let status = self
            .limits
            .get(&self.authorised, self.agent())
            .await
            .expect("a budget");
        (
            status.settled.nanos(),
            status.escrow.nanos(),
            status.suspense.nanos(),
        )
    }
}

/// The last half minute before the period that begins then.
async fn over_the_edge(db: Db, period: Period, begins: &str) {
    let mut bank = Bank::open(db, period).await;
    let begins: Timestamp = begins.parse().expect("a timestamp");
    bank.world
        .clock
        .set_wall(begins.minus(Duration::from_secs(30)));
    let today = bank.lease(LIMIT).await;
    let want = Want {
        ahead: true,
        ..bank.want(500, 0, None)
    };
    let reply = bank.exchange(&[today], &[want]).await;
    let grant = |ahead: bool| {
        let mut grants = reply.grants.iter();
        let found = grants.find(|grant| (grant.not_before_ms > 0) == ahead);
        found.expect("a grant")
    };
    let next = grant(true);
    assert_eq!((next.span.start, next.not_before_ms), (begins, 30_000));
    assert_eq!(grant(false).ttl_ms, 30_000, "no lease outlives its period");
    bank.world.clock.advance(Duration::from_secs(31));
    assert_eq!(
        bank.counters().await,
        (0, 500, 0),
        "a new period is a new row"
    );
}

async fn enrol(ledger: &Ledger, instance: InstanceId) -> Incarnation {
    let enrolment = Enrolment {
        instance,
        boot_id: "boot".to_owned(),
        at_least: 0,
        seen: 0,
    };
    ledger.enrol(&enrolment).await.expect("enrols")
}

iron_store::both_engines! {
    async fn a_question_asked_twice_is_granted_once(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let exchange = bank.says(&[], &[bank.want(400, 400, None)]);
        let first = bank.ledger.exchange(&exchange).await.expect("an answer");
        let again = bank.ledger.exchange(&exchange).await.expect("an answer");
        assert_eq!(first.grants[0].granted, 400);
        assert_eq!(again.grants[0].granted, 400);
        assert_eq!(again.grants[0].lease, first.grants[0].lease);
        bank.seen = again.sequence;
        let known = Some((first.grants[0].lease, 400));
        let more = bank.exchange(&[], &[bank.want(100, 100, known)]).await;
        assert_eq!(more.grants[0].granted, 500);
        assert_eq!(bank.counters().await, (0, 500, 0));
    }

    async fn calls_get_what_they_wait_for_and_provision_stays_small(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let reply = bank.exchange(&[], &[bank.want(LIMIT, 0, None)]).await;
        assert_eq!(reply.grants[0].granted, LIMIT / 4, "a quarter of what is left");
        assert_eq!(reply.shortfalls, [], "nobody waits");
        let known = Some((reply.grants[0].lease, LIMIT / 4));
        let reply = bank.exchange(&[], &[bank.want(2 * LIMIT, 2 * LIMIT, known)]).await;
        assert_eq!(reply.grants[0].granted, LIMIT, "all that is left");
        assert_eq!(reply.shortfalls.len(), 1);
        assert_eq!(reply.shortfalls[0].view.room(), 0);
    }

    async fn a_fenced_lease_refunds_nothing_until_its_owner_speaks(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let mut lease = bank.lease(600).await;
        lease.settled = 100;
        bank.exchange(&[lease], &[]).await;
        bank.me = enrol(&bank.ledger, bank.instance).await;
        assert_eq!(bank.counters().await, (100, 0, 500));
        lease.settled = 250;
        lease.standing = Standing::Final;
        let reply = bank.exchange(&[lease], &[]).await;
        assert_eq!(reply.closed, [lease.lease]);
        assert_eq!(bank.counters().await, (250, 0, 0));
    }

    async fn a_replaced_process_is_heard_but_given_nothing(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let mut lease = bank.lease(600).await;
        enrol(&bank.ledger, bank.instance).await;
        lease.settled = 40;
        let late = bank.says(&[lease], &[bank.want(50, 50, None)]);
        assert!(matches!(bank.ledger.exchange(&late).await, Err(Error::Superseded)));
        assert_eq!(bank.counters().await, (40, 0, 560));
    }

    async fn an_expired_lease_is_fenced_and_a_late_report_still_counts(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let mut lease = bank.lease(600).await;
        bank.world.clock.advance(Duration::from_secs(91));
        assert_eq!(bank.ledger.sweep().await.expect("sweeps"), 1);
        assert_eq!(bank.counters().await, (0, 0, 600));
        lease.settled = 200;
        let reply = bank.exchange(&[lease], &[]).await;
        assert_eq!(reply.revoked, [lease.lease]);
        assert_eq!(bank.counters().await, (200, 0, 400));
        lease.standing = Standing::Final;
        bank.exchange(&[lease], &[]).await;
        lease.settled = 300;
        bank.exchange(&[lease], &[]).await;
        assert_eq!(bank.counters().await, (300, 0, 0), "after closure it is spent all the same");
    }

    async fn after_a_power_cut_the_step_of_the_watermark_waits_for_a_release(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let mut lease = bank.lease(600).await;
        let dead = bank.me.incarnation;
        bank.me = enrol(&bank.ledger, bank.instance).await;
        lease.settled = 50;
        lease.standing = Standing::Lost { at_most: 90 };
        let reply = bank.exchange(&[lease], &[]).await;
        assert_eq!(reply.closed, [lease.lease]);
        assert_eq!(bank.counters().await, (50, 0, 40));
        let of_agent = LeaseFilter { scope: Some(bank.agent()), ..LeaseFilter::default() };
        let leases = bank.ledger.leases(&bank.authorised, &of_agent, Page::default()).await;
        assert_eq!(leases.expect("is read").items.first().map(|lease| lease.state), Some(LeaseState::Fenced));
        let released = bank
            .ledger
            .release_suspense(&bank.authorised, bank.instance, dead, "the invoice says so")
            .await
            .expect("released");
        assert_eq!((released.leases, released.released_nanos), (1, 40));
        assert_eq!(bank.counters().await, (50, 0, 0));
        let again = bank
            .ledger
            .release_suspense(&bank.authorised, bank.instance, dead, "twice")
            .await;
        assert!(matches!(again, Err(Error::NotFound)));
    }

    async fn a_lease_that_the_journal_never_mentions_was_never_used(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        bank.lease(600).await;
        let dead = bank.me.incarnation;
        bank.me = enrol(&bank.ledger, bank.instance).await;
        assert_eq!(bank.counters().await, (0, 0, 600));
        let exchange = Exchange { witnessed: vec![dead], ..bank.says(&[], &[]) };
        bank.ledger.exchange(&exchange).await.expect("an answer");
        assert_eq!(bank.counters().await, (0, 0, 0));
    }

    async fn the_next_period_can_be_had_a_minute_before_it_begins(db: Db) {
        over_the_edge(db, Period::Daily, "2026-03-05T00:00:00Z").await;
    }

    async fn a_custom_period_can_be_had_a_minute_before_the_clock_jumps_into_it(db: Db) {
        // In Berlin there is no half past two that night: the period begins at three.
        over_the_edge(db, custom("30 2 * * *", "Europe/Berlin"), "2026-03-29T01:00:00Z").await;
    }

    async fn what_was_held_in_a_custom_period_is_settled_in_it(db: Db) {
        let mut bank = Bank::open(db, custom("0 9 * * MON", "Asia/Tokyo")).await;
        let monday: Timestamp = "2026-03-09T00:00:00Z".parse().expect("a timestamp");
        bank.world.clock.set_wall(monday.minus(Duration::from_secs(3)));
        let lease = bank.lease(600).await;
        bank.world.clock.advance(Duration::from_secs(5));
        assert_eq!(bank.counters().await, (0, 0, 0), "a new week");
        bank.exchange(&[LeaseReport { settled: 400, returned: 200, ..lease }], &[]).await;
        assert_eq!(bank.counters().await, (0, 0, 0), "the call belongs to the old one");
        bank.world.clock.set_wall(monday.minus(Duration::from_secs(1)));
        assert_eq!(bank.counters().await, (400, 0, 0));
    }

    async fn a_scope_that_was_never_born_cannot_spend(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let stranger = Scope::Agent(bank.world.environment.new_id());
        let want = Want { scope: stranger, ..bank.want(10, 10, None) };
        let reply = bank.exchange(&[], &[want]).await;
        assert_eq!(reply.grants, []);
        assert_eq!(reply.shortfalls[0].view.room(), 0);
    }

    async fn a_restored_ledger_grants_nothing_before_all_leases_are_declared(db: Db) {
        let mut bank = Bank::open(db, Period::None).await;
        let forgotten = bank.lease(300).await;
        // The instance remembers answers that this ledger has not given: it was restored.
        bank.seen += 10;
        let told = bank.exchange(&[], &[bank.want(100, 100, None)]).await;
        assert_eq!(told.grants, [], "first every lease must be declared");
        assert_ne!(told.generation, bank.me.generation);
        bank.me.generation = told.generation;
        let mine = LeaseReport {
            lease: bank.world.environment.new_id(),
            granted: 200,
            settled: 150,
            held: 20,
            ..forgotten
        };
        let declaration = Exchange {
            complete: true,
            ..bank.says(&[mine], &[bank.want(100, 100, Some((mine.lease, 200)))])
        };
        let reply = bank.ledger.exchange(&declaration).await.expect("an answer");
        let grant = reply.grants.iter().find(|grant| grant.lease == mine.lease).expect("a grant");
        assert_eq!(grant.granted, 300);
        assert_eq!(bank.counters().await, (150, 150, 300), "what nobody declares is in doubt");
    }

    async fn spending_more_than_was_granted_is_an_overdraft_and_never_dropped(db: Db) {
        let mut bank = Bank::open(db.clone(), Period::None).await;
        let mut lease = bank.lease(LIMIT).await;
        lease.settled = LIMIT + 7;
        bank.exchange(&[lease], &[]).await;
        let status = bank.limits.get(&bank.authorised, bank.agent()).await.expect("a budget");
        assert_eq!((status.settled.nanos(), status.overdraft.nanos()), (LIMIT + 7, 7));
        let row = iron_store::sql("SELECT reason, amount, beyond_limit FROM budget_overdrafts WHERE scope = $1")
            .bind(bank.agent())
            .fetch_one(&db)
            .await
            .expect("an entry");
        assert_eq!(row.get::<String>("reason").expect("text"), "above_lease");
        assert_eq!(row.get::<i64>("amount").expect("number"), 7);
        assert_eq!(row.get::<i64>("beyond_limit").expect("number"), 7);
    }

    async fn exchanges_of_several_instances_over_shared_budgets_never_pass_the_limit(db: Db) {
        let bank = Bank::open(db, Period::None).await;
        let mut workers = Vec::new();
        for _ in 0..4 {
            let (ledger, path) = (bank.ledger.clone(), bank.path);
            let instance = bank.world.environment.new_id();
            workers.push(tokio::spawn(async move {
                let me = enrol(&ledger, instance).await;
                let teller = iron_budget::Teller::new(ledger);
                let (mut granted, mut seen) = (0, 0);
                for _ in 0..10 {
                    let wants = path
                        .scopes()
                        .map(|scope| Want {
                            tenant: path.tenant,
                            scope,
                            unit: Unit::Usd,
                            amount: granted + LIMIT / 20,
                            exact: LIMIT / 20,
                            least: 0,
                            known: None,
                            ahead: false,
                        })
                        .collect();
                    let reports = Vec::new();
                    let exchange =
                        Exchange { from: me, seen, reports, complete: false, witnessed: vec![], wants };
                    let reply = teller.exchange(&exchange).await.expect("an answer");
                    seen = reply.sequence;
                    let agent = reply.grants.iter().find(|g| g.scope == Scope::Agent(path.agent));
                    granted = agent.map_or(granted, |grant| grant.granted);
                }
                granted
            }));
        }
        let mut sum = 0;
        for worker in workers {
            sum += worker.await.expect("ends");
        }
        assert_eq!(sum, LIMIT, "all of it, and no more");
        assert_eq!(bank.counters().await, (0, LIMIT, 0));
    }
}
