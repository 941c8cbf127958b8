//! The one shape of every error of ours: `{"error":{"code","message","fields"?,"details"?}}`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use iron_primitives::ErrorKind;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::rate::Standing;

/// The content type of every JSON body of ours.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// An error on its way to the client.
///
/// The message is for the client; [`Problem::because`] keeps what only the log may know. The
/// edge writes that cause down beside the request id and never sends it.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    fields: BTreeMap<String, String>,
    details: Map<String, Value>,
    retry_after_seconds: Option<u64>,
    standing: Option<Standing>,
    cause: Option<Cause>,
}

/// What the log may know about a problem and the client may not.
#[derive(Clone)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The whole chain of causes in one line.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(inner) = source {
            write!(f, ": {inner}")?;
            source = inner.source();
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    details: &'a Map<String, Value>,
}

impl Problem {
    /// A problem with a message of its own.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Problem(Box::new(Inner {
            kind,
            message: message.into(),
            fields: BTreeMap::new(),
            details: Map::new(),
            retry_after_seconds: None,
            standing: None,
            cause: None,
        }))
    }

    /// One field that is wrong.
    pub fn field(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Problem::fields(BTreeMap::from([(path.into(), problem.into())]))
    }

    /// All fields that are wrong, by path.
    pub fn fields(fields: BTreeMap<String, String>) -> Self {
        let names: Vec<String> = fields.keys().map(|path| format!("`{path}`")).collect();
        let message = format!("the request is not valid: see {}", names.join(", "));
        let mut problem = Problem::new(ErrorKind::Validation, message);
        problem.0.fields = fields;
        problem
    }

    /// Something unexpected; the cause goes to the log only.
    pub fn internal(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        let message = "an unexpected error occurred; the server's log holds it under the \
                       request id in `X-Request-Id`";
        Problem::new(ErrorKind::Internal, message).because(cause)
    }

    /// The store or another part does not answer; the cause goes to the log only.
    pub fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        let message = "a part of the server does not answer; try again";
        Problem::new(ErrorKind::ServiceUnavailable, message)
            .because(cause)
            .retry_after(1)
    }

    /// No such object, or not the caller's to know.
    pub fn not_found(resource_type: &str, id: impl fmt::Display) -> Self {
        Problem::new(
            ErrorKind::ResourceNotFound,
            format!("no {resource_type} `{id}`"),
        )
        .detail("resource_type", resource_type)
        .detail("id", id.to_string())
    }

    /// Adds a fact that the client can act on.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.details.insert(name.to_owned(), value.into());
        self
    }

    /// Says when to try again, in whole seconds; never less than one.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// Says which window is full, for the `X-RateLimit-*` headers.
    #[must_use]
    pub fn standing(mut self, standing: Standing) -> Self {
        self.0.standing = Some(standing);
        self
    }

    /// Keeps what only the log may know.
    #[must_use]
    pub fn because(mut self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Cause(Arc::new(cause)));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message for the client.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The fields that are wrong, by path.
    pub fn wrong_fields(&self) -> &BTreeMap<String, String> {
        &self.0.fields
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Inner {
            kind,
            message,
            fields,
            details,
            retry_after_seconds,
            standing,
            cause,
        } = *self.0;
        let body = Body {
            code: kind.code(),
            message: &message,
            fields: &fields,
            details: &details,
        };
        // Texts, numbers and maps with text keys always serialise.
        let body = serde_json::to_vec(&Envelope { error: body }).unwrap_or_default();
        let status =
            StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        if let Some(seconds) = retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(standing) = standing {
            standing.write(response.headers_mut());
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"iron\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        response.extensions_mut().insert(kind);
        if let Some(cause) = cause {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_envelope_holds_what_the_client_may_know_and_no_more() {
        let response = Problem::field("budget", "must be at least 0.01")
            .detail("limit", 3)
            .because(std::io::Error::other("the password is hunter2"))
            .into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(response.extensions().get::<Cause>().is_some());
        let body = axum::body::to_bytes(response.into_body(), 4096)
            .await
            .expect("a body");
        let expected = serde_json::json!({"error": {
            "code": "VALIDATION_ERROR",
            "message": "the request is not valid: see `budget`",
            "fields": {"budget": "must be at least 0.01"},
            "details": {"limit": 3},
        }});
        assert_eq!(
            serde_json::from_slice::<Value>(&body).expect("json"),
            expected
        );
    }

    #[test]
    fn waiting_is_told_in_whole_seconds() {
        let response = Problem::new(ErrorKind::RateLimitExceeded, "slow down")
            .retry_after(0)
            .into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
