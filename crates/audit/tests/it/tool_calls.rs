//! Calls of tools, and what came of them.

use std::time::Duration;

use iron_audit::{ToolCallFilter, UntoldCall};
use iron_journal::canonical;
use iron_primitives::{AgentId, IcTokenId, ProjectId, RequestId, UserId};
use iron_store::{Db, Page, both_engines};
use serde_json::{Value, json};

use crate::kit::{Server, World};

struct Caller {
    agent: AgentId,
    project: ProjectId,
    user: UserId,
    token: IcTokenId,
}

impl Caller {
    fn new(world: &World) -> Caller {
        let environment = &world.environment;
        Caller {
            agent: environment.new_id(),
            project: environment.new_id(),
            user: environment.new_id(),
            token: environment.new_id(),
        }
    }

    fn append(&self, world: &World, server: &Server, call: RequestId, rest: &Value) {
        let now = world.environment.now().micros();
        let mut body = json!({
            "agent": self.agent, "call": call, "format": 1, "project": self.project,
            "token": self.token, "tool": "crm/find", "user": self.user, "started_at_us": now,
        });
        let fields = rest.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        let body = canonical::to_vec(&body).unwrap();
        server.journal.append_record(world.tenant, &body).unwrap();
    }

    /// A call that was decided so.
    fn decided(&self, world: &World, server: &Server, effect: &str) -> RequestId {
        let call = world.environment.new_id();
        let now = world.environment.now().micros();
        let rest = json!({
            "kind": "tool", "mode": "client", "decision": {"effect": effect, "rules": []},
            "ended_at_us": now + 5,
        });
        self.append(world, server, call, &rest);
        call
    }

    fn told(&self, world: &World, server: &Server, call: RequestId, status: &str) {
        let rest = json!({"kind": "tool_result", "result": {"status": status, "output_bytes": 3}});
        self.append(world, server, call, &rest);
    }
}

async fn untold(world: &World) -> Vec<UntoldCall> {
    let now = world.environment.now();
    let span = (
        now.minus(Duration::from_secs(60)),
        now.plus(Duration::from_secs(60)),
    );
    world.audit.untold_tool_calls(span, None, 10).await.unwrap()
}

async fn status(world: &World) -> Option<String> {
    let (admin, filter) = (
        world.admin(),
        ToolCallFilter {
            decision: Some("allow".to_owned()),
            ..ToolCallFilter::default()
        },
    );
    let calls = world
        .audit
        .tool_calls(&admin, &filter, Page::default())
        .await
        .unwrap();
    calls.items[0]
        .result
        .as_ref()
        .map(|result| result.status.clone())
}

both_engines! {
    async fn allowed_calls_without_a_result_are_found_until_they_are_given_up(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let caller = Caller::new(&world);
        let call = caller.decided(&world, &server, "allow");
        caller.decided(&world, &server, "deny");
        server.settle().await;
        let found = untold(&world).await;
        let expected = UntoldCall {
            tenant: world.tenant, id: call, agent: caller.agent, project: caller.project,
            team: None, user: caller.user, token: caller.token, tool: "crm/find".to_owned(),
            started_at: found[0].started_at,
        };
        assert_eq!(found, [expected]);
        let now = world.environment.now();
        let later = (now.plus(Duration::from_secs(1)), now.plus(Duration::from_secs(9)));
        assert_eq!(world.audit.untold_tool_calls(later, None, 10).await.unwrap(), []);
        caller.told(&world, &server, call, "abandoned");
        server.settle().await;
        assert_eq!(untold(&world).await, []);
        assert_eq!(status(&world).await.as_deref(), Some("abandoned"));
    }

    async fn calls_without_a_result_are_found_one_after_the_other(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let caller = Caller::new(&world);
        let mut made: Vec<_> = (0..5).map(|_| caller.decided(&world, &server, "allow")).collect();
        server.settle().await;
        let now = world.environment.now();
        let (mut since, until) = (now.minus(Duration::from_secs(60)), now.plus(Duration::from_secs(60)));
        let (mut behind, mut found) = (None, Vec::new());
        for expected in [2, 2, 1, 0] {
            let some = world.audit.untold_tool_calls((since, until), behind, 2).await.unwrap();
            assert_eq!(some.len(), expected);
            if let Some(last) = some.last() {
                (since, behind) = (last.started_at, Some(last.id));
            }
            found.extend(some.into_iter().map(|call| call.id));
        }
        made.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, made);
    }

    async fn a_result_that_comes_late_takes_the_place_of_none_and_keeps_it(db: Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let caller = Caller::new(&world);
        let call = caller.decided(&world, &server, "allow");
        for told in ["abandoned", "success", "error", "abandoned"] {
            caller.told(&world, &server, call, told);
        }
        server.settle().await;
        assert_eq!(status(&world).await.as_deref(), Some("success"));
    }
}
