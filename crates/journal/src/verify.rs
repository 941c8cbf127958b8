//! Checking records offline: were they changed, removed, moved, cut off, or replaced by an older
//! state?
//!
//! What is checked needs no secret: the SHA-256 chain of each stream, and the Ed25519 signatures
//! of the checkpoints, which pin the heads of all streams. With the MAC key, each record's
//! HMAC-SHA256 is checked too, also of those that no checkpoint covers yet. With a newer
//! checkpoint that was kept elsewhere ([`Trust::known`]), a folder that was set back to an older
//! state is found out, however consistent it is in itself.
//!
//! A [`Bundle`] is a folder with the file `checkpoints` and the files `records/*.ndjson` (see
//! [`Bundle::files`]), or the folder of a journal, read beside its server with the encryption
//! key ([`Bundle::journal`]). Nothing is ever written to it.
//!
//! The check reads each record once and keeps one head per stream in memory.

mod bundle;
mod checkpoints;
mod report;

use std::collections::{BTreeMap, HashMap, HashSet};

use iron_primitives::{InstanceId, TenantId};

use crate::checkpoint::Checkpoint;
use crate::keys::MacKey;
use crate::purge::{self, Purge};
use crate::record::Record;
use crate::{Error, Hash, Head, Loss, Position, PublicKey, Stream};

pub use bundle::Bundle;
pub use report::{Fault, Reason, Report, StreamReport};

use bundle::Line;
use checkpoints::Pins;

/// What the checker trusts.
#[derive(Clone)]
pub struct Trust {
    /// The key that checkpoints must be signed with.
    pub public_key: PublicKey,
    /// The key of the records' HMAC, if it is to be checked.
    pub mac_key: Option<[u8; 32]>,
    /// A checkpoint that was kept elsewhere: the bundle must know it.
    pub known: Option<Checkpoint>,
    /// The checkpoint at which the bundle begins, if older records were purged. It names all
    /// heads.
    pub since: Option<Checkpoint>,
    /// Only this tenant's records are expected in the bundle.
    pub tenant: Option<TenantId>,
}

impl Trust {
    /// Trusts this key, and nothing else.
    pub const fn new(public_key: PublicKey) -> Self {
        Trust {
            public_key,
            mac_key: None,
            known: None,
            since: None,
            tenant: None,
        }
    }
}

/// Checks a bundle. Each record is shown to `visit` after it was checked, with whether it was
/// found to be good.
///
/// # Errors
/// Only if the bundle cannot be read; what is wrong with it stands in the report.
pub fn verify(
    bundle: &Bundle,
    trust: &Trust,
    mut visit: impl FnMut(&Record, bool),
) -> Result<Report, Error> {
    let mut report = Report::default();
    // Checkpoints are read first: beside a live server, records are then at least as new.
    let pins = Pins::read(bundle, trust, &mut report)?;
    for (line, bytes) in (1_u64..).zip(bundle.loss_lines()?) {
        match Loss::signed(&bytes, &trust.public_key) {
            Some(loss) => report.losses.push(loss),
            None => report.faults.push(Fault {
                stream: None,
                sequence: None,
                reason: Reason::BadLoss { line },
            }),
        }
    }
    purges(bundle, trust, &pins, &mut report)?;
    let mut check = Check::new(trust, &pins, report);
    for source in bundle.sources()? {
        for line in source.lines()? {
            match line? {
                Line::Record(record, stated) => {
                    let good = check.record(&record, stated);
                    visit(&record, good);
                }
                Line::Unreadable { file, line } => check.fault(Fault {
                    stream: None,
                    sequence: None,
                    reason: Reason::NotARecord { file, line },
                }),
                Line::Damaged(position, damage) => check.fault(Fault {
                    stream: None,
                    sequence: None,
                    reason: Reason::Damaged { position, damage },
                }),
            }
        }
    }
    Ok(check.finish())
}

