//! The audit log.

pub(crate) mod export;

use axum::extract::State;
use iron_audit::{Entry, EntryFilter, VerifyRange};
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::AuditId;
use iron_sdk::audit::{AuditEntry, AuditFilter, AuditPage, AuditVerified, VerifyAudit};
use iron_sdk::lists::List;
use iron_store::Page;

use crate::answer::{Answer, list, page as page_of};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{Input, Params, PathId};
use crate::query::instant;
use crate::state::Api;
use crate::view;

/// Lists the entries of the audit log, the newest first.
#[utoipa::path(get, path = "/audit-logs", tag = "audit", params(AuditPage, AuditFilter), responses(
    (status = 200, description = "The entries", body = List<AuditEntry>),
))]
pub(crate) async fn list_audit_logs(
    State(api): State<Api>,
    caller: Caller,
    Params(page): Params<AuditPage>,
    Params(filter): Params<AuditFilter>,
) -> Result<Answer<List<AuditEntry>>, Failure> {
    let authorised = caller.may(Permission::AuditRead)?;
    let (page, filter) = (pages(&page), entries(filter, is_ascending(&page)?)?);
    let found = api.audit_log.list(&authorised, &filter, page).await?;
    Ok(list(found, page, view::audit_entry))
}

/// Lists what the user himself has done.
#[utoipa::path(get, path = "/audit-logs/me", tag = "audit", params(AuditPage, AuditFilter), responses(
    (status = 200, description = "The entries", body = List<AuditEntry>),
))]
pub(crate) async fn list_my_audit_logs(
    State(api): State<Api>,
    caller: Caller,
    Params(page): Params<AuditPage>,
    Params(filter): Params<AuditFilter>,
) -> Result<Answer<List<AuditEntry>>, Failure> {
    let authorised = caller.may(Permission::AuditReadOwn)?;
    if filter.user_id.is_some_and(|user| user != authorised.user) {
        return Err(Problem::field("user_id", "only the own actions are listed here").into());
    }
    let (page, filter) = (pages(&page), entries(filter, is_ascending(&page)?)?);
    let found = api.audit_log.mine(&authorised, &filter, page).await?;
    Ok(list(found, page, view::audit_entry))
}

fn pages(page: &AuditPage) -> Page {
    page_of(page.page, page.per_page)
}

fn is_ascending(page: &AuditPage) -> Result<bool, Problem> {
    match page.sort.as_deref() {
        None | Some("-timestamp") => Ok(false),
        Some("timestamp") => Ok(true),
        Some(_) => Err(Problem::field(
            "sort",
            "expected `timestamp` or `-timestamp`",
        )),
    }
}

fn entries(filter: AuditFilter, ascending: bool) -> Result<EntryFilter, Problem> {
    let each = |text: Option<String>| -> Vec<String> {
        text.iter()
            .flat_map(|text| text.split(','))
            .map(|word| word.trim().to_owned())
            .collect()
    };
    Ok(EntryFilter {
        user: filter.user_id,
        agent: filter.agent_id,
        resource_type: filter.resource_type,
        resource_id: filter.resource_id,
        actions: each(filter.action),
        methods: each(filter.method.map(|method| method.to_ascii_uppercase())),
        status_code: filter.status_code,
        start: instant("start_date", filter.start_date.as_deref())?,
        end: instant("end_date", filter.end_date.as_deref())?,
        ascending,
    })
}

/// One entry of the audit log.
#[utoipa::path(get, path = "/audit-logs/{audit_id}", tag = "audit",
    params(("audit_id" = AuditId, Path, description = "The entry")), responses(
    (status = 200, description = "The entry", body = AuditEntry),
))]
pub(crate) async fn get_audit_log(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<AuditId>,
) -> Result<Answer<AuditEntry>, Failure> {
    let authorised = caller.may(Permission::AuditRead)?;
    let found = api.audit_log.get(&authorised, id).await;
    match found {
        Ok(entry) => Ok(Answer(view::audit_entry(entry))),
        Err(iron_audit::Error::NotFound) => Err(Problem::not_found("audit entry", id).into()),
        Err(other) => Err(other.into()),
    }
}

/// Checks that the audit log still says what was written.
#[utoipa::path(post, path = "/audit-logs/verify", tag = "audit", request_body = VerifyAudit,
    responses((status = 200, description = "What was found", body = AuditVerified)))]
pub(crate) async fn verify_audit_logs(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<VerifyAudit>,
) -> Result<Answer<AuditVerified>, Failure> {
    let authorised = caller.may(Permission::AuditRead)?;
    let range = VerifyRange {
        start: instant("start_date", body.start_date.as_deref())?,
        end: instant("end_date", body.end_date.as_deref())?,
    };
    let found = api.audit_log.verify(&authorised, range).await?;
    let outcome = AuditVerified {
        valid: found.is_valid(),
        checked: found.checked,
        first_bad_id: found.first_bad_id,
        message: found.fault,
    };
    let mut tx = api.db.begin().await?;
    let entry = Entry::new("audit.verify", "audit_log").parameters(&outcome);
    api.audit.write(&mut tx, &authorised, entry).await?;
    tx.commit().await?;
    Ok(Answer(outcome))
}
