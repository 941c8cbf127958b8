//! The books against themselves.

use std::collections::HashMap;

use iron_primitives::{LeaseId, Scope, TenantId, Timestamp};
use iron_store::sql;

use super::Ledger;
use crate::Error;

/// A counter that its entries or its leases do not explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    /// Whose budget.
    pub scope: Scope,
    /// In which period.
    pub starts_at: Timestamp,
    /// Which counter.
    pub counter: &'static str,
    /// What the row says.
    pub stored: i64,
    /// What the entries sum up to.
    pub by_entries: i64,
    /// What the leases sum up to.
    pub by_leases: i64,
}

#[derive(Default)]
struct Sums {
    settled: i64,
    escrow: i64,
    suspense: i64,
}

impl Sums {
    fn add(&mut self, account: &str, amount: i64) {
        match account {
            "spent" => self.settled = self.settled.saturating_add(amount),
            "escrow" => self.escrow = self.escrow.saturating_add(amount),
            "suspense" => self.suspense = self.suspense.saturating_add(amount),
            _ => {}
        }
    }
}

type Key = (String, String, Timestamp, Timestamp);

impl Ledger {
    /// Sums up all entries and all leases of a tenant and compares both with the counters.
    /// An empty answer means that the books agree.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn check(&self, tenant: TenantId) -> Result<Vec<Discrepancy>, Error> {
        let mut tx = self.db.snapshot().await?;
        let mut by_leases: HashMap<Key, Sums> = HashMap::new();
        let mut place: HashMap<LeaseId, Key> = HashMap::new();
        let leases = sql(
            "SELECT id, scope, unit, starts_at, ends_at, state, granted, settled, returned
             FROM leases WHERE tenant_id = $1",
        )
        .bind(tenant)
        .fetch_all(&mut tx)
        .await?;
        for row in leases {
            let key: Key = (
                row.get("scope")?,
                row.get("unit")?,
                row.get("starts_at")?,
                row.get("ends_at")?,
            );
            let (granted, settled): (i64, i64) = (row.get("granted")?, row.get("settled")?);
            let left = granted
                .saturating_sub(row.get("returned")?)
                .saturating_sub(settled)
                .max(0);
            let sums = by_leases.entry(key.clone()).or_default();
            sums.settled = sums.settled.saturating_add(settled);
            match row.get::<String>("state")?.as_str() {
                "open" => sums.escrow = sums.escrow.saturating_add(left),
                "fenced" => sums.suspense = sums.suspense.saturating_add(left),
                _ => {}
            }
            place.insert(row.get("id")?, key);
        }
        let mut by_entries: HashMap<Key, Sums> = HashMap::new();
        let entries = sql(
            "SELECT e.lease_id AS lease_id, e.from_account AS from_account,
             e.to_account AS to_account, e.amount AS amount
             FROM ledger_entries e JOIN leases l ON l.id = e.lease_id WHERE l.tenant_id = $1",
        )
        .bind(tenant)
        .fetch_all(&mut tx)
        .await?;
        for row in entries {
            let Some(key) = place.get(&row.get("lease_id")?) else {
                continue;
            };
            let amount: i64 = row.get("amount")?;
            let sums = by_entries.entry(key.clone()).or_default();
            sums.add(&row.get::<String>("from_account")?, amount.saturating_neg());
            sums.add(&row.get::<String>("to_account")?, amount);
        }
        let mut found = Vec::new();
        let periods = sql(
            "SELECT scope, unit, starts_at, ends_at, settled, escrow, suspense
             FROM budget_periods WHERE tenant_id = $1",
        )
        .bind(tenant)
        .fetch_all(&mut tx)
        .await?;
        let none = Sums::default();
        for row in periods {
            let key: Key = (
                row.get("scope")?,
                row.get("unit")?,
                row.get("starts_at")?,
                row.get("ends_at")?,
            );
            let (entries, leases) = (
                by_entries.get(&key).unwrap_or(&none),
                by_leases.get(&key).unwrap_or(&none),
            );
            for (counter, by_entries, by_leases) in [
                ("settled", entries.settled, leases.settled),
                ("escrow", entries.escrow, leases.escrow),
                ("suspense", entries.suspense, leases.suspense),
            ] {
                let stored: i64 = row.get(counter)?;
                if stored != by_entries || stored != by_leases {
                    found.push(Discrepancy {
                        scope: row.get("scope")?,
                        starts_at: row.get("starts_at")?,
                        counter,
                        stored,
                        by_entries,
                        by_leases,
                    });
                }
            }
        }
        Ok(found)
    }
}
