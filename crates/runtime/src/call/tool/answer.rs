//! What a caller is told about a call of a tool.

use iron_net::rate::Standing;
use iron_policy::parameters::Violation;
use iron_policy::{Approval as Terms, Decision};
use iron_primitives::{ApprovalId, Timestamp};

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolAnswer {
    /// What was decided.
    pub verdict: ToolVerdict,
    /// Why, in words, without anything that the arguments say.
    pub reason: String,
    /// The rules that made it.
    pub rules: Vec<String>,
    /// How the nearest rate limit of the tool stands, if it has any.
    pub rate: Option<Standing>,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolVerdict {
    /// The call may be made.
    Allow {
        /// The id of the decision, by which its result is brought.
        decision: String,
        /// Until when that is taken.
        expires_at: Timestamp,
        /// What the tool may be given instead, if guardrails have changed it: JSON.
        arguments: Option<String>,
    },
    /// The call may not be made.
    Deny {
        /// Why not.
        code: Denial,
        /// What is wrong with the arguments.
        violations: Vec<Violation>,
    },
    /// The call may be made once somebody has agreed.
    ApprovalRequired {
        /// The approval that is asked for.
        approval: ApprovalId,
        /// When it ends if nobody decides.
        expires_at: Timestamp,
    },
}

/// Why a call may not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// No policy allows it, or one denies it.
    Policy,
    /// No tool of this name is registered for the agent.
    UnknownTool,
    /// Something is wrong with the arguments.
    Parameter,
    /// Somebody has said no.
    ApprovalDenied,
    /// Nobody has decided in time, or the approval was used already.
    ApprovalExpired,
}

impl Denial {
    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Denial::Policy => "POLICY_DENIED",
            Denial::UnknownTool => "TOOL_UNKNOWN",
            Denial::Parameter => "PARAMETER_INVALID",
            Denial::ApprovalDenied => "APPROVAL_DENIED",
            Denial::ApprovalExpired => "APPROVAL_EXPIRED",
        }
    }
}

impl ToolVerdict {
    /// The word on the wire.
    pub const fn word(&self) -> &'static str {
        match self {
            ToolVerdict::Allow { .. } => "allow",
            ToolVerdict::Deny { .. } => "deny",
            ToolVerdict::ApprovalRequired { .. } => "approval_required",
        }
    }
}

impl ToolAnswer {
    pub(super) fn deny(code: Denial, reason: &str) -> Self {
        ToolAnswer {
            verdict: ToolVerdict::Deny {
                code,
                violations: Vec::new(),
            },
            reason: reason.to_owned(),
            rules: Vec::new(),
            rate: None,
        }
    }

    pub(super) fn violates(violations: Vec<Violation>) -> Self {
        let first = violations.first().map(ToString::to_string);
        ToolAnswer {
            verdict: ToolVerdict::Deny {
                code: Denial::Parameter,
                violations,
            },
            reason: first.unwrap_or_else(|| "the arguments cannot be used".to_owned()),
            rules: Vec::new(),
            rate: None,
        }
    }

    pub(super) fn by_policy(decision: Decision) -> Self {
        ToolAnswer {
            rules: decision.rules,
            ..ToolAnswer::deny(Denial::Policy, &decision.reason)
        }
    }
}

/// What policies and people have made of a call.
pub(super) enum Judged {
    /// It may be made, as far as they are concerned.
    Allowed(Allowed),
    /// It may not, or not yet.
    Answered(ToolAnswer),
}

/// A call that policies, and people where they had to be asked, allow.
pub(super) struct Allowed {
    pub(super) reason: String,
    pub(super) rules: Vec<String>,
    pub(super) rate: Option<Standing>,
    /// What the tool may be given instead.
    pub(super) arguments: Option<String>,
}

impl Allowed {
    pub(super) fn by(decision: Decision, arguments: Option<String>) -> Self {
        Allowed {
            reason: decision.reason,
            rules: decision.rules,
            rate: None,
            arguments,
        }
    }

    /// The same once people have agreed.
    pub(super) fn agreed(mut self) -> Self {
        self.reason = format!("somebody has agreed; {}", self.reason);
        self
    }

    pub(super) fn allowing(self, (decision, expires_at): (String, Timestamp)) -> ToolAnswer {
        ToolAnswer {
            verdict: ToolVerdict::Allow {
                decision,
                expires_at,
                arguments: self.arguments,
            },
            reason: self.reason,
            rules: self.rules,
            rate: self.rate,
        }
    }
}

/// What policies say to a call.
pub(super) enum Ruled {
    /// Yes.
    Allow(Allowed),
    /// Somebody has to agree.
    Ask(Allowed, Terms),
    /// No.
    Deny(ToolAnswer),
}
