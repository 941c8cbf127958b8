//! Step 8 for the calls of tools that a model proposes: judged before their caller sees them.
//!
//! They are asked about as the agent would ask ([`Runtime::authorize_tool`]): the tool that is
//! registered, what its arguments may be, what policies say. But nothing is counted, held or
//! written down as a call, for none is made yet; whoever makes it asks again, and that answer counts.
//! What other instances have seen of the thread is not asked for either.
//!
//! It stands behind the guardrails: what is judged is what the caller gets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use iron_guard::{ToolCallAction, ToolCalls};
use iron_llm::Dialect;
use iron_llm::proposals::{Fate, Proposal, Sifter, proposes, sift};
use iron_llm::texts::StreamError;
use iron_policy::{Effect, Request, Subject};
use iron_primitives::{Refusal, RefusedTool, Timestamp};

use crate::Runtime;
use crate::bearer::Bearer;
use crate::record::ProposalRecord;
use crate::taints::Thread;
use crate::toolbox::Toolbox;

use super::draft::Draft;
use super::tool::Denial;

/// Which calls of a whole answer may not be made, or not yet.
const HEADER: HeaderName = HeaderName::from_static("x-ironcage-tool-calls");
/// How many calls the header names.
const MOST_TOLD: usize = 16;
/// How much of a tool's name is told that a model has made up.
const NAME_CHARS: usize = 64;

/// What stands between the calls that a model proposes and their caller.
pub(super) struct Gate {
    dialect: Dialect,
    sifter: Sifter,
    bench: Bench,
}

/// What is known when a call is judged, and what was found so far.
struct Bench {
    bearer: Arc<Bearer>,
    /// None if tools and policies cannot be used.
    toolbox: Option<Arc<Toolbox>>,
    actions: ToolCalls,
    model: Option<String>,
    end_user: Option<String>,
    tainted: bool,
    now: Timestamp,
    found: Vec<ProposalRecord>,
    refusal: Option<Refusal>,
}

/// What tools and policies say to a call.
enum Opinion {
    Allow,
    Ask(Vec<String>),
    Deny(Denial, Vec<String>),
}

impl Runtime {
    /// A gate for the answers of a call; none where nobody has said anything about tools.
    pub(super) fn gate(&self, draft: &Draft) -> Option<Gate> {
        self.gate_in(draft, draft.dialect)
    }

    /// As [`Runtime::gate`], for answers in another dialect than the call's.
    pub(super) fn gate_in(&self, draft: &Draft, dialect: Dialect) -> Option<Gate> {
        if !proposes(dialect) {
            return None;
        }
        let bearer = draft.bearer.shared();
        let actions = bearer.guard.profile().tool_calls;
        let toolbox = bearer.toolbox.clone();
        let has_tools = toolbox.as_ref().is_some_and(|toolbox| toolbox.has_tools());
        if !has_tools && !actions.acts() {
            return None;
        }
        let conversation = draft.attribution.conversation.as_deref();
        let bench = Bench {
            tainted: self.taints.has(&Thread::of(&bearer, conversation)),
            bearer,
            toolbox,
            actions,
            model: draft.model.clone(),
            end_user: draft.attribution.end_user.clone(),
            now: self.environment.now(),
            found: Vec::new(),
            refusal: None,
        };
        Some(Gate {
            dialect,
            sifter: Sifter::new(dialect, actions.acts()),
            bench,
        })
    }

    /// The calls that a whole answer proposes, before its caller gets it: in the body, and in the
    /// headers what was found.
    ///
    /// # Errors
    /// [`Refusal::ToolRefused`]; [`Refusal::ProviderUnavailable`] for what is no answer.
    pub(super) fn gated(
        &self,
        draft: &mut Draft,
        body: Bytes,
        headers: &mut HeaderMap,
    ) -> Result<Bytes, Refusal> {
        let Some(mut gate) = self.gate(draft).filter(|_| !body.is_empty()) else {
            return Ok(body);
        };
        let body = gate.whole(body);
        let found = gate.into_found();
        if let Some(value) = told(&found) {
            headers.insert(HEADER, value);
        }
        draft.noted(found);
        if body.is_err() {
            draft.refused("tools");
        }
        body
    }

