//! Watching an answer pass by: what was used, why it ended, whether it may go on.
//!
//! A [`Meter`] is fed with the bytes of a stream as they arrive and says which bytes go to
//! the client. They are the provider's own, frame by frame, but for two cases: the usage
//! that only we asked for is left out, and a stream that exceeds its bound is ended in a
//! well-formed way with the reason `length`. A [`Reading`] grows meanwhile.
//!
//! What is held to, since each broke a gateway once:
//! - the usage comes after the finish reason, so a stream is read to its end;
//! - the last usage that is not null counts, and an explicit zero is a number;
//! - counts are normalised to disjoint buckets, whatever the dialect ([`Usage`]);
//! - an error may stand inside of a stream with status 200 ([`Reading::fault`]), and as long
//!   as [`Reading::started`] is false, nothing has been promised to the client;
//! - comments, blank frames, frames without choices and unknown events pass untouched;
//! - what cannot be read passes on, but never counts as a usage.
//!
//! Answers that are not streamed are read by [`read_answer`] in one pass.

mod anthropic;
mod chat;
mod cohere;
mod converse;
mod counts;
mod embed;
mod gemini;
mod pictures;
mod replicate;
mod rerank;
mod responses;
mod sound;

use bytes::{Bytes, BytesMut};

use crate::eventstream::{self, MessageError};
use crate::kind::Dialect;
use crate::prices::Encoding;
use crate::sse::{FRAME_LIMIT_BYTES, FrameTooLarge, Framer};
use crate::texts::StreamError;
use crate::tokens;
use crate::usage::Usage;

/// How a stream is to be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeterOptions {
    /// Leave the usage out: only we asked for it.
    pub hide_usage: bool,
    /// Output tokens of all answers together after which the stream is ended.
    pub output_bound: Option<u64>,
    /// The encoding by which visible output is counted; without one each frame with content
    /// counts as one token, the least it can be.
    pub encoding: Option<Encoding>,
    /// Whether the request asks for long-lived cache writes.
    pub long_cache: bool,
    /// Whether a translator reads on, which some dialects have to tell the end.
    pub translated: bool,
    /// The largest frame.
    pub frame_limit_bytes: usize,
}

impl Default for MeterOptions {
    fn default() -> Self {
        MeterOptions {
            hide_usage: false,
            output_bound: None,
            encoding: None,
            long_cache: false,
            translated: false,
            frame_limit_bytes: FRAME_LIMIT_BYTES,
        }
    }
}

/// An error that a provider reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fault {
    /// Its type, such as `overloaded_error`.
    pub kind: String,
    /// Its code, where it has one.
    pub code: Option<String>,
    /// What it says.
    pub message: String,
}

/// What is known of an answer so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The provider's count. None until it has been told: not the same as nothing used.
    pub usage: Option<Usage>,
    /// Why the answer ended, in the provider's word.
    pub finish: Option<String>,
    /// The error that the provider reported.
    pub fault: Option<Fault>,
    /// Whether the answer has begun: a frame has come that is no comment, ping or error.
    pub started: bool,
    /// Whether words, thoughts or calls have been seen.
    pub content_seen: bool,
    /// Whether the answer is complete: the stream's own end mark was seen.
    pub complete: bool,
    /// Output tokens that are certain to have been made; never more than were billed.
    pub visible_output: u64,
    /// Bytes of content.
    pub content_bytes: u64,
    /// The provider's id for the answer.
    pub id: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// When it was made, in seconds, as the provider says.
    created: u64,
    /// Tool calls that were made.
    pub tool_calls: u64,
    /// Frames that could not be read.
    pub unreadable_frames: u64,
}

impl Reading {
    /// Notes that a piece of content has passed.
    fn content(&mut self, raw_bytes: usize) {
        self.content_seen |= raw_bytes > 0;
        self.content_bytes = self.content_bytes.saturating_add(raw_bytes as u64);
    }
}

/// What a frame is to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Pass,
    /// The usage that the client did not ask for.
    Hide,
}

/// One of the readers of a dialect's frames.
#[derive(Debug)]
enum Decoder {
    Chat(chat::Chat),
    Responses(responses::Responses),
    Messages(anthropic::Messages),
    Gemini(gemini::Gemini),
    Cohere,
    Sound(sound::Transcript),
    Pictures,
    Replicate,
    /// Nothing is read.
    Opaque,
    Converse(converse::Converse),
}

