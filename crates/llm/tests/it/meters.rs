//! Streams and answers of providers, read wherever the network splits them.

use iron_llm::meter::{Fed, Meter, MeterOptions, Reading, read_answer, read_fault};
use iron_llm::prices::Encoding;
use iron_llm::{Dialect, ServiceTier, Usage};
use proptest::prelude::*;

/// Feeds the pieces; gives back what is known and what went to the client.
fn meter(dialect: Dialect, options: MeterOptions, pieces: &[&[u8]]) -> (Reading, String) {
    let mut meter = Meter::new(dialect, options);
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&meter.feed(piece).expect("small frames").forward);
    }
    out.extend_from_slice(&meter.finish());
    (
        meter.reading().clone(),
        String::from_utf8_lossy(&out).into_owned(),
    )
}

fn whole(dialect: Dialect, stream: &str) -> (Reading, String) {
    meter(dialect, MeterOptions::default(), &[stream.as_bytes()])
}

/// Reads a stream split in two at every place, and byte by byte: always the same.
fn at_every_split(dialect: Dialect, options: MeterOptions, stream: &str) -> (Reading, String) {
    let bytes = stream.as_bytes();
    let expected = meter(dialect, options, &[bytes]);
    for at in 0..=bytes.len() {
        let (first, second) = bytes.split_at(at);
        assert_eq!(
            meter(dialect, options, &[first, second]),
            expected,
            "split at {at}"
        );
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(meter(dialect, options, &single), expected, "byte by byte");
    expected
}

const HIDE: MeterOptions = MeterOptions {
    hide_usage: true,
    output_bound: None,
    encoding: None,
    long_cache: false,
    translated: false,
    frame_limit_bytes: 1 << 20,
};

/// OpenAI API reference, chat completion chunk object (read 2026-11): the usage comes after
/// the finish reason, in a chunk without choices.
const CHAT: &str = concat!(
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    ": PROCESSING\n\n",
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"content":"Grüße, \"you\""},"finish_reason":null}],"usage":null}"#,
    "\r\n\r\n",
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":1117,"completion_tokens":46,"total_tokens":1163,"prompt_tokens_details":{"cached_tokens":1024,"audio_tokens":3},"completion_tokens_details":{"reasoning_tokens":7,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}}"#,
    "\n\n",
    "data: [DONE]\n\n",
);

#[test]
fn the_usage_of_a_chat_comes_after_the_finish_and_is_hidden_if_only_we_asked() {
    let (reading, passed) = at_every_split(Dialect::OpenAiChat, MeterOptions::default(), CHAT);
    assert_eq!(passed, CHAT, "every byte passes");
    assert_eq!(
        reading.usage,
        Some(Usage {
            input: 90,
            cache_read: 1024,
            input_audio: 3,
            output: 46,
            reasoning: 7,
            tier: Some(ServiceTier::Standard),
            ..Usage::default()
        })
    );
    assert_eq!(reading.finish.as_deref(), Some("stop"));
    assert!(reading.complete && reading.started && reading.content_seen);
    assert_eq!(
        (reading.id.as_deref(), reading.model.as_deref()),
        (Some("chatcmpl-1"), Some("gpt-4o-mini-2024-07-18"))
    );

    let (hidden, passed) = at_every_split(Dialect::OpenAiChat, HIDE, CHAT);
    let usage_chunk = CHAT
        .split_inclusive("\n\n")
        .find(|frame| frame.contains("1163"))
        .expect("a chunk");
    assert_eq!(passed, CHAT.replace(usage_chunk, ""));
    assert_eq!(hidden, reading, "hidden from the client, not from us");
}

#[test]
fn usage_in_other_places_is_found_and_never_hides_content() {
    // xAI tells the running usage in chunks with content; the last one counts. Its reasoning
    // stands outside of the completion tokens (docs.x.ai, streaming, read 2026-11).
    let xai = concat!(
        r#"data: {"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"delta":{"content":"b"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":107,"completion_tokens_details":{"reasoning_tokens":100}}}"#,
        "\n\n",
        r#"data: {"choices":[],"usage":null}"#,
        "\n\ndata: [DONE]\n\n",
    );
    let (reading, passed) = at_every_split(Dialect::OpenAiChat, HIDE, xai);
    assert_eq!(passed, xai);
    let usage = reading.usage.expect("usage");
    assert_eq!(
        (usage.input, usage.output, usage.reasoning),
        (5, 102, 100),
        "a null does not erase it"
    );
    // Azure opens with a chunk without choices, and sends some without a delta.
    let azure = concat!(
        r#"data: {"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"content_filter_offsets":{"check_offset":1}}]}"#,
        "\n\n",
    );
    let (reading, passed) = at_every_split(Dialect::OpenAiChat, HIDE, azure);
    assert_eq!(passed, azure);
    assert_eq!(
        (
            reading.usage,
            reading.unreadable_frames,
            reading.content_seen
        ),
        (None, 0, false)
    );
}

