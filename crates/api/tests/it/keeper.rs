//! The vault as notification channels want it.

use async_trait::async_trait;
use iron_approvals::{Seal, SealFailure};
use iron_primitives::{Secret, TenantId, ToolId};
use iron_store::Tx;
use iron_vault::{Place, Vault};

pub(crate) struct ChannelKeeper(pub(crate) Vault);

#[async_trait]
impl Seal for ChannelKeeper {
    async fn seal(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: &str,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, SealFailure> {
        let place = Place {
            tenant,
            id,
            version,
        };
        let sealed = self.0.seal(tx, place, secret).await;
        sealed.map_err(|error| SealFailure(Box::new(error)))
    }

    async fn unseal(
        &self,
        tenant: TenantId,
        id: &str,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, SealFailure> {
        let place = Place {
            tenant,
            id,
            version,
        };
        let opened = self.0.unseal(place, sealed).await;
        opened.map_err(|error| SealFailure(Box::new(error)))
    }
}

/// The vault as tools want it.
pub(crate) struct ToolKeeper(pub(crate) Vault);

#[async_trait]
impl iron_rules::Seal for ToolKeeper {
    async fn seal(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        tool: ToolId,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, iron_rules::SealFailure> {
        let id = tool.to_string();
        let place = Place {
            tenant,
            id: &id,
            version,
        };
        let sealed = self.0.seal(tx, place, secret).await;
        sealed.map_err(|error| iron_rules::SealFailure(Box::new(error)))
    }

    async fn unseal(
        &self,
        tenant: TenantId,
        tool: ToolId,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, iron_rules::SealFailure> {
        let id = tool.to_string();
        let place = Place {
            tenant,
            id: &id,
            version,
        };
        let opened = self.0.unseal(place, sealed).await;
        opened.map_err(|error| iron_rules::SealFailure(Box::new(error)))
    }
}
