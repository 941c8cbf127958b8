//! Signing in, sessions, cookies, users and tenants.

use http::Method;
use iron_identity::Role;
use iron_primitives::{Period, Scope, TenantId};
use iron_runtime::authority::Change;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{ADMIN, PASSWORD, User, World};

both_engines! {
    async fn a_session_lives_is_refreshed_and_ends(db: Db) {
        let world = World::new(db).await;
        let body = json!({"email": ADMIN, "password": PASSWORD});
        let login = world.call(Method::POST, "/api/v1/auth/login").json(&body).send().await.ok();
        assert_eq!(login.text_of("token_type"), "Bearer");
        assert_eq!(login.body["expires_in"], 3600);
        assert_eq!(login.body["user"]["role"], "admin");
        let admin = User { id: world.made.admin.id, token: login.text_of("access_token").to_owned() };
        let session = world.call(Method::GET, "/api/v1/auth/session").by(&admin).send().await.ok();
        assert_eq!(session.text_of("id"), login.text_of("session_id"));
        assert!(session.body["permissions"].as_array().unwrap().contains(&json!("agent.create")));
        let refresh = async |token: &str| {
            let body = json!({"refresh_token": token});
            world.call(Method::POST, "/api/v1/auth/refresh").json(&body).send().await
        };
        let first = login.text_of("refresh_token");
        let second = refresh(first).await.ok();
        assert_ne!(second.text_of("refresh_token"), first);
        let admin = User { id: admin.id, token: second.text_of("access_token").to_owned() };
        world.call(Method::GET, "/api/v1/users/me").by(&admin).send().await.ok();
        // A spent refresh token is a sign of theft: the session is gone for everybody.
        refresh(first).await.is(401, "TOKEN_REVOKED");
        world.call(Method::GET, "/api/v1/users/me").by(&admin).send().await.is(401, "TOKEN_REVOKED");
    }
}

both_engines! {
    async fn a_refused_login_tells_nothing(db: Db) {
        let world = World::new(db).await;
        let login = async |email: &str, password: &str| {
            let body = json!({"email": email, "password": password});
            world.call(Method::POST, "/api/v1/auth/login").json(&body).send().await
        };
        let wrong = login(ADMIN, "wrong password").await.is(401, "INVALID_CREDENTIALS");
        let unknown = login("nobody@example.com", "x").await.is(401, "INVALID_CREDENTIALS");
        assert_eq!(wrong.body, unknown.body);
        assert!(world.metrics.render().contains("iron_failed_logins_total 2"));
    }
}

both_engines! {
    async fn a_cookie_session_writes_with_its_csrf_token_only(db: Db) {
        let world = World::new(db).await;
        let body = json!({"email": ADMIN, "password": PASSWORD, "cookie": true});
        let login = world.call(Method::POST, "/api/v1/auth/login").json(&body).send().await.ok();
        assert!(login.body.get("access_token").is_none() && login.body.get("refresh_token").is_none());
        let cookies: Vec<&str> = login
            .headers
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        let [access, refresh] = cookies.as_slice() else { panic!("{cookies:?}") };
        assert!(access.starts_with("iron_access=") && access.contains("Path=/;"));
        assert!(refresh.starts_with("iron_refresh=") && refresh.contains("Path=/api/v1/auth;"));
        for cookie in [access, refresh] {
            assert!(cookie.contains("; HttpOnly; Secure; SameSite=Strict"), "{cookie}");
        }
        let access = access.split(';').next().unwrap();
        let refresh = refresh.split(';').next().unwrap();
        let csrf = login.text_of("csrf_token");
        let call = |method, path: &str| world.call(method, path).header("cookie", access);
        call(Method::GET, "/api/v1/users/me").send().await.ok();
        let name = json!({"name": "Root"});
        call(Method::PATCH, "/api/v1/users/me").json(&name).send().await.is(403, "CSRF_FAILED");
        let forged = call(Method::PATCH, "/api/v1/users/me").header("x-csrf-token", "x");
        forged.json(&name).send().await.is(403, "CSRF_FAILED");
        let honest = call(Method::PATCH, "/api/v1/users/me").header("x-csrf-token", csrf);
        honest.json(&name).send().await.ok();
        let again = world.call(Method::POST, "/api/v1/auth/refresh").header("cookie", refresh);
        let again = again.send().await.ok();
        assert_eq!(again.headers.get_all("set-cookie").iter().count(), 2);
    }
}

