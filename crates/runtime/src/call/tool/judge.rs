//! Whether a call may be made: what its arguments are, what policies say, what guardrails find.

use iron_guard::Channel;
use iron_net::rate::Standing;
use iron_policy::{Approval as Terms, Decision, Effect, Request, Resources, Subject};
use iron_primitives::{RateShortfall, Refusal, Scope, Timestamp};
use serde_json::Value;

use crate::Runtime;
use crate::authority::AgentState;
use crate::call::safety::blocked;
use crate::custody::Owner;
use crate::record::tool::ToolMode;
use crate::toolbox::Equipped;

use super::Gone;
use super::answer::{Allowed, Denial, Judged, Ruled, ToolAnswer};
use super::draft::{ToolDraft, UseOf};
use super::run;

/// The most attributes that a call may have.
const MOST_ATTRIBUTES: usize = 32;

impl Runtime {
    /// All that stands before money: what every call must pass, what policies say, what people say,
    /// and how often.
    pub(super) async fn clear_tool(
        &self,
        draft: &mut ToolDraft,
        gone: &mut Gone,
    ) -> Result<Judged, Refusal> {
        let mut ruled = self.rule(draft).await?;
        if let Ruled::Ask(asked, terms) = ruled {
            if let Some(answer) = self.consent(draft, &asked, terms, gone).await? {
                return Ok(Judged::Answered(answer));
            }
            // People may have taken their time: what holds now is what counts.
            ruled = self.rule(draft).await?;
        }
        let mut allowed = match ruled {
            Ruled::Allow(allowed) => {
                // Nobody has to agree any more.
                draft.approval = None;
                allowed
            }
            Ruled::Ask(allowed, _) => allowed.agreed(),
            Ruled::Deny(answer) => return Ok(Judged::Answered(answer)),
        };
        allowed.rate = self.count_tool(draft).await?;
        Ok(Judged::Allowed(allowed))
    }

    /// What rules say to the call, as they are now.
    async fn rule(&self, draft: &mut ToolDraft) -> Result<Ruled, Refusal> {
        self.admit_tool(draft).await?;
        let toolbox = draft.bearer().toolbox.clone();
        let toolbox = toolbox.ok_or(Refusal::AuthorityUnavailable)?;
        if draft.mode == ToolMode::Server
            && let Some(name) = draft.tool.parse().ok().and_then(|id| toolbox.name_of(id))
        {
            name.clone_into(&mut draft.tool);
        }
        let Some(equipped) = toolbox.find(&draft.tool).cloned() else {
            let reason = "no tool of this name is registered for the agent";
            return Ok(Ruled::Deny(ToolAnswer::deny(Denial::UnknownTool, reason)));
        };
        draft.equipped = Some(equipped.clone());
        if draft.mode == ToolMode::Server && equipped.registered.run.is_none() {
            return Err(run::own_tool());
        }
        draft.tainted = self.is_tainted(draft, &equipped).await?;
        let (arguments, resources) = match equipped.checker.check_text(&draft.arguments) {
            Ok(read) => read,
            Err(violations) => return Ok(Ruled::Deny(ToolAnswer::violates(violations))),
        };
        let now = self.environment.now();
        let decide = |draft: &ToolDraft, resources: &Resources| {
            toolbox
                .policies
                .decide(&request_of(draft, &equipped, resources, now))
        };
        let decision = decide(draft, &resources);
        if decision.effect == Effect::Deny {
            return Ok(Ruled::Deny(ToolAnswer::by_policy(decision)));
        }
        let Some(edited) = inspect(draft)? else {
            draft.given(&arguments);
            return Ok(ruled(decision, None));
        };
        // What guardrails have made of the arguments is what will be done.
        let (arguments, resources) = match equipped.checker.check_text(&edited) {
            Ok(read) => read,
            Err(violations) => return Ok(Ruled::Deny(ToolAnswer::violates(violations))),
        };
        draft.given(&arguments);
        let decision = decide(draft, &resources);
        Ok(ruled(decision, Some(edited)))
    }

    async fn admit_tool(&self, draft: &mut ToolDraft) -> Result<(), Refusal> {
        self.renewed(&mut draft.known).await?;
        // A pass is good for a call of a model.
        if draft.known.pass.is_some() {
            return Err(Refusal::WrongTokenType);
        }
        if self.journal.is_full() {
            return Err(Refusal::JournalUnavailable);
        }
        if draft.seat.is_none() {
            draft.seat = Some(self.in_flight.enter()?);
        }
        let principal = &draft.bearer().principal;
        if principal.tenant_suspended {
            return Err(Refusal::TenantSuspended);
        }
        if principal.agent_state != AgentState::Running {
            return Err(Refusal::AgentNotRunning {
                state: principal.agent_state.as_str(),
            });
        }
        let checked = self.check_labels(&draft.attribution);
        let checked = checked.and_then(|()| self.check_own_labels(draft));
        // What is too long for a label is too long for a record.
        checked.inspect_err(|_| draft.forget_labels())
    }

