//! `iron.yaml`: read into a flat list of names and values, each with its line and column.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::{Place, Problem};

/// One value of the file under its dotted name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) place: Place,
}

/// Reads the text of a file.
pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Entry>, Problem> {
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Vec::new());
    }
    let tree: Node = serde_saphyr::from_str(text).map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((1, 1), |at| (at.line(), at.column()));
        let message = error.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default().to_owned();
        Problem {
            place: place(path, line, column),
            message: format!("the file is not valid YAML: {message}"),
        }
    })?;
    let mut entries = Vec::new();
    let Node::Map(pairs) = tree else {
        let message = "expected names and values, such as `listen: 127.0.0.1:4766`".to_owned();
        return Err(Problem {
            place: place(path, 1, 1),
            message,
        });
    };
    flatten(path, "", pairs, &mut entries)?;
    Ok(entries)
}

fn place(path: &Path, line: u64, column: u64) -> Place {
    Place::File {
        path: path.to_owned(),
        line,
        column,
    }
}

type Pair = (Spanned<String>, Node);

fn flatten(
    path: &Path,
    prefix: &str,
    pairs: Vec<Pair>,
    into: &mut Vec<Entry>,
) -> Result<(), Problem> {
    for (key, node) in pairs {
        let name = format!("{prefix}{}", key.value);
        let place = place(path, key.referenced.line(), key.referenced.column());
        match node {
            Node::Map(pairs) => flatten(path, &format!("{name}."), pairs, into)?,
            Node::Scalar(value) => into.push(Entry { name, value, place }),
            Node::Absent => {}
            Node::List => {
                let message = format!("`{name}` is a list, but takes a single value");
                return Err(Problem { place, message });
            }
        }
    }
    Ok(())
}

/// What stands below a name.
enum Node {
    Map(Vec<Pair>),
    Scalar(String),
    List,
    Absent,
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
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Absent)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Absent)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Node::Map(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        Ok(Node::List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> Vec<(String, String, u64, u64)> {
        read(Path::new("iron.yaml"), text)
            .unwrap()
            .into_iter()
            .map(|entry| match entry.place {
                Place::File { line, column, .. } => (entry.name, entry.value, line, column),
                other => panic!("{other}"),
            })
            .collect()
    }

    #[test]
    fn sections_become_dotted_names_that_know_their_line() {
        let text = "# mine\nlisten: 0.0.0.0:80\nrate_limits:\n  user_per_hour: 5\n  user_per_minute: 0\nlog:\n";
        assert_eq!(
            entries(text),
            [
                ("listen".to_owned(), "0.0.0.0:80".to_owned(), 2, 1),
                ("rate_limits.user_per_hour".to_owned(), "5".to_owned(), 4, 3),
                (
                    "rate_limits.user_per_minute".to_owned(),
                    "0".to_owned(),
                    5,
                    3
                ),
            ]
        );
    }

    #[test]
    fn a_file_of_comments_says_nothing() {
        assert_eq!(entries("# listen: 1\n\n"), []);
    }

    #[test]
    fn what_is_not_names_and_values_is_refused_with_its_place() {
        for (text, place) in [
            ("listen: [1, 2]\n", "iron.yaml:1:1"),
            ("- a\n- b\n", "iron.yaml:1:1"),
            ("listen: 1\nlisten: 2\n", "iron.yaml:2:1"),
            ("a: b\n  c: : d\n", "iron.yaml:2"),
        ] {
            let problem = read(Path::new("iron.yaml"), text).unwrap_err();
            assert!(
                problem.place.to_string().starts_with(place),
                "{text:?}: {problem}"
            );
        }
    }
}