/// Why nothing more can be read from a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// A frame does not end, or there is no room for it.
    #[error(transparent)]
    TooLarge(#[from] FrameTooLarge),
    /// A message was damaged on its way.
    #[error(transparent)]
    Damaged(#[from] MessageError),
}

impl From<StreamError> for FeedError {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Frame(error) => FeedError::TooLarge(error),
            StreamError::Message(error) => FeedError::Damaged(error),
        }
    }
}

/// What came of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fed {
    /// What goes to the client now.
    pub forward: Bytes,
    /// Whether the stream was ended with these bytes because it exceeded its bound. The
    /// provider's stream should be aborted, or drained where that does not stop billing.
    pub cut: bool,
}

/// Watches one stream.
#[derive(Debug)]
pub struct Meter {
    /// Of a stream that does not come as server-sent events: what makes it one.
    unwrapper: Option<eventstream::Decoder>,
    framer: Framer,
    decoder: Decoder,
    options: MeterOptions,
    reading: Reading,
    cut: bool,
}

impl Meter {
    /// A meter for an answer in this dialect.
    pub fn new(dialect: Dialect, options: MeterOptions) -> Meter {
        let decoder = match dialect {
            Dialect::OpenAiChat => Decoder::Chat(chat::Chat::new(false)),
            Dialect::OpenAiCompletions
            | Dialect::OpenAiEmbeddings
            | Dialect::CohereEmbed
            | Dialect::GeminiEmbed
            | Dialect::BedrockEmbed
            | Dialect::GeminiImages
            | Dialect::Rerank => Decoder::Chat(chat::Chat::new(true)),
            Dialect::OpenAiResponses => Decoder::Responses(responses::Responses::default()),
            Dialect::AnthropicMessages | Dialect::BedrockMessages => {
                Decoder::Messages(anthropic::Messages::new(options.long_cache))
            }
            Dialect::Gemini => Decoder::Gemini(gemini::Gemini::default()),
            Dialect::Cohere => Decoder::Cohere,
            Dialect::Converse => Decoder::Converse(converse::Converse::new(options.long_cache)),
            Dialect::OpenAiTranscriptions | Dialect::OpenAiTranslations => {
                Decoder::Sound(sound::Transcript)
            }
            Dialect::Replicate => Decoder::Replicate,
            Dialect::OpenAiImages | Dialect::OpenAiImageEdits | Dialect::OpenAiImageVariations => {
                Decoder::Pictures
            }
            Dialect::OpenAiSpeech | Dialect::Passthrough => Decoder::Opaque,
        };
        let reading = match decoder {
            Decoder::Opaque => unread(),
            _ => Reading::default(),
        };
        let unwrapper = dialect
            .streams_in_messages()
            .then(|| eventstream::Decoder::new(eventstream::MESSAGE_LIMIT_BYTES));
        Meter {
            unwrapper,
            framer: Framer::new(options.frame_limit_bytes),
            decoder,
            options,
            reading,
            cut: false,
        }
    }

