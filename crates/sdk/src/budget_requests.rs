//! Requests for higher budgets.

use crate::{BudgetAmount, Dollars, words::words};
use iron_primitives::{AgentId, BudgetRequestId, Timestamp, UserId};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

words! {
    /// Where a budget request stands.
    BudgetRequestStatus {
        /// Nobody has decided yet.
        Pending = "pending",
        /// The budget was raised.
        Approved = "approved",
        /// The budget stayed.
        Denied = "denied",
        /// It was taken back, or its agent or requester was deleted.
        Cancelled = "cancelled",
    }
}

/// A request for a higher budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBudgetRequest {
    /// The agent.
    pub agent_id: AgentId,
    /// The budget that it needs, not the difference; more than it has now.
    pub requested_budget: BudgetAmount,
    /// Why, kept in the history of the budget.
    #[schema(min_length = 20, max_length = 500)]
    pub justification: String,
}

/// An approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBudgetRequest {
    /// The budget that is given, more than the agent has now; the one asked for if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_budget: Option<BudgetAmount>,
    /// A word to the requester.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 1000)]
    pub notes: Option<String>,
}

/// A denial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyBudgetRequest {
    /// Why, for the requester.
    #[schema(min_length = 1, max_length = 1000)]
    pub reason: String,
}

/// A budget request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetRequestView {
    /// The request.
    pub id: BudgetRequestId,
    /// The agent.
    pub agent_id: AgentId,
    /// What the agent was called when the request was made.
    pub agent_name: String,
    /// Who asks.
    pub requester_id: UserId,
    /// The agent's budget when the request was made.
    pub current_budget: Dollars,
    /// The budget asked for.
    pub requested_budget: Dollars,
    /// Why.
    pub justification: String,
    /// Where it stands.
    pub status: BudgetRequestStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was approved, denied or cancelled; null while it is pending.
    #[schema(required = true)]
    pub decided_at: Option<Timestamp>,
    /// Who did that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub decided_by: Option<UserId>,
    /// Why it was denied or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// What was said to the approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub notes: Option<String>,
    /// The budget that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approved_budget: Option<Dollars>,
}

/// A budget request, and the agent's budget as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BudgetRequestDetails {
    /// The request.
    #[serde(flatten)]
    pub request: BudgetRequestView,
    /// The agent's budget now; null if it has no limit.
    #[schema(required = true)]
    pub agent_budget: Option<Dollars>,
    /// What the agent has spent of it.
    pub agent_spent: Dollars,
    /// The same in millionths of a dollar.
    pub agent_spent_micros: i64,
    /// What is left of it; null if there is no limit.
    #[schema(required = true)]
    pub agent_remaining: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[schema(required = true)]
    pub agent_remaining_micros: Option<i64>,
}

/// An approved budget request, and what it has made of the agent's budget.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BudgetRequestApproved {
    /// The request.
    #[serde(flatten)]
    pub request: BudgetRequestView,
    /// The agent.
    pub agent: RaisedAgent,
}

/// An agent whose budget was raised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RaisedAgent {
    /// The agent.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// Its budget before.
    pub old_budget: Dollars,
    /// Its budget now.
    pub new_budget: Dollars,
}

/// Reads one object as two. Amounts are read from their digits, which a flattened field would
/// have lost.
pub(crate) fn both<'de, D, A, B>(deserializer: D) -> Result<(A, B), D::Error>
where
    D: Deserializer<'de>,
    A: DeserializeOwned,
    B: DeserializeOwned,
{
    let text = Box::<RawValue>::deserialize(deserializer)?;
    let one = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
    let other = serde_json::from_str(text.get()).map_err(D::Error::custom)?;
    Ok((one, other))
}

impl<'de> Deserialize<'de> for BudgetRequestDetails {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Now {
            agent_budget: Option<Dollars>,
            agent_spent: Dollars,
            agent_spent_micros: i64,
            agent_remaining: Option<Dollars>,
            agent_remaining_micros: Option<i64>,
        }
        let (request, now): (BudgetRequestView, Now) = both(deserializer)?;
        Ok(BudgetRequestDetails {
            request,
            agent_budget: now.agent_budget,
            agent_spent: now.agent_spent,
            agent_spent_micros: now.agent_spent_micros,
            agent_remaining: now.agent_remaining,
            agent_remaining_micros: now.agent_remaining_micros,
        })
    }
}

impl<'de> Deserialize<'de> for BudgetRequestApproved {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Raised {
            agent: RaisedAgent,
        }
        let (request, raised): (BudgetRequestView, Raised) = both(deserializer)?;
        Ok(BudgetRequestApproved {
            request,
            agent: raised.agent,
        })
    }
}

/// Which budget requests to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BudgetRequestQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `created_at` or `requested_budget`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(created_at|requested_budget)$")]
    pub sort: Option<String>,
    /// One or several of `pending`, `approved`, `denied` and `cancelled`, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        pattern = "^(pending|approved|denied|cancelled)(, ?(pending|approved|denied|cancelled))*$"
    )]
    pub status: Option<String>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester_id: Option<UserId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_as_they_are_written() {
        let request = r#""id":"br_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f",
            "agent_id":"agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f","agent_name":"writer",
            "requester_id":"user_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f","current_budget":10.00,
            "requested_budget":20.00,"justification":"more letters","status":"pending",
            "created_at":"2026-01-01T00:00:00.000Z","decided_at":null"#;
        let details = format!(
            r#"{{{request},"agent_budget":10.00,"agent_spent":1.50,"agent_spent_micros":1500000,
            "agent_remaining":8.50,"agent_remaining_micros":8500000}}"#
        );
        let read: BudgetRequestDetails = serde_json::from_str(&details).expect("reads");
        assert_eq!(read.agent_spent, Dollars::from_cents(150));
        assert_eq!(read.request.requested_budget, Dollars::from_cents(2_000));
        let again = serde_json::to_string(&read).expect("is written");
        assert_eq!(serde_json::from_str(&again).ok(), Some(read));
        let approved = format!(
            r#"{{{request},"agent":{{"id":"agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f",
            "name":"writer","old_budget":10.00,"new_budget":20.00}}}}"#
        );
        let read: BudgetRequestApproved = serde_json::from_str(&approved).expect("reads");
        assert_eq!(read.agent.new_budget, Dollars::from_cents(2_000));
        let again = serde_json::to_string(&read).expect("is written");
        assert_eq!(serde_json::from_str(&again).ok(), Some(read));
    }
}
