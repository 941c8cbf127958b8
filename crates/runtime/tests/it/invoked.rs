//! Calls of tools that are run here: decided like any other, sent where they were registered, and what
//! comes back looked at.

mod server;

use std::time::Duration;

use iron_guard::Verdict;
use iron_primitives::{Money, Refusal};
use iron_runtime::Config;
use iron_runtime::authority::{RegisteredTool, Run};
use iron_runtime::call::{
    AbandonedCall, Denial, Invoked, RunStatus, Shown, ToolRequest, ToolRun, ToolVerdict,
};
use iron_runtime::record::tool::{ToolMode, ToolRecord, ToolResultRecord};
use serde_json::{Value, json};

use crate::kit::World;
use crate::tools::{asking, bring, decision, denial, equipped, give, tool};
use server::ToolServer;

const SECRET: &str = "crm-7f3a9c1e55";

/// A tool that reads, over HTTP.
fn over_http(run: Value) -> RegisteredTool {
    let mut run = run;
    run["type"] = json!("http");
    RegisteredTool {
        run: Some(serde_json::from_value::<Run>(run).expect("a run")),
        cost: Money::from_nanos(2_000),
        ..tool(&json!({ "name": "crm/find", "kind": "custom", "access": "read" }))
    }
}

fn at(url: &str) -> RegisteredTool {
    over_http(json!({ "method": "GET", "url": url, "timeout_seconds": 1 }))
}

async fn send(world: &World, request: ToolRequest) -> Result<Invoked, Refusal> {
    let authenticated = world.runtime.authenticate(Some(world.token())).await?;
    world.runtime.invoke_tool(authenticated, request).await
}

async fn invoked(world: &World, arguments: &Value) -> Invoked {
    let request = asking(world, "crm/find", arguments);
    send(world, request).await.expect("an answer")
}

async fn run_of(world: &World, arguments: &Value) -> ToolRun {
    let invoked = invoked(world, arguments).await;
    let reason = invoked.answer.reason;
    invoked.run.unwrap_or_else(|| panic!("{reason}"))
}

