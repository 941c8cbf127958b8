//! A provider's answer on its way in, wherever it comes from.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap,
    HeaderName, HeaderValue,
};
use http::{Method, StatusCode};
use iron_llm::aws::BEDROCK;
use iron_llm::{Dialect, ProviderKind, simulated};
use iron_net::egress::{self, Answer, BodyError, Outgoing, Timeouts};
use iron_primitives::{Secret, Timestamp};

use crate::aws;
use crate::bearer::Lane;
use crate::room::Share;

use super::prediction::Prediction;

const ANTHROPIC_KEY: HeaderName = HeaderName::from_static("x-api-key");
const GOOGLE_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const AZURE_KEY: HeaderName = HeaderName::from_static("api-key");
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const ANTHROPIC_DEFAULT_VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
const OPENAI_ORGANIZATION: HeaderName = HeaderName::from_static("openai-organization");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const MESSAGES: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

/// A provider's answer whose head has arrived.
pub(super) enum Upstream {
    /// Over the network.
    Http(Answer),
    /// In steps, over the network.
    Predicted(Box<Prediction>),
    /// From the provider that is built in.
    Played(Played),
}

/// A script of the built-in provider, being played.
pub(super) struct Played {
    status: StatusCode,
    headers: HeaderMap,
    frames: std::vec::IntoIter<simulated::Frame>,
    /// It ends by breaking off.
    cut: bool,
}

impl Played {
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        match self.frames.next() {
            Some(frame) => {
                if frame.delay_ms > 0 {
                    tokio::time::sleep(Duration::from_millis(frame.delay_ms)).await;
                }
                Ok(Some(frame.bytes))
            }
            None if self.cut => Err(BodyError::Broken),
            None => Ok(None),
        }
    }
}

impl Upstream {
    /// Plays a script of the built-in provider.
    pub(super) fn played(script: simulated::Script) -> Self {
        let header = |(name, value): (&'static str, String)| {
            Some((
                HeaderName::from_static(name),
                HeaderValue::try_from(value).ok()?,
            ))
        };
        Upstream::Played(Played {
            status: StatusCode::from_u16(script.status).unwrap_or(StatusCode::BAD_GATEWAY),
            headers: script.headers.into_iter().filter_map(header).collect(),
            frames: script.frames.into_iter(),
            cut: script.cut,
        })
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Upstream::Http(answer) => answer.status,
            Upstream::Predicted(_) => StatusCode::OK,
            Upstream::Played(played) => played.status,
        }
    }

    /// Whether the provider refuses what it was shown, so that a token should be asked for anew.
    pub(super) fn takes_no_token(&self) -> bool {
        let kind = self.headers().get("x-amzn-errortype");
        let ended = |kind: &HeaderValue| {
            let kind = kind.as_bytes();
            kind.starts_with(b"ExpiredToken") || kind.starts_with(b"UnrecognizedClient")
        };
        self.status() == StatusCode::UNAUTHORIZED
            || self.status() == StatusCode::FORBIDDEN && kind.is_some_and(ended)
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        match self {
            Upstream::Http(answer) => &answer.headers,
            Upstream::Predicted(prediction) => prediction.headers(),
            Upstream::Played(played) => &played.headers,
        }
    }

    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        match self {
            Upstream::Http(answer) => answer.chunk().await,
            Upstream::Predicted(prediction) => prediction.chunk().await,
            Upstream::Played(played) => played.chunk().await,
        }
    }

    /// Takes note that nobody wants the rest: what goes on without a connection is ended.
    pub(super) fn unwanted(&self) {
        if let Upstream::Predicted(prediction) = self {
            prediction.unwanted().say();
        }
    }

    /// The whole body, as long as it is within the limit and there is room for it.
    ///
    /// # Errors
    /// As [`Answer::chunk`], and [`BodyError::TooLarge`].
    pub(super) async fn collect(
        &mut self,
        limit_bytes: usize,
        share: &mut Share,
    ) -> Result<Bytes, BodyError> {
        let mut check = |bytes: usize| match bytes {
            _ if bytes > limit_bytes => Err(BodyError::TooLarge { limit_bytes }),
            _ if share.covers(bytes) => Ok(()),
            _ => Err(BodyError::TooLarge { limit_bytes: bytes }),
        };
        let announced = announced_bytes(self.headers()).unwrap_or(0);
        check(announced)?;
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        check(first.len())?;
        // Most answers come in one piece; they are not copied.
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        let begun = first.len().saturating_add(second.len());
        let mut size = begun.max(announced);
        check(size)?;
        let mut whole = Vec::with_capacity(size);
        whole.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            let needed = whole.len().saturating_add(chunk.len());
            if needed > size {
                // It is the buffer that takes room, not what it holds.
                let wished = size.saturating_mul(2).min(limit_bytes).max(needed);
                size = match check(wished) {
                    Ok(()) => wished,
                    Err(_) => check(needed).map(|()| needed)?,
                };
                whole.reserve_exact(size.saturating_sub(whole.len()));
            }
            whole.extend_from_slice(&chunk);
            next = self.chunk().await?;
        }
        Ok(whole.into())
    }
}

