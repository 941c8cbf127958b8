//! Teams, as people set them and as the governed path sees them.

use http::Method;
use iron_identity::Role;
use iron_primitives::{AgentId, ProfileId, Scope, TeamId, TokenDigest, UserId};
use iron_runtime::authority::{Change, Principal};
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const PATH: &str = "/api/v1/teams";

/// An admin and a team.
struct House {
    world: World,
    admin: User,
    team: TeamId,
}

impl House {
    async fn new(db: Db) -> House {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "writers", "budget": 100});
        let team = world.create(&admin, PATH, body).await.id("id");
        House { world, admin, team }
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.team)
    }

    async fn other(&self, name: &str) -> TeamId {
        let body = json!({"name": name, "budget": 10});
        self.world.create(&self.admin, PATH, body).await.id("id")
    }

    async fn send(&self, user: &User, method: Method, path: &str, body: Value) -> Reply {
        let call = self.world.call(method, path).by(user);
        let call = if body.is_null() {
            call
        } else {
            call.json(&body)
        };
        call.send().await
    }

    async fn get(&self, path: &str) -> Value {
        self.send(&self.admin, Method::GET, path, Value::Null)
            .await
            .ok()
            .body
    }

    async fn join(&self, team: TeamId, user: UserId) {
        let path = format!("{PATH}/{team}/members/{user}");
        let joined = self.send(&self.admin, Method::PUT, &path, json!({})).await;
        assert_eq!(joined.ok().text_of("team_role"), "member");
    }

    async fn transfer(&self, to: TeamId, amount: f64) -> Reply {
        let body = json!({"to_team_id": to, "amount": amount, "reason": "a quiet month"});
        let path = format!("{}/transfer", self.path());
        self.send(&self.admin, Method::POST, &path, body).await
    }

    /// A new agent as the governed path knows it.
    async fn agent(&self, user: &User, body: Value) -> (AgentId, Principal) {
        let made = self.world.create(user, "/api/v1/agents", body).await;
        let id: AgentId = made.id("id");
        let issue = json!({"agent_id": id});
        let token = self
            .world
            .create(&self.admin, "/api/v1/tokens", issue)
            .await;
        let digest = TokenDigest::of(token.text_of("token"));
        let authority = &self.world.state.far.authority;
        (id, authority.authenticate(digest).await.unwrap())
    }
}

