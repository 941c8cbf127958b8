//! What people are to be told of findings of guardrails: what was blocked, and what passed and is
//! to be looked at. At most once a minute for each agent and rule, with how many there were.

use std::collections::BTreeMap;
use std::time::Duration;

use iron_primitives::{AgentId, RequestId, TenantId, Timestamp};
use iron_store::{Row, Tx, sql};

use crate::violations::{FindingFacts, GuardFacts, Place};
use crate::{Audit, Error};

/// How long nothing more is told of an agent and a rule.
const QUIET: Duration = Duration::from_secs(60);
/// What began longer ago is no news.
const NEWS: Duration = Duration::from_secs(60 * 60);

/// Findings of one rule in calls of one agent that nobody was told of yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViolationAlarm {
    /// The tenant.
    pub tenant: TenantId,
    /// The agent.
    pub agent: AgentId,
    /// The rule.
    pub rule: String,
    /// What the last of them is taken for.
    pub entity: String,
    /// Where its text came from.
    pub channel: String,
    /// What was done: `block` if it was for one of them, else `flag`.
    pub verdict: String,
    /// Its call.
    pub call: RequestId,
    /// How many.
    pub count: i64,
    told_at: Timestamp,
}

impl ViolationAlarm {
    fn read(row: &Row) -> Result<ViolationAlarm, iron_store::Error> {
        Ok(ViolationAlarm {
            tenant: row.get("tenant_id")?,
            agent: row.get("agent_id")?,
            rule: row.get("rule")?,
            entity: row.get("entity")?,
            channel: row.get("channel")?,
            verdict: row.get("verdict")?,
            call: row.get("call_id")?,
            count: row.get("pending")?,
            told_at: row.get("told_at")?,
        })
    }
}

impl Audit {
    /// Findings that are to be told now, of all tenants.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn violation_alarms(&self, most: u32) -> Result<Vec<ViolationAlarm>, Error> {
        let before = before(self.environment.now(), QUIET);
        let rows = sql(
            "SELECT tenant_id, agent_id, rule, entity, channel, verdict, call_id, pending, told_at \
             FROM violation_alarms WHERE pending > 0 AND told_at <= $1 ORDER BY told_at LIMIT $2",
        )
        .bind(before)
        .bind(i64::from(most))
        .fetch_all(&self.db)
        .await?;
        let alarms = rows.iter().map(ViolationAlarm::read);
        Ok(alarms.collect::<Result<_, _>>()?)
    }

    /// Takes an alarm, to tell it as it is now, with what was found since it was read; nothing if
    /// another server has taken it. Each of them is taken by when it was told last, so that findings
    /// without a pause hold up nothing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn take_violation_alarm(
        &self,
        tx: &mut Tx,
        alarm: &ViolationAlarm,
    ) -> Result<Option<ViolationAlarm>, Error> {
        // Others who write this row wait from here on until the end of the transaction.
        let taken = sql(
            "UPDATE violation_alarms SET told_at = $1 WHERE tenant_id = $2 AND agent_id = $3 \
             AND rule = $4 AND told_at = $5 AND pending > 0 RETURNING tenant_id, agent_id, rule, \
             entity, channel, verdict, call_id, pending, told_at",
        )
        .bind(self.environment.now())
        .bind(alarm.tenant)
        .bind(alarm.agent)
        .bind(&alarm.rule)
        .bind(alarm.told_at)
        .fetch_optional(&mut *tx)
        .await?;
        let taken = taken.as_ref().map(ViolationAlarm::read).transpose()?;
        if taken.is_some() {
            sql("UPDATE violation_alarms SET pending = 0 \
                 WHERE tenant_id = $1 AND agent_id = $2 AND rule = $3")
            .bind(alarm.tenant)
            .bind(alarm.agent)
            .bind(&alarm.rule)
            .execute(tx)
            .await?;
        }
        Ok(taken)
    }

    /// Forgets what was told so long ago that it holds back nothing any more.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tidy_violation_alarms(&self) -> Result<u64, Error> {
        let before = before(self.environment.now(), NEWS);
        let gone = sql("DELETE FROM violation_alarms WHERE pending = 0 AND told_at < $1");
        let mut tx = self.db.begin().await?;
        let gone = gone.bind(before).execute(&mut tx).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

const fn before(now: Timestamp, by: Duration) -> Timestamp {
    Timestamp::from_micros(now.micros().saturating_sub(by.as_micros() as i64))
}

/// What is to be told of the findings of a batch of calls. It is written in the order of its keys,
/// so that servers that write at once wait for each other rather than in a ring.
#[derive(Debug)]
pub(crate) struct AlarmTally<'a> {
    news_since: Timestamp,
    alarms: BTreeMap<(TenantId, AgentId, &'a str), Counted<'a>>,
}

#[derive(Debug)]
struct Counted<'a> {
    last: &'a FindingFacts,
    call: RequestId,
    blocks: bool,
    count: i64,
}

impl<'a> AlarmTally<'a> {
    pub(crate) const fn new(now: Timestamp) -> Self {
        AlarmTally {
            news_since: before(now, NEWS),
            alarms: BTreeMap::new(),
        }
    }

    /// Counts what is to be told of a call of a model or a tool, or of a result.
    pub(crate) fn count(&mut self, tenant: TenantId, place: Place, guard: Option<&'a GuardFacts>) {
        let is_old = place.at_us < self.news_since.micros();
        let Some(guard) = guard.filter(|_| !is_old) else {
            return;
        };
        for finding in guard.findings.iter().filter(|finding| is_news(finding)) {
            let key = (tenant, place.agent, finding.rule.as_str());
            let counted = self.alarms.entry(key).or_insert(Counted {
                last: finding,
                call: place.call,
                blocks: false,
                count: 0,
            });
            counted.last = finding;
            counted.call = place.call;
            counted.blocks |= finding.verdict == BLOCK;
            counted.count += 1;
        }
    }

    pub(crate) async fn write(self, tx: &mut Tx) -> Result<(), iron_store::Error> {
        for ((tenant, agent, rule), counted) in self.alarms {
            let verdict = if counted.blocks { BLOCK } else { FLAG };
            sql(
                "INSERT INTO violation_alarms (tenant_id, agent_id, rule, entity, channel, \
                 verdict, call_id, pending, told_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) \
                 ON CONFLICT (tenant_id, agent_id, rule) DO UPDATE SET \
                 entity = excluded.entity, channel = excluded.channel, \
                 verdict = CASE WHEN violation_alarms.pending > 0 \
                 AND violation_alarms.verdict = 'block' THEN 'block' ELSE excluded.verdict END, \
                 call_id = excluded.call_id, \
                 pending = violation_alarms.pending + excluded.pending",
            )
            .bind(tenant)
            .bind(agent)
            .bind(rule)
            .bind(&counted.last.entity)
            .bind(&counted.last.channel)
            .bind(verdict)
            .bind(counted.call)
            .bind(counted.count)
            .execute(&mut *tx)
            .await?;
        }
        Ok(())
    }
}

const BLOCK: &str = "block";
const FLAG: &str = "flag";

fn is_news(finding: &FindingFacts) -> bool {
    matches!(finding.verdict.as_str(), BLOCK | FLAG) && !finding.is_unwritable()
}
