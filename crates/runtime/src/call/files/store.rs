//! Storing a file: it goes on to the provider while it comes, and is remembered as the agent's own.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use iron_llm::{FileRoute, ProviderKind};
use iron_net::egress::Timeouts;
use iron_primitives::{Refusal, Timestamp};
use serde::Deserialize;

use crate::Runtime;
use crate::affinity::{Stored, StoredId, is_plain, rename};
use crate::authority::Privacy;
use crate::bearer::{Bearer, Lane};
use crate::call::draft::{Draft, Refused};
use crate::call::errand::{ASKED, Done, readable};
use crate::call::request::CallRequest;
use crate::call::scrub::scrubbed;
use crate::call::upload::Upload;
use crate::call::upstream::{self, Untold};
use crate::custody::{Custody, FilePlace, KeptFile};

use super::{
    TOLD_LIMIT_BYTES, about, judge, no_place, owner, refused_key, stores_nothing, unavailable,
    unknown, unreadable,
};

/// What a provider tells of a file, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Told {
    id: String,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default, alias = "size_bytes")]
    bytes: Option<u64>,
    #[serde(default)]
    expires_at: Option<End>,
}

/// When a file ends: OpenAI tells seconds, Anthropic an instant.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum End {
    Seconds(i64),
    Instant(Timestamp),
    /// Told in a way that is not known: the provider knows.
    Other(serde::de::IgnoredAny),
}

impl Runtime {
    /// Sends a file on while it comes, and remembers whose it is.
    pub(super) async fn store(
        &self,
        mut draft: Box<Draft>,
        request: &CallRequest,
        custody: &dyn Custody,
        kind: ProviderKind,
        upload: Option<Upload>,
    ) -> Result<Done, Refused> {
        if draft.bearer.principal.team_rules.privacy == Privacy::Moderate {
            return Err(draft.refuse("privacy_level", stores_nothing("file")));
        }
        let Some(lane) = lane_for(&draft.bearer, request, kind) else {
            return Err(draft.refuse("assigned_provider", no_place(kind)));
        };
        draft.passed("assigned_provider");
        let (form, upload) = match (form_type(&request.headers), upload) {
            (Some(form), Some(upload)) => (form, upload),
            _ => return Err(draft.refuse("shape", not_a_form())),
        };
        let (form, upload) = match judge::upload(&mut draft, form, upload).await {
            Ok(judged) => judged,
            Err(refusal) => return Err(draft.refuse("guardrails", refusal)),
        };
        let sent = tokio::select! {
            biased;
            sent = self.send_file(&draft, request, &lane, form, upload) => sent,
            why = draft.cut() => Err(why.refusal()),
        };
        let (status, headers, body) = match sent {
            Ok(answer) => answer,
            Err(refusal) => return Err(draft.refuse(ASKED, refusal)),
        };
        let body = match status.is_success() {
            false => body,
            true => match self.remember(&draft, custody, &lane, body.clone()).await {
                Ok(told) => told,
                Err(refusal) => {
                    self.take_back(&draft, request, &lane, &body).await;
                    return Err(draft.refuse(ASKED, refusal));
                }
            },
        };
        match readable(draft.dialect, status, &headers, body) {
            Some(reply) => Ok(Done::now(draft, reply)),
            None => Err(draft.refuse(ASKED, unreadable())),
        }
    }

