//! Notification channels: who sees what of them, and what is told of requests.

use http::Method;
use iron_identity::Role;
use iron_primitives::AgentId;
use iron_store::{Db, both_engines};
use serde_json::json;

use crate::kit::World;

const CHANNELS: &str = "/api/v1/notification-channels";

both_engines! {
    async fn a_channel_never_shows_what_opens_it(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let slack = json!({"name": "ops", "kind": "slack",
            "url": "https://hooks.slack.com/services/T0/B0/canary"});
        let slack = world.create(&admin, CHANNELS, slack).await;
        assert_eq!(slack.text_of("url"), "https://hooks.slack.com/***");
        let mail = json!({"name": "mail", "kind": "email", "email": {
            "host": "localhost", "security": "none", "username": "iron", "password": "canary",
            "from": "iron@example.com", "to": ["ops@example.com"]}});
        let mail = world.create(&admin, CHANNELS, mail).await;
        assert_eq!(mail.body["email"]["port"], 25);
        let hook = json!({"name": "hook", "kind": "webhook", "url": "https://example.com/h?k=canary",
            "events": ["budget.exceeded"]});
        let hook = world.create(&admin, CHANNELS, hook).await;
        let secret = hook.text_of("signing_secret").to_owned();
        assert!(secret.starts_with("whsec_"));
        for made in [&slack, &mail, &hook] {
            assert!(!made.text.contains("canary"), "{}", made.text);
            let path = made.head("location").to_owned();
            let shown = world.call(Method::GET, path).by(&admin).send().await.ok();
            assert!(!shown.text.contains("canary") && !shown.text.contains(&secret), "{}", shown.text);
        }
        let all = world.call(Method::GET, CHANNELS).by(&admin).send().await.ok();
        assert_eq!(all.body["pagination"]["total"], 3);
        assert!(!all.text.contains("canary") && !all.text.contains(&secret), "{}", all.text);
        let path = format!("{CHANNELS}/{}/rotate-secret", hook.text_of("id"));
        let fresh = world.call(Method::POST, path).by(&admin).send().await.ok();
        assert_ne!(fresh.text_of("signing_secret"), secret);
    }

    async fn what_is_wrong_with_a_channel_is_named(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        for (field, body) in [
            ("url", json!({"name": "n", "kind": "slack"})),
            ("url", json!({"name": "n", "kind": "slack", "url": "https://169.254.169.254/x"})),
            ("url", json!({"name": "n", "kind": "webhook", "url": "ftp://example.com"})),
            ("email", json!({"name": "n", "kind": "email"})),
            ("email", json!({"name": "n", "kind": "slack", "url": "https://a.example/",
                "email": {"host": "h", "from": "a@b.c", "to": ["a@b.c"]}})),
            ("email.to", json!({"name": "n", "kind": "email",
                "email": {"host": "h", "from": "a@b.c", "to": ["nobody"]}})),
            ("email.password", json!({"name": "n", "kind": "email",
                "email": {"host": "h", "username": "u", "from": "a@b.c", "to": ["a@b.c"]}})),
            ("events[0]", json!({"name": "n", "kind": "slack", "url": "https://a.example/",
                "events": ["moon.full"]})),
        ] {
            let call = world.call(Method::POST, CHANNELS).by(&admin).json(&body);
            call.send().await.is(400, "VALIDATION_ERROR").field(field);
        }
        let body = json!({"name": "n", "kind": "slack", "url": "https://a.example/"});
        let made = world.create(&admin, CHANNELS, body.clone()).await;
        let again = world.call(Method::POST, CHANNELS).by(&admin).json(&body);
        again.send().await.is(409, "DUPLICATE_NAME");
        let path = made.head("location").to_owned();
        let tag = world.call(Method::GET, &path).by(&admin).send().await.ok();
        let tag = tag.head("etag").to_owned();
        let change = world.call(Method::PATCH, &path).by(&admin).header("if-match", &tag);
        change.json(&json!({"name": "m"})).send().await.ok();
        let stale = world.call(Method::PATCH, &path).by(&admin).header("if-match", &tag);
        stale.json(&json!({"name": "o"})).send().await.is(409, "CONCURRENT_MODIFICATION");
        world.call(Method::DELETE, &path).by(&admin).send().await.ok();
        world.call(Method::GET, &path).by(&admin).send().await.is(404, "RESOURCE_NOT_FOUND");
    }

    async fn people_are_told_what_is_done_with_agents_they_care_about(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let mut agents = Vec::new();
        for name in ["one", "other"] {
            let body = json!({"name": name, "budget": 1});
            let agent: AgentId = world.create(&admin, "/api/v1/agents", body).await.id("id");
            agents.push(agent.to_string());
        }
        let (one, other) = (&agents[0], &agents[1]);
        let made = |name: &str, filter: serde_json::Value| {
            json!({"name": name, "kind": "webhook", "url": "https://example.com/h",
                "events": ["agent.started", "agent.stopped", "agent.paused", "agent.resumed"],
                "filter": filter})
        };
        let of_one = world.create(&admin, CHANNELS, made("one", json!({"agent_ids": [one]}))).await;
        assert_eq!(of_one.body["filter"], json!({"agent_ids": [one]}));
        let of_all = world.create(&admin, CHANNELS, made("all", json!({}))).await;
        assert!(of_all.body.get("filter").is_none(), "{}", of_all.text);
        for (agent, verb) in [(one, "pause"), (other, "stop"), (one, "resume"), (one, "kill"),
            (one, "start"), (other, "restart")] {
            let path = format!("/api/v1/agents/{agent}/{verb}");
            let body = json!({"reason": "it is late"});
            world.call(Method::POST, path).by(&admin).json(&body).send().await.ok();
        }
        let titles = async |channel: &str| {
            let path = format!("{CHANNELS}/{channel}/deliveries");
            let told = world.call(Method::GET, path).by(&admin).send().await.ok();
            let told = told.body["data"].as_array().unwrap().clone();
            let mut told: Vec<_> = told.iter()
                .map(|one| format!("{}: {}", one["event"].as_str().unwrap(), one["title"].as_str().unwrap()))
                .collect();
            told.sort_unstable();
            told
        };
        let of_one = titles(of_one.text_of("id")).await;
        assert_eq!(of_one, ["agent.paused: agent one was paused", "agent.resumed: agent one goes on",
            "agent.started: agent one was started", "agent.stopped: agent one was killed"]);
        let of_all = titles(of_all.text_of("id")).await;
        assert_eq!(of_all.len(), 6, "{of_all:?}");
        assert!(of_all.contains(&"agent.started: agent other begins anew".to_owned()), "{of_all:?}");
    }

    async fn admins_are_told_of_requests_and_requesters_of_decisions(db: Db) {
        let world = World::new(db).await;
        let (admin, ada) = (world.admin().await, world.user(Role::Developer, "ada").await);
        let mail = json!({"name": "mail", "kind": "email", "email": {
            "host": "localhost", "security": "none", "from": "iron@example.com",
            "to": ["ops@example.com"]}});
        let mail = world.create(&admin, CHANNELS, mail).await;
        let agent = json!({"name": "writer", "budget": 1});
        let agent: AgentId = world.create(&ada, "/api/v1/agents", agent).await.id("id");
        let mut asked = Vec::new();
        for budget in [2, 3] {
            let request = json!({"agent_id": agent.to_string(), "requested_budget": budget,
                "justification": "there is more to write about"});
            let request = world.create(&ada, "/api/v1/budget-requests", request).await;
            asked.push(request.head("location").to_owned());
        }
        let approve = world.call(Method::PUT, format!("{}/approve", asked[0])).by(&admin);
        approve.json(&json!({})).send().await.ok();
        let deny = world.call(Method::PUT, format!("{}/deny", asked[1])).by(&admin);
        deny.json(&json!({"reason": "enough is enough"})).send().await.ok();
        // What is decided is decided, and told once.
        let again = world.call(Method::PUT, format!("{}/deny", asked[1])).by(&admin);
        again.json(&json!({"reason": "really"})).send().await.is(409, "INVALID_STATE");

        let path = format!("{CHANNELS}/{}/deliveries", mail.text_of("id"));
        let told = world.call(Method::GET, &path).by(&admin).send().await.ok();
        let rows = told.body["data"].as_array().unwrap();
        let count = |event: &str| rows.iter().filter(|row| row["event"] == event).count();
        assert_eq!(count("budget_request.created"), 2, "{}", told.text);
        assert_eq!(count("budget_request.decided"), 4, "{}", told.text);
        let copies = rows.iter().filter(|row| row["recipient"] == "ada@example.com");
        assert!(copies.clone().all(|row| row["event"] == "budget_request.decided"));
        assert_eq!(copies.count(), 2);
        let dead = format!("{path}?status=dead");
        let dead = world.call(Method::GET, dead).by(&admin).send().await.ok();
        assert_eq!(dead.body["pagination"]["total"], 0);
        let pending = rows[0]["id"].as_str().unwrap();
        let retry = format!("/api/v1/notification-deliveries/{pending}/retry");
        world.call(Method::POST, retry).by(&admin).send().await.is(409, "INVALID_STATE");
    }
}
