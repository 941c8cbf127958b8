//! The file of checkpoints is archived when it has grown, and the row stays one row.

use iron_journal::verify::{Bundle, Reason, Report, Trust, verify};
use iron_journal::{CHECKPOINTS_FILE, RECORDS_FOLDER};

use crate::kit::{Place, body, keys, tenant};

fn check(place: &Place) -> Report {
    let bundle = Bundle::journal(place.path(), &keys().encryption).expect("a bundle");
    verify(
        &bundle,
        &Trust::new(keys().public().expect("a key")),
        |_, _| {},
    )
    .expect("readable")
}

fn archived(place: &Place) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(place.path().join(RECORDS_FOLDER)) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths
        .filter(|path| path.to_string_lossy().contains("checkpoints-"))
        .collect();
    files.sort();
    files
}

/// Several lives of a journal whose checkpoints hardly fit into one file.
fn lived() -> Place {
    let mut place = Place::new();
    place.options.checkpoint_file_bytes = 3_000;
    for life in 0..3_u64 {
        let (journal, _) = place.open();
        for number in 0..30 {
            let of = tenant(u128::from(number % 3));
            journal
                .append_record(of, &body(life * 100 + number))
                .expect("appended");
            journal.checkpoint().expect("signed");
        }
        if life == 1 {
            journal.close().expect("closed");
        }
    }
    place
}

#[test]
fn many_files_of_checkpoints_are_one_row() {
    let place = lived();
    assert!(archived(&place).len() > 5, "{:?}", archived(&place));
    let newest = std::fs::metadata(place.path().join(CHECKPOINTS_FILE))
        .expect("there")
        .len();
    assert!(newest < 8_000, "{newest} bytes");
    let report = check(&place);
    assert!(report.is_valid(), "{:?}", report.faults);
    assert_eq!((report.records, report.checkpoints), (90, 91));

    let out = tempfile::tempdir().expect("a folder");
    let to = out.path().join("bundle");
    let bundle = Bundle::journal(place.path(), &keys().encryption).expect("a bundle");
    bundle.export(&to).expect("exported");
    let trust = Trust::new(keys().public().expect("a key"));
    let exported = verify(&Bundle::files(&to), &trust, |_, _| {}).expect("readable");
    assert!(
        exported.is_valid() && exported.checkpoints == 91,
        "{exported:?}"
    );
}

#[test]
fn a_file_that_is_gone_is_missed() {
    let place = lived();
    let files = archived(&place);
    std::fs::remove_file(&files[2]).expect("removed");
    let report = check(&place);
    let reasons: Vec<_> = report.faults.iter().map(|fault| &fault.reason).collect();
    assert!(
        matches!(reasons.as_slice(), [Reason::CheckpointMissing { .. }, ..]),
        "{reasons:?}"
    );
}

#[test]
fn a_crash_while_a_file_is_archived_loses_and_repeats_nothing() {
    let place = lived();
    let current = place.path().join(CHECKPOINTS_FILE);
    let twice = place
        .path()
        .join(RECORDS_FOLDER)
        .join("checkpoints-00000000000000099999");
    std::fs::hard_link(&current, &twice).expect("linked");
    std::fs::write(place.path().join("checkpoints.unfinished"), b"half a li").expect("written");
    let before = check(&place);
    assert!(before.is_valid(), "{:?}", before.faults);
    let (journal, _) = place.open();
    assert!(!twice.exists());
    for number in 0..30 {
        journal
            .append_record(tenant(1), &body(number))
            .expect("appended");
        journal.checkpoint().expect("signed");
    }
    let report = check(&place);
    assert!(report.is_valid(), "{:?}", report.faults);
    assert_eq!(report.records, 120);
}
