//! Providers whose keys stand in the environment.
//!
//! A key that is new makes a provider. A key that has changed is offered, never taken: the
//! variable may be older than what the provider has. A provider that somebody else made under
//! the same name is left alone.

use aws_lc_rs::hmac;
use iron_primitives::{AgentId, ProviderId, Secret, TokenValue};
use iron_sdk::Client;
use iron_sdk::agents::AssignProviders;
use iron_sdk::providers::{
    CreateProvider, ProviderQuery, ProviderType, ProviderView, UpdateProvider,
};
use serde::{Deserialize, Serialize};

use super::super::up::Demo;
use super::keep;
use crate::console::Console;
use crate::environment;
use crate::failure::Outcome;
use crate::server::folder::Folder;

/// A variable that makes a provider.
struct Variable {
    name: &'static str,
    provider: &'static str,
    kind: ProviderType,
}

const VARIABLES: [Variable; 2] = [
    Variable {
        name: "OPENAI_API_KEY",
        provider: "openai",
        kind: ProviderType::Openai,
    },
    Variable {
        name: "ANTHROPIC_API_KEY",
        provider: "anthropic",
        kind: ProviderType::Anthropic,
    },
];

impl Variable {
    /// The key, if there is one. Tokens of ours stand in the same variables, since that is how
    /// an SDK is pointed here; they are no keys.
    fn key(&self) -> Option<Secret> {
        let key = std::env::var(self.name).ok()?;
        let key = key.trim();
        (!key.is_empty() && TokenValue::parse(key).is_err()).then(|| Secret::new(key.to_owned()))
    }
}

/// What came of the keys in the environment: names of providers.
#[derive(Default, Serialize)]
pub(in crate::commands) struct Changes {
    /// Made.
    added: Vec<&'static str>,
    /// Given the new key, after a yes.
    rotated: Vec<&'static str>,
    /// The key differs from what the variable held before, and nothing was done.
    offered: Vec<&'static str>,
    /// Made by somebody else, and left alone.
    left: Vec<&'static str>,
}

/// Tells whether a key is the one seen before, and tells nobody what it was.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::commands) struct Fingerprint {
    salt: String,
    digest: String,
}

impl Fingerprint {
    fn of(key: &Secret) -> Self {
        let salt = environment::system().random::<16>();
        Fingerprint {
            digest: digest(&salt, key),
            salt: hex::encode(salt),
        }
    }

    fn is_of(&self, key: &Secret) -> bool {
        hex::decode(&self.salt).is_ok_and(|salt| digest(&salt, key) == self.digest)
    }
}

fn digest(salt: &[u8], key: &Secret) -> String {
    let salted = hmac::Key::new(hmac::HMAC_SHA256, salt);
    hex::encode(hmac::sign(&salted, key.expose().as_bytes()))
}

/// Whether no variable holds a key.
pub(super) fn is_empty() -> bool {
    VARIABLES.iter().all(|variable| variable.key().is_none())
}

/// What to say where nobody may add providers.
pub(super) fn sign_in_first() -> String {
    let names: Vec<_> = VARIABLES
        .iter()
        .filter(|variable| variable.key().is_some())
        .map(|variable| variable.name)
        .collect();
    format!(
        "{} not looked at: run `iron login`, then this again, or `iron providers create`",
        match &names[..] {
            [one] => format!("{one} was"),
            several => format!("{} were", several.join(" and ")),
        }
    )
}

/// The simulated provider.
pub(super) async fn simulated(client: &Client) -> Outcome<ProviderId> {
    match find(client, "simulated").await? {
        Some(provider) => Ok(provider.id),
        None => create(client, "simulated", ProviderType::Simulated, None).await,
    }
}

