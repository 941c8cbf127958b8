//! Two who have read the same thing and both want to change it: one of them is told to read
//! again, however close they are.

use futures_util::future::join_all;
use http::{Method, StatusCode};
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{User, World};

const RIVALS: usize = 6;

/// Sends a change from several sides at once, each with the tag of the object as it is now.
async fn race(world: &World, user: &User, read: &str, method: Method, path: &str, body: &Body) {
    let seen = world.call(Method::GET, read).by(user).send().await.ok();
    let tag = seen.head("etag").to_owned();
    let attempts = (0..RIVALS).map(|number| {
        let call = world.call(method.clone(), path).by(user);
        call.header("if-match", &tag).json(&body(number)).send()
    });
    let replies = join_all(attempts).await;
    let (won, lost): (Vec<_>, Vec<_>) = replies
        .into_iter()
        .partition(|reply| reply.status == StatusCode::OK);
    assert_eq!(won.len(), 1, "{method} {path}");
    for reply in lost {
        reply.is(409, "CONCURRENT_MODIFICATION");
    }
    let after = world.call(Method::GET, read).by(user).send().await;
    assert_ne!(
        after.headers.get("etag").unwrap(),
        tag.as_str(),
        "{method} {path}"
    );
}

type Body = dyn Fn(usize) -> Value + Send + Sync;

fn named(prefix: &'static str) -> Box<Body> {
    Box::new(move |number| json!({"name": format!("{prefix}-{number}")}))
}

both_engines! {
    async fn one_of_many_who_read_the_same_wins(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let make = |path: &'static str, body: Value| world.create(&admin, path, body);
        let agent = make("/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let agent = agent.text_of("id").to_owned();
        let project = make("/api/v1/projects", json!({"name": "p"})).await;
        let provider = make("/api/v1/providers", json!({"name": "s", "type": "simulated"})).await;
        let user = make("/api/v1/users", json!({"email": "a@b.example", "name": "u"})).await;
        let new_tenant = json!({"name": "t", "slug": "tee", "admin_email": "a@b.example"});
        let tenant = make("/api/v1/tenants", new_tenant).await;
        for (kind, id) in [
            ("agents", agent.as_str()),
            ("projects", project.text_of("id")),
            ("providers", provider.text_of("id")),
            ("users", user.text_of("id")),
            ("tenants", tenant.text_of("id")),
        ] {
            let path = format!("/api/v1/{kind}/{id}");
            race(&world, &admin, &path, Method::PATCH, &path, &named(kind)).await;
        }
        let me = "/api/v1/users/me";
        race(&world, &admin, me, Method::PATCH, me, &named("me")).await;
        let limit = format!("/api/v1/limits/agents/{agent}/budget");
        let budget = |number: usize| json!({"budget": 10 + number});
        race(&world, &admin, &limit, Method::PUT, &limit, &budget).await;
        let providers = format!("/api/v1/agents/{agent}/providers");
        let assigned = provider.text_of("id").to_owned();
        let assign = move |_| json!({"providers": [assigned]});
        race(&world, &admin, &providers, Method::PUT, &providers, &assign).await;
        let role = format!("/api/v1/users/{}", user.text_of("id"));
        let roles = ["admin", "operator", "viewer", "auditor", "admin", "operator"];
        let set = move |number: usize| json!({"role": roles[number]});
        race(&world, &admin, &role, Method::PUT, &format!("{role}/role"), &set).await;
        let suspend = |_| json!({"reason": "several hands"});
        race(&world, &admin, &role, Method::PUT, &format!("{role}/suspend"), &suspend).await;
        race(&world, &admin, &role, Method::PUT, &format!("{role}/activate"), &|_| json!({})).await;
        let home = format!("/api/v1/tenants/{}", tenant.text_of("id"));
        race(&world, &admin, &home, Method::PUT, &format!("{home}/suspend"), &suspend).await;
        race(&world, &admin, &home, Method::PUT, &format!("{home}/activate"), &|_| json!({})).await;
        let one = format!("{providers}/{}", provider.text_of("id"));
        race(&world, &admin, &providers, Method::DELETE, &one, &|_| json!({})).await;
        let price = "/api/v1/models/gpt-4o-mini/price";
        let cost = |number: usize| {
            let input = format!("1.{number}");
            json!({"input_per_million": input, "output_per_million": "2", "per_image": "0.01"})
        };
        race(&world, &admin, price, Method::PUT, price, &cost).await;
        // The first price of its own was a beginning; now there is a row to be rivals for.
        race(&world, &admin, price, Method::PUT, price, &cost).await;
        let shown = world.call(Method::GET, price).by(&admin).send().await.ok();
        assert_eq!(shown.text_of("per_image"), "0.01");
        let token = make("/api/v1/tokens", json!({"agent_id": agent})).await;
        let token = format!("/api/v1/tokens/{}", token.text_of("id"));
        let rotate = |_| json!({});
        race(&world, &admin, &token, Method::PUT, &format!("{token}/rotate"), &rotate).await;
    }
}

both_engines! {
    async fn a_suspension_is_not_undone_by_a_change_that_began_before_it(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        for round in 0..4 {
            let email = format!("u{round}@b.example");
            let user = json!({"email": email, "name": "u", "password": "chosen by the admin"});
            let user = world.create(&admin, "/api/v1/users", user).await;
            let login = json!({"email": email, "password": "chosen by the admin"});
            let login = world.call(Method::POST, "/api/v1/auth/login").json(&login).send().await.ok();
            let own = User { id: user.id("id"), token: login.text_of("access_token").to_owned() };
            let path = format!("/api/v1/users/{}", own.id);
            let suspend = world.call(Method::PUT, format!("{path}/suspend")).by(&admin);
            let change = json!({"current_password": "chosen by the admin", "new_password": "another one"});
            let change = world.call(Method::POST, "/api/v1/auth/password").by(&own).json(&change);
            let reason = json!({"reason": "left the company"});
            let (suspended, _) = tokio::join!(suspend.json(&reason).send(), change.send());
            suspended.ok();
            let now = world.call(Method::GET, path).by(&admin).send().await.ok();
            assert_eq!(now.text_of("status"), "suspended");
        }
    }
}

both_engines! {
    async fn no_agent_is_born_into_a_project_that_is_being_deleted(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        for round in 0..4 {
            let name = format!("p{round}");
            let project = world.create(&admin, "/api/v1/projects", json!({"name": name})).await;
            let id = project.text_of("id").to_owned();
            let path = format!("/api/v1/projects/{id}");
            let born = json!({"name": "a", "budget": 1, "project_id": id});
            let (deleted, born) = tokio::join!(
                world.call(Method::DELETE, &path).by(&admin).send(),
                world.call(Method::POST, "/api/v1/agents").by(&admin).json(&born).send(),
            );
            let outcome = (deleted.status.as_u16(), born.status.as_u16());
            assert!(matches!(outcome, (200, 404) | (409, 201)), "{outcome:?}");
        }
    }
}
