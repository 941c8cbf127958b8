//! Databases of tenants, in which tools make statements.
//!
//! The runtime holds no SQL. It decides on the call, opens the secret, and hands both to whoever runs
//! statements: [`Databases`]. What came back it looks at as at the answer of any tool.

mod address;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use iron_net::breaker::Outcome;
use iron_policy::Tool;
use iron_policy::parameters::Violation;
use iron_primitives::{Secret, TenantId, ToolId};
use serde_json::{Map, Value};

pub use address::{DatabaseAddress, ServerAddress, Tls, UnusableAddress};

/// Runs statements for the callers of tools.
pub trait Databases: fmt::Debug + Send + Sync + 'static {
    /// Makes a statement ready: what is wrong with it is found before it costs anything.
    ///
    /// # Errors
    /// What is wrong with the arguments, or with the tool itself.
    fn prepare(&self, ask: AskStatement<'_>) -> Result<Box<dyn Statement>, NotReady>;
}

/// A statement that a caller wants to be made.
#[derive(Debug, Clone, Copy)]
pub struct AskStatement<'a> {
    /// Whose tool it is.
    pub tenant: TenantId,
    /// The tool.
    pub id: ToolId,
    /// What is declared of it.
    pub tool: &'a Tool,
    /// What the caller gives it.
    pub arguments: &'a Map<String, Value>,
    /// Where the database is.
    pub address: &'a Secret,
    /// Counts the addresses that the tool has had.
    pub address_version: i64,
    /// The most rows that are given back.
    pub max_rows: u32,
}

/// Why a statement is not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReady {
    /// The arguments do not fit.
    Arguments(Violation),
    /// The tool cannot be used as it stands: what is wrong with it, and what to do.
    Tool(&'static str),
}

impl From<UnusableAddress> for NotReady {
    fn from(problem: UnusableAddress) -> Self {
        NotReady::Tool(problem.0)
    }
}

/// A statement that can be made.
#[async_trait]
pub trait Statement: Send {
    /// The database, by which breakers know it.
    fn peer(&self) -> &str;

    /// Makes it. One that does not come to its end changes nothing.
    async fn run(self: Box<Self>, bounds: StatementBounds) -> StatementEnd;
}

impl fmt::Debug for dyn Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement").finish_non_exhaustive()
    }
}

/// How much a statement may give back, and how long it may take.
#[derive(Clone)]
pub struct StatementBounds {
    /// How long all of it may take.
    pub patience: Duration,
    /// The most bytes of JSON.
    pub answer_bytes: usize,
}

/// What came of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEnd {
    /// JSON: `{"rows": […]}`, or `{"rows_affected": …}`.
    pub result: Result<String, StatementFailure>,
    /// How the database did.
    pub outcome: Outcome,
}

/// Why a statement has brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementFailure {
    /// The database says why; JSON with `code` and `message`.
    Told(Arc<str>),
    /// It took longer than it may and was undone.
    Slow,
    /// It ended while its changes were being kept: whether they are is not known.
    Unknown,
    /// What else went wrong, without addresses and secrets.
    Failed(&'static str),
    /// It gives back more bytes than this.
    TooLarge {
        /// The most that may come back.
        limit_bytes: usize,
    },
    /// What it gives back cannot be told.
    Unfit(String),
}
