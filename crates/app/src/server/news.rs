//! What people are told of budgets, of findings of guardrails and of failing calls.

use iron_api::agent_state;
use iron_approvals::{Notice, Topic};
use std::time::Duration;

use iron_audit::{FailingAgent, ViolationAlarm};
use iron_budget::{BudgetEvent, EventKind};
use iron_fleet::{CallAgent, Verb};
use iron_primitives::{Money, Scope, Unit};

use super::enforcer::Measure;

/// A budget event, and what was done about it. The agent is the one whose budget it is, if it is
/// one's.
pub(super) fn budget_event(
    event: &BudgetEvent,
    agent: Option<&CallAgent>,
    done: Option<Measure>,
) -> Notice {
    let name = agent.map_or_else(|| event.scope.to_string(), |agent| agent.name.clone());
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
        .data("name", name.as_str())
        .data("unit", event.unit.as_str())
        .data("percentage", event.percent)
        .data("used_amount", event.used.nanos())
        .data("limit_amount", event.limit.nanos());
    notice = match event.scope {
        Scope::Agent(id) => notice.about_agent(id, agent.and_then(|agent| agent.path.team)),
        Scope::Team(id) => notice.about_team(id),
        _ => notice,
    };
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

/// What a server has done with an agent by itself.
pub(super) fn agent_news(agent: &CallAgent, verb: Verb, reason: &str) -> Notice {
    let path = &agent.path;
    agent_state((path.agent, path.team, &agent.name), verb, Some(reason))
}

/// Findings of guardrails: what and where, never the texts.
pub(super) fn violation(alarm: &ViolationAlarm, agent: Option<&CallAgent>) -> Notice {
    let name = agent.map_or_else(|| alarm.agent.to_string(), |agent| agent.name.clone());
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
    .about_agent(alarm.agent, agent.and_then(|agent| agent.path.team))
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

/// Calls of an agent fail.
pub(super) fn failing(failing: &FailingAgent, agent: &CallAgent, within: Duration) -> Notice {
    let FailingAgent { failed, calls, .. } = failing;
    let minutes = within.as_secs() / 60;
    let title = format!(
        "agent {}: {failed} of {calls} calls failed within {minutes} minutes",
        agent.name
    );
    Notice::new(Topic::ErrorThresholdBreached, title)
        .about_agent(failing.agent, agent.path.team)
        .fact("look", format!("iron agents status {}", failing.agent))
        .data("agent_id", failing.agent.to_string())
        .data("name", agent.name.as_str())
        .data("failed", *failed)
        .data("calls", *calls)
        .data("minutes", minutes)
}
