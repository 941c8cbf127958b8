//! Documents as YAML, each value with its line and column.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

use crate::Wrong;
use crate::document::Written;

/// Reads the text of a document.
pub(crate) fn read(text: &str) -> Result<Vec<Written>, Wrong> {
    let says_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if text.lines().all(says_nothing) {
        return Ok(Vec::new());
    }
    let tree: Node = serde_saphyr::from_str(text).map_err(|error| {
        let place = error
            .location()
            .map_or((1, 1), |at| (at.line(), at.column()));
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default();
        wrong(place, format!("not valid YAML: {message}"))
    })?;
    let Node::Map(groups) = tree else {
        let expected = "expected groups of settings, such as `security:` with names below it";
        return Err(wrong((1, 1), expected.to_owned()));
    };
    let mut written = Vec::new();
    for (group, node) in groups {
        match node {
            Node::Value(Value::Null) => {}
            Node::Value(value) => written.push(at(&group, group.value.clone(), value)),
            Node::Map(names) => {
                for (name, node) in names {
                    let path = format!("{}.{}", group.value, name.value);
                    let value = match node {
                        Node::Value(value) => value,
                        Node::Map(_) => Value::Object(serde_json::Map::new()),
                    };
                    written.push(at(&name, path, value));
                }
            }
        }
    }
    Ok(written)
}

fn at(name: &Spanned<String>, path: String, value: Value) -> Written {
    let place = Some((name.referenced.line(), name.referenced.column()));
    Written { path, value, place }
}

fn wrong(place: (u64, u64), problem: String) -> Wrong {
    Wrong {
        path: String::new(),
        place: Some(place),
        problem,
    }
}

/// What stands below a name.
enum Node {
    Map(Vec<(Spanned<String>, Node)>),
    Value(Value),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or names with values")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Value(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Value(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Value(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Value(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Value(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Value(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Value(Value::Null))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Node::Map(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut values = Vec::new();
        while let Some(node) = list.next_element::<Node>()? {
            values.push(match node {
                Node::Value(value) => value,
                Node::Map(_) => Value::Object(serde_json::Map::new()),
            });
        }
        Ok(Node::Value(values.into()))
    }
}
