//! What the wallet writes to the journal, and reads back after a crash.
//!
//! A reserve is written before the first byte of an attempt leaves; it is small and binary,
//! because it stands in the path of every call. Notes of leases and snapshots are rare and
//! JSON. A settlement has no frame of its own: the record of the call is it
//! ([`RecordedAttempts`]); a hold that was let go without a record leaves a release.

use iron_primitives::{Id as _, LeaseId, PeriodSpan, RequestId, Scope, TenantId, Unit};
use serde::{Deserialize, Serialize};

use crate::authority::LeaseReport;

mod bytes;

use super::account::Account;
use super::amounts::Amounts;
use super::hold::{Held, HoldKey};
use super::pocket::Place;
use bytes::{
    Reader, SCOPE_BITS, put_amounts, scope_bytes, scope_from, unit_bits, unit_from, version_for,
};

/// The process that wrote a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessNote {
    /// Which process of the instance.
    pub incarnation: u64,
    /// The boot of the machine it ran in.
    pub boot_id: String,
    /// The generation of the ledger it knew.
    pub generation: u64,
    /// The newest answer of the ledger it knew.
    pub seen: u64,
}

/// A lease, and how far it may be used without another note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseMark {
    /// The lease.
    pub lease: LeaseId,
    /// The tenant of its budget.
    pub tenant: TenantId,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// The period it draws on.
    pub span: PeriodSpan,
    /// Cumulative.
    pub granted: i64,
    /// Settled and held together may reach this much.
    pub watermark: i64,
}

impl LeaseMark {
    pub(super) fn of(account: &Account, place: Place, watermark: i64) -> Self {
        LeaseMark {
            lease: account.lease,
            tenant: place.tenant,
            scope: place.scope,
            unit: place.unit,
            span: account.span,
            granted: account.granted,
            watermark,
        }
    }
}

/// The payload of a lease frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseNote {
    /// Who wrote it.
    pub process: ProcessNote,
    /// The leases it is about.
    pub marks: Vec<LeaseMark>,
}

/// A lease in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseState {
    /// What a note of it would say.
    pub mark: LeaseMark,
    /// Cumulative.
    pub settled: i64,
    /// Cumulative.
    pub returned: i64,
}

/// An open hold in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldState {
    /// Its name.
    pub key: HoldKey,
    /// Its reserve frame in hexadecimal; none if it was just about to be written.
    pub reserve: Option<String>,
}

/// The payload of a snapshot: everything that recovery would otherwise read in older frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Who wrote it.
    pub process: ProcessNote,
    /// The leases of this process.
    pub leases: Vec<LeaseState>,
    /// The holds that are open.
    pub holds: Vec<HoldState>,
    /// Final accounts of earlier processes that the ledger has not booked yet.
    pub earlier: Vec<LeaseReport>,
    /// Earlier processes whose legacy the ledger has not heard yet.
    pub witnessed: Vec<u64>,
}

/// The payload of a reserve frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    /// Whose money.
    pub tenant: TenantId,
    /// The number of the hold.
    pub id: u64,
    /// The call.
    pub call: RequestId,
    /// Which attempt of the call, counted from one.
    pub attempt: u32,
    /// The output cap that was forwarded.
    pub cap: u64,
    /// Held in each lease, by its unit.
    pub amount: Amounts,
    /// The legs, leaf first.
    pub legs: Vec<ReservedLeg>,
    /// What the governed call wants to know if it never comes back.
    pub facts: Vec<u8>,
}

/// One leg of a reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservedLeg {
    /// The lease.
    pub lease: LeaseId,
    /// Whose budget it draws on.
    pub scope: Scope,
    /// What the budget counts.
    pub unit: Unit,
}

impl Reserve {
    /// The name of the hold.
    pub fn key(&self) -> Option<HoldKey> {
        self.legs.first().map(|leg| HoldKey {
            lease: leg.lease,
            id: self.id,
        })
    }

    /// What it holds in tokens, if one of its budgets counts them.
    pub fn tokens(&self) -> Option<i64> {
        let counts = self.legs.iter().any(|leg| leg.unit == Unit::Tokens);
        counts.then_some(self.amount.tokens)
    }

