//! Calls of tools on the governed path: decided, paid for, written down before anybody hears of it.

use std::collections::BTreeMap;
use std::time::Duration;

use iron_guard::Verdict;
use iron_policy::{Tool, from_yaml, with_shipped};
use iron_primitives::{AgentId, ApprovalId, Money, Refusal, RequestId, ToolId, Unit};
use iron_runtime::authority::{
    AgentState, Guardrails, RateLimit, RegisteredTool, RulesVersion, ToolRules,
};
use iron_runtime::call::{
    Attribution, Denial, Inspected, Shown, ToolAnswer, ToolRequest, ToolResult, ToolVerdict,
};
use iron_runtime::oversight::Consent;
use iron_runtime::record::tool::{ToolRecord, ToolResultRecord};
use serde_json::json;

use crate::kit::World;

/// A tool as its owner declares it.
pub(crate) fn tool(declared: &serde_json::Value) -> RegisteredTool {
    let tool: Tool = serde_json::from_value(declared.clone()).expect("a tool");
    RegisteredTool {
        id: "tool_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"
            .parse::<ToolId>()
            .expect("an id"),
        tool,
        cost: Money::ZERO,
        rate: RateLimit::default(),
        run: None,
        secret_version: None,
    }
}

pub(crate) fn usual() -> Vec<RegisteredTool> {
    vec![
        tool(
            &json!({ "name": "read_file", "kind": "file", "access": "read",
            "parameters": [{ "name": "path", "kind": "path", "roots": ["/data"] }] }),
        ),
        tool(&json!({ "name": "fetch", "kind": "api", "access": "read",
            "parameters": [{ "name": "url", "kind": "url", "domains": ["*.example.com"] }] })),
        tool(&json!({ "name": "save_note" })),
        tool(&json!({ "name": "post_news", "kind": "api", "access": "write" })),
        tool(
            &json!({ "name": "delete_file", "kind": "file", "risk_level": "high",
            "parameters": [{ "name": "path", "kind": "path", "roots": ["/data"] }] }),
        ),
        tool(&json!({ "name": "github/*", "access": "read" })),
    ]
}

/// An agent with these tools, and what everybody has of policies.
pub(crate) fn equipped(tools: Vec<RegisteredTool>, yaml: &str) -> World {
    let world = World::new(Vec::new());
    give(&world, tools, yaml);
    world
}

/// Gives the agent tools and policies.
pub(crate) fn give(world: &World, tools: Vec<RegisteredTool>, yaml: &str) {
    let own = match yaml {
        "" => Vec::new(),
        yaml => from_yaml(yaml).expect("policies"),
    };
    let policies = with_shipped(&own);
    let version: RulesVersion = ToolRules::version_of(&tools, &policies);
    world.change(|agent| {
        agent.tools = ToolRules {
            version,
            tools: tools.into(),
            policies: policies.into(),
            agent_name: "writer".to_owned(),
            ..ToolRules::default()
        };
    });
    world
        .runtime
        .apply(iron_runtime::authority::Change::Agent(world.path.agent));
}

pub(crate) fn asking(world: &World, tool: &str, arguments: &serde_json::Value) -> ToolRequest {
    ToolRequest {
        id: world.environment.new_id::<RequestId>(),
        edge_id: None,
        tool: tool.to_owned(),
        arguments: arguments.to_string(),
        attributes: BTreeMap::new(),
        execution: None,
        attribution: Attribution::default(),
        approval: None,
        patience: Duration::ZERO,
        origin: Some("203.0.113.9".parse().expect("an address")),
        trace: None,
    }
}

async fn ask(world: &World, request: ToolRequest) -> Result<ToolAnswer, Refusal> {
    let authenticated = world.runtime.authenticate(Some(world.token())).await?;
    world.runtime.authorize_tool(authenticated, request).await
}

async fn asked(world: &World, tool: &str, arguments: &serde_json::Value) -> ToolAnswer {
    let answer = ask(world, asking(world, tool, arguments)).await;
    answer.expect("a decision")
}

pub(crate) fn decision(answer: &ToolAnswer) -> &str {
    match &answer.verdict {
        ToolVerdict::Allow { decision, .. } => decision,
        other => panic!("{other:?}: {}", answer.reason),
    }
}

