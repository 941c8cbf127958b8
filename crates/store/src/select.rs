//! A SELECT whose filters and order are chosen at run time, made of fixed fragments only.

use std::fmt::Write as _;

use crate::db::Tx;
use crate::page::{Page, Paged, Sort};
use crate::statement::{Answer, Statement};
use crate::value::{ToColumn, Value};
use crate::{Db, Row};

/// A SELECT under construction. Text from outside enters by value only: every fragment is a
/// `&'static str`, each `?` in it is replaced by the next parameter's number.
///
/// ```
/// use iron_store::{Select, Sort};
///
/// let select = Select::new("id, name", "agents")
///     .filter("tenant_id = ?", "tenant_1")
///     .filter_in("status", &["active", "exhausted"])
///     .filter_contains("name", "50%")
///     .sort(Sort::descending("created_at"), "id");
/// assert_eq!(
///     select.text(),
///     "SELECT id, name FROM agents WHERE tenant_id = $1 AND status IN ($2, $3) \
///      AND lower(name) LIKE lower($4) ESCAPE '!' ORDER BY created_at DESC NULLS LAST, id DESC"
/// );
/// ```
#[derive(Debug, Clone)]
#[must_use = "a SELECT does nothing until it is fetched"]
pub struct Select {
    columns: &'static str,
    from: &'static str,
    filters: Vec<Filter>,
    values: Vec<Value>,
    order: Option<(Sort, &'static str)>,
}

#[derive(Debug, Clone)]
enum Filter {
    Fragment(&'static str),
    In { column: &'static str, count: usize },
    Contains { column: &'static str },
}

impl Select {
    /// A SELECT of these columns from this table or join.
    pub const fn new(columns: &'static str, from: &'static str) -> Self {
        Select {
            columns,
            from,
            filters: Vec::new(),
            values: Vec::new(),
            order: None,
        }
    }

    /// Keeps the rows for which the fragment holds; it contains one `?`.
    pub fn filter(mut self, fragment: &'static str, value: impl ToColumn) -> Self {
        self.filters.push(Filter::Fragment(fragment));
        self.values.push(value.to_column());
        self
    }

    /// As [`Select::filter`] if there is a value.
    pub fn filter_some(self, fragment: &'static str, value: Option<impl ToColumn>) -> Self {
        match value {
            Some(value) => self.filter(fragment, value),
            None => self,
        }
    }

    /// Keeps the rows for which the fragment holds; it contains no `?`.
    pub fn filter_fixed(mut self, fragment: &'static str) -> Self {
        self.filters.push(Filter::Fragment(fragment));
        self
    }

    /// Keeps the rows for which the fragment with its several `?` holds.
    pub fn filter_with(mut self, fragment: &'static str, values: Vec<Value>) -> Self {
        self.filters.push(Filter::Fragment(fragment));
        self.values.extend(values);
        self
    }

    /// Keeps the rows whose column is one of the values; none for an empty list.
    pub fn filter_in<T: ToColumn>(mut self, column: &'static str, values: &[T]) -> Self {
        self.filters.push(Filter::In {
            column,
            count: values.len(),
        });
        self.values.extend(values.iter().map(ToColumn::to_column));
        self
    }

    /// Keeps the rows whose column contains the text, upper and lower case alike.
    pub fn filter_contains(mut self, column: &'static str, text: &str) -> Self {
        let mut pattern = String::with_capacity(text.len() + 2);
        pattern.push('%');
        for character in text.chars() {
            if matches!(character, '%' | '_' | '!') {
                pattern.push('!');
            }
            pattern.push(character);
        }
        pattern.push('%');
        self.filters.push(Filter::Contains { column });
        self.values.push(Value::Text(pattern));
        self
    }

    /// As [`Select::filter_contains`] if there is a text.
    pub fn filter_contains_some(self, column: &'static str, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.filter_contains(column, text),
            None => self,
        }
    }

    /// Orders the rows; those that tie are ordered by `then`, in the same direction. Rows
    /// without a value count as lowest.
    pub const fn sort(mut self, sort: Sort, then: &'static str) -> Self {
        self.order = Some((sort, then));
        self
    }

    /// The text as the database sees it.
    pub fn text(&self) -> String {
        let mut text = format!("SELECT {} FROM {}", self.columns, self.from);
        self.write_filters(&mut text);
        if let Some((sort, then)) = self.order {
            let (direction, nulls) = if sort.descending {
                ("DESC", "LAST")
            } else {
                ("ASC", "FIRST")
            };
            let _ = write!(
                text,
                " ORDER BY {} {direction} NULLS {nulls}, {then} {direction}",
                sort.column
            );
        }
        text
    }

    fn write_filters(&self, text: &mut String) {
        let mut number = 0_usize;
        for (index, filter) in self.filters.iter().enumerate() {
            text.push_str(if index == 0 { " WHERE " } else { " AND " });
            match filter {
                Filter::Fragment(fragment) => {
                    let mut parts = fragment.split('?');
                    text.push_str(parts.next().unwrap_or_default());
                    for part in parts {
                        number += 1;
                        let _ = write!(text, "${number}{part}");
                    }
                }
                Filter::In { count: 0, .. } => text.push_str("1 = 0"),
                Filter::In { column, count } => {
                    let _ = write!(text, "{column} IN (");
                    for position in 0..*count {
                        number += 1;
                        let comma = if position == 0 { "" } else { ", " };
                        let _ = write!(text, "{comma}${number}");
                    }
                    text.push(')');
                }
                Filter::Contains { column } => {
                    number += 1;
                    let _ = write!(text, "lower({column}) LIKE lower(${number}) ESCAPE '!'");
                }
            }
        }
    }

    /// The finished statement, all rows.
    pub fn statement(self) -> Statement {
        Statement::composed(self.text(), self.values)
    }

    /// How many rows there are.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn count<'a>(&self, tx: &'a mut Tx) -> Answer<'a, u64> {
        let mut text = format!("SELECT COUNT(*) AS total FROM {}", self.from);
        self.write_filters(&mut text);
        let statement = Statement::composed(text, self.values.clone());
        Box::pin(async move {
            let row = statement.fetch_one(tx).await?;
            Ok(u64::try_from(row.get::<i64>("total")?).unwrap_or(0))
        })
    }

    /// The first rows, at most so many.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn fetch_first(self, db: &Db, most: u32) -> Answer<'_, Vec<Row>> {
        let mut text = self.text();
        let _ = write!(text, " LIMIT ${}", self.values.len() + 1);
        Statement::composed(text, self.values)
            .bind(most)
            .fetch_all(db)
    }

    /// One page of the rows and how many there are, both from one state of the database.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn fetch_page(self, db: &Db, page: Page) -> Answer<'_, Paged<Row>> {
        Box::pin(async move {
            let mut tx = db.snapshot().await?;
            let total = self.count(&mut tx).await?;
            let mut text = self.text();
            let next = self.values.len();
            let _ = write!(text, " LIMIT ${} OFFSET ${}", next + 1, next + 2);
            let items = Statement::composed(text, self.values)
                .bind(page.limit())
                .bind(page.offset())
                .fetch_all(&mut tx)
                .await?;
            tx.commit().await?;
            Ok(Paged { items, total })
        })
    }
}
