//! All SQL of this feature.

use std::collections::HashMap;

use iron_audit::{Authorised, Reach};
use iron_primitives::{
    ActorPath, AgentId, ProjectId, ProviderId, TeamId, TenantId, Timestamp, UserId,
};
use iron_store::{
    Db, Json, Page, Paged, Row, Select, Sort, Target, ToColumn as _, Tx, sql, sql_per_engine,
};

use crate::model::{
    Agent, AgentEnvironment, AgentFilter, AgentStanding, CallAgent, Outline, TeamAgent,
};
use crate::{Error, RuntimeState, Settings};

const COLUMNS: &str = "id, tenant_id, project_id, team_id, owner_id, name, description, settings, \
     switched_off, runtime_state, pause_reason, paused_by_budget, restarts, ends, calls_end_at, environment, version, created_at, \
     updated_at";

/// A word that the database holds and this version does not know.
fn unknown(column: &'static str) -> Error {
    let wanted = std::any::type_name::<RuntimeState>();
    Error::Store(iron_store::Error::Value {
        column: column.to_owned(),
        wanted,
    })
}

fn state(row: &Row) -> Result<RuntimeState, Error> {
    let word: String = row.get("runtime_state")?;
    RuntimeState::from_word(&word).ok_or_else(|| unknown("runtime_state"))
}

fn environment(row: &Row) -> Result<AgentEnvironment, Error> {
    let word: String = row.get("environment")?;
    AgentEnvironment::from_word(&word).ok_or_else(|| unknown("environment"))
}

