//! What spending will come to.

use reqwest::Method;

use crate::analytics::{
    AnomalyQuery, AnomalyView, BreakdownRow, BreakdownSummary, CallsQuery, ErrorsRow,
    ErrorsSummary, GroupQuery, MetricQuery, ProjectionQuery, ProjectionView, Report, ReportFile,
    ReportPage, RequestCounts, RequestsRow, SpendingRow, SpendingSummary, TokenQuery,
    TokenTotalView, TokenUsage, TopAgent, TopQuery, TopSummary, TopUser, TrendQuery, TrendView,
    UsageRow, Utilization, UtilizationQuery, WhatIf, WhatIfView,
};
use crate::lists::List;

use super::{Call, Client, Download, Error};

impl Client {
    /// What the month will come to.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_projection(&self, query: &ProjectionQuery) -> Result<ProjectionView, Error> {
        self.send(Call::new(Method::GET, "/analytics/projection").query(query))
            .await
    }

    /// What thirty days would cost if things were different.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn what_if(&self, body: &WhatIf) -> Result<WhatIfView, Error> {
        self.send(Call::new(Method::POST, "/analytics/what-if").body(body))
            .await
    }

    /// The hours that cost far more than usual.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_anomalies(&self, query: &AnomalyQuery) -> Result<List<AnomalyView>, Error> {
        self.send(Call::new(Method::GET, "/analytics/anomalies").query(query))
            .await
    }

    /// What agents, users, end users or conversations have used, of all time.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_token_totals(
        &self,
        query: &TokenQuery,
    ) -> Result<List<TokenTotalView>, Error> {
        self.send(Call::new(Method::GET, "/analytics/tokens").query(query))
            .await
    }

    /// What calls have cost.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_spending(
        &self,
        calls: &CallsQuery,
        group: &GroupQuery,
        metric: &MetricQuery,
    ) -> Result<Report<SpendingRow, SpendingSummary>, Error> {
        let call = Call::new(Method::GET, "/analytics/spending");
        self.send(call.query(calls).query(group).query(metric))
            .await
    }

    /// What calls have used.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_usage(
        &self,
        calls: &CallsQuery,
        group: &GroupQuery,
    ) -> Result<Report<UsageRow, TokenUsage>, Error> {
        let call = Call::new(Method::GET, "/analytics/usage");
        self.send(call.query(calls).query(group)).await
    }

    /// How many calls there were, how they went, and how long they took.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_requests(
        &self,
        calls: &CallsQuery,
        group: &GroupQuery,
    ) -> Result<Report<RequestsRow, RequestCounts>, Error> {
        let call = Call::new(Method::GET, "/analytics/requests");
        self.send(call.query(calls).query(group)).await
    }

    /// Why calls failed.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_errors(
        &self,
        calls: &CallsQuery,
        group: &GroupQuery,
    ) -> Result<Report<ErrorsRow, ErrorsSummary>, Error> {
        let call = Call::new(Method::GET, "/analytics/errors");
        self.send(call.query(calls).query(group)).await
    }

    /// The agents that come first.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_top_agents(
        &self,
        calls: &CallsQuery,
        top: &TopQuery,
    ) -> Result<Report<TopAgent, TopSummary>, Error> {
        let call = Call::new(Method::GET, "/analytics/agents/top");
        self.send(call.query(calls).query(top)).await
    }

    /// The users whose agents come first.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_top_users(
        &self,
        calls: &CallsQuery,
        top: &TopQuery,
    ) -> Result<Report<TopUser, TopSummary>, Error> {
        let call = Call::new(Method::GET, "/analytics/users/top");
        self.send(call.query(calls).query(top)).await
    }

    /// What went to each provider and model.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_provider_breakdown(
        &self,
        calls: &CallsQuery,
        page: &ReportPage,
    ) -> Result<Report<BreakdownRow, BreakdownSummary>, Error> {
        let call = Call::new(Method::GET, "/analytics/providers/breakdown");
        self.send(call.query(calls).query(page)).await
    }

    /// How something goes from day to day.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_trends(&self, trend: &TrendQuery) -> Result<TrendView, Error> {
        let call = Call::new(Method::GET, "/analytics/trends");
        self.send(call.query(trend)).await
    }

    /// How the budgets of agents stand.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_budget_utilization(
        &self,
        query: &UtilizationQuery,
        page: &ReportPage,
    ) -> Result<Utilization, Error> {
        let call = Call::new(Method::GET, "/analytics/budget-utilization");
        self.send(call.query(query).query(page)).await
    }

    /// A report as a file.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn export_analytics(
        &self,
        calls: &CallsQuery,
        file: &ReportFile,
    ) -> Result<Download, Error> {
        let call = Call::new(Method::GET, "/analytics/export");
        self.download(call.query(calls).query(file)).await
    }
}
