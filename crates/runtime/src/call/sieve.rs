//! Step 8 while an answer streams: its events before the guardrails of the agent.
//!
//! Events leave in the order in which they came, each as soon as all text in it is decided: as it
//! came where nothing in it was replaced. What leaves, put together, is what the guardrails make
//! of the whole text, wherever the provider cut it. Arguments of tools are judged when they are
//! whole, and leave then. Where something is blocked, nothing of the event in which it begins
//! leaves, nor anything after it.
//!
//! What the profile lets wait no longer leaves as if the texts that run ended there; arguments of
//! tools wait for their end all the same, since nobody can use them before.
//!
//! Thoughts count as ended when the answer begins, though a provider may go on with them: to wait
//! for that would hold back the answer. Words that rest while a tool is called are waited for.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hasher as _};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use iron_guard::{Channel, Edit, Filter, Guard, Judged};
use iron_llm::Dialect;
use iron_llm::texts::{Event, Frames, PartKind, Running, Said, Slot, StreamError};
use iron_primitives::Refusal;
use tokio::time::{Duration, Instant};

use super::safety::{Safety, blocked, channel_of};

/// A stream on its way to its caller.
pub(super) struct Sieve {
    guard: Arc<Guard>,
    frames: Frames,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    /// The text that runs in each slot, among [`Self::texts`].
    running: HashMap<Slot, usize>,
    texts: HashMap<usize, Text>,
    begun: usize,
    /// Texts with findings, where the dialect says its texts again.
    told: Option<HashSet<u64>>,
    safety: Safety,
    blocked: Option<Refusal>,
}

/// An event that waits.
struct Queued {
    event: Event,
    pieces: Vec<Piece>,
    /// Replaced texts that stand whole in the event.
    edits: Vec<(Range<usize>, String)>,
    /// Since when it waits, once that was asked.
    since: Option<Instant>,
}

/// What an event brings of a running text.
struct Piece {
    text: usize,
    /// Bytes of the text.
    span: Range<usize>,
    /// Where it stands in the event.
    place: Range<usize>,
}

/// A text that arrives in pieces.
struct Text {
    channel: Channel,
    judge: Judge,
    length: usize,
    /// Of the text so far.
    hash: DefaultHasher,
    /// Up to where it is decided.
    settled: usize,
    /// Edits that have not left yet.
    edits: Vec<Edit>,
    /// Pieces that have not left yet.
    waiting: usize,
    ended: bool,
}

enum Judge {
    Prose(Box<Filter>),
    Arguments(String),
}

impl Sieve {
    /// A sieve for a stream of events that its caller gets in this dialect; none where there is
    /// nothing to look for.
    pub(super) fn new(guard: &Arc<Guard>, dialect: Dialect, safety: &Safety) -> Option<Self> {
        (!guard.is_idle()).then(|| Sieve {
            guard: guard.clone(),
            frames: Frames::new(dialect),
            queue: VecDeque::new(),
            queued_bytes: 0,
            running: HashMap::new(),
            texts: HashMap::new(),
            begun: 0,
            told: repeats(dialect).then(HashSet::new),
            safety: safety.beside(),
            blocked: None,
        })
    }

