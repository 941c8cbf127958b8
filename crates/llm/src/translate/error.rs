//! Errors: why a request cannot be translated, and a provider's errors in the caller's shape.

use iron_primitives::Refusal;
use serde_json::{Value, json};

use super::Direction;
use super::fields::to_bytes;
use crate::errors::{aws_word, google_word};
use crate::eventstream;
use crate::kind::{Dialect, ErrorShape};

/// Why there is no plan for a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The provider speaks the caller's dialect; its bytes pass as they are.
    #[error("the provider speaks the caller's dialect; nothing is to be translated")]
    Native,
    /// The provider's dialect cannot express a feature of the request.
    #[error("`{feature}` cannot be translated ({direction})")]
    Untranslatable {
        /// The feature, by the path of its field.
        feature: String,
        /// From which dialect to which.
        direction: Direction,
    },
    /// A field that must be understood cannot be.
    #[error("`{field}`: {problem}")]
    Invalid {
        /// The field's path.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The body is not a JSON object.
    #[error("the body is not a JSON object (line {line}, column {column})")]
    NotJson {
        /// The line of the first wrong byte.
        line: usize,
        /// Its column.
        column: usize,
    },
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        match error {
            Error::Untranslatable { feature, direction } => Refusal::Untranslatable {
                feature,
                direction: direction.to_string(),
            },
            Error::Invalid { field, problem } => Refusal::InvalidField { field, problem },
            Error::Native | Error::NotJson { .. } => Refusal::Malformed {
                detail: error.to_string(),
            },
        }
    }
}

/// Why a provider's answer cannot be given to the caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// It is not JSON, or not of the shape that its dialect has.
    #[error("the provider's answer has no readable `{field}`")]
    Unreadable {
        /// The field that is missing or wrong; `body` for the whole.
        field: &'static str,
    },
    /// It contains something that was not asked for and that the caller's dialect cannot say.
    #[error("the provider's answer contains `{what}`, which cannot be translated")]
    Unexpected {
        /// What it contains.
        what: String,
    },
}

/// What kind of error a provider reported; each dialect has a word and a status for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request is wrong.
    InvalidRequest,
    /// The credential is wrong.
    Authentication,
    /// The credential may not do this.
    Permission,
    /// There is no such thing.
    NotFound,
    /// Something else is in the way.
    Conflict,
    /// The request is too large.
    TooLarge,
    /// Too many requests.
    RateLimit,
    /// The account has no money or is over its quota; waiting does not help.
    Billing,
    /// It took too long.
    Timeout,
    /// The provider has no capacity now.
    Overloaded,
    /// The provider failed.
    Internal,
}

impl ErrorClass {
    /// All classes.
    pub const ALL: [ErrorClass; 11] = [
        ErrorClass::InvalidRequest,
        ErrorClass::Authentication,
        ErrorClass::Permission,
        ErrorClass::NotFound,
        ErrorClass::Conflict,
        ErrorClass::TooLarge,
        ErrorClass::RateLimit,
        ErrorClass::Billing,
        ErrorClass::Timeout,
        ErrorClass::Overloaded,
        ErrorClass::Internal,
    ];

    /// Status and `error.type` as Anthropic's clients expect them.
    pub const fn anthropic(self) -> (u16, &'static str) {
        match self {
            ErrorClass::InvalidRequest => (400, "invalid_request_error"),
            ErrorClass::Authentication => (401, "authentication_error"),
            ErrorClass::Permission => (403, "permission_error"),
            ErrorClass::NotFound => (404, "not_found_error"),
            ErrorClass::Conflict => (409, "conflict_error"),
            ErrorClass::TooLarge => (413, "request_too_large"),
            ErrorClass::RateLimit => (429, "rate_limit_error"),
            ErrorClass::Billing => (402, "billing_error"),
            ErrorClass::Timeout => (504, "timeout_error"),
            ErrorClass::Overloaded => (529, "overloaded_error"),
            ErrorClass::Internal => (500, "api_error"),
        }
    }

    /// Status, `error.type` and `error.code` as OpenAI's clients expect them.
    pub const fn openai(self) -> (u16, &'static str, Option<&'static str>) {
        match self {
            ErrorClass::InvalidRequest => (400, "invalid_request_error", None),
            ErrorClass::Authentication => (401, "invalid_request_error", Some("invalid_api_key")),
            ErrorClass::Permission => (403, "invalid_request_error", Some("permission_denied")),
            ErrorClass::NotFound => (404, "invalid_request_error", Some("not_found")),
            ErrorClass::Conflict => (409, "invalid_request_error", Some("conflict")),
            ErrorClass::TooLarge => (413, "invalid_request_error", Some("request_too_large")),
            ErrorClass::RateLimit => (429, "rate_limit_error", Some("rate_limit_exceeded")),
            ErrorClass::Billing => (429, "insufficient_quota", Some("insufficient_quota")),
            ErrorClass::Timeout => (504, "server_error", Some("timeout")),
            ErrorClass::Overloaded => (503, "server_error", Some("overloaded")),
            ErrorClass::Internal => (500, "server_error", None),
        }
    }

