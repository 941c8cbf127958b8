//! Quotas: how much of something a tenant may have.
//!
//! Whatever is made under a quota is made behind the lock of the tenant, so that two servers that
//! make something at once do not make one too many. Without a quota nobody waits for anybody.

use iron_audit::Authorised;
use iron_primitives::TenantId;
use iron_store::Tx;
use serde::Serialize;

use crate::{Error, Identity, store};

iron_store::words! {
    /// What is counted.
    pub enum Quota {
        /// Agents that have not been deleted.
        Agents = "max_agents",
        /// People who have not been deleted, the invited and suspended among them.
        Users = "max_users",
        /// Projects.
        Projects = "max_projects",
    }
}

/// What a tenant may have; none for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Quotas {
    /// Agents.
    pub max_agents: Option<u32>,
    /// People.
    pub max_users: Option<u32>,
    /// Projects.
    pub max_projects: Option<u32>,
    /// Cores; kept, and held once agents run here.
    pub cpu_cores: Option<u32>,
    /// Memory in MiB; kept, and held once agents run here.
    pub memory_mb: Option<u32>,
}

/// How much there is of what this feature keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Population {
    /// People.
    pub users: u64,
    /// Projects.
    pub projects: u64,
}

impl Quotas {
    const fn of(&self, quota: Quota) -> Option<u32> {
        match quota {
            Quota::Agents => self.max_agents,
            Quota::Users => self.max_users,
            Quota::Projects => self.max_projects,
        }
    }
}

impl Identity {
    /// How many of something the caller's tenant may have. If there is a quota, nobody else makes
    /// one more before the end of the transaction. Ask first, before other locks.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn hold_quota(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        quota: Quota,
    ) -> Result<Option<u64>, Error> {
        let id = authorised.tenant;
        let known = store::tenants::get(&mut *tx, id).await?;
        if known.is_none_or(|tenant| tenant.quotas.of(quota).is_none()) {
            return Ok(None);
        }
        store::tenants::lock(tx, id).await?;
        let held = store::tenants::get(tx, id).await?;
        Ok(held
            .and_then(|tenant| tenant.quotas.of(quota))
            .map(u64::from))
    }

    /// Makes sure that there is room for one more user or project.
    pub(crate) async fn room_for(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        quota: Quota,
    ) -> Result<(), Error> {
        let Some(limit) = self.hold_quota(tx, authorised, quota).await? else {
            return Ok(());
        };
        let used = match quota {
            Quota::Projects => store::projects::count(tx, authorised.tenant).await?,
            _ => store::users::count(tx, authorised.tenant).await?,
        };
        if used < limit {
            return Ok(());
        }
        Err(Error::QuotaExceeded { quota, limit, used })
    }

    /// How many people and projects a tenant has.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn population(&self, tenant: TenantId) -> Result<Population, Error> {
        Ok(Population {
            users: store::users::count(&self.db, tenant).await?,
            projects: store::projects::count(&self.db, tenant).await?,
        })
    }
}
