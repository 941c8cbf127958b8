//! Calls in events of OpenAI's responses, which tell each of them several times.

use super::items;
use super::stream::{Calls, Key, Say, Written};
use super::tree::Node;
use super::whole;

fn key_of(root: &Node<'_>) -> Option<Key> {
    root.count_of("output_index").map(Key::of)
}

pub(super) fn hear<'n>(root: &'n Node<'_>, kind: &'n str) -> Vec<Say<'n>> {
    let kind = root.get("type").and_then(Node::text).unwrap_or(kind);
    let mut said = Vec::new();
    if let Some(key) = key_of(root) {
        hear_item(root, kind, key, &mut said);
    }
    if let "response.completed"
    | "response.incomplete"
    | "response.failed"
    | "response.cancelled"
    | "error" = kind
    {
        said.push(Say::EndAll);
    }
    if let Some(response) = root.get("response") {
        let calls = whole::of_output(response).numbered();
        said.extend(calls.map(|(number, call)| Say::Whole(Key::of(number), call)));
    }
    said
}

fn hear_item<'n>(root: &'n Node<'_>, kind: &str, key: Key, said: &mut Vec<Say<'n>>) {
    let delta = || root.text_of("delta");
    match kind {
        "response.output_item.added" => {
            if let Some(call) = root.get("item").and_then(items::of_item) {
                said.push(Say::Of(key, call.name));
            }
        }
        "response.output_item.done" => {
            if let Some(item) = root.get("item")
                && let Some(call) = items::of_item(item)
            {
                said.push(Say::Of(key, call.name));
                said.push(match item.text_of("type") {
                    "custom_tool_call" => Say::Given(key, item.text_of("input").into()),
                    _ => Say::Given(key, call.arguments),
                });
                if item.text_of("type") == "custom_tool_call" {
                    said.push(Say::Input(key, ""));
                }
                said.push(Say::End(key));
            }
        }
        "response.function_call_arguments.delta" => said.push(Say::Piece(key, delta())),
        "response.function_call_arguments.done" => {
            said.push(Say::Given(key, root.text_of("arguments").into()));
        }
        "response.custom_tool_call_input.delta" => said.push(Say::Input(key, delta())),
        "response.custom_tool_call_input.done" => {
            said.push(Say::Given(key, root.text_of("input").into()));
        }
        // Of whatever else an item tells, nothing leaves before the item is decided.
        _ => said.push(Say::Piece(key, "")),
    }
}

pub(super) fn write(root: &Node<'_>, calls: &Calls, gone: &[bool]) -> Written {
    let mut changes = Vec::new();
    if let Some(key) = key_of(root) {
        if calls.strips(key) {
            return Written::Gone;
        }
        changes.extend(calls.renumbered(key, root.get("output_index")));
    }
    if let Some(response) = root.get("response") {
        changes.extend(whole::of_output(response).without(gone));
    }
    let number = root.get("sequence_number").filter(|_| calls.dropped > 0);
    if let Some(node) = number
        && let Some(count) = node.count()
    {
        let number = u64::from(count).saturating_sub(calls.dropped);
        changes.push(node.replaced(number));
    }
    Written::With(changes)
}
