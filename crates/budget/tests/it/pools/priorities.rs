//! What is kept for a priority, under any membership.

use super::*;

/// What happens to the agents of a pool.
#[derive(Debug, Clone)]
enum Step {
    Call(Wish),
    Settle(usize),
    Round,
    Member(usize, Option<(Priority, Option<u8>)>),
    Raise(i64),
    Kill,
}

fn any_step() -> impl Strategy<Value = Step> {
    let wish = (0_usize..3, 1_i64..400, 0_i64..=100).prop_map(|(agent, fixed, percent)| Wish {
        agent,
        fixed,
        cap: 0,
        floor: 0,
        percent,
    });
    let priority = proptest::sample::select(Priority::ALL);
    let membership = (priority, proptest::option::of(1_u8..=100));
    let membership = proptest::option::weighted(0.9, membership);
    prop_oneof![
        10 => wish.prop_map(Step::Call),
        4 => any::<usize>().prop_map(Step::Settle),
        10 => Just(Step::Round),
        2 => (any::<usize>(), membership).prop_map(|(agent, new)| Step::Member(agent, new)),
        1 => (2_000_i64..4_000).prop_map(Step::Raise),
        1 => Just(Step::Kill),
    ]
}

/// Σ low ≤ its cap, Σ low and normal ≤ theirs, and so on, and none above the pool.
async fn spend(db: Db, seed: u64, steps: Vec<Step>) {
    let mut world = World::new(db, seed, 50_000, 1_000, 90_000, Period::None).await;
    let project = Scope::Project(world.paths[0].project);
    world.set_limit(project, 90_000, None).await;
    let mut most = 1_000;
    for step in steps {
        match step {
            Step::Call(wish) => world.admit(wish),
            Step::Settle(index) => world.settle(index),
            Step::Round => world.round().await,
            Step::Member(agent, new) => world.member(agent, new).await,
            Step::Raise(units) => {
                most = most.max(units);
                world.limit_pool(most).await;
            }
            Step::Kill => world.crash(false, 0).await,
        }
        let Caps { low, normal, high } = world.shared.pool.caps;
        let pool = &world.shared.pool;
        let caps = [
            (pool.low, low),
            (pool.normal, normal),
            (pool.high, high),
            (pool.id, 100),
        ];
        let mut below = 0;
        for (id, percent) in caps {
            let billed = world
                .billed
                .iter()
                .filter(|(place, _)| place.0 == Scope::Pool(id));
            let billed: i64 = billed.map(|(_, billed)| *billed).sum();
            assert!(billed >= below, "each cap counts the ones below it");
            assert!(billed <= most * UNIT * i64::from(percent) / 100);
            below = billed;
        }
    }
    world.come_to_rest().await;
    world.counters_only_grow().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn under_any_membership_no_priority_takes_what_is_kept_for_a_higher_one(
        seed in any::<u64>(),
        steps in prop::collection::vec(any_step(), 1..80),
    ) {
        iron_store::testing::on_sqlite(|db| spend(db, seed, steps));
    }
}

#[test]
fn under_some_memberships_the_same_holds_on_postgres() {
    let call = |agent| {
        Step::Call(Wish {
            agent,
            fixed: 300,
            cap: 0,
            floor: 0,
            percent: 100,
        })
    };
    let mut steps = Vec::new();
    for change in [
        Step::Member(2, Some((Priority::Normal, None))),
        Step::Member(0, Some((Priority::High, Some(50)))),
        Step::Raise(2_000),
        Step::Member(1, None),
        Step::Member(2, Some((Priority::Critical, None))),
    ] {
        steps.extend((0..3).flat_map(|agent| [call(agent), Step::Round, Step::Round]));
        steps.extend([change, Step::Kill, Step::Round]);
    }
    iron_store::testing::on_postgres(|db| spend(db, 3, steps));
}
