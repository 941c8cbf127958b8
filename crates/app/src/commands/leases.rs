//! `iron leases`.

use iron_primitives::LeaseId;
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

fn table(console: Console, leases: &[LeaseView]) -> String {
    let rows = leases.iter().map(|lease| {
        vec![
            lease.id.to_string(),
            lease.scope.to_string(),
            lease.status.to_string(),
            lease.granted.to_string(),
            lease.settled.to_string(),
            lease.returned.to_string(),
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
        ("granted", lease.granted.to_string()),
        ("settled", lease.settled.to_string()),
        ("returned", lease.returned.to_string()),
        ("held", lease.held.to_string()),
        ("reported", lease.reported_at.to_string()),
    ])
}
