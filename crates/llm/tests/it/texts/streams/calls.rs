//! What models give to tools while it streams: JSON, or in a form of the tool's own.

use iron_llm::Dialect;
use iron_llm::texts::{Channel, PartKind};
use serde_json::{Value, json};

use super::{events, running, stream, whole};

/// The kinds of what runs to tools, with what it says.
fn given(dialect: Dialect, data: &[Value]) -> Vec<(PartKind, String)> {
    let data: Vec<String> = data.iter().map(Value::to_string).collect();
    let bytes = stream(&Vec::from_iter(data.iter().map(String::as_str)));
    let running = running(&events(dialect, &[&bytes])).into_iter();
    let calls = running.filter(|(slot, _)| slot.channel() == Channel::ToolArguments);
    calls.map(|(slot, text)| (slot.kind(), text)).collect()
}

fn told(kind: PartKind, text: &str) -> Vec<(PartKind, String)> {
    vec![(kind, text.to_owned())]
}

#[test]
fn only_arguments_are_json() {
    let chat = |call: Value| json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
    let custom = chat(json!({"index": 0, "type": "custom", "custom": {"name": "f", "input": "x"}}));
    let function = chat(json!({"index": 0, "function": {"name": "f", "arguments": "{}"}}));
    let prose = told(PartKind::Prose, "x");
    let json = told(PartKind::JsonText, "{}");
    assert_eq!(given(Dialect::OpenAiChat, &[custom]), prose);
    assert_eq!(given(Dialect::OpenAiChat, &[function]), json);
    let response = |word: &str, delta: &str| json!({"type": format!("response.{word}.delta"), "output_index": 0, "delta": delta});
    for word in ["custom_tool_call_input", "code_interpreter_call_code"] {
        assert_eq!(
            given(Dialect::OpenAiResponses, &[response(word, "x")]),
            prose
        );
    }
    for word in ["function_call_arguments", "mcp_call_arguments"] {
        assert_eq!(
            given(Dialect::OpenAiResponses, &[response(word, "{}")]),
            json
        );
    }
    let call = json!({"function": {"arguments": "{}"}});
    let cohere =
        json!({"type": "tool-call-delta", "index": 1, "delta": {"message": {"tool_calls": call}}});
    assert_eq!(given(Dialect::Cohere, &[cohere]), json);
}

#[test]
fn the_values_of_a_call_run_beside_each_other_until_the_call_is_over() {
    let part = |call: Value| json!({"candidates": [{"content": {"parts": [{"functionCall": call}]}, "index": 1}]});
    let piece = |path: &str, text: &str| json!({"jsonPath": path, "stringValue": text});
    let call = |path: &str, text: &str, more: bool| {
        part(json!({"partialArgs": [piece(path, text)], "willContinue": more}))
    };
    let events = [
        call("$.a", "1", true),
        call("$.b", "x", true),
        call("$.a", "2", true),
        part(json!({})),
        call("$.a", "3", true),
    ];
    let mut texts: Vec<String> = given(Dialect::Gemini, &events)
        .into_iter()
        .map(|(_, text)| text)
        .collect();
    texts.sort();
    assert_eq!(texts, ["123", "x"]);
    let data: Vec<String> = events.iter().map(Value::to_string).collect();
    let bytes = stream(&Vec::from_iter(data.iter().map(String::as_str)));
    let all = super::events(Dialect::Gemini, &[&bytes]);
    let ends = |event: &iron_llm::texts::Event| {
        let ends = event.said().iter();
        ends.filter(|said| matches!(said, iron_llm::texts::Said::End { .. }))
            .count()
    };
    assert_eq!(Vec::from_iter(all.iter().map(ends)), [0, 0, 0, 2, 0, 1]);
}

#[test]
fn a_long_number_of_a_call_is_a_text() {
    let card = json!({"jsonPath": "$.card", "numberValue": 4111111111111111_u64});
    let call = json!({"partialArgs": [card], "willContinue": true});
    let event = json!({"candidates": [{"content": {"parts": [{"functionCall": call}]}}]});
    let bytes = stream(&[&event.to_string()]);
    let texts = whole(&events(Dialect::Gemini, &[&bytes]));
    assert!(texts.contains(&"4111111111111111".to_owned()), "{texts:?}");
}
