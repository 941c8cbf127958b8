//! The OWASP API Security Top 10 of 2023, by its numbers: who gets at what. Each test attacks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use iron_identity::Role;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::authorisation::{Operation, case, filled, operations};
use crate::kit::{ADMIN, PASSWORD, Reply, User, World};

/// Another tenant with something of everything, and its admin.
async fn other_tenant(world: &World, admin: &User) -> User {
    let body = json!({"name": "Bravo", "slug": "bravo", "admin_email": "b@example.com"});
    let tenant = world.create(admin, "/api/v1/tenants", body).await;
    world.live_in(&tenant, "bravo").await
}

async fn first(world: &World, user: &User, list: &str) -> String {
    let reply = world.call(Method::GET, list).by(user).send().await.ok();
    let id = reply.body["data"][0]["id"].as_str();
    id.unwrap_or_else(|| panic!("{list}: {}", reply.text))
        .to_owned()
}

/// The path with the ids of what the other tenant has.
async fn of_the_other(world: &World, owner: &User, path: &str) -> String {
    let mut path = path.to_owned();
    for (name, list) in [
        ("{agent_id}", "/api/v1/agents"),
        ("{provider_id}", "/api/v1/providers"),
        ("{token_id}", "/api/v1/tokens"),
        ("{api_token_id}", "/api/v1/api-tokens"),
        ("{project_id}", "/api/v1/projects"),
        ("{team_id}", "/api/v1/teams"),
        ("{session_id}", "/api/v1/auth/sessions"),
        ("{budget_request_id}", "/api/v1/budget-requests"),
        ("{pool_id}", "/api/v1/budget-pools"),
        ("{access_request_id}", "/api/v1/access-requests"),
        ("{channel_id}", "/api/v1/notification-channels"),
        ("{profile_id}", "/api/v1/guardrail-profiles"),
    ] {
        if path.contains(name) {
            path = path.replace(name, &first(world, owner, list).await);
        }
    }
    path.replace("{user_id}", &owner.id.to_string())
}

