//! What Bedrock refuses of a request.

use serde_json::{Map, Value};

use super::{BLOCKS, FIELDS, INFERENCE};

/// What Bedrock would refuse.
pub(super) fn problem(request: &Map<String, Value>) -> Option<String> {
    let unknown = |names: &[&str], of: &Map<String, Value>| {
        let mut keys = of.keys();
        let strange = keys.find(|name| !names.contains(&name.as_str()));
        strange.map(|name| format!("extraneous key [{name}] is not permitted"))
    };
    if let Some(problem) = unknown(&FIELDS, request) {
        return Some(problem);
    }
    let inference = request.get("inferenceConfig").and_then(Value::as_object);
    if let Some(problem) = inference.and_then(|config| unknown(&INFERENCE, config)) {
        return Some(problem);
    }
    let messages = request.get("messages").and_then(Value::as_array);
    let messages = messages.map(Vec::as_slice).unwrap_or_default();
    let role = |message: &Value| {
        message
            .get("role")
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    match messages.first().map(role) {
        None => return Some("A conversation must have at least one message.".to_owned()),
        Some(first) if first.as_deref() != Some("user") => {
            return Some("A conversation must start with a user message.".to_owned());
        }
        Some(_) => {}
    }
    let alternates = |pair: &[Value]| pair.first().map(role) != pair.last().map(role);
    if !messages.windows(2).all(alternates) {
        return Some("Roles must alternate between \"user\" and \"assistant\".".to_owned());
    }
    let blocks = messages
        .iter()
        .filter_map(|message| message.get("content")?.as_array());
    let blocks: Vec<&Value> = blocks.flatten().collect();
    block_problem(&blocks).or_else(|| tool_problem(messages, request.contains_key("toolConfig")))
}

fn block_problem(blocks: &[&Value]) -> Option<String> {
    for block in blocks {
        let fields: Vec<&String> = block.as_object()?.keys().collect();
        match fields.as_slice() {
            [one] if BLOCKS.contains(&one.as_str()) => {}
            _ => return Some("a content block has exactly one known member".to_owned()),
        }
        let text = block.get("text").and_then(Value::as_str);
        if text.is_some_and(|text| text.trim().is_empty()) {
            return Some("The text field in the ContentBlock object is blank.".to_owned());
        }
    }
    None
}

/// Calls of tools are followed by as many results, and need the tools beside them.
fn tool_problem(messages: &[Value], has_tools: bool) -> Option<String> {
    let mut open = 0;
    for message in messages {
        let content = message.get("content").and_then(Value::as_array)?;
        let of = |name: &str| {
            content
                .iter()
                .filter(|block| block.get(name).is_some())
                .count()
        };
        if of("toolResult") != open {
            return Some(
                "Expected toolResult blocks for the toolUse blocks of the previous turn."
                    .to_owned(),
            );
        }
        open = of("toolUse");
        if open > 0 && !has_tools {
            return Some("The toolConfig field must be defined when using toolUse and toolResult content blocks.".to_owned());
        }
    }
    None
}
