//! Statements that are run for those who write them.

use sqlparser::ast::{self, SetExpr};

use super::text::{Dialect, one_statement};
use super::{Statements, limit};
use crate::parameters::Violation;
use crate::parameters::violation::Broken;
use crate::{Access, ParameterKind, Tool};

/// The database that reads a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// What a statement gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// Rows that it reads.
    Rows,
    /// Rows that it has changed.
    Changed,
    /// How many rows it has changed.
    Count,
}

/// A statement that may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runnable {
    /// What is to be run. A query asks for at most one row more than may be given back, so that it
    /// shows whether there are more.
    pub text: String,
    /// What it gives back.
    pub gives: Gives,
    /// How many rows may be given back.
    pub max_rows: u64,
}

/// Judges a statement as the database will read it, whatever dialect the tool declares: one query,
/// insert, update, delete or merge, of the kinds and tables that are declared. A tool that reads
/// makes queries alone. Functions are those that give a value and do nothing else, and those that the
/// tool names.
///
/// # Errors
/// What is wrong with it, at the argument of that name.
pub fn runnable_sql(
    tool: &Tool,
    argument: &str,
    text: &str,
    database: Database,
    max_rows: u64,
) -> Result<Runnable, Violation> {
    let runnable = runnable(tool, argument, text, database, max_rows);
    runnable.map_err(|broken| broken.at(format!("/{argument}")))
}

fn runnable(
    tool: &Tool,
    argument: &str,
    text: &str,
    database: Database,
    max_rows: u64,
) -> Result<Runnable, Broken> {
    let dialect = match database {
        Database::Postgres => Dialect::Postgres,
        Database::Sqlite => Dialect::Sqlite,
    };
    let declared = declared(tool, argument)?.map(Statements::new).transpose()?;
    let declared = declared.unwrap_or_default();
    let judged = declared.check(text)?;
    let statements = Statements {
        dialect,
        strict: true,
        short_calls: database == Database::Sqlite,
        ..declared
    };
    let found = statements.check(text)?;
    if found != judged {
        let message = "databases read the statement differently; declare the dialect of this one";
        return Err(Broken::new("sql_quote", message));
    }
    let changes = found
        .iter()
        .any(|statement| !["select", "lock"].contains(&statement.kind.as_str()));
    if tool.access == Access::Read && found.iter().any(|statement| statement.kind != "select") {
        let message = "the tool only reads; make a query";
        return Err(Broken::new("sql_kind", message));
    }
    let gives = gives(&one_statement(text, dialect)?)?;
    if gives == Gives::Rows && changes {
        let message =
            "a query changes something on the way; make the change a statement of its own";
        return Err(Broken::new("sql_kind", message));
    }
    let max_rows = max_rows.min(statements.max_rows);
    let text = match gives {
        Gives::Rows => limit::limited(text, dialect, max_rows.saturating_add(1))?,
        Gives::Changed | Gives::Count => limit::without_end(text).to_owned(),
    };
    Ok(Runnable {
        text,
        gives,
        max_rows,
    })
}

/// What is declared of the argument, else of the first that is a statement.
fn declared<'a>(tool: &'a Tool, argument: &str) -> Result<Option<&'a ParameterKind>, Broken> {
    let is_statement = |kind: &&ParameterKind| matches!(kind, ParameterKind::Sql { .. });
    let mut parameters = tool.parameters.iter();
    match parameters.find(|parameter| parameter.name == argument) {
        Some(own) if is_statement(&&own.kind) => Ok(Some(&own.kind)),
        Some(_) => {
            let message = "the tool declares what is run as something else than a statement; declare the \
                           parameter with `kind: sql`";
            Err(Broken::new("parameter", message))
        }
        None => {
            let mut kinds = tool.parameters.iter().map(|parameter| &parameter.kind);
            Ok(kinds.find(is_statement))
        }
    }
}

