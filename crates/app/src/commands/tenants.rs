//! `iron tenants`.

use iron_sdk::tenants::{CreateTenant, SetTenantQuotas, TenantQuery, TenantView, UpdateTenant};
use iron_sdk::users::Reason;

use super::resolve;
use super::users::invited;
use crate::args::Tenants;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::Outcome;

pub(super) async fn run(verb: Tenants, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    let view = match verb {
        Tenants::List {
            name,
            status,
            paging,
        } => {
            let query = TenantQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                name,
                status,
                sort: None,
            };
            let list = client.list_tenants(&query).await?;
            return console.show(&list, || table(console, &list.data));
        }
        Tenants::Create {
            name,
            slug,
            admin_email,
            plan,
            monthly_budget,
        } => {
            let body = CreateTenant {
                name,
                slug,
                plan,
                quotas: quotas(monthly_budget)?,
                admin_email,
            };
            let created = client.create_tenant(&body).await?;
            return console.show(&created, || {
                let tenant = facts(console, &created.tenant);
                let admin = invited(console, &created.admin, &created.invitation);
                format!("{tenant}\n\nits first admin:\n{admin}")
            });
        }
        Tenants::InviteAdmin { tenant } => {
            let id = resolve::tenant(&client, &tenant).await?;
            let made = client.invite_tenant_admin(id).await?;
            return console.show(&made, || invited(console, &made.user, &made.invitation));
        }
        Tenants::Get { tenant } => {
            let id = resolve::tenant(&client, &tenant).await?;
            client.get_tenant(id).await?
        }
        Tenants::Update {
            tenant,
            name,
            plan,
            monthly_budget,
        } => {
            let change = UpdateTenant {
                name,
                plan,
                quotas: quotas(monthly_budget)?,
            };
            let id = resolve::tenant(&client, &tenant).await?;
            client.update_tenant(id, &change).await?
        }
        Tenants::Suspend {
            tenant,
            reason,
            force,
        } => {
            let id = resolve::tenant(&client, &tenant).await?;
            let question = format!("suspend tenant `{tenant}`, whose agents' calls end at once?");
            console.confirm(&question, force)?;
            client.suspend_tenant(id, &Reason { reason }).await?
        }
        Tenants::Activate { tenant } => {
            let id = resolve::tenant(&client, &tenant).await?;
            client.activate_tenant(id).await?
        }
        Tenants::Delete { tenant, force } => {
            let id = resolve::tenant(&client, &tenant).await?;
            let question = format!("delete tenant `{tenant}` with all that it has in thirty days?");
            console.confirm(&question, force)?;
            client.delete_tenant(id).await?
        }
    };
    console.show(&view, || facts(console, &view))
}

/// The monthly budget as an amount, or `none`.
fn quotas(monthly_budget: Option<String>) -> Outcome<Option<SetTenantQuotas>> {
    let Some(text) = monthly_budget else {
        return Ok(None);
    };
    let amount = if text == "none" {
        None
    } else {
        Some(resolve::parse(
            &text,
            "`none` or an amount in dollars from 0.01 to 999999.99",
        )?)
    };
    Ok(Some(SetTenantQuotas {
        monthly_budget: Some(amount),
    }))
}

fn table(console: Console, tenants: &[TenantView]) -> String {
    let rows = tenants.iter().map(|tenant| {
        vec![
            tenant.id.to_string(),
            tenant.slug.clone(),
            tenant.name.clone(),
            tenant.plan.to_string(),
            tenant.status.to_string(),
        ]
    });
    console.table(&["id", "slug", "name", "plan", "status"], rows.collect())
}

fn facts(console: Console, tenant: &TenantView) -> String {
    let mut facts = vec![
        ("id", tenant.id.to_string()),
        ("slug", tenant.slug.clone()),
        ("name", tenant.name.clone()),
        ("plan", tenant.plan.to_string()),
        ("status", tenant.status.to_string()),
        (
            "monthly budget",
            tenant
                .quotas
                .monthly_budget
                .map_or("unlimited".to_owned(), |budget| budget.to_string()),
        ),
        ("spent", tenant.usage.spent.to_string()),
        ("created", tenant.created_at.to_string()),
    ];
    if let Some(at) = tenant.deletion_at {
        facts.push(("removed after", at.to_string()));
    }
    console.facts(&facts)
}
