//! Statements of SQL: one at a time, read by a parser, and judged by what they do.
//!
//! A statement that the parser does not read is refused, and so is what two databases read in two
//! ways: comments, backslashes and quotes of one dialect in a text of no dialect.

mod functions;
mod limit;
mod runnable;
mod text;
mod visit;

use sqlparser::ast;

pub use limit::limited_sql;
pub use runnable::{Database, Gives, Runnable, runnable_sql};
use text::Dialect;
pub(super) use text::check_identifier;

use super::glob;
use super::violation::{Broken, quoted};
use crate::{ParameterKind, Statement};

const MOST_ROWS: u64 = 10_000;
/// Calls of functions in one statement where each must be short.
const MOST_CALLS: usize = 100;

/// Tables that hold the credentials, the files or the settings of a database, by their last name or in
/// full.
const CREDENTIALS: &[&str] = &[
    "pragma_*",
    "dbstat",
    "sqlite_dbpage",
    "pg_shadow",
    "pg_authid",
    "pg_user_mapping",
    "pg_user_mappings",
    "pg_largeobject",
    "pg_hba_file_rules",
    "pg_file_settings",
    "mysql.*",
    "sql_logins",
    "syslogins",
    "sysxlogins",
    "user$",
    "dba_users",
    "rolpassword",
];

/// Which statements may be made.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    dialect: Dialect,
    kinds: Vec<String>,
    tables: Vec<String>,
    max_rows: u64,
    functions: Vec<String>,
    strict: bool,
    /// Whether each function must come to its end soon: the database cannot be stopped within one.
    short_calls: bool,
    parameters_only: bool,
}

impl Default for Statements {
    fn default() -> Self {
        Statements {
            dialect: Dialect::Generic,
            kinds: vec!["select".to_owned(), "insert".to_owned()],
            tables: Vec::new(),
            max_rows: MOST_ROWS,
            functions: Vec::new(),
            strict: false,
            short_calls: false,
            parameters_only: false,
        }
    }
}

impl Statements {
    /// What is declared; of another kind of parameters, what holds where nothing is said.
    pub(super) fn new(declared: &ParameterKind) -> Result<Self, Broken> {
        let ParameterKind::Sql {
            dialect,
            statements,
            tables,
            max_rows,
            functions,
            strict,
            parameters_only,
        } = declared
        else {
            return Ok(Statements::default());
        };
        let lower = |list: &[String]| list.iter().map(|text| text.to_lowercase()).collect();
        let kinds = match statements.as_slice() {
            [] => Statements::default().kinds,
            statements => lower(statements),
        };
        Ok(Statements {
            dialect: Dialect::parse(dialect.as_deref())?,
            kinds,
            tables: lower(tables),
            max_rows: max_rows.unwrap_or(MOST_ROWS),
            functions: lower(functions),
            strict: *strict,
            short_calls: false,
            parameters_only: *parameters_only,
        })
    }

    /// What a text of SQL does, if it may.
    pub(super) fn check(&self, text: &str) -> Result<Vec<Statement>, Broken> {
        let statement = text::one_statement(text, self.dialect)?;
        let found = visit::read(&statement, text)?;
        for statement in &found.statements {
            self.check_kind(statement)?;
            self.check_tables(statement)?;
        }
        self.check_calls(&found)?;
        if self.parameters_only && found.compares_literals {
            let message =
                "a condition holds a literal; write a placeholder and give its value apart";
            return Err(Broken::new("sql_literal", message));
        }
        self.check_rows(&statement)?;
        Ok(found.statements)
    }

    /// Refuses a part of a statement that is more than a condition or an order.
    pub(super) fn check_condition(&self, text: &str) -> Result<(), Broken> {
        let found = visit::read_condition(&text::condition(text, self.dialect)?)?;
        self.check_calls(&found)?;
        match self.parameters_only && found.compares_literals {
            true => {
                let message =
                    "a condition holds a literal; write a placeholder and give its value apart";
                Err(Broken::new("sql_literal", message))
            }
            false => Ok(()),
        }
    }