/// How large a body says that it will be.
fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    // What no number can hold is too large in any case.
    Some(length.trim().parse().unwrap_or(usize::MAX))
}

/// Asks the provider that is built in.
pub(super) fn script(dialect: Dialect, body: &Bytes, now: Timestamp) -> simulated::Script {
    simulated::answer(dialect, body, u64::try_from(now.seconds()).unwrap_or(0))
}

/// What a provider is shown of us.
pub(super) struct Shown {
    pub(super) secret: Secret,
    /// Whether it is a token that the key was exchanged for, and not the key itself.
    pub(super) is_token: bool,
}

/// Why a provider cannot be shown anything.
#[derive(Debug, thiserror::Error)]
pub(super) enum Untold {
    /// There is no key, or it cannot be sent, or not there.
    #[error("its credential or address cannot be used; tell an administrator")]
    Unusable,
    /// The key is an account that has got no token. Why is in the log: the words of a token endpoint
    /// may name what no agent is to know.
    #[error("there is no token for its account; tell an administrator")]
    NoToken,
}

/// What a lane is asked.
pub(super) struct Question<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    /// The caller's headers; those that may leave are picked here.
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
    /// What the body is, if it is no JSON.
    pub(super) kind: Option<HeaderValue>,
}

/// Puts a question to a provider over the network, at this moment.
pub(super) fn outgoing(
    lane: &Lane,
    shown: &Shown,
    question: Question<'_>,
    now: Timestamp,
) -> Option<Outgoing> {
    let uri = lane.base.as_ref()?.join(question.path).ok()?;
    let mut headers = egress::headers::forwarded_request(question.headers);
    if !question.body.is_empty() {
        headers.insert(CONTENT_TYPE, question.kind.unwrap_or(JSON));
    }
    authorise(&mut headers, lane, shown)?;
    let mut outgoing = Outgoing {
        method: question.method,
        uri,
        headers,
        body: question.body,
    };
    if lane.route.kind == ProviderKind::AwsBedrock {
        let region = lane.route.config.region.as_deref()?;
        aws::authorise(&mut outgoing, &shown.secret, region, BEDROCK, now)?;
    }
    Some(outgoing)
}

