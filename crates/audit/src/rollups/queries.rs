//! Questions to the rollups: sums and spreads for spans of time, by up to three dimensions.
//!
//! The spans are cut into whole days (UTC), which are read as such, and what is left over of them,
//! which is read by the hour. An hour counts for the span in which it begins.

use std::collections::HashMap;

use iron_primitives::{AgentId, Money, ProjectId, ProviderId, TeamId, Timestamp, UserId};
use iron_store::{Row, Statement};

use super::Sketch;
use super::statements::{pieces, spreads, sums};
use crate::{Audit, Authorised, Error, Reach};

/// By what calls are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// The agent that called.
    Agent,
    /// The user who owned it then.
    User,
    /// Its team then.
    Team,
    /// Its project then.
    Project,
    /// The environment that it told: `prod`, `staging`, `dev`.
    Environment,
    /// Whose bill it is.
    Provider,
    /// The model that was asked for, if a provider was asked.
    Model,
    /// What kind of work it was: `chat`, `embedding`, `tool`.
    Operation,
    /// How it ended: `completed`, `refused`.
    Outcome,
    /// Why it did not end well.
    ErrorType,
    /// The tenant, of which there is one.
    Tenant,
}

impl Dimension {
    const fn as_str(self) -> &'static str {
        match self {
            Dimension::Agent => "agent",
            Dimension::User => "user",
            Dimension::Team => "team",
            Dimension::Project => "project",
            Dimension::Environment => "environment",
            Dimension::Provider => "provider",
            Dimension::Model => "model",
            Dimension::Operation => "operation",
            Dimension::Outcome => "outcome",
            Dimension::ErrorType => "error_type",
            Dimension::Tenant => "tenant",
        }
    }
}

/// Which calls count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollupFilter {
    /// Those of this agent.
    pub agent: Option<AgentId>,
    /// What this provider has billed.
    pub provider: Option<ProviderId>,
    /// Those of this project.
    pub project: Option<ProjectId>,
    /// Those of agents that this user owned.
    pub user: Option<UserId>,
    /// Those of this team.
    pub team: Option<TeamId>,
    /// Those of this model.
    pub model: Option<String>,
    /// Those that ended so; `failed` are all but `completed`.
    pub outcome: Option<String>,
    /// Those of this kind of work.
    pub operation: Option<String>,
    /// Those of this environment.
    pub environment: Option<String>,
}

/// What is asked of the rollups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RollupQuery {
    /// The spans of time, the ends left out.
    pub slots: Vec<(Timestamp, Timestamp)>,
    /// By what calls are told apart; at most three.
    pub by: Vec<Dimension>,
    /// Which calls count.
    pub filter: RollupFilter,
}

/// Which values a spread is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// What requests have cost, in nano-dollars.
    Costs,
    /// How long calls of models took, in microseconds.
    Durations,
}

/// What calls come to together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls of models and of tools.
    pub requests: i64,
    /// How many of them did not end well.
    pub failures: i64,
    /// What they cost.
    pub cost: Money,
    /// What the cheapest has cost; none if there was no request.
    pub least: Option<Money>,
    /// What the dearest has cost.
    pub most: Option<Money>,
    /// Tokens in, cached or not.
    pub input_tokens: i64,
    /// How many of them the provider read from a cache.
    pub cached_tokens: i64,
    /// Tokens out, those of reasoning included.
    pub output_tokens: i64,
    /// How many of them were reasoning.
    pub reasoning_tokens: i64,
    /// When the first call began.
    pub first_at: Option<Timestamp>,
    /// When the last call began.
    pub last_at: Option<Timestamp>,
}

impl Sums {
    /// Adds other calls.
    pub fn add(&mut self, other: &Sums) {
        for (sum, more) in [
            (&mut self.requests, other.requests),
            (&mut self.failures, other.failures),
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.cached_tokens, other.cached_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.reasoning_tokens, other.reasoning_tokens),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.cost = self.cost.saturating_add(other.cost);
        self.least = [self.least, other.least].into_iter().flatten().min();
        self.most = self.most.max(other.most);
        self.first_at = [self.first_at, other.first_at].into_iter().flatten().min();
        self.last_at = self.last_at.max(other.last_at);
    }

