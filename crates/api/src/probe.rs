//! Asking a provider whether it is there: a list of its models, which nobody bills.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use iron_catalog::Provider;
use iron_llm::{ProviderConfig, ProviderKind, root_of};
use iron_net::egress::{BaseUrl, Outgoing, Timeouts};
use iron_primitives::Secret;
use iron_sdk::providers::ProviderTested;
use serde_json::Value;

use crate::failure::Failure;
use crate::state::Api;

const WAIT: Timeouts = Timeouts {
    first_byte: Duration::from_secs(10),
    idle: Duration::from_secs(10),
};
/// The longest list of models that is read.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Asks, and tells what came of it in words for the owner of the provider.
pub(crate) async fn probe(
    api: &Api,
    provider: &Provider,
    model: Option<&str>,
) -> Result<ProviderTested, Failure> {
    let started = api.environment.boot();
    let problem = match provider.kind {
        ProviderKind::Simulated => None,
        _ => {
            let key = api
                .providers
                .credential(provider.tenant, provider.id)
                .await?
                .secret;
            ask(api, provider, &key, model).await.err()
        }
    };
    let latency = api.environment.boot().since(started).as_millis();
    Ok(ProviderTested {
        ok: problem.is_none(),
        latency_ms: u64::try_from(latency).unwrap_or(u64::MAX),
        message: problem,
    })
}

async fn ask(
    api: &Api,
    provider: &Provider,
    key: &Secret,
    model: Option<&str>,
) -> Result<(), String> {
    let usual = provider
        .config
        .default_base_url(provider.kind)
        .unwrap_or_default();
    let address = provider.base_url.as_deref().unwrap_or(&usual);
    let base = BaseUrl::parse(address, api.egress.rules()).map_err(|error| error.to_string())?;
    let base = base.with_path(root_of(provider.kind, base.path()));
    let token = match provider.kind {
        ProviderKind::Vertex => Some(token(api, key).await?),
        _ => None,
    };
    let tail = match (provider.kind, model) {
        // Its key was good for a token, and there is no list that it could be asked for.
        (ProviderKind::Vertex, None) => return Ok(()),
        (ProviderKind::Vertex, Some(model)) if !ProviderConfig::can_name(provider.kind, model) => {
            return Err(format!("`{model}` is no name of a model"));
        }
        (ProviderKind::Vertex, Some(model)) => format!("/v1/publishers/google/models/{model}"),
        _ => provider.config.rooted(provider.kind, "/v1/models"),
    };
    let outgoing = Outgoing {
        method: Method::GET,
        uri: base.join(&tail).map_err(|error| error.to_string())?,
        headers: headers(provider, token.as_ref().unwrap_or(key)),
        body: Bytes::new(),
    };
    let mut answer = api
        .egress
        .send(outgoing, WAIT)
        .await
        .map_err(|error| error.to_string())?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(format!(
                "the provider refuses the key (status {})",
                answer.status.as_u16()
            ));
        }
        StatusCode::NOT_FOUND if provider.kind == ProviderKind::Vertex => {
            return Err(format!(
                "the provider answers, but does not know the model `{}`",
                model.unwrap_or_default()
            ));
        }
        other => {
            return Err(format!(
                "the provider answers with status {}",
                other.as_u16()
            ));
        }
    }
    let body = answer
        .collect(MOST_BYTES)
        .await
        .map_err(|error| error.to_string())?;
    match model.filter(|_| provider.kind != ProviderKind::Vertex) {
        Some(model) if !lists(&body, model) => Err(format!(
            "the provider answers, but does not list the model `{model}`"
        )),
        _ => Ok(()),
    }
}

/// The token that the key of a service account is exchanged for.
async fn token(api: &Api, key: &Secret) -> Result<Secret, String> {
    let exchanged = iron_runtime::google::exchange(&api.egress, &api.environment, key).await;
    let token = exchanged.map_err(|why| format!("no token for the service account: {why}"))?;
    Ok(token.secret)
}

fn headers(provider: &Provider, key: &Secret) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let (name, text) = match provider.kind {
        _ if key.expose().is_empty() => return headers,
        ProviderKind::Anthropic => {
            let version = HeaderValue::from_static("2023-06-01");
            headers.insert(HeaderName::from_static("anthropic-version"), version);
            (
                HeaderName::from_static("x-api-key"),
                key.expose().to_owned(),
            )
        }
        ProviderKind::AzureOpenAi => (HeaderName::from_static("api-key"), key.expose().to_owned()),
        ProviderKind::Google => (
            HeaderName::from_static("x-goog-api-key"),
            key.expose().to_owned(),
        ),
        _ => (header::AUTHORIZATION, format!("Bearer {}", key.expose())),
    };
    if let Ok(mut value) = HeaderValue::try_from(text) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    headers
}

fn lists(body: &[u8], model: &str) -> bool {
    let list: Value = serde_json::from_slice(body).unwrap_or_default();
    // Together's list stands alone; Google's is one of resources.
    let named = list.get("data").or_else(|| list.get("models"));
    let entries = named.unwrap_or(&list).as_array();
    entries.into_iter().flatten().any(|entry| {
        let resource = entry.get("name").and_then(Value::as_str);
        entry.get("id").is_some_and(|id| id == model)
            || resource.and_then(|name| name.strip_prefix("models/")) == Some(model)
    })
}
