//! A provider that is built in, so that everything can be tried without a key.
//!
//! [`answer`] takes a request in any dialect and gives back a [`Script`]: status, headers and
//! the bytes of the answer with the pauses between them. Whoever calls it plays the script;
//! nothing here waits, and the same request always gets the same answer, since the words are
//! drawn from a hash of the model, the prompt and the `seed`.
//!
//! | model | what it does |
//! |---|---|
//! | `sim/chat` | answers in a few sentences; keeps to stop sequences, caps, `n`, JSON schemas |
//! | `sim/agent` | first calls the tools that the request offers, then answers from the results |
//! | `sim/embed` | embeds |
//! | `sim/fail-429` | refuses with 429 and `retry-after` |
//! | `sim/fail-500` | fails with 500 |
//! | `sim/slow` | answers after a pause, piece by piece |
//! | `sim/cut` | ends in the middle of the answer |
//! | `sim/overloaded-in-stream` | reports an overload inside of a stream that began with 200 |
//! | `sim/wrong-usage` | reports ten times what was used |
//! | `sim/no-usage` | reports no usage |
//! | `sim/leak-pii` | gives away made-up personal data and secrets, always the same ([`LEAKED`]) |
//! | `sim/injected` | says what tries to give orders to whoever reads it ([`INJECTED`]) |
//!
//! The last two say the same in the arguments of a tool where the request offers some, and no tool
//! has answered yet.
//!
//! Tokens are counted in a way of its own: one for every four bytes of a string, four for a
//! message. That is always below the bound by bytes.
//!
//! ```
//! use iron_llm::{Dialect, simulated};
//!
//! let request = br#"{"model":"sim/chat","messages":[{"role":"user","content":"Hi"}]}"#;
//! let script = simulated::answer(Dialect::OpenAiChat, &request[..].into(), 1_700_000_000);
//! assert_eq!(script.status, 200);
//! assert_eq!(script.frames.len(), 1);
//! ```

mod ask;
mod catalogue;
mod chat;
mod embeddings;
mod messages;
mod planted;
mod reply;
mod responses;
mod schema;
mod words;

use bytes::Bytes;
use serde_json::{Value, json};

use self::ask::Ask;
use self::catalogue::Behaviour;
pub use self::catalogue::models;
pub use self::planted::{INJECTED, LEAKED};
use self::reply::Reply;
use crate::envelope::Envelope;
use crate::kind::{Dialect, ErrorShape};

/// The pause of `sim/slow` before its first byte.
pub const SLOW_START_MS: u64 = 1_000;
/// The pause of `sim/slow` before each further piece.
pub const SLOW_PIECE_MS: u64 = 100;

/// Bytes to be sent after a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The pause before them.
    pub delay_ms: u64,
    /// The bytes.
    pub bytes: Bytes,
}

/// An answer to be played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body, piece by piece.
    pub frames: Vec<Frame>,
    /// Whether the connection breaks after the last piece instead of ending.
    pub cut: bool,
}

/// Answers a request. `created_s` is the time that the answer claims to be made at.
pub fn answer(dialect: Dialect, body: &Bytes, created_s: u64) -> Script {
    let ask = match Envelope::read(dialect, body.clone()) {
        Ok(envelope) if is_without_cap(&envelope) => {
            return refuse(
                dialect,
                400,
                "invalid_request_error",
                "max_tokens: Field required",
            );
        }
        Ok(envelope) => Ask::read(&envelope),
        Err(error) => return refuse(dialect, 400, "invalid_request_error", &error.to_string()),
    };
    let Some(behaviour) = catalogue::behaviour(&ask.model) else {
        let message = format!("the model `{}` does not exist", ask.model);
        return refuse(dialect, 404, "not_found_error", &message);
    };
    if (behaviour == Behaviour::Embed) != (dialect == Dialect::OpenAiEmbeddings) {
        let message = format!(
            "the model `{}` does not answer on {}",
            ask.model,
            dialect.path()
        );
        return refuse(dialect, 400, "invalid_request_error", &message);
    }
    match behaviour {
        Behaviour::RateLimited => {
            let mut script = refuse(
                dialect,
                429,
                "rate_limit_error",
                "the simulated rate limit is reached",
            );
            script.headers.push(("retry-after", "1".to_owned()));
            script
        }
        Behaviour::Broken => refuse(
            dialect,
            500,
            server_error(dialect),
            "the simulated provider is broken",
        ),
        Behaviour::OverloadedInStream => overloaded(dialect, &ask),
        _ => play(dialect, behaviour, &ask, created_s),
    }
}

/// Anthropic's dialect demands a cap.
fn is_without_cap(envelope: &Envelope) -> bool {
    envelope.dialect() == Dialect::AnthropicMessages && envelope.facts().output_cap.is_none()
}

/// How many input tokens a request has, as this provider counts them.
///
/// # Errors
/// What is wrong with the request.
pub fn count_tokens(dialect: Dialect, body: &Bytes) -> Result<u64, crate::envelope::RequestError> {
    Envelope::read(dialect, body.clone()).map(|envelope| ask::input_tokens(&envelope))
}

