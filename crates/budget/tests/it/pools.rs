//! Budgets that agents share.

use iron_audit::Authorised;
use iron_budget::{
    Caps, Error, Limits, NewMember, NewPool, Pool, PoolChange, PoolFilter, PoolUpdated, Pools,
    Priority,
};
use iron_primitives::{AgentId, Money, Period, PoolCap, Scope};
use iron_store::{Db, Page, Sort, both_engines};
use iron_testkit::TestEnvironment;
use proptest::prelude::*;

use crate::world::{UNIT, Wish, World, admin, ledger_in};

mod priorities;

struct House {
    db: Db,
    pools: Pools,
    limits: Limits,
    authorised: Authorised,
    world: TestEnvironment,
}

fn dollars(text: &str) -> Money {
    text.parse().expect("dollars")
}

fn member(agent: AgentId, priority: Priority) -> NewMember {
    NewMember {
        agent,
        priority,
        share: None,
    }
}

fn new(name: &str, members: &[NewMember]) -> NewPool {
    NewPool {
        name: name.to_owned(),
        budget: dollars("10"),
        period: Period::Monthly,
        caps: Caps::default(),
        members: members.to_vec(),
    }
}

impl House {
    async fn open(db: Db) -> House {
        let world = TestEnvironment::new();
        let ledger = ledger_in(&db, &world, world.environment.new_id()).await;
        let limits = Limits::new(ledger);
        House {
            pools: Pools::new(limits.clone()),
            limits,
            db,
            authorised: admin(&world, world.environment.new_id()),
            world,
        }
    }

    fn agent(&self) -> AgentId {
        self.world.environment.new_id()
    }

    async fn create(&self, new: NewPool) -> Result<Pool, Error> {
        let mut tx = self.db.begin().await?;
        let pool = self.pools.create(&mut tx, &self.authorised, new).await?;
        tx.commit().await?;
        Ok(pool)
    }

    async fn update(&self, pool: &Pool, change: PoolChange) -> Result<PoolUpdated, Error> {
        let mut tx = self.db.begin().await?;
        let updated = self
            .pools
            .update(&mut tx, &self.authorised, pool.id, change)
            .await?;
        tx.commit().await?;
        Ok(updated)
    }

    async fn members(&self, pool: &Pool, members: &[NewMember]) -> Result<PoolUpdated, Error> {
        let change = PoolChange {
            members: Some(members.to_vec()),
            ..PoolChange::default()
        };
        self.update(pool, change).await
    }

    async fn delete(&self, pool: &Pool) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        self.pools
            .delete(&mut tx, &self.authorised, pool.id)
            .await?;
        Ok(tx.commit().await?)
    }

    async fn limit(&self, id: iron_primitives::PoolId) -> Option<Money> {
        let status = self.limits.get(&self.authorised, Scope::Pool(id)).await;
        status.expect("it has a budget").limit
    }

    /// Which caps an agent stands under.
    async fn caps_of(&self, agent: AgentId) -> Vec<PoolCap> {
        let path = self.pools.path_of(self.authorised.tenant, agent).await;
        let Some(path) = path.expect("it is read") else {
            return Vec::new();
        };
        let ids = [path.low, path.normal, path.high, Some(path.pool)];
        let parts = ids.into_iter().flatten().filter_map(|id| path.part(id));
        parts.map(|part| part.cap).collect()
    }
}

both_engines! {
    async fn each_priority_stands_under_its_cap_and_those_of_all_above_it(db: Db) {
        let house = House::open(db).await;
        let agents = [(); 4].map(|()| house.agent());
        let members: Vec<NewMember> = agents
            .iter()
            .zip(Priority::ALL)
            .map(|(agent, priority)| member(*agent, *priority))
            .collect();
        let pool = house.create(new("shared", &members)).await.expect("is made");
        use PoolCap::{High, Low, Normal, Whole};
        let [critical, high, normal, low] = agents;
        assert_eq!(house.caps_of(critical).await, [Whole]);
        assert_eq!(house.caps_of(high).await, [High, Whole]);
        assert_eq!(house.caps_of(normal).await, [Normal, High, Whole]);
        assert_eq!(house.caps_of(low).await, [Low, Normal, High, Whole]);
        assert_eq!(house.caps_of(house.agent()).await, []);
        assert_eq!(house.limit(pool.low).await, Some(dollars("5")));
        assert_eq!(house.limit(pool.normal).await, Some(dollars("7.5")));
        assert_eq!(house.limit(pool.high).await, Some(dollars("9")));
        assert_eq!(house.limit(pool.id).await, Some(dollars("10")));
        assert_eq!(house.limit(pool.members[0].id).await, None);
    }
}

