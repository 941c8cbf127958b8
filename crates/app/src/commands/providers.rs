//! `iron providers`.

use std::io::Read as _;

use iron_sdk::lists::PageQuery;
use iron_sdk::providers::{
    CreateProvider, DeleteProvider, ProviderConfig, ProviderQuery, ProviderType, ProviderView,
    TestProvider, UpdateProvider,
};
use iron_sdk::{Client, SecretText};

use super::resolve;
use crate::args::{self, Providers};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) async fn run(verb: Providers, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Providers::List { paging } => {
            let (page, per_page) = (Some(paging.page), Some(paging.per_page));
            let query = ProviderQuery {
                page,
                per_page,
                ..ProviderQuery::default()
            };
            let list = client.list_providers(&query).await?;
            console.show(&list, || {
                let rows = list.data.iter().map(|one| {
                    vec![
                        one.id.to_string(),
                        one.name.clone(),
                        one.r#type.to_string(),
                        one.status.to_string(),
                        one.agent_count.to_string(),
                    ]
                });
                console.table(&["id", "name", "type", "status", "agents"], rows.collect())
            })
        }
        Providers::Get { provider } => {
            let view = client
                .get_provider(resolve::provider(&client, &provider).await?)
                .await?;
            console.show(&view, || facts(console, &view))
        }
        Providers::Create(arguments) => create(&client, arguments, console).await,
        Providers::Update {
            provider,
            name,
            base_url,
            terms,
            shared,
            key_stdin,
        } => {
            let id = resolve::provider(&client, &provider).await?;
            let api_key = if key_stdin {
                Some(secret_from_stdin()?)
            } else {
                None
            };
            let base_url = base_url.map(Some);
            let before = client.get_provider(id).await?.config;
            let config = terms.onto(before.clone());
            let change = UpdateProvider {
                name,
                base_url,
                api_key,
                organization_id: None,
                config: Some(config).filter(|config| *config != before),
                models: None,
                timeout_seconds: None,
                shared,
                status: None,
            };
            let view = client.update_provider(id, &change).await?;
            console.show(&view, || facts(console, &view))
        }
        Providers::Test { provider, model } => test(&client, &provider, model, console).await,
        Providers::Health { provider } => health(&client, &provider, console).await,
        Providers::Agents { provider, paging } => {
            let id = resolve::provider(&client, &provider).await?;
            let page = PageQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
            };
            let list = client.list_provider_agents(id, &page).await?;
            console.show(&list, || {
                let rows = list.data.iter().map(|agent| {
                    vec![
                        agent.id.to_string(),
                        agent.name.clone(),
                        agent.owner_id.to_string(),
                        agent.project_id.to_string(),
                    ]
                });
                console.table(&["id", "name", "owner", "project"], rows.collect())
            })
        }
        Providers::Impact { provider } => {
            let id = resolve::provider(&client, &provider).await?;
            let impact = client.get_provider_deletion_impact(id).await?;
            console.show(&impact, || {
                let rows = impact.affected_agents.iter().map(|agent| {
                    vec![
                        agent.id.to_string(),
                        agent.name.clone(),
                        agent.remaining_providers.to_string(),
                    ]
                });
                console.table(&["id", "name", "providers left"], rows.collect())
            })
        }
        Providers::Delete { provider, force } => {
            let id = resolve::provider(&client, &provider).await?;
            let impact = client.get_provider_deletion_impact(id).await?;
            let question = match impact.affected_count {
                0 => format!("delete provider `{}`?", impact.name),
                count => format!(
                    "delete provider `{}`, which {count} agents use?",
                    impact.name
                ),
            };
            console.confirm(&question, force)?;
            let deleted = client
                .delete_provider(
                    id,
                    &DeleteProvider {
                        cascade: Some(true),
                    },
                )
                .await?;
            console.show(&deleted, || format!("deleted {id}"))
        }
    }
}

