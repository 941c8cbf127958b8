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
    /// Azure OpenAI: models of OpenAI, each behind a deployment with a name of one's own.
    #[serde(rename = "azure_openai")]
    AzureOpenAi,
    /// Together AI, in OpenAI's dialects.
    #[serde(rename = "together")]
    Together,
    /// Hugging Face's router and its TGI servers, in OpenAI's chat completions.
    #[serde(rename = "huggingface")]
    HuggingFace,
    /// AI21 Studio, in OpenAI's chat completions.
    #[serde(rename = "ai21")]
    Ai21,
    /// Cohere, in its own chat of version 2.
    #[serde(rename = "cohere")]
    Cohere,
    /// Google's Gemini API.
    #[serde(rename = "google")]
    Google,
    /// Gemini on Vertex AI, in Google Cloud.
    #[serde(rename = "vertex")]
    Vertex,
    /// Amazon Bedrock, in its Converse API.
    #[serde(rename = "aws_bedrock")]
    AwsBedrock,
    /// Replicate, in its predictions.
    #[serde(rename = "replicate")]
    Replicate,
    /// Any server that speaks OpenAI's dialects: vLLM, llama.cpp, Ollama.
    #[serde(rename = "local")]
    Local,
    /// The provider that is built in ([`crate::simulated`]).
    #[serde(rename = "simulated")]
    Simulated,
}

