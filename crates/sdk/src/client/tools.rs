//! Tools and policies.

use iron_primitives::{PolicyId, ToolId};
use reqwest::Method;

use crate::lists::{List, PageQuery};
use crate::policies::{
    BuiltInPolicies, CreatePolicy, PoliciesSimulated, PolicyDeleted, PolicyDiff, PolicyDiffQuery,
    PolicyQuery, PolicyText, PolicyVersionView, PolicyView, RollbackPolicy, SimulatePolicies,
    SwitchPolicy, UpdatePolicy,
};
use crate::tool_calls::{AvailableTools, InvokeTool, ToolCallQuery, ToolCallView, ToolInvoked};
use crate::tools::{CreateTool, ToolDeleted, ToolQuery, ToolView, UpdateTool};

use super::{Call, Client, Error, segment};

fn tool(id: ToolId) -> String {
    format!("/tools/{id}")
}

fn policy(id: PolicyId) -> String {
    format!("/policies/{id}")
}

impl Client {
    /// Registers a tool.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_tool(&self, body: &CreateTool) -> Result<ToolView, Error> {
        self.send(Call::new(Method::POST, "/tools").body(body))
            .await
    }

    /// The tools of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_tools(&self, query: &ToolQuery) -> Result<List<ToolView>, Error> {
        self.send(Call::new(Method::GET, "/tools").query(query))
            .await
    }

    /// Calls of tools that were decided.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_tool_calls(
        &self,
        query: &ToolCallQuery,
    ) -> Result<List<ToolCallView>, Error> {
        self.send(Call::new(Method::GET, "/tool-calls").query(query))
            .await
    }

    /// Calls a tool that the server runs, by its id or name, with the token of an agent. Under a key it
    /// is run once, however often the call is repeated.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached. A call that is denied is an answer.
    pub async fn invoke_tool(
        &self,
        tool: &str,
        body: &InvokeTool,
        idempotency_key: Option<&str>,
    ) -> Result<ToolInvoked, Error> {
        let path = format!("/tools/{}/invoke", segment(tool));
        let call = Call::new(Method::POST, &path).body(body);
        self.send(call.once(idempotency_key)).await
    }

    /// The tools that the agent of the token may call.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_available_tools(&self) -> Result<AvailableTools, Error> {
        self.send(Call::new(Method::GET, "/tools/available")).await
    }

    /// One tool.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_tool(&self, id: ToolId) -> Result<ToolView, Error> {
        self.send(Call::new(Method::GET, &tool(id))).await
    }

    /// Changes a tool.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_tool(&self, id: ToolId, body: &UpdateTool) -> Result<ToolView, Error> {
        self.send(Call::new(Method::PATCH, &tool(id)).body(body))
            .await
    }

    /// Removes a tool.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_tool(&self, id: ToolId) -> Result<ToolDeleted, Error> {
        self.send(Call::new(Method::DELETE, &tool(id))).await
    }

    /// Stores a policy.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_policy(&self, body: &CreatePolicy) -> Result<PolicyView, Error> {
        self.send(Call::new(Method::POST, "/policies").body(body))
            .await
    }

    /// The policies of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_policies(&self, query: &PolicyQuery) -> Result<List<PolicyView>, Error> {
        self.send(Call::new(Method::GET, "/policies").query(query))
            .await
    }

    /// One policy.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_policy(&self, id: PolicyId) -> Result<PolicyView, Error> {
        self.send(Call::new(Method::GET, &policy(id))).await
    }

    /// Changes a policy.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_policy(
        &self,
        id: PolicyId,
        body: &UpdatePolicy,
    ) -> Result<PolicyView, Error> {
        self.send(Call::new(Method::PATCH, &policy(id)).body(body))
            .await
    }

    /// Deletes a policy that no agent names.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_policy(&self, id: PolicyId) -> Result<PolicyDeleted, Error> {
        self.send(Call::new(Method::DELETE, &policy(id))).await
    }

    /// What a policy has said.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_policy_versions(
        &self,
        id: PolicyId,
        query: &PageQuery,
    ) -> Result<List<PolicyVersionView>, Error> {
        let path = format!("{}/versions", policy(id));
        self.send(Call::new(Method::GET, &path).query(query)).await
    }

    /// What is different between two versions of a policy.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn diff_policy(
        &self,
        id: PolicyId,
        query: &PolicyDiffQuery,
    ) -> Result<PolicyDiff, Error> {
        let path = format!("{}/diff", policy(id));
        self.send(Call::new(Method::GET, &path).query(query)).await
    }

    /// Makes a policy say again what it said.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn rollback_policy(
        &self,
        id: PolicyId,
        body: &RollbackPolicy,
    ) -> Result<PolicyView, Error> {
        let path = format!("{}/rollback", policy(id));
        self.send(Call::new(Method::POST, &path).body(body)).await
    }

    /// What proposed policies would say to calls.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn simulate_policies(
        &self,
        body: &SimulatePolicies,
    ) -> Result<PoliciesSimulated, Error> {
        self.send(Call::new(Method::POST, "/policies/simulate").body(body))
            .await
    }

    /// The policies that are built in.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_built_in_policies(&self) -> Result<BuiltInPolicies, Error> {
        self.send(Call::new(Method::GET, "/policies/built-in"))
            .await
    }

    /// Switches a policy that is built in on or off.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn switch_built_in_policy(
        &self,
        name: &str,
        body: &SwitchPolicy,
    ) -> Result<PolicyText, Error> {
        let path = format!("/policies/built-in/{}", segment(name));
        self.send(Call::new(Method::PUT, &path).body(body)).await
    }
}
