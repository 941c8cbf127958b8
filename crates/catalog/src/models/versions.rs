//! Who changes prices at the same time as others, and what becomes of them in the end.

use iron_audit::{Authorised, Removal};
use iron_primitives::Timestamp;
use iron_store::{Target, Tx};

use super::{ListedModel, Models};
use crate::{Error, store};

impl Models {
    /// Removes the providers and prices of a tenant whose time is over. Its prices are in force
    /// until the next [`Models::refresh`].
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        removal.count(store::remove_tenant(tx, removal.tenant()).await?);
        Ok(())
    }

    /// Names what a model costs now: the name changes whenever the tenant says another price, or
    /// one that was announced comes into force.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn price_version<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
        listed: &ListedModel,
    ) -> Result<String, Error> {
        let (tenant, model) = (authorised.tenant, &listed.model);
        let said_at = store::priced_at(on, tenant, model.kind, &model.name).await?;
        let micros = |at: Option<Timestamp>| at.map_or(0, Timestamp::micros);
        let (said, since) = (micros(said_at), micros(listed.price.effective_from));
        Ok(format!("{said:x}-{since:x}"))
    }

    /// Holds the tenant's prices for the rest of the transaction.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn hold(&self, tx: &mut Tx, authorised: &Authorised) -> Result<(), Error> {
        store::lock_prices(tx, authorised.tenant).await
    }
}