    /// A stream that is there as a whole, before its caller gets it.
    ///
    /// # Errors
    /// [`Refusal::ToolRefused`]; [`Refusal::ProviderUnavailable`] for what is no stream.
    pub(super) fn gated_events(&self, draft: &mut Draft, body: Bytes) -> Result<Bytes, Refusal> {
        let Some(mut gate) = self.gate(draft) else {
            return Ok(body);
        };
        let mut out = gate.feed(body).map_err(unavailable)?.to_vec();
        out.extend_from_slice(&gate.finish());
        let refusal = gate.refusal().cloned();
        draft.noted(gate.into_found());
        match refusal {
            Some(refusal) => {
                draft.refused("tools");
                Err(refusal)
            }
            None => Ok(out.into()),
        }
    }
}

impl Draft {
    /// Takes note of calls that a model has proposed, as many as a record lists.
    pub(super) fn noted(&mut self, found: Vec<ProposalRecord>) {
        let room = ProposalRecord::LISTED.saturating_sub(self.proposals.len());
        self.proposals.extend(found.into_iter().take(room));
    }
}

fn unavailable(error: impl ToString) -> Refusal {
    Refusal::ProviderUnavailable {
        detail: error.to_string(),
    }
}

impl Gate {
    /// A whole answer as its caller gets it.
    ///
    /// # Errors
    /// [`Refusal::ToolRefused`]; [`Refusal::ProviderUnavailable`] for what is no answer.
    pub(super) fn whole(&mut self, body: Bytes) -> Result<Bytes, Refusal> {
        let bench = &mut self.bench;
        let sifted = sift(self.dialect, &body, &mut |proposal| bench.judge(proposal));
        match (sifted, &bench.refusal) {
            (_, Some(refusal)) => Err(refusal.clone()),
            (Ok(sifted), None) if bench.actions.acts() => Ok(sifted),
            (Err(error), None) if bench.actions.acts() => Err(unavailable(error)),
            _ => Ok(body),
        }
    }

    /// Takes what came of a stream; gives what may leave.
    ///
    /// # Errors
    /// [`StreamError`]; the stream is then beyond repair.
    pub(super) fn feed(&mut self, bytes: Bytes) -> Result<Bytes, StreamError> {
        let bench = &mut self.bench;
        self.sifter
            .feed(bytes, &mut |proposal| bench.judge(proposal))
    }

    /// Takes the end of a stream; gives the rest of what may leave.
    pub(super) fn finish(&mut self) -> Bytes {
        let bench = &mut self.bench;
        self.sifter.finish(&mut |proposal| bench.judge(proposal))
    }

    /// The bytes that are kept here.
    pub(super) fn held_bytes(&self) -> usize {
        self.sifter.held_bytes()
    }

    /// Why nothing more leaves.
    pub(super) const fn refusal(&self) -> Option<&Refusal> {
        self.bench.refusal.as_ref()
    }

    /// What was found.
    pub(super) fn into_found(self) -> Vec<ProposalRecord> {
        self.bench.found
    }
}

