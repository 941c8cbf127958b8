//! How often, through the router.

use http::Method;
use iron_api::Config;
use iron_identity::Role;
use iron_net::rate::Quota;
use iron_store::{Db, both_engines};

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