pub(crate) fn denial(answer: &ToolAnswer) -> Denial {
    match &answer.verdict {
        ToolVerdict::Deny { code, .. } => *code,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn approval(answer: &ToolAnswer) -> ApprovalId {
    match &answer.verdict {
        ToolVerdict::ApprovalRequired { approval, .. } => *approval,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn bring(
    world: &World,
    decision: &str,
    output: Shown,
) -> Result<Inspected, Refusal> {
    let authenticated = world.runtime.authenticate(Some(world.token())).await?;
    let result = ToolResult {
        id: world.environment.new_id(),
        decision: decision.to_owned(),
        status: "success",
        duration: Some(Duration::from_millis(3)),
        output: Some(output),
    };
    world.runtime.take_tool_result(authenticated, result).await
}

#[tokio::test]
async fn an_allowed_call_and_its_result_each_leave_a_record() {
    let world = equipped(usual(), "");
    let answer = asked(&world, "read_file", &json!({ "path": "/data/plan.md" })).await;
    assert_eq!(answer.rules, ["shipped/readers"]);
    let text = Shown::Text("the plan of jane.doe@example.com".to_owned());
    let brought = bring(&world, decision(&answer), text).await.expect("taken");
    assert_eq!(brought.verdict, Verdict::Flag.min(brought.verdict));

    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    let [call] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!(
        (call.tool.as_str(), call.decision.effect.as_str()),
        ("read_file", "allow")
    );
    assert_eq!((call.cost_nanos, call.attempts.len()), (0, 1));
    assert!(call.arguments.is_some() && call.origin.is_some());
    assert!(
        !serde_json::to_string(call)
            .expect("JSON")
            .contains("plan.md")
    );
    let results: Vec<ToolResultRecord> = world.recorded("tool_result").await;
    let [result] = results.as_slice() else {
        panic!("{results:?}")
    };
    assert_eq!(
        (result.call, result.result.status.as_str()),
        (call.call, "success")
    );
    assert!(result.personal && !result.secrets);
    assert_eq!(result.result.output_bytes, 32);
}

#[tokio::test]
async fn what_a_tool_gives_back_goes_on_as_the_guardrails_let_it() {
    let world = equipped(usual(), "");
    let answer = asked(&world, "read_file", &json!({ "path": "/data/keys" })).await;
    let output = json!({ "rows": [{ "key": "AKIAQ3EGRZ7XWV2YF5TN", "n": 7 }] });
    let brought = bring(&world, decision(&answer), Shown::Json(output.to_string())).await;
    let brought = brought.expect("taken");
    assert_eq!(brought.verdict, Verdict::Redact);
    let Some(Shown::Json(output)) = brought.output else {
        panic!("no JSON")
    };
    assert!(
        !output.contains("AKIA") && output.contains("\"n\":7"),
        "{output}"
    );
}

#[tokio::test]
async fn what_no_tool_policy_or_validator_lets_pass_is_denied_and_written_down() {
    let world = equipped(usual(), "");
    let cases = [
        ("format_disk", json!({}), Denial::UnknownTool),
        (
            "read_file",
            json!({ "path": "/data/../etc/passwd" }),
            Denial::Parameter,
        ),
        (
            "read_file",
            json!({ "path": "/etc/passwd" }),
            Denial::Parameter,
        ),
        (
            "fetch",
            json!({ "url": "http://169.254.169.254/latest" }),
            Denial::Parameter,
        ),
    ];
    for (tool, arguments, code) in &cases {
        let answer = asked(&world, tool, arguments).await;
        assert_eq!(denial(&answer), *code, "{tool} {arguments}");
    }
    give(
        &world,
        usual(),
        "- {name: no-notes, effect: deny, match: {tools: [save_*]}}",
    );
    let answer = asked(&world, "save_note", &json!({ "text": "hi" })).await;
    assert_eq!(
        (denial(&answer), answer.rules),
        (Denial::Policy, vec!["no-notes".to_owned()])
    );
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    assert_eq!(calls.len(), cases.len() + 1);
    assert!(
        calls
            .iter()
            .all(|call| call.decision.effect == "deny" && call.attempts.is_empty())
    );
    assert!(
        calls
            .iter()
            .any(|call| call.decision.rules == ["path_traversal"])
    );
}

#[tokio::test]
async fn the_longest_family_of_names_that_fits_is_the_tool() {
    let world = equipped(usual(), "");
    let answer = asked(&world, "github/list_issues", &json!({})).await;
    decision(&answer);
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    assert_eq!(calls[0].tool, "github/list_issues");
}

#[tokio::test]
async fn arguments_that_two_readers_could_read_differently_are_refused() {
    let world = equipped(usual(), "");
    let twice = r#"{"path": "/data/a", "path": "/etc/passwd"}"#;
    let mut request = asking(&world, "read_file", &json!({}));
    request.arguments = twice.to_owned();
    let answer = ask(&world, request).await.expect("a decision");
    assert_eq!(denial(&answer), Denial::Parameter);
    for wrong in ["[]", "nonsense", "{", "\"text\"", "{\"path\": 1e999}"] {
        let mut request = asking(&world, "read_file", &json!({}));
        request.arguments = wrong.to_owned();
        let answer = ask(&world, request).await.expect("a decision");
        assert_eq!(denial(&answer), Denial::Parameter, "{wrong}");
    }
}

#[tokio::test]
async fn a_call_that_needs_people_is_made_once_after_they_agree() {
    let world = equipped(usual(), "");
    let arguments = json!({ "path": "/data/old" });
    let waiting = asked(&world, "delete_file", &arguments).await;
    let id = approval(&waiting);
    assert_eq!(
        approval(&asked(&world, "delete_file", &arguments).await),
        id,
        "asked once"
    );
    world.authority.decide(Consent::Approved);
    // Other arguments need a leave of their own.
    let other = asked(&world, "delete_file", &json!({ "path": "/data/new" })).await;
    assert_ne!(approval(&other), id);
    let mut borrowed = asking(&world, "delete_file", &json!({ "path": "/data/newest" }));
    borrowed.approval = Some(id);
    let refused = ask(&world, borrowed).await.expect("a decision");
    assert_eq!(denial(&refused), Denial::ApprovalExpired);

    decision(&asked(&world, "delete_file", &arguments).await);
    let again = asked(&world, "delete_file", &arguments).await;
    assert_ne!(approval(&again), id, "used up");
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    let allowed: Vec<_> = calls
        .iter()
        .filter(|call| call.decision.effect == "allow")
        .collect();
    assert_eq!(allowed.len(), 1);
    assert_eq!(allowed[0].approval, Some(id));
    assert_eq!(world.wallets.open_holds(), 0);
}

#[tokio::test]
async fn a_call_waits_for_people_and_goes_on_when_they_have_decided() {
    let world = equipped(usual(), "");
    let patient = |path: &str| {
        let mut request = asking(&world, "delete_file", &json!({ "path": path }));
        request.patience = Duration::from_secs(20);
        ask(&world, request)
    };
    let decide = |state| {
        let authority = world.authority.clone();
        async move {
            while authority
                .plane()
                .questions
                .last()
                .is_none_or(|one| one.asked.state != Consent::Pending)
            {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            authority.decide(state);
        }
    };
    let (answer, ()) = tokio::join!(patient("/data/a"), decide(Consent::Approved));
    decision(&answer.expect("a decision"));
    let (answer, ()) = tokio::join!(patient("/data/b"), decide(Consent::Denied));
    assert_eq!(denial(&answer.expect("a decision")), Denial::ApprovalDenied);
    let (answer, ()) = tokio::join!(patient("/data/c"), decide(Consent::Expired));
    assert_eq!(
        denial(&answer.expect("a decision")),
        Denial::ApprovalExpired
    );
}

#[tokio::test]
async fn who_leaves_while_people_think_leaves_a_record_and_uses_up_nothing() {
    let world = equipped(usual(), "");
    let mut request = asking(&world, "delete_file", &json!({ "path": "/data/a" }));
    request.patience = Duration::from_secs(20);
    let people_are_asked = async {
        while world.authority.plane().questions.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        answer = ask(&world, request) => panic!("nobody has decided: {answer:?}"),
        () = people_are_asked => {}
    }
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    let [call] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!(call.decision.effect, "approval_required");
    assert!(!world.authority.plane().questions[0].used);
}

#[tokio::test]
async fn what_was_paused_while_people_thought_is_not_done() {
    let world = equipped(usual(), "");
    let arguments = json!({ "path": "/data/a" });
    approval(&asked(&world, "delete_file", &arguments).await);
    world.authority.decide(Consent::Approved);
    world.change(|agent| agent.agent_state = AgentState::Paused);
    world
        .runtime
        .apply(iron_runtime::authority::Change::Agent(world.path.agent));
    let refused = ask(&world, asking(&world, "delete_file", &arguments)).await;
    assert!(
        matches!(refused, Err(Refusal::AgentNotRunning { .. })),
        "{refused:?}"
    );
    assert!(!world.authority.plane().questions[0].used);
}

#[tokio::test]
async fn a_tool_costs_money_that_the_budget_must_have() {
    let mut dear = tool(&json!({ "name": "lookup", "access": "read" }));
    dear.cost = Money::from_nanos(40);
    let world = equipped(vec![dear], "");
    world.limit_agent(100);
    for _ in 0..2 {
        decision(&asked(&world, "lookup", &json!({})).await);
    }
    let refused = ask(&world, asking(&world, "lookup", &json!({}))).await;
    assert!(matches!(refused, Err(Refusal::Budget(_))), "{refused:?}");
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    let spent: Vec<i64> = calls.iter().map(|call| call.cost_nanos).collect();
    assert_eq!(spent, [40, 40, 0]);
    let held = &calls[0].attempts[0];
    assert_eq!((held.hold.amount_nanos, held.settled_nanos), (40, 40));
    assert!(held.hold.legs.iter().all(|leg| leg.unit == Unit::Usd));
    assert_eq!(calls[2].decision.code.as_deref(), Some("BUDGET_EXCEEDED"));
    assert_eq!(world.wallets.open_holds(), 0);
}

#[tokio::test]
async fn an_agent_uses_a_tool_no_oftener_than_it_may() {
    let mut rare = tool(&json!({ "name": "lookup", "access": "read" }));
    rare.rate.per_hour = Some(2);
    let world = equipped(vec![rare], "");
    for remaining in [1, 0] {
        let answer = asked(&world, "lookup", &json!({})).await;
        assert_eq!(
            answer.rate.map(|standing| standing.remaining),
            Some(remaining)
        );
    }
    let refused = ask(&world, asking(&world, "lookup", &json!({}))).await;
    assert!(
        matches!(refused, Err(Refusal::RateLimited(_))),
        "{refused:?}"
    );
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    let rate = calls[2].rate.expect("limited");
    assert_eq!((rate.limit, rate.remaining), (2, 0));
}

#[tokio::test]
async fn who_has_read_what_strangers_wrote_asks_before_it_writes_outside() {
    let world = equipped(usual(), "");
    let say = json!({ "text": "hello" });
    decision(&asked(&world, "post_news", &say).await);
    decision(
        &asked(
            &world,
            "fetch",
            &json!({ "url": "https://www.example.com/" }),
        )
        .await,
    );
    let answer = asked(&world, "post_news", &say).await;
    assert_eq!(answer.rules, ["shipped/approve-tainted"]);
    approval(&answer);
    // Inside the house it may go on, and so may another conversation.
    decision(&asked(&world, "save_note", &say).await);
    let mut elsewhere = asking(&world, "post_news", &say);
    elsewhere.attribution.conversation = Some("other".to_owned());
    decision(&ask(&world, elsewhere.clone()).await.expect("a decision"));
    // What another instance has seen counts too.
    world.authority.plane().read_elsewhere = Some("third".to_owned());
    elsewhere.attribution.conversation = Some("third".to_owned());
    elsewhere.id = world.environment.new_id();
    approval(&ask(&world, elsewhere).await.expect("a decision"));
}

#[tokio::test]
async fn a_secret_among_the_arguments_is_replaced_or_stops_the_call() {
    let world = equipped(usual(), "");
    let arguments = json!({ "text": "key AKIAQ3EGRZ7XWV2YF5TN" });
    let answer = asked(&world, "save_note", &arguments).await;
    let ToolVerdict::Allow {
        arguments: Some(instead),
        ..
    } = &answer.verdict
    else {
        panic!("{answer:?}")
    };
    assert!(!instead.contains("AKIA"), "{instead}");
    let mut profile = iron_guard::Profile::default();
    profile.secrets.action = iron_guard::Action::Block;
    world.change(|agent| {
        agent.guardrails = Guardrails {
            version: 2,
            profile: std::sync::Arc::new(profile),
            ..Guardrails::default()
        };
    });
    world
        .runtime
        .apply(iron_runtime::authority::Change::Agent(world.path.agent));
    let refused = ask(&world, asking(&world, "save_note", &arguments)).await;
    assert!(
        matches!(refused, Err(Refusal::ContentBlocked(_))),
        "{refused:?}"
    );
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    assert!(calls.iter().all(|call| call.secrets));
    assert_eq!(calls[1].decision.code.as_deref(), Some("CONTENT_BLOCKED"));
}

#[tokio::test]
async fn a_decision_is_good_for_its_agent_and_for_a_day() {
    let world = equipped(usual(), "");
    let answer = asked(&world, "save_note", &json!({})).await;
    let id = decision(&answer).to_owned();
    let text = || Shown::Text("done".to_owned());
    assert!(bring(&world, &id, text()).await.is_ok());
    let mut changed = id.clone().into_bytes();
    let last = changed.len() - 5;
    changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("ASCII");
    for wrong in ["", "decision_", "decision_AAAA", changed.as_str()] {
        let refused = bring(&world, wrong, text()).await;
        assert!(matches!(refused, Err(Refusal::NotFound { .. })), "{wrong}");
    }
    let stranger: AgentId = world.environment.new_id();
    world.change(|agent| agent.path.agent = stranger);
    world
        .runtime
        .apply(iron_runtime::authority::Change::Agent(world.path.agent));
    assert!(bring(&world, &id, text()).await.is_err(), "another agent's");
    let own = world.path.agent;
    world.change(|agent| agent.path.agent = own);
    world
        .runtime
        .apply(iron_runtime::authority::Change::Agent(own));
    assert!(bring(&world, &id, text()).await.is_ok());
    world.clock.advance(Duration::from_secs(24 * 3_600 + 1));
    assert!(bring(&world, &id, text()).await.is_err(), "too old");
}

#[tokio::test]
async fn what_is_too_long_for_a_label_does_not_get_into_the_record() {
    let world = equipped(usual(), "");
    let long = "x".repeat(100_000);
    let mut named = asking(&world, &long, &json!({}));
    let mut labelled = asking(&world, "save_note", &json!({}));
    labelled.attribution.conversation = Some(long.clone());
    let mut attributed = asking(&world, "save_note", &json!({}));
    attributed
        .attributes
        .insert("purpose".to_owned(), long.clone());
    named.execution = Some(long);
    for request in [named, labelled, attributed] {
        let refused = ask(&world, request).await;
        assert!(
            matches!(refused, Err(Refusal::InvalidField { .. })),
            "{refused:?}"
        );
    }
    let calls: Vec<ToolRecord> = world.recorded("tool").await;
    let sizes = calls
        .iter()
        .map(|call| serde_json::to_string(call).expect("JSON").len());
    assert_eq!(sizes.filter(|size| *size < 4_000).count(), 3);
}

#[tokio::test]
async fn where_nobody_can_be_asked_nothing_is_done_that_needs_people() {
    let world = equipped(usual(), "");
    world.authority.plane().asks_nobody = true;
    decision(&asked(&world, "save_note", &json!({})).await);
    for tool in ["delete_file", "post_news"] {
        let refused = ask(&world, asking(&world, tool, &json!({ "path": "/data/a" }))).await;
        assert!(
            matches!(refused, Err(Refusal::AuthorityUnavailable)),
            "{tool} {refused:?}"
        );
    }
}

#[tokio::test]
async fn an_agent_is_told_of_the_tools_that_it_may_call_and_of_no_others() {
    let world = equipped(
        usual(),
        "- {name: no-notes, effect: deny, match: {tools: [save_*]}}",
    );
    let authenticated = world.runtime.authenticate(Some(world.token())).await;
    let authenticated = authenticated.expect("good");
    let told = world.runtime.tools(&authenticated).expect("usable");
    let told: Vec<&str> = told.iter().map(|one| one.tool.name.as_str()).collect();
    assert_eq!(
        told,
        ["delete_file", "fetch", "github/*", "post_news", "read_file"]
    );
    let note = asked(&world, "save_note", &json!({ "text": "hi" })).await;
    assert_eq!(denial(&note), Denial::Policy);
    let removal = asked(&world, "delete_file", &json!({ "path": "/data/a" })).await;
    let _asked = approval(&removal);
}
