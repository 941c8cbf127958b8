//! Agents, providers, tokens, limits, models and the audit log.

use axum::Router;
use axum::routing::get;
use http::Method;
use iron_identity::Role;
use iron_primitives::{AgentId, ProviderId, Scope};
use iron_runtime::authority::Change;
use iron_store::{Db, both_engines};
use iron_testkit::{FakeUpstream, Shape};
use serde_json::{Value, json};

use crate::kit::World;

both_engines! {
    async fn an_agent_is_born_with_its_budget_and_its_token(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let provider = json!({"name": "sim", "type": "simulated"});
        let provider = world.create(&admin, "/api/v1/providers", provider).await;
        let body = json!({
            "name": "support", "budget": 25, "period": "monthly", "tags": ["a", "b"],
            "providers": [provider.text_of("id")], "create_ic_token": true, "environment": "prod",
        });
        let made = world.create(&admin, "/api/v1/agents", body).await;
        let token = made.body["ic_token"]["token"].as_str().unwrap();
        assert!(token.starts_with("ic_") && token.len() == 35);
        assert_eq!(made.body["warnings"], json!([]));
        let agent = world.call(Method::GET, made.head("location")).by(&admin).send().await.ok();
        assert_eq!(agent.body["ic_token"]["token_prefix"], json!(token[..8]));
        assert_eq!(agent.body["ic_token"].get("token"), None);
        assert_eq!((&agent.body["status"], &agent.body["runtime_state"]), (&json!("active"), &json!("running")));
        assert!(agent.text.contains("\"remaining\":25.00,\"remaining_micros\":25000000"));
        assert!(agent.head("etag").starts_with('"'));
        let path = format!("{}/status", made.head("location"));
        let status = world.call(Method::GET, path).by(&admin).send().await.ok();
        assert_eq!(status.body["requests"], json!({"total": 0, "today": 0, "last_hour": 0}));
        assert!(world.limits().status(world.made.tenant.id, Scope::Agent(made.id("id"))).await.is_ok());
        let body = json!({"name": "support", "budget": 1});
        let again = world.call(Method::POST, "/api/v1/agents").by(&admin).json(&body).send().await;
        again.is(409, "DUPLICATE_NAME");
        let body = json!({"name": "b", "budget": 1, "providers": [world.new_id::<ProviderId>().to_string()]});
        let wrong = world.call(Method::POST, "/api/v1/agents").by(&admin).json(&body).send().await;
        assert!(wrong.is(400, "VALIDATION_ERROR").field("providers[0]").contains("no such provider"));
    }
}

both_engines! {
    async fn states_follow_their_order_and_runtimes_are_told(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let made = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let (path, id) = (made.head("location").to_owned(), made.id::<AgentId>("id"));
        world.told();
        let act = async |verb: &str| {
            let call = world.call(Method::POST, format!("{path}/{verb}")).by(&admin);
            call.json(&json!({"reason": "a test"})).send().await
        };
        assert_eq!(act("pause").await.ok().text_of("runtime_state"), "paused");
        assert_eq!(world.told(), [Change::Agent(id)]);
        let refused = act("pause").await.is(409, "INVALID_STATE");
        assert_eq!(refused.body["error"]["details"]["status"], "paused");
        assert!(world.told().is_empty());
        assert_eq!(act("resume").await.ok().text_of("runtime_state"), "running");
        world.told();
        assert_eq!(act("kill").await.ok().text_of("runtime_state"), "stopped");
        let budget = Change::Budget(Scope::Agent(id));
        assert_eq!(world.told(), [Change::Agent(id), budget, Change::Ended(id)]);
        assert_eq!(act("restart").await.ok().text_of("runtime_state"), "running");
        act("pause").await.ok();
        assert_eq!(act("restart").await.ok().text_of("runtime_state"), "running");
        let health = world.call(Method::GET, format!("{path}/health")).by(&admin).send().await.ok();
        assert_eq!((&health.body["restarts"], &health.body["live"]), (&json!(2), &json!(true)));
        act("kill").await.ok();
        assert_eq!(act("start").await.ok().text_of("runtime_state"), "running");
        assert_eq!(act("stop").await.ok().text_of("runtime_state"), "stopped");
    }
}

