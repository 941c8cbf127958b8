//! What a new process makes of the old journal: the product's own replay, fed with the
//! product's own frames.

use std::cell::RefCell;
use std::collections::HashMap;

use iron_primitives::{Id as _, Period, Scope, Timestamp, Unit};
use iron_runtime::authority::Standing;
use iron_runtime::wallet::{
    Entry, LeaseMark, LeaseNote, ProcessNote, RecordedAttempt, RecordedAttempts, RecordedHold,
    RecordedLeg, Replay, Reserve,
};

use crate::state::{End, Frame, Report};
use crate::wallet::{agent, lease_id, lease_number, numbered, tenant};

/// What the old journal says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Estate {
    pub(crate) reports: Vec<Report>,
    /// Holds without a record: leases, number, amount.
    pub(crate) orphans: Vec<(Vec<u8>, u8, i64)>,
    pub(crate) witnessed: Vec<u8>,
}

thread_local! {
    static READ: RefCell<HashMap<(Vec<Frame>, u8), Estate>> = RefCell::default();
}

/// Reads a journal in a boot. The same journal is read once.
pub(crate) fn replay(frames: &[Frame], boot: u8) -> Estate {
    READ.with_borrow_mut(|read| {
        read.entry((frames.to_vec(), boot))
            .or_insert_with(|| fresh(frames, boot))
            .clone()
    })
}

fn fresh(frames: &[Frame], boot: u8) -> Estate {
    let mut replay = Replay::default();
    for frame in frames {
        let bytes = encode(frame);
        replay.read(match frame {
            Frame::Intro { .. } | Frame::Mark { .. } => Entry::Lease(&bytes),
            Frame::Reserve { .. } => Entry::Reserve(&bytes),
            Frame::Record { .. } => Entry::Record(&bytes),
        });
    }
    let estate = replay.finish(&boot_name(boot));
    assert_eq!(
        estate.unreadable, 0,
        "the model writes what the product reads"
    );
    Estate {
        reports: estate
            .accounts
            .iter()
            .map(|account| Report {
                lease: lease_number(account.lease),
                granted: account.granted,
                settled: account.settled,
                returned: account.returned,
                held: account.held,
                end: match account.standing {
                    Standing::Open => End::Open,
                    Standing::Final => End::Final,
                    Standing::Lost { at_most } => End::Lost { at_most },
                },
            })
            .collect(),
        orphans: estate
            .orphans
            .iter()
            .map(|orphan| {
                let legs = orphan.legs.iter().map(|leg| lease_number(leg.lease));
                (legs.collect(), orphan.id as u8, orphan.amount.nanos())
            })
            .collect(),
        witnessed: estate.witnessed.iter().map(|one| *one as u8).collect(),
    }
}

fn encode(frame: &Frame) -> Vec<u8> {
    match frame {
        Frame::Intro { incarnation, boot } => note(*incarnation, *boot, Vec::new()),
        Frame::Mark {
            incarnation,
            boot,
            lease,
            granted,
            watermark,
        } => note(
            *incarnation,
            *boot,
            vec![LeaseMark {
                lease: lease_id(*lease),
                tenant: tenant(),
                scope: Scope::Agent(agent()),
                unit: Unit::Usd,
                span: Period::None.span(Timestamp::from_micros(0)),
                granted: *granted,
                watermark: *watermark,
            }],
        ),
        Frame::Reserve { legs, id, amount } => reserve(legs, *id, *amount),
        Frame::Record { legs, id, cost } => serde_json::to_vec(&RecordedAttempts {
            attempts: vec![RecordedAttempt {
                hold: RecordedHold {
                    id: u64::from(*id),
                    legs: legs
                        .iter()
                        .map(|leg| RecordedLeg {
                            lease: lease_id(*leg),
                        })
                        .collect(),
                },
                settled_nanos: *cost,
                settled_tokens: None,
            }],
        })
        .unwrap(),
    }
}

fn note(incarnation: u8, boot: u8, marks: Vec<LeaseMark>) -> Vec<u8> {
    let process = ProcessNote {
        incarnation: u64::from(incarnation),
        boot_id: boot_name(boot),
        generation: 1,
        seen: 0,
    };
    serde_json::to_vec(&LeaseNote { process, marks }).unwrap()
}

fn boot_name(boot: u8) -> String {
    format!("boot-{boot}")
}

/// The layout of a reserve: only the wallet itself can write one, everybody can read it.
fn reserve(legs: &[u8], id: u8, amount: i64) -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend_from_slice(tenant().uuid().as_bytes());
    bytes.extend_from_slice(&u64::from(id).to_le_bytes());
    bytes.extend_from_slice(numbered::<iron_primitives::RequestId>(0).uuid().as_bytes());
    bytes.extend_from_slice(&1_u32.to_le_bytes());
    bytes.extend_from_slice(&1_u64.to_le_bytes());
    bytes.extend_from_slice(&amount.to_le_bytes());
    bytes.push(legs.len() as u8);
    for leg in legs {
        bytes.extend_from_slice(lease_id(*leg).uuid().as_bytes());
        bytes.push(1);
        bytes.extend_from_slice(agent().uuid().as_bytes());
    }
    let read = Reserve::decode(&bytes).expect("the layout of a reserve");
    assert_eq!((read.id, read.amount.nanos()), (u64::from(id), amount));
    assert_eq!(read.legs.len(), legs.len());
    bytes
}
