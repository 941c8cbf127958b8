//! A whole answer of `Converse`, read as the stream that it could have been.

use iron_primitives::Timestamp;
use serde_json::Value;

use super::{Reader, Unsayable, finish};
use crate::aws;
use crate::canonical::{Collector, Event, Reply};
use crate::translate::{ReplyError, verbatim};

/// The arguments of the tools that are called.
const INPUTS: [&str; 5] = ["output", "message", "content", "toolUse", "input"];

/// Reads a whole answer.
pub(in crate::translate) fn read_whole(
    body: &[u8],
    model: &str,
    now: Timestamp,
) -> Result<Reply, ReplyError> {
    let unreadable = |field| ReplyError::Unreadable { field };
    let answer = verbatim::read(body, &INPUTS).map_err(|_| unreadable("body"))?;
    let content = answer.pointer("/output/message/content");
    let content = content
        .and_then(Value::as_array)
        .ok_or_else(|| unreadable("output.message.content"))?;
    let reason = answer.get("stopReason").and_then(Value::as_str);
    let reason = reason.ok_or_else(|| unreadable("stopReason"))?;
    let unexpected = |Unsayable(what)| ReplyError::Unexpected { what };
    let (mut reader, mut events) = (Reader::new(model, now), Vec::new());
    reader.start(&mut events);
    for (index, block) in (0..).zip(content) {
        reader
            .whole_block(index, block, &mut events)
            .map_err(unexpected)?;
    }
    reader.finish = Some(finish(reason).map_err(unexpected)?);
    let told = answer.get("usage").and_then(|told| aws::usage(told, false));
    reader.usage = told.unwrap_or_default();
    reader.close(&mut events);
    let mut collector = Collector::default();
    for event in &events {
        let taken = collector.take(event);
        taken.map_err(|_| unreadable("output"))?;
    }
    Ok(collector.reply())
}

impl Reader {
    /// A block of a whole answer.
    fn whole_block(
        &mut self,
        index: u64,
        block: &Value,
        events: &mut Vec<Event>,
    ) -> Result<(), Unsayable> {
        let fields = block.as_object().into_iter().flatten();
        for (name, content) in fields {
            match (name.as_str(), content) {
                ("text", Value::String(text)) => self.say(index, text, events)?,
                ("toolUse", call) => {
                    let input = arguments(call)?;
                    self.call(index, call, events)?;
                    self.say(index, input, events)?;
                }
                ("reasoningContent", thought) => {
                    let text = thought.get("reasoningText").unwrap_or(thought);
                    self.thought(index, text, events)?;
                }
                ("citationsContent", cited) => {
                    let texts = cited.get("content").and_then(Value::as_array);
                    for text in texts.into_iter().flatten() {
                        let text = text.get("text").and_then(Value::as_str);
                        self.say(index, text.unwrap_or_default(), events)?;
                    }
                }
                (other, _) => return Err(Unsayable(other.to_owned())),
            }
        }
        self.stop(index, events);
        Ok(())
    }
}

/// The arguments of a call: the text of an object, or `{}` for none.
fn arguments(call: &Value) -> Result<&str, Unsayable> {
    let text = call.get("input").and_then(Value::as_str).unwrap_or("{}");
    let text = Some(text).filter(|text| text.starts_with('{'));
    text.ok_or_else(|| Unsayable("toolUse.input".to_owned()))
}
