//! What guardrails found in the texts of calls, one row for each finding that a record lists.

use iron_primitives::{
    AgentId, ProfileId, ProjectId, RequestId, TeamId, TenantId, Timestamp, UserId,
};
use iron_store::{Page, Paged, Row, Select, Sort, Tx, sql};
use serde::Deserialize;

use crate::body::{CallFacts, Item, ToolFacts, ToolResultFacts};
use crate::{Audit, Authorised, Error, Reach};

/// Which violations are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViolationFilter {
    /// By this agent.
    pub agent: Option<AgentId>,
    /// In this project.
    pub project: Option<ProjectId>,
    /// In this call.
    pub call: Option<RequestId>,
    /// Taken for one of these entities; all if empty.
    pub entities: Vec<String>,
    /// With one of these verdicts; all if empty.
    pub verdicts: Vec<String>,
    /// In texts of one of these channels; all if empty.
    pub channels: Vec<String>,
    /// In calls that began at or after this instant.
    pub start: Option<Timestamp>,
    /// In calls that began before this instant.
    pub end: Option<Timestamp>,
}

/// One finding in a text of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The call and a number within it.
    pub id: String,
    /// The call.
    pub call: RequestId,
    /// The agent.
    pub agent: AgentId,
    /// Its project then.
    pub project: Option<ProjectId>,
    /// The profile; none for that of a new tenant.
    pub profile: Option<ProfileId>,
    /// Which version of it.
    pub profile_version: i64,
    /// What it is taken for.
    pub entity: String,
    /// The rule that found it.
    pub rule: String,
    /// Where the text came from.
    pub channel: String,
    /// What was done.
    pub verdict: String,
    /// How grave it is, for injections.
    pub severity: Option<String>,
    /// How sure it is, in thousandths.
    pub score_permille: u16,
    /// Which text of its direction it stands in, from 0.
    pub part: u32,
    /// Where it begins, in bytes of its text.
    pub start: i64,
    /// Where it ends, in bytes of its text.
    pub end: i64,
    /// When the call began.
    pub at: Timestamp,
}

const COLUMNS: &str = "id, call_id, agent_id, project_id, profile_id, profile_version, entity, \
     rule, channel, verdict, severity, score_permille, part, span_start, span_end, occurred_at";

impl Violation {
    fn read(row: &Row) -> Result<Violation, iron_store::Error> {
        Ok(Violation {
            id: row.get("id")?,
            call: row.get("call_id")?,
            agent: row.get("agent_id")?,
            project: row.get("project_id")?,
            profile: row.get("profile_id")?,
            profile_version: row.get("profile_version")?,
            entity: row.get("entity")?,
            rule: row.get("rule")?,
            channel: row.get("channel")?,
            verdict: row.get("verdict")?,
            severity: row.get("severity")?,
            score_permille: row.get("score_permille")?,
            part: row.get("part")?,
            start: row.get("span_start")?,
            end: row.get("span_end")?,
            at: row.get("occurred_at")?,
        })
    }
}

impl Audit {
    /// What guardrails found in calls within the caller's reach, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn violations(
        &self,
        authorised: &Authorised,
        filter: &ViolationFilter,
        page: Page,
    ) -> Result<Paged<Violation>, Error> {
        let mut select = Select::new(COLUMNS, "violations")
            .filter("tenant_id = ?", authorised.tenant)
            .filter_some("agent_id = ?", filter.agent)
            .filter_some("project_id = ?", filter.project)
            .filter_some("call_id = ?", filter.call)
            .filter_some("occurred_at >= ?", filter.start)
            .filter_some("occurred_at < ?", filter.end);
        select = match &authorised.reach {
            Reach::Tenant => select,
            Reach::Teams(teams) => select.filter_in("team_id", teams),
            Reach::Own(user) => select.filter("user_id = ?", *user),
        };
        for (column, words) in [
            ("entity", &filter.entities),
            ("verdict", &filter.verdicts),
            ("channel", &filter.channels),
        ] {
            if !words.is_empty() {
                select = select.filter_in(column, words);
            }
        }
        let rows = select
            .sort(Sort::descending("occurred_at"), "id")
            .fetch_page(&self.db, page)
            .await?;
        Ok(rows.try_map(|row| Violation::read(&row))?)
    }
}

