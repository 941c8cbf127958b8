//! The verbs of the command line against a server: what they do, what they ask, how they end.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::kit::{EMAIL, Home, call, text};

/// Each operation of the API with the command that calls it; `-` where people need none.
const VERBS: &[(&str, &str)] = &[
    ("accept_invitation", "users accept"),
    ("activate_tenant", "tenants activate"),
    ("activate_user", "users activate"),
    ("answer_approval", "-"),
    ("answer_from_slack", "-"),
    ("approve_access_request", "access approve"),
    ("approve_approval", "approvals approve"),
    ("decide_by_link", "-"),
    ("deny_approval", "approvals deny"),
    ("export_analytics", "analytics export"),
    ("get_approval", "approvals get"),
    ("get_budget_utilization", "analytics budgets"),
    ("get_errors", "analytics errors"),
    ("get_provider_breakdown", "analytics breakdown"),
    ("get_requests", "analytics requests"),
    ("get_spending", "analytics spending"),
    ("get_top_agents", "analytics top-agents"),
    ("get_top_users", "analytics top-users"),
    ("get_trends", "analytics trends"),
    ("get_usage", "analytics usage"),
    ("list_approvals", "approvals list"),
    ("open_approval_link", "-"),
    ("approve_budget_request", "budget-requests approve"),
    ("ask_credential", "router"),
    ("ask_ended", "router"),
    ("ask_prices", "router"),
    ("ask_subject_key", "router"),
    ("ask_tool_secret", "router"),
    ("authorize_tool_call", "-"),
    ("bring_tool_result", "-"),
    ("invoke_tool", "tools invoke"),
    ("list_available_tools", "tools available"),
    ("assign_agent_providers", "agents assign-providers"),
    ("book_calls", "router"),
    ("budget_handshake", "-"),
    ("budget_handshake_unversioned", "-"),
    ("budget_refresh", "-"),
    ("budget_refresh_unversioned", "-"),
    ("budget_report", "-"),
    ("budget_report_unversioned", "-"),
    ("budget_return", "-"),
    ("budget_return_unversioned", "-"),
    ("cancel_budget_request", "budget-requests cancel"),
    ("cancel_invitation", "users cancel-invitation"),
    ("change_password", "auth password"),
    ("claim_access", "access claim"),
    ("renew_access", "access renew"),
    ("create_access_request", "access request"),
    ("create_agent", "agents create"),
    ("create_api_token", "api-tokens create"),
    ("create_budget_request", "budget-requests create"),
    ("create_notification_channel", "channels create"),
    ("create_pool", "pools create"),
    ("create_project", "projects create"),
    ("create_provider", "providers create"),
    ("create_runtime", "runtimes create"),
    ("create_team", "teams create"),
    ("create_tenant", "tenants create"),
    ("create_token", "tokens create"),
    ("create_user", "users create"),
    ("decide_access_requests", "access bulk"),
    ("delete_agent", "agents delete"),
    ("delete_notification_channel", "channels delete"),
    ("delete_pool", "pools delete"),
    ("delete_project", "projects delete"),
    ("delete_provider", "providers delete"),
    ("delete_team", "teams delete"),
    ("delete_tenant", "tenants delete"),
    ("delete_token", "tokens delete"),
    ("delete_user", "users delete"),
    ("deny_access_request", "access deny"),
    ("deny_budget_request", "budget-requests deny"),
    ("end_session", "auth end-session"),
    ("enroll_runtime", "router"),
    ("exchange_leases", "router"),
    ("export_audit_logs", "audit export"),
    ("get_access_request", "access get"),
    ("get_agent", "agents get"),
    ("get_agent_budget", "limits get"),
    ("get_agent_budget_history", "limits history"),
    ("get_agent_quotas", "limits quotas get"),
    ("get_agent_health", "agents health"),
    ("get_agent_providers", "agents providers"),
    ("get_agent_status", "agents status"),
    ("get_api_token", "api-tokens get"),
    ("get_audit_log", "audit get"),
    ("get_budget_request", "budget-requests get"),
    ("get_docs", "-"),
    ("get_health", "status"),
    ("get_health_unversioned", "-"),
    ("get_live", "-"),
    ("get_live_unversioned", "-"),
    ("get_me", "users me"),
    ("get_metrics", "-"),
    ("get_model_price", "models price"),
    ("get_notification_channel", "channels get"),
    ("get_openapi", "-"),
    ("get_openapi_3_0", "-"),
    ("get_pool", "pools get"),
    ("get_project", "projects get"),
    ("get_project_budget", "limits get"),
    ("get_projection", "analytics projection"),
    ("get_provider", "providers get"),
    ("get_provider_deletion_impact", "providers impact"),
    ("get_provider_health", "providers health"),
    ("get_ready", "-"),
    ("get_ready_unversioned", "-"),
    ("get_reconciliation", "analytics reconciliation"),
    ("get_runtime", "runtimes get"),
    ("get_session", "auth status"),
    ("get_team", "teams get"),
    ("get_team_budget", "limits get"),
    ("get_team_report", "teams report"),
    ("get_tenant", "tenants get"),
    ("get_tenant_billing", "tenants billing"),
    ("get_token", "tokens get"),
    ("get_user", "users get"),
    ("get_user_budget", "limits get"),
    ("get_user_permissions", "users permissions"),
    ("get_version", "doctor"),
    ("get_version_unversioned", "-"),
    ("identify_bearer", "router"),
    ("import_prices", "models import"),
    ("invite_tenant_admin", "tenants invite-admin"),
    ("invite_user", "users invite"),
    ("kill_agent", "agents kill"),
    ("list_access_requests", "access list"),
    ("list_access_teams", "access teams"),
    ("list_agents", "agents list"),
    ("list_anomalies", "analytics anomalies"),
    ("list_api_tokens", "api-tokens list"),
    ("list_audit_logs", "audit list"),
    ("list_budget_events", "limits events"),
    ("list_budget_requests", "budget-requests list"),
    ("list_leases", "leases list"),
    ("list_models", "models list"),
    ("list_my_access_requests", "access list"),
    ("list_my_api_tokens", "api-tokens list"),
    ("list_my_audit_logs", "audit me"),
    ("list_my_budget_requests", "budget-requests list"),
    ("list_notification_channels", "channels list"),
    ("list_notification_deliveries", "channels deliveries"),
    ("list_pools", "pools list"),
    ("list_projects", "projects list"),
    ("list_provider_agents", "providers agents"),
    ("list_providers", "providers list"),
    ("list_reconciliations", "analytics reconciliations"),
    ("list_runtimes", "runtimes list"),
    ("list_sessions", "auth sessions"),
    ("list_teams", "teams list"),
    ("list_tenants", "tenants list"),
    ("list_token_totals", "analytics tokens"),
    ("list_tokens", "tokens list"),
    ("list_users", "users list"),
    ("login", "login"),
    ("logout", "logout"),
    ("pause_agent", "agents pause"),
    ("put_team_member", "teams add"),
    ("reconcile_invoice", "analytics reconcile"),
    ("reconcile_lease", "leases reconcile"),
    ("refresh", "-"),
    ("remove_agent_provider", "agents remove-provider"),
    ("remove_team_member", "teams remove"),
    ("reset_user_password", "users reset-password"),
    ("restart_agent", "agents restart"),
    ("resume_agent", "agents resume"),
    ("retry_notification_delivery", "channels retry"),
    ("revoke_access", "access revoke"),
    ("revoke_api_token", "api-tokens revoke"),
    ("revoke_lease", "leases revoke"),
    ("revoke_runtime", "runtimes revoke"),
    ("rotate_notification_secret", "channels rotate-secret"),
    ("rotate_runtime_key", "runtimes rotate"),
    ("rotate_token", "tokens rotate"),
    ("rotate_token_post", "-"),
    ("set_agent_budget", "limits set"),
    ("set_agent_quotas", "limits quotas set"),
    ("set_model_price", "models price"),
    ("set_project_budget", "limits set"),
    ("set_team_budget", "limits set"),
    ("set_user_budget", "limits set"),
    ("set_user_role", "users set-role"),
    ("ship_records", "router"),
    ("start_agent", "agents start"),
    ("stop_agent", "agents stop"),
    ("suspend_tenant", "tenants suspend"),
    ("suspend_user", "users suspend"),
    ("test_notification_channel", "channels test"),
    ("test_provider", "providers test"),
    ("transfer_team_budget", "teams transfer"),
    ("update_agent", "agents update"),
    ("update_me", "users me"),
    ("update_notification_channel", "channels update"),
    ("update_pool", "pools update"),
    ("update_project", "projects update"),
    ("update_provider", "providers update"),
    ("update_runtime", "runtimes update"),
    ("update_team", "teams update"),
    ("update_tenant", "tenants update"),
    ("update_user", "users update"),
    ("validate", "auth status"),
    ("verify_audit_logs", "audit verify"),
    ("what_if", "analytics what-if"),
    ("create_policy", "policies create"),
    ("create_tool", "tools create"),
    ("delete_policy", "policies delete"),
    ("delete_tool", "tools delete"),
    ("diff_policy", "policies diff"),
    ("get_policy", "policies get"),
    ("get_tool", "tools get"),
    ("list_built_in_policies", "policies list"),
    ("list_policies", "policies list"),
    ("list_policy_versions", "policies versions"),
    ("list_tool_calls", "tools calls"),
    ("list_tools", "tools list"),
    ("rollback_policy", "policies rollback"),
    ("simulate_policies", "policies simulate"),
    ("switch_built_in_policy", "policies enable"),
    ("update_policy", "policies update"),
    ("update_tool", "tools update"),
    ("check_guardrails", "guardrails check"),
    ("create_guardrail_profile", "guardrails profiles create"),
    ("delete_guardrail_profile", "guardrails profiles delete"),
    ("get_guardrail_profile", "guardrails profiles get"),
    (
        "get_guardrail_profile_version",
        "guardrails profiles versions",
    ),
    (
        "list_guardrail_profile_versions",
        "guardrails profiles versions",
    ),
    ("list_guardrail_profiles", "guardrails profiles list"),
    ("list_violations", "violations list"),
    ("update_guardrail_profile", "guardrails profiles update"),
    ("get_own_settings", "settings user"),
    ("change_own_settings", "settings user"),
    ("change_own_settings_patch", "settings user"),
    ("reset_own_settings", "settings user"),
    ("get_project_settings", "settings project"),
    ("change_project_settings", "settings project"),
    ("change_project_settings_patch", "settings project"),
    ("get_team_settings", "settings team"),
    ("change_team_settings", "settings team"),
    ("change_team_settings_patch", "settings team"),
    ("get_tenant_settings", "settings tenant"),
    ("change_tenant_settings", "settings tenant"),
    ("change_tenant_settings_patch", "settings tenant"),
    ("get_system_settings", "settings system"),
    ("change_system_settings", "settings system"),
    ("change_system_settings_patch", "settings system"),
    ("get_config", "config get"),
    ("put_config", "config apply"),
    ("validate_config", "config validate"),
    ("list_config_versions", "config history"),
    ("rollback_config", "config rollback"),
];