    fn check_kind(&self, statement: &Statement) -> Result<(), Broken> {
        let allowed = |kind: &str| self.kinds.iter().any(|allowed| allowed == kind);
        let kind = statement.kind.as_str();
        if allowed(kind) || (kind == "lock" && allowed("update")) {
            return Ok(());
        }
        let message = format!(
            "statements of the kind {} are not allowed; use `{}`",
            quoted(kind),
            self.kinds.join("`, `")
        );
        Err(Broken::new("sql_kind", message))
    }

    fn check_tables(&self, statement: &Statement) -> Result<(), Broken> {
        let reads = statement.kind == "select";
        if !self.tables.is_empty() && statement.tables.is_empty() && !reads {
            let message = format!(
                "which tables {} changes cannot be read; use a statement that names them",
                quoted(&statement.kind)
            );
            return Err(Broken::new("sql_table", message));
        }
        for table in &statement.tables {
            let last = table.rsplit('.').next().unwrap_or(table);
            let credentials = CREDENTIALS
                .iter()
                .any(|glob| glob::matches(glob, table) || glob::matches(glob, last));
            let named = self.tables.contains(table);
            if (credentials && !named) || !glob::any_or_none(&self.tables, table) {
                let message = format!(
                    "the table {} may not be used with this tool; use an allowed one",
                    quoted(table)
                );
                return Err(Broken::new("sql_table", message));
            }
        }
        Ok(())
    }

    fn check_calls(&self, found: &visit::Found) -> Result<(), Broken> {
        for function in &found.functions {
            let last = function.rsplit('.').next().unwrap_or(function);
            let named = self
                .functions
                .iter()
                .any(|name| name == function || name == last);
            let described =
                || glob::any_or_none(&self.functions, last) && !self.functions.is_empty();
            let allowed = match functions::effect_of(function) {
                functions::Effect::Known => named,
                functions::Effect::None => true,
                functions::Effect::Unknown => !self.strict || named || described(),
            };
            if !allowed {
                let message = format!(
                    "the function {} may not be called; leave it out, or allow it for this tool",
                    quoted(function)
                );
                return Err(Broken::new("sql_function", message));
            }
        }
        match self.short_calls {
            true => self.check_short(found),
            false => Ok(()),
        }
    }

    /// Refuses calls of functions that may take long, or that are very many.
    fn check_short(&self, found: &visit::Found) -> Result<(), Broken> {
        if found.calls > MOST_CALLS {
            let message =
                format!("a statement calls at most {MOST_CALLS} functions; give a shorter one");
            return Err(Broken::new("too_large", message));
        }
        let named = |search: &&&str| self.functions.iter().any(|name| name == **search);
        match found.long_searches.iter().find(|search| !named(search)) {
            None => Ok(()),
            Some(search) => {
                let message = format!(
                    "the function {} looks for what is no short text; write `'…'` of at most 64 bytes, \
                     or allow it for this tool",
                    quoted(search)
                );
                Err(Broken::new("sql_function", message))
            }
        }
    }