both_engines! {
    async fn api1_no_id_of_another_tenant_opens_anything(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let owner = other_tenant(&world, &admin).await;
        // An admin as mighty as the owner, but of the first tenant.
        let intruder = world.user(Role::Admin, "intruder").await;
        let with_ids = operations().into_iter().filter(Operation::for_people);
        let mut attacked = 0;
        for operation in with_ids.filter(|operation| operation.path.contains("_id}")) {
            let path = of_the_other(&world, &owner, &operation.path).await;
            let path = filled(&world, &path, owner.id);
            let call = world.call(operation.method.clone(), path.clone()).by(&intruder);
            let call = match case(&operation.name).1 {
                "" => call,
                body => call.raw("application/json", body),
            };
            let reply = call.send().await;
            let status = reply.status.as_u16();
            let context = format!("{} {path}: {}", operation.name, reply.text);
            assert!(matches!(status, 400 | 403 | 404), "{context}");
            for told in ["Bravo", "b@example.com", "hooks.slack.com", "gpt-4o-mini"] {
                assert!(!reply.text.contains(told), "{context}");
            }
            attacked += 1;
        }
        assert!(attacked > 60, "{attacked}");
        // And nothing has happened to the owner's things.
        for list in ["agents", "providers", "teams", "budget-pools", "notification-channels", "guardrail-profiles"] {
            first(&world, &owner, &format!("/api/v1/{list}")).await;
        }
    }

    async fn api1_ids_of_another_tenant_in_a_body_are_no_ids(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let owner = other_tenant(&world, &admin).await;
        let agent = first(&world, &owner, "/api/v1/agents").await;
        let provider = first(&world, &owner, "/api/v1/providers").await;
        let project = first(&world, &owner, "/api/v1/projects").await;
        let team = first(&world, &owner, "/api/v1/teams").await;
        let profile = first(&world, &owner, "/api/v1/guardrail-profiles").await;
        for (path, body) in [
            ("tokens", json!({"agent_id": agent})),
            ("agents", json!({"name": "x", "budget": 1, "providers": [provider]})),
            ("agents", json!({"name": "x", "budget": 1, "project_id": project})),
            ("agents", json!({"name": "x", "budget": 1, "team_id": team})),
            ("agents", json!({"name": "x", "budget": 1, "settings": {"guardrail_profile_id": profile}})),
            ("teams", json!({"name": "x", "budget": 1, "policy": {"guardrail_profile_id": profile}})),
            ("guardrails/check", json!({"direction": "input", "text": "t", "profile_id": profile})),
            ("budget-pools", json!({"name": "x", "budget": 1, "members": [{"agent_id": agent, "priority": "low"}]})),
            ("budget-requests", json!({"agent_id": agent, "requested_budget": 9, "justification": "give me what is theirs"})),
            ("access-requests", json!({"team_id": team, "use_case": "u", "monthly_budget": 1})),
        ] {
            let call = world.call(Method::POST, format!("/api/v1/{path}")).by(&admin).json(&body);
            let reply = call.send().await;
            assert!(matches!(reply.status.as_u16(), 400 | 404), "{path} {body}: {}", reply.text);
        }
    }

    async fn api2_forged_and_worn_out_credentials_open_nothing(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let ask = async |token: &str| {
            let user = User { id: admin.id, token: token.to_owned() };
            world.call(Method::GET, "/api/v1/users/me").by(&user).send().await
        };
        let parts: Vec<&str> = admin.token.split('.').collect();
        let [head, claims, signature] = parts.as_slice() else { panic!("not a JWT") };
        let decoded = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let mut grown: Value = serde_json::from_slice(&decoded).unwrap();
        grown["exp"] = json!(4_000_000_000_u64);
        let grown = URL_SAFE_NO_PAD.encode(grown.to_string());
        let headed = |head: Value| URL_SAFE_NO_PAD.encode(head.to_string());
        let mut forged = vec![
            format!("{head}.{grown}.{signature}"),
            format!("{head}.{claims}."),
            format!("{head}.{claims}"),
            format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 32])),
        ];
        for head in [
            json!({"alg": "none", "typ": "JWT"}),
            json!({"alg": "None"}),
            json!({"alg": "HS256", "kid": "../../../../dev/null"}),
            json!({"alg": "HS256", "jku": "https://evil.example/keys"}),
            json!({"alg": "RS256", "jwk": {"kty": "oct", "k": "AA"}}),
        ] {
            forged.push(format!("{}.{claims}.", headed(head.clone())));
            forged.push(format!("{}.{claims}.{signature}", headed(head)));
        }
        for token in &forged {
            ask(token).await.is(401, "INVALID_TOKEN");
        }
        ask(&admin.token).await.ok();
        world.pass(3601);
        ask(&admin.token).await.is(401, "TOKEN_EXPIRED");
        // Guessing passwords ends with the account locked, also for the right one.
        let login = async |password: &str| {
            let body = json!({"email": ADMIN, "password": password});
            world.call(Method::POST, "/api/v1/auth/login").json(&body).send().await
        };
        let mut guesses = 0;
        while login(&format!("guess {guesses}")).await.status == 401 {
            guesses += 1;
            world.pass(61);
            assert!(guesses < 20, "nobody stops guessing");
        }
        let right = login(PASSWORD).await.status.as_u16();
        assert!(matches!(right, 403 | 429), "{right}");
    }

    async fn api3_no_body_sets_what_only_the_server_sets(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let document = iron_api::document();
        let mut attacked = 0;
        for operation in operations().into_iter().filter(Operation::for_people) {
            let method = operation.method.as_str().to_lowercase();
            let body = &document["paths"][&operation.path][&method]["requestBody"];
            // Those for runtimes take their keys, of whom nobody here has one.
            if body.is_null() || case(&operation.name).0.is_empty() {
                continue;
            }
            let path = filled(&world, &operation.path, admin.id);
            for (field, value) in [
                ("platform_admin", json!(true)),
                ("tenant_id", json!(world.made.tenant.id)),
                ("created_by", json!(admin.id)),
                ("spent_micros", json!(0)),
                ("__proto__", json!({"role": "admin"})),
            ] {
                let mut body: Value = serde_json::from_str(case(&operation.name).1).unwrap();
                body[field] = value;
                let call = world.call(operation.method.clone(), path.clone()).by(&admin);
                let reply = call.json(&body).send().await.is(400, "VALIDATION_ERROR");
                reply.field(field);
            }
            attacked += 1;
        }
        assert!(attacked > 50, "{attacked}");
    }

    async fn api3_answers_hold_nothing_that_is_secret(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let owner = other_tenant(&world, &admin).await;
        fn secrets(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Array(items) => items.iter().for_each(|item| secrets(item, found)),
                Value::Object(fields) => for (name, value) in fields {
                    let secret = ["password", "password_hash", "api_key", "secret", "signing_secret", "sealed", "digest", "token"];
                    let shown = value.as_str().is_some_and(|text| !text.contains("***"));
                    if shown && secret.contains(&name.as_str()) {
                        found.push(format!("{name}: {value}"));
                    }
                    secrets(value, found);
                },
                _ => {}
            }
        }
        for operation in operations().iter().filter(|operation| operation.for_people()) {
            if operation.method != Method::GET {
                continue;
            }
            let path = of_the_other(&world, &owner, &operation.path).await;
            let reply = world.call(Method::GET, filled(&world, &path, owner.id)).by(&owner).send().await;
            let mut found = Vec::new();
            secrets(&reply.body, &mut found);
            assert!(found.is_empty(), "{path}: {found:?}");
            assert!(!reply.text.contains("sk-test-0123456789"), "{path}");
        }
    }

    async fn api5_no_trick_of_paths_or_headers_lends_a_role(db: Db) {
        let world = World::new(db).await;
        let viewer = world.user(Role::Viewer, "viewer").await;
        let id = world.made.admin.id;
        for path in [
            "/api/v1/users", "/api/v1/users/", "//api/v1/users", "/api/v1//users", "/api/v1/Users",
            "/api/v1/./users", "/api/v1/x/../users", "/api/v1/%75sers", "/api/v1/users;x=1",
            "/api/v1/users.json", "/api/v1/users%00", "/API/V1/users", "/api/v1/users%2f",
        ] {
            for name in ["x-forwarded-for", "x-original-url", "x-user-role", "x-rewrite-url"] {
                let value = if name.ends_with("url") { "/api/v1/users/me" } else { "admin" };
                let reply = world.call(Method::GET, path).by(&viewer).header(name, value).send().await;
                assert!(matches!(reply.status.as_u16(), 403 | 404), "{path} {name}: {}", reply.text);
            }
        }
        let path = format!("/api/v1/users/{id}");
        for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
            let call = world.call(Method::POST, path.clone()).by(&viewer).header(name, "DELETE");
            call.send().await.is(405, "METHOD_NOT_ALLOWED");
        }
        let call = world.call(Method::POST, format!("{path}?_method=DELETE")).by(&viewer);
        call.send().await.is(405, "METHOD_NOT_ALLOWED");
        let raise = json!({"role": "admin"});
        let own = format!("/api/v1/users/{}/role", viewer.id);
        let call = world.call(Method::PUT, own).by(&viewer).json(&raise).send().await;
        call.is(403, "INSUFFICIENT_PERMISSIONS");
    }

    async fn api6_nobody_raises_his_own_budget(db: Db) {
        let world = World::new(db).await;
        let developer = world.user(Role::Developer, "dev").await;
        let agent = world.create(&developer, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let id = agent.text_of("id").to_owned();
        let refused = |reply: Reply| reply.is(403, "INSUFFICIENT_PERMISSIONS");
        let by = |method: Method, path: String| world.call(method, path).by(&developer);
        let more = json!({"budget": 999});
        refused(by(Method::PATCH, format!("/api/v1/agents/{id}")).json(&more).send().await);
        refused(by(Method::PUT, format!("/api/v1/limits/agents/{id}/budget")).json(&more).send().await);
        refused(by(Method::PUT, format!("/api/v1/limits/users/{}/budget", developer.id)).json(&more).send().await);
        let ask = json!({"agent_id": id, "requested_budget": 99, "justification": "twenty characters or more"});
        let request = world.create(&developer, "/api/v1/budget-requests", ask).await;
        let request = request.text_of("id").to_owned();
        let approve = format!("/api/v1/budget-requests/{request}/approve");
        refused(by(Method::PUT, approve.clone()).json(&json!({})).send().await);
        let rich = json!({"name": "rich", "budget": 999_999});
        let call = by(Method::POST, "/api/v1/agents".to_owned()).json(&rich).send().await;
        assert!(matches!(call.status.as_u16(), 400 | 403), "{}", call.text);
        // Two admins at the same moment raise it once.
        let admin = world.admin().await;
        let decide = || world.call(Method::PUT, approve.clone()).by(&admin).json(&json!({})).send();
        let (one, two) = tokio::join!(decide(), decide());
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    }
}
