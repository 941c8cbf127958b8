//! `iron policies`.

use std::path::Path;

use iron_policy::Tool;
use iron_primitives::PolicyId;
use iron_sdk::Client;
use iron_sdk::lists::PageQuery;
use iron_sdk::policies::{
    CreatePolicy, PoliciesSimulated, PolicyDecision, PolicyDiff, PolicyDiffQuery, PolicyQuery,
    PolicyText, PolicyVersionView, PolicyView, RecentCalls, RollbackPolicy, SimulatePolicies,
    SwitchPolicy, UpdatePolicy,
};
use iron_sdk::tools::CreateTool;
use serde_json::{Value, json};

use super::guardrails::{read, read_many, read_yaml};
use super::resolve;
use crate::args::Policies;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) async fn run(verb: Policies, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Policies::List { built_in: true, .. } => {
            let list = client.list_built_in_policies().await?;
            console.show(&list, || built_in(console, &list.data))
        }
        Policies::List {
            name,
            kind,
            effect,
            paging,
            ..
        } => {
            let query = PolicyQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                name,
                kind,
                effect,
                ..PolicyQuery::default()
            };
            let list = client.list_policies(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Policies::Get { policy } => {
            let id = find(&client, &policy).await?;
            let view = client.get_policy(id).await?;
            console.show(&view, || facts(console, &view))
        }
        Policies::Create { file, scope } => {
            let mut bodies: Vec<CreatePolicy> = read_many(&file)?;
            for body in &mut bodies {
                body.scope = body.scope.or(scope);
            }
            create(&client, &bodies, console).await
        }
        Policies::Update {
            policy,
            file,
            scope,
        } => {
            let id = find(&client, &policy).await?;
            let mut change: UpdatePolicy = match &file {
                Some(file) => read_yaml(file)?,
                None => UpdatePolicy::default(),
            };
            change.scope = scope.or(change.scope);
            let view = client.update_policy(id, &change).await?;
            console.show(&view, || facts(console, &view))
        }
        Policies::Delete { policy, force } => {
            let id = find(&client, &policy).await?;
            console.confirm(&format!("delete the policy `{policy}`?"), force)?;
            let gone = client.delete_policy(id).await?;
            console.show(&gone, || format!("deleted {}", gone.id))
        }
        Policies::Enable { policy } => switch(&client, &policy, true, console).await,
        Policies::Disable { policy } => switch(&client, &policy, false, console).await,
        past => history(past, &client, console).await,
    }
}

/// The verbs about what a policy has said.
async fn history(verb: Policies, client: &Client, console: Console) -> Outcome {
    match verb {
        Policies::Versions { policy, paging } => {
            let id = find(client, &policy).await?;
            let query = PageQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
            };
            let list = client.list_policy_versions(id, &query).await?;
            console.show(&list, || versions(console, &list.data))
        }
        Policies::Diff { policy, from, to } => {
            let id = find(client, &policy).await?;
            let diff = client
                .diff_policy(id, &PolicyDiffQuery { from, to })
                .await?;
            console.show(&diff, || differences(console, &diff))
        }
        Policies::Rollback { policy, to } => {
            let id = find(client, &policy).await?;
            let body = RollbackPolicy { version: to };
            let view = client.rollback_policy(id, &body).await?;
            console.show(&view, || facts(console, &view))
        }
        Policies::Simulate {
            file,
            without,
            calls,
            recent,
            agent,
        } => {
            let agent_id = match &agent {
                None => None,
                Some(agent) => Some(resolve::agent(client, agent).await?),
            };
            let body = SimulatePolicies {
                policies: match &file {
                    Some(file) => read_many(file)?,
                    None => Vec::new(),
                },
                without,
                calls: match &calls {
                    Some(calls) => read_many(calls)?,
                    None => Vec::new(),
                },
                recent: recent.map(|count| RecentCalls { count, agent_id }),
            };
            let told = client.simulate_policies(&body).await?;
            console.show(&told, || simulated(console, &told))
        }
        Policies::Check { file, tools } => check(&file, tools.as_deref(), console),
        _ => Ok(()),
    }
}

/// Stores the policies of a file one after the other. What came before one that is refused stays.
async fn create(client: &Client, bodies: &[CreatePolicy], console: Console) -> Outcome {
    let mut made = Vec::new();
    for body in bodies {
        made.push(client.create_policy(body).await?);
    }
    match made.as_slice() {
        [one] => console.show(one, || facts(console, one)),
        all => console.show(&all, || table(console, all)),
    }
}

/// Switches a policy of the tenant, else one that is built in.
async fn switch(client: &Client, name: &str, enabled: bool, console: Console) -> Outcome {
    if let Some(id) = named(client, name).await? {
        let change = UpdatePolicy {
            enabled: Some(enabled),
            ..UpdatePolicy::default()
        };
        let view = client.update_policy(id, &change).await?;
        return console.show(&view, || facts(console, &view));
    }
    let body = SwitchPolicy { enabled };
    let text = client.switch_built_in_policy(name, &body).await?;
    console.show(&text, || console.facts(&said(&text)))
}

/// Tries the policies of a file at their examples, without a server.
pub(super) fn check(file: &Path, tools: Option<&Path>, console: Console) -> Outcome {
    let text = read(file)?;
    let policies = iron_policy::from_yaml(&text).map_err(|error| {
        let message = format!("`{}`: {error}", file.display());
        Failure::usage(message)
    })?;
    let tools = tools.map(declared).transpose()?.unwrap_or_default();
    if let Err(error) = iron_policy::check_examples(&policies, &tools) {
        let failure = Failure::new(Exit::Problems, "POLICY_INVALID", error.to_string());
        return Err(failure);
    }
    let examples = policies.iter().map(|policy| &policy.examples);
    let examples: usize = examples
        .map(|examples| examples.matches.len() + examples.passes.len())
        .sum();
    let report = json!({"policies": policies.len(), "examples": examples});
    console.show(&report, || {
        let count = policies.len();
        format!("{count} policies can be used, and {examples} examples hold")
    })
}

