//! Fresh databases for tests: a SQLite file or a PostgreSQL schema of their own, removed
//! afterwards, also when the test fails.

use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use crate::{Db, Error, Migrations, schema};

/// The environment variable with the address of a PostgreSQL server for tests.
pub const POSTGRES_URL: &str = "IRON_TEST_POSTGRES_URL";

/// Who owns what tests make and works with it: a role that row security binds, as it binds the one
/// of an installation. The role that makes the schemas may be a superuser, whom it does not bind.
const ROLE: &str = "iron_tests";
/// Several tests may make it at once.
const PLAIN_ROLE: &str = "DO $$ BEGIN CREATE ROLE iron_tests NOLOGIN; \
     EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$";

/// Runs the test on an empty SQLite file.
#[expect(clippy::expect_used, reason = "a test that cannot begin has failed")]
pub fn on_sqlite<T, F>(test: impl FnOnce(Db) -> F) -> T
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let folder = Folder(std::env::temp_dir().join(unique_name()));
    block_on(async {
        let db = Db::open_sqlite(&folder.0.join("iron.db"))
            .await
            .expect("opens a SQLite file");
        let outcome = tokio::spawn(test(db.clone())).await;
        db.close().await;
        finish(outcome)
    })
}

/// Runs the test on an empty PostgreSQL schema.
#[expect(clippy::expect_used, reason = "a test that cannot begin has failed")]
pub fn on_postgres<T, F>(test: impl FnOnce(Db) -> F) -> T
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    block_on(async {
        let schema = PostgresSchema::create()
            .await
            .expect("makes a PostgreSQL schema");
        let db = schema
            .connect()
            .await
            .expect("connects to the PostgreSQL schema");
        let outcome = tokio::spawn(test(db.clone())).await;
        db.close().await;
        schema.drop().await.expect("drops the PostgreSQL schema");
        finish(outcome)
    })
}

/// A PostgreSQL schema of its own on the server for tests.
#[derive(Debug)]
pub struct PostgresSchema {
    server: PgConnectOptions,
    name: String,
}

impl PostgresSchema {
    /// Makes an empty schema.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server cannot be reached.
    ///
    /// # Panics
    /// If `IRON_TEST_POSTGRES_URL` is not set.
    #[expect(clippy::panic, reason = "a silent skip would hide half of the tests")]
    pub async fn create() -> Result<Self, Error> {
        let Ok(url) = std::env::var(POSTGRES_URL) else {
            panic!(
                "set {POSTGRES_URL} to a PostgreSQL server, for example postgres://postgres@127.0.0.1:5432/postgres"
            );
        };
        let server = PgConnectOptions::from_str(&url)?;
        let name = unique_name();
        let mut connection = server.connect().await?;
        connection.execute(PLAIN_ROLE).await?;
        connection
            .execute(AssertSqlSafe(format!(
                "CREATE SCHEMA {name} AUTHORIZATION {ROLE}"
            )))
            .await?;
        Ok(PostgresSchema { server, name })
    }

    /// The address by which another process reaches this schema.
    pub fn url(&self) -> String {
        let url = std::env::var(POSTGRES_URL).unwrap_or_default();
        let separator = if url.contains('?') { '&' } else { '?' };
        format!(
            "{url}{separator}options=-c%20search_path%3D{}%20-c%20role%3D{ROLE}",
            self.name
        )
    }

    /// Connects to the schema.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server cannot be reached.
    pub async fn connect(&self) -> Result<Db, Error> {
        let options = self
            .server
            .clone()
            .options([("search_path", self.name.as_str()), ("role", ROLE)]);
        Db::connect_postgres_with(options, 4).await
    }

    /// Removes the schema and everything in it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the server cannot be reached.
    pub async fn drop(self) -> Result<(), Error> {
        let mut connection = self.server.connect().await?;
        connection
            .execute(AssertSqlSafe(format!("DROP SCHEMA {} CASCADE", self.name)))
            .await?;
        Ok(())
    }
}

/// Demands that these sets of migrations make the same tables, columns, keys and indexes on
/// both engines, and that every script in their folders is listed.
///
/// # Panics
/// If they do not, with the lines that differ.
#[expect(clippy::expect_used, reason = "a test that cannot compare has failed")]
pub fn assert_schemas_agree(sets: &'static [Migrations]) {
    let describe = |db: Db| async move {
        db.migrate(sets).await.expect("applies the migrations");
        schema::describe(&db).await.expect("reads the schema")
    };
    let (sqlite, postgres) = (on_sqlite(describe), on_postgres(describe));
    let only = |here: &[String], there: &[String]| -> Vec<String> {
        here.iter()
            .filter(|line| !there.contains(line))
            .cloned()
            .collect()
    };
    let (only_sqlite, only_postgres) = (only(&sqlite, &postgres), only(&postgres, &sqlite));
    assert!(
        only_sqlite.is_empty() && only_postgres.is_empty(),
        "the engines differ\nonly in SQLite: {only_sqlite:#?}\nonly in PostgreSQL: {only_postgres:#?}"
    );
    let unlisted = schema::unlisted(sets).expect("reads the folders of the scripts");
    assert!(
        unlisted.is_empty(),
        "scripts that no list names: {unlisted:?}"
    );
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn unique_name() -> String {
    format!(
        "iron_test_{}_{:016x}",
        std::process::id(),
        RandomState::new().hash_one(0)
    )
}

#[expect(clippy::expect_used, reason = "a test that cannot begin has failed")]
fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("starts a runtime")
        .block_on(test)
}

#[expect(clippy::panic, reason = "the test's own panic goes on")]
fn finish<T>(outcome: Result<T, tokio::task::JoinError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("{error}"),
        },
    }
}

/// Makes two tests of each function, `<name>::sqlite` and `<name>::postgres`, each with an
/// empty database of its own.
///
/// ```
/// iron_store::both_engines! {
///     /// A database answers.
///     async fn a_database_answers(db: iron_store::Db) {
///         db.ping().await.unwrap();
///     }
/// }
/// ```
#[macro_export]
macro_rules! both_engines {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident: $type:ty) $body:block)*) => {$(
        $(#[$meta])*
        #[cfg(test)]
        async fn $name($db: $type) $body

        #[cfg(test)]
        mod $name {
            #[test]
            fn sqlite() {
                $crate::testing::on_sqlite(super::$name);
            }

            #[test]
            fn postgres() {
                $crate::testing::on_postgres(super::$name);
            }
        }
    )*};
}
