//! One process of the instance: its wallet, its link, and the frames it leaves on the disk.

use super::*;

impl Process {
    pub(super) async fn begin(
        ledger: &Ledger,
        world: &TestEnvironment,
        tenant: TenantId,
        instance: InstanceId,
        boot: u32,
        replay: Replay,
    ) -> Process {
        let boot_id = boot_id(boot);
        let estate = replay.finish(&boot_id);
        assert_eq!(estate.unreadable, 0, "every frame is read back");
        let (at_least, seen) = estate
            .last
            .as_ref()
            .map_or((0, 0), |last| (last.incarnation + 1, last.seen));
        let enrolment = Enrolment {
            instance,
            boot_id: boot_id.clone(),
            at_least,
            seen,
        };
        let incarnation = ledger.enrol(&enrolment).await.expect("enrols");
        let owner = Owner {
            incarnation,
            boot_id,
            seen,
        };
        Process {
            book: Book::new(tenant, Policy::SERVER),
            link: Link::new(owner, &estate, world.environment.boot()),
            calls: Vec::new(),
            waiting: HashMap::new(),
            work: Work::default(),
            marks: Vec::new(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.link.owner().incarnation.incarnation
    }

    /// The first thing that a process writes, before the ledger hears of it.
    pub(super) fn introduction(&self, boot: u32) -> Frame {
        let note = LeaseNote {
            process: self.note(boot),
            marks: Vec::new(),
        };
        Frame::Lease(serde_json::to_vec(&note).expect("serialises"))
    }

    pub(super) fn note(&self, boot: u32) -> ProcessNote {
        let owner = self.link.owner();
        ProcessNote {
            incarnation: owner.incarnation.incarnation,
            boot_id: boot_id(boot),
            generation: owner.incarnation.generation,
            seen: owner.seen,
        }
    }
}

pub(super) fn boot_id(boot: u32) -> String {
    format!("boot {boot}")
}

pub(super) fn record_of(call: &Call) -> Vec<u8> {
    let legs = call
        .held
        .legs
        .iter()
        .map(|leg| RecordedLeg { lease: leg.lease })
        .collect();
    attempt_bytes(RecordedAttempt {
        hold: RecordedHold {
            id: call.held.id,
            legs,
        },
        settled_nanos: call.bill.nanos(),
        settled_tokens: Some(call.bill.tokens),
    })
}

pub(super) fn record_of_orphan(orphan: &Reserve) -> Vec<u8> {
    let legs = orphan
        .legs
        .iter()
        .map(|leg| RecordedLeg { lease: leg.lease })
        .collect();
    attempt_bytes(RecordedAttempt {
        hold: RecordedHold {
            id: orphan.id,
            legs,
        },
        settled_nanos: orphan.amount.nanos(),
        settled_tokens: orphan.tokens(),
    })
}

pub(super) fn attempt_bytes(attempt: RecordedAttempt) -> Vec<u8> {
    serde_json::to_vec(&RecordedAttempts {
        attempts: vec![attempt],
    })
    .expect("serialises")
}
