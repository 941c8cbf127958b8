//! `iron leases`.

use iron_primitives::LeaseId;
use iron_sdk::Dollars;
use iron_sdk::budget_events::BudgetUnit;
use iron_sdk::leases::{LeaseQuery, LeaseView, ReconcileLease};
use iron_sdk::users::Reason;

use super::resolve::{self, parse};
use crate::args::Leases;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::Outcome;

pub(super) async fn run(verb: Leases, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Leases::List {
            agent,
            status,
            paging,
        } => {
            let agent_id = match agent {
                Some(agent) => Some(resolve::agent(&client, &agent).await?),
                None => None,
            };
            let query = LeaseQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                agent_id,
                status,
            };
            let list = client.list_leases(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Leases::Revoke {
            lease,
            reason,
            force,
        } => {
            let id = id(&lease)?;
            let question = format!("take lease `{lease}` away from its instance?");
            console.confirm(&question, force)?;
            let view = client.revoke_lease(id, &Reason { reason }).await?;
            console.show(&view, || facts(console, &view))
        }
        Leases::Reconcile {
            lease,
            reason,
            spent,
            force,
        } => {
            let id = id(&lease)?;
            let amount = "an amount in dollars such as `1.20`";
            let final_spent = spent.map(|text| parse(&text, amount)).transpose()?;
            let question = format!("close lease `{lease}` and free what is left of it?");
            console.confirm(&question, force)?;
            let body = ReconcileLease {
                reason,
                final_spent,
                final_spent_micros: None,
            };
            let view = client.reconcile_lease(id, &body).await?;
            console.show(&view, || facts(console, &view))
        }
    }
}

fn id(text: &str) -> Outcome<LeaseId> {
    parse(text, "a lease id such as `lease_…`")
}

/// An amount in the unit of its lease.
fn amount(unit: BudgetUnit, dollars: Dollars, amount: i64) -> String {
    match unit {
        BudgetUnit::Usd => format!("${dollars}"),
        BudgetUnit::Tokens => format!("{amount} tokens"),
        BudgetUnit::ExecutionTime => format!("{amount} ms"),
    }
}

fn table(console: Console, leases: &[LeaseView]) -> String {
    let rows = leases.iter().map(|lease| {
        vec![
            lease.id.to_string(),
            lease.scope.to_string(),
            lease.status.to_string(),
            amount(lease.unit, lease.granted, lease.granted_amount),
            amount(lease.unit, lease.settled, lease.settled_amount),
            amount(lease.unit, lease.returned, lease.returned_amount),
            lease.reported_at.to_string(),
        ]
    });
    let headings = [
        "id",
        "budget of",
        "status",
        "granted",
        "settled",
        "returned",
        "reported",
    ];
    console.table(&headings, rows.collect())
}

fn facts(console: Console, lease: &LeaseView) -> String {
    console.facts(&[
        ("id", lease.id.to_string()),
        ("budget of", lease.scope.to_string()),
        (
            "instance",
            format!("{} (start {})", lease.instance_id, lease.incarnation),
        ),
        ("status", lease.status.to_string()),
        (
            "granted",
            amount(lease.unit, lease.granted, lease.granted_amount),
        ),
        (
            "settled",
            amount(lease.unit, lease.settled, lease.settled_amount),
        ),
        (
            "returned",
            amount(lease.unit, lease.returned, lease.returned_amount),
        ),
        ("held", amount(lease.unit, lease.held, lease.held_amount)),
        ("reported", lease.reported_at.to_string()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_shown_as_tokens_and_time_as_time() {
        let none = Dollars::from_cents(0);
        assert_eq!(amount(BudgetUnit::Tokens, none, 1500), "1500 tokens");
        assert_eq!(amount(BudgetUnit::ExecutionTime, none, 250), "250 ms");
        let dollars = Dollars::from_cents(150);
        assert_eq!(amount(BudgetUnit::Usd, dollars, 1_500_000_000), "$1.50");
    }
}
