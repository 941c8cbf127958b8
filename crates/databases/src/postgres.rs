//! Servers of PostgreSQL.
//!
//! A server is reached by way of a [`tunnel`]: its name is looked up and judged here, and the driver is
//! given the connection to the address that was found, while it still holds the certificate of the
//! server against the name.

mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use iron_net::breaker::Outcome;
use iron_net::egress::AddressRules;
use iron_policy::parameters::Gives;
use iron_runtime::databases::{NotReady, ServerAddress, StatementFailure, Tls, UnusableAddress};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use crate::rows::{self, Rows, Wanted};
use crate::sqlite::{too_many_changed, unfit_values};
use crate::{Failure, Job, Opens, Terms, value};
use tunnel::{Meter, Tunnel};

/// How long the server has less than whoever waits for it, so that it is the one that ends a statement.
const MARGIN: Duration = Duration::from_millis(500);
/// What the server sends besides rows.
const OVERHEAD_BYTES: usize = 1 << 20;
/// The code of a statement that was ended.
const CANCELED: &str = "57014";
/// The code of a statement with other than its values.
const WRONG_VALUES: &str = "08P01";

/// What the driver takes from the environment of this process and shows to whatever server it reaches.
const SHOWN: [&str; 4] = ["PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT", "PGOPTIONS"];

/// Refuses servers of tenants while the environment of this process would be shown to them; `is_set` says
/// of a variable whether it is set.
pub(crate) fn check_environment(is_set: impl Fn(&str) -> bool) -> Result<(), NotReady> {
    match SHOWN.into_iter().any(is_set) {
        true => Err(NotReady::Tool(
            "asks a server of PostgreSQL, which would be shown what is in the environment of this one; an \
             operator has to unset `PGSSLCERT`, `PGSSLKEY`, `PGSSLROOTCERT` and `PGOPTIONS`",
        )),
        false => Ok(()),
    }
}

/// A server that is asked.
#[derive(Debug)]
pub(crate) struct Target {
    server: ServerAddress,
    rules: AddressRules,
    tls: Tls,
    peer: String,
}

impl Target {
    /// A server, where these rules hold.
    pub(crate) fn new(server: ServerAddress, rules: AddressRules) -> Result<Self, UnusableAddress> {
        let tls = server.tls_under(rules)?;
        Ok(Target {
            peer: server.origin().to_ascii_lowercase(),
            server,
            rules,
            tls,
        })
    }

    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host(&self.server.host)
            .port(self.server.port)
            .username(&self.server.user)
            .password(self.server.password.expose())
            .database(&self.server.database)
            .ssl_mode(match self.tls {
                Tls::Disable => PgSslMode::Disable,
                Tls::Prefer => PgSslMode::Prefer,
                Tls::Require => PgSslMode::Require,
                Tls::VerifyCa => PgSslMode::VerifyCa,
                Tls::VerifyFull => PgSslMode::VerifyFull,
            })
            .application_name("iron-cage")
            .statement_cache_capacity(0)
            .disable_statement_logging()
    }
}

#[async_trait]
impl Opens for Target {
    type Session = Session;

    fn peer(&self) -> &str {
        &self.peer
    }

    async fn open(&self) -> Result<Session, Failure> {
        let unreachable = |_| Failure::of_database("the database cannot be reached");
        let stream = tunnel::reach(self.rules, &self.server.host, self.server.port);
        let stream = stream.await.map_err(unreachable)?;
        let meter = Arc::new(Meter::default());
        meter.allow(OVERHEAD_BYTES);
        let tunnel = Tunnel::open(stream, self.server.port, meter.clone()).map_err(unreachable)?;
        let options = self.options().socket(tunnel.folder());
        let connection = options.connect().await.map_err(|error| refused(&error))?;
        Ok(Session { connection, meter })
    }
}

/// A connection with a server.
#[derive(Debug)]
pub(crate) struct Session {
    connection: PgConnection,
    meter: Arc<Meter>,
}

impl Session {
    async fn command(&mut self, statement: String) -> Result<(), Failure> {
        let done = sqlx::raw_sql(AssertSqlSafe(statement));
        let done = done.execute(&mut self.connection).await;
        done.map(drop).map_err(|error| failure(&error))
    }

