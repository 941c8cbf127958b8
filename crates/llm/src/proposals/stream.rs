//! Calls in streams.
//!
//! Events leave in the order in which they came, each as soon as all calls that it tells of are
//! decided; so a call is held back from its first event to the last piece of its arguments, and what
//! came after it waits with it. A sifter that only looks holds nothing back.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};

use super::events::{Cutter, Kinded};
use super::items;
use super::tree::{Change, Node, Unreadable, changed};
use super::whole::or_none_given;
use super::{Fate, Judge, Proposal, chat, cohere, converse, messages, responses, whole};
use crate::kind::Dialect;
use crate::texts::{Event, StreamError};

/// What is counted for a call beside its arguments.
const CALL_BYTES: usize = 128;

/// Which call: its choice or message, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) turn: u32,
    pub(super) number: u32,
}

impl Key {
    /// Of an answer that is one message.
    pub(super) const fn of(number: u32) -> Self {
        Key { turn: 0, number }
    }
}

/// What an event says of calls.
#[derive(Debug)]
pub(super) enum Say<'n> {
    /// It tells of a call, which may begin with it. The name is empty if it is not said.
    Of(Key, &'n str),
    /// A piece of its arguments.
    Piece(Key, &'n str),
    /// A piece of a text that its tool takes in a form of its own.
    Input(Key, &'n str),
    /// Its arguments as a whole, in addition to the pieces or in their place.
    Given(Key, Cow<'n, str>),
    /// Its arguments are over.
    End(Key),
    /// Those of all calls of a choice are.
    EndTurn(u32),
    /// Those of all calls are.
    EndAll,
    /// A call that stands whole in the event, and may repeat the one of this number.
    Whole(Key, items::Call<'n>),
    /// A call of a candidate that stands whole in the event, or goes on in the next.
    Part {
        turn: u32,
        call: items::Call<'n>,
        goes_on: bool,
    },
}

/// A stream on its way to a client, without the calls that are to be taken out.
#[derive(Debug)]
pub struct Sifter {
    dialect: Dialect,
    cutter: Cutter,
    holds: bool,
    queue: VecDeque<Waiting>,
    queued_bytes: usize,
    calls: Calls,
    stopped: bool,
    /// Nothing can be read any more, in a stream that is only looked at.
    lost: bool,
}

/// An event that waits.
#[derive(Debug)]
struct Waiting {
    kinded: Kinded,
    notes: Notes,
}

/// What was heard in an event.
#[derive(Debug, Default)]
struct Notes {
    /// The calls that it tells of.
    keys: Vec<Key>,
    /// Those that stand whole in it.
    whole: Vec<Fate>,
    is_gone: bool,
}

/// All calls of a stream.
#[derive(Debug, Default)]
pub(super) struct Calls {
    told: BTreeMap<Key, Told>,
    bytes: usize,
    /// How many events were taken out.
    pub(super) dropped: u64,
    strips: bool,
    /// What was decided about the call of a candidate that goes on in the next event.
    unfinished: BTreeMap<u32, Fate>,
}

#[derive(Debug, Default)]
struct Told {
    name: String,
    pieces: String,
    given: Option<String>,
    takes_text: bool,
    is_ambiguous: bool,
    fate: Option<Fate>,
}

/// What becomes of an event.
#[derive(Debug)]
pub(super) enum Written {
    /// It leaves with these changes.
    With(Vec<Change>),
    /// It does not.
    Gone,
}

impl Sifter {
    /// A sifter for a stream in the dialect of its client. One that does not hold gives back all
    /// that comes, at once, and only asks about the calls.
    pub fn new(dialect: Dialect, holds: bool) -> Self {
        Sifter {
            dialect,
            cutter: Cutter::new(dialect),
            holds,
            queue: VecDeque::new(),
            queued_bytes: 0,
            calls: Calls::default(),
            stopped: false,
            lost: false,
        }
    }

    /// Takes what came; gives what may leave.
    ///
    /// # Errors
    /// [`StreamError`], of a sifter that holds; the stream is then beyond repair.
    pub fn feed(&mut self, bytes: Bytes, judge: &mut Judge<'_>) -> Result<Bytes, StreamError> {
        if self.stopped {
            return Ok(Bytes::new());
        }
        if self.lost {
            return Ok(bytes);
        }
        let events = match self.cutter.feed(&bytes) {
            Ok(events) => events,
            Err(error) if self.holds => return Err(error),
            Err(_) => {
                self.lost = true;
                return Ok(bytes);
            }
        };
        for event in events {
            self.take(event, judge);
        }
        Ok(match self.holds {
            true => self.release(),
            false => bytes,
        })
    }

    /// Takes the end of the stream; gives the rest of what may leave. Calls that were not over are
    /// asked about as they are.
    pub fn finish(&mut self, judge: &mut Judge<'_>) -> Bytes {
        let rest = self.cutter.finish();
        self.take(rest, judge);
        self.decide(|_| true, judge);
        match self.holds {
            true => self.release(),
            false => Bytes::new(),
        }
    }

    /// The bytes that are kept here.
    pub fn held_bytes(&self) -> usize {
        self.queued_bytes.saturating_add(self.calls.bytes)
    }

    fn take(&mut self, kinded: Kinded, judge: &mut Judge<'_>) {
        if self.stopped {
            return;
        }
        let data = kinded.event.data().clone();
        let mut notes = Notes::default();
        let dialect = data_of(self.dialect);
        match read(&data) {
            Ok(root) => {
                for said in hear(dialect, &kinded.kind, &root) {
                    self.hear(said, &mut notes, judge);
                }
            }
            Err(Unreadable::TooMany) => {
                let fate = self.asked(&Proposal::UNTOLD, judge);
                notes.is_gone = fate == Fate::Strip;
                notes.whole.push(fate);
            }
            Err(_) if data.trim_ascii() == b"[DONE]" => self.decide(|_| true, judge),
            // Nobody can tell what it proposes, nor does any client know.
            Err(_) => notes.is_gone = !data.is_empty(),
        }
        if self.holds {
            let bytes = kinded.event.bytes().len();
            self.queued_bytes = self.queued_bytes.saturating_add(bytes);
            self.queue.push_back(Waiting { kinded, notes });
        }
    }

    fn hear(&mut self, said: Say<'_>, notes: &mut Notes, judge: &mut Judge<'_>) {
        match said {
            Say::Of(key, name) => {
                notes.keys.push(key);
                notes.is_gone |= !self.calls.begin(key, name);
            }
            Say::Piece(key, text) => {
                notes.keys.push(key);
                notes.is_gone |= !self.calls.grow(key, text, false);
            }
            Say::Input(key, text) => {
                notes.keys.push(key);
                notes.is_gone |= !self.calls.grow(key, text, true);
            }
            Say::Given(key, text) => {
                notes.keys.push(key);
                notes.is_gone |= !self.calls.give(key, &text);
            }
            Say::End(key) => {
                notes.keys.push(key);
                self.decide(|one| *one == key, judge);
            }
            Say::EndTurn(turn) => self.decide(|one| one.turn == turn, judge),
            Say::EndAll => self.decide(|_| true, judge),
            Say::Whole(key, call) => {
                let known = self.calls.repeated(key, &call);
                let fate = known.unwrap_or_else(|| self.asked(&call.proposal(), judge));
                self.calls.strips |= fate == Fate::Strip;
                notes.whole.push(fate);
            }
            Say::Part {
                turn,
                call,
                goes_on,
            } => {
                let begun = self.calls.unfinished.remove(&turn);
                let begun = begun.filter(|_| call.name.is_empty());
                let fate = begun.unwrap_or_else(|| self.asked(&call.proposal(), judge));
                self.calls.strips |= fate == Fate::Strip;
                self.calls
                    .unfinished
                    .extend(goes_on.then_some((turn, fate)));
                notes.whole.push(fate);
            }
        }
    }

    fn decide(&mut self, which: impl Fn(&Key) -> bool, judge: &mut Judge<'_>) {
        let open: Vec<Key> = self.calls.open_keys(which);
        for key in open {
            let Some(told) = self.calls.told.get(&key) else {
                continue;
            };
            let arguments = told.arguments();
            let proposal = Proposal {
                name: &told.name,
                arguments: arguments.as_deref().map(or_none_given),
            };
            let fate = match self.stopped {
                true => Fate::Stop,
                false => judge(&proposal),
            };
            self.stopped |= fate == Fate::Stop;
            self.calls.settle(key, fate);
        }
    }

    fn asked(&mut self, proposal: &Proposal<'_>, judge: &mut Judge<'_>) -> Fate {
        let fate = match self.stopped {
            true => Fate::Stop,
            false => judge(proposal),
        };
        self.stopped |= fate == Fate::Stop;
        fate
    }

    /// The events of which all calls are decided.
    fn release(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        while let Some(waiting) = self.queue.front() {
            let notes = &waiting.notes;
            let told = notes.keys.iter().map(|key| self.calls.fate(*key));
            let whole = notes.whole.iter().copied().map(Some);
            let fates: Vec<_> = told.chain(whole).collect();
            if fates.contains(&Some(Fate::Stop)) {
                self.queue.clear();
                self.queued_bytes = 0;
                break;
            }
            if fates.contains(&None) {
                break;
            }
            let Some(waiting) = self.queue.pop_front() else {
                break;
            };
            let bytes = waiting.kinded.event.bytes().len();
            self.queued_bytes = self.queued_bytes.saturating_sub(bytes);
            match self.written(&waiting) {
                Some(bytes) => out.extend_from_slice(&bytes),
                None => self.calls.dropped = self.calls.dropped.saturating_add(1),
            }
        }
        out.freeze()
    }

    /// The event as it leaves, if it does.
    fn written(&self, waiting: &Waiting) -> Option<Bytes> {
        if waiting.notes.is_gone {
            return None;
        }
        let event = &waiting.kinded.event;
        let changes_nothing = !self.calls.strips && self.calls.dropped == 0;
        let root = read(event.data()).ok().filter(|_| !changes_nothing);
        let Some(root) = root else {
            return Some(event.bytes().clone());
        };
        let whole = waiting.notes.whole.iter();
        let gone: Vec<bool> = whole.map(|fate| *fate == Fate::Strip).collect();
        let dialect = data_of(self.dialect);
        match write(dialect, &waiting.kinded.kind, &root, &self.calls, &gone) {
            Written::Gone => None,
            Written::With(changes) => Some(rewritten(event, changes)),
        }
    }
}

fn read(data: &[u8]) -> Result<Node<'_>, Unreadable> {
    Node::read(std::str::from_utf8(data).map_err(|_| Unreadable::Malformed)?)
}

fn rewritten(event: &Event, changes: Vec<Change>) -> Bytes {
    match std::str::from_utf8(event.data()) {
        Ok(text) if !changes.is_empty() => event.with_data(changed(text, changes).as_bytes()),
        _ => event.bytes().clone(),
    }
}

fn hear<'n>(dialect: Dialect, kind: &'n str, root: &'n Node<'_>) -> Vec<Say<'n>> {
    match dialect {
        Dialect::OpenAiChat => chat::hear(root),
        Dialect::OpenAiResponses => responses::hear(root, kind),
        Dialect::AnthropicMessages => messages::hear(root, kind),
        Dialect::Cohere => cohere::hear(root),
        Dialect::Converse => converse::hear(root, kind),
        Dialect::Gemini => hear_gemini(root),
        _ => Vec::new(),
    }
}

fn write(dialect: Dialect, kind: &str, root: &Node<'_>, calls: &Calls, gone: &[bool]) -> Written {
    match dialect {
        Dialect::OpenAiChat => chat::write(root, calls),
        Dialect::OpenAiResponses => responses::write(root, calls, gone),
        Dialect::AnthropicMessages => messages::write(root, kind, calls),
        Dialect::Cohere => cohere::write(root, calls),
        Dialect::Converse => converse::write(root, kind, calls),
        Dialect::Gemini => write_gemini(root, gone),
        _ => Written::With(Vec::new()),
    }
}

/// Chunks of Gemini are answers of their own, in which calls stand whole, or value by value.
fn hear_gemini<'n>(root: &'n Node<'_>) -> Vec<Say<'n>> {
    let mut said = Vec::new();
    for (turn, candidate) in (0..).zip(whole::turns(Dialect::Gemini, root)) {
        let goes_on: Vec<bool> = candidate
            .parts()
            .map(|part| items::function_of(part).is_some_and(items::goes_on))
            .collect();
        for (found, goes_on) in candidate.calls.into_iter().zip(goes_on) {
            let call = found.call;
            said.push(Say::Part {
                turn,
                call,
                goes_on,
            });
        }
    }
    said
}

fn write_gemini(root: &Node<'_>, gone: &[bool]) -> Written {
    let mut changes = Vec::new();
    let mut is_emptied = !gone.is_empty();
    let mut rest = gone;
    for turn in whole::turns(Dialect::Gemini, root) {
        let (own, others) = rest.split_at(turn.calls.len().min(rest.len()));
        rest = others;
        is_emptied &= turn.is_emptied(own);
        changes.extend(turn.without(own));
    }
    let candidates = root.get("candidates").map(Node::items).unwrap_or_default();
    let goes_on = |candidate: &Node<'_>| candidate.text_of("finishReason").is_empty();
    match is_emptied && candidates.iter().all(goes_on) {
        true => Written::Gone,
        false => Written::With(changes),
    }
}

/// The dialect of the data: messages of AWS may carry events of another.
const fn data_of(dialect: Dialect) -> Dialect {
    match dialect {
        Dialect::BedrockMessages => Dialect::AnthropicMessages,
        dialect => dialect,
    }
}

impl Calls {
    /// Begins a call, or names it again; false if that is another than the one that was decided.
    fn begin(&mut self, key: Key, name: &str) -> bool {
        let is_new = !self.told.contains_key(&key);
        let told = self.told.entry(key).or_default();
        if is_new {
            self.bytes = self.bytes.saturating_add(CALL_BYTES);
        }
        if name.is_empty() || name == told.name {
            return true;
        }
        if told.fate.is_some() {
            return false;
        }
        told.is_ambiguous |= !told.name.is_empty();
        if told.name.is_empty() {
            self.bytes = self.bytes.saturating_add(name.len());
            name.clone_into(&mut told.name);
        }
        true
    }

    /// Adds to the arguments of a call; false if it was decided already. What belongs to no call that
    /// the client makes is nothing.
    fn grow(&mut self, key: Key, piece: &str, is_text: bool) -> bool {
        let Some(told) = self.told.get_mut(&key) else {
            return true;
        };
        if told.fate.is_some() {
            return piece.is_empty();
        }
        told.takes_text |= is_text;
        told.pieces.push_str(piece);
        self.bytes = self.bytes.saturating_add(piece.len());
        true
    }

    /// Takes the arguments of a call as a whole; false if others were decided about.
    fn give(&mut self, key: Key, text: &str) -> bool {
        let Some(told) = self.told.get_mut(&key).filter(|_| !text.is_empty()) else {
            return true;
        };
        if told.fate.is_some() {
            let decided = told.given.as_deref().unwrap_or(&told.pieces);
            return or_none_given(decided) == or_none_given(text);
        }
        told.is_ambiguous |= told.given.as_deref().is_some_and(|given| given != text);
        if told.given.is_none() {
            self.bytes = self.bytes.saturating_add(text.len());
            told.given = Some(text.to_owned());
        }
        true
    }

    fn open_keys(&self, which: impl Fn(&Key) -> bool) -> Vec<Key> {
        let open = self.told.iter().filter(|(_, told)| told.fate.is_none());
        open.map(|(key, _)| *key).filter(|key| which(key)).collect()
    }

    fn settle(&mut self, key: Key, fate: Fate) {
        self.strips |= fate == Fate::Strip;
        if let Some(told) = self.told.get_mut(&key) {
            told.fate = Some(fate);
        }
    }

    /// What was decided about the call of a number; it stays if it is none.
    fn fate(&self, key: Key) -> Option<Fate> {
        self.told
            .get(&key)
            .map_or(Some(Fate::Keep), |told| told.fate)
    }

    /// What was decided about a call that is told again as it was.
    fn repeated(&self, key: Key, call: &items::Call<'_>) -> Option<Fate> {
        let told = self.told.get(&key)?;
        let arguments = told.arguments()?;
        let is_same = told.name == call.name && *arguments == call.arguments;
        told.fate.filter(|_| is_same)
    }

    /// Whether this call is taken out.
    pub(super) fn strips(&self, key: Key) -> bool {
        self.fate(key) == Some(Fate::Strip)
    }

    /// Its number once those before it are gone.
    pub(super) fn number(&self, key: Key) -> u32 {
        let before = self.told.range(Key { number: 0, ..key }..key);
        let gone = before.filter(|(_, told)| told.fate == Some(Fate::Strip));
        let gone = u32::try_from(gone.count()).unwrap_or(u32::MAX);
        key.number.saturating_sub(gone)
    }

    /// Whether a choice had calls and has none left.
    pub(super) fn has_emptied(&self, turn: u32) -> bool {
        let all = Key { turn, number: 0 }..=Key {
            turn,
            number: u32::MAX,
        };
        let mut calls = self.told.range(all).peekable();
        calls.peek().is_some() && calls.all(|(_, told)| told.fate == Some(Fate::Strip))
    }

    /// What writes a new number where it has changed.
    pub(super) fn renumbered(&self, key: Key, node: Option<&Node<'_>>) -> Option<Change> {
        let number = self.number(key);
        (number != key.number).then(|| node.map(|node| node.replaced(number)))?
    }
}

impl Told {
    /// The arguments, if they have one reading.
    fn arguments(&self) -> Option<Cow<'_, str>> {
        let given = self.given.as_deref();
        let text = match (self.pieces.as_str(), given) {
            _ if self.is_ambiguous => return None,
            ("", given) => given.unwrap_or_default(),
            (pieces, None) => pieces,
            (pieces, Some(given)) if pieces == given => pieces,
            _ => return None,
        };
        Some(match self.takes_text {
            true => items::input(text).into(),
            false => text.into(),
        })
    }
}
