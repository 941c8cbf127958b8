//! Calls in events of Cohere. They are counted by themselves.

use super::stream::{Calls, Key, Say, Written};
use super::tree::Node;
use super::whole::Reason;

const CALL: [&str; 4] = ["delta", "message", "tool_calls", "function"];

fn key_of(root: &Node<'_>) -> Key {
    Key::of(root.count_of("index").unwrap_or_default())
}

pub(super) fn hear<'n>(root: &'n Node<'_>) -> Vec<Say<'n>> {
    let key = key_of(root);
    let function = root.at(&CALL);
    let text = |name| function.map_or("", |function| function.text_of(name));
    match root.text_of("type") {
        "tool-call-start" => vec![
            Say::Of(key, text("name")),
            Say::Piece(key, text("arguments")),
        ],
        "tool-call-delta" => vec![Say::Piece(key, text("arguments"))],
        "tool-call-end" => vec![Say::End(key)],
        "message-end" => vec![Say::EndAll],
        _ => Vec::new(),
    }
}

pub(super) fn write(root: &Node<'_>, calls: &Calls) -> Written {
    let change = match root.text_of("type") {
        "tool-call-start" | "tool-call-delta" | "tool-call-end" => {
            if calls.strips(key_of(root)) {
                return Written::Gone;
            }
            calls.renumbered(key_of(root), root.get("index"))
        }
        "message-end" if calls.has_emptied(0) => {
            let delta = root.get("delta");
            delta.and_then(|delta| Reason::of_cohere(delta).without_calls())
        }
        _ => None,
    };
    Written::With(change.into_iter().collect())
}