impl ProviderKind {
    /// All kinds.
    pub const ALL: [ProviderKind; 13] = [
        ProviderKind::OpenAi,
        ProviderKind::Anthropic,
        ProviderKind::AzureOpenAi,
        ProviderKind::Together,
        ProviderKind::HuggingFace,
        ProviderKind::Ai21,
        ProviderKind::Cohere,
        ProviderKind::Google,
        ProviderKind::Vertex,
        ProviderKind::AwsBedrock,
        ProviderKind::Replicate,
        ProviderKind::Local,
        ProviderKind::Simulated,
    ];

    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProviderKind::OpenAi => "openai",
            ProviderKind::Anthropic => "anthropic",
            ProviderKind::AzureOpenAi => "azure_openai",
            ProviderKind::Together => "together",
            ProviderKind::HuggingFace => "huggingface",
            ProviderKind::Ai21 => "ai21",
            ProviderKind::Cohere => "cohere",
            ProviderKind::Google => "google",
            ProviderKind::Vertex => "vertex",
            ProviderKind::AwsBedrock => "aws_bedrock",
            ProviderKind::Replicate => "replicate",
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
            ProviderKind::Simulated if matches!(dialect, Dialect::Passthrough) => false,
            ProviderKind::OpenAi
            | ProviderKind::AzureOpenAi
            | ProviderKind::Local
            | ProviderKind::Together
                if dialect.is_of_sound() =>
            {
                true
            }
            ProviderKind::OpenAi | ProviderKind::AzureOpenAi | ProviderKind::Local
                if dialect.draws() =>
            {
                true
            }
            _ if matches!(dialect, Dialect::Passthrough) => true,
            ProviderKind::OpenAi | ProviderKind::AzureOpenAi => dialect.is_of_openai(),
            ProviderKind::Local => dialect.is_of_openai() || matches!(dialect, Dialect::Rerank),
            ProviderKind::Together => matches!(
                dialect,
                Dialect::OpenAiChat
                    | Dialect::OpenAiCompletions
                    | Dialect::OpenAiEmbeddings
                    | Dialect::Rerank
                    | Dialect::OpenAiImages
            ),
            ProviderKind::HuggingFace | ProviderKind::Ai21 => {
                matches!(dialect, Dialect::OpenAiChat)
            }
            ProviderKind::Anthropic => matches!(dialect, Dialect::AnthropicMessages),
            ProviderKind::Cohere => matches!(
                dialect,
                Dialect::Cohere | Dialect::CohereEmbed | Dialect::Rerank
            ),
            ProviderKind::Google | ProviderKind::Vertex => {
                matches!(
                    dialect,
                    Dialect::Gemini | Dialect::GeminiEmbed | Dialect::GeminiImages
                )
            }
            ProviderKind::AwsBedrock => {
                matches!(
                    dialect,
                    Dialect::Converse | Dialect::BedrockMessages | Dialect::BedrockEmbed
                )
            }
            ProviderKind::Replicate => matches!(dialect, Dialect::Replicate),
            ProviderKind::Simulated => {
                dialect.is_of_openai() || matches!(dialect, Dialect::AnthropicMessages)
            }
        }
    }

    /// The dialect into which a request is translated whose dialect it does not speak.
    pub const fn mother_tongue(self, client: Dialect) -> Dialect {
        let embeds = matches!(client, Dialect::OpenAiEmbeddings);
        match self {
            ProviderKind::Anthropic => Dialect::AnthropicMessages,
            ProviderKind::Cohere if embeds => Dialect::CohereEmbed,
            ProviderKind::Cohere => Dialect::Cohere,
            ProviderKind::Google | ProviderKind::Vertex if embeds => Dialect::GeminiEmbed,
            ProviderKind::Google | ProviderKind::Vertex if client.draws() => Dialect::GeminiImages,
            ProviderKind::Google | ProviderKind::Vertex => Dialect::Gemini,
            ProviderKind::AwsBedrock if embeds => Dialect::BedrockEmbed,
            ProviderKind::AwsBedrock => Dialect::Converse,
            ProviderKind::Replicate => Dialect::Replicate,
            _ => Dialect::OpenAiChat,
        }
    }

    /// Whether it sells models of its own making.
    pub const fn makes_models(self) -> bool {
        matches!(
            self,
            ProviderKind::OpenAi
                | ProviderKind::Anthropic
                | ProviderKind::Ai21
                | ProviderKind::Cohere
                | ProviderKind::Google
        )
    }

    /// Whether there may be no key: servers of one's own ask for none.
    pub const fn may_lack_a_key(self) -> bool {
        matches!(
            self,
            ProviderKind::HuggingFace | ProviderKind::Local | ProviderKind::Simulated
        )
    }

    /// Whether agents can keep files there.
    pub const fn keeps_files(self) -> bool {
        matches!(self, ProviderKind::OpenAi | ProviderKind::Anthropic)
    }

    /// Whether a request can name the end user to it.
    pub const fn names_end_users(self) -> bool {
        !matches!(
            self,
            ProviderKind::HuggingFace
                | ProviderKind::Ai21
                | ProviderKind::Cohere
                | ProviderKind::Google
                | ProviderKind::Vertex
                | ProviderKind::AwsBedrock
                | ProviderKind::Replicate
        )
    }

    /// Whether a request can name a service tier to it.
    pub const fn has_tiers(self) -> bool {
        !matches!(
            self,
            ProviderKind::Together
                | ProviderKind::HuggingFace
                | ProviderKind::Ai21
                | ProviderKind::Cohere
                | ProviderKind::Google
                | ProviderKind::Vertex
                | ProviderKind::AwsBedrock
                | ProviderKind::Replicate
        )
    }

    /// Whether it serves OpenAI's own models, with their habits: reasoning models that take the
    /// newer cap only, service tiers, names of end users.
    pub const fn serves_openai(self) -> bool {
        matches!(self, ProviderKind::OpenAi | ProviderKind::AzureOpenAi)
    }

    /// Whether a stream has to be asked for its usage, by `stream_options`. AI21 knows no such
    /// field and ends every stream with it.
    pub const fn takes_stream_options(self) -> bool {
        !matches!(self, ProviderKind::Ai21)
    }

    /// Whether the provider stops billing when a stream is aborted. Where it is unknown (a
    /// local server may well run on), the answer is no: the stream is then drained.
    pub const fn abort_stops_billing(self) -> bool {
        matches!(
            self,
            ProviderKind::OpenAi
                | ProviderKind::Anthropic
                | ProviderKind::AzureOpenAi
                | ProviderKind::Together
                | ProviderKind::Simulated
        )
    }

    /// The address that is called when none is configured, if it is the same for all; see
    /// [`crate::ProviderConfig::default_base_url`].
    pub const fn default_base_url(self) -> Option<&'static str> {
        match self {
            ProviderKind::OpenAi => Some("https://api.openai.com"),
            ProviderKind::Anthropic => Some("https://api.anthropic.com"),
            ProviderKind::Together => Some("https://api.together.xyz"),
            ProviderKind::HuggingFace => Some("https://router.huggingface.co"),
            ProviderKind::Ai21 => Some("https://api.ai21.com/studio"),
            ProviderKind::Cohere => Some("https://api.cohere.com"),
            ProviderKind::Replicate => Some("https://api.replicate.com"),
            ProviderKind::Google => Some("https://generativelanguage.googleapis.com"),
            // Each resource of Azure has an address of its own, each location of Vertex AI, and
            // each region of AWS.
            ProviderKind::AzureOpenAi
            | ProviderKind::Vertex
            | ProviderKind::AwsBedrock
            | ProviderKind::Local
            | ProviderKind::Simulated => None,
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
    /// `POST /v1/rerank`, in the shape that Cohere gave it, and Together and Jina have taken over
    #[serde(rename = "rerank")]
    Rerank,
    /// Google's `generateContent`, under `/providers/{name}/`.
    #[serde(rename = "gemini")]
    Gemini,
    /// Cohere's `POST /v2/chat`, under `/providers/{name}/`.
    #[serde(rename = "cohere")]
    Cohere,
    /// Cohere's `POST /v2/embed`, under `/providers/{name}/`.
    #[serde(rename = "cohere_embed")]
    CohereEmbed,
    /// Google's embeddings: `batchEmbedContents`, and Vertex AI's `predict`. No client speaks it
    /// here.
    #[serde(rename = "gemini_embed")]
    GeminiEmbed,
    /// Pictures of Google: `generateContent` of the models that draw, and Imagen's `predict`. No
    /// client speaks it here.
    #[serde(rename = "gemini_images")]
    GeminiImages,
    /// `POST /v1/audio/speech`
    #[serde(rename = "openai_speech")]
    OpenAiSpeech,
    /// `POST /v1/audio/transcriptions`
    #[serde(rename = "openai_transcriptions")]
    OpenAiTranscriptions,
    /// `POST /v1/audio/translations`
    #[serde(rename = "openai_translations")]
    OpenAiTranslations,
    /// `POST /v1/images/generations`
    #[serde(rename = "openai_images")]
    OpenAiImages,
    /// `POST /v1/images/edits`
    #[serde(rename = "openai_image_edits")]
    OpenAiImageEdits,
    /// `POST /v1/images/variations`
    #[serde(rename = "openai_image_variations")]
    OpenAiImageVariations,
    /// None that is known: a route of a provider that is passed on as it is.
    #[serde(rename = "passthrough")]
    Passthrough,
    /// Bedrock's `Converse` and `ConverseStream`, under `/providers/{name}/`.
    #[serde(rename = "converse")]
    Converse,
    /// Anthropic's messages as Bedrock's `InvokeModel` and `InvokeModelWithResponseStream` take
    /// them, under `/providers/{name}/`.
    #[serde(rename = "bedrock_messages")]
    BedrockMessages,
    /// Embeddings as Bedrock's `InvokeModel` takes them, in the words of Amazon's Titan or of
    /// Cohere, under `/providers/{name}/`.
    #[serde(rename = "bedrock_embed")]
    BedrockEmbed,
    /// A prediction of Replicate. Providers are asked in it; no client speaks it here.
    #[serde(rename = "replicate")]
    Replicate,
}

