//! Content guardrails: what a text holds that should not pass, and what to do about it.
//!
//! Words:
//! - A **finding** ([`Finding`]) is a span of a text with the [`Entity`] it is taken for, the rule
//!   that says so, and how sure it is. It never holds the text itself.
//! - A **channel** ([`Channel`]) is where a text comes from. What a user may say to a model, a web
//!   page that a tool fetched may not.
//! - A **detector** reads texts and tells findings. Each is pure: the same text gives the same
//!   findings, without clock, randomness or I/O. There are four: [`scan`] (rules of a few bytes
//!   to a few hundred: secrets and structured personal data, and the patterns of an organisation),
//!   [`names`] (people and addresses), [`injection`] (texts that give orders to a model), and
//!   [`text`] (what is hidden from a reader, and decoders for the others).
//!
//! Invariants:
//! - **A finding is local.** Whether a span is a finding of [`scan`] or [`names`] depends on the
//!   bytes of the span, on at most [`LOOK_BEHIND`] bytes before it, and on a bounded number after
//!   it. Hence a text that arrives in pieces is judged as it would be at once, and nothing is held
//!   back but what could still become a finding.
//! - **No detector is slower than linear**, whatever the text: expressions run as automata over
//!   bounded lengths, decoders and windows have budgets.
//! - **Offsets are bytes of the text as it was given**, on character boundaries, also where the
//!   detector read it folded (without hidden characters, with compatible forms made one).

mod action;
mod clean;
mod compliance;
mod filter;
mod finding;
mod guard;
pub mod injection;
mod json;
mod lane;
mod markup;
pub mod names;
pub mod pii;
mod profile;
mod pseudonyms;
mod resolve;
pub mod scan;
pub mod secrets;
pub mod text;

pub use action::{Action, Alarm, Style, Verdict};
pub use compliance::Compliance;
pub use filter::{Filter, Step};
pub use finding::{Category, Channel, Direction, Entity, Finding, RuleId, Severity};
pub use guard::{Edit, Guard, Judgement, ProfileError};
pub use profile::{
    EntityAction, InjectionActions, Pattern, PiiActions, Profile, SecretActions, Sensitivity,
    ToolCallAction, ToolCalls, Unread,
};
pub use pseudonyms::Pseudonyms;
pub use resolve::{Judged, Redaction};

/// How many bytes before a span a detector of streams may look at.
pub const LOOK_BEHIND: usize = 96;
