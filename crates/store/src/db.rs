//! The one database: an embedded file or a server.

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::Error;
use crate::bound::{self, EVERYBODY, Keys, Purpose, SETTING};
use crate::migrate::{self, Migrations};
use crate::statement::{Answer, Target, sql};

/// Which database engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// An embedded SQLite file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// The database; a clone shares its connections.
#[derive(Debug, Clone)]
pub struct Db(pub(crate) Inner);

#[derive(Debug, Clone)]
pub(crate) enum Inner {
    /// One connection writes, the others read; so no reader ever waits for a writer.
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres {
        pool: PgPool,
        keys: Keys,
    },
}

/// How long a statement waits for a connection, and a writer for the one before it.
const PATIENCE: Duration = Duration::from_secs(10);
const SQLITE_READERS: u32 = 4;
/// How many pages (of 4 KiB) the write-ahead log holds before they move into the file. Pages
/// that are written again and again, as those of indexes, move once.
const WAL_PAGES: &str = "8000";
const POSTGRES_CONNECTIONS: u32 = 16;

impl Db {
    /// Opens the SQLite file, making it and its folder if they do not exist.
    ///
    /// Every commit is on the disk when it returns (`synchronous=FULL` in WAL mode).
    ///
    /// # Errors
    /// [`Error::Folder`] or [`Error::Unavailable`] if the file cannot be made or opened.
    pub async fn open_sqlite(file: &Path) -> Result<Db, Error> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(Error::Folder)?;
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(PATIENCE)
            .foreign_keys(true)
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", WAL_PAGES);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone());
        let writer = Box::pin(writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(SQLITE_READERS)
            .acquire_timeout(PATIENCE)
            .max_lifetime(None)
            .connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Db(Inner::Sqlite { writer, readers }))
    }

    /// Connects to a PostgreSQL server. The address says how far TLS is demanded: `sslmode`
    /// is `disable`, `prefer` (the default: encrypted where the server can, to whoever it is),
    /// `require`, `verify-ca` or `verify-full`; `sslrootcert` names a file of authorities that
    /// are trusted beside the public ones.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be reached, [`Error::Database`] if the address is
    /// wrong or the login is refused.
    pub async fn connect_postgres(url: &str) -> Result<Db, Error> {
        let options = PgConnectOptions::from_str(url)?;
        Self::connect_postgres_with(options, POSTGRES_CONNECTIONS).await
    }

    pub(crate) async fn connect_postgres_with(
        options: PgConnectOptions,
        connections: u32,
    ) -> Result<Db, Error> {
        let options = options.application_name("iron").options([
            // A commit that has returned is on the disk, whatever the server's default says.
            ("synchronous_commit", "on"),
            // A process that froze within a transaction must not keep its locks from the others.
            ("idle_in_transaction_session_timeout", "5s"),
            // What is done here is the platform's work, until a transaction says whose it is.
            (SETTING, EVERYBODY),
        ]);
        let pool = bound::asks_only_when_needed(PgPoolOptions::new())
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            .connect_with(options);
        let (pool, keys) = (Box::pin(pool).await?, Keys::default());
        let db = Db(Inner::Postgres { pool, keys });
        db.learn().await?;
        Ok(db)
    }

    /// Which engine answers.
    pub const fn engine(&self) -> Engine {
        match self.0 {
            Inner::Sqlite { .. } => Engine::Sqlite,
            Inner::Postgres { .. } => Engine::Postgres,
        }
    }

    /// Reads what must be known of the schema to tell its errors.
    pub(crate) async fn learn(&self) -> Result<(), Error> {
        match &self.0 {
            Inner::Sqlite { .. } => Ok(()),
            Inner::Postgres { keys, .. } => keys.learn(self).await,
        }
    }

    /// Begins a transaction that writes. On SQLite it holds the only writer from its first
    /// moment (`BEGIN IMMEDIATE`), so keep it short and wait for nothing else inside.
    ///
    /// # Errors
    /// [`Error::Unavailable`] or [`Error::Conflict`] if no writer became free in time.
    pub fn begin(&self) -> Answer<'_, Tx> {
        Box::pin(async move {
            Ok(Tx(match &self.0 {
                Inner::Sqlite { writer, .. } => {
                    TxInner::Sqlite(Box::new(writer.begin_with("BEGIN IMMEDIATE").await?))
                }
                Inner::Postgres { pool, keys } => TxInner::Postgres {
                    tx: Box::new(bound::begin(pool, Purpose::Write).await?),
                    keys: keys.clone(),
                },
            }))
        })
    }

    /// Begins a transaction that only reads and sees one state of the database throughout.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub fn snapshot(&self) -> Answer<'_, Tx> {
        Box::pin(async move {
            Ok(Tx(match &self.0 {
                Inner::Sqlite { readers, .. } => TxInner::Sqlite(Box::new(readers.begin().await?)),
                Inner::Postgres { pool, keys } => TxInner::Postgres {
                    tx: Box::new(bound::begin(pool, Purpose::Snapshot).await?),
                    keys: keys.clone(),
                },
            }))
        })
    }

    /// Brings the schema up to date: every migration that has not been applied, in order, in
    /// one transaction. Several processes may do so at once.
    ///
    /// # Errors
    /// [`Error::Migration`] if an applied migration has changed or is not known.
    pub async fn migrate(&self, sets: &[Migrations]) -> Result<(), Error> {
        migrate::apply(self, sets).await
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is none.
    pub async fn ping(&self) -> Result<(), Error> {
        sql("SELECT 1 AS one").fetch_one(self).await.map(drop)
    }

    /// Closes all connections after their statements have ended.
    pub async fn close(&self) {
        match &self.0 {
            Inner::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Inner::Postgres { pool, .. } => pool.close().await,
        }
    }
}

