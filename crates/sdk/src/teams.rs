//! Teams: people who share a budget and a policy.

use crate::schedules::Schedule;
use crate::{BudgetAmount, Dollars, limits::BudgetStatus, words::words};
use iron_primitives::{AgentId, PeriodKind, ProfileId, TeamId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// What somebody is in a team.
    TeamRole {
        /// One of it.
        Member = "member",
        /// Leads it.
        Lead = "lead",
    }
}

/// What the agents of a team may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamPolicy {
    /// The models they may use; all if absent, none if empty. An agent whose own settings name
    /// models may use those that both name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 200)]
    pub allowed_models: Option<Vec<ModelName>>,
    /// How much all its agents together may do in a minute; as much as they like if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rate_limits: Option<TeamRateLimits>,
    /// What may be kept of what its agents send and are answered, and what of it may leave;
    /// `permissive` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub privacy_level: Option<PrivacyLevel>,
    /// The guardrail profile of those of its agents whose own settings name none; the default of the
    /// tenant if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub guardrail_profile_id: Option<ProfileId>,
}

/// How much the agents of a team together may do in any 60 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamRateLimits {
    /// Calls; no limit if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000_000)]
    pub requests_per_minute: Option<u32>,
    /// Tokens, input and output together; no limit if absent. Those of a call count from its end
    /// on: a call is let in while those of the last minute are below the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1_000_000_000)]
    pub tokens_per_minute: Option<u32>,
}

words! {
    /// What may be kept of what agents send and are answered, and what of it may leave.
    PrivacyLevel {
        /// As `moderate`, and personal data that guardrails find is at least redacted, whatever
        /// profile is named.
        Strict = "strict",
        /// Providers store nothing, and of the names of end users only digests are kept. Where no
        /// guardrail profile is named, personal data is redacted.
        Moderate = "moderate",
        /// Names of end users are kept sealed; providers may store what they are asked to.
        Permissive = "permissive",
    }
}

/// The name of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 200)]
pub struct ModelName(pub String);

/// A new team.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTeam {
    /// The name, unique in the tenant.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What all its agents together may spend in a month.
    pub budget: BudgetAmount,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 0, max_length = 500)]
    pub description: Option<String>,
    /// What its agents may do; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<TeamPolicy>,
    /// What a member who has no limit of his own may spend in a month from his joining on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_user_budget: Option<BudgetAmount>,
    /// The percentage of the budget at which a warning is told; 80 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 99)]
    pub alert_threshold: Option<u8>,
}

/// A change of a team; what is absent stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateTeam {
    /// The name, unique in the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What all its agents together may spend. What is lower acts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<BudgetAmount>,
    /// What it does.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 0, max_length = 500)]
    pub description: Option<Option<String>>,
    /// What its agents may do; takes the place of the policy before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<TeamPolicy>,
    /// What a member who has no limit of his own may spend in a month from his joining on; null
    /// for nothing. Those who have joined keep what they have.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BudgetAmount>)]
    pub default_user_budget: Option<Option<BudgetAmount>>,
    /// The percentage of the budget at which a warning is told; the only one from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 99)]
    pub alert_threshold: Option<u8>,
}

/// A team with what is used of its budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TeamView {
    /// The team.
    pub id: TeamId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The name.
    pub name: String,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// What all its agents together may spend; null if its limit was lifted.
    #[schema(required = true)]
    pub budget: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[schema(required = true)]
    pub budget_micros: Option<i64>,
    /// Spent in this period, also by agents that have left.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// `budget` less `spent`, not below zero; null without a limit.
    #[schema(required = true)]
    pub remaining: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[schema(required = true)]
    pub remaining_micros: Option<i64>,
    /// `spent` as a part of `budget`, 0 to 100.
    pub percentage_used: f64,
    /// How much is used.
    pub status: BudgetStatus,
    /// How often the budget begins anew.
    pub period: PeriodKind,
    /// When, if the period is a custom one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub schedule: Option<Schedule>,
    /// When it begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_reset_at: Option<Timestamp>,
    /// The lowest percentage of the budget at which a warning is told; null if none is.
    #[schema(required = true)]
    pub alert_threshold: Option<u8>,
    /// What its agents may do.
    pub policy: TeamPolicy,
    /// What a member who has no limit of his own may spend in a month from his joining on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub default_user_budget: Option<Dollars>,
    /// How many people belong to it.
    pub member_count: u64,
    /// How many agents belong to it.
    pub agent_count: u64,
    /// Who belongs to it, by name.
    pub members: Vec<TeamMemberView>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Somebody in a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TeamMemberView {
    /// Who.
    pub user_id: UserId,
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// What he or she is in it.
    pub team_role: TeamRole,
    /// Since when.
    pub joined_at: Timestamp,
}

