//! What holds for every route: the envelope, fields, ids, lists, tags, null.

use http::Method;
use iron_identity::Role;
use iron_store::{Db, both_engines};
use serde_json::json;

use crate::kit::World;

both_engines! {
    async fn everything_that_is_wrong_with_a_body_is_told_at_once(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({
            "name": "", "budget": 1.234, "providers": ["agent_1", 7], "tags": ["x", ""],
            "settings": [], "spent": 0, "colour": "red", "environment": "production",
            "create_ic_token": 1,
        });
        let reply = world.call(Method::POST, "/api/v1/agents").by(&admin).json(&body).send().await;
        let reply = reply.is(400, "VALIDATION_ERROR");
        assert_eq!(reply.field("name"), "must have 1 to 100 characters");
        assert_eq!(reply.field("budget"), "must have at most two decimals");
        assert_eq!(reply.field("providers[0]"), "expected `ip_` followed by a lower-case UUID");
        assert_eq!(reply.field("providers[1]"), "expected a string");
        assert_eq!(reply.field("tags[1]"), "must have 1 to 50 characters");
        assert_eq!(reply.field("settings"), "expected an object or null");
        assert_eq!(reply.field("spent"), "cannot be set here");
        assert!(reply.field("colour").starts_with("unknown field"));
        assert_eq!(reply.field("environment"), "expected one of `prod`, `staging`, `dev`");
        assert_eq!(reply.field("create_ic_token"), "expected true or false or null");
        let reply = world.call(Method::POST, "/api/v1/agents").by(&admin).send().await;
        let reply = reply.is(400, "VALIDATION_ERROR");
        assert_eq!((reply.field("name"), reply.field("budget")), ("is required", "is required"));
    }
}

both_engines! {
    async fn money_has_two_decimals_and_a_range(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = json!({"name": "a", "budget": 100.5});
        let made = world.create(&admin, "/api/v1/agents", agent).await;
        assert!(made.text.contains("\"budget\":100.50,\"spent\":0.00,"), "{}", made.text);
        for (budget, problem) in [
            ("0", "must be 0.01 to 999999.99"),
            ("-1", "must be 0.01 to 999999.99"),
            ("1000000", "must be 0.01 to 999999.99"),
            ("0.001", "must be 0.01 to 999999.99"),
            ("1.001", "must have at most two decimals"),
            ("\"1.00\"", "expected a number"),
        ] {
            let body = format!("{{\"name\":\"b\",\"budget\":{budget}}}");
            let call = world.call(Method::POST, "/api/v1/agents").by(&admin);
            let reply = call.raw("application/json", body).send().await.is(400, "VALIDATION_ERROR");
            assert_eq!(reply.field("budget"), problem, "{budget}");
        }
        // Too fine for a float to show, but not for the text that was sent.
        let body = "{\"name\":\"b\",\"budget\":1.00000000000000000001}";
        let call = world.call(Method::POST, "/api/v1/agents").by(&admin);
        call.raw("application/json", body).send().await.is(400, "VALIDATION_ERROR");
    }
}

both_engines! {
    async fn bodies_that_are_no_objects_are_malformed(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        for body in ["{", "[]", "7", "\"x\"", "{\"name\":}", "\u{feff}{}", deep.as_str()] {
            let call = world.call(Method::POST, "/api/v1/agents").by(&admin);
            call.raw("application/json", body).send().await.is(400, "MALFORMED_REQUEST");
        }
        let call = world.call(Method::POST, "/api/v1/agents").by(&admin);
        call.raw("application/json", vec![b'{', 0xff, b'}']).send().await
            .is(400, "MALFORMED_REQUEST");
        let call = world.call(Method::POST, "/api/v1/agents").by(&admin);
        call.raw("text/plain", "{}").send().await.is(415, "UNSUPPORTED_MEDIA_TYPE");
        let call = world.call(Method::POST, "/api/v1/agents").by(&admin);
        let large = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
        call.raw("application/json", large).send().await.is(413, "PAYLOAD_TOO_LARGE");
        let call = world.call(Method::POST, "/api/v1/agents").by(&admin);
        let twice = "{\"name\":\"a\",\"name\":\"b\",\"budget\":1}";
        call.raw("application/json; charset=utf-8", twice).send().await.is(400, "VALIDATION_ERROR");
    }
}

