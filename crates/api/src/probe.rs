//! Asking a provider whether it is there, in a way that nobody bills.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use iron_catalog::Provider;
use iron_llm::aws::BEDROCK;
use iron_llm::prices::{Mode, ModelRef};
use iron_llm::translate::ProviderError;
use iron_llm::{Dialect, PriceBook, ProviderConfig, ProviderKind, root_of};
use iron_net::egress::{BaseUrl, Outgoing, Timeouts};
use iron_primitives::Secret;
use iron_runtime::tokens::{Asker, exchange};
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
/// How much of a provider's own words is told.
const LONGEST_WORDS: usize = 300;

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
    if provider.kind == ProviderKind::AwsBedrock {
        return ask_bedrock(api, provider, key, &base, model).await;
    }
    let token = match Asker::of(provider.kind, &provider.config, key) {
        Some(asker) => Some(token(api, &asker, key).await?),
        None => None,
    };
    let Question { method, path, body } = question(provider, model)?;
    let mut headers = headers(provider, key, token.as_ref());
    if !body.is_empty() {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
    }
    let outgoing = Outgoing {
        method,
        uri: base.join(&path).map_err(|error| error.to_string())?,
        headers,
        body,
    };
    let mut answer = api
        .egress
        .send(outgoing, WAIT)
        .await
        .map_err(|error| error.to_string())?;
    match answer.status {
        StatusCode::OK => {}
        status if provider.kind == ProviderKind::Vertex => {
            let body = answer.collect(MOST_BYTES).await.unwrap_or_default();
            return Err(said_by_google(status, &body));
        }
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
    let lists_models = !matches!(
        provider.kind,
        ProviderKind::Vertex | ProviderKind::Replicate
    );
    match model.filter(|_| lists_models) {
        Some(model) if !lists(&body, model) => Err(format!(
            "the provider answers, but does not list the model `{model}`"
        )),
        _ => Ok(()),
    }
}

/// What a provider is asked.
struct Question {
    method: Method,
    path: String,
    body: Bytes,
}

/// The list of its models; at Vertex AI, which has no such list, how many tokens a word has for a
/// model, which is asked as a call is: in the project and at the location. Nobody bills either.
fn question(provider: &Provider, model: Option<&str>) -> Result<Question, String> {
    let (kind, config) = (provider.kind, &provider.config);
    if kind != ProviderKind::Vertex {
        let path = match kind {
            // Its lists come page by page.
            ProviderKind::Cohere => "/v1/models?page_size=1000".to_owned(),
            // Its models are asked for one by one.
            ProviderKind::Replicate => match model.and_then(|model| model.split(':').next()) {
                Some(model) if ProviderConfig::can_name(kind, model) => {
                    format!("/v1/models/{model}")
                }
                Some(model) => return Err(format!("`{model}` is no name of a model")),
                None => "/v1/account".to_owned(),
            },
            _ => config.rooted(kind, "/v1/models"),
        };
        return Ok(Question {
            method: Method::GET,
            path,
            body: Bytes::new(),
        });
    }
    let book = PriceBook::builtin();
    let model = model
        .or_else(|| lasting(&book, kind))
        .ok_or("name a model to ask for")?;
    if !ProviderConfig::can_name(kind, model) {
        return Err(format!("`{model}` is no name of a model"));
    }
    let path = config.path(kind, Dialect::Gemini, model, false);
    let path = path.replace(":generateContent", ":countTokens");
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"test"}]}]}"#;
    Ok(Question {
        method: Method::POST,
        path,
        body: Bytes::from_static(body.as_bytes()),
    })
}

/// The model that is to be switched off last.
fn lasting(book: &PriceBook, kind: ProviderKind) -> Option<&str> {
    let chats = |model: &&ModelRef| model.kind == kind && model.mode == Mode::Chat;
    let models = book.models().filter(chats);
    let dated = models.filter(|model| model.retires_on.is_some());
    let last = dated.max_by_key(|model| model.retires_on.as_deref());
    last.map(|model| model.name.as_str())
}

/// Why Vertex AI refuses: its own words say whether it is the account, the project, the place or
/// the model.
fn said_by_google(status: StatusCode, body: &[u8]) -> String {
    let status = status.as_u16();
    let said = ProviderError::read(status, body).message;
    let said: String = said.chars().take(LONGEST_WORDS).collect();
    format!(
        "the provider refuses the account, the project, the location or the model (status {status}): {said}"
    )
}

/// Asks a model of Bedrock nothing at all, which nobody bills: who may ask is told that a message is
/// missing.
async fn ask_bedrock(
    api: &Api,
    provider: &Provider,
    key: &Secret,
    base: &BaseUrl,
    model: Option<&str>,
) -> Result<(), String> {
    let model = model.unwrap_or("amazon.nova-micro-v1:0");
    if !ProviderConfig::can_name(provider.kind, model) {
        return Err(format!("`{model}` is no name of a model"));
    }
    let path = (provider.config).path(provider.kind, Dialect::Converse, model, false);
    let json = HeaderValue::from_static("application/json");
    let mut outgoing = Outgoing {
        method: Method::POST,
        uri: base.join(&path).map_err(|error| error.to_string())?,
        headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
        body: Bytes::from_static(br#"{"messages":[]}"#),
    };
    let token = match Asker::of(provider.kind, &provider.config, key) {
        Some(asker) => Some(token(api, &asker, key).await?),
        None => None,
    };
    let key = token.as_ref().unwrap_or(key);
    let (region, now) = (provider.config.region.as_deref(), api.environment.now());
    let region = region.unwrap_or_default();
    let shown = iron_runtime::aws::authorise(&mut outgoing, key, region, BEDROCK, now);
    shown.ok_or("its key or address cannot be used")?;
    let sent = api.egress.send(outgoing, WAIT).await;
    let mut answer = sent.map_err(|error| error.to_string())?;
    let status = answer.status;
    let body = answer.collect(MOST_BYTES).await;
    let body = body.map_err(|error| error.to_string())?;
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let said = told.get("message").and_then(Value::as_str);
    let said = said.unwrap_or("nothing more");
    let unknown = said.contains("model identifier is invalid");
    match status {
        StatusCode::BAD_REQUEST if !unknown => Ok(()),
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => Err(format!(
            "the provider answers, but does not know the model `{model}`"
        )),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(format!(
            "the provider refuses the key (status {}): {said}",
            status.as_u16()
        )),
        other => Err(format!(
            "the provider answers with status {}: {said}",
            other.as_u16()
        )),
    }
}

/// The token that an account gets for its key.
async fn token(api: &Api, asker: &Asker, key: &Secret) -> Result<Secret, String> {
    let exchanged = exchange(&api.egress, &api.environment, asker, key).await;
    let token = exchanged.map_err(|why| format!("no token for the account: {why}"))?;
    Ok(token.secret)
}

fn headers(provider: &Provider, key: &Secret, token: Option<&Secret>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let key = token.unwrap_or(key);
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
        ProviderKind::AzureOpenAi if token.is_none() => {
            (HeaderName::from_static("api-key"), key.expose().to_owned())
        }
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
    // Together's list stands alone; Google's is one of resources, and Cohere's of names.
    let named = list.get("data").or_else(|| list.get("models"));
    let entries = named.unwrap_or(&list).as_array();
    entries.into_iter().flatten().any(|entry| {
        let resource = entry.get("name").and_then(Value::as_str);
        entry.get("id").is_some_and(|id| id == model)
            || resource.map(|name| name.strip_prefix("models/").unwrap_or(name)) == Some(model)
    })
}
