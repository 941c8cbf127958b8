//! Teams.

use iron_budget::BudgetStatus;
use iron_identity::{PrivacyLevel, Team, TeamMember, TeamPolicy, TeamRole};
use iron_primitives::{Money, TeamId};
use iron_sdk::Dollars;
use iron_sdk::teams::{
    ModelName, PrivacyLevel as PrivacyWord, TeamBalance, TeamMemberView, TeamPolicy as PolicyView,
    TeamRateLimits, TeamRole as RoleWord, TeamView,
};

use super::money::{percentage, standing};

/// A team with its budget and who belongs to it.
pub(crate) fn team(
    team: Team,
    budget: &BudgetStatus,
    members: Vec<TeamMember>,
    agents: u64,
) -> TeamView {
    let (spent, remaining) = (budget.spent(), budget.remaining());
    TeamView {
        id: team.id,
        tenant_id: team.tenant_id,
        name: team.name,
        description: team.description,
        budget: budget.limit.map(Dollars::from),
        budget_micros: budget.limit.map(Money::micros),
        spent: spent.into(),
        spent_micros: spent.micros(),
        remaining: remaining.map(Dollars::from),
        remaining_micros: remaining.map(Money::micros),
        percentage_used: percentage(budget),
        status: standing(budget),
        period: budget.period.kind(),
        schedule: super::schedule(&budget.period),
        next_reset_at: budget.next_reset_at(),
        alert_threshold: budget.soft_limits.percents().min(),
        policy: policy(team.policy),
        default_user_budget: team.default_user_budget.map(Dollars::from),
        member_count: u64::try_from(members.len()).unwrap_or(u64::MAX),
        agent_count: agents,
        members: members.into_iter().map(member).collect(),
        created_at: team.created_at,
        updated_at: team.updated_at,
    }
}

fn member(member: TeamMember) -> TeamMemberView {
    TeamMemberView {
        user_id: member.user_id,
        name: member.name,
        email: member.email,
        team_role: team_role(member.team_role),
        joined_at: member.joined_at,
    }
}

/// What somebody is in a team.
pub(crate) const fn team_role(role: TeamRole) -> RoleWord {
    match role {
        TeamRole::Member => RoleWord::Member,
        TeamRole::Lead => RoleWord::Lead,
    }
}

fn policy(policy: TeamPolicy) -> PolicyView {
    let names = |models: Vec<String>| models.into_iter().map(ModelName).collect();
    let rate_limits = TeamRateLimits {
        requests_per_minute: policy.requests_per_minute,
        tokens_per_minute: policy.tokens_per_minute,
    };
    PolicyView {
        allowed_models: policy.allowed_models.map(names),
        rate_limits: (rate_limits != TeamRateLimits::default()).then_some(rate_limits),
        privacy_level: match policy.privacy_level {
            PrivacyLevel::Strict => Some(PrivacyWord::Strict),
            PrivacyLevel::Moderate => Some(PrivacyWord::Moderate),
            PrivacyLevel::Permissive => Some(PrivacyWord::Permissive),
        },
        guardrail_profile_id: policy.guardrail_profile_id,
    }
}

/// A policy as the feature takes it.
pub(crate) fn policy_of(policy: PolicyView) -> TeamPolicy {
    let names = |models: Vec<ModelName>| models.into_iter().map(|model| model.0).collect();
    let privacy_level = match policy.privacy_level {
        None | Some(PrivacyWord::Permissive) => PrivacyLevel::Permissive,
        Some(PrivacyWord::Moderate) => PrivacyLevel::Moderate,
        Some(PrivacyWord::Strict) => PrivacyLevel::Strict,
    };
    let rates = policy.rate_limits.unwrap_or_default();
    TeamPolicy {
        allowed_models: policy.allowed_models.map(names),
        requests_per_minute: rates.requests_per_minute,
        tokens_per_minute: rates.tokens_per_minute,
        privacy_level,
        guardrail_profile_id: policy.guardrail_profile_id,
    }
}

/// What a team has after a transfer.
pub(crate) fn team_balance(team_id: TeamId, budget: &BudgetStatus) -> TeamBalance {
    let limit = budget.limit.unwrap_or(Money::ZERO);
    let (spent, remaining) = (budget.spent(), budget.remaining().unwrap_or(Money::ZERO));
    TeamBalance {
        team_id,
        budget: limit.into(),
        budget_micros: limit.micros(),
        spent: spent.into(),
        spent_micros: spent.micros(),
        remaining: remaining.into(),
        remaining_micros: remaining.micros(),
    }
}
