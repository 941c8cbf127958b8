//! The one entry that a governed call leaves.
//!
//! A record is a canonical JSON object (RFC 8785): every struct here lists its fields in the
//! order of their names, holds no float and no map with keys of its own making, so that
//! plain serialisation is already canonical. It carries ids, numbers and closed words; a
//! value that may be personal ([`Sealed`]) is encrypted under the data subject's own key
//! before it comes here, and content never comes here at all.
//!
//! Readers ignore fields they do not know, and a field that is added later is optional, so
//! that old and new records live in one chain. [`CallRecord::format`] counts what cannot be
//! done that way.

mod guard;
mod proposal;
mod tokens;
pub mod tool;
mod word;

use std::borrow::Cow;

use iron_journal::canonical::InOrder;
use iron_primitives::{
    ActorPath, AgentId, AuditId, IcTokenId, LeaseId, Money, PoolPath, ProjectId, ProviderId,
    Refusal, RequestId, Scope, TeamId, TenantId, Unit, UserId,
};
use serde::{Deserialize, Serialize};

use crate::wallet::{Hold, Leg, Reserve, ReservedLeg};

pub use guard::{FindingRecord, GuardRecord};
pub use proposal::ProposalRecord;
pub use tokens::{Roles, Tokens};
pub use word::{Ended, Outcome, Settlement};

/// The format that is written.
pub const FORMAT: u32 = 1;

/// A governed call, closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The agent.
    pub agent: AgentId,
    /// Every upstream attempt, in order; empty if nothing was sent.
    pub attempts: Vec<Attempt>,
    /// The call.
    pub call: RequestId,
    /// The thread the client says it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// What all attempts cost together, in nano-dollars.
    pub cost_nanos: i64,
    /// What was decided, and by which rule, in order.
    pub decisions: Vec<Decision>,
    /// The dialect of the caller (`openai_chat`, `anthropic_messages`, …).
    pub dialect: Cow<'static, str>,
    /// The end user behind the call, sealed. (`_` sorts before letters.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_user: Option<Sealed>,
    /// When the call was closed, in microseconds since 1970.
    pub ended_at_us: i64,
    /// `prod`, `staging` or `dev`, if the agent says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The format of the record.
    pub format: u32,
    /// What guardrails found in its texts, if they found something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardRecord>,
    /// What this is: `call`.
    pub kind: Kind,
    /// The model that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What the client says it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How it ended for the caller.
    pub outcome: Outcome,
    /// The lease of the budget protocol that paid for it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_lease: Option<LeaseId>,
    /// The pool that the agent shared, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolPath>,
    /// Keyed hash (HMAC-SHA256, hexadecimal) of instructions and tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix_hash: Option<String>,
    /// The hash of the price book that the hold pinned, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_book: Option<String>,
    /// The project.
    pub project: ProjectId,
    /// Keyed hash (HMAC-SHA256, hexadecimal) of prefix and prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<String>,
    /// Calls of tools that the model has proposed, and that may not be made, or not before somebody
    /// agrees; at most [`ProposalRecord::LISTED`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposals: Vec<ProposalRecord>,
    /// Why the call was refused, if we refused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RefusalRecord>,
    /// What its runtime told of it, if it did not go through a gateway of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Reported>,
    /// The number under which the client knows the request, if it gave one itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestId>,
    /// Input by the role that said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Roles>,
    /// When the request arrived, in microseconds since 1970.
    pub started_at_us: i64,
    /// The status the caller was given.
    pub status: u16,
    /// Whether the answer was streamed.
    pub stream: bool,
    /// The client's own labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The agent's team, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// The tenant.
    pub tenant: TenantId,
    /// Where the time went.
    pub timings: Timings,
    /// The token that was presented.
    pub token: IcTokenId,
    /// What all attempts used together.
    pub tokens: Tokens,
    /// The W3C trace id, if the client sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The user who owns the agent.
    pub user: UserId,
}

impl CallRecord {
    /// The actor and everything above it.
    pub const fn path(&self) -> ActorPath {
        ActorPath {
            pool: self.pool,
            tenant: self.tenant,
            project: self.project,
            team: self.team,
            user: self.user,
            agent: self.agent,
        }
    }
}

impl InOrder for CallRecord {}

