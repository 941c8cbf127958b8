//! Invoices of providers against what was recorded.

use crate::Dollars;
use iron_primitives::{ProviderId, ReportId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An invoice to compare.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconcileInvoice {
    /// A table of texts separated by commas, the first line with the names of its columns: `day`
    /// and `cost`, perhaps `model` and `provider`; or an export of costs of OpenAI or Anthropic.
    #[schema(min_length = 1)]
    pub csv: String,
    /// Whose invoice it is, if the table has no column `provider`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// By how many percent of the invoice it may differ; 2 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100)]
    pub threshold_percentage: Option<f64>,
}

/// What was invoiced and what was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReconciliationView {
    /// The reconciliation.
    pub id: ReportId,
    /// The first day of the invoice.
    pub starts_at: Timestamp,
    /// The end of its last day.
    pub ends_at: Timestamp,
    /// By how many percent of the invoice it may differ.
    pub threshold_percentage: f64,
    /// Whether the total of a provider differs by more.
    pub flagged: bool,
    /// Each provider.
    pub providers: Vec<ReconciledProvider>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: UserId,
}

/// One provider in a reconciliation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReconciledProvider {
    /// The provider.
    pub provider_id: ProviderId,
    /// What it was called.
    pub name: String,
    /// All days together.
    pub total: ReconciledAmounts,
    /// Each day on which something was invoiced or recorded.
    pub days: Vec<ReconciledDay>,
    /// Each model that was invoiced or recorded, without the dates of snapshots; none if the invoice
    /// names none.
    pub models: Vec<ReconciledModel>,
}

/// One day of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReconciledDay {
    /// Its begin, in UTC.
    pub day: Timestamp,
    /// The amounts.
    pub amounts: ReconciledAmounts,
}

/// One model of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReconciledModel {
    /// Its name.
    pub model: String,
    /// The amounts.
    pub amounts: ReconciledAmounts,
}

/// Two amounts for the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReconciledAmounts {
    /// What the provider asks for.
    pub invoiced: Dollars,
    /// The same in millionths of a dollar.
    pub invoiced_micros: i64,
    /// What was recorded.
    pub recorded: Dollars,
    /// The same in millionths of a dollar.
    pub recorded_micros: i64,
    /// What the invoice has more; below zero if it has less.
    pub difference: Dollars,
    /// The same in millionths of a dollar.
    pub difference_micros: i64,
    /// The difference as a part of the invoice; null if nothing was invoiced.
    #[schema(required = true)]
    pub difference_percentage: Option<f64>,
    /// Whether it differs by more than is allowed.
    pub flagged: bool,
}

/// Which reconciliations to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReconciliationQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
}
