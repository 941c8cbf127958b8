//! Signing in, users, tenants and projects.

use iron_primitives::{ProjectId, SessionId, TenantId, UserId};
use reqwest::Method;

use crate::auth::{
    ChangePassword, LoggedOut, Login, Logout, PasswordChanged, Refresh, SessionEnded,
    SessionTokens, SessionView, TokenValidity,
};
use crate::billing::{Bill, BillQuery};
use crate::invitations::{AcceptInvitation, UserCreated, UserInvited};
use crate::lists::{List, PageQuery};
use crate::projects::{CreateProject, ProjectDeleted, ProjectQuery, ProjectView, UpdateProject};
use crate::tenants::{CreateTenant, TenantCreated, TenantQuery, TenantView, UpdateTenant};
use crate::users::{
    CreateUser, DeleteUser, Reason, ResetPassword, SetRole, UpdateMe, UpdateUser, UserDeleted,
    UserPermissions, UserProfile, UserQuery, UserView,
};

use super::{Call, Client, Error};

impl Client {
    /// Signs in.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn login(&self, body: &Login) -> Result<SessionTokens, Error> {
        self.send(Call::new(Method::POST, "/auth/login").body(body))
            .await
    }

    /// Exchanges a refresh token for new tokens.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn refresh(&self, body: &Refresh) -> Result<SessionTokens, Error> {
        self.send(Call::new(Method::POST, "/auth/refresh").body(body))
            .await
    }

    /// Signs out.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn logout(&self, body: &Logout) -> Result<LoggedOut, Error> {
        self.send(Call::new(Method::POST, "/auth/logout").body(body))
            .await
    }

    /// Asks whether the credential works.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn validate(&self) -> Result<TokenValidity, Error> {
        self.send(Call::new(Method::POST, "/auth/validate")).await
    }

    /// The session of this client.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_session(&self) -> Result<SessionView, Error> {
        self.send(Call::new(Method::GET, "/auth/session")).await
    }

    /// The user's sessions.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_sessions(&self, query: &PageQuery) -> Result<List<SessionView>, Error> {
        self.send(Call::new(Method::GET, "/auth/sessions").query(query))
            .await
    }

    /// Ends one session.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn end_session(&self, id: SessionId) -> Result<SessionEnded, Error> {
        self.send(Call::new(Method::DELETE, &format!("/auth/sessions/{id}")))
            .await
    }

    /// Changes the own password.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn change_password(&self, body: &ChangePassword) -> Result<PasswordChanged, Error> {
        self.send(Call::new(Method::POST, "/auth/password").body(body))
            .await
    }
}

impl Client {
    /// Creates a user.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_user(&self, body: &CreateUser) -> Result<UserCreated, Error> {
        self.send(Call::new(Method::POST, "/users").body(body))
            .await
    }

    /// Invites a user who has no password yet; an earlier invitation is good for nothing.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn invite_user(&self, id: UserId) -> Result<UserInvited, Error> {
        self.send(Call::new(Method::POST, &format!("/users/{id}/invite")))
            .await
    }

    /// Takes the invitation of a user back.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn cancel_invitation(&self, id: UserId) -> Result<UserView, Error> {
        let path = format!("/users/{id}/invitation");
        self.send(Call::new(Method::DELETE, &path)).await
    }

    /// Sets a first password, and signs in.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn accept_invitation(&self, body: &AcceptInvitation) -> Result<SessionTokens, Error> {
        self.send(Call::new(Method::POST, "/auth/accept-invitation").body(body))
            .await
    }

    /// What a tenant has to pay for in a month. The format is always JSON here.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_tenant_billing(&self, id: TenantId, query: &BillQuery) -> Result<Bill, Error> {
        let query = BillQuery {
            format: None,
            ..query.clone()
        };
        let path = format!("/tenants/{id}/billing");
        self.send(Call::new(Method::GET, &path).query(&query)).await
    }

    /// Invites the first admin of a tenant anew.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn invite_tenant_admin(&self, id: TenantId) -> Result<UserInvited, Error> {
        let path = format!("/tenants/{id}/invite-admin");
        self.send(Call::new(Method::POST, &path)).await
    }

    /// The users of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_users(&self, query: &UserQuery) -> Result<List<UserView>, Error> {
        self.send(Call::new(Method::GET, "/users").query(query))
            .await
    }

    /// The signed-in user.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_me(&self) -> Result<UserProfile, Error> {
        self.send(Call::new(Method::GET, "/users/me")).await
    }

    /// Changes the own profile.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_me(&self, body: &UpdateMe) -> Result<UserProfile, Error> {
        self.send(Call::new(Method::PATCH, "/users/me").body(body))
            .await
    }

    /// One user.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_user(&self, id: UserId) -> Result<UserView, Error> {
        self.send(Call::new(Method::GET, &format!("/users/{id}")))
            .await
    }

    /// Changes a user.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_user(&self, id: UserId, body: &UpdateUser) -> Result<UserView, Error> {
        self.send(Call::new(Method::PATCH, &format!("/users/{id}")).body(body))
            .await
    }

    /// What a user may do.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_user_permissions(&self, id: UserId) -> Result<UserPermissions, Error> {
        self.send(Call::new(Method::GET, &format!("/users/{id}/permissions")))
            .await
    }

    /// Changes a user's role.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn set_user_role(&self, id: UserId, body: &SetRole) -> Result<UserView, Error> {
        self.send(Call::new(Method::PUT, &format!("/users/{id}/role")).body(body))
            .await
    }

    /// Suspends a user.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn suspend_user(&self, id: UserId, body: &Reason) -> Result<UserView, Error> {
        self.send(Call::new(Method::PUT, &format!("/users/{id}/suspend")).body(body))
            .await
    }

    /// Lets a suspended user in again.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn activate_user(&self, id: UserId) -> Result<UserView, Error> {
        self.send(Call::new(Method::PUT, &format!("/users/{id}/activate")))
            .await
    }

    /// Sets a user's password.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn reset_user_password(
        &self,
        id: UserId,
        body: &ResetPassword,
    ) -> Result<UserView, Error> {
        self.send(Call::new(Method::POST, &format!("/users/{id}/reset-password")).body(body))
            .await
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_user(&self, id: UserId, query: &DeleteUser) -> Result<UserDeleted, Error> {
        self.send(Call::new(Method::DELETE, &format!("/users/{id}")).query(query))
            .await
    }
}

