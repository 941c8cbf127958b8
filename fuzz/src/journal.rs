//! The journal's files, changed in any way, and then read as an auditor would.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use iron_journal::verify::{Bundle, Trust, verify};
use iron_journal::{FrameKind, Journal, JournalKeys, Options, canonical};
use iron_primitives::{BootInstant, Clock, Entropy, Environment, InstanceId, TenantId, Timestamp};

const ENCRYPTION: [u8; 32] = [1; 32];

/// An honest journal of a few records, closed in good order.
struct Honest {
    folder: tempfile::TempDir,
    segment: PathBuf,
    bytes: Vec<u8>,
    bodies: Vec<Vec<u8>>,
    trust: Trust,
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000)
    }
    fn boot(&self) -> BootInstant {
        BootInstant::from_nanos(1)
    }
}

impl Entropy for Still {
    fn fill(&self, buffer: &mut [u8]) {
        for (place, byte) in buffer.iter_mut().enumerate() {
            *byte = u8::try_from(place % 251).unwrap_or_default();
        }
    }
}

fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let environment = Environment::new(Arc::new(Still), Arc::new(Still));
        let keys = JournalKeys::new(ENCRYPTION, [2; 32], [3; 32]);
        let public = keys.public().expect("a public key");
        let instance: InstanceId = environment.new_id();
        let tenant: TenantId = environment.new_id();
        let options = Options {
            // Segments are made in full length, and each run writes one.
            segment_bytes: 64 << 10,
            ..Options::new(instance, 1, keys)
        };
        let (journal, _) = Journal::open(folder.path(), options, environment).expect("a journal");
        let mut bodies = Vec::new();
        for number in 0..5 {
            journal
                .append(FrameKind::Reserve, b"a hold")
                .expect("a frame");
            let body = serde_json::json!({ "kind": "call", "number": number });
            let body = canonical::to_vec(&body).expect("canonical");
            journal.append_record(tenant, &body).expect("a record");
            bodies.push(body.into_bytes());
        }
        journal.close().expect("a good end");
        let segment = std::fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .find(|path| path.extension().is_some_and(|kind| kind == "segment"))
            .expect("a segment");
        let mut trust = Trust::new(public);
        trust.mac_key = Some([2; 32]);
        Honest {
            bytes: std::fs::read(&segment).expect("a segment"),
            folder,
            segment,
            bodies,
            trust,
        }
    })
}

/// Whatever is done to a segment: reading it ends, and shows as good only what was written.
pub fn journal_frames(data: &[u8]) {
    let honest = honest();
    std::fs::write(&honest.segment, changed(&honest.bytes, data)).expect("a file");
    let Ok(bundle) = Bundle::journal(honest.folder.path(), &ENCRYPTION) else {
        return;
    };
    let mut seen = 0;
    let report = verify(&bundle, &honest.trust, |record, good| {
        if good {
            seen += 1;
            let written = honest
                .bodies
                .iter()
                .any(|body| record.body().ends_with(body) || record.body() == body);
            assert!(written, "{}", String::from_utf8_lossy(record.body()));
        }
    });
    assert!(seen <= honest.bodies.len());
    if let Ok(report) = report
        && report.is_valid()
    {
        // The checkpoint of the end lies beside the segment, so nothing may be missing.
        assert_eq!(seen, honest.bodies.len());
    }
}

/// Edits of five bytes each: what to do, where, with what.
fn changed(bytes: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for edit in edits.chunks_exact(5).take(16) {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % bytes.len();
        let to = usize::from(edit[4]) % bytes.len();
        match edit[0] % 6 {
            0 => bytes[at] = edit[3],
            1 => bytes[at] ^= edit[3],
            2 => bytes.truncate(at),
            3 => bytes.insert(at, edit[3]),
            4 => {
                bytes.remove(at);
            }
            _ => {
                let end = (at + usize::from(edit[3])).min(bytes.len());
                let copied = bytes[at..end].to_vec();
                bytes.splice(to..to, copied);
            }
        }
    }
    bytes
}
