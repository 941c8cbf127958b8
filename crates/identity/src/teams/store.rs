//! `teams` and `team_members`.

use std::collections::HashMap;

use iron_audit::{Authorised, Reach};
use iron_primitives::{Money, ProfileId, TeamId, TenantId, Timestamp, UserId};
use iron_store::{
    Db, Error, Json, Page, Paged, Row, Select, Sort, Target, Tx, sql, sql_per_engine,
};

use super::{Team, TeamMember, TeamName};

const COLUMNS: &str = "t.id, t.tenant_id, t.name, t.description, t.policy, \
    t.default_user_budget, t.created_at, t.updated_at";

const MEMBER_COLUMNS: &str = "m.team_id AS team_id, m.user_id AS user_id, m.team_role AS team_role, \
    m.joined_at AS joined_at, u.name AS name, u.email AS email";
const MEMBERS: &str =
    "team_members m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id";

fn team(row: &Row) -> Result<Team, Error> {
    Ok(Team {
        id: row.get("id")?,
        tenant_id: row.get("tenant_id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        policy: row.get::<Json<_>>("policy")?.0,
        default_user_budget: row.get::<Option<Money>>("default_user_budget")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

fn team_member(row: &Row) -> Result<TeamMember, Error> {
    Ok(TeamMember {
        user_id: row.get("user_id")?,
        name: row.get("name")?,
        email: row.get("email")?,
        team_role: row.get("team_role")?,
        joined_at: row.get("joined_at")?,
    })
}

pub(super) async fn insert(tx: &mut Tx, team: &Team) -> Result<(), Error> {
    sql(
        "INSERT INTO teams (tenant_id, id, name, description, policy, default_user_budget, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(team.tenant_id)
    .bind(team.id)
    .bind(&team.name)
    .bind(&team.description)
    .bind(Json(&team.policy))
    .bind(team.default_user_budget)
    .bind(team.created_at)
    .bind(team.updated_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(super) async fn update(tx: &mut Tx, team: &Team) -> Result<(), Error> {
    sql(
        "UPDATE teams SET name = $3, description = $4, policy = $5, default_user_budget = $6, \
         updated_at = $7 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(team.tenant_id)
    .bind(team.id)
    .bind(&team.name)
    .bind(&team.description)
    .bind(Json(&team.policy))
    .bind(team.default_user_budget)
    .bind(team.updated_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(super) async fn get<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    id: TeamId,
) -> Result<Option<Team>, Error> {
    Select::new(COLUMNS, "teams t")
        .filter("t.tenant_id = ?", tenant)
        .filter("t.id = ?", id)
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| team(&row))
        .transpose()
}

/// Lets one transaction at a time change a team.
pub(super) async fn lock(tx: &mut Tx, tenant: TenantId, id: TeamId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM teams WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM teams WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await
    .map(drop)
}

/// Keeps a team from being deleted until the end of the transaction.
pub(super) async fn keep(tx: &mut Tx, tenant: TenantId, id: TeamId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM teams WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM teams WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await
    .map(drop)
}

/// How many teams have a policy that names a guardrail profile.
pub(super) async fn count_with_guardrail_profile(
    tx: &mut Tx,
    tenant: TenantId,
    profile: ProfileId,
) -> Result<u64, Error> {
    let rows = Select::new(COLUMNS, "teams t")
        .filter("t.tenant_id = ?", tenant)
        .filter_contains("t.policy", &profile.to_string())
        .statement()
        .fetch_all(tx)
        .await?;
    let mut count = 0;
    for row in rows {
        let named = team(&row)?.policy.guardrail_profile_id;
        count += u64::from(named == Some(profile));
    }
    Ok(count)
}

/// A page of the teams within the caller's reach.
pub(super) async fn list(
    db: &Db,
    authorised: &Authorised,
    name: Option<&str>,
    sort: Sort,
    page: Page,
) -> Result<Paged<Team>, Error> {
    let select = Select::new(COLUMNS, "teams t")
        .filter("t.tenant_id = ?", authorised.tenant)
        .filter_contains_some("t.name", name);
    let select = match &authorised.reach {
        Reach::Tenant => select,
        Reach::Teams(teams) => select.filter_in("t.id", teams),
        Reach::Own(user) => select.filter(
            "EXISTS (SELECT 1 FROM team_members m WHERE m.tenant_id = t.tenant_id \
             AND m.team_id = t.id AND m.user_id = ?)",
            user,
        ),
    };
    select
        .sort(sort, "t.id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| team(&row))
}

/// A page of the names of all teams.
pub(super) async fn names(
    db: &Db,
    tenant: TenantId,
    name: Option<&str>,
    page: Page,
) -> Result<Paged<TeamName>, Error> {
    Select::new("id, name, description", "teams")
        .filter("tenant_id = ?", tenant)
        .filter_contains_some("name", name)
        .sort(Sort::ascending("name"), "id")
        .fetch_page(db, page)
        .await?
        .try_map(|row| {
            Ok(TeamName {
                id: row.get("id")?,
                name: row.get("name")?,
                description: row.get("description")?,
            })
        })
}

/// How many projects belong to a team.
pub(super) async fn projects(tx: &mut Tx, tenant: TenantId, id: TeamId) -> Result<u64, Error> {
    Select::new("id", "projects")
        .filter("tenant_id = ?", tenant)
        .filter("team_id = ?", id)
        .count(tx)
        .await
}

pub(super) async fn delete(tx: &mut Tx, tenant: TenantId, id: TeamId) -> Result<(), Error> {
    sql("DELETE FROM team_members WHERE tenant_id = $1 AND team_id = $2")
        .bind(tenant)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    sql("DELETE FROM teams WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .execute(tx)
        .await
        .map(drop)
}

pub(super) async fn is_member(
    db: &Db,
    tenant: TenantId,
    team: TeamId,
    user: UserId,
) -> Result<bool, Error> {
    Ok(member(db, tenant, team, user).await?.is_some())
}

pub(super) async fn member<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
    team: TeamId,
    user: UserId,
) -> Result<Option<TeamMember>, Error> {
    Select::new(MEMBER_COLUMNS, MEMBERS)
        .filter("m.tenant_id = ?", tenant)
        .filter("m.team_id = ?", team)
        .filter("m.user_id = ?", user)
        .statement()
        .fetch_optional(on)
        .await?
        .map(|row| team_member(&row))
        .transpose()
}

pub(super) async fn members(
    db: &Db,
    tenant: TenantId,
    teams: &[TeamId],
) -> Result<HashMap<TeamId, Vec<TeamMember>>, Error> {
    let rows = Select::new(MEMBER_COLUMNS, MEMBERS)
        .filter("m.tenant_id = ?", tenant)
        .filter_in("m.team_id", teams)
        .sort(Sort::ascending("u.name"), "m.user_id")
        .statement()
        .fetch_all(db)
        .await?;
    let mut found: HashMap<TeamId, Vec<TeamMember>> = HashMap::new();
    for row in &rows {
        let members = found.entry(row.get("team_id")?).or_default();
        members.push(team_member(row)?);
    }
    Ok(found)
}

pub(super) async fn put_member(
    tx: &mut Tx,
    tenant: TenantId,
    team: TeamId,
    member: &TeamMember,
) -> Result<(), Error> {
    sql(
        "INSERT INTO team_members (tenant_id, team_id, user_id, team_role, joined_at) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, team_id, user_id) DO UPDATE SET team_role = $4",
    )
    .bind(tenant)
    .bind(team)
    .bind(member.user_id)
    .bind(member.team_role)
    .bind(member.joined_at)
    .execute(tx)
    .await
    .map(drop)
}

pub(super) async fn remove_member(
    tx: &mut Tx,
    tenant: TenantId,
    team: TeamId,
    user: UserId,
) -> Result<(), Error> {
    sql("DELETE FROM team_members WHERE tenant_id = $1 AND team_id = $2 AND user_id = $3")
        .bind(tenant)
        .bind(team)
        .bind(user)
        .execute(tx)
        .await
        .map(drop)
}

/// A user is shown with his teams, so that a change of those makes a new version of him.
pub(super) async fn touch(
    tx: &mut Tx,
    tenant: TenantId,
    user: UserId,
    at: Timestamp,
) -> Result<(), Error> {
    sql("UPDATE users SET updated_at = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(user)
        .bind(at)
        .execute(tx)
        .await
        .map(drop)
}
