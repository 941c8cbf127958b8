//! Tools and policies.

use iron_audit::{ToolCall, ToolCallResult};
use iron_net::problem::Problem;
use iron_policy::Decision;
use iron_primitives::{Money, RequestId};
use iron_rules::{
    BuiltIn, Difference, NewTool, PolicyVersion, Scope, Simulated, StoredPolicy, StoredTool,
    ToolChange,
};
use iron_runtime::authority::{RateLimit, Run};
use iron_sdk::SecretText;
use iron_sdk::decimal::Decimal;
use iron_sdk::policies::{
    EffectCount, PoliciesSimulated, PolicyDecision, PolicyFieldChange, PolicyScope, PolicyText,
    PolicyVersionView, PolicyView, SampleCall, SimulatedCall,
};
use iron_sdk::tool_calls::{ToolCallOutcome, ToolCallView, ToolDecisionWord};
use iron_sdk::tools::{CreateTool, ToolRateLimit, ToolRun, ToolView, UpdateTool};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// How many calls are shown to which something else would be said.
const MOST_SAMPLES: usize = 100;

/// A call that policies are tried at, as far as it may be shown.
pub(crate) struct TriedCall {
    pub(crate) call: SampleCall,
    /// Its own id, if it is a real one.
    pub(crate) id: Option<RequestId>,
}

/// What of a body is no part of what is declared of a tool.
const BESIDES: [&str; 5] = ["rate_limit", "cost", "run", "secret", "enabled"];

/// A tool.
pub(crate) fn tool(stored: StoredTool) -> Result<ToolView, Failure> {
    let tool = stored.tool;
    Ok(ToolView {
        id: stored.id,
        external: tool.is_external(),
        untrusted_output: tool.has_untrusted_output(),
        kind: recast(&tool.kind)?,
        parameters: recast(&tool.parameters)?,
        risk_level: recast(&tool.risk_level)?,
        access: recast(&tool.access)?,
        name: tool.name,
        description: tool.description,
        schema: tool.schema,
        data_class: tool.data_class,
        attributes: tool.attributes,
        rate_limit: recast(&stored.rate)?,
        cost: Decimal(stored.cost.to_string()),
        cost_micros: stored.cost.micros(),
        run: stored.run.as_ref().map(recast).transpose()?,
        secret: stored.masked_secret,
        enabled: stored.enabled,
        owner_id: stored.owner,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
    })
}

/// A tool to be registered, as a body describes it.
pub(crate) fn new_tool(body: CreateTool) -> Result<NewTool, Failure> {
    Ok(NewTool {
        fields: fields(&body, &BESIDES)?,
        cost: money(body.cost.as_ref())?.unwrap_or_default(),
        rate: body.rate_limit.map(rate).unwrap_or_default(),
        run: body.run.as_ref().map(run).transpose()?,
        secret: body.secret.map(SecretText::into_secret),
        enabled: body.enabled.unwrap_or(true),
    })
}

/// A change of a tool, as a body describes it.
pub(crate) fn tool_change(body: UpdateTool) -> Result<ToolChange, Failure> {
    let changed_run = match &body.run {
        None => None,
        Some(None) => Some(None),
        Some(Some(given)) => Some(Some(run(given)?)),
    };
    Ok(ToolChange {
        fields: fields(&body, &BESIDES)?,
        cost: money(body.cost.as_ref())?,
        rate: body.rate_limit.map(rate),
        run: changed_run,
        secret: body.secret.map(SecretText::into_secret),
        enabled: body.enabled,
    })
}

fn money(cost: Option<&Decimal>) -> Result<Option<Money>, Problem> {
    let read = |cost: &Decimal| cost.0.parse::<Money>();
    let cost = cost.map(read).transpose();
    cost.map_err(|error| Problem::field("cost", error.to_string()))
}

const fn rate(limit: ToolRateLimit) -> RateLimit {
    RateLimit {
        per_minute: limit.per_minute,
        per_hour: limit.per_hour,
        per_day: limit.per_day,
    }
}

/// Which fields each type has is known where it is run.
fn run(given: &ToolRun) -> Result<Run, Failure> {
    let value = serde_json::to_value(given).map_err(Problem::internal)?;
    let run = serde_json::from_value(value);
    Ok(run.map_err(|error| Problem::field("run", error.to_string()))?)
}

/// A policy.
pub(crate) fn policy(stored: StoredPolicy) -> Result<PolicyView, Failure> {
    Ok(PolicyView {
        id: stored.id,
        policy: recast(&stored.policy)?,
        scope: scope_word(stored.scope),
        version: stored.version,
        created_at: stored.created_at,
        updated_at: stored.updated_at,
    })
}

