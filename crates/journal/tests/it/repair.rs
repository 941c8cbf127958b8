//! What is damaged can be given up, aloud, and everything else goes on.

use iron_journal::verify::{Bundle, Reason, Report, Trust, verify};
use iron_journal::{Content, Error, FrameKind, Journal, LOSSES_FILE, Position};

use crate::kit::{Place, body, keys, tenant};

/// A journal of two chains over several segments, closed in good order.
async fn written(records: u64) -> Place {
    let mut place = Place::new();
    place.options.segment_bytes = 4_000;
    let (journal, _) = place.open();
    append(&place, &journal, 0, records).await;
    journal.close().expect("closed");
    place
}

async fn append(place: &Place, journal: &Journal, from: u64, count: u64) {
    for number in from..from + count {
        journal
            .append_record(tenant(u128::from(number % 2)), &body(number))
            .expect("appended");
        journal.durable(journal.position()).await.expect("durable");
        place.next_segment(journal).await;
    }
}

fn segment(place: &Place, ordinal: u32) -> std::path::PathBuf {
    place.path().join(format!("{ordinal:010}.segment"))
}

fn flip(place: &Place, ordinal: u32, at: usize) {
    let path = segment(place, ordinal);
    let mut bytes = std::fs::read(&path).expect("readable");
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).expect("written");
}

fn repair(place: &Place) -> Vec<iron_journal::Loss> {
    Journal::repair(place.path(), &place.options, &place.environment).expect("repaired")
}

fn check(place: &Place) -> Report {
    let bundle = Bundle::journal(place.path(), &keys().encryption).expect("a bundle");
    let mut trust = Trust::new(keys().public().expect("a key"));
    trust.mac_key = Some(*keys().mac);
    verify(&bundle, &trust, |_, _| {}).expect("readable")
}

fn records(journal: &Journal) -> usize {
    let mut reader = journal.read_from(Position::START).expect("a reader");
    let mut count = 0;
    loop {
        let frames = reader.next_frames(100).expect("readable");
        if frames.is_empty() {
            return count;
        }
        let found = frames
            .iter()
            .filter(|frame| matches!(frame.content, Content::Record(_)));
        count += found.count();
    }
}

#[tokio::test]
async fn an_intact_journal_loses_nothing_by_a_repair() {
    let place = written(50).await;
    assert!(repair(&place).is_empty());
    assert!(!place.path().join(LOSSES_FILE).exists());
    assert_eq!(records(&place.open().0), 50);
}

#[tokio::test]
async fn behind_a_damage_that_was_given_up_the_journal_goes_on() {
    let place = written(100).await;
    flip(&place, 1, 1_000);
    let damaged = place.try_open().map(|_| ());
    assert!(matches!(damaged, Err(Error::Damaged { .. })), "{damaged:?}");
    assert!(!check(&place).is_valid());

    let losses = repair(&place);
    let [loss] = losses.as_slice() else {
        panic!("one place, not {losses:?}");
    };
    assert_eq!(
        loss.heads.len(),
        2,
        "the last record of each chain before it"
    );
    assert!(repair(&place).is_empty(), "once only");

    let (journal, recovered) = place.open();
    assert!(recovered.holed, "what was in it may have been about money");
    assert_eq!(records(&journal), 99, "all but the record that is damaged");
    append(&place, &journal, 1_000, 20).await;
    journal.checkpoint().expect("signed");
    assert_eq!(records(&journal), 119);
    let report = check(&place);
    assert!(report.is_valid(), "{:?}", report.faults);
    assert_eq!(report.losses, losses);

    // Nobody is told of it any more by what was taken after it.
    let snapshot = journal
        .append(FrameKind::LeaseSnapshot, b"all")
        .expect("appended");
    journal.durable(snapshot).await.expect("durable");
    drop(journal);
    assert!(!place.open().1.holed);
}

#[tokio::test]
async fn a_segment_that_is_gone_or_has_no_head_can_be_given_up() {
    for remove in [true, false] {
        let place = written(100).await;
        match remove {
            true => std::fs::remove_file(segment(&place, 1)).expect("removed"),
            false => flip(&place, 1, 3),
        }
        assert!(place.try_open().is_err());
        assert_eq!(repair(&place).len(), 1);
        let (journal, _) = place.open();
        let left = records(&journal);
        assert!((60..100).contains(&left), "{left} left");
        append(&place, &journal, 1_000, 10).await;
        drop(journal);
        let report = check(&place);
        assert!(report.is_valid(), "{:?}", report.faults);
        assert_eq!(place.open().1.torn, None);
    }
}