/// How a call was told of that did not go through a gateway of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// Its cost as its runtime told it, in nano-dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_nanos: Option<i64>,
    /// What it was called before it became a record.
    pub entry: AuditId,
    /// The error that it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Where it went, in the runtime's words.
    pub provider: String,
    /// Its model has no price, so the cost is the one that was told.
    pub unpriced: bool,
}

/// What kind of record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A call of a model.
    Call,
}

/// One attempt at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Whether an output cap of ours, smaller than the client's, was sent.
    pub clamped: bool,
    /// When the first byte was sent, in microseconds since 1970; none if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched_at_us: Option<i64>,
    /// How it ended.
    pub ended: Ended,
    /// From dispatch to the first byte of the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_us: Option<u64>,
    /// What was held for it.
    pub hold: HoldRecord,
    /// The model that was asked of the provider.
    pub model: String,
    /// Counts the attempts of a call, from 1.
    pub number: u32,
    /// The provider.
    pub provider: ProviderId,
    /// Its kind (`openai`, `anthropic`, `local`, `simulated`).
    pub provider_kind: Cow<'static, str>,
    /// The provider's own id of the request, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_request: Option<String>,
    /// What it cost, in nano-dollars.
    pub settled_nanos: i64,
    /// What it was settled at in tokens, where the agent's budget counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_tokens: Option<i64>,
    /// On what the cost rests.
    pub settlement: Settlement,
    /// The provider's status, if it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What it used, as far as is known.
    pub tokens: Tokens,
}

/// What was set aside for an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRecord {
    /// The worst-case cost, set aside in every leg, in nano-dollars.
    pub amount_nanos: i64,
    /// The most tokens, set aside where the agent's budget counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_tokens: Option<i64>,
    /// With the lease of its first leg it names the hold for ever.
    pub id: u64,
    /// The budgets on the path, leaf first.
    pub legs: Vec<LegRecord>,
    /// The output cap that was sent, in tokens; zero where the dialect has none.
    pub output_cap: u64,
}

/// One budget's part of a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegRecord {
    /// The lease it was taken from.
    pub lease: LeaseId,
    /// Whose budget.
    pub scope: Scope,
    /// What the budget counts.
    pub unit: Unit,
}

impl From<&Hold> for HoldRecord {
    fn from(hold: &Hold) -> Self {
        let leg = |leg: &Leg| LegRecord {
            lease: leg.lease,
            scope: leg.scope,
            unit: leg.unit,
        };
        HoldRecord {
            amount_nanos: hold.amount.nanos(),
            amount_tokens: hold.tokens_in(hold.amount),
            id: hold.id,
            legs: hold.legs.iter().map(leg).collect(),
            output_cap: hold.cap,
        }
    }
}

impl From<&Reserve> for HoldRecord {
    fn from(reserve: &Reserve) -> Self {
        let leg = |leg: &ReservedLeg| LegRecord {
            lease: leg.lease,
            scope: leg.scope,
            unit: leg.unit,
        };
        HoldRecord {
            amount_nanos: reserve.amount.nanos(),
            amount_tokens: reserve.tokens(),
            id: reserve.id,
            legs: reserve.legs.iter().map(leg).collect(),
            output_cap: reserve.cap,
        }
    }
}

/// A rule that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it let the call pass.
    pub allowed: bool,
    /// Which rule it was.
    pub rule: Cow<'static, str>,
}

/// Why a call was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalRecord {
    /// The code on the wire.
    pub code: String,
    /// The reason within the code.
    pub reason: String,
}

impl From<&Refusal> for RefusalRecord {
    fn from(refusal: &Refusal) -> Self {
        RefusalRecord {
            code: refusal.kind().code().to_owned(),
            reason: word::reason(refusal).to_owned(),
        }
    }
}

/// A personal value, encrypted under the data subject's own key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Keyed hash of the value (HMAC-SHA256, hexadecimal): tells subjects apart.
    pub digest: String,
    /// Names the key; none if none could be had, and then the value is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Nonce, ciphertext and tag (AES-256-GCM, the call's id as associated data), base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Where the time of a call went, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timings {
    /// From the request to the first byte that the caller was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_us: Option<u64>,
    /// From the request to the first dispatch: our own share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overhead_us: Option<u64>,
    /// From the request to the record.
    pub total_us: u64,
}

