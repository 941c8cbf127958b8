//! Calls in whole answers.

use bytes::Bytes;

use super::items::{self, Call};
use super::tree::{self, Change, Node, changed};
use super::{Fate, Judge, Proposal};
use crate::kind::Dialect;

/// An answer in which nobody can tell what it proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no JSON.
    #[error("the answer is not JSON, so nobody can tell which tools it calls")]
    Malformed,
    /// It has more values than are taken apart, and a call that may be in it was to be taken out.
    #[error("the answer has too many values to tell which tools it calls")]
    TooMany,
}

/// An answer without the calls that are to be taken out; the same bytes if there are none. If it is
/// told to stop, it asks about no further call, and what it gives back is of no use. About an answer
/// with more values than are taken apart it asks once ([`Proposal::UNTOLD`]).
///
/// # Errors
/// [`Unreadable`].
pub fn sift(dialect: Dialect, body: &Bytes, judge: &mut Judge<'_>) -> Result<Bytes, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::Malformed)?;
    let root = match Node::read(text) {
        Ok(root) => root,
        Err(tree::Unreadable::Malformed) => return Err(Unreadable::Malformed),
        Err(tree::Unreadable::TooMany) if judge(&Proposal::UNTOLD) == Fate::Strip => {
            return Err(Unreadable::TooMany);
        }
        Err(tree::Unreadable::TooMany) => return Ok(body.clone()),
    };
    let mut changes = Vec::new();
    for turn in turns(dialect, &root) {
        let mut gone = Vec::new();
        for found in &turn.calls {
            match judge(&found.call.proposal()) {
                Fate::Stop => return Ok(body.clone()),
                fate => gone.push(fate == Fate::Strip),
            }
        }
        changes.extend(turn.without(&gone));
    }
    Ok(match changes.is_empty() {
        true => body.clone(),
        false => changed(text, changes).into(),
    })
}

impl Call<'_> {
    pub(super) fn proposal(&self) -> Proposal<'_> {
        Proposal {
            name: self.name,
            arguments: Some(or_none_given(&self.arguments)),
        }
    }
}

/// Some models give nothing where there are no arguments.
pub(super) fn or_none_given(arguments: &str) -> &str {
    match arguments.trim_ascii() {
        "" => "{}",
        _ => arguments,
    }
}

/// What one choice, candidate or message proposes.
#[derive(Debug)]
pub(super) struct Turn<'n, 'a> {
    pub(super) calls: Vec<Found<'n>>,
    /// What the calls stand in.
    list: Option<&'n Node<'a>>,
    /// The object that has the list, and its name there, where it holds nothing else.
    holder: Option<(&'n Node<'a>, &'static str)>,
    reason: Option<Reason<'n, 'a>>,
}

/// A call and where it stands.
#[derive(Debug)]
pub(super) struct Found<'n> {
    pub(super) call: Call<'n>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the list.
    Item(usize),
    /// Beside it, under this name.
    Member(&'static str),
}

/// Why an answer has ended.
#[derive(Debug)]
pub(super) struct Reason<'n, 'a> {
    node: Option<&'n Node<'a>>,
    for_calls: &'static [&'static str],
    by_itself: &'static str,
}

impl<'n, 'a> Reason<'n, 'a> {
    pub(super) fn of_chat(choice: &'n Node<'a>) -> Self {
        Reason {
            node: choice.get("finish_reason"),
            for_calls: &["tool_calls", "function_call"],
            by_itself: "stop",
        }
    }

    pub(super) fn of_messages(message: &'n Node<'a>) -> Self {
        Reason {
            node: message.get("stop_reason"),
            for_calls: &["tool_use"],
            by_itself: "end_turn",
        }
    }

    pub(super) fn of_cohere(message: &'n Node<'a>) -> Self {
        Reason {
            node: message.get("finish_reason"),
            for_calls: &["TOOL_CALL"],
            by_itself: "COMPLETE",
        }
    }

    pub(super) fn of_converse(message: &'n Node<'a>) -> Self {
        Reason {
            node: message.get("stopReason"),
            for_calls: &["tool_use"],
            by_itself: "end_turn",
        }
    }

    /// What it is when no call is left.
    pub(super) fn without_calls(&self) -> Option<Change> {
        let node = self.node?;
        let is_for_calls = self.for_calls.contains(&node.text()?);
        is_for_calls.then(|| node.replaced(format!("\"{}\"", self.by_itself)))
    }
}

/// What a whole answer, or an event that is one, proposes.
pub(super) fn turns<'n, 'a>(dialect: Dialect, root: &'n Node<'a>) -> Vec<Turn<'n, 'a>> {
    match dialect {
        Dialect::OpenAiChat => {
            let choices = root.get("choices").map(Node::items).unwrap_or_default();
            choices.iter().filter_map(of_choice).collect()
        }
        Dialect::OpenAiResponses => vec![of_output(root)],
        Dialect::AnthropicMessages | Dialect::BedrockMessages => vec![of_message(root)],
        Dialect::Gemini => {
            let candidates = root.get("candidates").map(Node::items).unwrap_or_default();
            candidates.iter().map(of_candidate).collect()
        }
        Dialect::Cohere => vec![of_cohere(root)],
        Dialect::Converse => vec![of_converse(root)],
        _ => Vec::new(),
    }
}

