//! `iron tools invoke` and `iron tools available`: calls with the token of an agent.

use std::collections::BTreeMap;
use std::time::Duration;

use iron_primitives::Secret;
use iron_sdk::Client;
use iron_sdk::tool_calls::{AvailableTool, InvokeTool, ToolDecisionWord, ToolInvoked, ToolRunView};
use iron_sdk::tool_calls::{ToolDecided, ToolRunStatus};
use serde_json::Value;

use crate::args::{Invoke, OfAgent};
use crate::commands::guardrails::{read, read_yaml};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

/// Where agents find their token, too.
const VARIABLE: &str = "IRON_CAGE_TOKEN";
/// The longest that a tool may take, and a little for the way.
const MOST_RUN: Duration = Duration::from_secs(330);

pub(super) async fn invoke(asked: Invoke, connection: &Connection, console: Console) -> Outcome {
    let patience = MOST_RUN + Duration::from_secs(asked.wait.unwrap_or_default().into());
    let client = client(&asked.agent, connection, patience)?;
    let body = InvokeTool {
        arguments: arguments(&asked)?,
        conversation_id: asked.conversation,
        execution_id: asked.execution,
        end_user: asked.end_user,
        attributes: attributes(&asked.attribute)?,
        approval_id: asked.approval,
        wait_seconds: asked.wait,
    };
    let key = asked.idempotency_key.as_deref();
    let invoked = client.invoke_tool(&asked.tool, &body, key).await?;
    console.show(&invoked, || told(&invoked))?;
    ended(&invoked)
}

pub(super) async fn available(
    agent: &OfAgent,
    connection: &Connection,
    console: Console,
) -> Outcome {
    let client = client(agent, connection, MOST_RUN)?;
    let tools = client.list_available_tools().await?;
    console.show(&tools, || table(console, &tools.data))
}

fn client(agent: &OfAgent, connection: &Connection, patience: Duration) -> Outcome<Client> {
    let given = match &agent.agent_token_file {
        Some(file) => read(file)?,
        None => std::env::var(VARIABLE).unwrap_or_default(),
    };
    let token = given.trim();
    if token.is_empty() {
        let message = "tools are called by agents, and no token of one is given";
        return Err(
            Failure::new(Exit::Authentication, "AGENT_TOKEN_MISSING", message).hint(format!(
                "set `{VARIABLE}`, or name a file by `--agent-token-file`; `iron tokens create` makes one"
            )),
        );
    }
    let client = Client::with_patience(&connection.server, patience)?;
    Ok(client.with_credential(Secret::new(token.to_owned())))
}

fn arguments(asked: &Invoke) -> Outcome<Option<Value>> {
    let given = match (&asked.arguments, &asked.arguments_file) {
        (Some(text), _) => serde_json::from_str(text)
            .map_err(|error| Failure::usage(format!("`--arguments` is no JSON: {error}")))?,
        (None, Some(file)) => read_yaml(file)?,
        (None, None) => return Ok(None),
    };
    match given {
        Value::Object(_) => Ok(Some(given)),
        _ => Err(Failure::usage(
            "arguments are an object, such as `{\"q\": \"ada\"}`",
        )),
    }
}

fn attributes(given: &[String]) -> Outcome<BTreeMap<String, String>> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Failure::usage(format!(
                "`--attribute {text}` is not of the form NAME=VALUE"
            ))
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    given.iter().map(pair).collect()
}

/// What people read: what the tool gave back, after a line about the call.
fn told(invoked: &ToolInvoked) -> String {
    let decided = &invoked.decided;
    let Some(run) = &invoked.run else {
        let word = decided.decision.as_str();
        let violations = decided.violations.iter();
        let lines = violations.map(|one| format!("\n  {}: {}", one.pointer, one.message));
        return format!("{word}: {}{}", decided.reason, lines.collect::<String>());
    };
    let mut line = format!(
        "{} after {:.1} ms, {}, {}",
        run.status.as_str(),
        run.duration_ms,
        run.cost,
        decided.reason
    );
    if !run.inspected.findings.is_empty() {
        let found = run.inspected.findings.len();
        line.push_str(&format!("; {} by {found} findings", run.inspected.verdict));
    }
    match output(run) {
        Some(output) => format!("{line}\n{output}"),
        None => line,
    }
}

fn output(run: &ToolRunView) -> Option<String> {
    let text = run.inspected.output.as_ref()?.get();
    match serde_json::from_str::<String>(text) {
        Ok(plain) => Some(plain),
        Err(_) => Some(text.to_owned()),
    }
}

/// How the command ends: well only if the tool was run and did what it was asked for.
fn ended(invoked: &ToolInvoked) -> Outcome {
    let Some(run) = &invoked.run else {
        return Err(not_run(&invoked.decided));
    };
    let (code, usual) = match run.status {
        ToolRunStatus::Success => return Ok(()),
        ToolRunStatus::Error => ("TOOL_FAILED", "the tool has failed"),
        ToolRunStatus::Timeout => ("TOOL_TIMEOUT", "the tool has not ended in its time"),
    };
    let message = run.error.clone().unwrap_or_else(|| usual.to_owned());
    Err(Failure::new(Exit::Error, code, message))
}

fn not_run(decided: &ToolDecided) -> Failure {
    let reason = decided.reason.clone();
    match (decided.decision, decided.approval_id) {
        (ToolDecisionWord::ApprovalRequired, Some(approval)) => {
            Failure::new(Exit::Conflict, "APPROVAL_REQUIRED", reason).hint(format!(
                "once somebody has agreed (`iron approvals approve {approval}`), call again with `--approval {approval}`"
            ))
        }
        _ => {
            let code = decided.code.clone();
            let code = code.unwrap_or_else(|| "POLICY_DENIED".to_owned());
            let exit = match code.as_str() {
                "TOOL_UNKNOWN" => Exit::NotFound,
                _ => Exit::Forbidden,
            };
            Failure::new(exit, code, reason)
        }
    }
}

fn table(console: Console, tools: &[AvailableTool]) -> String {
    let rows = tools.iter().map(|one| {
        vec![
            one.name.clone(),
            one.kind.as_str().to_owned(),
            one.access.as_str().to_owned(),
            one.risk_level.as_str().to_owned(),
            one.cost.to_string(),
            one.description.clone(),
        ]
    });
    let headings = ["name", "kind", "access", "risk", "cost", "description"];
    console.table(&headings, rows.collect())
}
