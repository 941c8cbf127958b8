//! What the caller gets, and the wire to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use iron_net::rate::Standing;
use iron_primitives::{Money, Refusal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, timeout};

use super::draft::Draft;
use super::inspect::Cleared;
use super::reason::Reason;
use super::screen;
use super::served::Served;

/// How many chunks may lie between the provider and a slow caller.
const CHUNKS_AHEAD: usize = 32;
/// A larger chunk is handed over only when no other one lies there.
const SMALL_BYTES: usize = 4 * 1024;

/// An answer of the provider, in the caller's dialect.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers of the provider that a caller may see, and the content type.
    pub headers: HeaderMap,
    /// What the call cost, where that is known before the first byte: not for streams.
    pub cost: Option<Money>,
    /// What is left of the tightest budget on the path, as far as this instance knows.
    pub remaining: Option<Money>,
    /// The body.
    pub body: Body,
}

impl Reply {
    /// An error of a provider, as guardrails let it pass.
    pub(super) fn screened(mut self, draft: &mut Draft) -> Self {
        if let Body::Whole(body) = &mut self.body {
            *body = screen::error(draft, self.status, std::mem::take(body));
        }
        self
    }

    /// Tells in its headers how a limit stands. What the provider says of limits of its own is
    /// not passed on under these names.
    pub(super) fn telling(mut self, standing: Option<Standing>) -> Self {
        if let Some(standing) = standing {
            standing.write(&mut self.headers);
        }
        self
    }
}

/// The body of a reply.
#[derive(Debug)]
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece.
    Chunks(Chunks),
}

/// The pieces of a streamed body. Dropping it tells the call that its caller has gone.
#[derive(Debug)]
pub struct Chunks {
    pieces: mpsc::Receiver<Bytes>,
    /// Whether it has ended before its time, where a caller could not see that.
    broken: Option<Arc<AtomicBool>>,
}

impl Chunks {
    /// The next piece; none at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        self.pieces.recv().await
    }

    /// As [`Chunks::next`], for streams.
    pub fn poll_next(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Bytes>> {
        self.pieces.poll_recv(context)
    }

    /// Whether the body has ended before its time, and its caller must be told. Streams of events
    /// say so themselves.
    pub fn is_broken(&self) -> bool {
        let broken = self.broken.as_ref();
        broken.is_some_and(|broken| broken.load(Ordering::Acquire))
    }
}

/// The caller, as the call's own task sees it.
pub(super) struct Caller {
    answer: Option<oneshot::Sender<Result<Reply, Refusal>>>,
    dismissed: Option<Box<Reason>>,
    /// Who has answered, if it was not the first choice.
    served: Option<Box<Served>>,
}

/// A caller that has been given the head of a stream.
pub(super) struct Listener {
    chunks: Option<mpsc::Sender<Bytes>>,
    patience: Duration,
}

impl Caller {
    pub(super) fn new(answer: oneshot::Sender<Result<Reply, Refusal>>) -> Self {
        Caller {
            answer: Some(answer),
            dismissed: None,
            served: None,
        }
    }

    /// Takes note of who is going to answer.
    pub(super) fn served_by(&mut self, cleared: &Cleared) {
        self.served = Served::of(cleared.way.tier, &cleared.choice);
    }

    /// Tells the caller that its call is over, though it goes on for its cost.
    pub(super) fn dismiss(&mut self, why: Reason) {
        if let Some(sender) = self.answer.take() {
            let _ = sender.send(Err(why.refusal()));
        }
        self.dismissed = Some(Box::new(why));
    }

    /// Why the caller was told that its call is over, if it was.
    pub(super) fn dismissed(&self) -> Option<&Reason> {
        self.dismissed.as_deref()
    }

    /// Gives the whole answer. Whether the caller is still there makes no difference.
    pub(super) fn answer(mut self, answer: Result<Reply, Refusal>) {
        let answer = answer.map(|mut reply| {
            if let Some(served) = &self.served {
                served.write(&mut reply.headers);
            }
            reply
        });
        if let Some(sender) = self.answer.take() {
            let _ = sender.send(answer);
        }
    }

    /// Gives the head of a stream; the rest follows through the listener.
    pub(super) fn listen(
        mut self,
        status: StatusCode,
        mut headers: HeaderMap,
        remaining: Option<Money>,
        patience: Duration,
    ) -> Listener {
        if let Some(served) = &self.served {
            served.write(&mut headers);
        }
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let body = Body::Chunks(Chunks {
            pieces: receiver,
            broken: None,
        });
        let reply = Reply {
            status,
            headers,
            cost: None,
            remaining,
            body,
        };
        let sent = self
            .answer
            .take()
            .is_some_and(|answer| answer.send(Ok(reply)).is_ok());
        Listener {
            chunks: sent.then_some(sender),
            patience,
        }
    }

