//! One method for each operation of the control plane, under the operation's own name.

use iron_primitives::{
    AgentId, ApiTokenId, AuditId, IcTokenId, ProjectId, ProviderId, SessionId, TenantId, UserId,
};
use reqwest::Method;

use crate::agents::{
    AgentAction, AgentCreated, AgentDeleted, AgentQuery, AgentStatusView, AgentView,
    AssignProviders, AssignedProviders, CreateAgent, ProviderRemoved, UpdateAgent,
};
use crate::audit::{AuditEntry, AuditQuery, AuditVerified, VerifyAudit};
use crate::auth::{
    ChangePassword, LoggedOut, Login, Logout, PasswordChanged, Refresh, SessionEnded,
    SessionTokens, SessionView, TokenValidity,
};
use crate::leases::{LeaseQuery, LeaseView};
use crate::limits::{BudgetHistory, BudgetView, HistoryQuery, SetAgentBudget, SetBudget};
use crate::lists::{List, PageQuery};
use crate::models::{
    ImportPrices, ModelQuery, ModelView, PriceQuery, PriceView, PricesImported, SetPrice,
};
use crate::projects::{CreateProject, ProjectDeleted, ProjectQuery, ProjectView, UpdateProject};
use crate::providers::{
    CreateProvider, DeleteProvider, ProviderAgent, ProviderDeleted, ProviderQuery, ProviderTested,
    ProviderView, TestProvider, UpdateProvider,
};
use crate::system::{HealthView, VersionView};
use crate::tenants::{CreateTenant, TenantCreated, TenantQuery, TenantView, UpdateTenant};
use crate::tokens::{
    ApiTokenCreated, ApiTokenQuery, ApiTokenRevoked, ApiTokenView, CreateApiToken, CreateToken,
    RotateToken, TokenCreated, TokenQuery, TokenRevoked, TokenRotated, TokenView,
};
use crate::users::{
    CreateUser, DeleteUser, Reason, ResetPassword, SetRole, UpdateMe, UpdateUser, UserDeleted,
    UserPermissions, UserProfile, UserQuery, UserView,
};

use super::{Call, Client, Error, segment};

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
    pub async fn create_user(&self, body: &CreateUser) -> Result<UserView, Error> {
        self.send(Call::new(Method::POST, "/users").body(body))
            .await
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

impl Client {
    /// Creates an agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_agent(&self, body: &CreateAgent) -> Result<AgentCreated, Error> {
        self.send(Call::new(Method::POST, "/agents").body(body))
            .await
    }

    /// The agents that the user may see.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_agents(&self, query: &AgentQuery) -> Result<List<AgentView>, Error> {
        self.send(Call::new(Method::GET, "/agents").query(query))
            .await
    }

    /// One agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_agent(&self, id: AgentId) -> Result<AgentView, Error> {
        self.send(Call::new(Method::GET, &format!("/agents/{id}")))
            .await
    }

    /// Changes an agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_agent(&self, id: AgentId, body: &UpdateAgent) -> Result<AgentView, Error> {
        self.send(Call::new(Method::PATCH, &format!("/agents/{id}")).body(body))
            .await
    }

    /// Deletes an agent and what hangs on it.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_agent(&self, id: AgentId) -> Result<AgentDeleted, Error> {
        self.send(Call::new(Method::DELETE, &format!("/agents/{id}")))
            .await
    }

    /// How an agent is doing.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_agent_status(&self, id: AgentId) -> Result<AgentStatusView, Error> {
        self.send(Call::new(Method::GET, &format!("/agents/{id}/status")))
            .await
    }

    /// Starts a stopped agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn start_agent(&self, id: AgentId, body: &AgentAction) -> Result<AgentView, Error> {
        self.send(Call::new(Method::POST, &format!("/agents/{id}/start")).body(body))
            .await
    }

    /// Pauses a running agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn pause_agent(&self, id: AgentId, body: &AgentAction) -> Result<AgentView, Error> {
        self.send(Call::new(Method::POST, &format!("/agents/{id}/pause")).body(body))
            .await
    }

    /// Resumes a paused agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn resume_agent(&self, id: AgentId, body: &AgentAction) -> Result<AgentView, Error> {
        self.send(Call::new(Method::POST, &format!("/agents/{id}/resume")).body(body))
            .await
    }

    /// Stops an agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn stop_agent(&self, id: AgentId, body: &AgentAction) -> Result<AgentView, Error> {
        self.send(Call::new(Method::POST, &format!("/agents/{id}/stop")).body(body))
            .await
    }

    /// Stops an agent at once and revokes its leases.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn kill_agent(&self, id: AgentId, body: &AgentAction) -> Result<AgentView, Error> {
        self.send(Call::new(Method::POST, &format!("/agents/{id}/kill")).body(body))
            .await
    }

    /// The providers of an agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_agent_providers(&self, id: AgentId) -> Result<AssignedProviders, Error> {
        self.send(Call::new(Method::GET, &format!("/agents/{id}/providers")))
            .await
    }

    /// Replaces the providers of an agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn assign_agent_providers(
        &self,
        id: AgentId,
        body: &AssignProviders,
    ) -> Result<AssignedProviders, Error> {
        self.send(Call::new(Method::PUT, &format!("/agents/{id}/providers")).body(body))
            .await
    }

    /// Takes a provider from an agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn remove_agent_provider(
        &self,
        id: AgentId,
        provider_id: ProviderId,
    ) -> Result<ProviderRemoved, Error> {
        self.send(Call::new(
            Method::DELETE,
            &format!("/agents/{id}/providers/{provider_id}"),
        ))
        .await
    }
}