both_engines! {
    async fn tokens_are_told_apart_when_they_are_validated(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "a", "budget": 1, "create_ic_token": true});
        let agent = world.create(&admin, "/api/v1/agents", body).await;
        let ic = agent.body["ic_token"]["token"].as_str().unwrap();
        let made = world.create(&admin, "/api/v1/api-tokens", json!({"name": "cli"})).await;
        let validate = async |token: &str| {
            let call = world.call(Method::POST, "/api/v1/auth/validate");
            call.header("authorization", &format!("Bearer {token}")).send().await.ok().body
        };
        let access = validate(&admin.token).await;
        assert_eq!((&access["valid"], &access["token_kind"]), (&json!(true), &json!("access")));
        let api = validate(made.text_of("token")).await;
        assert_eq!((&api["valid"], &api["token_kind"]), (&json!(true), &json!("api")));
        assert_eq!(api["user"]["id"], json!(admin.id.to_string()));
        let agents = validate(ic).await;
        assert_eq!((&agents["valid"], &agents["token_kind"]), (&json!(true), &json!("ic")));
        let unknown = validate("nonsense").await;
        assert_eq!(unknown["reason"], "invalid_token");
        assert_eq!((&unknown["valid"], &unknown["token_kind"]), (&json!(false), &json!("unknown")));
        world.call(Method::POST, "/api/v1/auth/validate").send().await.is(401, "UNAUTHORIZED");
    }
}

both_engines! {
    async fn an_api_token_acts_as_its_owner_but_mints_no_other(db: Db) {
        let world = World::new(db).await;
        let viewer = world.user(Role::Viewer, "viewer").await;
        let made = world.create(&viewer, "/api/v1/api-tokens", json!({"name": "cli"})).await;
        assert_eq!(made.body["expires_at"], Value::Null);
        assert_eq!(made.body["last_used_at"], Value::Null);
        let token = User { id: viewer.id, token: made.text_of("token").to_owned() };
        world.call(Method::GET, "/api/v1/agents").by(&token).send().await.ok();
        let call = world.call(Method::POST, "/api/v1/api-tokens").by(&token);
        call.json(&json!({"name": "x"})).send().await.is(403, "INSUFFICIENT_PERMISSIONS");
        let path = made.head("location").to_owned();
        let one = world.call(Method::GET, &path).by(&viewer).send().await.ok();
        assert_eq!(one.text_of("token_prefix").len(), 8);
        assert!(one.body["usage"]["total_requests"].as_u64().unwrap() >= 1);
        let first = world.call(Method::DELETE, &path).by(&viewer).send().await.ok();
        let second = world.call(Method::DELETE, &path).by(&viewer).send().await.ok();
        assert_eq!(first.body, second.body);
        world.call(Method::GET, "/api/v1/agents").by(&token).send().await.is(401, "TOKEN_REVOKED");
        let mine = world.call(Method::GET, "/api/v1/api-tokens/me").by(&viewer).send().await.ok();
        assert_eq!(mine.body["pagination"]["total"], 0);
    }
}