/// Adds what the provider wants to know about us.
fn authorise(headers: &mut HeaderMap, lane: &Lane, shown: &Shown) -> Option<()> {
    let key = shown.secret.expose();
    keep_to_openai(headers, lane.route.kind);
    match lane.route.kind {
        ProviderKind::Anthropic => {
            let mut value = HeaderValue::try_from(key).ok()?;
            value.set_sensitive(true);
            headers.insert(ANTHROPIC_KEY, value);
            headers
                .entry(ANTHROPIC_VERSION)
                .or_insert(ANTHROPIC_DEFAULT_VERSION);
        }
        kind => {
            let own_header = match kind {
                ProviderKind::AzureOpenAi if !shown.is_token => Some(AZURE_KEY),
                ProviderKind::Google => Some(GOOGLE_KEY),
                _ => None,
            };
            if let Some(name) = own_header {
                let mut value = HeaderValue::try_from(key).ok()?;
                value.set_sensitive(true);
                headers.insert(name, value);
            } else if !key.is_empty() && kind != ProviderKind::AwsBedrock {
                let mut value = HeaderValue::try_from(format!("Bearer {key}")).ok()?;
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
            if let Some(organization) = &lane.route.organization {
                headers.insert(
                    OPENAI_ORGANIZATION,
                    HeaderValue::try_from(organization).ok()?,
                );
            }
            headers.remove("anthropic-beta");
            headers.remove("anthropic-version");
        }
    }
    Some(())
}

/// Takes out what a caller says to OpenAI alone, such as whose bill it is, where another is asked.
fn keep_to_openai(headers: &mut HeaderMap, kind: ProviderKind) {
    if matches!(kind, ProviderKind::OpenAi | ProviderKind::AzureOpenAi) {
        return;
    }
    for name in ["openai-beta", "openai-organization", "openai-project"] {
        headers.remove(name);
    }
}

/// The waits of one call at this lane.
pub(super) fn timeouts(lane: &Lane, idle: Duration) -> Timeouts {
    let whole = Duration::from_millis(lane.route.timeout_ms.max(1));
    Timeouts {
        first_byte: whole,
        idle: idle.min(whole),
    }
}

/// The provider's headers that a caller is shown with a body of JSON.
pub(super) fn shown(headers: &HeaderMap) -> HeaderMap {
    shown_as(headers, JSON)
}

/// The provider's headers that a caller is shown with a stream.
pub(super) fn shown_with_stream(headers: &HeaderMap) -> HeaderMap {
    shown_as(headers, EVENT_STREAM)
}

/// The same where the stream is one of messages of AWS.
pub(super) fn shown_with_messages(headers: &HeaderMap) -> HeaderMap {
    shown_as(headers, MESSAGES)
}

/// The provider's headers that a caller is shown with no body at all.
pub(super) fn shown_alone(headers: &HeaderMap) -> HeaderMap {
    egress::headers::forwarded_response(headers)
}

/// The provider's headers that a caller is shown with a body of whatever type.
pub(super) fn shown_as_it_is(headers: &HeaderMap) -> HeaderMap {
    let mut shown = egress::headers::forwarded_response(headers);
    let known = [CONTENT_TYPE, CONTENT_DISPOSITION];
    for name in known {
        if let Some(value) = headers.get(&name) {
            shown.insert(name, value.clone());
        }
    }
    shown
}

/// The content type is the provider's own only if it says what the body is.
fn shown_as(headers: &HeaderMap, kind: HeaderValue) -> HeaderMap {
    let mut shown = egress::headers::forwarded_response(headers);
    let own = headers
        .get(CONTENT_TYPE)
        .filter(|own| own.as_bytes().starts_with(kind.as_bytes()));
    shown.insert(CONTENT_TYPE, own.cloned().unwrap_or(kind));
    shown
}

/// Whether an answer says of itself that it is JSON, and so no stream.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(JSON.as_bytes()))
}

/// Whether an answer says of itself that it is a stream of events.
pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM.as_bytes()))
}

/// Whether a body is compressed or otherwise encoded, although only plain ones were asked for.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    let encodings = headers.get_all(CONTENT_ENCODING);
    let plain = |value: &HeaderValue| matches!(value.as_bytes(), b"" | b"identity");
    !encodings.iter().all(plain)
}

#[cfg(test)]
mod tests;
