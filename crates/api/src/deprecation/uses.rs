//! Who still uses what goes away: counted each time, written down once a day for each user.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use iron_audit::Entry;
use iron_primitives::{Timestamp, UserId};
use iron_store::sql;
use serde_json::json;

use super::Deprecated;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::state::Api;

const DAY_MICROS: i64 = 86_400_000_000;

/// The deprecated fields that a request has used, as its body was read; an extension of it.
#[derive(Clone, Default)]
pub(crate) struct Noted(Arc<Mutex<Vec<&'static Deprecated>>>);

impl Noted {
    pub(crate) fn note(&self, deprecated: &'static Deprecated) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push(deprecated);
    }

    pub(crate) fn taken(&self) -> Vec<&'static Deprecated> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What this process has written down today; the table knows what others have.
#[derive(Default)]
pub(crate) struct Today(Mutex<(i64, HashSet<(UserId, &'static str)>)>);

impl Today {
    /// Whether this is the first use that it hears of on this day.
    fn is_new(&self, day: i64, user: UserId, name: &'static str) -> bool {
        let mut today = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if today.0 != day {
            *today = (day, HashSet::new());
        }
        today.1.insert((user, name))
    }
}

/// The day of an instant, counted from 1970.
pub(super) const fn day_of(instant: Timestamp) -> i64 {
    instant.micros().div_euclid(DAY_MICROS)
}

/// Counts a use. A failure to write it down is no failure of the request.
pub(crate) async fn count(api: &Api, deprecated: &'static Deprecated, caller: Option<&Caller>) {
    api.metrics.http.deprecated.of(deprecated.name).inc();
    let Some(caller) = caller else { return };
    let day = day_of(api.environment.now());
    if !api.uses().is_new(day, caller.user(), deprecated.name) {
        return;
    }
    let (tenant, user) = (caller.tenant(), caller.user());
    match write_down(api, deprecated, caller, day).await {
        Ok(true) => tracing::warn!(
            operation = deprecated.name, %tenant, %user, sunset = %deprecated.sunset.date(),
            "a deprecated operation is still in use"
        ),
        Ok(false) => {}
        Err(_) => tracing::warn!(
            operation = deprecated.name, %tenant, %user,
            "the use of a deprecated operation could not be written down"
        ),
    }
}

async fn write_down(
    api: &Api,
    deprecated: &'static Deprecated,
    caller: &Caller,
    day: i64,
) -> Result<bool, Failure> {
    let mut tx = api.db.begin().await?;
    let first = sql(
        "INSERT INTO api_deprecated_uses (tenant_id, user_id, name, last_day)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, user_id, name) DO UPDATE SET last_day = excluded.last_day
         WHERE api_deprecated_uses.last_day < excluded.last_day",
    )
    .bind(caller.tenant())
    .bind(caller.user())
    .bind(deprecated.name)
    .bind(day)
    .execute(&mut tx)
    .await?;
    if first == 1 {
        let told = json!({
            "sunset": deprecated.sunset.start(),
            "replacement": deprecated.successor,
            "guide": deprecated.guide,
        });
        let entry = Entry::new("api.deprecated_use", "operation")
            .resource(deprecated.name)
            .parameters(&told);
        let origin = caller.origin();
        api.audit.write_event(&mut tx, &origin, entry).await?;
    }
    tx.commit().await?;
    Ok(first == 1)
}
