//! What a caller gives: a statement, and the values of its placeholders.

use iron_policy::ToolKind;
use iron_policy::parameters::{Database, Runnable, Violation, runnable_sql};
use iron_runtime::databases::{AskStatement, NotReady};

use crate::value::Value;

/// What the argument may be called that is the statement.
const STATEMENTS: [&str; 3] = ["sql", "query", "statement"];
const VALUES: &str = "params";
/// PostgreSQL counts them with sixteen bits; nobody means so many.
const MOST_VALUES: usize = 1_000;

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) runnable: Runnable,
    pub(crate) values: Vec<Value>,
}

/// Reads the arguments of a call, as the database will read them.
pub(crate) fn read(ask: &AskStatement<'_>, database: Database) -> Result<Arguments, NotReady> {
    if ask.tool.kind != ToolKind::Database {
        return Err(NotReady::Tool(
            "makes statements and is not of the kind `database`, so nobody judges them; change its kind",
        ));
    }
    let mut statement = None;
    let mut values = Vec::new();
    for (name, value) in ask.arguments {
        match (name.as_str(), value) {
            (VALUES, given) => values = read_values(given).map_err(NotReady::Arguments)?,
            (name, serde_json::Value::String(text)) if STATEMENTS.contains(&name) => {
                if statement.replace((name, text.as_str())).is_some() {
                    let message = "a call makes one statement; give it once";
                    return Err(refused(name, "sql_many", message));
                }
            }
            (name, _) if STATEMENTS.contains(&name) => {
                return Err(refused(name, "type", "expected a text: one statement"));
            }
            (name, _) => {
                let message =
                    "means nothing to a tool that makes statements; give `sql` and `params`";
                return Err(refused(name, "unknown_argument", message));
            }
        }
    }
    let (name, text) =
        statement.ok_or_else(|| refused("sql", "required", "required: the statement"))?;
    let runnable = runnable_sql(ask.tool, name, text, database, ask.max_rows.into());
    Ok(Arguments {
        runnable: runnable.map_err(NotReady::Arguments)?,
        values,
    })
}

fn read_values(given: &serde_json::Value) -> Result<Vec<Value>, Violation> {
    let violation = |pointer: String, message: &str| Violation {
        pointer,
        rule: "type",
        message: message.to_owned(),
    };
    let items = match given {
        serde_json::Value::Null => return Ok(Vec::new()),
        serde_json::Value::Array(items) if items.len() <= MOST_VALUES => items,
        _ => {
            let message =
                "expected a list of at most 1000 values, in the order of the placeholders";
            return Err(violation(format!("/{VALUES}"), message));
        }
    };
    let read = items.iter().enumerate().map(|(index, item)| {
        Value::read(item).ok_or_else(|| {
            let message = "expected null, a boolean, a number of at most 64 bits or a text";
            violation(format!("/{VALUES}/{index}"), message)
        })
    });
    read.collect()
}

fn refused(name: &str, rule: &'static str, message: &str) -> NotReady {
    NotReady::Arguments(Violation {
        pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        rule,
        message: message.to_owned(),
    })
}