both_engines! {
    async fn routes_and_methods_that_do_not_exist_answer_in_the_same_shape(db: Db) {
        let world = World::new(db).await;
        let reply = world.call(Method::GET, "/api/v1/unicorns").send().await;
        let reply = reply.is(404, "RESOURCE_NOT_FOUND");
        assert_eq!(reply.body["error"]["details"]["resource_type"], "route");
        world.call(Method::GET, "/api/v1/agents/").send().await.is(404, "RESOURCE_NOT_FOUND");
        let reply = world.call(Method::DELETE, "/api/v1/agents").send().await;
        let reply = reply.is(405, "METHOD_NOT_ALLOWED");
        assert!(reply.head("allow").contains("POST"));
        assert!(reply.head("x-request-id").starts_with("req_"));
    }
}

both_engines! {
    async fn ids_have_one_spelling_and_one_prefix(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let tail = "0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f";
        for wrong in [
            "7".to_owned(),
            tail.to_owned(),
            format!("user_{tail}"),
            format!("agent_{}", tail.to_uppercase()),
            format!("agent_{}", tail.replace('-', "")),
            "agent_%00".to_owned(),
            "agent_%ff".to_owned(),
            "..%2f..%2fetc".to_owned(),
        ] {
            let reply =
                world.call(Method::GET, format!("/api/v1/agents/{wrong}")).by(&admin).send().await;
            reply.is(400, "VALIDATION_ERROR");
        }
        let path = format!("/api/v1/agents/agent_{tail}");
        let reply = world.call(Method::GET, path).by(&admin).send().await;
        let reply = reply.is(404, "RESOURCE_NOT_FOUND");
        assert_eq!(reply.body["error"]["details"]["resource_type"], "agent");
        let path = format!("/api/v1/agents/x/providers/agent_{tail}");
        let reply = world.call(Method::DELETE, path).by(&admin).send().await;
        let reply = reply.is(400, "VALIDATION_ERROR");
        assert!(reply.field("agent_id").contains("agent_"));
        assert!(reply.field("provider_id").contains("ip_"));
        let query = "/api/v1/tokens?agent_id=agent_x&project_id=x";
        let reply = world.call(Method::GET, query).by(&admin).send().await;
        let reply = reply.is(400, "VALIDATION_ERROR");
        assert!(reply.field("agent_id").contains("agent_") && reply.field("project_id").contains("proj_"));
    }
}

both_engines! {
    async fn lists_have_pages_orders_and_filters(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        for name in ["beta", "alpha", "gamma"] {
            world.create(&admin, "/api/v1/agents", json!({"name": name, "budget": 1})).await;
            world.pass(1);
        }
        let names = |reply: &crate::kit::Reply| -> Vec<String> {
            let data = reply.body["data"].as_array().unwrap();
            data.iter().map(|agent| agent["name"].as_str().unwrap().to_owned()).collect()
        };
        let get = async |query: &str| {
            world.call(Method::GET, format!("/api/v1/agents{query}")).by(&admin).send().await
        };
        let all = get("").await.ok();
        assert_eq!(names(&all), ["gamma", "alpha", "beta"]);
        assert_eq!(
            all.body["pagination"],
            json!({"page": 1, "per_page": 50, "total": 3, "total_pages": 1}),
        );
        let second = get("?per_page=2&page=2&sort=name").await.ok();
        assert_eq!(names(&second), ["gamma"]);
        assert_eq!(
            second.body["pagination"],
            json!({"page": 2, "per_page": 2, "total": 3, "total_pages": 2}),
        );
        assert_eq!(names(&get("?page=900").await.ok()), [""; 0]);
        assert_eq!(names(&get("?sort=-name&name=A").await.ok()), ["gamma", "beta", "alpha"]);
        assert_eq!(names(&get("?name=ALP").await.ok()), ["alpha"]);
        assert_eq!(names(&get("?name=%25").await.ok()), [""; 0]);
        assert_eq!(names(&get("?runtime_state=running,paused&name=beta").await.ok()), ["beta"]);
        assert_eq!(names(&get("?status=inactive").await.ok()), [""; 0]);
        let wrong = get("?page=0&per_page=101&sort=colour&colour=red&page=1").await;
        let wrong = wrong.is(400, "VALIDATION_ERROR");
        assert_eq!(wrong.field("page"), "must be at least 1");
        assert_eq!(wrong.field("per_page"), "must be 1 to 100");
        assert!(wrong.field("colour").starts_with("unknown parameter"));
        let wrong = get("?sort=budget_x").await.is(400, "VALIDATION_ERROR");
        assert!(wrong.field("sort").contains("`name`, `budget`, `spent`, `created_at`"), "{}", wrong.text);
        let wrong = get("?runtime_state=flying").await.is(400, "VALIDATION_ERROR");
        assert!(wrong.field("runtime_state").contains("`running`"));
        get("?per_page=abc").await.is(400, "VALIDATION_ERROR");
        let me = world.call(Method::GET, "/api/v1/users/me?x=1").by(&admin).send().await;
        let me = me.is(400, "VALIDATION_ERROR");
        assert_eq!(me.field("x"), "unknown parameter; this route takes none");
    }
}

