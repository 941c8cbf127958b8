//! The budget protocol over HTTP.

use http::Method;
use iron_api::Config;
use iron_audit::CallFilter;
use iron_net::rate::Quota;
use iron_primitives::{RequestId, Scope};
use iron_store::{Db, Page, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, World, relaxed};

/// An agent with a provider, and its token.
struct Agent {
    id: String,
    token: String,
    provider: String,
}

async fn agent(world: &World, budget: f64) -> Agent {
    let admin = world.admin().await;
    let provider = json!({"name": "o", "type": "openai", "api_key": "sk-test-0123456789"});
    let provider = world.create(&admin, "/api/v1/providers", provider).await;
    let provider = provider.text_of("id").to_owned();
    let body =
        json!({"name": "a", "budget": budget, "providers": [provider], "create_ic_token": true});
    let made = world.create(&admin, "/api/v1/agents", body).await;
    Agent {
        id: made.text_of("id").to_owned(),
        token: made.body["ic_token"]["token"].as_str().unwrap().to_owned(),
        provider,
    }
}

async fn say(world: &World, agent: &Agent, verb: &str, body: &Value) -> Reply {
    let call = world
        .call(Method::POST, format!("/api/budget/{verb}"))
        .json(body);
    call.header("authorization", &format!("Bearer {}", agent.token))
        .send()
        .await
}

fn call(world: &World, lease: &str, tokens: u64) -> Value {
    json!({
        "lease_id": lease, "request_id": world.new_id::<RequestId>(), "model": "gpt-4o-mini",
        "provider": "openai", "input_tokens": tokens, "output_tokens": tokens,
        "status": "completed",
    })
}

