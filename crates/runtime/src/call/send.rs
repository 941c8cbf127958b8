//! Step 6: the request leaves, in one attempt or several.
//!
//! An attempt has its own hold and its own line in the record. What follows one that brought no
//! answer is said in [`further`](super::further). The same provider is never sent twice what it may
//! bill.

use std::borrow::Cow;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use iron_llm::aws::with_embedded_tokens;
use iron_llm::meter::{FeedError, MeterOptions, Reading, read_answer};
use iron_llm::sse::FRAME_LIMIT_BYTES;
use iron_llm::{Bound, Dialect, Edits, Envelope, ProviderKind};
use iron_primitives::{ProviderId, TenantId};
use iron_telemetry::AttemptOutcome;
use tokio::time::{Instant, timeout_at};

use crate::Runtime;
use crate::affinity::rename;
use crate::authority::{AuthorityError, Credential};
use crate::bearer::Lane;
use crate::record::Ended;
use crate::room::Share;
use crate::tokens::Asker;
use crate::wallet::Hold;

use super::attempt::Open;
use super::failure::{
    Blame, Failed, Pause, abandoned, broken, broken_body, fault_body, lost, out_of_time, strange,
    unsent,
};
use super::flow::Flow;
use super::hold::Ready;
use super::inspect::Cleared;
use super::prediction::{self, Unwanted};
use super::reply::Caller;
use super::scrub::scrubbed;
use super::sieve::Sieve;
use super::upstream::{self, Question, Shown, Untold, Upstream};

/// Whose caller has gone is waited for at least so long, for its cost.
const SHORTEST_PATIENCE: Duration = Duration::from_millis(1);
/// So many bytes may come before it is known whether an answer or an error begins.
const OPENING_LIMIT_BYTES: usize = 1024 * 1024;
/// The most bytes of an event with a picture: eight megapixels that no format has made smaller take
/// 33 million in base64.
const PICTURE_LIMIT_BYTES: usize = 48 * 1024 * 1024;
/// The most bytes of an answer with pictures.
const PICTURES_LIMIT_BYTES: usize = 160 * 1024 * 1024;

/// A call whose request has left, or could not leave.
pub(super) struct Sent {
    pub(super) cleared: Cleared,
    pub(super) bound: Bound,
    pub(super) open: Open,
    pub(super) answer: Answered,
}

/// What the last attempt brought.
pub(super) enum Answered {
    /// A stream has begun.
    Stream(Box<Stream>),
    /// The provider answered as a whole.
    Whole(Whole),
    /// There is no answer, or only an error.
    Failed(Failed),
}

/// A stream whose first frame is known.
pub(super) struct Stream {
    pub(super) upstream: Upstream,
    pub(super) flow: Flow,
    /// What the caller gets first.
    pub(super) opening: Vec<Bytes>,
    /// The body ended within the opening.
    pub(super) ended: bool,
}

/// An answer that is not streamed.
pub(super) struct Whole {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The room that it takes.
    pub(super) share: Share,
    pub(super) reading: Reading,
}

impl Runtime {
    pub(super) async fn send(&self, ready: Ready, caller: &mut Caller) -> Sent {
        let Ready {
            mut cleared,
            bound,
            hold,
        } = ready;
        let mut bound = bound;
        let mut open = self.open(hold, &bound, 1);
        cleared.draft.dispatched = Some(open.dispatched);
        loop {
            let answer = self.attended(&cleared, &bound, &mut open, caller).await;
            self.count_attempt(&answer);
            self.learn(&mut cleared, &open, &answer);
            let next = match &answer {
                Answered::Failed(failed) => {
                    self.further(&mut cleared, &mut bound, &mut open, failed, caller)
                        .await
                }
                _ => None,
            };
            let Some(hold) = next else {
                caller.served_by(&cleared);
                self.count_tier(cleared.way.tier, &answer);
                return Sent {
                    cleared,
                    bound,
                    open,
                    answer,
                };
            };
            open = self.open(hold, &bound, open.number.saturating_add(1));
        }
    }