    /// Takes what came; gives what may leave.
    ///
    /// # Errors
    /// [`StreamError`]; the stream is then beyond repair.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Bytes, StreamError> {
        for event in self.frames.feed(bytes)? {
            self.take(event);
        }
        Ok(self.release())
    }

    /// Takes the end of the stream; gives the rest of what may leave.
    pub(super) fn finish(&mut self) -> Bytes {
        let event = self.frames.finish();
        self.take(event);
        self.release()
    }

    /// When the first of the events that wait has waited long enough, if the profile says so. Events
    /// wait from when this was first asked after they came.
    pub(super) fn patience(&mut self, now: Instant) -> Option<Instant> {
        let most = match self.guard.profile().max_hold_ms {
            0 => return None,
            most => Duration::from_millis(most.into()),
        };
        let waiting = self.queue.iter_mut().rev();
        for queued in waiting.take_while(|queued| queued.since.is_none()) {
            queued.since = Some(now);
        }
        Some(self.queue.front()?.since? + most)
    }

    /// Judges the words that run as if they ended here; gives what may leave then. What still waits
    /// does so from now on.
    pub(super) fn settle(&mut self, now: Instant) -> Bytes {
        let mut told = Vec::new();
        for index in self.running.values() {
            let Some(text) = self.texts.get_mut(index) else {
                continue;
            };
            let Judge::Prose(filter) = &mut text.judge else {
                continue;
            };
            let step = filter.settle(&mut self.safety.pseudonyms);
            text.settled = step.settled;
            text.edits.extend(step.edits);
            told.push((*index, text.channel, step.findings));
        }
        for (index, channel, findings) in told {
            self.note(index, channel, findings);
        }
        let released = self.release();
        for queued in &mut self.queue {
            queued.since = Some(now);
        }
        released
    }

    /// The bytes that wait.
    pub(super) const fn held_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Why nothing more leaves.
    pub(super) const fn blocked(&self) -> Option<&Refusal> {
        self.blocked.as_ref()
    }

    /// What was found.
    pub(super) fn into_safety(self) -> Safety {
        self.safety
    }

    fn take(&mut self, event: Event) {
        if self.blocked.is_some() {
            return;
        }
        self.blocked = self
            .safety
            .unread(&self.guard, Channel::Output, event.unread());
        let mut queued = Queued {
            pieces: Vec::new(),
            edits: Vec::new(),
            since: None,
            event,
        };
        for said in queued.event.said() {
            match said {
                Said::Delta { slot, place } => {
                    let text = queued.event.text(place);
                    let (index, span) = self.goes_on(*slot, &text);
                    queued.pieces.push(Piece {
                        text: index,
                        span,
                        place: place.clone(),
                    });
                }
                Said::Whole {
                    channel,
                    kind,
                    place,
                } => {
                    let text = queued.event.text(place);
                    if let Some(text) = self.whole(channel_of(*channel), *kind, &text) {
                        queued.edits.push((place.clone(), text));
                    }
                }
                Said::Pause { slot } if is_thought(slot.running) => self.end(*slot),
                Said::Pause { .. } => {}
                Said::End { slot } => self.end(*slot),
            }
        }
        // Nothing of the event leaves in which something is blocked.
        if self.blocked.is_none() {
            self.queued_bytes += queued.event.bytes().len();
            self.queue.push_back(queued);
        }
    }

    /// Adds to a running text; tells which it is, and where in it the piece stands.
    fn goes_on(&mut self, slot: Slot, piece: &str) -> (usize, Range<usize>) {
        let (guard, begun) = (&self.guard, &mut self.begun);
        let index = *self.running.entry(slot).or_insert_with(|| {
            *begun += 1;
            *begun - 1
        });
        let text = self
            .texts
            .entry(index)
            .or_insert_with(|| Text::new(guard, slot));
        let start = text.length;
        text.length += piece.len();
        text.hash.write(piece.as_bytes());
        text.waiting += 1;
        let span = start..text.length;
        match &mut text.judge {
            Judge::Arguments(all) => all.push_str(piece),
            Judge::Prose(filter) => {
                let step = filter.push(piece, &mut self.safety.pseudonyms);
                text.settled = step.settled;
                text.edits.extend(step.edits);
                let channel = text.channel;
                self.note(index, channel, step.findings);
            }
        }
        (index, span)
    }

    fn end(&mut self, slot: Slot) {
        let Some(index) = self.running.remove(&slot) else {
            return;
        };
        let Some(text) = self.texts.get_mut(&index) else {
            return;
        };
        text.ended = true;
        let hash = text.hash.finish();
        let channel = text.channel;
        let pseudonyms = &mut self.safety.pseudonyms;
        let findings = match &mut text.judge {
            Judge::Prose(filter) => {
                let step = filter.finish(pseudonyms);
                text.settled = step.settled;
                text.edits.extend(step.edits);
                step.findings
            }
            Judge::Arguments(all) => {
                let judgement = self.guard.judge_json(all, channel, pseudonyms);
                if judgement.blocked().is_none() {
                    text.settled = text.length;
                }
                text.edits = judgement.edits;
                judgement.findings
            }
        };
        if text.waiting == 0 {
            self.texts.remove(&index);
        }
        if let Some(told) = &mut self.told {
            told.insert(hash);
        }
        self.note(index, channel, findings);
    }

    /// Judges a text that is whole in its event; gives what stands in its place.
    fn whole(&mut self, channel: Channel, kind: PartKind, text: &str) -> Option<String> {
        let pseudonyms = &mut self.safety.pseudonyms;
        let judgement = match kind {
            PartKind::JsonText => self.guard.judge_json(text, channel, pseudonyms),
            _ => self.guard.judge(text, channel, pseudonyms),
        };
        let edited = match judgement.apply(text) {
            Cow::Owned(edited) => Some(edited),
            Cow::Borrowed(_) => None,
        };
        if !judgement.findings.is_empty() && self.is_new(text) {
            self.note(self.begun, channel, judgement.findings);
            self.begun += 1;
        }
        edited
    }

    /// Whether a text with findings is none that was told already, or is about to be.
    fn is_new(&mut self, text: &str) -> bool {
        let Some(told) = &mut self.told else {
            return true;
        };
        let mut hash = DefaultHasher::new();
        hash.write(text.as_bytes());
        let hash = hash.finish();
        let mut running = self.texts.values();
        !running.any(|text| text.hash.finish() == hash) && told.insert(hash)
    }

    fn note(&mut self, part: usize, channel: Channel, findings: Vec<Judged>) {
        self.safety.note(part, channel, &findings);
        for judged in &findings {
            if judged.verdict == iron_guard::Verdict::Block && self.blocked.is_none() {
                self.blocked = Some(blocked(channel, &judged.finding));
            }
        }
    }

    /// The events whose text is decided.
    fn release(&mut self) -> Bytes {
        let mut out: Option<BytesMut> = None;
        let mut only: Option<Bytes> = None;
        while self
            .queue
            .front()
            .is_some_and(|queued| self.is_decided(queued))
        {
            let Some(queued) = self.queue.pop_front() else {
                break;
            };
            self.queued_bytes -= queued.event.bytes().len();
            let bytes = self.written(queued);
            match (&mut out, only.take()) {
                (Some(out), _) => out.extend_from_slice(&bytes),
                (None, None) => only = Some(bytes),
                (None, Some(first)) => {
                    let mut both = BytesMut::from(first.as_ref());
                    both.extend_from_slice(&bytes);
                    out = Some(both);
                }
            }
        }
        match out {
            Some(out) => out.freeze(),
            None => only.unwrap_or_default(),
        }
    }

    fn is_decided(&self, queued: &Queued) -> bool {
        let decided = |piece: &Piece| {
            let text = self.texts.get(&piece.text);
            text.is_none_or(|text| piece.span.end <= text.settled)
        };
        queued.pieces.iter().all(decided)
    }

    /// The event as it leaves.
    fn written(&mut self, queued: Queued) -> Bytes {
        let Queued {
            event,
            pieces,
            mut edits,
            ..
        } = queued;
        for piece in pieces {
            let Some(text) = self.texts.get_mut(&piece.text) else {
                continue;
            };
            let said = event.text(&piece.place);
            if let Some(edited) = text.leave(&piece.span, &said) {
                edits.push((piece.place, edited));
            }
            if text.ended && text.waiting == 0 {
                self.texts.remove(&piece.text);
            }
        }
        let edits = edits.iter();
        let edits: Vec<_> = edits
            .map(|(place, text)| (place.clone(), text.as_str()))
            .collect();
        event.edited(&edits, 0)
    }
}

