//! What a guard makes of a text.

use std::borrow::Cow;
use std::ops::Range;

use crate::action::Verdict;
use crate::finding::Finding;
use crate::resolve::Judged;

/// What is made of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// What was found and counts, in the order of the text.
    pub findings: Vec<Judged>,
    /// What is replaced by what, in order and disjoint.
    pub edits: Vec<Edit>,
}

/// A span and what stands in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What stands there instead.
    pub with: String,
}

impl Judgement {
    /// What becomes of the text.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.findings.iter().map(|judged| judged.verdict);
        verdicts.max().unwrap_or(Verdict::Allow)
    }

    /// The finding because of which the text does not pass.
    pub fn blocked(&self) -> Option<&Finding> {
        let judged = self
            .findings
            .iter()
            .find(|judged| judged.verdict == Verdict::Block)?;
        Some(&judged.finding)
    }

    /// The text with its edits.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.edits.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for edit in &self.edits {
            out.push_str(text.get(from..edit.span.start).unwrap_or_default());
            out.push_str(&edit.with);
            from = edit.span.end;
        }
        out.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(out)
    }
}