    /// An attempt for as long as somebody wants its answer, and then for as long as its cost may
    /// become known. Who is dismissed knows at once.
    async fn attended(
        &self,
        cleared: &Cleared,
        bound: &Bound,
        open: &mut Open,
        caller: &mut Caller,
    ) -> Answered {
        if let Some(why) = cleared.draft.ended() {
            let told = why.refusal().to_string();
            caller.dismiss(why);
            return Answered::Failed(unsent(told, None, Blame::Us));
        }
        let hold = open.hold;
        let unwanted = open.unwanted.clone();
        let mut patience = Duration::ZERO;
        let mut attempt = pin!(self.attempt(cleared, bound, open));
        loop {
            tokio::select! {
                biased;
                answer = &mut attempt => return answer,
                why = cleared.draft.cut(), if caller.dismissed().is_none() => caller.dismiss(why),
                () = caller.abandoned(patience) => {
                    if !patience.is_zero() {
                        return abandoned(&hold);
                    }
                    unwanted.say();
                    patience = self.config.drain_timeout.max(SHORTEST_PATIENCE);
                }
            }
        }
    }

    fn open(&self, hold: Hold, bound: &Bound, number: u32) -> Open {
        Open {
            clamped: hold.cap < bound.cap(),
            hold,
            number,
            dispatched_at: self.environment.now(),
            dispatched: self.environment.boot(),
            first_byte: None,
            status: None,
            provider_request: None,
            secret: None,
            unwanted: Unwanted::default(),
            closed: false,
        }
    }

    /// One attempt, up to the first frame of a stream or the end of a whole answer.
    async fn attempt(&self, cleared: &Cleared, bound: &Bound, open: &mut Open) -> Answered {
        let patience = Duration::from_millis(cleared.choice.lane().route.timeout_ms.max(1));
        let until = Instant::now() + patience;
        let upstream = match self.put(cleared, bound, open).await {
            Ok(upstream) => upstream,
            Err(failed) => return Answered::Failed(failed),
        };
        open.status = Some(upstream.status().as_u16());
        open.provider_request = request_id(upstream.headers());
        if let (true, Some(shown)) = (upstream.takes_no_token(), &open.secret) {
            let tenant = cleared.draft.bearer.principal.path.tenant;
            let provider = cleared.choice.lane().route.provider;
            self.tokens.forget((tenant, provider), shown);
        }
        if !upstream.status().is_success() {
            return Answered::Failed(self.refused(cleared, open, upstream).await);
        }
        // A provider that sends a little now and then is never silent, and must end all the same.
        match timeout_at(until, self.take(cleared, bound, open, upstream)).await {
            Ok(answered) => answered,
            Err(_) => out_of_time(&open.hold, patience),
        }
    }

    /// What the provider sends, up to the first frame of a stream or the end of a whole answer.
    async fn take(
        &self,
        cleared: &Cleared,
        bound: &Bound,
        open: &mut Open,
        upstream: Upstream,
    ) -> Answered {
        if upstream::is_encoded(upstream.headers()) {
            let what = "an encoded answer, which nobody asked for";
            return broken(&open.hold, Ended::Malformed, what);
        }
        let headers = upstream.headers();
        let streams = match cleared.outbound.envelope.dialect().answers_in_json() {
            true => cleared.draft.stream && !upstream::is_json(headers),
            false => upstream::is_event_stream(headers),
        };
        if streams {
            self.open_stream(cleared, bound, open, upstream).await
        } else {
            self.read_whole(cleared, open, upstream).await
        }
    }

