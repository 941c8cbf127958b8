//! Putting streams together as the official SDKs do.

use serde_json::{Map, Value, json};

/// The JSON of each frame, `[DONE]` left out.
pub(super) fn events(stream: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(stream).expect("UTF-8");
    text.split_terminator("\n\n")
        .map(|frame| {
            let data = frame
                .lines()
                .find_map(|line| line.strip_prefix("data: "))
                .expect("data");
            if data == "[DONE]" {
                Value::Null
            } else {
                serde_json::from_str(data).expect("JSON")
            }
        })
        .filter(|event| !event.is_null())
        .collect()
}

/// The completion that a client makes of chunks: texts of a field are joined, entries of a
/// list with the same index are one.
pub(super) fn completion(stream: &[u8]) -> Value {
    let mut message = json!({});
    let mut whole = json!({});
    for chunk in events(stream) {
        for name in ["id", "model", "usage", "service_tier"] {
            if let Some(value) = chunk.get(name).filter(|value| !value.is_null()) {
                whole[name] = value.clone();
            }
        }
        for choice in chunk["choices"].as_array().expect("choices") {
            join(&mut message, &choice["delta"]);
            if choice["finish_reason"].is_string() {
                whole["finish_reason"] = choice["finish_reason"].clone();
            }
        }
    }
    whole["message"] = without_index(message);
    whole
}

fn join(all: &mut Value, more: &Value) {
    match (&mut *all, more) {
        (Value::Object(all), Value::Object(more)) => {
            for (name, value) in more {
                match all.get_mut(name) {
                    Some(old) if name != "index" && name != "type" => join(old, value),
                    Some(_) => {}
                    None => {
                        let mut first = if value.is_array() {
                            json!([])
                        } else {
                            value.clone()
                        };
                        if value.is_array() {
                            join(&mut first, value);
                        }
                        all.insert(name.clone(), first);
                    }
                }
            }
        }
        (Value::String(all), Value::String(more)) => all.push_str(more),
        (Value::Array(all), Value::Array(more)) => {
            for entry in more {
                match all.iter_mut().find(|old| old["index"] == entry["index"]) {
                    Some(old) => join(old, entry),
                    None => all.push(entry.clone()),
                }
            }
        }
        (all, more) => *all = more.clone(),
    }
}

fn without_index(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let fields = map.into_iter().filter(|(name, _)| name != "index");
            Value::Object(
                fields
                    .map(|(name, value)| (name, without_index(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => items.into_iter().map(without_index).collect(),
        other => other,
    }
}

/// The message that a client makes of events: input is parsed when its block ends.
pub(super) fn message(stream: &[u8]) -> Value {
    let mut message = Value::Null;
    let mut inputs: Vec<String> = Vec::new();
    for event in events(stream) {
        let index = usize::try_from(event["index"].as_u64().unwrap_or(0)).expect("small");
        match event["type"].as_str().expect("a type") {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                let content = message["content"].as_array_mut().expect("content");
                assert_eq!(content.len(), index, "blocks open in order");
                content.push(event["content_block"].clone());
                inputs.push(String::new());
            }
            "content_block_delta" => {
                let block = &mut message["content"][index];
                let delta = &event["delta"];
                match delta["type"].as_str().expect("a type") {
                    "text_delta" => join(&mut block["text"], &delta["text"]),
                    "thinking_delta" => join(&mut block["thinking"], &delta["thinking"]),
                    "signature_delta" => block["signature"] = delta["signature"].clone(),
                    "input_json_delta" => {
                        inputs[index].push_str(delta["partial_json"].as_str().expect("text"));
                    }
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                if !inputs[index].is_empty() {
                    message["content"][index]["input"] =
                        serde_json::from_str(&inputs[index]).expect("whole input");
                }
            }
            "message_delta" => {
                for name in ["stop_reason", "stop_sequence"] {
                    message[name] = event["delta"][name].clone();
                }
                for (name, value) in event["usage"].as_object().expect("usage") {
                    message["usage"][name] = value.clone();
                }
            }
            "message_stop" => {}
            other => panic!("{other}"),
        }
    }
    message
}

/// The response in the last event, after the rules of the stream were checked.
pub(super) fn response(stream: &[u8]) -> Value {
    let events = events(stream);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().expect("a type"))
        .collect();
    for (number, event) in events.iter().enumerate() {
        assert_eq!(
            event["sequence_number"],
            json!(number),
            "numbered without gaps"
        );
    }
    assert_eq!(kinds[..2], ["response.created", "response.in_progress"]);
    let last = events.last().expect("an end");
    assert!(matches!(
        last["type"].as_str(),
        Some("response.completed" | "response.incomplete")
    ));
    let done: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    let output = last["response"]["output"].as_array().expect("output");
    assert_eq!(
        done,
        output.iter().collect::<Vec<_>>(),
        "every item was added and done in order"
    );
    for (number, item) in output.iter().enumerate() {
        let of_item = |kind: &str| -> Vec<&Value> {
            events
                .iter()
                .filter(|e| e["type"] == kind && e["output_index"] == json!(number))
                .collect()
        };
        assert_eq!(of_item("response.output_item.added").len(), 1);
        let deltas = |kind: &str| -> String {
            of_item(kind)
                .iter()
                .map(|event| event["delta"].as_str().expect("text"))
                .collect()
        };
        let text = deltas("response.output_text.delta");
        assert_eq!(
            text,
            item["content"][0]["text"].as_str().unwrap_or_default()
        );
        let thought = deltas("response.reasoning_summary_text.delta");
        assert_eq!(
            thought,
            item["summary"][0]["text"].as_str().unwrap_or_default()
        );
        let arguments = deltas("response.function_call_arguments.delta");
        if !arguments.is_empty() {
            assert_eq!(arguments, item["arguments"].as_str().expect("arguments"));
        }
    }
    last["response"].clone()
}
