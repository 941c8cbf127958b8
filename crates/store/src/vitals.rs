//! What the database says about itself, for those who look whether all is well.

use iron_primitives::Timestamp;

use crate::{Db, Error, sql_per_engine};

/// What the database says about itself and about the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vitals {
    /// The version of the engine.
    pub version: String,
    /// The TLS version of this connection; none if it is not encrypted.
    pub tls: Option<String>,
    /// What its clock shows.
    pub clock: Timestamp,
}

impl Db {
    /// Asks the database how it is.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it does not answer.
    pub async fn vitals(&self) -> Result<Vitals, Error> {
        let row = sql_per_engine(
            "SELECT sqlite_version() AS version, CAST(NULL AS TEXT) AS tls, \
             CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER) AS now_us",
            "SELECT current_setting('server_version') AS version, \
             (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl) AS tls, \
             CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now_us",
        )
        .fetch_one(self)
        .await?;
        Ok(Vitals {
            version: row.get("version")?,
            tls: row.get("tls")?,
            clock: Timestamp::from_micros(row.get("now_us")?),
        })
    }
}
