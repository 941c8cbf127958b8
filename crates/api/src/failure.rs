//! From a feature's error to the wire: the code from its kind, the facts a client can act on.

use axum::response::{IntoResponse, Response};
use iron_net::problem::Problem;
use iron_net::rate::Standing;
use iron_primitives::{ErrorKind, Unit};

/// What a handler fails with.
#[derive(Debug)]
pub(crate) struct Failure(Problem);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Failure(problem)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

/// An error as the client sees it: its own words, unless they are ours alone to read.
fn plain(kind: ErrorKind, error: impl std::error::Error + Send + Sync + 'static) -> Problem {
    match kind {
        ErrorKind::Internal => Problem::internal(error),
        ErrorKind::ServiceUnavailable => Problem::unavailable(error),
        _ => Problem::new(kind, error.to_string()),
    }
}

impl From<iron_store::Error> for Failure {
    fn from(error: iron_store::Error) -> Self {
        use iron_store::Error::{Conflict, Unavailable};
        Failure(match error {
            Unavailable(_) | Conflict(_) => Problem::unavailable(error),
            _ => Problem::internal(error),
        })
    }
}

impl From<iron_vault::Error> for Failure {
    fn from(error: iron_vault::Error) -> Self {
        match error {
            iron_vault::Error::Store(error) => error.into(),
            other => Failure(Problem::internal(other)),
        }
    }
}

impl From<iron_identity::Error> for Failure {
    fn from(error: iron_identity::Error) -> Self {
        use iron_identity::Error;
        let kind = error.kind();
        Failure(match error {
            Error::NotFound { resource, id } => Problem::not_found(resource, id),
            Error::Invalid { field, problem } => Problem::field(field, problem),
            Error::TokenAlreadyExists { token } => {
                plain(kind, error).detail("token_id", token.to_string())
            }
            Error::InvalidState { status } => plain(kind, error).detail("status", status.as_str()),
            Error::QuotaExceeded { quota, limit, used } => plain(kind, error)
                .detail("quota", quota.as_str())
                .detail("limit", limit)
                .detail("used", used),
            Error::TenantActive => plain(kind, error).detail("status", "active"),
            Error::InvalidTokenState { status } => plain(kind, error).detail("status", status),
            Error::AccountLocked { until } => plain(kind, error).detail("until", until.to_string()),
            Error::TooManyFailures { until, wait, limit } => {
                let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
                plain(kind, error)
                    .detail("retry_after_seconds", seconds.max(1))
                    .retry_after(seconds)
                    .standing(Standing {
                        limit,
                        remaining: 0,
                        resets_at: until,
                    })
            }
            other => plain(kind, other),
        })
    }
}

impl From<iron_fleet::Error> for Failure {
    fn from(error: iron_fleet::Error) -> Self {
        use iron_fleet::Error;
        let kind = error.kind();
        Failure(match error {
            Error::NotFound { id } => Problem::not_found("agent", id),
            Error::NoRuntime { id } => Problem::not_found("runtime", id),
            Error::NotAssigned { provider } => Problem::not_found("assigned provider", provider),
            Error::Invalid { field, problem } => Problem::field(field, problem),
            Error::InvalidState { state } => plain(kind, error).detail("status", state.as_str()),
            other => plain(kind, other),
        })
    }
}

impl From<iron_catalog::Error> for Failure {
    fn from(error: iron_catalog::Error) -> Self {
        use iron_catalog::Error;
        let kind = error.kind();
        if let Some(path) = error.field() {
            let text = error.to_string();
            let marked = format!("`{path}`: ");
            let problem = text.strip_prefix(&marked).unwrap_or(&text).to_owned();
            return Failure(Problem::field(path, problem));
        }
        Failure(match error {
            Error::NotFound { id } => Problem::not_found("provider", id),
            Error::NoPrice { model } => Problem::not_found("model", model),
            other => plain(kind, other),
        })
    }
}

