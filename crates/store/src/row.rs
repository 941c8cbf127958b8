//! One row of an answer, whichever engine gave it.

use sqlx::{Column as _, Row as _, TypeInfo as _, ValueRef as _};

use crate::Error;
use crate::value::{FromColumn, Kind, Value};

/// One row of an answer; columns are read by name.
pub struct Row(Inner);

enum Inner {
    Sqlite(sqlx::sqlite::SqliteRow),
    Postgres(sqlx::postgres::PgRow),
}

impl From<sqlx::sqlite::SqliteRow> for Row {
    fn from(row: sqlx::sqlite::SqliteRow) -> Self {
        Row(Inner::Sqlite(row))
    }
}

impl From<sqlx::postgres::PgRow> for Row {
    fn from(row: sqlx::postgres::PgRow) -> Self {
        Row(Inner::Postgres(row))
    }
}

impl Row {
    /// Reads a column.
    ///
    /// # Errors
    /// [`Error::Column`] if it is absent or of another kind, [`Error::Value`] if what it
    /// holds does not read as `T`.
    pub fn get<T: FromColumn>(&self, column: &str) -> Result<T, Error> {
        let raw = self.raw(column, T::KIND).ok_or_else(|| Error::Column {
            column: column.to_owned(),
            expected: T::KIND,
        })?;
        T::from_column(raw).ok_or_else(|| Error::Value {
            column: column.to_owned(),
            wanted: std::any::type_name::<T>(),
        })
    }

    /// The names of the columns, in the order of the answer.
    pub fn columns(&self) -> Vec<String> {
        match &self.0 {
            Inner::Sqlite(row) => row.columns().iter().map(|c| c.name().to_owned()).collect(),
            Inner::Postgres(row) => row.columns().iter().map(|c| c.name().to_owned()).collect(),
        }
    }

    fn raw(&self, column: &str, kind: Kind) -> Option<Value> {
        match &self.0 {
            Inner::Sqlite(row) => {
                let value = row.try_get_raw(column).ok()?;
                if value.is_null() {
                    return Some(Value::Null(kind));
                }
                match (kind, value.type_info().name()) {
                    (Kind::Text, "TEXT") => row.try_get(column).ok().map(Value::Text),
                    (Kind::Integer, "INTEGER") => {
                        row.try_get_unchecked(column).ok().map(Value::Integer)
                    }
                    (Kind::Bytes, "BLOB") => row.try_get(column).ok().map(Value::Bytes),
                    _ => None,
                }
            }
            Inner::Postgres(row) => {
                let value = row.try_get_raw(column).ok()?;
                if value.is_null() {
                    return Some(Value::Null(kind));
                }
                match (kind, value.type_info().name()) {
                    (Kind::Text, _) => row.try_get(column).ok().map(Value::Text),
                    (Kind::Integer, "INT8") => row.try_get(column).ok().map(Value::Integer),
                    (Kind::Integer, "INT4") => row
                        .try_get::<i32, _>(column)
                        .ok()
                        .map(|n| Value::Integer(n.into())),
                    (Kind::Integer, "INT2") => row
                        .try_get::<i16, _>(column)
                        .ok()
                        .map(|n| Value::Integer(n.into())),
                    (Kind::Integer, "BOOL") => row
                        .try_get::<bool, _>(column)
                        .ok()
                        .map(|n| Value::Integer(n.into())),
                    (Kind::Bytes, _) => row.try_get(column).ok().map(Value::Bytes),
                    _ => None,
                }
            }
        }
    }
}

impl std::fmt::Debug for Row {
    /// The names alone: rows hold customers' data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Row").field(&self.columns()).finish()
    }
}
