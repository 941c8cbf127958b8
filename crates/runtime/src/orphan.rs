//! Calls whose process ended while they were under way.
//!
//! The reserve of an attempt carries, beside the money, what a record needs
//! ([`Facts`]): so a call that never came back still leaves its one record, with the outcome
//! `unknown`, settled at its bound.

use std::borrow::Cow;
use std::collections::BTreeMap;

use iron_journal::{Journal, Stopped, canonical};
use iron_primitives::{
    ActorPath, ApprovalId, Environment, IcTokenId, LeaseId, ProviderId, RequestId, Timestamp,
    ToolId,
};
use serde::{Deserialize, Serialize};

use crate::record::tool::{ToolAttempt, ToolDecision, ToolKind, ToolMode, ToolRecord};
use crate::record::{
    Attempt, CallRecord, Decision, Ended, FORMAT, HoldRecord, Kind, Outcome, Settlement, Timings,
    Tokens,
};
use crate::wallet::Reserve;

/// What a reserve tells about its call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) path: ActorPath,
    pub(crate) token: IcTokenId,
    pub(crate) dialect: Cow<'static, str>,
    /// As the caller named it.
    pub(crate) model: String,
    /// The model that the provider is asked for, where that is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asked: Option<String>,
    /// The attempts before this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) before: Vec<Attempt>,
    pub(crate) stream: bool,
    pub(crate) provider: ProviderId,
    pub(crate) provider_kind: Cow<'static, str>,
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
    pub(crate) path_lease: Option<LeaseId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

impl Facts {
    /// For the reserve. Nothing in it can fail to serialise.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        const USUAL_BYTES: usize = 768;
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        match serde_json::to_writer(&mut bytes, self) {
            Ok(()) => bytes,
            Err(_) => Vec::new(),
        }
    }
}

/// What a reserve repeats of the attempts before it: of many only those that cost something, which
/// are no more than the agent has providers to fall back on.
pub(crate) fn repeated(before: &[Attempt]) -> Vec<Attempt> {
    const MANY: usize = 8;
    let is_kept = |line: &&Attempt| before.len() <= MANY || line.settled_nanos != 0;
    before.iter().filter(is_kept).cloned().collect()
}

/// What a reserve tells about its call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ToolFacts {
    pub(crate) path: ActorPath,
    pub(crate) token: IcTokenId,
    pub(crate) tool: String,
    pub(crate) tool_id: Option<ToolId>,
    pub(crate) mode: ToolMode,
    pub(crate) arguments_hash: String,
    pub(crate) arguments_bytes: u64,
    pub(crate) started_at_us: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approval: Option<ApprovalId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) execution: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<String>,
    pub(crate) untrusted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

