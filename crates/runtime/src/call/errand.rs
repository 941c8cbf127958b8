//! Calls that cost nothing now: counting tokens, and looking after what is stored at providers. A
//! batch costs money hours after the call that makes it ([`batch`](super::batch)).
//!
//! They pass the same first steps and leave a record, but hold no money and make one attempt. They
//! use up neither the calls of a tenant's plan nor the rates of a team.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use iron_llm::anthropic::{COUNT_TOKENS_PATH, count_tokens_answer};
use iron_llm::translate::ProviderError;
use iron_llm::{Assumptions, Bound, Dialect, Edits, FileRoute, ProviderKind, simulated};
use iron_primitives::{ProviderId, Refusal};
use serde_json::json;

use crate::Runtime;
use crate::affinity::{Stored, StoredId, rename};
use crate::bearer::{Bearer, Lane};
use crate::record::{Outcome, RefusalRecord};

use super::Authenticated;
use super::admit::Admitted;
use super::batch::BatchErrand;
use super::close::Verdict;
use super::decide::{Decided, Reach};
use super::draft::{Draft, Refused};
use super::failure::{credential_refused, has_shape, is_object};
use super::files::FileErrand;
use super::inspect::translated;
use super::lasting::Lasting;
use super::reply::{Body, Reply};
use super::request::CallRequest;
use super::screen;
use super::scrub::scrubbed;
use super::upstream::{self, Question, Shown, Untold, Upstream};

/// The rule that speaks for the provider's part.
pub(super) const ASKED: &str = "provider";

/// What is to be done.
#[derive(Debug)]
pub enum Errand {
    /// Count the input tokens of a message.
    CountTokens,
    /// Ask a provider, on a route of its own, for something that costs nothing.
    Free,
    /// Look after batches, or make one.
    Batch(BatchErrand),
    /// Look after files.
    File(Box<FileErrand>),
    /// Look after a stored response.
    Stored {
        /// What to do with it.
        action: StoredAction,
        /// The id that the agent was given.
        id: String,
        /// The query of the request.
        query: Option<String>,
    },
}

/// What can be done with a stored response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredAction {
    /// Read it.
    Retrieve,
    /// Delete it.
    Delete,
    /// Stop making it.
    Cancel,
}

impl Errand {
    fn reads_a_file(&self) -> bool {
        matches!(self, Errand::File(errand) if matches!(errand.route, FileRoute::Content(_)))
    }

    const fn route(&self) -> &'static str {
        match self {
            Errand::CountTokens => "anthropic_count_tokens",
            Errand::Free => "passthrough",
            Errand::Batch(errand) => errand.name(),
            Errand::File(errand) => errand.name(),
            Errand::Stored {
                action: StoredAction::Retrieve,
                ..
            } => "openai_responses_retrieve",
            Errand::Stored {
                action: StoredAction::Delete,
                ..
            } => "openai_responses_delete",
            Errand::Stored {
                action: StoredAction::Cancel,
                ..
            } => "openai_responses_cancel",
        }
    }
}

/// An errand that brought an answer.
pub(super) struct Done {
    /// None if the record is left to who reads the rest of the answer.
    pub(super) draft: Option<Box<Draft>>,
    pub(super) reply: Reply,
}

impl Done {
    pub(super) const fn now(draft: Box<Draft>, reply: Reply) -> Self {
        let draft = Some(draft);
        Done { draft, reply }
    }
}

impl Runtime {
    /// Runs an errand. A caller that leaves takes no record along.
    ///
    /// # Errors
    /// A [`Refusal`]; an error of the provider is a [`Reply`] with its status.
    pub async fn run(
        self: &Arc<Self>,
        authenticated: Authenticated,
        request: CallRequest,
        errand: Errand,
    ) -> Result<Reply, Refusal> {
        let runtime = Arc::clone(self);
        let work = async move { runtime.run_through(authenticated, request, errand).await };
        // It brings nothing only if it panicked.
        let brought = Lasting::new(work).await;
        brought.unwrap_or(Err(Refusal::ProviderUnavailable {
            detail: "the request ended unexpectedly".to_owned(),
        }))
    }

