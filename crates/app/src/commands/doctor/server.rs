//! The server, if one runs, and through it the providers.

use std::time::Duration;

use iron_sdk::Client;
use iron_sdk::providers::{ProviderQuery, ProviderStatus, ProviderView, TestProvider};
use iron_sdk::system::{Health, HealthView};
use tokio::task::JoinSet;

use super::super::demo;
use super::finding::Finding;
use crate::build;
use crate::config::{Config, keys};
use crate::connection::Connection;
use crate::environment;
use crate::server::folder::Folder;

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a provider may take; the server itself gives up a little earlier.
const PROVIDER_PATIENCE: Duration = Duration::from_secs(15);
/// How far the server's clock may be from ours.
const MOST_SKEW: Duration = Duration::from_secs(5);

pub(super) async fn examine(
    connection: &Connection,
    folder: &Folder,
    config: &Config,
) -> Vec<Finding> {
    let url = &connection.server;
    let Ok(client) = connection.anonymous() else {
        let message = format!("`{url}` is not an address");
        return vec![Finding::problem(
            "server",
            message,
            "name one with --server URL",
        )];
    };
    match tokio::time::timeout(PATIENCE, client.get_health()).await {
        Ok(Ok(health)) => {
            let mut findings = vec![well(url, &health), clock(&health)];
            findings.extend(version(&health));
            findings.extend(providers(connection, folder).await);
            findings
        }
        _ => vec![absent(url, folder, config)],
    }
}

fn well(url: &str, health: &HealthView) -> Finding {
    match health.status {
        Health::Healthy => Finding::ok("server", format!("{url} is healthy")),
        _ => Finding::problem(
            "server",
            format!(
                "{url} is {}: database {}, journal {}",
                health.status, health.services.database, health.services.queue
            ),
            "its log tells why",
        ),
    }
}

fn clock(health: &HealthView) -> Finding {
    let now = environment::system().now();
    let skew = now.since(health.timestamp).max(health.timestamp.since(now));
    let shown = format!("{:.1} s apart from this machine's", skew.as_secs_f64());
    match skew > MOST_SKEW {
        true => Finding::warning("server clock", shown, "set both clocks by NTP"),
        false => Finding::ok("server clock", shown),
    }
}

fn version(health: &HealthView) -> Option<Finding> {
    (health.version != build::VERSION).then(|| {
        Finding::warning(
            "version",
            format!(
                "the server is {}, this is {}",
                health.version,
                build::VERSION
            ),
            "use the same on both sides",
        )
    })
}

/// No server answers: one should, or its address should be free.
fn absent(url: &str, folder: &Folder, config: &Config) -> Finding {
    if let Some(running) = folder.running() {
        return Finding::problem(
            "server",
            format!(
                "process {} serves this folder on {}, but {url} does not answer",
                running.process,
                running.url()
            ),
            format!("ask that one: --server {}", running.url()),
        );
    }
    let listen = config.text(keys::LISTEN);
    match std::net::TcpListener::bind(&listen) {
        Ok(_) => Finding::ok("server", format!("none runs; {listen} is free")),
        Err(error) => Finding::problem(
            "server",
            format!("none runs, and {listen} cannot be listened on: {error}"),
            format!(
                "see who has it with: ss -ltnp 'sport = :{}'; or choose another with --listen",
                listen.rsplit(':').next().unwrap_or_default()
            ),
        ),
    }
}

/// Asks every provider for its list of models, with the key that calls would use.
async fn providers(connection: &Connection, folder: &Folder) -> Vec<Finding> {
    let Some(client) = signed_in(connection, folder).await else {
        return vec![Finding::warning(
            "providers",
            "not looked at: nobody is signed in",
            "iron login",
        )];
    };
    let query = ProviderQuery {
        per_page: Some(100),
        ..ProviderQuery::default()
    };
    let list = match tokio::time::timeout(PATIENCE, client.list_providers(&query)).await {
        Ok(Ok(list)) => list.data,
        Ok(Err(error)) => {
            let message = format!("not looked at: {error}");
            return vec![Finding::warning("providers", message, "iron login")];
        }
        Err(_) => {
            let message = "not looked at: the server does not answer in time";
            return vec![Finding::problem("providers", message, "its log tells why")];
        }
    };
    if list.is_empty() {
        let fix = "iron providers create --name openai --type openai";
        return vec![Finding::warning("providers", "there are none", fix)];
    }
    let mut asked = JoinSet::new();
    for (place, provider) in list.into_iter().enumerate() {
        let client = client.clone();
        asked.spawn(async move { (place, ask(&client, &provider).await) });
    }
    let mut findings = asked.join_all().await;
    findings.sort_by_key(|(place, _)| *place);
    findings.into_iter().map(|(_, finding)| finding).collect()
}

/// As whoever is signed in, else as the owner of the demo that lies in this folder.
async fn signed_in(connection: &Connection, folder: &Folder) -> Option<Client> {
    if let Ok(client) = connection.client().await {
        return Some(client);
    }
    let served = folder.running()?.url() == connection.server;
    let demo = demo::read(folder).filter(|demo| served && demo.operator.is_some())?;
    demo::operator(&connection.server, &demo).ok()
}

async fn ask(client: &Client, provider: &ProviderView) -> Finding {
    let name = &provider.name;
    let check = format!("provider {name}");
    if provider.status == ProviderStatus::Inactive {
        return Finding::ok(check, "switched off");
    }
    let body = TestProvider { model: None };
    let asked = client.test_provider(provider.id, &body);
    let tested = match tokio::time::timeout(PROVIDER_PATIENCE, asked).await {
        Ok(Ok(tested)) => tested,
        Ok(Err(error)) => {
            let message = format!("not looked at: {error}");
            return Finding::warning(check, message, "sign in as its owner or an admin");
        }
        Err(_) => {
            let message = format!("no answer within {} s", PROVIDER_PATIENCE.as_secs());
            return Finding::problem(check, message, "check the way from the server to it");
        }
    };
    let problem = tested.message.unwrap_or_default();
    match tested.ok {
        true => Finding::ok(check, format!("answers in {} ms", tested.latency_ms)),
        false if problem.contains("refuses the key") => Finding::problem(
            check,
            problem,
            format!("give it a good key: iron providers update {name} --key-stdin"),
        ),
        false => Finding::problem(
            check,
            problem,
            match &provider.base_url {
                Some(url) => format!("check {url} and the way from the server to it"),
                None => "check the way from the server to it: DNS, firewall, proxy".to_owned(),
            },
        ),
    }
}