/// The sum of what attempts cost, kept at the largest amount where it would not fit.
pub fn total_cost(attempts: &[Attempt]) -> Money {
    let add = |sum: Money, attempt: &Attempt| {
        sum.saturating_add(Money::from_nanos(attempt.settled_nanos))
    };
    attempts.iter().fold(Money::ZERO, add)
}

#[cfg(test)]
mod tests {
    use iron_journal::canonical;
    use iron_primitives::{Id, LeaseId};
    use uuid::Uuid;

    use super::*;

    /// A record in which nothing is left out.
    fn full() -> CallRecord {
        fn id<T: Id>() -> T {
            T::from_uuid(Uuid::from_u128(7))
        }
        let text = || Some("text".to_owned());
        let leg = LegRecord {
            lease: id::<LeaseId>(),
            scope: Scope::Agent(id()),
            unit: Unit::Usd,
        };
        let attempt = Attempt {
            clamped: true,
            dispatched_at_us: Some(1),
            ended: Ended::Done,
            first_byte_us: Some(2),
            hold: HoldRecord {
                amount_nanos: 3,
                amount_tokens: Some(30),
                id: 4,
                legs: vec![leg, leg],
                output_cap: 5,
            },
            model: "model \u{1f}\"\\é".to_owned(),
            number: 1,
            provider: id(),
            provider_kind: "openai".into(),
            provider_request: text(),
            settled_nanos: 6,
            settled_tokens: Some(60),
            settlement: Settlement::Actual,
            status: Some(200),
            tokens: Tokens::default(),
        };
        CallRecord {
            agent: id(),
            attempts: vec![attempt],
            call: id(),
            conversation: text(),
            cost_nanos: 6,
            decisions: vec![Decision {
                allowed: true,
                rule: "budget".into(),
            }],
            dialect: "openai_chat".into(),
            end_user: Some(Sealed {
                digest: "digest".to_owned(),
                key: text(),
                value: text(),
            }),
            ended_at_us: -8,
            environment: text(),
            format: FORMAT,
            guard: Some(GuardRecord {
                findings: vec![FindingRecord {
                    channel: "user".to_owned(),
                    end: 2,
                    entity: "email".to_owned(),
                    part: 0,
                    rule: "pii.email".to_owned(),
                    score_permille: 900,
                    severity: text(),
                    start: 1,
                    verdict: "redact".to_owned(),
                }],
                found: 1,
                profile: Some(id()),
                verdict: "redact".to_owned(),
                version: 1,
            }),
            kind: Kind::Call,
            model: text(),
            operation: text(),
            outcome: Outcome::Completed,
            path_lease: Some(id()),
            pool: Some(PoolPath {
                high: Some(id()),
                low: Some(id()),
                member: id(),
                normal: Some(id()),
                pool: id(),
            }),
            prefix_hash: text(),
            price_book: text(),
            project: id(),
            prompt_hash: text(),
            proposals: vec![ProposalRecord {
                action: "strip".to_owned(),
                code: "POLICY_DENIED".to_owned(),
                rules: vec!["rule".to_owned()],
                tool: "tool".to_owned(),
            }],
            refusal: Some(RefusalRecord {
                code: "CODE".to_owned(),
                reason: "reason".to_owned(),
            }),
            reported: Some(Reported {
                cost_nanos: Some(1),
                entry: id(),
                error_code: text(),
                provider: "provider".to_owned(),
                unpriced: true,
            }),
            request: Some(id()),
            roles: Some(Roles::default()),
            started_at_us: 9,
            status: 200,
            stream: true,
            tags: vec!["a".to_owned(), "b".to_owned()],
            team: Some(id()),
            tenant: id(),
            timings: Timings {
                first_byte_us: Some(1),
                overhead_us: Some(2),
                total_us: 3,
            },
            token: id(),
            tokens: Tokens::default(),
            trace: text(),
            user: id(),
        }
    }

    #[test]
    fn a_record_is_written_in_the_order_that_its_hash_needs() {
        let record = full();
        let plain = canonical::in_order(&record).expect("serialises");
        let sorted = canonical::to_vec(&record).expect("canonical");
        assert_eq!(plain.as_str(), sorted.as_str());
    }
}
