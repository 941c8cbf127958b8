//! What names mean: the tables of what is passed over, of media, and of who says what.

use super::walk::is_word;
use super::{Channel, Medium, PartKind};
use crate::kind::Dialect;

/// What is done with a field of the top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// It holds no text that reaches a model, or a client.
    Passed,
    /// It holds texts, by this way if nothing in it says otherwise.
    Texts(Channel),
    /// It holds declarations.
    Declarations,
    /// It holds texts in objects of the caller's.
    Free(Channel),
}

pub(super) fn request_field(dialect: Dialect, name: &str) -> Field {
    if dialect == Dialect::Passthrough {
        return Field::Texts(Channel::User);
    }
    match name {
        "model"
        | "stream"
        | "stream_options"
        | "user"
        | "safety_identifier"
        | "metadata"
        | "labels"
        | "service_tier"
        | "prompt_cache_key"
        | "prompt_cache_retention"
        | "prompt_cache_options"
        | "stop"
        | "stop_sequences"
        | "cache_control"
        | "previous_response_id"
        | "include"
        | "voice" => Field::Passed,
        "system" | "instructions" | "systemInstruction" | "system_instruction" => {
            Field::Texts(Channel::System)
        }
        "documents" if dialect == Dialect::Rerank => Field::Free(Channel::Document),
        "documents" => Field::Texts(Channel::Document),
        "tools" | "functions" | "tool_choice" | "function_call" | "toolConfig" | "tool_config"
        | "mcp_servers" | "response_format" | "text" | "output_config" | "outputConfig"
        | "generationConfig" | "generation_config" | "safetySettings" | "safety_settings"
        | "inferenceConfig" | "web_search_options" => Field::Declarations,
        _ => Field::Texts(Channel::User),
    }
}

pub(super) fn reply_field(dialect: Dialect, name: &str) -> Field {
    match (dialect, name) {
        (
            Dialect::OpenAiResponses,
            "instructions" | "tools" | "tool_choice" | "text" | "prompt" | "metadata" | "user"
            | "safety_identifier" | "prompt_cache_key" | "reasoning",
        )
        | (Dialect::AnthropicMessages | Dialect::BedrockMessages, "stop_sequence") => Field::Passed,
        _ => Field::Texts(Channel::Output),
    }
}

/// Names whose values are words of the protocol, or sealed by the provider.
pub(super) fn is_of_the_protocol(name: &str) -> bool {
    matches!(
        name,
        "type"
            | "role"
            | "id"
            | "call_id"
            | "tool_call_id"
            | "tool_use_id"
            | "toolUseId"
            | "item_id"
            | "response_id"
            | "responseId"
            | "generation_id"
            | "container_id"
            | "vector_store_id"
            | "input_file_id"
            | "output_file_id"
            | "error_file_id"
            | "results_url"
            | "first_id"
            | "last_id"
            | "next_page"
            | "model"
            | "modelVersion"
            | "object"
            | "status"
            | "detail"
            | "phase"
            | "effort"
            | "ttl"
            | "format"
            | "media_type"
            | "mimeType"
            | "mime_type"
            | "reason"
            | "finish_reason"
            | "stop_reason"
            | "finishReason"
            | "stopReason"
            | "service_tier"
            | "system_fingerprint"
            | "signature"
            | "thoughtSignature"
            | "thought_signature"
            | "encrypted_content"
            | "encrypted_index"
            | "redactedContent"
            | "obfuscation"
            | "reasoning_effort"
            | "verbosity"
            | "truncation"
            | "modalities"
            | "encoding_format"
            | "embedding_types"
            | "input_type"
            | "inference_geo"
            | "speed"
            | "created_at"
            | "size"
            | "quality"
            | "background"
            | "moderation"
            | "style"
            | "output_format"
    )
}

/// Whether a field of a form says how a recording is to be heard, or a picture made.
pub(super) fn is_setting_of_a_form(name: &str, text: &str) -> bool {
    is_word(text)
        && matches!(
            name,
            "model"
                | "language"
                | "response_format"
                | "temperature"
                | "stream"
                | "include[]"
                | "timestamp_granularities[]"
                | "chunking_strategy"
                | "n"
                | "size"
                | "quality"
                | "background"
                | "moderation"
                | "input_fidelity"
                | "output_format"
                | "output_compression"
                | "partial_images"
        )
}

/// Names whose values a declaration must carry to the provider and to nobody else: what a remote
/// tool is opened with.
pub(super) fn is_key_of_a_tool(name: &str) -> bool {
    matches!(name, "authorization" | "authorization_token" | "headers")
}