/// A server with an administrator who is signed in.
fn signed_in() -> (Home, crate::kit::Running) {
    let home = Home::new().with_admin();
    let server = home.serve();
    home.sign_in();
    (home, server)
}

/// A simulated provider `sim` and an agent `writer` that uses it; gives the agent's token.
fn writer(home: &Home) -> String {
    let make = [
        "providers",
        "create",
        "--name",
        "sim",
        "--type",
        "simulated",
    ];
    home.iron(&make).assert().success();
    let make = [
        "agents",
        "create",
        "--name",
        "writer",
        "--budget",
        "5",
        "--provider",
        "sim",
        "--token",
    ];
    let agent = home.json(&make);
    text(&agent, "/ic_token/token").to_owned()
}

#[test]
fn every_operation_of_the_api_has_a_verb() {
    let document = iron_api::document();
    let paths = document
        .pointer("/paths")
        .and_then(Value::as_object)
        .unwrap();
    let served: BTreeSet<&str> = paths
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation.pointer("/operationId")?.as_str())
        .collect();
    let named: BTreeSet<&str> = VERBS.iter().map(|(operation, _)| *operation).collect();
    assert_eq!(named, served);

    let home = Home::new();
    for (operation, verb) in VERBS.iter().filter(|(_, verb)| *verb != "-") {
        let mut arguments: Vec<&str> = verb.split(' ').collect();
        arguments.push("--help");
        let help = home.iron(&arguments).assert().success();
        let help = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
        let usage = format!("Usage: iron {verb} ");
        assert!(help.contains(&usage), "{operation}: {help}");
    }
}