    async fn run_through(
        self: &Arc<Self>,
        authenticated: Authenticated,
        request: CallRequest,
        errand: Errand,
    ) -> Result<Reply, Refusal> {
        let route = errand.route();
        let reads_a_file = errand.reads_a_file();
        let done = match self.admit(authenticated, request).await {
            // A pass is good for a call that is paid for.
            Ok(admitted) if admitted.draft.pass.is_some() => {
                Err(admitted.draft.refuse("token", Refusal::WrongTokenType))
            }
            Ok(mut admitted) => {
                admitted.draft.route = Some(route);
                match (self.let_time_pass(&mut admitted.draft).await, errand) {
                    (Err(refusal), _) => Err(admitted.draft.refuse("budget", refusal)),
                    (Ok(()), Errand::CountTokens) => self.count_tokens(admitted).await,
                    (Ok(()), Errand::Free) => self.free(admitted).await,
                    (Ok(()), Errand::Batch(errand)) => self.batch(admitted, errand).await,
                    (Ok(()), Errand::File(errand)) => self.file(admitted, *errand).await,
                    (Ok(()), Errand::Stored { action, id, query }) => {
                        self.stored(admitted, action, &id, query.as_deref()).await
                    }
                }
            }
            Err(refused) => Err(refused),
        };
        let done = done.and_then(
            |done| match reads_a_file && done.reply.status.is_success() {
                // It was judged as a file, and is no answer.
                true => Ok(done),
                false => self.screened(done),
            },
        );
        match done {
            Ok(Done { draft, reply }) => {
                if let Some(mut draft) = draft {
                    let verdict = Verdict::of_answer(reply.status);
                    self.record(&mut draft, verdict).await;
                }
                Ok(reply)
            }
            Err(refused) => Err(self.close_errand(refused).await),
        }
    }

    async fn close_errand(&self, refused: Refused) -> Refusal {
        let asked = refused.draft.decisions.last();
        if asked.is_none_or(|decision| decision.rule != ASKED) {
            return self.close_refused(refused).await;
        }
        let Refused { mut draft, refusal } = refused;
        let verdict = Verdict {
            outcome: match refusal {
                Refusal::ProviderUnavailable { .. } => Outcome::ProviderError,
                _ => Outcome::Cut,
            },
            status: refusal.kind().status(),
            refusal: Some(RefusalRecord::from(&refusal)),
        };
        self.record(&mut draft, verdict).await;
        refusal
    }

    async fn count_tokens(&self, admitted: Admitted) -> Result<Done, Refused> {
        let Decided {
            mut draft,
            request,
            envelope,
            choice,
            files,
            ..
        } = self.decide(admitted, Reach::ThatModel)?;
        let envelope = match screen::input(&mut draft, envelope) {
            Ok(envelope) => envelope,
            Err(refusal) => return Err(draft.refuse("guardrails", refusal)),
        };
        let kind = choice.model.kind;
        let counted = match kind {
            ProviderKind::Anthropic => {
                let question = Question {
                    method: Method::POST,
                    path: COUNT_TOKENS_PATH,
                    headers: &request.headers,
                    body: envelope.rewrite(&Edits {
                        files: &files,
                        ..Edits::default()
                    }),
                    kind: None,
                };
                let asked = self.ask(&draft, choice.lane(), question, None).await;
                return match asked {
                    Ok(reply) => Ok(Done::now(draft, reply)),
                    Err(refusal) => Err(draft.refuse(ASKED, refusal)),
                };
            }
            ProviderKind::Simulated => {
                simulated::count_tokens(Dialect::AnthropicMessages, envelope.body())
                    .map_err(Refusal::from)
            }
            // These count while they answer, and not before: what is told is the bound.
            _ => translated(envelope, &choice, &files).and_then(|outbound| {
                let assumptions = Assumptions::default();
                let bound = Bound::tight_of(&choice.model, &outbound.envelope, &assumptions)?;
                Ok(bound.input_tokens())
            }),
        };
        match counted {
            Ok(tokens) => {
                let reply = ours(StatusCode::OK, Bytes::from(count_tokens_answer(tokens)));
                Ok(Done::now(draft, reply))
            }
            Err(refusal) => Err(draft.refuse("count_tokens", refusal)),
        }
    }