both_engines! {
    async fn a_password_that_was_set_for_somebody_must_be_changed_first(db: Db) {
        let world = World::new(db).await;
        let (admin, viewer) = (world.admin().await, world.user(Role::Viewer, "viewer").await);
        let reset = format!("/api/v1/users/{}/reset-password", viewer.id);
        let body = json!({"new_password": "set by the admin"});
        world.call(Method::POST, reset).by(&admin).json(&body).send().await.ok();
        world.call(Method::GET, "/api/v1/users/me").by(&viewer).send().await.is(401, "TOKEN_REVOKED");
        let body = json!({"email": "viewer@example.com", "password": "set by the admin"});
        let login = world.call(Method::POST, "/api/v1/auth/login").json(&body).send().await.ok();
        assert_eq!(login.body["user"]["must_change_password"], true);
        let viewer = User { id: viewer.id, token: login.text_of("access_token").to_owned() };
        world.call(Method::GET, "/api/v1/agents").by(&viewer).send().await
            .is(403, "PASSWORD_CHANGE_REQUIRED");
        let body = json!({"current_password": "set by the admin", "new_password": "my own choice"});
        world.call(Method::POST, "/api/v1/auth/password").by(&viewer).json(&body).send().await.ok();
        world.call(Method::GET, "/api/v1/agents").by(&viewer).send().await.ok();
    }
}

both_engines! {
    async fn a_suspended_user_is_out_at_once_and_nobody_suspends_himself(db: Db) {
        let world = World::new(db).await;
        let (admin, viewer) = (world.admin().await, world.user(Role::Viewer, "viewer").await);
        let path = format!("/api/v1/users/{}", viewer.id);
        let reason = json!({"reason": "left the company"});
        let suspend = world.call(Method::PUT, format!("{path}/suspend")).by(&admin);
        let suspended = suspend.json(&reason).send().await.ok();
        assert_eq!(suspended.text_of("status"), "suspended");
        let me = world.call(Method::GET, "/api/v1/users/me").by(&viewer).send().await;
        assert!(matches!(me.status.as_u16(), 401 | 403), "{}", me.text);
        world.call(Method::PUT, format!("{path}/activate")).by(&admin).send().await.ok();
        let own = format!("/api/v1/users/{}", admin.id);
        let suspend = world.call(Method::PUT, format!("{own}/suspend")).by(&admin);
        suspend.json(&reason).send().await.is(403, "SELF_MODIFICATION_FORBIDDEN");
        let role = world.call(Method::PUT, format!("{own}/role")).by(&admin);
        role.json(&json!({"role": "viewer"})).send().await.is(403, "SELF_MODIFICATION_FORBIDDEN");
        world.call(Method::DELETE, own).by(&admin).send().await.is(403, "SELF_MODIFICATION_FORBIDDEN");
    }
}

both_engines! {
    async fn the_agents_of_a_deleted_user_go_to_somebody_else(db: Db) {
        let world = World::new(db).await;
        let (admin, developer) = (world.admin().await, world.user(Role::Developer, "dev").await);
        let body = json!({"name": "a", "budget": 1});
        let agent = world.create(&developer, "/api/v1/agents", body).await;
        world.told();
        let path = format!("/api/v1/users/{}", developer.id);
        let gone = world.call(Method::DELETE, path).by(&admin).send().await.ok();
        assert_eq!(gone.body["agents_reassigned"], json!([agent.text_of("id")]));
        assert_eq!(world.told(), [Change::Agent(agent.id("id"))]);
        let kept = world.call(Method::GET, agent.head("location")).by(&admin).send().await.ok();
        assert_eq!(kept.text_of("owner_id"), admin.id.to_string());
        assert_eq!(kept.body["tags"], json!(["orphaned"]));
    }
}