fn json_of(run: &ToolRun) -> Value {
    match &run.inspected.output {
        Some(Shown::Json(text)) => serde_json::from_str(text).expect("JSON"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tool_is_run_with_a_key_that_nobody_sees() {
    let server = ToolServer::start().await;
    let run = json!({ "method": "GET", "url": server.url("/v1/{kind}/find?q={q}"),
        "headers": { "Authorization": "Bearer {secret}", "X-Version": "3" } });
    let registered = RegisteredTool {
        secret_version: Some(4),
        ..over_http(run)
    };
    let id = registered.id;
    let world = equipped(vec![registered], "");
    world.authority.plane().tool_secret = Some((SECRET.to_owned(), 4));
    let arguments = json!({ "kind": "people", "q": "a&b", "page": 2 });
    let ran = run_of(&world, &arguments).await;
    assert_eq!(
        (ran.status, ran.http_status, ran.cost),
        (RunStatus::Success, Some(200), Money::from_nanos(2_000))
    );
    let seen = server.seen();
    assert!(
        seen[0].starts_with("GET /v1/people/find?q=a%26b&page=2 HTTP/1.1\r\n"),
        "{seen:?}"
    );
    assert!(
        seen[0].contains(&format!("authorization: Bearer {SECRET}")),
        "{seen:?}"
    );
    let told = json_of(&ran).to_string();
    assert!(
        told.contains("Bearer ***") && !told.contains(SECRET),
        "{told}"
    );

    // By its id as well.
    let by_id = asking(&world, &id.to_string(), &arguments);
    send(&world, by_id)
        .await
        .expect("an answer")
        .run
        .expect("a run");
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    let results: Vec<ToolResultRecord> = world.recorded("tool_result").await;
    assert_eq!(
        (calls.len(), results.len(), world.wallets.open_holds()),
        (2, 2, 0)
    );
    for (call, result) in calls.iter().zip(&results) {
        assert_eq!(
            (call.mode, call.tool.as_str(), call.cost_nanos),
            (ToolMode::Server, "crm/find", 2_000)
        );
        assert_eq!(
            (result.call, result.result.status.as_str()),
            (call.call, "success")
        );
        assert!(result.result.duration_us.is_some() && result.result.output_bytes > 0);
        let written = serde_json::to_string(&(call, result)).expect("JSON");
        assert!(!written.contains(SECRET) && !written.contains(&server.address.to_string()));
    }
}

#[tokio::test]
async fn nobody_else_brings_the_result_of_a_tool_that_was_run_here() {
    let server = ToolServer::start().await;
    let world = equipped(vec![at(&server.url("/"))], "");
    let came = invoked(&world, &json!({})).await;
    let refused = bring(
        &world,
        decision(&came.answer),
        Shown::Text("all well".to_owned()),
    );
    let refused = refused.await.expect_err("it was brought");
    assert!(matches!(refused, Refusal::NotFound { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_secret_goes_only_where_its_own_version_of_the_tool_sends_it() {
    let server = ToolServer::start().await;
    let run = json!({ "method": "GET", "url": server.url("/"), "headers": { "Authorization": "{secret}" } });
    let world = equipped(
        vec![RegisteredTool {
            secret_version: Some(1),
            ..over_http(run)
        }],
        "",
    );
    world.authority.plane().tool_secret = Some((SECRET.to_owned(), 2));
    let refused = send(&world, asking(&world, "crm/find", &json!({}))).await;
    assert_eq!(
        refused.map(|invoked| invoked.run),
        Err(Refusal::AuthorityUnavailable)
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn arguments_that_the_address_does_not_name_are_the_body() {
    let server = ToolServer::start().await;
    let run = json!({ "method": "POST", "url": server.url("/people/{id}") });
    let world = equipped(vec![over_http(run)], "");
    let text = "line\r\nX-Admin: 1";
    run_of(&world, &json!({ "id": 7, "note": { "text": text } })).await;
    let seen = server.seen();
    let (head, body) = seen[0].split_once("\r\n\r\n").expect("a body");
    assert!(
        head.starts_with("POST /people/7 HTTP/1.1") && !head.contains("X-Admin"),
        "{head}"
    );
    assert!(head.contains("content-type: application/json"), "{head}");
    assert_eq!(
        serde_json::from_str::<Value>(body).expect("JSON"),
        json!({ "note": { "text": text } })
    );
}

#[tokio::test]
async fn an_argument_that_would_leave_its_place_is_denied_before_it_costs_anything() {
    let server = ToolServer::start().await;
    let world = equipped(vec![at(&server.url("/users/{id}/notes"))], "");
    for hostile in [
        "..",
        "../admin",
        "%2e%2e%2fadmin",
        "..;/x",
        "a\r\nHost: evil",
        "",
    ] {
        let answer = invoked(&world, &json!({ "id": hostile })).await.answer;
        assert_eq!(denial(&answer), Denial::Parameter, "{hostile:?}");
    }
    assert!(server.seen().is_empty());
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    assert!(
        calls
            .iter()
            .all(|call| call.attempts.is_empty() && call.cost_nanos == 0)
    );
}

#[tokio::test]
async fn what_lies_inside_the_network_is_out_of_reach() {
    let server = ToolServer::start().await;
    let port = server.address.port();
    let world = equipped(Vec::new(), "");
    for host in [
        "localhost",
        "LocalHost.",
        "x.localhost",
        "127.0.0.2",
        "127.1",
        "0x7f.0.0.1",
        "2130706433",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "10.0.0.1",
        "[fd00::1]",
        "[64:ff9b::a9fe:a9fe]",
    ] {
        give(
            &world,
            vec![at(&format!("http://{host}:{port}/latest"))],
            "",
        );
        let refused = send(&world, asking(&world, "crm/find", &json!({}))).await;
        match refused {
            Err(Refusal::InvalidField { field, .. }) => assert_eq!(field, "tool", "{host}"),
            other => panic!("{host}: {other:?}"),
        }
    }
    assert!(server.seen().is_empty());
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    assert!(!calls.is_empty() && calls.iter().all(|call| call.cost_nanos == 0));
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_inspected() {
    let server = ToolServer::start().await;
    let world = equipped(Vec::new(), "");
    let cases = [
        (
            "/missing",
            RunStatus::Error,
            Some(404),
            "answered with an error",
        ),
        (
            "/moved",
            RunStatus::Error,
            Some(302),
            "redirects are not followed",
        ),
        ("/png", RunStatus::Error, Some(200), "`image/png`"),
        (
            "/huge",
            RunStatus::Error,
            Some(200),
            "larger than 1048576 bytes",
        ),
        ("/broken", RunStatus::Error, None, "ended without an answer"),
        ("/slow", RunStatus::Timeout, None, "longer than 1 s"),
        ("/trickle", RunStatus::Timeout, None, "longer than 1 s"),
    ];
    for (path, status, http_status, problem) in cases {
        give(&world, vec![at(&server.url(path))], "");
        let ran = run_of(&world, &json!({})).await;
        assert_eq!(
            (ran.status, ran.http_status),
            (status, http_status),
            "{path}: {ran:?}"
        );
        let error = ran.error.unwrap_or_default();
        assert!(
            error.contains(problem) && !error.contains("127.0.0.1"),
            "{path}: {error}"
        );
        if let Some(Shown::Text(text)) = ran.inspected.output {
            assert!(!text.contains("AKIA"), "{path}: {text}");
        }
    }
    assert_eq!(
        server.seen().len(),
        7,
        "no redirect was followed, nothing was sent twice"
    );
    give(&world, vec![at(&server.url("/keys"))], "");
    let ran = run_of(&world, &json!({})).await;
    assert_eq!(ran.inspected.verdict, Verdict::Redact);
    assert_eq!(json_of(&ran)["n"], 7);
    let results: Vec<ToolResultRecord> = world.recorded("tool_result").await;
    let told: Vec<_> = results
        .iter()
        .map(|one| one.result.status.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "error", "error", "error", "error", "error", "timeout", "timeout", "success"
        ]
    );
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_left_alone_for_a_while() {
    let server = ToolServer::start().await;
    let world = equipped(vec![at(&server.url("/down"))], "");
    for _ in 0..5 {
        assert_eq!(run_of(&world, &json!({})).await.http_status, Some(503));
    }
    let refused = send(&world, asking(&world, "crm/find", &json!({}))).await;
    let reopens_at = world.environment.now().plus(Duration::from_secs(30));
    assert_eq!(
        refused.map(|one| one.run),
        Err(Refusal::ToolUnavailable { reopens_at })
    );
    assert_eq!(server.seen().len(), 5);
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    let last = calls.last().expect("a record");
    assert_eq!(
        (last.decision.code.as_deref(), last.cost_nanos),
        (Some("CIRCUIT_OPEN"), 0)
    );

    world.clock.advance(Duration::from_secs(31));
    give(&world, vec![at(&server.url("/echo"))], "");
    assert_eq!(run_of(&world, &json!({})).await.status, RunStatus::Success);
    assert_eq!(run_of(&world, &json!({})).await.status, RunStatus::Success);
}

#[tokio::test]
async fn a_caller_that_leaves_ends_the_run_and_the_record_says_so() {
    let server = ToolServer::start().await;
    let run = json!({ "method": "POST", "url": server.url("/slow") });
    let world = equipped(vec![over_http(run)], "");
    let request = asking(&world, "crm/find", &json!({}));
    let sent = async {
        while server.seen().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::select! {
        answer = send(&world, request) => panic!("the tool is slow: {answer:?}"),
        () = sent => {}
    }
    let results: Vec<ToolResultRecord> = world.recorded("tool_result").await;
    assert_eq!(results[0].result.status, "cancelled");
    assert_eq!((server.seen().len(), world.wallets.open_holds()), (1, 0));
}

#[tokio::test]
async fn a_tool_that_its_agent_runs_is_not_run_here() {
    let world = equipped(
        vec![tool(&json!({ "name": "crm/find", "access": "read" }))],
        "",
    );
    match send(&world, asking(&world, "crm/find", &json!({}))).await {
        Err(Refusal::InvalidField { problem, .. }) => assert!(problem.contains("/tools/authorize")),
        other => panic!("{other:?}"),
    }
    let unknown = send(&world, asking(&world, "crm/lose", &json!({})))
        .await
        .expect("an answer");
    assert_eq!(denial(&unknown.answer), Denial::UnknownTool);
}

#[tokio::test]
async fn what_policies_and_people_do_not_allow_is_not_sent() {
    let server = ToolServer::start().await;
    let yaml = "- {name: ask, effect: require_approval, match: {tools: ['crm/*']}}";
    let world = equipped(vec![at(&server.url("/echo"))], yaml);
    let waiting = invoked(&world, &json!({})).await;
    assert!(
        matches!(waiting.answer.verdict, ToolVerdict::ApprovalRequired { .. })
            && waiting.run.is_none()
    );
    assert!(server.seen().is_empty());
    world
        .authority
        .decide(iron_runtime::oversight::Consent::Approved);
    assert_eq!(run_of(&world, &json!({})).await.status, RunStatus::Success);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_agent_without_money_has_nothing_run() {
    let server = ToolServer::start().await;
    let world = World::with(Vec::new(), Config::default());
    give(&world, vec![at(&server.url("/echo"))], "");
    world.limit_agent(3_000);
    assert_eq!(run_of(&world, &json!({})).await.status, RunStatus::Success);
    let refused = send(&world, asking(&world, "crm/find", &json!({}))).await;
    assert!(matches!(refused, Err(Refusal::Budget(_))), "{refused:?}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_call_without_a_result_is_given_up_in_a_record_of_its_own() {
    let world = equipped(
        vec![tool(&json!({ "name": "crm/find", "access": "read" }))],
        "",
    );
    let authenticated = world.runtime.authenticate(Some(world.token())).await;
    let request = asking(&world, "crm/find", &json!({}));
    let call = request.id;
    let authenticated = authenticated.expect("known");
    world
        .runtime
        .authorize_tool(authenticated, request)
        .await
        .expect("allowed");
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    let abandoned = AbandonedCall {
        tenant: world.path.tenant,
        call,
        agent: world.path.agent,
        project: world.path.project,
        team: None,
        user: world.path.user,
        token: calls[0].token,
        tool: "crm/find".to_owned(),
    };
    world
        .runtime
        .abandon_tool_call(abandoned)
        .expect("written down");
    let results: Vec<ToolResultRecord> = world.recorded("tool_result").await;
    assert_eq!(
        (results[0].call, results[0].result.status.as_str()),
        (call, "abandoned")
    );
    assert_eq!(world.wallets.open_holds(), 0);
}
