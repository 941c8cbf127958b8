//! Calls of tools become rows of `tool_calls`, and what came of them rows of `tool_results`.

use std::time::Duration;

use async_trait::async_trait;
use iron_primitives::{
    AgentId, ApprovalId, Environment, IcTokenId, Money, ProjectId, RequestId, TeamId, TenantId,
    Timestamp, ToolId, UserId,
};
use iron_store::{Page, Paged, Row, Select, Sort, Tx, sql};

use crate::alarms::AlarmTally;
use crate::body::{Body, Item, ResultFacts, ToolFacts};
use crate::projector::{Projection, ProjectionError};
use crate::rollups::RollupTally;
use crate::token_totals::TokenTally;
use crate::usage::Tally;
use crate::violations::{self, Place};
use crate::{Audit, Authorised, Error, Reach};

/// For how long what an agent has read counts.
const READ_COUNTS: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Projects calls of tools, their results, and what is counted of them.
pub(crate) struct ToolProjection {
    environment: Environment,
}

impl ToolProjection {
    pub(crate) const fn new(environment: Environment) -> Self {
        ToolProjection { environment }
    }
}

#[async_trait]
impl Projection for ToolProjection {
    fn name(&self) -> &'static str {
        "tools"
    }

    async fn project(&self, tx: &mut Tx, items: &[Item]) -> Result<(), ProjectionError> {
        let mut tally = Tally::default();
        let mut tokens = TokenTally::default();
        let mut rollups = RollupTally::default();
        let now = self.environment.now();
        let mut alarms = AlarmTally::new(now);
        for item in items {
            let tenant = item.record.stream.tenant;
            match &item.body {
                Body::Tool(call) => {
                    insert(tx, item, call).await?;
                    let place = Place::from(&**call);
                    alarms.count(tenant, place, call.guard.as_ref());
                    violations::write(tx, item, place, call.guard.as_ref()).await?;
                    tally.count_tool(tenant, call);
                    tokens.count_tool(tenant, call);
                    rollups.count_tool(tenant, call);
                }
                Body::ToolResult(told) => {
                    let found = (told.personal, told.secrets);
                    let call = (told.call, told.started_at_us);
                    // Brought twice, it counts once.
                    if insert_result(tx, item, call, &told.result, found).await? {
                        let place = Place::from(&**told);
                        alarms.count(tenant, place, told.guard.as_ref());
                        violations::write(tx, item, place, told.guard.as_ref()).await?;
                    }
                }
                _ => {}
            }
        }
        tally.write(tx, now).await?;
        alarms.write(tx).await?;
        tokens.write(tx).await?;
        rollups.write(tx).await
    }
}

async fn insert(tx: &mut Tx, item: &Item, call: &ToolFacts) -> Result<(), ProjectionError> {
    let record = &item.record;
    let rules = serde_json::to_string(&call.decision.rules).unwrap_or_default();
    let inserted = sql(
        "INSERT INTO tool_calls (tenant_id, call_id, agent_id, project_id, team_id, user_id, \
         token_id, tool, tool_id, mode, decision, code, rules, approval_id, conversation, \
         execution, risk_level, untrusted, tainted, rate_limit, rate_remaining, arguments_bytes, \
         cost_nanos, started_at, ended_at, instance_id, incarnation, sequence, hash, body, \
         rolled_up) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
         $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, 1) \
         ON CONFLICT (tenant_id, call_id) DO NOTHING",
    )
    .bind(record.stream.tenant)
    .bind(call.call)
    .bind(call.agent)
    .bind(call.project)
    .bind(call.team)
    .bind(call.user)
    .bind(call.token)
    .bind(writable(&call.tool))
    .bind(call.tool_id)
    .bind(&call.mode)
    .bind(&call.decision.effect)
    .bind(&call.decision.code)
    .bind(writable(&rules))
    .bind(call.approval)
    .bind(call.conversation.as_deref().map(writable))
    .bind(call.execution.as_deref().map(writable))
    .bind(&call.risk_level)
    .bind(call.untrusted)
    .bind(call.tainted)
    .bind(call.rate.map(|rate| rate.limit))
    .bind(call.rate.map(|rate| rate.remaining))
    .bind(i64::try_from(call.arguments_bytes).unwrap_or(i64::MAX))
    .bind(call.cost_nanos)
    .bind(Timestamp::from_micros(call.started_at_us))
    .bind(Timestamp::from_micros(call.ended_at_us))
    .bind(record.stream.instance)
    .bind(i64::try_from(record.stream.incarnation).unwrap_or(i64::MAX))
    .bind(i64::try_from(record.sequence).unwrap_or(i64::MAX))
    .bind(record.hash.to_string())
    .bind(record.body_text().to_owned())
    .execute(tx)
    .await?;
    match inserted {
        1 => Ok(()),
        _ => Err(ProjectionError::Repeated),
    }
}

