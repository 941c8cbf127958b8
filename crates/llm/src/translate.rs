//! From one dialect into another and back, for callers whose provider speaks a different one.
//!
//! A [`Plan`] is made once for a call, before any money is held: it reads the whole request
//! and either knows how every field of it is said in the provider's dialect or refuses the
//! first field that cannot be said, by its name ([`Error::Untranslatable`]). Nothing is
//! dropped silently: what is said in another way, or needs not be said at all, is listed in
//! [`Plan::notes`] and in `docs/translation.md`, cell by cell with a golden fixture.
//!
//! The plan then writes the request ([`Plan::request`], with the output cap that the hold
//! allows), and turns the provider's answer ([`Plan::response`]), stream ([`Plan::stream`])
//! or error ([`Plan::error`]) into the caller's own shape. All of it is plain computation on
//! bytes: no clock, no chance, no I/O.
//!
//! Invariants:
//! - **A request without a word for it is refused before it costs anything.**
//! - **A stream's output does not depend on where the network split the input**, and the
//!   answer that a client assembles from it is the one it would have got without streaming.
//! - **Hostile bytes from a provider become an error in the caller's shape**, never a panic,
//!   and memory stays bounded.
//!
//! ```
//! use iron_llm::translate::Plan;
//! use iron_llm::{Dialect, ProviderKind};
//!
//! let body = br#"{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"Hi"}]}"#;
//! let plan = Plan::new(Dialect::OpenAiChat, ProviderKind::Anthropic, body)?;
//! assert_eq!(
//!     plan.request(256)?,
//!     br#"{"model":"claude-sonnet-4-5","max_tokens":256,"messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]}"#
//! );
//!
//! let seeded = br#"{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"Hi"}],"seed":7}"#;
//! let refused = Plan::new(Dialect::OpenAiChat, ProviderKind::Anthropic, seeded).unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "`seed` cannot be translated (OpenAI chat completions to Anthropic messages)"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chat_reply;
mod chat_request;
mod chat_stream;
mod chat_turns;
mod cohere_stream;
mod converse_stream;
mod embeddings;
mod error;
mod fields;
mod gemini_stream;
mod messages_reply;
mod messages_request;
mod messages_stream;
mod messages_turns;
mod open_calls;
mod pictures;
mod replicate_stream;
mod responses_request;
mod stream;
mod thoughts;
mod to_anthropic;
mod to_chat;
mod to_cohere;
mod to_converse;
mod to_gemini;
mod to_replicate;
mod tools;
mod usage;
mod verbatim;
mod write_chat;
mod write_messages;
mod write_responses;

use std::fmt;

use iron_primitives::Timestamp;

use crate::canonical::{Request, Thinking, ThinkingMode, ToolChoice};
use crate::kind::{Dialect, ProviderKind};

pub use self::error::{
    Error, ErrorClass, ProviderError, RenderedError, ReplyError, error_event, retry_info_seconds,
};
pub use self::stream::{Ending, StreamTranslator};

/// From which dialect to which a request is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Direction {
    client: Dialect,
    upstream: Dialect,
}

impl Direction {
    /// The direction of a request that the provider does not understand as it is.
    pub const fn of(client: Dialect, provider: ProviderKind) -> Option<Direction> {
        if provider.speaks(client) {
            return None;
        }
        Some(Direction {
            client,
            upstream: provider.mother_tongue(client),
        })
    }

    /// All directions.
    pub fn all() -> impl Iterator<Item = Direction> {
        let pairs = ProviderKind::ALL.into_iter().flat_map(|provider| {
            let clients = Dialect::ALL.into_iter();
            clients.filter_map(move |client| Direction::of(client, provider))
        });
        let mut seen = Vec::new();
        pairs.filter(move |direction| {
            let is_new = !seen.contains(direction);
            seen.push(*direction);
            is_new
        })
    }

    /// The dialect of the client.
    pub const fn client(self) -> Dialect {
        self.client
    }