both_engines! {
    async fn a_change_can_insist_on_what_it_has_read(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let made = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let path = made.head("location").to_owned();
        let tag = world.call(Method::GET, &path).by(&admin).send().await.head("etag").to_owned();
        world.pass(1);
        let patch = async |tag: Option<&str>, name: &str| {
            let call = world.call(Method::PATCH, &path).by(&admin).json(&json!({"name": name}));
            match tag {
                Some(tag) => call.header("if-match", tag).send().await,
                None => call.send().await,
            }
        };
        let changed = patch(Some(&tag), "b").await.ok();
        assert_ne!(changed.head("etag"), tag);
        patch(Some(&tag), "c").await.is(409, "CONCURRENT_MODIFICATION");
        // A change of the budget alone is a change of what was read too.
        let raised = world.call(Method::PATCH, &path).by(&admin).json(&json!({"budget": 2}));
        let raised = raised.header("if-match", changed.head("etag")).send().await.ok();
        assert_ne!(raised.head("etag"), changed.head("etag"));
        patch(Some(changed.head("etag")), "c").await.is(409, "CONCURRENT_MODIFICATION");
        patch(Some("*"), "c").await.ok();
        patch(None, "d").await.ok();
        let stale = world.call(Method::DELETE, &path).by(&admin).header("if-match", &tag);
        stale.send().await.is(409, "CONCURRENT_MODIFICATION");
        let still = world.call(Method::GET, &path).by(&admin).send().await.ok();
        assert_eq!(still.text_of("name"), "d");
    }
}

both_engines! {
    async fn a_change_tells_leaving_out_from_clearing(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "a", "budget": 1, "description": "what", "settings": {"x": 1}});
        let path = world.create(&admin, "/api/v1/agents", body).await.head("location").to_owned();
        let patch = async |body| world.call(Method::PATCH, &path).by(&admin).json(&body).send().await;
        let kept = patch(json!({"name": "b", "settings": {"y": 2}})).await.ok();
        assert_eq!(kept.text_of("description"), "what");
        assert_eq!(kept.body["settings"], json!({"x": 1, "y": 2}));
        let cleared = patch(json!({"description": null, "settings": {"x": null}})).await.ok();
        assert!(cleared.body.get("description").is_none());
        assert_eq!(cleared.body["settings"], json!({"y": 2}));
        let refused = patch(json!({"name": null})).await.is(400, "VALIDATION_ERROR");
        assert_eq!(refused.field("name"), "expected a string");
        let nothing = patch(json!({})).await.is(400, "VALIDATION_ERROR");
        assert!(nothing.field("body").starts_with("nothing to change"));
    }
}

both_engines! {
    async fn what_belongs_to_another_tenant_does_not_exist(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let agent = world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let body = json!({"name": "Other", "slug": "other", "admin_email": "boss@other.example"});
        let tenant = world.create(&admin, "/api/v1/tenants", body).await;
        let boss = tenant.body["admin"]["id"].as_str().unwrap();
        let path = format!("/api/v1/users/{boss}");
        world.call(Method::GET, path).by(&admin).send().await.is(404, "RESOURCE_NOT_FOUND");
        let developer = world.user(Role::Developer, "dev").await;
        let path = agent.head("location");
        let foreign = world.call(Method::GET, path).by(&developer).send().await;
        foreign.is(403, "INSUFFICIENT_PERMISSIONS");
    }
}

both_engines! {
    async fn health_version_and_metrics_answer_everyone(db: Db) {
        let world = World::new(db).await;
        for path in ["/api/health", "/api/v1/health", "/api/health/ready"] {
            let reply = world.call(Method::GET, path).send().await.ok();
            assert_eq!(reply.text_of("status"), "healthy");
            assert_eq!(reply.body["services"]["database"], "up");
            assert!(!reply.headers.contains_key("x-ratelimit-limit"));
        }
        let version = world.call(Method::GET, "/api/version").send().await.ok();
        assert_eq!(version.text_of("current_version"), "v1");
        assert_eq!(version.body["build"]["commit"], "test");
        world.metrics.http.panics.inc();
        let metrics = world.call(Method::GET, "/metrics").send().await;
        assert!(metrics.text.contains("iron_http_panics_total 1"));
        let docs = world.call(Method::GET, "/api/v1/docs").send().await;
        assert!(docs.text.contains("<title>") && !docs.text.contains("//cdn"));
    }
}
