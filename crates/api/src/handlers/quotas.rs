//! What agents may use besides money.

use axum::extract::State;
use iron_audit::Authorised;
use iron_budget::{BudgetStatus, Changed, HardAction, SetBudget};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::{AgentId, Money, Scope, Unit};
use iron_runtime::authority::Change;
use iron_sdk::limits::HardAction as HardActionWord;
use iron_sdk::quotas::{QuotasView, SetQuotas};
use iron_store::Tx;

use crate::answer::Tagged;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, PathId};
use crate::state::Api;
use crate::view::{self, MILLIS_PER_SECOND};

use super::limits::soft_limits;

/// What a change makes of a limit: nothing, or another one, or none.
type NewLimit = Option<Option<Money>>;

/// An agent's quotas and what is used of them.
#[utoipa::path(get, path = "/limits/agents/{agent_id}/quotas", tag = "limits",
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The quotas", body = QuotasView),
))]
pub(crate) async fn get_agent_quotas(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
) -> Result<Tagged<QuotasView>, Failure> {
    let authorised = caller.may(Permission::AgentRead)?;
    api.agents.get(&authorised, id).await?;
    let quotas = api.limits.quotas(&authorised, id).await?;
    let tag = view::quota_tag(&quotas);
    Ok(Tagged::with_tag(view::quotas(id, &quotas), tag))
}

/// Sets an agent's quotas. What is lower acts at once.
#[utoipa::path(put, path = "/limits/agents/{agent_id}/quotas", tag = "limits",
    request_body = SetQuotas,
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The quotas", body = QuotasView),
))]
pub(crate) async fn set_agent_quotas(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    if_match: IfMatch,
    Input(body): Input<SetQuotas>,
) -> Result<Tagged<QuotasView>, Failure> {
    let authorised = caller.may(Permission::BudgetSet)?;
    api.agents.get(&authorised, id).await?;
    let common = SetBudget {
        period: view::period_of(body.period, body.schedule.as_ref())?,
        soft_limits: soft_limits(body.soft_limits.clone())?,
        hard_action: body.hard_action.map(|action| match action {
            HardActionWord::Pause => HardAction::Pause,
            HardActionWord::Kill => HardAction::Kill,
        }),
        reason: body.reason.clone(),
        ..SetBudget::default()
    };
    let mut tx = api.db.begin().await?;
    let held = hold(&api, &mut tx, &authorised, id).await?;
    if_match.allows(&view::quota_tag(&held))?;
    let mut last = None;
    for (unit, limit) in limits(&body)? {
        let before = held.iter().find(|quota| quota.unit == unit);
        if before.is_none() && limit.flatten().is_none() {
            // There is none, and none is to be.
            continue;
        }
        let set = SetBudget {
            limit,
            ..match before {
                Some(_) => common.clone(),
                None => as_the_others(&common, &held),
            }
        };
        let limits = &api.limits;
        let changed = limits
            .put_quota_in(&mut tx, &authorised, id, unit, &set)
            .await?;
        if changed.changed {
            last = Some(changed);
        }
    }
    tx.commit().await?;
    if last.is_some() {
        (api.notify)(Change::Agent(id));
        (api.notify)(Change::Budget(Scope::Agent(id)));
    }
    let quotas = api.limits.quotas(&authorised, id).await?;
    let tag = view::quota_tag(&quotas);
    let view = view::quotas(id, &quotas);
    Ok(Tagged::with_tag(noted(view, last.as_ref()), tag))
}

/// The quotas there are, under lock.
async fn hold(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    id: AgentId,
) -> Result<Vec<BudgetStatus>, Failure> {
    let mut held = Vec::new();
    for unit in [Unit::Tokens, Unit::ExecutionTime] {
        held.extend(api.limits.hold_quota(tx, authorised, id, unit).await?);
    }
    Ok(held)
}

/// What a change says of each quota, in its unit.
fn limits(body: &SetQuotas) -> Result<[(Unit, NewLimit); 2], Problem> {
    let tokens = in_unit("tokens_per_day", body.tokens_per_day, 1)?;
    let seconds = body.execution_seconds_per_day;
    let millis = in_unit("execution_seconds_per_day", seconds, MILLIS_PER_SECOND)?;
    Ok([(Unit::Tokens, tokens), (Unit::ExecutionTime, millis)])
}

fn in_unit(
    field: &'static str,
    limit: Option<Option<u64>>,
    each: i64,
) -> Result<NewLimit, Problem> {
    let amount = |limit: u64| {
        let amount = i64::try_from(limit).ok();
        let amount = amount.and_then(|amount| amount.checked_mul(each));
        amount
            .map(Money::from_nanos)
            .ok_or_else(|| Problem::field(field, "is more than can be counted"))
    };
    limit.map(|limit| limit.map(amount).transpose()).transpose()
}

/// A new quota begins anew with those there are, and warns as they do.
fn as_the_others(common: &SetBudget, held: &[BudgetStatus]) -> SetBudget {
    let mut set = common.clone();
    if let Some(other) = held.first() {
        set.period = set.period.or_else(|| Some(other.period.clone()));
        set.soft_limits = set.soft_limits.or(Some(Some(other.soft_limits)));
        set.hard_action = set.hard_action.or(Some(other.hard_action));
    }
    set
}

fn noted(view: QuotasView, changed: Option<&Changed>) -> QuotasView {
    QuotasView {
        modified_by: changed.map(|changed| changed.modified_by),
        modified_at: changed.map(|changed| changed.modified_at),
        ..view
    }
}
