//! The control plane from elsewhere: the port over HTTP.
//!
//! Every question that is asked here may be asked twice, by the rules of the port, so one that
//! found no open door is put once more at once; what fails then is left to the callers, who ask
//! again by themselves. A control plane that does not know the key any more has dismissed the
//! runtime: that is an answer, not a silence, and nothing more is begun ([`RemoteAuthority::dismissed`]).

mod routing;
mod tools;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use iron_llm::PriceBook;
use iron_net::sealing::SealingKey;
use iron_primitives::{ProviderId, RuntimeId, TenantId, TokenDigest, ToolId};
use iron_sdk::Client;
use iron_sdk::client::{Error, Refused};
use iron_sdk::runtimes::{
    AskCredential, AskEnded, AskPrices, AskSubjectKey, AskToolSecret, BearerFailure,
    BookTenantCalls, EngagedToken, IdentifyBearer,
};
use tokio::sync::watch;

use crate::authority::{
    AuthFailure, Authority, AuthorityError, BookCalls, CallsBooked, Credential, End, Engaged,
    Exchange, ExchangeReply, Principal, SubjectKey,
};

use tools::Sets;
pub use words::{bearer_of, end_word};

/// The control plane of an enrolled runtime.
pub struct RemoteAuthority {
    client: Client,
    id: RuntimeId,
    key: SealingKey,
    book: ArcSwap<PriceBook>,
    sets: Sets,
    dismissed: watch::Sender<bool>,
    reachable: AtomicBool,
}

impl std::fmt::Debug for RemoteAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteAuthority")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl RemoteAuthority {
    /// The control plane that this client speaks to with the key of this runtime. Secrets come
    /// sealed to the key that this process has enrolled with. There are no prices until [`RemoteAuthority::refresh_prices`] has fetched them.
    pub fn new(client: Client, id: RuntimeId, key: SealingKey) -> Self {
        RemoteAuthority {
            client,
            id,
            key,
            book: ArcSwap::from_pointee(PriceBook::empty("none")),
            sets: Sets::default(),
            dismissed: watch::Sender::new(false),
            reachable: AtomicBool::new(true),
        }
    }

    /// Fetches the prices if they are other than those that are known; says whether they were.
    ///
    /// # Errors
    /// If the control plane does not answer.
    pub async fn refresh_prices(&self) -> Result<bool, AuthorityError> {
        let known = self.book.load().hash_hex();
        let ask = AskPrices {
            known: Some(known.clone()),
        };
        let asked = || self.client.ask_prices(self.id, &ask);
        let answer = self.twice(asked).await.map_err(|error| failed(&error))?;
        let Some(book) = answer.book else {
            return Ok(false);
        };
        let book = PriceBook::from_wire(book).map_err(unreadable)?;
        if book.hash_hex() != answer.hash {
            // Another version of the program may leave out what it does not know.
            tracing::error!("alarm: the price book did not arrive as it was sent");
            return Err(AuthorityError::Unavailable);
        }
        let changed = known != answer.hash;
        self.book.store(book);
        Ok(changed)
    }

    /// Waits until the control plane says that it does not know the key any more.
    pub async fn dismissed(&self) {
        let mut told = self.dismissed.subscribe();
        // The sender lives as long as this does.
        let _ = told.wait_for(|dismissed| *dismissed).await;
    }

    /// Whether the last question was answered.
    pub fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    fn dismiss(&self, why: &Refused) {
        if !self.dismissed.send_replace(true) {
            tracing::error!(code = why.code, %why, "the control plane has dismissed this runtime");
        }
    }

    /// Asks, and once more if nobody could be reached: a kept connection may just have ended.
    async fn twice<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let mut answer = ask().await;
        if let Err(Error::Unreachable(_)) = &answer {
            answer = ask().await;
        }
        let refused = answer.as_ref().err().and_then(Error::refused);
        // What a door says on behalf of a house that does not answer is no answer.
        let answered = answer.is_ok() || refused.is_some_and(|refused| refused.status < 500);
        self.reachable.store(answered, Ordering::Relaxed);
        if let Some(refused) = refused.filter(|refused| refused.status == 401) {
            self.dismiss(refused);
        }
        answer
    }
}

#[async_trait]
impl Authority for RemoteAuthority {
    async fn authenticate(&self, token: TokenDigest) -> Result<Principal, AuthFailure> {
        let known = self.sets.known();
        let ask = IdentifyBearer {
            digest: hex::encode(token.as_bytes()),
            known_tools: known.iter().map(|set| set.version.to_string()).collect(),
        };
        let asked = || self.client.identify_bearer(self.id, &ask);
        let answer = match self.twice(asked).await {
            Ok(answer) => answer,
            Err(Error::Refused(refused)) if refused.status == 401 => {
                return Err(AuthFailure::Revoked);
            }
            Err(_) => return Err(AuthFailure::Unavailable),
        };
        match (answer.bearer, answer.failure) {
            (Some(bearer), _) => {
                let principal = words::principal_of(bearer, known);
                let principal = principal.ok_or(AuthFailure::Unavailable)?;
                self.sets.keep(&principal.tools);
                Ok(principal)
            }
            (None, Some(BearerFailure::Expired)) => Err(AuthFailure::Expired),
            (None, Some(BearerFailure::Revoked)) => Err(AuthFailure::Revoked),
            (None, Some(BearerFailure::Unknown) | None) => Err(AuthFailure::Unknown),
        }
    }

