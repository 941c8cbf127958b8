//! Every operation against every role: nobody gets further than the table says.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use iron_identity::Role;
use iron_primitives::{
    AccessRequestId, AgentId, ApiTokenId, ApprovalId, AuditId, BudgetRequestId, ChannelId,
    DeliveryId, IcTokenId, LeaseId, PolicyId, PoolId, ProfileId, ProjectId, ProviderId, ReportId,
    RuntimeId, SessionId, TeamId, TenantId, ToolId, UserId,
};
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{User, World};

/// Operation, roles that may (Platform admin, Admin, Developer, Operator, Viewer, aUditor), and a
/// body that is valid.
const CASES: &[(&str, &str, &str)] = &[
    ("logout", "PADOVU", "{}"),
    ("get_session", "PADOVU", ""),
    ("list_sessions", "PADOVU", ""),
    ("end_session", "PADOVU", ""),
    (
        "change_password",
        "PADOVU",
        r#"{"current_password":"x","new_password":"longer than 8"}"#,
    ),
    (
        "create_user",
        "PA",
        r#"{"email":"new@example.com","name":"n"}"#,
    ),
    ("invite_user", "PA", ""),
    ("cancel_invitation", "PA", ""),
    ("list_users", "PA", ""),
    ("get_me", "PADOVU", ""),
    ("update_me", "PADOVU", r#"{"name":"n"}"#),
    ("get_user", "PADOVU", ""),
    ("update_user", "PA", r#"{"name":"n"}"#),
    ("delete_user", "PA", ""),
    ("get_user_permissions", "PADOVU", ""),
    ("set_user_role", "PA", r#"{"role":"viewer"}"#),
    ("suspend_user", "PA", r#"{"reason":"r"}"#),
    ("activate_user", "PA", ""),
    (
        "reset_user_password",
        "PA",
        r#"{"new_password":"longer than 8"}"#,
    ),
    (
        "create_tenant",
        "P",
        r#"{"name":"n","slug":"slug","admin_email":"a@b.example"}"#,
    ),
    ("invite_tenant_admin", "P", ""),
    ("list_tenants", "PA", ""),
    ("get_tenant", "PA", ""),
    ("get_tenant_billing", "PA", ""),
    ("update_tenant", "P", r#"{"name":"n"}"#),
    ("delete_tenant", "P", ""),
    ("suspend_tenant", "P", r#"{"reason":"r"}"#),
    ("activate_tenant", "P", ""),
    ("create_project", "PA", r#"{"name":"n"}"#),
    ("list_projects", "PADOVU", ""),
    ("get_project", "PADOVU", ""),
    ("update_project", "PA", r#"{"name":"n"}"#),
    ("delete_project", "PA", ""),
    ("create_team", "PA", r#"{"name":"n","budget":1}"#),
    ("list_teams", "PADOVU", ""),
    ("get_team", "PADOVU", ""),
    ("update_team", "PA", r#"{"name":"n"}"#),
    ("delete_team", "PA", ""),
    ("put_team_member", "PA", "{}"),
    ("remove_team_member", "PA", ""),
    (
        "transfer_team_budget",
        "PA",
        r#"{"to_team_id":"TEAM","amount":1,"reason":"r"}"#,
    ),
    ("get_team_report", "PADOVU", ""),
    ("get_team_budget", "PADOVU", ""),
    ("set_team_budget", "PA", r#"{"budget":1}"#),
    ("create_agent", "PAD", r#"{"name":"n","budget":1}"#),
    ("list_agents", "PADOV", ""),
    ("get_agent", "PADOV", ""),
    ("update_agent", "PAD", r#"{"name":"n"}"#),
    ("delete_agent", "PAD", ""),
    ("get_agent_status", "PADOV", ""),
    ("start_agent", "PADO", "{}"),
    ("pause_agent", "PADO", "{}"),
    ("resume_agent", "PADO", "{}"),
    ("stop_agent", "PADO", "{}"),
    ("kill_agent", "PAO", "{}"),
    ("restart_agent", "PADO", "{}"),
    ("get_agent_health", "PADOV", ""),
    ("get_agent_providers", "PADOV", ""),
    ("assign_agent_providers", "PAD", r#"{"providers":[]}"#),
    ("remove_agent_provider", "PAD", ""),
    (
        "create_provider",
        "PAD",
        r#"{"name":"n","type":"simulated"}"#,
    ),
    ("list_providers", "PADOV", ""),
    ("get_provider", "PADOV", ""),
    ("update_provider", "PAD", r#"{"name":"n"}"#),
    ("delete_provider", "PAD", ""),
    ("get_provider_deletion_impact", "PAD", ""),
    ("list_provider_agents", "PAD", ""),
    ("test_provider", "PAD", "{}"),
    ("get_provider_health", "PADOV", ""),
    ("list_models", "PADOVU", ""),
    ("get_model_price", "PADOVU", ""),
    (
        "set_model_price",
        "PA",
        r#"{"input_per_million":"1","output_per_million":"1"}"#,
    ),
    ("import_prices", "PA", r#"{"prices":{}}"#),
    ("create_token", "PA", r#"{"agent_id":"AGENT"}"#),
    ("list_tokens", "PAD", ""),
    ("get_token", "PAD", ""),
    ("delete_token", "PA", ""),
    ("rotate_token", "PAD", "{}"),
    ("rotate_token_post", "PAD", "{}"),
    ("create_api_token", "PADOVU", r#"{"name":"n"}"#),
    ("list_api_tokens", "PA", ""),
    ("list_my_api_tokens", "PADOVU", ""),
    ("get_api_token", "PADOVU", ""),
    ("revoke_api_token", "PADOVU", ""),
    ("get_agent_budget", "PADOV", ""),
    ("set_agent_budget", "PA", r#"{"budget":1}"#),
    ("get_agent_budget_history", "PAD", ""),
    ("get_agent_quotas", "PADOV", ""),
    ("set_agent_quotas", "PA", r#"{"tokens_per_day":1}"#),
    ("list_budget_events", "PAD", ""),
    ("get_user_budget", "PADOVU", ""),
    ("set_user_budget", "PA", r#"{"budget":1}"#),
    ("get_project_budget", "PADOVU", ""),
    ("set_project_budget", "PA", r#"{"budget":1}"#),
    ("create_pool", "PA", r#"{"name":"n","budget":1}"#),
    ("list_pools", "PA", ""),
    ("get_pool", "PA", ""),
    ("update_pool", "PA", r#"{"name":"n"}"#),
    ("delete_pool", "PA", ""),
    (
        "create_budget_request",
        "PAD",
        r#"{"agent_id":"AGENT","requested_budget":2,"justification":"twenty characters or more"}"#,
    ),
    ("list_budget_requests", "PA", ""),
    ("list_my_budget_requests", "PADOVU", ""),
    ("get_budget_request", "PADOVU", ""),
    ("approve_budget_request", "PA", "{}"),
    ("deny_budget_request", "PA", r#"{"reason":"r"}"#),
    ("cancel_budget_request", "PADOVU", ""),
    ("list_leases", "PA", ""),
    ("revoke_lease", "PA", r#"{"reason":"r"}"#),
    ("reconcile_lease", "PA", r#"{"reason":"r"}"#),
    (
        "create_access_request",
        "PADOVU",
        r#"{"team_id":"TEAM","use_case":"u","monthly_budget":1}"#,
    ),
    ("list_access_requests", "PA", ""),
    ("list_my_access_requests", "PADOVU", ""),
    ("list_access_teams", "PADOVU", ""),
    ("get_access_request", "PADOVU", ""),
    ("approve_access_request", "PA", "{}"),
    ("deny_access_request", "PA", r#"{"reason":"r"}"#),
    (
        "decide_access_requests",
        "PA",
        r#"{"ids":["access_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"],"decision":"approve"}"#,
    ),
    ("claim_access", "PADOVU", ""),
    ("renew_access", "PADOVU", ""),
    ("revoke_access", "PA", r#"{"reason":"r"}"#),
    (
        "create_notification_channel",
        "PA",
        r#"{"name":"n","kind":"slack","url":"https://hooks.slack.com/services/x"}"#,
    ),
    ("list_notification_channels", "PA", ""),
    ("get_notification_channel", "PA", ""),
    ("update_notification_channel", "PA", r#"{"name":"n"}"#),
    ("delete_notification_channel", "PA", ""),
    ("test_notification_channel", "PA", ""),
    ("rotate_notification_secret", "PA", ""),
    ("list_notification_deliveries", "PA", ""),
    ("retry_notification_delivery", "PA", ""),
    ("create_guardrail_profile", "PA", r#"{"name":"n"}"#),
    ("list_guardrail_profiles", "PADOVU", ""),
    ("get_guardrail_profile", "PADOVU", ""),
    ("update_guardrail_profile", "PA", r#"{"name":"n"}"#),
    ("delete_guardrail_profile", "PA", ""),
    ("list_guardrail_profile_versions", "PADOVU", ""),
    ("get_guardrail_profile_version", "PADOVU", ""),
    (
        "check_guardrails",
        "PADOVU",
        r#"{"direction":"input","text":"t"}"#,
    ),
    ("list_violations", "PADOVU", ""),
    ("list_approvals", "PADO", ""),
    ("get_approval", "PADO", ""),
    ("approve_approval", "PADO", "{}"),
    ("deny_approval", "PADO", r#"{"reason":"r"}"#),
    ("create_tool", "PAD", r#"{"name":"n"}"#),
    ("list_tool_calls", "PADOVU", ""),
    ("list_tools", "PADOVU", ""),
    ("get_tool", "PADOVU", ""),
    ("update_tool", "PAD", r#"{"description":"d"}"#),
    ("delete_tool", "PAD", ""),
    ("create_policy", "PA", r#"{"name":"n","effect":"deny"}"#),
    ("list_policies", "PADOVU", ""),
    ("get_policy", "PADOVU", ""),
    ("update_policy", "PA", r#"{"description":"d"}"#),
    ("delete_policy", "PA", ""),
    ("list_policy_versions", "PADOVU", ""),
    ("diff_policy", "PADOVU", ""),
    ("rollback_policy", "PA", r#"{"version":1}"#),
    ("simulate_policies", "PADOVU", r#"{"calls":[{"tool":"a"}]}"#),
    ("list_built_in_policies", "PADOVU", ""),
    ("switch_built_in_policy", "PA", r#"{"enabled":true}"#),
    ("create_runtime", "PA", r#"{"name":"n"}"#),
    ("list_runtimes", "PA", ""),
    ("get_runtime", "PA", ""),
    ("update_runtime", "PA", r#"{"certificates":[]}"#),
    ("rotate_runtime_key", "PA", "{}"),
    ("revoke_runtime", "PA", r#"{"reason":"r"}"#),
    // With the key of a runtime alone.
    ("enroll_runtime", "", "{}"),
    ("exchange_leases", "", "{}"),
    ("identify_bearer", "", "{}"),
    ("ask_ended", "", "{}"),
    ("ask_credential", "", "{}"),
    ("ask_tool_secret", "", "{}"),
    ("ask_subject_key", "", "{}"),
    ("ask_prices", "", "{}"),
    ("book_calls", "", "{}"),
    ("ship_records", "", "{}"),
    ("list_audit_logs", "PAU", ""),
    ("list_my_audit_logs", "PADOVU", ""),
    ("export_audit_logs", "PAU", ""),
    ("get_audit_log", "PAU", ""),
    ("verify_audit_logs", "PAU", "{}"),
    ("get_projection", "PADOV", ""),
    ("export_analytics", "PADOV", ""),
    ("get_budget_utilization", "PADOV", ""),
    ("get_trends", "PADOV", ""),
    ("get_provider_breakdown", "PADOV", ""),
    ("get_top_users", "PADOV", ""),
    ("get_top_agents", "PADOV", ""),
    ("get_spending", "PADOV", ""),
    ("get_usage", "PADOV", ""),
    ("get_requests", "PADOV", ""),
    ("get_errors", "PADOV", ""),
    ("list_anomalies", "PADOV", ""),
    ("list_token_totals", "PADOV", ""),
    ("what_if", "PADOV", "{}"),
    (
        "reconcile_invoice",
        "PA",
        r#"{"csv":"day,cost\n2026-01-01,1"}"#,
    ),
    ("list_reconciliations", "PAU", ""),
    ("get_reconciliation", "PAU", ""),
    ("get_own_settings", "PADOVU", ""),
    ("change_own_settings", "PADOVU", r#"{"display":null}"#),
    ("change_own_settings_patch", "PADOVU", r#"{"display":null}"#),
    ("reset_own_settings", "PADOVU", ""),
    ("get_project_settings", "PADOVU", ""),
    ("change_project_settings", "PA", r#"{"display":null}"#),
    ("change_project_settings_patch", "PA", r#"{"display":null}"#),
    ("get_team_settings", "PADOVU", ""),
    ("change_team_settings", "PA", r#"{"display":null}"#),
    ("change_team_settings_patch", "PA", r#"{"display":null}"#),
    ("get_tenant_settings", "PADOVU", ""),
    ("change_tenant_settings", "PA", r#"{"display":null}"#),
    ("change_tenant_settings_patch", "PA", r#"{"display":null}"#),
    ("get_system_settings", "P", ""),
    ("change_system_settings", "P", r#"{"display":null}"#),
    ("change_system_settings_patch", "P", r#"{"display":null}"#),
    ("get_config", "PA", ""),
    ("put_config", "PA", r#"{"config":{}}"#),
    ("validate_config", "PA", r#"{"config":{}}"#),
    ("list_config_versions", "PA", ""),
    ("rollback_config", "PA", r#"{"version":1}"#),
];

pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) public: bool,
    /// With the token of an agent alone.
    pub(crate) for_agents: bool,
}

impl Operation {
    pub(crate) fn for_people(&self) -> bool {
        !self.public && !self.for_agents
    }
}

pub(crate) fn operations() -> Vec<Operation> {
    let document = iron_api::document();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push(Operation {
                name: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                public: operation.get("security") == Some(&json!([])),
                for_agents: operation["security"][0].get("agent").is_some(),
            });
        }
    }
    found
}

pub(crate) fn case(name: &str) -> (&'static str, &'static str) {
    let found = CASES.iter().find(|(operation, ..)| *operation == name);
    let (_, roles, body) = found.unwrap_or_else(|| panic!("no authorisation case for `{name}`"));
    (roles, body)
}

/// The path with ids of nothing that exists, except the user's own.
pub(crate) fn filled(world: &World, path: &str, user: UserId) -> String {
    path.replace("{agent_id}", &world.new_id::<AgentId>().to_string())
        .replace("{provider_id}", &world.new_id::<ProviderId>().to_string())
        .replace("{token_id}", &world.new_id::<IcTokenId>().to_string())
        .replace("{api_token_id}", &world.new_id::<ApiTokenId>().to_string())
        .replace("{project_id}", &world.new_id::<ProjectId>().to_string())
        .replace("{team_id}", &world.new_id::<TeamId>().to_string())
        .replace("{tenant_id}", &world.new_id::<TenantId>().to_string())
        .replace("{session_id}", &world.new_id::<SessionId>().to_string())
        .replace("{lease_id}", &world.new_id::<LeaseId>().to_string())
        .replace(
            "{budget_request_id}",
            &world.new_id::<BudgetRequestId>().to_string(),
        )
        .replace("{pool_id}", &world.new_id::<PoolId>().to_string())
        .replace(
            "{access_request_id}",
            &world.new_id::<AccessRequestId>().to_string(),
        )
        .replace("{approval_id}", &world.new_id::<ApprovalId>().to_string())
        .replace("{channel_id}", &world.new_id::<ChannelId>().to_string())
        .replace("{delivery_id}", &world.new_id::<DeliveryId>().to_string())
        .replace("{runtime_id}", &world.new_id::<RuntimeId>().to_string())
        .replace("{audit_id}", &world.new_id::<AuditId>().to_string())
        .replace("{report_id}", &world.new_id::<ReportId>().to_string())
        .replace("{profile_id}", &world.new_id::<ProfileId>().to_string())
        .replace("{tool_id}", &world.new_id::<ToolId>().to_string())
        .replace("{policy_id}", &world.new_id::<PolicyId>().to_string())
        .replace("{version}", "1")
        .replace("{model}", "gpt-none")
        .replace("{user_id}", &user.to_string())
}

async fn ask(world: &World, operation: &Operation, user: &User, own: bool) -> (StatusCode, Value) {
    let target = if own { user.id } else { world.new_id() };
    let path = filled(world, &operation.path, target);
    let body = case(&operation.name)
        .1
        .replace("AGENT", &world.new_id::<AgentId>().to_string())
        .replace("TEAM", &world.new_id::<TeamId>().to_string());
    let call = world.call(operation.method.clone(), path).by(user);
    let call = if body.is_empty() {
        call
    } else {
        call.raw("application/json", body)
    };
    let reply = call.send().await;
    (reply.status, reply.body)
}

#[test]
fn every_operation_has_a_case_and_every_case_an_operation() {
    let protected: BTreeSet<String> = operations()
        .into_iter()
        .filter(Operation::for_people)
        .map(|operation| operation.name)
        .collect();
    let cases: BTreeSet<String> = CASES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let missing: Vec<_> = protected.difference(&cases).collect();
    assert!(missing.is_empty(), "without a case: {missing:?}");
    let idle: Vec<_> = cases.difference(&protected).collect();
    assert!(idle.is_empty(), "without an operation: {idle:?}");
}

async fn users(world: &World) -> Vec<(char, User)> {
    let mut users = vec![('P', world.admin().await)];
    for (letter, role) in [
        ('A', Role::Admin),
        ('D', Role::Developer),
        ('O', Role::Operator),
        ('V', Role::Viewer),
        ('U', Role::Auditor),
    ] {
        users.push((letter, world.user(role, role.as_str()).await));
    }
    users
}

both_engines! {
    async fn nobody_gets_further_than_the_table_says(db: Db) {
        let world = World::new(db).await;
        let mut users = users(&world).await;
        for operation in operations().into_iter().filter(Operation::for_people) {
            let (roles, _) = case(&operation.name);
            let own = matches!(
                operation.name.as_str(),
                "get_user" | "get_user_permissions" | "get_user_budget"
            );
            for (letter, user) in &users {
                let (status, body) = ask(&world, &operation, user, own).await;
                let code = body["error"]["code"].as_str().unwrap_or_default();
                let context = format!("{} as {letter}: {status} {body}", operation.name);
                if roles.contains(*letter) {
                    // A wrong password is refused by its own code.
                    let refused = matches!(status.as_u16(), 401 | 403)
                        && !matches!(code, "INVALID_CREDENTIALS" | "SELF_MODIFICATION_FORBIDDEN");
                    assert!(!refused && status.as_u16() < 500, "{context}");
                } else {
                    assert_eq!((status.as_u16(), code), (403, "INSUFFICIENT_PERMISSIONS"), "{context}");
                }
            }
            if operation.name == "logout" {
                // Its own work: everyone needs a new session.
                users = users_again(&world, users).await;
            }
        }
    }
}

async fn users_again(world: &World, users: Vec<(char, User)>) -> Vec<(char, User)> {
    let mut again = Vec::new();
    for (letter, user) in users {
        let email = match letter {
            'P' => crate::kit::ADMIN.to_owned(),
            'A' => "admin@example.com".to_owned(),
            'D' => "developer@example.com".to_owned(),
            'O' => "operator@example.com".to_owned(),
            'V' => "viewer@example.com".to_owned(),
            _ => "auditor@example.com".to_owned(),
        };
        again.push((
            letter,
            User {
                id: user.id,
                token: world.sign_in(&email).await,
            },
        ));
    }
    again
}

both_engines! {
    async fn without_a_credential_or_with_an_agents_nothing_opens(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "a", "budget": 1, "create_ic_token": true});
        let agent = world.create(&admin, "/api/v1/agents", body).await;
        let token = agent.body["ic_token"]["token"].as_str().unwrap().to_owned();
        for operation in operations().into_iter().filter(Operation::for_people) {
            let path = filled(&world, &operation.path, admin.id);
            // What agents may ask too is told apart by the form of their tokens.
            let refusal = match operation.name.as_str() {
                "check_guardrails" => (400, "VALIDATION_ERROR"),
                _ => (403, "WRONG_TOKEN_TYPE"),
            };
            let call = || world.call(operation.method.clone(), path.clone());
            call().send().await.is(401, "UNAUTHORIZED");
            let bearer = format!("Bearer {token}");
            call().header("authorization", &bearer).send().await.is(refusal.0, refusal.1);
            call().header("x-api-key", &token).send().await.is(refusal.0, refusal.1);
            call().header("authorization", "Bearer nonsense").send().await.is(401, "INVALID_TOKEN");
            call().header("authorization", "Basic eDp5").send().await.is(401, "INVALID_TOKEN");
        }
    }
}

both_engines! {
    async fn what_agents_ask_is_for_agents_alone(db: Db) {
        let world = World::new(db).await;
        let users = users(&world).await;
        let mut operations: Vec<_> = operations().into_iter().filter(|one| one.for_agents).collect();
        // The gateway serves calls of tools, and refuses strangers itself.
        operations.retain(|one| !one.path.starts_with("/api/v1/tools/"));
        assert_eq!(operations.len(), 8, "four, and each by its older path");
        for Operation { method, path, name, .. } in operations {
            let call = || world.call(method.clone(), &path).json(&json!({}));
            for (letter, user) in &users {
                let reply = call().by(user).send().await;
                let code = reply.body["error"]["code"].as_str();
                assert_eq!((reply.status.as_u16(), code), (403, Some("WRONG_TOKEN_TYPE")), "{name} as {letter}");
            }
            call().send().await.is(401, "UNAUTHORIZED");
            call().header("authorization", "Bearer nonsense").send().await.is(401, "INVALID_TOKEN");
            call().header("authorization", "Basic eDp5").send().await.is(401, "INVALID_TOKEN");
            let stranger = "ic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
            call().header("x-api-key", stranger).send().await.is(401, "INVALID_TOKEN");
            let told = world.call(method.clone(), &path).json(&json!({"ic_token": stranger}));
            told.send().await.is(401, "INVALID_TOKEN");
            let pass = stranger.replace("ic_", "ip_");
            call().header("api-key", &pass).send().await.is(403, "WRONG_TOKEN_TYPE");
        }
    }
}

both_engines! {
    async fn an_owner_reaches_his_own_and_nobody_elses(db: Db) {
        let world = World::new(db).await;
        let (one, other) =
            (world.user(Role::Developer, "one").await, world.user(Role::Developer, "other").await);
        let agent = world.create(&one, "/api/v1/agents", json!({"name": "a", "budget": 1})).await;
        let path = agent.head("location").to_owned();
        world.call(Method::GET, &path).by(&one).send().await.ok();
        for (method, tail, body) in [
            (Method::GET, "", Value::Null),
            (Method::PATCH, "", json!({"name": "mine"})),
            (Method::POST, "/pause", json!({})),
            (Method::PUT, "/providers", json!({"providers": []})),
            (Method::DELETE, "", Value::Null),
        ] {
            let call = world.call(method, format!("{path}{tail}")).by(&other);
            let call = if body.is_null() { call } else { call.json(&body) };
            call.send().await.is(403, "INSUFFICIENT_PERMISSIONS");
        }
        let theirs = world.call(Method::GET, "/api/v1/agents").by(&other).send().await.ok();
        assert_eq!(theirs.body["pagination"]["total"], 0);
        let budget = format!("/api/v1/limits/users/{}/budget", one.id);
        world.call(Method::GET, &budget).by(&one).send().await.ok();
        world.call(Method::GET, &budget).by(&other).send().await.is(403, "INSUFFICIENT_PERMISSIONS");
        // A developer may not lift his own agent's budget, nor begin above what is allowed.
        let call = world.call(Method::PATCH, &path).by(&one).json(&json!({"budget": 2}));
        call.send().await.is(403, "INSUFFICIENT_PERMISSIONS");
        let call = world.call(Method::POST, "/api/v1/agents").by(&one);
        let reply = call.json(&json!({"name": "b", "budget": 100.01})).send().await;
        assert!(reply.is(400, "VALIDATION_ERROR").field("budget").contains("at most 100.00"));
        let call = world.call(Method::POST, "/api/v1/agents").by(&one);
        let body = json!({"name": "c", "budget": 1, "owner_id": other.id.to_string()});
        assert!(call.json(&body).send().await.is(400, "VALIDATION_ERROR").field("owner_id").contains("admin"));
    }
}
