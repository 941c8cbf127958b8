//! Calls whose process ended while they were under way.
//!
//! The reserve of an attempt carries, beside the money, what a record needs
//! ([`Facts`]): so a call that never came back still leaves its one record, with the outcome
//! `unknown`, settled at its bound.

use iron_journal::{Journal, Stopped, canonical};
use iron_primitives::{
    ActorPath, Environment, IcTokenId, ProviderId, RequestId,
};
use serde::{Deserialize, Serialize};

use crate::record::{
    Attempt, CallRecord, Decision, Ended, FORMAT, HoldRecord, Kind, Outcome, Settlement, Timings, Tokens,
};
use crate::wallet::Reserve;

/// What a reserve tells about its call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) path: ActorPath,
    pub(crate) token: IcTokenId,
    pub(crate) dialect: String,
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) provider: ProviderId,
    pub(crate) provider_kind: String,
    pub(crate) started_at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) price_book: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

/// Writes the record of each call that never came back; call it once, after the journal was
/// opened and before the first call. Gives the number of records written.
///
/// Attempts of one call are put into one record. A reserve whose facts cannot be read leaves
/// no record here; its money is settled all the same, and the log names it.
///
/// # Errors
/// [`Stopped`] if the journal takes no records; it is safe to try again in a new process.
pub fn record_orphans(
    journal: &Journal,
    orphans: &[Reserve],
    environment: &Environment,
) -> Result<usize, Stopped> {
    let mut calls: Vec<RequestId> = orphans.iter().map(|orphan| orphan.call).collect();
    calls.sort_unstable();
    calls.dedup();
    let mut written = 0;
    for call in calls {
        let attempts: Vec<&Reserve> = orphans.iter().filter(|orphan| orphan.call == call).collect();
        let facts = attempts.iter().find_map(|orphan| {
            serde_json::from_slice::<Facts>(&orphan.facts).ok()
        });
        let Some(facts) = facts else {
            tracing::error!(%call, "a call that never came back has unreadable facts");
            continue;
        };
        let tenant = facts.path.tenant;
        let record = record_of(call, facts, &attempts, environment);
        match canonical::to_vec(&record) {
            Ok(body) => {
                journal.append_record(tenant, &body)?;
                written += 1;
            }
            Err(error) => tracing::error!(%call, %error, "a record could not be written down"),
        }
    }
    Ok(written)
}

fn record_of(
    call: RequestId,
    facts: Facts,
    reserves: &[&Reserve],
    environment: &Environment,
) -> CallRecord {
    let attempts: Vec<Attempt> = reserves.iter().map(|reserve| attempt(reserve, &facts)).collect();
    CallRecord {
        agent: facts.path.agent,
        cost_nanos: crate::record::total_cost(&attempts).nanos(),
        attempts,
        call,
        conversation: facts.conversation,
        decisions: Vec::<Decision>::new(),
        dialect: facts.dialect,
        ended_at_us: environment.now().micros(),
        end_user: None,
        environment: facts.environment,
        format: FORMAT,
        kind: Kind::Call,
        model: Some(facts.model),
        operation: facts.operation,
        outcome: Outcome::Unknown,
        prefix_hash: None,
        price_book: facts.price_book,
        project: facts.path.project,
        prompt_hash: None,
        refusal: None,
        request: None,
        roles: None,
        started_at_us: facts.started_at_us,
        status: 0,
        stream: facts.stream,
        tags: facts.tags,
        team: facts.path.team,
        tenant: facts.path.tenant,
        timings: Timings::default(),
        token: facts.token,
        tokens: Tokens::default(),
        trace: facts.trace,
        user: facts.path.user,
    }
}

fn attempt(reserve: &Reserve, facts: &Facts) -> Attempt {
    Attempt {
        clamped: false,
        dispatched_at_us: None,
        ended: Ended::Crashed,
        first_byte_us: None,
        hold: HoldRecord::from(reserve),
        model: facts.model.clone(),
        number: reserve.attempt,
        provider: facts.provider,
        provider_kind: facts.provider_kind.clone(),
        provider_request: None,
        settled_nanos: reserve.amount,
        settlement: Settlement::Estimated,
        status: None,
        tokens: Tokens::default(),
    }
}
