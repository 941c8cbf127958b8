//! The SQL of approvals.

use iron_audit::{Authorised, Reach};
use iron_primitives::{ApprovalId, TeamId, TenantId, Timestamp};
use iron_store::{
    Db, Json, Page, Paged, Row, Select, Sort, ToColumn as _, Tx, Value, sql, sql_per_engine,
};

use super::model::{
    Approval, ApprovalFilter, ApprovalStatus, Approver, Decision, Person, Redemption,
};
use crate::Error;

const COLUMNS: &str = "tenant_id, id, agent_id, agent_name, owner_id, team_id, tool, arguments, \
     arguments_hash, risk_level, rules, cost, conversation, execution, approvers, quorum, \
     forbid_own, channels, status, created_at, updated_at, expires_at, decided_at, \
     grant_expires_at, redeemed_at";

/// An approval without what people have said.
fn approval(row: &Row) -> Result<Approval, Error> {
    let Json(arguments) = row.get("arguments")?;
    let Json(rules) = row.get("rules")?;
    let Json(channels) = row.get("channels")?;
    let Json(named): Json<Vec<String>> = row.get("approvers")?;
    let approvers = named.iter().map(|one| one.parse());
    Ok(Approval {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        agent: row.get("agent_id")?,
        agent_name: row.get("agent_name")?,
        owner: row.get("owner_id")?,
        team: row.get("team_id")?,
        tool: row.get("tool")?,
        arguments,
        arguments_hash: row.get("arguments_hash")?,
        risk_level: row.get("risk_level")?,
        rules,
        cost: row.get("cost")?,
        conversation: row.get("conversation")?,
        execution: row.get("execution")?,
        approvers: approvers
            .collect::<Result<_, _>>()
            .map_err(|_| Error::Unreadable)?,
        quorum: row.get("quorum")?,
        forbid_own: row.get("forbid_own")?,
        channels,
        status: row.get("status")?,
        decisions: Vec::new(),
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        expires_at: row.get("expires_at")?,
        decided_at: row.get("decided_at")?,
        grant_expires_at: row.get("grant_expires_at")?,
        redeemed_at: row.get("redeemed_at")?,
    })
}

fn decision(row: &Row) -> Result<Decision, Error> {
    Ok(Decision {
        user: row.get("user_id")?,
        verdict: row.get("verdict")?,
        comment: row.get("comment")?,
        way: row.get("way")?,
        decided_at: row.get("decided_at")?,
    })
}

