//! The parts of a binary frame.

use iron_primitives::{
    AgentId, Id as _, Money, PoolId, ProjectId, Scope, TeamId, TenantId, Unit, UserId,
};
use uuid::Uuid;

use crate::wallet::amounts::Amounts;

/// The first byte of a reserve or a release that is about money alone.
const MONEY: u8 = 1;
/// The first byte of one in which something else is counted too.
const ALL_UNITS: u8 = 2;

pub(super) fn scope_bytes(scope: Scope) -> (u8, Uuid) {
    match scope {
        Scope::Agent(id) => (1, id.uuid()),
        Scope::Pool(id) => (2, id.uuid()),
        Scope::User(id) => (3, id.uuid()),
        Scope::Team(id) => (4, id.uuid()),
        Scope::Project(id) => (5, id.uuid()),
        Scope::Tenant(id) => (6, id.uuid()),
    }
}

pub(super) fn scope_from(kind: u8, uuid: Uuid) -> Option<Scope> {
    Some(match kind {
        1 => Scope::Agent(AgentId::from_uuid(uuid)),
        2 => Scope::Pool(PoolId::from_uuid(uuid)),
        3 => Scope::User(UserId::from_uuid(uuid)),
        4 => Scope::Team(TeamId::from_uuid(uuid)),
        5 => Scope::Project(ProjectId::from_uuid(uuid)),
        6 => Scope::Tenant(TenantId::from_uuid(uuid)),
        _ => return None,
    })
}

/// The part of a leg's first byte that names its scope; the rest names its unit.
pub(super) const SCOPE_BITS: u8 = 0x0f;

pub(super) const fn unit_bits(unit: Unit) -> u8 {
    match unit {
        Unit::Usd => 0,
        Unit::Tokens => 0x10,
        Unit::ExecutionTime => 0x20,
    }
}

pub(super) const fn unit_from(bits: u8) -> Option<Unit> {
    Some(match bits {
        0 => Unit::Usd,
        0x10 => Unit::Tokens,
        0x20 => Unit::ExecutionTime,
        _ => return None,
    })
}

pub(super) const fn version_for(amounts: &Amounts) -> u8 {
    match (amounts.tokens, amounts.millis) {
        (0, 0) => MONEY,
        _ => ALL_UNITS,
    }
}

pub(super) fn put_amounts(bytes: &mut Vec<u8>, amounts: &Amounts) {
    bytes.extend_from_slice(&amounts.nanos().to_le_bytes());
    if version_for(amounts) == ALL_UNITS {
        bytes.extend_from_slice(&amounts.tokens.to_le_bytes());
        bytes.extend_from_slice(&amounts.millis.to_le_bytes());
    }
}

pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl Reader<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub(super) fn uuid(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    pub(super) fn version(&mut self) -> Option<u8> {
        let [version] = self.take()?;
        matches!(version, MONEY | ALL_UNITS).then_some(version)
    }

    pub(super) fn amounts(&mut self, version: u8) -> Option<Amounts> {
        let mut amounts = Amounts::money(Money::from_nanos(i64::from_le_bytes(self.take()?)));
        if version == ALL_UNITS {
            amounts.tokens = i64::from_le_bytes(self.take()?);
            amounts.millis = i64::from_le_bytes(self.take()?);
        }
        Some(amounts)
    }
}
