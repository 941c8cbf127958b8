//! Why the governed path said no: a closed vocabulary with the facts a caller can act on.

use std::fmt;

use serde::Serialize;

use crate::{ErrorKind, Money, PoolCap, PoolPart, Scope, Timestamp, Unit};

/// What the tightest budget on the path looked like when it refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetShortfall {
    /// Whose budget it is.
    pub scope: Scope,
    /// Which part of which pool it is, if it is a pool's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolPart>,
    /// What it counts.
    pub unit: Unit,
    /// The limit in force, in nano-dollars (or tokens, or milliseconds).
    pub limit: i64,
    /// Settled so far in this period.
    pub spent: i64,
    /// Held by calls that are under way, or leased to other instances.
    pub reserved: i64,
    /// What a vanished instance may have spent.
    pub suspense: i64,
    /// What the call would have held at the least.
    pub needed: i64,
    /// When the budget begins anew, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<Timestamp>,
}

/// A count of calls or tokens that is used up until it begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RateShortfall {
    /// Whose limit it is.
    pub scope: Scope,
    /// Which one: `requests_per_minute`, `tokens_per_minute`, `calls_per_day`.
    pub limit: &'static str,
    /// How much it admits.
    pub most: u32,
    /// When it admits something again.
    pub resets_at: Timestamp,
}

/// Why a guardrail did not let a text pass: never the text itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockedContent {
    /// `input` or `output`.
    pub direction: &'static str,
    /// Where the text came from: `user`, `tool_result`, `output`, …
    pub channel: &'static str,
    /// What was found: an entity of the guardrails, `max_input_chars`, or `unread`.
    pub check: &'static str,
    /// The rule that found it.
    pub rule: String,
    /// In which line of a batch, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// Why a call of a tool that a model proposes does not reach its caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedTool {
    /// Why: `POLICY_DENIED`, `TOOL_UNKNOWN` or `PARAMETER_INVALID`.
    pub code: &'static str,
    /// The rules that it breaks.
    pub rules: Vec<String>,
    /// What the model calls the tool.
    pub tool: String,
}

impl fmt::Display for RefusedTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, rules, tool } = self;
        write!(
            f,
            "the model proposes a call of the tool `{tool}` that may not be made ({code}"
        )?;
        match rules.as_slice() {
            [] => f.write_str(")"),
            rules => write!(f, ": {})", rules.join(", ")),
        }
    }
}

impl fmt::Display for BlockedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            direction,
            channel,
            check,
            rule,
            line,
        } = self;
        if let Some(line) = line {
            write!(f, "line {line}: ")?;
        }
        match *check {
            "max_input_chars" => write!(
                f,
                "a text of the user is longer than the guardrail profile allows ({rule}); send \
                 less, or as a document"
            ),
            "unread" => write!(
                f,
                "the guardrail profile lets nothing pass that cannot be read ({rule})"
            ),
            _ => write!(
                f,
                "a guardrail blocked the {direction}: {check} in {channel} (rule `{rule}`)"
            ),
        }
    }
}

/// A refusal of the governed path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Refusal {
    /// No credential was sent.
    CredentialMissing,
    /// The token is not one of ours.
    TokenUnknown,
    /// The token has expired.
    TokenExpired,
    /// The token was revoked.
    TokenRevoked,
    /// A user's token on an agent's route.
    WrongTokenType,
    /// The agent is paused, stopped, exhausted or switched off.
    AgentNotRunning {
        /// Its state now.
        state: &'static str,
    },
    /// The tenant is suspended.
    TenantSuspended,
    /// The server is shutting down.
    Draining,
    /// As many calls are under way as this instance takes on.
    Overloaded {
        /// How many calls may be under way.
        limit: u64,
    },
    /// The bodies of other requests take all the room that there is for them.
    NoRoom {
        /// How many bytes may be under way at once.
        limit_bytes: u64,
    },
    /// The request is not well-formed.
    Malformed {
        /// Where and why.
        detail: String,
    },
    /// A field of the request has a value that cannot be accepted.
    InvalidField {
        /// The field's path.
        field: String,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The body is larger than the route accepts.
    TooLarge {
        /// The most that is accepted.
        limit_bytes: u64,
    },
    /// The agent's settings do not list the model.
    ModelNotAllowed {
        /// The model asked for.
        model: String,
    },
    /// A provider would keep what is sent, which the privacy level of the team forbids.
    StoringForbidden {
        /// The field that says what is to be kept.
        field: &'static str,
    },
    /// A guardrail of the organisation does not let a text pass.
    ContentBlocked(Box<BlockedContent>),
    /// The model proposes a call of a tool that the agent may not make, and the guardrail profile
    /// lets no such answer pass.
    ToolRefused(Box<RefusedTool>),
    /// The calls of a team come faster than its policy allows.
    RateLimited(Box<RateShortfall>),
    /// The tenant has made all calls of the day that its plan allows.
    QuotaSpent(Box<RateShortfall>),
    /// No provider is assigned that serves the model.
    NoProvider {
        /// The model asked for.
        model: String,
    },
    /// The cost of the call cannot be bounded, so strict mode does not send it.
    Unbounded {
        /// What has no bound.
        what: String,
    },
    /// The request uses something that the provider's dialect cannot express.
    Untranslatable {
        /// The feature, by its field name.
        feature: String,
        /// From which dialect to which.
        direction: String,
    },
    /// The stored object does not exist, or is another agent's.
    NotFound {
        /// What was asked for.
        resource: &'static str,
    },
    /// A budget on the path has no room.
    Budget(Box<BudgetShortfall>),
    /// No budget could be asked: the authority does not answer.
    AuthorityUnavailable,
    /// The journal cannot take records, so nothing may be sent.
    JournalUnavailable,
    /// The provider could not be reached, or ended without an answer.
    ProviderUnavailable {
        /// What happened, without secrets or addresses.
        detail: String,
    },
    /// Every provider that serves the model has failed for a while and is left alone.
    CircuitOpen {
        /// The model asked for.
        model: String,
        /// When the first of them is tried again.
        reopens_at: Timestamp,
    },
    /// The host of a tool has not answered for a while and is left alone.
    ToolUnavailable {
        /// When it is tried again.
        reopens_at: Timestamp,
    },
}