impl From<iron_budget::Error> for Failure {
    fn from(error: iron_budget::Error) -> Self {
        use iron_budget::Error;
        let kind = error.kind();
        Failure(match error {
            Error::QuotaOutOfRange { unit } => {
                let field = match unit {
                    Unit::Usd => "budget",
                    Unit::Tokens => "tokens_per_day",
                    Unit::ExecutionTime => "execution_seconds_per_day",
                };
                Problem::field(field, error.to_string())
            }
            Error::LimitOutOfRange => Problem::field("budget", error.to_string()),
            Error::BelowReported => Problem::field("final_spent", error.to_string()),
            Error::NotAboveBudget { field, .. } => Problem::field(field, error.to_string()),
            Error::NoLease { id } => Problem::not_found("lease", id),
            Error::NoPool { id } => Problem::not_found("pool", id),
            Error::PoolInvalid { field, problem } | Error::NothingToTransfer { field, problem } => {
                Problem::field(field, problem)
            }
            Error::InsufficientFunds { available } => {
                plain(kind, error).detail("available", available.to_string())
            }
            Error::AgentInPool { agent } => {
                plain(kind, error).detail("agent_id", agent.to_string())
            }
            Error::NoRequest { id } => Problem::not_found("budget_request", id),
            Error::RequestDecided { status } => {
                plain(kind, error).detail("status", status.as_str())
            }
            Error::PathEnded { state } => plain(kind, error).detail("status", state.as_str()),
            Error::Recovering => plain(kind, error).retry_after(1),
            Error::LeaseOpen => plain(kind, error).detail("status", "active"),
            Error::LeaseClosed => plain(kind, error).detail("status", "closed"),
            other => plain(kind, other),
        })
    }
}

impl From<iron_insight::Error> for Failure {
    fn from(error: iron_insight::Error) -> Self {
        use iron_insight::Error;
        let kind = error.kind();
        match error {
            Error::Audit(error) => error.into(),
            Error::NotFound { id } => Failure(Problem::not_found("reconciliation", id)),
            other => Failure(plain(kind, other)),
        }
    }
}

impl From<iron_rules::Error> for Failure {
    fn from(error: iron_rules::Error) -> Self {
        use iron_rules::Error;
        let kind = error.kind();
        match error {
            Error::Store(error) => error.into(),
            Error::Audit(error) => error.into(),
            Error::NotFound { id } => Failure(Problem::not_found("guardrail_profile", id)),
            Error::NoVersion { version, .. } => {
                Failure(Problem::not_found("guardrail_profile_version", version))
            }
            Error::NoTool { id } => Failure(Problem::not_found("tool", id)),
            Error::NoPolicy { id } => Failure(Problem::not_found("policy", id)),
            Error::NoPolicyVersion { version, .. } => {
                Failure(Problem::not_found("policy_version", version))
            }
            Error::NoBuiltIn { name } => Failure(Problem::not_found("built_in_policy", name)),
            Error::Field { field, problem } => Failure(Problem::field(field, problem)),
            other => Failure(plain(kind, other)),
        }
    }
}

impl From<iron_approvals::Error> for Failure {
    fn from(error: iron_approvals::Error) -> Self {
        use iron_approvals::Error;
        let kind = error.kind();
        match error {
            Error::Store(error) => error.into(),
            Error::Audit(error) => error.into(),
            Error::NoChannel { id } => Failure(Problem::not_found("notification_channel", id)),
            Error::NoDelivery { id } => Failure(Problem::not_found("notification_delivery", id)),
            Error::Invalid { field, problem } => Failure(Problem::field(field, problem)),
            Error::Url(problem) => Failure(Problem::field("url", problem.to_string())),
            Error::NoAccessRequest { id } => Failure(Problem::not_found("access_request", id)),
            Error::AccessDecided { status } => {
                Failure(plain(kind, error).detail("status", status.as_str()))
            }
            Error::RenewableFrom { at } => {
                Failure(plain(kind, error).detail("renewable_from", at.to_string()))
            }
            Error::NotDead { status } => {
                Failure(plain(kind, error).detail("status", status.as_str()))
            }
            other => Failure(plain(kind, other)),
        }
    }
}

impl From<iron_audit::Error> for Failure {
    fn from(error: iron_audit::Error) -> Self {
        Failure(plain(error.kind(), error))
    }
}
