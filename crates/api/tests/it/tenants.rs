//! What a tenant may have, and what it has to pay for.

use http::{Method, StatusCode};
use iron_identity::Role;
use iron_primitives::{AgentId, IcTokenId, RequestId, TenantId};
use iron_store::{Db, both_engines, sql};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

async fn set_quotas(world: &World, admin: &User, quotas: Value) {
    sql("UPDATE tenants SET max_agents = $2, max_users = $3, max_projects = $4 WHERE id = $1")
        .bind(world.made.tenant.id)
        .bind(quotas["max_agents"].as_i64())
        .bind(quotas["max_users"].as_i64())
        .bind(quotas["max_projects"].as_i64())
        .execute(&world.db)
        .await
        .unwrap();
    let own = format!("/api/v1/tenants/{}", world.made.tenant.id);
    let shown = world.call(Method::GET, own).by(admin).send().await.ok();
    assert_eq!(shown.body["quotas"]["max_agents"], quotas["max_agents"]);
}

async fn post(world: &World, user: &User, path: &str, body: Value) -> Reply {
    world
        .call(Method::POST, path)
        .by(user)
        .json(&body)
        .send()
        .await
}

fn names_quota(reply: Reply, quota: &str, limit: u64) {
    let reply = reply.is(429, "QUOTA_EXCEEDED");
    let details = &reply.body["error"]["details"];
    assert_eq!(
        (&details["quota"], &details["limit"]),
        (&json!(quota), &json!(limit))
    );
}

/// One call of an agent, as the records tell of it.
async fn call(world: &World, (tenant, agent): (TenantId, AgentId), model: &str, cost: i64) {
    let now = world.state.environment.now();
    sql(
        "INSERT INTO call_records (tenant_id, call_id, agent_id, token_id, model, outcome, \
         status_code, started_at, ended_at, cost_nanos, input_tokens, output_tokens, instance_id, \
         incarnation, sequence, hash, body) \
         VALUES ($1, $2, $3, $4, $5, 'success', 200, $6, $6, $7, 10, 2, 'i', 1, 1, 'h', '{}')",
    )
    .bind(tenant)
    .bind(world.new_id::<RequestId>())
    .bind(agent)
    .bind(world.new_id::<IcTokenId>())
    .bind(model)
    .bind(now)
    .bind(cost)
    .execute(&world.db)
    .await
    .unwrap();
}

async fn call_of_tool(world: &World, (tenant, agent): (TenantId, AgentId), tool: &str, cost: i64) {
    let now = world.state.environment.now();
    sql(
        "INSERT INTO tool_calls (tenant_id, call_id, agent_id, token_id, tool, mode, decision, \
         rules, untrusted, tainted, arguments_bytes, cost_nanos, started_at, ended_at, \
         instance_id, incarnation, sequence, hash, body) \
         VALUES ($1, $2, $3, $4, $5, 'client', 'allow', '[]', 0, 0, 2, $7, $6, $6, 'i', 1, 1, \
         'h', '{}')",
    )
    .bind(tenant)
    .bind(world.new_id::<RequestId>())
    .bind(agent)
    .bind(world.new_id::<IcTokenId>())
    .bind(tool)
    .bind(now)
    .bind(cost)
    .execute(&world.db)
    .await
    .unwrap();
}