    /// What is known so far.
    pub const fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Takes the next bytes. What is to be forwarded of a stream of Bedrock's are its own messages,
    /// or server-sent events for a translator ([`crate::eventstream`]).
    ///
    /// # Errors
    /// [`FeedError`]; nothing more can be read from the stream.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Fed, FeedError> {
        let block = match &mut self.unwrapper {
            None => self.framer.feed(bytes)?,
            Some(_) if !self.options.translated => return self.feed_messages(bytes),
            Some(unwrapper) => self.framer.feed(&unwrapper.events(bytes)?)?,
        };
        if self.cut {
            for frame in block.frames() {
                self.read(frame.event, frame.data.as_deref());
            }
            return Ok(Fed {
                forward: Bytes::new(),
                cut: false,
            });
        }
        // As long as every frame passes, the block is forwarded as it is.
        let mut picked: Option<BytesMut> = None;
        let mut passed = 0;
        let mut frames = block.frames();
        for frame in frames.by_ref() {
            if self.read(frame.event, frame.data.as_deref()) == Verdict::Hide {
                let kept = picked.get_or_insert_with(BytesMut::new);
                if kept.is_empty() {
                    kept.extend_from_slice(block.bytes().get(..passed).unwrap_or_default());
                }
            } else if let Some(kept) = &mut picked {
                kept.extend_from_slice(frame.raw);
            }
            passed = frame.range.end;
            if self.is_over_bound() {
                self.cut = true;
                break;
            }
        }
        if self.cut {
            let mut out = picked
                .unwrap_or_else(|| BytesMut::from(block.bytes().get(..passed).unwrap_or_default()));
            out.extend_from_slice(&self.ending());
            for frame in frames {
                self.read(frame.event, frame.data.as_deref());
            }
            return Ok(Fed {
                forward: out.freeze(),
                cut: true,
            });
        }
        let forward = picked.map_or_else(|| block.bytes().clone(), BytesMut::freeze);
        Ok(Fed {
            forward,
            cut: false,
        })
    }

    /// The same for a client of Bedrock, which is given the messages as they are.
    fn feed_messages(&mut self, bytes: &[u8]) -> Result<Fed, FeedError> {
        let messages = match &mut self.unwrapper {
            Some(unwrapper) => unwrapper.feed(bytes)?,
            None => Vec::new(),
        };
        let mut forward = BytesMut::new();
        let was_cut = self.cut;
        for message in messages {
            let block = self.framer.feed(&message.events())?;
            for frame in block.frames() {
                self.read(frame.event, frame.data.as_deref());
            }
            if self.cut {
                continue;
            }
            forward.extend_from_slice(&message.bytes);
            if self.is_over_bound() {
                self.cut = true;
                forward.extend_from_slice(&self.ending());
            }
        }
        Ok(Fed {
            forward: forward.freeze(),
            cut: self.cut && !was_cut,
        })
    }

    /// Takes the end of the stream: gives back bytes of an unfinished frame, which go to the
    /// client as they are.
    pub fn finish(&mut self) -> Bytes {
        let rest = self.framer.finish();
        if self.cut { Bytes::new() } else { rest }
    }

    /// Takes note that the provider's body has ended: what has no end mark is complete by that.
    pub const fn body_ended(&mut self) {
        match self.decoder {
            Decoder::Opaque => self.reading.complete = true,
            // The last of several pictures has no mark of its own.
            Decoder::Pictures => {
                self.reading.complete =
                    self.reading.usage.is_some() && self.reading.fault.is_none();
            }
            _ => {}
        }
    }

    /// How many bytes of an unfinished frame are kept.
    pub fn pending_bytes(&self) -> usize {
        let wrapped = self.unwrapper.as_ref();
        let wrapped = wrapped.map_or(0, eventstream::Decoder::pending_bytes);
        self.framer.pending_bytes().saturating_add(wrapped)
    }

    /// Whether the provider ended the stream as its dialect demands.
    pub const fn is_complete(&self) -> bool {
        self.reading.complete
    }

    fn is_over_bound(&self) -> bool {
        self.options
            .output_bound
            .is_some_and(|bound| self.reading.visible_output > bound)
    }

    fn read(&mut self, event: Option<&[u8]>, data: Option<&[u8]>) -> Verdict {
        let Some(data) = data else {
            return Verdict::Pass;
        };
        let Ok(data) = std::str::from_utf8(data) else {
            self.reading.unreadable_frames = self.reading.unreadable_frames.saturating_add(1);
            return Verdict::Pass;
        };
        let before = self.reading.content_bytes;
        let mut text = Counted {
            encoding: self.counting(),
            tokens: 0,
        };
        let is_usage_alone = match &mut self.decoder {
            Decoder::Chat(chat) => {
                chat.frame(data, self.options.long_cache, &mut self.reading, &mut text)
            }
            Decoder::Responses(responses) => {
                responses.frame(
                    event,
                    data,
                    self.options.long_cache,
                    &mut self.reading,
                    &mut text,
                );
                false
            }
            Decoder::Messages(messages) => {
                messages.frame(data, &mut self.reading, &mut text);
                false
            }
            Decoder::Gemini(gemini) => {
                gemini.frame(data, &mut self.reading, &mut text);
                false
            }
            Decoder::Cohere => {
                cohere::frame(data, &mut self.reading, &mut text);
                false
            }
            Decoder::Sound(transcript) => {
                transcript.frame(data, &mut self.reading);
                false
            }
            Decoder::Replicate => {
                replicate::frame(data, &mut self.reading, &mut text);
                false
            }
            Decoder::Pictures => {
                pictures::frame(data, &mut self.reading);
                false
            }
            Decoder::Opaque => false,
            Decoder::Converse(converse) => {
                converse.frame(data, &mut self.reading, &mut text);
                false
            }
        };
        if self.reading.content_bytes > before {
            // Each frame with content was at least one token.
            self.reading.visible_output = self
                .reading
                .visible_output
                .saturating_add(text.tokens.max(1));
        }
        if is_usage_alone && self.options.hide_usage {
            Verdict::Hide
        } else {
            Verdict::Pass
        }
    }

    /// Tokens are counted only once the bytes alone could exceed the bound.
    fn counting(&self) -> Option<Encoding> {
        let bound = self.options.output_bound?;
        self.options
            .encoding
            .filter(|_| self.reading.content_bytes >= bound)
    }

    /// The frames that end the stream for the client.
    fn ending(&self) -> Vec<u8> {
        match &self.decoder {
            Decoder::Chat(chat) => chat.ending(&self.reading),
            Decoder::Responses(responses) => responses.ending(&self.reading),
            Decoder::Messages(messages) if self.unwrapper.is_some() => {
                eventstream::chunks(&messages.ending(&self.reading))
            }
            Decoder::Messages(messages) => messages.ending(&self.reading),
            Decoder::Gemini(_) => gemini::ending(self.options.translated),
            Decoder::Cohere => cohere::ending(),
            Decoder::Converse(_) if !self.options.translated => converse::last_messages(),
            Decoder::Converse(_) => converse::ending(),
            Decoder::Replicate => replicate::ending(),
            Decoder::Sound(_) | Decoder::Pictures | Decoder::Opaque => Vec::new(),
        }
    }
}