impl Refusal {
    /// The wire code and status.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Refusal::CredentialMissing => ErrorKind::Unauthorized,
            Refusal::TokenUnknown => ErrorKind::InvalidToken,
            Refusal::TokenExpired => ErrorKind::TokenExpired,
            Refusal::TokenRevoked => ErrorKind::TokenRevoked,
            Refusal::WrongTokenType => ErrorKind::WrongTokenType,
            Refusal::AgentNotRunning { .. } => ErrorKind::InvalidState,
            Refusal::TenantSuspended => ErrorKind::TenantSuspended,
            Refusal::Malformed { .. } => ErrorKind::MalformedRequest,
            Refusal::InvalidField { .. } | Refusal::Untranslatable { .. } => ErrorKind::Validation,
            Refusal::Unbounded { .. } => ErrorKind::Validation,
            Refusal::TooLarge { .. } => ErrorKind::PayloadTooLarge,
            Refusal::ModelNotAllowed { .. }
            | Refusal::StoringForbidden { .. }
            | Refusal::ToolRefused(_) => ErrorKind::ActionDenied,
            Refusal::ContentBlocked(_) => ErrorKind::ContentBlocked,
            Refusal::RateLimited(_) => ErrorKind::RateLimitExceeded,
            Refusal::QuotaSpent(_) => ErrorKind::QuotaExceeded,
            Refusal::NoProvider { .. } => ErrorKind::NoProviderAssigned,
            Refusal::NotFound { .. } => ErrorKind::ResourceNotFound,
            Refusal::Budget(_) => ErrorKind::BudgetExceeded,
            Refusal::Draining
            | Refusal::Overloaded { .. }
            | Refusal::NoRoom { .. }
            | Refusal::AuthorityUnavailable
            | Refusal::JournalUnavailable => ErrorKind::ServiceUnavailable,
            Refusal::ProviderUnavailable { .. } => ErrorKind::ProviderUnavailable,
            Refusal::CircuitOpen { .. } | Refusal::ToolUnavailable { .. } => ErrorKind::CircuitOpen,
        }
    }

    /// Whether the same request may succeed after waiting, without anyone changing anything.
    pub fn cured_by_waiting(&self) -> bool {
        match self {
            Refusal::Draining
            | Refusal::Overloaded { .. }
            | Refusal::NoRoom { .. }
            | Refusal::AuthorityUnavailable
            | Refusal::JournalUnavailable
            | Refusal::RateLimited(_)
            | Refusal::ProviderUnavailable { .. }
            | Refusal::CircuitOpen { .. }
            | Refusal::ToolUnavailable { .. } => true,
            // Holds of calls under way come back; settled money does not.
            Refusal::Budget(shortfall) => {
                shortfall.spent.saturating_add(shortfall.needed) <= shortfall.limit
            }
            _ => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::CredentialMissing => {
                f.write_str("no credential; send the agent's token as `Authorization: Bearer ic_…`")
            }
            Refusal::TokenUnknown => f.write_str("the token is not valid"),
            Refusal::TokenExpired => f.write_str("the token has expired; ask for a new one"),
            Refusal::TokenRevoked => f.write_str("the token was revoked; ask for a new one"),
            Refusal::WrongTokenType => {
                f.write_str("this route takes an agent's token (`ic_…`), not a user's")
            }
            Refusal::AgentNotRunning { state } => write!(f, "the agent is {state}"),
            Refusal::TenantSuspended => f.write_str("the tenant is suspended"),
            Refusal::Draining => f.write_str("the server is shutting down; try again"),
            Refusal::Overloaded { limit } => {
                write!(f, "{limit} calls are under way already; try again")
            }
            Refusal::NoRoom { limit_bytes } => {
                write!(
                    f,
                    "other requests fill the {limit_bytes} bytes that bodies may take; try again"
                )
            }
            Refusal::Malformed { detail } => write!(f, "the request is malformed: {detail}"),
            Refusal::InvalidField { field, problem } => write!(f, "`{field}`: {problem}"),
            Refusal::TooLarge { limit_bytes } => {
                write!(f, "the body is larger than {limit_bytes} bytes")
            }
            Refusal::ModelNotAllowed { model } => {
                write!(f, "the agent is not allowed to use the model `{model}`")
            }
            Refusal::StoringForbidden { field } => write!(
                f,
                "the privacy level of the agent's team lets providers store nothing; send \
                 `{field}` as `false`"
            ),
            Refusal::ContentBlocked(blocked) => blocked.fmt(f),
            Refusal::ToolRefused(refused) => refused.fmt(f),
            Refusal::QuotaSpent(shortfall) => write!(
                f,
                "the plan of {} `{}` allows {} {}, and all are made; they begin anew at {}, or \
                 ask for a larger plan",
                shortfall.scope.kind().as_str(),
                shortfall.scope,
                shortfall.most,
                shortfall.limit.replace('_', " "),
                shortfall.resets_at,
            ),
            Refusal::RateLimited(shortfall) => write!(
                f,
                "{} `{}` has reached its limit of {} {}; try again at {}",
                shortfall.scope.kind().as_str(),
                shortfall.scope,
                shortfall.most,
                shortfall.limit.replace('_', " "),
                shortfall.resets_at,
            ),
            Refusal::NoProvider { model } => {
                write!(
                    f,
                    "no provider assigned to the agent serves the model `{model}`"
                )
            }
            Refusal::Unbounded { what } => {
                write!(
                    f,
                    "the cost of {what} has no upper bound, so the call was not sent"
                )
            }
            Refusal::Untranslatable { feature, direction } => {
                write!(f, "`{feature}` cannot be translated ({direction})")
            }
            Refusal::NotFound { resource } => write!(f, "no such {resource}"),
            Refusal::Budget(shortfall) => write_shortfall(shortfall, f),
            Refusal::AuthorityUnavailable => {
                f.write_str("the control plane does not answer; try again")
            }
            Refusal::JournalUnavailable => {
                f.write_str("records cannot be written, so nothing is sent; see the server's log")
            }
            Refusal::ProviderUnavailable { detail } => {
                write!(f, "the provider is unavailable: {detail}")
            }
            Refusal::CircuitOpen { model, reopens_at } => write!(
                f,
                "no provider of `{model}` answers, so nothing was sent; they are tried again at \
                 {reopens_at}"
            ),
            Refusal::ToolUnavailable { reopens_at } => write!(
                f,
                "the server of the tool does not answer, so nothing was sent; it is tried again \
                 at {reopens_at}"
            ),
        }
    }
}