/// Adds providers for new keys, offers changed ones, and notes what was done, also of what was
/// done before an error.
pub(super) async fn follow(
    client: &Client,
    folder: &Folder,
    demo: &mut Demo,
    console: Console,
    changes: &mut Changes,
) -> Outcome {
    for variable in &VARIABLES {
        let Some(key) = variable.key() else {
            continue;
        };
        let name = variable.provider;
        let noted = demo.keys.get(name);
        match (find(client, name).await?, noted) {
            // Somebody has deleted it, and this key is no news.
            (None, Some(noted)) if noted.is_of(&key) => {}
            (None, _) => {
                let id = create(client, name, variable.kind, Some(&key)).await?;
                note(folder, demo, name, &key)?;
                console.note(&format!("added provider `{name}` from {}", variable.name));
                assign(client, demo, id, console).await?;
                changes.added.push(name);
            }
            (Some(_), Some(noted)) if noted.is_of(&key) => {}
            (Some(provider), Some(_)) => {
                match rotate(client, variable, &provider, &key, console).await? {
                    true => {
                        note(folder, demo, name, &key)?;
                        changes.rotated.push(name);
                    }
                    false => changes.offered.push(name),
                }
            }
            (Some(_), None) => {
                console.note(&format!(
                    "provider `{name}` was made by somebody else, so {} is not looked at",
                    variable.name
                ));
                changes.left.push(name);
            }
        }
    }
    Ok(())
}

async fn find(client: &Client, name: &str) -> Outcome<Option<ProviderView>> {
    let query = ProviderQuery {
        name: Some(name.to_owned()),
        ..ProviderQuery::default()
    };
    let found = client.list_providers(&query).await?.data;
    Ok(found.into_iter().find(|provider| provider.name == name))
}

async fn create(
    client: &Client,
    name: &str,
    kind: ProviderType,
    key: Option<&Secret>,
) -> Outcome<ProviderId> {
    let body = CreateProvider {
        name: name.to_owned(),
        r#type: kind,
        api_key: key.map(|key| key.expose().to_owned().into()),
        base_url: None,
        organization_id: None,
        config: None,
        models: None,
        timeout_seconds: None,
        shared: Some(true),
    };
    Ok(client.create_provider(&body).await?.id)
}

fn note(folder: &Folder, demo: &mut Demo, name: &str, key: &Secret) -> Outcome {
    demo.keys.insert(name.to_owned(), Fingerprint::of(key));
    keep(folder, demo)
}

/// Lets the demo agent use the provider, behind those that it has.
async fn assign(client: &Client, demo: &Demo, id: ProviderId, console: Console) -> Outcome {
    let agent = demo
        .agent
        .as_ref()
        .and_then(|id| id.parse::<AgentId>().ok());
    let Some(agent) = agent else {
        console.note(&format!("  next: iron agents assign-providers AGENT {id}"));
        return Ok(());
    };
    let assigned = match client.get_agent_providers(agent).await {
        Ok(assigned) => assigned,
        Err(error) if error.refused().is_some_and(|refused| refused.status == 404) => {
            console.note("  the demo agent is gone, so it was assigned to none");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let mut providers: Vec<_> = assigned.providers.iter().map(|one| one.id).collect();
    providers.push(id);
    client
        .assign_agent_providers(agent, &AssignProviders { providers })
        .await?;
    console.note("  agent `demo` may use it");
    Ok(())
}

/// Offers the changed key; true if it was taken.
async fn rotate(
    client: &Client,
    variable: &Variable,
    provider: &ProviderView,
    key: &Secret,
    console: Console,
) -> Outcome<bool> {
    let Variable {
        name, provider: of, ..
    } = variable;
    if !console.interactive() {
        console.note(&format!(
            "{name} has changed; provider `{of}` keeps the key it has. To use the new one:\n  \
             printf %s \"${name}\" | iron providers update {of} --key-stdin"
        ));
        return Ok(false);
    }
    if !console.agrees(&format!(
        "{name} has changed. Give provider `{of}` the new key?"
    ))? {
        console.note(&format!("provider `{of}` keeps the key it has"));
        return Ok(false);
    }
    let change = UpdateProvider {
        api_key: Some(key.expose().to_owned().into()),
        name: None,
        base_url: None,
        organization_id: None,
        config: None,
        models: None,
        timeout_seconds: None,
        shared: None,
        status: None,
    };
    client.update_provider(provider.id, &change).await?;
    console.note(&format!("provider `{of}` has the new key"));
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_knows_its_key_and_shows_nothing_of_it() {
        let key = Secret::new("sk-very-secret".to_owned());
        let (one, two) = (Fingerprint::of(&key), Fingerprint::of(&key));
        assert!(one.is_of(&key) && two.is_of(&key));
        assert!(!one.is_of(&Secret::new("sk-another".to_owned())));
        assert_ne!(one.digest, two.digest);
        assert!(!serde_json::to_string(&one).unwrap().contains("secret"));
    }
}
