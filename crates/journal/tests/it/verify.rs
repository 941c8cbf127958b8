//! The offline check finds every kind of forgery.

use std::path::Path;
use std::sync::LazyLock;

use iron_journal::verify::{Bundle, Reason, Report, Trust, verify};
use iron_journal::{CHECKPOINTS_FILE, Checkpoint, Hash, Journal, RECORDS_FOLDER, Record};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::kit::{Place, body, keys, tenant};

fn trust() -> Trust {
    Trust::new(keys().public().expect("a key"))
}

fn trust_with_mac() -> Trust {
    Trust {
        mac_key: Some([2; 32]),
        ..trust()
    }
}

fn check(folder: &Path, trust: &Trust) -> Report {
    verify(&Bundle::files(folder), trust, |_, _| {}).expect("readable")
}

/// Two tenants, two lives, checkpoints on the way, the second life closed: as plain files.
struct Exported {
    folder: TempDir,
}

fn record(journal: &Journal, count: u64) {
    for number in 0..count {
        journal
            .append_record(tenant(u128::from(number % 2)), &body(number))
            .expect("appended");
    }
}

fn export() -> Exported {
    // Made once: each test takes a copy to tamper with.
    static ORIGINAL: LazyLock<TempDir> = LazyLock::new(make);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join(RECORDS_FOLDER)).expect("made");
    let copy = |from: &Path| {
        for entry in std::fs::read_dir(from).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(ORIGINAL.path()).expect("inside");
            if path.is_file() {
                std::fs::copy(&path, folder.path().join(name)).expect("copied");
            }
        }
    };
    copy(ORIGINAL.path());
    copy(&ORIGINAL.path().join(RECORDS_FOLDER));
    Exported { folder }
}

fn make() -> TempDir {
    let place = Place::new();
    let (journal, _) = place.open();
    record(&journal, 6);
    journal.checkpoint().expect("signed");
    record(&journal, 6);
    journal.checkpoint().expect("signed");
    drop(journal);
    let (journal, _) = place.open();
    record(&journal, 8);
    journal.close().expect("closed");
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = Bundle::journal(place.path(), &[1; 32]).expect("a bundle");
    bundle.export(folder.path()).expect("exported");
    folder
}

impl Exported {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(self.path().join(RECORDS_FOLDER))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        files.sort();
        files
    }

    /// All record lines, each with the file it stands in.
    fn lines(&self) -> Vec<(usize, String)> {
        let mut lines = Vec::new();
        for (index, file) in self.files().iter().enumerate() {
            let text = std::fs::read_to_string(file).expect("text");
            lines.extend(text.lines().map(|line| (index, line.to_owned())));
        }
        lines
    }

    fn write(&self, lines: &[(usize, String)]) {
        for (index, file) in self.files().iter().enumerate() {
            let text: String = lines
                .iter()
                .filter(|(at, _)| *at == index)
                .flat_map(|(_, line)| [line.as_str(), "\n"])
                .collect();
            std::fs::write(file, text).expect("written");
        }
    }

    fn checkpoints(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path().join(CHECKPOINTS_FILE)).expect("text");
        text.lines().map(str::to_owned).collect()
    }

    fn write_checkpoints(&self, lines: &[String]) {
        let text: String = lines
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect();
        std::fs::write(self.path().join(CHECKPOINTS_FILE), text).expect("written");
    }
}

/// Edits the body of a record the way a forger does who knows the format but no key: its hash is
/// made to fit.
fn forged(line: &str) -> String {
    let line = line.replace("\"what\":\"call\"", "\"what\":\"fake\"");
    let start = line.find("\"record\":").expect("a record") + "\"record\":".len();
    let envelope = line[start..line.len() - 1].to_owned();
    let hash = Hash::of(envelope.as_bytes());
    let mac = &line[line.find("\"mac\"").expect("a mac")..start];
    format!("{{\"hash\":\"{hash}\",{mac}{envelope}}}")
}

#[test]
fn an_honest_bundle_is_valid_with_and_without_the_secret() {
    let exported = export();
    let report = check(exported.path(), &trust());
    assert_eq!(report.faults, []);
    assert_eq!(
        (report.records, report.sealed_records, report.streams.len()),
        (20, 20, 4)
    );
    assert_eq!((report.checkpoints, report.macs_checked), (3, false));
    let report = check(exported.path(), &trust_with_mac());
    assert!(report.is_valid() && report.macs_checked);
}