    fn check_rows(&self, statement: &ast::Statement) -> Result<(), Broken> {
        let too_many = || {
            let message = format!(
                "a query asks for at most {} rows; give a smaller number",
                self.max_rows
            );
            Broken::new("sql_rows", message)
        };
        let ast::Statement::Query(query) = statement else {
            return Ok(());
        };
        match limit::rows_of(query) {
            limit::Rows::Bounded(rows) if rows <= self.max_rows => Ok(()),
            limit::Rows::Unbounded => Ok(()),
            limit::Rows::Bounded(_) | limit::Rows::Unknown => Err(too_many()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, &'static str> {
        Statements::default()
            .check(text)
            .map(|found| {
                let shown = found.into_iter();
                shown
                    .map(|found| (found.kind, found.tables.join(",")))
                    .collect()
            })
            .map_err(|broken| broken.rule)
    }

    #[test]
    fn statements_say_what_they_do_to_which_tables() {
        for (text, expected) in [
            ("select 1", vec![("select", "")]),
            (
                "SELECT * FROM Public.Users u JOIN orders o ON o.user_id = u.id;",
                vec![("select", "public.users,orders")],
            ),
            (
                "with x as (select * from a) select * from x",
                vec![("select", "a")],
            ),
            (
                "with a as (select * from a) select * from a",
                vec![("select", "a")],
            ),
            (
                "select * from (with s as (select 1) select * from s) t, s",
                vec![("select", "s")],
            ),
            ("insert into log (a) values (1)", vec![("insert", "log")]),
            (
                "insert into log select a from secret",
                vec![("select", "secret"), ("insert", "log")],
            ),
            (
                "select (select max(id) from b) from a where exists (select 1 from c)",
                vec![("select", "a,b,c")],
            ),
            ("explain select * from a", vec![("select", "a")]),
            ("select * from generate_series(1, 3)", vec![("select", "")]),
        ] {
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(kind, tables)| (kind.to_owned(), tables.to_owned()))
                .collect();
            let mut found = read(text)
                .map_err(|rule| format!("{text}: {rule}"))
                .unwrap();
            for (_, tables) in &mut found {
                let mut sorted: Vec<_> = tables.split(',').collect();
                if text.starts_with("select (") {
                    sorted.sort_unstable();
                }
                *tables = sorted.join(",");
            }
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn tables_do_not_hide_behind_common_table_expressions() {
        let declared = serde_json::json!({
            "name": "sql", "kind": "sql", "tables": ["open"],
            "statements": ["select", "insert", "update", "delete", "merge"],
        });
        let declared: crate::Parameter = serde_json::from_value(declared).unwrap();
        for dialect in [
            Dialect::Generic,
            Dialect::Postgres,
            Dialect::Sqlite,
            Dialect::MySql,
        ] {
            let statements = Statements {
                dialect,
                ..Statements::new(&declared.kind).unwrap()
            };
            for text in [
                "WITH salaries AS (SELECT 1) INSERT INTO salaries VALUES (7)",
                "WITH salaries AS (SELECT 1) UPDATE salaries SET a = 7",
                "WITH salaries AS (SELECT 1) DELETE FROM salaries",
                "WITH \"SALARIES\" AS (SELECT 1) SELECT * FROM salaries",
                "WITH salaries AS (SELECT 1) SELECT * FROM \"SALARIES\"",
                "WITH \"public.salaries\" AS (SELECT 1) SELECT * FROM public.salaries",
                "WITH sa\u{17f}arie\u{212a} AS (SELECT 1) SELECT * FROM sasariek",
            ] {
                assert!(statements.check(text).is_err(), "{text}");
            }
            let own = "WITH Recent AS (SELECT * FROM open) SELECT * FROM recent";
            assert!(statements.check(own).is_ok(), "{own}");
        }
    }

    #[test]
    fn what_does_more_than_it_shows_is_refused() {
        for (text, rule) in [
            ("select 1; drop table x", "sql_many"),
            (
                "with d as (delete from x returning *) select * from d",
                "sql_kind",
            ),
            ("explain analyze delete from x", "sql_kind"),
            ("select * into y from x", "sql_kind"),
            ("select * from x for update", "sql_kind"),
            (
                "insert into x values (1) on conflict (id) do update set a = 1",
                "sql_kind",
            ),
            ("select pg_read_file('/etc/passwd')", "sql_function"),
            ("select * from pg_ls_dir('/')", "sql_function"),
            ("select pg_catalog.pg_sleep(9)", "sql_function"),
            ("select \"PG_SLEEP\"(9)", "sql_function"),
            ("select 1 /*! union select 2 */", "sql_comment"),
            ("select 1 -- x", "sql_comment"),
            ("select '\\' or 1=1'", "sql_quote"),
            ("select * from pg_shadow", "sql_table"),
            ("select * from pragma_database_list", "sql_table"),
            ("select * from pragma_table_info('x')", "sql_function"),
            ("select * from dbstat()", "sql_function"),
            ("select ts_rewrite('a', 'select 1')", "sql_function"),
            ("select inet_server_addr()", "sql_function"),
            ("select * from x limit 10001", "sql_rows"),
            ("select * from x limit $1", "sql_rows"),
            ("selec 1", "sql_parse"),
            ("", "sql_parse"),
            ("begin", "sql_kind"),
            ("set role admin", "sql_kind"),
            ("copy x to program 'id'", "sql_kind"),
        ] {
            assert_eq!(read(text), Err(rule), "{text}");
        }
    }
}