/// An agent without its labels and providers, which stand in tables of their own.
fn agent(row: &Row) -> Result<Agent, Error> {
    Ok(Agent {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        project: row.get("project_id")?,
        team: row.get("team_id")?,
        owner: row.get("owner_id")?,
        name: row.get("name")?,
        description: row.get("description")?,
        tags: Vec::new(),
        settings: row.get::<Json<_>>("settings")?.0,
        providers: Vec::new(),
        switched_off: row.get("switched_off")?,
        runtime_state: state(row)?,
        pause_reason: row.get("pause_reason")?,
        paused_by_budget: row.get("paused_by_budget")?,
        restarts: row.get("restarts")?,
        ends: row.get("ends")?,
        calls_end_at: row.get("calls_end_at")?,
        environment: environment(row)?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}

pub(crate) async fn insert(tx: &mut Tx, agent: &Agent) -> Result<(), Error> {
    sql(
        "INSERT INTO agents (tenant_id, id, name, description, project_id, team_id, owner_id, \
         settings, switched_off, runtime_state, pause_reason, environment, version, created_at, \
         updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)",
    )
    .bind(agent.tenant)
    .bind(agent.id)
    .bind(&agent.name)
    .bind(&agent.description)
    .bind(agent.project)
    .bind(agent.team)
    .bind(agent.owner)
    .bind(Json(&agent.settings))
    .bind(agent.switched_off)
    .bind(agent.runtime_state.as_str())
    .bind(&agent.pause_reason)
    .bind(agent.environment.as_str())
    .bind(agent.version)
    .bind(agent.created_at)
    .execute(&mut *tx)
    .await?;
    put_tags(tx, agent).await?;
    put_providers(tx, agent.tenant, agent.id, &agent.providers).await
}

/// Writes what can change, if the version is still the one that was read.
pub(crate) async fn replace(tx: &mut Tx, agent: &Agent, read_version: i64) -> Result<(), Error> {
    let changed = sql(
        "UPDATE agents SET name = $3, description = $4, settings = $5, runtime_state = $6, \
         pause_reason = $7, owner_id = $8, switched_off = $9, team_id = $17, version = $10, updated_at = $11, \
         restarts = $13, ends = $14, calls_end_at = $15, paused_by_budget = $16 \
         WHERE tenant_id = $1 AND id = $2 AND version = $12 AND deleted_at IS NULL",
    )
    .bind(agent.tenant)
    .bind(agent.id)
    .bind(&agent.name)
    .bind(&agent.description)
    .bind(Json(&agent.settings))
    .bind(agent.runtime_state.as_str())
    .bind(&agent.pause_reason)
    .bind(agent.owner)
    .bind(agent.switched_off)
    .bind(agent.version)
    .bind(agent.updated_at)
    .bind(read_version)
    .bind(agent.restarts)
    .bind(agent.ends)
    .bind(agent.calls_end_at)
    .bind(agent.paused_by_budget)
    .bind(agent.team)
    .execute(&mut *tx)
    .await?;
    if changed == 0 {
        return Err(Error::Changed { id: agent.id });
    }
    Ok(())
}

pub(crate) async fn put_tags(tx: &mut Tx, agent: &Agent) -> Result<(), Error> {
    sql("DELETE FROM agent_tags WHERE tenant_id = $1 AND agent_id = $2")
        .bind(agent.tenant)
        .bind(agent.id)
        .execute(&mut *tx)
        .await?;
    for (position, tag) in (0_i64..).zip(&agent.tags) {
        sql("INSERT INTO agent_tags (tenant_id, agent_id, tag, position) VALUES ($1, $2, $3, $4)")
            .bind(agent.tenant)
            .bind(agent.id)
            .bind(tag)
            .bind(position)
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

pub(crate) async fn put_providers(
    tx: &mut Tx,
    tenant: TenantId,
    agent: AgentId,
    providers: &[ProviderId],
) -> Result<(), Error> {
    sql("DELETE FROM agent_providers WHERE tenant_id = $1 AND agent_id = $2")
        .bind(tenant)
        .bind(agent)
        .execute(&mut *tx)
        .await?;
    for (position, provider) in (0_i64..).zip(providers) {
        sql(
            "INSERT INTO agent_providers (tenant_id, agent_id, provider_id, position) \
             VALUES ($1, $2, $3, $4)",
        )
        .bind(tenant)
        .bind(agent)
        .bind(provider)
        .bind(position)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Lets one transaction at a time change an agent.
pub(crate) async fn lock(tx: &mut Tx, tenant: TenantId, id: AgentId) -> Result<(), Error> {
    sql_per_engine(
        "SELECT id FROM agents WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM agents WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(tx)
    .await?;
    Ok(())
}

pub(crate) async fn find<'a>(
    target: impl Into<Target<'a>>,
    tenant: TenantId,
    id: AgentId,
) -> Result<Option<Agent>, Error> {
    let row = Select::new(COLUMNS, "agents")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .filter_fixed("deleted_at IS NULL")
        .statement()
        .fetch_all(target)
        .await?;
    row.first().map(agent).transpose()
}

/// The agents within the caller's reach that the filter keeps.
fn select(columns: &'static str, authorised: &Authorised, filter: &AgentFilter) -> Select {
    let tenant = authorised.tenant;
    let mut select = Select::new(columns, "agents")
        .filter("tenant_id = ?", tenant)
        .filter_fixed("deleted_at IS NULL")
        .filter_contains_some("name", filter.name.as_deref())
        .filter_some("switched_off = ?", filter.switched_off)
        .filter_some("project_id = ?", filter.project)
        .filter_some("team_id = ?", filter.team)
        .filter_some("owner_id = ?", filter.owner);
    select = match &authorised.reach {
        Reach::Tenant => select,
        Reach::Teams(teams) => select.filter_in("team_id", teams),
        Reach::Own(user) => select.filter("owner_id = ?", user),
    };
    if !filter.runtime_states.is_empty() {
        let words: Vec<&str> = filter.runtime_states.iter().map(|s| s.as_str()).collect();
        select = select.filter_in("runtime_state", &words);
    }
    if let Some(among) = &filter.among {
        select = select.filter_in("id", among);
    }
    for tag in &filter.tags {
        select = select.filter_with(
            "id IN (SELECT agent_id FROM agent_tags WHERE tenant_id = ? AND tag = ?)",
            vec![tenant.to_column(), tag.to_column()],
        );
    }
    select
}

pub(crate) async fn list(
    db: &Db,
    authorised: &Authorised,
    filter: &AgentFilter,
    sort: Sort,
    page: Page,
) -> Result<Paged<Agent>, Error> {
    let rows = select(COLUMNS, authorised, filter)
        .sort(sort, "id")
        .fetch_page(db, page)
        .await?;
    let mut agents = rows.try_map(|row| agent(&row))?;
    fill(db, authorised.tenant, &mut agents.items).await?;
    Ok(agents)
}

pub(crate) async fn outlines(
    db: &Db,
    authorised: &Authorised,
    filter: &AgentFilter,
    sort: Sort,
) -> Result<Vec<Outline>, Error> {
    let rows = select("id, owner_id, switched_off", authorised, filter)
        .sort(sort, "id")
        .statement()
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Outline {
                id: row.get("id")?,
                owner: row.get("owner_id")?,
                switched_off: row.get("switched_off")?,
            })
        })
        .collect()
}

/// Adds labels and providers, with two queries for any number of agents.
pub(crate) async fn fill(db: &Db, tenant: TenantId, agents: &mut [Agent]) -> Result<(), Error> {
    let ids: Vec<AgentId> = agents.iter().map(|agent| agent.id).collect();
    let tags = Select::new("agent_id, tag", "agent_tags")
        .filter("tenant_id = ?", tenant)
        .filter_in("agent_id", &ids)
        .sort(Sort::ascending("position"), "tag");
    let mut tags_of: HashMap<AgentId, Vec<String>> = HashMap::new();
    for row in tags.statement().fetch_all(db).await? {
        tags_of
            .entry(row.get("agent_id")?)
            .or_default()
            .push(row.get("tag")?);
    }
    let providers = Select::new("agent_id, provider_id", "agent_providers")
        .filter("tenant_id = ?", tenant)
        .filter_in("agent_id", &ids)
        .sort(Sort::ascending("position"), "provider_id");
    let mut providers_of: HashMap<AgentId, Vec<ProviderId>> = HashMap::new();
    for row in providers.statement().fetch_all(db).await? {
        providers_of
            .entry(row.get("agent_id")?)
            .or_default()
            .push(row.get("provider_id")?);
    }
    for agent in agents {
        agent.tags = tags_of.remove(&agent.id).unwrap_or_default();
        agent.providers = providers_of.remove(&agent.id).unwrap_or_default();
    }
    Ok(())
}

pub(crate) async fn tags<'a>(
    target: impl Into<Target<'a>>,
    tenant: TenantId,
    agent: AgentId,
) -> Result<Vec<String>, Error> {
    let rows =
        sql("SELECT tag FROM agent_tags WHERE tenant_id = $1 AND agent_id = $2 ORDER BY position")
            .bind(tenant)
            .bind(agent)
            .fetch_all(target)
            .await?;
    rows.iter()
        .map(|row| row.get("tag").map_err(Error::from))
        .collect()
}

pub(crate) async fn providers<'a>(
    target: impl Into<Target<'a>>,
    tenant: TenantId,
    agent: AgentId,
) -> Result<Vec<ProviderId>, Error> {
    let rows = sql(
        "SELECT provider_id FROM agent_providers WHERE tenant_id = $1 AND agent_id = $2 \
         ORDER BY position",
    )
    .bind(tenant)
    .bind(agent)
    .fetch_all(target)
    .await?;
    rows.iter()
        .map(|row| row.get("provider_id").map_err(Error::from))
        .collect()
}

/// Marks an agent as deleted and takes its providers away; how many there were.
pub(crate) async fn delete(tx: &mut Tx, agent: &Agent, at: Timestamp) -> Result<u64, Error> {
    sql("UPDATE agents SET deleted_at = $3, updated_at = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(agent.tenant)
        .bind(agent.id)
        .bind(at)
        .execute(&mut *tx)
        .await?;
    let count = sql("DELETE FROM agent_providers WHERE tenant_id = $1 AND agent_id = $2")
        .bind(agent.tenant)
        .bind(agent.id)
        .execute(&mut *tx)
        .await?;
    Ok(count)
}

pub(crate) async fn of_provider<'a>(
    target: impl Into<Target<'a>>,
    tenant: TenantId,
    provider: ProviderId,
) -> Result<Vec<AgentId>, Error> {
    let rows = sql(
        "SELECT a.id FROM agents a JOIN agent_providers p \
         ON p.tenant_id = a.tenant_id AND p.agent_id = a.id \
         WHERE a.tenant_id = $1 AND p.provider_id = $2 AND a.deleted_at IS NULL ORDER BY a.name, a.id",
    )
    .bind(tenant)
    .bind(provider)
    .fetch_all(target)
    .await?;
    rows.iter()
        .map(|row| row.get("id").map_err(Error::from))
        .collect()
}

pub(crate) async fn of_owner(
    tx: &mut Tx,
    tenant: TenantId,
    owner: UserId,
) -> Result<Vec<AgentId>, Error> {
    let rows = sql(
        "SELECT id FROM agents WHERE tenant_id = $1 AND owner_id = $2 AND deleted_at IS NULL \
         ORDER BY id",
    )
    .bind(tenant)
    .bind(owner)
    .fetch_all(tx)
    .await?;
    rows.iter()
        .map(|row| row.get("id").map_err(Error::from))
        .collect()
}

pub(crate) async fn for_call(
    db: &Db,
    tenant: TenantId,
    id: AgentId,
) -> Result<Option<CallAgent>, Error> {
    let Some(agent) = find(db, tenant, id).await? else {
        return Ok(None);
    };
    Ok(Some(CallAgent {
        path: ActorPath {
            // Budgets know of pools; whoever makes the principal asks them.
            pool: None,
            tenant,
            project: agent.project,
            team: agent.team,
            user: agent.owner,
            agent: id,
        },
        name: agent.name,
        switched_off: agent.switched_off,
        runtime_state: agent.runtime_state,
        paused_by_budget: agent.paused_by_budget,
        ends: agent.ends,
        allowed_models: agent.settings.allowed_models(),
        routing: agent.settings.routing(),
        guardrail_profile: agent.settings.guardrail_profile(),
        role: agent.settings.role().map(str::to_owned),
        tools: agent.settings.tools(),
        policies: agent.settings.policies(),
        providers: providers(db, tenant, id).await?,
        environment: agent.environment,
    }))
}

/// The agents of all tenants that a spent budget has paused.
pub(crate) async fn paused_by_budget(db: &Db) -> Result<Vec<(TenantId, AgentId)>, Error> {
    let rows = sql(
        "SELECT tenant_id, id FROM agents WHERE paused_by_budget = 1 AND deleted_at IS NULL \
         ORDER BY tenant_id, id",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| Ok((row.get("tenant_id")?, row.get("id")?)))
        .collect()
}

/// Of agents of any tenant, also of deleted ones.
pub(crate) async fn standing(
    db: &Db,
    ids: &[AgentId],
    now: Timestamp,
) -> Result<HashMap<AgentId, AgentStanding>, Error> {
    let rows = Select::new("id, ends, calls_end_at, deleted_at", "agents")
        .filter_in("id", ids)
        .statement()
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            let calls_end_at: Option<Timestamp> = row.get("calls_end_at")?;
            let deleted_at: Option<Timestamp> = row.get("deleted_at")?;
            let over = deleted_at.is_some() || calls_end_at.is_some_and(|end| end <= now);
            let ends = row.get("ends")?;
            Ok((row.get("id")?, AgentStanding { ends, over }))
        })
        .collect()
}

