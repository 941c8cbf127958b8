//! Agents whose calls fail.

use std::time::Duration;

use iron_journal::canonical;
use iron_primitives::{AgentId, IcTokenId, ProjectId, ProviderId, RequestId, UserId};
use iron_store::{Db, both_engines};
use serde_json::json;

use crate::kit::{Server, World};

/// A call that ended so; `cut` may say by whom.
fn called(world: &World, server: &Server, agent: AgentId, ending: &str) {
    let (outcome, ended) = ending.split_once('/').unwrap_or((ending, "done"));
    let provider: ProviderId = world.environment.new_id();
    let environment = &world.environment;
    let (id, token): (RequestId, IcTokenId) = (environment.new_id(), environment.new_id());
    let (project, user): (ProjectId, UserId) = (environment.new_id(), environment.new_id());
    let now = environment.now().micros();
    let body = json!({
        "agent": agent, "call": id, "token": token, "kind": "call", "format": 1,
        "cost_nanos": 1, "outcome": outcome, "status": 200,
        "started_at_us": now - 599_000_000, "ended_at_us": now, "project": project, "user": user,
        "attempts": [{"provider": provider, "ended": ended}],
    });
    let body = canonical::to_vec(&body).unwrap();
    server.journal.append_record(world.tenant, &body).unwrap();
}

both_engines! {
    async fn only_failures_count_and_only_those_of_the_time(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let (bad, worse, well): (AgentId, AgentId, AgentId) = (
            world.environment.new_id(), world.environment.new_id(), world.environment.new_id(),
        );
        for agent in [bad, worse] {
            called(&world, &server, agent, "provider_error");
        }
        world.time.clock.advance(Duration::from_secs(600));
        let since = world.environment.now();
        for outcome in ["completed", "provider_error", "cut/upstream_cut", "cut/killed"] {
            called(&world, &server, bad, outcome);
        }
        for outcome in ["unknown", "cut/stalled", "provider_error"] {
            called(&world, &server, worse, outcome);
        }
        for outcome in ["refused", "client_gone", "completed", "cut/malformed", "cut/killed"] {
            called(&world, &server, well, outcome);
        }
        server.settle().await;
        let found = world.audit.failing_agents(world.tenant, since, 2).await.unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.agent, one.failed, one.calls)).collect();
        assert_eq!(found, [(worse, 3, 3), (bad, 2, 4)]);
        let nobody = world.environment.new_id();
        assert_eq!(world.audit.failing_agents(nobody, since, 1).await.unwrap(), []);
    }
}
