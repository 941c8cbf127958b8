//! This machine: clock, files, disk, limits, and what lies on it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use iron_llm::PriceBook;
use iron_primitives::Timestamp;

use super::finding::Finding;
use crate::config::{Config, keys};
use crate::environment;
use crate::keychain::Keychain;
use crate::server::folder::Folder;

pub(super) fn configuration(config: &Config) -> Finding {
    let files: Vec<_> = config
        .files()
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let message = match &files[..] {
        [] => "valid; no file, so the environment and the defaults hold".to_owned(),
        files => format!("valid; from {}", files.join(", ")),
    };
    Finding::ok("configuration", message)
}

/// Records, tokens and budgets all live by the clock.
pub(super) fn clock() -> Finding {
    const EARLIEST: i64 = 1_767_225_600; // 2026-01-01, before the program was written
    let now = environment::system().now();
    match now.seconds() > EARLIEST {
        true => Finding::ok("clock", now.to_string()),
        false => Finding::problem(
            "clock",
            format!("it shows {now}"),
            "set the clock of this machine: timedatectl set-ntp true",
        ),
    }
}

/// The folder and what is in it: private, ours, writable, with room and a quick disk.
pub(super) fn data_folder(folder: &Folder) -> Vec<Finding> {
    let path = folder.path();
    let shown = path.display();
    let Ok(metadata) = std::fs::metadata(path) else {
        return vec![Finding::ok(
            "data folder",
            format!("{shown} will be made at the first start"),
        )];
    };
    if !metadata.is_dir() {
        let message = format!("{shown} is not a folder");
        let fix = "choose another with --data DIR";
        return vec![Finding::problem("data folder", message, fix)];
    }
    let mut findings = vec![owned(path, &metadata), disk(path)];
    findings.extend(open_to_others(folder));
    findings.extend(space(path));
    findings
}

fn owned(path: &Path, metadata: &std::fs::Metadata) -> Finding {
    let shown = path.display();
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Finding::problem(
            "data folder",
            format!("{shown} belongs to user {}", metadata.uid()),
            format!("run as that user, or chown -R \"$USER\" {shown}"),
        );
    }
    match metadata.mode() & 0o077 {
        0 => Finding::ok("data folder", format!("{shown}, private")),
        _ => Finding::problem(
            "data folder",
            format!(
                "{shown} is open to others (mode {:o})",
                metadata.mode() & 0o777
            ),
            format!("chmod 700 {shown}"),
        ),
    }
}

/// Files with secrets must be private by themselves: folders get copied.
fn open_to_others(folder: &Folder) -> Option<Finding> {
    let secrets = [folder.demo()];
    let open: Vec<PathBuf> = secrets
        .into_iter()
        .filter(|path| std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0))
        .collect();
    let names: Vec<_> = open.iter().map(|path| path.display().to_string()).collect();
    (!names.is_empty()).then(|| {
        Finding::problem(
            "files",
            format!("open to others: {}", names.join(", ")),
            format!("chmod 600 {}", names.join(" ")),
        )
    })
}

pub(super) fn master_key(folder: &Folder, config: &Config) -> Finding {
    let path = folder.master_key();
    let shown = path.display();
    if config.optional(keys::MASTER_KEY).is_some() {
        return Finding::ok(
            "master key",
            "given by the configuration, not kept in the folder",
        );
    }
    match std::fs::metadata(&path) {
        Ok(found) if found.mode() & 0o077 == 0 => Finding::ok(
            "master key",
            format!("{shown}, private; keep a copy elsewhere, nothing opens without it"),
        ),
        Ok(found) => Finding::problem(
            "master key",
            format!(
                "{shown} is open to others (mode {:o})",
                found.mode() & 0o777
            ),
            format!("chmod 600 {shown}"),
        ),
        Err(_) if folder.known_instance().is_some() => Finding::problem(
            "master key",
            format!("{shown} is gone, and what the folder holds is sealed under it"),
            "put the copy back, or give it as IRON_MASTER_KEY",
        ),
        Err(_) => Finding::ok("master key", "will be drawn at the first start"),
    }
}

