//! `iron teams`.

use iron_primitives::TeamId;
use iron_sdk::teams::{
    CreateTeam, ModelName, PrivacyLevel, PutTeamMember, ReportRange, TeamPolicy, TeamQuery,
    TeamReport, TeamReportQuery, TeamRole, TeamView, TransferBudget, UpdateTeam,
};
use iron_sdk::{BudgetAmount, Client};

use super::resolve::{self, parse};
use super::{guardrails, periods};
use crate::args::{TeamFacts, Teams};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Teams, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Teams::List { name, paging } => {
            let query = TeamQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                sort: None,
                name,
            };
            let list = client.list_teams(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Teams::Get { team } => {
            let id = resolve::team(&client, &team).await?;
            let view = client.get_team(id).await?;
            console.show(&view, || facts(console, &view))
        }
        verb @ (Teams::Create { .. } | Teams::Update { .. }) => {
            let view = written(&client, verb).await?;
            console.show(&view, || facts(console, &view))
        }
        Teams::Delete { team, force } => {
            let id = resolve::team(&client, &team).await?;
            console.confirm(&format!("delete the team `{team}`?"), force)?;
            let gone = client.delete_team(id).await?;
            console.show(&gone, || format!("deleted {id}"))
        }
        Teams::Add { team, user, lead } => {
            let team_role = if lead {
                TeamRole::Lead
            } else {
                TeamRole::Member
            };
            let (id, who) = (
                resolve::team(&client, &team).await?,
                resolve::user(&client, &user).await?,
            );
            let body = PutTeamMember {
                team_role: Some(team_role),
            };
            let joined = client.put_team_member(id, who, &body).await?;
            console.show(&joined, || {
                format!("{user} is in {team} as {}", joined.team_role)
            })
        }
        Teams::Remove { team, user } => {
            let (id, who) = (
                resolve::team(&client, &team).await?,
                resolve::user(&client, &user).await?,
            );
            let gone = client.remove_team_member(id, who).await?;
            console.show(&gone, || format!("{user} is no longer in {team}"))
        }
        Teams::Transfer {
            from,
            to,
            amount,
            reason,
        } => {
            let giver = resolve::team(&client, &from).await?;
            let body = TransferBudget {
                to_team_id: resolve::team(&client, &to).await?,
                amount: dollars(&amount)?,
                reason,
            };
            let done = client.transfer_team_budget(giver, &body).await?;
            console.show(&done, || {
                console.facts(&[
                    ("moved", done.amount.to_string()),
                    (
                        "budget of the giver",
                        format!("{}, {} left", done.from.budget, done.from.remaining),
                    ),
                    (
                        "budget of the other",
                        format!("{}, {} left", done.to.budget, done.to.remaining),
                    ),
                ])
            })
        }
        Teams::Report { team, range } => {
            let id = resolve::team(&client, &team).await?;
            let report = report(&client, id, &range).await?;
            console.show(&report, || shown(console, &report))
        }
    }
}

/// The team that was created or changed.
async fn written(client: &Client, verb: Teams) -> Outcome<TeamView> {
    match verb {
        Teams::Create {
            name,
            budget,
            facts,
        } => {
            let facts = resolved(client, facts).await?;
            let body = CreateTeam {
                name,
                budget: dollars(&budget)?,
                description: facts.description.clone(),
                policy: policy(TeamPolicy::default(), &facts)?,
                default_user_budget: some_dollars(facts.default_user_budget)?,
                alert_threshold: facts.alert_threshold,
            };
            Ok(client.create_team(&body).await?)
        }
        Teams::Update {
            team,
            name,
            budget,
            allow_all_models,
            facts,
        } => {
            let facts = resolved(client, facts).await?;
            let id = resolve::team(client, &team).await?;
            let change = UpdateTeam {
                name,
                budget: some_dollars(budget)?,
                policy: changed_policy(client, id, &facts, allow_all_models).await?,
                description: facts.description.map(Some),
                default_user_budget: some_dollars(facts.default_user_budget)?.map(Some),
                alert_threshold: facts.alert_threshold,
            };
            Ok(client.update_team(id, &change).await?)
        }
        _ => Err(Failure::usage("this writes no team")),
    }
}

async fn report(client: &Client, team: TeamId, range: &str) -> Outcome<TeamReport> {
    let range = ReportRange::from_word(range).ok_or_else(|| {
        Failure::usage(format!(
            "`{range}` is no range, expected 24h, 7d, 30d or 90d"
        ))
    })?;
    let query = TeamReportQuery { range: Some(range) };
    Ok(client.get_team_report(team, &query).await?)
}

/// The facts with the id of the profile in the place of its name.
async fn resolved(client: &Client, mut facts: TeamFacts) -> Outcome<TeamFacts> {
    if let Some(name) = facts
        .guardrail_profile
        .as_deref()
        .filter(|name| *name != "none")
    {
        let id = guardrails::profile(client, name).await?;
        facts.guardrail_profile = Some(id.to_string());
    }
    Ok(facts)
}

/// A policy is changed as a whole, so what is not named stays as the server has it.
async fn changed_policy(
    client: &Client,
    id: TeamId,
    facts: &TeamFacts,
    all_models: bool,
) -> Outcome<Option<TeamPolicy>> {
    let change = policy(TeamPolicy::default(), facts)?;
    if change.is_none() && !all_models {
        return Ok(None);
    }
    let mut before = client.get_team(id).await?.policy;
    if all_models {
        before.allowed_models = None;
    }
    Ok(Some(policy(before.clone(), facts)?.unwrap_or(before)))
}

