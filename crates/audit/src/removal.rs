//! Evidence that a tenant's time is over.

use iron_primitives::TenantId;

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

    /// How many went so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }
}
