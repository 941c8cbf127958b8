//! `iron tools`.

mod calls;
mod invoke;

use std::path::Path;

use iron_primitives::ToolId;
use iron_sdk::tools::{CreateTool, ToolQuery, ToolRateLimit, ToolView, UpdateTool};
use iron_sdk::{Client, SecretText};
use serde_json::Value;

use super::guardrails::{read, read_many, read_yaml};
use super::resolve::only;
use crate::args::Tools;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Tools, connection: &Connection, console: Console) -> Outcome {
    match verb {
        Tools::Available(agent) => invoke::available(&agent, connection, console).await,
        Tools::Invoke(asked) => invoke::invoke(*asked, connection, console).await,
        verb => manage(verb, &connection.client().await?, console).await,
    }
}

/// What people do in their own name.
async fn manage(verb: Tools, client: &Client, console: Console) -> Outcome {
    match verb {
        Tools::Available(_) | Tools::Invoke(_) => Ok(()),
        Tools::List {
            name,
            kind,
            risk,
            enabled,
            paging,
        } => {
            let query = ToolQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                sort: None,
                name,
                kind,
                risk_level: risk,
                enabled,
            };
            let list = client.list_tools(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Tools::Calls { .. } => calls::run(verb, client, console).await,
        Tools::Get { tool } => {
            let id = find(client, &tool).await?;
            let view = client.get_tool(id).await?;
            console.show(&view, || facts(console, &view))
        }
        Tools::Create { file, secret_file } => {
            create(client, &file, secret_file.as_deref(), console).await
        }
        Tools::Update {
            tool,
            file,
            secret_file,
            enabled,
        } => {
            let id = find(client, &tool).await?;
            let mut change: UpdateTool = match &file {
                Some(file) => read_yaml(file)?,
                None => UpdateTool::default(),
            };
            change.secret = secret(secret_file.as_deref())?.or(change.secret);
            change.enabled = enabled.or(change.enabled);
            let view = client.update_tool(id, &change).await?;
            console.show(&view, || facts(console, &view))
        }
        Tools::Delete { tool, force } => {
            let id = find(client, &tool).await?;
            console.confirm(&format!("remove the tool `{tool}`?"), force)?;
            let gone = client.delete_tool(id).await?;
            console.show(&gone, || format!("removed {}", gone.id))
        }
    }
}

/// Registers the tools of a file one after the other. What came before one that is refused stays.
async fn create(
    client: &Client,
    file: &Path,
    secret_file: Option<&Path>,
    console: Console,
) -> Outcome {
    let mut bodies: Vec<CreateTool> = read_many(file)?;
    match (secret(secret_file)?, bodies.as_mut_slice()) {
        (None, _) => {}
        (given, [one]) => one.secret = given,
        (Some(_), _) => {
            let message = "`--secret-file` is for a file with one tool";
            return Err(Failure::usage(message));
        }
    }
    let mut made = Vec::new();
    for body in &bodies {
        made.push(client.create_tool(body).await?);
    }
    match made.as_slice() {
        [one] => console.show(one, || facts(console, one)),
        all => console.show(&all, || table(console, all)),
    }
}

/// The secret in a file, without the end of its line.
fn secret(file: Option<&Path>) -> Outcome<Option<SecretText>> {
    let Some(file) = file else { return Ok(None) };
    let text = read(file)?;
    let text = text.trim_end_matches(['\r', '\n']);
    Ok(Some(iron_primitives::Secret::new(text.to_owned()).into()))
}

/// The tool of this id or exactly this name.
async fn find(client: &Client, text: &str) -> Outcome<ToolId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let query = ToolQuery {
        name: Some(text.to_owned()),
        per_page: Some(100),
        ..ToolQuery::default()
    };
    let found = client.list_tools(&query).await?.data;
    let named = found.iter().filter(|tool| tool.name == text);
    only(text, "tool", named.map(|tool| tool.id))
}

fn table(console: Console, tools: &[ToolView]) -> String {
    let rows = tools.iter().map(|one| {
        vec![
            one.id.to_string(),
            one.name.clone(),
            one.kind.to_string(),
            one.risk_level.to_string(),
            one.access.to_string(),
            one.cost.to_string(),
            if one.enabled { "yes" } else { "no" }.to_owned(),
        ]
    });
    let headings = ["id", "name", "kind", "risk", "access", "cost", "enabled"];
    console.table(&headings, rows.collect())
}

fn facts(console: Console, tool: &ToolView) -> String {
    let json = |value: Result<Value, serde_json::Error>| match value {
        Ok(value) => value.to_string(),
        Err(_) => "-".to_owned(),
    };
    let mut lines = vec![
        ("id", tool.id.to_string()),
        ("name", tool.name.clone()),
        ("kind", tool.kind.to_string()),
        ("risk level", tool.risk_level.to_string()),
        ("access", tool.access.to_string()),
        ("external", tool.external.to_string()),
        ("untrusted output", tool.untrusted_output.to_string()),
        ("rate limit", rates(tool.rate_limit)),
        ("cost", tool.cost.to_string()),
        ("enabled", tool.enabled.to_string()),
        ("owner", tool.owner_id.to_string()),
    ];
    if !tool.description.is_empty() {
        lines.push(("description", tool.description.clone()));
    }
    if let Some(schema) = &tool.schema {
        lines.push(("schema", schema.to_string()));
    }
    lines.push(("parameters", json(serde_json::to_value(&tool.parameters))));
    if let Some(run) = &tool.run {
        lines.push(("run", json(serde_json::to_value(run))));
    }
    if let Some(secret) = &tool.secret {
        lines.push(("secret", secret.clone()));
    }
    console.facts(&lines)
}

fn rates(limit: ToolRateLimit) -> String {
    let all = [
        (limit.per_minute, "minute"),
        (limit.per_hour, "hour"),
        (limit.per_day, "day"),
    ];
    let said = |(limit, unit): (Option<u32>, &str)| Some(format!("{} a {unit}", limit?));
    let said: Vec<String> = all.into_iter().filter_map(said).collect();
    match said.is_empty() {
        true => "none".to_owned(),
        false => said.join(", "),
    }
}
