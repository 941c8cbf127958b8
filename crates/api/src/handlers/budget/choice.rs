//! Whether an agent may borrow, where its calls will go, and how it is told that it may not.

use iron_budget::{Error, PathLease};
use iron_net::problem::Problem;
use iron_primitives::{BudgetShortfall, ErrorKind, Money, ProviderId, Refusal, Timestamp, Unit};
use iron_runtime::authority::{Principal, Route};

use crate::agent::{Agent, plain};
use crate::failure::Failure;
use crate::state::Api;

/// How long to wait where a budget never begins anew.
const LONG_WAIT_SECONDS: u64 = 3_600;

/// Refuses an agent that could call nothing.
pub(super) fn may_borrow(agent: &Agent, now: Timestamp) -> Result<(), Problem> {
    agent.may_act()?;
    let principal = agent.principal();
    // A runtime elsewhere could use tokens and time that nobody has held.
    let counted = principal.counted;
    if counted.tokens || counted.execution_time {
        let what = if counted.tokens {
            "a token"
        } else {
            "an execution time"
        };
        return Err(Problem::new(
            ErrorKind::InvalidState,
            format!(
                "the agent has {what} quota, which is kept on calls through the gateway alone; \
                 call the gateway with the agent's own token"
            ),
        )
        .detail("status", principal.agent_state.as_str()));
    }
    match &principal.spent_out {
        Some(shortfall) => Err(short(shortfall, now)),
        None => Ok(()),
    }
}

/// The first of the agent's providers that fits.
pub(super) fn route<'a>(
    api: &Api,
    principal: &'a Principal,
    provider: Option<ProviderId>,
    model: Option<&str>,
) -> Result<&'a Route, Problem> {
    if let (Some(model), Some(allowed)) = (model, principal.allowed_models.as_deref())
        && !allowed.iter().any(|name| name == model)
    {
        let model = model.to_owned();
        return Err(plain(&Refusal::ModelNotAllowed { model }));
    }
    let book = api.far.authority.prices(principal.path.tenant);
    let serves = |route: &&Route| match model {
        None => true,
        Some(model) if route.models.is_empty() => book.lookup(route.kind, model).is_some(),
        Some(model) => route.models.iter().any(|name| name == model),
    };
    let mut routes = principal.routes.iter();
    let wanted = |route: &&Route| provider.is_none_or(|wanted| wanted == route.provider);
    routes
        .find(|route| wanted(route) && serves(route))
        .ok_or_else(|| {
            let message = match (provider, model) {
                (Some(id), _) => format!(
                    "the provider `{id}` is not assigned to the agent, or does not serve the model"
                ),
                (None, Some(model)) => {
                    format!("no provider assigned to the agent serves the model `{model}`")
                }
                (None, None) => "no provider is assigned to the agent".to_owned(),
            };
            Problem::new(ErrorKind::NoProviderAssigned, message)
        })
}

/// Why nothing was lent.
pub(super) fn denied(error: Error, now: Timestamp) -> Failure {
    match error {
        Error::Short(shortfall) => {
            let problem = short(&shortfall, now);
            let reason = Refusal::Budget(shortfall).to_string();
            problem
                .detail("status", "denied")
                .detail("reason", reason)
                .into()
        }
        other => other.into(),
    }
}

/// A lease that has ended while it was asked for.
pub(super) fn ended(lease: &PathLease) -> Problem {
    let state = lease.state;
    Failure::from(Error::PathEnded { state }).into()
}

/// The refusal of a budget with the facts to act on.
fn short(shortfall: &BudgetShortfall, now: Timestamp) -> Problem {
    let until_reset = shortfall.resets_at.map(|at| at.since(now).as_secs().max(1));
    let left = shortfall
        .limit
        .saturating_sub(shortfall.spent)
        .saturating_sub(shortfall.reserved)
        .saturating_sub(shortfall.suspense)
        .max(0);
    let problem = plain(&Refusal::Budget(Box::new(shortfall.clone())))
        .retry_after(until_reset.unwrap_or(LONG_WAIT_SECONDS))
        .detail("scope", shortfall.scope.to_string());
    if shortfall.unit != Unit::Usd {
        return problem.detail("unit", shortfall.unit.as_str());
    }
    let facts = [
        ("budget", shortfall.limit),
        ("spent", shortfall.spent),
        ("reserved", shortfall.reserved),
        ("remaining", left),
    ];
    facts.into_iter().fold(problem, |problem, (name, nanos)| {
        let money = Money::from_nanos(nanos);
        let twin = format!("{name}_micros");
        problem
            .detail(name, money.to_string())
            .detail(&twin, money.micros())
    })
}
