//! Evidence that a tenant's time is over.

use iron_primitives::TenantId;
use iron_store::{Error, Tx, sql};

/// The removal of all that belongs to a tenant, on its way through the features. It is made by
/// `identity`, which has found the day of deletion come and holds the tenant for the rest of the
/// transaction; every feature asks for one before it removes its rows. Records in the journal
/// are not among them: they stay, and so does the chain.
#[derive(Debug)]
pub struct Removal {
    tenant: TenantId,
    rows: u64,
}

impl Removal {
    /// Attests that the tenant's day has come. For `identity` alone.
    pub const fn attest(tenant: TenantId) -> Self {
        Removal { tenant, rows: 0 }
    }

    /// Whose rows go.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Counts rows that went.
    pub const fn count(&mut self, rows: u64) {
        self.rows = self.rows.saturating_add(rows);
    }

    /// Runs statements that delete rows of the tenant, each with its id as `$1`, and counts them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn delete(&mut self, tx: &mut Tx, statements: &[&'static str]) -> Result<(), Error> {
        for statement in statements {
            let rows = sql(statement).bind(self.tenant).execute(&mut *tx).await?;
            self.count(rows);
        }
        Ok(())
    }

    /// How many went so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }
}
