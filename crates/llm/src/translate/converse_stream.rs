//! Reading an answer of Bedrock's `Converse`, whole or streamed (botocore 1.44.5,
//! `ConverseResponse` and `ConverseStreamOutput`).
//!
//! A block of a stream begins with its first piece; only calls of tools are announced. Thoughts
//! are signed by the model's maker, whoever that is, so they carry a mark of ours in front: they
//! go back to Bedrock and nowhere else.

mod whole;

use iron_primitives::Timestamp;
use serde_json::Value;

pub(super) use self::whole::read_whole;
use super::error::ProviderError;
use super::fields::text_of;
use super::messages_stream::{MOST_BLOCKS, broken};
use super::stream::{ReadFrames, chunk_of};
use super::thoughts::BEDROCK;
use crate::aws;
use crate::canonical::{Event, Finish, Opening};
use crate::usage::Usage;

/// The most that is kept of an answer's signatures and sealed thoughts, in bytes: they go on only
/// when their block ends.
const MOST_KEPT_BYTES: usize = 1 << 20;

/// What stands in an answer and cannot be said to a client.
struct Unsayable(String);

/// A block that has begun: Bedrock's number of it.
#[derive(Debug)]
struct Open {
    index: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Text, or the arguments of a call.
    Plain { block: usize },
    /// Thoughts, with what is known of their signature.
    Thinking { block: usize, signature: String },
    /// Thoughts that only their maker can read, as far as they have come.
    Sealed { data: String },
}

/// What is known of the answer so far.
#[derive(Debug)]
pub(super) struct Reader {
    id: String,
    model: String,
    started: bool,
    usage: Usage,
    finish: Option<Finish>,
    open: Vec<Open>,
    /// How many blocks have begun.
    begun: usize,
    /// The next number of a block for the client.
    next: usize,
    /// Bytes of signatures and sealed thoughts, of all blocks together.
    kept_bytes: usize,
}

impl ReadFrames for Reader {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), ProviderError> {
        // Bedrock has no end mark; it is ours, of a stream that we cut off.
        let Some(event) = chunk_of(data)? else {
            return self.end(events);
        };
        self.event(&event, events).map_err(|Unsayable(what)| {
            broken(&format!("contains `{what}`, which cannot be translated"))
        })
    }

    fn end(&mut self, events: &mut Vec<Event>) -> Result<(), ProviderError> {
        // A stream that broke off has said no reason to stop, and is left unfinished.
        self.close(events);
        Ok(())
    }
}

impl Reader {
    /// A reader of an answer of this model. Bedrock names neither the answer nor the model in it,
    /// so the answer is named by the moment.
    pub(super) fn new(model: &str, now: Timestamp) -> Self {
        Reader {
            id: format!("bedrock-{:x}", now.micros()),
            model: model.to_owned(),
            started: false,
            usage: Usage::default(),
            finish: None,
            open: Vec::new(),
            begun: 0,
            next: 0,
            kept_bytes: 0,
        }
    }

    fn start(&mut self, events: &mut Vec<Event>) {
        if !self.started {
            self.started = true;
            events.push(Event::Start {
                id: self.id.clone(),
                model: self.model.clone(),
                usage: self.usage,
            });
        }
    }

    fn event(&mut self, event: &Value, events: &mut Vec<Event>) -> Result<(), Unsayable> {
        let Some((name, body)) = event.as_object().and_then(|event| event.iter().next()) else {
            return Ok(());
        };
        match name.as_str() {
            "messageStart" => self.start(events),
            "contentBlockStart" => {
                self.start(events);
                self.announced(index_of(body)?, body.get("start"), events)?;
            }
            "contentBlockDelta" => {
                self.start(events);
                self.delta(index_of(body)?, body.get("delta"), events)?;
            }
            "contentBlockStop" => self.stop(index_of(body)?, events),
            "messageStop" => {
                let reason = body.get("stopReason").and_then(Value::as_str);
                self.finish = Some(finish(reason.unwrap_or_default())?);
            }
            "metadata" => {
                let told = body.get("usage").and_then(|told| aws::usage(told, false));
                self.usage = told.unwrap_or(self.usage);
                self.close(events);
            }
            // Kinds of events that are yet to be invented.
            _ => {}
        }
        Ok(())
    }