    /// The dialect that the provider is spoken to in.
    pub const fn upstream(self) -> Dialect {
        self.upstream
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.client.title(), self.upstream.title())
    }
}

/// Something in the request that the provider is told in another way, or not at all because
/// it does by itself what is asked for. `docs/translation.md` explains each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The field, as the caller named it.
    pub field: &'static str,
    /// What became of it.
    pub becomes: &'static str,
}

/// A request that was understood in the caller's dialect and can be said in the provider's.
#[derive(Debug, Clone)]
pub struct Plan {
    direction: Direction,
    provider: ProviderKind,
    asked: Asked,
    notes: Vec<Note>,
}

/// What is asked for.
#[derive(Debug, Clone)]
enum Asked {
    /// The next turn of a conversation.
    Turn(Box<Turn>),
    /// Embeddings.
    Embeddings(embeddings::Request),
    /// Pictures.
    Pictures(pictures::Request),
}

/// A request for the next turn, and what its caller wants back.
#[derive(Debug, Clone)]
struct Turn {
    request: Request,
    client: ClientFacts,
}

/// What the caller's dialect wants to have back and the provider's has no word for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ClientFacts {
    /// Whether a chat client asked for a usage chunk at the end of its stream.
    pub(crate) include_usage: bool,
    /// The fields of a responses request that its answers repeat.
    pub(crate) echo: serde_json::Map<String, serde_json::Value>,
}

impl Plan {
    /// Reads the request and plans its translation.
    ///
    /// # Errors
    /// [`Error::Untranslatable`] with the name of the first feature that the provider's
    /// dialect cannot express, [`Error::Invalid`] for a field that no dialect accepts, and
    /// [`Error::Native`] when no translation is needed.
    pub fn new(client: Dialect, provider: ProviderKind, body: &[u8]) -> Result<Plan, Error> {
        let direction = Direction::of(client, provider).ok_or(Error::Native)?;
        let fields = fields::Fields::of_body(body, direction)?;
        let mut notes = Vec::new();
        let asked = match direction.client {
            Dialect::OpenAiEmbeddings => Asked::Embeddings(embeddings::read(fields, &mut notes)?),
            Dialect::OpenAiImages => Asked::Pictures(pictures::read(fields, &mut notes)?),
            _ => Asked::Turn(Box::new(turn(fields, provider, &mut notes)?)),
        };
        let plan = Plan {
            direction,
            provider,
            asked,
            notes,
        };
        // Whatever cannot be written is refused now, not after money is held.
        plan.request(plan.output_cap().unwrap_or(u64::MAX))?;
        Ok(plan)
    }

    /// From which dialect to which.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// The dialect, and so the route, of what is sent to the provider.
    pub const fn upstream(&self) -> Dialect {
        self.direction.upstream()
    }

    /// Whether the caller wants a stream; the provider is then asked for one, too.
    pub fn streams(&self) -> bool {
        match &self.asked {
            Asked::Turn(turn) => turn.request.stream,
            Asked::Embeddings(_) | Asked::Pictures(_) => false,
        }
    }

    /// The output cap that the caller sent; embeddings have no output that is billed, and of
    /// pictures none is capped.
    pub fn output_cap(&self) -> Option<u64> {
        match &self.asked {
            Asked::Turn(turn) => turn.request.max_output_tokens,
            Asked::Embeddings(_) | Asked::Pictures(_) => Some(0),
        }
    }

    /// The least output cap that the provider accepts for this request: a budget for
    /// thinking must be smaller than the cap.
    pub fn output_floor(&self) -> u64 {
        match (self.upstream(), &self.asked) {
            (Dialect::AnthropicMessages, Asked::Turn(turn)) => {
                to_anthropic::output_floor(&turn.request)
            }
            (Dialect::Converse, Asked::Turn(turn)) => to_converse::output_floor(&turn.request),
            (Dialect::Replicate, Asked::Turn(turn)) => to_replicate::output_floor(&turn.request),
            (_, Asked::Turn(_)) => 1,
            (_, Asked::Embeddings(_) | Asked::Pictures(_)) => 0,
        }
    }

