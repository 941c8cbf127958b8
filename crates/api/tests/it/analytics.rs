//! What spending will come to, as people ask.

use std::time::Duration;

use http::{Method, StatusCode};
use iron_identity::Role;
use iron_primitives::{AgentId, TenantId};
use iron_store::{Db, both_engines, sql};
use serde_json::json;

use crate::kit::{Reply, User, World};

const HOUR: i64 = 3_600_000_000;
const PROJECTION: &str = "/api/v1/analytics/projection";

/// Spends a dollar an hour for so many days before now, as the records would tell.
async fn spend(world: &World, agent: AgentId, days: i64) {
    let now = world.state.environment.now().micros();
    let tenant: TenantId = world.made.tenant.id;
    let hour = now - now.rem_euclid(HOUR);
    for subject in [agent.to_string(), tenant.to_string()] {
        for back in 0..days * 24 {
            sql(
                "INSERT INTO usage_buckets (tenant_id, subject_id, bucket_seconds, starts_at, \
                 requests, cost_nanos) VALUES ($1, $2, 3600, $3, 1, 1000000000)",
            )
            .bind(tenant)
            .bind(&subject)
            .bind(hour - back * HOUR)
            .execute(&world.db)
            .await
            .unwrap();
        }
    }
}

async fn get(world: &World, user: &User, path: &str) -> Reply {
    world.call(Method::GET, path).by(user).send().await
}

async fn agent(world: &World, owner: &User, name: &str) -> AgentId {
    let body = json!({"name": name, "budget": 100});
    world.create(owner, "/api/v1/agents", body).await.id("id")
}

