//! All SQL of path leases.

use iron_primitives::{
    AgentId, IcTokenId, LeaseId, Money, ProviderId, RequestId, TenantId, Timestamp, TokenDigest,
};
use iron_store::{Db, Row, Rows, ToColumn as _, Tx, sql, sql_per_engine};

use super::{PathLease, PathState};
use crate::Error;
use crate::store::{LeaseRow, execute, lease_row};

/// A path lease with everything around its numbers.
#[derive(Debug, Clone)]
pub(crate) struct PathRow {
    pub(crate) id: LeaseId,
    pub(crate) tenant: TenantId,
    pub(crate) agent: AgentId,
    pub(crate) token: IcTokenId,
    pub(crate) runtime: String,
    pub(crate) version: Option<String>,
    pub(crate) provider: ProviderId,
    pub(crate) model: Option<String>,
    /// Never [`PathState::Expired`], which the clock tells.
    pub(crate) state: PathState,
    pub(crate) granted: i64,
    pub(crate) settled: i64,
    pub(crate) returned: i64,
    /// Set aside by gateways.
    pub(crate) held: i64,
    /// What single calls have cost; a final account may exceed it.
    pub(crate) itemised: i64,
    pub(crate) remaining_at_return: Option<i64>,
    pub(crate) opened_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

impl PathRow {
    /// Where it stands at an instant.
    pub(crate) fn state_at(&self, now: Timestamp) -> PathState {
        match self.state {
            PathState::Active if now >= self.expires_at => PathState::Expired,
            other => other,
        }
    }

