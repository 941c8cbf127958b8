//! Records of governed calls become rows of `call_records`, and counts.

use std::sync::LazyLock;

use async_trait::async_trait;
use iron_primitives::{
    AgentId, Environment, IcTokenId, Money, ProviderId, RequestId, TenantId, Timestamp,
};
use iron_store::{Db, Page, Paged, Row, Select, Sort, Statement, Tx, sql, sql_per_engine};

use crate::alarms::AlarmTally;
use crate::body::{Body, CallFacts, Item};
use crate::projector::{Projection, ProjectionError};
use crate::rollups::{RollupTally, error_type};
use crate::token_totals::TokenTally;
use crate::usage::Tally;
use crate::violations::{self, Place};
use crate::{Audit, Authorised, Error};

/// How many rows one statement inserts when there are as many.
const ROWS: usize = 32;
const COLUMNS: usize = 20;

/// Projects calls and what is counted of them.
pub(crate) struct CallProjection {
    environment: Environment,
}

impl CallProjection {
    pub(crate) const fn new(environment: Environment) -> Self {
        CallProjection { environment }
    }
}

#[async_trait]
impl Projection for CallProjection {
    fn name(&self) -> &'static str {
        "calls"
    }

    async fn project(&self, tx: &mut Tx, items: &[Item]) -> Result<(), ProjectionError> {
        let calls: Vec<(&Item, &CallFacts)> = items
            .iter()
            .filter_map(|item| match &item.body {
                Body::Call(call) => Some((item, &**call)),
                _ => None,
            })
            .collect();
        let mut tally = Tally::default();
        let mut tokens = TokenTally::default();
        let mut rollups = RollupTally::default();
        let now = self.environment.now();
        let mut alarms = AlarmTally::new(now);
        for chunk in calls.chunks(ROWS) {
            insert(tx, chunk).await?;
            for (item, call) in chunk {
                tally.count(item.record.stream.tenant, call);
                tokens.count(item.record.stream.tenant, call);
                rollups.count(item.record.stream.tenant, call);
                let place = Place::from(*call);
                alarms.count(item.record.stream.tenant, place, call.guard.as_ref());
                violations::write(tx, item, place, call.guard.as_ref()).await?;
            }
        }
        tally.write(tx, now).await?;
        alarms.write(tx).await?;
        tokens.write(tx).await?;
        rollups.write(tx).await
    }
}

/// The INSERT of so many rows, for each engine. There are two sizes in all, built once.
///
/// SQLite looks up each *named* parameter from the begin of its list, which for hundreds of them
/// costs more than the insert: there they bear no names.
fn insert_text(rows: usize) -> (&'static str, &'static str) {
    let text = |parameter: fn(usize) -> String| -> &'static str {
        let row = |row: usize| {
            let columns: Vec<String> = (1..=COLUMNS)
                .map(|column| parameter(row * COLUMNS + column))
                .collect();
            format!("({})", columns.join(", "))
        };
        let values: Vec<String> = (0..rows).map(row).collect();
        let text = format!(
            "INSERT INTO call_records (tenant_id, call_id, agent_id, token_id, provider_id, \
             model, outcome, status_code, started_at, ended_at, cost_nanos, input_tokens, \
             output_tokens, instance_id, incarnation, sequence, hash, body, error_type, \
             rolled_up) VALUES {} \
             ON CONFLICT (tenant_id, call_id) DO NOTHING",
            values.join(", ")
        );
        text.leak()
    };
    (
        text(|_| "?".to_owned()),
        text(|number| format!("${number}")),
    )
}

static INSERT_ONE: LazyLock<(&str, &str)> = LazyLock::new(|| insert_text(1));
static INSERT_MANY: LazyLock<(&str, &str)> = LazyLock::new(|| insert_text(ROWS));

fn insert_statement((sqlite, postgres): (&'static str, &'static str)) -> Statement {
    sql_per_engine(sqlite, postgres)
}

/// Inserts calls.
///
/// # Errors
/// [`ProjectionError::Repeated`] if one is there already: it must not be counted again.
async fn insert(tx: &mut Tx, calls: &[(&Item, &CallFacts)]) -> Result<(), ProjectionError> {
    let mut inserted = 0;
    if calls.len() == ROWS {
        let bound = calls.iter().fold(insert_statement(*INSERT_MANY), bind);
        inserted = bound.execute(&mut *tx).await?;
    } else {
        for call in calls {
            inserted += bind(insert_statement(*INSERT_ONE), call)
                .execute(&mut *tx)
                .await?;
        }
    }
    if inserted == calls.len() as u64 {
        return Ok(());
    }
    Err(ProjectionError::Repeated)
}

