//! Requests that are sent twice and happen once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use iron_identity::Role;
use iron_store::{Db, both_engines, sql};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

async fn post(world: &World, user: &User, path: &str, key: &str, body: &Value) -> Reply {
    let call = world
        .call(Method::POST, path)
        .by(user)
        .header("idempotency-key", key);
    call.json(body).send().await
}

both_engines! {
    async fn the_first_answer_comes_again(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "a", "budget": 1, "create_ic_token": true});
        let first = post(&world, &admin, "/api/v1/agents", "key 1", &body).await;
        let first = first.is(201, "");
        assert!(!first.headers.contains_key("idempotency-replayed"));
        let again = post(&world, &admin, "/api/v1/agents", "key 1", &body).await.is(201, "");
        assert_eq!(again.head("idempotency-replayed"), "true");
        assert_eq!(again.text, first.text);
        assert_eq!(again.head("location"), first.head("location"));
        assert_ne!(again.head("x-request-id"), first.head("x-request-id"));
        let all = world.call(Method::GET, "/api/v1/agents").by(&admin).send().await;
        assert_eq!(all.body["pagination"]["total"], 1);
        let other = json!({"name": "b", "budget": 1});
        post(&world, &admin, "/api/v1/agents", "key 1", &other).await
            .is(409, "IDEMPOTENCY_CONFLICT");
        post(&world, &admin, "/api/v1/agents", "key 2", &other).await.is(201, "");
    }
}

both_engines! {
    async fn a_key_belongs_to_a_user_and_a_path_for_a_day(db: Db) {
        let world = World::new(db).await;
        let (admin, developer) = (world.admin().await, world.user(Role::Developer, "dev").await);
        let body = json!({"name": "a", "budget": 1});
        post(&world, &admin, "/api/v1/agents", "k", &body).await.is(201, "");
        // Another user's key is another key: the name is what refuses him.
        post(&world, &developer, "/api/v1/agents", "k", &body).await.is(409, "DUPLICATE_NAME");
        let project = json!({"name": "p"});
        post(&world, &admin, "/api/v1/projects", "k", &project).await.is(201, "");
        world.pass(24 * 3600 + 1);
        let admin = world.admin().await;
        post(&world, &admin, "/api/v1/agents", "k", &body).await.is(409, "DUPLICATE_NAME");
    }
}

both_engines! {
    async fn what_was_not_done_gives_its_key_back(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let wrong = json!({"name": "a"});
        post(&world, &admin, "/api/v1/agents", "k", &wrong).await.is(400, "VALIDATION_ERROR");
        let right = json!({"name": "a", "budget": 1});
        post(&world, &admin, "/api/v1/agents", "k", &right).await.is(201, "");
    }
}

both_engines! {
    async fn of_two_at_once_one_runs(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "a", "budget": 1});
        let send = || post(&world, &admin, "/api/v1/agents", "k", &body);
        let (a, b, c) = tokio::join!(send(), send(), send());
        let created = [&a, &b, &c].iter().filter(|reply| reply.status == 201).count();
        assert!(created >= 1);
        for reply in [a, b, c] {
            let replayed = reply.headers.contains_key("idempotency-replayed");
            let in_progress = reply.body["error"]["code"] == "OPERATION_IN_PROGRESS";
            assert!(reply.status == 201 || replayed || in_progress, "{}", reply.text);
        }
        let all = world.call(Method::GET, "/api/v1/agents").by(&admin).send().await;
        assert_eq!(all.body["pagination"]["total"], 1);
    }
}

both_engines! {
    async fn a_claim_whose_request_never_ended_stays_in_progress(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "a", "budget": 1});
        post(&world, &admin, "/api/v1/agents", "k", &body).await.is(201, "");
        sql("UPDATE api_idempotency_keys SET status = NULL, answer = NULL")
            .execute(&world.db).await.unwrap();
        let reply = post(&world, &admin, "/api/v1/agents", "k", &body).await;
        let reply = reply.is(409, "OPERATION_IN_PROGRESS");
        assert_eq!(reply.head("retry-after"), "1");
    }
}

both_engines! {
    async fn keys_that_do_not_read_are_refused(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "a", "budget": 1});
        for key in ["", "tab\there", &"x".repeat(129)] {
            let reply = post(&world, &admin, "/api/v1/agents", key, &body).await;
            assert!(reply.is(400, "VALIDATION_ERROR").field("Idempotency-Key").contains("128"));
        }
    }
}

both_engines! {
    async fn a_kept_answer_does_not_show_its_secret_in_the_database(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "laptop"});
        let made = post(&world, &admin, "/api/v1/api-tokens", "k", &body).await.is(201, "");
        let token = made.text_of("token").to_owned();
        let row = sql("SELECT answer FROM api_idempotency_keys").fetch_one(&world.db).await;
        let kept: Vec<u8> = row.unwrap().get("answer").unwrap();
        let found = kept.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!found);
        let again = post(&world, &admin, "/api/v1/api-tokens", "k", &body).await;
        assert_eq!(again.text_of("token"), token);
    }
}

/// A route beside the control plane that says how often it was asked, and whether that did anything.
fn beside(world: &World) -> axum::Router {
    use axum::response::IntoResponse as _;
    let asked = Arc::new(AtomicUsize::new(0));
    let route = axum::routing::post(move |body: String| async move {
        let mut answer =
            format!("{{\"asked\":{}}}", asked.fetch_add(1, Ordering::SeqCst) + 1).into_response();
        if body.contains("nothing") {
            answer
                .extensions_mut()
                .insert(iron_net::context::NothingDone);
        }
        answer
    });
    let routes = axum::Router::new().route("/run", route);
    iron_api::once_for_agents(world.state.clone())(routes)
}

async fn run(router: &axum::Router, token: &str, key: &str, body: &'static str) -> (u16, Value) {
    use tower::ServiceExt as _;
    let request = http::Request::post("/run").header("authorization", format!("Bearer {token}"));
    let request = request
        .header("idempotency-key", key)
        .body(axum::body::Body::from(body))
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = axum::body::to_bytes(answer.into_body(), 10_000)
        .await
        .unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

both_engines! {
    async fn an_agents_call_beside_the_control_plane_happens_once_per_key(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let mut tokens = Vec::new();
        for name in ["a", "b"] {
            let body = json!({"name": name, "budget": 1, "create_ic_token": true});
            let agent = world.create(&admin, "/api/v1/agents", body).await;
            tokens.push(agent.body["ic_token"]["token"].as_str().unwrap().to_owned());
        }
        let router = beside(&world);
        let asked = |count: u32| (200, json!({"asked": count}));
        assert_eq!(run(&router, &tokens[0], "k", "{}").await, asked(1));
        assert_eq!(run(&router, &tokens[0], "k", "{}").await, asked(1));
        let (status, answer) = run(&router, &tokens[0], "k", "{ }").await;
        assert_eq!((status, &answer["error"]["code"]), (409, &json!("IDEMPOTENCY_CONFLICT")));
        assert_eq!(run(&router, &tokens[1], "k", "{}").await, asked(2), "keys are of one agent");
        assert_eq!(run(&router, &tokens[0], "n", "nothing").await, asked(3));
        assert_eq!(run(&router, &tokens[0], "n", "nothing").await, asked(4), "it was not done");
        // The route itself says what it makes of strangers.
        assert_eq!(run(&router, "ic_nobody", "k", "{}").await, asked(5));
        assert_eq!(run(&router, &tokens[0], "", "{}").await.0, 400);
    }
}
