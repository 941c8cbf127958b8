//! `iron limits quotas`.

use iron_sdk::Client;
use iron_sdk::quotas::{QuotaUse, QuotasView, SetQuotas};

use super::limits::{action_of, percents};
use super::periods::{self, period_of};
use super::resolve;
use crate::args::Quotas;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Quotas, client: &Client, console: Console) -> Outcome {
    match verb {
        Quotas::Get { agent } => {
            let id = resolve::agent(client, &agent).await?;
            let view = client.get_agent_quotas(id).await?;
            console.show(&view, || shown(console, &view))
        }
        Quotas::Set {
            agent,
            tokens,
            seconds,
            period,
            soft_limits,
            hard_action,
            reason,
            force,
        } => {
            let (period, schedule) = period_of(period)?;
            let set = SetQuotas {
                tokens_per_day: tokens.map(|text| count_of(&text)).transpose()?,
                execution_seconds_per_day: seconds.map(|text| count_of(&text)).transpose()?,
                period,
                schedule,
                soft_limits: soft_limits.map(Some),
                hard_action: hard_action.map(|word| action_of(&word)).transpose()?,
                reason,
            };
            let id = resolve::agent(client, &agent).await?;
            let now = client.get_agent_quotas(id).await?;
            if let Some(Some(to)) = set.tokens_per_day {
                ask(console, &agent, "tokens", now.tokens_per_day, to, force)?;
            }
            if let Some(Some(to)) = set.execution_seconds_per_day {
                let now = now.execution_seconds_per_day;
                ask(console, &agent, "seconds of execution", now, to, force)?;
            }
            let view = client.set_agent_quotas(id, &set).await?;
            console.show(&view, || shown(console, &view))
        }
    }
}

/// What may stop somebody's work is asked first.
fn ask(
    console: Console,
    agent: &str,
    what: &str,
    now: Option<u64>,
    to: u64,
    force: bool,
) -> Outcome {
    let question = match now {
        Some(from) if to < from => {
            format!("lower the quota of `{agent}` from {from} to {to} {what}?")
        }
        Some(_) => return Ok(()),
        None => format!("limit `{agent}`, which has no such quota now, to {to} {what}?"),
    };
    console.confirm(&question, force)
}

/// A number, or none.
fn count_of(text: &str) -> Outcome<Option<u64>> {
    if text == "none" {
        return Ok(None);
    }
    let wrong = || Failure::usage(format!("`{text}` is no number above zero, nor `none`"));
    match text.parse() {
        Ok(0) | Err(_) => Err(wrong()),
        Ok(count) => Ok(Some(count)),
    }
}

fn shown(console: Console, view: &QuotasView) -> String {
    let limit = |limit: Option<u64>| limit.map_or("unlimited".to_owned(), |most| most.to_string());
    let mut facts = vec![
        ("tokens", limit(view.tokens_per_day)),
        ("seconds", limit(view.execution_seconds_per_day)),
        (
            "period",
            periods::shown(view.period, view.schedule.as_ref()),
        ),
        ("warns at", percents(&view.soft_limits)),
        ("at its limit", view.hard_action.to_string()),
    ];
    facts.extend(view.usage.iter().map(|usage| ("used", used(usage))));
    console.facts(&facts)
}

fn used(usage: &QuotaUse) -> String {
    let unit = match usage.unit {
        iron_sdk::budget_events::BudgetUnit::ExecutionTime => "ms of execution",
        _ => "tokens",
    };
    format!(
        "{} {unit}, {} reserved, since {}",
        usage.used, usage.reserved, usage.period_start
    )
}