impl Bench {
    fn judge(&mut self, proposal: &Proposal<'_>) -> Fate {
        let (action, code, rules) = match self.opinion(proposal) {
            Opinion::Allow => return Fate::Keep,
            Opinion::Ask(rules) => (ToolCallAction::Annotate, "APPROVAL_REQUIRED", rules),
            Opinion::Deny(code, rules) => {
                let action = match code {
                    // Nobody can tell which tool its client would call.
                    _ if proposal.arguments.is_none() => {
                        stricter(self.actions.denied, self.actions.undeclared)
                    }
                    Denial::UnknownTool => self.actions.undeclared,
                    _ => self.actions.denied,
                };
                (action, code.code(), rules)
            }
        };
        let tool = shown(proposal.name);
        if action == ToolCallAction::Refuse && self.refusal.is_none() {
            self.refusal = Some(Refusal::ToolRefused(Box::new(RefusedTool {
                code,
                rules: rules.clone(),
                tool: tool.clone(),
            })));
        }
        self.note(ProposalRecord {
            action: word(action).to_owned(),
            code: code.to_owned(),
            rules,
            tool,
        });
        match action {
            ToolCallAction::Annotate => Fate::Keep,
            ToolCallAction::Strip => Fate::Strip,
            ToolCallAction::Refuse => Fate::Stop,
        }
    }

    /// Lists a finding; what was refused is told in any case, in the place of another if need be.
    fn note(&mut self, found: ProposalRecord) {
        if self.found.len() >= ProposalRecord::LISTED {
            if found.action != word(ToolCallAction::Refuse) {
                return;
            }
            self.found.pop();
        }
        self.found.push(found);
    }

    fn opinion(&self, proposal: &Proposal<'_>) -> Opinion {
        // Where nobody can tell, nothing may be called.
        let Some(toolbox) = &self.toolbox else {
            return Opinion::Deny(Denial::Policy, Vec::new());
        };
        let Some(equipped) = toolbox.find(proposal.name) else {
            return Opinion::Deny(Denial::UnknownTool, Vec::new());
        };
        let Some(arguments) = proposal.arguments else {
            return Opinion::Deny(Denial::Parameter, vec!["ambiguous".to_owned()]);
        };
        let resources = match equipped.checker.check_text(arguments) {
            Ok((_, resources)) => resources,
            Err(violations) => {
                let rules = violations.iter().map(|one| one.rule.to_owned());
                return Opinion::Deny(Denial::Parameter, rules.collect());
            }
        };
        let decision = toolbox.policies.decide(&Request {
            subject: Subject::Tool {
                name: proposal.name,
                tool: &equipped.registered.tool,
            },
            agent: &self.bearer.actor,
            model: self.model.as_deref(),
            resources: &resources,
            attributes: &BTreeMap::new(),
            end_user: self.end_user.as_deref(),
            tainted: self.tainted,
            now: self.now,
        });
        match decision.effect {
            Effect::Allow => Opinion::Allow,
            Effect::RequireApproval => Opinion::Ask(decision.rules),
            Effect::Deny => Opinion::Deny(Denial::Policy, decision.rules),
        }
    }
}

const fn stricter(one: ToolCallAction, other: ToolCallAction) -> ToolCallAction {
    match (one, other) {
        (ToolCallAction::Refuse, _) | (_, ToolCallAction::Refuse) => ToolCallAction::Refuse,
        (ToolCallAction::Strip, _) | (_, ToolCallAction::Strip) => ToolCallAction::Strip,
        _ => ToolCallAction::Annotate,
    }
}

/// The word of what becomes of a call.
const fn word(action: ToolCallAction) -> &'static str {
    match action {
        ToolCallAction::Annotate => "annotate",
        ToolCallAction::Strip => "strip",
        ToolCallAction::Refuse => "refuse",
    }
}

/// A name as it may be told: what a model has made up may be anything.
fn shown(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:".contains(c);
    let plain = |c: char| if is_plain(c) { c } else { '?' };
    name.chars().take(NAME_CHARS).map(plain).collect()
}

/// The calls that may not be made, or not yet, in a header: `delete_file=POLICY_DENIED, …`.
fn told(found: &[ProposalRecord]) -> Option<HeaderValue> {
    let mut told = String::new();
    for ProposalRecord { code, tool, .. } in found.iter().take(MOST_TOLD) {
        let comma = if told.is_empty() { "" } else { ", " };
        let _ = write!(told, "{comma}{tool}={code}");
    }
    HeaderValue::try_from(told)
        .ok()
        .filter(|told| !told.is_empty())
}
