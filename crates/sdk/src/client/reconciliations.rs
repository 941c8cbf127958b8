//! Invoices of providers against what was recorded.

use iron_primitives::ReportId;
use reqwest::Method;

use crate::lists::List;
use crate::reconciliations::{ReconcileInvoice, ReconciliationQuery, ReconciliationView};

use super::{Call, Client, Error};

impl Client {
    /// Compares an invoice with what was recorded.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn reconcile_invoice(
        &self,
        body: &ReconcileInvoice,
    ) -> Result<ReconciliationView, Error> {
        self.send(Call::new(Method::POST, "/analytics/reconciliations").body(body))
            .await
    }

    /// The reconciliations of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_reconciliations(
        &self,
        query: &ReconciliationQuery,
    ) -> Result<List<ReconciliationView>, Error> {
        self.send(Call::new(Method::GET, "/analytics/reconciliations").query(query))
            .await
    }

    /// One reconciliation.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_reconciliation(&self, id: ReportId) -> Result<ReconciliationView, Error> {
        self.send(Call::new(
            Method::GET,
            &format!("/analytics/reconciliations/{id}"),
        ))
        .await
    }
}