    async fn send_file(
        &self,
        draft: &Draft,
        request: &CallRequest,
        lane: &Lane,
        form: HeaderValue,
        upload: Upload,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Refusal> {
        let (body, failing) = upload.begin()?;
        let tenant = draft.bearer.principal.path.tenant;
        let shown = self.shown_to(tenant, lane).await;
        let shown = shown.map_err(|why| unavailable(why.to_string()))?;
        let path = lane.route.config.rooted(lane.route.kind, FileRoute::PATH);
        let question = about(Method::POST, &path, request);
        let outgoing = upstream::outgoing(lane, &shown, question, self.environment.now());
        let mut outgoing = outgoing.ok_or_else(|| unavailable(Untold::Unusable.to_string()))?;
        outgoing.headers.insert(CONTENT_TYPE, form);
        let sent = self
            .egress
            .send_stream(outgoing, body, self.patience())
            .await;
        let mut answer = match (failing.why(), sent) {
            (Some(why), Err(_)) => return Err(why),
            (_, Err(error)) => return Err(unavailable(error.to_string())),
            (_, Ok(answer)) => answer,
        };
        let (status, headers) = (answer.status, std::mem::take(&mut answer.headers));
        let body = answer.collect(TOLD_LIMIT_BYTES).await;
        let body = body.map_err(|error| unavailable(error.to_string()))?;
        if let Some(refusal) = refused_key(status, &body) {
            return Err(refusal);
        }
        Ok((status, headers, scrubbed(body, Some(&shown.secret))))
    }

    /// Remembers a file that was stored; what its agent is told of it.
    async fn remember(
        &self,
        draft: &Draft,
        custody: &dyn Custody,
        lane: &Lane,
        body: Bytes,
    ) -> Result<Bytes, Refusal> {
        let told: Told = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let stored = StoredId {
            what: Stored::File,
            provider: lane.route.provider,
            original: told.id,
        };
        let sealed = stored.seal(&draft.bearer).ok_or_else(unreadable)?;
        let file = KeptFile {
            place: FilePlace {
                provider: stored.provider,
                original: stored.original.clone(),
            },
            purpose: told.purpose,
            size_bytes: told.bytes,
            told: String::from_utf8_lossy(&body).into_owned(),
            created_at: self.environment.now(),
            ends_at: told.expires_at.as_ref().and_then(End::at),
        };
        let kept = custody.keep_file(owner(&draft.bearer), &file).await;
        kept.map_err(unknown)?;
        Ok(rename(body, &stored.original, &sealed))
    }

    /// Deletes a file again that nobody could find here. If that fails, the log says where it lies.
    async fn take_back(&self, draft: &Draft, request: &CallRequest, lane: &Lane, body: &[u8]) {
        let provider = lane.route.provider;
        let told = serde_json::from_slice::<Told>(body).ok();
        let Some(told) = told.filter(|told| is_plain(&told.id)) else {
            tracing::error!(%provider, call = %draft.id, "alarm: a file was stored under a name that cannot be read; look for it at the provider");
            return;
        };
        let path = format!("{}/{}", FileRoute::PATH, told.id);
        let path = lane.route.config.rooted(lane.route.kind, &path);
        let begun = self
            .begin(draft, lane, about(Method::DELETE, &path, request))
            .await;
        match begun {
            Ok((answer, _)) if answer.status().is_success() => {
                tracing::warn!(%provider, file = told.id, "a file that could not be noted was deleted again");
            }
            _ => {
                tracing::error!(%provider, file = told.id, "alarm: a file that nobody knows of lies at the provider; delete it there");
            }
        }
    }

    fn patience(&self) -> Timeouts {
        Timeouts {
            first_byte: self.config.file_timeout,
            idle: self.config.idle_timeout,
        }
    }
}

/// Where a new file goes: to the provider that the request names, else to the first of its kind.
pub(in crate::call) fn lane_for(
    bearer: &Bearer,
    request: &CallRequest,
    kind: ProviderKind,
) -> Option<Arc<Lane>> {
    let named = request.passing.as_ref().map(|passing| passing.provider);
    let mut lanes = bearer.lanes.iter().filter(|lane| lane.route.kind == kind);
    let lane = lanes.find(|lane| named.is_none_or(|named| named == lane.route.provider));
    lane.cloned()
}

fn form_type(headers: &HeaderMap) -> Option<HeaderValue> {
    let kind = headers.get(CONTENT_TYPE)?;
    let text = kind.to_str().ok()?.to_ascii_lowercase();
    text.starts_with("multipart/form-data;")
        .then(|| kind.clone())
}

impl End {
    fn at(&self) -> Option<Timestamp> {
        match self {
            End::Seconds(at) => at.checked_mul(1_000_000).map(Timestamp::from_micros),
            End::Instant(at) => Some(*at),
            End::Other(_) => None,
        }
    }
}

fn not_a_form() -> Refusal {
    Refusal::Malformed {
        detail: "a file is stored by a form; send `multipart/form-data` with its boundary"
            .to_owned(),
    }
}