fn listed<'n>(
    list: Option<&'n Node<'_>>,
    call: impl Fn(&'n Node<'_>) -> Option<Call<'n>>,
) -> Vec<Found<'n>> {
    let items = list.map(Node::items).unwrap_or_default().iter();
    let calls = items.enumerate().filter_map(|(at, item)| {
        let place = Place::Item(at);
        call(item).map(|call| Found { call, place })
    });
    calls.collect()
}

fn of_choice<'n, 'a>(choice: &'n Node<'a>) -> Option<Turn<'n, 'a>> {
    let message = choice.get("message")?;
    let list = message.get("tool_calls");
    let mut calls = listed(list, |item| Some(items::of_chat(item)));
    let function = message.get("function_call");
    calls.extend(
        function
            .filter(|function| !function.is_null())
            .map(|function| Found {
                call: items::of_function(function),
                place: Place::Member("function_call"),
            }),
    );
    Some(Turn {
        calls,
        list,
        holder: Some((message, "tool_calls")),
        reason: Some(Reason::of_chat(choice)),
    })
}

/// The items of responses.
pub(super) fn of_output<'n, 'a>(response: &'n Node<'a>) -> Turn<'n, 'a> {
    let list = response.get("output");
    Turn {
        calls: listed(list, items::of_item),
        list,
        holder: None,
        reason: None,
    }
}

fn of_message<'n, 'a>(message: &'n Node<'a>) -> Turn<'n, 'a> {
    let list = message.get("content");
    Turn {
        calls: listed(list, items::of_block),
        list,
        holder: None,
        reason: Some(Reason::of_messages(message)),
    }
}

fn of_candidate<'n, 'a>(candidate: &'n Node<'a>) -> Turn<'n, 'a> {
    let list = candidate.at(&["content", "parts"]);
    Turn {
        calls: listed(list, items::of_part),
        list,
        holder: None,
        reason: None,
    }
}

fn of_cohere<'n, 'a>(root: &'n Node<'a>) -> Turn<'n, 'a> {
    let message = root.get("message");
    let list = message.and_then(|message| message.get("tool_calls"));
    Turn {
        calls: listed(list, |item| Some(items::of_chat(item))),
        list,
        holder: message.map(|message| (message, "tool_calls")),
        reason: Some(Reason::of_cohere(root)),
    }
}

fn of_converse<'n, 'a>(root: &'n Node<'a>) -> Turn<'n, 'a> {
    let list = root.at(&["output", "message", "content"]);
    Turn {
        calls: listed(list, items::of_tool_use),
        list,
        holder: None,
        reason: Some(Reason::of_converse(root)),
    }
}

impl<'n, 'a> Turn<'n, 'a> {
    /// Its calls, with their numbers in the list.
    pub(super) fn numbered(self) -> impl Iterator<Item = (u32, Call<'n>)> {
        let calls = self.calls.into_iter();
        calls.filter_map(|found| match found.place {
            Place::Item(at) => Some((u32::try_from(at).ok()?, found.call)),
            Place::Member(_) => None,
        })
    }

    /// What stands in its list as a call.
    pub(super) fn parts(&self) -> impl Iterator<Item = &'n Node<'a>> {
        let list = self.list.map(Node::items).unwrap_or_default();
        self.calls.iter().filter_map(|found| match found.place {
            Place::Item(at) => list.get(at),
            Place::Member(_) => None,
        })
    }

    /// Whether nothing is left of its list.
    pub(super) fn is_emptied(&self, gone: &[bool]) -> bool {
        let listed = self.list.map_or(0, |list| list.items().len());
        listed == gone.iter().filter(|gone| **gone).count()
    }

    /// What takes these of its calls out, by their order.
    pub(super) fn without(&self, gone: &[bool]) -> Vec<Change> {
        let is_gone = |at: usize| gone.get(at).copied().unwrap_or_default();
        let places = self.calls.iter().enumerate();
        let places: Vec<Place> = places
            .filter(|(at, _)| is_gone(*at))
            .map(|(_, found)| found.place)
            .collect();
        if places.is_empty() {
            return Vec::new();
        }
        let listed = |place: &&Place| matches!(place, Place::Item(_));
        let is_emptied = self
            .list
            .is_some_and(|list| list.items().len() == places.iter().filter(listed).count());
        let mut names: Vec<&str> = places.iter().filter_map(Place::name).collect();
        let mut changes = Vec::new();
        match (self.list, self.holder) {
            (Some(_), Some((_, name))) if is_emptied => names.push(name),
            (Some(list), _) => {
                changes.extend(list.without(|at| places.contains(&Place::Item(at))));
            }
            (None, _) => {}
        }
        if let Some((holder, _)) = self.holder {
            changes.extend(holder.without_names(&names));
        }
        if places.len() == self.calls.len() {
            let reason = self.reason.as_ref();
            changes.extend(reason.and_then(Reason::without_calls));
        }
        changes
    }
}

impl Place {
    fn name(&self) -> Option<&'static str> {
        match self {
            Place::Item(_) => None,
            Place::Member(name) => Some(name),
        }
    }
}
