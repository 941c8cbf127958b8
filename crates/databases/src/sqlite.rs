//! Files of SQLite.

mod limits;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use iron_net::breaker::Outcome;
use iron_policy::parameters::Gives;
use iron_primitives::TenantId;
use iron_runtime::databases::StatementFailure;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions as _, Row as _, TypeInfo as _, ValueRef as _,
};

use crate::pool::Permit;
use crate::rows::{self, Rows, Wanted};
use crate::{Failure, Job, Opens, Terms, value};
use watch::Watch;

/// How long a file is waited for that somebody else writes.
const BUSY: Duration = Duration::from_secs(1);
/// How often it is looked whether anybody still waits, and for memory: a row or less.
const STEPS: i32 = 10;

/// A file that is asked.
#[derive(Debug)]
pub(crate) struct Target {
    folder: PathBuf,
    path: PathBuf,
    read_only: bool,
    peer: String,
}

impl Target {
    /// A file below the folder of a tenant.
    pub(crate) fn new(folder: &Path, tenant: TenantId, path: &Path, read_only: bool) -> Self {
        Target {
            folder: folder.join(tenant.to_string()),
            path: path.to_owned(),
            read_only,
            peer: format!("sqlite:{}", path.display()),
        }
    }

    /// The file itself, with no link on the way to it.
    fn file(&self) -> Result<PathBuf, Failure> {
        let missing = |_| Failure::of_database("there is no such file in the folder of the tenant");
        let folder = self.folder.canonicalize().map_err(missing)?;
        let wanted = folder.join(&self.path);
        let found = wanted.canonicalize().map_err(missing)?;
        match found == wanted && found.is_file() {
            true => Ok(found),
            false => Err(Failure::of_database(
                "leads out of the folder of the tenant by a link; put the file itself there",
            )),
        }
    }
}

#[async_trait]
impl Opens for Target {
    type Session = Session;

    fn peer(&self) -> &str {
        &self.peer
    }

    async fn open(&self) -> Result<Session, Failure> {
        let options = SqliteConnectOptions::new()
            .filename(self.file()?)
            .read_only(self.read_only)
            .create_if_missing(false)
            .busy_timeout(BUSY)
            .statement_cache_capacity(0)
            .row_buffer_size(1)
            .pragma("trusted_schema", "OFF")
            // What is in the making stays in memory, and memory has a bound.
            .pragma("temp_store", "MEMORY")
            .pragma("cache_spill", "OFF")
            .disable_statement_logging();
        let opened = options.connect().await;
        let mut connection =
            opened.map_err(|_| Failure::of_database("the file cannot be opened"))?;
        let watch = Arc::new(Watch::default());
        let asked = watch.clone();
        let locked = connection.lock_handle().await;
        let mut handle = locked.map_err(|_| Failure::of_database("the file cannot be opened"))?;
        limits::apply(&mut handle);
        handle.set_progress_handler(STEPS, move || asked.goes_on());
        drop(handle);
        Ok(Session { connection, watch })
    }
}

/// A file that is open. Dropped, it ends what it runs.
#[derive(Debug)]
pub(crate) struct Session {
    connection: SqliteConnection,
    watch: Arc<Watch>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.watch.end();
    }
}

impl Session {
    async fn command(&mut self, statement: &'static str) -> Result<(), Failure> {
        let done = sqlx::raw_sql(statement).execute(&mut self.connection).await;
        done.map(drop).map_err(|error| failure(&error))
    }

    /// Makes sure that SQLite reads what was judged: one statement.
    async fn check(&mut self, text: &str) -> Result<(), Failure> {
        let locked = self.connection.lock_handle().await;
        let mut handle = locked.map_err(|error| failure(&error))?;
        match limits::is_one_statement(&mut handle, text) {
            true => Ok(()),
            false => Err(Failure::of_job(StatementFailure::Failed(
                "SQLite reads more than one statement in this, or one that does more than read and \
                 change rows; write it plainly",
            ))),
        }
    }

    async fn made(&mut self, job: &Job, terms: Terms) -> Result<String, Failure> {
        self.check(&job.runnable.text).await?;
        let values = value::for_sqlite(&job.values).ok_or_else(unfit_values)?;
        let statement = AssertSqlSafe(job.runnable.text.clone());
        let statement = sqlx::query_with(statement, values).persistent(false);
        if job.runnable.gives == Gives::Count {
            let done = statement.execute(&mut self.connection).await;
            return Ok(rows::counted(
                done.map_err(|error| failure(&error))?.rows_affected(),
            ));
        }
        let mut rows = Rows::new(job.runnable.max_rows, terms.answer_bytes);
        let mut wanted = Wanted::More;
        let mut found = statement.fetch(&mut self.connection);
        while let Some(row) = found.try_next().await.map_err(|error| failure(&error))? {
            wanted = rows.take(&shown(&row, terms.answer_bytes)?)?;
            if wanted == Wanted::NoMore {
                break;
            }
        }
        if wanted == Wanted::NoMore && job.runnable.gives == Gives::Changed {
            return Err(too_many_changed());
        }
        Ok(rows.told(wanted))
    }
}

