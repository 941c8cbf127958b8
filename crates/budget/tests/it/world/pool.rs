//! A pool that some of the agents of a world share.

use std::collections::BTreeMap;

use iron_audit::Authorised;
use iron_budget::{Caps, Limits, NewMember, NewPool, Pool, PoolChange, Pools, Priority};
use iron_primitives::{ActorPath, AgentId, Money, Period, Scope, Unit};
use iron_runtime::wallet::Held;
use iron_store::Db;

use super::{Purse, UNIT, World};

/// The pool, and who shares it.
pub(crate) struct Shared {
    db: Db,
    pools: Pools,
    pub(crate) pool: Pool,
    members: BTreeMap<AgentId, NewMember>,
}

impl Shared {
    /// A pool of so many units: the first agent shares it with low priority and 60 %, the second
    /// with high priority, the third has none of it. Gives the limits of its budgets, too.
    pub(crate) async fn found(
        db: &Db,
        limits: &Limits,
        authorised: &Authorised,
        paths: &mut [ActorPath],
        units: i64,
    ) -> (Shared, BTreeMap<Purse, i64>) {
        let pools = Pools::new(limits.clone());
        let member = |index: usize, priority, share| NewMember {
            agent: paths[index].agent,
            priority,
            share,
        };
        let members = vec![
            member(0, Priority::Low, Some(60)),
            member(1, Priority::High, None),
        ];
        let new = NewPool {
            name: "shared".to_owned(),
            budget: Money::from_nanos(units * UNIT),
            period: Period::None,
            caps: Caps::default(),
            members: members.clone(),
        };
        let mut tx = db.begin().await.expect("begins");
        let pool = pools.create(&mut tx, authorised, new).await;
        let pool = pool.expect("a pool is founded");
        tx.commit().await.expect("commits");
        let members = members.into_iter().map(|one| (one.agent, one)).collect();
        let shared = Shared {
            db: db.clone(),
            pools,
            pool,
            members,
        };
        shared.lead(paths).await;
        let in_force = shared.in_force(authorised).await;
        (shared, in_force)
    }

    /// Where it is kept.
    pub(crate) const fn db(&self) -> &Db {
        &self.db
    }

    /// The limits of all its budgets.
    async fn in_force(&self, authorised: &Authorised) -> BTreeMap<Purse, i64> {
        let funds = self
            .pools
            .funds(authorised, std::slice::from_ref(&self.pool))
            .await;
        let funds = funds.expect("they are read").remove(0);
        let all = [funds.whole, funds.low, funds.normal, funds.high];
        all.into_iter()
            .chain(funds.members)
            .filter_map(|status| Some(((status.scope, status.unit), status.limit?.nanos())))
            .collect()
    }

    /// Puts the caps on the paths, as whoever makes a principal does.
    async fn lead(&self, paths: &mut [ActorPath]) {
        for path in paths {
            let pool = self.pools.path_of(path.tenant, path.agent).await;
            path.pool = pool.expect("it is read");
        }
    }

    /// Whoever stands under the cap of a priority stands under those of all higher ones.
    pub(crate) fn caps_are_nested(&self, held: &Held) {
        let pool = &self.pool;
        let nested = [pool.low, pool.normal, pool.high, pool.id];
        let stands = nested.map(|id| held.legs.iter().any(|leg| leg.scope == Scope::Pool(id)));
        assert!(
            stands.is_sorted(),
            "under {stands:?} of low, normal, high and all"
        );
    }
}

impl World {
    /// An agent joins the pool, changes in it, or leaves it; the runtime is told at once.
    pub(crate) async fn member(&mut self, agent: usize, wanted: Option<(Priority, Option<u8>)>) {
        let agent = self.paths[agent % self.paths.len()].agent;
        match wanted {
            Some((priority, share)) => {
                let member = NewMember {
                    agent,
                    priority,
                    share,
                };
                self.shared.members.insert(agent, member);
            }
            None => {
                self.shared.members.remove(&agent);
            }
        }
        let members = self.shared.members.values().copied().collect();
        self.change_pool(PoolChange {
            members: Some(members),
            ..PoolChange::default()
        })
        .await;
    }

    /// The pool has another limit, in units; the runtime is told at once.
    pub(crate) async fn limit_pool(&mut self, units: i64) {
        self.change_pool(PoolChange {
            budget: Some(Money::from_nanos(units * UNIT)),
            ..PoolChange::default()
        })
        .await;
    }

    async fn change_pool(&mut self, change: PoolChange) {
        let id = self.shared.pool.id;
        let mut tx = self.shared.db.begin().await.expect("begins");
        let updated = self
            .shared
            .pools
            .update(&mut tx, &self.authorised, id, change)
            .await
            .expect("the pool is changed");
        tx.commit().await.expect("commits");
        self.shared.pool = updated.pool;
        self.shared.lead(&mut self.paths).await;
        let limits = self.shared.in_force(&self.authorised).await;
        for scope in updated.budgets {
            let purse = (scope, Unit::Usd);
            match limits.get(&purse) {
                Some(limit) => self.in_force.insert(purse, *limit),
                None => self.in_force.remove(&purse),
            };
            self.limit_was_set(purse);
        }
    }
}