    async fn stored(
        &self,
        admitted: Admitted,
        action: StoredAction,
        id: &str,
        query: Option<&str>,
    ) -> Result<Done, Refused> {
        let Admitted { mut draft, request } = admitted;
        let bearer = draft.bearer.shared();
        let found = StoredId::open(Stored::Response, &bearer, id);
        let named = request.passing.as_ref().map(|passing| passing.provider);
        let lane = found
            .as_ref()
            .filter(|stored| named.is_none_or(|named| named == stored.provider))
            .and_then(|stored| lane_of(&bearer, stored.provider));
        let (Some(stored), Some(lane)) = (&found, lane) else {
            return Err(draft.refuse(
                "owner",
                Refusal::NotFound {
                    resource: "response",
                },
            ));
        };
        draft.passed("owner");
        if lane.route.kind == ProviderKind::Simulated {
            let found = self.on_the_shelf(action, stored, id);
            return match found {
                Ok(reply) => Ok(Done::now(draft, reply)),
                Err(refusal) => Err(draft.refuse("stored", refusal)),
            };
        }
        let path = path_of(action, &stored.original, query);
        let path = lane.route.config.rooted(lane.route.kind, &path);
        let method = match action {
            StoredAction::Retrieve => Method::GET,
            StoredAction::Delete => Method::DELETE,
            StoredAction::Cancel => Method::POST,
        };
        let (headers, body) = (&request.headers, Bytes::new());
        let question = Question {
            method,
            path: &path,
            headers,
            body,
            kind: None,
        };
        let names = Some((stored.original.as_str(), id));
        let answered = self.ask(&draft, lane, question, names).await;
        match answered {
            Ok(reply) => Ok(Done::now(draft, reply)),
            Err(refusal) => Err(draft.refuse(ASKED, refusal)),
        }
    }

    /// A question to a route of the provider that the request names.
    async fn free(&self, admitted: Admitted) -> Result<Done, Refused> {
        let Admitted { mut draft, request } = admitted;
        let bearer = draft.bearer.shared();
        let passing = request.passing.as_ref();
        let lane = passing.and_then(|passing| lane_of(&bearer, passing.provider));
        let (Some(passing), Some(lane)) = (passing, lane) else {
            let resource = "provider";
            return Err(draft.refuse("assigned_provider", Refusal::NotFound { resource }));
        };
        draft.passed("assigned_provider");
        draft.model = Some(passing.route());
        let path = passing.target();
        let screened = screen::address(&mut draft, passing);
        let body = match screened.and_then(|()| screen::question(&mut draft, request.body.clone()))
        {
            Ok(body) => body,
            Err(refusal) => return Err(draft.refuse("guardrails", refusal)),
        };
        let question = Question {
            method: passing.method.clone(),
            path: &path,
            headers: &request.headers,
            body,
            kind: None,
        };
        match self.ask(&draft, lane, question, None).await {
            Ok(reply) => Ok(Done::now(draft, reply)),
            Err(refusal) => Err(draft.refuse(ASKED, refusal)),
        }
    }