both_engines! {
    async fn deleting_an_agent_takes_its_tokens_with_it(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "a", "budget": 1, "create_ic_token": true});
        let made = world.create(&admin, "/api/v1/agents", body).await;
        world.told();
        let path = made.head("location").to_owned();
        let gone = world.call(Method::DELETE, &path).by(&admin).send().await.ok();
        assert_eq!(gone.body["deleted"], true);
        assert_eq!(gone.body["cascade"]["ic_tokens"], 1);
        let told = world.told();
        let id = made.id("id");
        let expected = [Change::Agent(id), Change::Budget(Scope::Agent(id)), Change::Ended(id)];
        assert!(matches!(told[0], Change::Revoked(_)) && told[1..] == expected, "{told:?}");
        world.call(Method::GET, &path).by(&admin).send().await.is(404, "RESOURCE_NOT_FOUND");
    }
}

both_engines! {
    async fn a_token_is_issued_once_rotated_and_revoked(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let body = json!({"agent_id": agent.text_of("id"), "description": "ci"});
        let made = world.create(&admin, "/api/v1/tokens", body.clone()).await;
        let twice = world.call(Method::POST, "/api/v1/tokens").by(&admin).json(&body).send().await;
        let twice = twice.is(409, "TOKEN_ALREADY_EXISTS");
        assert_eq!(twice.body["error"]["details"]["token_id"], json!(made.text_of("id")));
        world.told();
        let path = made.head("location").to_owned();
        for method in [Method::PUT, Method::POST] {
            let call = world.call(method, format!("{path}/rotate")).by(&admin);
            let rotated = call.json(&json!({"grace_hours": 0})).send().await.ok();
            assert_eq!(rotated.text_of("id"), made.text_of("id"));
            assert_ne!(rotated.text_of("token"), made.text_of("token"));
            assert!(matches!(world.told().as_slice(), [Change::Token(_), ..]));
        }
        let one = world.call(Method::GET, &path).by(&admin).send().await.ok();
        assert_eq!(one.body["usage_summary"]["total_requests"], 0);
        assert_eq!((&one.body["expires_at"], &one.body["last_used_at"]), (&Value::Null, &Value::Null));
        let revoked = world.call(Method::DELETE, &path).by(&admin).send().await.ok();
        assert_eq!(revoked.text_of("status"), "revoked");
        assert!(matches!(world.told().as_slice(), [Change::Revoked(_), ..]));
        let list = "/api/v1/tokens?status=active,rotating";
        let live = world.call(Method::GET, list).by(&admin).send().await.ok();
        assert_eq!(live.body["pagination"]["total"], 0);
        let secret = world.call(Method::GET, format!("/api/v1/tokens/{}", made.text_of("token")));
        secret.by(&admin).send().await.is(400, "VALIDATION_ERROR");
    }
}

both_engines! {
    async fn a_providers_key_is_never_shown_and_a_new_one_serves_at_once(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "main", "type": "openai", "api_key": "sk-live-0123456789"});
        let made = world.create(&admin, "/api/v1/providers", body).await;
        assert_eq!(made.text_of("api_key"), "sk-***");
        assert!(!made.text.contains("0123456789"));
        let path = made.head("location").to_owned();
        world.told();
        let patch = world.call(Method::PATCH, &path).by(&admin);
        let changed = patch.json(&json!({"api_key": "sk-new-abcdef", "status": "inactive"})).send().await;
        let changed = changed.ok();
        assert_eq!(changed.text_of("status"), "inactive");
        assert!(changed.body.get("key_rotated_at").is_some() && !changed.text.contains("abcdef"));
        assert_eq!(world.told(), [Change::Provider(made.id("id"))]);
        let missing = json!({"name": "x", "type": "anthropic"});
        let missing = world.call(Method::POST, "/api/v1/providers").by(&admin).json(&missing).send().await;
        missing.is(400, "VALIDATION_ERROR").field("api_key");
        let inside = json!({"name": "y", "type": "local", "base_url": "http://169.254.169.254/v1"});
        let inside = world.call(Method::POST, "/api/v1/providers").by(&admin).json(&inside).send().await;
        inside.is(400, "VALIDATION_ERROR").field("base_url");
    }
}

