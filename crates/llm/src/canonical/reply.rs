//! A whole answer, and how a stream becomes one.

use super::{Event, Opening};
use crate::usage::Usage;

/// A whole answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The provider's id for it.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// What it said, in order.
    pub blocks: Vec<Block>,
    /// Why it ended.
    pub finish: Finish,
    /// What it used.
    pub usage: Usage,
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Words for the user.
    Text(String),
    /// Words by which the model refuses.
    Refusal(String),
    /// Thoughts.
    Thought(Thought),
    /// A call of a tool.
    ToolCall {
        /// The call's id.
        id: String,
        /// The tool.
        name: String,
        /// The arguments: the text of a JSON object, or empty for none.
        arguments: String,
    },
}

/// What the model thought: readable or sealed, signed by its provider or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thought {
    /// Readable thoughts. The signature is what the provider needs to take them back.
    Open {
        /// The thoughts.
        text: String,
        /// The provider's signature.
        signature: String,
    },
    /// Thoughts that only the provider can read.
    Sealed {
        /// The sealed bytes, as text.
        data: String,
    },
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    Done,
    /// A stop text came up.
    Stopped {
        /// Which one, where the provider says so.
        sequence: Option<String>,
    },
    /// The cap on output tokens was reached.
    MaxTokens,
    /// The context window is full.
    ContextFull,
    /// The model wants tools to be called.
    ToolCalls,
    /// The model or a filter of the provider refused.
    Refused,
}

/// A streamed answer grew beyond what is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer is larger than {} bytes", Collector::MAX_BYTES)]
pub struct ReplyTooLarge;

/// Gathers the events of a stream into a [`Reply`].
#[derive(Debug, Clone, Default)]
pub struct Collector {
    id: String,
    model: String,
    blocks: Vec<Block>,
    finish: Option<Finish>,
    usage: Usage,
    bytes: usize,
}

impl Collector {
    /// The most text that is gathered.
    pub const MAX_BYTES: usize = 32 << 20;

    /// Takes in the next event.
    ///
    /// # Errors
    /// [`ReplyTooLarge`] when the answer outgrows [`Collector::MAX_BYTES`].
    pub fn take(&mut self, event: &Event) -> Result<(), ReplyTooLarge> {
        match event {
            Event::Start { id, model, usage } => {
                self.grow(id.len().saturating_add(model.len()))?;
                self.id.clone_from(id);
                self.model.clone_from(model);
                self.usage = *usage;
            }
            Event::Open { opening, .. } => {
                let block = self.open(opening)?;
                self.blocks.push(block);
            }
            Event::Delta { block, text } => {
                self.grow(text.len())?;
                match self.blocks.get_mut(*block) {
                    Some(Block::Text(all) | Block::Refusal(all)) => all.push_str(text),
                    Some(Block::ToolCall { arguments, .. }) => arguments.push_str(text),
                    Some(Block::Thought(Thought::Open { text: all, .. })) => all.push_str(text),
                    Some(Block::Thought(Thought::Sealed { .. })) | None => {}
                }
            }
            Event::Signature {
                block,
                signature: more,
            } => {
                self.grow(more.len())?;
                if let Some(Block::Thought(Thought::Open { signature, .. })) =
                    self.blocks.get_mut(*block)
                {
                    signature.push_str(more);
                }
            }
            Event::Finish { finish, usage } => {
                self.finish = Some(finish.clone());
                self.usage = *usage;
            }
            Event::Close { .. } | Event::Failed(_) => {}
        }
        Ok(())
    }

    /// The provider's id for the answer.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The block of this number as far as it has come.
    pub fn block(&self, number: usize) -> Option<&Block> {
        self.blocks.get(number)
    }

    /// What has been gathered so far; a stream that has not ended counts as done.
    pub fn reply(&self) -> Reply {
        Reply {
            id: self.id.clone(),
            model: self.model.clone(),
            blocks: self.blocks.clone(),
            finish: self.finish.clone().unwrap_or(Finish::Done),
            usage: self.usage,
        }
    }

    fn open(&mut self, opening: &Opening) -> Result<Block, ReplyTooLarge> {
        // An empty block is not free: a stream of nothing but openings ends too.
        self.grow(64)?;
        Ok(match opening {
            Opening::Text => Block::Text(String::new()),
            Opening::Refusal => Block::Refusal(String::new()),
            Opening::Thinking => Block::Thought(Thought::Open {
                text: String::new(),
                signature: String::new(),
            }),
            Opening::Sealed { data } => {
                self.grow(data.len())?;
                Block::Thought(Thought::Sealed { data: data.clone() })
            }
            Opening::ToolCall { id, name } => {
                self.grow(id.len().saturating_add(name.len()))?;
                Block::ToolCall {
                    id: id.clone(),
                    name: name.clone(),
                    arguments: String::new(),
                }
            }
        })
    }

    fn grow(&mut self, bytes: usize) -> Result<(), ReplyTooLarge> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > Collector::MAX_BYTES {
            Err(ReplyTooLarge)
        } else {
            Ok(())
        }
    }
}