#[test]
fn agents_are_stopped_restarted_killed_and_their_health_is_told() {
    let (home, _server) = signed_in();
    let token = writer(&home);
    let health = home.json(&["agents", "health", "writer"]);
    assert_eq!(
        health.pointer("/ready"),
        Some(&Value::Bool(true)),
        "{health}"
    );
    assert!(call(&home.address, &token, "sim/chat").starts_with("HTTP/1.1 200"));

    let stop = [
        "agents",
        "stop",
        "writer",
        "--grace-seconds",
        "0",
        "--reason",
        "enough",
    ];
    assert_eq!(text(&home.json(&stop), "/runtime_state"), "stopped");
    let told = home.audited(&["--action", "agent.stop"]);
    assert_eq!(text(&told, "/data/0/parameters/reason"), "enough", "{told}");
    let too_long = ["agents", "stop", "writer", "--grace-seconds", "3601"];
    home.iron(&too_long).assert().code(2);
    let health = home
        .iron(&["--json", "agents", "health", "writer"])
        .assert()
        .code(9);
    let health: Value = serde_json::from_slice(&health.get_output().stdout).unwrap();
    assert_eq!(
        health.pointer("/live"),
        Some(&Value::Bool(false)),
        "{health}"
    );

    let again = home.json(&["agents", "restart", "writer"]);
    assert_eq!(text(&again, "/runtime_state"), "running");
    assert!(call(&home.address, &token, "sim/chat").starts_with("HTTP/1.1 200"));

    // Nobody is there to say yes.
    home.iron(&["agents", "kill", "writer"]).assert().code(2);
    let killed = home.json(&["agents", "kill", "writer", "--force"]);
    assert_eq!(text(&killed, "/runtime_state"), "stopped");
    assert!(!call(&home.address, &token, "sim/chat").starts_with("HTTP/1.1 200"));
    home.iron(&["agents", "health", "nobody"]).assert().code(5);
}

