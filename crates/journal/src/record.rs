//! Records and the chains they form.
//!
//! A record is a canonical JSON object, the **envelope**, around the caller's body:
//!
//! ```json
//! {"body":{},"incarnation":3,"instance":"instance_…","previous":"…","sequence":1,"tenant":"tenant_…","version":1}
//! ```
//!
//! Its hash is the SHA-256 of exactly these bytes, its tag the HMAC-SHA256 of the hash.
//! `previous` is the hash of the record before it in its stream; the first record of a stream
//! carries the last hash of the tenant's stream in the earlier incarnation, so that the chain of
//! a tenant on an instance has no gap over restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;

use iron_primitives::{InstanceId, TenantId};
use serde::{Deserialize, Serialize};

use crate::keys::MacKey;
use crate::{Hash, Position, canonical};

/// The version of the envelope.
const VERSION: u32 = 1;
/// How each envelope begins.
const BEGIN: &[u8] = br#"{"body":"#;
/// What follows the body.
const BEHIND: &[u8] = br#","incarnation":"#;
/// What stands behind the body is never longer.
const MOST_AROUND_BYTES: usize = 512;
/// Bytes of the tag before the envelope in a frame.
const MAC_BYTES: usize = 32;

/// One chain: the records of a tenant on one instance in one incarnation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stream {
    /// Whose records.
    pub tenant: TenantId,
    /// Which instance wrote them.
    pub instance: InstanceId,
    /// In which of its lives.
    pub incarnation: u64,
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant, self.instance, self.incarnation)
    }
}

/// The last record of a tenant's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its hash.
    pub hash: Hash,
    /// The incarnation it was written in.
    pub incarnation: u64,
    /// Where it stands in the journal.
    pub position: Position,
    /// Its number, counted from one in each incarnation.
    pub sequence: u64,
}

/// What `append_record` gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The place behind the record: durable as soon as this position is.
    pub position: Position,
    /// The chain it went to.
    pub stream: Stream,
    /// Its number in the chain.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
}

/// A record as it is read back.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The chain it belongs to.
    pub stream: Stream,
    /// Its number, counted from one.
    pub sequence: u64,
    /// The hash of the record before it.
    pub previous: Hash,
    /// Its own hash.
    pub hash: Hash,
    /// The HMAC-SHA256 of the hash.
    pub mac: Hash,
    envelope: Vec<u8>,
    body: std::ops::Range<usize>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} #{})", self.stream, self.sequence)
    }
}

/// The bytes are not the envelope of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not the canonical envelope of a record")]
pub struct NotARecord;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Around {
    incarnation: u64,
    instance: InstanceId,
    previous: Hash,
    sequence: u64,
    tenant: TenantId,
    version: u32,
}

impl Record {
    /// Reads a record from its envelope, which must be exactly what the journal would write.
    pub fn from_envelope(envelope: Vec<u8>, mac: Hash) -> Result<Record, NotARecord> {
        let record = Record::read(envelope, mac)?;
        let mut expected = Vec::with_capacity(record.envelope.len());
        write_envelope(
            &mut expected,
            record.body(),
            record.stream,
            record.sequence,
            &record.previous,
        );
        let canonical = canonical::from_json(record.body())
            .is_ok_and(|canonical| canonical.as_bytes() == record.body());
        if expected != record.envelope || !canonical {
            return Err(NotARecord);
        }
        Ok(record)
    }

    /// Reads an envelope without asking whether its form is canonical, nor what the body is: what
    /// is around the body is short and holds no member of this name itself, so the last one in
    /// the text is the envelope's own.
    fn read(envelope: Vec<u8>, mac: Hash) -> Result<Record, NotARecord> {
        let begin = envelope.len().saturating_sub(MOST_AROUND_BYTES);
        let tail = envelope.get(begin..).unwrap_or_default();
        let end = tail
            .windows(BEHIND.len())
            .rposition(|window| window == BEHIND)
            .map(|at| begin + at)
            .ok_or(NotARecord)?;
        let around = envelope.get(end + 1..).unwrap_or_default();
        let around = [b"{", around].concat();
        let parsed: Around = serde_json::from_slice(&around).map_err(|_| NotARecord)?;
        if parsed.version != VERSION || !envelope.starts_with(BEGIN) || end < BEGIN.len() {
            return Err(NotARecord);
        }
        let range = BEGIN.len()..end;
        let stream = Stream {
            tenant: parsed.tenant,
            instance: parsed.instance,
            incarnation: parsed.incarnation,
        };
        let (sequence, previous) = (parsed.sequence, parsed.previous);
        let hash = Hash::of(&envelope);
        Ok(Record {
            stream,
            sequence,
            previous,
            hash,
            mac,
            envelope,
            body: range,
        })
    }

