//! The values of a JSON text with the places where they stand, so that some can be taken out.
//!
//! A node is many times as large as a digit that it stands for, so only what calls may stand in is
//! taken apart, and of that no more than a bounded number of values. A tree lives only while a text is
//! looked at, so threads have one each, however many answers come at once.

use std::borrow::Cow;
use std::ops::Range;

use crate::scan::{Kind, ScanError, Scanner};

/// Under these names stand, in some dialect, the objects and arrays that are looked into.
const OPENED: [&str; 17] = [
    "candidates",
    "choices",
    "content",
    "content_block",
    "custom",
    "delta",
    "function",
    "functionCall",
    "function_call",
    "item",
    "message",
    "output",
    "parts",
    "response",
    "start",
    "toolUse",
    "tool_calls",
];

/// The most values of a text, each of up to a hundred bytes: some 3 MB, and thousands of calls.
pub(super) const MOST_NODES: usize = 1 << 15;

/// Why a text was not taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is no JSON.
    Malformed,
    /// It has more than [`MOST_NODES`] values where calls may stand.
    TooMany,
}

impl From<ScanError> for Unreadable {
    fn from(_: ScanError) -> Self {
        Unreadable::Malformed
    }
}

/// A value. What stands under a name that nobody looks into is there as its text alone.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// Where it stands.
    pub(super) place: Range<usize>,
    /// What stands there.
    pub(super) raw: &'a str,
    value: Value<'a>,
}

#[derive(Debug)]
enum Value<'a> {
    Object(Vec<Member<'a>>),
    Array(Vec<Node<'a>>),
    Text(Cow<'a, str>),
    /// A number, a boolean or nothing, or what is not looked into.
    Plain,
}

#[derive(Debug)]
struct Member<'a> {
    name: Cow<'a, str>,
    start: usize,
    node: Node<'a>,
}

/// What stands in another place's place.
pub(super) type Change = (Range<usize>, String);

impl<'a> Node<'a> {
    /// Reads a text that is one value.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub(super) fn read(text: &'a str) -> Result<Self, Unreadable> {
        let mut scanner = Scanner::new(text);
        let mut room = MOST_NODES;
        let node = Node::next(&mut scanner, true, &mut room)?;
        scanner.finish()?;
        Ok(node)
    }

    fn next(scanner: &mut Scanner<'a>, opens: bool, room: &mut usize) -> Result<Self, Unreadable> {
        *room = room.checked_sub(1).ok_or(Unreadable::TooMany)?;
        let start = scanner.position();
        let value = match scanner.kind()? {
            Kind::Object if opens => {
                let mut members = Vec::new();
                scanner.entries(|scanner, name| {
                    let (name, start) = (name.decoded(), name.literal().start);
                    let node = Node::next(scanner, OPENED.contains(&&*name), room)?;
                    members.push(Member { name, start, node });
                    Ok::<(), Unreadable>(())
                })?;
                Value::Object(members)
            }
            Kind::Array if opens => {
                let mut items = Vec::new();
                scanner.array(|scanner, _| {
                    items.push(Node::next(scanner, true, room)?);
                    Ok::<(), Unreadable>(())
                })?;
                Value::Array(items)
            }
            Kind::String => Value::Text(scanner.string()?.decoded()),
            _ => {
                scanner.skip()?;
                Value::Plain
            }
        };
        let place = start..scanner.end();
        let raw = scanner.read(&place);
        Ok(Node { place, raw, value })
    }

    fn members(&self) -> &[Member<'a>] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The values of an array.
    pub(super) fn items(&self) -> &[Node<'a>] {
        match &self.value {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    /// The value of a name; of one that stands twice the last, as those read it who get it.
    pub(super) fn get(&self, name: &str) -> Option<&Node<'a>> {
        let mut members = self.members().iter();
        members
            .rfind(|member| member.name == name)
            .map(|member| &member.node)
    }

    /// The value at the end of a way of names.
    pub(super) fn at(&self, way: &[&str]) -> Option<&Node<'a>> {
        way.iter().try_fold(self, |node, name| node.get(name))
    }

    /// What a string says.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What the string under a name says; nothing if there is none.
    pub(super) fn text_of(&self, name: &str) -> &str {
        self.get(name).and_then(Node::text).unwrap_or_default()
    }

    /// A number that counts something.
    pub(super) fn count(&self) -> Option<u32> {
        self.raw.parse().ok()
    }

    /// The number under a name, if there is one.
    pub(super) fn count_of(&self, name: &str) -> Option<u32> {
        self.get(name).and_then(Node::count)
    }

    /// Whether nothing is said.
    pub(super) fn is_null(&self) -> bool {
        self.raw == "null"
    }

    /// The value under a name as JSON text: what a string holds, or else the value.
    pub(super) fn json_of(&self, name: &str) -> Option<Cow<'_, str>> {
        let node = self.get(name).filter(|node| !node.is_null())?;
        Some(node.text().map_or(Cow::Borrowed(node.raw), Cow::Borrowed))
    }

    /// Whether all names of an object are among these.
    pub(super) fn has_only(&self, names: &[&str]) -> bool {
        let mut members = self.members().iter();
        members.all(|member| names.contains(&&*member.name))
    }

    /// What takes these values out of an array.
    pub(super) fn without(&self, gone: impl Fn(usize) -> bool) -> Vec<Change> {
        let places: Vec<_> = self.items().iter().map(|item| item.place.clone()).collect();
        cut(&places, gone)
    }

    /// What takes these names out of an object, wherever they stand.
    pub(super) fn without_names(&self, names: &[&str]) -> Vec<Change> {
        let members = self.members();
        let places: Vec<_> = members
            .iter()
            .map(|member| member.start..member.node.place.end)
            .collect();
        let is_gone = |at: usize| {
            let member = members.get(at);
            member.is_some_and(|member| names.contains(&&*member.name))
        };
        cut(&places, is_gone)
    }

    /// Another value in this one's place.
    pub(super) fn replaced(&self, with: impl ToString) -> Change {
        (self.place.clone(), with.to_string())
    }
}

