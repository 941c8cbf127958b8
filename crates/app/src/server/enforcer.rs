//! What follows from budgets: whoever has spent his own is paused or killed, whoever spends too
//! fast is killed, and whoever has money again goes on.
//!
//! Every server looks; the events of the ledger say what there is to do, and each is taken by one
//! of them in the transaction of what is done about it. This server is woken by events of its
//! own bookings, and looks twice a second for those of others and for new periods.

use std::sync::Arc;
use std::time::Duration;

use iron_budget::{BudgetEvent, EventKind, HardAction};
use iron_fleet::{CallAgent, Verb};
use iron_primitives::{AgentId, Scope, TenantId, Timestamp, Unit};
use iron_runtime::Runtime;
use iron_runtime::authority::Change;
use iron_telemetry::{BudgetNotice, Metrics};

use super::features::Features;
use super::news::{agent_news, budget_event};

/// How often it is looked for what others have booked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many events are acted on in one go.
const AT_ONCE: u32 = 100;
/// How many agents are asked for in one question.
const ASKED_AT_ONCE: usize = 500;

/// Why a running agent was held up or let go.
const MONEY_AGAIN: &str = "there is money in its budget again";

/// What is to be done about an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Pause,
    Kill,
}

impl Measure {
    const fn verb(self) -> Verb {
        match self {
            Measure::Pause => Verb::Pause,
            Measure::Kill => Verb::Kill,
        }
    }
}

/// Acts on budget events for as long as the server lives.
pub(super) async fn enforce(features: Features, runtime: Arc<Runtime>, metrics: Metrics) {
    let enforcer = Enforcer {
        features,
        runtime,
        metrics,
    };
    let mut is_well = true;
    loop {
        let noticed = enforcer.features.ledger.noticed();
        let _ = tokio::time::timeout(LOOK_EVERY, noticed).await;
        let outcome = enforcer.round().await;
        if let Err(error) = &outcome
            && is_well
        {
            tracing::warn!(%error, "spent budgets are acted on when the database answers again");
        }
        is_well = outcome.is_ok();
    }
}

struct Enforcer {
    features: Features,
    runtime: Arc<Runtime>,
    metrics: Metrics,
}