    /// Sends the request and waits for the head of the answer.
    async fn put(
        &self,
        cleared: &Cleared,
        bound: &Bound,
        open: &mut Open,
    ) -> Result<Upstream, Failed> {
        let outbound = &cleared.outbound;
        let dialect = outbound.envelope.dialect();
        let edits = Edits {
            files: &outbound.files,
            ..bound.edits(open.hold.cap, Some(cleared.choice.asked_as()), dialect)
        };
        let mut body = outbound.envelope.rewrite(&edits);
        for (theirs, original) in &outbound.renames {
            body = rename(body, theirs, original);
        }
        let lane = cleared.choice.lane();
        if lane.route.kind == ProviderKind::Simulated {
            (open.dispatched_at, open.dispatched) =
                (self.environment.now(), self.environment.boot());
            let script = upstream::script(dialect, &body, open.dispatched_at);
            if dialect == Dialect::OpenAiResponses && outbound.envelope.facts().store != Some(false)
            {
                self.shelf.keep(lane.route.provider, &script);
            }
            return Ok(Upstream::played(script));
        }
        let tenant = cleared.draft.bearer.principal.path.tenant;
        let unsaid = |why: &Untold| unsent(why.to_string(), None, Blame::Account);
        let shown = self.shown_to(tenant, lane).await;
        let shown = shown.map_err(|why| unsaid(&why))?;
        let path = path_of(cleared);
        let passing = cleared.request.passing.as_ref();
        let question = Question {
            method: passing.map_or(Method::POST, |passing| passing.method.clone()),
            path: &path,
            headers: &cleared.request.headers,
            body,
            kind: match dialect {
                Dialect::Passthrough => cleared.request.headers.get(CONTENT_TYPE).cloned(),
                _ => form_type(&outbound.envelope),
            },
        };
        let outgoing = upstream::outgoing(lane, &shown, question, self.environment.now());
        let secret = shown.secret.clone();
        open.secret = Some(shown.secret);
        let mut outgoing = outgoing.ok_or_else(|| unsaid(&Untold::Unusable))?;
        let streams = cleared.draft.stream;
        if dialect == Dialect::Replicate {
            prediction::ask_for(&mut outgoing.headers, streams);
        }
        if self.environment.boot() >= open.hold.deadline {
            return Err(unsent(
                "the money for the call came too late".to_owned(),
                Some(Pause::Named(Duration::ZERO)),
                Blame::Us,
            ));
        }
        (open.dispatched_at, open.dispatched) = (self.environment.now(), self.environment.boot());
        let wait = upstream::timeouts(lane, self.config.idle_timeout);
        match self.egress.send(outgoing, wait).await {
            Ok(answer) if dialect == Dialect::Replicate && answer.status.is_success() => {
                let asking = (self.egress.clone(), cleared.choice.shared_lane(), secret);
                let unwanted = open.unwanted.clone();
                let watched = prediction::watch(answer, asking, streams, unwanted).await;
                match watched {
                    Ok(prediction) => Ok(Upstream::Predicted(Box::new(prediction))),
                    Err(why) => Err(strange(&open.hold, &why.to_string())),
                }
            }
            Ok(answer) => Ok(Upstream::Http(answer)),
            Err(error) => Err(lost(&error, &open.hold)),
        }
    }

    /// What a provider is shown: its opened key, or the token that the key is exchanged for.
    pub(super) async fn shown_to(&self, tenant: TenantId, lane: &Lane) -> Result<Shown, Untold> {
        let (provider, kind) = (lane.route.provider, lane.route.kind);
        let found = self.credential(tenant, provider, kind).await;
        let Credential { secret, version } = found.map_err(|_| Untold::Unusable)?;
        let Some(asker) = Asker::of(kind, &lane.route.config, &secret) else {
            return Ok(Shown {
                secret,
                is_token: false,
            });
        };
        let (whose, key) = ((tenant, provider), (&secret, version));
        let token = self
            .tokens
            .get(&self.egress, &self.environment, whose, asker, key)
            .await;
        Ok(Shown {
            secret: token.map_err(|_| Untold::NoToken)?,
            is_token: true,
        })
    }

    /// The opened key of a provider. A server of one's own may have none.
    async fn credential(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        kind: ProviderKind,
    ) -> Result<Credential, AuthorityError> {
        let now = self.environment.boot();
        match self.credentials.get(&(tenant, provider), now).await {
            Err(AuthorityError::NotFound) if kind.may_lack_a_key() => Ok(Credential {
                secret: String::new().into(),
                version: 0,
            }),
            found => found,
        }
    }

