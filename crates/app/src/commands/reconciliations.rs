//! `iron analytics reconcile`.

use std::path::Path;

use iron_primitives::ReportId;
use iron_sdk::Client;
use iron_sdk::reconciliations::{
    ReconcileInvoice, ReconciledAmounts, ReconciliationQuery, ReconciliationView,
};

use super::resolve::{self, parse};
use crate::args::Paging;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

/// Sends an invoice and shows what was found.
pub(super) async fn reconcile(
    client: &Client,
    (file, provider, threshold): (&Path, Option<String>, Option<f64>),
    console: Console,
) -> Outcome {
    let csv = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", file.display())))?;
    let body = ReconcileInvoice {
        csv,
        provider_id: match provider {
            Some(provider) => Some(resolve::provider(client, &provider).await?),
            None => None,
        },
        threshold_percentage: threshold,
    };
    let view = client.reconcile_invoice(&body).await?;
    console.show(&view, || facts(console, &view))
}

/// Lists what was found before.
pub(super) async fn listed(client: &Client, paging: Paging, console: Console) -> Outcome {
    let query = ReconciliationQuery {
        page: Some(paging.page),
        per_page: Some(paging.per_page),
    };
    let found = client.list_reconciliations(&query).await?;
    console.show(&found, || {
        let rows = found.data.iter().map(|one| {
            vec![
                one.id.to_string(),
                one.starts_at.to_string(),
                one.ends_at.to_string(),
                one.providers.len().to_string(),
                verdict(one.flagged).to_owned(),
            ]
        });
        console.table(&["id", "from", "until", "providers", "is"], rows.collect())
    })
}

/// Shows what was found before.
pub(super) async fn shown(client: &Client, id: &str, console: Console) -> Outcome {
    let id: ReportId = parse(id, "a reconciliation's id such as `report_…`")?;
    let view = client.get_reconciliation(id).await?;
    console.show(&view, || facts(console, &view))
}

const fn verdict(flagged: bool) -> &'static str {
    if flagged { "too far apart" } else { "in order" }
}

fn row(what: String, amounts: &ReconciledAmounts) -> Vec<String> {
    let percent = amounts.difference_percentage;
    vec![
        what,
        amounts.invoiced.to_string(),
        amounts.recorded.to_string(),
        amounts.difference.to_string(),
        percent.map_or("-".to_owned(), |percent| format!("{percent} %")),
        verdict(amounts.flagged).to_owned(),
    ]
}

fn facts(console: Console, view: &ReconciliationView) -> String {
    let head = console.facts(&[
        ("id", view.id.to_string()),
        ("from", view.starts_at.to_string()),
        ("until", view.ends_at.to_string()),
        ("may differ by", format!("{} %", view.threshold_percentage)),
        ("is", verdict(view.flagged).to_owned()),
    ]);
    let mut rows = Vec::new();
    for one in &view.providers {
        rows.push(row(one.name.clone(), &one.total));
        let flagged = one.days.iter().filter(|day| day.amounts.flagged);
        rows.extend(flagged.map(|day| row(format!("  {}", day.day), &day.amounts)));
        let models = one.models.iter();
        rows.extend(models.map(|model| row(format!("  {}", model.model), &model.amounts)));
    }
    let headings = ["of", "invoiced", "recorded", "difference", "", "is"];
    format!("{head}\n{}", console.table(&headings, rows))
}
