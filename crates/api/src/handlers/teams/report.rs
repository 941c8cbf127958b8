//! How a team spends.

use std::collections::HashMap;
use std::time::Duration;

use axum::extract::State;
use iron_audit::{Authorised, UsageOf};
use iron_fleet::TeamAgent;
use iron_identity::Permission;
use iron_primitives::{AgentId, Money, Period, TeamId, Timestamp};
use iron_sdk::teams::{ReportRange, TeamReport, TeamReportQuery, TeamSpender, TeamTrend};

use crate::answer::Answer;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{Params, PathId};
use crate::state::Api;

const HOUR: Duration = Duration::from_secs(3_600);
const MOST_SPENDERS: usize = 20;

/// What a team has spent, on which agents, and this month against the last. For its members and
/// admins.
#[utoipa::path(get, path = "/teams/{team_id}/report", tag = "teams",
    params(("team_id" = TeamId, Path, description = "The team"), TeamReportQuery), responses(
    (status = 200, description = "The report", body = TeamReport),
))]
pub(crate) async fn get_team_report(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TeamId>,
    Params(query): Params<TeamReportQuery>,
) -> Result<Answer<TeamReport>, Failure> {
    let authorised = caller.may(Permission::TeamRead)?;
    api.identity.team(&api.db, &authorised, id).await?;
    let now = api.environment.now();
    let hours = match query.range.unwrap_or(ReportRange::Month) {
        ReportRange::Day => 24,
        ReportRange::Week => 7 * 24,
        ReportRange::Month => 30 * 24,
        ReportRange::Quarter => 90 * 24,
    };
    let since = hour_of(now.minus(HOUR.saturating_mul(hours)));
    let audit = &api.audit;
    let spent = audit
        .spent_between(&authorised, UsageOf::Team(id), (since, next_hour(now)))
        .await?;
    Ok(Answer(TeamReport {
        team_id: id,
        since,
        requests: spent.requests,
        spent: spent.cost.into(),
        spent_micros: spent.cost.micros(),
        trend: trend(&api, &authorised, id, now).await?,
        top_spenders: top_spenders(&api, &authorised, id, since).await?,
    }))
}

async fn trend(
    api: &Api,
    authorised: &Authorised,
    team: TeamId,
    now: Timestamp,
) -> Result<TeamTrend, Failure> {
    let month = Period::Monthly.span(now);
    let last = Period::Monthly.span(month.start.minus(Duration::from_micros(1)));
    let until = next_hour(now);
    // As far into the last month, which may be shorter.
    let so_far = last.start.plus(until.since(month.start)).min(month.start);
    let of = UsageOf::Team(team);
    let audit = &api.audit;
    let this_month = audit
        .spent_between(authorised, of, (month.start, until))
        .await?
        .cost;
    let last_so_far = audit
        .spent_between(authorised, of, (last.start, so_far))
        .await?
        .cost;
    let last_month = audit
        .spent_between(authorised, of, (last.start, month.start))
        .await?
        .cost;
    Ok(TeamTrend {
        this_month: this_month.into(),
        this_month_micros: this_month.micros(),
        last_month_so_far: last_so_far.into(),
        last_month_so_far_micros: last_so_far.micros(),
        last_month: last_month.into(),
        last_month_micros: last_month.micros(),
        change_percentage: change(last_so_far, this_month),
    })
}

/// By how many percent the second is above the first, with two decimals.
fn change(before: Money, now: Money) -> Option<f64> {
    let difference = i128::from(now.nanos()).checked_sub(i128::from(before.nanos()))?;
    let hundredths = difference
        .checked_mul(10_000)?
        .checked_div(i128::from(before.nanos()))?;
    let hundredths = i32::try_from(hundredths).unwrap_or(i32::MAX);
    Some(f64::from(hundredths) / 100.0)
}

async fn top_spenders(
    api: &Api,
    authorised: &Authorised,
    team: TeamId,
    since: Timestamp,
) -> Result<Vec<TeamSpender>, Failure> {
    let agents = api.agents.of_team(authorised, team).await?;
    let agents: HashMap<AgentId, TeamAgent> =
        agents.into_iter().map(|agent| (agent.id, agent)).collect();
    let spent = api.audit.agents_since(authorised, since).await?;
    let spenders = spent.into_iter().filter_map(|(id, spent)| {
        let agent = agents.get(&id)?;
        Some(TeamSpender {
            agent_id: id,
            name: agent.name.clone(),
            owner_id: agent.owner,
            requests: spent.requests,
            spent: spent.cost.into(),
            spent_micros: spent.cost.micros(),
        })
    });
    Ok(spenders.take(MOST_SPENDERS).collect())
}

/// The begin of the hour that an instant lies in.
fn hour_of(at: Timestamp) -> Timestamp {
    let micros = i64::try_from(HOUR.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.micros().div_euclid(micros).saturating_mul(micros))
}

fn next_hour(at: Timestamp) -> Timestamp {
    hour_of(at).plus(HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_in_percent_of_what_was_before() {
        let dollars = |dollars: i64| Money::from_nanos(dollars * 1_000_000_000);
        assert_eq!(change(dollars(10), dollars(15)), Some(50.0));
        assert_eq!(change(dollars(10), Money::ZERO), Some(-100.0));
        assert_eq!(change(dollars(3), dollars(4)), Some(33.33));
        assert_eq!(change(Money::ZERO, dollars(4)), None);
    }
}
