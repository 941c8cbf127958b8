//! Quotas, each in its unit.

use super::budget_events::unit;
use iron_budget::{BudgetStatus, HardAction, SoftLimits};
use iron_primitives::{AgentId, Money, PeriodKind, Unit};
use iron_sdk::limits;
use iron_sdk::quotas::{QuotaUse, QuotasView};

/// Execution time is counted in milliseconds.
pub(crate) const MILLIS_PER_SECOND: i64 = 1_000;

/// The quotas of an agent.
pub(crate) fn quotas(agent: AgentId, quotas: &[BudgetStatus]) -> QuotasView {
    let limit = |unit, each: i64| {
        let quota = quotas.iter().find(|quota| quota.unit == unit)?;
        u64::try_from(quota.limit?.nanos().checked_div(each)?).ok()
    };
    let first = quotas.first();
    let soft_limits = first.map_or(SoftLimits::default(), |quota| quota.soft_limits);
    QuotasView {
        agent_id: agent,
        tokens_per_day: limit(Unit::Tokens, 1),
        execution_seconds_per_day: limit(Unit::ExecutionTime, MILLIS_PER_SECOND),
        period: first.map_or(PeriodKind::Daily, |quota| quota.period.kind()),
        schedule: first.and_then(|quota| super::schedule(&quota.period)),
        soft_limits: soft_limits.percents().collect(),
        hard_action: match first.map(|quota| quota.hard_action).unwrap_or_default() {
            HardAction::Pause => limits::HardAction::Pause,
            HardAction::Kill => limits::HardAction::Kill,
        },
        usage: quotas.iter().map(quota_use).collect(),
        modified_by: None,
        modified_at: None,
    }
}

fn quota_use(quota: &BudgetStatus) -> QuotaUse {
    QuotaUse {
        unit: unit(quota.unit),
        limit: quota.limit.map(Money::nanos),
        used: quota.spent().nanos(),
        reserved: quota.reserved().nanos(),
        suspense: quota.suspense.nanos(),
        remaining: quota.remaining().map(Money::nanos),
        percentage_used: super::percentage(quota),
        period_start: quota.span.start,
        next_reset_at: quota.span.end,
    }
}

/// The tag of quotas: their limits and period, not what is used of them.
pub(crate) fn quota_tag(quotas: &[BudgetStatus]) -> String {
    let mut tag = String::from("\"q");
    for quota in quotas {
        let limit = quota.limit.map_or(-1, Money::nanos);
        let (unit, period) = (quota.unit.as_str(), super::period_tag(&quota.period));
        tag.push_str(&format!("-{unit}-{limit:x}-{period}"));
    }
    tag.push('"');
    tag
}
