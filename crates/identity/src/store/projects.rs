//! `projects`.

use std::collections::HashMap;

use iron_primitives::{ProjectId, TenantId};
use iron_store::{
    Db, Error, Json, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine,
};

use crate::Project;

const COLUMNS: &str = "id, tenant_id, name, description, team_id, cost_center, settings, \
                       is_default, created_at, updated_at";

fn project(row: &Row) -> Result<Project, Error> {
    Ok(Project {
        id: row.get("id")?,
        tenant_id: row.get("tenant_id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        team_id: row.get("team_id")?,
        cost_center: row.get("cost_center")?,
        settings: row.get::<Json<_>>("settings")?.0,
        is_default: row.get("is_default")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

pub(crate) async fn insert(tx: &mut Tx, new: &Project) -> Result<(), Error> {
    sql(
        "INSERT INTO projects (tenant_id, id, name, description, team_id, cost_center, settings, \
         is_default, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(new.tenant_id)
    .bind(new.id)
    .bind(&new.name)
    .bind(&new.description)
    .bind(new.team_id)
    .bind(&new.cost_center)
    .bind(Json(&new.settings))
    .bind(new.is_default)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn get<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: ProjectId,
) -> Result<Option<Project>, Error> {
    Select::new(COLUMNS, "projects")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| project(&row))
        .transpose()
}

/// Lets one transaction at a time change a project.
pub(crate) async fn lock(tx: &mut Tx, tenant: TenantId, id: ProjectId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM projects WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM projects WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await
    .map(drop)
}

/// Keeps a project from being deleted until the end of the transaction.
pub(crate) async fn keep(tx: &mut Tx, tenant: TenantId, id: ProjectId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM projects WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM projects WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await
    .map(drop)
}

pub(crate) async fn default<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
) -> Result<Option<Project>, Error> {
    Select::new(COLUMNS, "projects")
        .filter("tenant_id = ?", tenant)
        .filter_fixed("is_default = 1")
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| project(&row))
        .transpose()
}

pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    name: Option<&str>,
    sort: Sort,
    page: Page,
) -> Result<Paged<Project>, Error> {
    Select::new(COLUMNS, "projects")
        .filter("tenant_id = ?", tenant)
        .filter_contains_some("name", name)
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| project(&row))
}

pub(crate) async fn update(tx: &mut Tx, project: &Project) -> Result<(), Error> {
    sql(
        "UPDATE projects SET name = $3, description = $4, cost_center = $5, settings = $6, \
         updated_at = $7, team_id = $8 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(project.tenant_id)
    .bind(project.id)
    .bind(&project.name)
    .bind(&project.description)
    .bind(&project.cost_center)
    .bind(Json(&project.settings))
    .bind(project.updated_at)
    .bind(project.team_id)
    .execute(tx)
    .await
    .map(drop)
}

pub(crate) async fn delete(tx: &mut Tx, tenant: TenantId, id: ProjectId) -> Result<(), Error> {
    sql("DELETE FROM projects WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .execute(tx)
        .await
        .map(drop)
}

pub(crate) async fn count<'a>(on: impl Into<Target<'a>>, tenant: TenantId) -> Result<u64, Error> {
    let row = sql("SELECT COUNT(*) AS total FROM projects WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_one(on)
        .await?;
    Ok(u64::try_from(row.get::<i64>("total")?).unwrap_or(0))
}

pub(crate) async fn names(db: &Db, tenant: TenantId) -> Result<HashMap<ProjectId, String>, Error> {
    let rows = sql("SELECT id, name FROM projects WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("id")?, row.get("name")?)))
        .collect()
}
