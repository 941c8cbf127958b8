//! How many rows a query may give.

use sqlparser::ast::{self, Expr, LimitClause, Query, SetExpr, TopQuantity, Value};

use super::text::{Dialect, one_statement};
use crate::parameters::Violation;
use crate::parameters::violation::Broken;

/// How many rows a query asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// At most this many.
    Bounded(u64),
    /// All there are.
    Unbounded,
    /// As many as something says that is not known here.
    Unknown,
}

/// The rows that the outermost query asks for.
pub(super) fn rows_of(query: &Query) -> Rows {
    let limit = match &query.limit_clause {
        Some(LimitClause::LimitOffset {
            limit: Some(limit),
            limit_by,
            ..
        }) if limit_by.is_empty() => Some(limit),
        Some(LimitClause::LimitOffset { limit: None, .. }) | None => None,
        Some(LimitClause::LimitOffset { .. }) => return Rows::Unknown,
        Some(LimitClause::OffsetCommaLimit { limit, .. }) => Some(limit),
    };
    match (limit, &query.fetch) {
        (Some(limit), _) => number(limit),
        (None, Some(fetch)) if fetch.percent || fetch.with_ties => Rows::Unknown,
        (None, Some(fetch)) => fetch.quantity.as_ref().map_or(Rows::Bounded(1), number),
        (None, None) => match query.body.as_ref() {
            SetExpr::Select(select) => top(select),
            SetExpr::Query(inner) => rows_of(inner),
            _ => Rows::Unbounded,
        },
    }
}

fn top(select: &ast::Select) -> Rows {
    match &select.top {
        None => Rows::Unbounded,
        Some(top) if top.percent || top.with_ties => Rows::Unknown,
        Some(top) => match &top.quantity {
            Some(TopQuantity::Constant(rows)) => Rows::Bounded(*rows),
            Some(TopQuantity::Expr(rows)) => number(rows),
            None => Rows::Unknown,
        },
    }
}

fn number(expression: &Expr) -> Rows {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().map_or(Rows::Unknown, Rows::Bounded),
            Value::Null => Rows::Unbounded,
            _ => Rows::Unknown,
        },
        _ => Rows::Unknown,
    }
}

/// A statement that gives at most so many rows: the same where it says so itself or gives none, else
/// with a limit at its end. Dialects are `postgres`, `mysql`, `sqlite` and `generic`.
///
/// # Errors
/// If the text is not one statement, if it asks for more rows than that, or if a limit cannot be
/// added to it.
pub fn limited_sql(text: &str, dialect: Option<&str>, max_rows: u64) -> Result<String, Violation> {
    let limited = Dialect::parse(dialect).and_then(|dialect| limited(text, dialect, max_rows));
    limited.map_err(|broken| broken.at(String::new()))
}

/// The same in a dialect that is known.
pub(super) fn limited(text: &str, dialect: Dialect, max_rows: u64) -> Result<String, Broken> {
    let statement = one_statement(text, dialect)?;
    let plain = without_end(text);
    let ast::Statement::Query(query) = &statement else {
        return Ok(plain.to_owned());
    };
    match rows_of(query) {
        Rows::Bounded(rows) if rows <= max_rows => return Ok(plain.to_owned()),
        Rows::Unbounded => {}
        Rows::Bounded(_) | Rows::Unknown => return Err(too_many(max_rows)),
    }
    let mut expected = query.clone();
    let limit = LimitClause::LimitOffset {
        limit: Some(Expr::Value(
            Value::Number(max_rows.to_string(), false).into(),
        )),
        offset: match &query.limit_clause {
            Some(LimitClause::LimitOffset { offset, .. }) => offset.clone(),
            _ => None,
        },
        limit_by: Vec::new(),
    };
    expected.limit_clause = Some(limit);
    // The text itself with a limit at its end, if that is all it takes; else as the parser writes it.
    let expected = ast::Statement::Query(expected);
    // `LIMIT ALL` leaves no trace in what the parser gives.
    let says_all = plain.to_ascii_lowercase().contains("limit");
    let simple = query.limit_clause.is_none() && !says_all;
    let appended = simple.then(|| format!("{plain} LIMIT {max_rows}"));
    let candidates = appended.into_iter().chain([expected.to_string()]);
    candidates
        .into_iter()
        .find(|candidate| one_statement(candidate, dialect).is_ok_and(|read| read == expected))
        .ok_or_else(|| too_many(max_rows))
}

/// A statement without the semicolon behind it.
pub(super) fn without_end(text: &str) -> &str {
    text.trim_end_matches(|symbol: char| symbol.is_whitespace() || symbol == ';')
}

fn too_many(max_rows: u64) -> Broken {
    let message =
        format!("a query asks for at most {max_rows} rows; end it with `LIMIT {max_rows}`");
    Broken::new("sql_rows", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_added_where_there_is_none() {
        for (text, expected) in [
            ("select * from a;", "select * from a LIMIT 10"),
            ("select * from a limit 5", "select * from a limit 5"),
            (
                "select * from a limit 10 offset 3",
                "select * from a limit 10 offset 3",
            ),
            (
                "select * from a union select * from b",
                "select * from a union select * from b LIMIT 10",
            ),
            (
                "select * from a order by x limit all",
                "SELECT * FROM a ORDER BY x LIMIT 10",
            ),
            (
                "select * from a fetch first 3 rows only",
                "select * from a fetch first 3 rows only",
            ),
            ("insert into a values (1);", "insert into a values (1)"),
        ] {
            assert_eq!(
                limited_sql(text, None, 10).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
        for text in [
            "select * from a limit 11",
            "select * from a limit $1",
            "select 1; select 2",
        ] {
            assert!(limited_sql(text, None, 10).is_err(), "{text}");
        }
    }

    #[test]
    fn a_limit_within_a_query_is_not_the_limit_of_the_query() {
        let text = "select * from (select * from a limit 5) x";
        let limited = limited_sql(text, Some("postgres"), 10);
        assert_eq!(
            limited.as_deref(),
            Ok("SELECT * FROM (SELECT * FROM a LIMIT 5) x LIMIT 10")
        );
    }

    /// Everything that reads a statement goes as deep as it is, on the stack of whoever asks.
    #[test]
    fn deep_statements_fit_on_a_small_stack() {
        let judge = || {
            for (operator, most) in [("+", 63), (" and ", 63), ("||", 63)] {
                let chain = format!("select 1{}", format!("{operator}1").repeat(most));
                assert!(limited_sql(&chain, None, 10).is_ok(), "{chain}");
                let long = format!("select 1{}", format!("{operator}1").repeat(4_000));
                assert!(limited_sql(&long, None, 10).is_err(), "{long}");
            }
            let united = format!("select 1{}", " union select 1".repeat(63));
            assert!(limited_sql(&united, None, 10).is_ok());
            let nested = format!("select {}1{}", "(".repeat(9_000), ")".repeat(9_000));
            assert!(limited_sql(&nested, None, 10).is_err());
        };
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(judge);
        thread.unwrap().join().unwrap();
    }
}
