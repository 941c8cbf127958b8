//! Reading a request body with an end: of bytes and of patience.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use iron_primitives::ErrorKind;

use crate::problem::Problem;

/// How much, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimit {
    /// The most bytes that are read.
    pub bytes: usize,
    /// The longest that the whole body may take to arrive.
    pub timeout: Duration,
}

impl Default for BodyLimit {
    /// 1 MiB in 30 s: what the control plane accepts.
    fn default() -> Self {
        BodyLimit {
            bytes: 1024 * 1024,
            timeout: Duration::from_secs(30),
        }
    }
}

/// The body did not arrive whole.
#[derive(Debug, thiserror::Error)]
#[error("the request body broke off")]
struct BrokenBody(#[source] Box<dyn std::error::Error + Send + Sync>);

/// All bytes of a body. Those that come in many pieces are put together as they come: a list of
/// pieces would take far more than its bytes where each is a byte.
async fn joined<B>(mut body: B) -> Result<Bytes, B::Error>
where
    B: http_body::Body<Data = Bytes> + Unpin,
{
    let (mut first, mut rest) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(piece) if first.is_empty() => first = piece,
            Ok(piece) => {
                if rest.is_empty() {
                    rest.extend_from_slice(&first);
                }
                rest.extend_from_slice(&piece);
            }
            Err(_) => {}
        }
    }
    Ok(match rest.is_empty() {
        true => first,
        false => rest.into(),
    })
}

impl BodyLimit {
    /// Reads the whole body.
    ///
    /// # Errors
    /// `PAYLOAD_TOO_LARGE` beyond the limit, before reading if the client declared its
    /// length; `MALFORMED_REQUEST` if the body breaks off or takes too long.
    pub async fn read(self, body: Body) -> Result<Bytes, Problem> {
        use http_body::Body as _;
        let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if declared > self.bytes {
            return Err(self.too_large());
        }
        let collected = tokio::time::timeout(self.timeout, joined(Limited::new(body, self.bytes)));
        match collected.await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(self.too_large()),
            Ok(Err(error)) => {
                let message = "the body broke off before its end; send it again";
                Err(Problem::new(ErrorKind::MalformedRequest, message).because(BrokenBody(error)))
            }
            Err(_) => {
                let seconds = self.timeout.as_secs();
                let message = format!("the body did not arrive within {seconds} s; send it faster");
                Err(Problem::new(ErrorKind::MalformedRequest, message))
            }
        }
    }

    fn too_large(self) -> Problem {
        let message = format!(
            "the body is larger than {} bytes; send less at once",
            self.bytes
        );
        Problem::new(ErrorKind::PayloadTooLarge, message).detail("limit_bytes", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn pieces_are_joined_as_they_came_and_the_whole_takes_about_its_bytes() {
        let pieces = ["", "a", "bc", "", "d", ""];
        let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)));
        let read = BodyLimit::default().read(body).await.expect("a body");
        assert_eq!(read, "abcd");

        let single = stream::iter((0..100_000).map(|_| Ok::<_, std::io::Error>("x")));
        let read = BodyLimit::default().read(Body::from_stream(single)).await;
        let read: Vec<u8> = read.expect("a body").into();
        assert_eq!(read.len(), 100_000);
        assert!(read.capacity() < 200_000);

        let none = BodyLimit::default().read(Body::empty()).await;
        assert_eq!(none.expect("a body"), "");
    }
}