impl Enforcer {
    async fn round(&self) -> anyhow::Result<()> {
        for event in self.features.ledger.unhandled_events(AT_ONCE).await? {
            self.handle(&event).await?;
        }
        let paused = self.features.agents.paused_by_budget().await?;
        for some in paused.chunks(ASKED_AT_ONCE) {
            let scopes: Vec<Scope> = some.iter().map(|(_, agent)| Scope::Agent(*agent)).collect();
            let reached = self.features.ledger.reached(&scopes).await?;
            for (tenant, agent) in some {
                if !reached.contains_key(&Scope::Agent(*agent)) {
                    self.resume(*tenant, *agent).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes an event and does what follows, or neither.
    async fn handle(&self, event: &BudgetEvent) -> anyhow::Result<()> {
        let agent = self.agent_of(event).await?;
        let mut tx = self.features.db.begin().await?;
        let measure = measure(event);
        let mut done = false;
        // The locks of agents come before those of budgets and their events.
        if let (Scope::Agent(id), Some(measure)) = (event.scope, measure) {
            let (agents, reason) = (&self.features.agents, reason(event));
            done = match measure {
                Measure::Pause => {
                    agents
                        .pause_for_budget(&mut tx, event.tenant, id, &reason)
                        .await?
                }
                Measure::Kill => {
                    agents
                        .kill_for_budget(&mut tx, event.tenant, id, &reason)
                        .await?
                }
            };
            if done && measure == Measure::Kill {
                let ledger = &self.features.ledger;
                ledger
                    .revoke_leases(&mut tx, event.tenant, event.scope)
                    .await?;
            }
        }
        let still_true = match self.features.ledger.take_event(&mut tx, event).await? {
            // Somebody else has done it.
            None => return Ok(()),
            Some(still_true) => still_true || event.kind == EventKind::Runaway,
        };
        if done && !still_true {
            // A higher limit came in between: it is noted, and nothing is done.
            drop(tx);
            tx = self.features.db.begin().await?;
            if self
                .features
                .ledger
                .take_event(&mut tx, event)
                .await?
                .is_none()
            {
                return Ok(());
            }
        }
        if still_true {
            let measure = measure.filter(|_| done);
            let channels = &self.features.channels;
            let notice = budget_event(event, agent.as_ref(), measure);
            channels.announce(&mut tx, event.tenant, &notice).await?;
            if let (Some(agent), Some(measure)) = (&agent, measure) {
                let notice = agent_news(agent, measure.verb(), &reason(event));
                channels.announce(&mut tx, event.tenant, &notice).await?;
            }
        }
        tx.commit().await?;
        self.features.channels.wake();
        self.tell(event, measure.filter(|_| done && still_true));
        Ok(())
    }

    /// The agent whose budget it is, if it is one's.
    async fn agent_of(&self, event: &BudgetEvent) -> anyhow::Result<Option<CallAgent>> {
        let Scope::Agent(agent) = event.scope else {
            return Ok(None);
        };
        Ok(self.features.agents.for_call(event.tenant, agent).await?)
    }

    /// Says what happened, and tells the runtime of this process.
    fn tell(&self, event: &BudgetEvent, measure: Option<Measure>) {
        let budgets = &self.metrics.budgets;
        budgets.event(notice(event.kind)).inc();
        tracing::warn!(
            tenant = %event.tenant, scope = %event.scope, kind = event.kind.as_str(),
            unit = event.unit.as_str(), percent = event.percent, limit = event.limit.nanos(),
            used = event.used.nanos(),
            "a budget event"
        );
        let (Scope::Agent(agent), Some(measure)) = (event.scope, measure) else {
            return;
        };
        self.runtime.apply(Change::Agent(agent));
        if measure == Measure::Kill {
            tracing::error!(%agent, kind = event.kind.as_str(), "alarm: an agent was killed for what it spent");
            budgets.agents_killed.inc();
            self.runtime.apply(Change::Budget(event.scope));
            self.runtime.apply(Change::Ended(agent));
        } else {
            tracing::warn!(%agent, "an agent was paused, its budget is spent");
            budgets.agents_paused.inc();
        }
    }

    async fn resume(&self, tenant: TenantId, agent: AgentId) -> anyhow::Result<()> {
        let known = self.features.agents.for_call(tenant, agent).await?;
        let mut tx = self.features.db.begin().await?;
        let resumed = self
            .features
            .agents
            .resume_from_budget(&mut tx, tenant, agent, MONEY_AGAIN)
            .await?;
        if let (true, Some(known)) = (resumed, &known) {
            let notice = agent_news(known, Verb::Resume, MONEY_AGAIN);
            let channels = &self.features.channels;
            channels.announce(&mut tx, tenant, &notice).await?;
        }
        tx.commit().await?;
        if resumed {
            self.features.channels.wake();
            tracing::info!(%agent, "an agent goes on, {MONEY_AGAIN}");
            self.metrics.budgets.agents_resumed.inc();
            self.runtime.apply(Change::Agent(agent));
        }
        Ok(())
    }
}

/// What an event demands.
const fn measure(event: &BudgetEvent) -> Option<Measure> {
    match (event.kind, event.hard_action) {
        (EventKind::Warning, _) => None,
        (EventKind::Limit, HardAction::Pause) => Some(Measure::Pause),
        (EventKind::Limit, HardAction::Kill) | (EventKind::Runaway, _) => Some(Measure::Kill),
    }
}

const fn notice(kind: EventKind) -> BudgetNotice {
    match kind {
        EventKind::Warning => BudgetNotice::Warning,
        EventKind::Limit => BudgetNotice::Limit,
        EventKind::Runaway => BudgetNotice::Runaway,
    }
}

/// Why, for whoever looks at the agent.
fn reason(event: &BudgetEvent) -> String {
    let amount = |amount: iron_primitives::Money| match event.unit {
        Unit::Usd => format!("${amount}"),
        Unit::Tokens => format!("{} tokens", amount.nanos()),
        Unit::ExecutionTime => format!("{} ms", amount.nanos()),
    };
    let (limit, used) = (amount(event.limit), amount(event.used));
    if event.kind == EventKind::Runaway {
        return format!("it spent {used} within a minute, and may spend {limit}");
    }
    if event.hard_action == HardAction::Kill {
        return format!("its budget of {limit} is spent");
    }
    let until = event.span.end.map_or(String::new(), |end: Timestamp| {
        format!(" and at {end}, when it begins anew")
    });
    format!("its budget of {limit} is spent; it goes on with a higher one{until}")
}