#[test]
fn a_bundle_of_another_key_is_not_valid() {
    let exported = export();
    let other = iron_journal::JournalKeys::new([1; 32], [2; 32], [4; 32]);
    let report = check(exported.path(), &Trust::new(other.public().expect("a key")));
    assert_eq!(
        report.first_fault().map(|f| &f.reason),
        Some(&Reason::BadCheckpoint { line: 1 })
    );
}

#[test]
fn a_live_journal_is_checked_beside_its_writer() {
    let place = Place::new();
    let (journal, _) = place.open();
    record(&journal, 10);
    journal.checkpoint().expect("signed");
    record(&journal, 5);
    let bundle = Bundle::journal(place.path(), &[1; 32]).expect("a bundle");
    let report = verify(&bundle, &trust_with_mac(), |_, good| assert!(good)).expect("readable");
    assert_eq!(report.faults, []);
    assert_eq!((report.records, report.sealed_records), (15, 10));
    record(&journal, 1);
}

#[test]
fn a_folder_set_back_to_an_older_state_is_found_by_a_checkpoint_kept_elsewhere() {
    let exported = export();
    let checkpoints = exported.checkpoints();
    let known = Checkpoint::parse(checkpoints.last().expect("a line").as_bytes()).expect("signed");
    assert!(
        check(
            exported.path(),
            &Trust {
                known: Some(known.clone()),
                ..trust()
            }
        )
        .is_valid()
    );
    // The state after the first checkpoint: whole and consistent in itself.
    exported.write_checkpoints(&checkpoints[..1]);
    let old: Vec<_> = exported.lines().into_iter().take(6).collect();
    exported.write(&old);
    assert!(check(exported.path(), &trust()).is_valid());
    let report = check(
        exported.path(),
        &Trust {
            known: Some(known),
            ..trust()
        },
    );
    assert_eq!(
        report.first_fault().map(|f| &f.reason),
        Some(&Reason::RolledBack { known: 3 })
    );
}

#[test]
fn a_history_written_anew_with_the_same_key_differs_from_the_checkpoint_kept_elsewhere() {
    let kept = export();
    let checkpoints = kept.checkpoints();
    let known = Checkpoint::parse(checkpoints[1].as_bytes()).expect("signed");
    let place = Place::new();
    let (journal, _) = place.open();
    for _ in 0..3 {
        record(&journal, 2);
        journal.checkpoint().expect("signed");
    }
    let bundle = Bundle::journal(place.path(), &[1; 32]).expect("a bundle");
    let trust = Trust {
        known: Some(known),
        ..trust()
    };
    let report = verify(&bundle, &trust, |_, _| {}).expect("readable");
    assert_eq!(
        report.first_fault().map(|f| &f.reason),
        Some(&Reason::Forked { number: 2 })
    );
}

#[test]
fn a_record_added_behind_the_close_is_found() {
    let exported = export();
    let mut lines = exported.lines();
    let (file, last) = lines.last().cloned().expect("a line");
    let start = last.find("\"record\":").expect("a record") + "\"record\":".len();
    let envelope = last.as_bytes()[start..last.len() - 1].to_vec();
    let head = Record::from_envelope(envelope, Hash::ZERO).expect("a record");
    let text = String::from_utf8(head.envelope().to_vec()).expect("text");
    let next = text
        .replace(
            &format!("\"sequence\":{}", head.sequence),
            &format!("\"sequence\":{}", head.sequence + 1),
        )
        .replace(&head.previous.to_string(), &head.hash.to_string());
    let hash = Hash::of(next.as_bytes());
    lines.push((
        file,
        format!(
            "{{\"hash\":\"{hash}\",\"mac\":\"{}\",\"record\":{next}}}",
            Hash::ZERO
        ),
    ));
    exported.write(&lines);
    let report = check(exported.path(), &trust());
    assert_eq!(
        report.first_fault().map(|f| &f.reason),
        Some(&Reason::BeyondClose)
    );
}