impl Client {
    /// Creates a tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_tenant(&self, body: &CreateTenant) -> Result<TenantCreated, Error> {
        self.send(Call::new(Method::POST, "/tenants").body(body))
            .await
    }

    /// The tenants of the platform.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_tenants(&self, query: &TenantQuery) -> Result<List<TenantView>, Error> {
        self.send(Call::new(Method::GET, "/tenants").query(query))
            .await
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_tenant(&self, id: TenantId) -> Result<TenantView, Error> {
        self.send(Call::new(Method::GET, &format!("/tenants/{id}")))
            .await
    }

    /// Changes a tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_tenant(
        &self,
        id: TenantId,
        body: &UpdateTenant,
    ) -> Result<TenantView, Error> {
        self.send(Call::new(Method::PATCH, &format!("/tenants/{id}")).body(body))
            .await
    }

    /// Marks a suspended tenant for deletion in thirty days.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_tenant(&self, id: TenantId) -> Result<TenantView, Error> {
        self.send(Call::new(Method::DELETE, &format!("/tenants/{id}")))
            .await
    }

    /// Suspends a tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn suspend_tenant(&self, id: TenantId, body: &Reason) -> Result<TenantView, Error> {
        self.send(Call::new(Method::PUT, &format!("/tenants/{id}/suspend")).body(body))
            .await
    }

    /// Lets a suspended tenant work again.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn activate_tenant(&self, id: TenantId) -> Result<TenantView, Error> {
        self.send(Call::new(Method::PUT, &format!("/tenants/{id}/activate")))
            .await
    }
}

impl Client {
    /// Creates a project.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_project(&self, body: &CreateProject) -> Result<ProjectView, Error> {
        self.send(Call::new(Method::POST, "/projects").body(body))
            .await
    }

    /// The projects of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_projects(&self, query: &ProjectQuery) -> Result<List<ProjectView>, Error> {
        self.send(Call::new(Method::GET, "/projects").query(query))
            .await
    }

    /// One project.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_project(&self, id: ProjectId) -> Result<ProjectView, Error> {
        self.send(Call::new(Method::GET, &format!("/projects/{id}")))
            .await
    }

    /// Changes a project.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_project(
        &self,
        id: ProjectId,
        body: &UpdateProject,
    ) -> Result<ProjectView, Error> {
        self.send(Call::new(Method::PATCH, &format!("/projects/{id}")).body(body))
            .await
    }

    /// Deletes an empty project.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_project(&self, id: ProjectId) -> Result<ProjectDeleted, Error> {
        self.send(Call::new(Method::DELETE, &format!("/projects/{id}")))
            .await
    }
}
