//! Agents, their state and their tokens.

use std::collections::HashMap;

use iron_audit::Usage;
use iron_budget::{BudgetStatus, Standing};
use iron_catalog::Provider;
use iron_fleet::{Agent, AgentEnvironment, RuntimeState};
use iron_identity::{ApiToken, ApiTokenStatus, IcToken, IcTokenStatus, Project};
use iron_primitives::{Money, ProjectId, Secret, Timestamp};
use iron_sdk::agents::{
    self, AgentCheck, AgentHealth, AgentStatusView, AgentToken, AgentView, AssignedProvider,
    AssignedProviders, RequestCounts, StatusBudget,
};
use iron_sdk::projects::ProjectView;
use iron_sdk::tokens::{self, ApiTokenCreated, ApiTokenUsage, ApiTokenView, TokenUsage, TokenView};

use super::money::percentage;
use super::{provider_status, provider_type};

/// A count as the wire shows it.
pub(crate) fn count(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// Whether an agent may spend; `off` says that it is switched off, or its owner is suspended.
pub(crate) fn agent_status(off: bool, budget: &BudgetStatus) -> agents::AgentStatus {
    if off {
        agents::AgentStatus::Inactive
    } else if budget.standing() == Standing::Exhausted {
        agents::AgentStatus::Exhausted
    } else {
        agents::AgentStatus::Active
    }
}

const fn runtime_state(state: RuntimeState) -> agents::RuntimeState {
    match state {
        RuntimeState::Running => agents::RuntimeState::Running,
        RuntimeState::Paused => agents::RuntimeState::Paused,
        RuntimeState::Stopped => agents::RuntimeState::Stopped,
    }
}

const fn environment(environment: AgentEnvironment) -> agents::AgentEnvironment {
    match environment {
        AgentEnvironment::Prod => agents::AgentEnvironment::Prod,
        AgentEnvironment::Staging => agents::AgentEnvironment::Staging,
        AgentEnvironment::Dev => agents::AgentEnvironment::Dev,
    }
}

/// The environment that the wire names.
pub(crate) const fn environment_of(environment: agents::AgentEnvironment) -> AgentEnvironment {
    match environment {
        agents::AgentEnvironment::Prod => AgentEnvironment::Prod,
        agents::AgentEnvironment::Staging => AgentEnvironment::Staging,
        agents::AgentEnvironment::Dev => AgentEnvironment::Dev,
    }
}

/// An agent with its budget, and its token where one agent is asked for.
pub(crate) fn agent(
    agent: Agent,
    budget: &BudgetStatus,
    off: bool,
    token: Option<IcToken>,
) -> AgentView {
    let (spent, reserved) = (budget.spent(), budget.reserved());
    let remaining = budget.remaining().unwrap_or(Money::ZERO);
    AgentView {
        status: agent_status(off, budget),
        id: agent.id,
        name: agent.name,
        description: agent.description,
        tenant_id: agent.tenant,
        project_id: agent.project,
        team_id: agent.team,
        owner_id: agent.owner,
        budget: budget.limit.unwrap_or(Money::ZERO).into(),
        spent: spent.into(),
        spent_micros: spent.micros(),
        reserved: reserved.into(),
        reserved_micros: reserved.micros(),
        remaining: remaining.into(),
        remaining_micros: remaining.micros(),
        percentage_used: percentage(budget),
        period: budget.period.kind(),
        schedule: super::schedule(&budget.period),
        warnings: warnings(agent.providers.is_empty()),
        providers: agent.providers,
        tags: agent.tags,
        settings: agent.settings.as_object().clone(),
        runtime_state: runtime_state(agent.runtime_state),
        pause_reason: agent.pause_reason,
        environment: environment(agent.environment),
        version: agent.version,
        ic_token: token.map(|token| agent_token(token, None)),
        created_at: agent.created_at,
        updated_at: agent.updated_at,
    }
}

fn agent_token(token: IcToken, value: Option<Secret>) -> AgentToken {
    AgentToken {
        id: token.id,
        token: value.map(Into::into),
        token_prefix: token.token_prefix,
        created_at: token.created_at,
        last_used_at: token.last_used_at,
    }
}

/// A new agent, with the value of its token if one was asked for.
pub(crate) fn agent_created(
    new: Agent,
    budget: &BudgetStatus,
    token: Option<(IcToken, Secret)>,
) -> AgentView {
    let off = new.switched_off;
    let view = agent(new, budget, off, None);
    AgentView {
        ic_token: token.map(|(token, value)| agent_token(token, Some(value))),
        ..view
    }
}

/// What was found out about an agent's health.
pub(crate) struct HealthFacts {
    pub(crate) off: bool,
    pub(crate) has_token: bool,
    pub(crate) has_provider: bool,
    pub(crate) probed_at: Timestamp,
}

/// What an agent has and what it lacks.
pub(crate) fn agent_health(
    agent: &Agent,
    budget: &BudgetStatus,
    facts: &HealthFacts,
) -> AgentHealth {
    let live = agent.runtime_state == RuntimeState::Running;
    let state = format!("the agent is {}", agent.runtime_state.as_str());
    let found = [
        ("state", live, state.as_str()),
        (
            "status",
            !facts.off,
            "the agent is switched off, or its owner is suspended",
        ),
        (
            "budget",
            budget.standing() != Standing::Exhausted,
            "nothing is left of its budget",
        ),
        (
            "token",
            facts.has_token,
            "it has no live token; issue one with `POST /api/v1/tokens`",
        ),
        (
            "provider",
            facts.has_provider,
            "no provider in use is assigned to it",
        ),
    ];
    AgentHealth {
        agent_id: agent.id,
        live,
        ready: found.iter().all(|(_, ok, _)| *ok),
        last_probe_at: facts.probed_at,
        restarts: count(agent.restarts),
        checks: found
            .map(|(name, ok, missing)| AgentCheck {
                name: name.to_owned(),
                ok,
                message: (!ok).then(|| missing.to_owned()),
            })
            .into(),
    }
}

fn warnings(no_provider: bool) -> Vec<String> {
    let text = "no provider is assigned: calls are refused until one is";
    if no_provider {
        vec![text.to_owned()]
    } else {
        Vec::new()
    }
}

/// How an agent is doing.
pub(crate) fn agent_status_view(
    agent: &Agent,
    budget: &BudgetStatus,
    off: bool,
    usage: Usage,
    checked_at: Timestamp,
) -> AgentStatusView {
    let (spent, reserved) = (budget.spent(), budget.reserved());
    let total = budget.limit.unwrap_or(Money::ZERO);
    let remaining = budget.remaining().unwrap_or(Money::ZERO);
    AgentStatusView {
        agent_id: agent.id,
        status: agent_status(off, budget),
        runtime_state: runtime_state(agent.runtime_state),
        budget: StatusBudget {
            total: total.into(),
            total_micros: total.micros(),
            spent: spent.into(),
            spent_micros: spent.micros(),
            reserved: reserved.into(),
            reserved_micros: reserved.micros(),
            remaining: remaining.into(),
            remaining_micros: remaining.micros(),
            percentage_used: percentage(budget),
        },
        requests: RequestCounts {
            total: count(usage.total_requests),
            today: count(usage.requests_today),
            last_hour: count(usage.requests_last_hour),
        },
        last_request_at: usage.last_request_at,
        checked_at,
    }
}

/// The providers of an agent, in the order of preference.
pub(crate) fn assigned(agent: &Agent, providers: Vec<Provider>) -> AssignedProviders {
    let providers: Vec<AssignedProvider> = providers
        .into_iter()
        .map(|provider| AssignedProvider {
            id: provider.id,
            status: provider_status(provider.active),
            name: provider.name,
            r#type: provider_type(provider.kind),
            models: provider.models,
        })
        .collect();
    AssignedProviders {
        agent_id: agent.id,
        count: u64::try_from(providers.len()).unwrap_or(u64::MAX),
        warnings: warnings(providers.is_empty()),
        providers,
    }
}

/// A project with its budget and the number of its agents.
pub(crate) fn project(
    project: Project,
    budget: &BudgetStatus,
    agents: &HashMap<ProjectId, u64>,
) -> ProjectView {
    ProjectView {
        agent_count: agents.get(&project.id).copied().unwrap_or(0),
        id: project.id,
        tenant_id: project.tenant_id,
        name: project.name,
        description: project.description,
        team_id: project.team_id,
        cost_center: project.cost_center,
        budget: budget.limit.map(Into::into),
        spent: budget.spent().into(),
        spent_micros: budget.spent().micros(),
        settings: project.settings,
        created_at: project.created_at,
        updated_at: project.updated_at,
    }
}

/// The state of an agent's token as the wire names it.
pub(crate) const fn ic_status(status: IcTokenStatus) -> tokens::IcTokenStatus {
    match status {
        IcTokenStatus::Active => tokens::IcTokenStatus::Active,
        IcTokenStatus::Rotating => tokens::IcTokenStatus::Rotating,
        IcTokenStatus::Revoked => tokens::IcTokenStatus::Revoked,
        IcTokenStatus::Expired => tokens::IcTokenStatus::Expired,
    }
}

/// A token of an agent, with its use where one token is asked for.
pub(crate) fn ic_token(token: IcToken, usage: Option<Usage>) -> TokenView {
    TokenView {
        id: token.id,
        token_prefix: token.token_prefix,
        agent_id: token.agent_id,
        project_id: token.project_id,
        description: token.description,
        status: ic_status(token.status),
        created_at: token.created_at,
        created_by: token.created_by,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        rotated_at: token.rotated_at,
        rotated_by: token.rotated_by,
        previous_valid_until: token.previous_valid_until,
        previous_last_used_at: token.previous_last_used_at,
        revoked_at: token.revoked_at,
        usage_summary: usage.map(|usage| TokenUsage {
            total_requests: count(usage.total_requests),
            total_cost: usage.total_cost.into(),
            total_cost_micros: usage.total_cost.micros(),
        }),
    }
}

const fn api_status(status: ApiTokenStatus) -> tokens::ApiTokenStatus {
    match status {
        ApiTokenStatus::Active => tokens::ApiTokenStatus::Active,
        ApiTokenStatus::Revoked => tokens::ApiTokenStatus::Revoked,
        ApiTokenStatus::Expired => tokens::ApiTokenStatus::Expired,
    }
}

/// A new token of a user.
pub(crate) fn api_token_created(token: ApiToken, value: Secret) -> ApiTokenCreated {
    ApiTokenCreated {
        id: token.id,
        token: value.into(),
        token_prefix: token.token_prefix,
        name: token.name,
        user_id: token.user_id,
        status: api_status(token.status),
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
    }
}

/// A token of a user, with its use where one token is asked for.
pub(crate) fn api_token(token: ApiToken, with_usage: bool) -> ApiTokenView {
    ApiTokenView {
        id: token.id,
        token_prefix: token.token_prefix,
        name: token.name,
        description: token.description,
        user_id: token.user_id,
        status: api_status(token.status),
        created_at: token.created_at,
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        revoked_at: token.revoked_at,
        usage: with_usage.then(|| ApiTokenUsage {
            total_requests: count(token.total_requests),
            requests_today: count(token.requests_today),
        }),
    }
}