/// Writes a new one, unless the same call waits already; says whether it did.
pub(super) async fn insert(tx: &mut Tx, new: &Approval) -> Result<bool, Error> {
    let written = sql("INSERT INTO approvals
         (tenant_id, id, agent_id, agent_name, owner_id, team_id, tool, arguments, arguments_hash,
          risk_level, rules, cost, conversation, execution, approvers, quorum, forbid_own, channels,
          status, created_at, updated_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, '[]',
          'pending', $18, $18, $19)
         ON CONFLICT DO NOTHING")
    .bind(new.tenant)
    .bind(new.id)
    .bind(new.agent)
    .bind(&new.agent_name)
    .bind(new.owner)
    .bind(new.team)
    .bind(&new.tool)
    .bind(Json(&new.arguments))
    .bind(&new.arguments_hash)
    .bind(new.risk_level)
    .bind(Json(&new.rules))
    .bind(new.cost)
    .bind(&new.conversation)
    .bind(&new.execution)
    .bind(Json(&new.approvers))
    .bind(new.quorum)
    .bind(new.forbid_own)
    .bind(new.created_at)
    .bind(new.expires_at)
    .execute(&mut *tx)
    .await?;
    if written > 0 {
        name(tx, new).await?;
    }
    Ok(written > 0)
}

async fn name(tx: &mut Tx, new: &Approval) -> Result<(), Error> {
    let mut approvers: Vec<_> = new.approvers.iter().map(Approver::to_string).collect();
    approvers.sort_unstable();
    approvers.dedup();
    for approver in approvers {
        sql(
            "INSERT INTO approval_approvers (tenant_id, approval_id, approver) VALUES ($1, $2, $3)",
        )
        .bind(new.tenant)
        .bind(new.id)
        .bind(approver)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Notes through which channels people were told.
pub(super) async fn told(tx: &mut Tx, approval: &Approval) -> Result<(), Error> {
    sql("UPDATE approvals SET channels = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(approval.tenant)
        .bind(approval.id)
        .bind(Json(&approval.channels))
        .execute(tx)
        .await?;
    Ok(())
}

/// One approval with what was said to it.
pub(super) async fn find(
    tx: &mut Tx,
    tenant: TenantId,
    id: ApprovalId,
) -> Result<Option<Approval>, Error> {
    let row = Select::new(COLUMNS, "approvals")
        .filter("tenant_id = ?", tenant)
        .filter("id = ?", id)
        .statement()
        .fetch_optional(&mut *tx)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut found = approval(&row)?;
    found.decisions = decisions(tx, tenant, id).await?;
    Ok(Some(found))
}

async fn decisions(tx: &mut Tx, tenant: TenantId, id: ApprovalId) -> Result<Vec<Decision>, Error> {
    let rows = sql(
        "SELECT user_id, verdict, comment, way, decided_at FROM approval_decisions
         WHERE tenant_id = $1 AND approval_id = $2 ORDER BY decided_at, user_id",
    )
    .bind(tenant)
    .bind(id)
    .fetch_all(tx)
    .await?;
    rows.iter().map(decision).collect()
}

/// Takes the lock of an approval and reads it.
pub(super) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: ApprovalId,
) -> Result<Option<Approval>, Error> {
    sql_per_engine(
        "SELECT id FROM approvals WHERE tenant_id = $1 AND id = $2",
        "SELECT id FROM approvals WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(&mut *tx)
    .await?;
    find(tx, tenant, id).await
}

/// The one that waits for the same call, locked.
pub(super) async fn waiting(tx: &mut Tx, new: &Approval) -> Result<Option<Approval>, Error> {
    let row = sql(
        "SELECT id FROM approvals WHERE tenant_id = $1 AND agent_id = $2 AND tool = $3
             AND arguments_hash = $4 AND status = 'pending'",
    )
    .bind(new.tenant)
    .bind(new.agent)
    .bind(&new.tool)
    .bind(&new.arguments_hash)
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let found = lock(tx, new.tenant, row.get("id")?).await?;
    Ok(found.filter(Approval::is_pending))
}

/// Notes what one person says; false if he has spoken before.
pub(super) async fn say(
    tx: &mut Tx,
    (tenant, id): (TenantId, ApprovalId),
    said: &Decision,
) -> Result<bool, Error> {
    let written = sql("INSERT INTO approval_decisions
         (tenant_id, approval_id, user_id, verdict, comment, way, decided_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING")
    .bind(tenant)
    .bind(id)
    .bind(said.user)
    .bind(said.verdict)
    .bind(&said.comment)
    .bind(&said.way)
    .bind(said.decided_at)
    .execute(tx)
    .await?;
    Ok(written > 0)
}

/// Ends one that waits; false if it does so no more.
pub(super) async fn end(tx: &mut Tx, after: &Approval) -> Result<bool, Error> {
    let changed = sql(
        "UPDATE approvals SET status = $3, updated_at = $4, decided_at = $5, grant_expires_at = $6
         WHERE tenant_id = $1 AND id = $2 AND status = 'pending'",
    )
    .bind(after.tenant)
    .bind(after.id)
    .bind(after.status)
    .bind(after.updated_at)
    .bind(after.decided_at)
    .bind(after.grant_expires_at)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

/// Notes that somebody has spoken and that it waits on.
pub(super) async fn touch(tx: &mut Tx, after: &Approval) -> Result<(), Error> {
    sql("UPDATE approvals SET updated_at = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(after.tenant)
        .bind(after.id)
        .bind(after.updated_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// The oldest approved one for a call that is not spent and not too old.
pub(super) async fn granted(
    tx: &mut Tx,
    wanted: &Redemption<'_>,
    now: Timestamp,
) -> Result<Option<ApprovalId>, Error> {
    let mut select = Select::new("id", "approvals")
        .filter("tenant_id = ?", wanted.tenant)
        .filter("agent_id = ?", wanted.agent)
        .filter("tool = ?", wanted.tool)
        .filter("arguments_hash = ?", wanted.arguments_hash)
        .filter_fixed("status = 'approved'")
        .filter_fixed("redeemed_at IS NULL")
        .filter("grant_expires_at > ?", now);
    select = select.filter_some("id = ?", wanted.approval);
    let rows = select
        .sort(Sort::ascending("created_at"), "id")
        .statement()
        .fetch_all(tx)
        .await?;
    let first = rows.first().map(|row| row.get("id")).transpose()?;
    Ok(first)
}

/// Spends an approved one; false if somebody else has.
pub(super) async fn spend(
    tx: &mut Tx,
    (tenant, id): (TenantId, ApprovalId),
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE approvals SET redeemed_at = $3
         WHERE tenant_id = $1 AND id = $2 AND status = 'approved' AND redeemed_at IS NULL
             AND grant_expires_at > $3")
    .bind(tenant)
    .bind(id)
    .bind(now)
    .execute(tx)
    .await?;
    Ok(changed > 0)
}

/// Those of all tenants whose time is over, at most so many.
pub(super) async fn due(
    db: &Db,
    now: Timestamp,
    most: u32,
) -> Result<Vec<(TenantId, ApprovalId)>, Error> {
    let rows = Select::new("tenant_id, id", "approvals")
        // As it stands in the index.
        .filter_fixed("status = 'pending'")
        .filter("expires_at <= ?", now)
        .sort(Sort::ascending("expires_at"), "id")
        .fetch_first(db, most)
        .await?;
    let each = rows.iter();
    each.map(|row| Ok((row.get("tenant_id")?, row.get("id")?)))
        .collect()
}

/// Which of these wait for people no more.
pub(super) async fn ended(db: &Db, ids: &[ApprovalId]) -> Result<Vec<ApprovalId>, Error> {
    let rows = Select::new("id", "approvals")
        .filter_in("id", ids)
        .filter_fixed("status <> 'pending'")
        .statement()
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| Ok(row.get("id")?)).collect()
}

/// A page of those within somebody's reach: by his role, or because a policy names him.
pub(super) async fn list(
    db: &Db,
    (authorised, person): (&Authorised, &Person),
    filter: &ApprovalFilter,
    (sort, page): (Sort, Page),
    now: Timestamp,
) -> Result<Paged<Approval>, Error> {
    let mut select = Select::new(COLUMNS, "approvals")
        .filter("tenant_id = ?", authorised.tenant)
        .filter_some("agent_id = ?", filter.agent);
    select = within_reach(select, authorised, person);
    if !filter.statuses.is_empty() {
        select = standing(select, &filter.statuses, now);
    }
    let rows = select.sort(sort, "id").fetch_page(db, page).await?;
    let mut found = rows.try_map(|row| approval(&row))?;
    let mut tx = db.snapshot().await?;
    for one in &mut found.items {
        one.decisions = decisions(&mut tx, one.tenant, one.id).await?;
    }
    tx.commit().await?;
    Ok(found)
}

fn within_reach(select: Select, authorised: &Authorised, person: &Person) -> Select {
    // Ids are of one length, so that one is contained in a list of them only as a whole.
    const REACHED: &str = "(owner_id = ? OR ? LIKE '%' || COALESCE(team_id, 'none') || '%' \
         OR EXISTS (SELECT 1 FROM approval_approvers a WHERE a.tenant_id = approvals.tenant_id \
         AND a.approval_id = approvals.id AND a.approver IN (?, ?, ?)))";
    let teams = match &authorised.reach {
        Reach::Tenant => return select,
        Reach::Teams(teams) => teams.iter().map(TeamId::to_string).collect(),
        Reach::Own(_) => Vec::new(),
    };
    let mut values = vec![authorised.user.to_column(), teams.join(",").to_column()];
    values.extend(person.names().iter().map(|name| name.to_column()));
    select.filter_with(REACHED, values)
}

/// Keeps those that stand so now; what is over but not yet written down as that has expired.
fn standing(select: Select, statuses: &[ApprovalStatus], now: Timestamp) -> Select {
    const STANDING: &str = "(CASE WHEN status = 'pending' AND expires_at <= ? THEN 'expired' \
         ELSE status END) IN (?, ?, ?, ?)";
    let mut values: Vec<Value> = vec![now.to_column()];
    let words = statuses.iter().cycle().take(ApprovalStatus::ALL.len());
    values.extend(words.map(|status| status.to_column()));
    select.filter_with(STANDING, values)
}

/// Forgets what is good no more by its age.
pub(super) async fn tidy(db: &Db, now: Timestamp) -> Result<(), Error> {
    for text in [
        "DELETE FROM approval_links WHERE expires_at <= $1",
        "DELETE FROM approval_callbacks WHERE expires_at <= $1",
    ] {
        sql(text).bind(now).execute(db).await?;
    }
    Ok(())
}

/// Deletes the approvals of a tenant.
pub(super) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM approval_callbacks WHERE tenant_id = $1",
    "DELETE FROM approval_links WHERE tenant_id = $1",
    "DELETE FROM approval_decisions WHERE tenant_id = $1",
    "DELETE FROM approval_approvers WHERE tenant_id = $1",
    "DELETE FROM approvals WHERE tenant_id = $1",
];
