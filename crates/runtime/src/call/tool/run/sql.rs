//! A tool that makes statements in a database.

use iron_net::breaker::Outcome;
use iron_policy::parameters::Violation;
use iron_primitives::{Refusal, Secret, TenantId};
use serde_json::{Map, Value};

use crate::Runtime;
use crate::authority::RegisteredTool;
use crate::call::scrub::scrubbed;
use crate::call::tool::request::Shown;
use crate::databases::{
    AskStatement, NotReady, Statement, StatementBounds, StatementEnd, StatementFailure,
};

use super::{Bounds, Ran, RunStatus, unusable};

/// The most rows of a tool that does not say it.
const USUAL_ROWS: u32 = 10_000;

impl Runtime {
    /// Makes the statement of a call ready.
    pub(super) fn statement(
        &self,
        tenant: TenantId,
        registered: &RegisteredTool,
        max_rows: Option<u32>,
        arguments: &Map<String, Value>,
        address: Option<&Secret>,
    ) -> Result<Result<Box<dyn Statement>, Violation>, Refusal> {
        let databases = self.databases.as_ref();
        let databases =
            databases.ok_or_else(|| unusable("makes statements, which are not run here"))?;
        let (Some(address), Some(address_version)) = (address, registered.secret_version) else {
            return Err(unusable(
                "has no secret; give it the address of its database",
            ));
        };
        let prepared = databases.prepare(AskStatement {
            tenant,
            id: registered.id,
            tool: &registered.tool,
            arguments,
            address,
            address_version,
            max_rows: max_rows.unwrap_or(USUAL_ROWS),
        });
        match prepared {
            Ok(statement) => Ok(Ok(statement)),
            Err(NotReady::Arguments(violation)) => Ok(Err(violation)),
            Err(NotReady::Tool(problem)) => Err(unusable(problem)),
        }
    }
}

/// Makes a statement and reads what it gives back.
pub(super) async fn run(
    statement: Box<dyn Statement>,
    secret: Option<&Secret>,
    bounds: Bounds<'_>,
) -> (Ran, Outcome) {
    let asked = StatementBounds {
        patience: bounds.patience,
        answer_bytes: bounds.answer_bytes,
    };
    let StatementEnd { result, outcome } = statement.run(asked).await;
    let ran = match result {
        Ok(json) if bounds.share.covers(json.len()) => Ran {
            status: RunStatus::Success,
            output: Some(told(json, secret)),
            error: None,
            http_status: None,
        },
        Ok(_) => Ran::failed("there is no room for the answer at the moment; try again later"),
        Err(StatementFailure::Told(said)) => Ran {
            output: Some(told(said.to_string(), secret)),
            ..Ran::failed("the database answered with an error; nothing was changed")
        },
        Err(StatementFailure::Slow) => Ran {
            status: RunStatus::Timeout,
            ..Ran::failed(&format!(
                "the statement took longer than {} s and was undone",
                bounds.patience.as_secs()
            ))
        },
        Err(StatementFailure::Unknown) => Ran::timeout(bounds.patience),
        Err(StatementFailure::Failed(problem)) => Ran::failed(problem),
        Err(StatementFailure::TooLarge { limit_bytes }) => Ran::failed(&format!(
            "the answer is larger than {limit_bytes} bytes; nothing was changed"
        )),
        Err(StatementFailure::Unfit(problem)) => Ran::failed(&problem),
    };
    (ran, outcome)
}

fn told(json: String, secret: Option<&Secret>) -> Shown {
    let json = scrubbed(json.into(), secret);
    Shown::Json(String::from_utf8_lossy(&json).into_owned())
}
