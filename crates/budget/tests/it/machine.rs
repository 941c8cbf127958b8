//! Everything that can happen, in any order: the invariants I1 to I9 of the money protocol.

use std::time::Duration;

use iron_budget::Priority;
use iron_primitives::{Period, Scope, Unit};
use iron_store::Db;
use iron_store::testing::{on_postgres, on_sqlite};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::world::{Wish, World, custom};

#[derive(Debug, Clone)]
enum Step {
    Admit(Wish),
    /// A provider bills more than its cap allows.
    Lie(Wish),
    Record(usize),
    Settle(usize),
    HoldAndRelease(Wish),
    ExpireWaiters,
    Ask(bool),
    RequestArrives(usize, bool),
    ReplyArrives(usize, bool),
    Lose(usize),
    Round,
    Mark,
    Sync(usize),
    Snapshot,
    Kill,
    PowerCut(usize),
    SetLimit(usize, i64),
    SetPeriod(usize, Period),
    SetTokens(usize, i64),
    SetTime(i64),
    Work,
    Rest,
    Member(usize, Option<(Priority, Option<u8>)>),
    LimitPool(i64),
    Wait(u64),
}

fn any_wish() -> impl Strategy<Value = Wish> {
    let cap = prop_oneof![3 => 10_u64..200, 1 => 200_u64..4_000];
    (0_usize..3, 0_i64..60, cap, any::<bool>(), 0_i64..=100).prop_map(
        |(agent, fixed, cap, shrinkable, percent)| Wish {
            agent,
            fixed,
            cap,
            floor: if shrinkable { 8 } else { cap },
            percent,
        },
    )
}

fn any_membership() -> impl Strategy<Value = Option<(Priority, Option<u8>)>> {
    let priority = proptest::sample::select(Priority::ALL);
    let share = proptest::option::of(1_u8..=100);
    proptest::option::weighted(0.8, (priority, share))
}

fn any_step() -> impl Strategy<Value = Step> {
    let waits = prop_oneof![
        4 => 1_u64..2_000,
        2 => 2_000_u64..40_000,
        1 => Just(86_400_000),
    ];
    prop_oneof![
        12 => any_wish().prop_map(Step::Admit),
        1 => any_wish().prop_map(Step::Lie),
        2 => any::<usize>().prop_map(Step::Record),
        8 => any::<usize>().prop_map(Step::Settle),
        1 => any_wish().prop_map(Step::HoldAndRelease),
        1 => Just(Step::ExpireWaiters),
        4 => any::<bool>().prop_map(Step::Ask),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(i, k)| Step::RequestArrives(i, k)),
        4 => (any::<usize>(), any::<bool>()).prop_map(|(i, k)| Step::ReplyArrives(i, k)),
        2 => any::<usize>().prop_map(Step::Lose),
        8 => Just(Step::Round),
        4 => Just(Step::Mark),
        4 => (0_usize..=100).prop_map(Step::Sync),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Kill),
        1 => (0_usize..=100).prop_map(Step::PowerCut),
        1 => (any::<usize>(), 1_000_i64..20_000).prop_map(|(s, l)| Step::SetLimit(s, l)),
        1 => (any::<usize>(), any_period()).prop_map(|(s, p)| Step::SetPeriod(s, p)),
        1 => (any::<usize>(), 500_i64..20_000).prop_map(|(a, t)| Step::SetTokens(a, t)),
        1 => (1_000_i64..20_000).prop_map(Step::SetTime),
        6 => Just(Step::Work),
        4 => Just(Step::Rest),
        1 => (any::<usize>(), any_membership()).prop_map(|(a, m)| Step::Member(a, m)),
        1 => (1_000_i64..20_000).prop_map(Step::LimitPool),
        3 => waits.prop_map(Step::Wait),
    ]
}

