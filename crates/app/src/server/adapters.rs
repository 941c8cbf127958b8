//! The traits that features define for what they need, answered by the features that have it.

use async_trait::async_trait;
use iron_approvals::SealFailure as ChannelSealFailure;
use iron_audit::{KeyFailure, SubjectKey, SubjectKeys, Wanted};
use iron_catalog::{Seal, SealFailure};
use iron_primitives::{ProviderId, Secret, TenantId, ToolId};
use iron_rules::SealFailure as ToolSealFailure;
use iron_store::Tx;
use iron_vault::{Error, Place, Vault};

/// The vault, as the catalogue, the channels and the audit log want it.
#[derive(Clone)]
pub(super) struct Keeper(pub(super) Vault);

#[async_trait]
impl Seal for Keeper {
    async fn seal(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        provider: ProviderId,
        version: i64,
        key: &Secret,
    ) -> Result<Vec<u8>, SealFailure> {
        let id = provider.to_string();
        let place = Place {
            tenant,
            id: &id,
            version,
        };
        self.0
            .seal(tx, place, key)
            .await
            .map_err(|error| SealFailure(Box::new(error)))
    }

    async fn unseal(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, SealFailure> {
        let id = provider.to_string();
        let place = Place {
            tenant,
            id: &id,
            version,
        };
        self.0
            .unseal(place, sealed)
            .await
            .map_err(|error| SealFailure(Box::new(error)))
    }
}

#[async_trait]
impl iron_approvals::Seal for Keeper {
    async fn seal(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: &str,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, ChannelSealFailure> {
        let place = Place {
            tenant,
            id,
            version,
        };
        let sealed = self.0.seal(tx, place, secret).await;
        sealed.map_err(|error| ChannelSealFailure(Box::new(error)))
    }

    async fn unseal(
        &self,
        tenant: TenantId,
        id: &str,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, ChannelSealFailure> {
        let place = Place {
            tenant,
            id,
            version,
        };
        let opened = self.0.unseal(place, sealed).await;
        opened.map_err(|error| ChannelSealFailure(Box::new(error)))
    }
}

#[async_trait]
impl iron_rules::Seal for Keeper {
    async fn seal(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        tool: ToolId,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, ToolSealFailure> {
        let id = tool.to_string();
        let place = Place {
            tenant,
            id: &id,
            version,
        };
        let sealed = self.0.seal(tx, place, secret).await;
        sealed.map_err(|error| ToolSealFailure(Box::new(error)))
    }

    async fn unseal(
        &self,
        tenant: TenantId,
        tool: ToolId,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, ToolSealFailure> {
        let id = tool.to_string();
        let place = Place {
            tenant,
            id: &id,
            version,
        };
        let opened = self.0.unseal(place, sealed).await;
        opened.map_err(|error| ToolSealFailure(Box::new(error)))
    }
}

#[async_trait]
impl SubjectKeys for Keeper {
    async fn subject_key(
        &self,
        tenant: TenantId,
        wanted: Wanted<'_>,
    ) -> Result<Option<SubjectKey>, KeyFailure> {
        let found = match wanted {
            Wanted::Of(subject) => self.0.subject_key(tenant, subject).await,
            Wanted::Named(id) => self.0.subject_key_by_id(tenant, id).await,
        };
        match found {
            Ok(found) => Ok(Some(SubjectKey {
                id: found.id,
                key: found.key,
            })),
            Err(Error::Erased) => Ok(None),
            Err(error) => Err(Box::new(error)),
        }
    }
}
