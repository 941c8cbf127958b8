//! A wallet whose money is asked back, and one that waits for the money of others.

use std::time::Duration;

use iron_primitives::{ActorPath, LeaseId, Money, Period, Refusal, Scope, Unit, UnitPrice};
use iron_runtime::authority::{BudgetView, ExchangeReply, Grant, Recall, Shortfall};
use iron_runtime::wallet::{Admission, Amounts, Ask, Book, Claim, Held, Policy, WaiterId};
use iron_testkit::TestEnvironment;

const LIMIT: i64 = 10_000;

/// A wallet under an agent's budget and its project's; user and tenant have no limits.
struct Desk {
    book: Book,
    world: TestEnvironment,
    path: ActorPath,
    agent: LeaseId,
    project: LeaseId,
}

impl Desk {
    fn set() -> Desk {
        let world = TestEnvironment::new();
        let environment = world.environment.clone();
        let path = ActorPath {
            pool: None,
            tenant: environment.new_id(),
            project: environment.new_id(),
            team: None,
            user: environment.new_id(),
            agent: environment.new_id(),
        };
        let mut desk = Desk {
            book: Book::new(path.tenant, Policy::SERVER),
            world,
            path,
            agent: environment.new_id(),
            project: environment.new_id(),
        };
        let (user, tenant) = (Scope::User(path.user), Scope::Tenant(path.tenant));
        let plenty = |desk: &Desk, scope| Grant {
            view: BudgetView::default(),
            ..desk.grant(environment.new_id(), scope, LIMIT)
        };
        let grants = vec![plenty(&desk, user), plenty(&desk, tenant)];
        desk.hear(ExchangeReply {
            grants,
            ..ExchangeReply::default()
        });
        desk
    }

    fn grant(&self, lease: LeaseId, scope: Scope, granted: i64) -> Grant {
        Grant {
            lease,
            tenant: self.path.tenant,
            scope,
            unit: Unit::Usd,
            span: Period::None.span(self.world.environment.now()),
            granted,
            not_before_ms: 0,
            ttl_ms: 30_000,
            view: BudgetView {
                limit: Some(LIMIT),
                settled: 0,
                escrow: LIMIT,
                suspense: 0,
            },
        }
    }

    /// So much is granted in all to the agent's lease and to the project's.
    fn fund(&mut self, agent: i64, project: i64) {
        let (of_agent, of_project) = self.limited();
        let grants = vec![
            self.grant(self.agent, of_agent, agent),
            self.grant(self.project, of_project, project),
        ];
        self.hear(ExchangeReply {
            grants,
            ..ExchangeReply::default()
        });
    }

    fn limited(&self) -> (Scope, Scope) {
        let path = &self.path;
        (Scope::Agent(path.agent), Scope::Project(path.project))
    }

    fn hear(&mut self, reply: ExchangeReply) {
        let asked_at = self.world.environment.boot();
        self.book.apply(&reply, asked_at, &self.world.environment);
    }

    /// The disk follows.
    fn mark(&mut self) {
        let marks = self.book.marks();
        self.book.marked(&marks);
    }

    /// A call that costs so much, and can go on with no less than `least`.
    fn call(&mut self, full: u64, least: u64) -> Admission {
        let price = UnitPrice::from_picos(1_000);
        let claim = Claim::new(Money::ZERO, price, full, least).expect("in range");
        self.book.admit(&self.path, claim, &self.world.environment)
    }

    fn waits(&mut self, full: u64, least: u64) -> WaiterId {
        match self.call(full, least) {
            Admission::Waiting(id) => id,
            other => panic!("it should wait: {other:?}"),
        }
    }

    fn pump(&mut self) -> Vec<(WaiterId, Result<Held, Refusal>)> {
        self.book.pump(&self.world.environment)
    }

    /// The authority is short of the agent's budget, and so much lies elsewhere.
    fn short(&mut self, scope: Scope, elsewhere: i64) {
        let view = self.grant(self.agent, scope, 0).view;
        let shortfalls = vec![Shortfall {
            tenant: self.path.tenant,
            scope,
            unit: Unit::Usd,
            view,
            resets_at: None,
            elsewhere,
        }];
        self.hear(ExchangeReply {
            shortfalls,
            ..ExchangeReply::default()
        });
    }