#[test]
fn providers_are_tested_and_what_their_deletion_does_is_told_before() {
    let (home, _server) = signed_in();
    writer(&home);
    let tested = home.json(&["providers", "test", "sim"]);
    assert_eq!(tested.pointer("/ok"), Some(&Value::Bool(true)), "{tested}");
    let agents = home.json(&["providers", "agents", "sim"]);
    assert_eq!(text(&agents, "/data/0/name"), "writer");
    let impact = home.json(&["providers", "impact", "sim"]);
    assert_eq!(text(&impact, "/affected_agents/0/name"), "writer");
    let assigned = home.json(&["agents", "providers", "writer"]);
    assert_eq!(text(&assigned, "/providers/0/name"), "sim");
    let removed = home.json(&["agents", "remove-provider", "writer", "sim"]);
    assert_eq!(removed.pointer("/count"), Some(&Value::from(0)));
    home.iron(&["agents", "remove-provider", "writer", "sim"])
        .assert()
        .code(5);

    let broken = [
        "providers",
        "create",
        "--name",
        "gone",
        "--type",
        "local",
        "--base-url",
        "http://127.0.0.1:1/v1",
        "--model",
        "m",
    ];
    home.iron(&broken).assert().success();
    let failed = home
        .iron(&["--json", "providers", "test", "gone"])
        .assert()
        .code(9);
    let failed: Value = serde_json::from_slice(&failed.get_output().stdout).unwrap();
    assert_eq!(failed.pointer("/ok"), Some(&Value::Bool(false)), "{failed}");
}