both_engines! {
    async fn deleting_a_provider_tells_who_loses_it(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let provider = json!({"name": "sim", "type": "simulated"});
        let provider = world.create(&admin, "/api/v1/providers", provider).await;
        let id = provider.text_of("id");
        let body = json!({"name": "a", "budget": 1, "providers": [id]});
        let agent = world.create(&admin, "/api/v1/agents", body).await;
        let path = provider.head("location").to_owned();
        let expected = json!([{"id": agent.text_of("id"), "name": "a", "remaining_providers": 0}]);
        let impact = world.call(Method::GET, format!("{path}/deletion-impact")).by(&admin);
        let impact = impact.send().await.ok();
        assert_eq!((&impact.body["deleted"], &impact.body["affected_agents"]), (&json!(false), &expected));
        let kept = world.call(Method::DELETE, format!("{path}?cascade=false")).by(&admin).send().await;
        kept.is(409, "PROVIDER_IN_USE");
        let users = world.call(Method::GET, format!("{path}/agents")).by(&admin).send().await.ok();
        assert_eq!(users.body["data"][0]["name"], "a");
        let gone = world.call(Method::DELETE, &path).by(&admin).send().await.ok();
        assert_eq!((&gone.body["deleted"], &gone.body["affected_agents"]), (&json!(true), &expected));
        let agent = world.call(Method::GET, agent.head("location")).by(&admin).send().await.ok();
        assert_eq!(agent.body["providers"], json!([]));
    }
}