    /// Reads a stream up to its first frame that is an answer or an error.
    async fn open_stream(
        &self,
        cleared: &Cleared,
        bound: &Bound,
        open: &mut Open,
        mut upstream: Upstream,
    ) -> Answered {
        let mut flow = self.flow(cleared, bound, &open.hold);
        let mut opening = Vec::new();
        let mut room = OPENING_LIMIT_BYTES;
        let mut ended = false;
        while !flow.has_opened() && !ended {
            match upstream.chunk().await {
                Ok(Some(chunk)) => {
                    open.first_byte
                        .get_or_insert_with(|| self.environment.boot());
                    match flow.feed(&chunk) {
                        Ok(piece) => {
                            room = room.saturating_sub(piece.len());
                            // The first frame itself may be long: it repeats the instructions.
                            if room == 0 && !flow.has_opened() {
                                let what = "much, but no answer";
                                return broken(&open.hold, Ended::Malformed, what);
                            }
                            opening.push(piece);
                        }
                        Err(FeedError::TooLarge(_)) => {
                            return broken(&open.hold, Ended::Malformed, "an endless frame");
                        }
                        Err(FeedError::Damaged(_)) => {
                            return broken(&open.hold, Ended::Malformed, "a damaged message");
                        }
                    }
                }
                Ok(None) => {
                    flow.body_ended();
                    ended = true;
                }
                Err(error) => return broken_body(&open.hold, error),
            }
        }
        let reading = flow.reading();
        match &reading.fault {
            Some(fault) if !reading.started => {
                let body = scrubbed(fault_body(fault), open.secret.as_ref());
                Answered::Failed(self.error_answer(cleared, open, HeaderMap::new(), 0, body, true))
            }
            None if !reading.started => broken(&open.hold, Ended::UpstreamCut, "an empty stream"),
            _ => Answered::Stream(Box::new(Stream {
                upstream,
                flow,
                opening,
                ended,
            })),
        }
    }

    fn flow(&self, cleared: &Cleared, bound: &Bound, hold: &Hold) -> Flow {
        let outbound = &cleared.outbound;
        let facts = outbound.envelope.facts();
        let options = MeterOptions {
            hide_usage: !outbound.usage_asked && outbound.plan.is_none(),
            output_bound: bound
                .cap_edit(hold.cap)
                .map(|(_, cap)| stream_bound(cap, bound.choices())),
            // Counted by frames. A tokenizer would count a text that the provider cut within
            // tokens too high, and end honest streams.
            encoding: None,
            long_cache: facts.long_cache,
            translated: outbound.plan.is_some(),
            frame_limit_bytes: match outbound.envelope.dialect().draws() {
                true => PICTURE_LIMIT_BYTES,
                false => FRAME_LIMIT_BYTES,
            },
        };
        let translator = outbound
            .plan
            .as_ref()
            .and_then(|plan| plan.stream(bound.input_tokens(), cleared.draft.started_at));
        let flow = Flow::new(
            outbound.envelope.dialect(),
            options,
            cleared.draft.dialect,
            translator,
            self.room.share(),
        );
        let (draft, choice) = (&cleared.draft, &cleared.choice);
        let sieve = Sieve::new(&draft.bearer.guard, draft.dialect, &draft.safety);
        flow.with_owner(outbound.owner(draft, choice))
            .through(sieve)
            .behind(self.gate(draft))
    }

    async fn read_whole(
        &self,
        cleared: &Cleared,
        open: &mut Open,
        mut upstream: Upstream,
    ) -> Answered {
        let mut share = self.room.share();
        let limit = match cleared.draft.dialect.draws() {
            true => self.config.answer_limit_bytes.max(PICTURES_LIMIT_BYTES),
            false => self.config.answer_limit_bytes,
        };
        let body = match upstream.collect(limit, &mut share).await {
            Ok(body) => body,
            Err(error) => return broken_body(&open.hold, error),
        };
        open.first_byte = Some(self.environment.boot());
        let envelope = &cleared.outbound.envelope;
        let counted = match envelope.dialect() {
            Dialect::BedrockEmbed => {
                with_embedded_tokens(body.clone(), read_tokens(upstream.headers()))
            }
            _ => body.clone(),
        };
        let long_cache = envelope.facts().long_cache;
        let reading = read_answer(envelope.dialect(), &counted, long_cache);
        // Who speaks the dialect himself gets the answer as it came.
        let body = match cleared.draft.dialect == envelope.dialect() {
            true => body,
            false => counted,
        };
        if reading.unreadable_frames > 0 {
            return broken(&open.hold, Ended::Malformed, "an answer that is not JSON");
        }
        if is_an_error(envelope.dialect(), &reading) {
            let body = share.keep(scrubbed(body, open.secret.as_ref()));
            return Answered::Failed(self.error_answer(
                cleared,
                open,
                HeaderMap::new(),
                0,
                body,
                true,
            ));
        }
        let (status, headers) = (upstream.status(), upstream.headers().clone());
        Answered::Whole(Whole {
            status,
            headers,
            body,
            share,
            reading,
        })
    }