    /// What the built-in provider does with its stored responses.
    fn on_the_shelf(
        &self,
        action: StoredAction,
        stored: &StoredId,
        id: &str,
    ) -> Result<Reply, Refusal> {
        let (provider, original) = (stored.provider, stored.original.as_str());
        let missing = Refusal::NotFound {
            resource: "response",
        };
        let body = self.shelf.find(provider, original).ok_or(missing)?;
        match action {
            StoredAction::Retrieve => Ok(ours(StatusCode::OK, rename(body, original, id))),
            StoredAction::Delete => {
                self.shelf.remove(provider, original);
                let answer = json!({ "id": id, "object": "response", "deleted": true });
                Ok(ours(StatusCode::OK, Bytes::from(answer.to_string())))
            }
            StoredAction::Cancel => Err(Refusal::InvalidField {
                field: "id".to_owned(),
                problem: "only a response that is made in the background can be cancelled"
                    .to_owned(),
            }),
        }
    }

    /// One question and its whole answer, unless the agent or its token ends before.
    pub(super) async fn ask(
        &self,
        draft: &Draft,
        lane: &Lane,
        question: Question<'_>,
        names: Option<(&str, &str)>,
    ) -> Result<Reply, Refusal> {
        tokio::select! {
            biased;
            answer = self.exchange(draft, lane, question, names) => answer,
            why = draft.cut() => Err(why.refusal()),
        }
    }

    /// Asks, and says the answer with the agent's names in the place of the provider's.
    async fn exchange(
        &self,
        draft: &Draft,
        lane: &Lane,
        question: Question<'_>,
        names: Option<(&str, &str)>,
    ) -> Result<Reply, Refusal> {
        let unavailable = |detail: String| Refusal::ProviderUnavailable { detail };
        let (mut upstream, shown) = self.begin(draft, lane, question).await?;
        let wait = upstream::timeouts(lane, self.config.idle_timeout);
        let mut share = self.room.share();
        let collected = upstream.collect(self.config.answer_limit_bytes, &mut share);
        let collected = tokio::time::timeout(wait.first_byte, collected).await;
        let body = match collected {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => return Err(unavailable(error.to_string())),
            Err(_) => return Err(unavailable("no whole answer in time".to_owned())),
        };
        let (status, headers) = (upstream.status(), upstream.headers());
        if !status.is_success() {
            let error = ProviderError::read(status.as_u16(), &body);
            if let Some(refusal) = credential_refused(status.as_u16(), error.class) {
                return Err(refusal);
            }
        }
        let body = scrubbed(body, Some(&shown.secret));
        let body = match names {
            Some((original, theirs)) => rename(body, original, theirs),
            None => body,
        };
        readable(draft.dialect, status, headers, share.keep(body))
            .ok_or_else(|| unavailable("it sent an answer that is not JSON".to_owned()))
    }

    /// Asks, up to the head of the answer.
    pub(super) async fn begin(
        &self,
        draft: &Draft,
        lane: &Lane,
        question: Question<'_>,
    ) -> Result<(Upstream, Shown), Refusal> {
        let unavailable = |detail: String| Refusal::ProviderUnavailable { detail };
        let tenant = draft.bearer.principal.path.tenant;
        let shown = self.shown_to(tenant, lane).await;
        let shown = shown.map_err(|why| unavailable(why.to_string()))?;
        let outgoing = upstream::outgoing(lane, &shown, question, self.environment.now());
        let outgoing = outgoing.ok_or_else(|| unavailable(Untold::Unusable.to_string()))?;
        let wait = upstream::timeouts(lane, self.config.idle_timeout);
        let sent = self.egress.send(outgoing, wait).await;
        let answer = sent.map_err(|error| unavailable(error.to_string()))?;
        if answer.status == StatusCode::UNAUTHORIZED {
            let whose = (tenant, lane.route.provider);
            self.tokens.forget(whose, &shown.secret);
        }
        Ok((Upstream::Http(answer), shown))
    }

    /// Leaves the record of a request that was refused while it was being received.
    pub async fn refuse(
        &self,
        authenticated: Authenticated,
        mut request: CallRequest,
        refusal: Refusal,
    ) -> Refusal {
        let draft = Draft::new(authenticated, &mut request);
        self.close_refused(draft.refuse("receive", refusal)).await
    }
}

