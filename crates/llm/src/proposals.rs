//! Calls of tools that a model proposes: where they stand in answers, and answers without some of
//! them.
//!
//! Whole answers are sifted by [`sift`], streams by a [`Sifter`]. Both ask about each call once,
//! when its arguments are whole, and do what they are told: a call stays, is taken out, or ends
//! everything ([`Fate`]). Where nothing is taken out, every byte stays. Where something is, only the
//! values are gone that told of it, and what counts calls counts on without a gap; an answer that
//! has ended for its calls and has none left says that it ended by itself.
//!
//! A call is what the client is to run: functions, tools of the client's own form (their text stands
//! under `input`), and in responses also a computer, a shell and a patch, which are called by the
//! name of their kind. What a provider runs by itself has been done when it is told, and is no
//! proposal; that a provider asks whether it may (`mcp_approval_request`) is one.
//!
//! **What has more than one reading has none.** Where a stream says the arguments of a call twice
//! and differently, or gives it two names, its arguments are not told ([`Proposal::arguments`]). Where
//! an answer or an event has more values than are taken apart, one call is asked about of which
//! nothing is known ([`Proposal::UNTOLD`]); taken out, the event goes with it.

mod chat;
mod cohere;
mod converse;
mod events;
mod items;
mod messages;
mod responses;
mod stream;
mod tree;
mod whole;

pub use self::stream::Sifter;
pub use self::whole::{Unreadable, sift};
use crate::kind::Dialect;

/// A call of a tool that a model proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal<'a> {
    /// What the model calls the tool; empty if it does not say.
    pub name: &'a str,
    /// The arguments, as JSON; none if they have no one reading.
    pub arguments: Option<&'a str>,
}

impl Proposal<'static> {
    /// What may be proposed where nobody can tell: neither tool nor arguments are known.
    pub const UNTOLD: Self = Proposal {
        name: "",
        arguments: None,
    };
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It stays.
    Keep,
    /// It is taken out of the answer.
    Strip,
    /// Nothing of it leaves, nor anything after it.
    Stop,
}

/// Who decides about a call.
pub type Judge<'j> = dyn FnMut(&Proposal<'_>) -> Fate + 'j;

/// Whether answers in a dialect can propose calls that are known here.
pub const fn proposes(dialect: Dialect) -> bool {
    matches!(
        dialect,
        Dialect::OpenAiChat
            | Dialect::OpenAiResponses
            | Dialect::AnthropicMessages
            | Dialect::BedrockMessages
            | Dialect::Gemini
            | Dialect::Cohere
            | Dialect::Converse
    )
}
