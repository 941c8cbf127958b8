//! Invoices of providers against what was recorded.

use std::collections::BTreeMap;

use axum::extract::State;
use iron_audit::Authorised;
use iron_catalog::ProviderFilter;
use iron_identity::Permission;
use iron_insight::{InvoiceLine, read_invoice};
use iron_net::problem::Problem;
use iron_primitives::{ProviderId, ReportId};
use iron_sdk::lists::List;
use iron_sdk::reconciliations::{ReconcileInvoice, ReconciliationQuery, ReconciliationView};
use iron_store::{Page, Sort};

use crate::answer::{Answer, Created, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{Params, PathId, Upload};
use crate::state::Api;
use crate::view;

const USUAL_THRESHOLD: f64 = 2.0;

/// Compares an invoice of a provider with what was recorded, for each day and each model, and keeps
/// what was found.
#[utoipa::path(post, path = "/analytics/reconciliations", tag = "analytics",
    request_body = ReconcileInvoice,
    responses((status = 201, description = "What was found", body = ReconciliationView)))]
pub(crate) async fn reconcile_invoice(
    State(api): State<Api>,
    caller: Caller,
    Upload(body): Upload<ReconcileInvoice>,
) -> Result<Created<ReconciliationView>, Failure> {
    let authorised = caller.may(Permission::InvoiceReconcile)?;
    let lines =
        read_invoice(&body.csv).map_err(|error| Problem::field("csv", error.to_string()))?;
    let allowed = view::hundredths(body.threshold_percentage.unwrap_or(USUAL_THRESHOLD));
    let names = names(&api, &authorised).await?;
    let lines = attributed(lines, body.provider_id, &names)?;
    let outcome = api
        .reconciliations
        .compare(&authorised, &lines, &names, allowed)
        .await?;
    let mut tx = api.db.begin().await?;
    let kept = api
        .reconciliations
        .keep(&mut tx, &authorised, outcome)
        .await?;
    tx.commit().await?;
    Ok(Created {
        location: format!("/api/v1/analytics/reconciliations/{}", kept.id),
        view: view::reconciliation(kept),
    })
}

/// What the tenant's providers are called.
async fn names(
    api: &Api,
    authorised: &Authorised,
) -> Result<BTreeMap<ProviderId, String>, Failure> {
    let mut names = BTreeMap::new();
    for number in 1.. {
        let page = Page {
            page: number,
            per_page: 100,
        };
        let filter = ProviderFilter::default();
        let sort = Sort::descending("created_at");
        let found = api.providers.list(authorised, &filter, sort, page).await?;
        if found.items.is_empty() {
            break;
        }
        names.extend(found.items.into_iter().map(|one| (one.id, one.name)));
    }
    Ok(names)
}

/// Each line with its provider: the one in its column, by name or id, or the one that was named for
/// all.
fn attributed(
    lines: Vec<InvoiceLine>,
    of_all: Option<ProviderId>,
    names: &BTreeMap<ProviderId, String>,
) -> Result<Vec<(ProviderId, InvoiceLine)>, Failure> {
    if let Some(id) = of_all.filter(|id| !names.contains_key(id)) {
        return Err(Problem::not_found("provider", id).into());
    }
    let mut found = Vec::with_capacity(lines.len());
    for line in lines {
        let provider = match (&line.provider, of_all) {
            (_, Some(id)) => id,
            (Some(text), None) => named(text, names)?,
            (None, None) => {
                let said =
                    "name the provider: the table has no column `provider`, or no word in it";
                return Err(Problem::field("provider_id", said).into());
            }
        };
        found.push((provider, line));
    }
    Ok(found)
}

fn named(text: &str, names: &BTreeMap<ProviderId, String>) -> Result<ProviderId, Problem> {
    let is = |(id, name): &(&ProviderId, &String)| *name == text || id.to_string() == text;
    let mut known = names.iter().filter(is);
    match (known.next(), known.next()) {
        (Some((id, _)), None) => Ok(*id),
        (None, _) => Err(Problem::field(
            "csv",
            format!("no provider is called `{text}`"),
        )),
        (Some(_), Some(_)) => {
            let said = format!("several providers are called `{text}`; write the id");
            Err(Problem::field("csv", said))
        }
    }
}

/// Lists the reconciliations, the newest first.
#[utoipa::path(get, path = "/analytics/reconciliations", tag = "analytics",
    params(ReconciliationQuery),
    responses((status = 200, description = "The reconciliations", body = List<ReconciliationView>)))]
pub(crate) async fn list_reconciliations(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ReconciliationQuery>,
) -> Result<Answer<List<ReconciliationView>>, Failure> {
    let authorised = caller.may(Permission::InvoiceRead)?;
    let page = page(query.page, query.per_page);
    let found = api.reconciliations.list(&authorised, page).await?;
    Ok(list(found, page, view::reconciliation))
}

/// One reconciliation.
#[utoipa::path(get, path = "/analytics/reconciliations/{report_id}", tag = "analytics",
    params(("report_id" = ReportId, Path, description = "The reconciliation")),
    responses((status = 200, description = "What was found", body = ReconciliationView)))]
pub(crate) async fn get_reconciliation(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ReportId>,
) -> Result<Answer<ReconciliationView>, Failure> {
    let authorised = caller.may(Permission::InvoiceRead)?;
    let found = api.reconciliations.get(&authorised, id).await?;
    Ok(Answer(view::reconciliation(found)))
}