async fn test(client: &Client, name: &str, model: Option<String>, console: Console) -> Outcome {
    let id = resolve::provider(client, name).await?;
    let tested = client.test_provider(id, &TestProvider { model }).await?;
    if !tested.ok {
        if console.json() {
            console.show(&tested, String::new)?;
        }
        let message = tested
            .message
            .unwrap_or_else(|| "no reason given".to_owned());
        return Err(Failure::new(
            Exit::Problems,
            "PROVIDER_TEST",
            format!("`{name}` did not answer as it should: {message}"),
        ));
    }
    console.show(&tested, || {
        format!("`{name}` answered after {} ms", tested.latency_ms)
    })
}

async fn health(client: &Client, name: &str, console: Console) -> Outcome {
    let id = resolve::provider(client, name).await?;
    let health = client.get_provider_health(id).await?;
    console.show(&health, || {
        let millis = |p95: Option<u64>| p95.map_or("-".to_owned(), |p95| p95.to_string());
        let facts = console.facts(&[
            ("circuit", health.circuit.to_string()),
            ("failures", format!("{:.1} %", health.error_rate * 100.0)),
            ("p95 ms", millis(health.p95_ms)),
            ("uptime", format!("{:.2} %", health.uptime_percentage)),
        ]);
        let rows = health.models.iter().map(|model| {
            vec![
                model.model.clone(),
                model.circuit.to_string(),
                model.calls.to_string(),
                model.failures.to_string(),
                millis(model.p95_ms),
            ]
        });
        let headings = ["model", "circuit", "calls", "failures", "p95 ms"];
        let table = console.table(&headings, rows.collect());
        format!("{facts}\n{table}")
    })
}

async fn create(client: &Client, arguments: args::CreateProvider, console: Console) -> Outcome {
    let kind = ProviderType::from(arguments.kind);
    let needs_key = !matches!(kind, ProviderType::Local | ProviderType::Simulated)
        && (kind != ProviderType::Huggingface || arguments.base_url.is_none());
    let api_key = match (arguments.key_stdin, needs_key) {
        (true, _) => Some(secret_from_stdin()?),
        (false, true) => Some(console.ask_secret("API key", "`--key-stdin`")?.into()),
        (false, false) => None,
    };
    let body = CreateProvider {
        name: arguments.name,
        r#type: kind,
        api_key,
        base_url: arguments.base_url,
        organization_id: arguments.organization,
        config: Some(arguments.terms.onto(ProviderConfig::default()))
            .filter(|config| !config.is_empty()),
        models: Some(arguments.models).filter(|models| !models.is_empty()),
        timeout_seconds: None,
        shared: arguments.shared.then_some(true),
    };
    let view = client.create_provider(&body).await?;
    console.show(&view, || facts(console, &view))?;
    console.note(&format!(
        "next: iron agents assign-providers AGENT {}",
        view.id
    ));
    Ok(())
}

/// A secret never comes as an argument, where every process of the machine could read it.
pub(super) fn secret_from_stdin() -> Outcome<SecretText> {
    let mut text = String::new();
    std::io::stdin().take(64 << 10).read_to_string(&mut text)?;
    let text = text.trim_end_matches(['\r', '\n']).to_owned();
    if text.is_empty() {
        return Err(Failure::usage("standard input is empty, expected a secret"));
    }
    Ok(text.into())
}

fn facts(console: Console, provider: &ProviderView) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    console.facts(&[
        ("id", provider.id.to_string()),
        ("name", provider.name.clone()),
        ("type", provider.r#type.to_string()),
        ("status", provider.status.to_string()),
        ("url", or_dash(&provider.base_url)),
        ("key", or_dash(&provider.api_key)),
        ("models", provider.models.join(", ")),
        (
            "shared",
            if provider.shared { "yes" } else { "no" }.to_owned(),
        ),
        ("agents", provider.agent_count.to_string()),
    ])
}
