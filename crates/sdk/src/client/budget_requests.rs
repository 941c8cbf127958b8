//! Budget requests.

use iron_primitives::BudgetRequestId;
use reqwest::Method;

use crate::budget_requests::{
    ApproveBudgetRequest, BudgetRequestApproved, BudgetRequestDetails, BudgetRequestQuery,
    BudgetRequestView, CreateBudgetRequest, DenyBudgetRequest,
};
use crate::lists::List;

use super::{Call, Client, Error};

impl Client {
    /// Asks for a higher budget.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_budget_request(
        &self,
        body: &CreateBudgetRequest,
    ) -> Result<BudgetRequestView, Error> {
        self.send(Call::new(Method::POST, "/budget-requests").body(body))
            .await
    }

    /// The budget requests of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_budget_requests(
        &self,
        query: &BudgetRequestQuery,
    ) -> Result<List<BudgetRequestView>, Error> {
        self.send(Call::new(Method::GET, "/budget-requests").query(query))
            .await
    }

    /// The user's own budget requests.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_my_budget_requests(
        &self,
        query: &BudgetRequestQuery,
    ) -> Result<List<BudgetRequestView>, Error> {
        self.send(Call::new(Method::GET, "/budget-requests/me").query(query))
            .await
    }

    /// One budget request, with the agent's budget now.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_budget_request(
        &self,
        id: BudgetRequestId,
    ) -> Result<BudgetRequestDetails, Error> {
        self.send(Call::new(Method::GET, &format!("/budget-requests/{id}")))
            .await
    }

    /// Approves a budget request; the agent's budget is raised at once.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn approve_budget_request(
        &self,
        id: BudgetRequestId,
        body: &ApproveBudgetRequest,
    ) -> Result<BudgetRequestApproved, Error> {
        self.send(Call::new(Method::PUT, &format!("/budget-requests/{id}/approve")).body(body))
            .await
    }

    /// Denies a budget request.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn deny_budget_request(
        &self,
        id: BudgetRequestId,
        body: &DenyBudgetRequest,
    ) -> Result<BudgetRequestView, Error> {
        self.send(Call::new(Method::PUT, &format!("/budget-requests/{id}/deny")).body(body))
            .await
    }

    /// Takes a budget request back.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn cancel_budget_request(
        &self,
        id: BudgetRequestId,
    ) -> Result<BudgetRequestView, Error> {
        self.send(Call::new(Method::DELETE, &format!("/budget-requests/{id}")))
            .await
    }
}
