//! Values that stand for the placeholders of a statement.

use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;

/// A value that was given for a placeholder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// None.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Number(f64),
    /// A text.
    Text(String),
}

impl Value {
    /// What JSON says, where it is one of these.
    pub(crate) fn read(value: &serde_json::Value) -> Option<Self> {
        Some(match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Value::Integer(integer),
                None if number.is_u64() => return None,
                None => Value::Number(number.as_f64()?),
            },
            serde_json::Value::String(text) => Value::Text(text.clone()),
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => return None,
        })
    }
}

/// The values as PostgreSQL takes them.
pub(crate) fn for_postgres(values: &[Value]) -> Option<PgArguments> {
    let mut bound = PgArguments::default();
    values.iter().try_for_each(|value| match value {
        Value::Null => bound.add(None::<String>).ok(),
        Value::Bool(value) => bound.add(*value).ok(),
        Value::Integer(value) => bound.add(*value).ok(),
        Value::Number(value) => bound.add(*value).ok(),
        Value::Text(value) => bound.add(value.clone()).ok(),
    })?;
    Some(bound)
}

/// The values as SQLite takes them.
pub(crate) fn for_sqlite(values: &[Value]) -> Option<SqliteArguments> {
    let mut bound = SqliteArguments::default();
    values.iter().try_for_each(|value| match value {
        Value::Null => bound.add(None::<String>).ok(),
        Value::Bool(value) => bound.add(*value).ok(),
        Value::Integer(value) => bound.add(*value).ok(),
        Value::Number(value) => bound.add(*value).ok(),
        Value::Text(value) => bound.add(value.clone()).ok(),
    })?;
    Some(bound)
}