    async fn made(&mut self, job: &Job, terms: Terms) -> Result<String, Failure> {
        let values = value::for_postgres(&job.values).ok_or_else(unfit_values)?;
        let text = &job.runnable.text;
        let statement = match job.runnable.gives {
            Gives::Rows => as_json(&format!("({text}) AS iron_row"), "", terms.answer_bytes),
            Gives::Changed => {
                let before = format!("WITH iron_row AS ({text}) ");
                as_json("iron_row", &before, terms.answer_bytes)
            }
            Gives::Count => text.clone(),
        };
        let statement = sqlx::query_with(AssertSqlSafe(statement), values).persistent(false);
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
            let json: Option<&str> = row.try_get(0).map_err(|error| failure(&error))?;
            let json = json.ok_or_else(|| rows::too_large(terms.answer_bytes))?;
            wanted = match wanted {
                Wanted::More => rows.take(json)?,
                Wanted::NoMore => Wanted::NoMore,
            };
        }
        if wanted == Wanted::NoMore && job.runnable.gives == Gives::Changed {
            return Err(too_many_changed());
        }
        Ok(rows.told(wanted))
    }
}

/// Rows as the server itself writes JSON: it knows all its types. A row that is too large stays there,
/// and null comes in its place.
fn as_json(from: &str, before: &str, most_bytes: usize) -> String {
    format!(
        "{before}SELECT CASE WHEN pg_catalog.octet_length(iron_json) <= {most_bytes} THEN iron_json END \
         FROM (SELECT pg_catalog.to_json(iron_row)::pg_catalog.text AS iron_json FROM {from} OFFSET 0) \
         AS iron_rows"
    )
}

#[async_trait]
impl crate::Session for Session {
    async fn begin(&mut self, job: &Job, terms: Terms) -> Result<(), Failure> {
        let bound = terms.answer_bytes.saturating_mul(2);
        self.meter.allow(bound.saturating_add(OVERHEAD_BYTES));
        let margin = MARGIN.min(terms.patience / 5);
        let patience = terms.patience.saturating_sub(margin).as_millis().max(1);
        let access = match job.read_only {
            true => "READ ONLY",
            false => "READ WRITE",
        };
        self.command(format!(
            "RESET SESSION AUTHORIZATION; RESET ALL; BEGIN {access}; \
             SET LOCAL standard_conforming_strings = on; SET LOCAL statement_timeout = {patience}; \
             SET LOCAL idle_in_transaction_session_timeout = {patience}"
        ))
        .await
    }

    async fn finish(&mut self, job: &Job, terms: Terms) -> Result<String, Failure> {
        let made = self.made(job, terms).await;
        if self.meter.is_spent() {
            return Err(Failure {
                session_is_sound: false,
                ..rows::too_large(terms.answer_bytes)
            });
        }
        let told = made?;
        match self.command("COMMIT".to_owned()).await {
            // What is checked at the end only.
            Err(failure) if !matches!(failure.told, StatementFailure::Told(_)) => Err(Failure {
                told: StatementFailure::Unknown,
                ..failure
            }),
            Err(failure) => Err(failure),
            Ok(()) => Ok(told),
        }
    }

    async fn undo(&mut self) -> bool {
        self.command("ROLLBACK".to_owned()).await.is_ok()
    }
}

/// What became of a connection that the server did not take. It says as whom it was asked, so that is
/// not repeated.
fn refused(error: &sqlx::Error) -> Failure {
    Failure::of_database(match error {
        sqlx::Error::Database(_) => {
            "the database refuses the connection; look at the address of the tool, and at the log of \
             the database"
        }
        sqlx::Error::Tls(_) => {
            "the database shows no certificate that is believed; see `sslmode` in the address of the tool"
        }
        _ => "the database cannot be reached",
    })
}

/// What became of a statement that the server did not like.
fn failure(error: &sqlx::Error) -> Failure {
    let Some(said) = error.as_database_error() else {
        return match error {
            // The driver does not like what it is given: nothing was sent.
            sqlx::Error::Encode(_) | sqlx::Error::TypeNotFound { .. } => unfit_values(),
            _ => {
                Failure::of_database("the connection with the database broke; nothing was changed")
            }
        };
    };
    let code = said.code().unwrap_or_default();
    if code == CANCELED {
        return Failure::of_job(StatementFailure::Slow);
    }
    let hint = said.try_downcast_ref::<PgDatabaseError>();
    let hint = hint.and_then(PgDatabaseError::hint);
    let failure = Failure::of_job(rows::told(&code, said.message(), hint));
    // It goes down. What a statement can bring about by itself is no failure of the database.
    match code.starts_with("57P") || (code.starts_with("08") && code != WRONG_VALUES) {
        true => Failure {
            outcome: Outcome::Failure,
            session_is_sound: false,
            ..failure
        },
        false => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_environment_is_shown_to_a_server() {
        assert!(check_environment(|name| ["PGHOST", "PATH"].contains(&name)).is_ok());
        for name in ["PGSSLCERT", "PGSSLKEY", "PGSSLROOTCERT", "PGOPTIONS"] {
            assert!(check_environment(|set| set == name).is_err(), "{name}");
        }
    }
}
