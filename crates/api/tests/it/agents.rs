//! Agents by their standing, their health, and what is taken from them.

use http::Method;
use iron_budget::Enrolment;
use iron_identity::Role;
use iron_primitives::{AgentId, InstanceId, LeaseId, Scope, Unit};
use iron_runtime::authority::{Change, Exchange, Want};
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

async fn make(world: &World, by: &User, name: &str, budget: u32) -> AgentId {
    let body = json!({"name": name, "budget": budget});
    world.create(by, "/api/v1/agents", body).await.id("id")
}

async fn names(world: &World, by: &User, query: &str) -> Vec<String> {
    let path = format!("/api/v1/agents?{query}");
    let reply = world.call(Method::GET, path).by(by).send().await.ok();
    let rows = reply.body["data"].as_array().unwrap().clone();
    let name = |row: &Value| row["name"].as_str().unwrap().to_owned();
    rows.iter().map(name).collect()
}

/// Spends of an agent's budget, as an instance would: by a lease; what is left stays with it.
pub(crate) async fn spend(world: &World, agent: AgentId, granted: i64, settled: i64) -> LeaseId {
    let instance: InstanceId = world.new_id();
    let enrolment = Enrolment {
        instance,
        boot_id: "boot".to_owned(),
        at_least: 0,
        seen: 0,
    };
    let from = world.ledger.enrol(&enrolment).await.unwrap();
    let want = Want {
        tenant: world.made.tenant.id,
        scope: Scope::Agent(agent),
        unit: Unit::Usd,
        amount: granted,
        exact: granted,
        least: 0,
        known: None,
        ahead: false,
    };
    let mut exchange = Exchange {
        from,
        seen: 0,
        reports: Vec::new(),
        complete: true,
        witnessed: Vec::new(),
        wants: vec![want],
    };
    let reply = world.ledger.exchange(&exchange).await.unwrap();
    let grant = reply.grants[0];
    exchange.seen = reply.sequence;
    exchange.wants.clear();
    exchange.reports = vec![iron_runtime::authority::LeaseReport {
        lease: grant.lease,
        tenant: grant.tenant,
        scope: grant.scope,
        unit: grant.unit,
        span: grant.span,
        granted: grant.granted,
        settled,
        returned: 0,
        held: 0,
        standing: iron_runtime::authority::Standing::Open,
    }];
    world.ledger.exchange(&exchange).await.unwrap();
    grant.lease
}

both_engines! {
    async fn agents_are_found_and_sorted_by_what_they_have_and_have_spent(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let user = world.user(Role::Developer, "dev").await;
        for (name, budget, spent) in [("a", 3, 1), ("b", 1, 1), ("c", 2, 0)] {
            let agent = make(&world, &admin, name, budget).await;
            if spent > 0 {
                spend(&world, agent, spent * 1_000_000_000, spent * 1_000_000_000).await;
            }
        }
        make(&world, &user, "d", 9).await;
        assert_eq!(names(&world, &admin, "sort=budget").await, ["b", "c", "a", "d"]);
        assert_eq!(names(&world, &admin, "sort=-budget&per_page=2").await, ["d", "a"]);
        assert_eq!(names(&world, &admin, "sort=-budget&per_page=2&page=2").await, ["c", "b"]);
        assert_eq!(names(&world, &admin, "sort=-budget&per_page=2&page=3").await, [""; 0]);
        assert_eq!(names(&world, &admin, "sort=-spent&per_page=2").await, ["b", "a"]);
        assert_eq!(names(&world, &admin, "status=exhausted").await, ["b"]);
        assert_eq!(names(&world, &admin, "status=active&sort=name").await, ["a", "c", "d"]);
        assert_eq!(names(&world, &user, "sort=budget").await, ["d"]);
        let suspend = world.call(Method::PUT, format!("/api/v1/users/{}/suspend", user.id));
        suspend.by(&admin).json(&json!({"reason": "left"})).send().await.ok();
        assert_eq!(names(&world, &admin, "status=inactive").await, ["d"]);
        assert_eq!(names(&world, &admin, "status=inactive,exhausted&sort=name").await, ["b", "d"]);
        let wrong = world.call(Method::GET, "/api/v1/agents?status=gone&sort=id").by(&admin).send().await;
        assert!(wrong.is(400, "VALIDATION_ERROR").text.contains("`exhausted`"));
    }
}

