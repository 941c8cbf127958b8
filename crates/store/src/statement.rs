//! One statement with its values, for either engine.

use std::pin::Pin;

use sqlx::postgres::{PgArguments, PgConnection, PgPool};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqlitePool};
use sqlx::{Arguments as _, AssertSqlSafe, SqlSafeStr as _};

use crate::bound::{self, Keys, Purpose};
use crate::value::{Kind, ToColumn, Value};
use crate::{Engine, Error, Row};

/// Where a statement runs: `&Db` (each statement by itself) or `&mut Tx`.
///
/// On SQLite a statement that runs on `&Db` through `execute` goes to the writer, through
/// the `fetch` methods to a reader that refuses to write; what writes and answers with rows
/// (`RETURNING`) runs in a transaction.
#[derive(Debug)]
pub enum Target<'a> {
    #[doc(hidden)]
    SqlitePool {
        writer: &'a SqlitePool,
        readers: &'a SqlitePool,
    },
    #[doc(hidden)]
    PostgresPool(&'a PgPool, &'a Keys),
    #[doc(hidden)]
    Sqlite(&'a mut SqliteConnection),
    #[doc(hidden)]
    Postgres(&'a mut PgConnection, &'a Keys),
}

impl Target<'_> {
    /// The same for one more statement.
    pub fn again(&mut self) -> Target<'_> {
        match self {
            Target::SqlitePool { writer, readers } => Target::SqlitePool { writer, readers },
            Target::PostgresPool(pool, keys) => Target::PostgresPool(pool, keys),
            Target::Sqlite(connection) => Target::Sqlite(connection),
            Target::Postgres(connection, keys) => Target::Postgres(connection, keys),
        }
    }

    const fn engine(&self) -> Engine {
        match self {
            Target::SqlitePool { .. } | Target::Sqlite(_) => Engine::Sqlite,
            Target::PostgresPool(..) | Target::Postgres(..) => Engine::Postgres,
        }
    }
}

enum Text {
    Both(&'static str),
    PerEngine {
        sqlite: &'static str,
        postgres: &'static str,
    },
    Composed(String),
    ComposedPerEngine {
        text: String,
        sqlite: &'static str,
        postgres: &'static str,
    },
}

/// One statement with its values.
#[must_use = "a statement does nothing until it is executed or fetched"]
pub struct Statement {
    text: Text,
    values: Vec<Value>,
}

/// A statement that both engines understand. Parameters are `$1`, `$2`, … in any order and
/// as often as needed.
pub const fn sql(text: &'static str) -> Statement {
    Statement {
        text: Text::Both(text),
        values: Vec::new(),
    }
}

/// A statement that must be written differently for the two engines; its parameters mean the
/// same in both texts.
pub const fn sql_per_engine(sqlite: &'static str, postgres: &'static str) -> Statement {
    Statement {
        text: Text::PerEngine { sqlite, postgres },
        values: Vec::new(),
    }
}

macro_rules! run {
    ($statement:expr, $target:expr, $pool:ident, $purpose:expr, |$query:ident, $executor:ident| $body:expr) => {{
        let target = $target;
        let (text, values) = $statement.parts(target.engine());
        match target {
            Target::SqlitePool {
                $pool: $executor, ..
            } => {
                let $query = sqlx::query_with(text, sqlite(values)?);
                $body.map_err(Error::from)
            }
            Target::Sqlite($executor) => {
                let $query = sqlx::query_with(text, sqlite(values)?);
                $body.map_err(Error::from)
            }
            Target::PostgresPool($executor, keys) if bound::bound().is_none() => {
                let $query = sqlx::query_with(text, postgres(values)?);
                $body.map_err(|error| keys.explain(error))
            }
            Target::PostgresPool(pool, keys) => {
                let $query = sqlx::query_with(text, postgres(values)?);
                let mut tx = bound::begin(pool, $purpose).await?;
                let $executor = &mut *tx;
                let answer = $body.map_err(|error| keys.explain(error))?;
                // What only read is over as soon as the connection goes back.
                if $purpose == Purpose::Write {
                    tx.commit().await?;
                }
                Ok(answer)
            }
            Target::Postgres($executor, keys) => {
                let $query = sqlx::query_with(text, postgres(values)?);
                $body.map_err(|error| keys.explain(error))
            }
        }
    }};
}

/// An answer of the database that is on its way.
///
/// It stands behind a pointer on purpose. The compiler makes the code of an `async fn` in each
/// crate that awaits it, and what a statement takes is large: like this it is made once, here.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

impl Statement {
    pub(crate) const fn composed(text: String, values: Vec<Value>) -> Self {
        Statement {
            text: Text::Composed(text),
            values,
        }
    }