impl Client {
    /// Creates a provider.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_provider(&self, body: &CreateProvider) -> Result<ProviderView, Error> {
        self.send(Call::new(Method::POST, "/providers").body(body))
            .await
    }

    /// The providers of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_providers(&self, query: &ProviderQuery) -> Result<List<ProviderView>, Error> {
        self.send(Call::new(Method::GET, "/providers").query(query))
            .await
    }

    /// One provider and its use.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_provider(&self, id: ProviderId) -> Result<ProviderView, Error> {
        self.send(Call::new(Method::GET, &format!("/providers/{id}")))
            .await
    }

    /// Changes a provider.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_provider(
        &self,
        id: ProviderId,
        body: &UpdateProvider,
    ) -> Result<ProviderView, Error> {
        self.send(Call::new(Method::PATCH, &format!("/providers/{id}")).body(body))
            .await
    }

    /// Deletes a provider.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_provider(
        &self,
        id: ProviderId,
        query: &DeleteProvider,
    ) -> Result<ProviderDeleted, Error> {
        self.send(Call::new(Method::DELETE, &format!("/providers/{id}")).query(query))
            .await
    }

    /// What deleting a provider would do.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_provider_deletion_impact(
        &self,
        id: ProviderId,
    ) -> Result<ProviderDeleted, Error> {
        self.send(Call::new(
            Method::GET,
            &format!("/providers/{id}/deletion-impact"),
        ))
        .await
    }

    /// The agents that use a provider.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_provider_agents(
        &self,
        id: ProviderId,
        query: &PageQuery,
    ) -> Result<List<ProviderAgent>, Error> {
        self.send(Call::new(Method::GET, &format!("/providers/{id}/agents")).query(query))
            .await
    }

    /// Makes a small call to a provider.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn test_provider(
        &self,
        id: ProviderId,
        body: &TestProvider,
    ) -> Result<ProviderTested, Error> {
        self.send(Call::new(Method::POST, &format!("/providers/{id}/test")).body(body))
            .await
    }
}

impl Client {
    /// The models that are known, with their prices.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_models(&self, query: &ModelQuery) -> Result<List<ModelView>, Error> {
        self.send(Call::new(Method::GET, "/models").query(query))
            .await
    }

    /// What a model costs.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_model_price(
        &self,
        model: &str,
        query: &PriceQuery,
    ) -> Result<PriceView, Error> {
        let model = segment(model);
        self.send(Call::new(Method::GET, &format!("/models/{model}/price")).query(query))
            .await
    }

    /// Sets a price of the tenant's own.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn set_model_price(&self, model: &str, body: &SetPrice) -> Result<PriceView, Error> {
        let model = segment(model);
        self.send(Call::new(Method::PUT, &format!("/models/{model}/price")).body(body))
            .await
    }

    /// Takes prices from a public list.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn import_prices(&self, body: &ImportPrices) -> Result<PricesImported, Error> {
        self.send(Call::new(Method::POST, "/models/import").body(body))
            .await
    }
}

impl Client {
    /// Issues an agent's token.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_token(&self, body: &CreateToken) -> Result<TokenCreated, Error> {
        self.send(Call::new(Method::POST, "/tokens").body(body))
            .await
    }

    /// The tokens of agents.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_tokens(&self, query: &TokenQuery) -> Result<List<TokenView>, Error> {
        self.send(Call::new(Method::GET, "/tokens").query(query))
            .await
    }

    /// One token of an agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_token(&self, id: IcTokenId) -> Result<TokenView, Error> {
        self.send(Call::new(Method::GET, &format!("/tokens/{id}")))
            .await
    }

    /// Gives a token a new value.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn rotate_token(
        &self,
        id: IcTokenId,
        body: &RotateToken,
    ) -> Result<TokenRotated, Error> {
        self.send(Call::new(Method::PUT, &format!("/tokens/{id}/rotate")).body(body))
            .await
    }

    /// Revokes an agent's token.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_token(&self, id: IcTokenId) -> Result<TokenRevoked, Error> {
        self.send(Call::new(Method::DELETE, &format!("/tokens/{id}")))
            .await
    }

    /// Issues a token for the user.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_api_token(&self, body: &CreateApiToken) -> Result<ApiTokenCreated, Error> {
        self.send(Call::new(Method::POST, "/api-tokens").body(body))
            .await
    }

    /// The tokens of all users.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_api_tokens(
        &self,
        query: &ApiTokenQuery,
    ) -> Result<List<ApiTokenView>, Error> {
        self.send(Call::new(Method::GET, "/api-tokens").query(query))
            .await
    }

    /// The user's tokens.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_my_api_tokens(
        &self,
        query: &ApiTokenQuery,
    ) -> Result<List<ApiTokenView>, Error> {
        self.send(Call::new(Method::GET, "/api-tokens/me").query(query))
            .await
    }

    /// One token of a user.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_api_token(&self, id: ApiTokenId) -> Result<ApiTokenView, Error> {
        self.send(Call::new(Method::GET, &format!("/api-tokens/{id}")))
            .await
    }

    /// Revokes a token of a user.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn revoke_api_token(&self, id: ApiTokenId) -> Result<ApiTokenRevoked, Error> {
        self.send(Call::new(Method::DELETE, &format!("/api-tokens/{id}")))
            .await
    }
}

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
}

impl Client {
    /// The audit log.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_audit_logs(&self, query: &AuditQuery) -> Result<List<AuditEntry>, Error> {
        self.send(Call::new(Method::GET, "/audit-logs").query(query))
            .await
    }

    /// The user's own actions.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_my_audit_logs(&self, query: &AuditQuery) -> Result<List<AuditEntry>, Error> {
        self.send(Call::new(Method::GET, "/audit-logs/me").query(query))
            .await
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