both_engines! {
    async fn a_month_is_projected_and_kept_for_a_quarter_of_an_hour(db: Db) {
        let world = World::new(db).await;
        let owner = world.user(Role::Developer, "dev").await;
        let writer = agent(&world, &owner, "writer").await;
        let path = format!("{PROJECTION}?agent_id={writer}");
        let nothing = get(&world, &owner, &path).await;
        assert_eq!(nothing.status, StatusCode::OK, "{}", nothing.body);
        assert_eq!(nothing.body["month_total_micros"], 0);
        assert_eq!(nothing.body.get("exhausted_on"), None);

        spend(&world, writer, 25).await;
        world.time.clock.advance(Duration::from_secs(14 * 60));
        assert_eq!(get(&world, &owner, &path).await.body["month_total_micros"], 0);
        world.time.clock.advance(Duration::from_secs(60));
        let told = get(&world, &owner, &path).await.body;
        let total = told["month_total_micros"].as_i64().unwrap();
        let (low, high) = (told["low_micros"].as_i64().unwrap(), told["high_micros"].as_i64().unwrap());
        assert!(0 < low && low <= total && total <= high, "{told}");
        assert_eq!((&told["agent_id"], &told["days_of_history"]), (&json!(writer), &json!(24)), "{told}");
        // A hundred dollars are used up in a little over four days, and nothing was settled yet.
        let on = told["exhausted_on"].as_str().unwrap().parse::<iron_primitives::Timestamp>().unwrap();
        let hours = on.since(world.state.environment.now()).as_secs() / 3_600;
        assert!((95..=105).contains(&hours), "{told}");
    }

    async fn people_see_the_spending_of_what_is_theirs(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let owner = world.user(Role::Developer, "dev").await;
        let other = world.user(Role::Developer, "other").await;
        let writer = agent(&world, &owner, "writer").await;
        let of_agent = format!("{PROJECTION}?agent_id={writer}");
        assert_eq!(get(&world, &other, &of_agent).await.status, StatusCode::FORBIDDEN);
        assert_eq!(get(&world, &admin, &of_agent).await.status, StatusCode::OK);
        assert_eq!(get(&world, &admin, PROJECTION).await.status, StatusCode::OK);
        let all = get(&world, &owner, PROJECTION).await;
        assert_eq!(all.status, StatusCode::BAD_REQUEST);
        assert!(all.body.to_string().contains("name an agent"), "{}", all.body);
    }

    async fn people_see_the_tokens_of_what_is_theirs(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let owner = world.user(Role::Developer, "dev").await;
        let other = world.user(Role::Developer, "other").await;
        let writer = agent(&world, &owner, "writer").await;
        let tenant: TenantId = world.made.tenant.id;
        let owners = owner.id.to_string();
        for (by, subject, agent) in [
            ("agent", writer.to_string(), writer.to_string()),
            ("user", owners.clone(), String::new()),
            ("end_user", "known-as-jane".to_owned(), writer.to_string()),
            ("conversation", "c 1".to_owned(), writer.to_string()),
        ] {
            sql("INSERT INTO token_totals (tenant_id, counted_by, subject, agent_id, requests, \
                 input_tokens, cached_tokens, output_tokens, cost_nanos, first_request_at, \
                 last_request_at) VALUES ($1, $2, $3, $4, 2, 30, 10, 12, 5000000, 1000000, 2000000)")
            .bind(tenant).bind(by).bind(subject).bind(agent)
            .execute(&world.db).await.unwrap();
        }
        let ask = async |user, query: String| {
            get(&world, user, &format!("/api/v1/analytics/tokens?{query}")).await
        };
        let of_agent = format!("by=conversation&agent_id={writer}");
        let told = ask(&owner, of_agent.clone()).await.body;
        let total = &told["data"][0];
        assert_eq!((&total["name"], &total["agent_id"], &total["request_count"]), (&json!("c 1"), &json!(writer), &json!(2)), "{told}");
        assert_eq!((&total["input_tokens"], &total["cached_tokens"], &total["total_tokens"], &total["cost_micros"]), (&json!(30), &json!(10), &json!(42), &json!(5_000)), "{told}");
        assert_eq!(ask(&other, of_agent).await.status, StatusCode::FORBIDDEN);
        assert_eq!(ask(&other, "by=conversation".into()).await.status, StatusCode::BAD_REQUEST);
        let listed = async |user, query: &str| ask(user, query.to_owned()).await.body["pagination"]["total"].clone();
        assert_eq!(listed(&admin, "by=conversation&name=c+1&sort=cost").await, json!(1));
        assert_eq!(listed(&admin, "by=conversation&name=c+2").await, json!(0));
        assert_eq!(listed(&admin, "by=end_user&name=jane").await, json!(1));
        assert_eq!(listed(&admin, "by=end_user&name=known-as-jane").await, json!(0));
        assert_eq!(listed(&admin, "by=user").await, json!(1));
        assert_eq!(listed(&other, "by=user").await, json!(0));
        assert_eq!(listed(&owner, "by=user").await, json!(1));
        assert_eq!(ask(&other, format!("by=user&name={owners}")).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(ask(&admin, format!("by=user&agent_id={writer}")).await.status, StatusCode::BAD_REQUEST);
    }

    async fn anomalies_are_listed_and_what_if_compares(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let writer = agent(&world, &admin, "writer").await;
        spend(&world, writer, 25).await;
        sql("UPDATE usage_buckets SET cost_nanos = 15000000000 WHERE starts_at = \
             (SELECT MAX(starts_at) FROM usage_buckets)")
        .execute(&world.db)
        .await
        .unwrap();
        let found = get(&world, &admin, "/api/v1/analytics/anomalies").await.body;
        assert_eq!((&found["data"][0]["factor"], &found["data"][1]), (&json!(15.0), &json!(null)), "{found}");

        let ask = async |body| world.call(Method::POST, "/api/v1/analytics/what-if").by(&admin).json(&body).send().await;
        let doubled = ask(json!({"traffic_factor": 2})).await.body;
        let (now, then) = (doubled["cost_now_micros"].as_i64().unwrap(), doubled["cost_micros"].as_i64().unwrap());
        assert!((then - 2 * now).abs() <= 2 && now > 700_000_000, "{doubled}");
        assert_eq!(doubled["difference_micros"], then - now);
        for wrong in [
            json!({"traffic_factor": -1}),
            json!({"traffic_factor": 1e300}),
            json!({"model_swap": {"gpt-5": "gpt-5-mini"}}), // not in use
        ] {
            let refused = ask(wrong.clone()).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{wrong}: {}", refused.body);
        }
        let unknown = ask(json!({"model_swap": {"gpt-5": "no-such-model"}})).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{}", unknown.body);
    }
}
