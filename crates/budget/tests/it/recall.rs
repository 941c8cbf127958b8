//! Money that lies idle at one instance and is wanted at another: what the ledger asks back, for
//! whom, and in which order.

use std::time::Duration;

use iron_budget::{Enrolment, Ledger, Limits};
use iron_primitives::{ActorPath, LeaseId, Money, Period, Scope, Unit};
use iron_runtime::authority::{
    Exchange, ExchangeReply, Incarnation, LeaseReport, Recall, Standing, Want,
};
use iron_store::Db;
use iron_testkit::TestEnvironment;

use crate::world::{ledger_in, path_in};

/// A thousandth of a dollar.
const MILLI: i64 = 1_000_000;
/// A dollar.
const LIMIT: i64 = 1_000 * MILLI;

/// One agent with a budget, and the ledger that several instances ask.
struct Bank {
    ledger: Ledger,
    world: TestEnvironment,
    path: ActorPath,
}

/// An instance with its lease.
struct Instance {
    me: Incarnation,
    seen: u64,
    lease: Option<LeaseReport>,
}

impl Bank {
    async fn open(db: Db) -> Bank {
        let world = TestEnvironment::new();
        let ledger = ledger_in(&db, &world, world.environment.new_id()).await;
        let path = path_in(&world, None);
        let mut tx = db.begin().await.expect("begins");
        for scope in path.scopes() {
            let limit = matches!(scope, Scope::Agent(_)).then(|| Money::from_nanos(LIMIT));
            Limits::new(ledger.clone())
                .create_row(&mut tx, path.tenant, scope, limit, Period::None)
                .await
                .expect("is born");
        }
        tx.commit().await.expect("commits");
        Bank {
            ledger,
            world,
            path,
        }
    }

    async fn instance(&self) -> Instance {
        let enrolment = Enrolment {
            instance: self.world.environment.new_id(),
            boot_id: "boot".to_owned(),
            at_least: 0,
            seen: 0,
        };
        Instance {
            me: self.ledger.enrol(&enrolment).await.expect("enrols"),
            seen: 0,
            lease: None,
        }
    }

    /// An instance tells what it has, and calls of it wait for so much.
    async fn ask(&self, who: &mut Instance, exact: i64, least: i64) -> ExchangeReply {
        self.say(who, vec![self.want(who, exact, least)]).await
    }

    /// An instance tells what it has, and wants nothing.
    async fn listen(&self, who: &mut Instance) -> Vec<Recall> {
        self.say(who, Vec::new()).await.recalled
    }

    fn want(&self, who: &Instance, exact: i64, least: i64) -> Want {
        Want {
            tenant: self.path.tenant,
            scope: Scope::Agent(self.path.agent),
            unit: Unit::Usd,
            amount: exact,
            exact,
            least,
            known: who.lease.map(|lease| (lease.lease, lease.granted)),
            ahead: false,
        }
    }

    async fn say(&self, who: &mut Instance, wants: Vec<Want>) -> ExchangeReply {
        let exchange = Exchange {
            from: who.me,
            seen: who.seen,
            reports: who.lease.into_iter().collect(),
            complete: false,
            witnessed: Vec::new(),
            wants,
        };
        let reply = self.ledger.exchange(&exchange).await.expect("an answer");
        who.seen = reply.sequence;
        if let Some(grant) = reply.grants.last() {
            let lease = who.lease.get_or_insert(LeaseReport {
                lease: grant.lease,
                tenant: grant.tenant,
                scope: grant.scope,
                unit: grant.unit,
                span: grant.span,
                granted: 0,
                settled: 0,
                returned: 0,
                held: 0,
                standing: Standing::Open,
            });
            lease.granted = grant.granted;
        }
        reply
    }

    fn wait(&self, millis: u64) {
        self.world.clock.advance(Duration::from_millis(millis));
    }
}

impl Instance {
    fn lease(&mut self) -> &mut LeaseReport {
        self.lease.as_mut().expect("it has a lease")
    }

    fn id(&mut self) -> LeaseId {
        self.lease().lease
    }

    /// What it has and holds for no call.
    fn idle(&self) -> i64 {
        self.lease.map_or(0, |lease| {
            lease.granted - lease.returned - lease.settled - lease.held
        })
    }
}

