//! What can go wrong between a statement and its rows.

use crate::value::Kind;

/// Why a statement, a transaction or a migration failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, or no connection became free in time.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// Another transaction stood in the way; the whole transaction may be tried again.
    #[error("another transaction stood in the way, try again")]
    Conflict(#[source] sqlx::Error),
    /// A row with these values exists already.
    #[error("a row of `{table}` with the same {} exists already", columns.join(", "))]
    Unique {
        /// The table that refused the row.
        table: String,
        /// The columns that must be unique together.
        columns: Vec<String>,
    },
    /// A row refers to one that does not exist, or is still referred to.
    #[error("a reference between rows would break")]
    ForeignKey(#[source] sqlx::Error),
    /// A CHECK or NOT NULL constraint refused the row.
    #[error("a constraint of the table refused the row")]
    Check(#[source] sqlx::Error),
    /// Exactly one row was asked for and there is none.
    #[error("no row matches")]
    NotFound,
    /// A column is absent or does not hold what was asked for.
    #[error("column `{column}` does not hold {expected}")]
    Column {
        /// The column's name in the answer.
        column: String,
        /// What was asked for.
        expected: Kind,
    },
    /// A stored value does not read as its type.
    #[error("column `{column}` holds a value that does not read as `{wanted}`")]
    Value {
        /// The column's name in the answer.
        column: String,
        /// The type that was asked for.
        wanted: &'static str,
    },
    /// The database was made by other migrations than these.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The data folder could not be prepared.
    #[error("cannot prepare the folder of the database")]
    Folder(#[source] std::io::Error),
    /// Anything else that the database or its driver reports.
    #[error("the database refused the statement")]
    Database(#[source] sqlx::Error),
}

/// Why migrations cannot be applied to a database.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A migration was edited after it had been applied.
    #[error("migration `{feature}/{name}` has changed since it was applied; restore its file")]
    Changed {
        /// The feature that owns it.
        feature: String,
        /// Its file name without extension.
        name: String,
    },
    /// The database has been used by a newer version of the program.
    #[error(
        "the database holds migration `{feature}/{name}`, which this version does not know; use a newer version"
    )]
    Unknown {
        /// The feature that owns it.
        feature: String,
        /// Its file name without extension.
        name: String,
    },
    /// Names of a set do not begin with ascending numbers.
    #[error(
        "migration `{feature}/{name}` must begin with a four-digit number above the one before"
    )]
    Order {
        /// The feature that owns it.
        feature: &'static str,
        /// Its file name without extension.
        name: &'static str,
    },
}

impl Error {
    /// Whether the same transaction may succeed when it is run again.
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Error::Conflict(_))
    }

    /// Whether the row was refused because `column` of `table` must be unique.
    pub fn is_unique(&self, table: &str, column: &str) -> bool {
        match self {
            Error::Unique { table: at, columns } => {
                at == table && columns.iter().any(|name| name == column)
            }
            _ => false,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => Error::NotFound,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Error::Unavailable(error),
            sqlx::Error::Database(database) => {
                let kind = database.kind();
                let code = database.code();
                match kind {
                    sqlx::error::ErrorKind::UniqueViolation => {
                        unique(database.as_ref()).unwrap_or_else(|| Error::Check(error))
                    }
                    sqlx::error::ErrorKind::ForeignKeyViolation => Error::ForeignKey(error),
                    sqlx::error::ErrorKind::CheckViolation
                    | sqlx::error::ErrorKind::NotNullViolation => Error::Check(error),
                    _ => match code.as_deref().map(meaning) {
                        Some(Meaning::Conflict) => Error::Conflict(error),
                        Some(Meaning::Unavailable) => Error::Unavailable(error),
                        _ => Error::Database(error),
                    },
                }
            }
            _ => Error::Database(error),
        }
    }
}

enum Meaning {
    Conflict,
    Unavailable,
    Other,
}

/// SQLite's result codes are numbers of one to four digits, PostgreSQL's SQLSTATE has five.
fn meaning(code: &str) -> Meaning {
    match code {
        // SQLITE_BUSY, _LOCKED, _BUSY_RECOVERY, _BUSY_SNAPSHOT, _BUSY_TIMEOUT, _LOCKED_SHAREDCACHE.
        "5" | "6" | "261" | "517" | "773" | "262" => Meaning::Conflict,
        // serialization_failure, deadlock_detected, lock_not_available.
        "40001" | "40P01" | "55P03" => Meaning::Conflict,
        // SQLITE_IOERR, _FULL, _CANTOPEN.
        "10" | "13" | "14" => Meaning::Unavailable,
        _ if code.len() == 5 && (code.starts_with("08") || code.starts_with("57P")) => {
            Meaning::Unavailable
        }
        "53100" | "53200" | "53300" => Meaning::Unavailable,
        _ => Meaning::Other,
    }
}

/// Reads which columns clashed: SQLite says `UNIQUE constraint failed: t.a, t.b`, PostgreSQL
/// gives the table apart and `Key (a, b)=(…)` as the detail, in any language.
fn unique(database: &dyn sqlx::error::DatabaseError) -> Option<Error> {
    if let Some(postgres) = database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        let detail = postgres.detail()?;
        let (_, rest) = detail.split_once('(')?;
        let (columns, _) = rest.split_once(")=(")?;
        return Some(Error::Unique {
            table: postgres.table()?.to_owned(),
            columns: columns.split(", ").map(str::to_owned).collect(),
        });
    }
    let (_, list) = database.message().split_once(": ")?;
    let mut table = None;
    let mut columns = Vec::new();
    for entry in list.split(", ") {
        let (of, column) = entry.split_once('.')?;
        table = Some(of.to_owned());
        columns.push(column.to_owned());
    }
    Some(Error::Unique {
        table: table?,
        columns,
    })
}
