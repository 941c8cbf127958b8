//! A prediction of Replicate on its way in: the words from the address that its creation has named,
//! then the prediction itself, asked for until it is over.
//!
//! A stream that breaks, or whose address is no longer good, costs nothing but its pace: the
//! prediction goes on and repeats all words at its end. It is cancelled as soon as nobody wants it, or
//! waits for it any more; whatever happens to this process, the provider cancels it after its longest
//! run.

mod watch;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Uri};
use iron_llm::replicate::{self, Events, LONGEST_RUN_S, Prediction as Told};
use iron_net::egress::{Answer, BodyError, Egress, Outgoing, SendError, Timeouts};
use iron_primitives::Secret;
use tokio::sync::Notify;

use crate::bearer::Lane;

use watch::Watch;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const CANCEL_AFTER: HeaderName = HeaderName::from_static("cancel-after");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// The largest prediction that is read.
const LIMIT_BYTES: usize = 32 * 1024 * 1024;
/// The longest wait of one question, but for the one that creates it.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first pause between two questions; each is half as long again, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// So many questions in a row may go unanswered.
const MOST_UNANSWERED: u32 = 8;

/// Tells the watcher of a prediction that nobody wants it any more.
#[derive(Clone, Default)]
pub(super) struct Unwanted(Arc<Notify>);

impl Unwanted {
    pub(super) fn say(&self) {
        self.0.notify_one();
    }
}

/// Why a prediction cannot be watched.
#[derive(Debug, thiserror::Error)]
pub(super) enum Strange {
    /// What was created is none.
    #[error("an answer that is no prediction")]
    NoPrediction,
    /// Its words are elsewhere, where the key may not be shown.
    #[error("the address of a stream on another host, which is not followed")]
    Elsewhere,
}

/// Whom to ask, and with what.
#[derive(Clone)]
struct Asking {
    egress: Egress,
    lane: Arc<Lane>,
    secret: Secret,
}

enum Stage {
    /// Words come.
    Words(Answer),
    /// It is asked for.
    Asked,
    /// It has been told whole.
    Told,
}

/// A prediction that is being watched.
pub(super) struct Prediction {
    asking: Asking,
    told: Told,
    streams: bool,
    stage: Stage,
    events: Events,
    headers: HeaderMap,
    unwanted: Unwanted,
    cancelled: bool,
    watch: Watch,
    pause: Duration,
    unanswered: u32,
    /// What its creation said, if it was over by then.
    first: Option<Bytes>,
}

/// Adds what the creation of a prediction says: how long it is waited for, and how long it may run.
pub(super) fn ask_for(headers: &mut HeaderMap, streams: bool) {
    if !streams {
        headers.insert(PREFER, HeaderValue::from_static("wait=30"));
    }
    if let Ok(longest) = HeaderValue::try_from(format!("{LONGEST_RUN_S}s")) {
        headers.insert(CANCEL_AFTER, longest);
    }
}

/// Begins to watch what was created.
pub(super) async fn watch(
    mut created: Answer,
    (egress, lane, secret): (Egress, Arc<Lane>, Secret),
    streams: bool,
    unwanted: Unwanted,
) -> Result<Prediction, Strange> {
    let body = created.collect(LIMIT_BYTES).await;
    let body = body.map_err(|_| Strange::NoPrediction)?;
    let told = Told::read(&body).ok_or(Strange::NoPrediction)?;
    let mut headers = created.headers.clone();
    headers.insert(CONTENT_TYPE, if streams { EVENT_STREAM } else { JSON });
    let asking = Asking {
        egress,
        lane,
        secret,
    };
    let mut watch = Watch::over(asking.clone(), &told);
    if told.is_over {
        watch.end();
    }
    let mut prediction = Prediction {
        asking,
        watch,
        streams,
        stage: Stage::Asked,
        events: Events::of(&told),
        headers,
        unwanted,
        cancelled: false,
        pause: FIRST_PAUSE,
        unanswered: 0,
        first: told.is_over.then_some(body),
        told,
    };
    prediction.open_stream().await?;
    Ok(prediction)
}

impl Prediction {
    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(super) fn unwanted(&self) -> &Unwanted {
        &self.unwanted
    }

    /// Goes to where the words come from, if that is a place for the key.
    async fn open_stream(&mut self) -> Result<(), Strange> {
        let address = self.told.stream.as_deref();
        let Some(address) = address.filter(|_| self.streams && self.first.is_none()) else {
            return Ok(());
        };
        let Some(uri) = self.asking.admitted(address) else {
            self.cancel().await;
            return Err(Strange::Elsewhere);
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, EVENT_STREAM);
        // One that is not there any more is done without.
        if let Ok(answer) = self.asking.send(Method::GET, uri, headers).await
            && answer.status == StatusCode::OK
        {
            self.stage = Stage::Words(answer);
        }
        Ok(())
    }

