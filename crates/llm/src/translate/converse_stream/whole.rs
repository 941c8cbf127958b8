//! A whole answer of `Converse`, read as the stream that it could have been.

use iron_primitives::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Reader, Unsayable, finish};
use crate::aws;
use crate::canonical::{Collector, Event, Reply};
use crate::translate::ReplyError;

/// An answer whose blocks are the texts they are: arguments keep each of their digits.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    output: Output<'a>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Vec<&'a RawValue>,
}

/// A block that calls a tool.
#[derive(Deserialize)]
struct ToolUse<'a> {
    #[serde(borrow, rename = "toolUse")]
    call: Call<'a>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// Reads a whole answer.
pub(in crate::translate) fn read_whole(
    body: &[u8],
    model: &str,
    now: Timestamp,
) -> Result<Reply, ReplyError> {
    let unreadable = |field| ReplyError::Unreadable { field };
    let answer: Value = serde_json::from_slice(body).map_err(|_| unreadable("body"))?;
    let Answer { output } =
        serde_json::from_slice(body).map_err(|_| unreadable("output.message.content"))?;
    let reason = answer.get("stopReason").and_then(Value::as_str);
    let reason = reason.ok_or_else(|| unreadable("stopReason"))?;
    let unexpected = |Unsayable(what)| ReplyError::Unexpected { what };
    let (mut reader, mut events) = (Reader::new(model, now), Vec::new());
    reader.start(&mut events);
    for (index, block) in (0..).zip(output.message.content) {
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
        text: &RawValue,
        events: &mut Vec<Event>,
    ) -> Result<(), Unsayable> {
        let unreadable = |_| Unsayable("a block that is not JSON".to_owned());
        let block: Value = serde_json::from_str(text.get()).map_err(unreadable)?;
        let fields = block.as_object().into_iter().flatten();
        for (name, content) in fields {
            match (name.as_str(), content) {
                ("text", Value::String(text)) => self.say(index, text, events)?,
                ("toolUse", call) => {
                    let input = arguments(text)?;
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

/// The arguments of a block that calls a tool: the text of an object, or `{}` for none.
fn arguments(block: &RawValue) -> Result<&str, Unsayable> {
    let unsayable = || Unsayable("toolUse.input".to_owned());
    let block: ToolUse<'_> = serde_json::from_str(block.get()).map_err(|_| unsayable())?;
    let text = block.call.input.map_or("{}", RawValue::get);
    text.starts_with('{').then_some(text).ok_or_else(unsayable)
}
