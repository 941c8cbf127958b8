//! Requests for access.

use iron_primitives::AccessRequestId;
use reqwest::Method;

use crate::access::{
    AccessClaimed, AccessDecided, AccessQuery, AccessRenewed, AccessRequestView, ApproveAccess,
    CreateAccessRequest, DecideAccess, DenyAccess, TeamName, TeamNameQuery,
};
use crate::lists::List;
use crate::users::Reason;

use super::{Call, Client, Error};

fn path(id: AccessRequestId, verb: &str) -> String {
    format!("/access-requests/{id}{verb}")
}

impl Client {
    /// Asks for access.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_access_request(
        &self,
        body: &CreateAccessRequest,
    ) -> Result<AccessRequestView, Error> {
        self.send(Call::new(Method::POST, "/access-requests").body(body))
            .await
    }

    /// The names of the teams that access can be asked for in.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_access_teams(&self, query: &TeamNameQuery) -> Result<List<TeamName>, Error> {
        self.send(Call::new(Method::GET, "/access-requests/teams").query(query))
            .await
    }

    /// The access requests of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_access_requests(
        &self,
        query: &AccessQuery,
    ) -> Result<List<AccessRequestView>, Error> {
        self.send(Call::new(Method::GET, "/access-requests").query(query))
            .await
    }

    /// The user's own access requests.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_my_access_requests(
        &self,
        query: &AccessQuery,
    ) -> Result<List<AccessRequestView>, Error> {
        self.send(Call::new(Method::GET, "/access-requests/me").query(query))
            .await
    }

    /// One access request.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_access_request(
        &self,
        id: AccessRequestId,
    ) -> Result<AccessRequestView, Error> {
        self.send(Call::new(Method::GET, &path(id, ""))).await
    }

    /// Approves an access request.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn approve_access_request(
        &self,
        id: AccessRequestId,
        body: &ApproveAccess,
    ) -> Result<AccessRequestView, Error> {
        self.send(Call::new(Method::PUT, &path(id, "/approve")).body(body))
            .await
    }

    /// Denies an access request.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn deny_access_request(
        &self,
        id: AccessRequestId,
        body: &DenyAccess,
    ) -> Result<AccessRequestView, Error> {
        self.send(Call::new(Method::PUT, &path(id, "/deny")).body(body))
            .await
    }

    /// Decides several access requests.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn decide_access_requests(
        &self,
        body: &DecideAccess,
    ) -> Result<AccessDecided, Error> {
        self.send(Call::new(Method::POST, "/access-requests/bulk").body(body))
            .await
    }

    /// Takes the key of an approved access request, once.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn claim_access(&self, id: AccessRequestId) -> Result<AccessClaimed, Error> {
        self.send(Call::new(Method::POST, &path(id, "/claim")))
            .await
    }

    /// Renews the key of a request.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn renew_access(&self, id: AccessRequestId) -> Result<AccessRenewed, Error> {
        self.send(Call::new(Method::POST, &path(id, "/renew")))
            .await
    }

    /// Takes access away.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn revoke_access(
        &self,
        id: AccessRequestId,
        body: &Reason,
    ) -> Result<AccessRequestView, Error> {
        self.send(Call::new(Method::PUT, &path(id, "/revoke")).body(body))
            .await
    }
}
