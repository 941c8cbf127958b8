//! Reading an answer of Anthropic's messages.

use serde_json::Value;

use super::{ReplyError, verbatim};
use crate::anthropic::Tally;
use crate::canonical::{Block, Finish, Reply, Thought};

/// The arguments of the tools that an answer calls.
const INPUTS: [&str; 2] = ["content", "input"];

/// Reads the body.
pub(super) fn read(body: &[u8]) -> Result<Reply, ReplyError> {
    let unreadable = |field: &'static str| ReplyError::Unreadable { field };
    let message = verbatim::read(body, &INPUTS).map_err(|_| unreadable("body"))?;
    let text = |name: &'static str| {
        message
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| unreadable(name))
    };
    let content = message.get("content").and_then(Value::as_array);
    let blocks = content
        .ok_or_else(|| unreadable("content"))?
        .iter()
        .map(block)
        .collect::<Result<Vec<Block>, ReplyError>>()?;
    let mut tally = Tally::default();
    if let Some(usage) = message.get("usage") {
        tally.merge(usage);
    }
    Ok(Reply {
        id: text("id")?.to_owned(),
        model: text("model")?.to_owned(),
        blocks,
        finish: finish(text("stop_reason")?, message.get("stop_sequence")),
        usage: tally.usage(),
    })
}

fn block(block: &Value) -> Result<Block, ReplyError> {
    let text = |name: &'static str| {
        let found = block.get(name).and_then(Value::as_str);
        found
            .map(str::to_owned)
            .ok_or(ReplyError::Unreadable { field: name })
    };
    Ok(match text("type")?.as_str() {
        "text" => Block::Text(text("text")?),
        "thinking" => Block::Thought(Thought::Open {
            text: text("thinking")?,
            signature: text("signature")?,
        }),
        "redacted_thinking" => Block::Thought(Thought::Sealed {
            data: text("data")?,
        }),
        "tool_use" => Block::ToolCall {
            id: text("id")?,
            name: text("name")?,
            arguments: text("input").and_then(object)?,
        },
        other => {
            return Err(ReplyError::Unexpected {
                what: other.to_owned(),
            });
        }
    })
}

fn object(text: String) -> Result<String, ReplyError> {
    let unreadable = ReplyError::Unreadable { field: "input" };
    text.starts_with('{').then_some(text).ok_or(unreadable)
}

/// The reason in `stop_reason`. One that is not known yet counts as done.
pub(super) fn finish(reason: &str, sequence: Option<&Value>) -> Finish {
    match reason {
        "stop_sequence" => Finish::Stopped {
            sequence: sequence.and_then(Value::as_str).map(str::to_owned),
        },
        "max_tokens" => Finish::MaxTokens,
        "model_context_window_exceeded" => Finish::ContextFull,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Refused,
        _ => Finish::Done,
    }
}