both_engines! {
    async fn a_tenant_is_made_suspended_and_brought_back(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "Acme", "slug": "acme", "admin_email": "boss@acme.example", "plan": "pro"});
        let made = world.create(&admin, "/api/v1/tenants", body.clone()).await;
        assert_eq!((made.text_of("plan"), made.text_of("status")), ("pro", "active"));
        assert_eq!(made.body["admin"]["status"], "invited");
        let path = made.head("location").to_owned();
        let again = world.call(Method::POST, "/api/v1/tenants").by(&admin).json(&body).send().await;
        again.is(409, "DUPLICATE_NAME");
        world.told();
        let suspend = world.call(Method::PUT, format!("{path}/suspend")).by(&admin);
        let reply = suspend.json(&json!({"reason": "unpaid"})).send().await.ok();
        assert_eq!(reply.text_of("status"), "suspended");
        assert_eq!(world.told(), [Change::Tenant(made.id("id"))]);
        world.call(Method::PUT, format!("{path}/activate")).by(&admin).send().await.ok();
        let all = world.call(Method::GET, "/api/v1/tenants?sort=slug").by(&admin).send().await.ok();
        assert_eq!(all.body["pagination"]["total"], 2);
        let slug = json!({"name": "x", "slug": "Bad Slug", "admin_email": "a@b.example"});
        let refused = world.call(Method::POST, "/api/v1/tenants").by(&admin).json(&slug).send().await;
        assert!(refused.is(400, "VALIDATION_ERROR").field("slug").contains("must match"));
    }
}

both_engines! {
    async fn whoever_manages_tenants_sets_what_they_may_spend_in_a_month(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({
            "name": "t", "slug": "tee", "admin_email": "a@b.example",
            "quotas": {"monthly_budget": 500.50},
        });
        let made = world.create(&admin, "/api/v1/tenants", body).await;
        let (path, tenant) = (made.head("location").to_owned(), made.id::<TenantId>("id"));
        assert_eq!(made.body["quotas"]["monthly_budget"], 500.5);
        let usage = json!({"spent": 0.0, "spent_micros": 0, "agents": 0, "users": 1, "projects": 1});
        assert_eq!(made.body["usage"], usage);
        let change = async |quotas: serde_json::Value| {
            let call = world.call(Method::PATCH, &path).by(&admin);
            call.json(&json!({"quotas": quotas})).send().await
        };
        world.told();
        let lower = change(json!({"monthly_budget": 20})).await.ok();
        assert_eq!(lower.body["quotas"]["monthly_budget_micros"], 20_000_000);
        assert_ne!(lower.head("etag"), "");
        assert!(world.told().contains(&Change::Budget(Scope::Tenant(tenant))));
        let status = world.limits().status(tenant, Scope::Tenant(tenant)).await.unwrap();
        assert_eq!((status.limit, status.period), ("20".parse().ok(), Period::Monthly));
        for wrong in [json!({"monthly_budget": 0}), json!({"monthly_budget": 1e7}), json!({})] {
            change(wrong).await.is(400, "VALIDATION_ERROR");
        }
        let named = world.call(Method::PATCH, &path).by(&admin).json(&json!({"name": "u"}));
        assert_eq!(named.send().await.ok().body["quotas"]["monthly_budget"], 20.0, "it stays");
        let lifted = change(json!({"monthly_budget": null})).await.ok();
        assert_eq!(lifted.body["quotas"]["monthly_budget"], json!(null));
        let all = world.call(Method::GET, "/api/v1/tenants?sort=slug").by(&admin).send().await.ok();
        assert_eq!(all.body["data"][1]["quotas"], lifted.body["quotas"]);
    }
}

both_engines! {
    async fn only_a_suspended_tenant_is_marked_for_deletion(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "t", "slug": "tee", "admin_email": "a@b.example"});
        let tenant = world.create(&admin, "/api/v1/tenants", body).await;
        let path = format!("/api/v1/tenants/{}", tenant.text_of("id"));
        let send = async |method: Method, tail: &str, body: serde_json::Value| {
            let call = world.call(method, format!("{path}{tail}")).by(&admin);
            if body.is_null() { call.send().await } else { call.json(&body).send().await }
        };
        let active = send(Method::DELETE, "", json!(null)).await.is(409, "INVALID_STATE");
        assert_eq!(active.body["error"]["details"]["status"], "active");
        send(Method::PUT, "/suspend", json!({"reason": "unpaid"})).await.ok();
        let marked = send(Method::DELETE, "", json!(null)).await.ok();
        let at = marked.text_of("deletion_at").to_owned();
        world.pass(3_600);
        let admin = world.admin().await;
        let again = world.call(Method::DELETE, &path).by(&admin).send().await.ok();
        assert_eq!(again.text_of("deletion_at"), at, "the first date holds");
        let back = world.call(Method::PUT, format!("{path}/activate")).by(&admin).send().await.ok();
        assert_eq!((back.text_of("status"), back.body.get("deletion_at")), ("active", None));
    }
}