/// Takes some of the things out that stand one after the other, with the commas between them.
fn cut(places: &[Range<usize>], gone: impl Fn(usize) -> bool) -> Vec<Change> {
    let mut changes = Vec::new();
    // The end of the thing before, once there is one that stays.
    let mut before: Option<usize> = None;
    for (at, place) in places.iter().enumerate() {
        let next = places.get(at.saturating_add(1));
        match (gone(at), before) {
            (false, _) => before = Some(place.end),
            (true, Some(end)) => {
                changes.push((end..place.end, String::new()));
                before = Some(place.end);
            }
            (true, None) => {
                let end = next.map_or(place.end, |next| next.start);
                changes.push((place.start..end, String::new()));
            }
        }
    }
    changes
}

/// The text with all changes, which do not overlap.
pub(super) fn changed(text: &str, mut changes: Vec<Change>) -> String {
    changes.sort_by_key(|(place, _)| place.start);
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (place, with) in changes {
        let Some(kept) = text.get(copied..place.start) else {
            continue;
        };
        out.push_str(kept);
        out.push_str(&with);
        copied = place.end;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str, gone: &[usize]) -> String {
        let node = Node::read(text).expect("JSON");
        changed(text, node.without(|at| gone.contains(&at)))
    }

    #[test]
    fn what_is_taken_out_takes_its_comma_along() {
        assert_eq!(without("[1, 2, 3]", &[0]), "[2, 3]");
        assert_eq!(without("[1, 2, 3]", &[1]), "[1, 3]");
        assert_eq!(without("[1, 2, 3]", &[2]), "[1, 2]");
        assert_eq!(without("[1, 2, 3]", &[0, 1]), "[3]");
        assert_eq!(without("[1, 2, 3]", &[1, 2]), "[1]");
        assert_eq!(without("[1, 2, 3]", &[0, 2]), "[2]");
        assert_eq!(without("[ 1, 2 ]", &[0, 1]), "[  ]");
    }

    #[test]
    fn what_nobody_looks_into_is_not_taken_apart() {
        let text = r#"{"content": [{"input": {"content": [0, 0]}}], "logprobs": [0, [0]]}"#;
        let node = Node::read(text).expect("JSON");
        let block = &node.get("content").expect("blocks").items()[0];
        let input = block.get("input").expect("arguments");
        assert_eq!(input.raw, r#"{"content": [0, 0]}"#);
        assert!(input.members().is_empty());
        assert!(node.get("logprobs").expect("a list").items().is_empty());
        assert!(Node::read(r#"{"logprobs": [0, ]}"#).is_err());
    }

    #[test]
    fn no_more_is_taken_apart_than_there_is_room_for() {
        let zeros = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        let full = zeros(MOST_NODES - 1);
        assert_eq!(
            Node::read(&full).expect("room").items().len(),
            MOST_NODES - 1
        );
        let count = 1_000_000;
        let refused = |text: &str| Node::read(text).err();
        assert_eq!(refused(&zeros(MOST_NODES)), Some(Unreadable::TooMany));
        let hostile = format!(r#"{{"choices": {}}}"#, zeros(count));
        assert_eq!(refused(&hostile), Some(Unreadable::TooMany));
        let names = r#""a":0,"#.repeat(count);
        let hostile = format!(r#"{{"choices": [{{{names}"b":0}}]}}"#);
        assert_eq!(refused(&hostile), Some(Unreadable::TooMany));
        let passed_over = format!(r#"{{"logprobs": {}}}"#, zeros(count));
        assert_eq!(refused(&passed_over), None);
    }

    #[test]
    fn a_name_that_stands_twice_is_taken_out_twice_and_means_the_last() {
        let text = r#"{"a": 1, "b": [2], "a": 3}"#;
        let node = Node::read(text).expect("JSON");
        assert_eq!(node.count_of("a"), Some(3));
        assert_eq!(changed(text, node.without_names(&["a"])), r#"{"b": [2]}"#);
    }
}
