//! Invoices against records.

use http::Method;
use iron_store::{Db, both_engines, sql};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const PATH: &str = "/api/v1/analytics/reconciliations";

async fn provider(world: &World, admin: &User, name: &str) -> String {
    let body = json!({"name": name, "type": "simulated"});
    let made = world.create(admin, "/api/v1/providers", body).await;
    made.text_of("id").to_owned()
}

/// What the records say of an hour.
async fn recorded(world: &World, provider: &str, hour: &str, nanos: i64) {
    let at: iron_primitives::Timestamp = hour.parse().unwrap();
    sql(
        "INSERT INTO usage_buckets (tenant_id, subject_id, bucket_seconds, starts_at, requests, \
         cost_nanos) VALUES ($1, $2, 3600, $3, 1, $4)",
    )
    .bind(world.made.tenant.id)
    .bind(provider)
    .bind(at)
    .bind(nanos)
    .execute(&world.db)
    .await
    .unwrap();
}

async fn send(world: &World, user: &User, body: Value) -> Reply {
    let call = world.call(Method::POST, PATH).by(user).json(&body);
    call.send().await
}

both_engines! {
    async fn an_invoice_is_compared_kept_and_told(db: Db) {
        let mut world = World::new(db).await;
        let admin = world.admin().await;
        let (good, bad) = (provider(&world, &admin, "good").await, provider(&world, &admin, "bad").await);
        recorded(&world, &good, "2026-01-01T00:00:00Z", 9_900_000_000).await;
        recorded(&world, &good, "2026-01-02T23:00:00Z", 10_000_000_000).await;
        recorded(&world, &good, "2026-01-03T00:00:00Z", 77_000_000_000).await;
        recorded(&world, &bad, "2026-01-02T10:00:00Z", 1_000_000_000).await;
        let csv = format!(
            "provider,day,model,cost\ngood,2026-01-01,,10\ngood,2026-01-02,,10.00\n\
             {bad},2026-01-02,gpt-5-mini-2025-08-07,2.00\n"
        );
        let made = send(&world, &admin, json!({"csv": csv})).await;
        assert_eq!(made.status.as_u16(), 201, "{}", made.text);
        assert_eq!(made.body["flagged"], true);
        assert_eq!(made.body["ends_at"], "2026-01-03T00:00:00.000Z");
        let of = |name: &str| {
            let all = made.body["providers"].as_array().unwrap().iter();
            all.clone().find(|one| one["name"] == name).unwrap().clone()
        };
        let total = &of("good")["total"];
        assert_eq!((&total["invoiced"], &total["recorded"]), (&json!(20.0), &json!(19.9)));
        assert_eq!((&total["difference_percentage"], &total["flagged"]), (&json!(0.5), &json!(false)));
        assert_eq!(of("good")["models"], json!([]));
        assert_eq!(of("bad")["total"]["difference_percentage"], 50.0);
        assert_eq!(of("bad")["models"][0]["model"], "gpt-5-mini");
        let place = made.head("location").to_owned();
        let again = world.call(Method::GET, &place).by(&admin).send().await.ok();
        assert_eq!(again.body, made.body);
        let list = world.call(Method::GET, PATH).by(&admin).send().await.ok();
        assert_eq!(list.body["data"][0], made.body);
        world.settle().await;
        let audit = "/api/v1/audit-logs?action=invoice.reconcile";
        let told = world.call(Method::GET, audit).by(&admin).send().await.ok();
        assert_eq!(told.body["pagination"]["total"], 1);
        let tenant = json!({"name": "T", "slug": "second", "admin_email": "boss@second.example"});
        let tenant = world.create(&admin, "/api/v1/tenants", tenant).await;
        let boss = world.live_in(&tenant, "second").await;
        let foreign = world.call(Method::GET, &place).by(&boss).send().await;
        foreign.is(404, "RESOURCE_NOT_FOUND");
        let theirs = world.call(Method::GET, PATH).by(&boss).send().await.ok();
        assert_eq!(theirs.body["pagination"]["total"], 0);
        let body = json!({"csv": "day,cost\n2026-01-01,1\n", "provider_id": good});
        send(&world, &boss, body).await.is(404, "RESOURCE_NOT_FOUND");
    }

    async fn what_cannot_be_compared_is_refused_with_the_place(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let main = provider(&world, &admin, "main").await;
        for (csv, id, field, said) in [
            ("day,cost\n2026-01-01,1\n", None, "provider_id", "name the provider"),
            ("provider,day,cost\nother,2026-01-01,1\n", None, "csv", "`other`"),
            ("day,cost\n2026-01-01,one\n", Some(&main), "csv", "line 2"),
            ("day,price\n2026-01-01,1\n", Some(&main), "csv", "`cost`"),
        ] {
            let mut body = json!({"csv": csv});
            if let Some(id) = id {
                body["provider_id"] = json!(id);
            }
            let reply = send(&world, &admin, body).await.is(400, "VALIDATION_ERROR");
            assert!(reply.field(field).contains(said), "{}", reply.text);
        }
        let body = json!({"csv": "day,cost\n2026-01-01,1\n", "provider_id": main, "threshold_percentage": 101});
        send(&world, &admin, body).await.is(400, "VALIDATION_ERROR");
        // Nothing was invoiced at all where something was recorded: that is told, too.
        recorded(&world, &main, "2026-01-01T00:00:00Z", 1).await;
        let body = json!({"csv": "day,cost\n2026-01-01,0\n", "provider_id": main});
        let made = send(&world, &admin, body).await;
        assert_eq!(made.body["providers"][0]["total"]["difference_percentage"], Value::Null);
        assert_eq!(made.body["flagged"], true);
    }
}
