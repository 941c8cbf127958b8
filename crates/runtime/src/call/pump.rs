//! Steps 7 and 8: the answer goes through, and what it cost is found out.
//!
//! A stream is handed on piece by piece while it is metered; after the caller has gone it is
//! read on for its usage, for a while. Whatever the ending, there is a cost: the provider's
//! own count if its answer came to its end, else the bound. Nothing that was sent settles at
//! zero unless the provider clearly refused it.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use http::StatusCode;
use iron_journal::Position;
use iron_llm::meter::Reading;
use iron_llm::translate::{ErrorClass, ProviderError};
use iron_llm::{Bound, Usage};
use iron_primitives::Refusal;
use tokio::time::{Duration, Instant, sleep_until};

use crate::Runtime;
use crate::record::{Ended, Outcome, RefusalRecord, Settlement, Tokens, total_cost};
use crate::wallet::Hold;

use super::attempt::{Ending, Open};
use super::choice::Choice;
use super::close::{Told, Verdict};
use super::draft::Draft;
use super::failure::{Failed, ended_by};
use super::flow::Flow;
use super::inspect::{Cleared, Outbound};
use super::reason::Reason;
use super::reply::{Body, Caller, Listener, Reply};
use super::screen;
use super::send::{Answered, Sent, Stream, Whole};
use super::upstream;

/// A call whose cost is known and whose record can be written.
pub(super) struct Settled {
    pub(super) draft: Box<Draft>,
    /// What the last attempt holds; none if that was settled before.
    pub(super) hold: Option<Hold>,
    /// Where the journal has the reserve of the last attempt.
    pub(super) reserved_at: Position,
    pub(super) ending: Ending,
    pub(super) verdict: Verdict,
    pub(super) told: Told,
}

/// How a stream ended.
struct Passed {
    ended: Ended,
    client_gone: bool,
}

impl Runtime {
    pub(super) async fn settle(&self, sent: Sent, caller: Caller) -> Settled {
        let Sent {
            cleared,
            bound,
            open,
            answer,
        } = sent;
        let Cleared {
            mut draft,
            request,
            choice,
            outbound,
            mut way,
        } = cleared;
        drop(request);
        let (hold, dismissed) = (open.hold, caller.dismissed().cloned());
        let (ending, verdict, told) = match answer {
            Answered::Failed(failed) => {
                let Failed { ending, told, .. } = failed;
                let told = told.map(|reply| reply.screened(&mut draft));
                let verdict = verdict_of_failure(&ending, &told);
                (ending, verdict, Told::After(caller, told))
            }
            Answered::Whole(whole) => {
                let ended = match caller.has_gone() {
                    true => Ended::ClientGoneDrained,
                    false => Ended::Done,
                };
                let ending = cost_of(&bound, &hold, &whole.reading, ended);
                let (ending, verdict, told) =
                    self.whole(&mut draft, &choice, &outbound, whole, ending);
                (ending, verdict, Told::After(caller, told))
            }
            Answered::Stream(stream) => {
                draft.stream = true;
                // It has been sent for the last time; a long stream need not keep it.
                drop(outbound);
                // The reserve must be on disk before the first byte is shown.
                if self.journal.durable(hold.position).await.is_err() {
                    let ending = Ending::at_bound(Ended::ClientGoneAborted, &hold);
                    let told = Err(Refusal::JournalUnavailable);
                    let verdict = verdict_of_failure(&ending, &told);
                    (ending, verdict, Told::After(caller, told))
                } else {
                    let until = self.deadline_of(&open, &choice);
                    let (ending, verdict) = self
                        .stream(&mut draft, until, &bound, &hold, *stream, caller)
                        .await;
                    self.learn_of_the_end(&draft, &mut way, &choice, ending.ended);
                    (ending, verdict, Told::Already)
                }
            }
        };
        let (ending, verdict, told) = match dismissed {
            None => (ending, verdict, told),
            Some(why) => (ending.cut_by(&why), verdict_of_cut(&why), Told::Already),
        };
        if draft.first_byte.is_none() {
            draft.first_byte = open.first_byte;
        }
        if !open.closed {
            let line = open.line(&ending, &choice);
            draft.attempts.push(line);
        }
        Settled {
            draft,
            hold: (!open.closed).then_some(hold),
            reserved_at: hold.position,
            ending,
            verdict,
            told,
        }
    }

