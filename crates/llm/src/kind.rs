//! Who is called, and in which language.

use serde::{Deserialize, Serialize};

/// The kind of a provider, which decides its prices, its dialects and its habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProviderKind {
    /// OpenAI's own service.
    #[serde(rename = "openai")]
    OpenAi,
    /// Anthropic's own service.
    #[serde(rename = "anthropic")]
    Anthropic,
    /// Any server that speaks OpenAI's dialects: vLLM, llama.cpp, Ollama.
    #[serde(rename = "local")]
    Local,
    /// The provider that is built in ([`crate::simulated`]).
    #[serde(rename = "simulated")]
    Simulated,
}

impl ProviderKind {
    /// All kinds.
    pub const ALL: [ProviderKind; 4] = [
        ProviderKind::OpenAi,
        ProviderKind::Anthropic,
        ProviderKind::Local,
        ProviderKind::Simulated,
    ];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProviderKind::OpenAi => "openai",
            ProviderKind::Anthropic => "anthropic",
            ProviderKind::Local => "local",
            ProviderKind::Simulated => "simulated",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<ProviderKind> {
        ProviderKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// Whether a request in this dialect can be sent as it is.
    pub const fn speaks(self, dialect: Dialect) -> bool {
        match self {
            ProviderKind::OpenAi | ProviderKind::Local => {
                !matches!(dialect, Dialect::AnthropicMessages)
            }
            ProviderKind::Anthropic => matches!(dialect, Dialect::AnthropicMessages),
            ProviderKind::Simulated => true,
        }
    }

    /// Whether the provider stops billing when a stream is aborted. Where it is unknown (a
    /// local server may well run on), the answer is no: the stream is then drained.
    pub const fn abort_stops_billing(self) -> bool {
        matches!(
            self,
            ProviderKind::OpenAi | ProviderKind::Anthropic | ProviderKind::Simulated
        )
    }

    /// The address that is called when none is configured.
    pub const fn default_base_url(self) -> Option<&'static str> {
        match self {
            ProviderKind::OpenAi => Some("https://api.openai.com"),
            ProviderKind::Anthropic => Some("https://api.anthropic.com"),
            ProviderKind::Local | ProviderKind::Simulated => None,
        }
    }
}

/// The shape of a request that creates an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dialect {
    /// `POST /v1/chat/completions`
    #[serde(rename = "openai_chat")]
    OpenAiChat,
    /// `POST /v1/responses`
    #[serde(rename = "openai_responses")]
    OpenAiResponses,
    /// `POST /v1/completions`
    #[serde(rename = "openai_completions")]
    OpenAiCompletions,
    /// `POST /v1/embeddings`
    #[serde(rename = "openai_embeddings")]
    OpenAiEmbeddings,
    /// `POST /v1/messages`
    #[serde(rename = "anthropic_messages")]
    AnthropicMessages,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Dialect; 5] = [
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
        Dialect::OpenAiCompletions,
        Dialect::OpenAiEmbeddings,
        Dialect::AnthropicMessages,
    ];

    /// The path of the route, the same at the provider and at our own gateway.
    pub const fn path(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "/v1/chat/completions",
            Dialect::OpenAiResponses => "/v1/responses",
            Dialect::OpenAiCompletions => "/v1/completions",
            Dialect::OpenAiEmbeddings => "/v1/embeddings",
            Dialect::AnthropicMessages => "/v1/messages",
        }
    }

    /// The word in records: `openai_chat`, `anthropic_messages`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "openai_chat",
            Dialect::OpenAiResponses => "openai_responses",
            Dialect::OpenAiCompletions => "openai_completions",
            Dialect::OpenAiEmbeddings => "openai_embeddings",
            Dialect::AnthropicMessages => "anthropic_messages",
        }
    }

    /// The shape in which this dialect's clients read errors.
    pub const fn error_shape(self) -> ErrorShape {
        match self {
            Dialect::AnthropicMessages => ErrorShape::Anthropic,
            _ => ErrorShape::OpenAi,
        }
    }
}

/// The shape of an error body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorShape {
    /// `{"error": {"message", "type", "param", "code"}}`
    OpenAi,
    /// `{"type": "error", "error": {"type", "message"}, "request_id"}`
    Anthropic,
}
