//! `iron limits`.

use iron_primitives::{AgentId, PeriodKind, ProjectId, TeamId, UserId};
use iron_sdk::agents::AgentQuery;
use iron_sdk::limits::{BudgetView, HardAction, HistoryQuery, SetAgentBudget, SetBudget};
use iron_sdk::schedules::Schedule;
use iron_sdk::{BudgetAmount, Client, Dollars};

use super::periods::{self, period_of};
use super::resolve::{self, parse};
use crate::args::{Limits, Whose};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Limits, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Limits::List { paging } => {
            let (page, per_page) = (Some(paging.page), Some(paging.per_page));
            let query = AgentQuery {
                page,
                per_page,
                ..AgentQuery::default()
            };
            let list = client.list_agents(&query).await?;
            console.show(&list, || {
                let rows = list.data.iter().map(|agent| {
                    vec![
                        agent.id.to_string(),
                        agent.name.clone(),
                        agent.budget.to_string(),
                        agent.spent.to_string(),
                        agent.remaining.to_string(),
                        format!("{} %", agent.percentage_used),
                    ]
                });
                let headings = ["agent", "name", "budget", "spent", "remaining", "used"];
                console.table(&headings, rows.collect())
            })
        }
        Limits::Get { whose } => {
            let view = of(&client, &whose).await?.get(&client).await?;
            console.show(&view, || facts(console, &view))
        }
        Limits::Set {
            whose,
            budget,
            period,
            soft_limits,
            hard_action,
            max_per_minute,
            reason,
            force,
        } => {
            let amount: BudgetAmount =
                parse(&budget, "an amount in dollars from 0.01 to 999999.99")?;
            let (period, schedule) = period_of(period)?;
            let scope = of(&client, &whose).await?;
            let now = scope.get(&client).await?;
            let name = [whose.agent, whose.project, whose.user, whose.team];
            let name = name.into_iter().flatten().next().unwrap_or_default();
            let to = amount.0;
            // What may stop somebody's work is asked first.
            let question = match now.budget {
                Some(from) if to < from => {
                    Some(format!("lower the budget of `{name}` from {from} to {to}?"))
                }
                Some(_) => None,
                None => Some(format!("limit `{name}`, which has no limit now, to {to}?")),
            };
            if let Some(question) = question {
                console.confirm(&question, force)?;
            }
            let set = Set {
                budget: amount,
                period,
                schedule,
                soft_limits: soft_limits.map(Some),
                hard_action: hard_action.map(|word| action_of(&word)).transpose()?,
                max_per_minute: max_per_minute.map(|text| pace_of(&text)).transpose()?,
                reason,
            };
            let view = scope.set(&client, set).await?;
            console.show(&view, || facts(console, &view))
        }
        Limits::Lift {
            project,
            user,
            team,
            reason,
            force,
        } => {
            let whose = Whose {
                agent: None,
                project,
                user,
                team,
            };
            let scope = of(&client, &whose).await?;
            let name = [whose.project, whose.user, whose.team];
            let name = name.into_iter().flatten().next().unwrap_or_default();
            console.confirm(
                &format!("let `{name}` spend without a limit of its own?"),
                force,
            )?;
            let view = scope.lift(&client, reason).await?;
            console.show(&view, || facts(console, &view))
        }
        Limits::Quotas(verb) => super::quotas::run(verb, &client, console).await,
        Limits::Events(events) => super::budget_events::run(events, &client, console).await,
        Limits::History { agent, paging } => {
            let id = resolve::agent(&client, &agent).await?;
            let query = HistoryQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
            };
            let history = client.get_agent_budget_history(id, &query).await?;
            console.show(&history, || {
                let amount = |dollars: Option<Dollars>| {
                    dollars.map_or("-".to_owned(), |dollars| dollars.to_string())
                };
                let rows = history.data.iter().map(|change| {
                    vec![
                        change.modified_at.to_string(),
                        amount(change.previous_budget),
                        amount(change.new_budget),
                        change.modified_by.to_string(),
                        change.reason.clone().unwrap_or_else(|| "-".to_owned()),
                    ]
                });
                console.table(&["time", "before", "after", "by", "reason"], rows.collect())
            })
        }
    }
}

/// What a budget limits.
#[derive(Debug, Clone, Copy)]
enum Scope {
    Agent(AgentId),
    Project(ProjectId),
    User(UserId),
    Team(TeamId),
}

