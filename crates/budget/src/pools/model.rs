//! The words of pools.

use iron_primitives::{AgentId, Money, Period, PoolId, Scope, Timestamp};
use serde::Serialize;

use crate::{BudgetStatus, Error};

iron_store::words! {
    /// Which members a pool keeps room for when it runs low.
    pub enum Priority {
        /// May use all of the pool.
        Critical = "critical",
        /// Leaves the last part to critical ones.
        High = "high",
        /// Leaves room to high and critical ones.
        Normal = "normal",
        /// Stops first.
        Low = "low",
    }
}

/// The most of a pool, in percent, that members up to a priority may have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Low.
    pub low: u8,
    /// Low and normal.
    pub normal: u8,
    /// Low, normal and high.
    pub high: u8,
}

impl Default for Caps {
    fn default() -> Self {
        Caps {
            low: 50,
            normal: 75,
            high: 90,
        }
    }
}

impl Caps {
    pub(super) const fn checked(self) -> Result<Self, Error> {
        let nested = self.low <= self.normal && self.normal <= self.high;
        if self.low >= 1 && nested && self.high <= 100 {
            return Ok(self);
        }
        Err(Error::PoolInvalid {
            field: "priorities",
            problem: "percentages must be 1 to 100, and none below that of a lower priority",
        })
    }
}

/// An agent that shares a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// The agent.
    pub agent: AgentId,
    /// The budget of its share.
    pub id: PoolId,
    /// Its priority.
    pub priority: Priority,
    /// The most of the pool that it may have, in percent; all of it if absent.
    pub share: Option<u8>,
}

/// An agent that is to share a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewMember {
    /// The agent.
    pub agent: AgentId,
    /// Its priority.
    pub priority: Priority,
    /// The most of the pool that it may have, in percent; all of it if absent.
    pub share: Option<u8>,
}

impl NewMember {
    pub(super) fn checked(&self) -> Result<(), Error> {
        if self.share.is_none_or(|share| (1..=100).contains(&share)) {
            return Ok(());
        }
        Err(Error::PoolInvalid {
            field: "members",
            problem: "a share must be 1 to 100 percent",
        })
    }
}

/// A pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// The pool, and its budget.
    pub id: PoolId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// The limit.
    pub budget: Money,
    /// How often it begins anew.
    pub period: Period,
    /// The percentages of the caps.
    pub caps: Caps,
    /// The budget that caps priority low.
    pub low: PoolId,
    /// The budget that caps priorities low and normal.
    pub normal: PoolId,
    /// The budget that caps priorities low, normal and high.
    pub high: PoolId,
    /// Who shares it, the most important first.
    pub members: Vec<Member>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Pool {
    /// Its own budgets with their limits: the pool and the caps of priorities.
    pub(super) fn limits(&self) -> [(PoolId, Option<Money>); 4] {
        let part = |percent| Some(percent_of(self.budget, percent));
        [
            (self.id, Some(self.budget)),
            (self.low, part(self.caps.low)),
            (self.normal, part(self.caps.normal)),
            (self.high, part(self.caps.high)),
        ]
    }

    /// All its budgets.
    pub(super) fn scopes(&self) -> impl Iterator<Item = Scope> + '_ {
        let caps = [self.id, self.low, self.normal, self.high];
        let members = self.members.iter().map(|member| member.id);
        caps.into_iter().chain(members).map(Scope::Pool)
    }

    /// The limit of a member with this share.
    pub(super) fn limit_of_share(&self, share: Option<u8>) -> Option<Money> {
        share.map(|percent| percent_of(self.budget, percent))
    }
}

/// So many percent of an amount, rounded down.
fn percent_of(amount: Money, percent: u8) -> Money {
    let part = i128::from(amount.nanos()).saturating_mul(i128::from(percent.min(100))) / 100;
    // No more than the amount itself.
    Money::from_nanos(i64::try_from(part).unwrap_or(i64::MAX))
}

/// What is spent and left of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Funds {
    /// Of all of it.
    pub whole: BudgetStatus,
    /// Of the cap for low.
    pub low: BudgetStatus,
    /// Of the cap for low and normal.
    pub normal: BudgetStatus,
    /// Of the cap for low, normal and high.
    pub high: BudgetStatus,
    /// Of each member's share, in the order of [`Pool::members`].
    pub members: Vec<BudgetStatus>,
}

/// A new pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPool {
    /// Its name, unique in the tenant.
    pub name: String,
    /// The limit.
    pub budget: Money,
    /// How often it begins anew.
    pub period: Period,
    /// The percentages of the caps.
    pub caps: Caps,
    /// Who shares it.
    pub members: Vec<NewMember>,
}

/// A change of a pool; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolChange {
    /// The new name.
    pub name: Option<String>,
    /// The new limit.
    pub budget: Option<Money>,
    /// How often it begins anew.
    pub period: Option<Period>,
    /// The new percentages.
    pub caps: Option<Caps>,
    /// All members from now on.
    pub members: Option<Vec<NewMember>>,
}

/// What a change of a pool came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolUpdated {
    /// As it is now.
    pub pool: Pool,
    /// The agents that stand under other caps now.
    pub agents: Vec<AgentId>,
    /// The budgets with another limit or period now.
    pub budgets: Vec<Scope>,
}

/// Which pools are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PoolFilter {
    /// With this in the name.
    pub name: Option<String>,
    /// Which this agent shares.
    pub agent: Option<AgentId>,
}

impl PoolFilter {
    /// What pools can be ordered by: the word on the wire and the column.
    pub const SORTS: &'static [(&'static str, &'static str)] =
        &[("name", "name"), ("created_at", "created_at")];
}

/// A pool in an audit entry.
#[derive(Serialize)]
pub(super) struct Noted<'a> {
    name: &'a str,
    budget: String,
    period: &'a Period,
    low_percent: u8,
    normal_percent: u8,
    high_percent: u8,
    members: Vec<NotedMember>,
}

#[derive(Serialize)]
struct NotedMember {
    agent_id: AgentId,
    priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<u8>,
}

impl<'a> Noted<'a> {
    pub(super) fn of(pool: &'a Pool) -> Self {
        Noted {
            name: &pool.name,
            budget: pool.budget.to_string(),
            period: &pool.period,
            low_percent: pool.caps.low,
            normal_percent: pool.caps.normal,
            high_percent: pool.caps.high,
            members: pool
                .members
                .iter()
                .map(|member| NotedMember {
                    agent_id: member.agent,
                    priority: member.priority,
                    share: member.share,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_part_is_never_more_than_its_percentage_nor_a_nano_dollar_less(
            nanos in 0_i64..=i64::MAX,
            percent in 0_u8..=100,
        ) {
            let part = i128::from(percent_of(Money::from_nanos(nanos), percent).nanos());
            let exact = i128::from(nanos) * i128::from(percent);
            prop_assert!(part * 100 <= exact && exact < (part + 1) * 100);
        }

        #[test]
        fn caps_are_taken_only_if_each_holds_the_ones_below(
            low in any::<u8>(), normal in any::<u8>(), high in any::<u8>(),
        ) {
            let nested = 1 <= low && low <= normal && normal <= high && high <= 100;
            prop_assert_eq!(Caps { low, normal, high }.checked().is_ok(), nested);
        }
    }
}