/// A transaction. Dropped without [`Tx::commit`], nothing of it has happened.
#[must_use = "a transaction that is not committed is rolled back"]
#[derive(Debug)]
pub struct Tx(pub(crate) TxInner);

#[derive(Debug)]
pub(crate) enum TxInner {
    Sqlite(Box<sqlx::Transaction<'static, sqlx::Sqlite>>),
    Postgres {
        tx: Box<sqlx::Transaction<'static, sqlx::Postgres>>,
        keys: Keys,
    },
}

impl Tx {
    /// Makes everything that was written in it durable and visible.
    ///
    /// # Errors
    /// [`Error::Conflict`] if PostgreSQL could not put it in an order with others.
    pub fn commit(self) -> Answer<'static, ()> {
        Box::pin(async move {
            match self.0 {
                TxInner::Sqlite(tx) => tx.commit().await?,
                TxInner::Postgres { tx, .. } => tx.commit().await?,
            }
            Ok(())
        })
    }

    /// Undoes everything now instead of when it is dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the connection is gone; nothing has happened then either.
    pub fn rollback(self) -> Answer<'static, ()> {
        Box::pin(async move {
            match self.0 {
                TxInner::Sqlite(tx) => tx.rollback().await?,
                TxInner::Postgres { tx, .. } => tx.rollback().await?,
            }
            Ok(())
        })
    }

    /// Which engine answers.
    pub const fn engine(&self) -> Engine {
        match self.0 {
            TxInner::Sqlite(_) => Engine::Sqlite,
            TxInner::Postgres { .. } => Engine::Postgres,
        }
    }

    /// Runs a script of several statements without parameters.
    pub(crate) async fn script(&mut self, script: &'static str) -> Result<(), Error> {
        use sqlx::Executor as _;
        match &mut self.0 {
            TxInner::Sqlite(tx) => {
                (&mut ***tx).execute(sqlx::raw_sql(script)).await?;
            }
            TxInner::Postgres { tx, .. } => {
                (&mut ***tx).execute(sqlx::raw_sql(script)).await?;
            }
        }
        Ok(())
    }
}

impl<'a> From<&'a Db> for Target<'a> {
    fn from(db: &'a Db) -> Self {
        match &db.0 {
            Inner::Sqlite { writer, readers } => Target::SqlitePool { writer, readers },
            Inner::Postgres { pool, keys } => Target::PostgresPool(pool, keys),
        }
    }
}

impl<'a> From<&'a mut Tx> for Target<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        match &mut tx.0 {
            TxInner::Sqlite(tx) => Target::Sqlite(tx),
            TxInner::Postgres { tx, keys } => Target::Postgres(tx, keys),
        }
    }
}