/// The provider's answer for the caller, if it is one that the caller can read.
pub(super) fn readable(
    dialect: Dialect,
    status: StatusCode,
    headers: &HeaderMap,
    body: Bytes,
) -> Option<Reply> {
    if status.is_success() && body.is_empty() {
        // It says by its status alone what there is to say.
        let headers = upstream::shown_alone(headers);
        return Some(reply(status, headers, body));
    }
    let is_error = status.is_client_error() || status.is_server_error();
    let shape = dialect.error_shape();
    let fits = match is_error {
        _ if upstream::is_encoded(headers) => false,
        true => has_shape(shape, &body),
        // Some list their models in an array.
        false => is_object(&body) || is_array(&body),
    };
    let (status, body) = match (is_error, fits) {
        (true, false) => {
            let error = ProviderError::read(status.as_u16(), &body);
            let rendered = error.render(shape);
            let status = StatusCode::from_u16(rendered.status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, Bytes::from(rendered.body))
        }
        (true, true) => (status, body),
        (false, true) if status.is_success() => (status, body),
        // A stored response may be asked for as a stream.
        (false, false) if status.is_success() && upstream::is_event_stream(headers) => {
            (status, body)
        }
        (false, _) => return None,
    };
    let headers = match upstream::is_event_stream(headers) {
        true => upstream::shown_with_stream(headers),
        false => upstream::shown(headers),
    };
    Some(reply(status, headers, body))
}

fn is_array(body: &[u8]) -> bool {
    serde_json::from_slice::<Vec<serde::de::IgnoredAny>>(body).is_ok()
}

pub(super) fn lane_of(bearer: &Bearer, provider: ProviderId) -> Option<&Arc<Lane>> {
    let mut lanes = bearer.lanes.iter();
    lanes.find(|lane| lane.route.provider == provider)
}

impl Runtime {
    /// What an errand brought, as guardrails let it pass, and with what it proposes judged. An answer
    /// may have been made long ago.
    fn screened(&self, done: Done) -> Result<Done, Refused> {
        let Done { draft, reply } = done;
        let Some(mut draft) = draft else {
            return Ok(Done { draft, reply });
        };
        let Reply {
            status,
            body,
            mut headers,
            ..
        } = reply;
        let body = match body {
            Body::Whole(body) => body,
            // Only files come so, and those that are too long to be judged.
            body @ Body::Chunks(_) => {
                let reply = Reply {
                    body,
                    headers,
                    ..reply
                };
                return Ok(Done::now(draft, reply));
            }
        };
        let screened = match status.is_success() {
            false => Ok(screen::error(&mut draft, status, body)),
            true if upstream::is_event_stream(&headers) => screen::events(&mut draft, body),
            true => screen::output(&mut draft, body),
        };
        let screened = match screened {
            Ok(body) => body,
            Err(refusal) => return Err(draft.refuse("guardrails", refusal)),
        };
        let gated = match status.is_success() {
            false => Ok(screened),
            true if upstream::is_event_stream(&headers) => self.gated_events(&mut draft, screened),
            true => self.gated(&mut draft, screened, &mut headers),
        };
        match gated.map(Body::Whole) {
            Ok(body) => {
                let reply = Reply {
                    body,
                    headers,
                    ..reply
                };
                Ok(Done::now(draft, reply))
            }
            Err(refusal) => Err(Refused { draft, refusal }),
        }
    }
}

fn path_of(action: StoredAction, original: &str, query: Option<&str>) -> String {
    let tail = match action {
        StoredAction::Cancel => "/cancel",
        StoredAction::Retrieve | StoredAction::Delete => "",
    };
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!(
        "{}/{original}{tail}{query}",
        Dialect::OpenAiResponses.path()
    )
}

fn ours(status: StatusCode, body: Bytes) -> Reply {
    reply(status, upstream::shown(&HeaderMap::new()), body)
}

pub(super) fn reply(status: StatusCode, headers: HeaderMap, body: Bytes) -> Reply {
    Reply {
        status,
        headers,
        cost: None,
        remaining: None,
        body: Body::Whole(body),
    }
}
