//! Tokens of Google's service accounts: asked for once, kept, and renewed before they end.
//!
//! While one call asks, all others of the same provider wait for the same answer. A token that is
//! still good is used although its renewal fails, and a failure is told to all for a moment, so
//! that a token endpoint that does not answer is not asked by every call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use iron_llm::google::{AccessToken, ServiceAccount};
use iron_net::egress::{BaseUrl, Egress, Outgoing, Timeouts};
use iron_primitives::{BootInstant, Environment, ProviderId, Secret, TenantId};
use tokio::sync::Mutex;

/// A token is renewed this long before it ends; one that lives shorter, at half its life.
const AHEAD: Duration = Duration::from_secs(300);
/// For so long a failure is told without asking again.
const FAILED_FOR: Duration = Duration::from_secs(1);
/// How many providers' tokens are kept.
const MOST_PROVIDERS: u64 = 10_000;
const WAIT: Timeouts = Timeouts {
    first_byte: Duration::from_secs(10),
    idle: Duration::from_secs(10),
};
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

type Slot = Arc<Mutex<Kept>>;

/// The tokens of all providers.
pub(crate) struct Tokens {
    slots: moka::sync::Cache<(TenantId, ProviderId), Slot>,
}

/// What is known of one provider's token.
#[derive(Default)]
struct Kept {
    token: Option<Token>,
    failed: Option<(BootInstant, i64, String)>,
}

struct Token {
    /// The version of the key that it was asked for with.
    version: i64,
    secret: Secret,
    renewed_at: BootInstant,
    ends_at: BootInstant,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Tokens {
            slots: moka::sync::Cache::new(MOST_PROVIDERS),
        }
    }

    /// Forgets a token that the provider does not take.
    pub(crate) fn forget(&self, provider: (TenantId, ProviderId)) {
        self.slots.invalidate(&provider);
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// Why there is none, in words for an administrator.
    pub(crate) async fn get(
        &self,
        egress: &Egress,
        environment: &Environment,
        provider: (TenantId, ProviderId),
        key: (&Secret, i64),
    ) -> Result<Secret, String> {
        let slot = self.slots.get_with(provider, Slot::default);
        let mut kept = slot.lock().await;
        let (key, version) = key;
        let now = environment.boot();
        let known = kept.token.as_ref().filter(|token| token.version == version);
        let usable = known
            .filter(|token| now < token.ends_at)
            .map(|token| (token.secret.clone(), now < token.renewed_at));
        if let Some((secret, true)) = &usable {
            return Ok(secret.clone());
        }
        if let Some((at, of, why)) = &kept.failed
            && *of == version
            && now.since(*at) < FAILED_FOR
        {
            return usable.map(|(secret, _)| secret).ok_or_else(|| why.clone());
        }
        match exchange(egress, environment, key).await {
            Ok(AccessToken { secret, seconds }) => {
                let life = Duration::from_secs(seconds);
                let ahead = AHEAD.min(life / 2);
                kept.failed = None;
                kept.token = Some(Token {
                    version,
                    secret: secret.clone(),
                    renewed_at: now.plus(life.saturating_sub(ahead)),
                    ends_at: now.plus(life),
                });
                Ok(secret)
            }
            Err(why) => {
                tracing::warn!(provider = %provider.1, %why, "no token for a service account");
                kept.failed = Some((now, version, why.clone()));
                usable.map(|(secret, _)| secret).ok_or(why)
            }
        }
    }
}

/// Exchanges an assertion of a service account, whose key this is, for a token.
///
/// # Errors
/// Why there is none, in words for an administrator; without a part of the key.
pub async fn exchange(
    egress: &Egress,
    environment: &Environment,
    key: &Secret,
) -> Result<AccessToken, String> {
    let account = ServiceAccount::parse(key.expose()).map_err(|error| error.to_string())?;
    let form = account.request(environment.now());
    let form = form.map_err(|error| error.to_string())?;
    let base = BaseUrl::parse(account.token_uri(), egress.rules());
    let base = base.map_err(|error| format!("`token_uri`: {error}"))?;
    let uri = base
        .join("")
        .map_err(|error| format!("`token_uri`: {error}"))?;
    let mut headers = HeaderMap::new();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, kind);
    let outgoing = Outgoing {
        method: Method::POST,
        uri,
        headers,
        body: Bytes::from(form),
    };
    let answer = egress.send(outgoing, WAIT).await;
    let mut answer = answer.map_err(|error| format!("the token endpoint: {error}"))?;
    let body = answer.collect(ANSWER_LIMIT_BYTES).await;
    let body = body.map_err(|error| format!("the token endpoint: {error}"))?;
    AccessToken::read(&body)
}
