//! One statement about many rows.

use std::fmt::Write as _;

use crate::statement::Statement;
use crate::value::Value;

/// A statement with a list of rows in it, made of fixed text and values only.
///
/// ```
/// use iron_store::{Rows, ToColumn};
///
/// let rows = Rows::new("INSERT INTO tags (agent, tag) VALUES ")
///     .row([1_i64.to_column(), "a".to_column()])
///     .row([1_i64.to_column(), "b".to_column()])
///     .then(" ON CONFLICT DO NOTHING");
/// assert_eq!(
///     rows.text(),
///     "INSERT INTO tags (agent, tag) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING"
/// );
/// ```
#[derive(Debug, Clone)]
#[must_use = "a statement does nothing until it is executed or fetched"]
pub struct Rows {
    text: String,
    values: Vec<Value>,
    then: (&'static str, &'static str),
}

impl Rows {
    /// A statement that begins like this, up to the list of rows.
    pub fn new(before: &'static str) -> Self {
        Rows {
            text: before.to_owned(),
            values: Vec::new(),
            then: ("", ""),
        }
    }

    /// Adds a row; all have the same columns.
    pub fn row(mut self, row: impl IntoIterator<Item = Value>) -> Self {
        self.text
            .push_str(if self.values.is_empty() { "(" } else { ", (" });
        for (index, value) in row.into_iter().enumerate() {
            self.values.push(value);
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(self.text, "{comma}${}", self.values.len());
        }
        self.text.push(')');
        self
    }

    /// What comes after the rows.
    pub const fn then(self, text: &'static str) -> Self {
        self.then_per_engine(text, text)
    }

    /// What comes after the rows, where the two engines differ.
    pub const fn then_per_engine(mut self, sqlite: &'static str, postgres: &'static str) -> Self {
        self.then = (sqlite, postgres);
        self
    }

    /// Whether there is no row: then there is no statement either.
    pub const fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The text as SQLite sees it.
    pub fn text(&self) -> String {
        format!("{}{}", self.text, self.then.0)
    }

    /// The finished statement.
    pub fn statement(self) -> Statement {
        let (sqlite, postgres) = self.then;
        Statement::composed_per_engine(self.text, (sqlite, postgres), self.values)
    }
}
