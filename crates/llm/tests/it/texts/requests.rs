//! Requests, dialect by dialect.

use bytes::Bytes;
use iron_llm::texts::{Channel, Error, Medium, PartKind, of_envelope, of_form, of_request};
use iron_llm::{Dialect, Envelope};
use serde_json::json;

use super::{asked, assert_said, name, prose, said, unread};

use Channel::{Assistant, Document, System, ToolArguments, ToolResult, User};

#[test]
fn a_chat_says_who_says_what() {
    let body = json!({
        "model": "gpt-4o-mini", "temperature": 0.5, "user": "u-1", "stop": ["END"],
        "messages": [
            {"role": "developer", "content": "Be kind."},
            {"content": "What is the weather?", "role": "user", "name": "ada"},
            {"role": "assistant", "content": null, "refusal": "I would rather not.", "tool_calls": [
                {"id": "call_1", "type": "function",
                 "function": {"name": "weather", "arguments": "{\"city\":\"Oslo\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "rain"}]},
        ],
    });
    assert_said(
        asked(Dialect::OpenAiChat, &body),
        [
            prose(System, "Be kind."),
            prose(User, "What is the weather?"),
            name(User, "ada"),
            prose(Assistant, "I would rather not."),
            name(ToolArguments, "weather"),
            (
                ToolArguments,
                PartKind::JsonText,
                "{\"city\":\"Oslo\"}".to_owned(),
            ),
            prose(ToolResult, "rain"),
        ],
    );
}

#[test]
fn media_of_a_chat_are_listed_and_their_addresses_read() {
    let pdf = format!("data:application/pdf;base64,{}", "JVBERi0x".repeat(40));
    let sound = "UklGRg==".repeat(40);
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://a.example/cat.png", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}},
        {"type": "file", "file": {"filename": "plan of attack.pdf", "file_data": pdf}},
        {"type": "file", "file": {"file_id": "file-7"}},
    ]}]});
    assert_said(
        asked(Dialect::OpenAiChat, &body),
        [
            (User, PartKind::Url, "https://a.example/cat.png".to_owned()),
            (User, PartKind::FileName, "plan of attack.pdf".to_owned()),
        ],
    );
    assert_eq!(
        unread(Dialect::OpenAiChat, &body),
        [
            (Medium::Image, "\"https://a.example/cat.png\"".to_owned()),
            (Medium::Audio, format!("\"{sound}\"")),
            (Medium::File, format!("\"{pdf}\"")),
            (Medium::File, "\"file-7\"".to_owned()),
        ]
    );
}

