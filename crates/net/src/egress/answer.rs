//! The answer of a peer: chunks under an idle limit, or one body under a size limit.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

/// Why the rest of an answer did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No byte came for this long.
    #[error("the answer stalled for {} ms", limit.as_millis())]
    Idle {
        /// The limit between two chunks.
        limit: Duration,
    },
    /// The connection ended before the answer did.
    #[error("the connection broke within the answer")]
    Broken,
    /// The answer is larger than is read at once.
    #[error("the answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The most that is read.
        limit_bytes: usize,
    },
}

/// A peer's answer whose head has arrived.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// All headers, as the peer sent them.
    pub headers: HeaderMap,
    body: IdleBody,
}

impl Answer {
    pub(super) fn new(response: http::Response<Incoming>, idle: Duration) -> Self {
        let (head, incoming) = response.into_parts();
        let body = IdleBody {
            incoming,
            idle,
            moved_at: Instant::now(),
            sleep: None,
        };
        Answer {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// The next chunk of the body; none at its end.
    ///
    /// # Errors
    /// [`BodyError::Idle`] or [`BodyError::Broken`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        std::future::poll_fn(|context| self.body.poll_chunk(context)).await
    }

    /// The whole body, if it is not larger than this.
    ///
    /// # Errors
    /// As [`Answer::chunk`], and [`BodyError::TooLarge`].
    pub async fn collect(&mut self, limit_bytes: usize) -> Result<Bytes, BodyError> {
        let too_large = BodyError::TooLarge { limit_bytes };
        let announced = self.body.incoming.size_hint().lower();
        if announced > limit_bytes as u64 {
            return Err(too_large);
        }
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit_bytes {
            return Err(too_large);
        }
        // Most answers come in one piece; they are not copied.
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        let room = usize::try_from(announced)
            .unwrap_or(0)
            .max(first.len() + second.len());
        let mut whole = BytesMut::with_capacity(room.min(limit_bytes));
        whole.extend_from_slice(&first);
        let mut next = Some(second);
        while let Some(chunk) = next {
            if whole.len() + chunk.len() > limit_bytes {
                return Err(too_large);
            }
            whole.extend_from_slice(&chunk);
            next = self.chunk().await?;
        }
        Ok(whole.freeze())
    }
}

/// A body whose gaps are watched. The timer is made when the first gap begins and is not
/// moved by every chunk: when it ends, it looks whether anything has come since.
#[derive(Debug)]
struct IdleBody {
    incoming: Incoming,
    idle: Duration,
    moved_at: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl IdleBody {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers carry nothing that is metered or passed on.
                    let Ok(chunk) = frame.into_data() else {
                        continue;
                    };
                    if chunk.is_empty() {
                        continue;
                    }
                    self.moved_at = Instant::now();
                    return Poll::Ready(Ok(Some(chunk)));
                }
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(BodyError::Broken)),
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending => return self.poll_gap(context),
            }
        }
    }

    fn poll_gap(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        let until = self.moved_at + self.idle;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        loop {
            ready!(sleep.as_mut().poll(context));
            if until <= Instant::now() {
                return Poll::Ready(Err(BodyError::Idle { limit: self.idle }));
            }
            sleep.as_mut().reset(until);
        }
    }
}