pub(crate) async fn count_in(
    tx: &mut Tx,
    tenant: TenantId,
    project: ProjectId,
) -> Result<u64, Error> {
    let select = Select::new("id", "agents")
        .filter("tenant_id = ?", tenant)
        .filter("project_id = ?", project)
        .filter_fixed("deleted_at IS NULL");
    Ok(select.count(tx).await?)
}

pub(crate) async fn count_all<'a>(
    on: impl Into<Target<'a>>,
    tenant: TenantId,
) -> Result<u64, Error> {
    let row =
        sql("SELECT COUNT(*) AS total FROM agents WHERE tenant_id = $1 AND deleted_at IS NULL")
            .bind(tenant)
            .fetch_one(on)
            .await?;
    Ok(u64::try_from(row.get::<i64>("total")?).unwrap_or(0))
}

pub(crate) async fn places(
    db: &Db,
    tenant: TenantId,
) -> Result<HashMap<AgentId, (String, ProjectId)>, Error> {
    let rows = sql("SELECT id, name, project_id FROM agents WHERE tenant_id = $1")
        .bind(tenant)
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| Ok((row.get("id")?, (row.get("name")?, row.get("project_id")?))))
        .collect()
}

pub(crate) async fn count_in_team(
    tx: &mut Tx,
    tenant: TenantId,
    team: TeamId,
) -> Result<u64, Error> {
    let select = Select::new("id", "agents")
        .filter("tenant_id = ?", tenant)
        .filter("team_id = ?", team)
        .filter_fixed("deleted_at IS NULL");
    Ok(select.count(tx).await?)
}