    fn announced(
        &mut self,
        index: u64,
        start: Option<&Value>,
        events: &mut Vec<Event>,
    ) -> Result<(), Unsayable> {
        let fields = start.and_then(Value::as_object).into_iter().flatten();
        for (name, content) in fields {
            match name.as_str() {
                "toolUse" => self.call(index, content, events)?,
                other => return Err(Unsayable(other.to_owned())),
            }
        }
        Ok(())
    }

    fn delta(
        &mut self,
        index: u64,
        delta: Option<&Value>,
        events: &mut Vec<Event>,
    ) -> Result<(), Unsayable> {
        let fields = delta.and_then(Value::as_object).into_iter().flatten();
        for (name, content) in fields {
            match (name.as_str(), content) {
                ("text", Value::String(text)) => self.say(index, text, events)?,
                ("toolUse", call) => {
                    let input = text_of(call.get("input"));
                    let input = input.ok_or_else(|| Unsayable("toolUse.input".to_owned()))?;
                    if self.find(index).is_none() {
                        return Err(Unsayable("toolUse without its start".to_owned()));
                    }
                    self.say(index, input, events)?;
                }
                ("reasoningContent", thought) => self.thought(index, thought, events)?,
                // Where a text comes from: the text itself comes as text.
                ("citation", _) => {}
                (other, _) => return Err(Unsayable(other.to_owned())),
            }
        }
        Ok(())
    }

    fn call(&mut self, index: u64, call: &Value, events: &mut Vec<Event>) -> Result<(), Unsayable> {
        let text = |name: &str| call.get(name).and_then(Value::as_str);
        if text("type").is_some() {
            return Err(Unsayable("a tool that runs at AWS".to_owned()));
        }
        let missing = || Unsayable("toolUse without its id or name".to_owned());
        let id = text("toolUseId").ok_or_else(missing)?.to_owned();
        let name = text("name").ok_or_else(missing)?.to_owned();
        if self.find(index).is_some() {
            return Err(Unsayable("a block that begins twice".to_owned()));
        }
        self.count_block()?;
        let block = self.open(Opening::ToolCall { id, name }, events);
        self.open.push(Open {
            index,
            kind: Kind::Plain { block },
        });
        Ok(())
    }

    /// Text of a block, which begins with it if it has not begun.
    fn say(&mut self, index: u64, text: &str, events: &mut Vec<Event>) -> Result<(), Unsayable> {
        if text.is_empty() {
            return Ok(());
        }
        let block = match self.find(index).map(|open| &open.kind) {
            Some(Kind::Plain { block }) => *block,
            Some(_) => return Err(Unsayable("text among thoughts".to_owned())),
            None => {
                self.count_block()?;
                let block = self.open(Opening::Text, events);
                let kind = Kind::Plain { block };
                self.open.push(Open { index, kind });
                block
            }
        };
        let text = text.to_owned();
        events.push(Event::Delta { block, text });
        Ok(())
    }

