//! Calls in chunks of chat completions.

use super::items;
use super::stream::{Calls, Key, Say, Written};
use super::tree::Node;
use super::whole::Reason;

/// The number of the one call of the old form, which has none.
const OLD_CALL: u32 = u32::MAX;

fn choices<'n, 'a>(root: &'n Node<'a>) -> &'n [Node<'a>] {
    root.get("choices").map(Node::items).unwrap_or_default()
}

fn turn_of(choice: &Node<'_>) -> u32 {
    choice.count_of("index").unwrap_or_default()
}

/// The calls of a delta, with their numbers; some servers leave these out.
fn calls_of<'n, 'a>(choice: &'n Node<'a>) -> impl Iterator<Item = (Key, &'n Node<'a>)> {
    let turn = turn_of(choice);
    let calls = choice.at(&["delta", "tool_calls"]).map(Node::items);
    let calls = (0..).zip(calls.unwrap_or_default());
    calls.map(move |(at, call)| {
        let number = call.count_of("index").unwrap_or(at);
        (Key { turn, number }, call)
    })
}

fn old_call<'n, 'a>(choice: &'n Node<'a>) -> Option<(Key, &'n Node<'a>)> {
    let call = choice.at(&["delta", "function_call"])?;
    let key = Key {
        turn: turn_of(choice),
        number: OLD_CALL,
    };
    (!call.is_null()).then_some((key, call))
}

pub(super) fn hear<'n>(root: &'n Node<'_>) -> Vec<Say<'n>> {
    let mut said = Vec::new();
    for choice in choices(root) {
        for (key, call) in calls_of(choice) {
            let custom = items::custom_of(call);
            let function = call.get("function").filter(|function| !function.is_null());
            let function = function.or(custom).unwrap_or(call);
            said.push(Say::Of(key, function.text_of("name")));
            said.push(Say::Piece(key, function.text_of("arguments")));
            if custom.is_some() {
                said.push(Say::Input(key, function.text_of("input")));
            }
        }
        if let Some((key, call)) = old_call(choice) {
            said.push(Say::Of(key, call.text_of("name")));
            said.push(Say::Piece(key, call.text_of("arguments")));
        }
        if !choice.text_of("finish_reason").is_empty() {
            said.push(Say::EndTurn(turn_of(choice)));
        }
    }
    said
}

pub(super) fn write(root: &Node<'_>, calls: &Calls) -> Written {
    let mut changes = Vec::new();
    let mut says_nothing = true;
    let mut takes_out = false;
    for choice in choices(root) {
        let gone = names_gone(choice, calls);
        takes_out |= !gone.is_empty();
        says_nothing &= choice.text_of("finish_reason").is_empty();
        if let Some(delta) = choice.get("delta") {
            says_nothing &= delta.has_only(&gone);
            changes.extend(delta.without_names(&gone));
        }
        if !gone.contains(&"tool_calls") {
            let listed: Vec<_> = calls_of(choice).collect();
            let is_gone = |at: usize| listed.get(at).is_some_and(|(key, _)| calls.strips(*key));
            let list = choice.at(&["delta", "tool_calls"]);
            changes.extend(list.into_iter().flat_map(|list| list.without(is_gone)));
            let kept = listed.iter().filter(|(key, _)| !calls.strips(*key));
            changes
                .extend(kept.filter_map(|(key, call)| calls.renumbered(*key, call.get("index"))));
        }
        if calls.has_emptied(turn_of(choice)) {
            changes.extend(Reason::of_chat(choice).without_calls());
        }
    }
    let counts = root.get("usage").is_some_and(|usage| !usage.is_null());
    match takes_out && says_nothing && !counts {
        true => Written::Gone,
        false => Written::With(changes),
    }
}

/// What a delta loses altogether.
fn names_gone(choice: &Node<'_>, calls: &Calls) -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut listed = calls_of(choice).peekable();
    if listed.peek().is_some() && listed.all(|(key, _)| calls.strips(key)) {
        names.push("tool_calls");
    }
    if old_call(choice).is_some_and(|(key, _)| calls.strips(key)) {
        names.push("function_call");
    }
    names
}