    /// What is said to the provider in another way.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The body for the provider, with this cap on output tokens.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the cap is below [`Plan::output_floor`].
    pub fn request(&self, output_cap: u64) -> Result<Vec<u8>, Error> {
        let model = match &self.asked {
            Asked::Turn(turn) => &turn.request.model,
            Asked::Embeddings(request) => &request.model,
            Asked::Pictures(request) => &request.model,
        };
        self.request_for(model, output_cap)
    }

    /// The same, with the name by which the provider knows the model.
    ///
    /// # Errors
    /// As [`Plan::request`]; and [`Error::Untranslatable`] when this model cannot do what
    /// the model that was asked for could.
    pub fn request_for(&self, model: &str, output_cap: u64) -> Result<Vec<u8>, Error> {
        let (direction, provider) = (self.direction, self.provider);
        let request = match &self.asked {
            Asked::Turn(turn) => &turn.request,
            Asked::Embeddings(request) => {
                return embeddings::write(request, direction, provider, model);
            }
            Asked::Pictures(request) => return Ok(pictures::write(request, model)),
        };
        match direction.upstream {
            Dialect::AnthropicMessages => {
                to_anthropic::write(request, direction, model, output_cap)
            }
            Dialect::Gemini => to_gemini::write(request, direction, model, output_cap),
            Dialect::Cohere => to_cohere::write(request, direction, model, output_cap),
            Dialect::Converse => to_converse::write(request, direction, model, output_cap),
            Dialect::Replicate => to_replicate::write(request, direction, model, output_cap),
            _ => to_chat::write(request, direction, provider, model, output_cap),
        }
    }

    /// The provider's whole answer, in the caller's shape.
    ///
    /// # Errors
    /// [`ReplyError`] when the answer is not one of the provider's dialect.
    pub fn response(&self, body: &[u8], now: Timestamp) -> Result<Vec<u8>, ReplyError> {
        let Turn { request, client } = match &self.asked {
            Asked::Turn(turn) => &**turn,
            Asked::Embeddings(request) => return embeddings::answer(request, body),
            Asked::Pictures(_) => return pictures::answer(body, now),
        };
        let mut reply = match self.direction.upstream() {
            Dialect::AnthropicMessages => messages_reply::read(body)?,
            Dialect::Gemini => gemini_stream::read_whole(body)?,
            Dialect::Cohere => cohere_stream::read_whole(body, &request.model)?,
            Dialect::Converse => converse_stream::read_whole(body, &request.model, now)?,
            Dialect::Replicate => {
                replicate_stream::read_whole(body, &request.model, request.max_output_tokens)?
            }
            _ => chat_reply::read(body, &request.stop)?,
        };
        if self.hides_thoughts(request) {
            reply
                .blocks
                .retain(|block| !matches!(block, crate::canonical::Block::Thought(_)));
        }
        let value = match self.direction.client() {
            Dialect::OpenAiResponses => write_responses::response(&reply, &client.echo, now),
            Dialect::AnthropicMessages => return write_messages::message(&reply),
            _ => write_chat::completion(&reply, now),
        };
        Ok(fields::to_bytes(&value))
    }

    /// A translator of the provider's stream; none for what does not stream. `input_tokens` is our
    /// own count of the prompt: Anthropic's clients read it at the start of a stream, where
    /// providers of chat completions have not said anything about usage yet.
    pub fn stream(&self, input_tokens: u64, now: Timestamp) -> Option<Box<dyn StreamTranslator>> {
        let Asked::Turn(turn) = &self.asked else {
            return None;
        };
        let request = &turn.request;
        Some(match self.direction.upstream {
            Dialect::AnthropicMessages => {
                let reader = messages_stream::Reader::default();
                self.stream_from(reader, turn, input_tokens, now)
            }
            Dialect::Gemini => {
                let reader = gemini_stream::Reader::default();
                self.stream_from(reader, turn, input_tokens, now)
            }
            Dialect::Cohere => {
                let reader = cohere_stream::Reader::new(&request.model);
                self.stream_from(reader, turn, input_tokens, now)
            }
            Dialect::Converse => {
                let reader = converse_stream::Reader::new(&turn.request.model, now);
                self.stream_from(reader, turn, input_tokens, now)
            }
            Dialect::Replicate => {
                let cap = request.max_output_tokens;
                let reader = replicate_stream::Reader::new(&request.model, cap);
                self.stream_from(reader, turn, input_tokens, now)
            }
            _ => {
                let reader = chat_stream::Reader::new(request.stop.clone());
                self.stream_from(reader, turn, input_tokens, now)
            }
        })
    }

