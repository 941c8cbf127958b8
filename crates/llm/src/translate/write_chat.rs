//! Writing an answer of OpenAI's chat completions.
//!
//! Thoughts have no place in OpenAI's own shape. They are given in two fields that clients
//! know from elsewhere: `reasoning_content` for reading, `thinking_blocks` for sending back.

use iron_primitives::Timestamp;
use serde_json::{Map, Value, json};

use super::error::ProviderError;
use super::stream::WriteEvents;
use super::thoughts::thought_block;
use super::usage::{tier_word, to_chat};
use crate::canonical::{Block, Event, Finish, Opening, Reply, Thought};
use crate::kind::ErrorShape;

/// A whole completion.
pub(super) fn completion(reply: &Reply, now: Timestamp) -> Value {
    let mut message = Map::new();
    message.insert("role".to_owned(), "assistant".into());
    let (mut said, mut refusal, mut thoughts) = (None, None, String::new());
    let (mut thinking_blocks, mut calls) = (Vec::new(), Vec::new());
    let say = |all: &mut Option<String>, text: &str| {
        all.get_or_insert_default().push_str(text);
    };
    for block in &reply.blocks {
        match block {
            Block::Text(text) => say(&mut said, text),
            Block::Refusal(text) => say(&mut refusal, text),
            Block::Thought(thought) => {
                if let Thought::Open { text, .. } = thought {
                    thoughts.push_str(text);
                }
                thinking_blocks.push(thought_block(thought));
            }
            Block::ToolCall {
                id,
                name,
                arguments,
            } => calls.push(json!({
                "id": id,
                "type": "function",
                "function": { "name": name, "arguments": arguments },
            })),
        }
    }
    message.insert("content".to_owned(), said.into());
    message.insert("refusal".to_owned(), refusal.into());
    if !thinking_blocks.is_empty() {
        message.insert("reasoning_content".to_owned(), thoughts.into());
        message.insert("thinking_blocks".to_owned(), thinking_blocks.into());
    }
    if !calls.is_empty() {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    let mut out = json!({
        "id": id(&reply.id),
        "object": "chat.completion",
        "created": now.seconds(),
        "model": reply.model,
        "choices": [{
            "index": 0,
            "message": message,
            "logprobs": null,
            "finish_reason": finish_reason(&reply.finish),
        }],
        "usage": to_chat(&reply.usage),
    });
    if let (Some(tier), Some(map)) = (tier_word(&reply.usage), out.as_object_mut()) {
        map.insert("service_tier".to_owned(), tier.into());
    }
    out
}

fn id(provider_id: &str) -> String {
    format!(
        "chatcmpl-{}",
        provider_id.strip_prefix("msg_").unwrap_or(provider_id)
    )
}

const fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Done | Finish::Stopped { .. } => "stop",
        Finish::MaxTokens | Finish::ContextFull => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Refused => "content_filter",
    }
}

/// Writes chunks.
#[derive(Debug)]
pub(super) struct Writer {
    include_usage: bool,
    created: i64,
    id: String,
    model: String,
    blocks: Vec<Kind>,
    calls: usize,
    thoughts: usize,
}

/// What a block is, and which of its kind.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Refusal,
    Thoughts(usize),
    Call { index: usize, has_arguments: bool },
}

impl Writer {
    /// `include_usage` says whether the client asked for the chunk with the usage.
    pub(super) fn new(include_usage: bool, now: Timestamp) -> Writer {
        Writer {
            include_usage,
            created: now.seconds(),
            id: String::new(),
            model: String::new(),
            blocks: Vec::new(),
            calls: 0,
            thoughts: 0,
        }
    }

