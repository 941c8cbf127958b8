//! A client that is signed in: with the API token of the configuration, or with the session in
//! the keychain, which is renewed before it ends.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use iron_primitives::{Environment, Secret, Zone};
use iron_sdk::Client;
use iron_sdk::auth::{Refresh, SessionTokens};
use iron_sdk::client::{Error, Refresher};
use rustix::fs::{FlockOperation, flock};

use crate::args::Global;
use crate::commands::{config_folder, load};
use crate::config::{Config, keys};
use crate::environment;
use crate::failure::{Exit, Failure, Outcome};
use crate::keychain::{Choice, Keychain, Session};

/// A session is renewed when less than this is left of it.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// A server and the way in.
pub(crate) struct Connection {
    /// Where the server is.
    pub(crate) server: String,
    /// In which instants are shown to people; UTC if none.
    pub(crate) zone: Option<Zone>,
    keychain: Arc<Keychain>,
    token: Option<Secret>,
    environment: Environment,
}

impl Connection {
    /// The server of the configuration.
    pub(crate) fn new(global: &Global) -> Outcome<Self> {
        Ok(Self::of(&load(global, Vec::new())?))
    }

    /// The server of this configuration.
    pub(crate) fn of(config: &Config) -> Self {
        Self::to(&config.text(keys::SERVER), config)
    }

    /// This server.
    pub(crate) fn to(server: &str, config: &Config) -> Self {
        let server = server.trim_end_matches('/').to_owned();
        let choice = Choice::of(&config.text(keys::KEYCHAIN));
        let keychain = Arc::new(Keychain::new(&server, &config_folder(), choice));
        let token = config.secret(keys::TOKEN);
        let zone = Some(config.text(keys::TIMEZONE)).filter(|zone| zone != "UTC");
        Connection {
            server,
            zone: zone.and_then(|zone| zone.parse().ok()),
            keychain,
            token,
            environment: environment::system(),
        }
    }

    /// Where sessions are kept.
    pub(crate) fn keychain(&self) -> &Keychain {
        &self.keychain
    }

    /// A client without a credential.
    pub(crate) fn anonymous(&self) -> Outcome<Client> {
        Ok(Client::new(&self.server)?)
    }

    /// A client that is signed in.
    pub(crate) async fn client(&self) -> Outcome<Client> {
        match &self.token {
            Some(token) => Ok(self.anonymous()?.with_credential(token.clone())),
            None => self.session().await,
        }
    }

    /// A client that works in the session of `iron login`, whatever token is configured.
    pub(crate) async fn session(&self) -> Outcome<Client> {
        let client = self.anonymous()?;
        let Some(mut session) = self.keychain.load() else {
            let message = format!("not signed in to {}", self.server);
            return Err(Failure::new(Exit::Authentication, "NOT_SIGNED_IN", message)
                .hint("run `iron login`, or set `IRON_TOKEN` to an API token"));
        };
        if self.environment.now().plus(RENEW_BEFORE) >= session.expires_at {
            session = renew(&client, &self.keychain, &session).await?;
        }
        let credential = Secret::new(session.access_token.clone());
        Ok(client
            .with_credential(credential)
            .with_refresher(self.refresher(session)?))
    }

    /// What the client calls when the server says that the session has expired.
    fn refresher(&self, session: Session) -> Outcome<Refresher> {
        let (client, keychain) = (self.anonymous()?, self.keychain.clone());
        Ok(Arc::new(move || {
            let (client, keychain, session) = (client.clone(), keychain.clone(), session.clone());
            Box::pin(async move {
                let fresh = renew(&client, &keychain, &session).await.ok()?;
                Some(Secret::new(fresh.access_token))
            })
        }))
    }
}

/// Exchanges the refresh token. It works once, so only one process may do it at a time, and one
/// that waited takes what the other got.
async fn renew(client: &Client, keychain: &Keychain, stale: &Session) -> Outcome<Session> {
    let lock = tokio::task::spawn_blocking(lock)
        .await
        .map_err(anyhow::Error::from)??;
    if let Some(other) = keychain.load()
        && other.refresh_token != stale.refresh_token
    {
        return Ok(other);
    }
    let refresh = Refresh {
        refresh_token: Some(stale.refresh_token.clone().into()),
    };
    let tokens = client
        .refresh(&refresh)
        .await
        .map_err(|error| match error.refused() {
            Some(_) => Failure::new(
                Exit::Authentication,
                "SESSION_ENDED",
                "the session has ended",
            )
            .hint("run `iron login` to sign in again"),
            None => error.into(),
        })?;
    let session = session(tokens)?;
    keychain.save(&session)?;
    drop(lock);
    Ok(session)
}

fn lock() -> Outcome<File> {
    let path: PathBuf = config_folder().join("sessions.lock");
    std::fs::create_dir_all(config_folder())?;
    let file = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    flock(&file, FlockOperation::LockExclusive).map_err(std::io::Error::from)?;
    Ok(file)
}

/// The session that a login or a renewal gave.
pub(crate) fn session(tokens: SessionTokens) -> Outcome<Session> {
    let (Some(access), Some(refresh)) = (tokens.access_token, tokens.refresh_token) else {
        return Err(Failure::new(
            Exit::Error,
            "NO_TOKENS",
            "the server answered without tokens",
        ));
    };
    Ok(Session {
        email: tokens.user.email,
        access_token: access.expose().to_owned(),
        refresh_token: refresh.expose().to_owned(),
        expires_at: tokens.expires_at,
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match &error {
            Error::Refused(refused) => Exit::of_status(refused.status),
            Error::Unreachable(_) | Error::TimedOut(_) => Exit::Unreachable,
            _ => Exit::Error,
        };
        let code = match &error {
            Error::Refused(refused) => refused.code.clone(),
            Error::Unreachable(_) => "UNREACHABLE".to_owned(),
            Error::TimedOut(_) => "TIMED_OUT".to_owned(),
            _ => "ERROR".to_owned(),
        };
        let hint = hint(&error);
        let failure = Failure::new(exit, code, error.to_string());
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

/// What to do next, where that is known.
fn hint(error: &Error) -> Option<String> {
    let Error::Refused(refused) = error else {
        return matches!(error, Error::Unreachable(_) | Error::TimedOut(_))
            .then(|| "start one with `iron up`, or name another with `--server URL`".to_owned());
    };
    match (refused.code.as_str(), refused.retry_after_seconds) {
        ("PASSWORD_CHANGE_REQUIRED", _) => Some("run `iron auth password`".to_owned()),
        ("TOKEN_EXPIRED" | "TOKEN_REVOKED" | "INVALID_TOKEN", _) => {
            Some("run `iron login` to sign in again".to_owned())
        }
        (_, Some(seconds)) => Some(format!("try again in {seconds} seconds")),
        ("INTERNAL_ERROR", _) => refused
            .request_id
            .as_ref()
            .map(|id| format!("the server's log knows it as `{id}`")),
        _ => None,
    }
}