#[test]
fn one_tenant_can_be_given_its_own_records_alone() {
    let exported = export();
    let own = tenant(1).to_string();
    let lines: Vec<_> = exported
        .lines()
        .into_iter()
        .filter(|(_, line)| line.contains(&own))
        .collect();
    exported.write(&lines);
    assert!(
        !check(exported.path(), &trust()).is_valid(),
        "the others are missing"
    );
    let report = check(
        exported.path(),
        &Trust {
            tenant: Some(tenant(1)),
            ..trust()
        },
    );
    assert_eq!(report.faults, []);
    assert_eq!(report.records, 10);
}

#[test]
fn checkpoints_that_are_removed_changed_or_moved_are_found() {
    let exported = export();
    let honest = exported.checkpoints();
    let mut removed = honest.clone();
    removed.remove(1);
    let mut moved = honest.clone();
    moved.swap(0, 1);
    let mut changed = honest.clone();
    changed[1] = changed[1].replace("\"closes\":false", "\"closes\":true");
    for (what, lines) in [("removed", removed), ("moved", moved), ("changed", changed)] {
        exported.write_checkpoints(&lines);
        assert!(!check(exported.path(), &trust()).is_valid(), "{what}");
    }
    exported.write_checkpoints(&honest);
    assert!(check(exported.path(), &trust()).is_valid());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_edit_of_a_sealed_record_is_found_without_a_secret(at in 0_usize..20) {
        let exported = export();
        let mut lines = exported.lines();
        lines[at].1 = forged(&lines[at].1);
        exported.write(&lines);
        let report = check(exported.path(), &trust());
        prop_assert!(!report.is_valid());
        // With the key the very record is named.
        let report = check(exported.path(), &trust_with_mac());
        let first = report.first_fault().expect("a fault");
        prop_assert_eq!(&first.reason, &Reason::WrongMac);
        let sequence = first.sequence.expect("a number");
        let stated = format!("\"sequence\":{sequence},");
        prop_assert!(lines[at].1.contains(&stated));
    }

    #[test]
    fn any_flipped_byte_of_a_record_file_is_found(at in 0_usize..10_000, bit in 0_u8..7) {
        let exported = export();
        let file = exported.files().into_iter().next().expect("a file");
        let mut bytes = std::fs::read(&file).expect("bytes");
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        std::fs::write(&file, &bytes).expect("written");
        prop_assert!(!check(exported.path(), &trust_with_mac()).is_valid(), "byte {} bit {}", at, bit);
    }

    #[test]
    fn any_removal_is_found(from in 0_usize..20, count in 1_usize..6) {
        let exported = export();
        let mut lines = exported.lines();
        let to = (from + count).min(lines.len());
        lines.drain(from..to);
        exported.write(&lines);
        prop_assert!(!check(exported.path(), &trust()).is_valid());
    }

    #[test]
    fn any_two_records_of_one_stream_that_change_places_are_found(a in 0_usize..20, b in 0_usize..20) {
        let exported = export();
        let mut lines = exported.lines();
        let tenant_of = |line: &str| line.contains(&tenant(1).to_string());
        prop_assume!(a != b && tenant_of(&lines[a].1) == tenant_of(&lines[b].1));
        let (first, second) = (lines[a].1.clone(), lines[b].1.clone());
        lines[a].1 = second;
        lines[b].1 = first;
        exported.write(&lines);
        prop_assert!(!check(exported.path(), &trust()).is_valid());
    }

    #[test]
    fn any_cut_of_the_end_is_found(kept in 0_usize..20) {
        let exported = export();
        let lines: Vec<_> = exported.lines().into_iter().take(kept).collect();
        exported.write(&lines);
        let report = check(exported.path(), &trust());
let cut_off = report.faults.iter().any(|fault| matches!(fault.reason, Reason::CutOff { .. }));
        prop_assert!(cut_off);
    }

    #[test]
    fn a_repeated_record_is_found(at in 0_usize..20) {
        let exported = export();
        let mut lines = exported.lines();
        let again = lines[at].clone();
        lines.insert(at, again);
        exported.write(&lines);
        let report = check(exported.path(), &trust());
        let moved = matches!(report.first_fault().map(|f| &f.reason), Some(Reason::Moved { .. }));
        prop_assert!(moved);
    }

    #[test]
    fn hostile_lines_never_make_it_panic(line in any::<String>(), checkpoint in any::<String>()) {
        let exported = export();
        let mut lines = exported.lines();
        lines[3].1 = line;
        exported.write(&lines);
        exported.write_checkpoints(&[checkpoint]);
        let _ = check(exported.path(), &trust_with_mac());
    }
}