#[test]
fn usage_in_the_finishing_chunk_is_read_and_the_chunk_passes() {
    // llama.cpp tells it where it tells the reason (ggml-org/llama.cpp, server README, 2026-11).
    let llama = concat!(
        r#"data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"completion_tokens":1,"prompt_tokens":4,"total_tokens":5}}"#,
        "\n\ndata: [DONE]\n\n",
    );
    let (reading, passed) = at_every_split(Dialect::OpenAiChat, HIDE, llama);
    assert_eq!(passed, llama, "it also says why the answer ended");
    assert_eq!(
        reading.usage,
        Some(Usage {
            input: 4,
            output: 1,
            ..Usage::default()
        })
    );
}

#[test]
fn an_explicit_zero_is_a_number_and_a_gap_is_not() {
    let with = |usage: &str| {
        let stream = format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n");
        whole(Dialect::OpenAiChat, &stream).0.usage
    };
    assert_eq!(
        with(r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#),
        Some(Usage::default())
    );
    assert_eq!(with("null"), None);
    assert_eq!(with("{}"), None);
    assert_eq!(with(r#"{"prompt_tokens":5}"#), None);
    // What stands where a count belongs and is none must not pass for a small one.
    for absurd in [
        r#"{"prompt_tokens":5,"completion_tokens":-1}"#,
        r#"{"prompt_tokens":"5","completion_tokens":1}"#,
        r#"{"prompt_tokens":5,"completion_tokens":1.5}"#,
        r#"{"prompt_tokens":5,"completion_tokens":1,"total_tokens":"6"}"#,
        r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"audio_tokens":-2}}"#,
    ] {
        let usage = with(absurd).expect("said something");
        assert_eq!(usage.total(), Usage::ABSURD, "{absurd}");
    }
    let anthropic = |usage: &str| {
        let mut counted = iron_llm::anthropic::Tally::new(false);
        counted.merge(&serde_json::from_str(usage).expect("JSON"));
        counted.usage().total()
    };
    assert_eq!(anthropic(r#"{"input_tokens":10,"output_tokens":null}"#), 10);
    assert_eq!(
        anthropic(r#"{"input_tokens":10,"output_tokens":-5}"#),
        Usage::ABSURD
    );
    // Details that exceed the whole cannot make any bucket negative, or the sum smaller.
    let lie = with(
        r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":9}}"#,
    );
    assert_eq!(lie.expect("usage").input_total(), 5);
    let huge = with(
        r#"{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615,"total_tokens":1}"#,
    );
    assert_eq!(huge.expect("usage").total(), u64::MAX);
}

#[test]
fn cache_writes_go_to_the_bucket_that_was_asked_for() {
    let stream = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":2,\"cache_write_tokens\":5}}}\n\n";
    let (short, _) = whole(Dialect::OpenAiChat, stream);
    let usage = short.usage.expect("usage");
    assert_eq!(
        (
            usage.input,
            usage.cache_read,
            usage.cache_write_5m,
            usage.cache_write_1h
        ),
        (3, 2, 5, 0)
    );
    let options = MeterOptions {
        long_cache: true,
        ..MeterOptions::default()
    };
    let (long, _) = meter(Dialect::OpenAiChat, options, &[stream.as_bytes()]);
    assert_eq!(long.usage.expect("usage").cache_write_1h, 5);
}

/// OpenAI API reference, streaming events of responses (read 2026-11).
const RESPONSES: &str = concat!(
    "event: response.created\n",
    r#"data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1700000000,"status":"in_progress","model":"gpt-5-2025-08-07","output":[],"usage":null}}"#,
    "\n\n",
    "event: response.output_text.delta\n",
    r#"data: {"type":"response.output_text.delta","sequence_number":1,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi"}"#,
    "\n\n",
    "event: response.incomplete\n",
    r#"data: {"type":"response.incomplete","sequence_number":2,"response":{"id":"resp_1","object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"model":"gpt-5-2025-08-07","service_tier":"flex","output":[],"usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":11},"output_tokens":11,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":48}}}"#,
    "\n\n",
);

#[test]
fn a_response_tells_its_usage_in_the_last_event() {
    let (reading, passed) = at_every_split(Dialect::OpenAiResponses, HIDE, RESPONSES);
    assert_eq!(passed, RESPONSES);
    let expected = Usage {
        input: 26,
        cache_read: 11,
        output: 11,
        reasoning: 4,
        tier: Some(ServiceTier::Flex),
        ..Usage::default()
    };
    assert_eq!(reading.usage, Some(expected));
    assert_eq!(reading.finish.as_deref(), Some("max_output_tokens"));
    assert!(reading.complete);
    for last in ["completed", "failed"] {
        let stream = RESPONSES
            .replace("incomplete\"", &format!("{last}\""))
            .replace("response.incomplete", &format!("response.{last}"));
        let (reading, _) = whole(Dialect::OpenAiResponses, &stream);
        assert_eq!(reading.usage, Some(expected), "{last}");
        assert_eq!(reading.fault.is_some(), last == "failed");
    }
}

/// platform.claude.com, streaming messages, basic streaming request (read 2026-11), with the
/// counts of a cached prompt.
const MESSAGES: &str = concat!(
    "event: message_start\n",
    r#"data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude-opus-4-6","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":200,"cache_creation":{"ephemeral_5m_input_tokens":60,"ephemeral_1h_input_tokens":40},"output_tokens":1,"service_tier":"standard"}}}"#,
    "\n\n",
    "event: content_block_start\n",
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    "\n\n",
    "event: ping\n",
    r#"data: {"type": "ping"}"#,
    "\n\n",
    "event: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello!"}}"#,
    "\n\n",
    "event: content_block_stop\n",
    r#"data: {"type":"content_block_stop","index":0}"#,
    "\n\n",
    "event: message_delta\n",
    r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":0,"output_tokens":15}}"#,
    "\n\n",
    "event: message_stop\n",
    r#"data: {"type":"message_stop"}"#,
    "\n\n",
);

#[test]
fn a_message_tells_its_usage_in_pieces_that_are_merged_not_added() {
    let (reading, passed) = at_every_split(Dialect::AnthropicMessages, HIDE, MESSAGES);
    assert_eq!(passed, MESSAGES);
    assert_eq!(
        reading.usage,
        Some(Usage {
            input: 25,
            cache_read: 200,
            cache_write_5m: 60,
            cache_write_1h: 40,
            output: 15,
            tier: Some(ServiceTier::Standard),
            ..Usage::default()
        }),
        "cumulative output replaces, and a zero in the delta does not erase the input"
    );
    assert!(reading.complete && reading.content_seen);
    assert_eq!(reading.finish.as_deref(), Some("end_turn"));
}

#[test]
fn several_billed_attempts_within_one_message_are_summed() {
    let delta = r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":10,"output_tokens":5,"iterations":[{"type":"message","model":"claude-a","input_tokens":100,"output_tokens":50},{"type":"message","model":"claude-b","input_tokens":10,"output_tokens":5}]}}"#;
    let (reading, _) = whole(
        Dialect::AnthropicMessages,
        &format!("event: message_delta\n{delta}\n\n"),
    );
    let usage = reading.usage.expect("usage");
    assert_eq!((usage.input, usage.output), (110, 55));
}

#[test]
fn an_error_inside_of_a_stream_is_seen_before_anything_was_promised() {
    let anthropic = "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let (reading, _) = at_every_split(Dialect::AnthropicMessages, HIDE, anthropic);
    let fault = reading.fault.expect("a fault");
    assert_eq!(
        (fault.kind.as_str(), fault.message.as_str()),
        ("overloaded_error", "Overloaded")
    );
    assert!(!reading.started && !reading.complete);
    assert_eq!(reading.usage, None);

    let chat = ": PROCESSING\n\ndata: {\"error\":{\"message\":\"The server had an error\",\"type\":\"server_error\",\"code\":503}}\n\n";
    let (reading, _) = at_every_split(Dialect::OpenAiChat, HIDE, chat);
    assert!(!reading.started);
    assert_eq!(reading.fault.expect("a fault").code.as_deref(), Some("503"));

    let responses = "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"Slow down\",\"param\":null,\"sequence_number\":1}\n\n";
    let (reading, _) = at_every_split(Dialect::OpenAiResponses, HIDE, responses);
    assert!(!reading.started);
    assert_eq!(reading.fault.expect("a fault").kind, "rate_limit_exceeded");

    let late = format!(
        "{}{anthropic}",
        MESSAGES
            .split("event: content_block_stop")
            .next()
            .expect("the beginning")
    );
    let (reading, _) = whole(Dialect::AnthropicMessages, &late);
    assert!(
        reading.started && reading.content_seen && reading.fault.is_some() && !reading.complete
    );
}

#[test]
fn a_broken_stream_is_never_complete() {
    let end = CHAT.find("data: [DONE]").expect("an end");
    for at in 0..end {
        if CHAT.is_char_boundary(at) {
            assert!(!whole(Dialect::OpenAiChat, &CHAT[..at]).0.complete, "{at}");
        }
    }
    let (reading, passed) = whole(
        Dialect::OpenAiChat,
        "data: {\"choices\":[{\n\ndata: nonsense\n\nevent: x\n\n",
    );
    assert_eq!((reading.unreadable_frames, reading.usage), (2, None));
    assert_eq!(
        passed, "data: {\"choices\":[{\n\ndata: nonsense\n\nevent: x\n\n",
        "it is the client's to judge"
    );
}

fn chunk(text: &str) -> String {
    format!(
        "data: {{\"id\":\"c\",\"model\":\"m\",\"created\":7,\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"
    )
}

fn bounded(bound: u64, encoding: Option<Encoding>) -> MeterOptions {
    MeterOptions {
        output_bound: Some(bound),
        encoding,
        ..HIDE
    }
}

#[test]
fn a_stream_that_exceeds_its_bound_ends_well_formed() {
    let stream: String = (0..9).map(|_| chunk("word")).collect();
    let (reading, passed) = meter(Dialect::OpenAiChat, bounded(5, None), &[stream.as_bytes()]);
    assert!(passed.ends_with(concat!(
        r#"data: {"id":"c","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
        "\n\ndata: [DONE]\n\n"
    )));
    assert_eq!(
        passed.matches("word").count(),
        6,
        "five are within the bound, the sixth is the proof"
    );
    assert_eq!(
        reading.visible_output, 9,
        "what comes after is still counted"
    );
    let (rest, replayed) = whole(Dialect::OpenAiChat, &passed);
    assert!(rest.complete && rest.finish.as_deref() == Some("length") && replayed == passed);
}

#[test]
fn few_large_frames_do_not_hide_how_much_is_in_them() {
    let stream = chunk(&"many words in one frame ".repeat(50)).repeat(2);
    let (reading, passed) = meter(
        Dialect::OpenAiChat,
        bounded(100, Some(Encoding::O200k)),
        &[stream.as_bytes()],
    );
    assert!(reading.visible_output > 100);
    assert!(passed.contains("\"length\""));
}

#[test]
fn an_honest_stream_of_exactly_its_bound_is_not_cut() {
    // Each piece is one token of the encoding.
    let stream: String = [" word", " count", " the", " people", " time", " year"]
        .into_iter()
        .map(chunk)
        .collect();
    let done = format!("{stream}data: [DONE]\n\n");
    let (reading, passed) = meter(
        Dialect::OpenAiChat,
        bounded(6, Some(Encoding::O200k)),
        &[done.as_bytes()],
    );
    assert_eq!((reading.visible_output, passed == done), (6, true));
}

#[test]
fn every_dialect_ends_a_cut_stream_in_its_own_words() {
    let responses: String = RESPONSES
        .split_inclusive("\n\n")
        .take(2)
        .collect::<String>()
        + RESPONSES.split_inclusive("\n\n").nth(1).expect("a delta");
    let (_, passed) = meter(
        Dialect::OpenAiResponses,
        bounded(1, None),
        &[responses.as_bytes()],
    );
    let last = passed.split_inclusive("\n\n").last().expect("a frame");
    assert!(last.starts_with("event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"sequence_number\":2,"), "{last}");
    let (reading, _) = whole(Dialect::OpenAiResponses, &passed);
    assert_eq!(reading.finish.as_deref(), Some("max_output_tokens"));

    let (_, passed) = meter(
        Dialect::AnthropicMessages,
        bounded(0, None),
        &[MESSAGES.as_bytes()],
    );
    assert!(passed.ends_with(concat!(
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":1}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
    )), "{passed}");
}

#[test]
fn a_frame_beyond_the_limit_ends_the_reading() {
    let mut meter = Meter::new(
        Dialect::OpenAiChat,
        MeterOptions {
            frame_limit_bytes: 1_000,
            ..HIDE
        },
    );
    assert_eq!(
        meter.feed(&[b'x'; 900]),
        Ok(Fed {
            forward: bytes::Bytes::new(),
            cut: false
        })
    );
    assert!(meter.feed(&[b'x'; 200]).is_err());
}

/// ai.google.dev, generate content, `streamGenerateContent` (read 2026-11): each event is a whole
/// answer with the counts so far; what is zero is left out.
const GEMINI: &str = concat!(
    r#"data: {"candidates":[{"content":{"parts":[{"text":"Rain?","thought":true}],"role":"model"}}],"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9},"modelVersion":"gemini-2.5-flash","responseId":"R1"}"#,
    "\r\n\r\n",
    r#"data: {"candidates":[{"content":{"parts":[{"text":"Grüße"},{"functionCall":{"name":"f","args":{}}}],"role":"model"}}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1,"totalTokenCount":10}}"#,
    "\r\n\r\n",
    r#"data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"cachedContentTokenCount":4,"candidatesTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":21}}"#,
    "\r\n\r\n",
);

#[test]
fn geminis_thoughts_are_output_and_its_last_count_is_the_one() {
    let (reading, out) = at_every_split(Dialect::Gemini, MeterOptions::default(), GEMINI);
    assert_eq!(out, GEMINI);
    let expected = Usage {
        input: 5,
        cache_read: 4,
        output: 12,
        reasoning: 7,
        ..Usage::default()
    };
    assert_eq!(reading.usage, Some(expected));
    assert!(reading.complete);
    assert_eq!(
        (reading.finish.as_deref(), reading.tool_calls),
        (Some("STOP"), 1)
    );
}

#[test]
fn counts_of_gemini_before_the_end_are_not_its_last_word() {
    let (broken, _) = GEMINI.split_at(GEMINI.find("finishReason").expect("an end") - 80);
    let (reading, _) = whole(Dialect::Gemini, broken);
    assert_eq!((reading.usage, reading.complete), (None, false));
    let error = r#"data: {"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#;
    let (reading, _) = whole(Dialect::Gemini, &format!("{error}\n\n"));
    let fault = reading.fault.expect("a fault");
    assert_eq!(
        (fault.kind.as_str(), reading.started),
        ("UNAVAILABLE", false)
    );
}

#[test]
fn an_end_of_gemini_with_words_behind_it_was_none() {
    let early = |reason: &str, output: u64| {
        format!(
            "data: {{\"candidates\":[{{{reason}\"content\":{{\"parts\":[{{\"text\":\"Hi\"}}]}}}}],\
             \"usageMetadata\":{{\"promptTokenCount\":9,\"candidatesTokenCount\":{output}}}}}\n\n"
        )
    };
    let ended = early("\"finishReason\":\"STOP\",", 1);
    let broken = format!("{ended}{}", early("", 50));
    let (reading, _) = whole(Dialect::Gemini, &broken);
    assert_eq!(
        (reading.usage, reading.complete, reading.finish),
        (None, false, None)
    );
    let told = |stream: &str| {
        let (reading, _) = whole(Dialect::Gemini, stream);
        (reading.usage.map(|usage| usage.output), reading.complete)
    };
    assert_eq!(told(&format!("{broken}{ended}")), (Some(1), true));
    let later = r#"data: {"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":70}}"#;
    assert_eq!(told(&format!("{ended}{later}\n\n")), (Some(70), true));
}

const COHERE: &str = concat!(
    "event: message-start\n",
    r#"data: {"id":"c1","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[]}}}"#,
    "\n\nevent: content-start\n",
    r#"data: {"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
    "\n\nevent: content-delta\n",
    r#"data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"Grüße"}}}}"#,
    "\n\nevent: content-end\n",
    r#"data: {"type":"content-end","index":0}"#,
    "\n\nevent: tool-call-start\n",
    r#"data: {"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"f_1","type":"function","function":{"name":"f","arguments":""}}}}}"#,
    "\n\nevent: message-end\n",
    r#"data: {"type":"message-end","id":"c1","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":9,"output_tokens":5},"tokens":{"input_tokens":209,"output_tokens":7},"cached_tokens":4}}}"#,
    "\n\n",
);

#[test]
fn cohere_is_settled_by_what_it_bills() {
    let (reading, out) = at_every_split(Dialect::Cohere, MeterOptions::default(), COHERE);
    assert_eq!(out, COHERE);
    let expected = Usage {
        input: 5,
        cache_read: 4,
        output: 5,
        ..Usage::default()
    };
    assert_eq!(reading.usage, Some(expected));
    assert!(reading.complete && reading.started);
    assert_eq!(
        (
            reading.finish.as_deref(),
            reading.tool_calls,
            reading.visible_output
        ),
        (Some("TOOL_CALL"), 1, 2)
    );
    let (cut, _) = COHERE.split_at(COHERE.find("event: message-end").expect("an end"));
    let (reading, _) = whole(Dialect::Cohere, cut);
    assert_eq!((reading.usage, reading.complete), (None, false));
}

#[test]
fn cohere_says_in_a_message_what_went_wrong() {
    let (reading, _) = whole(Dialect::Cohere, "data: {\"message\":\"overloaded\"}\n\n");
    let fault = reading.fault.expect("a fault");
    assert_eq!(
        (fault.message.as_str(), reading.started),
        ("overloaded", false)
    );
    let failed =
        r#"{"id":"c","finish_reason":"ERROR","message":{"role":"assistant","content":[]}}"#;
    let reading = read_answer(Dialect::Cohere, failed.as_bytes(), false);
    assert!(reading.fault.is_some() && !reading.complete);
    let (_, passed) = meter(Dialect::Cohere, bounded(0, None), &[COHERE.as_bytes()]);
    let (reading, _) = whole(Dialect::Cohere, &passed);
    assert_eq!(reading.finish.as_deref(), Some("MAX_TOKENS"));
}

#[test]
fn embeddings_tell_what_they_bill_or_nothing() {
    let told = |dialect, answer: &str| {
        let reading = read_answer(dialect, answer.as_bytes(), false);
        assert!(reading.complete, "{answer}");
        reading.usage.map(|usage| usage.input)
    };
    let cohere =
        r#"{"id":"e","embeddings":{"float":[[0.1]]},"meta":{"billed_units":{"input_tokens":7.0}}}"#;
    assert_eq!(told(Dialect::CohereEmbed, cohere), Some(7));
    assert_eq!(
        told(Dialect::GeminiEmbed, r#"{"embeddings":[{"values":[0.1]}]}"#),
        None
    );
    let gemini = r#"{"embeddings":[{"values":[0.1]}],"usageMetadata":{"promptTokenCount":3}}"#;
    assert_eq!(told(Dialect::GeminiEmbed, gemini), Some(3));
    let predicted = |second: &str| {
        let first = r#"{"embeddings":{"values":[0.1],"statistics":{"token_count":4.0}}}"#;
        format!(r#"{{"predictions":[{first},{{"embeddings":{{"values":[0.1]{second}}}}}]}}"#)
    };
    let all = predicted(r#","statistics":{"token_count":2}"#);
    assert_eq!(told(Dialect::GeminiEmbed, &all), Some(6));
    assert_eq!(told(Dialect::GeminiEmbed, &predicted("")), None);
    let refused = read_answer(Dialect::CohereEmbed, br#"{"message":"no"}"#, false);
    assert_eq!(
        refused.fault.map(|fault| fault.message).as_deref(),
        Some("no")
    );
}

#[test]
fn a_blocked_prompt_is_an_answer_that_was_billed() {
    let blocked = r#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4}}"#;
    let reading = read_answer(Dialect::Gemini, blocked.as_bytes(), false);
    assert_eq!(reading.usage.map(|usage| usage.total()), Some(4));
    assert!(reading.complete && !reading.content_seen);
}

#[test]
fn answers_that_are_not_streamed_are_read_without_a_tree() {
    let chat = r#"{"id":"chatcmpl-1","model":"gpt-5","service_tier":"priority","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;
    let reading = read_answer(Dialect::OpenAiChat, chat.as_bytes(), false);
    assert_eq!(
        reading.usage,
        Some(Usage {
            input: 9,
            output: 2,
            tier: Some(ServiceTier::Priority),
            ..Usage::default()
        })
    );
    assert!(reading.complete && reading.content_seen);
    assert_eq!(reading.finish.as_deref(), Some("length"));
    let embedding = r#"{"object":"list","data":[{"embedding":"AAAA"}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let reading = read_answer(Dialect::OpenAiEmbeddings, embedding.as_bytes(), false);
    assert_eq!(
        reading.usage,
        Some(Usage {
            input: 8,
            ..Usage::default()
        })
    );
    let message = r#"{"id":"msg_1","type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"refusal","usage":{"input_tokens":3,"output_tokens":2,"server_tool_use":{"web_search_requests":4}}}"#;
    let reading = read_answer(Dialect::AnthropicMessages, message.as_bytes(), false);
    assert_eq!(
        reading.usage,
        Some(Usage {
            input: 3,
            output: 2,
            web_searches: 4,
            ..Usage::default()
        })
    );
    assert_eq!(reading.finish.as_deref(), Some("refusal"));
    for broken in ["", "{", "[1]", "\u{0}", r#"{"usage":"#] {
        for dialect in Dialect::ALL.into_iter().chain([
            Dialect::Gemini,
            Dialect::Cohere,
            Dialect::CohereEmbed,
            Dialect::GeminiEmbed,
            Dialect::Replicate,
        ]) {
            let reading = read_answer(dialect, broken.as_bytes(), false);
            assert_eq!((reading.usage, reading.complete), (None, false), "{broken}");
        }
    }
}

#[test]
fn error_bodies_are_recognised_in_every_shape() {
    let cases = [
        (
            r#"{"error":{"message":"m","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            "invalid_request_error",
            Some("model_not_found"),
        ),
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"r"}"#,
            "overloaded_error",
            None,
        ),
        (r#"{"error":"m"}"#, "", None),
        (
            r#"{"object":"error","error":{"message":"m","code":400}}"#,
            "",
            Some("400"),
        ),
    ];
    for (body, kind, code) in cases {
        let fault = read_fault(body.as_bytes()).expect(body);
        assert_eq!(
            (
                fault.kind.as_str(),
                fault.code.as_deref(),
                fault.message.as_str()
            ),
            (kind, code, "m")
        );
    }
    assert_eq!(read_fault(b"<html>502</html>"), None);
    assert_eq!(read_fault(b"{\"error\":null}"), None);
}

proptest! {
    #[test]
    fn any_bytes_at_any_splits_are_read_the_same(
        bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.sort_unstable();
        for dialect in Dialect::ALL.into_iter().chain([Dialect::Gemini, Dialect::Cohere, Dialect::CohereEmbed, Dialect::GeminiEmbed, Dialect::Replicate, Dialect::OpenAiImages]) {
            let mut pieces = Vec::new();
            let mut from = 0;
            for &at in &places {
                pieces.push(&bytes[from..at]);
                from = at;
            }
            pieces.push(&bytes[from..]);
            let whole = meter(dialect, bounded(3, None), &[&bytes]);
            prop_assert_eq!(meter(dialect, bounded(3, None), &pieces), whole);
        }
    }

    #[test]
    fn damaged_streams_never_panic_and_never_invent_usage(
        at in any::<prop::sample::Index>(),
        with in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        for (dialect, stream) in [(Dialect::OpenAiChat, CHAT), (Dialect::OpenAiResponses, RESPONSES), (Dialect::AnthropicMessages, MESSAGES), (Dialect::Gemini, GEMINI), (Dialect::Cohere, COHERE)] {
            let mut bytes = stream.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes.splice(at..(at + with.len()).min(bytes.len()), with.clone());
            let (reading, _) = meter(dialect, HIDE, &[&bytes]);
            let _ = reading.usage.map(|usage| usage.total());
            let _ = read_answer(dialect, &bytes, true);
        }
    }
}