#[tokio::test]
async fn an_archive_and_its_bundle_tell_of_the_loss() {
    let place = written(100).await;
    flip(&place, 1, 1_000);
    repair(&place);
    let (journal, _) = place.open();
    append(&place, &journal, 1_000, 50).await;
    journal.checkpoint().expect("signed");
    let snapshot = journal
        .append(FrameKind::LeaseSnapshot, b"all")
        .expect("appended");
    journal.durable(snapshot).await.expect("durable");
    assert!(journal.retire(journal.position()).expect("retires") > 2);
    let out = tempfile::tempdir().expect("a folder");
    let to = out.path().join("bundle");
    let bundle = Bundle::journal(place.path(), &keys().encryption).expect("a bundle");
    bundle.export(&to).expect("exported");
    let trust = Trust::new(keys().public().expect("a key"));
    let report = verify(&Bundle::files(&to), &trust, |_, _| {}).expect("readable");
    assert!(report.is_valid(), "{:?}", report.faults);
    assert_eq!((report.records, report.losses.len()), (149, 1));

    // Without the signed word of it, the gap is a removal.
    std::fs::remove_file(to.join(LOSSES_FILE)).expect("removed");
    let report = verify(&Bundle::files(&to), &trust, |_, _| {}).expect("readable");
    let reasons: Vec<_> = report.faults.iter().map(|fault| &fault.reason).collect();
    assert!(
        matches!(reasons.as_slice(), [Reason::Removed { .. }]),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn a_loss_that_another_key_signed_excuses_nothing() {
    let place = written(100).await;
    flip(&place, 1, 1_000);
    let stranger = iron_journal::JournalKeys::new([1; 32], [2; 32], [9; 32]);
    let forged = Place {
        folder: tempfile::tempdir().expect("a folder"),
        options: iron_journal::Options {
            keys: stranger,
            ..place.options.clone()
        },
        environment: place.environment.clone(),
    };
    for entry in std::fs::read_dir(place.path()).expect("listed") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_owned();
        if path.is_file() && name != "checkpoints" {
            std::fs::copy(&path, forged.path().join(name)).expect("copied");
        }
    }
    repair(&forged);
    std::fs::copy(
        forged.path().join(LOSSES_FILE),
        place.path().join(LOSSES_FILE),
    )
    .expect("copied");
    let report = check(&place);
    let reasons: Vec<_> = report.faults.iter().map(|fault| &fault.reason).collect();
    assert!(
        matches!(
            reasons.as_slice(),
            [Reason::BadLoss { line: 1 }, Reason::Removed { .. }]
        ),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn whatever_byte_is_damaged_a_repair_gives_up_no_more_than_it_must() {
    let whole = written(60).await;
    let length = std::fs::metadata(segment(&whole, 1))
        .expect("a segment")
        .len();
    for at in (0..usize::try_from(length).expect("small")).step_by(97) {
        let place = Place::new();
        let place = Place {
            options: whole.options.clone(),
            ..place
        };
        for entry in std::fs::read_dir(whole.path()).expect("listed") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_owned();
            std::fs::copy(&path, place.path().join(name)).expect("copied");
        }
        flip(&place, 1, at);
        if place.try_open().is_ok() {
            continue;
        }
        let losses = repair(&place);
        let (journal, _) = place.open();
        let left = records(&journal);
        let in_header = at < 104;
        assert!(
            in_header || left >= 59,
            "byte {at}: {left} left, {losses:?}"
        );
        drop(journal);
        let report = check(&place);
        assert!(
            report.is_valid(),
            "byte {at}: {:?} {losses:?}",
            report.faults
        );
    }
}

/// A bundle with a loss of one record: two chains on both sides of it, and a third one that
/// begins behind it. Gives the loss, too.
async fn bundle_with_a_loss() -> (tempfile::TempDir, iron_journal::Loss) {
    let place = written(100).await;
    flip(&place, 1, 1_000);
    let mut losses = repair(&place);
    let (journal, _) = place.open();
    append(&place, &journal, 1_000, 20).await;
    for number in 0..20 {
        let appended = journal.append_record(tenant(5), &body(number));
        appended.expect("appended");
    }
    journal.close().expect("closed");
    let out = tempfile::tempdir().expect("a folder");
    let bundle = Bundle::journal(place.path(), &keys().encryption).expect("a bundle");
    bundle.export(out.path()).expect("exported");
    (out, losses.pop().expect("a loss"))
}

/// Removes the records of a tenant for which `is` holds, by incarnation and number.
fn remove(bundle: &std::path::Path, of: u128, is: impl Fn(u64, u64) -> bool) {
    let of = tenant(of).to_string();
    for entry in std::fs::read_dir(bundle.join("records")).expect("listed") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        let kept = text.lines().filter(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line");
            let record = &line["record"];
            let number = |name: &str| record[name].as_u64().expect("a number");
            record["tenant"] != of.as_str() || !is(number("incarnation"), number("sequence"))
        });
        let kept: String = kept.flat_map(|line| [line, "\n"]).collect();
        std::fs::write(&path, kept).expect("written");
    }
}

fn reasons(bundle: &std::path::Path) -> Vec<Reason> {
    let trust = Trust::new(keys().public().expect("a key"));
    let report = verify(&Bundle::files(bundle), &trust, |_, _| {}).expect("readable");
    let faults = report.faults.into_iter();
    faults.map(|fault| fault.reason).collect()
}