impl Dialect {
    /// Those that speak or listen. Nothing is translated into them or out of them.
    pub const SOUND: [Dialect; 3] = [
        Dialect::OpenAiSpeech,
        Dialect::OpenAiTranscriptions,
        Dialect::OpenAiTranslations,
    ];

    /// Those that only Cohere speaks. Its ranking has been taken over by others.
    pub const OF_COHERE: [Dialect; 2] = [Dialect::Cohere, Dialect::CohereEmbed];

    /// Those that make pictures.
    pub const PICTURES: [Dialect; 3] = [
        Dialect::OpenAiImages,
        Dialect::OpenAiImageEdits,
        Dialect::OpenAiImageVariations,
    ];

    /// Whether it is one of [`Dialect::PICTURES`].
    pub const fn draws(self) -> bool {
        matches!(
            self,
            Dialect::OpenAiImages | Dialect::OpenAiImageEdits | Dialect::OpenAiImageVariations
        )
    }

    /// Whether a request is a form, with a file in it.
    pub const fn takes_a_form(self) -> bool {
        self.listens()
            || matches!(
                self,
                Dialect::OpenAiImageEdits | Dialect::OpenAiImageVariations
            )
    }

    /// Whether it is one of [`Dialect::SOUND`].
    pub const fn is_of_sound(self) -> bool {
        self.listens() || matches!(self, Dialect::OpenAiSpeech)
    }