    /// An answer that came as a whole.
    fn whole(
        &self,
        draft: &mut Draft,
        choice: &Choice,
        outbound: &Outbound,
        whole: Whole,
        ending: Ending,
    ) -> (Ending, Verdict, Result<Reply, Refusal>) {
        let Whole {
            status,
            headers,
            body,
            share,
            reading,
        } = whole;
        let body = match self.said(draft, choice, outbound, body, &reading) {
            Ok(body) => body,
            Err(refusal) => {
                let ended = match ending.ended {
                    Ended::ClientGoneDrained => Ended::ClientGoneDrained,
                    _ => Ended::Malformed,
                };
                let ending = Ending { ended, ..ending };
                let told = Err(refusal);
                let verdict = verdict_of_failure(&Ending::free(ended), &told);
                return (ending, verdict, told);
            }
        };
        let begun = self.environment.boot();
        let screened = screen::output(draft, body);
        let took = self.environment.boot().since(begun);
        self.metrics.guard.output.observe(took);
        let body = match screened {
            Ok(body) => body,
            Err(refusal) => {
                draft.refused("guardrails");
                return (ending, verdict_of_refusal(&refusal), Err(refusal));
            }
        };
        let mut headers = match outbound.envelope.dialect().answers_in_json() {
            true => upstream::shown(&headers),
            false => upstream::shown_as_it_is(&headers),
        };
        let body = match self.gated(draft, body, &mut headers) {
            Ok(body) => body,
            Err(refusal) => return (ending, verdict_of_refusal(&refusal), Err(refusal)),
        };
        let verdict = Verdict {
            outcome: match ending.ended {
                Ended::ClientGoneDrained => Outcome::ClientGone,
                _ => Outcome::Completed,
            },
            status: status.as_u16(),
            refusal: None,
        };
        let before = total_cost(&draft.attempts);
        let reply = Reply {
            status,
            headers,
            cost: Some(before.saturating_add(ending.cost)),
            remaining: None,
            body: Body::Whole(share.keep(body)),
        };
        (ending, verdict, Ok(reply))
    }

    /// A whole answer in the caller's dialect.
    fn said(
        &self,
        draft: &Draft,
        choice: &Choice,
        outbound: &Outbound,
        body: Bytes,
        reading: &Reading,
    ) -> Result<Bytes, Refusal> {
        let Some(plan) = &outbound.plan else {
            return Ok(match outbound.owner(draft, choice) {
                Some(owner) => owner.seal(body, reading.id.as_deref()),
                None => body,
            });
        };
        let said = plan.response(&body, self.environment.now());
        said.map(Bytes::from)
            .map_err(|error| Refusal::ProviderUnavailable {
                detail: error.to_string(),
            })
    }

    /// An answer that comes piece by piece.
    async fn stream(
        &self,
        draft: &mut Draft,
        until: Instant,
        bound: &Bound,
        hold: &Hold,
        mut stream: Stream,
        caller: Caller,
    ) -> (Ending, Verdict) {
        self.metrics.calls.streams_in_flight.inc();
        let headers = stream.upstream.headers();
        let headers = match draft.dialect.streams_in_messages() {
            true => upstream::shown_with_messages(headers),
            false => upstream::shown_with_stream(headers),
        };
        let remaining = self.left(draft);
        let patience = self.config.stalled_client;
        let mut listener = caller.listen(StatusCode::OK, headers, remaining, patience);
        draft.first_byte = Some(self.environment.boot());
        let watched = self.cuts.watch(hold);
        let must_end = draft.cut_or_lowered(&watched);
        let passed = self
            .pass_on(&mut stream, &mut listener, must_end, until)
            .await;
        self.metrics.calls.streams_in_flight.dec();
        let refusal = stream.flow.blocked().cloned();
        if let Some(safety) = stream.flow.take_safety() {
            draft.safety.add(safety);
        }
        draft.noted(stream.flow.take_proposals());
        match &refusal {
            Some(Refusal::ToolRefused(_)) => draft.refused("tools"),
            Some(_) => draft.refused("guardrails"),
            None => {}
        }
        let reading = stream.flow.reading();
        let outcome = match passed {
            Passed {
                client_gone: true, ..
            } => Outcome::ClientGone,
            Passed {
                ended: Ended::Done | Ended::BoundReached,
                ..
            } => Outcome::Completed,
            Passed {
                ended: Ended::ErrorInStream,
                ..
            } => Outcome::ProviderError,
            Passed { .. } => Outcome::Cut,
        };
        let ending = cost_of(bound, hold, reading, passed.ended);
        (
            ending,
            Verdict {
                outcome,
                status: 200,
                refusal: refusal.as_ref().map(RefusalRecord::from),
            },
        )
    }

