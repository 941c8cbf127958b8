//! The traps of the wire that are known to have broken gateways, one by one.

use iron_llm::anthropic::{self, Tally};
use iron_llm::meter::read_answer;
use iron_llm::translate::{Ending, ErrorClass, Plan, ProviderError};
use iron_llm::{Dialect, Meter, MeterOptions, ProviderKind, ServiceTier};
use serde_json::{Value, json};

use super::fixture::{NOW, frames, stream};

fn tally(usages: &[Value]) -> Tally {
    let mut tally = Tally::new(false);
    for usage in usages {
        tally.merge(usage);
    }
    tally
}

fn plan(client: Dialect, provider: ProviderKind, body: &Value) -> Plan {
    Plan::new(client, provider, body.to_string().as_bytes()).expect("a plan")
}

fn chat() -> Plan {
    let messages = json!([{ "role": "user", "content": "Hi" }]);
    let body = json!({ "model": "claude-sonnet-4-5", "stream": true, "messages": messages });
    plan(Dialect::OpenAiChat, ProviderKind::Anthropic, &body)
}

fn claude_code() -> Plan {
    let messages = json!([{ "role": "user", "content": "Hi" }]);
    let body =
        json!({ "model": "gpt-5.1", "max_tokens": 64, "stream": true, "messages": messages });
    plan(Dialect::AnthropicMessages, ProviderKind::OpenAi, &body)
}

// Anthropic's usage.

#[test]
fn cumulative_usage_replaces_and_does_not_add() {
    let usage = tally(&[
        json!({ "input_tokens": 10, "output_tokens": 1 }),
        json!({ "output_tokens": 20 }),
        json!({ "output_tokens": 35 }),
    ])
    .usage();
    assert_eq!((usage.input, usage.output), (10, 35));
}

