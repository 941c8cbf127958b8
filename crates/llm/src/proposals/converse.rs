//! Calls in messages of Bedrock's `ConverseStream`. What they are stands in a header.

use super::stream::{Calls, Key, Say, Written};
use super::tree::Node;
use super::whole::Reason;

const NUMBER: &str = "contentBlockIndex";

fn key_of(root: &Node<'_>) -> Key {
    Key::of(root.count_of(NUMBER).unwrap_or_default())
}

pub(super) fn hear<'n>(root: &'n Node<'_>, kind: &str) -> Vec<Say<'n>> {
    let key = key_of(root);
    match kind {
        "contentBlockStart" => {
            let call = root.get("start").and_then(super::items::of_tool_use);
            let call = call.map(|call| Say::Of(key, call.name));
            call.into_iter().collect()
        }
        "contentBlockDelta" => {
            let piece = root.at(&["delta", "toolUse", "input"]);
            let piece = piece.and_then(Node::text);
            piece
                .map(|piece| Say::Piece(key, piece))
                .into_iter()
                .collect()
        }
        "contentBlockStop" => vec![Say::End(key)],
        "messageStop" => vec![Say::EndAll],
        _ => Vec::new(),
    }
}

pub(super) fn write(root: &Node<'_>, kind: &str, calls: &Calls) -> Written {
    let change = match kind {
        "messageStop" if calls.has_emptied(0) => Reason::of_converse(root).without_calls(),
        _ if root.get(NUMBER).is_none() => None,
        _ if calls.strips(key_of(root)) => return Written::Gone,
        _ => calls.renumbered(key_of(root), root.get(NUMBER)),
    };
    Written::With(change.into_iter().collect())
}
