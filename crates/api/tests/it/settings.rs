//! Settings and configurations, through the router.

use http::Method;
use iron_identity::Role;
use iron_net::rate::Quota;
use iron_primitives::{ProjectId, TeamId};
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World, relaxed};

const TENANT: &str = "/api/v1/settings/tenant";
const SYSTEM: &str = "/api/v1/settings/system";
const USER: &str = "/api/v1/settings/user";
const CONFIG: &str = "/api/v1/config";

async fn get(world: &World, user: &User, path: &str) -> Reply {
    world.call(Method::GET, path).by(user).send().await
}

async fn send(world: &World, user: &User, method: Method, path: &str, body: Value) -> Reply {
    world.call(method, path).by(user).json(&body).send().await
}

async fn set(world: &World, user: &User, path: &str, body: Value) -> Reply {
    send(world, user, Method::PATCH, path, body).await
}

both_engines! {
    async fn the_nearest_value_holds_and_says_where_it_comes_from(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let viewer = world.user(Role::Viewer, "vera").await;
        let fresh = get(&world, &viewer, USER).await.ok();
        assert_eq!(fresh.body["settings"]["display"]["timezone"], "UTC");
        assert_eq!(fresh.body["inheritance"]["display.timezone"], "default");
        assert_eq!(fresh.body["version"], 0);
        set(&world, &admin, TENANT, json!({"display": {"timezone": "Europe/Berlin"}})).await.ok();
        let inherited = get(&world, &viewer, USER).await.ok();
        assert_eq!(inherited.body["inheritance"]["display.timezone"], "tenant");
        let own = send(&world, &viewer, Method::PUT, USER, json!({"display": {"timezone": "Asia/Tokyo"}}));
        let own = own.await.ok();
        assert_eq!(own.body["settings"]["display"]["timezone"], "Asia/Tokyo");
        assert_eq!(own.body["inheritance"]["display.timezone"], "user");
        assert_eq!(get(&world, &admin, USER).await.ok().body["settings"]["display"]["timezone"], "Europe/Berlin");
        let reset = world.call(Method::DELETE, USER).by(&viewer).send().await.ok();
        assert_eq!(reset.body["inheritance"]["display.timezone"], "tenant");
        set(&world, &viewer, TENANT, json!({"display": null})).await.is(403, "INSUFFICIENT_PERMISSIONS");
    }
}

both_engines! {
    async fn every_wrong_value_is_named_at_once(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({
            "security": {"session_idle_minutes": 1, "colour": "red"},
            "rate_limits": {"anonymous_per_hour": 5},
        });
        let wrong = set(&world, &admin, TENANT, body).await.is(400, "VALIDATION_ERROR");
        let fields = wrong.body["error"]["fields"].as_object().unwrap();
        assert_eq!(fields.len(), 2, "{fields:?}");
        assert_eq!(fields["security.session_idle_minutes"], "expected a whole number from 5 to 480");
        let misplaced = json!({"rate_limits": {"anonymous_per_hour": 5}});
        let refused = set(&world, &admin, TENANT, misplaced).await.is(400, "VALIDATION_ERROR");
        assert_eq!(refused.body["error"]["fields"]["rate_limits.anonymous_per_hour"], "it can be set for system only");
        let loose = json!({"security": {"session_idle_minutes": 31}});
        set(&world, &admin, TENANT, loose.clone()).await.is(400, "VALIDATION_ERROR");
        set(&world, &admin, SYSTEM, loose.clone()).await.ok();
        set(&world, &admin, TENANT, loose).await.ok();
        assert_eq!(get(&world, &admin, TENANT).await.ok().body["version"], 1);
    }
}

both_engines! {
    async fn whoever_changes_an_older_version_is_told(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let tag = get(&world, &admin, TENANT).await.ok().head("etag").to_owned();
        let change = |minutes: i64| {
            let body = json!({"security": {"session_idle_minutes": minutes}});
            world.call(Method::PATCH, TENANT).by(&admin).header("if-match", &tag).json(&body).send()
        };
        change(10).await.ok();
        change(11).await.is(409, "CONCURRENT_MODIFICATION");
    }
}