both_engines! {
    async fn a_runtime_borrows_reports_asks_for_more_and_gives_back(db: Db) {
        let mut world = World::new(db).await;
        let agent = agent(&world, 5.0).await;
        let ask = json!({"requested_budget": 1.50, "runtime_id": "r-1", "runtime_version": "1.2.3", "model": "gpt-4o-mini"});
        let lent = say(&world, &agent, "handshake", &ask).await.ok();
        assert!(lent.text.contains("\"budget_granted\":1.50"), "{}", lent.text);
        assert_eq!(lent.body["budget_granted_micros"], 1_500_000);
        assert_eq!(lent.body["budget_remaining_micros"], 3_500_000);
        assert_eq!((lent.text_of("provider"), lent.text_of("provider_id")), ("openai", agent.provider.as_str()));
        assert!(lent.text_of("ip_token").starts_with("AES256:"));
        let lease = lent.text_of("lease_id").to_owned();
        // 0.15 and 0.60 dollars a million.
        let one = call(&world, &lease, 1_000_000);
        let told = say(&world, &agent, "report", &one).await.ok();
        assert_eq!((told.body["accepted"].clone(), told.body["duplicates"].clone()), (json!(1), json!(0)));
        assert_eq!(told.body["lease_spent_micros"], 750_000);
        assert_eq!((told.text_of("lease_status"), told.body["budget_micros"].clone()), ("active", json!(5_000_000)));
        assert!(told.text_of("ip_token").starts_with("AES256:"));
        let mut two = call(&world, &lease, 100_000);
        (two["cached_tokens"], two["end_user"], two["operation"]) = (json!(40_000), json!("ada lovelace"), json!("sums"));
        let told = say(&world, &agent, "report", &json!({"usage": [one, two]})).await.ok();
        assert_eq!((told.body["accepted"].clone(), told.body["duplicates"].clone()), (json!(1), json!(1)));
        let more = say(&world, &agent, "refresh", &json!({"lease_id": lease, "requested_budget": 0.50})).await.ok();
        assert_eq!((more.text_of("status"), more.body["total_allocated_micros"].clone()), ("approved", json!(2_000_000)));
        let known = json!({"lease_id": lease, "requested_budget": 0.50, "current_remaining_micros": 700_000, "total_spent_micros": 800_000});
        let again = say(&world, &agent, "refresh", &known).await.ok();
        assert_eq!(again.body["total_allocated_micros"], 2_000_000, "asked twice, granted once");
        let spent = again.body["total_spent_micros"].as_i64().unwrap();
        let back = say(&world, &agent, "return", &json!({"lease_id": lease})).await.ok();
        assert_eq!((back.text_of("lease_status"), back.body["returned_micros"].as_i64()), ("closed", Some(2_000_000 - spent)));
        let again = say(&world, &agent, "return", &json!({"lease_id": lease})).await.ok();
        assert_eq!(again.text, back.text, "the same answer");
        say(&world, &agent, "refresh", &json!({"lease_id": lease})).await.is(409, "LEASE_NOT_ACTIVE");
        // Each call has left its record, and what is spent is counted.
        world.settle().await;
        let evidence = world.evidence(world.made.tenant.id);
        let calls = world.state.audit.calls(&evidence, CallFilter::default(), Page::default()).await.unwrap();
        assert_eq!(calls.items.len(), 2);
        let cost: i64 = calls.items.iter().map(|call| call.cost.micros()).sum();
        assert_eq!(cost, spent);
        assert!(calls.items.iter().all(|call| call.provider.is_some() && call.outcome == "completed"));
        assert!(calls.items.iter().all(|call| !call.body.contains("ada lovelace")), "personal values are sealed");
        let status = world.limits().status(world.made.tenant.id, Scope::Tenant(world.made.tenant.id)).await.unwrap();
        assert_eq!((status.settled.micros(), status.escrow.micros()), (spent, 0));
    }

    async fn admins_see_the_lease_and_may_take_it_away_on_all_its_budgets(db: Db) {
        let world = World::new(db).await;
        let agent = agent(&world, 5.0).await;
        let admin = world.admin().await;
        let lent = say(&world, &agent, "handshake", &json!({"requested_budget": 2})).await.ok();
        let (lease, runtime) = (lent.text_of("lease_id"), lent.text_of("runtime_id"));
        assert!(runtime.starts_with("runtime_"), "issued by the server");
        let path = format!("/api/v1/leases?agent_id={}", agent.id);
        let listed = world.call(Method::GET, path).by(&admin).send().await.ok();
        let found = &listed.body["data"][0];
        assert_eq!((found["id"].as_str(), found["path_lease_id"].as_str()), (Some(lease), Some(lease)));
        assert_eq!((found["runtime_id"].as_str(), found["path_lease_status"].as_str()), (Some(runtime), Some("active")));
        let all = world.call(Method::GET, "/api/v1/leases").by(&admin).send().await.ok();
        let legs = all.body["data"].as_array().unwrap();
        let tenant = legs.iter().find(|leg| leg["scope"].as_str().unwrap().starts_with("tenant_")).unwrap();
        let path = format!("/api/v1/leases/{}/revoke", tenant["id"].as_str().unwrap());
        let revoked = world.call(Method::POST, path).by(&admin).json(&json!({"reason": "r"})).send().await.ok();
        assert_eq!(revoked.body["path_lease_status"], "revoked");
        let told = say(&world, &agent, "report", &call(&world, lease, 1_000)).await.ok();
        assert_eq!((told.text_of("lease_status"), told.body["lease_remaining_micros"].clone()), ("revoked", json!(0)));
        assert!(told.body.get("ip_token").is_none());
        let path = format!("/api/v1/leases/{lease}/reconcile");
        let closed = world.call(Method::POST, path).by(&admin).json(&json!({"reason": "asked the owner"})).send().await.ok();
        assert_eq!(closed.body["path_lease_status"], "closed");
        assert_eq!(world.ledger.check(world.made.tenant.id).await.unwrap(), []);
        // Late, and booked all the same.
        let late = say(&world, &agent, "report", &call(&world, lease, 1_000)).await.ok();
        assert_eq!((late.body["accepted"].clone(), late.text_of("lease_status")), (json!(1), "closed"));
    }

    async fn an_agent_whose_tokens_are_counted_borrows_nothing(db: Db) {
        let world = World::new(db).await;
        let agent = agent(&world, 1.0).await;
        let lent = say(&world, &agent, "handshake", &json!({"requested_budget": 0.5})).await.ok();
        let admin = world.admin().await;
        let path = format!("/api/v1/limits/agents/{}/quotas", agent.id);
        let quota = world.call(Method::PUT, path).by(&admin).json(&json!({"tokens_per_day": 1_000}));
        quota.send().await.ok();
        say(&world, &agent, "handshake", &json!({})).await.is(409, "INVALID_STATE");
        let more = json!({"lease_id": lent.body["lease_id"], "requested_budget": 0.1});
        say(&world, &agent, "refresh", &more).await.is(409, "INVALID_STATE");
    }

    async fn who_has_no_provider_or_no_money_learns_it(db: Db) {
        let world = World::new(db).await;
        let agent = agent(&world, 1.0).await;
        let stranger = json!({"provider_id": "ip_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"});
        say(&world, &agent, "handshake", &stranger).await.is(409, "NO_PROVIDER_ASSIGNED");
        say(&world, &agent, "handshake", &json!({"model": "none-such"})).await.is(409, "NO_PROVIDER_ASSIGNED");
        say(&world, &agent, "handshake", &json!({"requested_budget": 1})).await.ok();
        let short = say(&world, &agent, "handshake", &json!({})).await.is(429, "BUDGET_EXCEEDED");
        let details = &short.body["error"]["details"];
        assert_eq!((details["scope"].as_str(), details["remaining_micros"].clone()), (Some(agent.id.as_str()), json!(0)));
        assert_eq!((short.head("retry-after"), details["status"].as_str()), ("3600", Some("denied")));
    }

    async fn the_token_may_stand_in_the_body_and_a_key_makes_it_once(db: Db) {
        let world = World::new(db).await;
        let agent = agent(&world, 5.0).await;
        let body = json!({"ic_token": agent.token, "requested_budget": 1});
        let lent = world.call(Method::POST, "/api/v1/budget/handshake").json(&body).send().await.ok();
        assert_eq!(lent.body["budget_granted_micros"], 1_000_000);
        let once = || {
            let call = world.call(Method::POST, "/api/budget/handshake").json(&json!({"requested_budget": 1}));
            call.header("x-api-key", &agent.token).header("idempotency-key", "k").send()
        };
        let first = once().await.ok();
        let again = once().await.ok();
        assert_eq!((again.head("idempotency-replayed"), &again.text), ("true", &first.text));
    }

    async fn a_report_is_never_refused_for_coming_too_often(db: Db) {
        let quota = Quota { per_minute: 2, per_hour: 2, ..Quota::AUTHENTICATED };
        let config = Config { unauthenticated: quota, ..relaxed() };
        let world = World::with(db, config).await;
        let agent = agent(&world, 5.0).await;
        let lent = say(&world, &agent, "handshake", &json!({})).await.ok();
        let lease = lent.text_of("lease_id").to_owned();
        for _ in 0..8 {
            say(&world, &agent, "report", &call(&world, &lease, 10)).await.ok();
            let mut body = call(&world, &lease, 10);
            body["ic_token"] = json!(agent.token);
            world.call(Method::POST, "/api/budget/report").json(&body).send().await.ok();
        }
        // Whoever guesses is counted.
        let guess = || world.call(Method::POST, "/api/budget/report")
            .json(&json!({"ic_token": "ic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})).send();
        while guess().await.status.as_u16() == 401 {}
        guess().await.is(429, "RATE_LIMIT_EXCEEDED");
        say(&world, &agent, "return", &json!({"lease_id": lease})).await.ok();
    }

    async fn what_makes_no_sense_is_named_and_moves_nothing(db: Db) {
        let world = World::new(db).await;
        let agent = agent(&world, 5.0).await;
        let lent = say(&world, &agent, "handshake", &json!({"requested_budget": 1})).await.ok();
        let lease = lent.text_of("lease_id").to_owned();
        for (field, value) in [
            ("requested_budget", json!(0)), ("requested_budget", json!(1_000.01)), ("requested_budget", json!(1.005)),
            ("requested_budget", json!(-1)), ("requested_budget_micros", json!(0)), ("runtime_id", json!("")),
            ("runtime_id", json!("a b")), ("runtime_version", json!("one")), ("provider_id", json!("ic_x")),
            ("model", json!("")), ("wish", json!(1)),
        ] {
            let reply = say(&world, &agent, "handshake", &json!({ field: value })).await;
            assert_eq!(reply.status.as_u16(), 400, "{field} {value}: {}", reply.text);
        }
        for (field, value) in [
            ("lease_id", json!("lease_x")), ("request_id", json!("1")), ("input_tokens", json!(-1)),
            ("input_tokens", json!(1e18)), ("output_tokens", json!("1")), ("cached_tokens", json!(11)),
            ("cost_usd", json!(0.001)), ("cost_micros", json!(-1)), ("status", json!("done")),
            ("started_at", json!("yesterday")), ("latency_ms", json!(-5)), ("conversation_id", json!("")),
        ] {
            let mut body = call(&world, &lease, 10);
            body[field] = value.clone();
            let reply = say(&world, &agent, "report", &body).await;
            assert_eq!(reply.status.as_u16(), 400, "{field} {value}: {}", reply.text);
            let reply = say(&world, &agent, "report", &json!({"usage": [call(&world, &lease, 10), body]})).await;
            assert_eq!(reply.status.as_u16(), 400, "{field} {value}: {}", reply.text);
        }
        let unknown = call(&world, &world.new_id::<iron_primitives::LeaseId>().to_string(), 1);
        say(&world, &agent, "report", &unknown).await.is(404, "RESOURCE_NOT_FOUND");
        say(&world, &agent, "report", &json!({})).await.is(400, "VALIDATION_ERROR").field("lease_id");
        say(&world, &agent, "report", &json!({"usage": []})).await.is(400, "VALIDATION_ERROR");
        let many: Vec<Value> = (0..101).map(|_| call(&world, &lease, 1)).collect();
        say(&world, &agent, "report", &json!({"usage": many})).await.is(400, "VALIDATION_ERROR");
        let mut both = call(&world, &lease, 1);
        both["usage"] = json!([call(&world, &lease, 1)]);
        say(&world, &agent, "report", &both).await.is(400, "VALIDATION_ERROR").field("model");
        // A model without a price costs what its runtime says, and it must say so.
        let mut unpriced = call(&world, &lease, 10);
        unpriced["model"] = json!("home-made");
        let refused = say(&world, &agent, "report", &json!({"usage": [unpriced]})).await.is(400, "VALIDATION_ERROR");
        assert!(refused.field("usage[0].cost_usd").contains("has no price"));
        unpriced["cost_micros"] = json!(250_000);
        let told = say(&world, &agent, "report", &unpriced).await.ok();
        assert_eq!(told.body["lease_spent_micros"], 250_000);
        let mut priced = call(&world, &lease, 0);
        priced["cost_micros"] = json!(900_000);
        let told = say(&world, &agent, "report", &priced).await.ok();
        assert_eq!(told.body["lease_spent_micros"], 250_000, "our own price counts");
    }
}