/// What a policy said at one time.
pub(crate) fn policy_version(version: PolicyVersion) -> Result<PolicyVersionView, Failure> {
    Ok(PolicyVersionView {
        version: version.version,
        policy: recast(&version.policy)?,
        scope: scope_word(version.scope),
        changed_by: version.changed_by,
        created_at: version.created_at,
    })
}

/// A policy that is built in.
pub(crate) fn built_in_policy(built_in: &BuiltIn) -> Result<PolicyText, Failure> {
    recast(&built_in.policy)
}

/// One field that is different.
pub(crate) fn policy_field_change(difference: Difference) -> PolicyFieldChange {
    PolicyFieldChange {
        field: difference.field,
        before: difference.before,
        after: difference.after,
    }
}

/// What proposed policies would say to calls.
pub(crate) fn policies_simulated(
    tried: &[TriedCall],
    all: &[Simulated],
) -> Result<PoliciesSimulated, Failure> {
    let mut counts: Vec<EffectCount> = Vec::new();
    let mut changed = 0;
    let mut samples = Vec::new();
    for one in all {
        let (before, after) = (recast(&one.before.effect)?, recast(&one.after.effect)?);
        let known = |count: &&mut EffectCount| (count.before, count.after) == (before, after);
        match counts.iter_mut().find(known) {
            Some(count) => count.count = count.count.saturating_add(1),
            None => counts.push(EffectCount {
                before,
                after,
                count: 1,
            }),
        }
        if one.before == one.after {
            continue;
        }
        changed += 1;
        let call = tried
            .get(one.index)
            .filter(|_| samples.len() < MOST_SAMPLES);
        if let Some(call) = call {
            samples.push(SimulatedCall {
                call: call.call.clone(),
                call_id: call.id,
                before: policy_decision(&one.before)?,
                after: policy_decision(&one.after)?,
            });
        }
    }
    Ok(PoliciesSimulated {
        calls: count(all.len()),
        skipped: count(tried.len().saturating_sub(all.len())),
        changed,
        counts,
        samples,
    })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn policy_decision(decision: &Decision) -> Result<PolicyDecision, Failure> {
    Ok(PolicyDecision {
        effect: recast(&decision.effect)?,
        rules: decision.rules.clone(),
        reason: decision.reason.clone(),
    })
}

/// The fields of a policy that a body names.
pub(crate) fn policy_fields(body: &impl Serialize) -> Result<Map<String, Value>, Failure> {
    fields(body, &["scope"])
}

/// A call of a tool that was decided.
pub(crate) fn tool_call(call: ToolCall) -> ToolCallView {
    let outcome = |result: ToolCallResult| ToolCallOutcome {
        status: result.status,
        duration_ms: result.duration_us.map(milliseconds),
        output_bytes: result.output_bytes,
        personal_data: result.personal,
        secrets: result.secrets,
        told_at: result.told_at,
    };
    ToolCallView {
        id: call.id,
        agent_id: call.agent,
        project_id: call.project,
        tool: call.tool,
        tool_id: call.tool_id,
        mode: call.mode,
        // A word that is not known here was written by a newer server.
        decision: ToolDecisionWord::from_word(&call.decision).unwrap_or(ToolDecisionWord::Unknown),
        code: call.code,
        rules: serde_json::from_str(&call.rules).unwrap_or_default(),
        approval_id: call.approval,
        conversation_id: call.conversation,
        execution_id: call.execution,
        risk_level: call.risk_level,
        tainted: call.tainted,
        rate_limit: call.rate.map(|(limit, _)| limit),
        rate_limit_remaining: call.rate.map(|(_, remaining)| remaining),
        arguments_bytes: call.arguments_bytes,
        cost: call.cost.into(),
        cost_micros: call.cost.micros(),
        started_at: call.started_at,
        result: call.result.map(outcome),
    }
}

fn milliseconds(micros: i64) -> f64 {
    std::time::Duration::from_micros(micros.unsigned_abs()).as_secs_f64() * 1_000.0
}

/// For which agents a policy is to hold.
pub(crate) const fn scope_of(word: PolicyScope) -> Scope {
    match word {
        PolicyScope::Tenant => Scope::Tenant,
        PolicyScope::Named => Scope::Named,
    }
}

const fn scope_word(scope: Scope) -> PolicyScope {
    match scope {
        Scope::Tenant => PolicyScope::Tenant,
        Scope::Named => PolicyScope::Named,
    }
}

fn fields(body: &impl Serialize, besides: &[&str]) -> Result<Map<String, Value>, Failure> {
    let mut fields: Map<String, Value> = recast(body)?;
    for own in besides {
        fields.shift_remove(*own);
    }
    Ok(fields)
}

/// Both sides are the same JSON.
fn recast<T: DeserializeOwned>(value: &impl Serialize) -> Result<T, Failure> {
    let text = serde_json::to_string(value);
    let read = text.and_then(|text| serde_json::from_str(&text));
    Ok(read.map_err(Problem::internal)?)
}
