//! Reading an answer of Replicate: a prediction that is over, or the stream that
//! [`crate::replicate`] makes of its words and of it.

use serde_json::Value;

use super::ReplyError;
use super::error::{ErrorClass, ProviderError};
use super::stream::{ReadFrames, parse};
use crate::canonical::{Block, Event, Finish, Opening, Reply};
use crate::replicate;
use crate::usage::Usage;

/// What is known of the answer so far.
#[derive(Debug)]
pub(super) struct Reader {
    model: String,
    /// The cap that the client has set.
    cap: Option<u64>,
    started: bool,
    /// Bytes of words that have come.
    said: usize,
}

impl ReadFrames for Reader {
    fn frame(&mut self, data: &[u8], events: &mut Vec<Event>) -> Result<(), ProviderError> {
        let event = parse(data)?;
        if let Some(words) = event.get("output").and_then(Value::as_str) {
            self.start(id(&event), events);
            self.more(words, events);
            return Ok(());
        }
        match event.get("prediction") {
            Some(prediction) => self.end_with(prediction, events),
            None => Ok(()),
        }
    }

    fn end(&mut self, _: &mut Vec<Event>) -> Result<(), ProviderError> {
        Ok(())
    }
}

impl Reader {
    pub(super) fn new(model: &str, cap: Option<u64>) -> Reader {
        Reader {
            model: model.to_owned(),
            cap,
            started: false,
            said: 0,
        }
    }

    fn start(&mut self, id: &str, events: &mut Vec<Event>) {
        if self.started {
            return;
        }
        self.started = true;
        events.push(Event::Start {
            id: id.to_owned(),
            model: self.model.clone(),
            usage: Usage::default(),
        });
        events.push(Event::Open {
            block: 0,
            opening: Opening::Text,
        });
    }

    fn more(&mut self, words: &str, events: &mut Vec<Event>) {
        self.said = self.said.saturating_add(words.len());
        if !words.is_empty() {
            events.push(Event::Delta {
                block: 0,
                text: words.to_owned(),
            });
        }
    }

    /// The words that did not come are in the prediction.
    fn end_with(
        &mut self,
        prediction: &Value,
        events: &mut Vec<Event>,
    ) -> Result<(), ProviderError> {
        if let Some(error) = failure(prediction) {
            return Err(error);
        }
        self.start(id(prediction), events);
        let words = replicate::words(prediction);
        let rest = words.get(self.said..).unwrap_or_default().to_owned();
        self.more(&rest, events);
        events.push(Event::Close { block: 0 });
        let usage = replicate::usage(prediction).unwrap_or_default();
        events.push(Event::Finish {
            finish: finish(prediction, &usage, self.cap),
            usage,
        });
        Ok(())
    }
}

fn id(prediction: &Value) -> &str {
    prediction
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn failure(prediction: &Value) -> Option<ProviderError> {
    let why = replicate::failure(prediction)?;
    Some(ProviderError::new(ErrorClass::Internal, why))
}

/// A prediction does not say why it ended; one that used its whole cap was cut.
fn finish(prediction: &Value, usage: &Usage, cap: Option<u64>) -> Finish {
    let was_cut = prediction.get("ended").is_some() || cap.is_some_and(|cap| usage.output >= cap);
    match was_cut {
        true => Finish::MaxTokens,
        false => Finish::Done,
    }
}

/// Reads a whole answer of this model.
pub(super) fn read_whole(body: &[u8], model: &str, cap: Option<u64>) -> Result<Reply, ReplyError> {
    let unreadable = |field| ReplyError::Unreadable { field };
    let prediction: Value = serde_json::from_slice(body).map_err(|_| unreadable("body"))?;
    if let Some(error) = failure(&prediction) {
        let what = error.message;
        return Err(ReplyError::Unexpected { what });
    }
    let output = prediction
        .get("output")
        .ok_or_else(|| unreadable("output"))?;
    if !matches!(output, Value::String(_) | Value::Array(_) | Value::Null) {
        return Err(unreadable("output"));
    }
    let usage = replicate::usage(&prediction).unwrap_or_default();
    Ok(Reply {
        id: id(&prediction).to_owned(),
        model: model.to_owned(),
        blocks: vec![Block::Text(replicate::words(&prediction))],
        finish: finish(&prediction, &usage, cap),
        usage,
    })
}
