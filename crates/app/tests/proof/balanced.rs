//! Three servers behind a balancer: people do not notice that there are several.

use serde_json::{Value, json};

use crate::house::text;
use crate::house::{House, ask, told};
use crate::server::{Server, Variables};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_holds_on_all_servers_and_ends_on_all_when_its_refresh_token_comes_twice() {
    let house = House::build(Variables::new()).await;
    let first = house.sign_in().await;
    let (me, access) = ("/api/v1/users/me", text(&first, "access_token"));
    let refresh = |server: &Server, tokens: &Value| {
        let (address, body) = (
            server.address.clone(),
            json!({"refresh_token": tokens["refresh_token"]}),
        );
        async move { ask(&address, None, "POST", "/api/v1/auth/refresh", &body).await }
    };
    for server in &house.servers {
        let answer = ask(&server.address, Some(&access), "GET", me, &Value::Null);
        assert_eq!(answer.await.status, 200);
    }
    let [one, two, three] = house.servers.as_slice() else {
        panic!("three servers");
    };
    let second = refresh(one, &first).await;
    assert_eq!(second.status, 200, "{}", second.body);
    let third = refresh(two, &second.json()).await;
    assert_eq!(third.status, 200, "{}", third.body);
    let (third, access) = (third.json(), text(&third.json(), "access_token"));
    // Somebody else has kept a spent one.
    assert_eq!(refresh(three, &first).await.status, 401);
    for server in &house.servers {
        let answer = ask(&server.address, Some(&access), "GET", me, &Value::Null).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert_eq!(refresh(server, &third).await.status, 401);
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_limit_holds_for_all_servers_and_each_counts_alone_while_redis_is_away() {
    let limit = ("IRON_RATE_LIMITS_USER_PER_HOUR", "40".to_owned());
    let mut house = House::build(vec![limit]).await;
    let session = house.sign_in().await;
    let token = text(&session, "access_token");
    let me = || house.ask(Some(&token), "GET", "/api/v1/users/me", &Value::Null);
    for left in (0..40).rev() {
        let answer = me().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(told(&answer, "x-ratelimit-limit"), Some(40));
        assert_eq!(told(&answer, "x-ratelimit-remaining"), Some(left));
    }
    for server in &house.servers {
        let answer = ask(
            &server.address,
            Some(&token),
            "GET",
            "/api/v1/users/me",
            &Value::Null,
        )
        .await;
        assert_eq!(answer.status, 429, "{}", answer.body);
        assert_eq!(told(&answer, "x-ratelimit-remaining"), Some(0));
        assert!(told(&answer, "retry-after").is_some_and(|seconds| seconds > 1_800));
        let counted = server.metrics().await;
        assert!(counted.contains("iron_rate_limits_shared 1\n"), "{counted}");
    }
    // Another session of the same user is the same user.
    let again = house.sign_in().await;
    let again = text(&again, "access_token");
    let again = house.ask(Some(&again), "GET", "/api/v1/users/me", &Value::Null);
    assert_eq!(again.await.status, 429);

    house.redis.kill().expect("it was running");
    house.until_redis_is("down").await;
    for server in &house.servers {
        assert_eq!(house.health(server).await["status"], "degraded");
        // Of the forty it has let in a third itself.
        let answer = ask(
            &server.address,
            Some(&token),
            "GET",
            "/api/v1/users/me",
            &Value::Null,
        )
        .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let counted = server.metrics().await;
        assert!(counted.contains("iron_rate_limits_shared 0\n"), "{counted}");
    }
    house.redis.restart().expect("it comes back");
    house.until_redis_is("up").await;
    let answer = house
        .ask(Some(&token), "GET", "/api/v1/users/me", &Value::Null)
        .await;
    assert_eq!(
        told(&answer, "x-ratelimit-remaining"),
        Some(39),
        "it has forgotten all"
    );
    house.end().await;
}
