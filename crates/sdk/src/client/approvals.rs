//! Approvals of tool calls.

use iron_primitives::ApprovalId;
use reqwest::Method;

use crate::approvals::{ApprovalQuery, ApprovalView, ApproveApproval, DenyApproval};
use crate::lists::List;

use super::{Call, Client, Error};

fn path(id: ApprovalId, verb: &str) -> String {
    format!("/approvals/{id}{verb}")
}

impl Client {
    /// The approvals within the user's reach.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_approvals(&self, query: &ApprovalQuery) -> Result<List<ApprovalView>, Error> {
        self.send(Call::new(Method::GET, "/approvals").query(query))
            .await
    }

    /// One approval.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_approval(&self, id: ApprovalId) -> Result<ApprovalView, Error> {
        self.send(Call::new(Method::GET, &path(id, ""))).await
    }

    /// Approves a tool call.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn approve_approval(
        &self,
        id: ApprovalId,
        body: &ApproveApproval,
    ) -> Result<ApprovalView, Error> {
        self.send(Call::new(Method::PUT, &path(id, "/approve")).body(body))
            .await
    }

    /// Denies a tool call.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn deny_approval(
        &self,
        id: ApprovalId,
        body: &DenyApproval,
    ) -> Result<ApprovalView, Error> {
        self.send(Call::new(Method::PUT, &path(id, "/deny")).body(body))
            .await
    }
}
