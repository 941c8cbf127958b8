//! What is old enough goes, the archive has it, and the rest is as provable as before.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use iron_journal::verify::{Bundle, Reason, Report, Trust, verify};
use iron_journal::{
    Damage, Error, FrameKind, Journal, JournalKeys, PURGES_FILE, Purge, PurgeError, PurgeTerms,
    RECORDS_FOLDER,
};
use iron_primitives::Environment;
use iron_testkit::{ManualClock, SeededEntropy};

use crate::kit::{Place, body, keys, tenant};

mod forged;

const DAY: Duration = Duration::from_secs(86_400);

/// A journal with a clock that can be moved.
struct Years {
    place: Place,
    clock: Arc<ManualClock>,
    journal: Journal,
    written: u64,
}

impl Years {
    /// A year with records every hundred days.
    async fn lived() -> Years {
        let mut place = Place::new();
        place.options.segment_bytes = 4_000;
        let clock = Arc::new(ManualClock::default());
        place.environment = Environment::new(clock.clone(), Arc::new(SeededEntropy::new(1)));
        let (journal, _) = place.open();
        let mut years = Years {
            place,
            clock,
            journal,
            written: 0,
        };
        for _ in 0..3 {
            years.live().await;
            years.clock.advance(100 * DAY);
        }
        years
    }

    /// Some segments, archived.
    async fn live(&mut self) {
        for number in self.written..self.written + 100 {
            let of = tenant(u128::from(number % 2));
            self.journal
                .append_record(of, &body(number))
                .expect("appended");
            self.journal
                .durable(self.journal.position())
                .await
                .expect("durable");
            self.place.next_segment(&self.journal).await;
        }
        self.written += 100;
        self.journal.checkpoint().expect("signed");
        let snapshot = self
            .journal
            .append(FrameKind::LeaseSnapshot, b"all")
            .expect("appended");
        self.journal.durable(snapshot).await.expect("durable");
        assert!(
            self.journal
                .retire(self.journal.position())
                .expect("retires")
                > 1
        );
    }

    fn terms(&self, days: u32) -> PurgeTerms {
        let now = self.place.environment.now().micros();
        let kept = i64::try_from((days * DAY).as_micros()).expect("days");
        PurgeTerms {
            before_micros: now - kept,
            by: "system".to_owned(),
            reason: "older than 90 days".to_owned(),
        }
    }

    fn purge(&self, days: u32) -> Option<Purge> {
        let purged = self
            .journal
            .purge(&self.terms(days), |_| Ok::<_, Infallible>(()));
        purged.expect("purged")
    }

    fn files(&self) -> Vec<PathBuf> {
        files(self.place.path())
    }

    fn tombstones(&self) -> PathBuf {
        self.place.path().join(PURGES_FILE)
    }

    fn check(&self) -> Report {
        let bundle = Bundle::journal(self.place.path(), &keys().encryption).expect("a bundle");
        check(&bundle)
    }

    fn reasons(&self) -> Vec<Reason> {
        self.check()
            .faults
            .into_iter()
            .map(|fault| fault.reason)
            .collect()
    }
}

fn check(bundle: &Bundle) -> Report {
    let mut trust = Trust::new(keys().public().expect("a key"));
    trust.mac_key = Some(*keys().mac);
    verify(bundle, &trust, |_, _| {}).expect("readable")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join(RECORDS_FOLDER)).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "ndjson"));
    files.sort();
    files
}

#[tokio::test]
async fn what_is_old_goes_with_a_tombstone_and_the_rest_is_still_proven() {
    let years = Years::lived().await;
    let before = years.files();
    let whole = years.check();
    assert!(
        whole.is_valid() && whole.records == 300,
        "{:?}",
        whole.faults
    );
    let mut archived = Vec::new();
    let purge = years.journal.purge(&years.terms(250), |file| {
        archived.push((
            file.to_owned(),
            std::fs::read(file).expect("it is still there"),
        ));
        Ok::<_, Infallible>(())
    });
    let purge = purge.expect("purged").expect("something was old");
    let after = years.files();
    assert_eq!(
        before.len(),
        archived.len() + after.len(),
        "each is here or there"
    );
    assert!(
        archived
            .iter()
            .all(|(file, bytes)| !after.contains(file) && !bytes.is_empty())
    );
    assert_eq!(purge.heads.len(), 2, "two chains");
    assert!(
        purge.records > 50 && purge.records <= 100,
        "{}",
        purge.records
    );

    let report = years.check();
    assert_eq!(report.faults, []);
    assert_eq!(report.records, 300 - purge.records);
    assert_eq!(report.purges, std::slice::from_ref(&purge));
    assert_eq!(years.journal.last_purge().expect("readable"), Some(purge));
    let bundle = tempfile::tempdir().expect("a folder");
    let own = Bundle::journal(years.place.path(), &keys().encryption).expect("a bundle");
    own.export(bundle.path()).expect("exported");
    let exported = check(&Bundle::files(bundle.path()));
    assert_eq!((exported.faults, exported.purges.len()), (vec![], 1));
}

#[tokio::test]
async fn nothing_younger_goes_and_nothing_goes_twice() {
    let mut years = Years::lived().await;
    let before = years.files();
    assert_eq!(years.purge(301), None, "nothing is so old");
    assert_eq!(years.files(), before);
    let first = years.purge(250).expect("the first hundred days");
    assert_eq!(years.purge(250), None);
    years.live().await;
    years.clock.advance(100 * DAY);
    let second = years.purge(250).expect("the second hundred days");
    assert!(second.from > first.through && second.heads != first.heads);
    let report = years.check();
    assert_eq!(report.faults, []);
    assert_eq!(report.records, 400 - first.records - second.records);
    assert_eq!(report.purges, [first, second]);

    // All that is archived, and a new life after it.
    let Years {
        place,
        clock,
        journal,
        ..
    } = years;
    clock.advance(1_000 * DAY);
    let terms = PurgeTerms {
        before_micros: place.environment.now().micros(),
        by: "system".to_owned(),
        reason: "all".to_owned(),
    };
    journal
        .purge(&terms, |_| Ok::<_, Infallible>(()))
        .expect("purged");
    drop(journal);
    let (journal, _) = place.open();
    let mut years = Years {
        place,
        clock,
        journal,
        written: 400,
    };
    years.live().await;
    assert_eq!(years.check().faults, []);
}

#[tokio::test]
async fn what_the_archive_does_not_take_stays() {
    let years = Years::lived().await;
    let before = years.files();
    let mut taken = 0;
    let refused = years.journal.purge(&years.terms(50), |_| {
        taken += 1;
        if taken == 2 {
            Err(std::io::Error::other("the archive is full"))
        } else {
            Ok(())
        }
    });
    let Err(PurgeError::Archive { file, source }) = refused else {
        panic!("the archive refused: {refused:?}");
    };
    assert_eq!(
        (file, source.to_string().as_str()),
        (before[1].clone(), "the archive is full")
    );
    assert_eq!(years.files(), before);
    assert!(!years.tombstones().exists());
    assert_eq!(years.check().faults, []);
}

#[tokio::test]
async fn a_file_that_a_crash_left_is_read_by_nobody_and_goes_with_the_next_purge() {
    let years = Years::lived().await;
    let first = years.files().remove(0);
    let bytes = std::fs::read(&first).expect("readable");
    years.purge(250).expect("something was old");
    std::fs::write(&first, bytes).expect("written");
    assert_eq!(years.check().faults, []);
    assert_eq!(years.purge(250), None);
    assert!(!first.exists());
}