/// How many agents have settings that name something, by its id.
pub(crate) async fn count_naming(
    tx: &mut Tx,
    tenant: TenantId,
    id: &str,
    names: impl Fn(&Settings) -> bool + Send,
) -> Result<u64, Error> {
    let rows = Select::new("settings", "agents")
        .filter("tenant_id = ?", tenant)
        .filter_fixed("deleted_at IS NULL")
        .filter_contains("settings", id)
        .statement()
        .fetch_all(tx)
        .await?;
    let mut count = 0;
    for row in rows {
        // The id may stand elsewhere in what is the agent's own.
        let Json(settings): Json<Settings> = row.get("settings")?;
        count += u64::from(names(&settings));
    }
    Ok(count)
}

/// The agents of a team.
pub(crate) async fn of_team(
    db: &Db,
    tenant: TenantId,
    team: TeamId,
) -> Result<Vec<TeamAgent>, Error> {
    let rows = Select::new("id, name, owner_id", "agents")
        .filter("tenant_id = ?", tenant)
        .filter("team_id = ?", team)
        .filter_fixed("deleted_at IS NULL")
        .statement()
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(TeamAgent {
                id: row.get("id")?,
                name: row.get("name")?,
                owner: row.get("owner_id")?,
            })
        })
        .collect()
}

