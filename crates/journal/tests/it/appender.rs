//! The test binary in another role: a process of its own that appends until it is ended.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use iron_journal::Journal;

use crate::kit::{Place, body, tenant};

/// Names the folder, and thereby the role.
const FOLDER: &str = "JOURNAL_APPENDER_FOLDER";
/// Stands before each number of a record that was taken.
pub(crate) const TAKEN: &str = "taken ";
/// Stands before the reasons for which the journal refused.
pub(crate) const STOPPED: &str = "stopped ";

/// If this process was started as the appender: appends records, says each number after it was
/// taken, and ends when the journal has refused three times.
pub(crate) fn play_if_asked() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let place = Place::new();
    let mut options = place.options.clone();
    options.segment_bytes = 30_000;
    options.checkpoint_records = 50;
    // The folder's keys and names are told apart from those of earlier lives.
    let environment = crate::kit::environment(u64::from(std::process::id()));
    let (journal, _) = Journal::open(&PathBuf::from(folder), options, environment).expect("opens");
    let mut out = std::io::stdout().lock();
    let mut refused = Vec::new();
    for number in 0.. {
        match journal.append_record(tenant(1), &body(number)) {
            Ok(appended) => writeln!(out, "{TAKEN}{}", appended.sequence).expect("said"),
            Err(stopped) => refused.push(format!("{stopped:?}")),
        }
        if refused.len() == 3 {
            writeln!(out, "{STOPPED}{}", refused.join(" ")).expect("said");
            std::process::exit(3);
        }
    }
}

/// The command that starts the appender, with the test in whose name it runs.
pub(crate) fn command(test: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    in_role(command.args(["--exact", test, "--nocapture"]), folder);
    command
}

/// The same under a limit on the size of each file, in blocks of 512 bytes.
pub(crate) fn limited_command(test: &str, folder: &Path, blocks: u32) -> Command {
    // The signal that comes with the limit is ignored, so that the write fails instead.
    let script =
        format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --exact {test} --nocapture");
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .arg(std::env::current_exe().expect("this program"));
    in_role(&mut command, folder);
    command
}

fn in_role(command: &mut Command, folder: &Path) {
    command
        .env(FOLDER, folder)
        .stdout(std::process::Stdio::piped());
}

/// The number in a line of the appender's.
pub(crate) fn taken(line: &str) -> Option<u64> {
    line.strip_prefix(TAKEN)?.parse().ok()
}
