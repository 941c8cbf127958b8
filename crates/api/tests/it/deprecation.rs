//! What goes away: told in each answer, counted, told ahead, and refused after its last day.

use http::Method;
use iron_identity::Role;
use iron_store::{Db, both_engines, sql};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const SUNSET: &str = "2027-06-30T00:00:00.000Z";

/// An agent's token, by its path.
async fn token(world: &World, admin: &User) -> String {
    let agent = json!({"name": "a", "budget": 1, "create_ic_token": true});
    let agent = world.create(admin, "/api/v1/agents", agent).await;
    let path = format!("/api/v1/tokens?agent_id={}", agent.text_of("id"));
    let list = world.call(Method::GET, path).by(admin).send().await.ok();
    let id = list.body["data"][0]["id"].as_str().unwrap();
    format!("/api/v1/tokens/{id}")
}

async fn rotate(world: &World, user: &User, method: Method, token: &str) -> Reply {
    let path = format!("{token}/rotate");
    world
        .call(method, path)
        .by(user)
        .json(&json!({}))
        .send()
        .await
}

async fn entries(world: &mut World, admin: &User) -> Vec<Value> {
    world.settle().await;
    let path = "/api/v1/audit-logs?action=api.deprecated_use";
    let list = world.call(Method::GET, path).by(admin).send().await.ok();
    list.body["data"].as_array().unwrap().clone()
}

fn until(world: &World, instant: &str) {
    world.time.clock.set_wall(instant.parse().unwrap());
}

both_engines! {
    async fn the_answer_says_since_when_until_when_and_what_comes_after(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let token = token(&world, &admin).await;
        let reply = rotate(&world, &admin, Method::POST, &token).await.ok();
        assert_eq!(reply.head("deprecation"), "@1795305600");
        assert_eq!(reply.head("sunset"), "Wed, 30 Jun 2027 00:00:00 GMT");
        assert_eq!(reply.head("x-api-deprecation"), "true");
        assert_eq!(reply.head("x-api-sunset"), SUNSET);
        let links: Vec<&str> =
            reply.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
        let successor = format!("<{token}/rotate>; rel=\"successor-version\"");
        let page = "</api/v1/docs>; rel=\"deprecation\"; type=\"text/html\"";
        assert_eq!(links, [page, successor.as_str()]);
        let reply = rotate(&world, &admin, Method::PUT, &token).await.ok();
        for name in ["deprecation", "sunset", "x-api-deprecation", "x-api-sunset", "link"] {
            assert!(!reply.headers.contains_key(name), "{name}");
        }
    }
}

both_engines! {
    async fn after_its_last_day_it_is_gone_and_says_what_to_use(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let token = token(&world, &admin).await;
        until(&world, "2027-06-29T23:59:59.000Z");
        let admin = User { token: world.sign_in(crate::kit::ADMIN).await, ..admin };
        rotate(&world, &admin, Method::POST, &token).await.ok();
        until(&world, SUNSET);
        let reply = rotate(&world, &admin, Method::POST, &token).await.is(410, "ENDPOINT_SUNSET");
        let details = &reply.body["error"]["details"];
        assert_eq!(details["replacement"], "PUT /api/v1/tokens/{token_id}/rotate");
        assert_eq!(details["guide"], "docs/how-to/leave-deprecated-operations.md");
        assert_eq!(reply.head("sunset"), "Wed, 30 Jun 2027 00:00:00 GMT");
        // Nothing was rotated, and the successor works.
        rotate(&world, &admin, Method::PUT, &token).await.ok();
    }
}

both_engines! {
    async fn a_field_that_goes_away_is_told_and_then_refused(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let path = format!("/api/v1/limits/agents/{}/budget", agent.text_of("id"));
        let set = |body: Value, admin: &User| {
            world.call(Method::PUT, path.clone()).by(admin).json(&body).send()
        };
        let reply = set(json!({"budget": 2}), &admin).await.ok();
        assert!(!reply.headers.contains_key("deprecation"));
        let reply = set(json!({"budget": 3, "force": true}), &admin).await.ok();
        assert_eq!(reply.head("x-api-sunset"), SUNSET);
        until(&world, SUNSET);
        let admin = User { token: world.sign_in(crate::kit::ADMIN).await, ..admin };
        let reply = set(json!({"budget": 4, "force": true}), &admin).await;
        let reply = reply.is(400, "VALIDATION_ERROR");
        assert!(reply.field("force").starts_with("is accepted no more"), "{}", reply.text);
        set(json!({"budget": 4}), &admin).await.ok();
    }
}