both_engines! {
    async fn a_tenant_is_removed_when_its_day_has_come_and_not_before(db: Db) {
        let mut world = World::new(db).await;
        let root = world.admin().await;
        let tenant = json!({"name": "t", "slug": "tee", "admin_email": "boss@tee.example"});
        let tenant = world.create(&root, "/api/v1/tenants", tenant).await;
        let id: TenantId = tenant.id("id");
        let path = format!("/api/v1/tenants/{id}");
        // Something of everything that a tenant can have.
        world.live_in(&tenant, "tee").await;
        world.settle().await;
        let before = world.rows_of(id).await;
        for table in ["agents", "agent_providers", "providers", "price_overrides", "budgets",
            "budget_requests",
            "users", "projects", "tenants", "audit_entries", "vault_data_keys", "vault_subject_keys"]
        {
            assert!(before.get(table).is_some_and(|rows| *rows > 0), "{table}: {before:?}");
        }

        let suspend = world.call(Method::PUT, format!("{path}/suspend")).by(&root);
        suspend.json(&json!({"reason": "unpaid"})).send().await.ok();
        world.call(Method::DELETE, &path).by(&root).send().await.ok();
        world.pass(29 * 24 * 3_600);
        assert!(world.remove_due_tenants().await.is_empty(), "not before its day");
        // Whoever changes his mind in time keeps it.
        let root = world.admin().await;
        world.call(Method::PUT, format!("{path}/activate")).by(&root).send().await.ok();
        world.pass(2 * 24 * 3_600);
        assert!(world.remove_due_tenants().await.is_empty());

        let root = world.admin().await;
        let suspend = world.call(Method::PUT, format!("{path}/suspend")).by(&root);
        suspend.json(&json!({"reason": "unpaid"})).send().await.ok();
        world.call(Method::DELETE, &path).by(&root).send().await.ok();
        world.pass(30 * 24 * 3_600 + 1);
        world.told();
        let platform = world.rows_of(world.made.tenant.id).await;
        assert_eq!(world.remove_due_tenants().await, [id]);
        assert_eq!(world.told(), [Change::Tenant(id)]);
        assert!(world.remove_due_tenants().await.is_empty(), "once");
        let left = world.rows_of(id).await;
        assert_eq!(left.into_keys().collect::<Vec<_>>(), ["vault_subject_keys"], "the proof of erasure");
        assert_eq!(world.rows_of(world.made.tenant.id).await["users"], platform["users"]);

        let root = world.admin().await;
        world.call(Method::GET, &path).by(&root).send().await.is(404, "RESOURCE_NOT_FOUND");
        world.settle().await;
        let told = "/api/v1/audit-logs?action=tenant.remove";
        let told = world.call(Method::GET, told).by(&root).send().await.ok();
        let entry = &told.body["data"][0];
        assert_eq!(entry["resource_id"], json!(id));
        assert_eq!(entry["parameters"]["slug"], "tee");
        assert!(entry["parameters"]["rows"].as_u64().unwrap() > 10, "{entry}");
        let range = world.call(Method::POST, "/api/v1/audit-logs/verify").by(&root);
        let verified = range.json(&json!({})).send().await.ok();
        assert_eq!(verified.body["valid"], true, "{:?}", verified.body);
        // The name is free again.
        let again = json!({"name": "t", "slug": "tee", "admin_email": "boss@tee.example"});
        world.create(&root, "/api/v1/tenants", again).await;
    }
}