/// A policy with what was named; none if nothing was.
fn policy(mut policy: TeamPolicy, facts: &TeamFacts) -> Outcome<Option<TeamPolicy>> {
    let before = policy.clone();
    if !facts.allowed_models.is_empty() {
        let models = facts.allowed_models.iter().cloned();
        policy.allowed_models = Some(models.map(ModelName).collect());
    }
    let mut rates = policy.rate_limits.unwrap_or_default();
    let some = |limit: u32| (limit > 0).then_some(limit);
    if let Some(limit) = facts.requests_per_minute {
        rates.requests_per_minute = some(limit);
    }
    if let Some(limit) = facts.tokens_per_minute {
        rates.tokens_per_minute = some(limit);
    }
    let named = facts.requests_per_minute.is_some() || facts.tokens_per_minute.is_some();
    if named {
        policy.rate_limits = Some(rates);
    }
    if let Some(level) = &facts.privacy_level {
        policy.privacy_level = Some(privacy_level(level)?);
    }
    let named = named || facts.guardrail_profile.is_some();
    policy.guardrail_profile_id = match facts.guardrail_profile.as_deref() {
        None => policy.guardrail_profile_id,
        Some("none") => None,
        Some(id) => Some(parse(id, "the id of a guardrail profile")?),
    };
    Ok((named || policy != before).then_some(policy))
}

fn privacy_level(word: &str) -> Outcome<PrivacyLevel> {
    PrivacyLevel::from_word(word).ok_or_else(|| {
        Failure::usage(format!(
            "`{word}` is no privacy level, expected permissive, moderate or strict"
        ))
    })
}

fn a_minute(limit: Option<u32>) -> String {
    limit.map_or("unlimited".to_owned(), |limit| limit.to_string())
}

fn dollars(text: &str) -> Outcome<BudgetAmount> {
    parse(text, "an amount in dollars from 0.01 to 999999.99")
}

fn some_dollars(text: Option<String>) -> Outcome<Option<BudgetAmount>> {
    text.map(|text| dollars(&text)).transpose()
}

fn or(value: Option<impl ToString>, none: &str) -> String {
    value.map_or(none.to_owned(), |value| value.to_string())
}

fn table(console: Console, teams: &[TeamView]) -> String {
    let rows = teams.iter().map(|team| {
        vec![
            team.id.to_string(),
            team.name.clone(),
            or(team.budget, "unlimited"),
            team.spent.to_string(),
            or(team.remaining, "-"),
            team.member_count.to_string(),
            team.agent_count.to_string(),
        ]
    });
    let headings = [
        "id",
        "name",
        "budget",
        "spent",
        "remaining",
        "members",
        "agents",
    ];
    console.table(&headings, rows.collect())
}

fn facts(console: Console, team: &TeamView) -> String {
    let models = team.policy.allowed_models.as_ref().map(|models| {
        let names: Vec<&str> = models.iter().map(|model| model.0.as_str()).collect();
        names.join(", ")
    });
    let rates = team.policy.rate_limits.unwrap_or_default();
    let privacy = team.policy.privacy_level;
    let privacy = privacy.unwrap_or(PrivacyLevel::Permissive);
    let head = console.facts(&[
        ("id", team.id.to_string()),
        ("name", team.name.clone()),
        (
            "description",
            team.description.clone().unwrap_or_else(|| "-".to_owned()),
        ),
        ("budget", or(team.budget, "unlimited")),
        ("spent", team.spent.to_string()),
        ("remaining", or(team.remaining, "-")),
        (
            "period",
            periods::shown(team.period, team.schedule.as_ref()),
        ),
        (
            "begins anew",
            team.next_reset_at
                .map_or("never".to_owned(), |at| at.to_string()),
        ),
        (
            "warns from",
            team.alert_threshold
                .map_or("-".to_owned(), |percent| format!("{percent} %")),
        ),
        ("models", models.unwrap_or_else(|| "all".to_owned())),
        ("calls a minute", a_minute(rates.requests_per_minute)),
        ("tokens a minute", a_minute(rates.tokens_per_minute)),
        ("privacy", privacy.to_string()),
        (
            "guardrails",
            or(team.policy.guardrail_profile_id, "the tenant's"),
        ),
        ("for new members", or(team.default_user_budget, "-")),
        ("agents", team.agent_count.to_string()),
    ]);
    let members = team.members.iter().map(|member| {
        vec![
            member.user_id.to_string(),
            member.name.clone(),
            member.email.clone(),
            member.team_role.to_string(),
        ]
    });
    let members = console.table_below(&["user", "name", "address", "as"], members.collect());
    format!("{head}{members}")
}

fn shown(console: Console, report: &TeamReport) -> String {
    let trend = &report.trend;
    let change = trend.change_percentage;
    let head = console.facts(&[
        ("since", report.since.to_string()),
        ("calls", report.requests.to_string()),
        ("spent", report.spent.to_string()),
        ("this month", trend.this_month.to_string()),
        ("last month until now", trend.last_month_so_far.to_string()),
        ("all of last month", trend.last_month.to_string()),
        (
            "change",
            change.map_or("-".to_owned(), |percent| format!("{percent:+.2} %")),
        ),
    ]);
    let spenders = report.top_spenders.iter().map(|one| {
        vec![
            one.agent_id.to_string(),
            one.name.clone(),
            one.requests.to_string(),
            one.spent.to_string(),
        ]
    });
    let spenders = console.table_below(&["agent", "name", "calls", "spent"], spenders.collect());
    format!("{head}{spenders}")
}