fn write_shortfall(shortfall: &BudgetShortfall, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let show = |amount: i64| match shortfall.unit {
        Unit::Usd => format!("${}", Money::from_nanos(amount)),
        Unit::Tokens => format!("{amount} tokens"),
        Unit::ExecutionTime => format!("{amount} ms"),
    };
    f.write_str("the budget of ")?;
    match shortfall.pool {
        None => write!(
            f,
            "{} `{}`",
            shortfall.scope.kind().as_str(),
            shortfall.scope
        )?,
        Some(part) => write!(f, "pool `{}`{}", part.pool, within_pool(part.cap))?,
    }
    write!(
        f,
        " has no room: limit {}, spent {}, reserved {}",
        show(shortfall.limit),
        show(shortfall.spent),
        show(shortfall.reserved),
    )?;
    if shortfall.suspense > 0 {
        write!(f, ", in suspense {}", show(shortfall.suspense))?;
    }
    write!(f, "; the call needs at least {}", show(shortfall.needed))?;
    match shortfall.pool.map(|part| part.cap) {
        None => Ok(()),
        Some(PoolCap::Whole) => f.write_str("; ask for a larger pool"),
        Some(PoolCap::Share) => f.write_str("; ask for a larger share of the pool"),
        Some(PoolCap::Low | PoolCap::Normal | PoolCap::High) => {
            f.write_str("; ask for a higher priority of the agent, or for a larger pool")
        }
    }
}

const fn within_pool(cap: PoolCap) -> &'static str {
    match cap {
        PoolCap::Whole => "",
        PoolCap::Share => " (share of the agent)",
        PoolCap::Low => " (priority low)",
        PoolCap::Normal => " (priorities low and normal)",
        PoolCap::High => " (priorities low to high)",
    }
}