    fn count_tier(&self, tier: u32, answer: &Answered) {
        let tier = match (tier, answer) {
            (..2, _) | (_, Answered::Failed(_)) => return,
            (2, _) => "2",
            (3, _) => "3",
            _ => "4+",
        };
        self.metrics.routing.fallbacks.of(tier).inc();
    }

    fn count_attempt(&self, answer: &Answered) {
        let outcome = match answer {
            Answered::Stream(_) | Answered::Whole(_) => AttemptOutcome::Succeeded,
            Answered::Failed(failed) => match failed.ending.ended {
                Ended::Unsent => AttemptOutcome::Unsent,
                Ended::TimedOut | Ended::Stalled => AttemptOutcome::TimedOut,
                _ => AttemptOutcome::Failed,
            },
        };
        self.metrics.calls.attempt(outcome).inc();
    }
}

/// What a body is said to be that is no JSON.
fn form_type(envelope: &Envelope) -> Option<HeaderValue> {
    HeaderValue::try_from(envelope.form_type()?).ok()
}

/// Where a request goes, below the provider's address.
fn path_of(cleared: &Cleared) -> Cow<'_, str> {
    let route = &cleared.choice.lane().route;
    let passing = cleared.request.passing.as_deref();
    let dialect = cleared.outbound.envelope.dialect();
    if let (Dialect::Passthrough, Some(passing)) = (dialect, passing) {
        return passing.target().into();
    }
    let (asked, stream) = (cleared.choice.asked_as(), cleared.draft.stream);
    if let (ProviderKind::Google, Some(passing)) = (route.kind, passing) {
        // In the version of the API that the caller speaks.
        let query = if stream { "?alt=sse" } else { "" };
        return format!("{}{query}", passing.path).into();
    }
    if let (ProviderKind::AzureOpenAi, Some(passing)) = (route.kind, passing)
        && passing.address.is_some()
    {
        let rest = dialect.path().trim_start_matches("/v1/");
        let version = route.config.api_version.as_deref();
        let version = version.map(|version| format!("api-version={version}"));
        let query = passing.query.clone().or(version).unwrap_or_default();
        return format!("/openai/deployments/{asked}/{rest}?{query}").into();
    }
    let path = route.config.path(route.kind, dialect, asked, stream);
    match passing.and_then(|passing| passing.query.as_deref()) {
        // Queries of these are ours: they name the version, or how the answer comes.
        Some(query) if !path.contains('?') && route.kind != ProviderKind::Vertex => {
            format!("{path}?{query}").into()
        }
        _ => path,
    }
}

/// The number of frames with content after which a stream is ended: each was at least one
/// token, save that a server may split a token's bytes now and then.
const fn stream_bound(cap: u64, choices: u64) -> u64 {
    let tokens = cap.saturating_mul(choices);
    tokens.saturating_add(tokens / 8).saturating_add(8)
}

/// Whether an answer with status 200 is an error and nothing else. A response that failed is an
/// answer, with an error among its fields.
fn is_an_error(dialect: Dialect, reading: &Reading) -> bool {
    dialect != Dialect::OpenAiResponses
        && reading.fault.is_some()
        && reading.usage.is_none()
        && !reading.content_seen
}

/// How many tokens Bedrock says in a header that it has read.
fn read_tokens(headers: &HeaderMap) -> Option<u64> {
    let told = headers.get("x-amzn-bedrock-input-token-count")?;
    told.to_str().ok()?.parse().ok()
}

/// The provider's own id of the request, short enough for a record.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers
        .get("x-request-id")
        .or_else(|| headers.get("request-id"))
        .or_else(|| headers.get("x-amzn-requestid"))?;
    id.to_str()
        .ok()
        .filter(|id| id.len() <= 128)
        .map(str::to_owned)
}
