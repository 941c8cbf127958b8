//! Projections of what the records tell.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use iron_audit::{Audit, Authorised, ModelUse, UsageOf};
use iron_primitives::{AgentId, Environment, Period, TenantId, Timestamp};
use moka::sync::Cache;

use crate::{Anomaly, Error, History, Projection, anomalies, project};

/// How old a projection may be.
const REFRESHED_EVERY: Duration = Duration::from_secs(15 * 60);
/// How far back forecasts look; further only to the begin of a month.
const LOOKS_BACK: Duration = Duration::from_secs(30 * 86_400);
/// How far back the mix of models is looked at.
const MIX_OF: Duration = Duration::from_secs(7 * 86_400);
/// How many projections are kept for the next question.
const KEPT: u64 = 10_000;

/// What one agent, or a whole tenant, will come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// The projection, with the time it was made.
    pub projection: Projection,
    /// The anomalies of the time that it looked at.
    pub anomalies: Vec<Anomaly>,
}

/// Projections for people who ask; made when asked for, and anew after a quarter of an hour.
#[derive(Clone)]
pub struct Projections {
    audit: Audit,
    environment: Environment,
    kept: Cache<(TenantId, Option<AgentId>), Arc<Outlook>>,
}

impl Projections {
    /// Projections from these records.
    pub fn new(audit: Audit, environment: Environment) -> Self {
        Projections {
            audit,
            environment,
            kept: Cache::new(KEPT),
        }
    }

    /// What an agent, or the tenant with all its agents, will come to.
    ///
    /// # Errors
    /// [`Error::Audit`] if the records cannot be read.
    pub async fn of(
        &self,
        authorised: &Authorised,
        agent: Option<AgentId>,
    ) -> Result<Arc<Outlook>, Error> {
        let key = (authorised.tenant, agent);
        let now = self.environment.now();
        let kept = self.kept.get(&key);
        if let Some(kept) = kept.filter(|kept| fresh(kept.projection.at, now)) {
            return Ok(kept);
        }
        let month = Period::Monthly.span(now).start;
        let start = month.min(now.minus(LOOKS_BACK));
        let of = agent.map_or(UsageOf::Tenant(authorised.tenant), UsageOf::Agent);
        let mut history = History::empty(start, now);
        for (hour, cost) in self.audit.hourly_costs(authorised, of, start).await? {
            history.add(hour, cost);
        }
        let outlook = Arc::new(Outlook {
            projection: project(&history),
            anomalies: anomalies(&history),
        });
        self.kept.insert(key, outlook.clone());
        Ok(outlook)
    }

    /// What each model was used for in the last seven days, by name.
    ///
    /// # Errors
    /// [`Error::Audit`] if the records cannot be read.
    pub async fn mix(
        &self,
        authorised: &Authorised,
        agent: Option<AgentId>,
    ) -> Result<BTreeMap<String, ModelUse>, Error> {
        let since = self.environment.now().minus(MIX_OF);
        let used = self.audit.model_use(authorised, agent, since).await?;
        let named = used.into_iter().map(|used| (used.model.clone(), used));
        Ok(named.collect())
    }
}

/// A clock that was set back makes nothing fresh.
fn fresh(made: Timestamp, now: Timestamp) -> bool {
    made <= now && now.since(made) < REFRESHED_EVERY
}
