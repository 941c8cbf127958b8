//! Forward-only migrations: numbered scripts, one folder per engine, owned by features.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};

use crate::db::Tx;
use crate::error::MigrationError;
use crate::statement::{sql, sql_per_engine};
use crate::{Db, Engine, Error};

/// The migrations of one feature, in the order in which they apply. Made by
/// [`migrations!`](crate::migrations).
#[derive(Debug, Clone, Copy)]
pub struct Migrations {
    /// The feature that owns the tables.
    pub feature: &'static str,
    /// Where the two folders of scripts stand in the source.
    pub folder: &'static str,
    /// The scripts.
    pub scripts: &'static [Migration],
}

/// One step of a schema, told to each engine in its own words.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The file name without extension: four digits, `_`, what it does.
    pub name: &'static str,
    /// The script for SQLite.
    pub sqlite: &'static str,
    /// The script for PostgreSQL.
    pub postgres: &'static str,
}

/// The migrations of a feature, embedded from `migrations/sqlite/<name>.sql` and
/// `migrations/postgres/<name>.sql` of the crate that calls it:
/// `pub const MIGRATIONS: Migrations = migrations!("fleet", "0001_agents", "0002_tags");`
#[macro_export]
macro_rules! migrations {
    ($feature:literal $(, $name:literal)* $(,)?) => {
        $crate::Migrations {
            feature: $feature,
            folder: concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"),
            scripts: &[$($crate::Migration {
                name: $name,
                sqlite: include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite/", $name, ".sql"
                )),
                postgres: include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/migrations/postgres/", $name, ".sql"
                )),
            }),*],
        }
    };
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    feature TEXT NOT NULL,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    PRIMARY KEY (feature, name)
)";

pub(crate) async fn apply(db: &Db, sets: &[Migrations]) -> Result<(), Error> {
    for set in sets {
        check_order(set)?;
    }
    let mut tx = db.begin().await?;
    lock(&mut tx).await?;
    sql(TABLE).execute(&mut tx).await?;
    let mut applied = applied(&mut tx).await?;
    for set in sets {
        let mut of_feature = applied.remove(set.feature).unwrap_or_default();
        for script in set.scripts {
            apply_one(&mut tx, set.feature, script, of_feature.remove(script.name)).await?;
        }
        if let Some(name) = of_feature.into_keys().min() {
            return Err(MigrationError::Unknown {
                feature: set.feature.to_owned(),
                name,
            }
            .into());
        }
    }
    if tx.engine() == Engine::Postgres {
        tx.script(GUARD).await?;
    }
    tx.commit().await?;
    db.learn().await
}

/// Gives every table with a `tenant_id` the policy of tenants, if its feature has given it none of
/// its own, and binds its owner to it.
const GUARD: &str = "
DO $guard$
DECLARE
    place REGCLASS;
BEGIN
    FOR place IN
        SELECT c.oid FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p')
          AND a.attname = 'tenant_id' AND NOT a.attisdropped
          AND NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid)
    LOOP
        EXECUTE format($policy$
            CREATE POLICY tenant ON %s
                USING ((SELECT current_setting('iron.tenant', true)) IN (tenant_id, '*'))
        $policy$, place);
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', place);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', place);
    END LOOP;
END
$guard$
";

/// Numbers ascend strictly, so that the order of the list is the order of the names.
fn check_order(set: &Migrations) -> Result<(), MigrationError> {
    let mut last = 0_u32;
    for script in set.scripts {
        let number = script.name.split_once('_').and_then(|(digits, _)| {
            (digits.len() == 4)
                .then(|| digits.parse::<u32>().ok())
                .flatten()
        });
        match number {
            Some(number) if number > last => last = number,
            _ => {
                return Err(MigrationError::Order {
                    feature: set.feature,
                    name: script.name,
                });
            }
        }
    }
    Ok(())
}

/// Two processes that start at once migrate one after the other. SQLite's write transaction
/// does that by itself; PostgreSQL takes a lock named after the schema.
async fn lock(tx: &mut Tx) -> Result<(), Error> {
    sql_per_engine(
        "SELECT 1 AS locked",
        "SELECT 1 AS locked FROM (SELECT pg_advisory_xact_lock(\
         hashtextextended('iron migrations ' || current_schema(), 0))) AS held",
    )
    .fetch_one(tx)
    .await
    .map(drop)
}

type Applied = HashMap<String, HashMap<String, String>>;

async fn applied(tx: &mut Tx) -> Result<Applied, Error> {
    let mut found = Applied::new();
    for row in sql("SELECT feature, name, checksum FROM schema_migrations")
        .fetch_all(tx)
        .await?
    {
        found
            .entry(row.get("feature")?)
            .or_default()
            .insert(row.get("name")?, row.get("checksum")?);
    }
    Ok(found)
}

async fn apply_one(
    tx: &mut Tx,
    feature: &'static str,
    script: &Migration,
    known: Option<String>,
) -> Result<(), Error> {
    let text = match tx.engine() {
        Engine::Sqlite => script.sqlite,
        Engine::Postgres => script.postgres,
    };
    let checksum = hex::encode(digest(&SHA256, text.as_bytes()));
    match known {
        Some(known) if known == checksum => return Ok(()),
        Some(_) => {
            return Err(MigrationError::Changed {
                feature: feature.to_owned(),
                name: script.name.to_owned(),
            }
            .into());
        }
        None => {}
    }
    tx.script(text).await?;
    sql("INSERT INTO schema_migrations (feature, name, checksum) VALUES ($1, $2, $3)")
        .bind(feature)
        .bind(script.name)
        .bind(checksum)
        .execute(tx)
        .await
        .map(drop)
}
