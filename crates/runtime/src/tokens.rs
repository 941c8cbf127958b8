//! Tokens that accounts ask for (`iron_llm::oauth`): asked for once, kept, and renewed before they end.
//!
//! While one call asks, all others of the same provider wait for the same answer. A token that is
//! still good is renewed beside the calls, which use it meanwhile, and also if that fails. A
//! failure is told to all for a moment, so that a token endpoint that does not answer is not asked
//! by every call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use iron_llm::aws::{FORM, Role, STS, Temporary};
use iron_llm::oauth::{AccessToken, Account};
use iron_llm::{ProviderConfig, ProviderKind};
use iron_net::egress::{BaseUrl, Egress, Outgoing, Timeouts};
use iron_primitives::{BootInstant, Environment, ProviderId, Secret, TenantId};
use tokio::time::timeout;

use crate::aws;

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
/// How long asking for a token may take in all.
const LONGEST: Duration = Duration::from_secs(10);
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

/// Who asks for a token with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asker {
    /// The account that the key is, at a provider of this kind.
    Account(ProviderKind),
    /// A role of AWS that is taken on with the key. Its token are credentials, as
    /// [`iron_llm::aws::Key`] reads them.
    Role {
        /// The role.
        role: Role,
        /// The address of the security token service.
        address: String,
        /// The region that it is asked in.
        region: String,
    },
}

impl Asker {
    /// Who asks for a token with this key; none where the key itself is shown.
    pub fn of(kind: ProviderKind, config: &ProviderConfig, key: &Secret) -> Option<Asker> {
        if let (ProviderKind::AwsBedrock, Some((role, address))) = (kind, config.role()) {
            return Some(Asker::Role {
                role,
                address,
                region: config.region.clone().unwrap_or_default(),
            });
        }
        Account::is_one(kind, key.expose()).then_some(Asker::Account(kind))
    }
}

/// The tokens of all providers.
pub(crate) struct Tokens {
    slots: moka::sync::Cache<(TenantId, ProviderId), Arc<Slot>>,
}

/// One provider's token.
#[derive(Default)]
struct Slot {
    kept: Mutex<Kept>,
    /// Held by who asks for a token.
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// What is known of one provider's token.
#[derive(Default)]
struct Kept {
    token: Option<Token>,
    failed: Option<(BootInstant, i64, String)>,
}

struct Token {
    /// Who asked for it.
    asker: Asker,
    /// The version of the key that it was asked for with.
    version: i64,
    secret: Secret,
    renewed_at: BootInstant,
    ends_at: BootInstant,
}

/// What a call does now.
enum Known {
    /// Use this.
    Good(Secret),
    /// Use this and have it renewed.
    Due(Secret),
    /// Give up, for this reason.
    Failed(String),
    /// Ask.
    Nothing,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Tokens {
            slots: moka::sync::Cache::new(MOST_PROVIDERS),
        }
    }

    /// Forgets the token that the provider was shown and does not take; a newer one stays.
    pub(crate) fn forget(&self, provider: (TenantId, ProviderId), shown: &Secret) {
        if let Some(slot) = self.slots.get(&provider) {
            let mut kept = slot.kept();
            kept.token.take_if(|token| token.secret == *shown);
        }
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// Why there is none, in words for an administrator.
    pub(crate) async fn get(
        &self,
        egress: &Egress,
        environment: &Environment,
        (tenant, provider): (TenantId, ProviderId),
        asker: Asker,
        key: (&Secret, i64),
    ) -> Result<Secret, String> {
        let slot = self.slots.get_with((tenant, provider), Arc::default);
        let asked = Asked {
            egress: egress.clone(),
            environment: environment.clone(),
            provider,
            asker,
            key: key.0.clone(),
            version: key.1,
        };
        match slot.known(&asked.asker, asked.version, environment.boot()) {
            Known::Good(secret) => return Ok(secret),
            Known::Failed(why) => return Err(why),
            Known::Due(secret) => {
                slot.renew_beside(asked);
                return Ok(secret);
            }
            Known::Nothing => {}
        }
        let _asking = slot.asking.lock().await;
        // Whoever asked before has had an answer meanwhile.
        match slot.known(&asked.asker, asked.version, environment.boot()) {
            Known::Good(secret) | Known::Due(secret) => Ok(secret),
            Known::Failed(why) => Err(why),
            Known::Nothing => slot.ask(&asked).await,
        }
    }
}

/// With what a token is asked for.
struct Asked {
    egress: Egress,
    environment: Environment,
    provider: ProviderId,
    asker: Asker,
    key: Secret,
    version: i64,
}

impl Slot {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, asker: &Asker, version: i64, now: BootInstant) -> Known {
        let kept = self.kept();
        let failed = kept
            .failed
            .as_ref()
            .filter(|(at, of, _)| *of == version && now.since(*at) < FAILED_FOR);
        let token = kept.token.as_ref().filter(|token| {
            token.asker == *asker && token.version == version && now < token.ends_at
        });
        match (token, failed) {
            (Some(token), None) if now >= token.renewed_at => Known::Due(token.secret.clone()),
            (Some(token), _) => Known::Good(token.secret.clone()),
            (None, Some((_, _, why))) => Known::Failed(why.clone()),
            (None, None) => Known::Nothing,
        }
    }

