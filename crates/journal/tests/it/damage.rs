//! Files that were cut, changed or made up.

use std::path::PathBuf;

use iron_journal::{Content, Damage, Error, Frame, FrameKind, Journal, Position};
use proptest::prelude::*;

use crate::kit::{Place, body, tenant};

fn segment(place: &Place, ordinal: u32) -> PathBuf {
    place.path().join(format!("{ordinal:010}.segment"))
}

/// A small journal in one segment: its frames and its bytes.
fn small(place: &Place) -> (Vec<Frame>, Vec<u8>) {
    let (journal, _) = place.open();
    for number in 0..2 {
        journal
            .append(FrameKind::Reserve, b"hold")
            .expect("appended");
        journal
            .append_record(tenant(1), &body(number))
            .expect("appended");
    }
    drop(journal);
    let bytes = std::fs::read(segment(place, 0)).expect("a segment");
    let (journal, recovered) = place.open();
    drop(journal);
    (recovered.frames, bytes)
}

/// Puts a folder with this one segment in place of what is there.
fn replace(place: &Place, bytes: &[u8]) {
    for entry in std::fs::read_dir(place.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            std::fs::remove_file(path).expect("removed");
        }
    }
    std::fs::write(segment(place, 0), bytes).expect("written");
}

#[test]
fn a_journal_torn_at_any_byte_keeps_every_whole_frame() {
    let place = Place::new();
    let (frames, bytes) = small(&place);
    for length in 0..=bytes.len() {
        replace(&place, &bytes[..length]);
        let (journal, recovered) = place.open();
        let whole: Vec<_> = frames
            .iter()
            .filter(|frame| (frame.next.to_u64() as usize) <= length)
            .cloned()
            .collect();
        assert_eq!(recovered.frames, whole, "torn at {length}");
        if length % 16 != 0 {
            continue;
        }
        // What is left can be gone on from.
        journal
            .append_record(tenant(1), &body(9))
            .expect("appended");
        drop(journal);
        let (_journal, again) = place.open();
        assert_eq!(again.torn, None);
        assert_eq!(again.frames.len(), whole.len() + 1);
    }
}

#[test]
fn a_bit_flipped_at_any_byte_is_noticed() {
    let place = Place::new();
    let (frames, bytes) = small(&place);
    let last_start = frames.last().expect("frames").position.to_u64() as usize;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        replace(&place, &changed);
        match place.try_open() {
            Ok((_journal, recovered)) => {
                // Without a later witness it is a torn tail: cut where it begins, and told.
                let cut = frames
                    .iter()
                    .take_while(|frame| (frame.next.to_u64() as usize) <= at);
                assert_eq!(
                    recovered.frames,
                    cut.cloned().collect::<Vec<_>>(),
                    "flipped at {at}"
                );
                assert!(recovered.torn.is_some(), "flipped at {at}");
            }
            Err(Error::Damaged { .. } | Error::ForeignInstance { .. } | Error::WrongKey { .. }) => {
                assert!(
                    at < last_start,
                    "flipped at {at}: nothing vouches for the last frame"
                );
            }
            Err(error) => panic!("flipped at {at}: {error}"),
        }
    }
}

/// Three records of which each was durable before the next was written.
async fn durable_records(journal: &Journal) {
    for number in 0..3 {
        let appended = journal
            .append_record(tenant(1), &body(number))
            .expect("appended");
        journal.durable(appended.position).await.expect("durable");
    }
}

