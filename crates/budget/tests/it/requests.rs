//! Requests for higher budgets: what becomes of them, in every order.

use futures_util::future::join_all;
use iron_audit::{Authorised, Grounds, Reach};
use iron_budget::{
    Approval, BudgetRequest, Decision, Error, Limits, NewRequest, RequestFilter, RequestStatus,
    Requests, RequestsOf,
};
use iron_primitives::{AgentId, BudgetRequestId, Money, Period, Scope, TenantId};
use iron_store::testing::{on_postgres, on_sqlite};
use iron_store::{Db, Page, Sort, sql};
use iron_testkit::TestEnvironment;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::world::{admin, ledger_in};

const BEGIN: i64 = 10;

struct Office {
    db: Db,
    limits: Limits,
    requests: Requests,
    boss: Authorised,
    agent: AgentId,
    world: TestEnvironment,
}

fn dollars(amount: i64) -> Money {
    Money::from_cents(amount * 100).expect("is in range")
}

/// As the boss, but with a reach of this user's own things.
fn own(world: &TestEnvironment, tenant: TenantId) -> Authorised {
    let somebody = admin(world, tenant);
    Authorised::attest(Grounds {
        reach: Reach::Own(somebody.user),
        ..(*somebody).clone()
    })
}

impl Office {
    async fn open(db: Db) -> Office {
        let world = TestEnvironment::new();
        let ledger = ledger_in(&db, &world, world.environment.new_id()).await;
        let limits = Limits::new(ledger);
        let requests = Requests::new(limits.clone());
        let boss = admin(&world, world.environment.new_id());
        let office = Office {
            agent: world.environment.new_id(),
            db,
            limits,
            requests,
            boss,
            world,
        };
        office.employ(&office.boss, office.agent).await;
        office
    }

    async fn employ(&self, boss: &Authorised, agent: AgentId) {
        let mut tx = self.db.begin().await.expect("begins");
        let (scope, limit) = (Scope::Agent(agent), Some(dollars(BEGIN)));
        self.limits
            .create_row(&mut tx, boss.tenant, scope, limit, Period::None)
            .await
            .expect("an agent is born");
        tx.commit().await.expect("commits");
    }

    async fn ask(&self, by: &Authorised, amount: i64) -> Result<BudgetRequest, Error> {
        self.ask_for(by, self.agent, amount).await
    }

    async fn ask_for(
        &self,
        by: &Authorised,
        agent: AgentId,
        amount: i64,
    ) -> Result<BudgetRequest, Error> {
        let new = NewRequest {
            agent,
            agent_name: "writer".to_owned(),
            requested_budget: dollars(amount),
            justification: "there are more letters in spring".to_owned(),
        };
        let mut tx = self.db.begin().await.expect("begins");
        let request = self.requests.create(&mut tx, by, new).await?;
        tx.commit().await.expect("commits");
        Ok(request)
    }

    async fn rule(
        &self,
        by: &Authorised,
        id: BudgetRequestId,
        decision: Decision,
    ) -> Result<BudgetRequest, Error> {
        let mut tx = self.db.begin().await?;
        let request = match decision {
            Decision::Approve => {
                let approval = Approval::default();
                let approved = self.requests.approve(&mut tx, by, id, approval).await?;
                approved.request
            }
            Decision::Deny => {
                let reason = "not this year".to_owned();
                self.requests.deny(&mut tx, by, id, reason).await?
            }
            Decision::Cancel => self.requests.cancel(&mut tx, by, id).await?,
        };
        tx.commit().await?;
        Ok(request)
    }

    async fn budget(&self) -> Option<Money> {
        let scope = Scope::Agent(self.agent);
        let status = self.limits.get(&self.boss, scope).await;
        status.expect("a budget").limit
    }

    async fn history(&self) -> Vec<Option<BudgetRequestId>> {
        let (scope, page) = (Scope::Agent(self.agent), Page::default());
        let history = self.limits.history(&self.boss, scope, page).await;
        let entries = history.expect("a history").items.into_iter();
        entries.map(|entry| entry.budget_request).collect()
    }