    /// Each attempt has the time of its provider.
    fn deadline_of(&self, open: &Open, choice: &Choice) -> Instant {
        let whole = Duration::from_millis(choice.lane().route.timeout_ms.max(1));
        let already = self.environment.boot().since(open.dispatched);
        Instant::now() + whole.saturating_sub(already)
    }

    /// Hands the stream on until it ends; reads on for its usage when nobody listens.
    async fn pass_on(
        &self,
        stream: &mut Stream,
        listener: &mut Listener,
        must_end: impl Future<Output = Reason>,
        mut until: Instant,
    ) -> Passed {
        let Stream {
            upstream,
            flow,
            opening,
            ended,
        } = stream;
        let mut must_end = pin!(must_end);
        let mut listening = true;
        let mut cut_for: Option<Reason> = None;
        for piece in std::mem::take(opening) {
            listening &= listener.hand(piece).await;
        }
        if let Some(reason) = blocked(flow, listener).await {
            cut_for = Some(reason);
            listening = false;
        }
        let mut body_ended = *ended;
        let drain = self.config.drain_timeout;
        if !listening {
            upstream.unwanted();
            until = until.min(Instant::now() + drain);
        }
        let failure = loop {
            if body_ended {
                break None;
            }
            let patience = flow.patience(Instant::now()).filter(|_| listening);
            let came = tokio::select! {
                biased;
                reason = &mut must_end, if cut_for.is_none() => {
                    // The caller's stream ends here; the provider's is read on for its usage.
                    if listening {
                        listener.hand(flow.fail(reason.error())).await;
                    }
                    cut_for = Some(reason);
                    listener.end();
                    listening = false;
                    upstream.unwanted();
                    until = until.min(Instant::now() + drain);
                    continue;
                }
                () = sleep_until(patience.unwrap_or(until)), if patience.is_some() => {
                    Ok(Some(flow.settle(Instant::now())))
                }
                chunk = upstream.chunk() => chunk.map(|chunk| chunk.map(|chunk| flow.feed(&chunk))),
                () = listener.gone(), if listening => {
                    listening = false;
                    upstream.unwanted();
                    until = until.min(Instant::now() + drain);
                    continue;
                }
                () = sleep_until(until) => break Some(Ended::TimedOut),
            };
            match came {
                Ok(Some(said)) => match said {
                    Ok(piece) if listening => {
                        if !listener.hand(piece).await {
                            listening = false;
                            upstream.unwanted();
                            until = until.min(Instant::now() + drain);
                        }
                        if flow.was_cut() {
                            // The caller's stream is over; the provider's may go on.
                            listener.end();
                            upstream.unwanted();
                            until = until.min(Instant::now() + drain);
                        }
                        if let Some(reason) = blocked(flow, listener).await {
                            cut_for = Some(reason);
                            listening = false;
                            upstream.unwanted();
                            until = until.min(Instant::now() + drain);
                        }
                    }
                    Ok(_) => {}
                    Err(_) => break Some(Ended::Malformed),
                },
                Ok(None) => {
                    flow.body_ended();
                    body_ended = true;
                }
                Err(error) => break Some(ended_by(error)),
            }
        };
        let passed = finish(flow, listener, listening, failure).await;
        match cut_for {
            Some(reason) => Passed {
                ended: reason.recorded(),
                client_gone: false,
            },
            None => passed,
        }
    }
}

/// Ends the caller's stream where guardrails let nothing more pass.
async fn blocked(flow: &mut Flow, listener: &mut Listener) -> Option<Reason> {
    let reason = Reason::Blocked(flow.blocked()?.clone());
    listener.hand(flow.fail(reason.error())).await;
    listener.end();
    Some(reason)
}

