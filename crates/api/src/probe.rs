//! Asking a provider whether it is there: a list of its models, which nobody bills.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use iron_catalog::Provider;
use iron_llm::ProviderKind;
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
    let usual = provider.kind.default_base_url().unwrap_or_default();
    let address = provider.base_url.as_deref().unwrap_or(usual);
    let base = BaseUrl::parse(address, api.egress.rules()).map_err(|error| error.to_string())?;
    let tail = if base.path().ends_with("/v1") {
        "/models"
    } else {
        "/v1/models"
    };
    let outgoing = Outgoing {
        method: Method::GET,
        uri: base.join(tail).map_err(|error| error.to_string())?,
        headers: headers(provider, key),
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
    match model {
        Some(model) if !lists(&body, model) => Err(format!(
            "the provider answers, but does not list the model `{model}`"
        )),
        _ => Ok(()),
    }
}

fn headers(provider: &Provider, key: &Secret) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let secret = |text: String| {
        let mut value = HeaderValue::try_from(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    };
    if provider.kind == ProviderKind::Anthropic {
        let version = HeaderValue::from_static("2023-06-01");
        headers.insert(HeaderName::from_static("anthropic-version"), version);
        if let Some(value) = secret(key.expose().to_owned()) {
            headers.insert(HeaderName::from_static("x-api-key"), value);
        }
    } else if let Some(value) = Some(key.expose())
        .filter(|key| !key.is_empty())
        .and_then(|key| secret(format!("Bearer {key}")))
    {
        headers.insert(header::AUTHORIZATION, value);
    }
    headers
}

fn lists(body: &[u8], model: &str) -> bool {
    let list: Value = serde_json::from_slice(body).unwrap_or_default();
    let entries = list.get("data").and_then(Value::as_array);
    entries
        .into_iter()
        .flatten()
        .any(|entry| entry.get("id").is_some_and(|id| id == model))
}
