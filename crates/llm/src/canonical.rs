//! One call in the words that every dialect shares: what a translation reads into and
//! writes from.
//!
//! A reader of a dialect either finds a canonical word for what the caller asked or refuses
//! it by its field name; it never skips anything. A writer refuses what its dialect cannot
//! say. So a feature can only be lost where no word here exists for it, and then the reader
//! has already said so.
//!
//! Invariants:
//! - **Turns alternate in meaning, not in count.** Several messages of one role in a row are
//!   one [`Turn`]; the results of tool calls are part of a user's turn and come first in it.
//! - **Arguments are text.** A tool call's arguments stay the JSON text that the caller or
//!   the model wrote (`{}` for none); nothing re-orders or re-rounds them.
//! - **Thinking is opaque.** Signatures and sealed thinking are carried byte for byte.

use serde_json::Value;

mod event;
mod reply;

pub use event::{Event, Opening};
pub use reply::{Block, Collector, Finish, Reply, ReplyTooLarge, Thought};

/// A request for the next turn of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The model, as the caller named it.
    pub model: String,
    /// Instructions that stand before the conversation.
    pub system: Vec<Part>,
    /// The conversation, oldest turn first.
    pub turns: Vec<Turn>,
    /// What the model may call.
    pub tools: Vec<Tool>,
    /// Whether and what it must call; `None` leaves it to the provider's default.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several calls in one turn are allowed; `None` is the provider's default, yes.
    pub parallel_tool_calls: Option<bool>,
    /// The caller's own cap on output tokens.
    pub max_output_tokens: Option<u64>,
    /// Sampling temperature, exactly as the number was written.
    pub temperature: Option<serde_json::Number>,
    /// Nucleus sampling, exactly as the number was written.
    pub top_p: Option<serde_json::Number>,
    /// Texts that end the output.
    pub stop: Vec<String>,
    /// The shape that the output must have.
    pub output_schema: Option<OutputSchema>,
    /// How much to think.
    pub thinking: Thinking,
    /// Whose end user this is for, as the caller names them.
    pub end_user: Option<String>,
    /// The service tier asked for.
    pub service_tier: Option<Tier>,
    /// Whether the answer streams.
    pub stream: bool,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions in the middle of a conversation.
    System,
    /// The user, and the results of tools.
    User,
    /// The model.
    Assistant,
}

/// What one role says before another speaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
    /// Where the turn began in the caller's body, for messages about it.
    pub field: String,
}

/// A piece of a turn.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Plain text.
    Text {
        /// The text.
        text: String,
        /// Whether a cached prefix should end here.
        cache: Option<CacheMark>,
    },
    /// An image.
    Image(Source, Option<CacheMark>),
    /// A document, for now always a PDF.
    Document {
        /// Where its bytes are.
        source: Source,
        /// Its name or title.
        title: Option<String>,
        /// Whether a cached prefix should end here.
        cache: Option<CacheMark>,
    },
    /// The model called a tool.
    ToolCall {
        /// The call's id.
        id: String,
        /// The tool.
        name: String,
        /// The arguments: the text of a JSON object.
        arguments: String,
    },
    /// What a tool returned.
    ToolResult {
        /// The id of the call that it answers.
        id: String,
        /// What came back.
        content: Vec<Part>,
        /// Whether the tool failed.
        is_error: bool,
    },
    /// What the model thought.
    Thought(Thought),
}

impl Part {
    /// Text without a cache mark.
    pub fn text(text: impl Into<String>) -> Part {
        Part::Text {
            text: text.into(),
            cache: None,
        }
    }
}

/// Where the bytes of an image or a document are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the request, base64.
    Base64 {
        /// The media type.
        media_type: String,
        /// The bytes, base64.
        data: String,
    },
    /// At a URL that the provider fetches.
    Url(String),
}

/// The end of a prefix that should be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheMark {
    /// For five minutes.
    FiveMinutes,
    /// For an hour.
    OneHour,
}

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does; absent stays absent.
    pub description: Option<String>,
    /// The JSON schema of its arguments.
    pub schema: Value,
    /// Whether the provider must hold the model to the schema.
    pub strict: Option<bool>,
}

/// Whether and what the model must call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    /// It decides.
    Auto,
    /// No tool.
    Never,
    /// Some tool.
    Any,
    /// This tool.
    Named(String),
}

/// A JSON schema for the output.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputSchema {
    /// A label, where the dialect has one.
    pub name: Option<String>,
    /// The schema.
    pub schema: Value,
}

/// How much the model should think before it answers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thinking {
    /// Whether it thinks, and how that is bounded.
    pub mode: ThinkingMode,
    /// The depth, where it was given as a word.
    pub effort: Option<Effort>,
    /// Whether the caller wants to read the thoughts.
    pub display: Option<Display>,
}

/// Whether the model thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThinkingMode {
    /// Nothing was said; the provider's default for the model.
    #[default]
    Unsaid,
    /// Not at all.
    Off,
    /// As much as the model finds right.
    Adaptive,
    /// At most so many tokens.
    Budget(u64),
}

/// The depth of thinking, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Hardly any.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More.
    ExtraHigh,
    /// As much as there is.
    Max,
}

impl Effort {
    /// The word on the wire; every dialect that knows a word spells it the same.
    pub const fn as_str(self) -> &'static str {
        match self {
            Effort::Minimal => "minimal",
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
            Effort::ExtraHigh => "xhigh",
            Effort::Max => "max",
        }
    }

    /// The effort that the word names.
    pub fn parse(word: &str) -> Option<Effort> {
        [
            Effort::Minimal,
            Effort::Low,
            Effort::Medium,
            Effort::High,
            Effort::ExtraHigh,
            Effort::Max,
        ]
        .into_iter()
        .find(|effort| effort.as_str() == word)
    }
}

/// Whether thoughts are shown to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// As a summary.
    Summarized,
    /// Not at all; only what is needed to continue.
    Omitted,
}

/// A service tier that both sides know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// The provider chooses.
    Auto,
    /// The standard tier only.
    Standard,
}
