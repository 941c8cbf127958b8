//! How a fake provider answers and fails. Everything serialises, so that a test in another
//! language can ask for it over the control routes.

use serde::{Deserialize, Serialize};

/// One way to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Behaviour {
    /// What the model says.
    pub answer: Answer,
    /// How many tokens the model would like to say; the request's cap cuts it.
    pub output_tokens: u64,
    /// Whether the request's cap is ignored, as a lying provider would.
    pub ignores_cap: bool,
    /// Input tokens that come from the provider's cache, out of the input.
    pub cached_tokens: u64,
    /// What the answer says about usage.
    pub usage: UsageReport,
    /// What goes wrong.
    pub fault: Fault,
    /// Whether generating goes on, and costs, when the client leaves.
    pub billing: Billing,
    /// How long until the first byte.
    pub first_byte_delay_ms: u64,
    /// How long before each further piece of a stream.
    pub piece_delay_ms: u64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            answer: Answer::Text,
            output_tokens: 16,
            ignores_cap: false,
            cached_tokens: 0,
            usage: UsageReport::True,
            fault: Fault::None,
            billing: Billing::GoesOn,
            first_byte_delay_ms: 0,
            piece_delay_ms: 0,
        }
    }
}

/// What the model says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// One word per token.
    Text,
    /// A call of each of the request's tools, with these arguments.
    ToolCalls {
        /// A JSON object as text.
        arguments: String,
    },
    /// Exactly this text.
    Exactly(String),
    /// Exactly these texts, each in an event of its own where it streams.
    Pieces(Vec<String>),
}

/// What the answer says about usage; what is billed stays the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageReport {
    /// What was billed.
    True,
    /// Nothing.
    Missing,
    /// These numbers.
    Wrong {
        /// Claimed input tokens.
        input: u64,
        /// Claimed output tokens.
        output: u64,
    },
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection breaks after this many bytes of the body.
    CutAt(usize),
    /// The call is refused with this status; nothing is billed.
    Status {
        /// 4xx or 5xx.
        status: u16,
        /// Whether and how the wait is announced.
        retry_after: Option<RetryAfter>,
    },
    /// A stream turns into the provider's overload error after this many pieces.
    OverloadedAfter(usize),
    /// An error in a body that came with status 200.
    ErrorInOk,
    /// A stream in which this is not SSE: bytes that mean nothing.
    Garbage,
    /// The stream goes quiet for ever after this many pieces.
    SilentAfter(usize),
    /// Of Replicate: the words are said to be at this address.
    StreamElsewhere(String),
    /// Of Replicate: the words are not there any more.
    StreamExpired,
}

/// The three spellings of how long to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// `retry-after` in seconds.
    Seconds(u64),
    /// `retry-after` as an HTTP date.
    Date(String),
    /// `retry-after-ms`.
    Millis(u64),
    /// `x-ms-retry-after-ms`.
    AzureMillis(u64),
}

impl RetryAfter {
    /// The header that says it.
    pub(super) fn header(&self) -> (&'static str, String) {
        match self {
            RetryAfter::Seconds(seconds) => ("retry-after", seconds.to_string()),
            RetryAfter::Date(date) => ("retry-after", date.clone()),
            RetryAfter::Millis(millis) => ("retry-after-ms", millis.to_string()),
            RetryAfter::AzureMillis(millis) => ("x-ms-retry-after-ms", millis.to_string()),
        }
    }
}

/// What leaving costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Billing {
    /// The whole answer is billed, whoever listens.
    GoesOn,
    /// Only what was sent is billed.
    Stops,
}