/// Reads the tombstones. One that is wrong takes those behind it along.
fn purges(bundle: &Bundle, trust: &Trust, pins: &Pins, report: &mut Report) -> Result<(), Error> {
    match purge::all(&bundle.purge_lines()?, &trust.public_key, pins.instance()) {
        Ok(all) => report.purges = all,
        Err(line) => report.faults.push(Fault {
            stream: None,
            sequence: None,
            reason: Reason::BadPurge { line },
        }),
    }
    let Some(last) = report.purges.last() else {
        return Ok(());
    };
    for named in &last.heads {
        let head = &named.head;
        let place = (named.tenant, head.incarnation, head.sequence);
        if let Some(pin) = pins.heads.get(&place)
            && pin.hash != head.hash
        {
            let stream = Stream {
                tenant: named.tenant,
                instance: last.instance,
                incarnation: head.incarnation,
            };
            report.faults.push(Fault {
                stream: Some(stream),
                sequence: Some(head.sequence),
                reason: Reason::PurgedAnother {
                    checkpoint: pin.checkpoint,
                },
            });
        }
    }
    Ok(())
}

/// A record: its incarnation, its number and its hash.
type Place = (u64, u64, Hash);

const fn place_of(head: &Head) -> Place {
    (head.incarnation, head.sequence, head.hash)
}

/// How far a chain has been followed.
struct Followed {
    stream: Stream,
    first: u64,
    sequence: u64,
    hash: Hash,
    records: u64,
    /// A fault was found; what follows from it is not told again.
    broken: bool,
    /// Stands for records before the bundle.
    before: bool,
}

struct Check<'a> {
    trust: &'a Trust,
    pins: &'a Pins,
    mac: Option<MacKey>,
    chains: HashMap<(TenantId, InstanceId), Followed>,
    /// Pinned records that were met.
    met: HashSet<(TenantId, u64, u64)>,
    report: Report,
    streams: BTreeMap<Stream, StreamReport>,
}