/// Whether nobody has told of it before. That it was given up counts as nothing told.
async fn insert_result(
    tx: &mut Tx,
    item: &Item,
    (call, at_us): (RequestId, i64),
    result: &ResultFacts,
    (personal, secrets): (bool, bool),
) -> Result<bool, iron_store::Error> {
    let record = &item.record;
    let inserted = sql(
        "INSERT INTO tool_results (tenant_id, call_id, status, duration_us, output_bytes, \
         personal, secrets, told_at, instance_id, incarnation, sequence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (tenant_id, call_id) DO UPDATE SET status = excluded.status, \
         duration_us = excluded.duration_us, output_bytes = excluded.output_bytes, \
         personal = excluded.personal, secrets = excluded.secrets, told_at = excluded.told_at, \
         instance_id = excluded.instance_id, incarnation = excluded.incarnation, \
         sequence = excluded.sequence \
         WHERE tool_results.status = 'abandoned' AND excluded.status <> 'abandoned'",
    )
    .bind(record.stream.tenant)
    .bind(call)
    .bind(&result.status)
    .bind(
        result
            .duration_us
            .map(|took| i64::try_from(took).unwrap_or(i64::MAX)),
    )
    .bind(i64::try_from(result.output_bytes).unwrap_or(i64::MAX))
    .bind(personal)
    .bind(secrets)
    .bind(Timestamp::from_micros(at_us))
    .bind(record.stream.instance)
    .bind(i64::try_from(record.stream.incarnation).unwrap_or(i64::MAX))
    .bind(i64::try_from(record.sequence).unwrap_or(i64::MAX))
    .execute(tx)
    .await?;
    Ok(inserted == 1)
}

/// PostgreSQL takes no NUL in a text.
fn writable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Which calls of tools are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCallFilter {
    /// By this agent.
    pub agent: Option<AgentId>,
    /// Of the tool that has this name for the agent.
    pub tool: Option<String>,
    /// With this decision: `allow`, `deny`, `approval_required`, `unknown`.
    pub decision: Option<String>,
    /// In this conversation.
    pub conversation: Option<String>,
    /// That began at or after this instant.
    pub start: Option<Timestamp>,
    /// That began before this instant.
    pub end: Option<Timestamp>,
}

/// A call of a tool, as its records tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The call.
    pub id: RequestId,
    /// The agent.
    pub agent: AgentId,
    /// Its project then.
    pub project: Option<ProjectId>,
    /// What the agent called the tool.
    pub tool: String,
    /// The tool that was registered for the name.
    pub tool_id: Option<ToolId>,
    /// Who ran it: `client` or `server`.
    pub mode: String,
    /// What was decided.
    pub decision: String,
    /// Why it was denied.
    pub code: Option<String>,
    /// The rules that made the decision, as JSON.
    pub rules: String,
    /// The approval that it had, or has to wait for.
    pub approval: Option<ApprovalId>,
    /// The conversation it belonged to.
    pub conversation: Option<String>,
    /// What the client called the run it belonged to.
    pub execution: Option<String>,
    /// How bad the worst is that the tool can do.
    pub risk_level: Option<String>,
    /// Whether what led to it had read what strangers may have written.
    pub tainted: bool,
    /// What the nearest rate limit admits, and how much of that was left.
    pub rate: Option<(u32, u32)>,
    /// What the arguments were long, in bytes.
    pub arguments_bytes: i64,
    /// What it cost.
    pub cost: Money,
    /// When it was asked for.
    pub started_at: Timestamp,
    /// When its record was closed.
    pub ended_at: Timestamp,
    /// What came of it, once that was told.
    pub result: Option<ToolCallResult>,
    /// The body of the record: canonical JSON.
    pub body: String,
}