both_engines! {
    async fn the_agents_of_a_suspended_user_are_inactive_and_runtimes_are_told(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let user = world.user(Role::Developer, "dev").await;
        let agent = make(&world, &user, "a", 1).await;
        world.told();
        let put = async |verb: &str, body: Value| -> Reply {
            let call = world.call(Method::PUT, format!("/api/v1/users/{}/{verb}", user.id));
            call.by(&admin).json(&body).send().await.ok()
        };
        put("suspend", json!({"reason": "left"})).await;
        assert_eq!(world.told(), [Change::User(user.id)]);
        let path = format!("/api/v1/agents/{agent}");
        let shown = world.call(Method::GET, &path).by(&admin).send().await.ok();
        assert_eq!(shown.text_of("status"), "inactive");
        let status = world.call(Method::GET, format!("{path}/status")).by(&admin).send().await.ok();
        assert_eq!(status.text_of("status"), "inactive");
        put("activate", json!({})).await;
        assert_eq!(world.told(), [Change::User(user.id)]);
        let shown = world.call(Method::GET, &path).by(&admin).send().await.ok();
        assert_eq!(shown.text_of("status"), "active");
    }
}

both_engines! {
    async fn health_names_what_an_agent_lacks(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = make(&world, &admin, "a", 1).await;
        let path = format!("/api/v1/agents/{agent}");
        let health = world.call(Method::GET, format!("{path}/health")).by(&admin).send().await.ok();
        assert_eq!((&health.body["live"], &health.body["ready"]), (&json!(true), &json!(false)));
        let lacking: Vec<&str> = health.body["checks"].as_array().unwrap().iter()
            .filter(|check| check["ok"] == json!(false))
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        assert_eq!(lacking, ["token", "provider"]);
        world.create(&admin, "/api/v1/tokens", json!({"agent_id": agent.to_string()})).await;
        let provider = world.create(&admin, "/api/v1/providers", json!({"name": "s", "type": "simulated"})).await;
        let assign = world.call(Method::PUT, format!("{path}/providers")).by(&admin);
        assign.json(&json!({"providers": [provider.text_of("id")]})).send().await.ok();
        let health = world.call(Method::GET, format!("{path}/health")).by(&admin).send().await.ok();
        assert_eq!(health.body["ready"], json!(true), "{}", health.text);
        let pause = world.call(Method::POST, format!("{path}/pause")).by(&admin).json(&json!({}));
        pause.send().await.ok();
        let health = world.call(Method::GET, format!("{path}/health")).by(&admin).send().await.ok();
        assert_eq!((&health.body["live"], &health.body["ready"]), (&json!(false), &json!(false)));
        assert_eq!(health.body["checks"][0]["message"], "the agent is paused");
    }
}

both_engines! {
    async fn a_stopped_agents_streams_end_when_its_grace_is_over(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = make(&world, &admin, "a", 1).await;
        let path = format!("/api/v1/agents/{agent}");
        let stop = async |body: Value| {
            world.call(Method::POST, format!("{path}/stop")).by(&admin).json(&body).send().await
        };
        stop(json!({"grace_seconds": 3_601})).await.is(400, "VALIDATION_ERROR").field("grace_seconds");
        world.told();
        stop(json!({"grace_seconds": 0})).await.ok();
        let mut told = world.told();
        while !told.contains(&Change::Ended(agent)) {
            tokio::task::yield_now().await;
            told.extend(world.told());
        }
        assert_eq!(told, [Change::Agent(agent), Change::Ended(agent)]);
    }
}

both_engines! {
    async fn a_kill_cuts_at_once_the_streams_of_an_agent_that_was_stopped(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = make(&world, &admin, "a", 1).await;
        let act = async |verb: &str| {
            let path = format!("/api/v1/agents/{agent}/{verb}");
            world.call(Method::POST, path).by(&admin).json(&json!({})).send().await.ok();
        };
        act("stop").await;
        assert!(!world.told().contains(&Change::Ended(agent)));
        act("kill").await;
        assert!(world.told().contains(&Change::Ended(agent)));
    }
}