async fn take(world: &mut World, step: Step) {
    match step {
        Step::Admit(wish) => world.admit(wish),
        Step::Lie(wish) => world.admit(Wish {
            percent: wish.percent + 110,
            ..wish
        }),
        Step::Record(index) => world.record(index),
        Step::Settle(index) => world.settle(index),
        Step::HoldAndRelease(wish) => world.hold_and_release(wish),
        Step::ExpireWaiters => world.expire_waiters(),
        Step::Ask(complete) => world.ask(complete),
        Step::RequestArrives(index, keep) => world.request_arrives(index, keep).await,
        Step::ReplyArrives(index, keep) => world.reply_arrives(index, keep),
        Step::Lose(index) => world.lose(index),
        Step::Round => world.round().await,
        Step::Mark => world.mark(),
        Step::Sync(percent) => world.sync(percent),
        Step::Snapshot => world.snapshot(),
        Step::Kill => world.crash(false, 0).await,
        Step::PowerCut(tail) => world.crash(true, tail).await,
        Step::SetLimit(index, units) => {
            let scopes = world.scopes();
            world
                .set_limit(scopes[index % scopes.len()], units, None)
                .await;
        }
        Step::SetPeriod(index, period) => {
            let scopes = world.scopes();
            world
                .set_limit(scopes[index % scopes.len()], 10_000, Some(period))
                .await;
        }
        Step::SetTokens(agent, tokens) => world.set_tokens(agent, tokens).await,
        Step::SetTime(millis) => world.set_time(millis).await,
        Step::Work => world.work(),
        Step::Rest => world.rest(),
        Step::Member(agent, membership) => world.member(agent, membership).await,
        Step::LimitPool(units) => world.limit_pool(units).await,
        Step::Wait(millis) => world.wait(Duration::from_millis(millis)).await,
    }
}

/// What must hold when everything has come to rest.
async fn at_rest(world: &mut World) {
    world.come_to_rest().await;
    world.counters_only_grow().await;
    for status in world.statuses().await {
        let (scope, unit) = (status.scope, status.unit);
        let billed = world.billed_in((scope, unit), status.span.start);
        let counted = status.settled.nanos() + status.suspense.nanos();
        assert!(
            counted >= billed - world.unheard.of(unit),
            "{scope} in {unit:?}: counted {counted}, but the provider is owed {billed}"
        );
        let forfeit = world.forfeit.get(&(scope, unit)).copied().unwrap_or(0);
        assert!(
            counted <= billed + forfeit,
            "{scope} in {unit:?}: counted {counted}, owed {billed}, crashes may have forfeited \
             {forfeit}"
        );
    }
}

/// What is left can still be used, to the last nano-dollar.
async fn the_rest_is_usable(world: &mut World) {
    let path = world.paths[0];
    let mut room = i64::MAX;
    for scope in path.scopes() {
        let status = world.status(scope).await;
        if let Some(limit) = status.limit {
            let used = status.settled.nanos() + status.suspense.nanos();
            room = room.min(limit.nanos() - used);
        }
    }
    let mut units = room / crate::world::UNIT;
    let quotas = world.limits.quotas(&world.authorised, path.agent).await;
    for quota in quotas.expect("they are read") {
        if quota.unit == Unit::ExecutionTime {
            continue;
        }
        let used = quota.settled.nanos() + quota.suspense.nanos();
        units = units.min(quota.limit.map_or(i64::MAX, |limit| limit.nanos() - used));
    }
    if units <= 0 {
        return;
    }
    let (before, _) = world.under_way();
    world.admit(Wish {
        agent: 0,
        fixed: units,
        cap: 0,
        floor: 0,
        percent: 100,
    });
    for _ in 0..4 {
        world.round().await;
    }
    let (after, waiting) = world.under_way();
    assert_eq!(
        (after, waiting),
        (before + 1, 0),
        "a call that fits in what is left is let in"
    );
    world.settle(0);
    world.round().await;
    let status = world.status(Scope::Agent(path.agent)).await;
    assert!(
        status
            .limit
            .is_none_or(|limit| status.settled <= limit.max(status.settled))
    );
}

async fn live(db: Db, seed: u64, limits: (i64, i64, i64), period: Period, steps: Vec<Step>) {
    let (agent, project, tenant) = limits;
    let mut world = World::new(db, seed, agent, project, tenant, period).await;
    for step in steps {
        take(&mut world, step).await;
    }
    at_rest(&mut world).await;
    the_rest_is_usable(&mut world).await;
    world.the_rest_of_the_time_is_usable().await;
}

/// By the hour where the clock is half an hour off; one of these hours never was.
fn any_period() -> impl Strategy<Value = Period> {
    prop_oneof![
        2 => Just(Period::None),
        1 => Just(Period::Daily),
        1 => Just(custom("10 * * * *", "America/St_Johns")),
    ]
}

fn any_life(most: usize) -> impl Strategy<Value = (u64, (i64, i64, i64), Period, Vec<Step>)> {
    let limits = (1_000_i64..8_000, 1_000_i64..16_000, 1_000_i64..16_000);
    (
        any::<u64>(),
        limits,
        any_period(),
        prop::collection::vec(any_step(), 1..most),
    )
}

