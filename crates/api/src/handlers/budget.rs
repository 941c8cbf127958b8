//! The budget protocol: runtimes that are not ours borrow money for an agent.

mod choice;
mod usage;

use axum::extract::State;
use iron_budget::{Final, Handshake, Lent, Pass, PathState, Refresh};
use iron_net::problem::Problem;
use iron_primitives::Money;
use iron_sdk::Dollars;
use iron_sdk::budget::{
    BudgetHandshake, BudgetLent, BudgetRefresh, BudgetRefreshed, BudgetReport, BudgetReported,
    BudgetReturn, BudgetReturned, LeaseLimits, PathLeaseStatus, RefreshStatus, ToldAmount,
};

use crate::agent::{Agent, Told};
use crate::answer::Answer;
use crate::failure::Failure;
use crate::ip_token;
use crate::state::Api;

/// What a handshake asks for that does not say.
const USUAL_CENTS: i64 = 1_000;
/// The most that can be asked for at once.
const MOST_CENTS: i64 = 100_000;
/// How many calls a report may tell of.
const MOST_ITEMS: u32 = 100;

/// Lends a runtime money for an agent, reserved at once on every budget above it, with a token for
/// one call. The lease of an earlier process of the same runtime is taken away.
#[utoipa::path(post, path = "/budget/handshake", tag = "budget", request_body = BudgetHandshake,
    responses((status = 200, description = "The lease", body = BudgetLent)))]
pub(crate) async fn budget_handshake(
    State(api): State<Api>,
    Told { agent, facts, body }: Told<BudgetHandshake>,
) -> Result<Answer<BudgetLent>, Failure> {
    let now = api.environment.now();
    let requested = amount(
        "requested_budget",
        body.requested_budget.map(|amount| amount.0),
        body.requested_budget_micros,
    )?;
    let requested = match requested {
        Some(requested) => requested,
        None => cents(USUAL_CENTS)?,
    };
    choice::may_borrow(&agent, now)?;
    let route = choice::route(
        &api,
        agent.principal(),
        body.provider_id,
        body.model.as_deref(),
    )?;
    let ask = Handshake {
        runtime: body.runtime_id.unwrap_or_else(|| api.paths.new_runtime()),
        version: body.runtime_version,
        requested,
        provider: route.provider,
        model: body.model,
    };
    let speaker = agent.speaker(facts);
    let lent = api.paths.handshake(&speaker, &ask).await;
    let lent = lent.map_err(|error| choice::denied(error, now))?;
    let (ip_token, ip_token_expires_at) = sealed(&api, &agent, &lent)?;
    let (remaining, left) = (lent.agent_remaining, lent.lease.remaining());
    let terms = api.paths.terms();
    Ok(Answer(BudgetLent {
        lease_id: lent.lease.id,
        runtime_id: lent.lease.runtime,
        ip_token,
        ip_token_expires_at,
        budget_granted: lent.granted.into(),
        budget_granted_micros: lent.granted.micros(),
        budget_remaining: remaining.map(Dollars::from),
        budget_remaining_micros: remaining.map(Money::micros),
        lease_remaining: left.into(),
        lease_remaining_micros: left.micros(),
        provider: route.kind.as_str().to_owned(),
        provider_id: lent.lease.provider,
        model: lent.lease.model,
        expires_at: lent.lease.expires_at,
        limits: LeaseLimits {
            max_requested_budget: Dollars::from_cents(MOST_CENTS),
            max_report_items: MOST_ITEMS,
            lease_seconds: terms.ttl.as_secs(),
            grace_seconds: api.paths.grace().as_secs(),
            ip_token_seconds: terms.pass_ttl.as_secs(),
        },
    }))
}

/// Books what calls have cost, each once by its number, at the server's own prices. It is never
/// refused for being late; the answer says where the lease stands, and gives a token for the next
/// call.
#[utoipa::path(post, path = "/budget/report", tag = "budget", request_body = BudgetReport,
    responses((status = 200, description = "What came of it", body = BudgetReported)))]
pub(crate) async fn budget_report(
    State(api): State<Api>,
    Told { agent, facts, body }: Told<BudgetReport>,
) -> Result<Answer<BudgetReported>, Failure> {
    let by_lease = usage::by_lease(&api, &agent, body).await?;
    let speaker = agent.speaker(facts);
    let (mut accepted, mut duplicates) = (0_u32, 0_u32);
    let mut last = None;
    for (lease, used) in by_lease {
        let told = api.paths.report(&speaker, lease, &used).await?;
        accepted = accepted.saturating_add(told.accepted);
        duplicates = duplicates.saturating_add(told.duplicates);
        last = Some(told.lent);
    }
    let lent = last.ok_or_else(|| Problem::field("usage", "must have 1 to 100 entries"))?;
    let token = match lent.pass {
        Some(_) => Some(sealed(&api, &agent, &lent)?),
        None => None,
    };
    let (limit, remaining) = (lent.agent_limit, lent.agent_remaining);
    let (spent, left) = (lent.lease.settled, lent.lease.remaining());
    Ok(Answer(BudgetReported {
        accepted,
        duplicates,
        budget: limit.map(Dollars::from),
        budget_micros: limit.map(Money::micros),
        budget_remaining: remaining.map(Dollars::from),
        budget_remaining_micros: remaining.map(Money::micros),
        lease_spent: spent.into(),
        lease_spent_micros: spent.micros(),
        lease_remaining: left.into(),
        lease_remaining_micros: left.micros(),
        lease_status: status(lent.lease.state),
        ip_token_expires_at: token.as_ref().map(|(_, at)| *at),
        ip_token: token.map(|(token, _)| token),
    }))
}

