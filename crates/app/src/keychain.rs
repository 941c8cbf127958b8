//! Where sessions of the command line are kept: the keychain of the system, or a file that
//! only its owner can read where there is none (a server without a desktop, for example).

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

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

/// Which place was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The keychain if one answers, else the file.
    Auto,
    /// The keychain or nothing.
    System,
    /// The file.
    File,
}

impl Choice {
    /// The choice of this name, as the configuration has it.
    pub(crate) fn of(word: &str) -> Choice {
        match word {
            "system" => Choice::System,
            "file" => Choice::File,
            _ => Choice::Auto,
        }
    }
}

/// How long the keychain may take to say that it is there.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// How long a person may take to unlock it.
const UNLOCK_WITHIN: Duration = Duration::from_secs(60);

/// The place where sessions are kept. It is looked for when it is first needed, so that a
/// command with a token of its own never wakes a keychain.
pub(crate) struct Keychain {
    server: String,
    file: PathBuf,
    choice: Choice,
    answers: OnceLock<bool>,
}

impl Keychain {
    /// The sessions of one server.
    pub(crate) fn new(server: &str, config_folder: &Path, choice: Choice) -> Self {
        Keychain {
            server: server.to_owned(),
            file: config_folder.join("sessions.json"),
            choice,
            answers: OnceLock::new(),
        }
    }

    /// Which of the two is in use, for `iron doctor`.
    pub(crate) fn describe(&self) -> String {
        let file = self.file.display();
        match (self.uses_system(), self.choice) {
            (true, _) => "the keychain of this system".to_owned(),
            (false, Choice::File) => format!("{file} (0600), as configured"),
            (false, _) => format!("{file} (0600); no keychain answers"),
        }
    }

    /// Whether a configured keychain is missing.
    pub(crate) fn is_missing(&self) -> bool {
        self.choice == Choice::System && !reachable()
    }

    /// The session, if there is one.
    pub(crate) fn load(&self) -> Option<Session> {
        let kept = self
            .uses_system()
            .then(|| self.ask(|entry| entry.get_password()))
            .and_then(|answer| answer.ok().map(Secret::new))
            .and_then(|text| serde_json::from_str(text.expose()).ok());
        if self.choice == Choice::System {
            return kept;
        }
        // One may lie in the file from a time when the keychain was away, or did not answer.
        let filed = self.read_file().remove(&self.server);
        later(
            kept,
            filed.and_then(|value| serde_json::from_value(value).ok()),
        )
    }

    /// Keeps a session in place of the last one.
    pub(crate) fn save(&self, session: &Session) -> Outcome {
        let value = serde_json::to_value(session).map_err(anyhow::Error::from)?;
        if self.uses_system() {
            let text = Secret::new(value.to_string());
            match self.ask(move |entry| entry.set_password(text.expose())) {
                // What lay in the file is older, and must not be found instead.
                Ok(()) => return self.forget_in_file(),
                Err(error) if self.choice == Choice::System => return Err(denied(&error)),
                Err(_) => {}
            }
        }
        let mut sessions = self.read_file();
        sessions.insert(self.server.clone(), value);
        self.write_file(&sessions)
    }

    /// Forgets the session wherever it may be; tells whether there was one.
    pub(crate) fn forget(&self) -> Outcome<bool> {
        let in_file = self.read_file().contains_key(&self.server);
        self.forget_in_file()?;
        if !self.uses_system() {
            return Ok(in_file);
        }
        match self.ask(|entry| entry.delete_credential()) {
            Ok(()) => Ok(true),
            Err(Refusal::Empty) => Ok(in_file),
            Err(error) => Err(denied(&error)),
        }
    }

    fn forget_in_file(&self) -> Outcome {
        let mut sessions = self.read_file();
        match sessions.remove(&self.server) {
            Some(_) => self.write_file(&sessions),
            None => Ok(()),
        }
    }

    fn uses_system(&self) -> bool {
        match self.choice {
            Choice::File => false,
            Choice::System => true,
            Choice::Auto => *self.answers.get_or_init(|| {
                let status = || keyring::Entry::store_status().is_ok();
                reachable() && in_time(ANSWER_WITHIN, status).unwrap_or_default()
            }),
        }
    }

    /// Does something with the entry of this server, as long as a person may take to allow it.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(keyring::Entry) -> keyring::Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let server = self.server.clone();
        let done = in_time(UNLOCK_WITHIN, move || {
            work(keyring::Entry::new(SERVICE, &server)?)
        });
        match done {
            Some(Ok(value)) => Ok(value),
            Some(Err(keyring::Error::NoEntry)) => Err(Refusal::Empty),
            Some(Err(error)) => Err(Refusal::Error(error)),
            None => Err(Refusal::Silent),
        }
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

/// The session that ends later: it is the one that was renewed last.
fn later(kept: Option<Session>, filed: Option<Session>) -> Option<Session> {
    match (kept, filed) {
        (Some(kept), Some(filed)) if filed.expires_at > kept.expires_at => Some(filed),
        (kept, filed) => kept.or(filed),
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

/// Why a keychain did not do what was asked.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("it holds nothing")]
    Empty,
    #[error("it did not answer in time")]
    Silent,
    #[error("{0}")]
    Error(keyring::Error),
}

/// Whether there is a session bus at all; without one nobody need be asked, and nobody waits.
fn reachable() -> bool {
    let named = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some_and(|value| !value.is_empty());
    let usual = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(
        || {
            let user = rustix::process::getuid().as_raw();
            PathBuf::from(format!("/run/user/{user}"))
        },
        PathBuf::from,
    );
    named || usual.join("bus").exists()
}

/// The answer, if it comes in time; a keychain that waits for a person may never answer.
fn in_time<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = send.send(work());
    });
    receive.recv_timeout(patience).ok()
}

fn denied(refusal: &Refusal) -> Failure {
    Failure::new(
        Exit::Error,
        "KEYCHAIN",
        format!("the keychain of this system refused: {refusal}"),
    )
    .hint("set `IRON_KEYCHAIN=file` to keep sessions in a private file instead")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn of_two_places_the_session_that_ends_later_counts() {
        let session = |email: &str, ends: i64| {
            Some(Session {
                email: email.to_owned(),
                access_token: "a".to_owned(),
                refresh_token: "r".to_owned(),
                expires_at: Timestamp::from_seconds(ends),
            })
        };
        let whose = |kept, filed| later(kept, filed).map(|session| session.email);
        let (kept, filed) = (Some("kept".to_owned()), Some("filed".to_owned()));
        assert_eq!(whose(session("kept", 5), session("filed", 6)), filed);
        assert_eq!(whose(session("kept", 6), session("filed", 5)), kept);
        assert_eq!(whose(session("kept", 5), session("filed", 5)), kept);
        assert_eq!(whose(session("kept", 5), None), kept);
        assert_eq!(whose(None, session("filed", 5)), filed);
        assert_eq!(whose(None, None), None);
    }

    #[test]
    fn sessions_of_several_servers_share_one_private_file() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("below");
        let keychain = |server: &str| Keychain::new(server, &below, Choice::File);
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
        assert!(one.forget().unwrap());
        assert!(!one.forget().unwrap());
        assert!(one.load().is_none());
        assert_eq!(two.load().unwrap().email, "bob@example.com");
    }
}
