//! Requests that are sent twice and happen once.

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
