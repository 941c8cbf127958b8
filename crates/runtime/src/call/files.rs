//! Files that agents keep at providers: stored, listed, told about, deleted, read.
//!
//! The provider keeps the bytes, and knows no agents; here it is remembered whose they are. An
//! agent is given ids that are good in its hands alone, and its list is made of what is remembered.
//! Bytes pass through in both directions, piece by piece; where guardrails look for something, a file
//! that is not too long for that waits until it is judged.

mod judge;
mod store;
mod stream;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use iron_llm::translate::ProviderError;
use iron_llm::{FileRoute, ProviderKind};
use iron_primitives::Refusal;

use crate::Runtime;
use crate::affinity::{Stored, StoredId};
use crate::authority::AuthorityError;
use crate::bearer::{Bearer, Lane};
use crate::custody::{Custody, FilePlace, Owner};

use super::admit::Admitted;
use super::draft::{Draft, Refused};
use super::errand::{ASKED, Done, lane_of, reply};
use super::failure::credential_refused;
use super::file_list::{StoredList, shown};
use super::request::CallRequest;
use super::upload::Upload;
use super::upstream::{self, Question};

pub(super) use store::lane_for;

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

/// Something that the agent keeps, and the lane to it.
pub(super) struct Found {
    pub(super) stored: StoredId,
    pub(super) lane: Arc<Lane>,
    pub(super) path: String,
}

impl Runtime {
    pub(super) async fn file(
        self: &Arc<Self>,
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
        let kept = |what| found(&draft, &request, what, FileRoute::PATH, id);
        let Some(found) = kept(Stored::File).or_else(|| kept(Stored::Results)) else {
            let resource = "file";
            return Err(draft.refuse("owner", Refusal::NotFound { resource }));
        };
        draft.passed("owner");
        let done = match &errand.route {
            FileRoute::Content(_) => {
                let path = format!("{}/content", found.path);
                if found.stored.what == Stored::Results {
                    return self.read_results(draft, &request, &found.lane, &path).await;
                }
                self.read_through(&mut draft, &request, &found.lane, &path)
                    .await
            }
            FileRoute::Delete(_) => self.delete(&draft, &request, custody, &found, id).await,
            _ => {
                let question = about(Method::GET, &found.path, &request);
                let names = Some((found.stored.original.as_str(), id.as_str()));
                self.ask(&draft, &found.lane, question, names).await
            }
        };
        match done {
            Ok(reply) => Ok(Done::now(draft, reply)),
            Err(refusal) => Err(draft.refuse(ASKED, refusal)),
        }
    }

    async fn list(
        &self,
        mut draft: Box<Draft>,
        request: &CallRequest,
        custody: &dyn Custody,
        kind: ProviderKind,
        query: Option<&str>,
    ) -> Result<Done, Refused> {
        let list = StoredList::read(&draft.bearer, request, Stored::File, kind, query);
        let list = match list {
            Ok(list) => list,
            Err(refusal) => return Err(draft.refuse("shape", refusal)),
        };
        draft.passed("owner");
        match custody.files(owner(&draft.bearer), list.wanted()).await {
            Ok(files) => {
                let files = files.iter().map(|file| shown(&draft.bearer, file));
                let body = list.write(files.collect());
                let headers = upstream::shown(&HeaderMap::new());
                let reply = reply(StatusCode::OK, headers, Bytes::from(body));
                Ok(Done::now(draft, reply))
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
}

/// What an agent names, if it is its own, at the provider that the request names.
pub(super) fn found(
    draft: &Draft,
    request: &CallRequest,
    what: Stored,
    root: &str,
    id: &str,
) -> Option<Found> {
    let stored = StoredId::open(what, &draft.bearer, id)?;
    let named = request.passing.as_ref().map(|passing| passing.provider);
    let lane = lane_of(&draft.bearer, stored.provider)?.clone();
    if named.is_some_and(|named| named != stored.provider) {
        return None;
    }
    let path = format!("{root}/{}", stored.original);
    let path = lane.route.config.rooted(lane.route.kind, &path);
    Some(Found { stored, lane, path })
}

pub(super) fn about<'a>(method: Method, path: &'a str, request: &'a CallRequest) -> Question<'a> {
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

/// The refusal for a provider's 401 or 403, which is not the agent's doing.
pub(super) fn refused_key(status: StatusCode, body: &[u8]) -> Option<Refusal> {
    if status.is_success() {
        return None;
    }
    let error = ProviderError::read(status.as_u16(), body);
    credential_refused(status.as_u16(), error.class)
}

pub(super) fn unavailable(detail: String) -> Refusal {
    Refusal::ProviderUnavailable { detail }
}

pub(super) fn unreadable() -> Refusal {
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
