//! What a server does to agents by itself: it pauses those whose budget is spent, lets them go on
//! when there is money again, and kills those that spend too fast.
//!
//! What a person has decided stands: only a running agent is paused, and only a pause by a
//! budget is ended. Whoever resumes such an agent by hand has decided that it may go on; whoever
//! pauses it has decided that it may not.

use iron_audit::{Entry, Origin};
use iron_primitives::{AgentId, TenantId};
use iron_store::Tx;
use serde_json::json;

use crate::agents::about;
use crate::model::Agent;
use crate::{Agents, Error, RuntimeState, Verb, store};

impl Agents {
    /// Pauses a running agent whose budget is spent; whether it did.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn pause_for_budget(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: AgentId,
        reason: &str,
    ) -> Result<bool, Error> {
        let Some(before) = self.hold_any(tx, tenant, id).await? else {
            return Ok(false);
        };
        if before.runtime_state != RuntimeState::Running {
            return Ok(false);
        }
        let mut after = before.clone();
        after.runtime_state = RuntimeState::Paused;
        after.paused_by_budget = true;
        after.pause_reason = Some(reason.to_owned());
        self.enforce(tx, Verb::Pause, &before, after, reason)
            .await?;
        Ok(true)
    }

    /// Lets an agent go on that a spent budget has paused; whether it did.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn resume_from_budget(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: AgentId,
        reason: &str,
    ) -> Result<bool, Error> {
        let Some(before) = self.hold_any(tx, tenant, id).await? else {
            return Ok(false);
        };
        if before.runtime_state != RuntimeState::Paused || !before.paused_by_budget {
            return Ok(false);
        }
        let mut after = before.clone();
        after.runtime_state = RuntimeState::Running;
        after.paused_by_budget = false;
        after.pause_reason = None;
        self.enforce(tx, Verb::Resume, &before, after, reason)
            .await?;
        Ok(true)
    }

    /// Kills an agent; whether there was anything to kill. The reason is shown as that of its
    /// pause until it is started again.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn kill_for_budget(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: AgentId,
        reason: &str,
    ) -> Result<bool, Error> {
        let Some(before) = self.hold_any(tx, tenant, id).await? else {
            return Ok(false);
        };
        let mut after = before.clone();
        after.runtime_state = RuntimeState::Stopped;
        after.paused_by_budget = false;
        after.pause_reason = Some(reason.to_owned());
        self.end_calls(Verb::Kill, &mut after);
        self.enforce(tx, Verb::Kill, &before, after, reason).await?;
        Ok(true)
    }

    /// The agents of all tenants that a spent budget has paused.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn paused_by_budget(&self) -> Result<Vec<(TenantId, AgentId)>, Error> {
        store::paused_by_budget(&self.db).await
    }

    async fn hold_any(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        id: AgentId,
    ) -> Result<Option<Agent>, Error> {
        store::lock(tx, tenant, id).await?;
        let Some(mut agent) = store::find(&mut *tx, tenant, id).await? else {
            return Ok(None);
        };
        agent.tags = store::tags(&mut *tx, tenant, id).await?;
        agent.providers = store::providers(&mut *tx, tenant, id).await?;
        Ok(Some(agent))
    }

    /// Writes what nobody was authorised for.
    async fn enforce(
        &self,
        tx: &mut Tx,
        verb: Verb,
        before: &Agent,
        mut after: Agent,
        reason: &str,
    ) -> Result<(), Error> {
        self.write(tx, before, &mut after).await?;
        let origin = Origin {
            tenant: after.tenant,
            user: None,
            request: None,
        };
        let parameters = json!({"name": after.name, "reason": reason});
        let entry: Entry = about(&after, verb.action())
            .parameters(&parameters)
            .changes(Some(before), Some(&after));
        self.audit.write_event(tx, &origin, entry).await?;
        Ok(())
    }
}
