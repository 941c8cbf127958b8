//! Reconciliations as people make and read them.

use std::collections::BTreeMap;

use iron_audit::{Audit, Authorised, Entry, Removal, UsageOf};
use iron_primitives::{Environment, ProviderId, ReportId, Timestamp, UserId};
use iron_store::{Db, Json, Page, Paged, Row, Select, Sort, Tx, sql};
use serde_json::json;

use crate::reconcile::{Outcome, ProviderCompared, Side, day_of, span_of};
use crate::{Error, InvoiceLine};

/// A reconciliation that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// Its id.
    pub id: ReportId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: UserId,
    /// What was found.
    pub outcome: Outcome,
}

/// The reconciliations of all tenants.
#[derive(Clone)]
pub struct Reconciliations {
    db: Db,
    audit: Audit,
    environment: Environment,
}

const COLUMNS: &str = "id, created_at, created_by, outcome";

impl Reconciliations {
    /// Reconciliations with these records.
    pub const fn new(db: Db, audit: Audit, environment: Environment) -> Self {
        Reconciliations {
            db,
            audit,
            environment,
        }
    }

    /// Compares the lines of invoices with what was recorded for their providers in the days from
    /// the first to the last one that they name.
    ///
    /// # Errors
    /// [`Error::NoLines`]; [`Error::Audit`] if the records cannot be read.
    pub async fn compare(
        &self,
        authorised: &Authorised,
        lines: &[(ProviderId, InvoiceLine)],
        names: &BTreeMap<ProviderId, String>,
        allowed_hundredths: i64,
    ) -> Result<Outcome, Error> {
        let days = lines.iter().map(|(_, line)| line.day);
        let (starts_at, ends_at) = span_of(days).ok_or(Error::NoLines)?;
        let mut invoices: BTreeMap<ProviderId, Side> = BTreeMap::new();
        for (provider, line) in lines {
            let side = invoices.entry(*provider).or_default();
            side.add_day(line.day, line.cost);
            if let Some(model) = &line.model {
                side.add_model(model, line.cost);
            }
        }
        let mut providers = Vec::with_capacity(invoices.len());
        for (provider, invoiced) in invoices {
            let recorded = self
                .recorded(authorised, provider, (starts_at, ends_at))
                .await?;
            let name = names.get(&provider).cloned().unwrap_or_default();
            let named = (provider, name);
            let compared = ProviderCompared::new(named, &invoiced, &recorded, allowed_hundredths);
            providers.push(compared);
        }
        Ok(Outcome {
            starts_at,
            ends_at,
            allowed_hundredths,
            providers,
        })
    }

    /// What calls to a provider have cost by our own records.
    async fn recorded(
        &self,
        authorised: &Authorised,
        provider: ProviderId,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Side, Error> {
        let mut side = Side::default();
        let of = UsageOf::Provider(provider);
        for (hour, cost) in self.audit.hourly_costs(authorised, of, from).await? {
            if hour < until {
                side.add_day(day_of(hour), cost);
            }
        }
        let models = self
            .audit
            .models_of(authorised, provider, (from, until))
            .await?;
        for (model, cost) in models {
            side.add_model(&model, cost);
        }
        Ok(side)
    }

    /// Keeps what was found, with an entry in the audit log.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Audit`].
    pub async fn keep(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        outcome: Outcome,
    ) -> Result<Reconciliation, Error> {
        let kept = Reconciliation {
            id: self.environment.new_id(),
            created_at: self.environment.now(),
            created_by: authorised.user,
            outcome,
        };
        sql(
            "INSERT INTO invoice_reconciliations (tenant_id, id, created_at, created_by, outcome) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(authorised.tenant)
        .bind(kept.id)
        .bind(kept.created_at)
        .bind(kept.created_by)
        .bind(Json(&kept.outcome))
        .execute(&mut *tx)
        .await?;
        let providers: Vec<_> = kept.outcome.providers.iter().map(noted).collect();
        let entry = Entry::new("invoice.reconcile", "report")
            .resource(kept.id)
            .parameters(&json!({
                "starts_at": kept.outcome.starts_at,
                "ends_at": kept.outcome.ends_at,
                "providers": providers,
            }))
            .status(201);
        self.audit.write(tx, authorised, entry).await?;
        Ok(kept)
    }

    /// One reconciliation.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(
        &self,
        authorised: &Authorised,
        id: ReportId,
    ) -> Result<Reconciliation, Error> {
        let found = Select::new(COLUMNS, "invoice_reconciliations")
            .filter("tenant_id = ?", authorised.tenant)
            .filter("id = ?", id)
            .statement()
            .fetch_optional(&self.db)
            .await?;
        read(&found.ok_or(Error::NotFound { id })?)
    }

    /// A page of the tenant's reconciliations, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(
        &self,
        authorised: &Authorised,
        page: Page,
    ) -> Result<Paged<Reconciliation>, Error> {
        Select::new(COLUMNS, "invoice_reconciliations")
            .filter("tenant_id = ?", authorised.tenant)
            .sort(Sort::descending("created_at"), "id")
            .fetch_page(&self.db, page)
            .await?
            .try_map(|row| read(&row))
    }

    /// Removes the reconciliations of a tenant whose time is over.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        let all = &["DELETE FROM invoice_reconciliations WHERE tenant_id = $1"];
        Ok(removal.delete(tx, all).await?)
    }
}

/// A provider in an audit entry.
fn noted(one: &ProviderCompared) -> serde_json::Value {
    json!({
        "provider_id": one.provider,
        "invoiced": one.total.invoiced.to_string(),
        "recorded": one.total.recorded.to_string(),
        "flagged": one.total.flagged,
    })
}

fn read(row: &Row) -> Result<Reconciliation, Error> {
    Ok(Reconciliation {
        id: row.get("id")?,
        created_at: row.get("created_at")?,
        created_by: row.get("created_by")?,
        outcome: row.get::<Json<_>>("outcome")?.0,
    })
}