/// How long a write takes until it is on the disk: each answer waits for one (`strict`).
fn disk(path: &Path) -> Finding {
    const SLOW: Duration = Duration::from_millis(20);
    match fsync_time(path) {
        Ok(time) if time > SLOW => Finding::warning(
            "disk",
            format!("a synced write takes {:.1} ms", time.as_secs_f64() * 1e3),
            "put the data folder on a local SSD, or set durability to `relaxed`",
        ),
        Ok(time) => Finding::ok(
            "disk",
            format!(
                "writable; a synced write takes {:.1} ms",
                time.as_secs_f64() * 1e3
            ),
        ),
        Err(error) => Finding::problem(
            "disk",
            format!("{} cannot be written: {error}", path.display()),
            "check its owner, its mode, and whether it is mounted read-only",
        ),
    }
}

/// The middle of five.
fn fsync_time(folder: &Path) -> std::io::Result<Duration> {
    use std::io::Write as _;
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let clock = environment::system();
    let measure = || {
        let mut file = std::fs::File::create(&path)?;
        let mut times = Vec::new();
        for _ in 0..5 {
            let before = clock.boot();
            file.write_all(&[0; 4_096])?;
            file.sync_data()?;
            times.push(clock.boot().since(before));
        }
        times.sort();
        Ok(times.get(times.len() / 2).copied().unwrap_or_default())
    };
    let measured = measure();
    let removed = std::fs::remove_file(&path);
    measured.and_then(|time| removed.map(|()| time))
}

/// A full disk stops the journal, and with it every call.
fn space(path: &Path) -> Option<Finding> {
    const LEAST_BYTES: u64 = 1 << 30;
    let status = rustix::fs::statvfs(path).ok()?;
    let free_bytes = status.f_bavail.saturating_mul(status.f_frsize);
    let shown = match free_bytes >> 30 {
        0 => format!("{} MiB free", free_bytes >> 20),
        gibibytes => format!("{gibibytes} GiB free"),
    };
    Some(match free_bytes < LEAST_BYTES {
        true => Finding::warning(
            "space",
            shown,
            "free some: the journal stops when the disk is full, and every call with it",
        ),
        false => Finding::ok("space", shown),
    })
}

/// Each stream takes a connection from the agent and one to the provider.
pub(super) fn open_files() -> Option<Finding> {
    const LEAST: u64 = 4_096;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    Some(match limit < LEAST {
        true => Finding::warning(
            "open files",
            format!(
                "at most {limit}, enough for about {} calls at once",
                limit / 2
            ),
            "raise it: ulimit -n 65536, or LimitNOFILE=65536 in the service file",
        ),
        false => Finding::ok("open files", format!("at most {limit}")),
    })
}

/// Old prices make old bounds.
pub(super) fn prices() -> Finding {
    const OLD_DAYS: u64 = 90;
    let book = PriceBook::builtin();
    let sources: Vec<_> = book
        .sources()
        .iter()
        .map(|source| format!("{} {}", source.name, source.version))
        .collect();
    let what = format!(
        "built-in book of {} ({}), {} models",
        book.version(),
        sources.join(", "),
        book.models().count()
    );
    let date = format!("{}T00:00:00Z", book.version());
    let Ok(date) = date.parse::<Timestamp>() else {
        return Finding::problem(
            "prices",
            what,
            "install iron anew: its price book is damaged",
        );
    };
    let days = environment::system().now().since(date).as_secs() / 86_400;
    match days > OLD_DAYS {
        true => Finding::warning(
            "prices",
            format!("{what}, {days} days old"),
            "take newer ones: iron models import FILE, or a newer iron",
        ),
        false => Finding::ok("prices", format!("{what}, {days} days old")),
    }
}

pub(super) fn keychain(keychain: &Keychain) -> Finding {
    if keychain.is_missing() {
        let message = "configured as `system`, and there is no session bus to reach it by";
        return Finding::problem("keychain", message, "set `keychain` to `auto` or `file`");
    }
    Finding::ok(
        "keychain",
        format!("sessions are kept in {}", keychain.describe()),
    )
}
