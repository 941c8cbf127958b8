//! Limits, leases, the audit log, health.

use iron_primitives::{AgentId, AuditId, LeaseId, ProjectId, UserId};
use reqwest::Method;

use crate::audit::{AuditEntry, AuditFile, AuditFilter, AuditPage, AuditVerified, VerifyAudit};
use crate::budget_events::{BudgetEventQuery, BudgetEventView};
use crate::leases::{LeaseQuery, LeaseView, ReconcileLease};
use crate::limits::{BudgetHistory, BudgetView, HistoryQuery, SetAgentBudget, SetBudget};
use crate::lists::List;
use crate::quotas::{QuotasView, SetQuotas};
use crate::system::{HealthView, VersionView};
use crate::users::Reason;

use super::{Call, Client, Download, Error};

impl Client {
    /// An agent's budget.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_agent_budget(&self, id: AgentId) -> Result<BudgetView, Error> {
        self.send(Call::new(
            Method::GET,
            &format!("/limits/agents/{id}/budget"),
        ))
        .await
    }

    /// Sets an agent's budget.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn set_agent_budget(
        &self,
        id: AgentId,
        body: &SetAgentBudget,
    ) -> Result<BudgetView, Error> {
        self.send(Call::new(Method::PUT, &format!("/limits/agents/{id}/budget")).body(body))
            .await
    }

    /// What an agent may use besides money, and what it has used.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_agent_quotas(&self, id: AgentId) -> Result<QuotasView, Error> {
        let path = format!("/limits/agents/{id}/quotas");
        self.send(Call::new(Method::GET, &path)).await
    }

    /// Sets what an agent may use besides money.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn set_agent_quotas(
        &self,
        id: AgentId,
        body: &SetQuotas,
    ) -> Result<QuotasView, Error> {
        let path = format!("/limits/agents/{id}/quotas");
        self.send(Call::new(Method::PUT, &path).body(body)).await
    }

    /// How an agent's budget has changed.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_agent_budget_history(
        &self,
        id: AgentId,
        query: &HistoryQuery,
    ) -> Result<BudgetHistory, Error> {
        self.send(
            Call::new(Method::GET, &format!("/limits/agents/{id}/budget/history")).query(query),
        )
        .await
    }

    /// What happened to budgets.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_budget_events(
        &self,
        query: &BudgetEventQuery,
    ) -> Result<List<BudgetEventView>, Error> {
        self.send(Call::new(Method::GET, "/limits/events").query(query))
            .await
    }

    /// A user's budget.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_user_budget(&self, id: UserId) -> Result<BudgetView, Error> {
        self.send(Call::new(
            Method::GET,
            &format!("/limits/users/{id}/budget"),
        ))
        .await
    }

    /// Sets a user's budget.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn set_user_budget(&self, id: UserId, body: &SetBudget) -> Result<BudgetView, Error> {
        self.send(Call::new(Method::PUT, &format!("/limits/users/{id}/budget")).body(body))
            .await
    }

    /// A project's budget.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_project_budget(&self, id: ProjectId) -> Result<BudgetView, Error> {
        self.send(Call::new(
            Method::GET,
            &format!("/limits/projects/{id}/budget"),
        ))
        .await
    }

    /// Sets a project's budget.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn set_project_budget(
        &self,
        id: ProjectId,
        body: &SetBudget,
    ) -> Result<BudgetView, Error> {
        self.send(Call::new(Method::PUT, &format!("/limits/projects/{id}/budget")).body(body))
            .await
    }

    /// The leases of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_leases(&self, query: &LeaseQuery) -> Result<List<LeaseView>, Error> {
        self.send(Call::new(Method::GET, "/leases").query(query))
            .await
    }

    /// Takes a lease away from its owner.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn revoke_lease(&self, id: LeaseId, body: &Reason) -> Result<LeaseView, Error> {
        self.send(Call::new(Method::POST, &format!("/leases/{id}/revoke")).body(body))
            .await
    }

    /// Closes the account of a lease that was taken away.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn reconcile_lease(
        &self,
        id: LeaseId,
        body: &ReconcileLease,
    ) -> Result<LeaseView, Error> {
        self.send(Call::new(Method::POST, &format!("/leases/{id}/reconcile")).body(body))
            .await
    }
}

impl Client {
    /// The audit log.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_audit_logs(
        &self,
        filter: &AuditFilter,
        page: &AuditPage,
    ) -> Result<List<AuditEntry>, Error> {
        let call = Call::new(Method::GET, "/audit-logs");
        self.send(call.query(filter).query(page)).await
    }

    /// The user's own actions.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_my_audit_logs(
        &self,
        filter: &AuditFilter,
        page: &AuditPage,
    ) -> Result<List<AuditEntry>, Error> {
        let call = Call::new(Method::GET, "/audit-logs/me");
        self.send(call.query(filter).query(page)).await
    }

    /// The audit log as a file, piece by piece: JSON lines or CSV.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn export_audit_logs(
        &self,
        filter: &AuditFilter,
        file: &AuditFile,
    ) -> Result<Download, Error> {
        let call = Call::new(Method::GET, "/audit-logs/export");
        self.download(call.query(filter).query(file)).await
    }

    /// One entry of the audit log.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_audit_log(&self, id: AuditId) -> Result<AuditEntry, Error> {
        self.send(Call::new(Method::GET, &format!("/audit-logs/{id}")))
            .await
    }

    /// Verifies the audit log.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn verify_audit_logs(&self, body: &VerifyAudit) -> Result<AuditVerified, Error> {
        self.send(Call::new(Method::POST, "/audit-logs/verify").body(body))
            .await
    }
}

impl Client {
    /// Which versions there are.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_version(&self) -> Result<VersionView, Error> {
        self.send(Call::new(Method::GET, "/version")).await
    }

    /// How the server is.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_health(&self) -> Result<HealthView, Error> {
        self.send(Call::new(Method::GET, "/health")).await
    }
}