pub(crate) async fn count(
    db: &Db,
    tenant: TenantId,
    column: Group,
) -> Result<HashMap<String, u64>, Error> {
    let statement = match column {
        Group::Project => sql(
            "SELECT project_id AS grouped_by, COUNT(*) AS agents FROM agents \
             WHERE tenant_id = $1 AND deleted_at IS NULL GROUP BY project_id",
        ),
        Group::Team => sql(
            "SELECT team_id AS grouped_by, COUNT(*) AS agents FROM agents \
             WHERE tenant_id = $1 AND deleted_at IS NULL AND team_id IS NOT NULL GROUP BY team_id",
        ),
        Group::Provider => sql(
            "SELECT provider_id AS grouped_by, COUNT(*) AS agents FROM agent_providers \
             WHERE tenant_id = $1 GROUP BY provider_id",
        ),
    };
    let rows = statement.bind(tenant).fetch_all(db).await?;
    let mut counts = HashMap::new();
    for row in rows {
        let number: i64 = row.get("agents")?;
        counts.insert(row.get("grouped_by")?, u64::try_from(number).unwrap_or(0));
    }
    Ok(counts)
}

/// By what agents are counted.
#[derive(Clone, Copy)]
pub(crate) enum Group {
    Project,
    Team,
    Provider,
}

/// Deletes everything of a tenant.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM agent_tags WHERE tenant_id = $1",
    "DELETE FROM agent_providers WHERE tenant_id = $1",
    "DELETE FROM agents WHERE tenant_id = $1",
    "DELETE FROM runtime_reach WHERE tenant_id = $1",
    "DELETE FROM runtimes WHERE tenant_id = $1",
];
