//! A model: what it is for, what it can do, where its limits are.

use std::sync::Arc;

use iron_primitives::{Money, MoneyError};
use serde::{Deserialize, Serialize};

use super::Price;
use crate::envelope::CapField;
use crate::kind::{Dialect, ProviderKind};
use crate::usage::Usage;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Chat; at OpenAI also responses.
    Chat,
    /// Responses only.
    Responses,
    /// The old completions.
    Completion,
    /// Embeddings: no output is billed.
    Embedding,
    /// Ranking documents: no output is billed.
    Rerank,
    /// Speaks a text.
    Speech,
    /// Writes down what it hears.
    Transcription,
    /// Makes pictures.
    Image,
    /// Whatever the server makes of it (a wildcard for local servers).
    Any,
}

impl Mode {
    /// The word in price lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Chat => "chat",
            Mode::Responses => "responses",
            Mode::Completion => "completion",
            Mode::Embedding => "embedding",
            Mode::Rerank => "rerank",
            Mode::Speech => "speech",
            Mode::Transcription => "transcription",
            Mode::Image => "image",
            Mode::Any => "any",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Mode> {
        [
            Mode::Chat,
            Mode::Responses,
            Mode::Completion,
            Mode::Embedding,
            Mode::Rerank,
            Mode::Speech,
            Mode::Transcription,
            Mode::Image,
            Mode::Any,
        ]
        .into_iter()
        .find(|mode| mode.as_str() == word)
    }
}

/// The tokenizer by which a provider counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Encoding {
    /// `o200k_base`
    O200k,
    /// `cl100k_base`
    Cl100k,
}

/// How many tokens an image is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageRule {
    /// A base and so much for each tile of 512 pixels, after scaling to fit 2048 × 2048 and
    /// to a shortest side of 768 (OpenAI).
    Tiles {
        /// The whole price at low detail.
        base: u64,
        /// For each tile.
        tile: u64,
    },
    /// A token for each patch of 32 pixels, up to a maximum, times a factor (OpenAI).
    Patches {
        /// The most patches.
        most: u64,
        /// The most at `original` detail.
        original: u64,
        /// The factor in thousandths.
        permille: u64,
    },
    /// Never more than this, whatever its size (Anthropic scales larger images down).
    Most(u64),
    /// So much for an image of at most 384 pixels each way, and for each tile into which a larger
    /// one is cropped (Gemini 2). The number of tiles grows with how long an image is, so an image
    /// whose size cannot be read has no bound but the model's context.
    Crops {
        /// For each tile.
        tile: u64,
    },
}

/// How many tokens a picture has that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PictureRule {
    /// By a table of three sizes and three qualities.
    GptImage1,
    /// By its pixels, the ratio of its sides and its quality.
    GptImage2,
    /// No more than the model can write at all.
    AllOutput,
}

/// What a model can do, as far as bounds and lists of models care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent abilities, one flag each"
)]
pub struct Abilities {
    /// Sees images.
    pub vision: bool,
    /// Reads documents.
    pub files: bool,
    /// Hears.
    pub audio_input: bool,
    /// Speaks.
    pub audio_output: bool,
    /// Calls tools.
    pub tools: bool,
    /// Reasons; its cap includes the reasoning.
    pub reasoning: bool,
    /// Keeps to a JSON schema.
    pub json_schema: bool,
    /// Caches prompts.
    pub prompt_cache: bool,
}

/// A model: what it costs and where its limits are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// Whose it is.
    pub kind: ProviderKind,
    /// Its name on the wire; `*` stands for every model of the kind.
    pub name: String,
    /// What it is for.
    pub mode: Mode,
    /// The most tokens that input and output may have together, where it is known.
    pub context: Option<u64>,
    /// The most output tokens, where it is known.
    pub max_output: Option<u64>,
    /// The tokenizer, where it is public.
    pub encoding: Option<Encoding>,
    /// How images are counted, where the model sees.
    pub images: Option<ImageRule>,
    /// How many tokens its pictures have, where it makes any and is paid by the token.
    #[serde(default)]
    pub draws: Option<PictureRule>,
    /// What it can do.
    pub abilities: Abilities,
    /// What it costs.
    pub price: Price,
    /// Whether the prices are made up: nobody sends a bill.
    pub simulated: bool,
    /// Where the prices come from.
    pub source: Option<String>,
    /// When the provider switches it off, as a date.
    pub retires_on: Option<String>,
}

impl Model {
    /// What an attempt cost.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] above about 9.2 billion dollars.
    pub fn cost(&self, usage: &Usage) -> Result<Money, MoneyError> {
        self.price.cost(usage)
    }

    /// The field in which this model takes its output cap, in a dialect that has one.
    pub const fn cap_field(&self, dialect: Dialect) -> Option<CapField> {
        match (dialect, self.kind) {
            (Dialect::OpenAiChat, kind) if kind.serves_openai() => {
                Some(CapField::MaxCompletionTokens)
            }
            (Dialect::OpenAiResponses, _) => Some(CapField::MaxOutputTokens),
            (dialect, _) if dialect.is_of_sound() || dialect.draws() => None,
            (Dialect::Gemini, _) => Some(CapField::GenerationConfig),
            (Dialect::Converse, _) => Some(CapField::InferenceConfig),
            (Dialect::Replicate, _) => Some(CapField::ReplicateInput),
            (
                Dialect::OpenAiEmbeddings
                | Dialect::CohereEmbed
                | Dialect::GeminiEmbed
                | Dialect::BedrockEmbed
                | Dialect::GeminiImages
                | Dialect::Rerank
                | Dialect::Passthrough,
                _,
            ) => None,
            _ => Some(CapField::MaxTokens),
        }
    }

    /// Whether it answers requests of this dialect.
    pub const fn answers(&self, dialect: Dialect) -> bool {
        match self.mode {
            Mode::Any => true,
            Mode::Chat => matches!(
                dialect,
                Dialect::OpenAiChat
                    | Dialect::OpenAiResponses
                    | Dialect::AnthropicMessages
                    | Dialect::Gemini
                    | Dialect::Cohere
                    | Dialect::Converse
                    | Dialect::BedrockMessages
                    | Dialect::Replicate
            ),
            Mode::Responses => matches!(dialect, Dialect::OpenAiResponses),
            Mode::Rerank => matches!(dialect, Dialect::Rerank),
            Mode::Completion => matches!(dialect, Dialect::OpenAiCompletions),
            Mode::Speech => matches!(dialect, Dialect::OpenAiSpeech),
            Mode::Transcription => dialect.listens(),
            Mode::Image => {
                dialect.draws() || matches!(dialect, Dialect::GeminiImages | Dialect::Gemini)
            }
            Mode::Embedding => matches!(
                dialect,
                Dialect::OpenAiEmbeddings
                    | Dialect::CohereEmbed
                    | Dialect::GeminiEmbed
                    | Dialect::BedrockEmbed
            ),
        }
    }
}

/// A shared model entry.
pub type ModelRef = Arc<Model>;
