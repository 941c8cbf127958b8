//! The databases of tenants, in which tools make statements.
//!
//! What is kept here is nobody's but the tenant's: the server only asks, with an address that no agent
//! sees. A statement comes from whoever writes the prompts of an agent, so it is held at every step:
//!
//! | step | what holds it |
//! |---|---|
//! | read | `policy::parameters::runnable_sql`: one statement, of the kinds, tables and functions that are declared, as this database reads it |
//! | reach | the host is looked up here and judged, and what was judged is what is connected to ([`postgres`]) |
//! | begin | a transaction, which is read-only where the tool reads |
//! | run | bound values, a time after which the database itself ends it, a limit of rows and of bytes |
//! | end | what did not come to its end is undone |
//!
//! Invariants:
//! - **A statement that fails, is too slow or gives back too much has changed nothing.** Only where the
//!   connection breaks while changes are being kept is it not known, and that is what is said.
//! - **What the database says is for the agent only after guardrails**: it may hold what was asked for.
//! - **A session serves one tool.** When the tool has another address it gets others.
//! - **A file of SQLite lies below the folder of its tenant**, below the one that an operator allows.

mod arguments;
mod pool;
mod postgres;
mod rows;
mod sqlite;
mod value;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use iron_net::breaker::Outcome;
use iron_policy::Access;
use iron_policy::parameters::{Database, Runnable};
use iron_primitives::Environment;
use iron_runtime::ToolPlaces;
use iron_runtime::databases::{
    AskStatement, DatabaseAddress, Databases, NotReady, Statement, StatementBounds, StatementEnd,
    StatementFailure, UnusableAddress,
};

use arguments::Arguments;
use pool::{Generation, Permit, Pool, Pools};
use value::Value;

/// Who runs statements of tools.
#[derive(Debug)]
pub struct TenantDatabases {
    places: ToolPlaces,
    /// Where files of SQLite may be; nowhere if absent.
    files: Option<PathBuf>,
    servers: Pools<postgres::Session>,
    opened: Pools<sqlite::Session>,
}

impl TenantDatabases {
    /// Servers at these places, and files below a folder, one for each tenant in it.
    pub fn new(places: ToolPlaces, files: Option<PathBuf>, environment: Environment) -> Self {
        TenantDatabases {
            places,
            files,
            servers: Pools::new(environment.clone()),
            opened: Pools::new(environment),
        }
    }
}

impl Databases for TenantDatabases {
    fn prepare(&self, ask: AskStatement<'_>) -> Result<Box<dyn Statement>, NotReady> {
        let address = DatabaseAddress::parse(ask.address.expose())?;
        let database = match &address {
            DatabaseAddress::Postgres(_) => Database::Postgres,
            DatabaseAddress::Sqlite(_) => Database::Sqlite,
        };
        let Arguments { runnable, values } = arguments::read(&ask, database)?;
        let job = Job {
            runnable,
            values,
            read_only: ask.tool.access == Access::Read,
        };
        let key = (ask.tenant, ask.id);
        let generation = Generation {
            version: ask.address_version,
            read_only: job.read_only,
        };
        Ok(match address {
            DatabaseAddress::Postgres(server) => {
                postgres::check_environment(|name| std::env::var_os(name).is_some())?;
                let rules = self.places.rules_at(&server.origin());
                let rules = rules.ok_or(UnusableAddress::ON_THIS_MACHINE)?;
                let target = postgres::Target::new(server, rules)?;
                let pool = self.servers.of(key, generation);
                Box::new(Prepared { target, pool, job })
            }
            DatabaseAddress::Sqlite(path) => {
                let folder = self.files.as_deref().ok_or(NotReady::Tool(
                    "is a file of SQLite; an operator can allow them (`tools.sqlite_folder`)",
                ))?;
                let target = sqlite::Target::new(folder, ask.tenant, &path, job.read_only);
                let pool = self.opened.of(key, generation);
                Box::new(Prepared { target, pool, job })
            }
        })
    }
}

/// What is to be done in a session.
#[derive(Debug)]
struct Job {
    runnable: Runnable,
    values: Vec<Value>,
    read_only: bool,
}

/// What may come back, and for how long it is waited.
#[derive(Debug, Clone, Copy)]
struct Terms {
    patience: Duration,
    answer_bytes: usize,
}

/// Where sessions are made.
#[async_trait]
trait Opens: Send + Sync {
    type Session: Session;

    fn peer(&self) -> &str;

    async fn open(&self) -> Result<Self::Session, Failure>;
}