both_engines! {
    async fn providers_are_assigned_in_order_and_taken_away(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let make = async |name: &str| {
            let body = json!({"name": name, "type": "simulated"});
            world.create(&admin, "/api/v1/providers", body).await.text_of("id").to_owned()
        };
        let (one, two) = (make("one").await, make("two").await);
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let path = format!("{}/providers", agent.head("location"));
        let put = world.call(Method::PUT, &path).by(&admin);
        let assigned = put.json(&json!({"providers": [two, one, two]})).send().await.ok();
        let names: Vec<&Value> =
            assigned.body["providers"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
        assert_eq!(names, ["two", "one"]);
        let rest = world.call(Method::DELETE, format!("{path}/{two}")).by(&admin).send().await.ok();
        assert_eq!(rest.body["remaining_providers"], json!([one]));
        let again = world.call(Method::DELETE, format!("{path}/{two}")).by(&admin).send().await;
        again.is(404, "RESOURCE_NOT_FOUND");
        let other = world.call(Method::GET, &path).by(&admin).send().await.ok();
        assert_eq!((&other.body["count"], &other.body["warnings"]), (&json!(1), &json!([])));
    }
}

both_engines! {
    async fn a_provider_is_tested_with_its_own_key(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let models = get(|headers: http::HeaderMap| async move {
            match headers.get("authorization").map(http::HeaderValue::as_bytes) {
                Some(b"Bearer sk-right") => Ok(r#"{"data":[{"id":"tiny"}]}"#),
                _ => Err(http::StatusCode::UNAUTHORIZED),
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        tokio::spawn(async move {
            axum::serve(listener, Router::new().route("/v1/models", models)).await
        });
        let body = json!({"name": "l", "type": "local", "base_url": address, "api_key": "sk-right"});
        let made = world.create(&admin, "/api/v1/providers", body).await;
        let path = made.head("location").to_owned();
        let test = async |body: Value| {
            world.call(Method::POST, format!("{path}/test")).by(&admin).json(&body).send().await.ok().body
        };
        assert_eq!(test(json!({"model": "tiny"})).await["ok"], true);
        let missing = test(json!({"model": "huge"})).await;
        assert!(missing["message"].as_str().unwrap().contains("does not list"), "{missing}");
        let patch = world.call(Method::PATCH, &path).by(&admin).json(&json!({"api_key": "sk-wrong"}));
        patch.send().await.ok();
        let refused = test(json!({})).await;
        assert_eq!(refused["ok"], false);
        assert!(refused["message"].as_str().unwrap().contains("refuses the key"), "{refused}");
    }
}

both_engines! {
    async fn vertex_is_tested_in_its_own_project_and_place(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let fake = FakeUpstream::start(Shape::Vertex).await.unwrap();
        fake.set_time(world.time.environment.now().seconds());
        let make = async |name: &str, project: &str| {
            let config = json!({"project": project, "location": "europe-west4"});
            let body = json!({"name": name, "type": "vertex", "base_url": fake.base_url(),
                "api_key": fake.key(), "config": config});
            let made = world.create(&admin, "/api/v1/providers", body).await;
            made.head("location").to_owned()
        };
        let test = async |path: &str, body: Value| {
            world.call(Method::POST, format!("{path}/test")).by(&admin).json(&body).send().await.ok().body
        };
        let right = make("right", "fake-project").await;
        for body in [json!({}), json!({"model": "gemini-2.5-flash"})] {
            assert_eq!(test(&right, body).await["ok"], true);
        }
        let strange = test(&right, json!({"model": "palm-2"})).await;
        assert!(strange["message"].as_str().unwrap().contains("was not found"), "{strange}");
        let wrong = make("wrong", "other-project").await;
        for body in [json!({}), json!({"model": "gemini-2.5-flash"})] {
            let refused = test(&wrong, body).await;
            assert_eq!(refused["ok"], false);
            assert!(refused["message"].as_str().unwrap().contains("aiplatform.endpoints.predict"), "{refused}");
        }
        assert!(fake.bills().is_empty());
    }
}

both_engines! {
    async fn a_limit_is_set_and_its_history_kept(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 10})).await;
        let path = format!("/api/v1/limits/agents/{}/budget", agent.text_of("id"));
        let put = async |body: Value| {
            world.call(Method::PUT, &path).by(&admin).json(&body).send().await
        };
        world.told();
        let raised = put(json!({"budget": 20, "reason": "launch", "force": true})).await.ok();
        assert!(raised.text.contains("\"budget\":20.00") && raised.text.contains("\"previous_budget\":10.00"));
        assert_eq!(world.told(), [Change::Budget(Scope::Agent(agent.id("id")))]);
        put(json!({"budget": 20})).await.ok();
        assert!(world.told().is_empty());
        world.pass(1);
        let monthly = put(json!({"budget": 5, "period": "monthly"})).await.ok();
        assert!(monthly.body["next_reset_at"].as_str().unwrap().ends_with("-01T00:00:00.000Z"));
        let history = world.call(Method::GET, format!("{path}/history")).by(&admin).send().await.ok();
        assert!(history.text.contains("\"change\":-15.00"), "{}", history.text);
        assert_eq!(history.body["data"][1]["reason"], "launch");
        assert_eq!(history.body["summary"]["modification_count"], 2);
        assert!(history.text.contains("\"initial_budget\":10.00,\"current_budget\":5.00"));
        let stale = world.call(Method::PUT, &path).by(&admin).header("if-match", raised.head("etag"));
        stale.json(&json!({"budget": 6})).send().await.is(409, "CONCURRENT_MODIFICATION");
        let user = format!("/api/v1/limits/users/{}/budget", admin.id);
        let free = world.call(Method::GET, &user).by(&admin).send().await.ok();
        assert_eq!((&free.body["budget"], &free.body["remaining"]), (&Value::Null, &Value::Null));
        let call = world.call(Method::PUT, &user).by(&admin).json(&json!({"budget": 50}));
        assert_eq!(call.send().await.ok().body["budget_micros"], 50_000_000);
        let gone = format!("/api/v1/limits/agents/{}/budget", world.new_id::<AgentId>());
        world.call(Method::GET, gone).by(&admin).send().await.is(404, "RESOURCE_NOT_FOUND");
    }
}

both_engines! {
    async fn projects_hold_agents_and_cannot_go_while_they_do(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "research", "budget": 100, "cost_center": "R&D"});
        let project = world.create(&admin, "/api/v1/projects", body).await;
        assert!(project.text.contains("\"budget\":100.00"));
        let body = json!({"name": "a", "budget": 1, "project_id": project.text_of("id")});
        let agent = world.create(&admin, "/api/v1/agents", body).await;
        let path = project.head("location").to_owned();
        let one = world.call(Method::GET, &path).by(&admin).send().await.ok();
        assert_eq!(one.body["agent_count"], 1);
        world.call(Method::DELETE, &path).by(&admin).send().await.is(409, "RESOURCE_IN_USE");
        world.call(Method::DELETE, agent.head("location")).by(&admin).send().await.ok();
        let gone = world.call(Method::DELETE, &path).by(&admin).send().await.ok();
        assert_eq!(gone.body["deleted"], true);
        let default = format!("/api/v1/projects/{}", world.made.project.id);
        world.call(Method::DELETE, default).by(&admin).send().await.is(409, "RESOURCE_IN_USE");
    }
}

