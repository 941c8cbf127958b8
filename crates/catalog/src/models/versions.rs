//! Who changes prices at the same time as others.

use iron_audit::Authorised;
use iron_llm::ProviderKind;
use iron_primitives::Timestamp;
use iron_store::{Target, Tx};

use super::Models;
use crate::{Error, store};

impl Models {
    /// Names what a model costs now, where the price in force holds since `since`: the name changes
    /// whenever the tenant says another price, or one that was announced comes into force.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn price_version<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
        kind: ProviderKind,
        model: &str,
        since: Option<Timestamp>,
    ) -> Result<String, Error> {
        let said_at = store::priced_at(on, authorised.tenant, kind, model).await?;
        let micros = |at: Option<Timestamp>| at.map_or(0, Timestamp::micros);
        let (said, since) = (micros(said_at), micros(since));
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