impl ToolFacts {
    /// For the reserve. Nothing in it can fail to serialise.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// What a reserve tells.
enum Told {
    Call(Box<Facts>),
    Tool(Box<ToolFacts>),
}

impl Told {
    fn by(reserve: &Reserve) -> Option<Self> {
        let tool = serde_json::from_slice(&reserve.facts).map(Told::Tool);
        let told = tool.or_else(|_| serde_json::from_slice(&reserve.facts).map(Told::Call));
        told.ok()
    }
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
    // What an agent holds of its time belongs to no call.
    let orphans: Vec<&Reserve> = orphans.iter().filter(|one| !one.is_of_time()).collect();
    let mut calls: Vec<RequestId> = orphans.iter().map(|orphan| orphan.call).collect();
    calls.sort_unstable();
    calls.dedup();
    let mut written = 0;
    for call in calls {
        let attempts: Vec<&Reserve> = orphans
            .iter()
            .copied()
            .filter(|orphan| orphan.call == call)
            .collect();
        let (tenant, body) = match attempts.iter().find_map(|orphan| Told::by(orphan)) {
            Some(Told::Call(facts)) => {
                let tenant = facts.path.tenant;
                let record = record_of(call, *facts, &attempts, environment);
                (tenant, canonical::to_vec(&record))
            }
            Some(Told::Tool(facts)) => {
                let tenant = facts.path.tenant;
                let record = tool_record_of(call, *facts, &attempts, environment);
                (tenant, canonical::to_vec(&record))
            }
            None => {
                tracing::error!(%call, "a call that never came back has unreadable facts");
                continue;
            }
        };
        match body {
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
    let attempts = attempts_of(&facts, reserves);
    facts.record(call, attempts, environment.now())
}

/// The attempts of a call in their order: those that were under way, each as its own reserve tells
/// of it, and those that were over.
fn attempts_of(facts: &Facts, reserves: &[&Reserve]) -> Vec<Attempt> {
    let (mut attempts, mut over) = (BTreeMap::new(), Vec::new());
    for reserve in reserves {
        let own = match Told::by(reserve) {
            Some(Told::Call(own)) => *own,
            _ => facts.clone(),
        };
        attempts.insert(reserve.attempt, attempt(reserve, &own));
        over.extend(own.before);
    }
    for line in over {
        // What is not settled by the journal is settled at its bound, whatever is told of it.
        attempts.entry(line.number).or_insert(line);
    }
    attempts.into_values().collect()
}

impl Facts {
    /// A record of what was not seen to end.
    pub(crate) fn record(
        self,
        call: RequestId,
        attempts: Vec<Attempt>,
        ended_at: Timestamp,
    ) -> CallRecord {
        let facts = self;
        CallRecord {
            agent: facts.path.agent,
            cost_nanos: crate::record::total_cost(&attempts).nanos(),
            attempts,
            call,
            conversation: facts.conversation,
            decisions: Vec::<Decision>::new(),
            dialect: facts.dialect,
            ended_at_us: ended_at.micros(),
            end_user: None,
            environment: facts.environment,
            format: FORMAT,
            guard: None,
            kind: Kind::Call,
            model: Some(facts.model),
            operation: facts.operation,
            outcome: Outcome::Unknown,
            path_lease: facts.path_lease,
            pool: facts.path.pool,
            prefix_hash: None,
            price_book: facts.price_book,
            project: facts.path.project,
            prompt_hash: None,
            proposals: Vec::new(),
            refusal: None,
            reported: None,
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
}

fn tool_record_of(
    call: RequestId,
    facts: ToolFacts,
    reserves: &[&Reserve],
    environment: &Environment,
) -> ToolRecord {
    let attempt = |reserve: &&Reserve| ToolAttempt {
        hold: HoldRecord::from(*reserve),
        settled_nanos: reserve.amount.nanos(),
    };
    let attempts: Vec<ToolAttempt> = reserves.iter().map(attempt).collect();
    let path = facts.path;
    ToolRecord {
        agent: path.agent,
        approval: facts.approval,
        arguments: None,
        arguments_bytes: facts.arguments_bytes,
        arguments_hash: facts.arguments_hash,
        call,
        conversation: facts.conversation,
        cost_nanos: attempts.iter().map(|attempt| attempt.settled_nanos).sum(),
        attempts,
        data_class: Vec::new(),
        decision: ToolDecision {
            code: None,
            effect: "unknown".to_owned(),
            rules: Vec::new(),
        },
        end_user: None,
        ended_at_us: environment.now().micros(),
        environment: facts.environment,
        execution: facts.execution,
        format: FORMAT,
        guard: None,
        kind: ToolKind::Tool,
        mode: facts.mode,
        origin: None,
        personal: false,
        pool: path.pool,
        project: path.project,
        rate: None,
        request: None,
        risk_level: None,
        secrets: false,
        started_at_us: facts.started_at_us,
        tags: facts.tags,
        tainted: false,
        team: path.team,
        tenant: path.tenant,
        token: facts.token,
        tool: facts.tool,
        tool_id: facts.tool_id,
        trace: facts.trace,
        untrusted: facts.untrusted,
        user: path.user,
    }
}

fn attempt(reserve: &Reserve, facts: &Facts) -> Attempt {
    Attempt {
        clamped: false,
        dispatched_at_us: None,
        ended: Ended::Crashed,
        first_byte_us: None,
        hold: HoldRecord::from(reserve),
        model: facts.asked.as_ref().unwrap_or(&facts.model).clone(),
        number: reserve.attempt,
        provider: facts.provider,
        provider_kind: facts.provider_kind.clone(),
        provider_request: None,
        settled_nanos: reserve.amount.nanos(),
        settled_tokens: reserve.tokens(),
        settlement: Settlement::Estimated,
        status: None,
        tokens: Tokens::default(),
    }
}

#[cfg(test)]
mod tests {
    use iron_journal::{Content, Cursor, JournalKeys, Options};
    use iron_primitives::{LeaseId, Money, Scope, Unit};
    use iron_testkit::TestEnvironment;

    use super::*;
    use crate::wallet::{Amounts, ReservedLeg};

    fn reserve(environment: &Environment, call: RequestId, number: u32, facts: &[u8]) -> Reserve {
        let scope = Scope::Agent(environment.new_id());
        Reserve {
            tenant: environment.new_id(),
            id: u64::from(number),
            call,
            attempt: number,
            cap: 100,
            amount: Amounts::money(Money::from_nanos(5_000)),
            legs: vec![ReservedLeg {
                lease: environment.new_id::<LeaseId>(),
                scope,
                unit: Unit::Usd,
            }],
            facts: facts.to_vec(),
        }
    }

    #[test]
    fn a_call_that_never_came_back_leaves_one_record_at_its_bound() {
        let environment = TestEnvironment::new().environment;
        let folder = tempfile::tempdir().expect("a folder");
        let keys = JournalKeys::new([1; 32], [2; 32], [3; 32]);
        let options = Options::new(environment.new_id(), 1, keys);
        let opened = Journal::open(folder.path(), options, environment.clone());
        let (journal, _) = opened.expect("opens");
        let facts = Facts {
            path: ActorPath {
                pool: None,
                tenant: environment.new_id(),
                project: environment.new_id(),
                team: None,
                user: environment.new_id(),
                agent: environment.new_id(),
            },
            token: environment.new_id(),
            dialect: "openai_chat".into(),
            model: "gpt-4o".to_owned(),
            asked: None,
            before: Vec::new(),
            stream: true,
            provider: environment.new_id(),
            provider_kind: "openai".into(),
            started_at_us: 7,
            price_book: None,
            conversation: Some("thread".to_owned()),
            operation: None,
            tags: vec!["blue".to_owned()],
            environment: None,
            path_lease: None,
            trace: None,
        };
        let facts = serde_json::to_vec(&facts).expect("serialises");
        let (first, second): (RequestId, RequestId) = (environment.new_id(), environment.new_id());
        let orphans = [
            reserve(&environment, first, 1, &facts),
            reserve(&environment, first, 2, &facts),
            reserve(&environment, second, 1, b"not facts"),
        ];
        assert_eq!(record_orphans(&journal, &orphans, &environment), Ok(1));

        let records = std::iter::from_fn({
            let mut reader = journal.read_from(Cursor::START).expect("a reader");
            // What is written becomes readable when it is on disk.
            move || loop {
                let frames = reader.next_frames(100).expect("readable");
                let found = frames.into_iter().find_map(|frame| match frame.content {
                    Content::Record(record) => Some(record),
                    _ => None,
                });
                if found.is_some() {
                    return found;
                }
                std::thread::yield_now();
            }
        });
        let record = records.take(1).next().expect("a record");
        let record: CallRecord = serde_json::from_slice(record.body()).expect("a call");
        assert_eq!((record.call, record.outcome), (first, Outcome::Unknown));
        assert_eq!((record.attempts.len(), record.cost_nanos), (2, 10_000));
        assert!(
            record
                .attempts
                .iter()
                .all(|attempt| attempt.ended == Ended::Crashed)
        );
        assert_eq!(
            (record.conversation.as_deref(), &record.tags[..]),
            (Some("thread"), &["blue".to_owned()][..])
        );
    }
}