impl<'a> Check<'a> {
    fn new(trust: &'a Trust, pins: &'a Pins, report: Report) -> Self {
        let mut chains = HashMap::new();
        let purged = report.purges.last();
        let purged = purged.map(|purge| (purge.instance, &purge.heads));
        let since = trust.since.as_ref().map(|since| &since.statement);
        let since = since.map(|since| (since.instance, &since.heads));
        for (instance, heads) in purged.into_iter().chain(since) {
            for pinned in heads {
                let incarnation = pinned.head.incarnation;
                let stream = Stream {
                    tenant: pinned.tenant,
                    instance,
                    incarnation,
                };
                let followed = Followed {
                    stream,
                    first: pinned.head.sequence,
                    sequence: pinned.head.sequence,
                    hash: pinned.head.hash,
                    records: 0,
                    broken: false,
                    before: true,
                };
                chains.insert((pinned.tenant, instance), followed);
            }
        }
        let mac = trust.mac_key.as_ref().map(MacKey::new);
        let met = HashSet::new();
        Check {
            trust,
            pins,
            mac,
            chains,
            met,
            report,
            streams: BTreeMap::new(),
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.report.faults.push(fault);
    }

    /// Checks one record; says whether it is good.
    fn record(&mut self, record: &Record, stated: Hash) -> bool {
        self.report.records += 1;
        let faults_before = self.report.faults.len();
        let stream = record.stream;
        if let Some(reason) = self.wrong_by_itself(record, stated) {
            self.fault(Fault {
                stream: Some(stream),
                sequence: Some(record.sequence),
                reason,
            });
        }
        let key = (stream.tenant, stream.instance);
        let chain = self.chains.get(&key);
        let unlinked = link_fault(chain, record).filter(|reason| {
            let last = chain.map(|chain| (chain.stream.incarnation, chain.sequence, chain.hash));
            !self.is_acknowledged(record, last, reason)
        });
        // A gap is told once; what stands behind it does not link either.
        let told = chain.is_some_and(|chain| chain.broken && chain.stream == stream);
        let broken = told || unlinked.is_some();
        if let Some(reason) = unlinked
            && (!told || matches!(reason, Reason::Moved { .. }))
        {
            self.fault(Fault {
                stream: Some(stream),
                sequence: Some(record.sequence),
                reason,
            });
        }
        if let Some(reason) = self.pin_fault(record) {
            self.fault(Fault {
                stream: Some(stream),
                sequence: Some(record.sequence),
                reason,
            });
        }
        let good = self.report.faults.len() == faults_before;
        self.follow(record, broken);
        good
    }

    fn wrong_by_itself(&self, record: &Record, stated: Hash) -> Option<Reason> {
        if record.hash != stated {
            return Some(Reason::WrongHash);
        }
        if self
            .trust
            .tenant
            .is_some_and(|tenant| tenant != record.stream.tenant)
        {
            return Some(Reason::ForeignTenant);
        }
        let mac = self.mac.as_ref()?;
        (!mac.verifies(&record.hash, &record.mac)).then_some(Reason::WrongMac)
    }

    /// Whether a gap between the last record of a chain and this one was given up and signed:
    /// this very gap, from its first side to its other.
    fn is_acknowledged(&self, record: &Record, last: Option<Place>, reason: &Reason) -> bool {
        if !matches!(
            reason,
            Reason::Removed { .. } | Reason::EarlierStreamMissing
        ) {
            return false;
        }
        let stream = record.stream;
        let this = (stream.incarnation, record.sequence, record.hash);
        self.losses_of(stream.instance).any(|loss| {
            let head = loss.head_of(stream.tenant).map(place_of);
            let behind = match loss.next_of(stream.tenant) {
                Some(next) => place_of(next) == this,
                // The next life went on from the head that a checkpoint knew of what was lost.
                None => record.sequence == 1 && self.is_pinned_in(loss, record),
            };
            head == last && behind
        })
    }

    /// Whether the record follows one that is lost, and that a checkpoint names.
    fn is_pinned_in(&self, loss: &Loss, record: &Record) -> bool {
        self.pins.heads.iter().any(|((tenant, _, _), pin)| {
            *tenant == record.stream.tenant
                && pin.hash == record.previous
                && loss.hides(pin.position)
        })
    }

    fn last_purge(&self) -> Option<&Purge> {
        self.report.purges.last()
    }

    fn losses_of(&self, instance: InstanceId) -> impl Iterator<Item = &Loss> {
        let losses = self.report.losses.iter();
        losses.filter(move |loss| loss.instance == instance)
    }

    /// Whether a record that ended here was given up, and all of its chain before it is there or
    /// was given up, too.
    fn was_lost(&self, stream: Stream, end: Position, last: Option<Place>) -> bool {
        self.losses_of(stream.instance)
            .filter(|loss| loss.hides(end))
            .any(|loss| {
                let next = loss.next_of(stream.tenant);
                let goes_on = next.is_none_or(|next| self.is_there_or_lost(stream, next));
                let head = loss.head_of(stream.tenant);
                // The head itself may have been lost later. It stands before, so this ends.
                goes_on
                    && (head.map(place_of) == last
                        || head.is_some_and(|head| self.was_lost(stream, head.position, last)))
            })
    }

    fn is_there_or_lost(&self, stream: Stream, head: &Head) -> bool {
        let incarnation = head.incarnation;
        let found = self.streams.get(&Stream {
            incarnation,
            ..stream
        });
        found.is_some_and(|found| found.last >= head.sequence)
            || self
                .losses_of(stream.instance)
                .any(|loss| loss.hides(head.position))
    }

    /// The last record there is of a chain, up to an incarnation.
    fn last_of(&self, stream: Stream) -> Option<Place> {
        let found = self
            .streams
            .values()
            .rfind(|found| {
                let own = found.stream;
                own.tenant == stream.tenant
                    && own.instance == stream.instance
                    && own.incarnation <= stream.incarnation
            })
            .map(|found| (found.stream.incarnation, found.last, found.head));
        let purged = || {
            let purge = self.last_purge()?;
            (purge.instance == stream.instance)
                .then(|| purge.head_of(stream.tenant).map(place_of))?
        };
        found.or_else(purged).or_else(|| {
            let since = &self.trust.since.as_ref()?.statement;
            let mut heads = since.heads.iter();
            let head = heads.find(|pinned| pinned.tenant == stream.tenant)?;
            (since.instance == stream.instance).then(|| place_of(&head.head))
        })
    }

    /// Holds the record against what checkpoints say of its place in the chain.
    fn pin_fault(&mut self, record: &Record) -> Option<Reason> {
        let Stream {
            tenant,
            incarnation,
            ..
        } = record.stream;
        if self
            .pins
            .closed_before(tenant, incarnation, record.sequence)
        {
            return Some(Reason::BeyondClose);
        }
        let place = (tenant, incarnation, record.sequence);
        let pin = self.pins.heads.get(&place)?;
        self.met.insert(place);
        (pin.hash != record.hash).then_some(Reason::DiffersFromCheckpoint {
            checkpoint: pin.checkpoint,
        })
    }

    fn follow(&mut self, record: &Record, broken: bool) {
        let stream = record.stream;
        let report = self.streams.entry(stream).or_insert_with(|| StreamReport {
            stream,
            records: 0,
            first: record.sequence,
            last: record.sequence,
            head: record.hash,
        });
        report.records += 1;
        report.last = report.last.max(record.sequence);
        report.head = record.hash;
        let followed = Followed {
            stream,
            first: record.sequence,
            sequence: record.sequence,
            hash: record.hash,
            records: 1,
            broken,
            before: false,
        };
        let key = (stream.tenant, stream.instance);
        match self.chains.get_mut(&key) {
            Some(chain) if chain.stream == stream => {
                let (first, records) = (chain.first, chain.records + 1);
                *chain = Followed {
                    first,
                    records,
                    ..followed
                };
            }
            _ => {
                self.chains.insert(key, followed);
            }
        }
    }

    /// Looks for what checkpoints vouch for and the records do not have.
    fn finish(mut self) -> Report {
        let mut missing: Vec<_> = self
            .pins
            .newest
            .iter()
            .filter(|((tenant, _), _)| self.trust.tenant.is_none_or(|only| only == *tenant))
            .filter(|((tenant, incarnation), newest)| {
                let sequence = &newest.sequence;
                let before = self.chains.values().any(|chain| {
                    chain.before
                        && chain.stream.tenant == *tenant
                        && (chain.stream.incarnation, chain.sequence) >= (*incarnation, *sequence)
                });
                let purged = self.last_purge();
                let purged = purged.is_some_and(|it| it.took(*tenant, *incarnation, *sequence));
                !before && !purged && !self.met.contains(&(*tenant, *incarnation, *sequence))
            })
            .map(|((tenant, incarnation), newest)| (*tenant, *incarnation, *newest))
            .collect();
        missing.sort_unstable();
        for (tenant, incarnation, newest) in missing {
            let stream = Stream {
                tenant,
                instance: self.pins.instance_or_nil(),
                incarnation,
            };
            let (known, checkpoint) = (newest.sequence, newest.checkpoint);
            let found = self.streams.get(&stream).map_or(0, |stream| stream.last);
            // A gap before the head was told where it was met.
            let last = self.last_of(stream);
            if found >= known || self.was_lost(stream, newest.position, last) {
                continue;
            }
            self.report.faults.push(Fault {
                stream: Some(stream),
                sequence: Some(found.saturating_add(1)),
                reason: Reason::CutOff { known, checkpoint },
            });
        }
        self.report.macs_checked = self.mac.is_some();
        self.report.sealed_records = self
            .streams
            .values()
            .map(|stream| {
                let place = (stream.stream.tenant, stream.stream.incarnation);
                let sealed = self
                    .pins
                    .newest
                    .get(&place)
                    .map_or(0, |newest| newest.sequence);
                (sealed.min(stream.last) + 1).saturating_sub(stream.first)
            })
            .sum();
        self.report.streams = self.streams.into_values().collect();
        self.report
    }
}

/// Whether a record follows what was read of its chain.
fn link_fault(chain: Option<&Followed>, record: &Record) -> Option<Reason> {
    let Some(chain) = chain else {
        return match (record.sequence, record.previous) {
            (1, Hash::ZERO) => None,
            (1, _) => Some(Reason::EarlierStreamMissing),
            _ => Some(Reason::Removed { expected: 1 }),
        };
    };
    if chain.stream.incarnation > record.stream.incarnation {
        return Some(Reason::Moved {
            expected: chain.sequence.saturating_add(1),
        });
    }
    let new = chain.stream.incarnation < record.stream.incarnation;
    let expected = if new {
        1
    } else {
        chain.sequence.saturating_add(1)
    };
    if record.sequence > expected {
        return Some(Reason::Removed { expected });
    }
    if record.sequence < expected {
        return Some(Reason::Moved { expected });
    }
    if record.previous == chain.hash {
        return None;
    }
    Some(if new {
        Reason::EarlierStreamMissing
    } else {
        Reason::BrokenLink
    })
}