/// What is read of what guardrails found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct GuardFacts {
    #[serde(default)]
    pub(crate) findings: Vec<FindingFacts>,
    #[serde(default)]
    profile: Option<ProfileId>,
    #[serde(default)]
    version: i64,
}

/// What is read of one finding.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FindingFacts {
    pub(crate) channel: String,
    end: i64,
    pub(crate) entity: String,
    #[serde(default)]
    part: u32,
    pub(crate) rule: String,
    #[serde(default)]
    score_permille: u16,
    #[serde(default)]
    severity: Option<String>,
    start: i64,
    pub(crate) verdict: String,
}

impl FindingFacts {
    /// PostgreSQL takes no NUL in a text; no rule of ours has one in its name.
    pub(crate) fn is_unwritable(&self) -> bool {
        let severity = self.severity.as_deref().unwrap_or_default();
        let words = [
            self.channel.as_str(),
            &self.entity,
            &self.rule,
            &self.verdict,
            severity,
        ];
        words.iter().any(|word| word.contains('\0'))
    }
}

/// Where findings were made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) call: RequestId,
    pub(crate) agent: AgentId,
    project: Option<ProjectId>,
    team: Option<TeamId>,
    user: Option<UserId>,
    pub(crate) at_us: i64,
    /// What tells findings of a result from those of its call.
    suffix: &'static str,
}

impl From<&CallFacts> for Place {
    fn from(call: &CallFacts) -> Self {
        Place {
            call: call.call,
            agent: call.agent,
            project: call.project,
            team: call.team,
            user: call.user,
            at_us: call.started_at_us,
            suffix: "",
        }
    }
}

impl From<&ToolFacts> for Place {
    fn from(call: &ToolFacts) -> Self {
        Place {
            call: call.call,
            agent: call.agent,
            project: call.project,
            team: call.team,
            user: call.user,
            at_us: call.started_at_us,
            suffix: "",
        }
    }
}

impl From<&ToolResultFacts> for Place {
    fn from(result: &ToolResultFacts) -> Self {
        Place {
            call: result.call,
            agent: result.agent,
            project: result.project,
            team: result.team,
            user: result.user,
            at_us: result.started_at_us,
            suffix: "r",
        }
    }
}

/// Writes the findings of a call that is not in the tables yet.
pub(crate) async fn write(
    tx: &mut Tx,
    item: &Item,
    place: Place,
    guard: Option<&GuardFacts>,
) -> Result<(), iron_store::Error> {
    let Some(guard) = guard else {
        return Ok(());
    };
    for (number, finding) in guard.findings.iter().enumerate() {
        if finding.is_unwritable() {
            continue;
        }
        insert(tx, item, place, (guard, number), finding).await?;
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    item: &Item,
    place: Place,
    (guard, number): (&GuardFacts, usize),
    finding: &FindingFacts,
) -> Result<(), iron_store::Error> {
    let record = &item.record;
    let tenant: TenantId = record.stream.tenant;
    sql(
        "INSERT INTO violations (tenant_id, id, call_id, agent_id, project_id, team_id, user_id, \
         profile_id, profile_version, entity, rule, channel, verdict, severity, score_permille, \
         part, span_start, span_end, occurred_at, instance_id, incarnation, sequence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
         $19, $20, $21, $22)",
    )
    .bind(tenant)
    .bind(format!("{}.{}{number:03}", place.call, place.suffix))
    .bind(place.call)
    .bind(place.agent)
    .bind(place.project)
    .bind(place.team)
    .bind(place.user)
    .bind(guard.profile)
    .bind(guard.version)
    .bind(&finding.entity)
    .bind(&finding.rule)
    .bind(&finding.channel)
    .bind(&finding.verdict)
    .bind(&finding.severity)
    .bind(finding.score_permille)
    .bind(finding.part)
    .bind(finding.start)
    .bind(finding.end)
    .bind(Timestamp::from_micros(place.at_us))
    .bind(record.stream.instance)
    .bind(i64::try_from(record.stream.incarnation).unwrap_or(i64::MAX))
    .bind(i64::try_from(record.sequence).unwrap_or(i64::MAX))
    .execute(tx)
    .await
    .map(drop)
}