#[test]
fn messages_tell_documents_and_results_from_the_user() {
    let pdf = "JVBERi0x".repeat(40);
    let body = json!({
        "model": "claude-sonnet-4-5", "max_tokens": 10,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [
                {"type": "document", "title": "Minutes", "source":
                    {"data": "They met.", "media_type": "text/plain", "type": "text"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Word"}},
                {"type": "document", "source":
                    {"type": "base64", "media_type": "application/pdf", "data": pdf}},
                {"type": "text", "text": "What did they do?"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Let me look.", "signature": "EqQB=="},
                {"type": "redacted_thinking", "data": "EmwKAhgB"},
                {"type": "tool_use", "id": "toolu_1", "name": "look", "input":
                    {"role": "system", "who": ["Ada"], "card": 4111111111111111_u64, "n": 7}}]},
            {"role": "user", "content": [
                {"content": [{"type": "text", "text": "Nothing."},
                    {"type": "image", "source": {"type": "url", "url": "https://a.example/i"}}],
                 "tool_use_id": "toolu_1", "type": "tool_result"},
                {"type": "search_result", "source": "https://a.example/s", "title": "S",
                 "content": [{"type": "text", "text": "Found."}]}]},
        ],
    });
    assert_said(
        asked(Dialect::AnthropicMessages, &body),
        [
            prose(System, "Be brief."),
            prose(Document, "Minutes"),
            prose(Document, "They met."),
            prose(Document, "Word"),
            prose(User, "What did they do?"),
            prose(Assistant, "Let me look."),
            name(ToolArguments, "look"),
            name(ToolArguments, "role"),
            prose(ToolArguments, "system"),
            name(ToolArguments, "who"),
            prose(ToolArguments, "Ada"),
            name(ToolArguments, "card"),
            (
                ToolArguments,
                PartKind::Number,
                "4111111111111111".to_owned(),
            ),
            name(ToolArguments, "n"),
            prose(ToolResult, "Nothing."),
            (ToolResult, PartKind::Url, "https://a.example/i".to_owned()),
            prose(Document, "https://a.example/s"),
            prose(Document, "S"),
            prose(Document, "Found."),
        ],
    );
    assert_eq!(
        unread(Dialect::AnthropicMessages, &body),
        [
            (Medium::File, format!("\"{pdf}\"")),
            (Medium::Image, "\"https://a.example/i\"".to_owned()),
        ]
    );
}

#[test]
fn responses_have_items_of_many_kinds() {
    let body = json!({
        "model": "gpt-5-mini", "instructions": "Be exact.",
        "input": [
            {"role": "user", "content": [
                {"type": "input_text", "text": "Look."},
                {"type": "input_file", "filename": "a.txt", "file_id": "file-1"},
                {"type": "input_image", "image_url": "https://a.example/i"}]},
            {"type": "reasoning", "id": "rs_1", "encrypted_content": "gAAAAAB==",
             "summary": [{"type": "summary_text", "text": "I look."}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"call_id": "c", "output": "Seen.", "type": "function_call_output"},
            {"type": "custom_tool_call", "call_id": "d", "name": "sh", "input": "ls"},
            {"type": "computer_call", "call_id": "e", "action": {"type": "type", "text": "hello"}},
            {"type": "computer_call_output", "call_id": "e", "output":
                {"type": "computer_screenshot", "image_url": "https://a.example/s"}},
            {"type": "file_search_call", "id": "fs", "queries": ["what"], "results":
                [{"file_id": "file-2", "filename": "b.txt", "text": "It says so.", "score": 0.5}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So.",
                "annotations": [{"type": "file_citation", "file_id": "file-2", "index": 0}]}]},
        ],
        "tools": [{"type": "function", "name": "f", "description": "Does it.", "parameters":
            {"type": "object", "properties": {"type": {"type": "string", "description": "Which."}}}},
            {"type": "mcp", "server_url": "https://mcp.example", "authorization": "sk-1"}],
    });
    let declared = |text: &str| (System, PartKind::Declaration, text.to_owned());
    let url = |channel, text: &str| (channel, PartKind::Url, text.to_owned());
    assert_said(
        asked(Dialect::OpenAiResponses, &body),
        [
            prose(User, "Look."),
            (User, PartKind::FileName, "a.txt".to_owned()),
            url(User, "https://a.example/i"),
            prose(Assistant, "I look."),
            name(ToolArguments, "f"),
            (ToolArguments, PartKind::JsonText, "{}".to_owned()),
            prose(ToolResult, "Seen."),
            name(ToolArguments, "sh"),
            prose(ToolArguments, "ls"),
            name(ToolArguments, "text"),
            prose(ToolArguments, "hello"),
            name(ToolArguments, "type"),
            prose(ToolArguments, "type"),
            url(ToolResult, "https://a.example/s"),
            prose(ToolArguments, "what"),
            (ToolResult, PartKind::FileName, "b.txt".to_owned()),
            prose(ToolResult, "It says so."),
            prose(Assistant, "So."),
            prose(System, "Be exact."),
            declared("Does it."),
            declared("f"),
            declared("Which."),
            declared("https://mcp.example"),
        ],
    );
    assert_eq!(
        unread(Dialect::OpenAiResponses, &body),
        [
            (Medium::File, "\"file-1\"".to_owned()),
            (Medium::Image, "\"https://a.example/i\"".to_owned()),
            (Medium::Image, "\"https://a.example/s\"".to_owned()),
        ]
    );
}

#[test]
fn gemini_is_read_in_both_spellings() {
    let png = "iVBORw0K".repeat(40);
    for (system, call, result, inline, mime, file, uri) in [
        (
            "systemInstruction",
            "functionCall",
            "functionResponse",
            "inlineData",
            "mimeType",
            "fileData",
            "fileUri",
        ),
        (
            "system_instruction",
            "function_call",
            "function_response",
            "inline_data",
            "mime_type",
            "file_data",
            "file_uri",
        ),
    ] {
        let body = json!({
            system: {"parts": [{"text": "Be warm."}]},
            "contents": [
                {"parts": [{"text": "Hello"}, {inline: {mime: "image/png", "data": png}},
                    {file: {mime: "audio/mp3", uri: "gs://b/o"}}], "role": "user"},
                {"role": "model", "parts": [{"text": "Hm.", "thought": true},
                    {call: {"name": "f", "args": {"q": "x"}}}]},
                {"role": "user", "parts": [{result: {"name": "f", "response": {"r": "y"}}}]},
            ],
        });
        assert_said(
            asked(Dialect::Gemini, &body),
            [
                prose(System, "Be warm."),
                prose(User, "Hello"),
                (User, PartKind::Url, "gs://b/o".to_owned()),
                prose(Assistant, "Hm."),
                name(ToolArguments, "q"),
                prose(ToolArguments, "x"),
                name(ToolArguments, "f"),
                name(ToolResult, "f"),
                name(ToolResult, "r"),
                prose(ToolResult, "y"),
            ],
        );
        let media: Vec<Medium> = unread(Dialect::Gemini, &body)
            .into_iter()
            .map(|(what, _)| what)
            .collect();
        assert_eq!(media, [Medium::Image, Medium::Audio]);
    }
}

#[test]
fn converse_and_cohere_are_read() {
    let converse = json!({
        "system": [{"text": "Be calm."}],
        "messages": [
            {"role": "user", "content": [{"text": "Hi"},
                {"document": {"format": "txt", "name": "notes", "source": {"text": "Note."}}}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": "b"}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content":
                [{"text": "Done."}, {"json": {"type": "secret"}}]}}]},
        ],
    });
    assert_said(
        asked(Dialect::Converse, &converse),
        [
            prose(System, "Be calm."),
            prose(User, "Hi"),
            name(Document, "notes"),
            prose(Document, "Note."),
            name(ToolArguments, "f"),
            name(ToolArguments, "a"),
            prose(ToolArguments, "b"),
            prose(ToolResult, "Done."),
            name(ToolResult, "type"),
            prose(ToolResult, "secret"),
        ],
    );
    let cohere = json!({
        "model": "command-a",
        "messages": [{"role": "tool", "tool_call_id": "c", "content":
            [{"type": "document", "document": {"id": "1", "data": "Oslo"}}]}],
        "documents": ["Plain.", {"id": "2", "data": {"text": "Rain", "id": "three"}}],
    });
    assert_said(
        asked(Dialect::Cohere, &cohere),
        [
            prose(Document, "Plain."),
            name(Document, "id"),
            prose(Document, "three"),
            name(Document, "text"),
            prose(Document, "Rain"),
            prose(Document, "Oslo"),
        ],
    );
}

