//! What happens when the day of a tenant's deletion has come.
//!
//! All rows of the tenant go in one transaction, feature by feature, the tenant itself last; its
//! keys are destroyed, so that what was sealed under them can be opened no more, but by a server that
//! opened it before and still remembers. The records in the
//! journals stay, with their chain: they are the evidence, and `iron audit export` writes them
//! down at any time. That the tenant was removed is a record of the platform's own tenant.

use iron_primitives::TenantId;
use iron_runtime::authority::Change;

use crate::deprecation::notices;
use crate::idempotency;
use crate::state::ApiState;

/// Why a tenant could not be removed; it stays as it was, and the next attempt tries again.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
    /// The tenants could not be read or removed.
    #[error(transparent)]
    Identity(#[from] iron_identity::Error),
    /// The agents could not be removed.
    #[error(transparent)]
    Fleet(#[from] iron_fleet::Error),
    /// The providers and prices could not be removed, or prices not be read anew.
    #[error(transparent)]
    Catalog(#[from] iron_catalog::Error),
    /// The budgets could not be removed.
    #[error(transparent)]
    Budget(#[from] iron_budget::Error),
    /// The keys could not be destroyed.
    #[error(transparent)]
    Vault(#[from] iron_vault::Error),
    /// What was found about invoices could not be removed.
    #[error(transparent)]
    Insight(#[from] iron_insight::Error),
    /// The notification channels could not be removed.
    #[error(transparent)]
    Approvals(#[from] iron_approvals::Error),
    /// The guardrail profiles could not be removed.
    #[error(transparent)]
    Rules(#[from] iron_rules::Error),
    /// The settings could not be removed.
    #[error(transparent)]
    Settings(#[from] iron_settings::Error),
    /// The rows of records could not be removed.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
}

/// Removes every tenant whose day of deletion has come; says which. One that cannot be removed is
/// told in the log and keeps none of the others.
///
/// # Errors
/// [`RemovalError`] if it cannot be told whose day has come, or prices not be read anew.
pub async fn remove_due_tenants(state: &ApiState) -> Result<Vec<TenantId>, RemovalError> {
    let mut removed = Vec::new();
    for tenant in state.identity.tenants_due().await? {
        match remove(state, tenant).await {
            Ok(true) => {
                state.vault.forget(tenant);
                (state.notify)(Change::Tenant(tenant));
                removed.push(tenant);
            }
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, %tenant, "a deleted tenant could not be removed"),
        }
    }
    if !removed.is_empty() {
        state.models.refresh().await?;
    }
    Ok(removed)
}

async fn remove(state: &ApiState, tenant: TenantId) -> Result<bool, RemovalError> {
    let mut tx = state.db.begin().await?;
    let Some(mut removal) = state.identity.begin_removal(&mut tx, tenant).await? else {
        return Ok(false);
    };
    state.agents.remove_tenant(&mut tx, &mut removal).await?;
    state.models.remove_tenant(&mut tx, &mut removal).await?;
    state.ledger.remove_tenant(&mut tx, &mut removal).await?;
    removal.delete(&mut tx, idempotency::OF_A_TENANT).await?;
    removal.delete(&mut tx, notices::OF_A_TENANT).await?;
    state
        .reconciliations
        .remove_tenant(&mut tx, &mut removal)
        .await?;
    state.approvals.remove_tenant(&mut tx, &mut removal).await?;
    state.access.remove_tenant(&mut tx, &mut removal).await?;
    state.channels.remove_tenant(&mut tx, &mut removal).await?;
    state.files.remove_tenant(&mut tx, &mut removal).await?;
    state.profiles.remove_tenant(&mut tx, &mut removal).await?;
    state.settings.remove_tenant(&mut tx, &mut removal).await?;
    state.audit.remove_tenant(&mut tx, &mut removal).await?;
    state.vault.remove_tenant(&mut tx, &mut removal).await?;
    state.identity.end_removal(&mut tx, removal).await?;
    tx.commit().await?;
    Ok(true)
}
