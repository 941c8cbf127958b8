//! Budgets that agents share, as people set them.

use http::Method;
use iron_primitives::{AgentId, Scope};
use iron_runtime::authority::Change;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const PATH: &str = "/api/v1/budget-pools";

/// An admin and three agents.
struct House {
    world: World,
    admin: User,
    agents: [AgentId; 3],
}

impl House {
    async fn new(db: Db) -> House {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let mut agents = Vec::new();
        for name in ["one", "two", "three"] {
            let body = json!({"name": name, "budget": 10});
            agents.push(world.create(&admin, "/api/v1/agents", body).await.id("id"));
        }
        let agents = agents.try_into().unwrap();
        House {
            world,
            admin,
            agents,
        }
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Reply {
        let call = self.world.call(method, path).by(&self.admin);
        let call = if body.is_null() {
            call
        } else {
            call.json(&body)
        };
        call.send().await
    }

    /// A pool of ten dollars with the first two agents, and its path.
    async fn pool(&self) -> (Reply, String) {
        let [one, two, _] = self.agents;
        let body = json!({
            "name": "shared", "budget": 10, "period": "monthly",
            "members": [
                {"agent_id": one, "priority": "low", "share": 20},
                {"agent_id": two, "priority": "critical"},
            ],
        });
        let made = self.world.create(&self.admin, PATH, body).await;
        let path = made.head("location").to_owned();
        (made, path)
    }
}

fn column(list: &Value, field: &str) -> Vec<Value> {
    let rows = list.as_array().unwrap();
    rows.iter().map(|row| row[field].clone()).collect()
}

both_engines! {
    async fn a_pool_shows_what_each_priority_and_each_member_may_have(db: Db) {
        let mut house = House::new(db).await;
        house.world.told();
        let (made, path) = house.pool().await;
        let [one, two, _] = house.agents;
        assert_eq!(house.world.told(), [Change::Agent(two), Change::Agent(one)]);
        let shown = house.send(Method::GET, &path, Value::Null).await.ok();
        assert_eq!(shown.body, made.body);
        let priorities = &shown.body["priorities"];
        assert_eq!(column(priorities, "priority"), ["critical", "high", "normal", "low"]);
        assert_eq!(column(priorities, "budget"), [10.0, 9.0, 7.5, 5.0]);
        assert_eq!(column(priorities, "remaining"), [10.0, 9.0, 7.5, 5.0]);
        let members = &shown.body["members"];
        assert_eq!(column(members, "agent_id"), [json!(two), json!(one)]);
        assert_eq!(column(members, "remaining"), [10.0, 2.0]);
        assert_eq!(column(members, "share"), [Value::Null, json!(20)]);
        for (field, value) in [
            ("budget", json!(10.0)), ("remaining_micros", json!(10_000_000)), ("spent", json!(0.0)),
            ("status", json!("ok")), ("period", json!("monthly")), ("name", json!("shared")),
        ] {
            assert_eq!(shown.body[field], value, "{field}");
        }
        let found = house.send(Method::GET, &format!("{PATH}?agent_id={one}"), Value::Null).await.ok();
        assert_eq!(found.body["data"], json!([shown.body]));
        let none = format!("{PATH}?name=other");
        assert_eq!(house.send(Method::GET, &none, Value::Null).await.ok().body["data"], json!([]));
        house.world.settle().await;
        let log = house.send(Method::GET, "/api/v1/audit-logs?action=pool.create", Value::Null).await;
        assert_eq!(log.ok().body["pagination"]["total"], 1);
    }

    async fn a_change_acts_at_once_and_only_on_what_was_seen(db: Db) {
        let house = House::new(db).await;
        let (_, path) = house.pool().await;
        let [one, two, three] = house.agents;
        let tag = house.send(Method::GET, &path, Value::Null).await.head("etag").to_owned();
        house.world.told();
        let body = json!({"budget": 20, "members": [
            {"agent_id": one, "priority": "high"}, {"agent_id": three, "priority": "normal"},
        ]});
        let call = house.world.call(Method::PATCH, &path).by(&house.admin).header("if-match", &tag);
        let changed = call.json(&body).send().await.ok();
        assert_eq!(column(&changed.body["members"], "agent_id"), [json!(one), json!(three)]);
        assert_eq!(column(&changed.body["priorities"], "budget"), [20.0, 18.0, 15.0, 10.0]);
        let told = house.world.told();
        for agent in [one, two, three] {
            assert!(told.contains(&Change::Agent(agent)), "{told:?}");
        }
        let caps = told.iter().filter(|change| matches!(change, Change::Budget(Scope::Pool(_))));
        assert_eq!(caps.count(), 5, "the pool, three caps, and the share that is no more");
        let call = house.world.call(Method::PATCH, &path).by(&house.admin).header("if-match", &tag);
        call.json(&json!({"name": "x"})).send().await.is(409, "CONCURRENT_MODIFICATION");
        let agent = format!("/api/v1/limits/agents/{one}/budget");
        let own = house.send(Method::GET, &agent, Value::Null).await.ok();
        assert_eq!(own.body["budget"], 10.0, "an agent's own budget is another one");
    }

    async fn what_cannot_be_is_refused_with_what_to_do(db: Db) {
        let house = House::new(db).await;
        let (_, path) = house.pool().await;
        let [one, _, three] = house.agents;
        let member = |agent: AgentId| json!({"agent_id": agent, "priority": "low"});
        let twice = json!({"name": "other", "budget": 1, "members": [member(three), member(one)]});
        let reply = house.send(Method::POST, PATH, twice).await;
        let reply = reply.is(409, "RESOURCE_IN_USE");
        assert_eq!(reply.body["error"]["details"]["agent_id"], json!(one));
        let none = house.send(Method::GET, &format!("{PATH}?name=other"), Value::Null).await.ok();
        assert_eq!(none.body["data"], json!([]), "all of it or nothing");
        let same = json!({"name": "shared", "budget": 1});
        house.send(Method::POST, PATH, same).await.is(409, "DUPLICATE_NAME");
        house.send(Method::DELETE, &path, Value::Null).await.is(409, "RESOURCE_IN_USE");
        let nobody: AgentId = house.world.new_id();
        let strange = json!({"name": "other", "budget": 1, "members": [member(nobody)]});
        house.send(Method::POST, PATH, strange).await.is(404, "RESOURCE_NOT_FOUND");
        for (field, value) in [
            ("budget", json!(0)), ("budget", json!(1_000_000)), ("budget", json!(-1)),
            ("priorities", json!({"low": 80, "normal": 75, "high": 90})),
            ("priorities.low", json!({"low": 0, "normal": 75, "high": 90})),
            ("priorities.high", json!({"low": 1, "normal": 75, "high": 101})),
            ("members[0].share", json!([{"agent_id": three, "priority": "low", "share": 0}])),
            ("members[0].share", json!([{"agent_id": three, "priority": "low", "share": 1e9}])),
            ("members[0].priority", json!([{"agent_id": three, "priority": "urgent"}])),
            ("members", json!([member(three), member(three)])),
        ] {
            let name = field.split(['.', '[']).next().unwrap();
            let reply = house.send(Method::PATCH, &path, json!({name: value})).await;
            let reply = reply.is(400, "VALIDATION_ERROR");
            assert!(!reply.field(field).is_empty(), "{field}: {}", reply.body);
        }
    }

    async fn a_deleted_agent_leaves_its_pool(db: Db) {
        let house = House::new(db).await;
        let (_, path) = house.pool().await;
        let [one, two, _] = house.agents;
        for agent in [one, two] {
            house.send(Method::DELETE, &format!("/api/v1/agents/{agent}"), Value::Null).await.ok();
        }
        let shown = house.send(Method::GET, &path, Value::Null).await.ok();
        assert_eq!(shown.body["members"], json!([]));
        house.send(Method::DELETE, &path, Value::Null).await.ok();
        house.send(Method::GET, &path, Value::Null).await.is(404, "RESOURCE_NOT_FOUND");
        let again = json!({"name": "shared", "budget": 10});
        house.world.create(&house.admin, PATH, again).await;
    }
}