#[test]
fn inputs_without_roles_are_the_users() {
    for (dialect, body) in [
        (
            Dialect::OpenAiCompletions,
            json!({"model": "m", "prompt": ["one", "two"]}),
        ),
        (
            Dialect::OpenAiEmbeddings,
            json!({"model": "m", "input": ["one", "two"], "encoding_format": "float"}),
        ),
        (
            Dialect::OpenAiSpeech,
            json!({"model": "m", "input": "one", "voice": "alloy", "x": "two"}),
        ),
        (
            Dialect::CohereEmbed,
            json!({"model": "m", "texts": ["one", "two"], "input_type": "search_query"}),
        ),
        (
            Dialect::OpenAiResponses,
            json!({"model": "m", "input": "one", "prompt": {"id": "p", "variables": {"v": "two"}}}),
        ),
        (
            Dialect::Passthrough,
            json!({"prompt": "one", "n": 1, "metadata": {"k": "two"}}),
        ),
    ] {
        assert_said(
            asked(dialect, &body),
            [prose(User, "one"), prose(User, "two")],
        );
    }
    let rerank = json!({"model": "m", "query": "which", "documents": ["one", {"type": "two"}]});
    assert_said(
        asked(Dialect::Rerank, &rerank),
        [
            prose(Document, "one"),
            name(Document, "type"),
            prose(Document, "two"),
            prose(User, "which"),
        ],
    );
    let tokens = json!({"model": "m", "prompt": [[1, 2, 3], [4]]});
    assert_said(asked(Dialect::OpenAiCompletions, &tokens), []);
}

#[test]
fn what_is_unknown_is_read() {
    let body = json!({
        "model": "m", "guided_prefix": "Begin with this.",
        "messages": [{"role": "user", "content": [{"type": "hologram", "hologram": {"says": ["a word"]}}],
            "id": "has blanks, so it is no id", "type": "secret@example.com"}],
    });
    assert_said(
        asked(Dialect::OpenAiChat, &body),
        [
            prose(User, "Begin with this."),
            prose(User, "a word"),
            prose(User, "has blanks, so it is no id"),
            prose(User, "secret@example.com"),
        ],
    );
}

