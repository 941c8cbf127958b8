//! Starting, pausing, resuming, stopping and killing agents.

use std::time::Duration;

use axum::extract::State;
use iron_audit::Authorised;
use iron_fleet::{Agent, RuntimeState, Verb};
use iron_identity::Permission;
use iron_primitives::{AgentId, Scope, TenantId};
use iron_runtime::authority::Change;
use iron_sdk::agents::{AgentAction, AgentView, StopAgent};
use iron_store::Tx;

use super::shown;
use crate::answer::Tagged;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{Input, PathId};
use crate::notices::agent_state;
use crate::state::Api;

/// How long the calls of a stopped agent may go on where nothing else is said.
const USUAL_GRACE_SECONDS: u32 = 30;
/// How long to wait before a database that failed is asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

macro_rules! actions {
    ($($(#[doc = $doc:literal])* $name:ident, $path:literal, $verb:ident, $permission:ident;)*) => {$(
        $(#[doc = $doc])*
        #[utoipa::path(post, path = $path, tag = "agents", request_body = AgentAction,
            params(("agent_id" = AgentId, Path, description = "The agent")), responses(
            (status = 200, description = "The agent", body = AgentView),
        ))]
        pub(crate) async fn $name(
            State(api): State<Api>,
            caller: Caller,
            PathId(id): PathId<AgentId>,
            Input(body): Input<AgentAction>,
        ) -> Result<Tagged<AgentView>, Failure> {
            act(&api, &caller.may(Permission::$permission)?, id, Verb::$verb, body.reason).await
        }
    )*};
}

actions! {
    /// Lets a stopped agent's calls through again.
    start_agent, "/agents/{agent_id}/start", Start, AgentExecute;
    /// Refuses an agent's calls until it is resumed.
    pause_agent, "/agents/{agent_id}/pause", Pause, AgentExecute;
    /// Lets a paused agent's calls through again.
    resume_agent, "/agents/{agent_id}/resume", Resume, AgentExecute;
    /// Begins anew with an agent, whatever it is doing; its calls are let through again.
    restart_agent, "/agents/{agent_id}/restart", Restart, AgentExecute;
}

/// Refuses an agent's calls until it is started. Streams under way may go on for a while.
#[utoipa::path(post, path = "/agents/{agent_id}/stop", tag = "agents", request_body = StopAgent,
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The agent", body = AgentView),
))]
pub(crate) async fn stop_agent(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    Input(body): Input<StopAgent>,
) -> Result<Tagged<AgentView>, Failure> {
    let authorised = caller.may(Permission::AgentExecute)?;
    let grace = u64::from(body.grace_seconds.unwrap_or(USUAL_GRACE_SECONDS));
    let grace = Duration::from_secs(grace);
    let stop = Verb::Stop { grace };
    let stopped = changed(&api, &authorised, id, stop, body.reason).await?;
    let version = stopped.version;
    api.graces().begin(id, version);
    let stop = Stop {
        tenant: authorised.tenant,
        agent: id,
        version,
    };
    let ending = end_after(api.clone(), stop, grace);
    tokio::spawn(iron_store::as_here(ending));
    shown(&api, &authorised, stopped).await
}

/// One stop of one agent.
struct Stop {
    tenant: TenantId,
    agent: AgentId,
    version: i64,
}

/// Cuts what an agent has under way here when it is still stopped as its grace is over. Other
/// servers find the end of the grace in the database.
async fn end_after(api: Api, stop: Stop, grace: Duration) {
    tokio::time::sleep(grace).await;
    let agent = loop {
        // It may have been started again: nothing is cut before that is known.
        match api.agents.for_call(stop.tenant, stop.agent).await {
            Ok(agent) => break agent,
            Err(_) => tokio::time::sleep(ASK_AGAIN_AFTER).await,
        }
    };
    let stopped = agent.is_none_or(|agent| agent.runtime_state == RuntimeState::Stopped);
    if api.graces().end(stop.agent, stop.version) && stopped {
        (api.notify)(Change::Ended(stop.agent));
    }
}

/// Stops an agent at once, whatever it is doing: its calls are cut and its leases revoked.
#[utoipa::path(post, path = "/agents/{agent_id}/kill", tag = "agents", request_body = AgentAction,
    params(("agent_id" = AgentId, Path, description = "The agent")), responses(
    (status = 200, description = "The agent", body = AgentView),
))]
pub(crate) async fn kill_agent(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AgentId>,
    Input(body): Input<AgentAction>,
) -> Result<Tagged<AgentView>, Failure> {
    let authorised = caller.may(Permission::AgentKill)?;
    let mut tx = api.db.begin().await?;
    let killing = (Verb::Kill, body.reason);
    let agent = acted(&api, &mut tx, &authorised, id, killing).await?;
    api.ledger
        .revoke_leases_of(&mut tx, &authorised, Scope::Agent(id))
        .await?;
    tx.commit().await?;
    api.channels.wake();
    (api.notify)(Change::Agent(id));
    (api.notify)(Change::Budget(Scope::Agent(id)));
    (api.notify)(Change::Ended(id));
    shown(&api, &authorised, agent).await
}

async fn act(
    api: &Api,
    authorised: &Authorised,
    id: AgentId,
    verb: Verb,
    reason: Option<String>,
) -> Result<Tagged<AgentView>, Failure> {
    let agent = changed(api, authorised, id, verb, reason).await?;
    shown(api, authorised, agent).await
}

async fn changed(
    api: &Api,
    authorised: &Authorised,
    id: AgentId,
    verb: Verb,
    reason: Option<String>,
) -> Result<Agent, Failure> {
    let mut tx = api.db.begin().await?;
    let agent = acted(api, &mut tx, authorised, id, (verb, reason)).await?;
    tx.commit().await?;
    api.channels.wake();
    (api.notify)(Change::Agent(id));
    Ok(agent)
}

/// Does it, and tells people.
async fn acted(
    api: &Api,
    tx: &mut Tx,
    authorised: &Authorised,
    id: AgentId,
    (verb, reason): (Verb, Option<String>),
) -> Result<Agent, Failure> {
    let agents = &api.agents;
    let agent = agents.act(tx, authorised, id, verb, reason.clone()).await?;
    let whom = (agent.id, agent.team, agent.name.as_str());
    let notice = agent_state(whom, verb, reason.as_deref());
    api.channels
        .announce(tx, authorised.tenant, &notice)
        .await?;
    Ok(agent)
}