    /// Whether it holds execution time, which belongs to no call.
    pub fn is_of_time(&self) -> bool {
        self.legs.iter().any(|leg| leg.unit == Unit::ExecutionTime)
    }

    /// Writes the frame of a hold without building the value.
    pub fn encode(
        tenant: TenantId,
        held: &Held,
        call: RequestId,
        attempt: u32,
        facts: &[u8],
    ) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(facts.len().saturating_add(200));
        bytes.push(version_for(&held.amount));
        bytes.extend_from_slice(tenant.uuid().as_bytes());
        bytes.extend_from_slice(&held.id.to_le_bytes());
        bytes.extend_from_slice(call.uuid().as_bytes());
        bytes.extend_from_slice(&attempt.to_le_bytes());
        bytes.extend_from_slice(&held.cap.to_le_bytes());
        put_amounts(&mut bytes, &held.amount);
        bytes.push(u8::try_from(held.legs.iter().count()).unwrap_or(u8::MAX));
        for leg in held.legs.iter() {
            bytes.extend_from_slice(leg.lease.uuid().as_bytes());
            let (kind, scope) = scope_bytes(leg.scope);
            bytes.push(kind | unit_bits(leg.unit));
            bytes.extend_from_slice(scope.as_bytes());
        }
        bytes.extend_from_slice(facts);
        bytes
    }

    /// Reads a frame back; `None` if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: bytes };
        let version = reader.version()?;
        let tenant = TenantId::from_uuid(reader.uuid()?);
        let id = reader.u64()?;
        let call = RequestId::from_uuid(reader.uuid()?);
        let attempt = u32::from_le_bytes(reader.take()?);
        let cap = reader.u64()?;
        let amount = reader.amounts(version)?;
        let [legs] = reader.take()?;
        let mut read = Vec::with_capacity(usize::from(legs));
        for _ in 0..legs {
            let lease = LeaseId::from_uuid(reader.uuid()?);
            let [kind] = reader.take()?;
            read.push(ReservedLeg {
                lease,
                scope: scope_from(kind & SCOPE_BITS, reader.uuid()?)?,
                unit: unit_from(kind & !SCOPE_BITS)?,
            });
        }
        let facts = reader.rest.to_vec();
        Some(Reserve {
            tenant,
            id,
            call,
            attempt,
            cap,
            amount,
            legs: read,
            facts,
        })
    }
}

/// The payload of a release frame: a hold that came to an end outside of any record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The hold.
    pub key: HoldKey,
    /// What it came to; nothing if nothing was sent.
    pub cost: Amounts,
}

impl Release {
    /// The bytes of the frame.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(49);
        bytes.push(version_for(&self.cost));
        bytes.extend_from_slice(self.key.lease.uuid().as_bytes());
        bytes.extend_from_slice(&self.key.id.to_le_bytes());
        put_amounts(&mut bytes, &self.cost);
        bytes
    }

    /// Reads a frame back; `None` if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: bytes };
        let version = reader.version()?;
        let key = HoldKey {
            lease: LeaseId::from_uuid(reader.uuid()?),
            id: reader.u64()?,
        };
        let cost = reader.amounts(version)?;
        Some(Release { key, cost })
    }
}

/// The part of a call's record that settles its holds. Every record of a governed call has it,
/// among much else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAttempts {
    /// One entry for each attempt.
    #[serde(default)]
    pub attempts: Vec<RecordedAttempt>,
}

/// One attempt in the record of a call, as far as money is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAttempt {
    /// What was held for it.
    pub hold: RecordedHold,
    /// What it was settled at, in nano-dollars.
    pub settled_nanos: i64,
    /// What it was settled at in tokens, where the agent's budget counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_tokens: Option<i64>,
}

/// The hold of an attempt in a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedHold {
    /// Its number.
    pub id: u64,
    /// Its legs, leaf first.
    pub legs: Vec<RecordedLeg>,
}

impl RecordedHold {
    /// Its name.
    pub fn key(&self) -> Option<HoldKey> {
        self.legs.first().map(|leg| HoldKey {
            lease: leg.lease,
            id: self.id,
        })
    }
}

/// A leg in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedLeg {
    /// The lease.
    pub lease: LeaseId,
}
