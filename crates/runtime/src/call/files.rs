//! Files that agents keep at providers: stored, listed, told about, deleted, read.
//!
//! The provider keeps the bytes, and knows no agents; here it is remembered whose they are. An
//! agent is given ids that are good in its hands alone, and its list is made of what is remembered.
//! Bytes pass through in both directions, piece by piece.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use iron_llm::translate::ProviderError;
use iron_llm::{FileRoute, ProviderKind};
use iron_net::egress::Timeouts;
use iron_primitives::{ProviderId, Refusal, Timestamp};
use serde::Deserialize;

use crate::Runtime;
use crate::affinity::{Stored, StoredId, rename};
use crate::authority::{AuthorityError, Privacy};
use crate::bearer::{Bearer, Lane};
use crate::custody::{Custody, FilePlace, KeptFile, Owner};
use crate::in_flight::Seat;

use super::admit::Admitted;
use super::draft::{Draft, Refused};
use super::errand::{ASKED, Done, lane_of, readable, reply};
use super::failure::{credential_refused, scrubbed};
use super::file_list::FileList;
use super::reply::{Breaker, Listener};
use super::request::CallRequest;
use super::upload::Upload;
use super::upstream::{self, Question, Untold, Upstream};

/// The most bytes that a provider may tell of one file.
const TOLD_LIMIT_BYTES: usize = 64 * 1024;

/// What is to be done with files at providers of one kind.
#[derive(Debug)]
pub struct FileErrand {
    /// Whose shape the request has.
    pub kind: ProviderKind,
    /// What to do.
    pub route: FileRoute,
    /// The query of the request.
    pub query: Option<String>,
    /// What is to be stored.
    pub upload: Option<Upload>,
}

impl FileErrand {
    pub(super) const fn name(&self) -> &'static str {
        match self.route {
            FileRoute::Upload => "files_upload",
            FileRoute::List => "files_list",
            FileRoute::Retrieve(_) => "files_retrieve",
            FileRoute::Delete(_) => "files_delete",
            FileRoute::Content(_) => "files_content",
        }
    }
}

/// What a provider tells of a file, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Told {
    id: String,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default, alias = "size_bytes")]
    bytes: Option<u64>,
    #[serde(default)]
    expires_at: Option<i64>,
}

/// A file of the agent, and the lane to it.
struct Found {
    stored: StoredId,
    lane: Arc<Lane>,
    path: String,
}

impl Runtime {
    pub(super) async fn file(
        &self,
        admitted: Admitted,
        errand: FileErrand,
    ) -> Result<Done, Refused> {
        let Admitted { mut draft, request } = admitted;
        let Some(custody) = self.authority.custody() else {
            return Err(draft.refuse("custody", not_here()));
        };
        let id = match &errand.route {
            FileRoute::Upload => {
                let upload = errand.upload;
                return self
                    .store(draft, &request, custody, errand.kind, upload)
                    .await;
            }
            FileRoute::List => {
                let (kind, query) = (errand.kind, errand.query.as_deref());
                return self.list(draft, &request, custody, kind, query).await;
            }
            FileRoute::Retrieve(id) | FileRoute::Delete(id) | FileRoute::Content(id) => id,
        };
        let Some(found) = found(&draft, &request, id) else {
            let resource = "file";
            return Err(draft.refuse("owner", Refusal::NotFound { resource }));
        };
        draft.passed("owner");
        let done = match &errand.route {
            FileRoute::Content(_) => self.content(&mut draft, &request, &found).await,
            FileRoute::Delete(_) => self.delete(&draft, &request, custody, &found, id).await,
            _ => {
                let question = about(Method::GET, &found.path, &request);
                let names = Some((found.stored.original.as_str(), id.as_str()));
                self.ask(&draft, &found.lane, question, names).await
            }
        };
        match done {
            Ok(reply) => Ok(Done { draft, reply }),
            Err(refusal) => Err(draft.refuse(ASKED, refusal)),
        }
    }