async fn of(client: &Client, whose: &Whose) -> Outcome<Scope> {
    match (&whose.agent, &whose.project, &whose.user, &whose.team) {
        (Some(agent), ..) => Ok(Scope::Agent(resolve::agent(client, agent).await?)),
        (_, Some(project), ..) => Ok(Scope::Project(resolve::project(client, project).await?)),
        (.., Some(user), _) => Ok(Scope::User(resolve::user(client, user).await?)),
        (.., Some(team)) => Ok(Scope::Team(resolve::team(client, team).await?)),
        // The parser demands one of the four.
        _ => Err(Failure::usage(
            "an agent, `--project`, `--team` or `--user` is missing",
        )),
    }
}

/// What is set of a budget.
struct Set {
    budget: BudgetAmount,
    period: Option<PeriodKind>,
    schedule: Option<Schedule>,
    soft_limits: Option<Option<Vec<u8>>>,
    hard_action: Option<HardAction>,
    max_per_minute: Option<Option<BudgetAmount>>,
    reason: Option<String>,
}

pub(super) fn action_of(word: &str) -> Outcome<HardAction> {
    HardAction::from_word(word)
        .ok_or_else(|| Failure::usage(format!("`{word}` is not an action, expected pause or kill")))
}

fn pace_of(text: &str) -> Outcome<Option<BudgetAmount>> {
    if text == "none" {
        return Ok(None);
    }
    parse(text, "an amount in dollars from 0.01 to 999999.99, or none").map(Some)
}

impl Scope {
    async fn get(self, client: &Client) -> Outcome<BudgetView> {
        Ok(match self {
            Scope::Agent(id) => client.get_agent_budget(id).await?,
            Scope::Project(id) => client.get_project_budget(id).await?,
            Scope::User(id) => client.get_user_budget(id).await?,
            Scope::Team(id) => client.get_team_budget(id).await?,
        })
    }

    async fn set(self, client: &Client, set: Set) -> Outcome<BudgetView> {
        let of_agents = set.hard_action.is_some() || set.max_per_minute.is_some();
        if of_agents && !matches!(self, Scope::Agent(_)) {
            let message = "`--hard-action` and `--max-per-minute` are for agents";
            return Err(Failure::usage(message));
        }
        let agents = SetAgentBudget {
            budget: set.budget,
            period: set.period,
            schedule: set.schedule.clone(),
            soft_limits: set.soft_limits.clone(),
            hard_action: set.hard_action,
            max_spend_per_minute: set.max_per_minute,
            reason: set.reason.clone(),
            force: None,
        };
        let others = SetBudget {
            budget: Some(set.budget),
            period: set.period,
            schedule: set.schedule,
            soft_limits: set.soft_limits,
            reason: set.reason,
        };
        Ok(match self {
            Scope::Agent(id) => client.set_agent_budget(id, &agents).await?,
            Scope::Project(id) => client.set_project_budget(id, &others).await?,
            Scope::User(id) => client.set_user_budget(id, &others).await?,
            Scope::Team(id) => client.set_team_budget(id, &others).await?,
        })
    }

    async fn lift(self, client: &Client, reason: Option<String>) -> Outcome<BudgetView> {
        let none = SetBudget {
            budget: None,
            period: None,
            schedule: None,
            soft_limits: None,
            reason,
        };
        match self {
            Scope::Agent(_) => Err(Failure::usage("an agent always has a budget")),
            Scope::Project(id) => Ok(client.set_project_budget(id, &none).await?),
            Scope::User(id) => Ok(client.set_user_budget(id, &none).await?),
            Scope::Team(id) => Ok(client.set_team_budget(id, &none).await?),
        }
    }
}

fn facts(console: Console, view: &BudgetView) -> String {
    let amount = |dollars: Option<Dollars>| {
        dollars.map_or("unlimited".to_owned(), |dollars| dollars.to_string())
    };
    console.facts(&[
        ("budget", amount(view.budget)),
        ("spent", view.spent.to_string()),
        ("reserved", view.reserved.to_string()),
        ("in suspense", view.suspense.to_string()),
        ("remaining", amount(view.remaining)),
        ("status", view.status.to_string()),
        (
            "period",
            periods::shown(view.period, view.schedule.as_ref()),
        ),
        (
            "begins anew",
            view.next_reset_at
                .map_or("never".to_owned(), |at| at.to_string()),
        ),
        ("warns at", percents(&view.soft_limits)),
        (
            "at its limit",
            view.hard_action
                .map_or("-".to_owned(), |action| action.to_string()),
        ),
        (
            "most per minute",
            view.max_spend_per_minute
                .map_or("-".to_owned(), |most| most.to_string()),
        ),
    ])
}

pub(super) fn percents(percents: &[u8]) -> String {
    let words: Vec<String> = percents
        .iter()
        .map(|percent| format!("{percent} %"))
        .collect();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(", ")
    }
}
