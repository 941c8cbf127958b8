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
        let collected =
            tokio::time::timeout(self.timeout, Limited::new(body, self.bytes).collect());
        match collected.await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
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
