//! Money that goes from one team to another.

use iron_audit::Authorised;
use iron_budget::{Error, LEAST, Limits, SetBudget, SoftLimits, Transfer, Transferred};
use iron_primitives::{Money, Scope, TeamId};
use iron_store::{Db, Page, both_engines, sql};
use iron_testkit::TestEnvironment;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::world::{admin, ledger_in};

struct House {
    db: Db,
    limits: Limits,
    authorised: Authorised,
    world: TestEnvironment,
}

impl House {
    async fn open(db: Db) -> House {
        let world = TestEnvironment::new();
        let ledger = ledger_in(&db, &world, world.environment.new_id()).await;
        House {
            limits: Limits::new(ledger),
            db,
            authorised: admin(&world, world.environment.new_id()),
            world,
        }
    }

    async fn team(&self, limit: Money) -> TeamId {
        let team = self.world.environment.new_id();
        let mut tx = self.db.begin().await.expect("begins");
        let soft = SoftLimits::new(vec![80]).expect("a percentage");
        self.limits
            .create_team_row(&mut tx, self.authorised.tenant, team, limit, soft)
            .await
            .expect("is born");
        tx.commit().await.expect("commits");
        // Its first period is opened, so that something can be spent in it.
        let same = SetBudget::default();
        let put = self.limits.put(&self.authorised, Scope::Team(team), &same);
        put.await.expect("is read");
        team
    }

    async fn use_up(&self, team: TeamId, [settled, escrow, suspense]: [i64; 3]) {
        sql("UPDATE budget_periods SET settled = $2, escrow = $3, suspense = $4 WHERE scope = $1")
            .bind(Scope::Team(team))
            .bind(settled)
            .bind(escrow)
            .bind(suspense)
            .execute(&self.db)
            .await
            .expect("is used");
    }

    async fn limit(&self, team: TeamId) -> Money {
        let status = self.limits.get(&self.authorised, Scope::Team(team)).await;
        status.expect("a budget").limit.expect("a limit")
    }

    async fn transfer(
        &self,
        from: TeamId,
        to: TeamId,
        amount: Money,
    ) -> Result<Transferred, Error> {
        let transfer = Transfer {
            from,
            to,
            amount,
            reason: "a fair".to_owned(),
        };
        let mut tx = self.db.begin().await?;
        let done = self
            .limits
            .transfer(&mut tx, &self.authorised, &transfer)
            .await?;
        tx.commit().await?;
        Ok(done)
    }
}

both_engines! {
    async fn a_transfer_keeps_the_sum_and_leaves_the_giver_what_it_has_used(db: Db) {
        let house = House::open(db).await;
        let mut runner = TestRunner::deterministic();
        let cent = LEAST.nanos();
        let cases = (1_i64..2_000, 1_i64..2_000, 0_i64..600, 0_i64..600, 0_i64..600, 1_i64..2_500);
        for _ in 0..25 {
            let (has, had, settled, escrow, suspense, amount) =
                cases.new_tree(&mut runner).expect("a case").current();
            let (from, to) = (
                house.team(Money::from_nanos(has * cent)).await,
                house.team(Money::from_nanos(had * cent)).await,
            );
            // Never more than the limit, as by any grant; and not in whole cents.
            let mut room = has * cent;
            let parts = [settled, escrow, suspense].map(|part| {
                let part = (part * cent + 1).min(room);
                room -= part;
                part
            });
            house.use_up(from, parts).await;
            let used: i64 = parts.iter().sum();
            let free = has * cent - used.max(cent);
            let outcome = house.transfer(from, to, Money::from_nanos(amount * cent)).await;
            let (after, others) = (house.limit(from).await.nanos(), house.limit(to).await.nanos());
            nothing_is_lost(has * cent, had * cent, after, others);
            if amount * cent <= free {
                let done = outcome.expect("there is enough");
                assert_eq!(done.from.limit, Some(Money::from_nanos(after)));
                assert_eq!(after, has * cent - amount * cent);
                assert!(after >= used);
                assert_eq!(done.from.overdraft, Money::ZERO);
            } else {
                let Err(Error::InsufficientFunds { available }) = outcome else {
                    panic!("{outcome:?} for {amount} of {has} with {parts:?}")
                };
                assert_eq!((available.nanos(), after), (free.max(0), has * cent));
            }
        }
    }

    async fn both_histories_tell_of_a_transfer_and_nobody_elses_team_gives(db: Db) {
        let house = House::open(db).await;
        let ten = Money::from_cents(1_000).expect("ten dollars");
        let (from, to) = (house.team(ten).await, house.team(ten).await);
        house.transfer(from, to, Money::from_cents(250).expect("money")).await.expect("is moved");
        for (team, after) in [(from, "7.50"), (to, "12.50")] {
            let scope = Scope::Team(team);
            let history = house.limits.history(&house.authorised, scope, Page::default()).await;
            let newest = history.expect("a history").items.into_iter().next().expect("an entry");
            assert_eq!(newest.new_limit, Some(after.parse().expect("dollars")));
            assert_eq!(newest.reason.as_deref(), Some("a fair"));
        }
        let same = house.transfer(from, from, LEAST).await;
        assert!(matches!(same, Err(Error::NothingToTransfer { field: "to_team_id", .. })));
        let nobody = house.transfer(from, house.world.environment.new_id(), LEAST).await;
        assert!(matches!(nobody, Err(Error::NotFound)));
        let stranger = admin(&house.world, house.world.environment.new_id());
        let house = House { authorised: stranger, ..house };
        let foreign = house.transfer(from, to, LEAST).await;
        assert!(matches!(foreign, Err(Error::NotFound)));
    }
}

fn nothing_is_lost(has: i64, had: i64, after: i64, others: i64) {
    assert_eq!(has + had, after + others, "nothing is made or lost");
}
