//! Writing an answer of Anthropic's messages.

use serde_json::{Value, json};

use super::error::{ProviderError, ReplyError};
use super::fields::object_text;
use super::stream::WriteEvents;
use super::thoughts::thought_block;
use super::usage::to_messages;
use super::verbatim;
use crate::canonical::{Block, Event, Finish, Opening, Reply};
use crate::kind::ErrorShape;
use crate::usage::Usage;

/// The arguments of the tools that an answer calls.
const INPUTS: [&str; 2] = ["content", "input"];

/// A whole message.
pub(super) fn message(reply: &Reply) -> Result<Vec<u8>, ReplyError> {
    let content = reply.blocks.iter().map(block);
    let content = content.collect::<Result<Vec<Value>, ReplyError>>()?;
    let (stop_reason, stop_sequence) = stop(&reply.finish);
    let message = json!({
        "id": id(&reply.id),
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence,
        "usage": to_messages(&reply.usage),
    });
    verbatim::write(&message, &INPUTS).map_err(|_| ReplyError::Unreadable { field: "arguments" })
}

fn block(block: &Block) -> Result<Value, ReplyError> {
    Ok(match block {
        // A refusal is said in words; the reason to stop tells what it is.
        Block::Text(text) | Block::Refusal(text) => json!({ "type": "text", "text": text }),
        Block::Thought(thought) => thought_block(thought),
        Block::ToolCall {
            id,
            name,
            arguments,
        } => {
            let input = object_text(arguments);
            let input = input.ok_or(ReplyError::Unreadable { field: "arguments" })?;
            tool_use(id, name, &input.into())
        }
    })
}

fn tool_use(id: &str, name: &str, input: &Value) -> Value {
    json!({ "type": "tool_use", "id": id, "name": name, "input": input })
}

fn id(provider_id: &str) -> String {
    format!(
        "msg_{}",
        provider_id.strip_prefix("chatcmpl-").unwrap_or(provider_id)
    )
}

fn stop(finish: &Finish) -> (&'static str, Option<&str>) {
    match finish {
        Finish::Done => ("end_turn", None),
        Finish::Stopped { sequence } => ("stop_sequence", sequence.as_deref()),
        Finish::MaxTokens => ("max_tokens", None),
        Finish::ContextFull => ("model_context_window_exceeded", None),
        Finish::ToolCalls => ("tool_use", None),
        Finish::Refused => ("refusal", None),
    }
}

/// Writes events.
#[derive(Debug)]
pub(super) struct Writer {
    input_tokens: u64,
    begun_with: Usage,
    blocks: Vec<&'static str>,
}

impl Writer {
    /// `input_tokens` is what the start of the stream says until the provider knows better.
    pub(super) fn new(input_tokens: u64) -> Writer {
        Writer {
            input_tokens,
            begun_with: Usage::default(),
            blocks: Vec::new(),
        }
    }

    fn open(&mut self, number: usize, opening: &Opening, out: &mut Vec<u8>) {
        let (delta, content) = match opening {
            Opening::Text | Opening::Refusal => ("text", json!({ "type": "text", "text": "" })),
            Opening::Thinking => (
                "thinking",
                json!({ "type": "thinking", "thinking": "", "signature": "" }),
            ),
            Opening::Sealed { data } => ("", json!({ "type": "redacted_thinking", "data": data })),
            Opening::ToolCall { id, name } => ("partial_json", tool_use(id, name, &json!({}))),
        };
        self.blocks.push(delta);
        let event =
            json!({ "type": "content_block_start", "index": number, "content_block": content });
        write("content_block_start", &event, out);
    }
}

fn write(name: &str, event: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("event: {name}\ndata: {event}\n\n").as_bytes());
}

fn write_delta(number: usize, delta: &Value, out: &mut Vec<u8>) {
    let event = json!({ "type": "content_block_delta", "index": number, "delta": delta });
    write("content_block_delta", &event, out);
}

impl WriteEvents for Writer {
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) -> Result<(), ProviderError> {
        match event {
            Event::Start {
                id: provider_id,
                model,
                usage,
            } => {
                // The provider says only at the end what it counted.
                let known = match usage.input_total() {
                    0 => Usage {
                        input: self.input_tokens,
                        ..*usage
                    },
                    _ => *usage,
                };
                self.begun_with = known;
                let message = json!({
                    "id": id(provider_id),
                    "type": "message",
                    "role": "assistant",
                    "model": model,
                    "content": [],
                    "stop_reason": null,
                    "stop_sequence": null,
                    "usage": to_messages(&known),
                });
                let event = json!({ "type": "message_start", "message": message });
                write("message_start", &event, out);
            }
            Event::Open { block, opening } => self.open(*block, opening, out),
            Event::Delta { block, text } => {
                let delta = match self.blocks.get(*block).copied().unwrap_or_default() {
                    "text" => json!({ "type": "text_delta", "text": text }),
                    "thinking" => json!({ "type": "thinking_delta", "thinking": text }),
                    "partial_json" => json!({ "type": "input_json_delta", "partial_json": text }),
                    _ => return Ok(()),
                };
                write_delta(*block, &delta, out);
            }
            Event::Signature { block, signature } => {
                let delta = json!({ "type": "signature_delta", "signature": signature });
                write_delta(*block, &delta, out);
            }
            Event::Close { block } => {
                let event = json!({ "type": "content_block_stop", "index": block });
                write("content_block_stop", &event, out);
            }
            Event::Finish { finish, usage } => {
                let (stop_reason, stop_sequence) = stop(finish);
                // A provider that counted nothing must not make the client forget our count.
                let usage = if usage.total() == 0 {
                    &self.begun_with
                } else {
                    usage
                };
                let event = json!({
                    "type": "message_delta",
                    "delta": { "stop_reason": stop_reason, "stop_sequence": stop_sequence },
                    "usage": to_messages(usage),
                });
                write("message_delta", &event, out);
                write("message_stop", &json!({ "type": "message_stop" }), out);
            }
            Event::Failed(error) => self.fail(error, out),
        }
        Ok(())
    }

    fn fail(&mut self, error: &ProviderError, out: &mut Vec<u8>) {
        write("error", &error.value(ErrorShape::Anthropic), out);
    }
}
