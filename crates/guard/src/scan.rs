//! Rules of bounded length, walked as automata from every place where a finding could begin.
//!
//! The rules of a set are lazy deterministic automata, one for each of their lanes. From each
//! **start** of the text (the first character after a border of words) each is walked, anchored,
//! until it dies: in ordinary text after a few bytes. What it passed through in state of matching
//! are matches of the rules by name; the longest of each rule counts. The rule then **weighs** its match: checksums,
//! issuers' ranges, words before it. Walks end after [`MAX_LENGTH`] bytes, so a text costs at most
//! that many steps for each of its bytes, whatever it holds.
//!
//! The same walk tells what a stream must hold back: a start whose walk is alive where the text
//! ends for now is **open**. Nothing before the first open start can change any more.

mod gate;
mod lane;
mod rule;
mod rules;
mod starts;
mod tail;
mod walk;
mod words;

pub use rule::{Begin, Lane, Name, Rule, Score, Seen, Tail, Weigh};
pub use rules::{Rules, RulesError};
pub use tail::Tails;
pub use words::{Near, Words};

/// The longest match before its tail, in bytes: longer expressions end here.
pub const MAX_LENGTH: usize = 256;

/// The longest tail of a match, in bytes.
pub const MAX_TAIL: usize = 65_536;

/// How much of a value is weighed, in bytes: of a longer one its beginning, but for armoured keys.
pub const WEIGHED: usize = 4_096;

/// How many bytes after a match its rule may look at.
pub const LOOK_AHEAD: usize = 24;