    /// Sends a file on while it comes, and remembers whose it is.
    async fn store(
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
            true => match self.remember(&draft, custody, &lane, body).await {
                Ok(told) => told,
                Err(refusal) => return Err(draft.refuse(ASKED, refusal)),
            },
        };
        match readable(draft.dialect, status, &headers, body) {
            Some(reply) => Ok(Done { draft, reply }),
            None => Err(draft.refuse(ASKED, unreadable())),
        }
    }

    async fn send_file(
        &self,
        draft: &Draft,
        request: &CallRequest,
        lane: &Lane,
        form: http::HeaderValue,
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
            ends_at: told.expires_at.and_then(seconds),
        };
        let kept = custody.keep_file(owner(&draft.bearer), &file).await;
        kept.map_err(unknown)?;
        Ok(rename(body, &stored.original, &sealed))
    }

    async fn list(
        &self,
        mut draft: Box<Draft>,
        request: &CallRequest,
        custody: &dyn Custody,
        kind: ProviderKind,
        query: Option<&str>,
    ) -> Result<Done, Refused> {
        let named = request.passing.as_ref().map(|passing| passing.provider);
        let lanes = draft.bearer.lanes.iter();
        let meant = lanes.filter(|lane| lane.route.kind == kind);
        let meant = meant.map(|lane| lane.route.provider);
        let providers: Vec<ProviderId> = meant
            .filter(|provider| named.is_none_or(|named| named == *provider))
            .collect();
        let list = match FileList::read(&draft.bearer, kind, providers, query) {
            Ok(list) => list,
            Err(refusal) => return Err(draft.refuse("shape", refusal)),
        };
        draft.passed("owner");
        match custody.files(owner(&draft.bearer), list.wanted()).await {
            Ok(files) => {
                let body = list.write(&draft.bearer, files);
                let headers = upstream::shown(&HeaderMap::new());
                let reply = reply(StatusCode::OK, headers, Bytes::from(body));
                Ok(Done { draft, reply })
            }
            Err(error) => Err(draft.refuse("custody", unknown(error))),
        }
    }

    async fn delete(
        &self,
        draft: &Draft,
        request: &CallRequest,
        custody: &dyn Custody,
        found: &Found,
        id: &str,
    ) -> Result<super::Reply, Refusal> {
        let question = about(Method::DELETE, &found.path, request);
        let names = Some((found.stored.original.as_str(), id));
        let reply = self.ask(draft, &found.lane, question, names).await?;
        // One that is not there any more is deleted, too.
        if reply.status.is_success() || reply.status == StatusCode::NOT_FOUND {
            let place = FilePlace {
                provider: found.stored.provider,
                original: found.stored.original.clone(),
            };
            let forgotten = custody.forget_file(owner(&draft.bearer), &place).await;
            forgotten.map_err(unknown)?;
        }
        Ok(reply)
    }

    /// The bytes of a file, piece by piece. The request counts as under way to the last of them.
    async fn content(
        &self,
        draft: &mut Draft,
        request: &CallRequest,
        found: &Found,
    ) -> Result<super::Reply, Refusal> {
        let lane = &found.lane;
        let path = format!("{}/content", found.path);
        let question = about(Method::GET, &path, request);
        let begun = tokio::select! {
            biased;
            begun = self.begin(draft, lane, question) => begun?,
            why = draft.cut() => return Err(why.refusal()),
        };
        let (mut upstream, shown) = begun;
        let (status, headers) = (upstream.status(), upstream.headers().clone());
        if !status.is_success() {
            let mut share = self.room.share();
            let collected = upstream.collect(TOLD_LIMIT_BYTES, &mut share).await;
            let body = collected.map_err(|error| unavailable(error.to_string()))?;
            if let Some(refusal) = refused_key(status, &body) {
                return Err(refusal);
            }
            let body = scrubbed(body, Some(&shown.secret));
            return readable(draft.dialect, status, &headers, body).ok_or_else(unreadable);
        }
        if upstream::is_encoded(&headers) {
            return Err(unreadable());
        }
        let (listener, breaker, body) = Listener::to_a_body(self.config.stalled_client);
        let passage = Passage {
            upstream,
            listener,
            breaker,
            bearer: draft.bearer.shared(),
            left: self.config.file_limit_bytes,
            _seat: draft.seat.take(),
        };
        tokio::spawn(passage.run());
        let mut shown = upstream::shown_as_it_is(&headers);
        if let Some(length) = headers.get(CONTENT_LENGTH) {
            shown.insert(CONTENT_LENGTH, length.clone());
        }
        Ok(super::Reply {
            status,
            headers: shown,
            cost: None,
            remaining: None,
            body,
        })
    }

    fn patience(&self) -> Timeouts {
        Timeouts {
            first_byte: self.config.file_timeout,
            idle: self.config.idle_timeout,
        }
    }
}

