//! `iron tenants`.

use std::str::FromStr;

use iron_sdk::Client;
use iron_sdk::billing::BillQuery;
use iron_sdk::tenants::{CreateTenant, SetTenantQuotas, TenantQuery, TenantView, UpdateTenant};
use iron_sdk::users::Reason;

use super::resolve;
use super::users::invited;
use crate::args::{TenantQuotas, Tenants};
use crate::connection::Connection;
use crate::console::{Console, dollars};
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
            quotas,
        } => {
            let body = CreateTenant {
                name,
                slug,
                plan,
                quotas: wanted(quotas)?,
                admin_email,
            };
            let created = client.create_tenant(&body).await?;
            return console.show(&created, || {
                let tenant = facts(console, &created.tenant);
                let admin = invited(console, &created.admin, &created.invitation);
                format!("{tenant}\n\nits first admin:\n{admin}")
            });
        }
        Tenants::Billing {
            tenant,
            month,
            group_by,
        } => {
            let query = BillQuery {
                month,
                group_by,
                format: None,
            };
            return billing(&client, console, (&tenant, query)).await;
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
            quotas,
        } => {
            let change = UpdateTenant {
                name,
                plan,
                quotas: wanted(quotas)?,
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

/// The quotas that are named; `none` takes one away.
fn wanted(quotas: TenantQuotas) -> Outcome<Option<SetTenantQuotas>> {
    let number = |text| one(text, "`none` or a number from 0 to 1000000");
    let amount = "`none` or an amount in dollars from 0.01 to 999999.99";
    let set = SetTenantQuotas {
        monthly_budget: one(quotas.monthly_budget, amount)?,
        max_agents: number(quotas.max_agents)?,
        max_users: number(quotas.max_users)?,
        max_projects: number(quotas.max_projects)?,
        cpu_cores: number(quotas.cpu_cores)?,
        memory_mb: number(quotas.memory_mb)?,
    };
    Ok((set != SetTenantQuotas::default()).then_some(set))
}

fn one<T: FromStr>(text: Option<String>, expected: &'static str) -> Outcome<Option<Option<T>>> {
    match text.as_deref() {
        None => Ok(None),
        Some("none") => Ok(Some(None)),
        Some(text) => resolve::parse(text, expected).map(|value| Some(Some(value))),
    }
}

async fn billing(client: &Client, console: Console, (tenant, query): (&str, BillQuery)) -> Outcome {
    let id = resolve::tenant(client, tenant).await?;
    let bill = client.get_tenant_billing(id, &query).await?;
    console.show(&bill, || {
        let rows = bill.items.iter().map(|item| {
            vec![
                item.project.clone().unwrap_or_default(),
                item.agent.clone().unwrap_or_default(),
                item.model
                    .clone()
                    .or_else(|| item.tool.clone())
                    .unwrap_or_default(),
                item.requests.to_string(),
                item.input_tokens.to_string(),
                item.output_tokens.to_string(),
                dollars(item.cost_micros),
            ]
        });
        let headings = [
            "project",
            "agent",
            "model or tool",
            "calls",
            "tokens in",
            "out",
            "cost",
        ];
        let table = console.table(&headings, rows.collect());
        format!("{table}\n\n{} in {}", dollars(bill.cost_micros), bill.month)
    })
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
        ("agents", of(tenant.usage.agents, tenant.quotas.max_agents)),
        ("users", of(tenant.usage.users, tenant.quotas.max_users)),
        (
            "projects",
            of(tenant.usage.projects, tenant.quotas.max_projects),
        ),
        ("created", tenant.created_at.to_string()),
    ];
    if let Some(at) = tenant.deletion_at {
        facts.push(("removed after", at.to_string()));
    }
    console.facts(&facts)
}

fn of(used: u64, most: Option<u32>) -> String {
    most.map_or_else(|| used.to_string(), |most| format!("{used} of {most}"))
}