    /// Waits until the caller has gone, and then so much longer.
    pub(super) async fn abandoned(&mut self, patience: Duration) {
        if let Some(answer) = &mut self.answer {
            answer.closed().await;
        }
        tokio::time::sleep(patience).await;
    }

    /// Whether the caller has gone.
    pub(super) fn has_gone(&self) -> bool {
        self.answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}

/// What ends a body that its caller could not tell from a whole one.
#[derive(Debug)]
pub(super) struct Breaker(Arc<AtomicBool>);

impl Breaker {
    /// Says that the body has ended before its time.
    pub(super) fn trip(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Listener {
    /// A body of which the pieces are handed over here.
    pub(super) fn to_a_body(patience: Duration) -> (Listener, Breaker, Body) {
        let (sender, pieces) = mpsc::channel(CHUNKS_AHEAD);
        let broken = Arc::new(AtomicBool::new(false));
        let chunks = Chunks {
            pieces,
            broken: Some(broken.clone()),
        };
        let listener = Listener {
            chunks: Some(sender),
            patience,
        };
        (listener, Breaker(broken), Body::Chunks(chunks))
    }

    /// Hands a piece over; false if the caller has gone, or does not take it for too long.
    pub(super) async fn hand(&mut self, piece: Bytes) -> bool {
        let Some(chunks) = &self.chunks else {
            return false;
        };
        if piece.is_empty() {
            return true;
        }
        let taken = match piece.len() > SMALL_BYTES {
            true => hand_alone(chunks, piece, self.patience).await,
            false => match chunks.try_send(piece) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
                Err(mpsc::error::TrySendError::Full(piece)) => {
                    chunks.send_timeout(piece, self.patience).await.is_ok()
                }
            },
        };
        if !taken {
            self.chunks = None;
        }
        taken
    }

    /// Ends the caller's stream, though the call goes on.
    pub(super) fn end(&mut self) {
        self.chunks = None;
    }

    /// Waits until the caller has gone.
    pub(super) async fn gone(&self) {
        if let Some(chunks) = &self.chunks {
            chunks.closed().await;
        }
    }
}

/// Hands a piece over once the caller has taken all that came before it, so that a slow caller has
/// one large piece in memory, and not as many as there are places.
async fn hand_alone(chunks: &mpsc::Sender<Bytes>, piece: Bytes, patience: Duration) -> bool {
    let places = match chunks.try_reserve_many(CHUNKS_AHEAD) {
        Ok(places) => Some(places),
        Err(mpsc::error::TrySendError::Closed(())) => None,
        Err(mpsc::error::TrySendError::Full(())) => {
            let places = timeout(patience, chunks.reserve_many(CHUNKS_AHEAD)).await;
            places.ok().and_then(Result::ok)
        }
    };
    let Some(place) = places.and_then(|mut places| places.next()) else {
        return false;
    };
    place.send(piece);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener(patience: Duration) -> (Listener, Chunks) {
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let chunks = Some(sender);
        let body = Chunks {
            pieces: receiver,
            broken: None,
        };
        (Listener { chunks, patience }, body)
    }

    #[tokio::test]
    async fn a_slow_caller_has_many_small_pieces_ahead_but_one_large_one() {
        let (mut listener, mut chunks) = listener(Duration::from_secs(20));
        for _ in 0..5 {
            assert!(listener.hand(Bytes::from_static(b"small")).await);
        }
        let large = Bytes::from(vec![b'x'; SMALL_BYTES + 1]);
        let mut handing = Box::pin(listener.hand(large.clone()));
        for _ in 0..5 {
            tokio::select! {
                biased;
                _ = &mut handing => panic!("it comes when all before it were taken"),
                () = std::future::ready(()) => {}
            }
            assert_eq!(chunks.next().await.as_deref(), Some(&b"small"[..]));
        }
        assert!(handing.await);
        assert_eq!(chunks.next().await, Some(large.clone()));
        assert!(listener.hand(large.clone()).await, "nothing lies ahead");
        assert!(listener.hand(Bytes::from_static(b"small")).await);
        drop(chunks);
        assert!(!listener.hand(large).await);
    }

    #[tokio::test]
    async fn a_caller_who_does_not_take_a_large_piece_in_time_has_gone() {
        let (mut listener, _chunks) = listener(Duration::from_millis(10));
        let large = Bytes::from(vec![b'x'; SMALL_BYTES + 1]);
        assert!(listener.hand(large.clone()).await);
        assert!(!listener.hand(large).await);
        assert!(!listener.hand(Bytes::from_static(b"small")).await);
    }
}