/// What the tools of a file declare.
fn declared(file: &Path) -> Outcome<Vec<Tool>> {
    let bodies: Vec<CreateTool> = read_many(file)?;
    let tool = |body: CreateTool| {
        let mut value = serde_json::to_value(body).map_err(anyhow::Error::from)?;
        if let Some(fields) = value.as_object_mut() {
            for besides in ["rate_limit", "cost", "run", "secret", "enabled"] {
                fields.shift_remove(besides);
            }
        }
        let read = serde_json::from_value(value);
        read.map_err(|error| Failure::usage(format!("`{}`: {error}", file.display())))
    };
    bodies.into_iter().map(tool).collect()
}

/// The policy of this id or exactly this name.
async fn find(client: &Client, text: &str) -> Outcome<PolicyId> {
    named(client, text).await?.ok_or_else(|| {
        let message = format!("no policy has the id or name `{text}`");
        let failure = Failure::new(Exit::NotFound, "RESOURCE_NOT_FOUND", message);
        failure.hint("`iron policies list` shows what there is")
    })
}

async fn named(client: &Client, text: &str) -> Outcome<Option<PolicyId>> {
    if let Ok(id) = text.parse() {
        return Ok(Some(id));
    }
    let query = PolicyQuery {
        name: Some(text.to_owned()),
        per_page: Some(100),
        ..PolicyQuery::default()
    };
    let found = client.list_policies(&query).await?.data;
    let mut found = found.iter().filter(|one| one.policy.name == text);
    Ok(found.next().map(|one| one.id))
}

fn table(console: Console, policies: &[PolicyView]) -> String {
    let rows = policies.iter().map(|one| {
        vec![
            one.id.to_string(),
            one.policy.name.clone(),
            one.policy.kind.to_string(),
            one.policy.effect.to_string(),
            one.scope.to_string(),
            one.version.to_string(),
            yes_or_no(one.policy.enabled),
        ]
    });
    let headings = [
        "id", "name", "kind", "effect", "scope", "version", "enabled",
    ];
    console.table(&headings, rows.collect())
}

fn built_in(console: Console, policies: &[PolicyText]) -> String {
    let rows = policies.iter().map(|one| {
        vec![
            one.name.clone(),
            one.kind.to_string(),
            one.effect.to_string(),
            yes_or_no(one.enabled),
            one.description.clone(),
        ]
    });
    let headings = ["name", "kind", "effect", "enabled", "description"];
    console.table(&headings, rows.collect())
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

fn facts(console: Console, policy: &PolicyView) -> String {
    let mut lines = vec![
        ("id", policy.id.to_string()),
        ("scope", policy.scope.to_string()),
        ("version", policy.version.to_string()),
    ];
    lines.extend(said(&policy.policy));
    console.facts(&lines)
}

/// What a policy says, one line for each of its parts.
fn said(policy: &PolicyText) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("name", policy.name.clone()),
        ("kind", policy.kind.to_string()),
        ("effect", policy.effect.to_string()),
        ("enabled", policy.enabled.to_string()),
    ];
    if !policy.description.is_empty() {
        lines.push(("description", policy.description.clone()));
    }
    let parts = [
        ("match", serde_json::to_value(&policy.matches)),
        ("conditions", serde_json::to_value(&policy.conditions)),
        ("approval", serde_json::to_value(&policy.approval)),
        ("examples", serde_json::to_value(&policy.examples)),
    ];
    for (name, value) in parts {
        if let Some(value) = value.ok().filter(|value| !value.is_null()) {
            lines.push((name, value.to_string()));
        }
    }
    if let Some(cedar) = &policy.cedar {
        lines.push(("cedar", cedar.clone()));
    }
    lines
}

fn versions(console: Console, versions: &[PolicyVersionView]) -> String {
    let rows = versions.iter().map(|one| {
        vec![
            one.version.to_string(),
            one.policy.effect.to_string(),
            yes_or_no(one.policy.enabled),
            one.changed_by.to_string(),
            one.created_at.to_string(),
        ]
    });
    let headings = ["version", "effect", "enabled", "by", "since"];
    console.table(&headings, rows.collect())
}

fn simulated(console: Console, told: &PoliciesSimulated) -> String {
    let said = |decision: &PolicyDecision| format!("{}: {}", decision.effect, decision.reason);
    let rows = told
        .samples
        .iter()
        .map(|one| vec![one.call.0.to_string(), said(&one.before), said(&one.after)]);
    let samples = console.table_below(&["call", "now", "then"], rows.collect());
    let (changed, calls) = (told.changed, told.calls);
    let skipped = match told.skipped {
        0 => String::new(),
        skipped => format!(" ({skipped} more could not be tried)"),
    };
    format!("something else would be said to {changed} of {calls} calls{skipped}\n{samples}")
}

fn differences(console: Console, diff: &PolicyDiff) -> String {
    if diff.changes.is_empty() {
        return format!("versions {} and {} say the same", diff.from, diff.to);
    }
    let shown = |value: &Option<Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    let rows = diff
        .changes
        .iter()
        .map(|one| vec![one.field.clone(), shown(&one.before), shown(&one.after)]);
    let (from, to) = (
        format!("version {}", diff.from),
        format!("version {}", diff.to),
    );
    console.table(&["field", &from, &to], rows.collect())
}