    /// The caller's body: a canonical JSON object.
    pub fn body(&self) -> &[u8] {
        self.envelope.get(self.body.clone()).unwrap_or_default()
    }

    /// The caller's body as text.
    pub fn body_text(&self) -> &str {
        // JSON is UTF-8.
        std::str::from_utf8(self.body()).unwrap_or_default()
    }

    /// The canonical bytes that the hash is taken over.
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// Reads the payload of a frame. The frame was sealed by this journal, which writes nothing
    /// but the canonical form.
    pub(crate) fn from_payload(mut payload: Vec<u8>) -> Result<Record, NotARecord> {
        let mac = payload
            .first_chunk::<MAC_BYTES>()
            .copied()
            .ok_or(NotARecord)?;
        payload.drain(..MAC_BYTES);
        Record::read(payload, Hash::from_bytes(mac))
    }
}

fn write_envelope(out: &mut Vec<u8>, body: &[u8], stream: Stream, sequence: u64, previous: &Hash) {
    out.extend_from_slice(BEGIN);
    out.extend_from_slice(body);
    let Stream {
        tenant,
        instance,
        incarnation,
    } = stream;
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        r#","incarnation":{incarnation},"instance":"{instance}","previous":"{previous}","sequence":{sequence},"tenant":"{tenant}","version":{VERSION}}}"#,
    );
}

/// The chains of one instance, as far as they have come.
pub(crate) struct Chains {
    pub(crate) instance: InstanceId,
    pub(crate) incarnation: u64,
    pub(crate) heads: BTreeMap<TenantId, Head>,
    /// Whose heads have moved since the last checkpoint.
    pub(crate) changed: BTreeSet<TenantId>,
    /// How many records were added since the last checkpoint.
    pub(crate) unsealed: u64,
    mac: MacKey,
}

/// The next link of a chain, not yet part of it.
pub(crate) struct Link {
    pub(crate) stream: Stream,
    pub(crate) sequence: u64,
    pub(crate) hash: Hash,
}

impl Chains {
    pub(crate) fn new(
        instance: InstanceId,
        incarnation: u64,
        heads: BTreeMap<TenantId, Head>,
        mac: MacKey,
    ) -> Self {
        Chains {
            instance,
            incarnation,
            heads,
            changed: BTreeSet::new(),
            unsealed: 0,
            mac,
        }
    }

    /// Writes the payload of the tenant's next record behind what stands in `out`.
    pub(crate) fn write_next(
        &self,
        tenant: TenantId,
        body: &canonical::Object,
        out: &mut Vec<u8>,
    ) -> Link {
        let stream = Stream {
            tenant,
            instance: self.instance,
            incarnation: self.incarnation,
        };
        let (sequence, previous) = match self.heads.get(&tenant) {
            Some(head) if head.incarnation == self.incarnation => (head.sequence + 1, head.hash),
            Some(head) => (1, head.hash),
            None => (1, Hash::ZERO),
        };
        let start = out.len();
        out.resize(start + MAC_BYTES, 0);
        write_envelope(out, body, stream, sequence, &previous);
        let hash = Hash::of(out.get(start + MAC_BYTES..).unwrap_or_default());
        let mac = self.mac.mac(&hash);
        for (to, from) in out.iter_mut().skip(start).zip(mac.as_bytes()) {
            *to = *from;
        }
        Link {
            stream,
            sequence,
            hash,
        }
    }

    /// Makes a link, now written, the head of its chain.
    pub(crate) fn advance(&mut self, link: &Link, position: Position) {
        let Link {
            stream,
            sequence,
            hash,
        } = *link;
        let head = Head {
            hash,
            incarnation: stream.incarnation,
            position,
            sequence,
        };
        self.heads.insert(stream.tenant, head);
        self.changed.insert(stream.tenant);
        self.unsealed += 1;
    }
}
