//! How a command ends when it does not succeed: an exit code for scripts, a sentence for people.

use std::fmt;
use std::process::ExitCode;

use serde_json::json;

use crate::config;

/// The exit codes, as documented in `iron --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Something unexpected.
    Error = 1,
    /// The command was not understood.
    Usage = 2,
    /// Not signed in, or the credential is not good.
    Authentication = 3,
    /// Signed in, but not allowed.
    Forbidden = 4,
    /// No such thing.
    NotFound = 5,
    /// It exists already, or its state does not allow it.
    Conflict = 6,
    /// A rate limit, a quota or a budget.
    Limit = 7,
    /// The server cannot be reached or did not answer in time.
    Unreachable = 8,
    /// A check ran and found problems.
    Problems = 9,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The exit code that belongs to an HTTP status of the API.
    pub(crate) const fn of_status(status: u16) -> Exit {
        match status {
            400 | 405 | 413 | 415 => Exit::Usage,
            401 => Exit::Authentication,
            403 => Exit::Forbidden,
            404 | 410 => Exit::NotFound,
            409 => Exit::Conflict,
            429 => Exit::Limit,
            503 => Exit::Unreachable,
            _ => Exit::Error,
        }
    }
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    code: String,
    message: String,
    hint: Option<String>,
}

/// What every command gives back.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with a code for programs (`UPPER_SNAKE_CASE`) and a sentence for people.
    pub(crate) fn new(exit: Exit, code: impl Into<String>, message: impl Into<String>) -> Self {
        Failure {
            exit,
            code: code.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// A mistake in how the command was called.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::new(Exit::Usage, "USAGE", message)
    }

    /// The end that Ctrl-C asked for.
    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Failure::new(Exit::Interrupted, "INTERRUPTED", message)
    }

    /// Whether it was Ctrl-C.
    pub(crate) fn is_interruption(&self) -> bool {
        self.exit == Exit::Interrupted
    }

    /// Whether no server answered.
    pub(crate) fn is_unreachable(&self) -> bool {
        self.exit == Exit::Unreachable
    }

    /// What to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }

    /// The failure as `--json` shows it.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(hint), Some(object)) = (&self.hint, error.as_object_mut()) {
            object.insert("hint".to_owned(), json!(hint));
        }
        json!({ "error": error })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::new(Exit::Error, "ERROR", format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::new(Exit::Error, "IO_ERROR", error.to_string())
    }
}

impl From<config::Invalid> for Failure {
    fn from(invalid: config::Invalid) -> Self {
        Failure::new(Exit::Usage, "INVALID_CONFIGURATION", invalid.to_string())
            .hint("`docs/configuration.md` describes every setting")
    }
}