/// Lends more, as far as every budget has room for it, gives the lease its whole time again, and a
/// token for another call.
#[utoipa::path(post, path = "/budget/refresh", tag = "budget", request_body = BudgetRefresh,
    responses((status = 200, description = "The lease", body = BudgetRefreshed)))]
pub(crate) async fn budget_refresh(
    State(api): State<Api>,
    Told { agent, facts, body }: Told<BudgetRefresh>,
) -> Result<Answer<BudgetRefreshed>, Failure> {
    let now = api.environment.now();
    let requested = amount(
        "requested_budget",
        body.requested_budget.map(|amount| amount.0),
        body.requested_budget_micros,
    )?;
    let remaining = told(
        "current_remaining",
        body.current_remaining,
        body.current_remaining_micros,
    )?;
    let spent = told("total_spent", body.total_spent, body.total_spent_micros)?;
    choice::may_borrow(&agent, now)?;
    let ask = Refresh {
        lease: body.lease_id,
        requested: requested.unwrap_or(Money::ZERO),
        known: remaining
            .zip(spent)
            .map(|(remaining, spent)| remaining.saturating_add(spent)),
    };
    let speaker = agent.speaker(facts);
    let lent = api.paths.refresh(&speaker, &ask).await;
    let lent = lent.map_err(|error| choice::denied(error, now))?;
    let (ip_token, ip_token_expires_at) = sealed(&api, &agent, &lent)?;
    let remaining = lent.agent_remaining;
    Ok(Answer(BudgetRefreshed {
        status: RefreshStatus::Approved,
        lease_id: lent.lease.id,
        budget_granted: lent.granted.into(),
        budget_granted_micros: lent.granted.micros(),
        budget_remaining: remaining.map(Dollars::from),
        budget_remaining_micros: remaining.map(Money::micros),
        total_allocated: lent.lease.granted.into(),
        total_allocated_micros: lent.lease.granted.micros(),
        total_spent: lent.lease.settled.into(),
        total_spent_micros: lent.lease.settled.micros(),
        expires_at: lent.lease.expires_at,
        ip_token,
        ip_token_expires_at,
    }))
}

/// Takes the final account of a lease and closes it; what was not spent is free again. Asked again,
/// it gives the same answer.
#[utoipa::path(post, path = "/budget/return", tag = "budget", request_body = BudgetReturn,
    responses((status = 200, description = "The lease is closed", body = BudgetReturned)))]
pub(crate) async fn budget_return(
    State(api): State<Api>,
    Told { agent, facts, body }: Told<BudgetReturn>,
) -> Result<Answer<BudgetReturned>, Failure> {
    let spent = told("final_spent", body.final_spent, body.final_spent_micros)?;
    let returning = told("returning", body.returning, body.returning_micros)?;
    let account = Final {
        spent,
        in_cents: body.final_spent.is_some(),
        returning,
    };
    let speaker = agent.speaker(facts);
    let closed = api.paths.give_back(&speaker, body.lease_id, &account);
    let closed = closed.await?;
    let (returned, remaining) = (closed.lease.returned, closed.agent_remaining);
    Ok(Answer(BudgetReturned {
        returned: returned.into(),
        returned_micros: returned.micros(),
        agent_remaining: remaining.map(Dollars::from),
        agent_remaining_micros: remaining.map(Money::micros),
        lease_status: status(closed.lease.state),
    }))
}

/// Seals the pass of a lease that is active.
fn sealed(
    api: &Api,
    agent: &Agent,
    lent: &Lent,
) -> Result<(String, iron_primitives::Timestamp), Failure> {
    let Some(Pass { value, expires_at }) = &lent.pass else {
        return Err(choice::ended(&lent.lease).into());
    };
    let token = ip_token::seal(value, agent.token(), lent.lease.id, &api.environment)?;
    Ok((token, *expires_at))
}

/// An amount in one of its two forms.
fn amount(
    field: &'static str,
    dollars: Option<Dollars>,
    micros: Option<i64>,
) -> Result<Option<Money>, Problem> {
    let wrong = || Problem::field(field, "is out of range");
    match (dollars, micros) {
        (None, None) => Ok(None),
        (Some(dollars), None) => dollars.money().map(Some).map_err(|_| wrong()),
        (None, Some(micros)) => {
            let nanos = micros.checked_mul(1_000).map(Money::from_nanos);
            nanos.map(Some).ok_or_else(wrong)
        }
        (Some(_), Some(_)) => {
            let problem = format!("give this or `{field}`, not both");
            Err(Problem::field(format!("{field}_micros"), problem))
        }
    }
}

fn told(
    field: &'static str,
    dollars: Option<ToldAmount>,
    micros: Option<i64>,
) -> Result<Option<Money>, Problem> {
    amount(field, dollars.map(|amount| amount.0), micros)
}

fn cents(cents: i64) -> Result<Money, Failure> {
    Money::from_cents(cents).map_err(|error| Problem::internal(error).into())
}

pub(crate) const fn status(state: PathState) -> PathLeaseStatus {
    match state {
        PathState::Active => PathLeaseStatus::Active,
        PathState::Expired => PathLeaseStatus::Expired,
        PathState::Orphaned => PathLeaseStatus::Orphaned,
        PathState::Revoked => PathLeaseStatus::Revoked,
        PathState::Closed => PathLeaseStatus::Closed,
    }
}
