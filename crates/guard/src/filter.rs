//! A text that arrives in pieces, let through as soon as nothing that follows can change it.
//!
//! What a filter lets through, put together, is what [`Guard::judge`] makes of the whole text,
//! however it was cut. It holds back only from the first place at which something could still
//! begin to be a finding. Whoever cannot wait that long has it decided as if the text ended there
//! ([`Filter::settle`]).

use std::sync::Arc;

use crate::finding::{Channel, Finding};
use crate::guard::{Edit, Guard, Positions};
use crate::pseudonyms::Pseudonyms;
use crate::resolve::{self, Judged};
use crate::text::Folded;
use crate::{LOOK_BEHIND, Verdict};

/// How much of what was let through is kept, at least and until it is dropped, in bytes.
const KEPT: usize = 2 * LOOK_BEHIND;
const KEPT_MOST: usize = 4096;

/// A text of a stream under judgement. Places are bytes from the beginning of the stream's text.
#[derive(Debug)]
pub struct Filter {
    guard: Arc<Guard>,
    channel: Channel,
    /// The text from `base` on.
    text: String,
    folded: Folded<'static>,
    base: usize,
    positions: Positions,
    /// What counts and is not decided yet.
    pending: Vec<Judged>,
    settled: usize,
    /// Where the last edit ends, or up to where the text was decided as if it ended there: no edit
    /// begins before it.
    edited: usize,
    /// Up to where the text was decided as if it ended there; 0 if it never was.
    hurried: usize,
    blocked: bool,
}

/// What a piece brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Up to where the text is decided. Nothing before this place changes any more, and no edit
    /// reaches beyond it.
    pub settled: usize,
    /// Edits of the text that was decided with this piece.
    pub edits: Vec<Edit>,
    /// Findings in the text that was decided with this piece.
    pub findings: Vec<Judged>,
}

impl Step {
    /// The finding because of which nothing after [`Self::settled`] passes.
    pub fn blocked(&self) -> Option<&Finding> {
        let last = self
            .findings
            .iter()
            .find(|judged| judged.verdict == Verdict::Block);
        last.map(|judged| &judged.finding)
    }
}

impl Filter {
    /// A filter of a text of this channel.
    pub fn new(guard: Arc<Guard>, channel: Channel) -> Self {
        Self {
            guard,
            channel,
            text: String::new(),
            folded: Folded::default(),
            base: 0,
            positions: Positions::default(),
            pending: Vec::new(),
            settled: 0,
            edited: 0,
            hurried: 0,
            blocked: false,
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, piece: &str, pseudonyms: &mut Pseudonyms) -> Step {
        self.text.push_str(piece);
        self.folded.push(piece);
        let step = self.step(false, pseudonyms);
        self.forget();
        step
    }

    /// Takes the end of the text: all of it is decided.
    pub fn finish(&mut self, pseudonyms: &mut Pseudonyms) -> Step {
        self.step(true, pseudonyms)
    }

    /// Decides what is held back as if the text ended here. It goes on all the same, and what follows
    /// is judged together with what went before: of a finding that reaches beyond this place the rest
    /// is still replaced, or blocks.
    pub fn settle(&mut self, pseudonyms: &mut Pseudonyms) -> Step {
        let (positions, pending) = (self.positions, self.pending.clone());
        let step = self.step(true, pseudonyms);
        if !self.blocked {
            (self.positions, self.pending) = (positions, pending);
            self.edited = self.settled;
            self.hurried = self.settled;
        }
        step
    }

    /// The bytes that are held back.
    pub fn held(&self) -> usize {
        self.base + self.text.len() - self.settled
    }

    fn step(&mut self, last: bool, pseudonyms: &mut Pseudonyms) -> Step {
        let mut step = Step {
            settled: self.settled,
            ..Step::default()
        };
        if self.blocked {
            return step;
        }
        let mut found = Vec::new();
        let open = self
            .guard
            .detect(&self.folded, &mut self.positions, last, &mut found);
        let open = match last {
            true => self.text.len(),
            false => self.folded.original_start(open),
        };
        let counted = self.guard.count(&self.text, self.base, self.channel, found);
        self.pending.extend(counted);
        resolve::sort(&mut self.pending);
        self.decide(self.base + open, pseudonyms, &mut step);
        self.settled = step.settled;
        step
    }

    /// Decides the clusters that end before `open`.
    fn decide(&mut self, open: usize, pseudonyms: &mut Pseudonyms, step: &mut Step) {
        step.settled = open.max(self.edited);
        while let Some((span, count)) = resolve::cluster(&self.pending) {
            if span.end > open {
                step.settled = span.start.min(open).max(self.edited);
                return;
            }
            let cluster: Vec<_> = self.pending.drain(..count).collect();
            let mut told = resolve::told(&cluster);
            told.retain(|judged| !self.was_told(judged));
            if told.iter().any(|judged| judged.verdict == Verdict::Block) {
                self.blocked = true;
                step.settled = span.start.max(self.edited);
                step.findings.extend(told);
                return;
            }
            for redaction in resolve::redactions(&told, self.edited) {
                self.edited = redaction.span.end;
                let edit = self
                    .guard
                    .edit(&self.text, self.base, redaction, pseudonyms);
                step.edits.push(edit);
            }
            step.findings
                .extend(told.into_iter().filter(resolve::is_told));
        }
    }

    /// Whether a finding was told when the text was decided in a hurry. One that blocks was not, or
    /// nothing would have passed since.
    fn was_told(&self, judged: &Judged) -> bool {
        judged.finding.span.end <= self.hurried && judged.verdict != Verdict::Block
    }

    /// Drops what was let through and no detector looks at any more.
    fn forget(&mut self) {
        let settled = self.settled - self.base;
        if settled < KEPT_MOST {
            return;
        }
        let mut cut = self.positions.least().saturating_sub(KEPT);
        while !self.folded.text().is_char_boundary(cut) {
            cut -= 1;
        }
        let original = self.folded.original_start(cut).min(settled);
        let rest = self.text.split_off(original);
        let mut folded = Folded::default();
        folded.push(&rest);
        let dropped = self.folded.text().len() - folded.text().len();
        self.positions = self.positions.shifted(dropped);
        self.base += original;
        (self.text, self.folded) = (rest, folded);
    }
}
