//! What a server does to agents by itself, and what it leaves alone.

use iron_fleet::{Agent, RuntimeState, Verb};
use iron_store::Db;

use crate::World;

const SPENT: &str = "its budget is spent";

impl World {
    async fn born(&self) -> Agent {
        let admin = self.admin();
        let mut tx = self.db.begin().await.unwrap();
        let new = self.new_agent("Ada", admin.user);
        let agent = self.agents.create(&mut tx, &admin, new).await.unwrap();
        tx.commit().await.unwrap();
        agent
    }

    async fn spent(&self, agent: &Agent) -> bool {
        let mut tx = self.db.begin().await.unwrap();
        let paused = self
            .agents
            .pause_for_budget(&mut tx, agent.tenant, agent.id, SPENT)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        paused
    }

    async fn money_again(&self, agent: &Agent) -> bool {
        let mut tx = self.db.begin().await.unwrap();
        let resumed = self
            .agents
            .resume_from_budget(&mut tx, agent.tenant, agent.id, "money again")
            .await
            .unwrap();
        tx.commit().await.unwrap();
        resumed
    }

    async fn says(&self, agent: &Agent, verb: Verb) {
        let mut tx = self.db.begin().await.unwrap();
        let reason = Some("by hand".to_owned());
        let done = self
            .agents
            .act(&mut tx, &self.admin(), agent.id, verb, reason)
            .await;
        done.unwrap();
        tx.commit().await.unwrap();
    }

    async fn seen(&self, agent: &Agent) -> (RuntimeState, Option<String>) {
        let now = self.agents.get(&self.admin(), agent.id).await.unwrap();
        (now.runtime_state, now.pause_reason)
    }
}

iron_store::both_engines! {
    async fn a_spent_budget_pauses_and_money_resumes(db: Db) {
        let world = World::new(db).await;
        let agent = world.born().await;
        assert!(world.spent(&agent).await);
        assert!(!world.spent(&agent).await, "once is enough");
        assert_eq!(world.seen(&agent).await, (RuntimeState::Paused, Some(SPENT.to_owned())));
        let paused = world.agents.paused_by_budget().await.unwrap();
        assert_eq!(paused, [(agent.tenant, agent.id)]);
        assert!(world.money_again(&agent).await);
        assert_eq!(world.seen(&agent).await, (RuntimeState::Running, None));
        assert!(world.agents.paused_by_budget().await.unwrap().is_empty());
    }

    async fn what_a_person_has_paused_stays_paused(db: Db) {
        let world = World::new(db).await;
        let agent = world.born().await;
        world.says(&agent, Verb::Pause).await;
        assert!(!world.spent(&agent).await);
        assert!(!world.money_again(&agent).await);
        assert_eq!(world.seen(&agent).await, (RuntimeState::Paused, Some("by hand".to_owned())));
    }

    async fn a_person_may_pause_what_a_budget_has_paused(db: Db) {
        let world = World::new(db).await;
        let agent = world.born().await;
        world.spent(&agent).await;
        world.says(&agent, Verb::Pause).await;
        assert!(!world.money_again(&agent).await);
        assert_eq!(world.seen(&agent).await, (RuntimeState::Paused, Some("by hand".to_owned())));
    }

    async fn a_person_may_resume_what_a_budget_has_paused(db: Db) {
        let world = World::new(db).await;
        let agent = world.born().await;
        world.spent(&agent).await;
        world.says(&agent, Verb::Resume).await;
        assert_eq!(world.seen(&agent).await, (RuntimeState::Running, None));
        assert!(!world.money_again(&agent).await);
    }

    async fn whoever_spends_too_fast_is_killed_and_a_person_sees_why(db: Db) {
        let world = World::new(db).await;
        let agent = world.born().await;
        world.spent(&agent).await;
        let mut tx = world.db.begin().await.unwrap();
        let killed = world.agents.kill_for_budget(&mut tx, agent.tenant, agent.id, "too fast").await;
        assert!(killed.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(world.seen(&agent).await, (RuntimeState::Stopped, Some("too fast".to_owned())));
        assert!(!world.money_again(&agent).await);
        let standing = world.agents.standing(&[agent.id]).await.unwrap();
        assert!(standing[&agent.id].over, "its calls end");
        world.says(&agent, Verb::Start).await;
        assert_eq!(world.seen(&agent).await, (RuntimeState::Running, None));
    }
}