    async fn credential(
        &self,
        _tenant: TenantId,
        provider: ProviderId,
    ) -> Result<Credential, AuthorityError> {
        let ask = AskCredential {
            provider_id: provider,
        };
        let asked = || self.client.ask_credential(self.id, &ask);
        let answer = self.twice(asked).await.map_err(|error| failed(&error))?;
        let context = provider.to_string();
        let opened = self.key.open(&context, &answer.sealed);
        Ok(Credential {
            secret: opened.map_err(unreadable)?,
            version: answer.version,
        })
    }

    async fn tool_secret(
        &self,
        _tenant: TenantId,
        tool: ToolId,
    ) -> Result<Credential, AuthorityError> {
        let ask = AskToolSecret { tool_id: tool };
        let asked = || self.client.ask_tool_secret(self.id, &ask);
        let answer = self.twice(asked).await.map_err(|error| failed(&error))?;
        let opened = self.key.open(&tool.to_string(), &answer.sealed);
        Ok(Credential {
            secret: opened.map_err(unreadable)?,
            version: answer.version,
        })
    }

    async fn ended(&self, engaged: &[Engaged]) -> Result<Vec<Option<End>>, AuthorityError> {
        if engaged.is_empty() {
            return Ok(Vec::new());
        }
        let token = |one: &Engaged| EngagedToken {
            token: one.token,
            path: one.path,
            agent_ends: one.agent_ends,
        };
        let ask = AskEnded {
            engaged: engaged.iter().map(token).collect(),
        };
        let asked = || self.client.ask_ended(self.id, &ask);
        let answer = self.twice(asked).await.map_err(|error| failed(&error))?;
        if answer.ends.len() != engaged.len() {
            return Err(AuthorityError::Unavailable);
        }
        let ends = answer.ends.into_iter();
        Ok(ends.map(|end| end.map(words::end_of)).collect())
    }

    async fn exchange(&self, exchange: Exchange) -> Result<ExchangeReply, AuthorityError> {
        let asked = || self.client.exchange_leases(self.id, &exchange);
        self.twice(asked).await.map_err(|error| {
            // A newer process of the same folder has enrolled.
            if let Some(refused) = error.refused().filter(|refused| refused.status == 409) {
                self.dismiss(refused);
            }
            failed(&error)
        })
    }

    async fn book_calls(&self, ask: BookCalls) -> Result<CallsBooked, AuthorityError> {
        // What is booked stays so: an answer that was lost is no reason to lend more.
        let Ok(made) = u32::try_from(ask.made) else {
            return Err(AuthorityError::NotFound);
        };
        let body = BookTenantCalls {
            day: ask.day,
            made,
            want: ask.want,
        };
        let answer = self.twice(|| self.client.book_calls(self.id, &body)).await;
        let answer = answer.map_err(|error| failed(&error))?;
        Ok(CallsBooked {
            granted: answer.granted,
            booked: answer.booked,
        })
    }

    fn prices(&self, _tenant: TenantId) -> Arc<PriceBook> {
        self.book.load_full()
    }

    async fn subject_key(
        &self,
        _tenant: TenantId,
        subject: [u8; 32],
    ) -> Result<SubjectKey, AuthorityError> {
        let ask = AskSubjectKey {
            subject: hex::encode(subject),
        };
        let asked = || self.client.ask_subject_key(self.id, &ask);
        let answer = self.twice(asked).await.map_err(|error| failed(&error))?;
        let opened = self.key.open(&ask.subject, &answer.sealed);
        let opened = opened.map_err(unreadable)?;
        let mut key = [0; 32];
        hex::decode_to_slice(opened.expose(), &mut key).map_err(unreadable)?;
        Ok(SubjectKey { id: answer.id, key })
    }
}

fn failed(error: &Error) -> AuthorityError {
    match error {
        Error::Refused(refused) => match refused.status {
            404 => AuthorityError::NotFound,
            401 | 409 => AuthorityError::Superseded,
            _ => {
                tracing::warn!(code = refused.code, %refused, "the control plane refused");
                AuthorityError::Unavailable
            }
        },
        error => {
            tracing::debug!(%error, "the control plane gave no answer");
            AuthorityError::Unavailable
        }
    }
}

fn unreadable(error: impl std::error::Error) -> AuthorityError {
    tracing::error!(%error, "the control plane gave an answer that does not read");
    AuthorityError::Unavailable
}
