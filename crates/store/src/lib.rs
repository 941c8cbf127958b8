//! The database: one SQL text, two engines.
//!
//! Words:
//! - [`Db`] is the database: an embedded SQLite file or a PostgreSQL server. Nothing above
//!   this crate asks which, except through [`sql_per_engine`] where the two truly differ.
//! - [`Tx`] is a transaction; work that crosses features passes one `&mut Tx` along.
//! - [`sql`] is a statement with `$n` parameters, the same text for both engines. Only
//!   `&'static str` is accepted, so text from outside can enter by [`Statement::bind`] alone;
//!   [`Select`] composes filters and orders from fixed fragments, [`Rows`] lists of rows.
//! - [`Migrations`] are a feature's tables, as numbered scripts in two folders.
//!
//! What both engines hold alike: `TEXT` for text, ids, enums and JSON; 64-bit integers
//! (`INTEGER` / `BIGINT`) for counts, nano-dollars, microseconds since 1970 and 0/1 booleans;
//! `BLOB` / `BYTEA` for bytes. `SUM` of a `BIGINT` must be cast to `BIGINT`.
//!
//! Invariants:
//! - **A commit that has returned is on the disk**: WAL with `synchronous=FULL` on SQLite,
//!   `synchronous_commit=on` on PostgreSQL.
//! - **A writer never fails half way for a lock**: a write transaction on SQLite begins as
//!   `BEGIN IMMEDIATE` on the only writing connection; readers are never in its way.
//! - **A tenant's request sees the tenant's rows**, on PostgreSQL also when its statement forgets to
//!   say so: work within [`bound_to`] meets the row security of every table with a `tenant_id`,
//!   which [`Db::migrate`] gives to each by itself.
//! - **A schema only moves forward**, all pending scripts in one transaction; an applied
//!   script that has changed since, or that this program does not know, stops the start.
//!
//! ```
//! # use iron_store::{sql, Db, Error};
//! # fn main() -> Result<(), Error> { iron_store::testing::on_sqlite(|db| async move { example(db).await }) }
//! # async fn example(db: Db) -> Result<(), Error> {
//! let mut tx = db.begin().await?;
//! sql("CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL)").execute(&mut tx).await?;
//! sql("INSERT INTO notes (id, text) VALUES ($1, $2)").bind(1_i64).bind("hello").execute(&mut tx).await?;
//! tx.commit().await?;
//!
//! let row = sql("SELECT text FROM notes WHERE id = $1").bind(1_i64).fetch_one(&db).await?;
//! assert_eq!(row.get::<String>("text")?, "hello");
//! # Ok(())
//! # }
//! ```

mod bound;
mod db;
mod error;
mod migrate;
mod page;
mod row;
mod rows;
pub mod schema;
mod select;
mod statement;
pub mod testing;
mod value;
mod vitals;
mod words;

pub use bound::{EVERYBODY, SETTING, as_here, as_platform, bound, bound_to};
pub use db::{Db, Engine, Tx};
pub use error::{Error, MigrationError};
pub use migrate::{Migration, Migrations};
pub use page::{Page, Paged, Sort, UnknownSort};
pub use row::Row;
pub use rows::Rows;
pub use select::Select;
pub use statement::{Answer, Statement, Target, sql, sql_per_engine};
pub use value::{FromColumn, Json, Kind, ToColumn, Value};
pub use vitals::Vitals;
pub use words::UnknownWord;

#[doc(hidden)]
pub use bound::Keys;
#[doc(hidden)]
pub use serde;
