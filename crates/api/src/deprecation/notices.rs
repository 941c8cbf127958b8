//! Telling people ahead: everybody once, and whoever still uses it a month and a week before.

use std::time::Duration;

use iron_approvals::{Notice, Topic};
use iron_primitives::{TenantId, Timestamp, UserId};
use iron_store::{Db, Tx, sql};

use super::uses::day_of;
use super::{DEPRECATED, Deprecated};
use crate::state::ApiState;

const DAY: Duration = Duration::from_secs(86_400);
/// Whoever has not used it for so many days has changed over.
const STILL_IN_USE_DAYS: i64 = 30;

/// Why people could not be told; the next round tries again.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
    /// The outbox could not be written.
    #[error(transparent)]
    Approvals(#[from] iron_approvals::Error),
    /// A name could not be read.
    #[error(transparent)]
    Identity(#[from] iron_identity::Error),
}

/// When people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It was deprecated.
    Announced,
    /// A month is left.
    Month,
    /// A week is left.
    Week,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Stage::Announced => "announced",
            Stage::Month => "month",
            Stage::Week => "week",
        }
    }

    /// The latest that has come; none when it is over.
    fn now(deprecated: &Deprecated, now: Timestamp) -> Option<Stage> {
        let sunset = deprecated.sunset.start();
        match now {
            _ if now >= sunset || now < deprecated.since.start() => None,
            _ if now >= sunset.minus(DAY * 7) => Some(Stage::Week),
            _ if now >= sunset.minus(DAY * 30) => Some(Stage::Month),
            _ => Some(Stage::Announced),
        }
    }
}

/// Tells all tenants that have a channel for it what goes away, each stage once, whichever server
/// does it. Gives the number of notices.
///
/// # Errors
/// [`NoticeError`] if the database fails.
pub async fn announce_deprecations(state: &ApiState) -> Result<usize, NoticeError> {
    let now = state.environment.now();
    let mut told = 0;
    for tenant in state.channels.tenants_told_of(Topic::ApiDeprecated).await? {
        for deprecated in DEPRECATED {
            let Some(stage) = Stage::now(deprecated, now) else {
                continue;
            };
            if tell_tenant(state, tenant, deprecated).await? {
                told += 1;
            }
            if stage == Stage::Announced {
                continue;
            }
            for user in users_of(&state.db, tenant, deprecated, now).await? {
                if remind(state, tenant, deprecated, stage, user).await? {
                    told += 1;
                }
            }
        }
    }
    if told > 0 {
        state.channels.wake();
    }
    Ok(told)
}

async fn tell_tenant(
    state: &ApiState,
    tenant: TenantId,
    deprecated: &Deprecated,
) -> Result<bool, NoticeError> {
    let title = format!(
        "`{}` of the API is deprecated and ends on {}",
        deprecated.name,
        deprecated.sunset.date()
    );
    let notice = about(title, deprecated)
        .fact("who uses it", "iron audit list --action api.deprecated_use")
        .data("stage", Stage::Announced.as_str());
    let mut tx = state.db.begin().await?;
    let first = claim(&mut tx, tenant, deprecated, Stage::Announced, "").await?;
    if first {
        state.channels.announce(&mut tx, tenant, &notice).await?;
    }
    tx.commit().await?;
    Ok(first)
}

async fn remind(
    state: &ApiState,
    tenant: TenantId,
    deprecated: &Deprecated,
    stage: Stage,
    user: UserId,
) -> Result<bool, NoticeError> {
    let mut tx = state.db.begin().await?;
    let id = user.to_string();
    let first = claim(&mut tx, tenant, deprecated, stage, &id).await?;
    // Whoever was deleted since uses nothing.
    let person = match first {
        true => state.identity.person(&mut tx, tenant, user).await?,
        false => None,
    };
    if let Some(person) = &person {
        let title = format!(
            "{} still uses `{}` of the API, which ends on {}",
            person.name,
            deprecated.name,
            deprecated.sunset.date()
        );
        let notice = about(title, deprecated)
            .data("stage", stage.as_str())
            .data("user_id", id)
            .concerns(person.email.clone());
        state.channels.announce(&mut tx, tenant, &notice).await?;
    }
    tx.commit().await?;
    Ok(person.is_some())
}

fn about(title: String, deprecated: &Deprecated) -> Notice {
    Notice::new(Topic::ApiDeprecated, title)
        .fact("use instead", deprecated.successor)
        .fact("how to change over", deprecated.guide)
        .data("operation", deprecated.name)
        .data("sunset", deprecated.sunset.start().to_string())
        .data("replacement", deprecated.successor)
        .data("guide", deprecated.guide)
}

/// True for whoever asks first.
async fn claim(
    tx: &mut Tx,
    tenant: TenantId,
    deprecated: &Deprecated,
    stage: Stage,
    user: &str,
) -> Result<bool, NoticeError> {
    let claimed = sql(
        "INSERT INTO api_deprecation_notices (tenant_id, name, stage, user_id)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(deprecated.name)
    .bind(stage.as_str())
    .bind(user)
    .execute(tx)
    .await?;
    Ok(claimed == 1)
}

async fn users_of(
    db: &Db,
    tenant: TenantId,
    deprecated: &Deprecated,
    now: Timestamp,
) -> Result<Vec<UserId>, NoticeError> {
    let rows = sql("SELECT user_id FROM api_deprecated_uses
         WHERE tenant_id = $1 AND name = $2 AND last_day >= $3 ORDER BY user_id")
    .bind(tenant)
    .bind(deprecated.name)
    .bind(day_of(now) - STILL_IN_USE_DAYS)
    .fetch_all(db)
    .await?;
    let users = rows.iter().map(|row| Ok(row.get("user_id")?));
    users.collect()
}

/// Deletes what is known of a tenant's uses and notices.
pub(crate) const OF_A_TENANT: &[&str] = &[
    "DELETE FROM api_deprecated_uses WHERE tenant_id = $1",
    "DELETE FROM api_deprecation_notices WHERE tenant_id = $1",
];
