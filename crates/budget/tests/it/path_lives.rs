//! Foreign runtimes that crash, repeat themselves and come late, beside an instance of ours on the
//! same budgets, in any order: nothing is overspent, nothing counts twice, nothing is lost.

mod life;

use iron_store::Db;
use iron_store::testing::{on_postgres, on_sqlite};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use life::Life;

#[derive(Debug, Clone)]
enum Step {
    /// A new process of a runtime shakes hands; its answer may be lost.
    Shake(usize, i64, bool),
    /// A call that its runtime pays for itself.
    Call(usize, i64),
    /// A call by pass, and the end of one.
    Hold(usize, i64),
    Settle(usize, i64),
    /// Up to so many queued reports, from the end or the begin; they may be sent again later.
    Tell(usize, usize, bool, bool),
    Refresh(usize, i64, bool),
    Return(usize),
    Revoke(usize),
    /// An instance of ours borrows, spends half, and gives back.
    Lend(i64),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let who = 0_usize..3;
    prop_oneof![
        4 => (who.clone(), 1_i64..900, prop::bool::weighted(0.8)).prop_map(|(r, a, k)| Step::Shake(r, a, k)),
        8 => (who.clone(), 1_i64..30_000_000).prop_map(|(r, c)| Step::Call(r, c)),
        3 => (who.clone(), 1_i64..300).prop_map(|(r, a)| Step::Hold(r, a)),
        3 => (any::<usize>(), 0_i64..=100).prop_map(|(i, p)| Step::Settle(i, p)),
        6 => (who.clone(), 1_usize..5, any::<bool>(), prop::bool::weighted(0.3))
            .prop_map(|(r, n, l, k)| Step::Tell(r, n, l, k)),
        3 => (who.clone(), 0_i64..500, prop::bool::weighted(0.8)).prop_map(|(r, a, k)| Step::Refresh(r, a, k)),
        2 => who.clone().prop_map(Step::Return),
        1 => who.prop_map(Step::Revoke),
        3 => (1_i64..700).prop_map(Step::Lend),
        4 => prop_oneof![3 => 1_u64..5, 2 => Just(120), 1 => Just(3_590), 1 => Just(3_700)].prop_map(Step::Wait),
    ]
}

async fn live(db: Db, (agent, tenant): (i64, i64), steps: Vec<Step>) {
    let mut life = Life::begin(db, agent, tenant).await;
    for step in steps {
        life.take(step).await;
    }
    life.come_to_rest().await;
}

fn run(cases: u32, most: usize, on: impl Fn((i64, i64), Vec<Step>)) {
    let config = Config {
        cases,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let lives = (
        (300_i64..2_000, 300_i64..3_000),
        prop::collection::vec(any_step(), 1..most),
    );
    let outcome = TestRunner::new(config).run(&lives, |(limits, steps)| {
        on(limits, steps);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn foreign_runtimes_overspend_nothing_on_sqlite() {
    run(60, 60, |limits, steps| {
        on_sqlite(|db| live(db, limits, steps))
    });
}

#[test]
fn foreign_runtimes_overspend_nothing_on_postgres() {
    run(8, 40, |limits, steps| {
        on_postgres(|db| live(db, limits, steps))
    });
}
