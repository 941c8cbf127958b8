//! What agents may use besides money.

use http::Method;
use iron_primitives::{AgentId, Scope};
use iron_runtime::authority::Change;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::World;

both_engines! {
    async fn quotas_are_set_shown_and_lifted(db: Db) {
        let mut world = World::new(db).await;
        let admin = world.admin().await;
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 10})).await;
        let path = format!("/api/v1/limits/agents/{}/quotas", agent.text_of("id"));
        let get = async || world.call(Method::GET, &path).by(&admin).send().await.ok();
        let put = async |body: Value| {
            world.call(Method::PUT, &path).by(&admin).json(&body).send().await
        };
        let none = get().await;
        assert_eq!((none.body.get("tokens_per_day"), &none.body["usage"]), (None, &json!([])));
        assert_eq!((&none.body["period"], &none.body["hard_action"]), (&json!("daily"), &json!("pause")));
        world.told();
        put(json!({"tokens_per_day": null})).await.ok();
        assert!(world.told().is_empty(), "there was none");

        let set = put(json!({"tokens_per_day": 1000, "reason": "a quiet start"})).await.ok();
        let id: AgentId = agent.id("id");
        assert_eq!(world.told(), [Change::Agent(id), Change::Budget(Scope::Agent(id))]);
        assert_eq!(set.body["tokens_per_day"], 1000);
        assert_eq!(set.body["modified_by"], admin.id.to_string());
        let used = &set.body["usage"][0];
        assert_eq!(
            (&used["unit"], &used["limit"], &used["used"], &used["remaining"]),
            (&json!("tokens"), &json!(1000), &json!(0), &json!(1000))
        );
        assert!(used["next_reset_at"].is_string(), "{used}");

        put(json!({"tokens_per_day": 1000})).await.ok();
        assert!(world.told().is_empty(), "nothing is different");
        let changed = put(json!({
            "tokens_per_day": 500, "period": "monthly", "soft_limits": [70], "hard_action": "kill"
        })).await.ok();
        assert_eq!(
            (&changed.body["period"], &changed.body["soft_limits"], &changed.body["hard_action"]),
            (&json!("monthly"), &json!([70]), &json!("kill"))
        );
        let lifted = put(json!({"tokens_per_day": null})).await.ok();
        assert_eq!(lifted.body.get("tokens_per_day"), None);
        assert_eq!(lifted.body["usage"][0]["unit"], "tokens", "it goes on being counted");

        let seconds = put(json!({"execution_seconds_per_day": 3600})).await.ok();
        assert_eq!(seconds.body["execution_seconds_per_day"], 3600);
        let time = &seconds.body["usage"][1];
        assert_eq!(
            (&time["unit"], &time["limit"], &time["remaining"]),
            (&json!("execution_time"), &json!(3_600_000), &json!(3_600_000))
        );
        assert!(
            time["next_reset_at"].as_str().is_some_and(|at| at.contains("-01T")),
            "it begins anew with the other one: {time}"
        );
        put(json!({"execution_seconds_per_day": null})).await.ok();

        world.settle().await;
        let log = world.call(Method::GET, "/api/v1/audit-logs?action=budget.set").by(&admin);
        let log = log.send().await.ok();
        assert_eq!(log.body["pagination"]["total"], 5, "{}", log.text);
        assert!(log.text.contains("a quiet start"), "{}", log.text);
        let money = format!("/api/v1/limits/agents/{id}/budget");
        let money = world.call(Method::GET, money).by(&admin).send().await.ok();
        assert_eq!(money.body["budget_micros"], 10_000_000, "money is another matter");
    }
}

both_engines! {
    async fn quotas_that_cannot_be_are_refused_by_name(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 10})).await;
        let path = format!("/api/v1/limits/agents/{}/quotas", agent.text_of("id"));
        let put = async |body: Value| {
            world.call(Method::PUT, &path).by(&admin).json(&body).send().await
        };
        let wrong = [
            (json!({"tokens_per_day": 0}), "tokens_per_day"),
            (json!({"tokens_per_day": 1_000_000_000_000_001_u64}), "tokens_per_day"),
            (json!({"tokens_per_day": u64::MAX}), "tokens_per_day"),
            (json!({"tokens_per_day": -1}), "tokens_per_day"),
            (json!({"execution_seconds_per_day": 0}), "execution_seconds_per_day"),
            (json!({"execution_seconds_per_day": 31_622_401}), "execution_seconds_per_day"),
            (json!({"execution_seconds_per_day": u64::MAX}), "execution_seconds_per_day"),
            (json!({"execution_seconds_per_day": 1.5}), "execution_seconds_per_day"),
            (json!({"soft_limits": [0]}), "soft_limits"),
            (json!({"llm_calls": {"minute": 3}}), "llm_calls"),
        ];
        for (body, field) in wrong {
            put(body).await.is(400, "VALIDATION_ERROR").field(field);
        }
        let one = put(json!({"tokens_per_day": 7})).await.ok();
        put(json!({"tokens_per_day": 8})).await.ok();
        let stale = world.call(Method::PUT, &path).by(&admin).header("if-match", one.head("etag"));
        stale.json(&json!({"tokens_per_day": 9})).send().await.is(409, "CONCURRENT_MODIFICATION");
        let gone = format!("/api/v1/limits/agents/{}/quotas", world.new_id::<AgentId>());
        world.call(Method::GET, gone).by(&admin).send().await.is(404, "RESOURCE_NOT_FOUND");
    }
}
