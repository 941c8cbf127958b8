//! Many writers, one chain.

use std::collections::BTreeMap;

use iron_journal::{Content, Hash, Position};

use crate::kit::{Place, body, tenant};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_leave_gap_free_chains_and_all_become_durable() {
    let mut place = Place::new();
    place.options.segment_bytes = 20_000;
    let (journal, _) = place.open();
    let writers: Vec<_> = (0..8_u64)
        .map(|writer| {
            let journal = journal.clone();
            tokio::spawn(async move {
                for number in 0..100 {
                    let tenant = tenant(u128::from((writer + number) % 3));
                    let appended = journal
                        .append_record(tenant, &body(number))
                        .expect("appended");
                    journal.durable(appended.position).await.expect("durable");
                    assert!(journal.durable_position() >= appended.position);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    drop(journal);

    let (_journal, recovered) = place.open();
    let mut heads: BTreeMap<_, (u64, Hash)> = BTreeMap::new();
    let mut count = 0;
    for frame in recovered.frames {
        if let Content::Record(record) = frame.content {
            let head = heads.entry(record.stream).or_insert((0, Hash::ZERO));
            assert_eq!((record.sequence, record.previous), (head.0 + 1, head.1));
            *head = (record.sequence, record.hash);
            count += 1;
        }
    }
    assert_eq!((count, heads.len()), (800, 3));
}

#[test]
fn a_second_process_cannot_have_the_folder() {
    let place = Place::new();
    let (journal, _) = place.open();
    assert!(matches!(
        place.try_open(),
        Err(iron_journal::Error::Locked { .. })
    ));
    drop(journal);
    assert!(place.try_open().is_ok());
}

#[tokio::test]
async fn a_wait_that_is_given_up_leaves_nothing_behind() {
    let place = Place::new();
    let (journal, _) = place.open();
    for number in 0..50 {
        let position = journal
            .append_record(tenant(1), &body(number))
            .expect("appended")
            .position;
        let mut wait = Box::pin(journal.durable(position));
        // Polled once, then dropped.
        let _ = tokio::time::timeout(std::time::Duration::ZERO, &mut wait).await;
    }
    journal.durable(journal.position()).await.expect("durable");
    assert!(journal.durable_position() > Position::START);
}
