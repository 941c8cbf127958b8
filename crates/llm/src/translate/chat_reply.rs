//! Reading an answer of OpenAI's chat completions.

use std::borrow::Cow;

use serde_json::Value;

use super::fields::object_text;
use super::thoughts::UNSIGNED;
use super::usage::from_chat;
use super::{ReplyError, verbatim};
use crate::canonical::{Block, Finish, Reply, Thought};
use crate::usage::ServiceTier;

/// The arguments of the functions that are called.
const ARGUMENTS: [&str; 5] = ["choices", "message", "tool_calls", "function", "arguments"];

/// Reads the body. `stop` are the texts that were to end the output: some servers tell which
/// of them did.
pub(super) fn read(body: &[u8], stop: &[String]) -> Result<Reply, ReplyError> {
    let unreadable = |field: &'static str| ReplyError::Unreadable { field };
    let completion = verbatim::read(body, &ARGUMENTS).map_err(|_| unreadable("body"))?;
    let choices = completion.get("choices").and_then(Value::as_array);
    let choice = match choices.map(Vec::as_slice) {
        Some([choice]) => choice,
        _ => return Err(unreadable("choices")),
    };
    let message = choice.get("message").ok_or_else(|| unreadable("message"))?;
    let blocks = blocks(message)?;
    let text = |name: &str| {
        completion
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut usage = completion.get("usage").map(from_chat).unwrap_or_default();
    usage.tier = tier(&completion);
    let calls = blocks
        .iter()
        .any(|block| matches!(block, Block::ToolCall { .. }));
    let refused = blocks
        .iter()
        .any(|block| matches!(block, Block::Refusal(_)));
    Ok(Reply {
        id: text("id"),
        model: text("model"),
        finish: finish(choice, calls, refused, stop),
        blocks,
        usage,
    })
}

pub(super) fn tier(value: &Value) -> Option<ServiceTier> {
    value
        .get("service_tier")
        .and_then(Value::as_str)
        .and_then(ServiceTier::from_answer)
}

fn blocks(message: &Value) -> Result<Vec<Block>, ReplyError> {
    if let Some(other) = ["audio", "function_call"]
        .into_iter()
        .find(|name| message.get(*name).is_some_and(|value| !value.is_null()))
    {
        return Err(ReplyError::Unexpected {
            what: other.to_owned(),
        });
    }
    let text = |name: &str| {
        message
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let mut blocks = Vec::new();
    if let Some((mark, text)) = UNSIGNED
        .iter()
        .find_map(|(mark, name)| Some((*mark, text(name)?)))
    {
        blocks.push(Block::Thought(Thought::Open {
            text: text.to_owned(),
            signature: mark.to_owned(),
        }));
    }
    if let Some(content) = text("content") {
        blocks.push(Block::Text(content.to_owned()));
    }
    if let Some(refusal) = text("refusal") {
        blocks.push(Block::Refusal(refusal.to_owned()));
    }
    let calls = message
        .get("tool_calls")
        .and_then(Value::as_array)
        .map(Vec::as_slice);
    for call in calls.unwrap_or_default() {
        blocks.push(tool_call(call)?);
    }
    Ok(blocks)
}

fn tool_call(call: &Value) -> Result<Block, ReplyError> {
    let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str);
    let name = text("/function/name").ok_or(ReplyError::Unreadable {
        field: "tool_calls",
    })?;
    let arguments = arguments(text("/function/arguments").unwrap_or_default());
    let arguments = arguments.ok_or(ReplyError::Unreadable { field: "arguments" })?;
    Ok(Block::ToolCall {
        id: text("/id").unwrap_or_default().to_owned(),
        name: name.to_owned(),
        arguments,
    })
}

/// Arguments are the text of an object; some servers say the object itself.
fn arguments(json: &str) -> Option<String> {
    let text: Cow<'_, str> = match json.starts_with('"') {
        true => serde_json::from_str(json).ok()?,
        false => json.into(),
    };
    object_text(&text).map(str::to_owned)
}

/// Why a choice ended. Some servers say `stop` for tool calls, too.
pub(super) fn finish(choice: &Value, calls: bool, refused: bool, stop: &[String]) -> Finish {
    if refused {
        return Finish::Refused;
    }
    match choice
        .get("finish_reason")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        "length" => Finish::MaxTokens,
        "content_filter" => Finish::Refused,
        "tool_calls" | "function_call" => Finish::ToolCalls,
        _ if calls => Finish::ToolCalls,
        // vLLM's `stop_reason` is the text that came up.
        _ => match choice.get("stop_reason").and_then(Value::as_str) {
            Some(text) if stop.iter().any(|asked| asked == text) => Finish::Stopped {
                sequence: Some(text.to_owned()),
            },
            _ => Finish::Done,
        },
    }
}
