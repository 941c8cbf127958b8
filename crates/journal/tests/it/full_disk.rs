//! A disk that takes no more.

use std::io::{BufRead, BufReader};

use iron_journal::Content;

use crate::appender;
use crate::kit::Place;

#[test]
fn a_full_disk_stops_the_journal_for_ever_and_what_was_taken_is_there() {
    appender::play_if_asked();
    let place = Place::new();
    let name = "full_disk::a_full_disk_stops_the_journal_for_ever_and_what_was_taken_is_there";
    // The limit on the size of a file acts as a full disk would: in the middle of a write. It is
    // below half a segment, so that there is no next one.
    let mut child = appender::limited_command(name, place.path(), 20)
        .spawn()
        .expect("a child");
    let lines: Vec<String> = BufReader::new(child.stdout.take().expect("a pipe"))
        .lines()
        .map(|line| line.expect("a line"))
        .collect();
    assert_eq!(child.wait().expect("ended").code(), Some(3));
    let stopped = lines
        .iter()
        .find_map(|line| line.strip_prefix(appender::STOPPED));
    // The first reason stays.
    assert_eq!(
        stopped,
        Some("Write(FileTooLarge) Write(FileTooLarge) Write(FileTooLarge)")
    );

    let taken = lines
        .iter()
        .filter_map(|line| appender::taken(line))
        .next_back()
        .expect("a number");
    assert!(taken > 10);
    let (_journal, recovered) = place.open();
    let records = recovered
        .frames
        .iter()
        .filter(|frame| matches!(frame.content, Content::Record(_)));
    assert_eq!(records.count() as u64, taken);
    assert!(
        recovered.torn.is_some(),
        "the write that failed left a part"
    );
}