    fn recall(&mut self, lease: LeaseId, amount: i64, ahead: bool) {
        let recall = Recall {
            lease,
            amount,
            ahead,
        };
        self.hear(ExchangeReply {
            recalled: vec![recall],
            ..ExchangeReply::default()
        });
    }

    fn collect(&mut self) -> Ask {
        self.book.collect(true, &self.world.environment)
    }

    fn returned(&mut self, lease: LeaseId) -> i64 {
        let ask = self.collect();
        let report = ask.reports.iter().find(|report| report.lease == lease);
        report.expect("it is told").returned
    }
}

#[test]
fn what_is_held_is_never_given_back() {
    let mut desk = Desk::set();
    desk.fund(1_000, 1_000);
    desk.waits(400, 400);
    desk.mark();
    assert!(matches!(desk.pump()[..], [(_, Ok(_))]));
    let agent = desk.agent;
    desk.recall(agent, 250, true);
    assert_eq!(desk.returned(agent), 250, "no more than is wanted");
    desk.recall(agent, 1_000, true);
    assert_eq!(desk.returned(agent), 600);
    assert!(matches!(desk.call(1, 1), Admission::Waiting(_)));
}

#[test]
fn a_call_that_waits_for_the_disk_alone_keeps_its_money() {
    let mut desk = Desk::set();
    desk.fund(1_000, 1_000);
    desk.waits(400, 400);
    let agent = desk.agent;
    desk.recall(agent, 1_000, true);
    assert_eq!(desk.returned(agent), 600);
    desk.mark();
    assert!(matches!(desk.pump()[..], [(_, Ok(_))]));
}

#[test]
fn what_a_call_cannot_use_yet_goes_to_those_who_have_waited_longer() {
    let mut desk = Desk::set();
    desk.fund(1_000, 100);
    desk.waits(400, 400);
    desk.waits(300, 300);
    desk.mark();
    assert_eq!(desk.pump().len(), 0, "the project has too little");
    let agent = desk.agent;
    desk.recall(agent, 1_000, false);
    assert_eq!(desk.returned(agent), 600, "the first of them keeps its own");
    desk.recall(agent, 1_000, true);
    assert_eq!(desk.returned(agent), 1_000);
}

#[test]
fn a_call_waits_for_what_others_have_and_asks_again() {
    let mut desk = Desk::set();
    let (agent, _) = desk.limited();
    desk.fund(50, 1_000);
    desk.waits(400, 200);
    let wanted = |desk: &mut Desk| {
        let wants = desk.collect().wants;
        let found = wants.into_iter().find(|want| want.scope == agent);
        found.map(|want| (want.exact, want.least))
    };
    assert_eq!(wanted(&mut desk), Some((350, 150)));
    desk.short(agent, 150);
    desk.mark();
    assert_eq!(desk.pump().len(), 0, "with what is here it would do");
    assert_eq!(wanted(&mut desk), None, "it was asked a moment ago");
    desk.world.clock.advance(Duration::from_millis(100));
    assert_eq!(wanted(&mut desk), Some((350, 150)));
    desk.fund(200, 1_000);
    desk.short(agent, 0);
    desk.mark();
    let served = desk.pump();
    let [(_, Ok(held))] = &served[..] else {
        panic!("{served:?}");
    };
    assert_eq!(held.amount, Amounts::money(Money::from_nanos(200)));
}

#[test]
fn a_call_is_refused_at_once_where_others_have_too_little() {
    let mut desk = Desk::set();
    let (agent, _) = desk.limited();
    desk.fund(50, 1_000);
    desk.waits(400, 200);
    desk.short(agent, 149);
    desk.mark();
    assert!(matches!(desk.pump()[..], [(_, Err(Refusal::Budget(_)))]));
}

#[test]
fn the_budget_that_has_nothing_left_anywhere_is_named() {
    let mut desk = Desk::set();
    let (agent, project) = desk.limited();
    desk.fund(0, 10);
    let waiting = desk.waits(400, 400);
    desk.short(agent, 5_000);
    desk.short(project, 0);
    let answer = desk.book.expire(waiting, &desk.world.environment);
    let Some(Err(Refusal::Budget(short))) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(short.scope, project, "the agent's is on its way");
}
