//! Attempts without an answer of the model: what they cost, what the caller is told, and
//! whether another attempt makes sense.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use iron_llm::translate::{ErrorClass, ProviderError, retry_info_seconds};
use iron_llm::{Dialect, ErrorShape};
use iron_net::egress::{BodyError, SendError, retry_after};
use iron_primitives::Refusal;

use crate::Runtime;
use crate::record::{Ended, Settlement};
use crate::wallet::Hold;

use super::attempt::{Ending, Open};
use super::inspect::Cleared;
use super::reply::{Body, Reply};
use super::scrub::scrubbed;
use super::send::Answered;
use super::upstream::{self, Upstream};

/// The largest error that is read; what is longer tells nobody more.
const ERROR_LIMIT_BYTES: usize = 1024 * 1024;

/// How long the body of an error may take; its status has said what matters.
const ERROR_BODY_PATIENCE: Duration = Duration::from_secs(5);

/// An attempt without an answer of the model.
pub(super) struct Failed {
    pub(super) ending: Ending,
    pub(super) told: Result<Reply, Refusal>,
    /// How long to wait before another attempt there makes sense; none if it does not.
    pub(super) again_in: Option<Pause>,
    /// What it says of the provider.
    pub(super) blame: Blame,
}

/// How long to wait before the same is asked once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// As long as the provider has named.
    Named(Duration),
    /// A moment of our own choice.
    Short,
}

/// Who is to blame for an attempt without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// The provider does not answer, or answers with what is no answer.
    Down,
    /// The provider has too much to do; so long it wants to be left alone, if it says so.
    Busy(Option<Duration>),
    /// What the provider is shown, or the account that this is.
    Account,
    /// The provider lacks something that another may have.
    Lacking,
    /// The request itself: others would refuse it, too.
    Request,
    /// Whoever has asked, or we ourselves.
    Us,
}

impl Blame {
    /// Who is to blame for an error of the provider, which may name a wait.
    const fn of(class: ErrorClass, wait: Option<Duration>) -> Self {
        match class {
            ErrorClass::RateLimit => Blame::Busy(wait),
            ErrorClass::Authentication | ErrorClass::Permission | ErrorClass::Billing => {
                Blame::Account
            }
            ErrorClass::NotFound => Blame::Lacking,
            ErrorClass::Timeout | ErrorClass::Overloaded | ErrorClass::Internal => Blame::Down,
            ErrorClass::InvalidRequest | ErrorClass::TooLarge | ErrorClass::Conflict => {
                Blame::Request
            }
        }
    }

    /// Whether another provider may do better.
    pub(super) const fn is_elsewhere_better(self) -> bool {
        !matches!(self, Blame::Request | Blame::Us)
    }
}

impl Runtime {
    /// An answer whose status is an error.
    pub(super) async fn refused(
        &self,
        cleared: &Cleared,
        open: &Open,
        mut upstream: Upstream,
    ) -> Failed {
        // The status says what it costs; a body that does not end is not waited for.
        let mut share = self.room.share();
        let collected = upstream.collect(ERROR_LIMIT_BYTES, &mut share);
        let body = match tokio::time::timeout(ERROR_BODY_PATIENCE, collected).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) | Err(_) => Bytes::new(),
        };
        let body = share.keep(scrubbed(body, open.secret.as_ref()));
        let status = upstream.status().as_u16();
        let headers = upstream.headers().clone();
        self.error_answer(cleared, open, headers, status, body, false)
    }

    /// An error of the provider: what it costs, what the caller is told, whether to go on.
    pub(super) fn error_answer(
        &self,
        cleared: &Cleared,
        open: &Open,
        headers: HeaderMap,
        status: u16,
        body: Bytes,
        in_stream: bool,
    ) -> Failed {
        let headers = with_wait(headers, &body);
        let error = ProviderError::read(status, &body);
        let rendered = error.render(cleared.draft.dialect.error_shape());
        let status = if in_stream { rendered.status } else { status };
        // A prediction that fails has run before.
        let has_run = in_stream && cleared.outbound.envelope.dialect() == Dialect::Replicate;
        let ending = match !has_run && is_clear_refusal(status, &body) {
            true => Ending::free(Ended::ProviderError),
            false => Ending::at_bound(Ended::ProviderError, &open.hold),
        };
        let free = ending.settlement == Settlement::Free;
        let again_in = self.pause_of(status, &headers).filter(|_| free);
        let blame = Blame::of(error.class, retry_after(&headers, self.environment.now()));
        if let Some(refusal) = credential_refused(status, error.class) {
            let told = Err(refusal);
            return Failed {
                ending,
                told,
                again_in: None,
                blame,
            };
        }
        let is_error = (400..600).contains(&status);
        let shape = cleared.draft.dialect.error_shape();
        let native =
            cleared.outbound.plan.is_none() && !in_stream && is_error && has_shape(shape, &body);
        let (status, body) = match native {
            true => (status, body),
            // Once more: a key that was written with escapes stands in clear only now.
            false => (
                rendered.status,
                scrubbed(Bytes::from(rendered.body), open.secret.as_ref()),
            ),
        };
        let headers = upstream::shown(&headers);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let body = Body::Whole(body);
        let told = Ok(Reply {
            status,
            headers,
            cost: None,
            remaining: None,
            body,
        });
        Failed {
            ending,
            told,
            again_in,
            blame,
        }
    }

    /// How long to wait before the same request may be answered.
    fn pause_of(&self, status: u16, headers: &HeaderMap) -> Option<Pause> {
        if headers
            .get("x-should-retry")
            .is_some_and(|value| value == "false")
        {
            return None;
        }
        let asked = retry_after(headers, self.environment.now());
        match status {
            429 => asked.map(Pause::Named),
            500 | 503 | 529 => Some(asked.map_or(Pause::Short, Pause::Named)),
            _ => None,
        }
    }
}