#[tokio::test]
async fn a_change_in_what_was_durable_is_damage_and_nothing_is_touched() {
    let place = Place::new();
    let (journal, _) = place.open();
    durable_records(&journal).await;
    drop(journal);
    let bytes = std::fs::read(segment(&place, 0)).expect("a segment");
    let mut changed = bytes.clone();
    changed[150] ^= 1;
    std::fs::write(segment(&place, 0), &changed).expect("written");
    let refused = place.try_open().map(drop);
    assert!(
        matches!(
            refused,
            Err(Error::Damaged {
                damage: Damage::Checksum,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(
        std::fs::read(segment(&place, 0)).expect("a segment"),
        changed
    );

    std::fs::write(segment(&place, 0), &bytes).expect("written");
    assert_eq!(place.open().1.frames.len(), 3);
}

#[tokio::test]
async fn a_reader_gives_all_that_stands_before_damage_and_then_names_it() {
    let place = Place::new();
    let (journal, _) = place.open();
    durable_records(&journal).await;
    let mut bytes = std::fs::read(segment(&place, 0)).expect("a segment");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(segment(&place, 0), bytes).expect("written");
    let mut reader = journal.read_from(Position::START).expect("a reader");
    assert_eq!(reader.next_frames(10).expect("what is intact").len(), 2);
    let cursor = reader.cursor();
    let refused = reader.next_frames(10);
    assert!(
        matches!(refused, Err(Error::Damaged { position, .. }) if position == cursor),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_segment_that_is_missing_or_cut_before_others_is_damage() {
    let mut place = Place::new();
    place.options.segment_bytes = 1_500;
    let (journal, _) = place.open();
    for number in 0..60 {
        let appended = journal
            .append_record(tenant(1), &body(number))
            .expect("appended");
        journal.durable(appended.position).await.expect("durable");
        place.next_segment(&journal).await;
    }
    drop(journal);
    let middle = segment(&place, 1);
    let bytes = std::fs::read(&middle).expect("a segment");

    std::fs::remove_file(&middle).expect("removed");
    let refused = place.try_open().map(drop);
    assert!(
        matches!(
            refused,
            Err(Error::Damaged {
                damage: Damage::MissingSegment,
                ..
            })
        ),
        "{refused:?}"
    );

    std::fs::write(&middle, &bytes[..bytes.len() - 1]).expect("written");
    let refused = place.try_open().map(drop);
    assert!(
        matches!(
            refused,
            Err(Error::Damaged {
                damage: Damage::CutShort,
                ..
            })
        ),
        "{refused:?}"
    );

    std::fs::write(&middle, &bytes).expect("written");
    assert_eq!(
        place
            .open()
            .1
            .frames
            .iter()
            .filter(|f| matches!(f.content, Content::Record(_)))
            .count(),
        60
    );
}

#[test]
fn the_wrong_key_and_the_wrong_instance_are_told_apart() {
    let mut place = Place::new();
    let (journal, _) = place.open();
    journal
        .append(FrameKind::Reserve, b"hold")
        .expect("appended");
    drop(journal);
    let right = place.options.clone();
    place.options.keys.encryption = zeroize::Zeroizing::new([9; 32]);
    assert!(matches!(
        place.try_open().map(drop),
        Err(Error::WrongKey { ordinal: 0 })
    ));
    place.options = right;
    place.options.instance = iron_primitives::Id::from_uuid(uuid::Uuid::from_u128(8));
    assert!(matches!(
        place.try_open().map(drop),
        Err(Error::ForeignInstance { .. })
    ));
}

#[test]
fn a_journal_set_back_behind_its_own_checkpoints_does_not_open() {
    let place = Place::new();
    let (journal, _) = place.open();
    journal
        .append_record(tenant(1), &body(1))
        .expect("appended");
    journal.checkpoint().expect("signed").expect("a checkpoint");
    let early = std::fs::read(segment(&place, 0)).expect("a segment");
    journal
        .append_record(tenant(1), &body(2))
        .expect("appended");
    journal.checkpoint().expect("signed").expect("a checkpoint");
    drop(journal);
    std::fs::write(segment(&place, 0), early).expect("written");
    match place.try_open().map(drop) {
        Err(Error::RolledBack {
            found: 1,
            known: 2,
            checkpoint: 2,
            ..
        }) => {}
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn hostile_bytes_never_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        checkpoints in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let place = Place::new();
        std::fs::write(segment(&place, 0), &bytes).expect("written");
        std::fs::write(place.path().join("checkpoints"), &checkpoints).expect("written");
        let _ = place.try_open();
    }

    #[test]
    fn hostile_bytes_behind_a_valid_begin_never_make_it_panic(
        cut in 0_usize..900,
        tail in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let place = Place::new();
        let (_, bytes) = small(&place);
        let mut changed = bytes[..cut.min(bytes.len())].to_vec();
        changed.extend_from_slice(b"ICf1");
        changed.extend_from_slice(&tail);
        replace(&place, &changed);
        let _ = place.try_open();
    }
}
