//! Rows as JSON, up to a bound.

use std::collections::HashSet;
use std::fmt;

use iron_runtime::databases::StatementFailure;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use crate::Failure;

/// An answer in the making.
#[derive(Debug)]
pub(crate) struct Rows {
    json: String,
    count: u64,
    max_rows: u64,
    answer_bytes: usize,
}

/// Whether more rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    More,
    /// There are more than may be given back.
    NoMore,
}

impl Rows {
    pub(crate) fn new(max_rows: u64, answer_bytes: usize) -> Self {
        Rows {
            json: "{\"rows\":[".to_owned(),
            count: 0,
            max_rows,
            answer_bytes,
        }
    }

    /// Takes a row, an object of JSON.
    pub(crate) fn take(&mut self, row: &str) -> Result<Wanted, Failure> {
        if self.count == self.max_rows {
            return Ok(Wanted::NoMore);
        }
        if self.json.len().saturating_add(row.len()) > self.answer_bytes {
            return Err(too_large(self.answer_bytes));
        }
        if self.count == 0
            && let Some(name) = name_twice(row)
        {
            let problem = format!("two columns are called `{name}`; name one of them with `AS`");
            return Err(Failure::of_job(StatementFailure::Unfit(problem)));
        }
        if self.count > 0 {
            self.json.push(',');
        }
        self.json.push_str(row);
        self.count = self.count.saturating_add(1);
        Ok(Wanted::More)
    }

    /// The whole answer.
    pub(crate) fn told(mut self, wanted: Wanted) -> String {
        self.json.push_str(match wanted {
            Wanted::More => "]}",
            Wanted::NoMore => "],\"truncated\":true}",
        });
        self.json
    }
}

pub(crate) fn too_large(limit_bytes: usize) -> Failure {
    Failure::of_job(StatementFailure::TooLarge { limit_bytes })
}

/// The answer of a statement that gives no rows.
pub(crate) fn counted(rows: u64) -> String {
    format!("{{\"rows_affected\":{rows}}}")
}

/// What a database says of an error.
pub(crate) fn told(code: &str, message: &str, hint: Option<&str>) -> StatementFailure {
    let mut said = serde_json::json!({ "code": code, "message": shortened(message) });
    if let (Some(hint), Some(said)) = (hint, said.as_object_mut()) {
        said.insert("hint".to_owned(), shortened(hint).into());
    }
    StatementFailure::Told(said.to_string().into())
}

fn shortened(text: &str) -> String {
    text.chars().take(1_000).collect()
}

/// A name that stands twice in an object.
fn name_twice(object: &str) -> Option<String> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let (mut seen, mut twice) = (HashSet::new(), None);
            while let Some(name) = map.next_key::<String>()? {
                map.next_value::<IgnoredAny>()?;
                if !seen.insert(name.clone()) {
                    twice.get_or_insert(name);
                }
            }
            Ok(twice)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(object);
    reader.deserialize_map(Names).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_one_answer_up_to_a_bound() {
        let mut rows = Rows::new(2, 100);
        assert_eq!(rows.take("{\"a\":1}").expect("it fits"), Wanted::More);
        assert_eq!(rows.take("{\"a\":2}").expect("it fits"), Wanted::More);
        assert_eq!(rows.take("{\"a\":3}").expect("it fits"), Wanted::NoMore);
        let told = rows.told(Wanted::NoMore);
        assert_eq!(told, "{\"rows\":[{\"a\":1},{\"a\":2}],\"truncated\":true}");
        let mut small = Rows::new(2, 12);
        assert!(small.take("{\"a\":1}").is_err());
        let mut twice = Rows::new(2, 100);
        assert!(twice.take("{\"a\":1,\"b\":{\"a\":1},\"a\":2}").is_err());
        assert_eq!(Rows::new(1, 10).told(Wanted::More), "{\"rows\":[]}");
    }
}