/// The wait that a provider names in the body of its error, as a header.
fn with_wait(mut headers: HeaderMap, body: &[u8]) -> HeaderMap {
    if !headers.contains_key(RETRY_AFTER)
        && let Some(seconds) = retry_info_seconds(body)
    {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    headers
}

/// The refusal that an error becomes if it is about the stored credential: the caller's own token
/// is good, and its SDK must not think otherwise.
pub(super) fn credential_refused(status: u16, class: ErrorClass) -> Option<Refusal> {
    let refused = matches!(class, ErrorClass::Authentication | ErrorClass::Permission);
    (status == 401 || refused).then(|| Refusal::ProviderUnavailable {
        detail: "it refused the stored credential; tell an administrator".to_owned(),
    })
}

/// Whether an error says for certain that nothing was generated. A gateway's own 502 and 504
/// do not, nor does an error that no provider wrote.
pub(super) fn is_clear_refusal(status: u16, body: &[u8]) -> bool {
    match status {
        // A model of Bedrock that failed or took too long may be billed for what it read.
        408 | 424 | 499 => false,
        400..=499 => true,
        500 | 501 | 503 | 529 => is_object(body),
        _ => false,
    }
}

/// Whether an error is in the shape that the caller's SDK reads.
pub(super) fn has_shape(shape: ErrorShape, body: &[u8]) -> bool {
    let Ok(body) = serde_json::from_slice::<serde_json::Value>(body) else {
        return false;
    };
    let says_why = body
        .pointer("/error/message")
        .is_some_and(serde_json::Value::is_string);
    match shape {
        ErrorShape::OpenAi => says_why,
        ErrorShape::Cohere | ErrorShape::Aws => body
            .get("message")
            .is_some_and(serde_json::Value::is_string),
        ErrorShape::Google => says_why && body.pointer("/error/status").is_some(),
        ErrorShape::Anthropic => says_why && body.get("type").is_some_and(|kind| kind == "error"),
    }
}

/// Whether a body is a JSON object.
pub(super) fn is_object(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body).is_ok()
}

pub(super) fn fault_body(fault: &iron_llm::meter::Fault) -> Bytes {
    let error = serde_json::json!({
        "type": fault.kind, "code": fault.code, "message": fault.message,
    });
    Bytes::from(serde_json::json!({ "error": error }).to_string())
}

fn unavailable(detail: String) -> Result<Reply, Refusal> {
    Err(Refusal::ProviderUnavailable { detail })
}

pub(super) fn unsent(detail: String, again_in: Option<Pause>, blame: Blame) -> Failed {
    Failed {
        ending: Ending::free(Ended::Unsent),
        told: unavailable(detail),
        again_in,
        blame,
    }
}

pub(super) fn lost(error: &SendError, hold: &Hold) -> Failed {
    let told = error.to_string();
    if error.nothing_was_sent() {
        return unsent(told, Some(Pause::Short), Blame::Down);
    }
    let ended = match error {
        SendError::FirstByte { .. } => Ended::TimedOut,
        _ => Ended::UpstreamCut,
    };
    Failed {
        ending: Ending::at_bound(ended, hold),
        told: unavailable(told),
        again_in: None,
        blame: Blame::Down,
    }
}

/// An answer that did not end in the time of its provider.
pub(super) fn out_of_time(hold: &Hold, patience: Duration) -> Answered {
    let told = unavailable(format!(
        "no whole answer within {} ms",
        patience.as_millis()
    ));
    Answered::Failed(Failed {
        ending: Ending::at_bound(Ended::TimedOut, hold),
        told,
        again_in: None,
        blame: Blame::Down,
    })
}

pub(super) fn broken(hold: &Hold, ended: Ended, what: &str) -> Answered {
    let told = unavailable(format!("it sent {what}"));
    Answered::Failed(Failed {
        ending: Ending::at_bound(ended, hold),
        told,
        again_in: None,
        blame: Blame::Down,
    })
}

/// Something was begun at the provider that cannot be followed.
pub(super) fn strange(hold: &Hold, what: &str) -> Failed {
    Failed {
        ending: Ending::at_bound(Ended::Malformed, hold),
        told: unavailable(format!("it sent {what}")),
        again_in: None,
        blame: Blame::Down,
    }
}

pub(super) fn broken_body(hold: &Hold, error: BodyError) -> Answered {
    let ending = Ending::at_bound(ended_by(error), hold);
    let blame = match error {
        BodyError::TooLarge { .. } => Blame::Us,
        BodyError::Idle { .. } | BodyError::Broken => Blame::Down,
    };
    Answered::Failed(Failed {
        ending,
        told: unavailable(error.to_string()),
        again_in: None,
        blame,
    })
}

pub(super) fn abandoned(hold: &Hold) -> Answered {
    let ending = Ending::at_bound(Ended::ClientGoneAborted, hold);
    let told = unavailable("the caller has gone".to_owned());
    Answered::Failed(Failed {
        ending,
        told,
        again_in: None,
        blame: Blame::Us,
    })
}

/// What a broken body is called in the record.
pub(super) const fn ended_by(error: BodyError) -> Ended {
    match error {
        BodyError::Idle { .. } => Ended::Stalled,
        BodyError::Broken => Ended::UpstreamCut,
        BodyError::TooLarge { .. } => Ended::Malformed,
    }
}
