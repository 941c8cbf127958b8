//! Whole answers, dialect by dialect.

use iron_llm::Dialect;
use iron_llm::texts::{Channel, Medium, PartKind, of_reply};
use serde_json::json;

use super::{answered, assert_said, name, prose};

use Channel::{Output, ToolArguments};

fn arguments(text: &str) -> super::Said {
    (ToolArguments, PartKind::JsonText, text.to_owned())
}

#[test]
fn a_chat_answers_in_words_and_calls() {
    let reply = json!({"id": "chatcmpl-1", "object": "chat.completion", "model": "m", "created": 1, "choices": [
        {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": "Looking.",
            "refusal": "No.", "reasoning_content": "I look.", "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}}],
        "usage": {"prompt_tokens": 1}});
    assert_said(
        answered(Dialect::OpenAiChat, &reply),
        [
            prose(Output, "Looking."),
            prose(Output, "No."),
            prose(Output, "I look."),
            name(ToolArguments, "f"),
            arguments("{\"a\":1}"),
        ],
    );
}

#[test]
fn a_message_answers_in_blocks() {
    let reply = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "Eq=="},
        {"type": "text", "text": "So.", "citations": [{"type": "char_location", "cited_text": "so"}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": "b"}},
        {"type": "web_search_tool_result", "tool_use_id": "t", "content":
            [{"type": "web_search_result", "url": "https://a.example", "encrypted_content": "Eo8="}]},
        {"type": "redacted_thinking", "data": "EmwKAhgB"}],
        "stop_reason": "tool_use", "stop_sequence": null, "usage": {"input_tokens": 1}});
    assert_said(
        answered(Dialect::AnthropicMessages, &reply),
        [
            prose(Output, "Hm."),
            prose(Output, "So."),
            prose(Output, "so"),
            name(ToolArguments, "f"),
            name(ToolArguments, "a"),
            prose(ToolArguments, "b"),
            (Output, PartKind::Url, "https://a.example".to_owned()),
        ],
    );
}

#[test]
fn a_response_repeats_its_request_and_only_its_output_is_read() {
    let image = "iVBORw0K".repeat(40);
    let reply = json!({"id": "resp_1", "object": "response", "model": "m", "status": "completed",
        "instructions": "Be exact.", "tools": [{"type": "function", "name": "f", "description": "Does."}],
        "metadata": {"k": "v"}, "output": [
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content":
            [{"type": "output_text", "text": "So.", "annotations":
                [{"type": "url_citation", "url": "https://a.example", "title": "A", "start_index": 0}]}]},
        {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "image_generation_call", "id": "ig", "status": "completed", "result": image}]});
    assert_said(
        answered(Dialect::OpenAiResponses, &reply),
        [
            prose(Output, "So."),
            (Output, PartKind::Url, "https://a.example".to_owned()),
            prose(Output, "A"),
            name(ToolArguments, "f"),
            arguments("{}"),
        ],
    );
    let body = reply.to_string();
    let texts = of_reply(Dialect::OpenAiResponses, body.as_bytes()).expect("an answer");
    let unread: Vec<Medium> = texts.unread.iter().map(|unread| unread.what).collect();
    assert_eq!(unread, [Medium::Image]);
}

#[test]
fn other_dialects_answer() {
    for (dialect, reply) in [
        (
            Dialect::OpenAiCompletions,
            json!({"object": "text_completion", "choices": [{"index": 0, "text": "So."}]}),
        ),
        (
            Dialect::Gemini,
            json!({"candidates": [{"content": {"parts": [{"text": "So."}], "role": "model"},
            "finishReason": "STOP"}], "modelVersion": "gemini-2.5-flash"}),
        ),
        (
            Dialect::Converse,
            json!({"output": {"message": {"role": "assistant", "content": [{"text": "So."}]}},
            "stopReason": "end_turn"}),
        ),
        (
            Dialect::Cohere,
            json!({"message": {"role": "assistant", "content": [{"type": "text", "text": "So."}]},
            "finish_reason": "COMPLETE"}),
        ),
        (
            Dialect::Rerank,
            json!({"results": [{"index": 0, "relevance_score": 0.5, "document": {"text": "So."}}]}),
        ),
        (Dialect::OpenAiTranscriptions, json!({"text": "So."})),
    ] {
        assert_said(answered(dialect, &reply), [prose(Output, "So.")]);
    }
    let vectors = json!({"data": [{"embedding": "AAAA", "index": 0}], "model": "m"});
    assert_said(answered(Dialect::OpenAiEmbeddings, &vectors), []);
    let sound = of_reply(Dialect::OpenAiSpeech, b"ID3\xff\xfb").expect("anything");
    assert_eq!(sound.unread[0].what, Medium::Opaque);
}

#[test]
fn pictures_are_unread_and_their_prompts_read() {
    let png = "iVBORw0K".repeat(40);
    let reply = json!({"created": 1, "size": "1024x1024", "data": [
        {"b64_json": png, "revised_prompt": "a house"}, {"url": "https://a.example/i"}]});
    assert_said(
        answered(Dialect::OpenAiImages, &reply),
        [
            prose(Output, "a house"),
            (Output, PartKind::Url, "https://a.example/i".to_owned()),
        ],
    );
    let body = reply.to_string();
    let texts = of_reply(Dialect::OpenAiImages, body.as_bytes()).expect("an answer");
    assert_eq!(texts.unread[0].what, Medium::Image);
}
