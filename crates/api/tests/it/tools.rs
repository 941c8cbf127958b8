//! Tools and policies, as people and agents ask for them.

use http::Method;
use iron_identity::Role;
use iron_policy::{Parameter, Policy};
use iron_primitives::{PolicyId, TokenDigest};
use iron_runtime::authority::{Change, ToolRules};
use iron_sdk::policies::CreatePolicy;
use iron_sdk::tools::ToolParameter;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const TOOLS: &str = "/api/v1/tools";
const POLICIES: &str = "/api/v1/policies";

async fn send(world: &World, user: &User, method: Method, path: &str, body: &Value) -> Reply {
    world.call(method, path).by(user).json(body).send().await
}

/// An agent's token.
async fn token(world: &World, admin: &User, settings: Value) -> String {
    let body = json!({"name": "a", "budget": 1, "create_ic_token": true, "settings": settings});
    let agent = world.create(admin, "/api/v1/agents", body).await;
    agent.body["ic_token"]["token"].as_str().unwrap().to_owned()
}

async fn rules(world: &World, token: &str) -> ToolRules {
    let authority = &world.state.far.authority;
    let principal = authority.authenticate(TokenDigest::of(token)).await;
    principal.unwrap().tools
}

fn named(rules: &ToolRules) -> Vec<&str> {
    let built_in = |name: &str| iron_policy::shipped().iter().any(|one| one.name == name);
    let names = rules.policies.iter().map(|policy| policy.name.as_str());
    names.filter(|name| !built_in(name)).collect()
}

#[test]
fn the_wire_and_the_engine_speak_of_policies_and_parameters_in_one_form() {
    let shipped = iron_policy::shipped().to_vec();
    let own: Policy = serde_json::from_value(json!({
        "name": "n", "description": "d", "kind": "tool", "effect": "require_approval",
        "match": {
            "tools": ["a"], "tool_kinds": ["email"], "access": ["read"], "risk_levels": ["low"],
            "recipients": ["*"], "agents": ["x"], "teams": ["y"],
        },
        "conditions": {
            "roles": ["admin"], "hours": "09:00-17:00", "weekdays": ["mon"],
            "timezone": "Europe/Berlin", "attributes": {"environment": ["prod"], "x": "y"},
            "tainted": true,
        },
        "approval": {
            "approvers": ["role:operator"], "quorum": 2, "timeout_seconds": 60, "forbid_own": true,
        },
        "examples": {"match": [{"tool": "a"}], "no_match": [{"tool": "b"}]},
    }))
    .unwrap();
    for policy in shipped.into_iter().chain([own]) {
        let written = serde_json::to_value(&policy).unwrap();
        let body: CreatePolicy = serde_json::from_value(written).unwrap();
        let sent = serde_json::to_value(body).unwrap();
        assert_eq!(serde_json::from_value::<Policy>(sent).unwrap(), policy);
    }
    for parameter in [
        json!({"name": "p", "kind": "path", "roots": ["/srv"], "restricted": ["/srv/secret"]}),
        json!({
            "name": "u", "kind": "url", "schemes": ["https"], "domains": ["*.example.com"],
            "private": true, "ports": [8443],
        }),
        json!({
            "name": "q", "kind": "sql", "dialect": "postgres", "statements": ["select"],
            "tables": ["orders"], "functions": ["area"], "strict": true, "parameters_only": true,
            "max_rows": 5,
        }),
        json!({"name": "c", "kind": "shell", "commands": ["ls"]}),
        json!({"name": "h", "kind": "headers", "allowed": ["x-api-key"]}),
        json!({"name": "m", "kind": "email", "recipients": ["*@example.com"]}),
        json!({"name": "t", "kind": "text", "max_bytes": 9}),
    ] {
        let engine: Parameter = serde_json::from_value(parameter.clone()).unwrap();
        let shown = serde_json::to_value(&engine).unwrap();
        let wire: ToolParameter = serde_json::from_value(shown).unwrap();
        assert_eq!(serde_json::to_value(wire).unwrap(), parameter);
    }
}