#[test]
fn leases_are_listed_taken_away_and_reconciled_with_a_reason() {
    let (home, server) = signed_in();
    let token = writer(&home);
    assert!(call(&home.address, &token, "sim/chat").starts_with("HTTP/1.1 200"));
    // The instance and what it knew are lost; another one serves from the same database.
    drop(server);
    std::fs::remove_dir_all(home.path("data/journal")).unwrap();
    std::fs::remove_file(home.path("data/instance")).unwrap();
    let _server = home.serve();
    let leases = home.json(&["leases", "list", "--agent", "writer"]);
    let lease = text(&leases, "/data/0/id").to_owned();
    assert_eq!(text(&leases, "/data/0/status"), "active");

    let reason = ["--reason", "the instance is lost"];
    let with = |verb: &str, more: &[&str]| {
        let mut arguments = vec!["--json", "leases", verb, &lease];
        arguments.extend(more);
        home.iron(&arguments).assert()
    };
    with("revoke", &["--force"]).code(2);
    with("revoke", &reason).code(2);
    // Only what was taken away can be reconciled.
    with("reconcile", &[&reason[..], &["--force"]].concat()).code(6);
    let revoked = with("revoke", &[&reason[..], &["--force"]].concat()).success();
    let revoked: Value = serde_json::from_slice(&revoked.get_output().stdout).unwrap();
    assert_eq!(text(&revoked, "/status"), "fenced");
    let wrong = [&reason[..], &["--force", "--spent", "a lot"]].concat();
    with("reconcile", &wrong).code(2);
    with("reconcile", &reason).code(2);
    let closed = with("reconcile", &[&reason[..], &["--force"]].concat()).success();
    let closed: Value = serde_json::from_slice(&closed.get_output().stdout).unwrap();
    assert_eq!(text(&closed, "/status"), "closed");
    home.iron(&["leases", "revoke", "writer", "--reason", "no id", "--force"])
        .assert()
        .code(2);
}

#[test]
fn a_budget_is_asked_for_given_refused_and_taken_back() {
    let (home, _server) = signed_in();
    writer(&home);
    let why = "twice the letters since the first of May";
    let ask = |budget: &str| {
        let create = ["budget-requests", "create", "writer"];
        let rest = ["--budget", budget, "--justification", why];
        let made = home.json(&[&create[..], &rest].concat());
        assert_eq!(text(&made, "/status"), "pending");
        text(&made, "/id").to_owned()
    };
    let (first, second, third) = (ask("20"), ask("30"), ask("40"));
    let short = ["--budget", "50", "--justification", "more"];
    let short = [&["budget-requests", "create", "writer"][..], &short].concat();
    home.iron(&short).assert().code(2);

    let part = ["budget-requests", "approve", &first, "--budget", "15.50"];
    let approved = home.json(&part);
    let new = approved.pointer("/agent/new_budget");
    assert_eq!(new.and_then(Value::as_f64), Some(15.5), "{approved}");
    let limit = home.json(&["limits", "get", "writer"]);
    assert_eq!(limit.pointer("/budget").and_then(Value::as_f64), Some(15.5));
    home.iron(&part).assert().code(6);
    let deny = ["budget-requests", "deny", &second];
    home.iron(&deny).assert().code(2);
    let denied = home.json(&[&deny[..], &["--reason", "not this year"]].concat());
    assert_eq!(text(&denied, "/reason"), "not this year");
    let cancel = ["budget-requests", "cancel", &third];
    home.iron(&cancel).assert().code(2);
    let cancelled = home.json(&[&cancel[..], &["--force"]].concat());
    assert_eq!(text(&cancelled, "/status"), "cancelled");

    let list = ["budget-requests", "list", "--agent", "writer"];
    let all = home.json(&list);
    assert_eq!(all.pointer("/pagination/total"), Some(&Value::from(3)));
    let some = [&list[..], &["--mine", "--status", "denied"]].concat();
    let some = home.json(&some);
    assert_eq!(text(&some, "/data/0/id"), second);
    assert_eq!(some.pointer("/pagination/total"), Some(&Value::from(1)));
    let shown = home.iron(&["budget-requests", "get", &first]).assert();
    let shown = shown.success();
    let shown = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    for word in [why, "approved", "15.50", "budget now"] {
        assert!(shown.contains(word), "{shown}");
    }
    home.iron(&["budget-requests", "get", "writer"])
        .assert()
        .code(2);
}