fn play(dialect: Dialect, behaviour: Behaviour, ask: &Ask, created_s: u64) -> Script {
    let reply = Reply::of(ask, behaviour, created_s);
    let mut pieces = match (dialect, ask.stream) {
        (Dialect::OpenAiCompletions, true) => chat::text_stream(ask, &reply),
        (Dialect::OpenAiCompletions, false) => vec![chat::text_whole(&reply)],
        (Dialect::OpenAiResponses, true) => responses::stream(&reply),
        (Dialect::OpenAiResponses, false) => vec![responses::whole(&reply)],
        (Dialect::AnthropicMessages, true) => messages::stream(&reply),
        (Dialect::AnthropicMessages, false) => vec![messages::whole(&reply)],
        (
            Dialect::OpenAiEmbeddings
            | Dialect::CohereEmbed
            | Dialect::GeminiEmbed
            | Dialect::BedrockEmbed,
            _,
        ) => {
            vec![embeddings::whole(ask)]
        }
        // Nobody is sent to it in other dialects than these and chat.
        (_, true) => chat::stream(ask, &reply),
        (_, false) => vec![chat::whole(&reply)],
    };
    let streamed = ask.stream && dialect != Dialect::OpenAiEmbeddings;
    let cut = behaviour == Behaviour::Cut;
    if cut {
        halve(&mut pieces);
    }
    let delays = |index: usize| match (behaviour, index) {
        (Behaviour::Slow, 0) => SLOW_START_MS,
        (Behaviour::Slow, _) => SLOW_PIECE_MS,
        _ => 0,
    };
    let frames = pieces.into_iter().enumerate();
    Script {
        status: 200,
        headers: headers(
            dialect,
            if streamed {
                "text/event-stream"
            } else {
                "application/json"
            },
            &reply.id,
        ),
        frames: frames
            .map(|(index, text)| Frame {
                delay_ms: delays(index),
                bytes: Bytes::from(text),
            })
            .collect(),
        cut,
    }
}

/// Leaves the first half: of the pieces, or of the only piece.
fn halve(pieces: &mut Vec<String>) {
    match pieces.as_mut_slice() {
        [only] => {
            let mut half = only.len() / 2;
            while !only.is_char_boundary(half) {
                half -= 1;
            }
            only.truncate(half);
        }
        more => {
            let half = more.len().div_ceil(2);
            pieces.truncate(half);
        }
    }
}

fn headers(dialect: Dialect, content_type: &str, id: &str) -> Vec<(&'static str, String)> {
    let request_id = match dialect.error_shape() {
        ErrorShape::OpenAi | ErrorShape::Google | ErrorShape::Cohere | ErrorShape::Aws => {
            "x-request-id"
        }
        ErrorShape::Anthropic => "request-id",
    };
    vec![
        ("content-type", content_type.to_owned()),
        (request_id, format!("req_{id}")),
    ]
}

/// An error in the dialect's own shape.
fn error_body(dialect: Dialect, kind: &str, message: &str) -> Value {
    match dialect.error_shape() {
        ErrorShape::OpenAi | ErrorShape::Google | ErrorShape::Cohere | ErrorShape::Aws => {
            json!({"error": {"message": message, "type": kind, "param": null, "code": null}})
        }
        ErrorShape::Anthropic => {
            json!({"type": "error", "error": {"type": kind, "message": message}})
        }
    }
}

fn refuse(dialect: Dialect, status: u16, kind: &str, message: &str) -> Script {
    let body = error_body(dialect, kind, message).to_string();
    Script {
        status,
        headers: headers(dialect, "application/json", "sim_error"),
        frames: vec![Frame {
            delay_ms: 0,
            bytes: Bytes::from(body),
        }],
        cut: false,
    }
}

const fn server_error(dialect: Dialect) -> &'static str {
    match dialect.error_shape() {
        ErrorShape::OpenAi | ErrorShape::Google | ErrorShape::Cohere | ErrorShape::Aws => {
            "server_error"
        }
        ErrorShape::Anthropic => "api_error",
    }
}

fn overloaded(dialect: Dialect, ask: &Ask) -> Script {
    const MESSAGE: &str = "the simulated provider is overloaded";
    let (status, kind) = match dialect.error_shape() {
        ErrorShape::OpenAi | ErrorShape::Google | ErrorShape::Cohere | ErrorShape::Aws => {
            (503, "server_error")
        }
        ErrorShape::Anthropic => (529, "overloaded_error"),
    };
    if !ask.stream {
        return refuse(dialect, status, kind, MESSAGE);
    }
    let frame = match dialect {
        Dialect::AnthropicMessages => {
            format!(
                "event: error\ndata: {}\n\n",
                error_body(dialect, kind, MESSAGE)
            )
        }
        Dialect::OpenAiResponses => {
            let event = json!({"type": "error", "code": "server_error", "message": MESSAGE, "param": null, "sequence_number": 0});
            format!("event: error\ndata: {event}\n\n")
        }
        _ => format!("data: {}\n\n", error_body(dialect, kind, MESSAGE)),
    };
    Script {
        status: 200,
        headers: headers(dialect, "text/event-stream", "sim_overloaded"),
        frames: vec![Frame {
            delay_ms: 0,
            bytes: Bytes::from(frame),
        }],
        cut: false,
    }
}
