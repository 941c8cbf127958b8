//! What policies would say to calls.

use std::collections::{BTreeMap, HashMap, hash_map};

use axum::extract::State;
use iron_audit::{Authorised, Entry, ToolCall, ToolCallFilter};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_policy::{Agent, MadeCall, Role, Team};
use iron_primitives::AgentId;
use iron_rules::{Calls, Proposal};
use iron_sdk::policies::{PoliciesSimulated, RecentCalls, SampleCall, SimulatePolicies};
use iron_store::Page;
use serde_json::json;

use crate::answer::Answer;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Input;
use crate::state::Api;
use crate::view;
use crate::view::TriedCall;

/// Says what proposed policies would say to calls, beside what is said to them now: calls that are
/// given, for an agent of which nothing but what they tell is known, or the latest real ones, by
/// their agents as they are now. Nothing is stored.
#[utoipa::path(post, path = "/policies/simulate", tag = "policies",
    request_body = SimulatePolicies, responses(
    (status = 200, description = "What would be different", body = PoliciesSimulated),
))]
pub(crate) async fn simulate_policies(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<SimulatePolicies>,
) -> Result<Answer<PoliciesSimulated>, Failure> {
    let authorised = caller.may(Permission::PolicyRead)?;
    let policies: Result<Vec<_>, Failure> = body.policies.iter().map(view::policy_fields).collect();
    let (tried, calls) = match (body.recent, body.calls.is_empty()) {
        (None, false) => given(body.calls),
        (Some(recent), true) => made(&api, &caller, recent).await?,
        (None, true) => {
            let problem = "is required, unless `recent` asks for real calls";
            return Err(Problem::field("calls", problem).into());
        }
        (Some(_), false) => {
            let problem = "stands alone: leave out `calls`";
            return Err(Problem::field("recent", problem).into());
        }
    };
    let proposal = Proposal {
        policies: policies?,
        without: body.without,
        calls,
    };
    let simulated = api.policies.simulate(&authorised, proposal).await?;
    Ok(Answer(view::policies_simulated(&tried, &simulated)?))
}

fn given(calls: Vec<SampleCall>) -> (Vec<TriedCall>, Calls) {
    let given = calls.iter().map(|call| call.0.clone()).collect();
    let tried = calls.into_iter().map(|call| TriedCall { call, id: None });
    (tried.collect(), Calls::Given(given))
}

/// The latest calls that were decided, as far as their records tell of them. What policies say about
/// calls tells what they were given to whoever asks often enough, so only those may ask who make
/// policies, and it is noted.
async fn made(
    api: &Api,
    caller: &Caller,
    recent: RecentCalls,
) -> Result<(Vec<TriedCall>, Calls), Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let calls = latest(api, &authorised, recent).await?;
    noted(api, &authorised, recent).await?;
    let arguments = api.audit_log.arguments(&authorised, &calls).await?;
    let mut agents: HashMap<AgentId, Option<Agent>> = HashMap::new();
    let mut tried = Vec::new();
    let mut made = Vec::new();
    for (call, arguments) in calls.into_iter().zip(arguments) {
        let agent = match agents.entry(call.agent) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(unknown) => {
                unknown.insert(actor(api, &authorised, call.agent).await?)
            }
        };
        let agent = agent.clone();
        tried.push(told(&call, agent.as_ref()));
        // Without an agent or without arguments it cannot be tried; its place stays.
        made.push(agent.zip(arguments).map(|(agent, arguments)| MadeCall {
            tool: call.tool,
            arguments,
            agent,
            tainted: call.tainted,
            at: call.started_at,
        }));
    }
    Ok((tried, Calls::Made(made)))
}

async fn noted(api: &Api, authorised: &Authorised, recent: RecentCalls) -> Result<(), Failure> {
    let mut tx = api.db.begin().await?;
    let entry = Entry::new("policy.simulate", "tool_call").parameters(&recent);
    api.audit.write(&mut tx, authorised, entry).await?;
    tx.commit().await?;
    Ok(())
}

async fn latest(
    api: &Api,
    authorised: &Authorised,
    recent: RecentCalls,
) -> Result<Vec<ToolCall>, Failure> {
    let wanted = usize::try_from(recent.count).unwrap_or(usize::MAX);
    let filter = ToolCallFilter {
        agent: recent.agent_id,
        end: Some(api.environment.now()),
        ..ToolCallFilter::default()
    };
    let per_page = Page::MAX_PER_PAGE;
    let mut calls = Vec::new();
    for page in 1..=recent.count.div_ceil(per_page) {
        let page = Page { page, per_page };
        let found = api.audit.tool_calls(authorised, &filter, page).await?.items;
        let is_last = found.len() < Page::MAX_PER_PAGE as usize;
        calls.extend(found);
        if is_last {
            break;
        }
    }
    calls.truncate(wanted);
    Ok(calls)
}

/// An agent as policies know it now; none if it is deleted.
async fn actor(api: &Api, authorised: &Authorised, id: AgentId) -> Result<Option<Agent>, Failure> {
    let Some(agent) = api.agents.for_call(authorised.tenant, id).await? else {
        return Ok(None);
    };
    let team = match agent.path.team {
        None => None,
        Some(team) => {
            let (name, _) = api.identity.team_for_call(authorised.tenant, team).await?;
            Some(Team {
                id: team,
                name: name.unwrap_or_default(),
            })
        }
    };
    let role = agent.role.as_deref().map(Role::named);
    let environment = (
        "environment".to_owned(),
        agent.environment.as_str().to_owned(),
    );
    Ok(Some(Agent {
        id,
        name: agent.name,
        role: role.map_or_else(Role::default, |role| role.unwrap_or(Role::ReadOnly)),
        team,
        attributes: BTreeMap::from([environment]),
    }))
}

/// A real call without what it was given.
fn told(call: &ToolCall, agent: Option<&Agent>) -> TriedCall {
    let told = json!({
        "tool": call.tool,
        "agent": agent.map(|agent| &agent.name),
        "at": call.started_at,
        "tainted": call.tainted,
    });
    TriedCall {
        call: SampleCall(told),
        id: Some(call.id),
    }
}