#[test]
fn a_limit_is_lifted_only_after_a_yes() {
    let (home, _server) = signed_in();
    home.iron(&[
        "limits", "set", "--user", EMAIL, "--budget", "20", "--force",
    ])
    .assert()
    .success();
    home.iron(&["limits", "lift", "--user", EMAIL])
        .assert()
        .code(2);
    home.iron(&["limits", "lift"]).assert().code(2);
    let lifted = home.json(&["limits", "lift", "--user", EMAIL, "--force"]);
    assert_eq!(lifted.pointer("/budget"), Some(&Value::Null), "{lifted}");
    let limit = home.json(&["limits", "get", "--user", EMAIL]);
    assert_eq!(limit.pointer("/budget"), Some(&Value::Null));
}

#[test]
fn the_audit_log_is_exported_to_a_file_or_to_whoever_reads() {
    let (home, _server) = signed_in();
    writer(&home);
    home.audited(&["--action", "agent.create"]);
    let file = home.path("records.jsonl").display().to_string();
    let written = home.json(&["audit", "export", "--remote", &file]);
    assert_eq!(text(&written, "/file"), file);
    let lines = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        written.pointer("/size_bytes").and_then(Value::as_u64),
        u64::try_from(lines.len()).ok()
    );
    let actions: Vec<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|entry| text(&entry, "/action").to_owned())
        .collect();
    for action in ["provider.create", "agent.create"] {
        assert!(actions.iter().any(|one| one == action), "{actions:?}");
    }
    // A file that is there is not written over.
    home.iron(&["audit", "export", "--remote", &file])
        .assert()
        .code(2);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), lines);

    let one = [
        "audit",
        "export",
        "--remote",
        "--format",
        "csv",
        "--action",
        "agent.create",
    ];
    let csv = home.iron(&one).assert().success();
    let csv = String::from_utf8_lossy(&csv.get_output().stdout).into_owned();
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(csv.starts_with("id,timestamp,"), "{csv}");

    let mine = home.json(&["audit", "me", "--action", "agent.create"]);
    let record = text(&mine, "/data/0/id").to_owned();
    let shown = home.json(&["audit", "get", &record]);
    assert_eq!(text(&shown, "/action"), "agent.create");
    let nobody = ["audit", "list", "--start-date", "2999-01-01"];
    let nothing = home.json(&nobody);
    assert_eq!(nothing.pointer("/data"), Some(&Value::Array(Vec::new())));
    // A bundle is whole or no evidence.
    let bundle = home.path("bundle").display().to_string();
    home.iron(&["audit", "export", &bundle, "--action", "agent.create"])
        .assert()
        .code(2);
    home.iron(&["audit", "export"]).assert().code(2);
}

#[test]
fn users_come_change_and_go() {
    let (home, _server) = signed_in();
    let create = [
        "users",
        "create",
        "--email",
        "ada@example.com",
        "--name",
        "Ada",
        "--role",
        "viewer",
    ];
    assert_eq!(text(&home.json(&create), "/status"), "invited");
    home.iron(&create).assert().code(6);
    home.iron(&[
        "users",
        "create",
        "--email",
        "b@example.com",
        "--name",
        "B",
        "--role",
        "king",
    ])
    .assert()
    .code(2);
    let ada = "ada@example.com";
    home.iron(&["users", "reset-password", ada, "--stdin"])
        .write_stdin("a long enough password\n")
        .assert()
        .success();
    assert_eq!(
        text(&home.json(&["users", "get", ada]), "/status"),
        "active"
    );
    let role = home.json(&["users", "set-role", ada, "developer"]);
    assert_eq!(text(&role, "/role"), "developer");
    let may = home.json(&["users", "permissions", ada]);
    assert_eq!(text(&may, "/scope"), "own");
    let renamed = home.json(&["users", "update", ada, "--name", "Ada L."]);
    assert_eq!(text(&renamed, "/name"), "Ada L.");
    let me = home.json(&["users", "me", "--name", "Root"]);
    assert_eq!(text(&me, "/name"), "Root");

    home.iron(&["users", "suspend", ada, "--reason", "on leave"])
        .assert()
        .code(2);
    let suspend = ["users", "suspend", ada, "--reason", "on leave", "--force"];
    assert_eq!(text(&home.json(&suspend), "/status"), "suspended");
    let active = home.json(&["users", "activate", ada]);
    assert_eq!(text(&active, "/status"), "active");
    // Nobody suspends himself.
    home.iron(&["users", "suspend", EMAIL, "--reason", "a slip", "--force"])
        .assert()
        .code(4);

    home.iron(&["users", "delete", ada]).assert().code(2);
    let deleted = home.json(&["users", "delete", ada, "--reassign-to", EMAIL, "--force"]);
    assert!(deleted.pointer("/deleted_at").is_some(), "{deleted}");
    home.iron(&["users", "get", "nobody@example.com"])
        .assert()
        .code(5);
}

