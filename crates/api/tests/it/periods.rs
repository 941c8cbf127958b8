//! Custom periods, wherever a period can be set.

use http::Method;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::World;

fn mondays() -> Value {
    json!({"cron": "0 9 * * MON", "timezone": "Europe/Berlin"})
}

both_engines! {
    async fn a_custom_period_can_be_set_wherever_there_is_a_period(db: Db) {
        let mut world = World::new(db).await;
        let admin = world.admin().await;
        let send = async |method: Method, path: String, body: Value| {
            let call = world.call(method, path).by(&admin).json(&body);
            let reply = call.send().await;
            assert!(reply.status.is_success(), "{}", reply.text);
            assert_eq!((&reply.body["period"], &reply.body["schedule"]), (&json!("custom"), &mondays()));
            reply
        };
        let body = json!({"name": "a", "budget": 10, "period": "custom", "schedule": mondays()});
        let agent = send(Method::POST, "/api/v1/agents".into(), body).await;
        let agent = agent.text_of("id").to_owned();
        let other = world.create(&admin, "/api/v1/agents", json!({"name": "b", "budget": 10})).await;
        assert_eq!(other.body.get("schedule"), None);
        let custom = json!({"period": "custom", "schedule": mondays()});
        send(Method::PATCH, format!("/api/v1/agents/{}", other.text_of("id")), custom.clone()).await;
        let team = json!({"name": "t", "budget": 10});
        let team = world.create(&admin, "/api/v1/teams", team).await;
        let budget = json!({"budget": 10, "period": "custom", "schedule": mondays()});
        for place in [
            format!("agents/{agent}"),
            format!("users/{}", admin.id),
            format!("teams/{}", team.text_of("id")),
        ] {
            let set = send(Method::PUT, format!("/api/v1/limits/{place}/budget"), budget.clone()).await;
            let next = set.text_of("next_reset_at");
            assert!(next.ends_with("T08:00:00.000Z") || next.ends_with("T07:00:00.000Z"), "{next}");
        }
        let shown = world.call(Method::GET, format!("/api/v1/teams/{}", team.text_of("id")));
        assert_eq!(shown.by(&admin).send().await.ok().body["schedule"], mondays());
        let quotas = json!({"tokens_per_day": 1000, "period": "custom", "schedule": mondays()});
        send(Method::PUT, format!("/api/v1/limits/agents/{agent}/quotas"), quotas).await;
        let pool = json!({"name": "p", "budget": 10, "period": "custom", "schedule": mondays()});
        let pool = send(Method::POST, "/api/v1/budget-pools".into(), pool).await;
        let path = format!("/api/v1/budget-pools/{}", pool.text_of("id"));
        let change = world.call(Method::PATCH, &path).by(&admin).json(&json!({"period": "daily"}));
        assert_eq!(change.send().await.ok().body.get("schedule"), None);
        send(Method::PATCH, path, custom).await;

        world.settle().await;
        let log = world.call(Method::GET, "/api/v1/audit-logs?action=budget.set").by(&admin);
        let log = log.send().await.ok();
        assert!(log.text.contains("custom 0 9 * * MON Europe/Berlin"), "{}", log.text);
    }
}

both_engines! {
    async fn another_schedule_is_another_version_and_the_zone_is_utc_if_nobody_says(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 10})).await;
        let path = format!("/api/v1/limits/agents/{}/budget", agent.text_of("id"));
        let put = |cron: &str| {
            let schedule = json!({"cron": cron});
            let body = json!({"budget": 10, "period": "custom", "schedule": schedule});
            world.call(Method::PUT, &path).by(&admin).json(&body)
        };
        let first = put("0  6 * * *").send().await.ok();
        assert_eq!(first.body["schedule"], json!({"cron": "0 6 * * *", "timezone": "UTC"}));
        let second = put("0 7 * * *").header("if-match", first.head("etag")).send().await.ok();
        assert_ne!(first.head("etag"), second.head("etag"));
        let stale = put("0 8 * * *").header("if-match", first.head("etag")).send().await;
        stale.is(409, "CONCURRENT_MODIFICATION");
        let kept = world.call(Method::PUT, &path).by(&admin).json(&json!({"budget": 11}));
        assert_eq!(kept.send().await.ok().body["schedule"]["cron"], "0 7 * * *");
    }
}

both_engines! {
    async fn what_cannot_be_a_schedule_is_refused_by_name(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 10})).await;
        let path = format!("/api/v1/limits/agents/{}/budget", agent.text_of("id"));
        let cron = |cron: &str| json!({"period": "custom", "schedule": {"cron": cron}});
        let long = "0,".repeat(60);
        let wrong = [
            (json!({"period": "custom"}), "schedule"),
            (json!({"schedule": mondays()}), "period"),
            (json!({"period": "daily", "schedule": mondays()}), "schedule"),
            (json!({"period": "hourly"}), "period"),
            (cron("*/10 * * * *"), "schedule.cron"),
            (cron("0 0 30 2 *"), "schedule.cron"),
            (cron("0 0 29 2 *"), "schedule.cron"),
            (cron("0 0 0 1 1 *"), "schedule.cron"),
            (cron("@monthly abc"), "schedule.cron"),
            (cron("0 0 * * ${x}"), "schedule.cron"),
            (cron(&long), "schedule.cron"),
            (json!({"period": "custom", "schedule": {"timezone": "UTC"}}), "schedule"),
            (
                json!({"period": "custom", "schedule": {"cron": "0 0 * * *", "timezone": "Mars/Olympus"}}),
                "schedule.timezone",
            ),
            (
                json!({"period": "custom", "schedule": {"cron": "0 0 * * *", "seconds": 1}}),
                "schedule",
            ),
        ];
        for (mut body, field) in wrong {
            body["budget"] = json!(10);
            let reply = world.call(Method::PUT, &path).by(&admin).json(&body).send().await;
            let reply = reply.is(400, "VALIDATION_ERROR");
            assert!(reply.text.contains(&format!("\"{field}")), "{body} {}", reply.text);
        }
    }
}
