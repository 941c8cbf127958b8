//! Who and what comes first, trends, budgets, and reports as files.

use http::StatusCode;
use iron_store::{Db, both_engines};
use serde_json::json;

use crate::reports::scene;

both_engines! {
    async fn agents_users_and_providers_come_in_order(db: Db) {
        let scene = scene(db).await;
        let top = scene.told(&scene.admin, "agents/top").await;
        let [first] = top["data"].as_array().unwrap().as_slice() else { panic!("{top}") };
        assert_eq!((&first["rank"], &first["agent_id"], &first["agent_name"]), (&json!(1), &json!(scene.agents[0]), &json!("writer")));
        assert_eq!((&first["value"], &first["share_percentage"]), (&json!(3_500_000), &json!(100.0)), "{top}");
        let calls = scene.told(&scene.admin, "agents/top?by=requests&limit=1").await;
        assert_eq!((&calls["data"][0]["value"], &calls["data"][0]["share_percentage"], &calls["summary"]["total"]), (&json!(3), &json!(75.0), &json!(4)), "{calls}");
        let failing = scene.told(&scene.admin, "agents/top?by=errors").await;
        assert_eq!((&failing["data"][0]["agent_id"], &failing["data"][0]["value"]), (&json!(scene.agents[1]), &json!(1)));
        let users = scene.told(&scene.admin, "users/top?by=tokens").await;
        assert_eq!((&users["data"][0]["user_id"], &users["data"][0]["value"]), (&json!(scene.owner.id), &json!(360)), "{users}");
        assert_eq!(scene.ask(&scene.admin, "agents/top?limit=101").await.status, StatusCode::BAD_REQUEST);
        let shares = scene.told(&scene.admin, "providers/breakdown").await;
        let row = &shares["data"][0];
        assert_eq!((&row["provider_id"], &row["model"], &row["cost_micros"]), (&json!(scene.provider), &json!("large"), &json!(3_500_000)));
        assert_eq!((&row["request_count"], &row["agent_count"], &row["share_percentage"]), (&json!(3), &json!(1), &json!(100.0)), "{shares}");
        assert_eq!((&shares["summary"]["total_requests"], &shares["pagination"]["total"]), (&json!(4), &json!(2)));
        // Whoever sees less is told less.
        assert_eq!(scene.told(&scene.owner, "providers/breakdown").await["summary"]["total_requests"], 3);
    }

    async fn trends_compare_with_as_many_days_before(db: Db) {
        let scene = scene(db).await;
        let week = scene.told(&scene.admin, "trends?window=7d").await;
        let points = week["points"].as_array().unwrap();
        assert_eq!((points.len(), &points[3]["value"], &points[6]["value"]), (7, &json!(2_500_000), &json!(1_000_000)), "{week}");
        assert_eq!(points[6]["moving_average"], json!(500_000.0));
        assert_eq!((&week["total"], &week["previous_total"], week.get("change_percentage")), (&json!(3_500_000), &json!(0), None));
        // Everything ten days later: all four calls are of the week before.
        scene.world.time.clock.advance(std::time::Duration::from_secs(10 * 86_400));
        let again = scene.world.admin().await;
        let later = scene.told(&again, "trends?window=7d&metric=requests").await;
        assert_eq!((&later["total"], &later["previous_total"], &later["change_percentage"]), (&json!(0), &json!(4), &json!(-100.0)), "{later}");
        assert_eq!(scene.told(&again, "trends?window=90d").await["points"].as_array().unwrap().len(), 90);
        assert_eq!(scene.ask(&again, "trends?window=1y").await.status, StatusCode::BAD_REQUEST);
    }

    async fn budgets_are_told_by_how_much_of_them_is_used(db: Db) {
        let scene = scene(db).await;
        crate::agents::spend(&scene.world, scene.agents[0], 97_000_000_000, 96_000_000_000).await;
        let told = scene.told(&scene.admin, "budget-utilization").await;
        let row = &told["data"][0];
        assert_eq!((&row["agent_name"], &row["percentage_used"], &row["risk"], &row["status"]), (&json!("writer"), &json!(96.0), &json!("critical"), &json!("warning")), "{told}");
        assert_eq!((&row["spent_micros"], &told["pagination"]["total"]), (&json!(96_000_000), &json!(2)));
        assert_eq!((&told["summary"]["critical"], &told["summary"]["low"]), (&json!(1), &json!(1)));
        let near = scene.told(&scene.admin, "budget-utilization?threshold=50").await;
        assert_eq!(near["pagination"]["total"], 1);
        assert_eq!(scene.told(&scene.owner, "budget-utilization").await["pagination"]["total"], 1);
    }

    async fn files_hold_every_row_to_the_nano_dollar(db: Db) {
        let scene = scene(db).await;
        let file = scene.ask(&scene.admin, "export?format=csv&group_by=agent,month").await;
        assert_eq!(file.status, StatusCode::OK, "{}", file.body);
        let text = file.text.clone();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("start,end,tenant_id,") && lines[0].contains(",cost,cost_nanos,request_count,"), "{text}");
        let nanos: i64 = lines[1..].iter().map(|line| line.split(',').nth(12).unwrap().parse::<i64>().unwrap()).sum();
        assert_eq!(nanos, 3_500_000_001, "{text}");
        let json = scene.ask(&scene.admin, "export?group_by=model").await.text;
        let rows: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((rows.len(), &rows[1]["cost"], &rows[1]["model"]), (2, &json!("3.500000001"), &json!("large")), "{json}");
        assert_eq!(scene.ask(&scene.admin, "export?format=pdf").await.status, StatusCode::BAD_REQUEST);
    }
}