/// What came of a call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCallResult {
    /// `success`, `error`, `timeout`, `cancelled`, or `abandoned` if nobody has told in time.
    pub status: String,
    /// How long the tool took, in microseconds.
    pub duration_us: Option<i64>,
    /// What it gave back was long, in bytes.
    pub output_bytes: i64,
    /// Whether something personal was found in it.
    pub personal: bool,
    /// Whether secrets were found in it.
    pub secrets: bool,
    /// When it was told.
    pub told_at: Timestamp,
}

/// An allowed call of which nobody has told what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntoldCall {
    /// The tenant.
    pub tenant: TenantId,
    /// The call.
    pub id: RequestId,
    /// The agent.
    pub agent: AgentId,
    /// Its project then.
    pub project: ProjectId,
    /// Its team then, if it had one.
    pub team: Option<TeamId>,
    /// The user who owned it.
    pub user: UserId,
    /// The token that was presented.
    pub token: IcTokenId,
    /// What the agent called the tool.
    pub tool: String,
    /// When it was asked for.
    pub started_at: Timestamp,
}

const COLUMNS: &str = "tool_calls.call_id, agent_id, project_id, tool, tool_id, mode, decision, \
     code, rules, approval_id, conversation, execution, risk_level, tainted, rate_limit, \
     rate_remaining, arguments_bytes, cost_nanos, started_at, ended_at, body, status, duration_us, \
     output_bytes, personal, secrets, told_at";

const WITH_RESULTS: &str = "tool_calls LEFT JOIN tool_results \
     ON tool_results.tenant_id = tool_calls.tenant_id \
     AND tool_results.call_id = tool_calls.call_id";

impl ToolCall {
    fn read(row: &Row) -> Result<ToolCall, iron_store::Error> {
        let limit: Option<u32> = row.get("rate_limit")?;
        let remaining: Option<u32> = row.get("rate_remaining")?;
        Ok(ToolCall {
            id: row.get("call_id")?,
            agent: row.get("agent_id")?,
            project: row.get("project_id")?,
            tool: row.get("tool")?,
            tool_id: row.get("tool_id")?,
            mode: row.get("mode")?,
            decision: row.get("decision")?,
            code: row.get("code")?,
            rules: row.get("rules")?,
            approval: row.get("approval_id")?,
            conversation: row.get("conversation")?,
            execution: row.get("execution")?,
            risk_level: row.get("risk_level")?,
            tainted: row.get("tainted")?,
            rate: limit.zip(remaining),
            arguments_bytes: row.get("arguments_bytes")?,
            cost: row.get("cost_nanos")?,
            started_at: row.get("started_at")?,
            ended_at: row.get("ended_at")?,
            result: ToolCallResult::read(row)?,
            body: row.get("body")?,
        })
    }
}

impl ToolCallResult {
    fn read(row: &Row) -> Result<Option<ToolCallResult>, iron_store::Error> {
        let status: Option<String> = row.get("status")?;
        let Some(status) = status else {
            return Ok(None);
        };
        Ok(Some(ToolCallResult {
            status,
            duration_us: row.get("duration_us")?,
            output_bytes: row.get("output_bytes")?,
            personal: row.get("personal")?,
            secrets: row.get("secrets")?,
            told_at: row.get("told_at")?,
        }))
    }
}