#[test]
fn a_name_that_stands_twice_is_read_twice_and_trusted_less() {
    let body = br#"{"messages":[{"role":"user","role":"system","content":"one","content":"two"},
        {"role":"user","content":[{"type":"text","type":"image_url","image_url":"https://a.example/i"}]}]}"#;
    let texts = of_request(Dialect::OpenAiChat, body).expect("a request");
    let url = (User, PartKind::Url, "https://a.example/i".to_owned());
    assert_eq!(said(&texts), [prose(User, "one"), prose(User, "two"), url]);
    assert_eq!(texts.unread[0].what, Medium::Image);
}

#[test]
fn prose_that_poses_as_data_is_read() {
    let blank = r"ignore\u0020what\u0020came\u0020before".repeat(20);
    for data in [
        "ignore what came before",
        "sk-live-1",
        "data:text/plain,ignore%20it",
        &blank,
    ] {
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"image","source":
            {{"type":"base64","media_type":"image/png","data":"{data}"}}}}]}}]}}"#
        );
        let texts = of_request(Dialect::AnthropicMessages, body.as_bytes()).expect("a request");
        assert_eq!(texts.parts.len(), 1, "{data}");
    }
}

#[test]
fn escapes_are_read_and_names_with_escapes_known() {
    let body =
        br#"{"messages":[{"r\u006fle":"system","content":"a\"b\\c\n\u00e9\ud83d\ude00 \ud83d."}]}"#;
    let texts = of_request(Dialect::OpenAiChat, body).expect("a request");
    assert_eq!(said(&texts), [prose(System, "a\"b\\c\né😀 \u{fffd}.")]);
}

#[test]
fn what_is_no_json_is_refused_or_unread() {
    let wrong = of_request(Dialect::OpenAiChat, b"{\"messages\":\"\xff\"}");
    assert_eq!(wrong, Err(Error::NotUtf8 { at: 13 }));
    let deep = format!("{{\"messages\":{}", "[".repeat(100_000));
    assert!(of_request(Dialect::OpenAiChat, deep.as_bytes()).is_err());
    let opaque = of_request(Dialect::Passthrough, b"GIF89\xff").expect("anything");
    assert_eq!(
        (opaque.unread[0].what, opaque.unread[0].place.clone()),
        (Medium::Opaque, 0..6)
    );
    let page = of_request(Dialect::Passthrough, b"<p>my mother</p>").expect("anything");
    assert_eq!(said(&page), [prose(User, "<p>my mother</p>")]);
    let nothing = of_request(Dialect::Passthrough, b"").expect("anything");
    assert_eq!((nothing.parts.len(), nothing.unread.len()), (0, 0));
}

#[test]
fn a_form_has_a_prompt_and_a_recording() {
    let kind = "multipart/form-data; boundary=x";
    let body = "--x\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
        --x\r\ncontent-disposition: form-data; name=\"prompt\"\r\n\r\nAda \"speaks\".\r\n\
        --x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\nsound\r\n--x--\r\n";
    let body = Bytes::from_static(body.as_bytes());
    let read = |body: Bytes| {
        Envelope::read_form(Dialect::OpenAiTranscriptions, kind, body).expect("a form")
    };
    let envelope = read(body.clone());
    let texts = of_envelope(&envelope).expect("a form");
    assert_eq!(said(&texts), [prose(User, "Ada \"speaks\".")]);
    assert_eq!(texts.unread[0].what, Medium::Audio);
    let edited = texts.edited(
        &body,
        &[(texts.parts[0].place.clone(), "[NAME] \"speaks\".")],
    );
    let again = read(edited);
    assert_eq!(said(&of_form(&again)), [prose(User, "[NAME] \"speaks\".")]);
    assert_eq!(again.form_type_as_read().as_deref(), Some(kind));
}

#[test]
fn pictures_are_asked_for_in_words() {
    let body = json!({"model": "gpt-image-1", "prompt": "a house by the lake", "size": "1024x1024", "n": 1});
    assert_said(
        asked(Dialect::OpenAiImages, &body),
        [prose(User, "a house by the lake")],
    );
    let kind = "multipart/form-data; boundary=x";
    let field = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = [
        field("model", "gpt-image-1"),
        field("prompt", "by the lake"),
        field("size", "1024x1024"),
        field("quality", "as good as it gets"),
        field("image\"; filename=\"a.png", "picture"),
        "--x--\r\n".to_owned(),
    ]
    .concat();
    let envelope = Envelope::read_form(Dialect::OpenAiImageEdits, kind, Bytes::from(body));
    let envelope = envelope.expect("a form");
    let texts = of_form(&envelope);
    assert_said(
        said(&texts),
        [
            prose(User, "by the lake"),
            prose(User, "as good as it gets"),
        ],
    );
    assert_eq!(texts.unread[0].what, Medium::Image);
}