    pub(crate) const fn composed_per_engine(
        text: String,
        (sqlite, postgres): (&'static str, &'static str),
        values: Vec<Value>,
    ) -> Self {
        Statement {
            text: Text::ComposedPerEngine {
                text,
                sqlite,
                postgres,
            },
            values,
        }
    }

    /// Gives the next parameter its value.
    pub fn bind(mut self, value: impl ToColumn) -> Self {
        self.values.push(value.to_column());
        self
    }

    /// All rows of the answer.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn fetch_all<'a>(self, on: impl Into<Target<'a>>) -> Answer<'a, Vec<Row>> {
        all(self, on.into())
    }

    /// The first row of the answer, if there is one.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn fetch_optional<'a>(self, on: impl Into<Target<'a>>) -> Answer<'a, Option<Row>> {
        optional(self, on.into())
    }

    /// The first row of the answer.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; see [`Error`].
    pub fn fetch_one<'a>(self, on: impl Into<Target<'a>>) -> Answer<'a, Row> {
        one(self, on.into())
    }

    /// Runs the statement and says how many rows it changed.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn execute<'a>(self, on: impl Into<Target<'a>>) -> Answer<'a, u64> {
        changed(self, on.into())
    }

    /// Composed texts are made by [`crate::Select`] and [`crate::Rows`] from `&'static str` fragments alone.
    fn parts(self, engine: Engine) -> (sqlx::SqlStr, Vec<Value>) {
        let text = match (self.text, engine) {
            (Text::Both(text), _) => text.into_sql_str(),
            (Text::PerEngine { sqlite, .. }, Engine::Sqlite) => sqlite.into_sql_str(),
            (Text::PerEngine { postgres, .. }, Engine::Postgres) => postgres.into_sql_str(),
            (Text::Composed(text), _) => AssertSqlSafe(text).into_sql_str(),
            (Text::ComposedPerEngine { text, sqlite, .. }, Engine::Sqlite) => {
                AssertSqlSafe(text + sqlite).into_sql_str()
            }
            (Text::ComposedPerEngine { text, postgres, .. }, Engine::Postgres) => {
                AssertSqlSafe(text + postgres).into_sql_str()
            }
        };
        (text, self.values)
    }
}

fn all(statement: Statement, target: Target<'_>) -> Answer<'_, Vec<Row>> {
    Box::pin(async move {
        run!(
            statement,
            target,
            readers,
            Purpose::Read,
            |query, executor| {
                let rows = query.fetch_all(executor).await;
                rows.map(|rows| rows.into_iter().map(Row::from).collect())
            }
        )
    })
}

fn optional(statement: Statement, target: Target<'_>) -> Answer<'_, Option<Row>> {
    Box::pin(async move {
        run!(
            statement,
            target,
            readers,
            Purpose::Read,
            |query, executor| {
                let row = query.fetch_optional(executor).await;
                row.map(|row| row.map(Row::from))
            }
        )
    })
}

fn one(statement: Statement, target: Target<'_>) -> Answer<'_, Row> {
    Box::pin(async move { optional(statement, target).await?.ok_or(Error::NotFound) })
}

fn changed(statement: Statement, target: Target<'_>) -> Answer<'_, u64> {
    Box::pin(async move {
        run!(
            statement,
            target,
            writer,
            Purpose::Write,
            |query, executor| {
                let done = query.execute(executor).await;
                done.map(|done| done.rows_affected())
            }
        )
    })
}

fn sqlite(values: Vec<Value>) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::Text(text) => arguments.add(text),
            Value::Integer(number) => arguments.add(number),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Null(_) => arguments.add(None::<i64>),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn postgres(values: Vec<Value>) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::Text(text) => arguments.add(text),
            Value::Integer(number) => arguments.add(number),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::Null(Kind::Text) => arguments.add(None::<&str>),
            Value::Null(Kind::Integer) => arguments.add(None::<i64>),
            Value::Null(Kind::Bytes) => arguments.add(None::<&[u8]>),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