#[test]
fn input_that_comes_only_in_the_delta_counts() {
    let usage = tally(&[
        json!({ "input_tokens": 0, "output_tokens": 0 }),
        json!({ "input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 3 }),
    ])
    .usage();
    assert_eq!((usage.input, usage.cache_read), (9, 4));
}

#[test]
fn a_zero_in_the_delta_does_not_forget_what_the_start_said() {
    let usage = tally(&[
        json!({ "input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1 }),
        json!({ "input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 3 }),
    ])
    .usage();
    assert_eq!((usage.input, usage.cache_read, usage.output), (9, 4, 3));
}

#[test]
fn cached_tokens_stand_in_buckets_of_their_own() {
    let usage = tally(&[json!({
        "input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30,
        "cache_creation": { "ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20 },
        "output_tokens": 5,
    })])
    .usage();
    assert_eq!(
        (
            usage.input,
            usage.cache_read,
            usage.cache_write_5m,
            usage.cache_write_1h
        ),
        (10, 100, 10, 20)
    );
    assert_eq!(usage.input_total(), 140);
}

#[test]
fn writes_whose_life_is_not_told_are_as_dear_as_they_may_be() {
    let untold = json!({ "input_tokens": 1, "cache_creation_input_tokens": 30 });
    let mut long = Tally::new(true);
    long.merge(&untold);
    assert_eq!(
        (long.usage().cache_write_5m, long.usage().cache_write_1h),
        (0, 30)
    );
    assert_eq!(tally(&[untold]).usage().cache_write_5m, 30);
}

#[test]
fn an_explicit_zero_is_known_and_silence_is_not() {
    assert!(tally(&[json!({ "input_tokens": 0, "output_tokens": 0 })]).is_known());
    assert!(!tally(&[json!({}), json!(null)]).is_known());
    assert_eq!(
        read_answer(Dialect::AnthropicMessages, b"<html>", false).usage,
        None
    );
}

#[test]
fn the_start_of_a_stream_tells_a_messages_client_its_real_input() {
    let chunk = json!({ "id": "c", "model": "m", "choices": [{ "index": 0, "delta": { "content": "x" } }] });
    let out = stream(&claude_code(), &[format!("data: {chunk}\n\n").as_bytes()]);
    let start = frames(&out).swap_remove(0);
    assert!(start.contains(r#""usage":{"input_tokens":11,"#), "{start}");
}

// Several billed attempts in one answer, and fees by use.

fn fallback() -> Value {
    json!({
        "input_tokens": 7, "output_tokens": 3,
        "iterations": [
            { "type": "message", "model": "claude-fable-5", "input_tokens": 10, "output_tokens": 2 },
            { "type": "fallback_message", "model": "claude-opus-4-8", "input_tokens": 7, "output_tokens": 3 },
        ],
    })
}

#[test]
fn all_attempts_of_a_fallback_are_counted_each_with_its_model() {
    let tally = tally(&[
        json!({ "input_tokens": 10, "output_tokens": 1 }),
        fallback(),
    ]);
    assert_eq!((tally.usage().input, tally.usage().output), (17, 5));
    let models: Vec<_> = tally
        .iterations()
        .iter()
        .map(|attempt| attempt.model.as_deref())
        .collect();
    assert_eq!(models, [Some("claude-fable-5"), Some("claude-opus-4-8")]);
}

#[test]
fn attempts_that_the_total_includes_already_are_not_counted_twice() {
    let usage = tally(&[json!({
        "input_tokens": 30, "output_tokens": 9,
        "iterations": [
            { "type": "message", "input_tokens": 10, "output_tokens": 4 },
            { "type": "message", "input_tokens": 20, "output_tokens": 5 },
        ],
    })])
    .usage();
    assert_eq!((usage.input, usage.output), (30, 9));
}

#[test]
fn searches_tiers_and_regions_are_noticed() {
    let usage = tally(&[json!({
        "input_tokens": 1, "output_tokens": 1, "service_tier": "priority", "inference_geo": "us",
        "server_tool_use": { "web_search_requests": 2, "web_fetch_requests": 5 },
    })])
    .usage();
    assert_eq!(usage.web_searches, 2);
    assert_eq!(
        (usage.tier, usage.regional),
        (Some(ServiceTier::Priority), Some(true))
    );
    let fast = tally(&[json!({ "service_tier": "standard", "speed": "fast" })]).usage();
    assert_eq!(fast.tier, Some(ServiceTier::Fast));
}

// Thinking is output and is billed once.

#[test]
fn thinking_is_part_of_the_output_and_not_added_to_it() {
    let usage = tally(&[json!({
        "input_tokens": 1, "output_tokens": 50, "output_tokens_details": { "thinking_tokens": 40 },
    })])
    .usage();
    assert_eq!((usage.output, usage.reasoning, usage.total()), (50, 40, 51));
}

// Streams that end early.

fn meter() -> Meter {
    Meter::new(Dialect::AnthropicMessages, MeterOptions::default())
}

fn event(kind: &str, rest: &Value) -> String {
    let mut event = json!({ "type": kind });
    event
        .as_object_mut()
        .expect("an object")
        .extend(rest.as_object().expect("an object").clone());
    format!("event: {kind}\ndata: {event}\n\n")
}

#[test]
fn a_stream_that_is_cut_leaves_what_it_said_so_far() {
    let mut meter = meter();
    let start = json!({ "message": { "usage": { "input_tokens": 10, "output_tokens": 1 } } });
    let delta = json!({ "index": 0, "delta": { "type": "text_delta", "text": "Hello" } });
    let bytes = event("message_start", &start) + &event("content_block_delta", &delta);
    for byte in bytes.as_bytes() {
        meter.feed(&[*byte]).expect("small frames");
    }
    let reading = meter.reading();
    assert!(reading.content_seen && !reading.complete);
    assert_eq!(
        (
            reading.usage.map(|usage| usage.input),
            reading.content_bytes
        ),
        (Some(10), 5)
    );
    assert_eq!(reading.finish, None);
}

#[test]
fn a_whole_stream_is_metered_wherever_it_is_split() {
    let bytes = event(
        "message_start",
        &json!({ "message": { "usage": { "input_tokens": 10 } } }),
    ) + ": PROCESSING\n\n"
        + &event("ping", &json!({}))
        + &event(
            "content_block_start",
            &json!({ "index": 0, "content_block": { "type": "text" } }),
        )
        + &event(
            "content_block_delta",
            &json!({ "delta": { "type": "text_delta", "text": "é" } }),
        )
        + &event(
            "message_delta",
            &json!({ "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 5 } }),
        )
        + &event("message_stop", &json!({}));
    for at in 0..=bytes.len() {
        let (first, second) = bytes.as_bytes().split_at(at);
        let mut meter = meter();
        meter.feed(first).expect("small frames");
        meter.feed(second).expect("small frames");
        let reading = meter.reading();
        let usage = reading.usage.expect("a usage");
        assert_eq!((usage.input, usage.output, reading.complete), (10, 5, true));
        assert_eq!(
            (reading.finish.as_deref(), reading.content_bytes),
            (Some("end_turn"), 2)
        );
    }
}

#[test]
fn a_client_whose_provider_breaks_off_is_told_so_in_its_own_shape() {
    let broken = || {
        Ending::Broken(ProviderError::new(
            ErrorClass::Timeout,
            "the provider fell silent",
        ))
    };
    let mut out = Vec::new();
    claude_code()
        .stream(1, NOW)
        .expect("a stream")
        .finish(broken(), &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"timeout_error\",\
         \"message\":\"the provider fell silent\"}}\n\n"
    );
    let mut out = Vec::new();
    chat()
        .stream(1, NOW)
        .expect("a stream")
        .finish(broken(), &mut out);
    assert_eq!(
        String::from_utf8_lossy(&out),
        "data: {\"error\":{\"message\":\"the provider fell silent\",\"type\":\"server_error\",\
         \"param\":null,\"code\":\"timeout\"}}\n\n"
    );
}

// Errors inside a 200.

#[test]
fn an_overload_inside_a_200_is_seen_before_anything_was_said() {
    let error = json!({ "error": { "type": "overloaded_error", "message": "Overloaded" } });
    let start = json!({ "message": { "usage": { "input_tokens": 1 } } });
    for before in [
        "",
        &event("ping", &json!({})),
        &event("message_start", &start),
    ] {
        let mut meter = meter();
        meter
            .feed((before.to_owned() + &event("error", &error)).as_bytes())
            .expect("small frames");
        let reading = meter.reading();
        assert!(!reading.content_seen, "another provider may still be asked");
        assert_eq!(
            reading.fault.as_ref().map(|fault| fault.kind.as_str()),
            Some("overloaded_error")
        );
    }
}

#[test]
fn comments_that_keep_a_connection_alive_are_not_json() {
    let done = "data: [DONE]\n\n";
    let chunk =
        json!({ "id": "c", "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    let bytes = format!(": PROCESSING\n\ndata: {chunk}\n\n: PROCESSING\n\n{done}");
    let out = stream(&claude_code(), &[bytes.as_bytes()]);
    assert!(
        frames(&out)
            .last()
            .expect("an end")
            .starts_with("event: message_stop")
    );
}

// Trying again.

#[test]
fn an_empty_account_is_not_worth_another_try() {
    let body =
        json!({ "type": "error", "error": { "type": "billing_error", "message": "No credit" } });
    let error = chat().error(402, body.to_string().as_bytes());
    assert_eq!((error.status, error.cured_by_waiting), (429, false));
    let body = json!({ "error": { "message": "No quota", "type": "insufficient_quota", "code": "insufficient_quota" } });
    let error = claude_code().error(429, body.to_string().as_bytes());
    assert_eq!((error.status, error.cured_by_waiting), (402, false));
    let error = claude_code().error(503, b"");
    assert_eq!((error.status, error.cured_by_waiting), (529, true));
}

#[test]
fn the_headers_of_an_answer_that_go_on_name_no_account() {
    for name in [
        "request-id",
        "retry-after",
        "anthropic-ratelimit-requests-remaining",
    ] {
        assert!(anthropic::is_answer_header(name), "{name}");
    }
    assert!(!anthropic::is_answer_header("anthropic-organization-id"));
}

// Tools.

#[test]
fn arguments_keep_every_digit_on_their_way_to_anthropic() {
    let arguments = r#"{"b": 12345678901234567890123, "a": 1.10, "b2":"\u00e9"}"#;
    let body = json!({ "model": "claude-sonnet-4-5", "messages": [
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": null, "tool_calls": [
            { "id": "call_1", "type": "function", "function": { "name": "f", "arguments": arguments } },
        ] },
        { "role": "tool", "tool_call_id": "call_1", "content": "ok" },
    ] });
    let sent = plan(Dialect::OpenAiChat, ProviderKind::Anthropic, &body)
        .request(64)
        .expect("a body");
    let sent = String::from_utf8(sent).expect("UTF-8");
    assert!(sent.contains(&format!("\"input\":{arguments}")), "{sent}");
}

#[test]
fn arguments_keep_every_digit_on_their_way_to_bedrock_and_back() {
    let arguments = r#"{"b": 12345678901234567890123, "a": 1.10, "b2":"\u00e9"}"#;
    let body = json!({ "model": "us.anthropic.claude-haiku-4-5-20251001-v1:0", "messages": [
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": null, "tool_calls": [
            { "id": "call_1", "type": "function", "function": { "name": "f", "arguments": arguments } },
        ] },
        { "role": "tool", "tool_call_id": "call_1", "content": "ok" },
    ] });
    let plan = plan(Dialect::OpenAiChat, ProviderKind::AwsBedrock, &body);
    let sent = String::from_utf8(plan.request(64).expect("a body")).expect("UTF-8");
    assert!(sent.contains(&format!("\"input\":{arguments}")), "{sent}");
    let call = format!(r#"{{"toolUseId":"x","name":"f","input":{arguments}}}"#);
    let answer = format!(
        r#"{{"output":{{"message":{{"content":[{{"toolUse":{call}}}]}}}},"stopReason":"tool_use"}}"#
    );
    let given = plan.response(answer.as_bytes(), NOW).expect("an answer");
    let given: Value = serde_json::from_slice(&given).expect("JSON");
    let told = given.pointer("/choices/0/message/tool_calls/0/function/arguments");
    assert_eq!(told.and_then(Value::as_str), Some(arguments));
    for broken in ["[1]", "7", "\"{}\""] {
        let answer = answer.replace(arguments, broken);
        assert!(plan.response(answer.as_bytes(), NOW).is_err(), "{broken}");
    }
}

#[test]
fn thoughts_cannot_name_the_field_in_which_they_are_sent() {
    let body = json!({ "model": "qwen3", "max_tokens": 64, "messages": [
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "x", "signature": "unsigned:tool_calls" },
            { "type": "text", "text": "Hello" },
        ] },
        { "role": "user", "content": "Go on" },
    ] });
    let refused = Plan::new(
        Dialect::AnthropicMessages,
        ProviderKind::Local,
        body.to_string().as_bytes(),
    );
    assert_eq!(
        refused.expect_err("refused").to_string(),
        "`messages[1].content[0].signature` cannot be translated (Anthropic messages to OpenAI chat \
         completions)"
    );
}

#[test]
fn a_document_that_is_no_pdf_is_refused_by_name() {
    let document = |media_type: &str| {
        let source = json!({ "type": "base64", "media_type": media_type, "data": "AAAA" });
        json!({ "model": "gemini-2.5-flash", "max_tokens": 64, "messages": [
            { "role": "user", "content": [{ "type": "document", "source": source }] },
        ] })
    };
    let plan = |media_type| {
        let body = document(media_type).to_string();
        Plan::new(
            Dialect::AnthropicMessages,
            ProviderKind::Google,
            body.as_bytes(),
        )
    };
    assert!(plan("application/pdf").is_ok());
    for media_type in ["audio/mp3", "video/mp4", "text/html"] {
        assert_eq!(
            plan(media_type).expect_err("refused").to_string(),
            "`messages[0].content[0].source.media_type` cannot be translated (Anthropic messages \
             to Gemini)"
        );
    }
}

// Caps.

#[test]
fn the_cap_is_said_in_the_word_that_the_provider_knows_and_only_there() {
    let messages = json!([{ "role": "user", "content": "Hi" }]);
    let body = json!({ "model": "m", "max_tokens": 500, "messages": messages });
    for (provider, word) in [
        (ProviderKind::OpenAi, "max_completion_tokens"),
        (ProviderKind::Local, "max_tokens"),
    ] {
        let sent = plan(Dialect::AnthropicMessages, provider, &body)
            .request(42)
            .expect("a body");
        let sent: Value = serde_json::from_slice(&sent).expect("JSON");
        let caps: Vec<_> = sent
            .as_object()
            .expect("an object")
            .iter()
            .filter(|(name, _)| name.contains("max"))
            .collect();
        assert_eq!(caps, [(&word.to_owned(), &json!(42))]);
    }
}

#[test]
fn a_budget_for_thinking_never_reaches_the_cap() {
    let body = json!({
        "model": "claude-sonnet-4-5", "reasoning_effort": "max",
        "messages": [{ "role": "user", "content": "Hi" }],
    });
    let plan = plan(Dialect::OpenAiChat, ProviderKind::Anthropic, &body);
    assert_eq!(plan.output_floor(), 1025);
    for cap in [1025, 1026, 5000, 100_000] {
        let sent: Value =
            serde_json::from_slice(&plan.request(cap).expect("a body")).expect("JSON");
        let budget = sent["thinking"]["budget_tokens"]
            .as_u64()
            .expect("a budget");
        assert!(budget >= 1024 && budget < cap, "{budget} of {cap}");
    }
    assert!(plan.request(1024).is_err());
}
