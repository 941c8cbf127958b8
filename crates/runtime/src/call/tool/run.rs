//! A tool that is run here, for the agent that has called it.

mod http;
mod sql;
mod template;

use std::time::Duration;

use ::http::StatusCode;
use iron_net::breaker::Permit;
use iron_policy::parameters::Violation;
use iron_primitives::{Refusal, Secret};
use serde_json::Map;

use crate::Runtime;
use crate::authority::{RegisteredTool, Run};
use crate::databases::Statement;
use crate::room::Share;
use crate::runtime::ToolPeer;

use super::Gone;
use super::draft::ToolDraft;
use super::request::Shown;

/// How long a tool may take that does not say it.
const USUAL_PATIENCE: Duration = Duration::from_secs(30);

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// The tool did what it was asked for.
    Success,
    /// It did not.
    Error,
    /// It took longer than it may.
    Timeout,
    /// Nobody waited for it any more.
    Cancelled,
}

impl RunStatus {
    /// The word on the wire and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            RunStatus::Success => "success",
            RunStatus::Error => "error",
            RunStatus::Timeout => "timeout",
            RunStatus::Cancelled => "cancelled",
        }
    }
}

/// What a run has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) status: RunStatus,
    pub(super) output: Option<Shown>,
    /// What went wrong, without addresses and secrets.
    pub(super) error: Option<String>,
    pub(super) http_status: Option<u16>,
}

impl Ran {
    fn failed(problem: &str) -> Self {
        Ran {
            status: RunStatus::Error,
            output: None,
            error: Some(problem.to_owned()),
            http_status: None,
        }
    }

    fn timeout(patience: Duration) -> Self {
        Ran {
            status: RunStatus::Timeout,
            ..Ran::failed(&format!(
                "the tool took longer than {} s; whether it has done anything is not known",
                patience.as_secs()
            ))
        }
    }

    fn cancelled() -> Self {
        Ran {
            status: RunStatus::Cancelled,
            ..Ran::failed(
                "the call ended before the tool; whether it has done anything is not known",
            )
        }
    }

    fn with_http_status(self, status: StatusCode) -> Self {
        Ran {
            http_status: Some(status.as_u16()),
            ..self
        }
    }
}

/// A run that can begin.
pub(super) struct Ready {
    work: Work,
    secret: Option<Secret>,
    permit: Permit<ToolPeer>,
    patience: Duration,
}

/// What is to be done.
enum Work {
    Request(Box<http::Request>),
    Statement(Box<dyn Statement>),
}

impl Work {
    /// By which breakers know who does it.
    fn peer(&self) -> &str {
        match self {
            Work::Request(request) => &request.peer,
            Work::Statement(statement) => statement.peer(),
        }
    }
}

/// How much may come back, and how long it may take.
struct Bounds<'a> {
    patience: Duration,
    answer_bytes: usize,
    share: &'a mut Share,
}

impl Runtime {
    /// Makes a run ready: what is wrong with it is found before it costs anything.
    pub(super) async fn ready(
        &self,
        draft: &ToolDraft,
    ) -> Result<Result<Ready, Violation>, Refusal> {
        let equipped = draft.equipped.as_ref();
        let registered = equipped.map(|equipped| &equipped.registered);
        let registered = registered.ok_or(Refusal::AuthorityUnavailable)?;
        let run = registered.run.as_ref().ok_or_else(own_tool)?;
        let secret = self.secret_of(draft, registered).await?;
        let empty = Map::new();
        let arguments = draft.shown.as_object().unwrap_or(&empty);
        let (tenant, secret_of) = (draft.owner().tenant, secret.as_ref());
        let work = match run {
            Run::Http { .. } => http::request(run, arguments, secret_of, &self.tool_hosts)?
                .map(|request| Work::Request(Box::new(request))),
            Run::Sql { max_rows, .. } => self
                .statement(tenant, registered, *max_rows, arguments, secret_of)?
                .map(Work::Statement),
        };
        let work = match work {
            Ok(work) => work,
            Err(violation) => return Ok(Err(violation)),
        };
        let peer = (tenant, work.peer().to_owned());
        let permit = self.tool_breakers.admit(peer, self.environment.boot());
        let permit = permit.map_err(|wait| Refusal::ToolUnavailable {
            reopens_at: self.environment.now().plus(wait),
        })?;
        Ok(Ok(Ready {
            work,
            secret,
            permit,
            patience: patience(run),
        }))
    }

    async fn secret_of(
        &self,
        draft: &ToolDraft,
        registered: &RegisteredTool,
    ) -> Result<Option<Secret>, Refusal> {
        let Some(version) = registered.secret_version else {
            return Ok(None);
        };
        let key = (draft.owner().tenant, registered.id, version);
        let found = self.tool_secrets.get(&key, self.environment.boot()).await;
        match found {
            // A secret goes only where the tool of the same version sends it.
            Ok(found) if found.version == version => Ok(Some(found.secret)),
            Ok(_) | Err(_) => Err(Refusal::AuthorityUnavailable),
        }
    }

    /// Runs it, until it ends or nobody waits for it any more.
    pub(super) async fn run_tool(&self, draft: &ToolDraft, ready: Ready, gone: &mut Gone) -> Ran {
        let mut share = self.room.share();
        let bounds = Bounds {
            patience: ready.patience,
            answer_bytes: self.config.tool_answer_bytes,
            share: &mut share,
        };
        let Ready {
            work,
            secret,
            permit,
            ..
        } = ready;
        let working = async {
            match work {
                Work::Request(request) => request.send(secret.as_ref(), bounds).await,
                Work::Statement(statement) => sql::run(statement, secret.as_ref(), bounds).await,
            }
        };
        tokio::select! {
            (ran, outcome) = working => {
                permit.report(outcome, self.environment.boot());
                ran
            }
            _ = gone => Ran::cancelled(),
            _ = draft.bearer().lifeline.cut() => Ran::cancelled(),
        }
    }
}

/// A tool that only its agent can run.
pub(super) fn own_tool() -> Refusal {
    Refusal::InvalidField {
        field: "tool".to_owned(),
        problem: "is not run by the server; ask `/api/v1/tools/authorize` and run it yourself"
            .to_owned(),
    }
}

/// A tool that cannot be run as it stands.
fn unusable(problem: &str) -> Refusal {
    Refusal::InvalidField {
        field: "tool".to_owned(),
        problem: problem.to_owned(),
    }
}

fn patience(run: &Run) -> Duration {
    let (Run::Http {
        timeout_seconds, ..
    }
    | Run::Sql {
        timeout_seconds, ..
    }) = run;
    timeout_seconds.map_or(USUAL_PATIENCE, |seconds| {
        Duration::from_secs(seconds.into())
    })
}
