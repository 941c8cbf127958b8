//! Writing an answer of OpenAI's responses.
//!
//! Nothing is stored for it: `store` is false in every answer, and thoughts are given sealed
//! in `encrypted_content`, so that the client can send them back itself.

mod object;

use iron_primitives::Timestamp;
use serde_json::{Map, Value, json};

pub(super) use self::object::response;
use self::object::{head, item, item_id, message_item, part};
use super::error::{ErrorClass, ProviderError};
use super::stream::WriteEvents;
use crate::canonical::{Block, Collector, Event, Opening, Thought};

/// Writes events.
#[derive(Debug)]
pub(super) struct Writer {
    echo: Map<String, Value>,
    now: Timestamp,
    collector: Collector,
    sequence: u64,
    items: Vec<Item>,
}

/// An item of the output that has begun.
#[derive(Debug)]
struct Item {
    id: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Refusal,
    Arguments,
    Thoughts { summarized: bool },
}

impl Writer {
    /// `echo` are the fields that an answer repeats from its request.
    pub(super) fn new(echo: Map<String, Value>, now: Timestamp) -> Writer {
        Writer {
            echo,
            now,
            collector: Collector::default(),
            sequence: 0,
            items: Vec::new(),
        }
    }

    fn write(&mut self, kind: &str, fields: Value, out: &mut Vec<u8>) {
        let mut event = Map::new();
        event.insert("type".to_owned(), kind.into());
        event.insert("sequence_number".to_owned(), self.sequence.into());
        if let Value::Object(fields) = fields {
            event.extend(fields);
        }
        self.sequence = self.sequence.saturating_add(1);
        let event = Value::Object(event);
        out.extend_from_slice(format!("event: {kind}\ndata: {event}\n\n").as_bytes());
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        let head = head(&self.collector.reply(), &self.echo, self.now, "in_progress");
        self.write("response.created", json!({ "response": head.clone() }), out);
        self.write("response.in_progress", json!({ "response": head }), out);
    }

    fn open(&mut self, number: usize, opening: &Opening, out: &mut Vec<u8>) {
        let Some(block) = self.collector.block(number).cloned() else {
            return;
        };
        let id = item_id(self.collector.id(), number, &block);
        let kind = match opening {
            Opening::Text => Kind::Text,
            Opening::Refusal => Kind::Refusal,
            Opening::ToolCall { .. } => Kind::Arguments,
            Opening::Thinking | Opening::Sealed { .. } => Kind::Thoughts { summarized: false },
        };
        self.items.push(Item {
            id: id.clone(),
            kind,
        });
        let item = match opening {
            Opening::Text | Opening::Refusal => message_item(&id, &[], "in_progress"),
            Opening::Thinking | Opening::Sealed { .. } => {
                json!({ "id": id, "type": "reasoning", "summary": [] })
            }
            Opening::ToolCall { id: call_id, name } => json!({
                "id": id,
                "type": "function_call",
                "status": "in_progress",
                "call_id": call_id,
                "name": name,
                "arguments": "",
            }),
        };
        self.write(
            "response.output_item.added",
            json!({ "output_index": number, "item": item }),
            out,
        );
        if let Some(part) = part(&block) {
            let fields = json!({
                "item_id": id, "output_index": number, "content_index": 0, "part": part,
            });
            self.write("response.content_part.added", fields, out);
        }
    }

    fn more(&mut self, number: usize, text: &str, out: &mut Vec<u8>) {
        let Some(Item { id, kind }) = self.items.get_mut(number) else {
            return;
        };
        let id = id.clone();
        let kind = std::mem::replace(
            kind,
            match *kind {
                Kind::Thoughts { .. } => Kind::Thoughts { summarized: true },
                other => other,
            },
        );
        let mut fields = json!({ "item_id": id, "output_index": number });
        let mut put = |name: &str, value: Value| {
            if let Some(map) = fields.as_object_mut() {
                map.insert(name.to_owned(), value);
            }
        };
        let event = match kind {
            Kind::Text => {
                put("content_index", 0.into());
                put("logprobs", json!([]));
                "response.output_text.delta"
            }
            Kind::Refusal => {
                put("content_index", 0.into());
                "response.refusal.delta"
            }
            Kind::Arguments => "response.function_call_arguments.delta",
            Kind::Thoughts { .. } => {
                put("summary_index", 0.into());
                "response.reasoning_summary_text.delta"
            }
        };
        put("delta", text.into());
        if kind == (Kind::Thoughts { summarized: false }) {
            let fields = json!({
                "item_id": id, "output_index": number, "summary_index": 0,
                "part": { "type": "summary_text", "text": "" },
            });
            self.write("response.reasoning_summary_part.added", fields, out);
        }
        self.write(event, fields, out);
    }

