//! What agents fall back on, and how providers have done.

use std::time::Duration;

use http::Method;
use iron_net::breaker::Counts;
use iron_primitives::ProviderId;
use iron_runtime::{Circuit, PeerView};
use iron_sdk::settings::ChangeSettings;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::World;

both_engines! {
    async fn an_agent_falls_back_on_models_that_there_are_and_that_it_may_use(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let create = |body: Value| world.create(&admin, "/api/v1/providers", body);
        let openai = create(json!({"name": "openai", "type": "openai", "api_key": "sk-0123456789abcdef0123"})).await;
        let own = create(json!({
            "name": "own", "type": "local", "base_url": "https://models.example/v1", "models": ["ours"],
        })).await;
        let (openai, own) = (openai.text_of("id"), own.text_of("id"));
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let path = format!("/api/v1/agents/{}", agent.text_of("id"));
        let set = |settings: Value| {
            let body = json!({"settings": settings});
            world.call(Method::PATCH, &path).by(&admin).json(&body)
        };
        let good = json!(["gpt-4o-mini", {"model": "gpt-4o", "provider_id": openai}, {"model": "ours"}]);
        let set_good = set(json!({"fallback_chain": good, "routing": {"strategy": "latency"}}));
        let changed = set_good.send().await.ok();
        assert_eq!(changed.body["settings"]["fallback_chain"], good);
        let nobodys = world.new_id::<ProviderId>().to_string();
        let wrong = [
            (json!({"fallback_chain": ["gpt-4o", "no-such-model"]}), "settings.fallback_chain[1]"),
            (json!({"fallback_chain": [{"model": "gpt-4o", "provider_id": own}]}), "settings.fallback_chain[0]"),
            (json!({"fallback_chain": [{"model": "gpt-4o", "provider_id": nobodys}]}), "settings.fallback_chain[0]"),
            (json!({"fallback_chain": "gpt-4o"}), "settings.fallback_chain"),
            (json!({"allowed_models": ["gpt-4o-mini"]}), "settings.fallback_chain[1]"),
            (json!({"routing": {"strategy": "fastest"}}), "settings.routing.strategy"),
        ];
        for (settings, field) in wrong {
            let refused = set(settings.clone()).send().await.is(400, "VALIDATION_ERROR");
            assert!(!refused.field(field).is_empty(), "{settings}: {}", refused.text);
        }
        let new = json!({"name": "b", "budget": 1, "settings": {"fallback_chain": ["no-such-model"]}});
        let refused = world.call(Method::POST, "/api/v1/agents").by(&admin).json(&new).send().await;
        assert!(!refused.is(400, "VALIDATION_ERROR").field("settings.fallback_chain[0]").is_empty());
    }

    async fn the_health_of_a_provider_is_that_of_the_worst_of_its_models(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let provider = json!({"name": "s", "type": "simulated"});
        let provider = world.create(&admin, "/api/v1/providers", provider).await;
        let path = format!("/api/v1/providers/{}/health", provider.text_of("id"));
        let health = world.call(Method::GET, &path).by(&admin).send().await.ok();
        let body = &health.body;
        assert_eq!((&body["circuit"], &body["error_rate"]), (&json!("open"), &json!(0.25)));
        assert_eq!((&body["p95_ms"], &body["uptime_percentage"]), (&json!(31), &json!(75.0)));
        assert_eq!(body["models"][0]["circuit"], json!("closed"));
        assert_eq!(body["models"][1]["failures"], json!(2));
        for at in ["/opened_at", "/models/1/reopens_at", "/models/0/paused_until"] {
            assert!(body.pointer(at).is_some_and(Value::is_string), "{at}: {}", health.text);
        }
        let nobodys = format!("/api/v1/providers/{}/health", world.new_id::<ProviderId>());
        world.call(Method::GET, nobodys).by(&admin).send().await.is(404, "RESOURCE_NOT_FOUND");
    }
}

#[test]
fn every_group_of_settings_can_be_changed() {
    for setting in iron_settings::SETTINGS {
        let group = setting.path.split('.').next().unwrap();
        let change = serde_json::from_value::<ChangeSettings>(json!({group: null}));
        assert!(change.is_ok(), "{group}: {change:?}");
    }
}

/// A provider of which one model does well and asks for a pause, and one does not.
pub(crate) fn seen_of_a_provider() -> Vec<PeerView> {
    let seconds = Duration::from_secs;
    let well = PeerView {
        model: "a".into(),
        circuit: Circuit::Closed,
        open_for: None,
        reopens_in: None,
        paused_for: Some(seconds(9)),
        lately: Counts { good: 5, bad: 0 },
        p95: Some(Duration::from_micros(30_100)),
        known_for: seconds(100),
        down_for: Duration::ZERO,
        in_flight: 1,
    };
    let badly = PeerView {
        model: "b".into(),
        circuit: Circuit::Open,
        open_for: Some(seconds(7)),
        reopens_in: Some(seconds(3)),
        paused_for: None,
        lately: Counts { good: 1, bad: 2 },
        p95: None,
        down_for: seconds(25),
        ..well.clone()
    };
    vec![well, badly]
}
