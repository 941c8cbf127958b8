//! Following a stream of Anthropic's messages without changing it.

use serde_json::Value;

use super::Tally;
use crate::sse::{FrameTooLarge, Framer};
use crate::translate::{ErrorClass, ProviderError};

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// Nothing but pings.
    Silent,
    /// The message has begun, but says nothing yet. An error now can still be one of the
    /// request.
    Begun,
    /// Content has come.
    Speaking,
    /// The message is complete.
    Done,
}

/// Reads usage, reasons and errors from the bytes of a stream, however they were split.
#[derive(Debug, Default)]
pub struct Meter {
    framer: Framer,
    tally: Tally,
    progress: Option<Progress>,
    stop_reason: Option<String>,
    error: Option<ProviderError>,
    output_bytes: u64,
}

impl Meter {
    /// A meter for the answer to a request; `long_cache` says whether it asks for writes to
    /// the hourly cache.
    pub fn new(long_cache: bool) -> Meter {
        Meter {
            tally: Tally::new(long_cache),
            ..Meter::default()
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`FrameTooLarge`]; the meter is then of no more use.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), FrameTooLarge> {
        let block = self.framer.feed(bytes)?;
        for frame in block.frames() {
            if let Some(data) = &frame.data {
                self.frame(data);
            }
        }
        Ok(())
    }

    /// Takes the data of one frame, for callers that cut frames themselves.
    pub fn frame(&mut self, data: &[u8]) {
        let Ok(event) = serde_json::from_slice::<Value>(data) else {
            return;
        };
        match event
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
        {
            "message_start" => {
                self.advance(Progress::Begun);
                if let Some(usage) = event.pointer("/message/usage") {
                    self.tally.merge(usage);
                }
            }
            "content_block_start" => {
                self.advance(Progress::Speaking);
            }
            "content_block_delta" => {
                self.advance(Progress::Speaking);
                let delta = event.get("delta").and_then(Value::as_object);
                let bytes: usize = delta
                    .into_iter()
                    .flatten()
                    .filter(|(name, _)| {
                        matches!(name.as_str(), "text" | "thinking" | "partial_json")
                    })
                    .filter_map(|(_, value)| value.as_str())
                    .map(str::len)
                    .sum();
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                self.output_bytes = self.output_bytes.saturating_add(bytes);
            }
            "message_delta" => {
                if let Some(usage) = event.get("usage") {
                    self.tally.merge(usage);
                }
                let reason = event.pointer("/delta/stop_reason").and_then(Value::as_str);
                self.stop_reason = reason.map(str::to_owned).or(self.stop_reason.take());
            }
            "message_stop" => self.advance(Progress::Done),
            "error" => {
                self.error = ProviderError::of_value(&event, ErrorClass::Internal);
            }
            _ => {}
        }
    }

    fn advance(&mut self, to: Progress) {
        self.progress = self.progress.max(Some(to));
    }

    /// How far the stream has come.
    pub fn progress(&self) -> Progress {
        self.progress.unwrap_or(Progress::Silent)
    }

    /// What has been said about usage so far. It is final when [`Meter::progress`] is
    /// [`Progress::Done`].
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Why the model stopped, in Anthropic's word.
    pub fn stop_reason(&self) -> Option<&str> {
        self.stop_reason.as_deref()
    }

    /// The error that the stream reported inside its 200.
    pub const fn error(&self) -> Option<&ProviderError> {
        self.error.as_ref()
    }

    /// Bytes of words, thoughts and arguments that have come: the least that was generated.
    pub const fn output_bytes(&self) -> u64 {
        self.output_bytes
    }
}