    fn read(row: &Row) -> Result<Sums, iron_store::Error> {
        let requests = row.get("requests")?;
        let some = |cost: Money| (requests > 0).then_some(cost);
        Ok(Sums {
            requests,
            failures: row.get("failures")?,
            cost: row.get("cost_nanos")?,
            least: some(row.get("least_nanos")?),
            most: some(row.get("most_nanos")?),
            input_tokens: row.get("input_tokens")?,
            cached_tokens: row.get("cached_tokens")?,
            output_tokens: row.get("output_tokens")?,
            reasoning_tokens: row.get("reasoning_tokens")?,
            first_at: Some(row.get("first_at")?),
            last_at: Some(row.get("last_at")?),
        })
    }
}

/// The spreads of so many spans are read at once. They are many rows where days of a zone are made of
/// hours.
const SPANS_AT_ONCE: usize = 16;

/// In which span, and what each dimension is; empty where it is not told.
type Place = (usize, Vec<String>);

/// What calls in one span and with the same dimensions come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupRow {
    /// The place of the span among those that were asked for.
    pub slot: usize,
    /// What each dimension is, in the order asked for; empty where the call has none.
    pub group: Vec<String>,
    /// What they come to.
    pub sums: Sums,
}

impl RollupQuery {
    /// The statement with what all questions have in common.
    fn bind(&self, statement: Statement, authorised: &Authorised) -> Statement {
        let dimension = |index: usize| self.by.get(index).map_or("", |one| one.as_str());
        let (own, teams) = match &authorised.reach {
            Reach::Tenant => (None, None),
            Reach::Own(user) => (Some(*user), None),
            Reach::Teams(teams) => {
                let teams: Vec<String> = teams.iter().map(ToString::to_string).collect();
                (None, Some(teams.join(",")))
            }
        };
        let filter = &self.filter;
        statement
            .bind(pieces(&self.slots))
            .bind(authorised.tenant)
            .bind(dimension(0))
            .bind(dimension(1))
            .bind(dimension(2))
            .bind(filter.agent)
            .bind(filter.provider)
            .bind(filter.project)
            .bind(filter.user)
            .bind(filter.team)
            .bind(filter.model.as_deref())
            .bind(filter.outcome.as_deref())
            .bind(filter.operation.as_deref())
            .bind(filter.environment.as_deref())
            .bind(own)
            .bind(teams)
    }

    fn place(&self, row: &Row) -> Result<Place, iron_store::Error> {
        let slot: i64 = row.get("slot")?;
        let columns = ["one", "two", "three"].into_iter().take(self.by.len());
        let group: Result<Vec<String>, _> = columns.map(|column| row.get(column)).collect();
        Ok((usize::try_from(slot).unwrap_or(0), group?))
    }
}

impl Audit {
    /// What calls within the caller's reach come to, for each span and each combination of
    /// dimensions in which there were any. Without dimensions and spans there is one row at most.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn rollup_sums(
        &self,
        authorised: &Authorised,
        query: &RollupQuery,
    ) -> Result<Vec<RollupRow>, Error> {
        let statement = query.bind(sums(), authorised);
        let rows = statement.fetch_all(&self.db).await?;
        let read = rows.iter().map(|row| {
            let (slot, group) = query.place(row)?;
            let sums = Sums::read(row)?;
            Ok(RollupRow { slot, group, sums })
        });
        Ok(read.collect::<Result<_, iron_store::Error>>()?)
    }

    /// How costs or durations are spread, for each span and each combination of dimensions.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn rollup_spreads(
        &self,
        authorised: &Authorised,
        query: &RollupQuery,
        of: Spread,
    ) -> Result<HashMap<(usize, Vec<String>), Sketch>, Error> {
        let mut found: HashMap<Place, Sketch> = HashMap::new();
        for (part, slots) in query.slots.chunks(SPANS_AT_ONCE).enumerate() {
            let some = RollupQuery {
                slots: slots.to_vec(),
                ..query.clone()
            };
            let statement = some.bind(spreads(of), authorised);
            for row in statement.fetch_all(&self.db).await? {
                let (slot, group) = some.place(&row)?;
                let place = (part * SPANS_AT_ONCE + slot, group);
                let sketch = found.entry(place).or_default();
                sketch.merge_text(&row.get::<String>("spread")?);
            }
        }
        Ok(found)
    }
}
