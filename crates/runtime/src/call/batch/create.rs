//! A new batch: every line of it is bounded like a call, all of them are held together, and only
//! then is it sent.

mod plan;
mod read;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, StatusCode};
use iron_llm::batch::{BatchLine, refusal_of_line, rewritten};
use iron_llm::{BatchRoute, Dialect, ProviderKind};
use iron_primitives::{BudgetShortfall, Refusal, RequestId};
use serde::Deserialize;

use crate::Runtime;
use crate::affinity::is_plain;
use crate::authority::{AuthorityError, Privacy};
use crate::bearer::Lane;
use crate::call::admit::Admitted;
use crate::call::draft::{Draft, Refused};
use crate::call::errand::{ASKED, Done, readable};
use crate::call::failure::is_clear_refusal;
use crate::call::files::{about, refused_key, stores_nothing, unavailable, unknown, unreadable};
use crate::call::request::CallRequest;
use crate::call::scrub::scrubbed;
use crate::call::upstream::{self, Untold, Upstream};
use crate::custody::{Custody, NewBatch};
use crate::orphan::Facts;

use super::screen::screened;
use super::sealed;
use plan::{Planned, plan};
use read::read_messages;

/// The pauses after which it is tried again to note how the provider calls a batch. What is not
/// noted is booked at its bound, so it is worth some seconds.
const NOTE_AGAIN_AFTER: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(900),
    Duration::from_millis(1_800),
    Duration::from_millis(3_000),
];

/// A batch that was read.
struct Asked {
    lane: Arc<Lane>,
    dialect: Dialect,
    lines: Vec<BatchLine>,
    /// Those of its request, which name betas.
    headers: HeaderMap,
    /// As it goes to the provider.
    body: Bytes,
}

