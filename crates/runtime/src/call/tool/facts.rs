//! What the reserve of a call tells about it, should it never come back.

use super::draft::ToolDraft;
use crate::orphan::ToolFacts;

pub(super) fn of(draft: &ToolDraft) -> Vec<u8> {
    let principal = &draft.bearer().principal;
    let equipped = draft.equipped.as_ref();
    let facts = ToolFacts {
        path: principal.path,
        token: principal.token,
        tool: draft.tool.clone(),
        tool_id: equipped.map(|equipped| equipped.registered.id),
        mode: draft.mode,
        arguments_hash: draft.arguments_hash(),
        arguments_bytes: draft.arguments.len() as u64,
        started_at_us: draft.started_at().micros(),
        approval: draft.approval,
        conversation: draft.attribution.conversation.clone(),
        execution: draft.execution.clone(),
        tags: draft.attribution.tags.clone(),
        environment: principal.environment.clone(),
        untrusted: draft.is_untrusted(),
        trace: draft.trace(),
    };
    facts.to_bytes()
}