    /// Asks in the background, unless somebody asks already.
    fn renew_beside(self: Arc<Self>, asked: Asked) {
        let Ok(asking) = Arc::clone(&self.asking).try_lock_owned() else {
            return;
        };
        tokio::spawn(async move {
            // Another call may have renewed it just now; a failure is kept for those to come.
            let now = asked.environment.boot();
            if let Known::Due(_) = self.known(&asked.asker, asked.version, now) {
                let _ = self.ask(&asked).await;
            }
            drop(asking);
        });
    }

    async fn ask(&self, asked: &Asked) -> Result<Secret, String> {
        let environment = &asked.environment;
        let asked_at = environment.boot();
        let answer = exchange(&asked.egress, environment, &asked.asker, &asked.key).await;
        let mut kept = self.kept();
        match answer {
            Ok(AccessToken { secret, seconds }) => {
                let life = Duration::from_secs(seconds);
                let ahead = AHEAD.min(life / 2);
                kept.failed = None;
                kept.token = Some(Token {
                    asker: asked.asker.clone(),
                    version: asked.version,
                    secret: secret.clone(),
                    renewed_at: asked_at.plus(life.saturating_sub(ahead)),
                    ends_at: asked_at.plus(life),
                });
                Ok(secret)
            }
            Err(why) => {
                tracing::warn!(provider = %asked.provider, %why, "no token for an account");
                kept.failed = Some((environment.boot(), asked.version, why.clone()));
                Err(why)
            }
        }
    }
}

/// Asks for a token with a key.
///
/// # Errors
/// Why there is none, in words for an administrator; without a part of the key.
pub async fn exchange(
    egress: &Egress,
    environment: &Environment,
    asker: &Asker,
    key: &Secret,
) -> Result<AccessToken, String> {
    let now = environment.now();
    match asker {
        Asker::Account(kind) => {
            let account = Account::parse(*kind, key.expose()).map_err(|error| error.to_string())?;
            let request = account.request(now).map_err(|error| error.to_string())?;
            let outgoing = outgoing(egress, &request.uri, request.form.expose().to_owned())?;
            AccessToken::read(&post(egress, outgoing).await?)
        }
        Asker::Role {
            role,
            address,
            region,
        } => {
            let mut outgoing = outgoing(egress, address, role.form())?;
            let signed = aws::authorise(&mut outgoing, key, region, STS, now);
            signed.ok_or("its key cannot take on a role")?;
            let body = post(egress, outgoing).await?;
            let given = Temporary::read(&body, environment.now())?;
            Ok(AccessToken {
                secret: given.credentials.to_secret(),
                seconds: given.seconds,
            })
        }
    }
}

/// A form for a token endpoint.
fn outgoing(egress: &Egress, address: &str, form: String) -> Result<Outgoing, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("the token endpoint's address: {error}");
    let base = BaseUrl::parse(address, egress.rules()).map_err(|error| wrong(&error))?;
    // The root has a path, which a signature covers.
    let tail = if base.path().is_empty() { "/" } else { "" };
    let uri = base.join(tail).map_err(|error| wrong(&error))?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    Ok(Outgoing {
        method: Method::POST,
        uri,
        headers,
        body: Bytes::from(form),
    })
}

async fn post(egress: &Egress, outgoing: Outgoing) -> Result<Bytes, String> {
    let answered = async {
        let mut answer = egress
            .send(outgoing, WAIT)
            .await
            .map_err(|error| error.to_string())?;
        let body = answer.collect(ANSWER_LIMIT_BYTES).await;
        body.map_err(|error| error.to_string())
    };
    match timeout(LONGEST, answered).await {
        Ok(body) => body.map_err(|error| format!("the token endpoint: {error}")),
        Err(_) => Err("the token endpoint did not answer in time".to_owned()),
    }
}

#[cfg(test)]
mod tests;