/// How sending a batch ended.
enum Sent {
    /// The provider has it, under this name.
    Begun(String, Bytes, HeaderMap, StatusCode),
    /// It has refused it, or was not reached: nothing will be billed.
    Refused(Result<super::super::Reply, Refusal>),
    /// Nobody knows whether it has it.
    Unknown(Refusal),
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Runtime {
    pub(super) async fn create_batch(
        &self,
        admitted: Admitted,
        custody: &dyn Custody,
        kind: ProviderKind,
    ) -> Result<Done, Refused> {
        let Admitted { mut draft, request } = admitted;
        if let Err(refusal) = may_make_batches(&draft) {
            return Err(draft.refuse("privacy_level", refusal));
        }
        let asked = match kind {
            ProviderKind::Anthropic => read_messages(&draft, &request),
            _ => self.read_input(&draft, &request).await,
        };
        let mut asked = match asked {
            Ok(asked) => asked,
            Err(refusal) => return Err(draft.refuse("shape", refusal)),
        };
        if let Err(refusal) = screen_lines(&mut draft, &mut asked).await {
            return Err(draft.refuse("guardrails", refusal));
        }
        let book = self.authority.prices(draft.bearer.principal.path.tenant);
        draft.price_book = Some(book.hash_hex());
        let planned = match plan(&draft, &book, &asked).await {
            Ok(planned) => planned,
            Err(refusal) => return Err(draft.refuse("lines", refusal)),
        };
        draft.model.clone_from(&planned.model);
        draft.passed("lines");
        let lines = planned.lines;
        if let Err(refusal) = self.open_batch(&draft, custody, &asked, planned).await {
            return Err(draft.refuse("budget", refusal));
        }
        draft.passed("budget");
        // Each line is a call of the plan; what was counted before one was refused stays counted.
        for _ in 0..lines {
            if let Err(refusal) = self.keep_plan(&mut draft).await {
                let tenant = draft.bearer.principal.path.tenant;
                self.end_unsent(custody, tenant, draft.id).await;
                return Err(draft.refuse("plan", refusal));
            }
        }
        self.start_batch(draft, &request, custody, &asked).await
    }

    /// Sets the worst case of all lines aside, and writes down for what.
    async fn open_batch(
        &self,
        draft: &Draft,
        custody: &dyn Custody,
        asked: &Asked,
        planned: Planned,
    ) -> Result<(), Refusal> {
        let principal = &draft.bearer.principal;
        if let Some(spent_out) = &principal.spent_out {
            return Err(Refusal::Budget(Box::new(BudgetShortfall {
                needed: planned.amount.nanos(),
                ..spent_out.clone()
            })));
        }
        let route = &asked.lane.route;
        let facts = Facts {
            path: principal.path,
            token: principal.token,
            dialect: "batch".into(),
            model: planned.model.clone().unwrap_or_default(),
            asked: None,
            before: Vec::new(),
            stream: false,
            provider: route.provider,
            provider_kind: route.kind.as_str().into(),
            started_at_us: draft.started_at.micros(),
            price_book: draft.price_book.clone(),
            conversation: draft.attribution.conversation.clone(),
            operation: draft.attribution.operation.clone(),
            tags: draft.attribution.tags.clone(),
            environment: principal.environment.clone(),
            path_lease: None,
            trace: draft.trace.clone(),
        };
        let new = NewBatch {
            id: draft.id,
            path: principal.path,
            token: principal.token,
            provider: route.provider,
            kind: route.kind,
            model: planned.model,
            amount: planned.amount,
            plan: planned.plan,
            template: String::from_utf8_lossy(&facts.to_bytes()).into_owned(),
        };
        custody.open_batch(&new).await
    }

    /// Sends a batch whose money is set aside. From here on nothing stops it but its provider.
    async fn start_batch(
        &self,
        draft: Box<Draft>,
        request: &CallRequest,
        custody: &dyn Custody,
        asked: &Asked,
    ) -> Result<Done, Refused> {
        let provider = asked.lane.route.provider;
        match self.send_batch(&draft, request, asked).await {
            Sent::Begun(original, body, headers, status) => {
                let told = String::from_utf8_lossy(&body).into_owned();
                if let Err(error) = note_begun(custody, draft.id, &original, &told).await {
                    // It is settled at its bound when nobody has named it for an hour.
                    return Err(draft.refuse(ASKED, unknown(error)));
                }
                let body = sealed(&draft.bearer, provider, &body);
                match readable(draft.dialect, status, &headers, body) {
                    Some(reply) => Ok(Done::now(draft, reply)),
                    None => Err(draft.refuse(ASKED, unreadable())),
                }
            }
            Sent::Refused(answer) => {
                let tenant = draft.bearer.principal.path.tenant;
                self.end_unsent(custody, tenant, draft.id).await;
                match answer {
                    Ok(reply) => Ok(Done::now(draft, reply)),
                    Err(refusal) => Err(draft.refuse(ASKED, refusal)),
                }
            }
            Sent::Unknown(refusal) => Err(draft.refuse(ASKED, refusal)),
        }
    }

    async fn send_batch(&self, draft: &Draft, request: &CallRequest, asked: &Asked) -> Sent {
        let (lane, tenant) = (&asked.lane, draft.bearer.principal.path.tenant);
        let shown = match self.shown_to(tenant, lane).await {
            Ok(shown) => shown,
            Err(why) => return Sent::Refused(Err(unavailable(why.to_string()))),
        };
        let root = BatchRoute::root(lane.route.kind);
        let path = lane.route.config.rooted(lane.route.kind, root);
        let mut question = about(Method::POST, &path, request);
        question.body = asked.body.clone();
        let outgoing = upstream::outgoing(lane, &shown, question, self.environment.now());
        let Some(outgoing) = outgoing else {
            return Sent::Refused(Err(unavailable(Untold::Unusable.to_string())));
        };
        let wait = upstream::timeouts(lane, self.config.idle_timeout);
        let answer = match self.egress.send(outgoing, wait).await {
            Ok(answer) => answer,
            Err(error) if error.nothing_was_sent() => {
                return Sent::Refused(Err(unavailable(error.to_string())));
            }
            Err(error) => return Sent::Unknown(unavailable(error.to_string())),
        };
        if answer.status == StatusCode::UNAUTHORIZED {
            self.tokens
                .forget((tenant, lane.route.provider), &shown.secret);
        }
        let mut upstream = Upstream::Http(answer);
        let (status, headers) = (upstream.status(), upstream.headers().clone());
        let mut share = self.room.share();
        let body = match upstream
            .collect(self.config.answer_limit_bytes, &mut share)
            .await
        {
            Ok(body) => scrubbed(body, Some(&shown.secret)),
            Err(error) => return Sent::Unknown(unavailable(error.to_string())),
        };
        if status.is_success() {
            return match serde_json::from_slice::<Named>(&body) {
                Ok(named) if is_plain(&named.id) => Sent::Begun(named.id, body, headers, status),
                _ => Sent::Unknown(unreadable()),
            };
        }
        if !is_clear_refusal(status.as_u16(), &body) {
            return Sent::Unknown(unavailable(format!("it answered with status {status}")));
        }
        if let Some(refusal) = refused_key(status, &body) {
            return Sent::Refused(Err(refusal));
        }
        let reply = readable(draft.dialect, status, &headers, body);
        Sent::Refused(reply.ok_or_else(unreadable))
    }
}

/// Puts the lines before the guardrails. What they replace is replaced in what goes to the provider,
/// but for a file, which is there already.
async fn screen_lines(draft: &mut Draft, asked: &mut Asked) -> Result<(), Refusal> {
    let Some(line) = screened(draft, &mut asked.lines).await? else {
        return Ok(());
    };
    if asked.dialect == Dialect::AnthropicMessages {
        asked.body = rewritten(&asked.body, &asked.lines);
        return Ok(());
    }
    Err(refusal_of_line(
        line,
        "the guardrails replace something in it, too late for a stored file; store it again in parts of less than 8 MiB, or take that out",
    ))
}

/// Notes how the provider calls a batch, trying for some seconds.
async fn note_begun(
    custody: &dyn Custody,
    id: RequestId,
    original: &str,
    told: &str,
) -> Result<(), AuthorityError> {
    for pause in NOTE_AGAIN_AFTER {
        match custody.batch_begun(id, original, told).await {
            Err(AuthorityError::Unavailable) => tokio::time::sleep(pause).await,
            other => return named(other, id, original),
        }
    }
    named(custody.batch_begun(id, original, told).await, id, original)
}

fn named(
    noted: Result<(), AuthorityError>,
    id: RequestId,
    original: &str,
) -> Result<(), AuthorityError> {
    noted.inspect_err(|error| {
        tracing::error!(batch = %id, original, %error, "alarm: it was not noted how the provider calls a batch; it will cost its bound");
    })
}

fn may_make_batches(draft: &Draft) -> Result<(), Refusal> {
    let principal = &draft.bearer.principal;
    if principal.team_rules.privacy == Privacy::Moderate {
        return Err(stores_nothing("batch"));
    }
    if principal.counted.tokens {
        return Err(Refusal::Unbounded {
            what: "a batch of an agent whose tokens are limited, which are counted call by call,"
                .to_owned(),
        });
    }
    Ok(())
}