#[test]
fn tenants_and_projects_are_kept_by_name() {
    let (home, _server) = signed_in();
    let create = [
        "tenants",
        "create",
        "--name",
        "Acme",
        "--slug",
        "acme",
        "--admin-email",
        "a@acme.example",
    ];
    assert_eq!(text(&home.json(&create), "/plan"), "free");
    let plan = home.json(&["tenants", "update", "acme", "--plan", "pro"]);
    assert_eq!(text(&plan, "/plan"), "pro");
    // Only a suspended one can be deleted.
    home.iron(&["tenants", "delete", "acme", "--force"])
        .assert()
        .code(6);
    home.iron(&["tenants", "suspend", "acme", "--reason", "unpaid"])
        .assert()
        .code(2);
    let suspend = [
        "tenants", "suspend", "acme", "--reason", "unpaid", "--force",
    ];
    assert_eq!(text(&home.json(&suspend), "/status"), "suspended");
    home.iron(&["tenants", "delete", "acme"]).assert().code(2);
    let marked = home.json(&["tenants", "delete", "acme", "--force"]);
    assert!(!text(&marked, "/deletion_at").is_empty());
    let active = home.json(&["tenants", "activate", "acme"]);
    assert_eq!(active.pointer("/deletion_at"), None, "{active}");
    home.iron(&["tenants", "get", "nowhere"]).assert().code(5);

    let create = ["projects", "create", "--name", "Letters", "--budget", "50"];
    home.iron(&create).assert().success();
    let update = ["projects", "update", "Letters", "--cost-center", "4711"];
    assert_eq!(text(&home.json(&update), "/cost_center"), "4711");
    home.iron(&["projects", "delete", "Letters"])
        .assert()
        .code(2);
    home.iron(&["projects", "delete", "Letters", "--force"])
        .assert()
        .success();
    home.iron(&["projects", "get", "Letters"]).assert().code(5);
}

#[test]
fn sessions_and_tokens_end_when_they_are_told_to() {
    let (home, _server) = signed_in();
    writer(&home);
    let tokens = home.json(&["tokens", "list", "--agent", "writer"]);
    let token = text(&tokens, "/data/0/id").to_owned();
    let rotated = home.json(&["tokens", "rotate", &token, "--grace-hours", "0"]);
    let (from, until) = (
        text(&rotated, "/rotated_at"),
        text(&rotated, "/previous_valid_until"),
    );
    assert_eq!(from, until, "a leaked value does not live on");
    home.iron(&["tokens", "rotate", &token, "--grace-hours", "25"])
        .assert()
        .code(2);

    let made = home.json(&["api-tokens", "create", "--name", "ci"]);
    let made = text(&made, "/id").to_owned();
    assert_eq!(
        text(&home.json(&["api-tokens", "get", &made]), "/name"),
        "ci"
    );
    let all = home.json(&["api-tokens", "list", "--all"]);
    assert_eq!(text(&all, "/data/0/id"), made);

    let sessions = home.json(&["auth", "sessions"]);
    let session = text(&sessions, "/data/0/id").to_owned();
    home.iron(&["auth", "end-session", &session])
        .assert()
        .code(2);
    home.iron(&["auth", "end-session", &session, "--force"])
        .assert()
        .success();
    home.iron(&["agents", "list"]).assert().code(3);
}