    fn chunk(&self, choices: Value, usage: Option<Value>, out: &mut Vec<u8>) {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        });
        // Who asked for the usage gets the field in every chunk.
        if let (true, Some(map)) = (self.include_usage, chunk.as_object_mut()) {
            map.insert("usage".to_owned(), usage.into());
        }
        out.extend_from_slice(format!("data: {chunk}\n\n").as_bytes());
    }

    fn delta(&self, delta: Value, finish: Option<&Finish>, out: &mut Vec<u8>) {
        let reason = finish.map(finish_reason);
        let choices = json!([{
            "index": 0,
            "delta": delta,
            "logprobs": null,
            "finish_reason": reason,
        }]);
        self.chunk(choices, None, out);
    }

    fn open(&mut self, opening: &Opening, out: &mut Vec<u8>) {
        let kind = match opening {
            Opening::Text => Kind::Text,
            Opening::Refusal => Kind::Refusal,
            Opening::Thinking => {
                let index = self.next_thought();
                let block = json!({ "index": index, "type": "thinking", "thinking": "" });
                self.delta(json!({ "thinking_blocks": [block] }), None, out);
                Kind::Thoughts(index)
            }
            Opening::Sealed { data } => {
                let index = self.next_thought();
                let block = json!({ "index": index, "type": "redacted_thinking", "data": data });
                self.delta(json!({ "thinking_blocks": [block] }), None, out);
                Kind::Thoughts(index)
            }
            Opening::ToolCall { id, name } => {
                let index = self.calls;
                self.calls = index.saturating_add(1);
                let call = json!({
                    "index": index,
                    "id": id,
                    "type": "function",
                    "function": { "name": name, "arguments": "" },
                });
                self.delta(json!({ "tool_calls": [call] }), None, out);
                Kind::Call {
                    index,
                    has_arguments: false,
                }
            }
        };
        self.blocks.push(kind);
    }

    fn next_thought(&mut self) -> usize {
        let index = self.thoughts;
        self.thoughts = index.saturating_add(1);
        index
    }

    fn more(&mut self, block: usize, text: &str, out: &mut Vec<u8>) {
        let delta = match self.blocks.get_mut(block) {
            Some(Kind::Text) => json!({ "content": text }),
            Some(Kind::Refusal) => json!({ "refusal": text }),
            Some(Kind::Thoughts(index)) => json!({
                "reasoning_content": text,
                "thinking_blocks": [{ "index": *index, "thinking": text }],
            }),
            Some(Kind::Call {
                index,
                has_arguments,
            }) => {
                *has_arguments = true;
                arguments(*index, text)
            }
            None => return,
        };
        self.delta(delta, None, out);
    }
}

fn arguments(index: usize, text: &str) -> Value {
    json!({ "tool_calls": [{ "index": index, "function": { "arguments": text } }] })
}

impl WriteEvents for Writer {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) -> Result<(), ProviderError> {
        match event {
            Event::Start {
                id: provider_id,
                model,
                ..
            } => {
                self.id = id(provider_id);
                self.model.clone_from(model);
                self.delta(json!({ "role": "assistant", "content": "" }), None, out);
            }
            Event::Open { opening, .. } => self.open(opening, out),
            Event::Delta { block, text } => self.more(*block, text, out),
            Event::Signature { block, signature } => {
                if let Some(Kind::Thoughts(index)) = self.blocks.get(*block) {
                    let thoughts = json!([{ "index": index, "signature": signature }]);
                    self.delta(json!({ "thinking_blocks": thoughts }), None, out);
                }
            }
            Event::Close { block } => {
                // No arguments are an empty object here, and nothing at all there.
                if let Some(Kind::Call {
                    index,
                    has_arguments: false,
                }) = self.blocks.get(*block)
                {
                    self.delta(arguments(*index, "{}"), None, out);
                }
            }
            Event::Finish { finish, usage } => {
                self.delta(json!({}), Some(finish), out);
                if self.include_usage {
                    self.chunk(json!([]), Some(to_chat(usage)), out);
                }
                out.extend_from_slice(b"data: [DONE]\n\n");
            }
            Event::Failed(error) => self.fail(error, out),
        }
        Ok(())
    }

    fn fail(&mut self, error: &ProviderError, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("data: {}\n\n", error.value(ErrorShape::OpenAi)).as_bytes());
    }
}