/// One connection with a database.
#[async_trait]
trait Session: Send + Sized + 'static {
    /// Takes a seat, or gives it back. Where work goes on behind a session that is dropped, the seat is
    /// held until it has ended.
    fn sit(&mut self, _seat: Option<Arc<Permit>>) {}

    /// Begins what the job is done in; nothing has happened if this fails.
    async fn begin(&mut self, job: &Job, terms: Terms) -> Result<(), Failure>;

    /// Does it, and keeps what it has changed.
    async fn finish(&mut self, job: &Job, terms: Terms) -> Result<String, Failure>;

    /// Undoes what was begun; false if the session is of no more use.
    async fn undo(&mut self) -> bool;
}

/// Why a job was not done.
#[derive(Debug)]
struct Failure {
    told: StatementFailure,
    outcome: Outcome,
    /// Whether the session may be used again once the job is undone.
    session_is_sound: bool,
}

impl Failure {
    /// The database does not do what it is for.
    fn of_database(problem: &'static str) -> Self {
        Failure {
            told: StatementFailure::Failed(problem),
            outcome: Outcome::Failure,
            session_is_sound: false,
        }
    }

    /// The job cannot be done, and the database is well.
    fn of_job(told: StatementFailure) -> Self {
        Failure {
            told,
            outcome: Outcome::Success,
            session_is_sound: true,
        }
    }
}

struct Prepared<T: Opens> {
    target: T,
    pool: Arc<Pool<T::Session>>,
    job: Job,
}

#[async_trait]
impl<T: Opens> Statement for Prepared<T> {
    fn peer(&self) -> &str {
        self.target.peer()
    }

    async fn run(self: Box<Self>, bounds: StatementBounds) -> StatementEnd {
        let terms = Terms {
            patience: bounds.patience,
            answer_bytes: bounds.answer_bytes,
        };
        let mut stage = Stage::Waiting;
        let working = self.work(terms, &mut stage);
        let worked = tokio::time::timeout(bounds.patience, working).await;
        match worked {
            Ok(Ok(json)) => StatementEnd {
                result: Ok(json),
                outcome: Outcome::Success,
            },
            Ok(Err(failure)) => StatementEnd {
                result: Err(failure.told),
                outcome: failure.outcome,
            },
            Err(_) => out_of_time(stage, self.job.read_only),
        }
    }
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// For others that use the same tool.
    Waiting,
    /// The database is being reached.
    Reaching,
    /// The statement is being run.
    Running,
}

/// A database ends a statement itself before this: where it has not, it does not answer.
fn out_of_time(stage: Stage, read_only: bool) -> StatementEnd {
    let (failure, outcome) = match stage {
        Stage::Waiting => (
            StatementFailure::Failed("all connections of the tool were in use; try again later"),
            Outcome::Unknown,
        ),
        Stage::Reaching => (
            StatementFailure::Failed("the database cannot be reached"),
            Outcome::Failure,
        ),
        Stage::Running if read_only => (StatementFailure::Slow, Outcome::Failure),
        Stage::Running => (StatementFailure::Unknown, Outcome::Failure),
    };
    StatementEnd {
        result: Err(failure),
        outcome,
    }
}

impl<T: Opens> Prepared<T> {
    async fn work(&self, terms: Terms, stage: &mut Stage) -> Result<String, Failure> {
        let began = self.pool.now();
        let mut seat = self.pool.seat().await;
        *stage = Stage::Reaching;
        // What has lain idle may have ended meanwhile: nothing has happened then, and another is made.
        let mut session = match seat.take() {
            Some(mut idle) => {
                idle.sit(seat.permit());
                match idle.begin(&self.job, self.left(began, terms)).await {
                    Ok(()) => idle,
                    Err(_) => self.begun(began, terms, seat.permit()).await?,
                }
            }
            None => self.begun(began, terms, seat.permit()).await?,
        };
        *stage = Stage::Running;
        let terms = self.left(began, terms);
        let finished = session.finish(&self.job, terms).await;
        let is_sound = match &finished {
            Ok(_) => true,
            Err(failure) => failure.session_is_sound && session.undo().await,
        };
        if is_sound {
            session.sit(None);
            seat.keep(session);
        }
        finished
    }

    async fn begun(
        &self,
        began: iron_primitives::BootInstant,
        terms: Terms,
        seat: Option<Arc<Permit>>,
    ) -> Result<T::Session, Failure> {
        let mut session = self.target.open().await?;
        session.sit(seat);
        let terms = self.left(began, terms);
        session.begin(&self.job, terms).await?;
        Ok(session)
    }

    /// The same with the time that is left.
    fn left(&self, began: iron_primitives::BootInstant, terms: Terms) -> Terms {
        let took = self.pool.now().since(began);
        Terms {
            patience: terms.patience.saturating_sub(took),
            ..terms
        }
    }
}
