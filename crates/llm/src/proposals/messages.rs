//! Calls in events of Anthropic's messages.

use std::borrow::Cow;

use super::items;
use super::stream::{Calls, Key, Say, Written};
use super::tree::Node;
use super::whole::Reason;

fn kind_of<'n>(root: &'n Node<'_>, kind: &'n str) -> &'n str {
    let own = root.get("type").and_then(Node::text);
    own.unwrap_or(kind)
}

pub(super) fn hear<'n>(root: &'n Node<'_>, kind: &'n str) -> Vec<Say<'n>> {
    let key = Key::of(root.count_of("index").unwrap_or_default());
    match kind_of(root, kind) {
        "content_block_start" => {
            let call = root.get("content_block").and_then(items::of_block);
            call.map_or_else(Vec::new, |call| {
                // An empty object says that pieces follow.
                let given = match call.arguments.split_ascii_whitespace().collect::<String>() {
                    empty if empty == "{}" => Cow::Borrowed(""),
                    _ => call.arguments,
                };
                vec![Say::Of(key, call.name), Say::Given(key, given)]
            })
        }
        "content_block_delta" => match root.at(&["delta", "partial_json"]).and_then(Node::text) {
            Some(piece) => vec![Say::Piece(key, piece)],
            None => Vec::new(),
        },
        "content_block_stop" => vec![Say::End(key)],
        "message_delta" | "message_stop" | "error" => vec![Say::EndAll],
        _ => Vec::new(),
    }
}

pub(super) fn write(root: &Node<'_>, kind: &str, calls: &Calls) -> Written {
    let changes = match kind_of(root, kind) {
        "content_block_start" | "content_block_delta" | "content_block_stop" => {
            let key = Key::of(root.count_of("index").unwrap_or_default());
            if calls.strips(key) {
                return Written::Gone;
            }
            calls.renumbered(key, root.get("index"))
        }
        "message_delta" if calls.has_emptied(0) => {
            let delta = root.get("delta");
            delta.and_then(|delta| Reason::of_messages(delta).without_calls())
        }
        _ => None,
    };
    Written::With(changes.into_iter().collect())
}