    async fn audited(&self, action: &str) -> usize {
        let rows = sql("SELECT entry FROM audit_outbox").fetch_all(&self.db);
        let (rows, action) = (rows.await.expect("reads"), format!("\"{action}\""));
        let entries = rows
            .iter()
            .map(|row| row.get::<String>("entry").expect("a text"));
        entries.filter(|entry| entry.contains(&action)).count()
    }
}

iron_store::both_engines! {
    async fn an_approval_raises_the_budget_and_its_history_names_the_request(db: Db) {
        let office = Office::open(db).await;
        let made = office.ask(&office.boss, 25).await.expect("is made");
        assert_eq!(made.status, RequestStatus::Pending);
        assert_eq!((made.current_budget, made.decided_at), (dollars(BEGIN), None));
        let done = office.rule(&office.boss, made.id, Decision::Approve).await.expect("is approved");
        assert_eq!(done.status, RequestStatus::Approved);
        assert_eq!(done.approved_budget, Some(dollars(25)));
        assert_eq!((done.decided_by, office.budget().await), (Some(office.boss.user), Some(dollars(25))));
        assert_eq!(office.history().await, [Some(made.id)]);
        let kept = office.requests.get(&office.boss, made.id).await.expect("is read");
        assert_eq!(kept, done);
        for action in ["budget_request.create", "budget_request.approve", "budget.set"] {
            assert_eq!(office.audited(action).await, 1, "{action}");
        }
    }

    async fn only_a_pending_request_is_decided_and_every_end_is_the_end(db: Db) {
        let office = Office::open(db).await;
        for first in Decision::ALL {
            for second in Decision::ALL {
                let before = office.budget().await.expect("a limit");
                let amount = before.cents() / 100 + 1;
                let made = office.ask(&office.boss, amount).await.expect("is made");
                let ended = office.rule(&office.boss, made.id, first).await.expect("is decided");
                let budget = office.budget().await;
                assert_eq!(budget.expect("a limit") > before, first == Decision::Approve);
                let again = office.rule(&office.boss, made.id, second).await;
                let Err(Error::RequestDecided { status }) = again else {
                    panic!("{first:?}, then {second:?}: {again:?}");
                };
                assert_eq!(Some(status), first.outcome(RequestStatus::Pending));
                let kept = office.requests.get(&office.boss, made.id).await.expect("is read");
                assert_eq!((kept, office.budget().await), (ended, budget), "nothing has changed");
            }
        }
    }

    async fn of_many_who_decide_at_once_one_does(db: Db) {
        let office = Office::open(db).await;
        for round in 0..4 {
            let before = office.budget().await.expect("a limit");
            let made = office.ask(&office.boss, before.cents() / 100 + 1).await.expect("is made");
            let deciders = (0..6).map(|number| {
                let decision = Decision::ALL[(number + round) % 3];
                office.rule(&office.boss, made.id, decision)
            });
            let outcomes = join_all(deciders).await;
            let (won, lost): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
            assert_eq!(won.len(), 1, "{won:?} {lost:?}");
            let won = won.into_iter().next().expect("one").expect("has decided");
            for loser in lost {
                let status = match loser {
                    Err(Error::RequestDecided { status }) => status,
                    other => panic!("{other:?}"),
                };
                assert_eq!(status, won.status);
            }
            let raised = office.budget().await != Some(before);
            assert_eq!(raised, won.status == RequestStatus::Approved);
        }
    }

    async fn nothing_below_the_budget_now_is_asked_for_or_given(db: Db) {
        let office = Office::open(db).await;
        for amount in [1, BEGIN] {
            let refused = office.ask(&office.boss, amount).await;
            assert!(
                matches!(refused, Err(Error::NotAboveBudget { field: "requested_budget", now: Some(now) })
                    if now == dollars(BEGIN)),
                "{refused:?}"
            );
        }
        let (low, high) = (
            office.ask(&office.boss, 12).await.expect("is made"),
            office.ask(&office.boss, 20).await.expect("an agent may have several"),
        );
        office.rule(&office.boss, high.id, Decision::Approve).await.expect("is approved");
        // What was more when it was asked for is less now.
        let late = office.rule(&office.boss, low.id, Decision::Approve).await;
        assert!(matches!(late, Err(Error::NotAboveBudget { field: "approved_budget", .. })), "{late:?}");
        let kept = office.requests.get(&office.boss, low.id).await.expect("is read");
        assert_eq!((kept.status, office.budget().await), (RequestStatus::Pending, Some(dollars(20))));
        let mut tx = office.db.begin().await.expect("begins");
        let approval = Approval { budget: Some(dollars(21)), notes: Some("a little".to_owned()) };
        let given = office.requests.approve(&mut tx, &office.boss, low.id, approval).await;
        let given = given.expect("more than the budget now");
        tx.commit().await.expect("commits");
        assert_eq!(given.request.approved_budget, Some(dollars(21)));
        assert_eq!(given.request.notes.as_deref(), Some("a little"));
        assert_eq!(given.changed.previous_limit, Some(dollars(20)));
    }

    async fn an_approval_that_is_not_committed_has_changed_nothing(db: Db) {
        let office = Office::open(db).await;
        let made = office.ask(&office.boss, 20).await.expect("is made");
        let mut tx = office.db.begin().await.expect("begins");
        let approved = office.requests.approve(&mut tx, &office.boss, made.id, Approval::default());
        approved.await.expect("is approved");
        tx.rollback().await.expect("is undone");
        assert_eq!(office.budget().await, Some(dollars(BEGIN)));
        assert!(office.history().await.is_empty());
        let kept = office.requests.get(&office.boss, made.id).await.expect("is read");
        assert_eq!(kept.status, RequestStatus::Pending);
    }

    async fn others_see_nothing_and_other_tenants_know_of_nothing(db: Db) {
        let office = Office::open(db).await;
        let (one, other) = (own(&office.world, office.boss.tenant), own(&office.world, office.boss.tenant));
        let made = office.ask(&one, 20).await.expect("is made");
        office.ask(&other, 30).await.expect("is made");
        let refused = office.requests.get(&other, made.id).await;
        assert!(matches!(refused, Err(Error::RequestOutOfReach { .. })), "{refused:?}");
        let refused = office.rule(&other, made.id, Decision::Cancel).await;
        assert!(matches!(refused, Err(Error::RequestOutOfReach { .. })), "{refused:?}");
        let stranger = admin(&office.world, office.world.environment.new_id());
        for decision in Decision::ALL {
            let unknown = office.rule(&stranger, made.id, decision).await;
            assert!(matches!(unknown, Err(Error::NoRequest { .. })), "{unknown:?}");
        }
        let newest = Sort::descending("created_at");
        let list = async |by: &Authorised, filter: RequestFilter| {
            let found = office.requests.list(by, &filter, newest, Page::default()).await;
            found.expect("is listed").total
        };
        let all = RequestFilter::default;
        let of_other = || RequestFilter { requester: Some(other.user), ..all() };
        let pending = || RequestFilter { statuses: vec![RequestStatus::Pending], ..all() };
        let denied = || RequestFilter { statuses: vec![RequestStatus::Denied], ..all() };
        assert_eq!((list(&office.boss, all()).await, list(&one, all()).await), (2, 1));
        assert_eq!((list(&stranger, all()).await, list(&one, of_other()).await), (0, 0));
        assert_eq!(list(&office.boss, RequestFilter { mine: true, ..all() }).await, 0);
        assert_eq!(list(&office.boss, of_other()).await, 1);
        assert_eq!((list(&office.boss, pending()).await, list(&office.boss, denied()).await), (2, 0));
    }

    async fn what_is_pending_goes_with_its_agent_or_its_requester(db: Db) {
        let office = Office::open(db).await;
        let (one, other) = (own(&office.world, office.boss.tenant), own(&office.world, office.boss.tenant));
        let second: AgentId = office.world.environment.new_id();
        office.employ(&office.boss, second).await;
        let done = office.ask(&one, 11).await.expect("is made");
        office.rule(&office.boss, done.id, Decision::Deny).await.expect("is denied");
        let mine = office.ask(&one, 20).await.expect("is made");
        let elsewhere = office.ask_for(&one, second, 20).await.expect("is made");
        let theirs = office.ask(&other, 20).await.expect("is made");
        let end = async |of: RequestsOf| {
            let mut tx = office.db.begin().await.expect("begins");
            let count = office.requests.cancel_of(&mut tx, &office.boss, of).await;
            tx.commit().await.expect("commits");
            count.expect("are cancelled")
        };
        assert_eq!(end(RequestsOf::Agent(office.agent)).await, 2);
        assert_eq!(end(RequestsOf::Requester(one.user)).await, 1);
        assert_eq!(end(RequestsOf::Requester(one.user)).await, 0);
        for (request, status, reason) in [
            (done, RequestStatus::Denied, "not this year"),
            (mine, RequestStatus::Cancelled, "the agent was deleted"),
            (theirs, RequestStatus::Cancelled, "the agent was deleted"),
            (elsewhere, RequestStatus::Cancelled, "the requester was deleted"),
        ] {
            let now = office.requests.get(&office.boss, request.id).await.expect("is read");
            assert_eq!((now.status, now.reason.as_deref()), (status, Some(reason)));
        }
        assert_eq!(office.audited("budget_request.cancel").await, 3);
    }
}

