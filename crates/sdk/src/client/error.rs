//! What can go wrong on the way to the server and back.

use std::collections::BTreeMap;
use std::fmt;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, RETRY_AFTER};
use serde_json::{Map, Value};

use crate::problem::ErrorAnswer;

use super::header;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server said no.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// The server cannot be reached.
    #[error("the server cannot be reached; check the address and that it is running")]
    Unreachable(#[source] reqwest::Error),
    /// The server did not answer in time.
    #[error("the server did not answer in time; try again")]
    TimedOut(#[source] reqwest::Error),
    /// The server answered something that is not of this API.
    #[error("the answer (status {status}) is not of this API; check the address")]
    Unreadable {
        /// The HTTP status.
        status: u16,
        /// What is wrong with the answer.
        #[source]
        source: serde_json::Error,
    },
    /// The answer is longer than this client reads.
    #[error("the answer is longer than {limit_bytes} bytes; ask for less at once")]
    TooLong {
        /// The most that is read.
        limit_bytes: usize,
    },
    /// The request cannot be written as JSON.
    #[error("the request cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
    /// The platform offers no way to make connections.
    #[error("connections cannot be made on this machine")]
    Setup(#[source] reqwest::Error),
}

/// A refusal of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The code, such as `VALIDATION_ERROR`.
    pub code: String,
    /// The same in words.
    pub message: String,
    /// What is wrong with each field, by its path.
    pub fields: BTreeMap<String, String>,
    /// Facts to act on.
    pub details: Map<String, Value>,
    /// The request's number, which finds it in the server's log.
    pub request_id: Option<String>,
    /// When to try again.
    pub retry_after_seconds: Option<u64>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (path, problem) in &self.fields {
            write!(f, "; `{path}`: {problem}")?;
        }
        Ok(())
    }
}

impl Error {
    /// The server's refusal, if it is one.
    pub fn refused(&self) -> Option<&Refused> {
        match self {
            Error::Refused(refused) => Some(refused),
            _ => None,
        }
    }

    /// Whether the server refused with this code.
    pub fn is_code(&self, code: &str) -> bool {
        self.refused().is_some_and(|refused| refused.code == code)
    }

    /// Whether the same read may succeed in a moment.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Error::Unreachable(_) | Error::TimedOut(_) => true,
            Error::Refused(refused) => refused.status == 503,
            _ => false,
        }
    }

    pub(super) fn from_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let answer: ErrorAnswer = match serde_json::from_slice(body) {
            Ok(answer) => answer,
            Err(source) => {
                return Error::Unreadable {
                    status: status.as_u16(),
                    source,
                };
            }
        };
        let request_id = header(headers, HeaderName::from_static("x-request-id"));
        Error::Refused(Box::new(Refused {
            status: status.as_u16(),
            code: answer.error.code,
            message: answer.error.message,
            fields: answer.error.fields,
            details: answer.error.details,
            request_id: request_id.map(str::to_owned),
            retry_after_seconds: header(headers, RETRY_AFTER).and_then(|text| text.parse().ok()),
        }))
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            Error::TimedOut(error)
        } else {
            Error::Unreachable(error)
        }
    }
}
