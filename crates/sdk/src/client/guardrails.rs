//! Guardrails.

use iron_primitives::ProfileId;
use reqwest::Method;

use crate::guardrails::{
    CheckGuardrails, CreateGuardrailProfile, GuardrailProfileDeleted, GuardrailProfileQuery,
    GuardrailProfileVersion, GuardrailProfileView, GuardrailsChecked, UpdateGuardrailProfile,
    ViolationQuery, ViolationView,
};
use crate::lists::{List, PageQuery};

use super::{Call, Client, Error};

fn path(id: ProfileId) -> String {
    format!("/guardrail-profiles/{id}")
}

impl Client {
    /// Makes a guardrail profile.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_guardrail_profile(
        &self,
        body: &CreateGuardrailProfile,
    ) -> Result<GuardrailProfileView, Error> {
        self.send(Call::new(Method::POST, "/guardrail-profiles").body(body))
            .await
    }

    /// The guardrail profiles of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_guardrail_profiles(
        &self,
        query: &GuardrailProfileQuery,
    ) -> Result<List<GuardrailProfileView>, Error> {
        self.send(Call::new(Method::GET, "/guardrail-profiles").query(query))
            .await
    }

    /// One guardrail profile.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_guardrail_profile(
        &self,
        id: ProfileId,
    ) -> Result<GuardrailProfileView, Error> {
        self.send(Call::new(Method::GET, &path(id))).await
    }

    /// Changes a guardrail profile.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_guardrail_profile(
        &self,
        id: ProfileId,
        body: &UpdateGuardrailProfile,
    ) -> Result<GuardrailProfileView, Error> {
        self.send(Call::new(Method::PATCH, &path(id)).body(body))
            .await
    }

    /// Deletes a guardrail profile that nobody uses.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_guardrail_profile(
        &self,
        id: ProfileId,
    ) -> Result<GuardrailProfileDeleted, Error> {
        self.send(Call::new(Method::DELETE, &path(id))).await
    }

    /// What a guardrail profile has said.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_guardrail_profile_versions(
        &self,
        id: ProfileId,
        query: &PageQuery,
    ) -> Result<List<GuardrailProfileVersion>, Error> {
        let path = format!("{}/versions", path(id));
        self.send(Call::new(Method::GET, &path).query(query)).await
    }

    /// What a guardrail profile said at one time.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_guardrail_profile_version(
        &self,
        id: ProfileId,
        version: i64,
    ) -> Result<GuardrailProfileVersion, Error> {
        let path = format!("{}/versions/{version}", path(id));
        self.send(Call::new(Method::GET, &path)).await
    }

    /// What guardrails say about a text.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn check_guardrails(
        &self,
        body: &CheckGuardrails,
    ) -> Result<GuardrailsChecked, Error> {
        self.send(Call::new(Method::POST, "/guardrails/check").body(body))
            .await
    }

    /// What guardrails found in calls.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_violations(
        &self,
        query: &ViolationQuery,
    ) -> Result<List<ViolationView>, Error> {
        self.send(Call::new(Method::GET, "/violations").query(query))
            .await
    }
}
