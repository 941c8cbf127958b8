//! Requests for higher budgets, as people make and decide them.

use futures_util::future::join_all;
use http::Method;
use iron_identity::Role;
use iron_primitives::{AgentId, Scope};
use iron_runtime::authority::Change;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const PATH: &str = "/api/v1/budget-requests";
const WHY: &str = "there are more letters in spring";

/// A developer with an agent of ten dollars, and an admin.
struct House {
    world: World,
    admin: User,
    owner: User,
    agent: AgentId,
}

impl House {
    async fn new(db: Db) -> House {
        let world = World::new(db).await;
        let owner = world.user(Role::Developer, "dev").await;
        let admin = world.admin().await;
        let body = json!({"name": "writer", "budget": 10});
        let agent = world.create(&owner, "/api/v1/agents", body).await.id("id");
        House {
            world,
            admin,
            owner,
            agent,
        }
    }

    fn body(&self, budget: f64) -> Value {
        json!({"agent_id": self.agent, "requested_budget": budget, "justification": WHY})
    }

    /// A request of the owner's and its path.
    async fn ask(&self, budget: f64) -> (Reply, String) {
        let made = self
            .world
            .create(&self.owner, PATH, self.body(budget))
            .await;
        let path = made.head("location").to_owned();
        (made, path)
    }

    async fn send(&self, by: &User, method: Method, path: &str, body: Value) -> Reply {
        let call = self.world.call(method, path).by(by);
        let call = if body.is_null() {
            call
        } else {
            call.json(&body)
        };
        call.send().await
    }

    async fn get(&self, by: &User, path: &str) -> Reply {
        self.send(by, Method::GET, path, Value::Null).await
    }
}

