//! An answer as pieces of bytes, and how they reach the socket.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;

use super::bill::{Meter, Work};
use super::{Behaviour, Fault};

/// A run of bytes together with the output tokens that have been generated when it is sent.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    pub(super) output: u64,
}

impl Piece {
    pub(super) fn new(bytes: impl Into<Bytes>, output: u64) -> Self {
        Piece {
            bytes: bytes.into(),
            output,
        }
    }
}

/// A whole answer.
pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    pieces: Vec<Piece>,
    /// What it costs; none where nothing is billed.
    pub(super) work: Option<Work>,
}

impl Reply {
    /// A refusal, which costs nothing.
    pub(super) fn status(status: u16, body: Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Reply {
            status,
            headers,
            pieces: vec![Piece::new(body.to_string(), 0)],
            work: None,
        }
    }

    /// An XML answer in one piece, which costs nothing.
    pub(super) fn xml(status: u16, body: String) -> Self {
        Reply {
            status,
            headers: vec![("content-type", "text/xml".to_owned())],
            pieces: vec![Piece::new(body, 0)],
            work: None,
        }
    }

    /// A JSON answer in one piece.
    pub(super) fn json(body: Value, work: Option<Work>) -> Self {
        let output = work.map_or(0, |work| work.output);
        let headers = vec![("content-type", "application/json".to_owned())];
        Reply {
            status: 200,
            headers,
            pieces: vec![Piece::new(body.to_string(), output)],
            work,
        }
    }

    /// Bytes in many pieces, which cost nothing.
    pub(super) fn file(kind: &'static str, body: &[u8]) -> Self {
        Reply {
            status: 200,
            headers: vec![("content-type", kind.to_owned())],
            pieces: body
                .chunks(16 * 1024)
                .map(|chunk| Piece::new(chunk.to_vec(), 0))
                .collect(),
            work: None,
        }
    }

    /// A JSON answer to what was created.
    pub(super) fn created(body: Value, work: Work) -> Self {
        Reply {
            status: 201,
            ..Reply::json(body, Some(work))
        }
    }

    /// An answer of another type in one piece.
    pub(super) fn bytes(kind: &'static str, body: Vec<u8>, work: Work) -> Self {
        Reply {
            status: 200,
            headers: vec![("content-type", kind.to_owned())],
            pieces: vec![Piece::new(body, work.output)],
            work: Some(work),
        }
    }

    /// A stream.
    pub(super) fn stream(pieces: Vec<Piece>, work: Work) -> Self {
        let headers = vec![(
            "content-type",
            "text/event-stream; charset=utf-8".to_owned(),
        )];
        Reply {
            status: 200,
            headers,
            pieces,
            work: Some(work),
        }
    }

    /// A stream of AWS's messages.
    pub(super) fn event_stream(pieces: Vec<Piece>, work: Work) -> Self {
        let headers = vec![(
            "content-type",
            "application/vnd.amazon.eventstream".to_owned(),
        )];
        Reply {
            status: 200,
            headers,
            pieces,
            work: Some(work),
        }
    }

    /// The same answer, sent in other pieces.
    pub(super) fn with_pieces(mut self, change: impl FnOnce(Vec<Piece>) -> Vec<Piece>) -> Self {
        self.pieces = change(self.pieces);
        self
    }

    pub(super) fn header(mut self, (name, value): (&'static str, String)) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The HTTP answer; with a meter it is counted and its faults act.
    pub(super) fn into_response(self, metered: Option<(Meter, Behaviour)>) -> Response {
        let body = match metered {
            None => Body::from(
                self.pieces
                    .into_iter()
                    .flat_map(|piece| piece.bytes)
                    .collect::<Vec<_>>(),
            ),
            Some((meter, behaviour)) => body(self.pieces, meter, behaviour),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers.insert(
            HeaderName::from_static("x-request-id"),
            HeaderValue::from_static("req_fake"),
        );
        response
    }
}

/// What a connection that breaks looks like to the server's own library.
#[derive(Debug, thiserror::Error)]
#[error("the fake provider cut the connection, as it was told")]
struct Cut;

/// Sends piece after piece, charging each before it leaves.
fn body(pieces: Vec<Piece>, meter: Meter, behaviour: Behaviour) -> Body {
    let total = pieces.len();
    let state = (pieces.into_iter().enumerate(), meter, 0_usize, behaviour);
    Body::from_stream(stream::unfold(Some(state), move |state| async move {
        let (mut pieces, meter, sent, behaviour) = state?;
        let (index, piece) = pieces.next()?;
        if index > 0 {
            pause(behaviour.piece_delay_ms).await;
        }
        if behaviour.fault == Fault::SilentAfter(index) {
            std::future::pending::<Infallible>().await;
        }
        let mut bytes = piece.bytes;
        if let Fault::CutAt(at) = behaviour.fault {
            let left = at.saturating_sub(sent);
            if left == 0 {
                // The server flushes what it has only when nothing more is ready.
                pause(5).await;
                return Some((Err(Cut), None));
            }
            bytes.truncate(left);
        }
        meter.charge(piece.output, index.saturating_add(1) == total);
        let sent = sent.saturating_add(bytes.len());
        Some((Ok(bytes), Some((pieces, meter, sent, behaviour))))
    }))
}

pub(super) async fn pause(millis: u64) {
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}