    /// Attributes and the name of a run are as long as labels may be.
    fn check_own_labels(&self, draft: &ToolDraft) -> Result<(), Refusal> {
        let most = self.config.max_label_chars;
        let refuse = |field: &str, problem: String| {
            Err(Refusal::InvalidField {
                field: field.to_owned(),
                problem,
            })
        };
        if draft.attributes.len() > MOST_ATTRIBUTES {
            return refuse("attributes", format!("has more than {MOST_ATTRIBUTES}"));
        }
        let is_long = |text: &str| text.chars().count() > most;
        let mut attributes = draft.attributes.iter();
        if attributes.any(|(name, value)| is_long(name) || is_long(value)) {
            return refuse(
                "attributes",
                format!("one is longer than {most} characters"),
            );
        }
        if draft.execution.as_deref().is_some_and(is_long) {
            return refuse("execution_id", format!("is longer than {most} characters"));
        }
        if is_long(&draft.tool) {
            return refuse("tool", format!("is longer than {most} characters"));
        }
        Ok(())
    }

    /// Whether what led to the call has read what strangers may have written. It is asked only about
    /// tools that act outside.
    async fn is_tainted(&self, draft: &ToolDraft, equipped: &Equipped) -> Result<bool, Refusal> {
        let thread = draft.thread();
        if draft.tainted || self.taints.has(&thread) {
            return Ok(true);
        }
        if !equipped.registered.tool.is_external() {
            return Ok(false);
        }
        // Where nobody can tell what other instances have seen, it may have been anything.
        let Some(oversight) = self.authority.oversight() else {
            return Ok(true);
        };
        let conversation = draft.attribution.conversation.as_deref();
        let read = oversight.has_read(draft.owner(), conversation).await;
        let read = read.map_err(|_| Refusal::AuthorityUnavailable)?;
        if read {
            self.taints.mark(thread);
        }
        Ok(read)
    }

    /// From now on the thread has read what the tool gives back.
    pub(super) fn taint(&self, draft: &ToolDraft) {
        if draft.is_untrusted() {
            self.taints.mark(draft.thread());
        }
    }

    /// Counts the call for the rate of its tool.
    async fn count_tool(&self, draft: &mut ToolDraft) -> Result<Option<Standing>, Refusal> {
        let Some(equipped) = &draft.equipped else {
            return Ok(None);
        };
        let agent = draft.bearer().principal.path.agent;
        let of = UseOf {
            agent,
            tool: equipped.registered.id,
        };
        let allowance = equipped.registered.rate.allowance();
        let (boot, now) = (self.environment.boot(), self.environment.now());
        match self.tool_uses.use_once(of, allowance, boot, now).await {
            Ok(standing) => {
                draft.rate = standing;
                Ok(standing)
            }
            Err(full) => {
                draft.rate = Some(full);
                Err(Refusal::RateLimited(Box::new(RateShortfall {
                    scope: Scope::Agent(agent),
                    limit: "tool_calls",
                    most: full.limit,
                    resets_at: full.resets_at,
                })))
            }
        }
    }
}

impl ToolDraft {
    pub(super) fn owner(&self) -> Owner {
        let path = self.bearer().principal.path;
        Owner {
            tenant: path.tenant,
            agent: path.agent,
        }
    }
}

fn request_of<'a>(
    draft: &'a ToolDraft,
    equipped: &'a Equipped,
    resources: &'a Resources,
    now: Timestamp,
) -> Request<'a> {
    Request {
        subject: Subject::Tool {
            name: &draft.tool,
            tool: &equipped.registered.tool,
        },
        agent: &draft.bearer().actor,
        model: None,
        resources,
        attributes: &draft.attributes,
        end_user: draft.attribution.end_user.as_deref(),
        tainted: draft.tainted,
        now,
    }
}

fn ruled(decision: Decision, arguments: Option<String>) -> Ruled {
    let terms = decision.approval.clone();
    match decision.effect {
        Effect::Deny => Ruled::Deny(ToolAnswer::by_policy(decision)),
        Effect::Allow => Ruled::Allow(Allowed::by(decision, arguments)),
        Effect::RequireApproval => Ruled::Ask(
            Allowed::by(decision, arguments),
            terms.unwrap_or_else(anybody),
        ),
    }
}

/// Whoever may decide at all.
fn anybody() -> Terms {
    Terms {
        approvers: Vec::new(),
        quorum: 1,
        timeout_seconds: None,
        forbid_own: false,
    }
}

/// What guardrails make of the arguments; none if they leave them as they are.
fn inspect(draft: &mut ToolDraft) -> Result<Option<String>, Refusal> {
    let guard = draft.bearer().guard.clone();
    if guard.is_idle() || draft.inspected.is_some() {
        return Ok(draft.inspected.clone().flatten());
    }
    let channel = Channel::ToolArguments;
    let names = &mut draft.safety.pseudonyms;
    let judgement = guard.judge_json(&draft.arguments, channel, names);
    draft.safety.note(0, channel, &judgement.findings);
    if let Some(finding) = judgement.blocked() {
        return Err(blocked(channel, finding));
    }
    let edited =
        (!judgement.edits.is_empty()).then(|| judgement.apply(&draft.arguments).into_owned());
    draft.inspected = Some(edited.clone());
    Ok(edited)
}

/// The canonical text of a value: members in the order of their names.
pub(super) fn canonical(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(sorted).collect(),
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by_key(|(name, _)| *name);
                let members = members.into_iter();
                Value::Object(
                    members
                        .map(|(name, value)| (name.clone(), sorted(value)))
                        .collect(),
                )
            }
            plain => plain.clone(),
        }
    }
    sorted(value).to_string()
}