    fn stream_from(
        &self,
        reader: impl stream::ReadFrames + 'static,
        turn: &Turn,
        input_tokens: u64,
        now: Timestamp,
    ) -> Box<dyn StreamTranslator> {
        let hides = self.hides_thoughts(&turn.request);
        let client = &turn.client;
        match self.direction.client {
            Dialect::OpenAiResponses => {
                let writer = write_responses::Writer::new(client.echo.clone(), now);
                Box::new(stream::Translator::new(reader, writer, hides))
            }
            Dialect::AnthropicMessages => {
                let writer = write_messages::Writer::new(input_tokens);
                Box::new(stream::Translator::new(reader, writer, hides))
            }
            _ => {
                let writer = write_chat::Writer::new(client.include_usage, now);
                Box::new(stream::Translator::new(reader, writer, hides))
            }
        }
    }

    /// The provider's error, in the caller's shape and with the status that its SDK expects.
    pub fn error(&self, status: u16, body: &[u8]) -> RenderedError {
        ProviderError::read(status, body).render(self.direction.client().error_shape())
    }

    /// A caller that asked for no thoughts gets none, also from a provider that shows them.
    fn hides_thoughts(&self, request: &Request) -> bool {
        let Thinking { display, mode, .. } = &request.thinking;
        self.direction.client == Dialect::AnthropicMessages
            && (*display == Some(crate::canonical::Display::Omitted) || *mode == ThinkingMode::Off)
    }
}

/// Reads a request for the next turn.
fn turn(
    fields: fields::Fields,
    provider: ProviderKind,
    notes: &mut Vec<Note>,
) -> Result<Turn, Error> {
    let direction = fields.direction();
    let (mut request, client) = match direction.client {
        Dialect::OpenAiChat => chat_request::read(fields, notes)?,
        Dialect::OpenAiResponses => responses_request::read(fields, notes)?,
        Dialect::AnthropicMessages => messages_request::read(fields, notes)?,
        other => {
            return Err(Error::Untranslatable {
                feature: other.path().to_owned(),
                direction,
            });
        }
    };
    leave_out_what_is_not_known(provider, &mut request, notes);
    match direction.upstream {
        Dialect::Gemini => to_gemini::note_what_is_not_said(&request, notes),
        Dialect::Cohere => to_cohere::note_what_is_not_said(&request, notes),
        Dialect::Converse => to_converse::note_what_is_not_said(&request, direction, notes),
        _ => {}
    }
    if let (true, Some(ToolChoice::Any | ToolChoice::Named(_))) =
        (request.tools.is_empty(), &request.tool_choice)
    {
        return Err(Error::Invalid {
            field: "tool_choice".to_owned(),
            problem: "needs `tools` to choose from".to_owned(),
        });
    }
    Ok(Turn { request, client })
}

/// Names of end users and tiers mean nothing to providers that know no such field, and some of
/// them refuse what they do not know.
fn leave_out_what_is_not_known(
    provider: ProviderKind,
    request: &mut Request,
    notes: &mut Vec<Note>,
) {
    if !provider.names_end_users() && request.end_user.take().is_some() {
        notes.push(Note {
            field: "user",
            becomes: "part of the call's record: the provider has no field for it",
        });
    }
    if !provider.has_tiers() && request.service_tier.take().is_some() {
        notes.push(Note {
            field: "service_tier",
            becomes: "nothing: the provider has one tier",
        });
    }
}