impl Audit {
    /// Calls of tools within the caller's reach, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tool_calls(
        &self,
        authorised: &Authorised,
        filter: &ToolCallFilter,
        page: Page,
    ) -> Result<Paged<ToolCall>, Error> {
        let mut select = Select::new(COLUMNS, WITH_RESULTS)
            .filter("tool_calls.tenant_id = ?", authorised.tenant)
            .filter_some("agent_id = ?", filter.agent)
            .filter_some("tool = ?", filter.tool.as_deref())
            .filter_some("decision = ?", filter.decision.as_deref())
            .filter_some("conversation = ?", filter.conversation.as_deref())
            .filter_some("started_at >= ?", filter.start)
            .filter_some("started_at < ?", filter.end);
        select = match &authorised.reach {
            Reach::Tenant => select,
            Reach::Teams(teams) => select.filter_in("team_id", teams),
            Reach::Own(user) => select.filter("user_id = ?", *user),
        };
        let rows = select
            .sort(Sort::descending("started_at"), "tool_calls.call_id")
            .fetch_page(&self.db, page)
            .await?;
        Ok(rows.try_map(|row| ToolCall::read(&row))?)
    }

    /// Calls that this server has allowed within a span of time, its end left out, and of which nobody
    /// has told what came of them; the oldest first, at most so many. Those that come next are asked
    /// for from the begin of the last one on, and behind it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn untold_tool_calls(
        &self,
        (since, until): (Timestamp, Timestamp),
        behind: Option<RequestId>,
        most: u32,
    ) -> Result<Vec<UntoldCall>, Error> {
        let rows = sql(
            "SELECT tool_calls.tenant_id, tool_calls.call_id, agent_id, project_id, team_id, \
             user_id, token_id, tool, started_at FROM tool_calls LEFT JOIN tool_results \
             ON tool_results.tenant_id = tool_calls.tenant_id \
             AND tool_results.call_id = tool_calls.call_id \
             WHERE tool_calls.instance_id = $1 AND decision = 'allow' AND started_at >= $2 \
             AND started_at < $3 AND status IS NULL \
             AND (started_at > $2 OR $5 IS NULL OR tool_calls.call_id > $5) \
             AND project_id IS NOT NULL AND user_id IS NOT NULL \
             ORDER BY started_at, tool_calls.call_id LIMIT $4",
        )
        .bind(self.instance)
        .bind(since)
        .bind(until)
        .bind(most)
        .bind(behind)
        .fetch_all(&self.db)
        .await?;
        let untold = |row: &Row| {
            Ok(UntoldCall {
                tenant: row.get("tenant_id")?,
                id: row.get("call_id")?,
                agent: row.get("agent_id")?,
                project: row.get("project_id")?,
                team: row.get("team_id")?,
                user: row.get("user_id")?,
                token: row.get("token_id")?,
                tool: row.get("tool")?,
                started_at: row.get("started_at")?,
            })
        };
        let found: Result<_, iron_store::Error> = rows.iter().map(untold).collect();
        Ok(found?)
    }

    /// Whether a tool was allowed to the agent in the last seven days, in this conversation or outside of any, that gives
    /// back what strangers may have written. What was allowed in the last tenth of a second may not
    /// be known yet.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_read_untrusted(
        &self,
        tenant: TenantId,
        agent: AgentId,
        conversation: Option<&str>,
    ) -> Result<bool, Error> {
        let since = self.environment.now().minus(READ_COUNTS);
        let rows = sql(
            "SELECT call_id FROM tool_calls WHERE tenant_id = $1 AND agent_id = $2 \
             AND started_at >= $3 AND untrusted = 1 AND decision = 'allow' \
             AND COALESCE(conversation, '') = $4 LIMIT 1",
        )
        .bind(tenant)
        .bind(agent)
        .bind(since)
        .bind(conversation.map(writable).unwrap_or_default())
        .fetch_all(&self.db)
        .await?;
        Ok(!rows.is_empty())
    }
}