both_engines! {
    async fn prices_are_listed_set_and_imported(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let list = world.call(Method::GET, "/api/v1/models?model=sim/chat").by(&admin).send().await.ok();
        assert_eq!(list.body["data"][0]["provider_type"], "simulated");
        world.told();
        let path = "/api/v1/models/sim%2Fchat/price";
        let body = json!({"input_per_million": "3", "output_per_million": "0", "cached_per_million": "0.30"});
        let set = world.call(Method::PUT, path).by(&admin).json(&body).send().await.ok();
        assert_eq!(set.text_of("source"), "override");
        assert_eq!(world.told(), [Change::Prices]);
        let price = world.call(Method::GET, path).by(&admin).send().await.ok();
        assert_eq!(price.text_of("output_per_million").parse::<f64>().unwrap(), 0.0);
        assert_eq!(price.text_of("input_per_million").parse::<f64>().unwrap(), 3.0);
        let wrong = json!({"input_per_million": "1e3", "output_per_million": "-1"});
        let wrong = world.call(Method::PUT, path).by(&admin).json(&wrong).send().await;
        let wrong = wrong.is(400, "VALIDATION_ERROR");
        assert!(wrong.field("input_per_million").contains("must match"));
        wrong.field("output_per_million");
        let none = world.call(Method::GET, "/api/v1/models/nothing/price").by(&admin).send().await;
        none.is(404, "RESOURCE_NOT_FOUND");
        // One that is announced is set, though none is in force yet.
        let later = json!({"provider_type": "openai", "input_per_million": "1",
            "output_per_million": "2", "effective_from": "2999-01-01T00:00:00.000Z"});
        let path = "/api/v1/models/gpt-announced/price";
        let announced = world.call(Method::PUT, path).by(&admin).json(&later).send().await.ok();
        assert_eq!(announced.text_of("effective_from"), "2999-01-01T00:00:00.000Z");
        let none = world.call(Method::GET, path).by(&admin).send().await;
        none.is(404, "RESOURCE_NOT_FOUND");
        let prices = json!({"prices": {
            "gpt-imaginary": {"litellm_provider": "openai", "mode": "chat",
                "input_cost_per_token": 0.000_001, "output_cost_per_token": 0.000_002},
            "voice": {"litellm_provider": "openai", "mode": "audio_speech"},
        }});
        let import = world.call(Method::POST, "/api/v1/models/import").by(&admin).json(&prices);
        let import = import.send().await.ok();
        assert_eq!((&import.body["imported"], &import.body["skipped_count"]), (&json!(1), &json!(1)));
        let path = "/api/v1/models/gpt-imaginary/price";
        let price = world.call(Method::GET, path).by(&admin).send().await.ok();
        assert_eq!(price.text_of("source"), "import");
    }
}