fn bind(statement: Statement, (item, call): &(&Item, &CallFacts)) -> Statement {
    let record = &item.record;
    statement
        .bind(record.stream.tenant)
        .bind(call.call)
        .bind(call.agent)
        .bind(call.token)
        .bind(call.attempts.last().map(|attempt| attempt.provider))
        .bind(&call.model)
        .bind(&call.outcome)
        .bind(call.status)
        .bind(Timestamp::from_micros(call.started_at_us))
        .bind(Timestamp::from_micros(call.ended_at_us))
        .bind(call.cost_nanos)
        .bind(call.tokens.input_total())
        .bind(call.tokens.output_total())
        .bind(record.stream.instance)
        .bind(i64::try_from(record.stream.incarnation).unwrap_or(i64::MAX))
        .bind(i64::try_from(record.sequence).unwrap_or(i64::MAX))
        .bind(record.hash.to_string())
        .bind(record.body_text().to_owned())
        .bind(error_type(call))
        .bind(true)
}

/// Which calls are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Those of this agent.
    pub agent: Option<AgentId>,
    /// Begun at or after this instant.
    pub start: Option<Timestamp>,
    /// Begun before this instant.
    pub end: Option<Timestamp>,
}

/// A governed call, as its record tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The call.
    pub id: RequestId,
    /// The agent.
    pub agent: AgentId,
    /// The token that was presented.
    pub token: IcTokenId,
    /// The provider of the last attempt, if there was one.
    pub provider: Option<ProviderId>,
    /// The model that was asked for.
    pub model: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// The status the caller was given.
    pub status_code: u16,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was closed.
    pub ended_at: Timestamp,
    /// What it cost.
    pub cost: Money,
    /// All input tokens.
    pub input_tokens: i64,
    /// All output tokens.
    pub output_tokens: i64,
    /// The body of the record: canonical JSON.
    pub body: String,
}

const CALL_COLUMNS: &str = "call_id, agent_id, token_id, provider_id, model, outcome, \
     status_code, started_at, ended_at, cost_nanos, input_tokens, output_tokens, body";

impl Call {
    fn read(row: &Row) -> Result<Call, iron_store::Error> {
        Ok(Call {
            id: row.get("call_id")?,
            agent: row.get("agent_id")?,
            token: row.get("token_id")?,
            provider: row.get("provider_id")?,
            model: row.get("model")?,
            outcome: row.get("outcome")?,
            status_code: row.get("status_code")?,
            started_at: row.get("started_at")?,
            ended_at: row.get("ended_at")?,
            cost: row.get("cost_nanos")?,
            input_tokens: row.get("input_tokens")?,
            output_tokens: row.get("output_tokens")?,
            body: row.get("body")?,
        })
    }
}

impl Audit {
    /// The governed calls of the tenant, newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn calls(
        &self,
        authorised: &Authorised,
        filter: CallFilter,
        page: Page,
    ) -> Result<Paged<Call>, Error> {
        let rows = Select::new(CALL_COLUMNS, "call_records")
            .filter("tenant_id = ?", authorised.tenant)
            .filter_some("agent_id = ?", filter.agent)
            .filter_some("started_at >= ?", filter.start)
            .filter_some("started_at < ?", filter.end)
            .sort(Sort::descending("started_at"), "call_id")
            .fetch_page(&self.db, page)
            .await?;
        Ok(rows.try_map(|row| Call::read(&row))?)
    }

    /// One governed call of the tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or its record has not been projected yet.
    pub async fn call(&self, authorised: &Authorised, id: RequestId) -> Result<Call, Error> {
        find(&self.db, authorised.tenant, id)
            .await?
            .ok_or(Error::NotFound)
    }
}

async fn find(db: &Db, tenant: TenantId, id: RequestId) -> Result<Option<Call>, iron_store::Error> {
    sql(
        "SELECT call_id, agent_id, token_id, provider_id, model, outcome, status_code, \
         started_at, ended_at, cost_nanos, input_tokens, output_tokens, body \
         FROM call_records WHERE tenant_id = $1 AND call_id = $2",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(db)
    .await?
    .map(|row| Call::read(&row))
    .transpose()
}