    /// Whether a recording is sent, in a form.
    pub const fn listens(self) -> bool {
        matches!(
            self,
            Dialect::OpenAiTranscriptions | Dialect::OpenAiTranslations
        )
    }

    /// Whether answers are always JSON, or events of it.
    pub const fn answers_in_json(self) -> bool {
        !self.is_of_sound() && !matches!(self, Dialect::Passthrough)
    }

    /// Whether the address names the model and says whether the answer streams.
    pub const fn is_addressed(self) -> bool {
        matches!(
            self,
            Dialect::Gemini
                | Dialect::GeminiEmbed
                | Dialect::Converse
                | Dialect::BedrockMessages
                | Dialect::BedrockEmbed
                | Dialect::GeminiImages
                | Dialect::Replicate
        )
    }

    /// All dialects that have a route of our own.
    pub const ALL: [Dialect; 6] = [
        Dialect::OpenAiChat,
        Dialect::OpenAiResponses,
        Dialect::OpenAiCompletions,
        Dialect::OpenAiEmbeddings,
        Dialect::AnthropicMessages,
        Dialect::Rerank,
    ];

    /// Whether its streams are messages of AWS ([`crate::eventstream`]) and no server-sent events.
    pub const fn streams_in_messages(self) -> bool {
        matches!(self, Dialect::Converse | Dialect::BedrockMessages)
    }

    /// Whether OpenAI has made it.
    pub const fn is_of_openai(self) -> bool {
        matches!(
            self,
            Dialect::OpenAiChat
                | Dialect::OpenAiResponses
                | Dialect::OpenAiCompletions
                | Dialect::OpenAiEmbeddings
        )
    }

    /// Whether a request may hold several inputs that have nothing to do with each other.
    pub const fn takes_several_inputs(self) -> bool {
        matches!(
            self,
            Dialect::OpenAiCompletions
                | Dialect::OpenAiEmbeddings
                | Dialect::CohereEmbed
                | Dialect::GeminiEmbed
                | Dialect::BedrockEmbed
                | Dialect::Rerank
        )
    }

