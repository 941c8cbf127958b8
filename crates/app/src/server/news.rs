//! What people are told of budgets and of findings of guardrails.

use iron_approvals::{Notice, Topic};
use iron_audit::ViolationAlarm;
use iron_budget::{BudgetEvent, EventKind};
use iron_primitives::{Money, Unit};

use super::enforcer::Measure;

/// A budget event, and what was done about it.
pub(super) fn budget_event(event: &BudgetEvent, name: &str, done: Option<Measure>) -> Notice {
    let scope = event.scope.kind().as_str();
    let (topic, what) = match event.kind {
        EventKind::Warning => {
            let used = format!("{} % of the budget is used", event.percent);
            (Topic::BudgetWarning, used)
        }
        EventKind::Limit => (Topic::BudgetExceeded, "the budget is spent".to_owned()),
        EventKind::Runaway => {
            let fast = "more was spent within a minute than may be".to_owned();
            (Topic::BudgetRunaway, fast)
        }
    };
    let amount = |amount: Money| match event.unit {
        Unit::Usd => format!("${amount}"),
        Unit::Tokens => format!("{} tokens", amount.nanos()),
        Unit::ExecutionTime => format!("{} ms", amount.nanos()),
    };
    let mut notice = Notice::new(topic, format!("{scope} {name}: {what}"))
        .fact("used", amount(event.used))
        .fact("limit", amount(event.limit))
        .data("scope", event.scope.to_string())
        .data("scope_kind", scope)
        .data("name", name)
        .data("unit", event.unit.as_str())
        .data("percentage", event.percent)
        .data("used_amount", event.used.nanos())
        .data("limit_amount", event.limit.nanos());
    match done {
        Some(Measure::Pause) => notice = notice.fact("done", "the agent is paused"),
        Some(Measure::Kill) => notice = notice.fact("done", "the agent was killed"),
        None => {}
    }
    if let Some(end) = event.span.end {
        notice = notice.fact("begins anew", end);
    }
    notice
}

/// Findings of guardrails: what and where, never the texts.
pub(super) fn violation(alarm: &ViolationAlarm, name: &str) -> Notice {
    let ViolationAlarm {
        rule,
        entity,
        channel,
        verdict,
        count,
        ..
    } = alarm;
    let done = match verdict.as_str() {
        "block" => "was blocked",
        _ => "is to be looked at",
    };
    Notice::new(
        Topic::SafetyViolation,
        format!("agent {name}: {entity} {done}"),
    )
    .fact("rule", rule)
    .fact("found", count)
    .fact("where", channel)
    .fact("call", alarm.call)
    .data("agent_id", alarm.agent.to_string())
    .data("name", name)
    .data("entity", entity.as_str())
    .data("rule", rule.as_str())
    .data("channel", channel.as_str())
    .data("verdict", verdict.as_str())
    .data("count", *count)
    .data("call_id", alarm.call.to_string())
}