iron_store::both_engines! {
    async fn what_one_holds_for_no_call_comes_to_the_call_of_another(db: Db) {
        let bank = Bank::open(db).await;
        let (mut rich, mut poor) = (bank.instance().await, bank.instance().await);
        bank.ask(&mut rich, LIMIT, 0).await;
        rich.lease().held = 600 * MILLI;
        assert_eq!(bank.listen(&mut rich).await, [], "nobody waits");
        let reply = bank.ask(&mut poor, 300 * MILLI, 300 * MILLI).await;
        assert_eq!((reply.shortfalls[0].elsewhere, reply.shortfalls[0].view.room()), (400 * MILLI, 0));
        let lease = rich.id();
        let all = Recall { lease, amount: 300 * MILLI, ahead: true };
        assert_eq!(bank.listen(&mut rich).await, [all], "as much as is missing");
        rich.lease().returned = 300 * MILLI;
        assert_eq!(bank.listen(&mut rich).await, [], "it has come back");
        let reply = bank.ask(&mut poor, 300 * MILLI, 300 * MILLI).await;
        assert_eq!((reply.shortfalls.len(), poor.idle()), (0, 300 * MILLI));
        bank.ask(&mut poor, 200 * MILLI, 200 * MILLI).await;
        poor.lease().held = 300 * MILLI;
        bank.wait(301);
        bank.listen(&mut poor).await;
        assert_eq!(bank.listen(&mut rich).await, [], "nobody asks for it any more");
    }

    async fn exchanges_about_other_matters_end_no_wait(db: Db) {
        let bank = Bank::open(db).await;
        let mut rich = bank.instance().await;
        let (mut first, mut second) = (bank.instance().await, bank.instance().await);
        bank.ask(&mut rich, 600 * MILLI, 0).await;
        bank.ask(&mut first, 100 * MILLI, 0).await;
        bank.ask(&mut second, 300 * MILLI, 0).await;
        bank.ask(&mut first, 200 * MILLI, 200 * MILLI).await;
        bank.wait(50);
        bank.ask(&mut second, 700 * MILLI, 700 * MILLI).await;
        for _ in 0..3 {
            bank.wait(50);
            let lease = first.id();
            let behind = Recall { lease, amount: 700 * MILLI, ahead: false };
            assert_eq!(bank.listen(&mut first).await, [behind], "it has waited longer");
            assert_eq!(bank.listen(&mut rich).await[0].amount, 900 * MILLI, "for both");
            bank.wait(50);
            bank.ask(&mut second, 700 * MILLI, 700 * MILLI).await;
            bank.ask(&mut first, 200 * MILLI, 200 * MILLI).await;
        }
        rich.lease().returned = 200 * MILLI;
        bank.listen(&mut rich).await;
        bank.ask(&mut second, 100 * MILLI, 100 * MILLI).await;
        assert_eq!(second.idle(), 300 * MILLI, "it began to wait later");
        bank.ask(&mut first, 200 * MILLI, 200 * MILLI).await;
        assert_eq!(first.idle(), 300 * MILLI);
        bank.ask(&mut second, 0, 0).await;
        assert_eq!(bank.listen(&mut rich).await, [], "who needs nothing waits no more");
    }

    async fn what_could_help_no_call_is_not_asked_back(db: Db) {
        let bank = Bank::open(db).await;
        let (mut rich, mut poor) = (bank.instance().await, bank.instance().await);
        bank.ask(&mut rich, LIMIT, 0).await;
        rich.lease().held = 950 * MILLI;
        bank.listen(&mut rich).await;
        let reply = bank.ask(&mut poor, 300 * MILLI, 100 * MILLI).await;
        assert_eq!(reply.shortfalls[0].elsewhere, 50 * MILLI, "told, for calls that need less");
        assert_eq!(bank.listen(&mut rich).await, []);
        rich.lease().held = LIMIT;
        bank.listen(&mut rich).await;
        let reply = bank.ask(&mut poor, 300 * MILLI, 1).await;
        assert_eq!(reply.shortfalls[0].elsewhere, 0, "all of it is held");
    }

    async fn less_than_a_call_could_go_on_with_is_not_granted(db: Db) {
        let bank = Bank::open(db).await;
        let (mut rich, mut poor) = (bank.instance().await, bank.instance().await);
        bank.ask(&mut rich, 950 * MILLI, 0).await;
        bank.ask(&mut poor, 300 * MILLI, 100 * MILLI).await;
        assert_eq!(poor.idle(), 0);
        let reply = bank.ask(&mut poor, 300 * MILLI, 40 * MILLI).await;
        assert_eq!((poor.idle(), reply.shortfalls[0].elsewhere), (50 * MILLI, 950 * MILLI));
    }

    async fn what_comes_back_is_for_whom_has_waited_longest(db: Db) {
        let bank = Bank::open(db).await;
        let mut rich = bank.instance().await;
        let (mut first, mut second) = (bank.instance().await, bank.instance().await);
        bank.ask(&mut rich, LIMIT, 0).await;
        bank.ask(&mut first, 400 * MILLI, 400 * MILLI).await;
        bank.wait(100);
        bank.ask(&mut second, 300 * MILLI, 300 * MILLI).await;
        assert_eq!(bank.listen(&mut rich).await[0].amount, 700 * MILLI, "for both");
        rich.lease().returned = 500 * MILLI;
        let provision = Want { exact: 0, ..bank.want(&rich, 500 * MILLI, 0) };
        bank.say(&mut rich, vec![provision]).await;
        assert_eq!(rich.idle(), 500 * MILLI, "no provision is granted while calls wait");
        bank.wait(100);
        let reply = bank.ask(&mut second, 300 * MILLI, 300 * MILLI).await;
        assert_eq!(second.idle(), 0, "the first one comes first");
        assert!(reply.shortfalls[0].elsewhere >= 300 * MILLI, "and there will be enough");
        bank.ask(&mut first, 400 * MILLI, 400 * MILLI).await;
        assert_eq!(first.idle(), 400 * MILLI);
        assert_eq!(bank.listen(&mut rich).await[0].amount, 200 * MILLI);
        rich.lease().returned = 700 * MILLI;
        bank.listen(&mut rich).await;
        bank.ask(&mut second, 300 * MILLI, 300 * MILLI).await;
        assert_eq!(second.idle(), 300 * MILLI);
    }

    async fn of_two_that_have_too_little_the_first_gets_what_both_have(db: Db) {
        let bank = Bank::open(db).await;
        let (mut first, mut second) = (bank.instance().await, bank.instance().await);
        bank.ask(&mut first, 500 * MILLI, 0).await;
        bank.ask(&mut second, 500 * MILLI, 0).await;
        bank.ask(&mut first, 200 * MILLI, 200 * MILLI).await;
        bank.wait(50);
        let reply = bank.ask(&mut second, 300 * MILLI, 300 * MILLI).await;
        let lease = second.id();
        assert_eq!(reply.recalled, [Recall { lease, amount: 200 * MILLI, ahead: true }]);
        let reply = bank.ask(&mut first, 200 * MILLI, 200 * MILLI).await;
        let lease = first.id();
        assert_eq!(reply.recalled, [Recall { lease, amount: 300 * MILLI, ahead: false }]);
    }

    async fn nothing_is_awaited_from_an_instance_that_is_silent(db: Db) {
        let bank = Bank::open(db).await;
        let (mut silent, mut poor) = (bank.instance().await, bank.instance().await);
        bank.ask(&mut silent, LIMIT, 0).await;
        bank.wait(2_001);
        let reply = bank.ask(&mut poor, 300 * MILLI, 300 * MILLI).await;
        assert_eq!(reply.shortfalls[0].elsewhere, 0);
        assert_eq!(bank.listen(&mut silent).await, []);
        let reply = bank.ask(&mut poor, 300 * MILLI, 300 * MILLI).await;
        assert_eq!(reply.shortfalls[0].elsewhere, LIMIT, "it has spoken again");
    }

    async fn whoever_is_gone_keeps_nothing_from_the_others(db: Db) {
        let bank = Bank::open(db.clone()).await;
        let (mut rich, mut gone) = (bank.instance().await, bank.instance().await);
        let mut poor = bank.instance().await;
        bank.ask(&mut rich, LIMIT, 0).await;
        bank.ask(&mut gone, LIMIT, 1).await;
        bank.wait(1_001);
        rich.lease().returned = 300 * MILLI;
        assert_eq!(bank.listen(&mut rich).await, [], "it does not ask any more");
        bank.ask(&mut poor, 300 * MILLI, 300 * MILLI).await;
        assert_eq!(poor.idle(), 300 * MILLI);
        bank.wait(60_000);
        bank.ledger.sweep().await.expect("sweeps");
        let left = iron_store::sql("SELECT missing FROM budget_shortages").fetch_all(&db).await;
        assert_eq!(left.expect("is read").len(), 0);
    }
}