fn gives(statement: &ast::Statement) -> Result<Gives, Broken> {
    let changed = |returning: bool| match returning {
        true => Ok(Gives::Changed),
        false => Ok(Gives::Count),
    };
    match statement {
        ast::Statement::Query(query) => match query.body.as_ref() {
            SetExpr::Insert(inner)
            | SetExpr::Update(inner)
            | SetExpr::Delete(inner)
            | SetExpr::Merge(inner) => gives(inner),
            _ => Ok(Gives::Rows),
        },
        ast::Statement::Insert(insert) => changed(insert.returning.is_some()),
        ast::Statement::Update(update) => changed(update.returning.is_some()),
        ast::Statement::Delete(delete) => changed(delete.returning.is_some()),
        ast::Statement::Merge(_) => Ok(Gives::Count),
        _ => {
            let message = "only queries, inserts, updates, deletes and merges are run; use one";
            Err(Broken::new("sql_kind", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn judged(access: &str, kinds: &[&str], text: &str) -> Result<Runnable, &'static str> {
        let tool = json!({
            "name": "db", "kind": "database", "access": access,
            "parameters": [{"name": "sql", "kind": "sql", "statements": kinds, "dialect": "mysql"}],
        });
        let tool: Tool = serde_json::from_value(tool).expect("a tool");
        let read = runnable_sql(&tool, "sql", text, Database::Postgres, 10);
        read.map_err(|violation| violation.rule)
    }

    #[test]
    fn a_query_asks_for_one_row_more_than_is_given_back() {
        let read = judged("read", &["select"], "select a from b where c = $1").expect("it may");
        assert_eq!(read.text, "select a from b where c = $1 LIMIT 11");
        assert_eq!((read.gives, read.max_rows), (Gives::Rows, 10));
        assert_eq!(
            judged("read", &["select"], "select a from b limit 12"),
            Err("sql_rows")
        );
    }

    #[test]
    fn statements_say_what_they_give() {
        let all = [
            "select", "insert", "update", "delete", "merge", "drop", "create",
        ];
        for (text, gives) in [
            ("insert into a values ($1)", Gives::Count),
            ("insert into a values ($1) returning id", Gives::Changed),
            ("update a set b = 1 where c = 2 returning *", Gives::Changed),
            ("delete from a where b = 1", Gives::Count),
            (
                "with x as (select 1) insert into a select * from x",
                Gives::Count,
            ),
            ("values (1), (2)", Gives::Rows),
        ] {
            assert_eq!(
                judged("write", &all, text).map(|read| read.gives),
                Ok(gives),
                "{text}"
            );
        }
        for text in [
            "drop table a",
            "create table a (b int)",
            "explain select 1",
            "with d as (delete from a returning *) select * from d",
            "begin",
            "commit",
            "copy a to program 'id'",
            "select * into b from a",
            "show all",
        ] {
            assert_eq!(judged("write", &all, text), Err("sql_kind"), "{text}");
        }
    }

    #[test]
    fn a_tool_that_reads_makes_queries_alone() {
        let all = ["select", "insert", "update", "delete"];
        for text in [
            "insert into a values (1)",
            "select * from a for update",
            "with d as (delete from a returning *) select * from d",
        ] {
            assert_eq!(judged("read", &all, text), Err("sql_kind"), "{text}");
        }
        assert!(judged("write", &all, "select * from a for update").is_ok());
    }

    #[test]
    fn functions_are_known_or_named() {
        let read = |functions: &[&str], database: Database, text: &str| {
            let tool = json!({
                "name": "db", "kind": "database", "access": "read",
                "parameters": [{"name": "sql", "kind": "sql", "functions": functions}],
            });
            let tool: Tool = serde_json::from_value(tool).expect("a tool");
            let read = runnable_sql(&tool, "sql", text, database, 10);
            read.map(drop).map_err(|violation| violation.rule)
        };
        for text in [
            "SELECT ts_rewrite(a, 'SELECT 1') FROM b",
            "SELECT pg_stat_statements_reset()",
            "SELECT own(a) FROM b",
        ] {
            let refused = Err("sql_function");
            assert_eq!(read(&[], Database::Postgres, text), refused, "{text}");
        }
        let own = "SELECT own(a) FROM b";
        assert_eq!(read(&["own"], Database::Postgres, own), Ok(()));
        let searches = "SELECT instr(a, b) FROM c";
        assert_eq!(read(&[], Database::Sqlite, searches), Err("sql_function"));
        assert_eq!(read(&["instr"], Database::Sqlite, searches), Ok(()));
        for text in [
            "SELECT instr(a, 'x'), replace(b, 'x', c), trim(d), rtrim(e, '/') FROM f",
            "SELECT printf('%.2f', SUM(a)), strftime('%Y', b) FROM c GROUP BY 2",
        ] {
            assert_eq!(read(&[], Database::Sqlite, text), Ok(()), "{text}");
        }
        for text in [
            "SELECT trim(a, b) FROM c",
            "SELECT replace(a, $1, 'x') FROM c",
        ] {
            assert_eq!(
                read(&[], Database::Sqlite, text),
                Err("sql_function"),
                "{text}"
            );
        }
        let many = format!("SELECT {}1", "abs(a) + 1, ".repeat(101));
        assert_eq!(read(&[], Database::Sqlite, &many), Err("too_large"));
    }

    #[test]
    fn what_is_run_is_declared_as_a_statement() {
        let tool = json!({
            "name": "db", "kind": "database", "access": "read",
            "parameters": [{"name": "sql", "kind": "text"}],
        });
        let tool: Tool = serde_json::from_value(tool).expect("a tool");
        let read = runnable_sql(&tool, "sql", "SELECT 1", Database::Sqlite, 10);
        assert_eq!(read.map_err(|violation| violation.rule), Err("parameter"));
    }

    #[test]
    fn what_two_dialects_read_in_two_ways_is_refused() {
        // Policies have judged what the declared dialect sees.
        let hidden = "select `a` from b";
        assert_eq!(judged("read", &["select"], hidden), Err("sql_parse"));
        let twice = r#"select "from" from a where b = 'x'"#;
        assert!(judged("read", &["select"], twice).is_ok());
    }
}
