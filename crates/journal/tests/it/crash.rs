//! A process that is killed loses nothing that it had been told was taken.

use std::io::{BufRead, BufReader};

use iron_journal::Content;
use iron_journal::verify::{Bundle, Trust, verify};

use crate::appender;
use crate::kit::{Place, keys};

#[test]
fn a_process_killed_at_any_moment_loses_no_record_that_was_taken() {
    appender::play_if_asked();
    let place = Place::new();
    let name = "crash::a_process_killed_at_any_moment_loses_no_record_that_was_taken";
    let mut taken_in_all = 0;
    for round in 1..=12 {
        let mut child = appender::command(name, place.path())
            .spawn()
            .expect("a child");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut numbers = lines
            .map_while(Result::ok)
            .filter_map(|line| appender::taken(&line));
        // Killed after so many, at a moment of the scheduler's choosing; what it had said before
        // it died counts too.
        let mut last = numbers.by_ref().take(round * 37).last().expect("numbers");
        child.kill().expect("killed");
        child.wait().expect("ended");
        last = numbers.last().unwrap_or(last);
        taken_in_all += last;

        let (journal, recovered) = place.open();
        let newest = recovered
            .frames
            .iter()
            .filter_map(|frame| match &frame.content {
                Content::Record(record) => Some((record.stream.incarnation, record.sequence)),
                _ => None,
            })
            .max();
        let (_, sequence) = newest.expect("records");
        assert!(
            sequence >= last,
            "{last} were taken, {sequence} were recovered"
        );
        journal.close().expect("closed");
    }
    assert!(taken_in_all > 1_000);
    let bundle = Bundle::journal(place.path(), &[1; 32]).expect("a bundle");
    let trust = Trust {
        mac_key: Some([2; 32]),
        ..Trust::new(keys().public().expect("a key"))
    };
    let report = verify(&bundle, &trust, |_, _| {}).expect("readable");
    assert_eq!(report.faults, []);
    assert!(report.records >= taken_in_all);
}
