//! Whose rows statements may see.
//!
//! Every statement says itself whose rows it wants (`WHERE tenant_id = $1`). That is the first
//! net, and somebody will forget it some day. The second is the database's: on PostgreSQL every
//! table with a `tenant_id` has a policy that compares it with the setting [`SETTING`], and
//! `FORCE ROW LEVEL SECURITY`, so that it binds the owner of the table too.
//!
//! The setting is `*` for a connection of this program, which is the work of the platform: the
//! ledger, the projector, what is done before anybody is known. Work within [`bound_to`] sees the
//! rows of one tenant alone: each of its transactions begins as `BEGIN; SET LOCAL …`, one message,
//! and the setting ends with the transaction. A connection that sets nothing sees no row.
//!
//! SQLite has no such thing; there the first net is the only one.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use iron_primitives::TenantId;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Postgres, SqlSafeStr as _, Transaction};

use crate::statement::sql;
use crate::{Db, Engine, Error};

/// The setting of a connection that policies compare with: a tenant's id, or [`EVERYBODY`].
pub const SETTING: &str = "iron.tenant";
/// What stands in [`SETTING`] for work of the platform.
pub const EVERYBODY: &str = "*";

tokio::task_local! {
    static BOUND: Option<TenantId>;
    /// Whoever opens a connection now sees by his first statement whether it still lives.
    static SEES_FOR_ITSELF: ();
}

/// Does work whose statements, on PostgreSQL, see the rows of one tenant alone.
///
/// What is spawned inside is work of the platform again, unless it goes through [`as_here`].
pub fn bound_to<F: Future>(tenant: TenantId, work: F) -> impl Future<Output = F::Output> {
    BOUND.scope(Some(tenant), work)
}

/// Does work of the platform, whoever it is done for: its statements see all rows.
pub fn as_platform<F: Future>(work: F) -> impl Future<Output = F::Output> {
    BOUND.scope(None, work)
}

/// Takes along into another task whose rows may be seen here.
pub fn as_here<F: Future>(work: F) -> impl Future<Output = F::Output> {
    BOUND.scope(bound(), work)
}

/// The tenant whose rows alone may be seen here; none for the platform.
pub fn bound() -> Option<TenantId> {
    BOUND.try_with(|tenant| *tenant).ok().flatten()
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reads, statement by statement.
    Read,
    /// Reads one state of the database.
    Snapshot,
    /// Writes.
    Write,
}

impl Purpose {
    const fn begin(self) -> &'static str {
        match self {
            Purpose::Read => "BEGIN READ ONLY",
            Purpose::Snapshot => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Purpose::Write => "BEGIN",
        }
    }
}

/// Does not ask an idle connection whether it still lives when its first statement will tell.
pub(crate) fn asks_only_when_needed(options: PgPoolOptions) -> PgPoolOptions {
    options
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async move {
                if SEES_FOR_ITSELF.try_with(|()| ()).is_err() {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
}

/// Begins a transaction that sees what may be seen here. It costs the one message that asking
/// the connection for a sign of life would have cost.
pub(crate) async fn begin(
    pool: &PgPool,
    purpose: Purpose,
) -> Result<Transaction<'static, Postgres>, Error> {
    let mut left = pool.options().get_max_connections();
    loop {
        let connection = SEES_FOR_ITSELF.scope((), pool.acquire()).await?;
        let text = match bound() {
            None => purpose.begin().into_sql_str(),
            // An id is letters, digits and `_`.
            Some(tenant) => AssertSqlSafe(format!(
                "{}; SET LOCAL {SETTING} = '{tenant}'",
                purpose.begin()
            ))
            .into_sql_str(),
        };
        match Transaction::begin(connection, Some(text)).await {
            Ok(begun) => return Ok(begun),
            Err(error) => match Error::from(error) {
                // It had died while it lay idle; the next one may live.
                Error::Unavailable(_) if left > 0 => left -= 1,
                error => return Err(error),
            },
        }
    }
}

#[doc(hidden)]
/// Which columns each unique key of a schema is made of.
///
/// PostgreSQL tells the columns of a clash with their values, and therefore not at all where row
/// security holds; the name of the key it tells always.
#[derive(Debug, Clone, Default)]
pub struct Keys(Arc<RwLock<HashMap<String, Vec<String>>>>);

impl Keys {
    /// Reads them anew.
    pub(crate) async fn learn(&self, db: &Db) -> Result<(), Error> {
        let rows = sql("SELECT c.relname::TEXT AS name, string_agg(\
               coalesce(a.attname, '')::TEXT, ',' ORDER BY k.position) AS columns \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
             JOIN pg_namespace n ON n.oid = c.relnamespace \
             CROSS JOIN unnest(i.indkey::INT2[]) WITH ORDINALITY AS k(number, position) \
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
             WHERE i.indisunique AND n.nspname = current_schema() GROUP BY c.relname")
        .fetch_all(db)
        .await?;
        let mut known = HashMap::new();
        for row in rows {
            let columns: String = row.get("columns")?;
            known.insert(
                row.get("name")?,
                columns.split(',').map(str::to_owned).collect(),
            );
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }

    /// What an error of the driver means, with the columns of a key that was clashed with.
    pub(crate) fn explain(&self, error: sqlx::Error) -> Error {
        self.clash(&error).unwrap_or_else(|| error.into())
    }

    fn clash(&self, error: &sqlx::Error) -> Option<Error> {
        let error = error.as_database_error()?;
        if !error.is_unique_violation() {
            return None;
        }
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Error::Unique {
            table: error.table()?.to_owned(),
            columns: known.get(error.constraint()?)?.clone(),
        })
    }
}

impl Db {
    /// Whether row security binds this connection's role: false for a superuser, a role with
    /// `BYPASSRLS`, and an engine that knows no such thing.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn is_bound_by_row_security(&self) -> Result<bool, Error> {
        if self.engine() == Engine::Sqlite {
            return Ok(false);
        }
        let row = sql(
            "SELECT (rolsuper OR rolbypassrls)::INT AS free FROM pg_roles \
             WHERE rolname = current_user",
        )
        .fetch_one(self)
        .await?;
        Ok(row.get::<i64>("free")? == 0)
    }
}