both_engines! {
    async fn a_quota_refuses_by_name_what_would_be_one_too_many(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        set_quotas(&world, &admin, json!({"max_agents": 1, "max_users": 2, "max_projects": 2})).await;
        world.create(&admin, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let second = post(&world, &admin, "/api/v1/agents", json!({"name": "b", "budget": 1})).await;
        names_quota(second, "max_agents", 1);
        let ada = json!({"name": "Ada", "email": "ada@example.com"});
        let ada = world.create(&admin, "/api/v1/users", ada).await;
        let bob = json!({"name": "Bob", "email": "bob@example.com"});
        names_quota(post(&world, &admin, "/api/v1/users", bob.clone()).await, "max_users", 2);
        world.create(&admin, "/api/v1/projects", json!({"name": "p"})).await;
        let third = post(&world, &admin, "/api/v1/projects", json!({"name": "q"})).await;
        names_quota(third, "max_projects", 2);
        // What goes makes room.
        world.call(Method::DELETE, ada.head("location")).by(&admin).send().await.ok();
        world.create(&admin, "/api/v1/users", bob).await;
        let own = format!("/api/v1/tenants/{}", world.made.tenant.id);
        let shown = world.call(Method::GET, own).by(&admin).send().await.ok();
        let usage = &shown.body["usage"];
        assert_eq!((&usage["agents"], &usage["users"], &usage["projects"]), (&json!(1), &json!(2), &json!(2)));
    }

    async fn of_many_who_make_something_at_once_no_more_than_the_quota_get_it(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        set_quotas(&world, &admin, json!({"max_agents": 3, "max_users": 4, "max_projects": 100})).await;
        let mut tries = Vec::new();
        for number in 0..8 {
            let agent = json!({"name": format!("a{number}"), "budget": 1});
            let user = json!({"name": "u", "email": format!("u{number}@example.com")});
            tries.push(post(&world, &admin, "/api/v1/agents", agent));
            tries.push(post(&world, &admin, "/api/v1/users", user));
        }
        let replies = futures_util::future::join_all(tries).await;
        let made = |prefix: &str| {
            let created = replies.iter().filter(|reply| reply.status == StatusCode::CREATED);
            created.filter(|reply| reply.head("location").contains(prefix)).count()
        };
        assert_eq!((made("/agents/"), made("/users/")), (3, 3), "the admin is the fourth");
        for refused in replies.iter().filter(|reply| reply.status != StatusCode::CREATED) {
            assert_eq!(refused.body["error"]["code"], "QUOTA_EXCEEDED", "{}", refused.text);
        }
    }

    async fn quotas_are_set_with_the_tenant_and_changed_one_by_one(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "t", "slug": "tee", "admin_email": "a@b.example",
            "quotas": {"max_agents": 5, "cpu_cores": 4, "memory_mb": 4096, "monthly_budget": 100}});
        let made = world.create(&admin, "/api/v1/tenants", body).await;
        assert_eq!((&made.body["quotas"]["max_agents"], &made.body["quotas"]["max_users"]), (&json!(5), &Value::Null));
        let change = world.call(Method::PATCH, made.head("location")).by(&admin);
        let change = change.json(&json!({"quotas": {"max_agents": null, "max_users": 7}}));
        let quotas = &change.send().await.ok().body["quotas"];
        assert_eq!((&quotas["max_agents"], &quotas["max_users"]), (&Value::Null, &json!(7)));
        assert_eq!((&quotas["memory_mb"], &quotas["monthly_budget"]), (&json!(4096), &json!(100.0)));
    }

    async fn a_bill_sums_up_to_the_nano_dollar_by_project_and_by_agent(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let tenant = world.made.tenant.id;
        let project = world.create(&admin, "/api/v1/projects", json!({"name": "=research"})).await;
        let body = |name: &str| json!({"name": name, "budget": 1, "project_id": project.body["id"]});
        let one: AgentId = world.create(&admin, "/api/v1/agents", body("one")).await.id("id");
        let two: AgentId = world.create(&admin, "/api/v1/agents", body("two")).await.id("id");
        call(&world, (tenant, one), "gpt-5", 1_000_000_001).await;
        call(&world, (tenant, one), "gpt-5", 2).await;
        call(&world, (tenant, two), "gpt-5", 500).await;
        call(&world, (tenant, two), "claude", 7).await;
        let path = format!("/api/v1/tenants/{tenant}/billing");
        let bill = world.call(Method::GET, path.clone()).by(&admin).send().await.ok().body;
        assert_eq!((&bill["cost_nanos"], &bill["requests"]), (&json!(1_000_000_510_i64), &json!(4)));
        assert_eq!(bill["items"][0]["cost_nanos"], 1_000_000_503);
        assert_eq!((&bill["items"][0]["project"], &bill["items"][1]["model"]), (&json!("=research"), &json!("claude")));
        let agents = format!("{path}?group_by=agent");
        let agents = world.call(Method::GET, agents).by(&admin).send().await.ok().body;
        assert_eq!(agents["items"].as_array().unwrap().len(), 3);
        let csv = world.call(Method::GET, format!("{path}?format=csv")).by(&admin).send().await;
        assert!(csv.text.contains("\"'=research\""), "no formula: {}", csv.text);
        assert_eq!(csv.text.lines().count(), 3);
        let before = format!("{path}?month=2001-01");
        let before = world.call(Method::GET, before).by(&admin).send().await.ok().body;
        assert_eq!((&before["cost_nanos"], &before["month"]), (&json!(0), &json!("2001-01")));
        let wrong = world.call(Method::GET, format!("{path}?month=2001-13")).by(&admin).send().await;
        wrong.is(400, "VALIDATION_ERROR");
        let viewer = world.user(Role::Viewer, "viewer").await;
        world.call(Method::GET, path).by(&viewer).send().await.is(403, "INSUFFICIENT_PERMISSIONS");
    }

    async fn tools_that_cost_money_are_on_the_bill(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let tenant = world.made.tenant.id;
        let body = json!({"name": "one", "budget": 1});
        let one: AgentId = world.create(&admin, "/api/v1/agents", body).await.id("id");
        call(&world, (tenant, one), "gpt-5", 5).await;
        call_of_tool(&world, (tenant, one), "search", 1_000).await;
        call_of_tool(&world, (tenant, one), "search", 1).await;
        call_of_tool(&world, (tenant, one), "free", 0).await;
        let path = format!("/api/v1/tenants/{tenant}/billing?group_by=agent");
        let bill = world.call(Method::GET, path.clone()).by(&admin).send().await.ok().body;
        assert_eq!((&bill["cost_nanos"], &bill["requests"]), (&json!(1_006), &json!(3)));
        let [tool, model] = bill["items"].as_array().unwrap().as_slice() else { panic!("{bill}") };
        assert_eq!((&tool["tool"], &tool["cost_nanos"], &tool["requests"]), (&json!("search"), &json!(1_001), &json!(2)));
        assert_eq!((&model["model"], &model["tool"]), (&json!("gpt-5"), &Value::Null));
        let csv = world.call(Method::GET, format!("{path}&format=csv")).by(&admin).send().await;
        assert!(csv.text.contains(",1001,\"search\""), "{}", csv.text);
    }

    async fn bills_of_others_are_for_platform_admins_and_leave_a_trace(db: Db) {
        let mut world = World::new(db).await;
        let root = world.admin().await;
        let made = json!({"name": "t", "slug": "tee", "admin_email": "boss@tee.example"});
        let made = world.create(&root, "/api/v1/tenants", made).await;
        let boss = world.live_in(&made, "tee").await;
        let theirs = format!("{}/billing", made.head("location"));
        let ours = format!("/api/v1/tenants/{}/billing", world.made.tenant.id);
        world.call(Method::GET, theirs.clone()).by(&boss).send().await.ok();
        world.call(Method::GET, ours).by(&boss).send().await.is(404, "RESOURCE_NOT_FOUND");
        world.call(Method::GET, theirs).by(&root).send().await.ok();
        world.settle().await;
        let seen = "/api/v1/audit-logs?action=tenant.view_billing";
        let seen = world.call(Method::GET, seen).by(&root).send().await.ok();
        assert_eq!(seen.body["pagination"]["total"], 1, "{}", seen.text);
        assert_eq!(seen.body["data"][0]["resource_id"], made.body["id"]);
    }

    async fn whoever_looks_over_all_tenants_leaves_a_trace_of_those_of_others(db: Db) {
        let mut world = World::new(db).await;
        let root = world.admin().await;
        let list = "/api/v1/tenants";
        world.call(Method::GET, list).by(&root).send().await.ok();
        let own = format!("{list}/{}", world.made.tenant.id);
        world.call(Method::GET, own).by(&root).send().await.ok();
        let made = json!({"name": "t", "slug": "tee", "admin_email": "boss@tee.example"});
        let made = world.create(&root, list, made).await;
        let boss = world.live_in(&made, "tee").await;
        world.call(Method::GET, list).by(&boss).send().await.ok();
        world.call(Method::GET, list).by(&root).send().await.ok();
        world.call(Method::GET, made.head("location").to_owned()).by(&root).send().await.ok();
        world.settle().await;
        for action in ["tenant.list", "tenant.view"] {
            let seen = format!("/api/v1/audit-logs?action={action}");
            let seen = world.call(Method::GET, seen).by(&root).send().await.ok();
            assert_eq!(seen.body["pagination"]["total"], 1, "{action}: {}", seen.text);
            let entry = &seen.body["data"][0];
            assert_eq!(entry["user_id"], json!(root.id), "{entry}");
            assert!(entry.to_string().contains(made.text_of("id")), "{entry}");
        }
        let theirs = world.call(Method::GET, "/api/v1/audit-logs?action=tenant.list").by(&boss);
        assert_eq!(theirs.send().await.ok().body["pagination"]["total"], 0);
    }

    async fn a_hundred_tenants_see_nothing_of_each_other(db: Db) {
        let world = World::new(db).await;
        let root = world.admin().await;
        let mut bosses = Vec::new();
        for number in 0..100 {
            let slug = format!("town-{number}");
            let body = json!({"name": slug, "slug": slug, "admin_email": "boss@example.org"});
            let made = world.create(&root, "/api/v1/tenants", body).await;
            let token = made.body["invitation"]["token"].as_str().unwrap();
            let accept = json!({"token": token, "password": format!("the boss of {slug}")});
            let call = world.call(Method::POST, "/api/v1/auth/accept-invitation");
            let here = call.json(&accept).send().await.ok();
            let boss = User {
                id: here.body["user"]["id"].as_str().unwrap().parse().unwrap(),
                token: here.text_of("access_token").to_owned(),
            };
            for path in ["/api/v1/agents", "/api/v1/teams"] {
                world.create(&boss, path, json!({"name": slug, "budget": 1})).await;
            }
            bosses.push((slug, boss));
        }
        let lists = ["agents", "teams", "users", "projects", "tenants", "access-requests/teams"];
        for (slug, boss) in &bosses {
            for list in lists {
                let found = world.call(Method::GET, format!("/api/v1/{list}")).by(boss);
                let found = found.send().await.ok();
                assert_eq!(found.body["pagination"]["total"], 1, "{list}: {}", found.text);
                for (other, _) in bosses.iter().filter(|(other, _)| other != slug) {
                    assert!(!found.text.contains(&format!("\"{other}\"")), "{slug} sees {other}");
                }
            }
        }
        let all = world.call(Method::GET, "/api/v1/tenants?per_page=1").by(&root).send().await.ok();
        assert_eq!(all.body["pagination"]["total"], 101);
    }
}