both_engines! {
    async fn leases_are_listed_taken_away_and_closed_by_people(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let (agent, other) = (make(&world, &admin, "a", 10).await, make(&world, &admin, "b", 10).await);
        let lease = spend(&world, agent, 4_000_000_000, 1_500_000_000).await;
        spend(&world, other, 1_000_000_000, 0).await;
        let list = async |query: &str| {
            let path = format!("/api/v1/leases?{query}");
            world.call(Method::GET, path).by(&admin).send().await.ok().body["pagination"]["total"].clone()
        };
        assert_eq!(list("").await, json!(2));
        assert_eq!(list(&format!("agent_id={agent}")).await, json!(1));
        assert_eq!(list("status=fenced,closed").await, json!(0));
        let post = async |verb: &str, body: Value| {
            let call = world.call(Method::POST, format!("/api/v1/leases/{lease}/{verb}"));
            call.by(&admin).json(&body).send().await
        };
        let open = post("reconcile", json!({"reason": "too early"})).await.is(409, "INVALID_STATE");
        assert_eq!(open.body["error"]["details"]["status"], "active");
        world.told();
        let revoked = post("revoke", json!({"reason": "lost machine"})).await.ok();
        assert_eq!((revoked.text_of("status"), &revoked.body["settled_micros"]), ("fenced", &json!(1_500_000)));
        assert_eq!(world.told(), [Change::Budget(Scope::Agent(agent))]);
        assert_eq!(post("revoke", json!({"reason": "again"})).await.ok().text_of("status"), "fenced");
        let budget = format!("/api/v1/limits/agents/{agent}/budget");
        let shown = world.call(Method::GET, &budget).by(&admin).send().await.ok();
        assert!(shown.text.contains("\"suspense\":2.50"), "{}", shown.text);
        let both = json!({"reason": "r", "final_spent": 2, "final_spent_micros": 2_000_000});
        post("reconcile", both).await.is(400, "VALIDATION_ERROR").field("final_spent_micros");
        let less = post("reconcile", json!({"reason": "r", "final_spent": 1})).await;
        assert!(less.is(400, "VALIDATION_ERROR").field("final_spent").contains("reported"));
        let closed = post("reconcile", json!({"reason": "the invoice", "final_spent_micros": 2_000_001})).await.ok();
        assert_eq!((closed.text_of("status"), &closed.body["settled_micros"]), ("closed", &json!(2_000_001)));
        let shown = world.call(Method::GET, &budget).by(&admin).send().await.ok();
        assert_eq!((&shown.body["spent_micros"], &shown.body["suspense_micros"]), (&json!(2_000_001), &json!(0)));
        for verb in ["revoke", "reconcile"] {
            post(verb, json!({"reason": "late"})).await.is(409, "LEASE_NOT_ACTIVE");
        }
        assert_eq!(world.ledger.check(world.made.tenant.id).await.unwrap(), []);
        let gone = world.new_id::<LeaseId>();
        let gone = world.call(Method::POST, format!("/api/v1/leases/{gone}/revoke")).by(&admin);
        gone.json(&json!({"reason": "r"})).send().await.is(404, "RESOURCE_NOT_FOUND");
    }
}

both_engines! {
    async fn a_killed_agent_loses_its_leases(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = make(&world, &admin, "a", 10).await;
        spend(&world, agent, 4_000_000_000, 1_000_000_000).await;
        let kill = world.call(Method::POST, format!("/api/v1/agents/{agent}/kill")).by(&admin);
        kill.json(&json!({})).send().await.ok();
        let leases = world.call(Method::GET, "/api/v1/leases").by(&admin).send().await.ok();
        assert_eq!(leases.body["data"][0]["status"], "fenced");
        let gone = world.call(Method::DELETE, format!("/api/v1/agents/{agent}")).by(&admin).send().await.ok();
        assert_eq!(gone.body["cascade"]["leases"], 0, "it had lost them before");
        assert_eq!(world.ledger.check(world.made.tenant.id).await.unwrap(), []);
    }
}

both_engines! {
    async fn a_limit_is_lifted_with_null_where_it_may_be(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = make(&world, &admin, "a", 10).await;
        let project = world.create(&admin, "/api/v1/projects", json!({"name": "p", "budget": 5})).await;
        let project = project.text_of("id").to_owned();
        let limit = format!("/api/v1/limits/projects/{project}/budget");
        let put = async |path: &str, body: Value| {
            world.call(Method::PUT, path).by(&admin).json(&body).send().await
        };
        put(&limit, json!({})).await.is(400, "VALIDATION_ERROR").field("budget");
        let lifted = put(&limit, json!({"budget": null, "reason": "no longer"})).await.ok();
        assert_eq!((&lifted.body["budget"], lifted.body["previous_budget"].as_f64()), (&Value::Null, Some(5.0)));
        let patch = async |body: Value| {
            let call = world.call(Method::PATCH, format!("/api/v1/projects/{project}")).by(&admin);
            call.json(&body).send().await.ok()
        };
        world.told();
        assert_eq!(patch(json!({"budget": 7.5})).await.body["budget"].as_f64(), Some(7.5));
        assert_eq!(world.told(), [Change::Budget(Scope::Project(project.parse().unwrap()))]);
        assert_eq!(patch(json!({"name": "q"})).await.body["budget"].as_f64(), Some(7.5));
        assert_eq!(patch(json!({"budget": null})).await.body.get("budget"), None);
        let agents = format!("/api/v1/limits/agents/{agent}/budget");
        put(&agents, json!({"budget": null})).await.is(400, "VALIDATION_ERROR").field("budget");
    }
}