    /// A piece of thoughts: their text, their signature, or what only their maker can read.
    fn thought(
        &mut self,
        index: u64,
        thought: &Value,
        events: &mut Vec<Event>,
    ) -> Result<(), Unsayable> {
        let text = |name: &str| thought.get(name).and_then(Value::as_str);
        let sealed = text("redactedContent");
        self.keep(sealed.or(text("signature")).unwrap_or_default())?;
        if self.find(index).is_none() {
            self.count_block()?;
            let kind = match sealed {
                Some(_) => Kind::Sealed {
                    data: String::new(),
                },
                None => Kind::Thinking {
                    block: self.open(Opening::Thinking, events),
                    signature: String::new(),
                },
            };
            self.open.push(Open { index, kind });
        }
        match (self.find(index).map(|open| &mut open.kind), sealed) {
            (Some(Kind::Sealed { data }), Some(more)) => data.push_str(more),
            (Some(Kind::Thinking { block, signature }), None) => {
                signature.push_str(text("signature").unwrap_or_default());
                if let Some(words) = text("text").filter(|words| !words.is_empty()) {
                    let (block, text) = (*block, words.to_owned());
                    events.push(Event::Delta { block, text });
                }
            }
            _ => return Err(Unsayable("thoughts among something else".to_owned())),
        }
        Ok(())
    }

    fn find(&mut self, index: u64) -> Option<&mut Open> {
        self.open.iter_mut().find(|open| open.index == index)
    }

    /// Notes that a block begins.
    fn count_block(&mut self) -> Result<(), Unsayable> {
        if self.begun >= MOST_BLOCKS {
            return Err(Unsayable(format!("more than {MOST_BLOCKS} blocks")));
        }
        self.begun = self.begun.saturating_add(1);
        Ok(())
    }

    /// Notes that a piece is kept until its block ends.
    fn keep(&mut self, piece: &str) -> Result<(), Unsayable> {
        self.kept_bytes = self.kept_bytes.saturating_add(piece.len());
        if self.kept_bytes > MOST_KEPT_BYTES {
            let what = "bytes of signatures and sealed thoughts";
            return Err(Unsayable(format!("more than {MOST_KEPT_BYTES} {what}")));
        }
        Ok(())
    }

    fn open(&mut self, opening: Opening, events: &mut Vec<Event>) -> usize {
        let block = self.next;
        self.next = block.saturating_add(1);
        events.push(Event::Open { block, opening });
        block
    }

    fn stop(&mut self, index: u64, events: &mut Vec<Event>) {
        // A block without a word has not begun.
        if let Some(at) = self.open.iter().position(|open| open.index == index) {
            let open = self.open.remove(at);
            self.end_block(open, events);
        }
    }

    fn end_block(&mut self, open: Open, events: &mut Vec<Event>) {
        let block = match open.kind {
            Kind::Plain { block } => block,
            Kind::Thinking { block, signature } => {
                let signature = format!("{BEDROCK}{signature}");
                events.push(Event::Signature { block, signature });
                block
            }
            Kind::Sealed { data } => {
                let data = format!("{BEDROCK}{data}");
                self.open(Opening::Sealed { data }, events)
            }
        };
        events.push(Event::Close { block });
    }

    fn close(&mut self, events: &mut Vec<Event>) {
        let Some(finish) = self.finish.take() else {
            return;
        };
        for open in std::mem::take(&mut self.open) {
            self.end_block(open, events);
        }
        let usage = self.usage;
        events.push(Event::Finish { finish, usage });
    }
}

fn index_of(event: &Value) -> Result<u64, Unsayable> {
    let index = event.get("contentBlockIndex").and_then(Value::as_u64);
    index.ok_or_else(|| Unsayable("a block without its index".to_owned()))
}

/// Why an answer ended (botocore 1.44.5, `StopReason`). A reason that is not known yet counts as
/// done; one by which the model has made no answer is an error.
fn finish(reason: &str) -> Result<Finish, Unsayable> {
    Ok(match reason {
        "max_tokens" => Finish::MaxTokens,
        "model_context_window_exceeded" => Finish::ContextFull,
        "stop_sequence" => Finish::Stopped { sequence: None },
        "tool_use" => Finish::ToolCalls,
        "guardrail_intervened" | "content_filtered" => Finish::Refused,
        "malformed_model_output" | "malformed_tool_use" => {
            return Err(Unsayable(reason.to_owned()));
        }
        _ => Finish::Done,
    })
}