    fn close(&mut self, number: usize, out: &mut Vec<u8>) {
        let Some(block) = self.collector.block(number).cloned() else {
            return;
        };
        let Some(Item { id, kind }) = self.items.get(number) else {
            return;
        };
        let (id, kind) = (id.clone(), *kind);
        match &block {
            Block::Text(text) => self.write(
                "response.output_text.done",
                json!({
                    "item_id": id, "output_index": number, "content_index": 0, "text": text,
                    "logprobs": [],
                }),
                out,
            ),
            Block::Refusal(text) => self.write(
                "response.refusal.done",
                json!({ "item_id": id, "output_index": number, "content_index": 0, "refusal": text }),
                out,
            ),
            Block::ToolCall { name, arguments, .. } => {
                let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
                let fields = json!({
                    "item_id": id, "output_index": number, "name": name, "arguments": arguments,
                });
                self.write("response.function_call_arguments.done", fields, out);
            }
            Block::Thought(Thought::Open { text, .. }) if kind == (Kind::Thoughts { summarized: true }) => {
                self.summary_done(&id, number, text, out);
            }
            Block::Thought(_) => {}
        }
        if let Some(part) = part(&block) {
            let fields = json!({
                "item_id": id, "output_index": number, "content_index": 0, "part": part,
            });
            self.write("response.content_part.done", fields, out);
        }
        let item = item(self.collector.id(), number, &block, "completed");
        self.write(
            "response.output_item.done",
            json!({ "output_index": number, "item": item }),
            out,
        );
    }

    fn summary_done(&mut self, id: &str, number: usize, text: &str, out: &mut Vec<u8>) {
        let done = json!({
            "item_id": id, "output_index": number, "summary_index": 0, "text": text,
        });
        self.write("response.reasoning_summary_text.done", done, out);
        let part = json!({
            "item_id": id, "output_index": number, "summary_index": 0,
            "part": { "type": "summary_text", "text": text },
        });
        self.write("response.reasoning_summary_part.done", part, out);
    }
}

impl WriteEvents for Writer {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) -> Result<(), ProviderError> {
        self.collector
            .take(event)
            .map_err(|error| ProviderError::new(ErrorClass::Internal, error.to_string()))?;
        match event {
            Event::Start { .. } => self.begin(out),
            Event::Open { block, opening } => self.open(*block, opening, out),
            Event::Delta { block, text } => self.more(*block, text, out),
            Event::Signature { .. } => {}
            Event::Close { block } => self.close(*block, out),
            Event::Finish { .. } => {
                let response = response(&self.collector.reply(), &self.echo, self.now);
                let kind = match response.get("status").and_then(Value::as_str) {
                    Some("completed") => "response.completed",
                    _ => "response.incomplete",
                };
                self.write(kind, json!({ "response": response }), out);
            }
            Event::Failed(error) => self.fail(error, out),
        }
        Ok(())
    }

    fn fail(&mut self, error: &ProviderError, out: &mut Vec<u8>) {
        if self.sequence == 0 {
            // Clients take no event before the first, not even the one that ends it all.
            self.begin(out);
        }
        let mut failed = head(&self.collector.reply(), &self.echo, self.now, "failed");
        let code = match error.class {
            ErrorClass::RateLimit | ErrorClass::Overloaded | ErrorClass::Billing => {
                "rate_limit_exceeded"
            }
            ErrorClass::InvalidRequest | ErrorClass::TooLarge => "invalid_prompt",
            _ => "server_error",
        };
        let error = json!({ "code": code, "message": error.message });
        failed.insert("error".to_owned(), error);
        self.write("response.failed", json!({ "response": failed }), out);
    }
}
