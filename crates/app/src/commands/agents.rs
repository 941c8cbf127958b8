//! `iron agents`.

use iron_primitives::AgentId;
use iron_sdk::Client;
use iron_sdk::agents::{
    AgentAction, AgentQuery, AgentView, AssignProviders, AssignedProviders, CreateAgent, StopAgent,
    UpdateAgent,
};
use serde_json::{Map, Value, json};

use super::guardrails;
use super::periods::{self, period_of};
use super::resolve::{self, parse};
use super::routing;
use crate::args::{self, ActOnAgent, Agents};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

const AMOUNT: &str = "an amount in dollars such as `5` or `12.50`";

pub(super) async fn run(verb: Agents, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Agents::List { name, team, paging } => {
            let (page, per_page) = (Some(paging.page), Some(paging.per_page));
            let query = AgentQuery {
                name,
                team_id: match team {
                    Some(team) => Some(resolve::team(&client, &team).await?),
                    None => None,
                },
                page,
                per_page,
                ..AgentQuery::default()
            };
            let list = client.list_agents(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Agents::Get { agent } => {
            let id = resolve::agent(&client, &agent).await?;
            let view = client.get_agent(id).await?;
            console.show(&view, || facts(console, &view))
        }
        Agents::Create(arguments) => create(&client, arguments, console).await,
        Agents::Update {
            agent,
            name,
            description,
            budget,
            period,
            allowed_models,
            team,
            guardrail_profile,
            routing,
        } => {
            let budget = budget.map(|text| parse(&text, AMOUNT)).transpose()?;
            let (period, schedule) = period_of(period)?;
            let description = description.map(Some);
            let mut settings = settings(allowed_models);
            if let Some(profile) = guardrail_profile {
                let named = match profile.as_str() {
                    "none" => Value::Null,
                    name => json!(guardrails::profile(&client, name).await?),
                };
                settings
                    .get_or_insert_default()
                    .insert("guardrail_profile_id".to_owned(), named);
            }
            routing::add(&client, routing, &mut settings).await?;
            let change = UpdateAgent {
                name,
                description,
                budget,
                settings,
                tags: None,
                period,
                schedule,
                team_id: match team.as_deref() {
                    None => None,
                    Some("none") => Some(None),
                    Some(team) => Some(Some(resolve::team(&client, team).await?)),
                },
            };
            let id = resolve::agent(&client, &agent).await?;
            let view = client.update_agent(id, &change).await?;
            console.show(&view, || facts(console, &view))
        }
        Agents::Delete { agent, force } => {
            let id = resolve::agent(&client, &agent).await?;
            console.confirm(
                &format!("delete agent `{agent}` and revoke its tokens?"),
                force,
            )?;
            let deleted = client.delete_agent(id).await?;
            console.show(&deleted, || format!("deleted {id}; its records stay"))
        }
        Agents::Status { agent } => status(&client, &agent, console).await,
        Agents::AssignProviders { agent, providers } => {
            let id = resolve::agent(&client, &agent).await?;
            let mut ids = Vec::new();
            for provider in providers {
                ids.push(resolve::provider(&client, &provider).await?);
            }
            let assigned = client
                .assign_agent_providers(id, &AssignProviders { providers: ids })
                .await?;
            for warning in &assigned.warnings {
                console.note(&format!("warning: {warning}"));
            }
            console.show(&assigned, || provider_table(console, &assigned))
        }
        Agents::RemoveProvider { agent, provider } => {
            let id = resolve::agent(&client, &agent).await?;
            let provider = resolve::provider(&client, &provider).await?;
            let removed = client.remove_agent_provider(id, provider).await?;
            console.show(&removed, || {
                format!("removed {provider}; {} providers are left", removed.count)
            })
        }
        Agents::Providers { agent } => {
            let id = resolve::agent(&client, &agent).await?;
            let assigned = client.get_agent_providers(id).await?;
            console.show(&assigned, || provider_table(console, &assigned))
        }
        Agents::Health { agent } => health(&client, &agent, console).await,
        verb => act(&client, verb, console).await,
    }
}

/// The verbs that only change the state.
async fn act(client: &Client, verb: Agents, console: Console) -> Outcome {
    let view = match verb {
        Agents::Start(act) => {
            let (id, action) = action(client, act).await?;
            client.start_agent(id, &action).await?
        }
        Agents::Pause(act) => {
            let (id, action) = action(client, act).await?;
            client.pause_agent(id, &action).await?
        }
        Agents::Resume(act) => {
            let (id, action) = action(client, act).await?;
            client.resume_agent(id, &action).await?
        }
        Agents::Restart(act) => {
            let (id, action) = action(client, act).await?;
            client.restart_agent(id, &action).await?
        }
        Agents::Stop { act, grace_seconds } => {
            let (id, AgentAction { reason }) = action(client, act).await?;
            let stop = StopAgent {
                reason,
                grace_seconds,
            };
            client.stop_agent(id, &stop).await?
        }
        Agents::Kill { act, force } => {
            let question = format!("stop agent `{}` at once?", act.agent);
            let (id, action) = action(client, act).await?;
            console.confirm(&question, force)?;
            client.kill_agent(id, &action).await?
        }
        _ => return Ok(()),
    };
    console.show(&view, || format!("{} is {}", view.name, view.runtime_state))
}

async fn action(client: &Client, act: ActOnAgent) -> Outcome<(AgentId, AgentAction)> {
    let id = resolve::agent(client, &act.agent).await?;
    Ok((id, AgentAction { reason: act.reason }))
}

async fn health(client: &Client, agent: &str, console: Console) -> Outcome {
    let id = resolve::agent(client, agent).await?;
    let health = client.get_agent_health(id).await?;
    console.show(&health, || {
        let rows = health.checks.iter().map(|check| {
            let found = match check.ok {
                true => "ok",
                false => "problem",
            };
            vec![
                check.name.clone(),
                found.to_owned(),
                check.message.clone().unwrap_or_default(),
            ]
        });
        console.table(&["check", "found", ""], rows.collect())
    })?;
    match health.ready {
        true => Ok(()),
        false => Err(Failure::new(
            Exit::Problems,
            "NOT_READY",
            format!("a call of `{agent}` could not be served now"),
        )),
    }
}

async fn create(client: &Client, arguments: args::CreateAgent, console: Console) -> Outcome {
    let mut providers = Vec::new();
    for provider in &arguments.providers {
        providers.push(resolve::provider(client, provider).await?);
    }
    let project_id = arguments
        .project
        .map(|text| parse(&text, "a project id such as `proj_…`"))
        .transpose()?;
    let tags = arguments
        .tags
        .into_iter()
        .map(iron_sdk::agents::Tag)
        .collect();
    let (period, schedule) = period_of(arguments.period)?;
    let body = CreateAgent {
        name: arguments.name,
        budget: parse(&arguments.budget, AMOUNT)?,
        description: arguments.description,
        providers: Some(providers),
        tags: Some(tags),
        settings: settings(arguments.allowed_models),
        project_id,
        team_id: match arguments.team {
            Some(team) => Some(resolve::team(client, &team).await?),
            None => None,
        },
        owner_id: None,
        environment: None,
        period,
        schedule,
        create_ic_token: Some(arguments.token),
    };
    let created = client.create_agent(&body).await?;
    for warning in &created.warnings {
        console.note(&format!("warning: {warning}"));
    }
    console.show(&created, || {
        let mut facts = vec![
            ("id", created.id.to_string()),
            ("name", created.name.clone()),
            ("budget", created.budget.to_string()),
        ];
        let issued = created.ic_token.as_ref();
        if let Some(token) = issued.and_then(|issued| issued.token.as_ref()) {
            facts.push(("token", token.expose().to_owned()));
        }
        console.facts(&facts)
    })?;
    match created.ic_token {
        Some(_) => console.note("the token is shown this once; the agent sends it as its API key"),
        None => console.note(&format!("next: iron tokens create {}", created.id)),
    }
    Ok(())
}

async fn status(client: &Client, agent: &str, console: Console) -> Outcome {
    let view = client
        .get_agent_status(resolve::agent(client, agent).await?)
        .await?;
    console.show(&view, || {
        let last = view
            .last_request_at
            .map_or("never".to_owned(), |at| at.to_string());
        console.facts(&[
            ("agent", view.agent_id.to_string()),
            ("status", view.status.to_string()),
            ("state", view.runtime_state.to_string()),
            ("budget", view.budget.total.to_string()),
            ("spent", view.budget.spent.to_string()),
            ("reserved", view.budget.reserved.to_string()),
            ("remaining", view.budget.remaining.to_string()),
            ("requests", view.requests.total.to_string()),
            ("last request", last),
        ])
    })
}

/// The settings that the flags name; none where there are none, so that nothing is changed.
fn settings(allowed_models: Vec<String>) -> Option<Map<String, Value>> {
    let named = !allowed_models.is_empty();
    named.then(|| Map::from_iter([("allowed_models".to_owned(), json!(allowed_models))]))
}

fn table(console: Console, agents: &[AgentView]) -> String {
    let rows = agents.iter().map(|agent| {
        vec![
            agent.id.to_string(),
            agent.name.clone(),
            agent.status.to_string(),
            agent.runtime_state.to_string(),
            agent.budget.to_string(),
            agent.spent.to_string(),
            agent.remaining.to_string(),
        ]
    });
    let headings = [
        "id",
        "name",
        "status",
        "state",
        "budget",
        "spent",
        "remaining",
    ];
    console.table(&headings, rows.collect())
}

fn provider_table(console: Console, assigned: &AssignedProviders) -> String {
    let rows = assigned.providers.iter().map(|one| {
        vec![
            one.id.to_string(),
            one.name.clone(),
            one.r#type.to_string(),
            one.status.to_string(),
        ]
    });
    console.table(&["id", "name", "type", "status"], rows.collect())
}

fn facts(console: Console, agent: &AgentView) -> String {
    let providers: Vec<_> = agent.providers.iter().map(ToString::to_string).collect();
    console.facts(&[
        ("id", agent.id.to_string()),
        ("name", agent.name.clone()),
        ("status", agent.status.to_string()),
        ("state", agent.runtime_state.to_string()),
        ("budget", agent.budget.to_string()),
        (
            "period",
            periods::shown(agent.period, agent.schedule.as_ref()),
        ),
        ("spent", agent.spent.to_string()),
        ("reserved", agent.reserved.to_string()),
        ("remaining", agent.remaining.to_string()),
        ("providers", providers.join(", ")),
        ("project", agent.project_id.to_string()),
        ("created", agent.created_at.to_string()),
    ])
}
