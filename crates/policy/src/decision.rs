//! What a set of rules says to a call.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use crate::{Approval, Effect};

/// What a set of rules says to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the call may be made.
    pub effect: Effect,
    /// The names of the rules that made it, in the order of the alphabet: all that deny, or all that
    /// ask, or all that allow.
    pub rules: Vec<String>,
    /// Who is asked, if somebody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// What is decided, in words, without anything that the arguments say.
    pub reason: String,
    /// Which of the things that the call names made it. It is what an argument says, and not for
    /// logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Whether no rule made it, but what holds without rules.
    pub default: bool,
}

impl Decision {
    /// A denial that no rule made.
    pub(crate) fn refusal(reason: &str, resource: Option<String>) -> Self {
        Self {
            effect: Effect::Deny,
            rules: Vec::new(),
            approval: None,
            reason: reason.to_owned(),
            resource,
            default: true,
        }
    }
}

/// A rule that matched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit<'a> {
    pub(crate) rule: &'a str,
    pub(crate) effect: Effect,
    pub(crate) approval: &'a Approval,
}

/// What rules say to the things that one call names, together.
#[derive(Debug, Default)]
pub(crate) struct Tally<'a> {
    strongest: Option<Effect>,
    rules: BTreeSet<&'a str>,
    approval: Option<Terms>,
    resource: Option<String>,
    /// The first thing that nothing was said to.
    unmatched: Option<Option<String>>,
}

impl<'a> Tally<'a> {
    /// Counts what was said to one thing.
    pub(crate) fn add(&mut self, hits: &[Hit<'a>], resource: impl Fn() -> Option<String>) {
        let Some(strongest) = hits.iter().map(|hit| hit.effect).max() else {
            self.unmatched.get_or_insert_with(resource);
            return;
        };
        if self.strongest < Some(strongest) {
            self.strongest = Some(strongest);
            self.resource = resource();
            self.rules.clear();
            self.approval = None;
        }
        if self.strongest > Some(strongest) {
            return;
        }
        for hit in hits.iter().filter(|hit| hit.effect == strongest) {
            self.rules.insert(hit.rule);
            if strongest == Effect::RequireApproval {
                let terms = Terms::of(hit.approval);
                let joined = self.approval.take().map(|before| before.join(&terms));
                self.approval = Some(joined.unwrap_or(terms));
            }
        }
    }

    /// The least allowed of all. What nothing was said to is denied, unless it is allowed by default.
    pub(crate) fn decide(self, allowed_by_default: bool) -> Decision {
        if let Some(resource) = self.unmatched
            && self.strongest != Some(Effect::Deny)
            && !allowed_by_default
        {
            let what = resource
                .as_ref()
                .map_or("the call", |_| "something that the call names");
            return Decision::refusal(&format!("no policy allows {what}"), resource);
        }
        let Some(effect) = self.strongest else {
            return Decision {
                effect: Effect::Allow,
                reason: "no policy denies it".to_owned(),
                ..Decision::refusal("", None)
            };
        };
        let rules: Vec<_> = self.rules.iter().map(|&rule| rule.to_owned()).collect();
        Decision {
            effect,
            reason: reason(effect, &rules),
            rules,
            approval: self.approval.map(Terms::into_approval),
            resource: self.resource,
            default: false,
        }
    }
}

fn reason(effect: Effect, rules: &[String]) -> String {
    let names = rules.iter().map(|rule| format!("`{rule}`"));
    let names = names.collect::<Vec<_>>().join(", ");
    match effect {
        Effect::Allow => format!("allowed by {names}"),
        Effect::RequireApproval => format!("somebody has to agree, says {names}"),
        Effect::Deny => format!("denied by {names}"),
    }
}

/// Terms of approval that hold together.
#[derive(Debug, Clone)]
struct Terms {
    approvers: HashSet<String>,
    quorum: u32,
    timeout_seconds: Option<u32>,
    forbid_own: bool,
}

impl Terms {
    fn of(approval: &Approval) -> Self {
        Self {
            approvers: approval
                .approvers
                .iter()
                .map(|one| one.to_lowercase())
                .collect(),
            quorum: approval.quorum.max(1),
            timeout_seconds: approval.timeout_seconds,
            forbid_own: approval.forbid_own,
        }
    }

    /// The stricter of each: whoever decides must be named by both, and without a name in common
    /// only admins may.
    fn join(&self, other: &Self) -> Self {
        let shortest = self
            .timeout_seconds
            .into_iter()
            .chain(other.timeout_seconds)
            .min();
        Self {
            approvers: &self.approvers & &other.approvers,
            quorum: self.quorum.max(other.quorum),
            timeout_seconds: shortest,
            forbid_own: self.forbid_own || other.forbid_own,
        }
    }

    fn into_approval(self) -> Approval {
        let mut approvers: Vec<_> = self.approvers.into_iter().collect();
        approvers.sort_unstable();
        Approval {
            approvers,
            quorum: self.quorum,
            timeout_seconds: self.timeout_seconds,
            forbid_own: self.forbid_own,
        }
    }
}
