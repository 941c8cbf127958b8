//! What can go wrong in the ledger.

use iron_primitives::{
    AgentId, BudgetRequestId, BudgetShortfall, ErrorKind, LeaseId, Money, PoolId, Refusal, Unit,
};

use crate::{PathState, RequestStatus};

/// Why a question to the ledger has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
    /// The change could not be written to the audit log.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
    /// The scope has no budget in this tenant.
    #[error("no such budget")]
    NotFound,
    /// The instance has never enrolled, or its row was lost.
    #[error("the instance is not enrolled")]
    NotEnrolled,
    /// A newer process of the instance has enrolled.
    #[error("a newer incarnation of the instance has enrolled")]
    Superseded,
    /// A limit outside of what the API allows.
    #[error("a budget must be between 0.01 and 999999.99 dollars")]
    LimitOutOfRange,
    /// A quota outside of what can be counted.
    #[error("{}", quota_range(*unit))]
    QuotaOutOfRange {
        /// What the quota counts.
        unit: Unit,
    },
    /// The tenant has no such lease.
    #[error("there is no lease `{id}`")]
    NoLease {
        /// The lease asked for.
        id: LeaseId,
    },
    /// The owner of the lease may still spend from it.
    #[error("the lease is active; revoke it first")]
    LeaseOpen,
    /// The account of the lease is closed.
    #[error("the lease is closed")]
    LeaseClosed,
    /// The path lease can no longer be spent from.
    #[error("the lease is {}; shake hands again", state.as_str())]
    PathEnded {
        /// Where it stands.
        state: PathState,
    },
    /// The pass was used, or its time is over.
    #[error("the pass was used already, or its time is over; ask for another one")]
    PassSpent,
    /// A runtime calls itself as only leases of our own are called.
    #[error("`ironcage/batch:…` is no name for a runtime; choose another `runtime_id`")]
    NameReserved,
    /// A budget on the path has no room.
    #[error("{}", Refusal::Budget(_0.clone()))]
    Short(Box<BudgetShortfall>),
    /// The ledger was restored, and its instances have not spoken yet.
    #[error("the ledger was restored and grants nothing yet; try again")]
    Recovering,
    /// Less than the owner of a lease has reported.
    #[error("less than what was reported as spent; spent money does not come back")]
    BelowReported,
    /// The tenant has no such budget request.
    #[error("there is no budget request `{id}`")]
    NoRequest {
        /// The request asked for.
        id: BudgetRequestId,
    },
    /// The budget request is somebody else's.
    #[error("you may not do this to the budget request `{id}`")]
    RequestOutOfReach {
        /// The request asked for.
        id: BudgetRequestId,
    },
    /// The budget request has reached its end.
    #[error("the budget request is {} already", status.as_str())]
    RequestDecided {
        /// What has become of it.
        status: RequestStatus,
    },
    /// What is asked for or given is not more than what the agent has.
    #[error("{}", not_above(*now))]
    NotAboveBudget {
        /// The field with the amount.
        field: &'static str,
        /// The limit now; none if there is no limit.
        now: Option<Money>,
    },
    /// The tenant has no such pool.
    #[error("there is no pool `{id}`")]
    NoPool {
        /// The pool asked for.
        id: PoolId,
    },
    /// Another pool of the tenant has the name.
    #[error("another pool has this name; choose another one")]
    PoolNameTaken,
    /// A setting of a pool that is not allowed.
    #[error("`{field}`: {problem}")]
    PoolInvalid {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The agent shares a pool already.
    #[error("the agent `{agent}` is a member of a pool already; take it out of that one first")]
    AgentInPool {
        /// The agent.
        agent: AgentId,
    },
    /// The pool has members, whom its end would let spend without it.
    #[error("the pool has {members} members; take them out of it first")]
    PoolInUse {
        /// How many.
        members: usize,
    },
    /// A transfer that means nothing.
    #[error("`{field}`: {problem}")]
    NothingToTransfer {
        /// Which field says so.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A transfer of more than the giver can spare.
    #[error(
        "only {available} dollars can be given away; the rest is spent, held by instances, or the \
         least budget there is"
    )]
    InsufficientFunds {
        /// What could be given.
        available: Money,
    },
    /// A counter would leave the range of 64 bits.
    #[error("an amount beyond what can be counted")]
    OutOfRange,
    /// A stored value does not have the shape it was written in.
    #[error("a stored row of the ledger cannot be read")]
    Unreadable,
}

fn not_above(now: Option<Money>) -> String {
    match now {
        Some(now) => format!("must be more than the budget now, {now}"),
        None => "the agent has no limit that could be raised".to_owned(),
    }
}

impl Error {
    /// What a write of a pool failed with.
    pub(crate) fn of_pool(error: iron_store::Error) -> Self {
        if error.is_unique("budget_pools", "name") {
            Error::PoolNameTaken
        } else {
            error.into()
        }
    }

    /// What a write of a member failed with.
    pub(crate) fn of_member(error: iron_store::Error, agent: AgentId) -> Self {
        if error.is_unique("budget_pool_members", "agent_id") {
            Error::AgentInPool { agent }
        } else {
            error.into()
        }
    }

    /// The wire code and status.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Error::Recovering
            | Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_)) => {
                ErrorKind::ServiceUnavailable
            }
            Error::NotFound
            | Error::NoLease { .. }
            | Error::NoRequest { .. }
            | Error::NoPool { .. } => ErrorKind::ResourceNotFound,
            Error::PoolNameTaken => ErrorKind::DuplicateName,
            Error::PoolInvalid { .. } | Error::NothingToTransfer { .. } => ErrorKind::Validation,
            Error::InsufficientFunds { .. } => ErrorKind::InsufficientFunds,
            Error::AgentInPool { .. } | Error::PoolInUse { .. } => ErrorKind::ResourceInUse,
            Error::RequestOutOfReach { .. } => ErrorKind::InsufficientPermissions,
            Error::LimitOutOfRange
            | Error::QuotaOutOfRange { .. }
            | Error::BelowReported
            | Error::NotAboveBudget { .. } => ErrorKind::Validation,
            Error::Superseded | Error::LeaseOpen | Error::RequestDecided { .. } => {
                ErrorKind::InvalidState
            }
            Error::LeaseClosed | Error::PathEnded { .. } => ErrorKind::LeaseNotActive,
            Error::PassSpent => ErrorKind::TokenExpired,
            Error::NameReserved => ErrorKind::Validation,
            Error::Short(_) => ErrorKind::BudgetExceeded,
            _ => ErrorKind::Internal,
        }
    }
}

const fn quota_range(unit: Unit) -> &'static str {
    match unit {
        Unit::Usd => "a budget must be between 0.01 and 999999.99 dollars",
        Unit::Tokens => "a token quota must be between 1 and 1000000000000000 tokens",
        Unit::ExecutionTime => "an execution quota must be between 1 and 31622400 seconds",
    }
}