both_engines! {
    async fn a_team_has_a_monthly_budget_members_and_a_threshold(db: Db) {
        let house = House::new(db).await;
        let ada = house.world.user(Role::Developer, "ada").await;
        let path = house.path();
        house.join(house.team, ada.id).await;
        let team = house.get(&path).await;
        assert_eq!(team["budget"], 100.0);
        assert_eq!(team["remaining"], 100.0);
        assert_eq!(team["period"], "monthly");
        assert_eq!(team["alert_threshold"], 80);
        assert_eq!(team["member_count"], 1);
        assert_eq!(team["members"][0]["email"], "ada@example.com");
        assert_eq!(team["policy"], json!({"privacy_level": "permissive"}));
        let user = house.get(&format!("/api/v1/users/{}", ada.id)).await;
        assert_eq!(user["team_ids"], json!([house.team]));
        // The budget of the team and the limit of the team are one row.
        let limits = format!("/api/v1/limits/teams/{}/budget", house.team);
        let set = json!({"budget": 50, "soft_limits": [60, 90]});
        house.send(&house.admin, Method::PUT, &limits, set).await.ok();
        let team = house.get(&path).await;
        assert_eq!((&team["budget"], &team["alert_threshold"]), (&json!(50.0), &json!(60)));
        house.world.told();
        let change = json!({"budget": 70, "alert_threshold": 75, "name": "authors"});
        let changed = house.send(&house.admin, Method::PATCH, &path, change).await.ok();
        assert_eq!(changed.body["name"], "authors");
        assert!(house.world.told().contains(&Change::Budget(Scope::Team(house.team))));
        let shown = house.get(&limits).await;
        assert_eq!((&shown["budget"], &shown["soft_limits"]), (&json!(70.0), &json!([75])));
        assert_eq!(shown["team_id"], json!(house.team));
        let leave = format!("{path}/members/{}", ada.id);
        house.send(&house.admin, Method::DELETE, &leave, Value::Null).await.ok();
        house.send(&house.admin, Method::DELETE, &leave, Value::Null).await.is(404, "RESOURCE_NOT_FOUND");
        assert_eq!(house.get(&path).await["member_count"], 0);
    }

    async fn what_a_team_cannot_be_is_refused(db: Db) {
        let house = House::new(db).await;
        let admin = &house.admin;
        let same = json!({"name": "writers", "budget": 1});
        house.send(admin, Method::POST, PATH, same).await.is(409, "DUPLICATE_NAME");
        for (field, value) in [
            ("budget", json!(0)), ("alert_threshold", json!(0)), ("alert_threshold", json!(100)),
            ("policy.rate_limits.requests_per_minute", json!({"rate_limits": {"requests_per_minute": 0}})),
            ("policy.rate_limits.calls", json!({"rate_limits": {"calls": 1}})),
            ("policy.privacy_level", json!({"privacy_level": "secret"})),
            ("policy.guardrail_profile_id", json!({"guardrail_profile_id": house.world.new_id::<ProfileId>()})),
            ("policy.allowed_models[0]", json!({"allowed_models": [""]})),
            ("default_user_budget", json!(1_000_000)),
        ] {
            let name = field.split('.').next().unwrap();
            let reply = house.send(admin, Method::PATCH, &house.path(), json!({name: value})).await;
            let reply = reply.is(400, "VALIDATION_ERROR");
            assert!(!reply.field(field).is_empty(), "{field}: {}", reply.body);
        }
        let tag = house.send(admin, Method::GET, &house.path(), Value::Null).await.head("etag").to_owned();
        house.send(admin, Method::PATCH, &house.path(), json!({"name": "x"})).await.ok();
        let late = house.world.call(Method::PATCH, house.path()).by(admin).header("if-match", &tag);
        late.json(&json!({"name": "y"})).send().await.is(409, "CONCURRENT_MODIFICATION");
        let project = json!({"name": "p", "team_id": house.team});
        let project = house.world.create(admin, "/api/v1/projects", project).await;
        let body = json!({"name": "a", "budget": 1, "project_id": project.text_of("id")});
        let agent = house.world.create(admin, "/api/v1/agents", body).await;
        assert_eq!(agent.body["team_id"], json!(house.team), "the team of its project");
        house.send(admin, Method::DELETE, &house.path(), Value::Null).await.is(409, "RESOURCE_IN_USE");
        let place = project.head("location").to_owned();
        house.send(admin, Method::PATCH, &place, json!({"team_id": null})).await.ok();
        house.send(admin, Method::DELETE, &house.path(), Value::Null).await.is(409, "RESOURCE_IN_USE");
        let place = agent.head("location").to_owned();
        house.send(admin, Method::PATCH, &place, json!({"team_id": null})).await.ok();
        house.send(admin, Method::DELETE, &house.path(), Value::Null).await.ok();
        house.send(admin, Method::GET, &house.path(), Value::Null).await.is(404, "RESOURCE_NOT_FOUND");
    }

    async fn a_team_is_seen_by_its_members_and_by_nobody_else(db: Db) {
        let house = House::new(db).await;
        let inside = house.world.user(Role::Viewer, "inside").await;
        let outside = house.world.user(Role::Operator, "outside").await;
        house.join(house.team, inside.id).await;
        house.other("others").await;
        let list = house.send(&inside, Method::GET, PATH, Value::Null).await.ok();
        assert_eq!(list.body["pagination"]["total"], 1);
        assert_eq!(list.body["data"][0]["id"], json!(house.team));
        let list = house.send(&outside, Method::GET, PATH, Value::Null).await.ok();
        assert_eq!(list.body["pagination"]["total"], 0);
        let budget = format!("/api/v1/limits/teams/{}/budget", house.team);
        for path in [house.path(), format!("{}/report", house.path()), budget] {
            house.send(&inside, Method::GET, &path, Value::Null).await.ok();
            house.send(&outside, Method::GET, &path, Value::Null).await.is(403, "INSUFFICIENT_PERMISSIONS");
        }
        let tenant = json!({"name": "T", "slug": "second", "admin_email": "boss@second.example"});
        let tenant = house.world.create(&house.admin, "/api/v1/tenants", tenant).await;
        let boss = house.world.live_in(&tenant, "second").await;
        for (method, tail, body) in [
            (Method::GET, "", Value::Null),
            (Method::PATCH, "", json!({"name": "mine"})),
            (Method::GET, "/report", Value::Null),
            (Method::DELETE, "", Value::Null),
        ] {
            let path = format!("{}{tail}", house.path());
            house.send(&boss, method, &path, body).await.is(404, "RESOURCE_NOT_FOUND");
        }
        let own = house.send(&boss, Method::GET, PATH, Value::Null).await.ok();
        let own: TeamId = own.body["data"][0]["id"].as_str().unwrap().parse().unwrap();
        house.transfer(own, 1.0).await.is(404, "RESOURCE_NOT_FOUND");
        let agent = json!({"name": "x", "budget": 1, "team_id": house.team});
        house.send(&boss, Method::POST, "/api/v1/agents", agent).await.is(404, "RESOURCE_NOT_FOUND");
    }

    async fn money_moves_between_teams_and_both_histories_tell(db: Db) {
        let house = House::new(db).await;
        let to = house.other("readers").await;
        house.world.told();
        let done = house.transfer(to, 30.5).await.ok();
        assert_eq!(done.body["from"]["budget"], 69.5);
        assert_eq!(done.body["to"]["budget"], 40.5);
        let told = house.world.told();
        for team in [house.team, to] {
            assert!(told.contains(&Change::Budget(Scope::Team(team))));
        }
        house.transfer(house.team, 1.0).await.is(400, "VALIDATION_ERROR");
        house.transfer(to, 0.0).await.is(400, "VALIDATION_ERROR");
        let all = house.transfer(to, 69.5).await.is(409, "INSUFFICIENT_FUNDS");
        assert_eq!(all.body["error"]["details"]["available"], "69.49");
        house.transfer(house.world.new_id(), 1.0).await.is(404, "RESOURCE_NOT_FOUND");
        // Twice with one key is once.
        let body = json!({"to_team_id": to, "amount": 1, "reason": "again"});
        for _ in 0..2 {
            let path = format!("{}/transfer", house.path());
            let call = house.world.call(Method::POST, path).by(&house.admin).json(&body);
            call.header("idempotency-key", "one").send().await.ok();
        }
        assert_eq!(house.get(&house.path()).await["budget"], 68.5);
        assert_eq!(house.get(&format!("{PATH}/{to}")).await["budget"], 41.5);
        let limits = format!("/api/v1/limits/teams/{to}/budget");
        house.send(&house.admin, Method::PUT, &limits, json!({"budget": null})).await.ok();
        let none = house.transfer(to, 1.0).await.is(400, "VALIDATION_ERROR");
        assert!(none.field("to_team_id").contains("no limit"));
    }

    async fn what_a_team_may_do_holds_for_its_agents_on_the_governed_path(db: Db) {
        let house = House::new(db).await;
        let ada = house.world.user(Role::Developer, "ada").await;
        let settings = json!({"allowed_models": ["gpt-a", "gpt-b"]});
        let body = json!({"name": "free", "budget": 1});
        let (_, free) = house.agent(&ada, body).await;
        assert_eq!((free.path.team, free.allowed_models), (None, None));
        house.join(house.team, ada.id).await;
        let limits = json!({"requests_per_minute": 5, "tokens_per_minute": 900});
        let policy = json!({"policy": {"rate_limits": limits, "privacy_level": "moderate"}});
        house.send(&house.admin, Method::PATCH, &house.path(), policy.clone()).await.ok();
        assert_eq!(house.get(&house.path()).await["policy"], policy["policy"]);
        let policy = json!({"policy": {"allowed_models": ["gpt-b", "gpt-c"]}});
        house.send(&house.admin, Method::PATCH, &house.path(), policy).await.ok();
        let body = json!({"name": "bound", "budget": 1, "settings": settings});
        let (id, bound) = house.agent(&ada, body).await;
        assert_eq!(bound.path.team, Some(house.team), "a member's agent is in her only team");
        assert_eq!(bound.allowed_models, Some(vec!["gpt-b".to_owned()]));
        let path = format!("/api/v1/agents/{id}");
        let leave = json!({"team_id": null});
        house.send(&ada, Method::PATCH, &path, leave.clone()).await.is(403, "INSUFFICIENT_PERMISSIONS");
        house.world.told();
        house.send(&house.admin, Method::PATCH, &house.path(), json!({"policy": {}})).await.ok();
        assert!(house.world.told().contains(&Change::Agent(id)));
        let list = format!("/api/v1/agents?team_id={}", house.team);
        assert_eq!(house.get(&list).await["data"][0]["id"], json!(id));
        assert_eq!(house.get(&house.path()).await["agent_count"], 1);
        // In two teams she must say for which one; a third one is not hers.
        let (two, three) = (house.other("two").await, house.other("three").await);
        house.join(two, ada.id).await;
        let agents = "/api/v1/agents";
        let body = json!({"name": "x", "budget": 1});
        let unnamed = house.send(&ada, Method::POST, agents, body).await;
        assert!(unnamed.is(400, "VALIDATION_ERROR").field("team_id").contains("several"));
        let body = json!({"name": "x", "budget": 1, "team_id": three});
        let foreign = house.send(&ada, Method::POST, agents, body).await;
        assert!(foreign.is(400, "VALIDATION_ERROR").field("team_id").contains("not in"));
        let body = json!({"name": "x", "budget": 1, "team_id": two});
        let (_, named) = house.agent(&ada, body).await;
        assert_eq!(named.path.team, Some(two));
        house.send(&house.admin, Method::PATCH, &path, leave).await.ok();
        assert_eq!(house.get(&house.path()).await["agent_count"], 0);
    }

    async fn a_new_member_without_a_limit_is_given_the_teams_default_once(db: Db) {
        let house = House::new(db).await;
        let (ada, ben) = (
            house.world.user(Role::Developer, "ada").await,
            house.world.user(Role::Developer, "ben").await,
        );
        let budget = |user: &User| format!("/api/v1/limits/users/{}/budget", user.id);
        house.send(&house.admin, Method::PUT, &budget(&ben), json!({"budget": 5})).await.ok();
        let default = json!({"default_user_budget": 25});
        house.send(&house.admin, Method::PATCH, &house.path(), default).await.ok();
        for user in [&ada, &ben] {
            house.join(house.team, user.id).await;
        }
        let given = house.get(&budget(&ada)).await;
        assert_eq!((&given["budget"], &given["period"]), (&json!(25.0), &json!("monthly")));
        assert_eq!(house.get(&budget(&ben)).await["budget"], 5.0);
        house.send(&house.admin, Method::PUT, &budget(&ada), json!({"budget": null})).await.ok();
        let lead = json!({"team_role": "lead"});
        let path = format!("{}/members/{}", house.path(), ada.id);
        house.send(&house.admin, Method::PUT, &path, lead).await.ok();
        assert_eq!(house.get(&budget(&ada)).await["budget"], Value::Null);
        assert_eq!(house.get(&house.path()).await["members"][0]["team_role"], "lead");
    }
}