#[async_trait]
impl crate::Session for Session {
    fn sit(&mut self, seat: Option<Arc<Permit>>) {
        self.watch.sit(seat);
    }

    async fn begin(&mut self, job: &Job, _terms: Terms) -> Result<(), Failure> {
        match job.read_only {
            true => self.command("BEGIN").await,
            false => self.command("BEGIN IMMEDIATE").await,
        }
    }

    async fn finish(&mut self, job: &Job, terms: Terms) -> Result<String, Failure> {
        self.watch.begin();
        // A little less than whoever waits, so that it is known that nothing was changed.
        let patience = terms.patience.saturating_sub(terms.patience / 10);
        let made = tokio::time::timeout(patience, self.made(job, terms)).await;
        let told = made.unwrap_or_else(|_| {
            Err(Failure {
                session_is_sound: false,
                ..Failure::of_job(StatementFailure::Slow)
            })
        });
        let told = match told {
            Err(failure) if self.watch.is_crowded() => Err(Failure {
                told: StatementFailure::Failed(
                    "the statement needs too much memory, or others do; ask for less, or try again",
                ),
                ..failure
            }),
            told => told,
        }?;
        self.command("COMMIT").await?;
        Ok(told)
    }

    async fn undo(&mut self) -> bool {
        self.command("ROLLBACK").await.is_ok()
    }
}

pub(crate) fn unfit_values() -> Failure {
    let problem = "the values cannot be given to the database";
    Failure::of_job(StatementFailure::Failed(problem))
}

pub(crate) fn too_many_changed() -> Failure {
    let problem = "the statement gives back more rows than may be; nothing was changed";
    Failure::of_job(StatementFailure::Failed(problem))
}

/// A row as an object of JSON.
fn shown(row: &SqliteRow, answer_bytes: usize) -> Result<String, Failure> {
    let mut json = String::from("{");
    for (index, column) in row.columns().iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push_str(&serde_json::Value::from(column.name()).to_string());
        json.push(':');
        let value = value_of(row, index).ok_or_else(|| {
            let problem = format!("the column `{}` holds what is no text", column.name());
            Failure::of_job(StatementFailure::Unfit(problem))
        })?;
        json.push_str(&value.to_string());
        if json.len() > answer_bytes {
            return Err(rows::too_large(answer_bytes));
        }
    }
    json.push('}');
    Ok(json)
}

/// What stands in a column, whatever the column was declared to be.
fn value_of(row: &SqliteRow, index: usize) -> Option<serde_json::Value> {
    let raw = row.try_get_raw(index).ok()?;
    if raw.is_null() {
        return Some(serde_json::Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Some(match kind.as_str() {
        "INTEGER" | "INT4" | "INT8" | "BOOLEAN" => {
            row.try_get_unchecked::<i64, _>(index).ok()?.into()
        }
        "REAL" => {
            let number = row.try_get_unchecked::<f64, _>(index).ok()?;
            let finite = serde_json::Number::from_f64(number);
            finite.map_or_else(|| number.to_string().into(), Into::into)
        }
        "BLOB" => {
            let bytes = row.try_get_unchecked::<&[u8], _>(index).ok()?;
            format!("\\x{}", hex::encode(bytes)).into()
        }
        _ => row.try_get_unchecked::<&str, _>(index).ok()?.into(),
    })
}

/// What became of a statement that SQLite did not like.
fn failure(error: &sqlx::Error) -> Failure {
    let Some(said) = error.as_database_error() else {
        return Failure::of_database("the file cannot be read any more");
    };
    let code = said.code().unwrap_or_default();
    let primary = code.parse::<u32>().unwrap_or_default() & 0xff;
    match primary {
        5 | 6 => Failure::of_job(StatementFailure::Failed(
            "somebody else is writing to the file; try again later",
        )),
        10 | 11 | 14 | 26 => Failure {
            outcome: Outcome::Failure,
            ..Failure::of_job(rows::told(&code, said.message(), None))
        },
        _ => Failure::of_job(rows::told(&code, said.message(), None)),
    }
}
