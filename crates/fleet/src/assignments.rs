//! Which providers an agent may call.

use iron_audit::Authorised;
use iron_primitives::{AgentId, ProviderId};
use iron_store::Tx;

use crate::agents::without_repeats;
use crate::model::Agent;
use crate::{Agents, Error, store};

impl Agents {
    /// Replaces the providers of an agent, the preferred one first. The caller has made sure that
    /// they exist.
    ///
    /// # Errors
    /// As [`Agents::get`].
    pub async fn assign_providers(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AgentId,
        providers: Vec<ProviderId>,
    ) -> Result<Agent, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let mut after = before.clone();
        after.providers = without_repeats(providers);
        self.save(tx, authorised, "agent.assign_providers", &before, after)
            .await
    }

    /// Takes one provider away from an agent.
    ///
    /// # Errors
    /// [`Error::NotAssigned`]; as [`Agents::get`].
    pub async fn remove_provider(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AgentId,
        provider: ProviderId,
    ) -> Result<Agent, Error> {
        let before = self.hold(tx, authorised, id).await?;
        if !before.providers.contains(&provider) {
            return Err(Error::NotAssigned { provider });
        }
        let mut after = before.clone();
        after.providers.retain(|assigned| *assigned != provider);
        self.save(tx, authorised, "agent.remove_provider", &before, after)
            .await
    }

    /// The agents to which a provider is assigned, by name, whoever owns them: its owner must
    /// know what depends on it.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn with_provider(
        &self,
        authorised: &Authorised,
        provider: ProviderId,
    ) -> Result<Vec<Agent>, Error> {
        let ids = store::of_provider(&self.db, authorised.tenant, provider).await?;
        let mut agents = Vec::with_capacity(ids.len());
        for id in ids {
            agents.extend(store::find(&self.db, authorised.tenant, id).await?);
        }
        store::fill(&self.db, authorised.tenant, &mut agents).await?;
        Ok(agents)
    }

    /// Takes a provider that is being deleted away from every agent; what is left of each.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn forget_provider(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        provider: ProviderId,
    ) -> Result<Vec<Agent>, Error> {
        let tenant = authorised.tenant;
        let mut agents = Vec::new();
        let mut ids = store::of_provider(&mut *tx, tenant, provider).await?;
        // Whoever holds several agents takes them in this order.
        ids.sort_unstable();
        for id in ids {
            store::lock(tx, tenant, id).await?;
            let Some(mut before) = store::find(&mut *tx, tenant, id).await? else {
                continue;
            };
            before.tags = store::tags(&mut *tx, tenant, id).await?;
            before.providers = store::providers(&mut *tx, tenant, id).await?;
            let mut after = before.clone();
            after.providers.retain(|assigned| *assigned != provider);
            let after = self
                .save(tx, authorised, "agent.remove_provider", &before, after)
                .await?;
            agents.push(after);
        }
        Ok(agents)
    }
}
