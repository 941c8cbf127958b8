//! How often, through the router.

use http::Method;
use iron_api::Config;
use iron_identity::Role;
use iron_net::rate::Quota;
use iron_store::{Db, both_engines};
use serde_json::json;

use crate::kit::{World, relaxed};

fn strict() -> Config {
    Config {
        authenticated: Quota {
            per_minute: 3,
            per_hour: 100,
            burst: 10,
        },
        unauthenticated: Quota {
            per_minute: 5,
            per_hour: 100,
            burst: 10,
        },
        ..relaxed()
    }
}

both_engines! {
    async fn every_answer_tells_what_is_left(db: Db) {
        let world = World::with(db, Config {
            authenticated: Quota::AUTHENTICATED,
            unauthenticated: Quota::UNAUTHENTICATED,
            ..relaxed()
        }).await;
        let admin = world.admin().await;
        let mine = world.call(Method::GET, "/api/v1/users/me").by(&admin).send().await.ok();
        assert_eq!(mine.head("x-ratelimit-limit"), "100");
        assert_eq!(mine.head("x-ratelimit-remaining"), "99");
        assert!(mine.head("x-ratelimit-reset").parse::<i64>().unwrap() > 1_700_000_000);
        let nobody = world.call(Method::GET, "/api/v1/nowhere").send().await;
        assert_eq!(nobody.head("x-ratelimit-limit"), "20");
        let refused = world.call(Method::GET, "/api/v1/agents").send().await;
        assert_eq!(refused.is(401, "UNAUTHORIZED").head("x-ratelimit-limit"), "20");
    }
}

both_engines! {
    async fn a_user_is_counted_over_all_his_credentials(db: Db) {
        let world = World::with(db, strict()).await;
        let first = world.admin().await;
        let second = world.admin().await;
        for user in [&first, &second, &first] {
            world.call(Method::GET, "/api/v1/users/me").by(user).send().await.ok();
        }
        let over = world.call(Method::GET, "/api/v1/users/me").by(&second).send().await;
        let over = over.is(429, "RATE_LIMIT_EXCEEDED");
        assert_eq!(over.head("x-ratelimit-remaining"), "0");
        assert!(over.head("retry-after").parse::<u64>().unwrap() >= 1);
        assert!(over.body["error"]["details"]["retry_after_seconds"].as_u64().unwrap() >= 1);
        world.call(Method::GET, "/api/health").send().await.ok();
        world.pass(61);
        world.call(Method::GET, "/api/v1/users/me").by(&second).send().await.ok();
    }
}

both_engines! {
    async fn addresses_and_users_do_not_share_a_window(db: Db) {
        let world = World::with(db, strict()).await;
        let admin = world.admin().await; // one of the five
        for _ in 0..4 {
            world.call(Method::GET, "/api/v1/agents").send().await.is(401, "UNAUTHORIZED");
        }
        world.call(Method::GET, "/api/v1/agents").send().await.is(429, "RATE_LIMIT_EXCEEDED");
        let bad = world.call(Method::GET, "/api/v1/agents").header("authorization", "Bearer x");
        bad.send().await.is(429, "RATE_LIMIT_EXCEEDED");
        world.call(Method::GET, "/api/v1/agents").by(&admin).send().await.ok();
    }
}

both_engines! {
    async fn no_limit_shows_no_headers(db: Db) {
        let world = World::new(db).await;
        let user = world.user(Role::Viewer, "viewer").await;
        let reply = world.call(Method::GET, "/api/v1/users/me").by(&user).send().await.ok();
        assert!(!reply.headers.contains_key("x-ratelimit-limit"));
    }
}

both_engines! {
    async fn failed_logins_tell_how_long_to_wait(db: Db) {
        let world = World::new(db).await;
        let body = json!({"email": "root@example.com", "password": "not the password"});
        let attempt = || world.call(Method::POST, "/api/v1/auth/login").from("203.0.113.9").json(&body);
        for _ in 0..5 {
            attempt().send().await.is(401, "INVALID_CREDENTIALS");
        }
        world.pass(60);
        let over = attempt().send().await;
        let over = over.is(429, "RATE_LIMIT_EXCEEDED");
        assert_eq!(over.head("retry-after"), "240");
        assert_eq!(over.head("x-ratelimit-limit"), "5");
        assert_eq!(over.head("x-ratelimit-remaining"), "0");
        assert!(over.head("x-ratelimit-reset").parse::<i64>().unwrap() > 1_700_000_000);
        assert_eq!(over.body["error"]["details"]["retry_after_seconds"], 240);
        world.call(Method::POST, "/api/v1/auth/login").from("203.0.113.10").json(&body)
            .send().await.is(401, "INVALID_CREDENTIALS");
        world.pass(241);
        attempt().send().await.is(401, "INVALID_CREDENTIALS");
    }
}

both_engines! {
    async fn clients_behind_a_named_proxy_have_windows_of_their_own(db: Db) {
        let world = World::behind(db, strict(), "10.0.0.0/8".parse().unwrap()).await;
        let ask = |peer: &'static str, client: &'static str| {
            world.call(Method::GET, "/api/v1/agents").from(peer).header("x-forwarded-for", client)
        };
        for _ in 0..5 {
            ask("10.0.0.1", "203.0.113.1").send().await.is(401, "UNAUTHORIZED");
        }
        ask("10.0.0.1", "203.0.113.1").send().await.is(429, "RATE_LIMIT_EXCEEDED");
        // What the client wrote itself stands before what the proxy wrote.
        ask("10.0.0.1", "8.8.8.8, 203.0.113.1").send().await.is(429, "RATE_LIMIT_EXCEEDED");
        ask("10.0.0.1", "203.0.113.2").send().await.is(401, "UNAUTHORIZED");
        // Nobody else is believed.
        for client in ["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5"] {
            ask("198.51.100.7", client).send().await.is(401, "UNAUTHORIZED");
        }
        ask("198.51.100.7", "1.1.1.6").send().await.is(429, "RATE_LIMIT_EXCEEDED");
    }
}
