//! Reading a file: its bytes go on to the agent as they come.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::CONTENT_LENGTH;
use iron_guard::Channel;
use iron_primitives::Refusal;

use crate::Runtime;
use crate::bearer::{Bearer, Lane};
use crate::call::Reply;
use crate::call::draft::Draft;
use crate::call::errand::{readable, reply};
use crate::call::reply::{Breaker, Listener};
use crate::call::request::CallRequest;
use crate::call::scrub::scrubbed;
use crate::call::upstream::{self, Question, Upstream};
use crate::in_flight::Seat;

use super::{TOLD_LIMIT_BYTES, about, judge, refused_key, unavailable, unreadable};

impl Runtime {
    /// What lies there, piece by piece. The request counts as under way to the last of them.
    pub(in crate::call) async fn read_through(
        &self,
        draft: &mut Draft,
        request: &CallRequest,
        lane: &Lane,
        path: &str,
    ) -> Result<Reply, Refusal> {
        let question = about(Method::GET, path, request);
        let begun = tokio::select! {
            biased;
            begun = self.begin_to_read(draft, lane, question) => begun?,
            why = draft.cut() => return Err(why.refusal()),
        };
        let mut upstream = match begun {
            Ok(upstream) => upstream,
            Err(told) => return Ok(told),
        };
        let (status, headers) = (upstream.status(), upstream.headers().clone());
        let mut shown = upstream::shown_as_it_is(&headers);
        let opening = match draft.bearer.guard.is_idle() {
            true => Bytes::new(),
            false => match beginning(&mut upstream).await? {
                Beginning::Whole(content) => {
                    let content = judge::content(draft, content).await?;
                    return Ok(reply(status, shown, content));
                }
                Beginning::Part(opening) => judge::too_long(draft, Channel::Output, opening)?,
            },
        };
        let (listener, breaker, body) = Listener::to_a_body(self.config.stalled_client);
        let passage = Passage {
            upstream,
            listener,
            opening,
            breaker,
            bearer: draft.bearer.shared(),
            left: self.config.file_limit_bytes,
            _seat: draft.seat.take(),
        };
        tokio::spawn(passage.run());
        if let Some(length) = headers.get(CONTENT_LENGTH) {
            shown.insert(CONTENT_LENGTH, length.clone());
        }
        Ok(Reply {
            status,
            headers: shown,
            cost: None,
            remaining: None,
            body,
        })
    }

    /// Asks for what is read piece by piece; gives what the provider says instead, if it does.
    pub(in crate::call) async fn begin_to_read(
        &self,
        draft: &Draft,
        lane: &Lane,
        question: Question<'_>,
    ) -> Result<Result<Upstream, Reply>, Refusal> {
        let (mut upstream, shown) = self.begin(draft, lane, question).await?;
        let (status, headers) = (upstream.status(), upstream.headers().clone());
        if status.is_success() {
            return match upstream::is_encoded(&headers) {
                true => Err(unreadable()),
                false => Ok(Ok(upstream)),
            };
        }
        let mut share = self.room.share();
        let collected = upstream.collect(TOLD_LIMIT_BYTES, &mut share).await;
        let body = collected.map_err(|error| unavailable(error.to_string()))?;
        if let Some(refusal) = refused_key(status, &body) {
            return Err(refusal);
        }
        let body = scrubbed(body, Some(&shown.secret));
        let told = readable(draft.dialect, status, &headers, body);
        told.map(Err).ok_or_else(unreadable)
    }
}

/// How the content of a file begins.
enum Beginning {
    /// This is all of it.
    Whole(Bytes),
    /// More follows.
    Part(Bytes),
}

/// Waits for as much of a file as is judged, or for its end.
async fn beginning(upstream: &mut Upstream) -> Result<Beginning, Refusal> {
    let mut came = BytesMut::new();
    while came.len() <= judge::JUDGED_BYTES {
        let chunk = upstream.chunk().await;
        match chunk.map_err(|error| unavailable(error.to_string()))? {
            Some(piece) => came.extend_from_slice(&piece),
            None => return Ok(Beginning::Whole(came.freeze())),
        }
    }
    Ok(Beginning::Part(came.freeze()))
}

/// Bytes on their way through.
struct Passage {
    upstream: Upstream,
    listener: Listener,
    /// What has come already.
    opening: Bytes,
    breaker: Breaker,
    bearer: Arc<Bearer>,
    /// How many bytes may still come.
    left: u64,
    _seat: Option<Seat>,
}

impl Passage {
    async fn run(mut self) {
        self.left = self.left.saturating_sub(self.opening.len() as u64);
        let opening = std::mem::take(&mut self.opening);
        if !self.listener.hand(opening).await {
            return;
        }
        loop {
            let chunk = tokio::select! {
                biased;
                _ = self.bearer.lifeline.cut() => None,
                () = self.listener.gone() => return,
                chunk = self.upstream.chunk() => chunk.ok(),
            };
            let piece = match chunk {
                Some(Some(piece)) => piece,
                Some(None) => return,
                None => return self.breaker.trip(),
            };
            match self.left.checked_sub(piece.len() as u64) {
                Some(left) => self.left = left,
                None => return self.breaker.trip(),
            }
            if !self.listener.hand(piece).await {
                return;
            }
        }
    }
}