fn run(cases: u32, most: usize, on: impl Fn((u64, (i64, i64, i64), Period, Vec<Step>))) {
    let config = Config {
        cases,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&any_life(most), |life| {
        on(life);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// How many lives are tried; more with `IRON_LIVES`.
fn lives(few: u32) -> u32 {
    std::env::var("IRON_LIVES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(few)
}

#[test]
fn whatever_happens_no_budget_is_overspent_and_nothing_is_lost_on_sqlite() {
    run(lives(48), 90, |(seed, limits, period, steps)| {
        on_sqlite(move |db| live(db, seed, limits, period, steps));
    });
}

#[test]
fn whatever_happens_no_budget_is_overspent_and_nothing_is_lost_on_postgres() {
    run(lives(8), 60, |(seed, limits, period, steps)| {
        on_postgres(move |db| live(db, seed, limits, period, steps));
    });
}

/// Steps that random lives rarely put in this order.
fn told(agent: i64, steps: Vec<Step>) {
    on_sqlite(move |db| live(db, 7, (agent, 16_000, 16_000), Period::None, steps));
}

fn call(fixed: i64, percent: i64) -> Step {
    let (agent, cap, floor) = (0, 0, 0);
    Step::Admit(Wish {
        agent,
        fixed,
        cap,
        floor,
        percent,
    })
}

#[test]
fn what_an_old_hold_leaves_is_not_used_under_a_lower_limit() {
    on_sqlite(|db| async move {
        let mut world = World::new(db, 7, 8_000, 16_000, 16_000, Period::None).await;
        let agent = Scope::Agent(world.paths[0].agent);
        take(&mut world, call(6_000, 10)).await;
        take(&mut world, Step::Round).await;
        assert_eq!(world.under_way(), (1, 0));
        world.set_limit(agent, 1_000, None).await;
        take(&mut world, Step::Settle(0)).await;
        take(&mut world, call(500, 100)).await;
        assert_eq!(
            world.under_way(),
            (0, 1),
            "400 are left, and they are not here yet"
        );
        at_rest(&mut world).await;
        the_rest_is_usable(&mut world).await;
    });
}

#[test]
fn an_answer_that_is_late_does_not_bring_a_closed_lease_back() {
    on_sqlite(|db| async move {
        let mut world = World::new(db, 7, 8_000, 16_000, 16_000, Period::None).await;
        take(&mut world, call(4_000, 100)).await;
        take(&mut world, Step::Ask(true)).await;
        take(&mut world, Step::RequestArrives(0, false)).await;
        // The answer is delivered, and its copy stays on the way.
        take(&mut world, Step::ReplyArrives(0, true)).await;
        take(&mut world, Step::Mark).await;
        take(&mut world, Step::Sync(100)).await;
        take(&mut world, Step::Settle(0)).await;
        let late = world.late_replies();
        // Nobody calls for so long that the lease is given back and closed.
        for _ in 0..14 {
            world.wait(Duration::from_secs(50)).await;
            world.round_with(late).await;
        }
        take(&mut world, Step::ReplyArrives(0, false)).await;
        world.nothing_is_in_hand();
        at_rest(&mut world).await;
    });
}

#[test]
fn a_doubled_question_and_a_lost_answer_leave_nothing_behind() {
    told(
        8_000,
        vec![
            call(1_000, 50),
            Step::Ask(false),
            Step::RequestArrives(0, true),
            Step::Lose(0),
            Step::Ask(true),
            Step::RequestArrives(0, true),
            Step::RequestArrives(0, false),
            Step::ReplyArrives(2, false),
            Step::ReplyArrives(0, false),
            Step::Mark,
            Step::Sync(100),
            Step::Settle(0),
        ],
    );
}

#[test]
fn a_lease_that_nobody_heard_of_before_it_expired_is_given_back() {
    told(
        1_000,
        vec![
            call(10, 0),
            Step::Ask(false),
            Step::RequestArrives(0, false),
            Step::Lose(0),
            Step::Wait(86_400_000),
        ],
    );
}

#[test]
fn a_snapshot_before_the_first_exchange_keeps_the_legacy_of_the_dead() {
    told(
        1_000,
        vec![
            call(10, 0),
            Step::Ask(false),
            Step::RequestArrives(0, false),
            Step::Kill,
            Step::Sync(100),
            Step::Snapshot,
            Step::Sync(100),
            Step::Snapshot,
            Step::Kill,
        ],
    );
}