/// Ends the caller's stream and says how the provider's ended.
async fn finish(
    flow: &mut Flow,
    listener: &mut Listener,
    listening: bool,
    failure: Option<Ended>,
) -> Passed {
    let is_whole = is_final(flow.reading());
    let ended = match failure {
        _ if flow.was_cut() => Ended::BoundReached,
        _ if flow.reading().fault.is_some() => Ended::ErrorInStream,
        Some(ended) if !is_whole => ended,
        None if !is_whole => Ended::UpstreamCut,
        _ => Ended::Done,
    };
    if listening {
        let refused = match ended {
            Ended::Done | Ended::BoundReached | Ended::ErrorInStream => {
                listener.hand(flow.finish()).await;
                blocked(flow, listener).await
            }
            // It ends with this error, and with no other.
            _ => {
                listener.hand(flow.fail(stream_error(ended))).await;
                None
            }
        };
        return Passed {
            ended: refused.map_or(ended, |reason| reason.recorded()),
            client_gone: false,
        };
    }
    let ended = match ended {
        Ended::Done => Ended::ClientGoneDrained,
        Ended::TimedOut => Ended::ClientGoneAborted,
        other => other,
    };
    Passed {
        ended,
        client_gone: true,
    }
}

/// The error that ends a caller's stream when the provider's broke.
fn stream_error(ended: Ended) -> ProviderError {
    match ended {
        Ended::TimedOut | Ended::Stalled => {
            ProviderError::new(ErrorClass::Timeout, "the provider stopped sending")
        }
        _ => ProviderError::new(ErrorClass::Internal, "the provider's stream broke off"),
    }
}

/// Whether a count can be one. A provider that counts more than any model can read or write has
/// not counted, and its number would spoil every sum that it becomes part of.
fn is_plausible(usage: &Usage) -> bool {
    const MOST_TOKENS: u64 = 1_000_000_000;
    let counts = [
        usage.total(),
        usage.web_searches,
        usage.search_units,
        usage.seconds,
        usage.images,
    ];
    let plausible = counts.iter().all(|count| *count <= MOST_TOKENS);
    if !plausible {
        tracing::error!(
            tokens = usage.total(),
            "alarm: a provider reported an absurd usage"
        );
    }
    plausible
}

/// Whether what was read is the provider's last word about its usage.
fn is_final(reading: &Reading) -> bool {
    reading.complete || reading.finish.is_some() && reading.usage.is_some()
}

/// The cost of an attempt that was answered: the provider's count if it is final and can be
/// priced, else the bound.
fn cost_of(bound: &Bound, hold: &Hold, reading: &Reading, ended: Ended) -> Ending {
    let told = reading.usage.filter(is_plausible);
    let Some(usage) = told.filter(|_| is_final(reading)) else {
        let tokens = told.as_ref().map(Tokens::from).unwrap_or_default();
        return Ending {
            tokens,
            ..Ending::at_bound(ended, hold)
        };
    };
    let tokens = Tokens::from(&bound.completed(&usage));
    match bound.settle(&usage) {
        Ok(cost) => Ending {
            ended,
            settlement: Settlement::Actual,
            cost,
            counted: i64::try_from(usage.total()).unwrap_or(i64::MAX),
            tokens,
        },
        Err(error) => {
            tracing::error!(%error, "a provider reported a usage that has no price");
            Ending {
                tokens,
                ..Ending::at_bound(ended, hold)
            }
        }
    }
}

/// The verdict on a call whose caller was told that it is over.
fn verdict_of_cut(why: &Reason) -> Verdict {
    let refusal = why.refusal();
    Verdict {
        outcome: Outcome::Cut,
        status: refusal.kind().status(),
        refusal: Some(RefusalRecord::from(&refusal)),
    }
}

/// The verdict on a call whose answer its caller may not have.
fn verdict_of_refusal(refusal: &Refusal) -> Verdict {
    Verdict {
        outcome: Outcome::Refused,
        status: refusal.kind().status(),
        refusal: Some(RefusalRecord::from(refusal)),
    }
}

/// The verdict on a call that brought no answer of a model.
fn verdict_of_failure(ending: &Ending, told: &Result<Reply, Refusal>) -> Verdict {
    let outcome = match ending.ended {
        Ended::ClientGoneAborted | Ended::ClientGoneDrained => Outcome::ClientGone,
        _ => Outcome::ProviderError,
    };
    let (status, refusal) = match told {
        Ok(reply) => (reply.status.as_u16(), None),
        Err(refusal) => (refusal.kind().status(), Some(RefusalRecord::from(refusal))),
    };
    Verdict {
        outcome,
        status,
        refusal,
    }
}
