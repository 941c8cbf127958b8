//! Batches that agents give to providers: made, told about, listed, cancelled, their results read.
//!
//! Making one costs money, hours later ([`crate::batches`]); the rest is free.

mod create;
mod lines;
mod results;
mod screen;
mod settle;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use iron_llm::{BatchRoute, ProviderKind};
use iron_primitives::{ProviderId, Refusal};
use serde_json::Value;

use crate::Runtime;
use crate::affinity::{Stored, StoredId};
use crate::bearer::Bearer;
use crate::custody::{Custody, FilePlace};

use super::admit::Admitted;
use super::draft::{Draft, Refused};
use super::errand::{ASKED, Done, reply};
use super::file_list::StoredList;
use super::files::{Found, about, found, not_here, owner, unknown};
use super::reply::Body;
use super::request::CallRequest;
use super::upstream;

/// What is to be done with batches at providers of one kind.
#[derive(Debug)]
pub struct BatchErrand {
    /// Whose shape the request has.
    pub kind: ProviderKind,
    /// What to do.
    pub route: BatchRoute,
    /// The query of the request.
    pub query: Option<String>,
}

impl BatchErrand {
    pub(super) const fn name(&self) -> &'static str {
        match self.route {
            BatchRoute::Create => "batches_create",
            BatchRoute::List => "batches_list",
            BatchRoute::Retrieve(_) => "batches_retrieve",
            BatchRoute::Cancel(_) => "batches_cancel",
            BatchRoute::Results(_) => "batches_results",
        }
    }
}

impl Runtime {
    pub(super) async fn batch(
        self: &Arc<Self>,
        admitted: Admitted,
        errand: BatchErrand,
    ) -> Result<Done, Refused> {
        let Some(custody) = self.authority.custody() else {
            return Err(admitted.draft.refuse("custody", not_here()));
        };
        let kind = errand.kind;
        let id = match &errand.route {
            BatchRoute::Create => return self.create_batch(admitted, custody, kind).await,
            BatchRoute::List => {
                let query = errand.query.as_deref();
                return self.list_batches(admitted, custody, kind, query).await;
            }
            BatchRoute::Retrieve(id) | BatchRoute::Cancel(id) | BatchRoute::Results(id) => id,
        };
        let Admitted { mut draft, request } = admitted;
        let root = BatchRoute::root(kind);
        let Some(found) = found(&draft, &request, Stored::Batch, root, id) else {
            let resource = "batch";
            return Err(draft.refuse("owner", Refusal::NotFound { resource }));
        };
        draft.passed("owner");
        let done = match &errand.route {
            BatchRoute::Results(_) => {
                let path = format!("{}/results", found.path);
                return self.read_results(draft, &request, &found.lane, &path).await;
            }
            BatchRoute::Cancel(_) => {
                let path = format!("{}/cancel", found.path);
                self.tell(&draft, &request, custody, &found, (Method::POST, &path))
                    .await
            }
            _ => {
                let question = (Method::GET, found.path.as_str());
                self.tell(&draft, &request, custody, &found, question).await
            }
        };
        match done {
            Ok(reply) => Ok(Done::now(draft, reply)),
            Err(refusal) => Err(draft.refuse(ASKED, refusal)),
        }
    }

    /// Asks the provider about a batch, and remembers what it tells.
    async fn tell(
        &self,
        draft: &Draft,
        request: &CallRequest,
        custody: &dyn Custody,
        found: &Found,
        (method, path): (Method, &str),
    ) -> Result<super::Reply, Refusal> {
        let question = about(method, path, request);
        let mut reply = self.ask(draft, &found.lane, question, None).await?;
        if let (true, Body::Whole(body)) = (reply.status.is_success(), &mut reply.body) {
            let place = FilePlace {
                provider: found.stored.provider,
                original: found.stored.original.clone(),
            };
            let told = String::from_utf8_lossy(body);
            let noted = custody
                .batch_told(owner(&draft.bearer), &place, &told)
                .await;
            noted.map_err(unknown)?;
            *body = sealed(&draft.bearer, found.stored.provider, body);
        }
        Ok(reply)
    }

    async fn list_batches(
        &self,
        admitted: Admitted,
        custody: &dyn Custody,
        kind: ProviderKind,
        query: Option<&str>,
    ) -> Result<Done, Refused> {
        let Admitted { mut draft, request } = admitted;
        let list = StoredList::read(&draft.bearer, &request, Stored::Batch, kind, query);
        let list = match list {
            Ok(list) => list,
            Err(refusal) => return Err(draft.refuse("shape", refusal)),
        };
        draft.passed("owner");
        match custody.batches(owner(&draft.bearer), list.wanted()).await {
            Ok(batches) => {
                let shown = |batch: crate::custody::KeptBatch| {
                    let told = Bytes::from(batch.told);
                    let told = sealed(&draft.bearer, batch.place.provider, &told);
                    serde_json::from_slice(&told).ok()
                };
                let body = list.write(batches.into_iter().map(shown).collect());
                let headers = upstream::shown(&HeaderMap::new());
                let reply = reply(StatusCode::OK, headers, Bytes::from(body));
                Ok(Done::now(draft, reply))
            }
            Err(error) => Err(draft.refuse("custody", unknown(error))),
        }
    }
}

/// What a provider tells of a batch, with the agent's ids in the place of its own.
fn sealed(bearer: &Bearer, provider: ProviderId, told: &Bytes) -> Bytes {
    let Ok(mut batch) = serde_json::from_slice::<Value>(told) else {
        return told.clone();
    };
    let named = |what: Stored, original: &str| {
        let stored = StoredId {
            what,
            provider,
            original: original.to_owned(),
        };
        stored.seal(bearer)
    };
    let Some(fields) = batch.as_object_mut() else {
        return told.clone();
    };
    let id = fields.get("id").and_then(Value::as_str);
    let id = id.and_then(|id| named(Stored::Batch, id));
    for (name, what) in [
        ("input_file_id", Stored::File),
        ("output_file_id", Stored::Results),
        ("error_file_id", Stored::Results),
    ] {
        let file = fields.get(name).and_then(Value::as_str);
        if let Some(file) = file.and_then(|file| named(what, file)) {
            fields.insert(name.to_owned(), Value::String(file));
        }
    }
    if let Some(id) = id {
        if fields.get("results_url").is_some_and(Value::is_string) {
            // Relative, so that it is asked for here.
            let url = format!("{}/{id}/results", BatchRoute::ANTHROPIC);
            fields.insert("results_url".to_owned(), Value::String(url));
        }
        fields.insert("id".to_owned(), Value::String(id));
    }
    Bytes::from(batch.to_string())
}
