//! A disk that takes no more.

use std::io::{BufRead, BufReader, Write};

use iron_journal::{Content, FrameKind, Journal, Stopped};

use crate::appender;
use crate::kit::{Place, body, tenant};

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

/// Names the folder of a small file system of its own, and thereby the role.
const SMALL_DISK: &str = "JOURNAL_SMALL_DISK";

/// Looks again and again until it is so.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..400 {
        if is() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    panic!("not {what} in ten seconds");
}

/// The part that runs with a disk of its own: fills it beside a journal, and makes room again.
fn fill_and_free(folder: &std::path::Path) {
    let mut place = Place::new();
    place.options.segment_bytes = 40_000;
    let environment = place.environment.clone();
    let (journal, _) = Journal::open(folder, place.options.clone(), environment).expect("opens");
    let record = |number| journal.append_record(tenant(1), &body(number));
    record(0).expect("appended");

    let filler = folder.join("filler");
    let mut file = std::fs::File::create(&filler).expect("created");
    while file.write_all(&[0; 1_024]).is_ok() {}
    let mut taken: u64 = 1;
    until("full", || {
        if journal.position().to_u64() < 25_000 {
            record(taken).expect("there is room in the segment that was begun");
            taken += 1;
        }
        journal.is_full()
    });
    // Nothing new, but what is under way ends, and it is on the disk.
    let refused = journal.append(FrameKind::Reserve, b"hold");
    assert_eq!(refused, Err(Stopped::Full));
    let ended = record(taken).expect("appended");
    taken += 1;
    wait(journal.durable(ended.position)).expect("durable");
    assert_eq!(journal.stopped(), None);

    drop(file);
    std::fs::remove_file(&filler).expect("removed");
    until("free again", || !journal.is_full());
    journal
        .append(FrameKind::Reserve, b"hold")
        .expect("appended");
    for number in taken..taken + 300 {
        let appended = record(number).expect("appended");
        wait(journal.durable(appended.position)).expect("durable");
        if number % 50 == 0 {
            journal.checkpoint().expect("signed");
        }
    }
    journal.close().expect("closed");
    drop(journal);
    let (_, recovered) =
        Journal::open(folder, place.options.clone(), place.environment.clone()).expect("opens");
    let records = recovered
        .frames
        .iter()
        .filter(|frame| matches!(frame.content, Content::Record(_)));
    assert_eq!(records.count() as u64, taken + 300);
    println!("went on after {taken}");
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

#[test]
fn while_a_disk_is_full_nothing_new_begins_and_then_it_goes_on() {
    if let Some(folder) = std::env::var_os(SMALL_DISK) {
        return fill_and_free(std::path::Path::new(&folder));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let name = "full_disk::while_a_disk_is_full_nothing_new_begins_and_then_it_goes_on";
    let script = format!(
        "mount -t tmpfs -o size=1m none \"${SMALL_DISK}\" || exit 77; \
         exec \"$0\" --exact {name} --nocapture"
    );
    let done = std::process::Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().expect("this program"))
        .env(SMALL_DISK, folder.path())
        .output();
    let Ok(done) = done else {
        return eprintln!("not tried: there is no `unshare` here");
    };
    let said = String::from_utf8_lossy(&done.stdout);
    let complained = String::from_utf8_lossy(&done.stderr);
    if done.status.code() == Some(77) || complained.starts_with("unshare:") {
        return eprintln!("not tried: no file system may be mounted here: {complained}");
    }
    assert!(said.contains("went on after"), "{said}\n{complained}");
}
