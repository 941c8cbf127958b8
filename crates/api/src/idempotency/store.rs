//! The table of claimed keys and first answers.

use iron_primitives::Secret;
use iron_store::sql;
use iron_vault::Place as Seal;

use super::{KEPT_FOR, Place};
use crate::failure::Failure;
use crate::state::Api;

/// What became of a claim.
pub(super) enum Claim {
    /// The key is ours: run the request.
    Ours,
    /// Another request with the key is still running.
    Running,
    /// The key was used for something else.
    OtherBody,
    /// The request has been answered before.
    Answered(Stored),
}

/// A first answer.
pub(super) struct Stored {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) body: String,
}

pub(super) async fn claim(api: &Api, place: &Place) -> Result<Claim, Failure> {
    let now = api.environment.now();
    let mut tx = api.db.begin().await?;
    sql("DELETE FROM api_idempotency_keys WHERE expires_at <= $1")
        .bind(now)
        .execute(&mut tx)
        .await?;
    let claimed = sql("INSERT INTO api_idempotency_keys
         (tenant_id, user_id, path, idempotency_key, fingerprint, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING")
    .bind(place.tenant)
    .bind(place.user)
    .bind(place.path.as_str())
    .bind(place.key.as_str())
    .bind(place.fingerprint.clone())
    .bind(now)
    .bind(now.plus(KEPT_FOR))
    .execute(&mut tx)
    .await?;
    tx.commit().await?;
    if claimed == 1 {
        Ok(Claim::Ours)
    } else {
        present(api, place).await
    }
}

async fn present(api: &Api, place: &Place) -> Result<Claim, Failure> {
    let row = sql(
        "SELECT fingerprint, status, location, answer FROM api_idempotency_keys
         WHERE tenant_id = $1 AND user_id = $2 AND path = $3 AND idempotency_key = $4",
    )
    .bind(place.tenant)
    .bind(place.user)
    .bind(place.path.as_str())
    .bind(place.key.as_str())
    .fetch_optional(&api.db)
    .await?;
    // Given back between the two statements: the other request has only just ended.
    let Some(row) = row else {
        return Ok(Claim::Running);
    };
    if row.get::<Vec<u8>>("fingerprint")? != place.fingerprint {
        return Ok(Claim::OtherBody);
    }
    let (Some(status), Some(sealed)) = (
        row.get::<Option<i64>>("status")?,
        row.get::<Option<Vec<u8>>>("answer")?,
    ) else {
        return Ok(Claim::Running);
    };
    let id = seal_id(place);
    let body = api.vault.unseal(seal(place, &id), &sealed).await?;
    Ok(Claim::Answered(Stored {
        status: u16::try_from(status).unwrap_or(200),
        location: row.get("location")?,
        body: body.expose().to_owned(),
    }))
}

/// Keeps an answer. It may hold a token that is shown once, so it is sealed.
pub(super) async fn keep(api: &Api, place: &Place, stored: Stored) -> Result<(), Failure> {
    let mut tx = api.db.begin().await?;
    let id = seal_id(place);
    let sealed = api
        .vault
        .seal(&mut tx, seal(place, &id), &Secret::new(stored.body))
        .await?;
    sql(
        "UPDATE api_idempotency_keys SET status = $5, location = $6, answer = $7
         WHERE tenant_id = $1 AND user_id = $2 AND path = $3 AND idempotency_key = $4",
    )
    .bind(place.tenant)
    .bind(place.user)
    .bind(place.path.as_str())
    .bind(place.key.as_str())
    .bind(i64::from(stored.status))
    .bind(stored.location)
    .bind(sealed)
    .execute(&mut tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Gives a claim back that led to nothing.
pub(super) async fn release(api: &Api, place: &Place) -> Result<(), Failure> {
    sql("DELETE FROM api_idempotency_keys
         WHERE tenant_id = $1 AND user_id = $2 AND path = $3 AND idempotency_key = $4
           AND status IS NULL")
    .bind(place.tenant)
    .bind(place.user)
    .bind(place.path.as_str())
    .bind(place.key.as_str())
    .execute(&api.db)
    .await?;
    Ok(())
}

fn seal_id(place: &Place) -> String {
    format!("idempotency:{}:{}:{}", place.user, place.path, place.key)
}

fn seal<'a>(place: &Place, id: &'a str) -> Seal<'a> {
    Seal {
        tenant: place.tenant,
        id,
        version: 0,
    }
}

/// Deletes the answers that are kept for a tenant.
pub(crate) const OF_A_TENANT: &[&str] = &["DELETE FROM api_idempotency_keys WHERE tenant_id = $1"];
