//! Where sessions of the command line are kept: the keychain of the system, or a file that
//! only its owner can read where there is none (a server without a desktop, for example).

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use iron_primitives::{Secret, Timestamp};
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure, Outcome};

const SERVICE: &str = "iron-cage";

/// A session with one server.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Who signed in.
    pub(crate) email: String,
    /// Good for an hour.
    pub(crate) access_token: String,
    /// Good for one renewal.
    pub(crate) refresh_token: String,
    /// When the access token ends.
    pub(crate) expires_at: Timestamp,
}

/// The place where sessions are kept.
pub(crate) struct Keychain {
    server: String,
    file: PathBuf,
    desktop: bool,
}

impl Keychain {
    /// The sessions of one server. `IRON_KEYCHAIN=file` keeps to the file, for machines whose
    /// keychain asks a person.
    pub(crate) fn open(server: &str, config_folder: &Path) -> Self {
        let wanted = std::env::var("IRON_KEYCHAIN").is_ok_and(|value| value == "file");
        Keychain {
            server: server.to_owned(),
            file: config_folder.join("sessions.json"),
            desktop: !wanted && keyring::Entry::store_status().is_ok(),
        }
    }

    /// Which of the two is in use, for `iron doctor`.
    pub(crate) fn describe(&self) -> String {
        match self.desktop {
            true => "the keychain of this system".to_owned(),
            false => format!("{} (0600; no keychain answers)", self.file.display()),
        }
    }

    /// The session, if there is one.
    pub(crate) fn load(&self) -> Option<Session> {
        let text = match self.desktop {
            true => Secret::new(self.entry()?.get_password().ok()?),
            false => Secret::new(self.read_file().remove(&self.server)?.to_string()),
        };
        serde_json::from_str(text.expose()).ok()
    }

    /// Keeps a session in place of the last one.
    pub(crate) fn save(&self, session: &Session) -> Outcome {
        let value = serde_json::to_value(session).map_err(anyhow::Error::from)?;
        if self.desktop {
            let entry = self.entry().ok_or_else(|| denied("cannot be opened"))?;
            return entry
                .set_password(&value.to_string())
                .map_err(|error| denied(&error.to_string()));
        }
        let mut sessions = self.read_file();
        sessions.insert(self.server.clone(), value);
        self.write_file(&sessions)
    }

    /// Forgets the session.
    pub(crate) fn forget(&self) -> Outcome {
        if self.desktop {
            if let Some(entry) = self.entry() {
                let _ = entry.delete_credential();
            }
            return Ok(());
        }
        let mut sessions = self.read_file();
        match sessions.remove(&self.server) {
            Some(_) => self.write_file(&sessions),
            None => Ok(()),
        }
    }

    fn entry(&self) -> Option<keyring::Entry> {
        keyring::Entry::new(SERVICE, &self.server).ok()
    }

    fn read_file(&self) -> serde_json::Map<String, serde_json::Value> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn write_file(&self, sessions: &serde_json::Map<String, serde_json::Value>) -> Outcome {
        let text = serde_json::to_string_pretty(sessions).map_err(anyhow::Error::from)?;
        write_private(&self.file, &text)
    }
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, text: &str) -> Outcome {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    Ok(())
}

fn denied(message: &str) -> Failure {
    Failure::new(
        Exit::Error,
        "KEYCHAIN",
        format!("the keychain of this system refused: {message}"),
    )
    .hint("set `IRON_KEYCHAIN=file` to keep sessions in a private file instead")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn sessions_of_several_servers_share_one_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let keychain = |server: &str| Keychain {
            server: server.to_owned(),
            file: folder.path().join("below/sessions.json"),
            desktop: false,
        };
        let session = |email: &str| Session {
            email: email.to_owned(),
            access_token: "a".to_owned(),
            refresh_token: "r".to_owned(),
            expires_at: Timestamp::from_seconds(5),
        };
        let (one, two) = (keychain("http://one"), keychain("http://two"));
        assert!(one.load().is_none());
        one.save(&session("ada@example.com")).unwrap();
        two.save(&session("bob@example.com")).unwrap();
        one.save(&session("eve@example.com")).unwrap();
        assert_eq!(one.load().unwrap().email, "eve@example.com");
        let mode = fs::metadata(folder.path().join("below/sessions.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        one.forget().unwrap();
        assert!(one.load().is_none());
        assert_eq!(two.load().unwrap().email, "bob@example.com");
    }
}