both_engines! {
    async fn caps_and_shares_follow_the_pool(db: Db) {
        let house = House::open(db).await;
        let agent = house.agent();
        let share = NewMember { share: Some(30), ..member(agent, Priority::Low) };
        let pool = house.create(new("shared", &[share])).await.expect("is made");
        let own = pool.members[0].id;
        assert_eq!(house.limit(own).await, Some(dollars("3")));
        let change = PoolChange {
            budget: Some(dollars("20")),
            period: Some(Period::Daily),
            ..PoolChange::default()
        };
        let updated = house.update(&pool, change).await.expect("is changed");
        assert_eq!(updated.budgets.len(), 5, "the pool, three caps and a share");
        assert_eq!(updated.agents, [], "nobody stands under other caps");
        assert_eq!(house.limit(own).await, Some(dollars("6")));
        assert_eq!(house.limit(pool.low).await, Some(dollars("10")));
        let low = house.limits.get(&house.authorised, Scope::Pool(pool.low)).await.expect("read");
        assert_eq!(low.period, Period::Daily);
        let change = PoolChange {
            caps: Some(Caps { low: 10, normal: 10, high: 100 }),
            ..PoolChange::default()
        };
        house.update(&pool, change).await.expect("is changed");
        assert_eq!(house.limit(pool.low).await, Some(dollars("2")));
        assert_eq!(house.limit(pool.high).await, Some(dollars("20")));
        let nothing = house.update(&pool, PoolChange::default()).await.expect("is read");
        assert_eq!((nothing.budgets, nothing.agents), (vec![], vec![]));
    }
}

both_engines! {
    async fn an_agent_shares_one_pool_and_finds_its_share_again(db: Db) {
        let house = House::open(db).await;
        let (agent, other) = (house.agent(), house.agent());
        let low = member(agent, Priority::Low);
        let first = house.create(new("first", &[low])).await.expect("is made");
        let second = house.create(new("second", &[])).await.expect("is made");
        let twice = house.members(&second, &[low]).await;
        assert!(matches!(twice, Err(Error::AgentInPool { agent: held }) if held == agent));
        let twice = house.create(new("third", &[low])).await;
        assert!(matches!(twice, Err(Error::AgentInPool { .. })));

        let left = house.members(&first, &[member(other, Priority::High)]).await.expect("leaves");
        assert_eq!(left.agents, [agent, other]);
        assert_eq!(house.caps_of(agent).await, []);
        house.members(&second, &[low]).await.expect("is free to join");
        house.members(&second, &[]).await.expect("leaves");
        let back = member(agent, Priority::Critical);
        let joined = house.members(&first, &[member(other, Priority::High), back]).await;
        let joined = joined.expect("comes back");
        assert_eq!(joined.agents, [agent]);
        assert_eq!(joined.pool.members[0].agent, agent, "the most important comes first");
        assert_eq!(joined.pool.members[0].id, first.members[0].id, "its share is the same budget");
        let page = Page::default();
        let filter = PoolFilter { agent: Some(agent), ..PoolFilter::default() };
        let sort = Sort::descending("created_at");
        let found = house.pools.list(&house.authorised, &filter, sort, page).await.expect("lists");
        assert_eq!(found.items, [joined.pool]);
    }
}

both_engines! {
    async fn a_pool_ends_when_nobody_shares_it(db: Db) {
        let house = House::open(db).await;
        let agent = house.agent();
        let pool = house.create(new("n", &[member(agent, Priority::Low)])).await.expect("is made");
        assert!(matches!(house.delete(&pool).await, Err(Error::PoolInUse { members: 1 })));
        let taken = house.create(new("n", &[])).await;
        assert!(matches!(taken, Err(Error::PoolNameTaken)));
        // The end of an agent takes it out of its pool.
        let mut tx = house.db.begin().await.expect("begins");
        let from = house.pools.release(&mut tx, &house.authorised, agent).await.expect("released");
        tx.commit().await.expect("commits");
        assert_eq!(from, Some(pool.id));
        house.delete(&pool).await.expect("is deleted");
        assert!(matches!(house.delete(&pool).await, Err(Error::NoPool { .. })));
        house.create(new("n", &[])).await.expect("the name is free again");
        let stranger = admin(&house.world, house.world.environment.new_id());
        assert!(matches!(house.pools.get(&stranger, pool.id).await, Err(Error::NoPool { .. })));
    }
}

both_engines! {
    async fn what_makes_no_sense_is_refused(db: Db) {
        let house = House::open(db).await;
        let wrong = [(0, 10, 20), (60, 50, 90), (50, 95, 90), (50, 75, 101), (255, 255, 255)];
        for (low, normal, high) in wrong {
            let caps = Caps { low, normal, high };
            let made = house.create(NewPool { caps, ..new("n", &[]) }).await;
            assert!(matches!(made, Err(Error::PoolInvalid { field: "priorities", .. })));
        }
        let agent = house.agent();
        for share in [0, 101, 255] {
            let share = NewMember { share: Some(share), ..member(agent, Priority::Low) };
            let made = house.create(new("n", &[share])).await;
            assert!(matches!(made, Err(Error::PoolInvalid { field: "members", .. })));
        }
        let twice = [member(agent, Priority::Low), member(agent, Priority::High)];
        let made = house.create(new("n", &twice)).await;
        assert!(matches!(made, Err(Error::PoolInvalid { field: "members", .. })));
        for budget in [Money::ZERO, Money::from_nanos(i64::MAX)] {
            let made = house.create(NewPool { budget, ..new("n", &[]) }).await;
            assert!(matches!(made, Err(Error::LimitOutOfRange)));
        }
    }
}