both_engines! {
    async fn sessions_passwords_and_tokens_obey_at_once(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let user = world.user(Role::Developer, "dora").await;
        let body = json!({"security": {
            "session_idle_minutes": 5, "password_min_length": 30, "api_token_max_days": 1,
        }});
        set(&world, &admin, TENANT, body).await.ok();
        let short = json!({"email": "new@example.com", "name": "n", "password": "longer than eight"});
        let refused = send(&world, &admin, Method::POST, "/api/v1/users", short).await;
        refused.is(400, "VALIDATION_ERROR").field("password");
        let ends = |body: Value| send(&world, &user, Method::POST, "/api/v1/api-tokens", body);
        ends(json!({"name": "for ever"})).await.is(400, "VALIDATION_ERROR").field("expires_at");
        ends(json!({"name": "long", "expires_at": "2099-01-01T00:00:00Z"})).await.is(400, "VALIDATION_ERROR");
        let session = get(&world, &user, "/api/v1/auth/session").await.ok();
        let seen: iron_primitives::Timestamp = session.text_of("last_seen_at").parse().unwrap();
        let idle: iron_primitives::Timestamp = session.text_of("idle_expires_at").parse().unwrap();
        assert_eq!(idle.since(seen).as_secs(), 300);
        world.pass(301);
        get(&world, &user, "/api/v1/users/me").await.is(401, "TOKEN_EXPIRED");
    }
}

both_engines! {
    async fn rates_obey_at_once_and_a_tenant_may_only_be_stricter(db: Db) {
        let quota = Quota { per_minute: 50, per_hour: 0, burst: 50 };
        let world = World::with(db, iron_api::Config { authenticated: quota, ..relaxed() }).await;
        let admin = world.admin().await;
        let user = world.user(Role::Viewer, "vera").await;
        let mine = get(&world, &user, "/api/v1/users/me").await.ok();
        assert_eq!(mine.head("x-ratelimit-limit"), "50");
        set(&world, &admin, TENANT, json!({"rate_limits": {"user_per_minute": 3}})).await.ok();
        let mine = get(&world, &user, "/api/v1/users/me").await.ok();
        assert_eq!(mine.head("x-ratelimit-limit"), "3");
        for _ in 0..mine.head("x-ratelimit-remaining").parse::<u32>().unwrap() {
            get(&world, &user, "/api/v1/users/me").await.ok();
        }
        get(&world, &user, "/api/v1/users/me").await.is(429, "RATE_LIMIT_EXCEEDED");
        world.pass(61);
        set(&world, &admin, SYSTEM, json!({"rate_limits": {"user_per_minute": 2}})).await.ok();
        let mine = get(&world, &user, "/api/v1/users/me").await.ok();
        assert_eq!(mine.head("x-ratelimit-limit"), "2");
    }
}

both_engines! {
    async fn a_team_s_settings_are_for_its_members_and_new_agents_warn_as_they_say(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let viewer = world.user(Role::Viewer, "vera").await;
        let body = json!({"name": "writers", "budget": 100});
        let team: TeamId = world.create(&admin, "/api/v1/teams", body).await.id("id");
        let of_team = format!("/api/v1/settings/team/{team}");
        get(&world, &viewer, &of_team).await.is(403, "INSUFFICIENT_PERMISSIONS");
        set(&world, &admin, &of_team, json!({"budget": {"alert_levels": [10, 60]}})).await.ok();
        let project: ProjectId = world
            .create(&admin, "/api/v1/projects", json!({"name": "letters", "team_id": team}))
            .await
            .id("id");
        let of_project = format!("/api/v1/settings/project/{project}");
        let seen = get(&world, &viewer, &of_project).await.ok();
        assert_eq!(seen.body["settings"]["budget"]["alert_levels"], json!([10, 60]));
        assert_eq!(seen.body["inheritance"]["budget.alert_levels"], "team");
        let agent = json!({"name": "a", "budget": 5, "project_id": project});
        let agent = world.create(&admin, "/api/v1/agents", agent).await;
        let budget = format!("/api/v1/limits/agents/{}/budget", agent.text_of("id"));
        assert_eq!(get(&world, &admin, &budget).await.ok().body["soft_limits"], json!([10, 60]));
    }
}

