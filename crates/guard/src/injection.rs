//! Texts that give orders to a model which their author may not give.
//!
//! Four things are looked at, and judged together:
//! - **rules** ([`grammar`](self), in `data/injection`): orders in words, in nineteen languages,
//!   found by one automaton and matched over words with bounded gaps;
//! - **marks** that a prompt is built with, and that no author of a text has a reason to write;
//! - **a model**: how much the text, and each window of one or two sentences, is like attacks;
//! - what is **hidden or encoded** in the text, read by the first three once it is plain.
//!
//! A rule that is grave stands by itself. One that is seen in harmless texts, too, is grave where
//! the model agrees, and hardly worth a word where the model is sure of the contrary. What speaks
//! *about* attacks is told from them by the words before a match and by quotation marks.

mod book;
mod damping;
mod features;
mod files;
mod grammar;
mod judge;
mod markers;
mod model;
mod places;
mod spot;
mod views;

use std::ops::Range;

use book::{Book, Reads};
pub use features::{BUCKETS, Seen, Step, walk};
pub use grammar::{GrammarError, Problem};
use judge::Draft;
use markers::Markers;
pub use model::{Head, Model, NoModel, Scores};

use crate::finding::{Channel, Finding, Severity};
use crate::text::{Reading, hidden, hidden_markup};

/// How many of the unsure rules' matches in a text the model is asked by themselves: of more,
/// its highest window counts.
const QUESTIONS: usize = 32;

/// How much of a text around a match the model is asked about, on each side, in bytes.
const AROUND: usize = 400;

/// Finds orders to a model.
pub struct Detector {
    book: Book,
    markers: Markers,
    model: Model,
}

impl std::fmt::Debug for Detector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Detector").finish_non_exhaustive()
    }
}

/// Why a detector cannot be made: never, with what is shipped.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// A file of rules cannot be read.
    #[error(transparent)]
    Rules(#[from] GrammarError),
    /// The marks are no expressions.
    #[error("the marks of prompts cannot be compiled: {0}")]
    Marks(#[from] Box<regex_automata::meta::BuildError>),
    /// The model is none.
    #[error(transparent)]
    Model(#[from] NoModel),
}

impl Detector {
    /// A detector with the rules and the model that are shipped.
    ///
    /// # Errors
    /// Never with what is shipped.
    pub fn new() -> Result<Self, DetectorError> {
        Self::with_model(Model::shipped()?)
    }

    /// A detector with another model.
    ///
    /// # Errors
    /// Never with the rules that are shipped.
    pub fn with_model(model: Model) -> Result<Self, DetectorError> {
        Ok(Self {
            book: Book::new(files::FILES, files::COMMON)?,
            markers: Markers::new()?,
            model,
        })
    }

    /// The findings in a text that comes through `channel`, in the order of their spans.
    /// Takes time linear in the length of the text.
    pub fn scan(&self, text: &str, channel: Channel) -> Vec<Finding> {
        let reading = Reading::new(text);
        let reads = self.reads(text, &reading, channel);
        let mut drafts = self.orders(text, &reading, &reads);
        drafts.extend(self.marks(text, channel));
        judge::raise_hidden(&mut drafts, &hidden_markup(text));
        let scores = self.model.scores(reading.text());
        judge::weigh(&mut drafts, &scores);
        let hidden = hidden(text);
        let of_hidden = Self::hidden(&hidden);
        let mut others: Vec<Draft> = of_hidden.collect();
        if !judge::is_plain(&drafts) {
            others.extend(self.seen_through(text, &reading, &reads, hidden, channel));
        }
        drafts.extend(others);
        let suspected = judge::suspected(&drafts, &scores, self.model.head(), &reading);
        drafts.extend(suspected);
        judge::findings(drafts)
    }

    /// What the rules read.
    fn reads(&self, text: &str, reading: &Reading, channel: Channel) -> Reads {
        let opens = |at: usize| damping::opens_clause(text, reading.original(at..at).start);
        self.book.matches(reading.text(), channel, &opens)
    }

    /// What they match.
    fn orders(&self, text: &str, reading: &Reading, reads: &Reads) -> Vec<Draft> {
        let matches = reads.matches.iter();
        let mut questions = QUESTIONS;
        matches
            .filter_map(|matched| {
                let rule = self.book.rules.get(matched.rule)?;
                let span = reading.original(matched.start..matched.end);
                let quoted = damping::is_quoted(text, &span);
                let words = matched.start..matched.end;
                let severity = damping::damped(rule.severity, reads, words.clone(), quoted)?;
                let unsure = severity == Severity::Medium && severity == rule.severity;
                let asked = unsure && questions > 0;
                questions -= usize::from(asked);
                Some(Draft {
                    entity: rule.entity,
                    rule: rule.id.clone(),
                    severity,
                    damped: severity < rule.severity,
                    span,
                    score: None,
                    around: asked.then(|| self.around(reading.text(), words)),
                })
            })
            .collect()
    }

    /// How much the model takes the words around some for an attack.
    fn around(&self, words: &str, span: Range<usize>) -> f32 {
        let bytes = words.as_bytes();
        let before = bytes.get(..span.start).unwrap_or_default();
        let ends = |byte: &u8| matches!(byte, b'.' | b'\n');
        let starts = before.iter().enumerate().rev().take(AROUND);
        let start = starts.filter(|(_, byte)| ends(byte)).nth(1);
        let start = start.map_or(span.start.saturating_sub(AROUND), |(at, _)| at + 1);
        let after = bytes.get(span.end..).unwrap_or_default();
        let mut stops = after.iter().take(AROUND).enumerate();
        let stop = stops.by_ref().filter(|(_, byte)| ends(byte)).nth(1);
        let stop = stop.map_or(after.len().min(AROUND), |(at, _)| at);
        let start = words.ceil_char_boundary(start);
        let stop = words.floor_char_boundary(span.end + stop);
        let scores = self
            .model
            .scores(words.get(start..stop).unwrap_or_default());
        scores.text.max(scores.window)
    }

    fn marks(&self, text: &str, channel: Channel) -> Vec<Draft> {
        let marks = self.markers.find(text, channel).into_iter();
        marks
            .map(|mark| Draft {
                entity: mark.entity,
                rule: mark.rule,
                severity: mark.severity,
                damped: false,
                span: mark.start..mark.end,
                score: None,
                around: None,
            })
            .collect()
    }
}
