//! A body that goes on to a provider while it comes.

use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, BodyStream, StreamBody};
use iron_primitives::Refusal;
use tokio::time::{Instant, Sleep};

type BoxedError = Box<dyn Error + Send + Sync>;

/// A body of any size up to a limit, which nobody holds in memory.
pub struct Upload {
    body: UnsyncBoxBody<Bytes, BoxedError>,
    limit_bytes: u64,
    patience: Duration,
    failing: Failing,
}

/// The beginning of a body.
pub(super) enum Beginning {
    /// It is all of it.
    Whole(Bytes),
    /// More follows; this is the body with its beginning.
    Part(Upload),
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("limit_bytes", &self.limit_bytes)
            .finish_non_exhaustive()
    }
}

impl Upload {
    /// A body of at most so many bytes, none of which may be waited for longer than `patience`.
    pub fn new<B>(body: B, limit_bytes: u64, patience: Duration) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxedError>,
    {
        Upload {
            body: body.map_err(Into::into).boxed_unsync(),
            limit_bytes,
            patience,
            failing: Failing::default(),
        }
    }

    /// The most bytes, and how long none of them may be waited for.
    pub(super) const fn limits(&self) -> (u64, Duration) {
        (self.limit_bytes, self.patience)
    }

    /// Waits for so many bytes, or for the end.
    ///
    /// # Errors
    /// Why the body ended before its time.
    pub(super) async fn beginning(self, bytes: usize) -> Result<Beginning, Refusal> {
        let (limit_bytes, patience) = (self.limit_bytes, self.patience);
        let (mut under, failing) = self.begin()?;
        let mut came = BytesMut::new();
        while came.len() <= bytes {
            match under.frame().await {
                Some(Ok(frame)) => came.extend(frame.into_data().unwrap_or_default()),
                Some(Err(_)) => return Err(failing.why().unwrap_or_else(broken_off)),
                None => return Ok(Beginning::Whole(came.freeze())),
            }
        }
        let first = Ok(Frame::data(came.freeze()));
        let frames = stream::iter([first]).chain(BodyStream::new(under));
        let upload = Upload::new(StreamBody::new(frames), limit_bytes, patience);
        Ok(Beginning::Part(Upload { failing, ..upload }))
    }

    /// The body on its way, and what tells why it ended before its time, if it did.
    pub(super) fn begin(self) -> Result<(Under, Failing), Refusal> {
        let failing = self.failing;
        let limit_bytes = self.limit_bytes;
        if self.body.size_hint().lower() > limit_bytes {
            return Err(Refusal::TooLarge { limit_bytes });
        }
        let under = Under {
            body: self.body,
            limit_bytes,
            seen_bytes: 0,
            patience: self.patience,
            sleep: Box::pin(tokio::time::sleep(self.patience)),
            failing: failing.clone(),
        };
        Ok((under, failing))
    }
}

/// Why a body ended before its time, if that was not the provider's doing.
#[derive(Debug, Clone, Default)]
pub(super) struct Failing(Arc<OnceLock<Refusal>>);

impl Failing {
    pub(super) fn why(&self) -> Option<Refusal> {
        self.0.get().cloned()
    }
}

/// A body on its way through.
pub(super) struct Under {
    body: UnsyncBoxBody<Bytes, BoxedError>,
    limit_bytes: u64,
    seen_bytes: u64,
    patience: Duration,
    sleep: Pin<Box<Sleep>>,
    failing: Failing,
}

impl Under {
    fn fail(&self, why: Refusal) -> Poll<Option<Result<Frame<Bytes>, BoxedError>>> {
        let text = why.to_string();
        // The first reason is the true one.
        let _ = self.failing.0.set(why);
        Poll::Ready(Some(Err(text.into())))
    }
}

impl Body for Under {
    type Data = Bytes;
    type Error = BoxedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxedError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
                self.seen_bytes = self.seen_bytes.saturating_add(bytes);
                let limit_bytes = self.limit_bytes;
                if self.seen_bytes > limit_bytes {
                    return self.fail(Refusal::TooLarge { limit_bytes });
                }
                let until = Instant::now() + self.patience;
                self.sleep.as_mut().reset(until);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => self.fail(broken_off()),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match self.sleep.as_mut().poll(context) {
                Poll::Ready(()) => self.fail(Refusal::Malformed {
                    detail: format!(
                        "no byte of the body came for {} s; send it faster",
                        self.patience.as_secs()
                    ),
                }),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn broken_off() -> Refusal {
    Refusal::Malformed {
        detail: "the body broke off before its end; send it again".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    async fn end_of(upload: Upload) -> Result<usize, Refusal> {
        let (under, failing) = upload.begin()?;
        match under.collect().await {
            Ok(whole) => Ok(whole.to_bytes().len()),
            Err(_) => Err(failing.why().expect("a reason")),
        }
    }

    #[tokio::test]
    async fn a_body_that_says_that_it_is_too_large_does_not_begin() {
        let patience = Duration::from_secs(5);
        let whole = |bytes| Upload::new(Full::new(Bytes::from(vec![0; bytes])), 10, patience);
        assert_eq!(end_of(whole(10)).await, Ok(10));
        let too_large = Refusal::TooLarge { limit_bytes: 10 };
        assert_eq!(whole(11).begin().map(drop), Err(too_large));
    }

    #[tokio::test]
    async fn a_beginning_is_all_of_a_short_body_and_goes_before_the_rest_of_a_long_one() {
        let patience = Duration::from_secs(5);
        let piece = |_| Ok::<_, BoxedError>(Frame::data(Bytes::from_static(b"12345")));
        let growing = |limit| {
            Upload::new(
                StreamBody::new(stream::iter(0..3).map(piece)),
                limit,
                patience,
            )
        };
        match growing(15).beginning(15).await {
            Ok(Beginning::Whole(whole)) => assert_eq!(whole, "123451234512345"),
            _ => panic!("it is all there"),
        }
        match growing(15).beginning(7).await {
            Ok(Beginning::Part(upload)) => assert_eq!(end_of(upload).await, Ok(15)),
            _ => panic!("more follows"),
        }
        let too_large = Refusal::TooLarge { limit_bytes: 12 };
        match growing(12).beginning(7).await {
            Ok(Beginning::Part(upload)) => assert_eq!(end_of(upload).await, Err(too_large)),
            _ => panic!("more follows"),
        }
    }

    #[tokio::test]
    async fn one_that_does_not_say_it_ends_at_the_limit_and_one_that_stalls_in_time() {
        let piece = |_| Ok::<_, BoxedError>(Frame::data(Bytes::from_static(b"12345")));
        let growing = StreamBody::new(stream::iter(0..3).map(piece));
        let patience = Duration::from_millis(10);
        let too_large = Refusal::TooLarge { limit_bytes: 12 };
        assert_eq!(
            end_of(Upload::new(growing, 12, patience)).await,
            Err(too_large)
        );
        let stalled = stream::iter(0..2).map(piece).chain(stream::pending());
        let ended = end_of(Upload::new(StreamBody::new(stalled), 99, patience)).await;
        assert!(matches!(ended, Err(Refusal::Malformed { .. })), "{ended:?}");
    }
}
