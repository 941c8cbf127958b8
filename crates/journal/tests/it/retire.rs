//! Segments leave when nobody needs them, and their records stay as files.

use iron_journal::verify::{Bundle, Trust, verify};
use iron_journal::{Content, FrameKind, Journal, Position, RECORDS_FOLDER};

use crate::kit::{Place, body, keys, tenant};

fn segments(place: &Place) -> usize {
    let entries = std::fs::read_dir(place.path()).expect("a folder");
    entries
        .filter(|entry| {
            let name = entry.as_ref().expect("an entry").file_name();
            name.to_string_lossy().ends_with(".segment")
        })
        .count()
}

/// Fills several segments.
async fn fill(place: &Place, journal: &Journal, from: u64) {
    for number in from..from + 200 {
        journal
            .append_record(tenant(u128::from(number % 2)), &body(number))
            .expect("appended");
        journal.durable(journal.position()).await.expect("durable");
        place.next_segment(journal).await;
    }
}

#[tokio::test]
async fn nothing_is_retired_before_all_three_let_it_go() {
    let mut place = Place::new();
    place.options.segment_bytes = 4_000;
    let (journal, _) = place.open();
    fill(&place, &journal, 0).await;
    let all = segments(&place);
    assert!(all > 3, "{all} segments");
    let end = journal.position();

    assert_eq!(
        journal.retire(end).expect("retires"),
        0,
        "no checkpoint, no snapshot"
    );
    journal.checkpoint().expect("signed");
    assert_eq!(journal.retire(end).expect("retires"), 0, "no snapshot");
    let snapshot = journal
        .append(FrameKind::LeaseSnapshot, b"all")
        .expect("appended");
    journal.durable(snapshot).await.expect("durable");
    assert_eq!(
        journal.retire(Position::START).expect("retires"),
        0,
        "nothing projected"
    );
    let retired = journal.retire(end).expect("retires");
    assert!(retired > 2, "{retired} retired");
    assert!(segments(&place) <= all - retired + 1);
    assert_eq!(journal.retire(end).expect("retires"), 0, "once only");
}

#[tokio::test]
async fn chains_go_on_and_verify_after_segments_were_retired() {
    let mut place = Place::new();
    place.options.segment_bytes = 4_000;
    for life in 0..3_u64 {
        let (journal, recovered) = place.open();
        let records = recovered
            .frames
            .iter()
            .filter(|frame| matches!(frame.content, Content::Record(_)));
        assert!(records.count() < 100, "retired records do not come back");
        fill(&place, &journal, life * 1_000).await;
        journal.checkpoint().expect("signed");
        let snapshot = journal
            .append(FrameKind::LeaseSnapshot, b"all")
            .expect("appended");
        journal.durable(snapshot).await.expect("durable");
        assert!(journal.retire(journal.position()).expect("retires") > 0);
        if life == 1 {
            journal.close().expect("closed");
        }
    }
    assert!(
        place
            .path()
            .join(RECORDS_FOLDER)
            .read_dir()
            .expect("a folder")
            .count()
            > 3
    );
    let mut trust = Trust::new(keys().public().expect("a key"));
    trust.mac_key = Some([2; 32]);
    let bundle = Bundle::journal(place.path(), &[1; 32]).expect("a bundle");
    let report = verify(&bundle, &trust, |_, good| assert!(good)).expect("readable");
    assert_eq!(report.faults, []);
    assert_eq!((report.records, report.streams.len()), (600, 6));
    assert!(report.macs_checked && report.sealed_records == 600);
}

#[tokio::test]
async fn recovery_begins_where_the_last_snapshot_says() {
    let place = Place::new();
    let (journal, _) = place.open();
    journal
        .append(FrameKind::Reserve, b"old")
        .expect("appended");
    let since = journal.position();
    journal
        .append(FrameKind::Reserve, b"while the picture was taken")
        .expect("appended");
    journal
        .append_snapshot(since, b"picture")
        .expect("appended");
    journal
        .append(FrameKind::Release, b"new")
        .expect("appended");
    drop(journal);
    let (_journal, recovered) = place.open();
    let read: Vec<&[u8]> = recovered
        .frames
        .iter()
        .filter_map(|frame| match &frame.content {
            Content::Opaque(_, payload) => Some(payload.as_slice()),
            _ => None,
        })
        .collect();
    assert_eq!(
        read,
        [&b"while the picture was taken"[..], b"picture", b"new"]
    );
}
