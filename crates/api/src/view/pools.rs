//! Pools.

use iron_budget::{BudgetStatus, Funds, Member, Pool, Priority};
use iron_primitives::Money;
use iron_sdk::pools::{PoolMemberView, PoolPriority, PoolPriorityView, PoolView};

use super::money::{percentage, standing};

/// A pool with what is used of it.
pub(crate) fn pool(pool: Pool, funds: &Funds) -> PoolView {
    let whole = &funds.whole;
    let (spent, reserved) = (whole.spent(), whole.reserved());
    let remaining = left_for(Priority::Critical, funds);
    PoolView {
        id: pool.id,
        budget: pool.budget.into(),
        budget_micros: pool.budget.micros(),
        spent: spent.into(),
        spent_micros: spent.micros(),
        reserved: reserved.into(),
        reserved_micros: reserved.micros(),
        suspense: whole.suspense.into(),
        suspense_micros: whole.suspense.micros(),
        remaining: remaining.into(),
        remaining_micros: remaining.micros(),
        percentage_used: percentage(whole),
        status: standing(whole),
        period: pool.period.kind(),
        schedule: super::schedule(&pool.period),
        next_reset_at: whole.next_reset_at(),
        priorities: Priority::ALL
            .iter()
            .map(|one| priority(*one, &pool, funds))
            .collect(),
        members: pool
            .members
            .iter()
            .zip(&funds.members)
            .map(|(one, share)| member(one, share, funds))
            .collect(),
        created_at: pool.created_at,
        updated_at: pool.updated_at,
        name: pool.name,
    }
}

/// The caps above a priority, the narrowest first.
fn caps(priority: Priority, funds: &Funds) -> impl Iterator<Item = &BudgetStatus> {
    let nested = [&funds.low, &funds.normal, &funds.high, &funds.whole];
    let begin = match priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Critical => 3,
    };
    nested.into_iter().skip(begin)
}

/// What the tightest cap leaves to a priority.
fn left_for(priority: Priority, funds: &Funds) -> Money {
    let left = caps(priority, funds).filter_map(BudgetStatus::remaining);
    left.min().unwrap_or(Money::ZERO)
}

fn priority(priority: Priority, pool: &Pool, funds: &Funds) -> PoolPriorityView {
    let (percentage, below) = match priority {
        Priority::Critical => (100, funds.high.spent()),
        Priority::High => (pool.caps.high, funds.normal.spent()),
        Priority::Normal => (pool.caps.normal, funds.low.spent()),
        Priority::Low => (pool.caps.low, Money::ZERO),
    };
    let cap = caps(priority, funds).next();
    let budget = cap.and_then(|cap| cap.limit).unwrap_or(Money::ZERO);
    // Each cap counts the ones below it too.
    let spent = cap.map_or(Money::ZERO, BudgetStatus::spent);
    let spent = spent.minus_or_zero(below);
    let remaining = left_for(priority, funds);
    PoolPriorityView {
        priority: word(priority),
        percentage,
        budget: budget.into(),
        budget_micros: budget.micros(),
        spent: spent.into(),
        spent_micros: spent.micros(),
        remaining: remaining.into(),
        remaining_micros: remaining.micros(),
    }
}

fn member(member: &Member, share: &BudgetStatus, funds: &Funds) -> PoolMemberView {
    let spent = share.spent();
    let of_priority = left_for(member.priority, funds);
    let remaining = share
        .remaining()
        .map_or(of_priority, |own| own.min(of_priority));
    PoolMemberView {
        agent_id: member.agent,
        priority: word(member.priority),
        share: member.share,
        spent: spent.into(),
        spent_micros: spent.micros(),
        remaining: remaining.into(),
        remaining_micros: remaining.micros(),
    }
}

const fn word(priority: Priority) -> PoolPriority {
    match priority {
        Priority::Critical => PoolPriority::Critical,
        Priority::High => PoolPriority::High,
        Priority::Normal => PoolPriority::Normal,
        Priority::Low => PoolPriority::Low,
    }
}
