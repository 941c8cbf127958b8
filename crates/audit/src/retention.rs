//! How long records are kept, and where they go then.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use iron_journal::{Journal, Purge, PurgeError, PurgeTerms, TenantHead};
use iron_primitives::Timestamp;
use iron_store::sql;

use crate::{Audit, Error, rollups, token_totals};

/// Records are never kept for less time: what the law demands of an audit log.
pub const LEAST_DAYS: u32 = 90;
const DAY_SECONDS: u64 = 86_400;
/// How long a program may take for one file of records.
const ARCHIVE_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How often it is looked whether the program has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where files of records go before they are purged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Archive {
    /// Nowhere: they are gone.
    #[default]
    Nowhere,
    /// Into this folder.
    Folder(PathBuf),
    /// This program is given the path of the file; it has taken it when it ends with success. After
    /// a quarter of an hour it is ended.
    Command(PathBuf),
}

impl Archive {
    /// Hands a file over; when this has returned, the archive has it. Blocks.
    ///
    /// # Errors
    /// If the archive did not take it.
    pub fn take(&self, file: &Path) -> io::Result<()> {
        match self {
            Archive::Nowhere => Ok(()),
            Archive::Folder(folder) => copy(file, folder),
            Archive::Command(program) => hand_to(program, file, ARCHIVE_WITHIN),
        }
    }
}

/// Runs a program with the path of a file, and ends it if it takes too long.
fn hand_to(program: &Path, file: &Path, within: Duration) -> io::Result<()> {
    let mut child = Command::new(program)
        .arg(file)
        .stdin(Stdio::null())
        .spawn()?;
    let mut waited = Duration::ZERO;
    loop {
        match child.try_wait()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                return Err(io::Error::other(format!("the archive ended with {status}")));
            }
            None if waited >= within => break,
            None => std::thread::sleep(LOOK_EVERY),
        }
        waited = waited.saturating_add(LOOK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    let seconds = within.as_secs();
    Err(io::Error::other(format!(
        "the archive was ended: it took longer than {seconds} s"
    )))
}

/// Copies a file, durably and whole or not at all.
fn copy(file: &Path, folder: &Path) -> io::Result<()> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let (to, mut unfinished) = (folder.join(name), name.to_owned());
    unfinished.push(".unfinished");
    let unfinished = folder.join(unfinished);
    if to.exists() {
        // From a purge that did not come to its end.
        return match std::fs::read(&to)? == std::fs::read(file)? {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "`{}` is another file",
                to.display()
            ))),
        };
    }
    std::fs::copy(file, &unfinished)?;
    File::open(&unfinished)?.sync_all()?;
    std::fs::rename(&unfinished, &to)?;
    File::open(folder)?.sync_all()
}

/// Purges the records of this instance whose time is over: from its journal, with a tombstone, and
/// from what is shown of it.
#[derive(Debug)]
pub struct Retention {
    audit: Audit,
    journal: Journal,
    days: u32,
    archive: Archive,
    /// The last segment whose records are shown no more.
    hidden: Option<u32>,
}

impl Retention {
    /// Keeps records for so many days, and never for less than [`LEAST_DAYS`].
    pub fn new(audit: Audit, journal: Journal, days: u32, archive: Archive) -> Self {
        Retention {
            audit,
            journal,
            days: days.max(LEAST_DAYS),
            archive,
            hidden: None,
        }
    }

    /// Purges what is due; gives the tombstone, if anything was.
    ///
    /// # Errors
    /// If the archive does not take a file, or journal or database fail. What was not purged stays
    /// until the next time.
    pub async fn run_once(&mut self) -> Result<Option<Purge>, Error> {
        let terms = PurgeTerms {
            before_micros: self.kept_since().micros(),
            by: "retention".to_owned(),
            reason: format!("older than {} days", self.days),
        };
        let (journal, archive) = (self.journal.clone(), self.archive.clone());
        let purging = tokio::task::spawn_blocking(move || {
            let purged = journal.purge(&terms, |file| archive.take(file));
            let purged = purged.map_err(|error| match error {
                PurgeError::Journal(error) => Error::Journal(error),
                PurgeError::Archive { file, source } => Error::Archive { file, source },
            })?;
            // A process that ended in between has left rows.
            Ok((purged, journal.last_purge()?))
        });
        // A task that was aborted means that the process is ending.
        let (purged, last) = purging
            .await
            .map_err(|_| Error::Superseded)?
            .map_err(|error: Error| error)?;
        if let Some(last) = last.filter(|last| Some(last.through) != self.hidden) {
            self.hide(&last).await?;
            self.hidden = Some(last.through);
        }
        Ok(purged)
    }

    /// What is older than this is kept no more.
    fn kept_since(&self) -> Timestamp {
        let kept = Duration::from_secs(u64::from(self.days).saturating_mul(DAY_SECONDS));
        self.audit.environment.now().minus(kept)
    }

    /// Removes what is shown of records that are gone.
    async fn hide(&self, purge: &Purge) -> Result<(), Error> {
        for TenantHead { tenant, head } in &purge.heads {
            let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            let mut tx = self.audit.db.begin().await?;
            for delete in [
                "DELETE FROM audit_entries WHERE tenant_id = $1 AND instance_id = $2 \
                   AND (incarnation < $3 OR (incarnation = $3 AND sequence <= $4))",
                "DELETE FROM call_records WHERE tenant_id = $1 AND instance_id = $2 \
                   AND (incarnation < $3 OR (incarnation = $3 AND sequence <= $4))",
                "DELETE FROM tool_calls WHERE tenant_id = $1 AND instance_id = $2 \
                   AND (incarnation < $3 OR (incarnation = $3 AND sequence <= $4))",
                "DELETE FROM tool_results WHERE tenant_id = $1 AND instance_id = $2 \
                   AND (incarnation < $3 OR (incarnation = $3 AND sequence <= $4))",
                "DELETE FROM violations WHERE tenant_id = $1 AND instance_id = $2 \
                   AND (incarnation < $3 OR (incarnation = $3 AND sequence <= $4))",
            ] {
                sql(delete)
                    .bind(*tenant)
                    .bind(purge.instance)
                    .bind(count(head.incarnation))
                    .bind(count(head.sequence))
                    .execute(&mut tx)
                    .await?;
            }
            token_totals::forget(&mut tx, *tenant, self.kept_since()).await?;
            rollups::forget(&mut tx, *tenant, self.kept_since()).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_archive_that_hangs_is_ended_and_has_taken_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("archive");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 600\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let error = hand_to(&program, folder.path(), Duration::from_millis(60)).unwrap_err();
        assert!(error.to_string().contains("took longer"), "{error}");
        let fine = hand_to(Path::new("/bin/true"), folder.path(), ARCHIVE_WITHIN);
        fine.unwrap();
    }
}