both_engines! {
    async fn a_tool_is_shown_as_it_was_declared_but_for_its_secret(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let declared = json!({
            "name": "crm/find", "description": "Finds customers", "kind": "api",
            "schema": {"type": "object"}, "risk_level": "high", "access": "read",
            "parameters": [{"name": "q", "kind": "text", "max_bytes": 200}],
            "data_class": ["personal"], "attributes": {"system": "crm"},
            "rate_limit": {"per_minute": 10}, "cost": "0.0025",
            "run": {
                "type": "http", "method": "GET", "url": "https://crm.example.com/find?q={q}",
                "headers": {"Authorization": "Bearer {secret}"}, "timeout_seconds": 5,
            },
        });
        let mut body = declared.clone();
        body["secret"] = json!("sk-hidden");
        world.told();
        let made = world.create(&admin, TOOLS, body).await;
        assert!(matches!(world.told().as_slice(), [Change::Tenant(_)]));
        for (field, said) in declared.as_object().unwrap() {
            assert_eq!(&made.body[field], said, "{field}");
        }
        assert_eq!((&made.body["secret"], &made.body["cost_micros"]), (&json!("sk-***"), &json!(2_500)));
        assert_eq!((&made.body["external"], &made.body["untrusted_output"]), (&json!(false), &json!(true)));
        let path = made.head("location").to_owned();
        let shown = world.call(Method::GET, &path).by(&admin).send().await.ok();
        assert_eq!(shown.body, made.body);
        let change = world.call(Method::PATCH, &path).by(&admin).header("if-match", shown.head("etag"));
        let change = change.json(&json!({"external": true, "schema": null, "enabled": false}));
        let changed = change.send().await.ok();
        assert_eq!((&changed.body["external"], changed.body.get("schema")), (&json!(true), None));
        let stale = world.call(Method::DELETE, &path).by(&admin).header("if-match", shown.head("etag"));
        stale.send().await.is(409, "CONCURRENT_MODIFICATION");
        let list = format!("{TOOLS}?kind=api,file&enabled=false");
        let list = world.call(Method::GET, &list).by(&admin).send().await.ok();
        assert_eq!(list.body["pagination"]["total"], 1);
        world.call(Method::DELETE, &path).by(&admin).send().await.ok();
        world.call(Method::GET, &path).by(&admin).send().await.is(404, "RESOURCE_NOT_FOUND");
    }

    async fn a_developer_changes_his_own_tools_and_no_policies(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let developer = world.user(Role::Developer, "dev").await;
        let theirs = world.create(&admin, TOOLS, json!({"name": "theirs"})).await;
        let own = world.create(&developer, TOOLS, json!({"name": "own"})).await;
        let body = json!({"description": "d"});
        send(&world, &developer, Method::PATCH, own.head("location"), &body).await.ok();
        let refused = send(&world, &developer, Method::PATCH, theirs.head("location"), &body).await;
        refused.is(403, "INSUFFICIENT_PERMISSIONS");
        let policy = json!({"name": "all", "effect": "allow"});
        let refused = send(&world, &developer, Method::POST, POLICIES, &policy).await;
        refused.is(403, "INSUFFICIENT_PERMISSIONS");
        for given in [json!({"role": "admin"}), json!({"policy_ids": []})] {
            let body = json!({"name": "a", "budget": 1, "settings": given});
            let refused = send(&world, &developer, Method::POST, "/api/v1/agents", &body).await;
            refused.is(403, "INSUFFICIENT_PERMISSIONS");
        }
    }

    async fn a_policy_is_kept_with_its_versions_compared_and_taken_back(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let written = json!({
            "name": "mail", "effect": "allow", "match": {"tools": ["send_*"]},
            "examples": {"match": [{"tool": "send_email"}], "no_match": [{"tool": "pay"}]},
        });
        let made = world.create(&admin, POLICIES, written.clone()).await;
        for (field, said) in written.as_object().unwrap() {
            assert_eq!(&made.body[field], said, "{field}");
        }
        assert_eq!((&made.body["scope"], &made.body["version"]), (&json!("tenant"), &json!(1)));
        let path = made.head("location").to_owned();
        let wrong = json!({"match": {"tools": ["pay"]}});
        let refused = send(&world, &admin, Method::PATCH, &path, &wrong).await;
        assert!(!refused.is(400, "VALIDATION_ERROR").field("examples.match[0]").is_empty());
        let change = json!({"effect": "deny", "examples": null});
        let changed = send(&world, &admin, Method::PATCH, &path, &change).await.ok();
        assert_eq!((&changed.body["version"], changed.body.get("examples")), (&json!(2), None));
        let diff = world.call(Method::GET, format!("{path}/diff")).by(&admin).send().await.ok();
        let fields: Vec<_> = diff.body["changes"].as_array().unwrap().iter().collect();
        let fields: Vec<_> = fields.iter().map(|one| one["field"].as_str().unwrap()).collect();
        assert_eq!((&diff.body["from"], &diff.body["to"]), (&json!(1), &json!(2)));
        assert_eq!(fields, ["effect", "examples.match", "examples.no_match"]);
        let back = format!("{path}/rollback");
        let back = send(&world, &admin, Method::POST, &back, &json!({"version": 1})).await.ok();
        assert_eq!((&back.body["version"], &back.body["effect"]), (&json!(3), &json!("allow")));
        let all = format!("{path}/versions");
        let all = world.call(Method::GET, all).by(&admin).send().await.ok();
        assert_eq!(all.body["pagination"]["total"], 3);
        world.call(Method::DELETE, &path).by(&admin).send().await.ok();
    }

    async fn an_agent_has_what_holds_for_all_and_what_its_settings_name(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        for name in ["pay", "read_file"] {
            world.create(&admin, TOOLS, json!({"name": name})).await;
        }
        world.create(&admin, POLICIES, json!({"name": "all", "effect": "allow"})).await;
        let night = json!({"name": "night", "effect": "deny", "scope": "named"});
        let night = world.create(&admin, POLICIES, night).await;
        let id: PolicyId = night.id("id");
        let settings = json!({"tools": ["read_file"], "policy_ids": [id]});
        let token = token(&world, &admin, settings).await;
        let held = rules(&world, &token).await;
        assert_eq!(held.tools.len(), 1);
        assert_eq!(named(&held), ["all", "night"]);
        let refused = world.call(Method::DELETE, night.head("location")).by(&admin).send().await;
        refused.is(409, "RESOURCE_IN_USE");
        let nobodys: PolicyId = world.new_id();
        let body = json!({"name": "b", "budget": 1, "settings": {"policy_ids": [nobodys]}});
        let refused = send(&world, &admin, Method::POST, "/api/v1/agents", &body).await;
        assert!(!refused.is(400, "VALIDATION_ERROR").field("settings.policy_ids").is_empty());
    }

    async fn what_is_built_in_is_listed_and_switched_off_by_name(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let list = format!("{POLICIES}/built-in");
        let all = world.call(Method::GET, &list).by(&admin).send().await.ok();
        let count = all.body["data"].as_array().unwrap().len();
        assert_eq!(count, iron_policy::shipped().len());
        let name = all.body["data"][0]["name"].as_str().unwrap();
        let path = format!("{list}/{}", name.replace('/', "%2F"));
        let off = send(&world, &admin, Method::PUT, &path, &json!({"enabled": false})).await.ok();
        assert_eq!(off.body["enabled"], json!(false));
        let token = token(&world, &admin, json!({})).await;
        let held = rules(&world, &token).await;
        assert_eq!(held.policies.len(), count - 1);
        let unknown = format!("{list}/no-such");
        let unknown = send(&world, &admin, Method::PUT, &unknown, &json!({"enabled": true})).await;
        unknown.is(404, "RESOURCE_NOT_FOUND");
    }

    async fn what_proposed_policies_would_change_is_told_before_they_are_stored(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({
            "policies": [{"name": "no reports", "effect": "deny", "match": {"tools": ["report*"]}}],
            "without": ["shipped/readers"],
            "calls": [
                {"tool": "report/read", "access": "read"},
                {"tool": "look", "access": "read"},
                {"tool": "unheard_of", "access": "admin"},
            ],
        });
        let path = format!("{POLICIES}/simulate");
        let told = send(&world, &admin, Method::POST, &path, &body).await.ok();
        assert_eq!((&told.body["calls"], &told.body["changed"]), (&json!(3), &json!(2)), "{}", told.body);
        let first = &told.body["samples"][0];
        assert_eq!((&first["before"]["effect"], &first["after"]["effect"]), (&json!("allow"), &json!("deny")));
        assert_eq!(first["after"]["rules"], json!(["no reports"]));
        let wrong = json!({"policies": [{"name": "n", "effect": "deny", "cedar": "no"}], "calls": [{"tool": "a"}]});
        let refused = send(&world, &admin, Method::POST, &path, &wrong).await;
        assert!(!refused.is(400, "VALIDATION_ERROR").field("policies[0].cedar").is_empty());
        let list = world.call(Method::GET, POLICIES).by(&admin).send().await.ok();
        assert_eq!(list.body["pagination"]["total"], 0);
    }
}
