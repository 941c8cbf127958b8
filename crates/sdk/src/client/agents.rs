//! Agents and their tokens.

use iron_primitives::{AgentId, ApiTokenId, IcTokenId, ProviderId};
use reqwest::Method;

use crate::agents::{
    AgentAction, AgentDeleted, AgentHealth, AgentQuery, AgentStatusView, AgentView,
    AssignProviders, AssignedProviders, CreateAgent, ProviderRemoved, StopAgent, UpdateAgent,
};
use crate::lists::List;
use crate::tokens::{
    ApiTokenCreated, ApiTokenQuery, ApiTokenRevoked, ApiTokenView, CreateApiToken, CreateToken,
    RotateToken, TokenCreated, TokenQuery, TokenRevoked, TokenRotated, TokenView,
};

use super::{Call, Client, Error};

impl Client {
    /// Creates an agent.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_agent(&self, body: &CreateAgent) -> Result<AgentView, Error> {
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
    pub async fn stop_agent(&self, id: AgentId, body: &StopAgent) -> Result<AgentView, Error> {
        self.send(Call::new(Method::POST, &format!("/agents/{id}/stop")).body(body))
            .await
    }

    /// Begins anew with an agent, whatever it is doing.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn restart_agent(&self, id: AgentId, body: &AgentAction) -> Result<AgentView, Error> {
        self.send(Call::new(Method::POST, &format!("/agents/{id}/restart")).body(body))
            .await
    }

    /// Whether an agent can work, and what it lacks.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_agent_health(&self, id: AgentId) -> Result<AgentHealth, Error> {
        self.send(Call::new(Method::GET, &format!("/agents/{id}/health")))
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
