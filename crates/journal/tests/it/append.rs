//! What is written is read back.

use iron_journal::{Content, FrameKind, Hash, Position, Stopped};

use crate::kit::{Place, body, tenant};

#[tokio::test]
async fn what_was_appended_is_recovered_in_order() {
    let place = Place::new();
    let (journal, _) = place.open();
    journal
        .append(FrameKind::Reserve, b"hold 1")
        .expect("appended");
    let record = journal
        .append_record(tenant(1), &body(1))
        .expect("appended");
    journal.durable(record.position).await.expect("durable");
    drop(journal);

    let (journal, recovered) = place.open();
    let contents: Vec<_> = recovered
        .frames
        .iter()
        .map(|frame| &frame.content)
        .collect();
    match contents.as_slice() {
        [
            Content::Opaque(FrameKind::Reserve, hold),
            Content::Record(read),
        ] => {
            assert_eq!(hold, b"hold 1");
            assert_eq!(read.hash, record.hash);
            assert_eq!(read.body(), body(1).as_bytes());
        }
        other => panic!("unexpected frames {other:?}"),
    }
    assert_eq!((recovered.closed, recovered.torn), (false, None));
    assert_eq!(recovered.last_incarnation, Some(1));
    assert_eq!(journal.incarnation(), 2);
}

#[test]
fn records_form_a_chain_per_tenant_that_goes_on_over_restarts() {
    let place = Place::new();
    let (journal, _) = place.open();
    let first = journal
        .append_record(tenant(1), &body(1))
        .expect("appended");
    let other = journal
        .append_record(tenant(2), &body(2))
        .expect("appended");
    let second = journal
        .append_record(tenant(1), &body(3))
        .expect("appended");
    assert_eq!((first.sequence, other.sequence, second.sequence), (1, 1, 2));
    journal.close().expect("closed");
    assert_eq!(
        journal.append(FrameKind::Reserve, b""),
        Err(Stopped::Closed)
    );
    drop(journal);

    let (journal, recovered) = place.open();
    assert!(recovered.closed);
    let third = journal
        .append_record(tenant(1), &body(4))
        .expect("appended");
    assert_eq!((third.stream.incarnation, third.sequence), (2, 1));
    drop(journal);

    let (_journal, recovered) = place.open();
    let previous: Vec<Hash> = recovered
        .frames
        .into_iter()
        .filter_map(|frame| match frame.content {
            Content::Record(record) if record.stream.tenant == tenant(1) => Some(record.previous),
            _ => None,
        })
        .collect();
    assert_eq!(previous, [Hash::ZERO, first.hash, second.hash]);
}

#[tokio::test]
async fn a_reader_follows_the_writer_over_segments() {
    let mut place = Place::new();
    place.options.segment_bytes = 2_000;
    let (journal, _) = place.open();
    let mut reader = journal.read_from(Position::START).expect("a reader");
    let mut read = Vec::new();
    for round in 0..20_u64 {
        for number in 0..10 {
            journal
                .append_record(tenant(1), &body(round * 10 + number))
                .expect("appended");
        }
        reader.ready().await.expect("more");
        journal.durable(journal.position()).await.expect("durable");
        loop {
            let frames = reader.next_frames(7).expect("readable");
            if frames.is_empty() {
                break;
            }
            read.extend(frames);
        }
    }
    let sequences: Vec<u64> = read
        .iter()
        .filter_map(|frame| match &frame.content {
            Content::Record(record) => Some(record.sequence),
            _ => None,
        })
        .collect();
    assert_eq!(sequences, (1..=200).collect::<Vec<_>>());
    assert!(
        read.last()
            .is_some_and(|frame| frame.next == reader.cursor())
    );
    assert!(reader.cursor() <= journal.durable_position());
}

#[tokio::test]
async fn a_reader_passes_over_lives_in_which_nothing_was_written_and_then_waits() {
    let place = Place::new();
    for _ in 0..3 {
        drop(place.open());
    }
    let (journal, _) = place.open();
    let mut reader = journal.read_from(Position::START).expect("a reader");
    assert!(reader.next_frames(10).expect("readable").is_empty());
    {
        let mut ready = std::pin::pin!(reader.ready());
        let waiting = tokio::time::timeout(std::time::Duration::ZERO, &mut ready).await;
        assert!(waiting.is_err(), "nothing stands behind the cursor");
        journal
            .append(FrameKind::Reserve, b"hold")
            .expect("appended");
        ready.await.expect("more");
    }
    assert_eq!(reader.next_frames(10).expect("readable").len(), 1);
}
