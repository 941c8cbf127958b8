//! Harmless texts with labels of people by another model (see `data/silver.py`), of which only
//! those are believed that the lists of names confirm.

use std::fs;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use iron_guard::Entity;
use iron_guard::names::lexicon::{COMMON, FAMILY, GIVEN, Lexicon};
use iron_guard::names::token::{self, Kind, Token};
use serde::Deserialize;

use super::fill::Known;

/// A line of the file.
#[derive(Clone, Debug, Deserialize)]
pub struct Silver {
    /// The text.
    pub text: String,
    /// The file of the data folder it stands in.
    pub file: String,
    /// Where it comes from.
    pub source: String,
    /// First byte, past the last byte, and kind of what the model found.
    pub entities: Vec<(usize, usize, String)>,
}

/// Reads the file.
///
/// # Errors
/// If it cannot be read, or a line of it is none.
pub fn read(path: &Path) -> Result<Vec<Silver>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    text.lines()
        .map(|line| serde_json::from_str(line).context("a line of the silver labels is none"))
        .collect()
}

impl Silver {
    /// What is known of the text, by labels and lists.
    pub fn known(&self, lexicon: &Lexicon) -> Known {
        let mut known = Known {
            text: self.text.clone(),
            family: self.file.clone(),
            locale: "silver".to_owned(),
            ..Known::default()
        };
        let english = self.file != "chatterbot" || self.source.ends_with("english");
        let mut others = Vec::new();
        for (start, end, kind) in &self.entities {
            let span = trimmed(&self.text, *start..*end);
            match kind.as_str() {
                "PERSON" if english && is_name(&self.text, &span, lexicon) => {
                    known.spans.push((Entity::Person, span));
                }
                "PERSON" => known.unsure.push(span),
                _ => others.push(span),
            }
        }
        let mut at = 0;
        while let Some(token) = token::next(&self.text, at) {
            at = token.end;
            let told = known.spans.iter().map(|(_, span)| span).chain(&others);
            if is_given(&token, lexicon) && !told.into_iter().any(|span| meet(span, &token)) {
                known.unsure.push(token.span());
            }
        }
        known
    }
}

fn meet(span: &Range<usize>, token: &Token) -> bool {
    span.start < token.end && token.start < span.end
}

fn is_given(token: &Token, lexicon: &Lexicon) -> bool {
    let flags = lexicon.flags(token.hash);
    let capital = matches!(token.kind, Kind::Capital | Kind::Upper);
    capital && flags & GIVEN != 0 && flags & COMMON == 0
}

/// Without a possessive and marks at its ends.
fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let value = text.get(span.clone()).unwrap_or_default();
    let value = value.trim_end_matches("'s").trim_end_matches("’s");
    let inner = value.trim_matches(|char: char| !char.is_alphanumeric());
    let start = span.start + value.find(inner).unwrap_or_default();
    start..start + inner.len()
}

/// Whether the lists confirm that a span is a name.
fn is_name(text: &str, span: &Range<usize>, lexicon: &Lexicon) -> bool {
    let mut tokens = Vec::new();
    let mut at = span.start;
    while let Some(token) = token::next(text, at).filter(|token| token.end <= span.end) {
        at = token.end;
        tokens.push(token);
    }
    let capital =
        |token: &&Token| matches!(token.kind, Kind::Capital | Kind::Upper | Kind::Initial);
    let capitals = tokens.iter().filter(capital).count();
    let known = |token: &Token| lexicon.flags(token.hash) & (GIVEN | FAMILY) != 0;
    let strange = tokens.iter().any(|token| {
        matches!(
            token.kind,
            Kind::Number | Kind::Alphanumeric | Kind::Other | Kind::Lower
        ) && lexicon.flags(token.hash) == 0
    });
    let first_given = tokens.first().is_some_and(|token| is_given(token, lexicon));
    !strange && tokens.len() <= 6 && (first_given || capitals >= 2 && tokens.iter().any(known))
}