impl Text {
    fn new(guard: &Arc<Guard>, slot: Slot) -> Self {
        let channel = channel_of(slot.channel());
        Text {
            channel,
            judge: match slot.kind() {
                PartKind::JsonText => Judge::Arguments(String::new()),
                _ => Judge::Prose(Box::new(Filter::new(guard.clone(), channel))),
            },
            length: 0,
            hash: DefaultHasher::new(),
            settled: 0,
            edits: Vec::new(),
            waiting: 0,
            ended: false,
        }
    }

    /// The piece at this place leaves; gives what it says then, if that is something else. What
    /// replaces a span stands in the piece in which the span begins.
    fn leave(&mut self, span: &Range<usize>, said: &str) -> Option<String> {
        self.waiting = self.waiting.saturating_sub(1);
        let touched = |edit: &&Edit| edit.span.start < span.end && span.start < edit.span.end;
        let mut edited: Option<String> = None;
        let mut from = span.start;
        for edit in self.edits.iter().filter(touched) {
            let out = edited.get_or_insert_default();
            if span.start <= edit.span.start {
                let kept = from - span.start..edit.span.start - span.start;
                out.push_str(said.get(kept).unwrap_or_default());
                out.push_str(&edit.with);
            }
            from = edit.span.end.min(span.end);
        }
        if let Some(out) = &mut edited {
            out.push_str(said.get(from - span.start..).unwrap_or_default());
        }
        self.edits.retain(|edit| edit.span.end > span.end);
        edited
    }
}

/// Whether events of a dialect say again what others have said.
const fn repeats(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::OpenAiResponses) || dialect.listens()
}

const fn is_thought(running: Running) -> bool {
    matches!(running, Running::Reasoning | Running::Thinking)
}

#[cfg(test)]
mod tests;