/// What somebody is to be in a team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutTeamMember {
    /// `member` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_role: Option<TeamRole>,
}

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TeamMembership {
    /// The team.
    pub team_id: TeamId,
    /// Who.
    pub user_id: UserId,
    /// What he or she is in it.
    pub team_role: TeamRole,
    /// Since when.
    pub joined_at: Timestamp,
}

/// A membership that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TeamMemberRemoved {
    /// The team.
    pub team_id: TeamId,
    /// Who.
    pub user_id: UserId,
    /// Always true.
    pub removed: bool,
}

/// A deleted team.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TeamDeleted {
    /// The team.
    pub id: TeamId,
    /// Always true.
    pub deleted: bool,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// Money that goes from the budget of a team to that of another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferBudget {
    /// The team that gets it.
    pub to_team_id: TeamId,
    /// How much; both limits change by it for good.
    pub amount: BudgetAmount,
    /// Why, kept in the history of both.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// Both budgets after a transfer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetTransferred {
    /// The team that gave.
    pub from: TeamBalance,
    /// The team that got.
    pub to: TeamBalance,
    /// How much.
    pub amount: Dollars,
}

/// What a team has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TeamBalance {
    /// The team.
    pub team_id: TeamId,
    /// Its limit now.
    pub budget: Dollars,
    /// The same in millionths of a dollar.
    pub budget_micros: i64,
    /// Spent in this period.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// What is left.
    pub remaining: Dollars,
    /// The same in millionths of a dollar.
    pub remaining_micros: i64,
}

words! {
    /// How far back a report looks.
    ReportRange {
        /// A day.
        Day = "24h",
        /// A week.
        Week = "7d",
        /// Thirty days.
        Month = "30d",
        /// Ninety days.
        Quarter = "90d",
    }
}

/// How a team spends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TeamReport {
    /// The team.
    pub team_id: TeamId,
    /// From when on calls are counted, to the hour.
    pub since: Timestamp,
    /// Calls of its agents since then.
    pub requests: i64,
    /// What they have cost.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// This month against the last.
    pub trend: TeamTrend,
    /// The agents that are in the team now and have cost the most since then, at most twenty.
    pub top_spenders: Vec<TeamSpender>,
}

/// A month against the one before, in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TeamTrend {
    /// Spent in this month so far.
    pub this_month: Dollars,
    /// The same in millionths of a dollar.
    pub this_month_micros: i64,
    /// Spent in the last month until the same hour of it.
    pub last_month_so_far: Dollars,
    /// The same in millionths of a dollar.
    pub last_month_so_far_micros: i64,
    /// Spent in all of the last month.
    pub last_month: Dollars,
    /// The same in millionths of a dollar.
    pub last_month_micros: i64,
    /// By how many percent this month is above the same part of the last one; null if nothing was
    /// spent in that.
    #[schema(required = true)]
    pub change_percentage: Option<f64>,
}

/// An agent of a team with what it has cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TeamSpender {
    /// The agent.
    pub agent_id: AgentId,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub owner_id: UserId,
    /// Its calls.
    pub requests: i64,
    /// What they have cost.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TeamReportQuery {
    /// How far back it looks; `30d` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub range: Option<ReportRange>,
}

/// Which teams to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TeamQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `name`, `created_at` or `updated_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(name|created_at|updated_at)$")]
    pub sort: Option<String>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub name: Option<String>,
}