    /// The status that Google's clients expect.
    pub const fn google(self) -> u16 {
        match self {
            ErrorClass::Billing => 429,
            ErrorClass::Overloaded => 503,
            other => other.anthropic().0,
        }
    }

    /// Whether the same request may succeed later, without anyone changing anything.
    pub const fn cured_by_waiting(self) -> bool {
        matches!(
            self,
            ErrorClass::RateLimit
                | ErrorClass::Timeout
                | ErrorClass::Overloaded
                | ErrorClass::Internal
        )
    }

    /// The class of a status for which the body says nothing better.
    pub const fn of_status(status: u16) -> ErrorClass {
        match status {
            401 => ErrorClass::Authentication,
            402 => ErrorClass::Billing,
            403 => ErrorClass::Permission,
            404 | 410 => ErrorClass::NotFound,
            408 | 504 => ErrorClass::Timeout,
            409 => ErrorClass::Conflict,
            413 => ErrorClass::TooLarge,
            // A model of Bedrock failed.
            424 => ErrorClass::Internal,
            429 => ErrorClass::RateLimit,
            503 | 529 => ErrorClass::Overloaded,
            400..=499 => ErrorClass::InvalidRequest,
            _ => ErrorClass::Internal,
        }
    }

    /// The class that a word in `error.type` or `error.code` names, in either dialect.
    fn of_word(word: &str) -> Option<ErrorClass> {
        Some(match word {
            "insufficient_quota" | "billing_error" | "billing_hard_limit_reached" => {
                ErrorClass::Billing
            }
            "authentication_error"
            | "invalid_api_key"
            | "UNAUTHENTICATED"
            | "API_KEY_INVALID"
            | "ACCESS_TOKEN_EXPIRED" => ErrorClass::Authentication,
            "permission_error" | "permission_denied" | "PERMISSION_DENIED" => {
                ErrorClass::Permission
            }
            "not_found_error" | "model_not_found" | "not_found" | "NOT_FOUND" => {
                ErrorClass::NotFound
            }
            "conflict_error" => ErrorClass::Conflict,
            "request_too_large" => ErrorClass::TooLarge,
            "rate_limit_error" | "rate_limit_exceeded" | "RESOURCE_EXHAUSTED" => {
                ErrorClass::RateLimit
            }
            "timeout_error" | "timeout" | "DEADLINE_EXCEEDED" => ErrorClass::Timeout,
            "overloaded_error" | "overloaded" | "UNAVAILABLE" => ErrorClass::Overloaded,
            "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => {
                ErrorClass::InvalidRequest
            }
            "ABORTED" | "ALREADY_EXISTS" => ErrorClass::Conflict,
            "throttlingException" => ErrorClass::RateLimit,
            "serviceUnavailableException" => ErrorClass::Overloaded,
            "validationException" => ErrorClass::InvalidRequest,
            "modelTimeoutException" => ErrorClass::Timeout,
            "internalServerException" | "modelStreamErrorException" => ErrorClass::Internal,
            // `invalid_request_error`, `server_error` and `api_error` say less than the status.
            _ => return None,
        })
    }
}

/// An error of a provider, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderError {
    /// What kind it is.
    pub class: ErrorClass,
    /// The provider's own words.
    pub message: String,
}

/// An error in a caller's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedError {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Whether trying again can help. Where it cannot, `x-should-retry: false` keeps the
    /// client's SDK from trying all the same, as it does with any 429.
    pub cured_by_waiting: bool,
}

