//! `iron pools`.

use iron_primitives::{AgentId, PoolId};
use iron_sdk::pools::{
    CreatePool, PoolMember, PoolPriorities, PoolPriority, PoolQuery, PoolView, UpdatePool,
};
use iron_sdk::{BudgetAmount, Client};

use super::periods::{self, period_of};
use super::resolve::{self, parse};
use crate::args::{Caps, Pools};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) async fn run(verb: Pools, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Pools::List {
            name,
            agent,
            paging,
        } => {
            let agent_id = match agent {
                Some(agent) => Some(resolve::agent(&client, &agent).await?),
                None => None,
            };
            let query = PoolQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                sort: None,
                name,
                agent_id,
            };
            let list = client.list_pools(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Pools::Get { pool } => {
            let view = client
                .get_pool(resolve::pool(&client, &pool).await?)
                .await?;
            console.show(&view, || facts(console, &view))
        }
        Pools::Create {
            name,
            budget,
            period,
            members,
            caps,
        } => {
            let (period, schedule) = period_of(period)?;
            let body = CreatePool {
                name,
                budget: amount(&budget)?,
                period,
                schedule,
                priorities: priorities(caps),
                members: Some(named(&client, &members).await?),
            };
            let view = client.create_pool(&body).await?;
            console.show(&view, || facts(console, &view))
        }
        Pools::Update {
            pool,
            name,
            budget,
            period,
            members,
            leavers,
            caps,
        } => {
            let id = resolve::pool(&client, &pool).await?;
            let (period, schedule) = period_of(period)?;
            let mut change = UpdatePool {
                name,
                budget: budget.map(|text| amount(&text)).transpose()?,
                period,
                schedule,
                priorities: priorities(caps),
                members: None,
            };
            if !members.is_empty() || !leavers.is_empty() {
                change.members = Some(members_of(&client, id, &members, &leavers).await?);
            }
            let view = client.update_pool(id, &change).await?;
            console.show(&view, || facts(console, &view))
        }
        Pools::Delete { pool, force } => {
            let id = resolve::pool(&client, &pool).await?;
            console.confirm(&format!("delete the pool `{pool}`?"), force)?;
            let gone = client.delete_pool(id).await?;
            console.show(&gone, || format!("deleted {}", gone.id))
        }
    }
}

/// All members of a pool after some have come, changed or left.
async fn members_of(
    client: &Client,
    pool: PoolId,
    come: &[String],
    leave: &[String],
) -> Outcome<Vec<PoolMember>> {
    let mut changed = named(client, come).await?;
    let mut away: Vec<AgentId> = Vec::with_capacity(leave.len());
    for agent in leave {
        away.push(resolve::agent(client, agent).await?);
    }
    let spoken_of = |agent: AgentId| {
        away.contains(&agent) || changed.iter().any(|member| member.agent_id == agent)
    };
    let view = client.get_pool(pool).await?;
    let mut members: Vec<PoolMember> = view
        .members
        .iter()
        .filter(|member| !spoken_of(member.agent_id))
        .map(|member| PoolMember {
            agent_id: member.agent_id,
            priority: member.priority,
            share: member.share,
        })
        .collect();
    members.append(&mut changed);
    Ok(members)
}

/// Members as `AGENT=PRIORITY[:SHARE]`.
async fn named(client: &Client, texts: &[String]) -> Outcome<Vec<PoolMember>> {
    let mut members = Vec::with_capacity(texts.len());
    for text in texts {
        let expected = || {
            Failure::usage(format!(
                "`{text}` is not a member, expected `AGENT=critical|high|normal|low[:SHARE]`"
            ))
        };
        let (agent, rest) = text.rsplit_once('=').ok_or_else(expected)?;
        let (word, share) = match rest.split_once(':') {
            Some((word, share)) => (word, Some(share.parse().map_err(|_| expected())?)),
            None => (rest, None),
        };
        members.push(PoolMember {
            agent_id: resolve::agent(client, agent).await?,
            priority: PoolPriority::from_word(word).ok_or_else(expected)?,
            share,
        });
    }
    Ok(members)
}

/// The parser takes all three or none.
fn priorities(caps: Caps) -> Option<PoolPriorities> {
    Some(PoolPriorities {
        low: caps.low?,
        normal: caps.normal?,
        high: caps.high?,
    })
}

fn amount(text: &str) -> Outcome<BudgetAmount> {
    parse(text, "an amount in dollars from 0.01 to 999999.99")
}

fn table(console: Console, pools: &[PoolView]) -> String {
    let rows = pools.iter().map(|pool| {
        vec![
            pool.id.to_string(),
            pool.name.clone(),
            pool.budget.to_string(),
            pool.spent.to_string(),
            pool.remaining.to_string(),
            pool.members.len().to_string(),
        ]
    });
    let headings = ["id", "name", "budget", "spent", "remaining", "members"];
    console.table(&headings, rows.collect())
}

fn facts(console: Console, pool: &PoolView) -> String {
    let resets = pool.next_reset_at.map(|at| at.to_string());
    let head = console.facts(&[
        ("id", pool.id.to_string()),
        ("name", pool.name.clone()),
        ("budget", pool.budget.to_string()),
        ("spent", pool.spent.to_string()),
        ("reserved", pool.reserved.to_string()),
        ("in suspense", pool.suspense.to_string()),
        ("remaining", pool.remaining.to_string()),
        ("status", pool.status.to_string()),
        (
            "period",
            periods::shown(pool.period, pool.schedule.as_ref()),
        ),
        ("begins anew", resets.unwrap_or_else(|| "never".to_owned())),
    ]);
    let priorities = pool.priorities.iter().map(|one| {
        vec![
            one.priority.to_string(),
            format!("{} %", one.percentage),
            one.budget.to_string(),
            one.spent.to_string(),
            one.remaining.to_string(),
        ]
    });
    let headings = ["up to priority", "of the pool", "at most", "spent", "left"];
    let priorities = console.table_below(&headings, priorities.collect());
    let members = pool.members.iter().map(|one| {
        vec![
            one.agent_id.to_string(),
            one.priority.to_string(),
            one.share
                .map_or("-".to_owned(), |share| format!("{share} %")),
            one.spent.to_string(),
            one.remaining.to_string(),
        ]
    });
    let headings = ["agent", "priority", "share", "spent", "left"];
    let members = console.table_below(&headings, members.collect());
    format!("{head}{priorities}{members}")
}