both_engines! {
    async fn a_configuration_is_checked_applied_listed_and_rolled_back(db: Db) {
        let mut world = World::new(db).await;
        let admin = world.admin().await;
        let put = |yaml: &str| send(&world, &admin, Method::PUT, CONFIG, json!({"yaml": yaml, "comment": "why"}));
        let empty = get(&world, &admin, CONFIG).await.ok();
        assert_eq!((empty.body["version"].as_i64(), empty.text_of("yaml")), (Some(0), ""));
        let wrong = put("security:\n  session_idle_minutes: 1\n").await.is(400, "VALIDATION_ERROR");
        assert_eq!(
            wrong.body["error"]["fields"]["security.session_idle_minutes"],
            "line 2, column 3: expected a whole number from 5 to 480"
        );
        let yaml = "security:\n  password_min_length: 12\n  session_idle_minutes: 20\n";
        let check = send(&world, &admin, Method::POST, "/api/v1/config/validate", json!({"yaml": yaml})).await.ok();
        assert_eq!((check.body["valid"].as_bool(), check.body["diff"].as_array().unwrap().len()), (Some(true), 2));
        assert_eq!(get(&world, &admin, CONFIG).await.ok().body["version"], 0);
        let check = json!({"config": {"security": {"session_idle_minutes": 300}}});
        let check = send(&world, &admin, Method::POST, "/api/v1/config/validate", check).await.ok();
        assert_eq!(check.body["valid"], false);
        let first = put(yaml).await.ok();
        assert_eq!((first.body["version"].as_i64(), first.text_of("yaml")), (Some(1), yaml));
        put("security:\n  password_min_length: 9\n").await.ok();
        let back = json!({"version": 1, "comment": "it was better"});
        let back = send(&world, &admin, Method::POST, "/api/v1/config/rollback", back).await.ok();
        assert_eq!((back.body["version"].as_i64(), back.text_of("yaml")), (Some(3), yaml));
        let list = get(&world, &admin, "/api/v1/config/versions").await.ok();
        let comments: Vec<_> = list.body["data"].as_array().unwrap().iter().map(|one| &one["comment"]).collect();
        assert_eq!(comments, ["it was better", "why", "why"]);
        let second = get(&world, &admin, "/api/v1/config?version=2").await.ok();
        assert_eq!(second.body["diff"][0]["after"], 9);
        get(&world, &admin, "/api/v1/config?version=9").await.is(404, "RESOURCE_NOT_FOUND");
        for body in [json!({}), json!({"config": {}, "yaml": ""})] {
            send(&world, &admin, Method::PUT, CONFIG, body).await.is(400, "VALIDATION_ERROR");
        }
        world.settle().await;
        let log = get(&world, &admin, "/api/v1/audit-logs?action=config.rollback").await.ok();
        let entry = &log.body["data"][0];
        assert_eq!(entry["changes"]["after"]["security.password_min_length"], 12);
    }
}

both_engines! {
    async fn a_tenant_never_sees_what_another_has_set(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "Other", "slug": "other", "admin_email": "boss@other.example"});
        let other = world.create(&admin, "/api/v1/tenants", body).await;
        let boss = world.live_in(&other, "other").await;
        set(&world, &admin, TENANT, json!({"security": {"session_idle_minutes": 7}})).await.ok();
        let seen = get(&world, &boss, TENANT).await.ok();
        assert_eq!(seen.body["settings"]["security"]["session_idle_minutes"], 30);
        assert_eq!(get(&world, &boss, "/api/v1/config/versions").await.ok().body["pagination"]["total"], 0);
        get(&world, &boss, SYSTEM).await.is(403, "INSUFFICIENT_PERMISSIONS");
        get(&world, &boss, "/api/v1/config?level=system").await.is(403, "INSUFFICIENT_PERMISSIONS");
        let team: TeamId = world.create(&admin, "/api/v1/teams", json!({"name": "t", "budget": 1})).await.id("id");
        get(&world, &boss, &format!("/api/v1/settings/team/{team}")).await.is(404, "RESOURCE_NOT_FOUND");
    }
}
