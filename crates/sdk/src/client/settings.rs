//! Settings and their versions.

use iron_primitives::{ProjectId, TeamId};
use reqwest::Method;

use crate::lists::List;
use crate::settings::{
    ChangeSettings, ConfigCheck, ConfigQuery, ConfigVersionsQuery, ConfigView, PutConfig,
    RollbackConfig, SettingsView,
};

use super::{Call, Client, Error};

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsOf {
    /// The installation's.
    System,
    /// The tenant's.
    Tenant,
    /// A team's.
    Team(TeamId),
    /// A project's.
    Project(ProjectId),
    /// One's own.
    User,
}

impl SettingsOf {
    fn path(self) -> String {
        match self {
            SettingsOf::System => "/settings/system".to_owned(),
            SettingsOf::Tenant => "/settings/tenant".to_owned(),
            SettingsOf::Team(id) => format!("/settings/team/{id}"),
            SettingsOf::Project(id) => format!("/settings/project/{id}"),
            SettingsOf::User => "/settings/user".to_owned(),
        }
    }
}

impl Client {
    /// What holds at a level.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_settings(&self, of: SettingsOf) -> Result<SettingsView, Error> {
        self.send(Call::new(Method::GET, &of.path())).await
    }

    /// Changes what is set at a level.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn change_settings(
        &self,
        of: SettingsOf,
        body: &ChangeSettings,
    ) -> Result<SettingsView, Error> {
        self.send(Call::new(Method::PATCH, &of.path()).body(body))
            .await
    }

    /// Takes away everything that one has set for oneself.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn reset_own_settings(&self) -> Result<SettingsView, Error> {
        self.send(Call::new(Method::DELETE, "/settings/user")).await
    }

    /// A configuration.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_config(&self, query: &ConfigQuery) -> Result<ConfigView, Error> {
        self.send(Call::new(Method::GET, "/config").query(query))
            .await
    }

    /// Applies a whole configuration.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn put_config(&self, body: &PutConfig) -> Result<ConfigView, Error> {
        self.send(Call::new(Method::PUT, "/config").body(body))
            .await
    }

    /// Tells whether a configuration could be applied.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn validate_config(&self, body: &PutConfig) -> Result<ConfigCheck, Error> {
        self.send(Call::new(Method::POST, "/config/validate").body(body))
            .await
    }

    /// The versions of a configuration, the newest first.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_config_versions(
        &self,
        query: &ConfigVersionsQuery,
    ) -> Result<List<ConfigView>, Error> {
        self.send(Call::new(Method::GET, "/config/versions").query(query))
            .await
    }

    /// Goes back to an older version.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn rollback_config(&self, body: &RollbackConfig) -> Result<ConfigView, Error> {
        self.send(Call::new(Method::POST, "/config/rollback").body(body))
            .await
    }
}