/// Counts the text of one frame.
#[derive(Debug)]
struct Counted {
    encoding: Option<Encoding>,
    tokens: u64,
}

impl Counted {
    fn text(&mut self, text: &crate::scan::Text<'_>, reading: &mut Reading) {
        reading.content(text.raw.len());
        if let Some(encoding) = self.encoding {
            self.tokens = self
                .tokens
                .saturating_add(tokens::count(encoding, &text.decoded()));
        }
    }
}

/// What is known of an answer that nobody reads: no tokens were counted, and it has begun.
fn unread() -> Reading {
    Reading {
        usage: Some(Usage::default()),
        started: true,
        ..Reading::default()
    }
}

/// Reads an answer that was not streamed: its usage, ending, error.
///
/// Whatever cannot be read leaves the usage unknown; nothing is guessed.
pub fn read_answer(dialect: Dialect, body: &[u8], long_cache: bool) -> Reading {
    if dialect.listens() {
        return sound::answer(body);
    }
    if !dialect.answers_in_json() {
        return Reading {
            complete: true,
            ..unread()
        };
    }
    let mut reading = Reading::default();
    let Ok(text) = std::str::from_utf8(body) else {
        reading.unreadable_frames = 1;
        return reading;
    };
    let read = match dialect {
        Dialect::AnthropicMessages | Dialect::BedrockMessages => {
            anthropic::answer(text, long_cache, &mut reading)
        }
        Dialect::OpenAiResponses => responses::answer(text, long_cache, &mut reading),
        Dialect::Gemini => gemini::answer(text, &mut reading),
        Dialect::Cohere => cohere::answer(text, &mut reading),
        Dialect::Rerank => rerank::answer(text, long_cache, &mut reading),
        Dialect::CohereEmbed | Dialect::GeminiEmbed | Dialect::BedrockEmbed => {
            embed::answer(text, &mut reading)
        }
        Dialect::Converse => converse::answer(text, long_cache, &mut reading),
        Dialect::Replicate => replicate::answer(text, &mut reading),
        Dialect::GeminiImages => pictures::of_google(text, &mut reading),
        dialect if dialect.draws() => pictures::answer(text, &mut reading),
        _ => chat::answer(text, long_cache, &mut reading),
    };
    match read {
        Ok(()) => reading.complete = reading.fault.is_none(),
        Err(_) => {
            reading = Reading {
                unreadable_frames: 1,
                ..Reading::default()
            };
        }
    }
    reading
}

/// Reads an error body in any shape that providers use.
pub fn read_fault(body: &[u8]) -> Option<Fault> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reading = Reading::default();
    chat::answer(text, false, &mut reading).ok()?;
    reading.fault
}