impl ProviderError {
    /// An error of a class, in our words.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> ProviderError {
        ProviderError {
            class,
            message: message.into(),
        }
    }

    /// Reads an error body of either dialect.
    pub fn read(status: u16, body: &[u8]) -> ProviderError {
        let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let class = ErrorClass::of_status(status);
        // Some servers put their words at the top.
        let at_the_top = || {
            let mut names = ["message", "Message", "detail"].into_iter();
            let said = names.find_map(|name| value.get(name));
            Some(ProviderError::new(class, said?.as_str()?))
        };
        ProviderError::of_value(&value, class)
            .or_else(at_the_top)
            .filter(|error| !error.message.is_empty())
            .unwrap_or_else(|| {
                let words =
                    format!("the provider answered with status {status} and no readable error");
                ProviderError::new(class, words)
            })
    }

    /// Reads the error that a body or an event of a stream holds.
    pub(crate) fn of_value(value: &Value, otherwise: ErrorClass) -> Option<ProviderError> {
        let error = value.get("error").or_else(|| value.get(0)?.get("error"))?;
        // Google says in the details of a bad request that it is the key.
        let reason = details(error).find_map(|detail| detail.get("reason")?.as_str());
        let word = |name: &str| error.get(name).and_then(Value::as_str);
        let message = error.as_str().or_else(|| word("message"))?;
        // A code is more exact than a type: `insufficient_quota` hides behind 429.
        let class = [reason, word("code"), word("type"), word("status")]
            .into_iter()
            .flatten()
            .find_map(ErrorClass::of_word)
            .unwrap_or(match word("type") {
                Some("invalid_request_error") if otherwise == ErrorClass::Internal => {
                    ErrorClass::InvalidRequest
                }
                _ => otherwise,
            });
        Some(ProviderError::new(class, message))
    }

    /// The body, and the status that goes with it.
    pub fn render(&self, shape: ErrorShape) -> RenderedError {
        let status = match shape {
            ErrorShape::OpenAi => self.class.openai().0,
            ErrorShape::Anthropic => self.class.anthropic().0,
            ErrorShape::Google => self.class.google(),
            ErrorShape::Cohere | ErrorShape::Aws => self.class.openai().0,
        };
        RenderedError {
            status,
            body: to_bytes(&self.value(shape)),
            cured_by_waiting: self.class.cured_by_waiting(),
        }
    }

    /// The body as a value.
    pub(crate) fn value(&self, shape: ErrorShape) -> Value {
        match shape {
            ErrorShape::OpenAi => {
                let (_, kind, code) = self.class.openai();
                json!({ "error": { "message": self.message, "type": kind, "param": null, "code": code } })
            }
            ErrorShape::Anthropic => {
                let (_, kind) = self.class.anthropic();
                json!({ "type": "error", "error": { "type": kind, "message": self.message } })
            }
            ErrorShape::Google => {
                let (code, message) = (self.class.google(), &self.message);
                let status = google_word(code);
                json!({ "error": { "code": code, "message": message, "status": status } })
            }
            ErrorShape::Cohere => json!({ "message": self.message }),
            ErrorShape::Aws => {
                let kind = aws_word(self.class.openai().0);
                json!({ "__type": kind, "message": self.message })
            }
        }
    }
}

/// The details of a `google.rpc.Status`.
fn details(error: &Value) -> impl Iterator<Item = &Value> {
    let details = error.get("details").and_then(Value::as_array);
    details.into_iter().flatten()
}

/// After how many seconds, rounded up, a request may be sent again as the `RetryInfo` in an error
/// of Google says it; other providers say it in a header.
pub fn retry_info_seconds(body: &[u8]) -> Option<u64> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let error = value.get("error").or_else(|| value.get(0)?.get("error"))?;
    let delay = details(error).find_map(|detail| detail.get("retryDelay")?.as_str())?;
    let (whole, fraction) = match delay.strip_suffix('s')?.split_once('.') {
        Some((whole, fraction)) => (whole, fraction.bytes().any(|digit| digit != b'0')),
        None => (delay.strip_suffix('s')?, false),
    };
    let seconds: u64 = whole.parse().ok()?;
    Some(seconds.saturating_add(u64::from(fraction)))
}

/// An error as the last frame of a stream that has already begun, where the caller's dialect
/// has such a frame. A responses stream is rather ended by its translator, which numbers its
/// events.
pub fn error_event(dialect: Dialect, error: &ProviderError) -> Vec<u8> {
    let value = error.value(dialect.error_shape());
    match dialect.error_shape() {
        ErrorShape::OpenAi | ErrorShape::Google => format!("data: {value}\n\n").into_bytes(),
        ErrorShape::Anthropic => format!("event: error\ndata: {value}\n\n").into_bytes(),
        ErrorShape::Cohere => {
            let delta = json!({ "error": error.message, "finish_reason": "ERROR" });
            let event = json!({ "type": "message-end", "delta": delta });
            format!("event: message-end\ndata: {event}\n\n").into_bytes()
        }
        ErrorShape::Aws => {
            let kind = aws_word(error.class.openai().0);
            let (first, rest) = kind.split_at(1);
            let kind = format!("{}{rest}", first.to_lowercase());
            let body = json!({ "message": error.message }).to_string();
            eventstream::exception(&kind, body.as_bytes())
        }
    }
}