both_engines! {
    async fn an_approved_request_raises_the_budget_at_once_and_tells_why(db: Db) {
        let mut house = House::new(db).await;
        let (made, path) = house.ask(25.50).await;
        for (field, value) in [
            ("status", json!("pending")), ("agent_name", json!("writer")), ("current_budget", json!(10.0)),
            ("requested_budget", json!(25.5)), ("justification", json!(WHY)), ("decided_at", Value::Null),
            ("requester_id", json!(house.owner.id)), ("agent_id", json!(house.agent)),
        ] {
            assert_eq!(made.body[field], value, "{field}");
        }
        let shown = house.get(&house.owner, &path).await.ok();
        assert_eq!((&shown.body["agent_budget"], &shown.body["agent_spent"]), (&json!(10.0), &json!(0.0)));
        assert_eq!(shown.body["agent_remaining"], 10.0);
        let tag = shown.head("etag").to_owned();
        house.world.told();
        let approve = format!("{path}/approve");
        let call = house.world.call(Method::PUT, &approve).by(&house.admin).header("if-match", &tag);
        let done = call.json(&json!({"notes": "let us see"})).send().await.ok();
        assert_eq!((done.text_of("status"), done.text_of("notes")), ("approved", "let us see"));
        let agent = json!({"id": house.agent, "name": "writer", "old_budget": 10.0, "new_budget": 25.5});
        assert_eq!((&done.body["agent"], &done.body["approved_budget"]), (&agent, &json!(25.5)));
        assert_eq!(done.body["decided_by"], json!(house.admin.id));
        assert_eq!(house.world.told(), [Change::Budget(Scope::Agent(house.agent))]);
        let shown = house.get(&house.owner, &path).await.ok();
        assert_eq!((&shown.body["agent_budget"], &shown.body["current_budget"]), (&json!(25.5), &json!(10.0)));
        assert_ne!(shown.head("etag"), tag);
        assert_eq!(shown.head("etag"), done.head("etag"));
        let history = format!("/api/v1/limits/agents/{}/budget/history", house.agent);
        let history = house.get(&house.owner, &history).await.ok();
        let entry = &history.body["data"][0];
        assert_eq!(entry["budget_request_id"], made.body["id"]);
        assert_eq!((&entry["new_budget"], &entry["reason"]), (&json!(25.5), &json!(WHY)));
        house.world.settle().await;
        for action in ["budget_request.create", "budget_request.approve", "budget.set"] {
            let log = house.get(&house.admin, &format!("/api/v1/audit-logs?action={action}")).await.ok();
            assert_eq!(log.body["pagination"]["total"], 1, "{action}");
        }
    }

    async fn a_request_ends_once_whoever_ends_it(db: Db) {
        let house = House::new(db).await;
        let steps = |path: &str| {
            [
                (Method::PUT, format!("{path}/approve"), json!({}), "approved"),
                (Method::PUT, format!("{path}/deny"), json!({"reason": "no"}), "denied"),
                (Method::DELETE, path.to_owned(), Value::Null, "cancelled"),
            ]
        };
        for (place, budget) in [(0, 20.0), (1, 30.0), (2, 40.0)] {
            let (_, path) = house.ask(budget).await;
            let (method, to, body, word) = steps(&path)[place].clone();
            let done = house.send(&house.admin, method, &to, body).await.ok();
            assert_eq!(done.text_of("status"), word);
            for (method, to, body, _) in steps(&path) {
                let late = house.send(&house.admin, method, &to, body).await.is(409, "INVALID_STATE");
                assert_eq!(late.body["error"]["details"]["status"], word);
            }
        }
        // The requester takes his own back.
        let (_, path) = house.ask(50.0).await;
        let done = house.send(&house.owner, Method::DELETE, &path, Value::Null).await.ok();
        assert_eq!(done.text_of("status"), "cancelled");
    }

    async fn of_two_deciders_one_is_told_that_it_is_decided(db: Db) {
        let house = House::new(db).await;
        for round in 1..4 {
            let (_, path) = house.ask(10.0 + f64::from(round)).await;
            let (approve, deny) = (format!("{path}/approve"), format!("{path}/deny"));
            let deciders = (0..4).map(|number| {
                if number % 2 == 0 {
                    house.send(&house.admin, Method::PUT, &approve, json!({}))
                } else {
                    house.send(&house.admin, Method::PUT, &deny, json!({"reason": "no"}))
                }
            });
            let (won, lost): (Vec<_>, Vec<_>) =
                join_all(deciders).await.into_iter().partition(|reply| reply.status == 200);
            assert_eq!((won.len(), lost.len()), (1, 3));
            lost.into_iter().for_each(|reply| drop(reply.is(409, "INVALID_STATE")));
            let now = house.get(&house.admin, &path).await.ok();
            assert_eq!(now.text_of("status"), won[0].text_of("status"));
        }
        // Who sends the tag of what he has read learns that it is no more.
        let (_, path) = house.ask(90.0).await;
        let tag = house.get(&house.admin, &path).await.ok().head("etag").to_owned();
        house.send(&house.admin, Method::PUT, &format!("{path}/deny"), json!({"reason": "no"})).await.ok();
        let call = house.world.call(Method::PUT, format!("{path}/approve")).by(&house.admin);
        let late = call.header("if-match", &tag).json(&json!({})).send().await;
        late.is(409, "CONCURRENT_MODIFICATION");
    }

    async fn what_is_wrong_with_a_request_is_told_at_once(db: Db) {
        let house = House::new(db).await;
        let wrong = json!({
            "agent_id": "writer", "requested_budget": 1.005, "justification": "too short", "status": "approved",
        });
        let refused = house.send(&house.owner, Method::POST, PATH, wrong).await.is(400, "VALIDATION_ERROR");
        for field in ["agent_id", "requested_budget", "justification", "status"] {
            refused.field(field);
        }
        for least in [0.01, 10.0] {
            let refused = house.send(&house.owner, Method::POST, PATH, house.body(least)).await;
            let refused = refused.is(400, "VALIDATION_ERROR");
            assert!(refused.field("requested_budget").contains("10.00"), "{}", refused.text);
        }
        let nobody = json!({
            "agent_id": house.world.new_id::<AgentId>(), "requested_budget": 20, "justification": WHY,
        });
        house.send(&house.owner, Method::POST, PATH, nobody).await.is(404, "RESOURCE_NOT_FOUND");
        let (_, path) = house.ask(20.0).await;
        let approve = format!("{path}/approve");
        let less = house.send(&house.admin, Method::PUT, &approve, json!({"approved_budget": 10})).await;
        less.is(400, "VALIDATION_ERROR").field("approved_budget");
        let long = json!({"approved_budget": 0, "notes": "x".repeat(1001)});
        let long = house.send(&house.admin, Method::PUT, &approve, long).await.is(400, "VALIDATION_ERROR");
        assert!(long.field("notes").len() + long.field("approved_budget").len() > 0);
        let deny = format!("{path}/deny");
        house.send(&house.admin, Method::PUT, &deny, json!({})).await.is(400, "VALIDATION_ERROR").field("reason");
        // A part of it may be given, as long as it is more than now.
        let given = house.send(&house.admin, Method::PUT, &approve, json!({"approved_budget": 10.01})).await.ok();
        assert_eq!(given.body["agent"]["new_budget"], 10.01);
    }

    async fn a_request_belongs_to_who_asks_and_its_tenant(db: Db) {
        let house = House::new(db).await;
        let other = house.world.user(Role::Developer, "other").await;
        let (_, path) = house.ask(20.0).await;
        house.send(&other, Method::POST, PATH, house.body(20.0)).await.is(403, "INSUFFICIENT_PERMISSIONS");
        house.get(&other, &path).await.is(403, "INSUFFICIENT_PERMISSIONS");
        house.send(&other, Method::DELETE, &path, Value::Null).await.is(403, "INSUFFICIENT_PERMISSIONS");
        house.get(&house.owner, PATH).await.is(403, "INSUFFICIENT_PERMISSIONS");
        let tenant = json!({"name": "t", "slug": "tee", "admin_email": "boss@tee.example"});
        let tenant = house.world.create(&house.admin, "/api/v1/tenants", tenant).await;
        let stranger = house.world.live_in(&tenant, "tee").await;
        house.get(&stranger, &path).await.is(404, "RESOURCE_NOT_FOUND");
        let approve = format!("{path}/approve");
        house.send(&stranger, Method::PUT, &approve, json!({})).await.is(404, "RESOURCE_NOT_FOUND");
        let deny = (format!("{path}/deny"), json!({"reason": "no"}));
        house.send(&stranger, Method::PUT, &deny.0, deny.1).await.is(404, "RESOURCE_NOT_FOUND");
        house.send(&stranger, Method::DELETE, &path, Value::Null).await.is(404, "RESOURCE_NOT_FOUND");
        house.send(&stranger, Method::POST, PATH, house.body(20.0)).await.is(404, "RESOURCE_NOT_FOUND");
        let theirs = house.get(&stranger, &format!("{PATH}?agent_id={}", house.agent)).await.ok();
        assert_eq!(theirs.body["pagination"]["total"], 0);
        // Whose role has become another one may still look at his own and take it back.
        let role = format!("/api/v1/users/{}/role", house.owner.id);
        house.send(&house.admin, Method::PUT, &role, json!({"role": "viewer"})).await.ok();
        house.get(&house.owner, &path).await.ok();
        house.send(&house.owner, Method::POST, PATH, house.body(20.0)).await.is(403, "INSUFFICIENT_PERMISSIONS");
        house.send(&house.owner, Method::DELETE, &path, Value::Null).await.ok();
    }

    async fn requests_are_listed_filtered_and_sorted(db: Db) {
        let house = House::new(db).await;
        let mut made = Vec::new();
        for budget in [30.0, 20.0, 40.0] {
            made.push(house.ask(budget).await);
            house.world.pass(1);
        }
        house.world.create(&house.admin, PATH, house.body(35.0)).await;
        let deny = format!("{}/deny", made[1].1);
        house.send(&house.admin, Method::PUT, &deny, json!({"reason": "no"})).await.ok();
        let amounts = async |by: &User, query: &str| -> Vec<f64> {
            let list = house.get(by, &format!("{PATH}{query}")).await.ok();
            let data = list.body["data"].as_array().unwrap().clone();
            data.iter().map(|one| one["requested_budget"].as_f64().unwrap()).collect()
        };
        let (admin, owner) = (&house.admin, &house.owner);
        assert_eq!(amounts(admin, "").await, [35.0, 40.0, 20.0, 30.0]);
        assert_eq!(amounts(admin, "/me").await, [35.0]);
        assert_eq!(amounts(owner, "/me").await, [40.0, 20.0, 30.0]);
        assert_eq!(amounts(owner, "/me?sort=requested_budget").await, [20.0, 30.0, 40.0]);
        assert_eq!(amounts(owner, "/me?status=denied,approved").await, [20.0]);
        assert_eq!(amounts(admin, "?status=pending&sort=-requested_budget").await, [40.0, 35.0, 30.0]);
        assert_eq!(amounts(admin, &format!("?requester_id={}", owner.id)).await, [40.0, 20.0, 30.0]);
        assert_eq!(amounts(owner, &format!("/me?requester_id={}", admin.id)).await, [0.0_f64; 0]);
        assert_eq!(amounts(admin, "?page=2&per_page=3").await, [30.0]);
        let wrong = house.get(admin, &format!("{PATH}?sort=justification")).await;
        assert!(wrong.is(400, "VALIDATION_ERROR").field("sort").contains("requested_budget"));
        let wrong = house.get(admin, &format!("{PATH}?status=open")).await;
        assert!(wrong.is(400, "VALIDATION_ERROR").field("status").contains("`pending`"));
    }

    async fn what_is_pending_is_cancelled_with_its_agent_or_requester(db: Db) {
        let house = House::new(db).await;
        let (_, first) = house.ask(20.0).await;
        let (_, second) = house.ask(30.0).await;
        let (_, decided) = house.ask(40.0).await;
        house.send(&house.admin, Method::PUT, &format!("{decided}/deny"), json!({"reason": "no"})).await.ok();
        let agent = format!("/api/v1/agents/{}", house.agent);
        let gone = house.send(&house.admin, Method::DELETE, &agent, Value::Null).await.ok();
        assert_eq!(gone.body["cascade"]["budget_requests"], 2);
        for path in [first, second] {
            let now = house.get(&house.owner, &path).await.ok();
            assert_eq!((now.text_of("status"), now.text_of("reason")), ("cancelled", "the agent was deleted"));
            let late = house.send(&house.admin, Method::PUT, &format!("{path}/approve"), json!({})).await;
            late.is(409, "INVALID_STATE");
        }
        let body = json!({"name": "second", "budget": 1, "owner_id": house.owner.id});
        let agent: AgentId = house.world.create(&house.admin, "/api/v1/agents", body).await.id("id");
        let body = json!({"agent_id": agent, "requested_budget": 2, "justification": WHY});
        let mine = house.world.create(&house.owner, PATH, body.clone()).await.head("location").to_owned();
        let theirs = house.world.create(&house.admin, PATH, body).await.head("location").to_owned();
        let user = format!("/api/v1/users/{}", house.owner.id);
        let gone = house.send(&house.admin, Method::DELETE, &user, Value::Null).await.ok();
        assert_eq!(gone.body["budget_requests_cancelled"], 1);
        let now = house.get(&house.admin, &mine).await.ok();
        assert_eq!((now.text_of("status"), now.text_of("reason")), ("cancelled", "the requester was deleted"));
        assert_eq!(house.get(&house.admin, &theirs).await.ok().text_of("status"), "pending");
    }

    async fn a_request_that_is_sent_twice_is_made_once(db: Db) {
        let house = House::new(db).await;
        let post = async || {
            let call = house.world.call(Method::POST, PATH).by(&house.owner);
            call.header("idempotency-key", "one").json(&house.body(20.0)).send().await.is(201, "")
        };
        let (first, again) = (post().await, post().await);
        assert_eq!(first.body, again.body);
        assert_eq!(again.head("idempotency-replayed"), "true");
        let mine = house.get(&house.owner, &format!("{PATH}/me")).await.ok();
        assert_eq!(mine.body["pagination"]["total"], 1);
    }

    async fn a_deletion_and_a_decision_at_once_leave_nothing_pending(db: Db) {
        let house = House::new(db).await;
        for round in 0..4 {
            let name = format!("a{round}");
            let body = json!({"name": name, "budget": 1, "owner_id": house.owner.id});
            let agent: AgentId = house.world.create(&house.admin, "/api/v1/agents", body).await.id("id");
            let body = json!({"agent_id": agent, "requested_budget": 2, "justification": WHY});
            let path = house.world.create(&house.owner, PATH, body.clone()).await.head("location").to_owned();
            let (delete, approve) = (format!("/api/v1/agents/{agent}"), format!("{path}/approve"));
            let (deleted, approved, born) = tokio::join!(
                house.send(&house.admin, Method::DELETE, &delete, Value::Null),
                house.send(&house.admin, Method::PUT, &approve, json!({})),
                house.send(&house.owner, Method::POST, PATH, body),
            );
            let cancelled = &deleted.ok().body["cascade"]["budget_requests"];
            assert!(matches!(approved.status.as_u16(), 200 | 409), "{}", approved.text);
            assert!(matches!(born.status.as_u16(), 201 | 404 | 400), "{}", born.text);
            let left = format!("{PATH}?status=pending&agent_id={agent}");
            let left = house.get(&house.admin, &left).await.ok();
            assert_eq!(left.body["pagination"]["total"], 0, "{cancelled}");
        }
    }
}
