//! Two transactions that need the same rows take them in the same order. One of them is taken
//! step by step here; the other, a whole request, must be waiting for its first row and hold
//! nothing that the first one still needs. In another order PostgreSQL would end one of the two.

use std::time::Duration;

use http::{Method, StatusCode};
use iron_identity::Role;
use iron_primitives::{AgentId, IcTokenId, ProviderId};
use iron_store::testing::on_postgres;
use iron_store::{Db, Tx, sql};
use serde_json::json;

use crate::kit::{Call, User, World};

/// A developer with a provider and an agent that uses it and has a token.
struct House {
    world: World,
    admin: User,
    owner: User,
    agent: AgentId,
    token: IcTokenId,
    provider: ProviderId,
}

impl House {
    async fn new(db: Db) -> House {
        let world = World::new(db).await;
        let owner = world.user(Role::Developer, "dev").await;
        let admin = world.admin().await;
        let provider = json!({"name": "s", "type": "simulated"});
        let provider = world.create(&admin, "/api/v1/providers", provider).await;
        let agent = json!({
            "name": "a", "budget": 1, "owner_id": owner.id, "create_ic_token": true,
            "providers": [provider.text_of("id")],
        });
        let agent = world.create(&admin, "/api/v1/agents", agent).await;
        House {
            agent: agent.id("id"),
            token: agent.body["ic_token"]["id"]
                .as_str()
                .unwrap()
                .parse()
                .unwrap(),
            provider: provider.id("id"),
            world,
            admin,
            owner,
        }
    }

    fn delete(&self, path: &str) -> Call<'_> {
        let path = format!("/api/v1/{path}");
        self.world.call(Method::DELETE, path).by(&self.admin)
    }

    /// Runs a request until it waits for `tx`, goes on with `tx`, and lets both end.
    async fn overtake(&self, mut tx: Tx, request: Call<'_>, rest: impl AsyncFnOnce(&mut Tx)) {
        let row = sql("SELECT CAST(pg_backend_pid() AS BIGINT) AS pid").fetch_one(&mut tx);
        let holder: i64 = row.await.unwrap().get("pid").unwrap();
        let first = async {
            while self.waiting_for(holder).await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            rest(&mut tx).await;
            tx.commit().await.unwrap();
        };
        let ((), reply) = tokio::join!(first, request.send());
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    }

    async fn waiting_for(&self, holder: i64) -> i64 {
        let row = sql("SELECT COUNT(*) AS waiting FROM pg_stat_activity \
             WHERE CAST($1 AS INTEGER) = ANY(pg_blocking_pids(pid))")
        .bind(holder)
        .fetch_one(&self.world.db)
        .await
        .unwrap();
        row.get("waiting").unwrap()
    }
}

#[test]
fn the_deletion_of_a_user_waits_for_agents_before_it_touches_their_tokens() {
    on_postgres(|db| async {
        let house = House::new(db).await;
        let (state, may) = (
            &house.world.state,
            house.world.evidence(house.world.made.tenant.id),
        );
        // As the deletion of an agent does it.
        let mut tx = house.world.db.begin().await.unwrap();
        state.agents.hold(&mut tx, &may, house.agent).await.unwrap();
        let request = house.delete(&format!("users/{}", house.owner.id));
        let rest = async |tx: &mut Tx| {
            let revoked = state
                .identity
                .revoke_ic_tokens_of(tx, &may, house.agent)
                .await;
            revoked.unwrap();
        };
        house.overtake(tx, request, rest).await;
    });
}

#[test]
fn the_deletion_of_an_agent_waits_for_it_before_it_touches_its_tokens() {
    on_postgres(|db| async {
        let house = House::new(db).await;
        let (state, may) = (
            &house.world.state,
            house.world.evidence(house.world.made.tenant.id),
        );
        // As the deletion of the owner does it.
        let mut tx = house.world.db.begin().await.unwrap();
        let agents = state.agents.hold_of_owner(&mut tx, &may, house.owner.id);
        agents.await.unwrap();
        let request = house.delete(&format!("agents/{}", house.agent));
        let rest = async |tx: &mut Tx| {
            let held = state.identity.hold_ic_token(tx, &may, house.token).await;
            held.unwrap();
        };
        house.overtake(tx, request, rest).await;
    });
}

#[test]
fn the_deletion_of_a_provider_waits_for_it_before_it_touches_its_agents() {
    on_postgres(|db| async {
        let house = House::new(db).await;
        let (state, may) = (
            &house.world.state,
            house.world.evidence(house.world.made.tenant.id),
        );
        // As the assignment of providers does it.
        let mut tx = house.world.db.begin().await.unwrap();
        let chosen = [house.provider];
        let kept = state.providers.check_assignable(&mut tx, &may, &chosen);
        kept.await.unwrap();
        let request = house.delete(&format!("providers/{}", house.provider));
        let rest = async |tx: &mut Tx| {
            state.agents.hold(tx, &may, house.agent).await.unwrap();
        };
        house.overtake(tx, request, rest).await;
    });
}
