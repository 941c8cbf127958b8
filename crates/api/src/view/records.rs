//! Entries of the audit log.

use iron_audit::AuditEntry;
use iron_sdk::audit;
use serde_json::json;

/// One entry.
pub(crate) fn audit_entry(entry: AuditEntry) -> audit::AuditEntry {
    let changes = entry
        .changes
        .map(|changes| json!({"before": changes.before, "after": changes.after}));
    audit::AuditEntry {
        id: entry.id,
        timestamp: entry.at.to_string_micros(),
        tenant_id: entry.tenant,
        user_id: entry.user,
        user_role: entry.role,
        agent_id: entry.agent,
        credential_id: entry.credential,
        action: entry.action,
        method: entry.method,
        endpoint: entry.endpoint,
        resource_type: entry.resource_type,
        resource_id: entry.resource_id,
        parameters: entry.parameters,
        changes,
        status_code: entry.status_code,
        ip_address: entry.ip,
        user_agent: entry.user_agent,
        request_id: entry.request,
        trace_id: entry.trace,
        sequence: i64::try_from(entry.sequence).unwrap_or(i64::MAX),
        previous_hash: entry.previous_hash,
        signature: entry.signature,
    }
}