#[tokio::test]
async fn a_loss_excuses_the_gap_that_it_names_and_no_wider_one() {
    for of in [0, 1] {
        let (bundle, loss) = bundle_with_a_loss().await;
        assert_eq!(reasons(bundle.path()), []);
        let mut next = loss.next.iter();
        let next = next.find(|next| next.tenant == tenant(of)).expect("named");
        let (incarnation, from) = (next.head.incarnation, next.head.sequence);
        remove(bundle.path(), of, |own, number| {
            own == incarnation && (from..from + 10).contains(&number)
        });
        let found = reasons(bundle.path());
        assert!(
            matches!(found.as_slice(), [Reason::Removed { .. }]),
            "{of}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_loss_excuses_no_chain_that_ends_at_it() {
    for of in [0, 1] {
        let (bundle, loss) = bundle_with_a_loss().await;
        let mut heads = loss.heads.iter();
        let head = heads.find(|head| head.tenant == tenant(of)).expect("named");
        let last = (head.head.incarnation, head.head.sequence);
        remove(bundle.path(), of, |own, number| (own, number) > last);
        let found = reasons(bundle.path());
        assert!(
            matches!(
                found.as_slice(),
                [Reason::CutOff { .. }, Reason::CutOff { .. }]
            ),
            "both lives of {of}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_loss_excuses_nothing_of_a_tenant_that_it_does_not_name() {
    let (bundle, _) = bundle_with_a_loss().await;
    remove(bundle.path(), 5, |_, number| number <= 3);
    let found = reasons(bundle.path());
    assert_eq!(found, [Reason::Removed { expected: 1 }]);
    remove(bundle.path(), 5, |_, _| true);
    let found = reasons(bundle.path());
    assert!(
        matches!(found.as_slice(), [Reason::CutOff { .. }]),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_journal_with_a_loss_that_it_did_not_sign_does_not_open() {
    let place = written(100).await;
    flip(&place, 1, 1_000);
    repair(&place);
    let path = place.path().join(LOSSES_FILE);
    let signed = std::fs::read_to_string(&path).expect("readable");
    let forged = signed.replacen("checksum", "Checksum", 1);
    assert_ne!(signed, forged);
    std::fs::write(&path, format!("{signed}{forged}")).expect("written");
    let refused = place.try_open().map(|_| ());
    assert!(
        matches!(refused, Err(Error::BadLoss { line: 2 })),
        "{refused:?}"
    );
    let repaired = Journal::repair(place.path(), &place.options, &place.environment);
    assert!(
        matches!(repaired, Err(Error::BadLoss { line: 2 })),
        "{repaired:?}"
    );

    std::fs::write(&path, &signed).expect("written");
    assert_eq!(records(&place.open().0), 99);
}

#[tokio::test]
async fn a_line_about_a_loss_that_was_torn_is_written_anew() {
    let place = written(100).await;
    flip(&place, 1, 1_000);
    repair(&place);
    let path = place.path().join(LOSSES_FILE);
    let whole = std::fs::read(&path).expect("readable");
    for length in [0, 1, whole.len() / 2, whole.len() - 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).expect("written");
        // Without its end alone the line says what it says.
        let lost = usize::from(length + 1 < whole.len());
        assert_eq!(repair(&place).len(), lost, "{length} bytes");
        let lines = std::fs::read(&path).expect("readable");
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), lost);
    }
    // The next loss begins a line of its own.
    flip(&place, 1, 3);
    assert_eq!(repair(&place).len(), 1);
    let (journal, _) = place.open();
    drop(journal);
    assert_eq!(check(&place).losses.len(), 2);
}

#[tokio::test]
async fn the_last_segment_can_be_given_up_and_what_comes_then_is_kept() {
    for sealed in [true, false] {
        let mut place = Place::new();
        place.options.segment_bytes = 4_000;
        let (journal, _) = place.open();
        append(&place, &journal, 0, 100).await;
        if sealed {
            journal.close().expect("closed");
        } else {
            journal.checkpoint().expect("signed");
            append(&place, &journal, 100, 1).await;
        }
        drop(journal);
        let last = (0..)
            .take_while(|ordinal| segment(&place, *ordinal).exists())
            .filter(|ordinal| {
                std::fs::metadata(segment(&place, *ordinal))
                    .expect("there")
                    .len()
                    > 104
            })
            .last()
            .expect("a segment");
        flip(&place, last, 3);
        let bytes = std::fs::read(segment(&place, last)).expect("readable");
        let losses = repair(&place);
        assert_eq!(losses.len(), 1, "{losses:?}");
        let (journal, recovered) = place.open();
        assert!(recovered.holed);
        let kept = std::fs::read(segment(&place, last)).expect("still there");
        assert!(kept == bytes, "the bytes stay where they are");
        let before = records(&journal);
        append(&place, &journal, 1_000, 30).await;
        assert_eq!(records(&journal), before + 30);
        drop(journal);

        let (journal, recovered) = place.open();
        assert_eq!(recovered.torn, None);
        assert_eq!(records(&journal), before + 30);
        append(&place, &journal, 2_000, 1).await;
        journal.close().expect("closed");
        drop(journal);
        let report = check(&place);
        assert!(report.is_valid(), "{:?}", report.faults);
        assert!(repair(&place).is_empty());
    }
}