    /// What comes next: events of a stream, or the whole prediction.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let unwanted = self.unwanted.0.clone();
            let step = tokio::select! {
                biased;
                () = unwanted.notified(), if !self.cancelled => None,
                step = self.step() => Some(step),
            };
            match step {
                None => self.cancel().await,
                Some(Ok(Step::Nothing)) => {}
                Some(Ok(Step::Piece(piece))) => return Ok(Some(piece)),
                Some(Ok(Step::End)) => return Ok(None),
                Some(Err(error)) => return Err(error),
            }
        }
    }

    async fn step(&mut self) -> Result<Step, BodyError> {
        match &mut self.stage {
            Stage::Told => Ok(Step::End),
            Stage::Words(_) if self.events.is_over() => {
                self.stage = Stage::Asked;
                Ok(Step::Nothing)
            }
            Stage::Words(words) => match words.chunk().await {
                Ok(Some(chunk)) => {
                    let events = self.events.feed(&chunk);
                    let limit_bytes = iron_llm::sse::FRAME_LIMIT_BYTES;
                    let events = events.map_err(|_| BodyError::TooLarge { limit_bytes })?;
                    Ok(match events.is_empty() {
                        true => Step::Nothing,
                        false => Step::Piece(events.into()),
                    })
                }
                // However they ended: what is missing stands in the prediction.
                Ok(None) | Err(_) => {
                    self.stage = Stage::Asked;
                    Ok(Step::Nothing)
                }
            },
            Stage::Asked => self.ask().await,
        }
    }

    /// Asks how the prediction is, and waits a little if it is not over.
    async fn ask(&mut self) -> Result<Step, BodyError> {
        let body = match self.first.take() {
            Some(body) => Some(body),
            None => self.asking.get(&self.told.path()).await,
        };
        let told = body.as_deref().and_then(Told::read);
        let over = told.filter(|told| told.is_over && told.id == self.told.id);
        if let (Some(_), Some(body)) = (over, &body) {
            self.watch.end();
            self.stage = Stage::Told;
            return Ok(Step::Piece(match self.streams {
                true => replicate::last_event(body).into(),
                false => body.clone(),
            }));
        }
        self.unanswered = match body {
            Some(_) => 0,
            None => self.unanswered.saturating_add(1),
        };
        if self.unanswered > MOST_UNANSWERED {
            return Err(BodyError::Broken);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = self.pause.mul_f32(1.5).min(LONGEST_PAUSE);
        Ok(Step::Nothing)
    }

    /// Ends it at the provider. It is watched on, for what it has cost.
    async fn cancel(&mut self) {
        self.cancelled = true;
        // Its words are wanted no more.
        self.stage = Stage::Asked;
        let path = self.told.cancel_path();
        if self.asking.cancel(&path, &self.told.id).await {
            self.watch.end();
        }
    }
}

enum Step {
    Nothing,
    Piece(Bytes),
    End,
}

impl Asking {
    /// The address of a stream, if the key may be shown there.
    fn admitted(&self, address: &str) -> Option<Uri> {
        let uri: Uri = address.parse().ok()?;
        let own = self.lane.base.as_ref()?.join("/").ok()?;
        let host = |uri: &Uri| {
            uri.authority()
                .map(|authority| authority.as_str().to_owned())
        };
        let may = Told::may_stream_from(&host(&own)?, &host(&uri)?);
        (may && uri.scheme() == own.scheme()).then_some(uri)
    }

    async fn get(&self, path: &str) -> Option<Bytes> {
        let uri = self.lane.base.as_ref()?.join(path).ok()?;
        let sent = self.send(Method::GET, uri, HeaderMap::new()).await;
        let mut answer = sent.ok()?;
        let body = answer.collect(LIMIT_BYTES).await.ok()?;
        answer.status.is_success().then_some(body)
    }

    /// Cancels a prediction; true if the provider says so.
    async fn cancel(&self, path: &str, id: &str) -> bool {
        let status = self.post(path).await;
        let is_cancelled = status.is_some_and(|status| status.is_success());
        if !is_cancelled {
            tracing::warn!(
                prediction = id,
                ?status,
                "a prediction could not be cancelled"
            );
        }
        is_cancelled
    }

    async fn post(&self, path: &str) -> Option<StatusCode> {
        let uri = self.lane.base.as_ref()?.join(path).ok()?;
        let sent = self.send(Method::POST, uri, HeaderMap::new()).await;
        sent.ok().map(|answer| answer.status)
    }

    async fn send(
        &self,
        method: Method,
        uri: Uri,
        mut headers: HeaderMap,
    ) -> Result<Answer, SendError> {
        let bearer = HeaderValue::try_from(format!("Bearer {}", self.secret.expose()));
        if let Ok(mut bearer) = bearer {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        let outgoing = Outgoing {
            method,
            uri,
            headers,
            body: Bytes::new(),
        };
        let whole = Duration::from_millis(self.lane.route.timeout_ms.max(1));
        let wait = Timeouts {
            first_byte: PATIENCE.min(whole),
            idle: whole,
        };
        self.egress.send(outgoing, wait).await
    }
}