    /// The path of the route, the same at the provider and at our own gateway. Gemini's and
    /// Converse's are templates, for the model stands in them.
    pub const fn path(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "/v1/chat/completions",
            Dialect::OpenAiResponses => "/v1/responses",
            Dialect::OpenAiCompletions => "/v1/completions",
            Dialect::OpenAiEmbeddings => "/v1/embeddings",
            Dialect::AnthropicMessages => "/v1/messages",
            Dialect::Rerank => "/v1/rerank",
            Dialect::Gemini => "/v1beta/models/{model}:generateContent",
            Dialect::Cohere => "/v2/chat",
            Dialect::CohereEmbed => "/v2/embed",
            Dialect::GeminiEmbed => "/v1beta/models/{model}:batchEmbedContents",
            Dialect::GeminiImages => "/v1beta/models/{model}:predict",
            Dialect::OpenAiSpeech => "/v1/audio/speech",
            Dialect::OpenAiTranscriptions => "/v1/audio/transcriptions",
            Dialect::OpenAiTranslations => "/v1/audio/translations",
            Dialect::OpenAiImages => "/v1/images/generations",
            Dialect::OpenAiImageEdits => "/v1/images/edits",
            Dialect::OpenAiImageVariations => "/v1/images/variations",
            Dialect::Passthrough => "/providers/{name}/{route}",
            Dialect::Converse => "/model/{model}/converse",
            Dialect::BedrockMessages | Dialect::BedrockEmbed => "/model/{model}/invoke",
            Dialect::Replicate => "/v1/models/{model}/predictions",
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
            Dialect::Rerank => "rerank",
            Dialect::Gemini => "gemini",
            Dialect::Cohere => "cohere",
            Dialect::CohereEmbed => "cohere_embed",
            Dialect::GeminiEmbed => "gemini_embed",
            Dialect::GeminiImages => "gemini_images",
            Dialect::OpenAiSpeech => "openai_speech",
            Dialect::OpenAiTranscriptions => "openai_transcriptions",
            Dialect::OpenAiTranslations => "openai_translations",
            Dialect::OpenAiImages => "openai_images",
            Dialect::OpenAiImageEdits => "openai_image_edits",
            Dialect::OpenAiImageVariations => "openai_image_variations",
            Dialect::Passthrough => "passthrough",
            Dialect::Converse => "converse",
            Dialect::BedrockMessages => "bedrock_messages",
            Dialect::BedrockEmbed => "bedrock_embed",
            Dialect::Replicate => "replicate",
        }
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        match self {
            Dialect::OpenAiChat => "OpenAI chat completions",
            Dialect::OpenAiResponses => "OpenAI responses",
            Dialect::OpenAiCompletions => "OpenAI completions",
            Dialect::OpenAiEmbeddings => "OpenAI embeddings",
            Dialect::AnthropicMessages => "Anthropic messages",
            Dialect::Rerank => "rerank",
            Dialect::Gemini => "Gemini",
            Dialect::Cohere => "Cohere",
            Dialect::CohereEmbed => "Cohere embeddings",
            Dialect::GeminiEmbed => "Gemini embeddings",
            Dialect::GeminiImages => "pictures of Google",
            Dialect::OpenAiSpeech => "OpenAI speech",
            Dialect::OpenAiTranscriptions => "OpenAI transcriptions",
            Dialect::OpenAiTranslations => "OpenAI translations",
            Dialect::OpenAiImages => "OpenAI images",
            Dialect::OpenAiImageEdits => "OpenAI image edits",
            Dialect::OpenAiImageVariations => "OpenAI image variations",
            Dialect::Passthrough => "a route of the provider",
            Dialect::Converse => "Converse",
            Dialect::BedrockMessages => "Anthropic messages at Bedrock",
            Dialect::BedrockEmbed => "Bedrock embeddings",
            Dialect::Replicate => "Replicate",
        }
    }

    /// The shape in which this dialect's clients read errors.
    pub const fn error_shape(self) -> ErrorShape {
        match self {
            Dialect::AnthropicMessages => ErrorShape::Anthropic,
            Dialect::Gemini => ErrorShape::Google,
            Dialect::Cohere | Dialect::CohereEmbed => ErrorShape::Cohere,
            Dialect::Converse | Dialect::BedrockMessages | Dialect::BedrockEmbed => ErrorShape::Aws,
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
    /// `{"error": {"code", "message", "status", "details"}}`
    Google,
    /// `{"message"}`
    Cohere,
    /// `{"__type", "message"}`
    Aws,
}