/// Whether an object of this type tells where something comes from, or was found.
pub(super) fn refers(word: &str) -> bool {
    word.ends_with("citation") || word.ends_with("_call") || word == "file_path"
}

/// Names of values that repeat a text token by token.
pub(super) fn repeats(name: &str) -> bool {
    matches!(name, "logprobs" | "logprobsResult" | "logprobs_result")
}

/// How a name holds a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// In base64, or as text after all.
    Bytes,
    /// By its address, which may be a data URL.
    Address,
    /// By its id at the provider.
    Id,
}

pub(super) fn holds(name: &str) -> Option<Holds> {
    Some(match name {
        "data" | "bytes" | "audio" | "file_data" | "b64_json" | "result" | "partial_image_b64" => {
            Holds::Bytes
        }
        "url" | "image_url" | "file_url" | "audio_url" | "video_url" | "uri" | "fileUri"
        | "file_uri" => Holds::Address,
        "file_id" => Holds::Id,
        _ => return None,
    })
}

pub(super) fn kind(name: &str) -> PartKind {
    match name {
        "arguments" | "partial_json" => PartKind::JsonText,
        "name" => PartKind::Name,
        "filename" | "file_name" | "displayName" | "display_name" => PartKind::FileName,
        _ if holds(name) == Some(Holds::Address) => PartKind::Url,
        _ => PartKind::Prose,
    }
}

pub(super) fn medium_of_type(word: &str) -> Option<Medium> {
    Some(match word {
        "image_url"
        | "input_image"
        | "image"
        | "computer_screenshot"
        | "image_generation_call"
        | "response.image_generation_call.partial_image" => Medium::Image,
        "input_audio" | "audio" | "audio_url" | "output_audio" => Medium::Audio,
        "file" | "input_file" | "document" | "container_upload" => Medium::File,
        "video" | "video_url" | "input_video" => Medium::Video,
        _ => return None,
    })
}

pub(super) fn medium_of_name(name: &str) -> Option<Medium> {
    Some(match name {
        "image" | "image_url" | "b64_json" | "partial_image_b64" => Medium::Image,
        "audio" | "input_audio" | "audio_url" => Medium::Audio,
        "video" | "video_url" => Medium::Video,
        "document" | "file" | "inlineData" | "inline_data" | "fileData" | "file_data" => {
            Medium::File
        }
        _ => return None,
    })
}

pub(super) fn medium_of_mime(mime: &str) -> Medium {
    match mime.split('/').next() {
        Some("image") => Medium::Image,
        Some("audio") => Medium::Audio,
        Some("video") => Medium::Video,
        _ => Medium::File,
    }
}

pub(super) fn channel_of_role(role: &str) -> Channel {
    match role {
        "system" | "developer" => Channel::System,
        "assistant" | "model" => Channel::Assistant,
        "tool" | "function" => Channel::ToolResult,
        _ => Channel::User,
    }
}

pub(super) fn channel_of_type(word: &str) -> Option<Channel> {
    Some(match word {
        "document" | "search_result" => Channel::Document,
        "reasoning" => Channel::Assistant,
        "mcp_list_tools" => Channel::ToolResult,
        "mcp_approval_request" => Channel::ToolArguments,
        _ if word.ends_with("_output") || word.contains("_result") => Channel::ToolResult,
        _ if word.ends_with("_call") || word.ends_with("tool_use") => Channel::ToolArguments,
        _ => return None,
    })
}

pub(super) fn channel_of_name(name: &str) -> Option<Channel> {
    Some(match name {
        "tool_calls" | "function_call" | "functionCall" | "toolUse" | "executableCode"
        | "executable_code" => Channel::ToolArguments,
        "functionResponse"
        | "function_response"
        | "toolResult"
        | "codeExecutionResult"
        | "code_execution_result"
        | "output"
        | "outputs"
        | "results" => Channel::ToolResult,
        "document" => Channel::Document,
        _ => return None,
    })
}

/// Names of numbers in the arguments of a call that arrive one by one.
pub(super) fn is_number_of_a_call(name: &str) -> bool {
    matches!(name, "numberValue" | "number_value")
}

/// Names of objects that callers, models and tools fill as they like.
pub(super) fn is_free(name: &str) -> Option<Channel> {
    Some(match name {
        "args" | "input" | "arguments" | "action" => Channel::ToolArguments,
        "response" | "json" => Channel::ToolResult,
        "data" => Channel::Document,
        _ => return None,
    })
}