both_engines! {
    async fn what_was_done_stands_in_the_audit_log(db: Db) {
        let mut world = World::new(db).await;
        let (admin, auditor) = (world.admin().await, world.user(Role::Auditor, "auditor").await);
        let body = json!({"name": "main", "type": "openai", "api_key": "sk-live-0123456789"});
        let made = world.create(&admin, "/api/v1/providers", body).await;
        world.settle().await;
        let list = "/api/v1/audit-logs?action=provider.create&method=post";
        let list = world.call(Method::GET, list).by(&auditor).send().await.ok();
        assert_eq!(list.body["pagination"]["total"], 1, "{}", list.text);
        let entry = &list.body["data"][0];
        assert_eq!(entry["resource_id"], json!(made.text_of("id")));
        assert_eq!(entry["user_id"], json!(admin.id.to_string()));
        assert_eq!(entry["request_id"], json!(made.head("x-request-id")));
        assert_eq!(entry["endpoint"], "/api/v1/providers");
        assert!(!list.text.contains("0123456789"));
        assert_eq!(entry["timestamp"].as_str().unwrap().len(), "2025-12-10T10:30:45.123456Z".len());
        let one = format!("/api/v1/audit-logs/{}", entry["id"].as_str().unwrap());
        world.call(Method::GET, one).by(&auditor).send().await.ok();
        let mine = world.call(Method::GET, "/api/v1/audit-logs/me?sort=timestamp").by(&auditor).send().await.ok();
        assert!(mine.body["data"].as_array().unwrap().iter().all(|entry| entry["user_id"] == json!(auditor.id.to_string())));
        let verify = world.call(Method::POST, "/api/v1/audit-logs/verify").by(&auditor).json(&json!({}));
        let verified = verify.send().await.ok();
        assert_eq!(verified.body["valid"], true, "{}", verified.text);
        let dates = "/api/v1/audit-logs?start_date=2030-01-01";
        let later = world.call(Method::GET, dates).by(&auditor).send().await.ok();
        assert_eq!(later.body["pagination"]["total"], 0);
        let wrong = "/api/v1/audit-logs?start_date=soon";
        let wrong = world.call(Method::GET, wrong).by(&auditor).send().await.is(400, "VALIDATION_ERROR");
        assert!(wrong.field("start_date").contains("expected a date"));
    }
}

both_engines! {
    async fn the_audit_log_is_exported_whole_and_once(db: Db) {
        let mut world = World::new(db).await;
        let admin = world.admin().await;
        let made = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let path = made.head("location").to_owned();
        for number in 0..520 {
            let body = json!({"description": format!("=SUM({number}), \"quoted\"")});
            world.call(Method::PATCH, &path).by(&admin).json(&body).send().await.ok();
        }
        world.settle().await;
        world.pass(1);
        let get = async |query: &str| {
            let path = format!("/api/v1/audit-logs/export?{query}");
            world.call(Method::GET, path).by(&admin).send().await
        };
        let json = get("action=agent.update").await.ok();
        assert_eq!(json.head("content-type"), "application/x-ndjson");
        assert!(json.head("content-disposition").contains("audit-logs.jsonl"));
        let entries: Vec<Value> = json.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let ids: std::collections::BTreeSet<&str> =
            entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
        assert_eq!((entries.len(), ids.len()), (520, 520));
        assert!(entries.is_sorted_by_key(|entry| entry["timestamp"].as_str().unwrap().to_owned()));
        let csv = get("format=csv&action=agent.update").await.ok();
        assert!(csv.head("content-type").starts_with("text/csv"));
        assert!(csv.text.starts_with("id,timestamp,tenant_id,"));
        assert_eq!(csv.text.lines().count(), 521);
        assert!(csv.text.contains("=SUM(0), \\\"\"quoted"), "{}", &csv.text[..2_000]);
        get("format=pdf").await.is(400, "VALIDATION_ERROR").field("format");
        get("page=2").await.is(400, "VALIDATION_ERROR").field("page");
        let none = get("format=csv&action=none").await.ok();
        assert_eq!(none.text.lines().count(), 1);
    }
}