    pub(crate) fn view(&self, now: Timestamp) -> PathLease {
        PathLease {
            id: self.id,
            agent: self.agent,
            runtime: self.runtime.clone(),
            state: self.state_at(now),
            granted: Money::from_nanos(self.granted),
            settled: Money::from_nanos(self.settled),
            returned: Money::from_nanos(self.returned),
            held: Money::from_nanos(self.held),
            provider: self.provider,
            model: self.model.clone(),
            expires_at: self.expires_at,
        }
    }
}

fn path_row(row: &Row) -> Result<PathRow, Error> {
    let state: String = row.get("state")?;
    Ok(PathRow {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        agent: row.get("agent_id")?,
        token: row.get("token_id")?,
        runtime: row.get("runtime_id")?,
        version: row.get("runtime_version")?,
        provider: row.get("provider_id")?,
        model: row.get("model")?,
        state: PathState::from_word(&state).ok_or(Error::Unreadable)?,
        granted: row.get("granted")?,
        settled: row.get("settled")?,
        returned: row.get("returned")?,
        held: row.get("held")?,
        itemised: row.get("itemised")?,
        remaining_at_return: row.get("remaining_at_return")?,
        opened_at: row.get("opened_at")?,
        expires_at: row.get("expires_at")?,
    })
}

/// Takes the lock of a path lease and reads it. The locks of its budgets come before.
pub(crate) async fn lock(tx: &mut Tx, id: LeaseId) -> Result<Option<PathRow>, Error> {
    let row = sql_per_engine(
        "SELECT id, tenant_id, agent_id, token_id, runtime_id, runtime_version, provider_id, model,
         state, granted, settled, returned, held, itemised, remaining_at_return, opened_at,
         expires_at FROM path_leases WHERE id = $1",
        "SELECT id, tenant_id, agent_id, token_id, runtime_id, runtime_version, provider_id, model,
         state, granted, settled, returned, held, itemised, remaining_at_return, opened_at,
         expires_at FROM path_leases WHERE id = $1 FOR UPDATE",
    )
    .bind(id)
    .fetch_optional(tx)
    .await?;
    row.map(|row| path_row(&row)).transpose()
}

pub(crate) async fn put(tx: &mut Tx, path: &PathRow) -> Result<(), Error> {
    sql("INSERT INTO path_leases
         (id, tenant_id, agent_id, token_id, runtime_id, runtime_version, provider_id, model, state,
          granted, settled, returned, held, itemised, remaining_at_return, opened_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT (id) DO UPDATE SET state = $9, granted = $10, settled = $11, returned = $12,
          held = $13, itemised = $14, remaining_at_return = $15, expires_at = $17")
    .bind(path.id)
    .bind(path.tenant)
    .bind(path.agent)
    .bind(path.token)
    .bind(path.runtime.as_str())
    .bind(path.version.as_deref())
    .bind(path.provider)
    .bind(path.model.as_deref())
    .bind(path.state.as_str())
    .bind(path.granted)
    .bind(path.settled)
    .bind(path.returned)
    .bind(path.held)
    .bind(path.itemised)
    .bind(path.remaining_at_return)
    .bind(path.opened_at)
    .bind(path.expires_at)
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn add_legs(
    tx: &mut Tx,
    path: LeaseId,
    legs: impl Iterator<Item = LeaseId>,
) -> Result<(), Error> {
    let rows = Rows::new("INSERT INTO path_legs (lease_id, path_id) VALUES ");
    let rows = legs.fold(rows, |rows, leg| {
        rows.row([leg.to_column(), path.to_column()])
    });
    execute(tx, rows).await
}

/// The legs of a path lease in the order of locks.
pub(crate) async fn legs(tx: &mut Tx, path: LeaseId) -> Result<Vec<LeaseRow>, Error> {
    let rows = sql(
        "SELECT id, tenant_id, scope, unit, starts_at, ends_at, instance_id, incarnation, state,
         granted, settled, returned, held, opened_at, reported_at, expires_at
         FROM leases JOIN path_legs ON path_legs.lease_id = leases.id WHERE path_legs.path_id = $1",
    )
    .bind(path)
    .fetch_all(tx)
    .await?;
    let mut legs = rows.iter().map(lease_row).collect::<Result<Vec<_>, _>>()?;
    legs.sort_by_key(|leg| leg.key);
    Ok(legs)
}

/// The path lease that a lease belongs to.
pub(crate) async fn path_of(tx: &mut Tx, lease: LeaseId) -> Result<Option<LeaseId>, Error> {
    let row = sql("SELECT path_id FROM path_legs WHERE lease_id = $1")
        .bind(lease)
        .fetch_optional(tx)
        .await?;
    Ok(row.map(|row| row.get("path_id")).transpose()?)
}

/// The active path leases of one runtime of an agent, the oldest first.
pub(crate) async fn active_of(
    tx: &mut Tx,
    tenant: TenantId,
    agent: AgentId,
    runtime: &str,
) -> Result<Vec<PathRow>, Error> {
    let rows = sql(
        "SELECT id, tenant_id, agent_id, token_id, runtime_id, runtime_version, provider_id, model,
         state, granted, settled, returned, held, itemised, remaining_at_return, opened_at,
         expires_at FROM path_leases
         WHERE tenant_id = $1 AND agent_id = $2 AND runtime_id = $3 AND state = 'active'
         ORDER BY id",
    )
    .bind(tenant)
    .bind(agent)
    .bind(runtime)
    .fetch_all(tx)
    .await?;
    rows.iter().map(path_row).collect()
}

/// Active path leases whose time was over then.
pub(crate) async fn expired(db: &Db, before: Timestamp) -> Result<Vec<LeaseId>, Error> {
    let rows =
        sql("SELECT id FROM path_leases WHERE state = 'active' AND expires_at < $1 ORDER BY id")
            .bind(before)
            .fetch_all(db)
            .await?;
    rows.iter().map(|row| Ok(row.get("id")?)).collect()
}

/// What a call that is told of is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// Never heard of.
    New,
    /// It went through a gateway, which knows what it has cost.
    Measured,
    /// Told of before.
    Again,
}

/// Notes that a call was told of, and says what it was before.
pub(crate) async fn tell(
    tx: &mut Tx,
    path: &PathRow,
    request: RequestId,
    now: Timestamp,
) -> Result<Told, Error> {
    let inserted = sql(
        "INSERT INTO path_requests (tenant_id, agent_id, request_id, path_id, reported_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, agent_id, request_id) DO NOTHING",
    )
    .bind(path.tenant)
    .bind(path.agent)
    .bind(request)
    .bind(path.id)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    if inserted > 0 {
        return Ok(Told::New);
    }
    let marked = sql("UPDATE path_requests SET reported_at = $4
         WHERE tenant_id = $1 AND agent_id = $2 AND request_id = $3 AND reported_at IS NULL")
    .bind(path.tenant)
    .bind(path.agent)
    .bind(request)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(if marked > 0 {
        Told::Measured
    } else {
        Told::Again
    })
}

/// Keeps what is needed of a pass to know it again.
pub(crate) async fn add_pass(
    tx: &mut Tx,
    path: &PathRow,
    pass: TokenDigest,
    token: TokenDigest,
    expires_at: Timestamp,
) -> Result<(), Error> {
    sql(
        "INSERT INTO path_passes (digest, tenant_id, path_id, token_digest, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(pass)
    .bind(path.tenant)
    .bind(path.id)
    .bind(token)
    .bind(expires_at)
    .execute(tx)
    .await?;
    Ok(())
}

/// Forgets passes that have long been dead.
pub(crate) async fn forget_passes(db: &Db, before: Timestamp) -> Result<(), Error> {
    sql("DELETE FROM path_passes WHERE expires_at < $1")
        .bind(before)
        .execute(db)
        .await?;
    Ok(())
}

/// The path lease that a lease is a part of, for views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathOf {
    /// The path lease.
    pub id: LeaseId,
    /// What its runtime calls itself.
    pub runtime: String,
    /// Where it stands.
    pub state: PathState,
}

/// The path lease that a lease is a part of, if it is.
pub(crate) async fn find_path_of(
    on: impl Into<iron_store::Target<'_>>,
    lease: LeaseId,
    now: Timestamp,
) -> Result<Option<PathOf>, Error> {
    let row = sql(
        "SELECT id, tenant_id, agent_id, token_id, runtime_id, runtime_version, provider_id, model,
         state, granted, settled, returned, held, itemised, remaining_at_return, opened_at,
         expires_at FROM path_leases JOIN path_legs ON path_legs.path_id = path_leases.id
         WHERE path_legs.lease_id = $1",
    )
    .bind(lease)
    .fetch_optional(on)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let row = path_row(&row)?;
    Ok(Some(PathOf {
        id: row.id,
        state: row.state_at(now),
        runtime: row.runtime,
    }))
}