/// The bytes of a file on their way through.
struct Passage {
    upstream: Upstream,
    listener: Listener,
    breaker: Breaker,
    bearer: Arc<Bearer>,
    /// How many bytes may still come.
    left: u64,
    _seat: Option<Seat>,
}

impl Passage {
    async fn run(mut self) {
        loop {
            let chunk = tokio::select! {
                biased;
                _ = self.bearer.lifeline.cut() => None,
                () = self.listener.gone() => return,
                chunk = self.upstream.chunk() => chunk.ok(),
            };
            let piece = match chunk {
                Some(Some(piece)) => piece,
                Some(None) => return,
                None => return self.breaker.trip(),
            };
            match self.left.checked_sub(piece.len() as u64) {
                Some(left) => self.left = left,
                None => return self.breaker.trip(),
            }
            if !self.listener.hand(piece).await {
                return;
            }
        }
    }
}

/// The file that an agent names, if it is one of its own, at the provider that the request names.
fn found(draft: &Draft, request: &CallRequest, id: &str) -> Option<Found> {
    let stored = StoredId::open(Stored::File, &draft.bearer, id)?;
    let named = request.passing.as_ref().map(|passing| passing.provider);
    let lane = lane_of(&draft.bearer, stored.provider)?.clone();
    if named.is_some_and(|named| named != stored.provider) {
        return None;
    }
    let path = format!("{}/{}", FileRoute::PATH, stored.original);
    let path = lane.route.config.rooted(lane.route.kind, &path);
    Some(Found { stored, lane, path })
}

/// Where a new file goes: to the provider that the request names, else to the first of its kind.
fn lane_for(bearer: &Bearer, request: &CallRequest, kind: ProviderKind) -> Option<Arc<Lane>> {
    let named = request.passing.as_ref().map(|passing| passing.provider);
    let mut lanes = bearer.lanes.iter().filter(|lane| lane.route.kind == kind);
    let lane = lanes.find(|lane| named.is_none_or(|named| named == lane.route.provider));
    lane.cloned()
}

fn about<'a>(method: Method, path: &'a str, request: &'a CallRequest) -> Question<'a> {
    Question {
        method,
        path,
        headers: &request.headers,
        body: Bytes::new(),
        kind: None,
    }
}

pub(super) fn owner(bearer: &Bearer) -> Owner {
    let path = bearer.principal.path;
    Owner {
        tenant: path.tenant,
        agent: path.agent,
    }
}

fn form_type(headers: &HeaderMap) -> Option<http::HeaderValue> {
    let kind = headers.get(CONTENT_TYPE)?;
    let text = kind.to_str().ok()?.to_ascii_lowercase();
    text.starts_with("multipart/form-data;")
        .then(|| kind.clone())
}

/// The refusal for a provider's 401 or 403, which is not the agent's doing.
fn refused_key(status: StatusCode, body: &[u8]) -> Option<Refusal> {
    if status.is_success() {
        return None;
    }
    let error = ProviderError::read(status.as_u16(), body);
    credential_refused(status.as_u16(), error.class)
}

fn seconds(at: i64) -> Option<Timestamp> {
    at.checked_mul(1_000_000).map(Timestamp::from_micros)
}

fn unavailable(detail: String) -> Refusal {
    Refusal::ProviderUnavailable { detail }
}

fn unreadable() -> Refusal {
    unavailable("it sent an answer that cannot be read".to_owned())
}

pub(super) fn unknown(error: AuthorityError) -> Refusal {
    tracing::warn!(%error, "what agents keep at providers could not be looked up");
    Refusal::AuthorityUnavailable
}

/// The refusal where nobody remembers whose a file is.
pub(super) fn not_here() -> Refusal {
    Refusal::InvalidField {
        field: "path".to_owned(),
        problem: "routers keep no files and no batches; send it to the server itself".to_owned(),
    }
}

pub(super) fn stores_nothing(field: &str) -> Refusal {
    Refusal::InvalidField {
        field: field.to_owned(),
        problem: "the privacy level of the agent's team lets providers store nothing".to_owned(),
    }
}

pub(super) fn no_place(kind: ProviderKind) -> Refusal {
    Refusal::InvalidField {
        field: "path".to_owned(),
        problem: format!(
            "none of the agent's providers is of the type `{}`, where this could be kept; ask an \
             administrator to assign one",
            kind.as_str()
        ),
    }
}

fn not_a_form() -> Refusal {
    Refusal::Malformed {
        detail: "a file is stored by a form; send `multipart/form-data` with its boundary"
            .to_owned(),
    }
}