/// One thing that somebody does.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Asks for so much.
    Ask(i64),
    /// Decides about one of the requests so far.
    Rule(usize, Decision),
    /// Sets the budget past all requests.
    Set(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let decision = prop::sample::select(Decision::ALL.to_vec());
    prop_oneof![
        3 => (1_i64..40).prop_map(Step::Ask),
        5 => (any::<usize>(), decision).prop_map(|(which, how)| Step::Rule(which, how)),
        1 => (1_i64..40).prop_map(Step::Set),
    ]
}

/// Does each step beside a model of two numbers and a word per request.
async fn live(db: Db, steps: Vec<Step>) {
    let office = Office::open(db).await;
    let mut budget = BEGIN;
    let mut model: Vec<(BudgetRequestId, i64, RequestStatus)> = Vec::new();
    let mut raised = Vec::new();
    for step in steps {
        match step {
            Step::Ask(amount) => {
                let made = office.ask(&office.boss, amount).await;
                assert_eq!(made.is_ok(), amount > budget, "{step:?} {made:?}");
                model.extend(made.map(|made| (made.id, amount, made.status)));
            }
            Step::Rule(which, decision) => {
                let Some(place) = which.checked_rem(model.len()) else {
                    continue;
                };
                let (id, amount, status) = &mut model[place];
                let outcome = office.rule(&office.boss, *id, decision).await;
                let may = decision
                    .outcome(*status)
                    .filter(|_| decision != Decision::Approve || *amount > budget);
                assert_eq!(outcome.as_ref().ok().map(|one| one.status), may, "{step:?}");
                if let Some(end) = may {
                    *status = end;
                    if decision == Decision::Approve {
                        budget = *amount;
                        raised.push(*id);
                    }
                }
            }
            Step::Set(amount) => {
                let set = iron_budget::SetBudget {
                    limit: Some(Some(dollars(amount))),
                    ..iron_budget::SetBudget::default()
                };
                let scope = Scope::Agent(office.agent);
                let put = office.limits.put(&office.boss, scope, &set).await;
                put.expect("is set");
                budget = amount;
            }
        }
        assert_eq!(office.budget().await, Some(dollars(budget)), "{step:?}");
    }
    for (id, _, status) in model {
        let now = office.requests.get(&office.boss, id).await;
        assert_eq!(now.expect("is read").status, status);
    }
    let history = office.history().await;
    let mut named: Vec<_> = history.into_iter().flatten().collect();
    named.sort_unstable();
    raised.sort_unstable();
    // A page shows fifty; a life is shorter.
    assert_eq!(named, raised, "each approval stands in the history once");
}

fn lives(cases: u32, on: impl Fn(Vec<Step>)) {
    let config = Config {
        cases,
        max_shrink_iters: 100,
        ..Config::default()
    };
    let steps = prop::collection::vec(any_step(), 1..30);
    let outcome = TestRunner::new(config).run(&steps, |steps| {
        on(steps);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn any_life_of_requests_keeps_to_the_table_on_sqlite() {
    lives(24, |steps| on_sqlite(|db| live(db, steps)));
}

#[test]
fn any_life_of_requests_keeps_to_the_table_on_postgres() {
    lives(6, |steps| on_postgres(|db| live(db, steps)));
}