both_engines! {
    async fn who_uses_it_is_written_down_once_a_day_and_counted_each_time(db: Db) {
        let mut world = World::new(db).await;
        let admin = world.admin().await;
        let developer = world.user(Role::Developer, "dev").await;
        let token = token(&world, &admin).await;
        for _ in 0..3 {
            rotate(&world, &admin, Method::POST, &token).await.ok();
        }
        // Whoever may not is told as well, and is somebody to talk to.
        rotate(&world, &developer, Method::POST, &token).await.is(403, "INSUFFICIENT_PERMISSIONS");
        world.call(Method::POST, format!("{token}/rotate")).send().await.is(401, "UNAUTHORIZED");
        let found = entries(&mut world, &admin).await;
        let mut users: Vec<&str> =
            found.iter().map(|entry| entry["user_id"].as_str().unwrap()).collect();
        let mut expected = [admin.id.to_string(), developer.id.to_string()];
        users.sort_unstable();
        expected.sort();
        assert_eq!(users, expected);
        assert_eq!(found[0]["resource_id"], "rotate_token_post");
        let metrics = world.metrics.render();
        let line = "iron_deprecated_requests_total{operation=\"rotate_token_post\"} 5";
        assert!(metrics.contains(line), "{metrics}");
        world.pass(24 * 3600);
        let admin = User { token: world.sign_in(crate::kit::ADMIN).await, ..admin };
        rotate(&world, &admin, Method::POST, &token).await.ok();
        assert_eq!(entries(&mut world, &admin).await.len(), 3);
    }
}

async fn told(world: &World, channel: &str, admin: &User) -> Vec<Value> {
    let path = format!("/api/v1/notification-channels/{channel}/deliveries");
    let list = world.call(Method::GET, path).by(admin).send().await.ok();
    list.body["data"].as_array().unwrap().clone()
}

both_engines! {
    async fn people_are_told_once_and_again_before_the_end_if_they_still_use_it(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let token = token(&world, &admin).await;
        until(&world, "2026-12-01T00:00:00.000Z");
        let admin = User { token: world.sign_in(crate::kit::ADMIN).await, ..admin };
        let announced = || iron_api::announce_deprecations(&world.state);
        assert_eq!(announced().await.unwrap(), 0, "nobody has a channel");
        let mail = json!({"name": "mail", "kind": "email", "email": {
            "host": "127.0.0.1", "security": "none", "from": "iron@example.com", "to": ["ops@example.com"],
        }, "events": ["api.deprecated"]});
        let channel = world.create(&admin, "/api/v1/notification-channels", mail).await;
        let channel = channel.text_of("id").to_owned();
        assert_eq!(announced().await.unwrap(), 2, "an operation and a field");
        assert_eq!(announced().await.unwrap(), 0, "once");
        assert_eq!(told(&world, &channel, &admin).await.len(), 2);

        until(&world, "2027-06-10T00:00:00.000Z");
        let admin = User { token: world.sign_in(crate::kit::ADMIN).await, ..admin };
        assert_eq!(announced().await.unwrap(), 0, "nobody uses it");
        rotate(&world, &admin, Method::POST, &token).await.ok();
        assert_eq!(announced().await.unwrap(), 1);
        assert_eq!(announced().await.unwrap(), 0);
        let deliveries = told(&world, &channel, &admin).await;
        let reminders = deliveries.iter().filter(|delivery| {
            delivery["title"].as_str().unwrap().contains("still uses `rotate_token_post`")
        });
        // One to the people of the channel, one to whoever still uses it.
        let mut to: Vec<&str> =
            reminders.filter_map(|delivery| delivery["recipient"].as_str()).collect();
        to.sort_unstable();
        assert_eq!(to, [crate::kit::ADMIN]);

        until(&world, "2027-06-25T00:00:00.000Z");
        assert_eq!(announced().await.unwrap(), 1, "a week before, once more");
        until(&world, SUNSET);
        assert_eq!(announced().await.unwrap(), 0, "it is over");
    }
}

both_engines! {
    async fn nothing_of_a_tenant_stays_when_it_goes(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let tenant = json!({"name": "B", "slug": "bravo", "admin_email": "b@example.com"});
        let tenant = world.create(&admin, "/api/v1/tenants", tenant).await;
        let boss = world.live_in(&tenant, "bravo").await;
        let agents = world.call(Method::GET, "/api/v1/tokens").by(&boss).send().await.ok();
        let id = agents.body["data"][0]["id"].as_str().unwrap();
        rotate(&world, &boss, Method::POST, &format!("/api/v1/tokens/{id}")).await.ok();
        let rows = || sql("SELECT COUNT(*) AS rows FROM api_deprecated_uses").fetch_one(&world.db);
        assert_eq!(rows().await.unwrap().get::<i64>("rows").unwrap(), 1);
        let path = format!("/api/v1/tenants/{}", tenant.text_of("id"));
        let reason = json!({"reason": "r"});
        let suspend = world.call(Method::PUT, format!("{path}/suspend")).by(&admin).json(&reason);
        suspend.send().await.ok();
        world.call(Method::DELETE, path).by(&admin).send().await.ok();
        world.pass(40 * 24 * 3600);
        world.remove_due_tenants().await;
        assert_eq!(rows().await.unwrap().get::<i64>("rows").unwrap(), 0);
    }
}

#[test]
fn the_document_marks_what_goes_away() {
    let document = iron_api::document();
    let post = &document["paths"]["/api/v1/tokens/{token_id}/rotate"]["post"];
    assert_eq!(
        (&post["deprecated"], &post["x-sunset"]),
        (&json!(true), &json!(SUNSET))
    );
    assert!(post["responses"]["410"].is_object());
    assert!(post["responses"]["200"]["headers"]["Sunset"].is_object());
    let put = &document["paths"]["/api/v1/tokens/{token_id}/rotate"]["put"];
    assert!(put["deprecated"].is_null());
    let force = &document["components"]["schemas"]["SetAgentBudget"]["properties"]["force"];
    assert_eq!(force["deprecated"], true);
}
