//! Runtimes elsewhere.

use iron_primitives::RuntimeId;
use reqwest::Method;

use crate::exchange::{Exchange, ExchangeReply};
use crate::lists::List;
use crate::runtimes::{
    AskCredential, AskEnded, AskPrices, AskSubjectKey, AskToolSecret, BearerAnswer,
    BookTenantCalls, CreateRuntime, CredentialAnswer, EndedAnswer, EnrollRuntime, IdentifyBearer,
    PricesAnswer, RecordsTaken, RotateRuntimeKey, RuntimeCreated, RuntimeEnrolled,
    RuntimeKeyRotated, RuntimeQuery, RuntimeView, ShipRecords, SubjectKeyAnswer, TenantCallsBooked,
    UpdateRuntime,
};
use crate::users::Reason;

use super::{Call, Client, Error};

impl Client {
    /// The runtimes of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_runtimes(&self, query: &RuntimeQuery) -> Result<List<RuntimeView>, Error> {
        self.send(Call::new(Method::GET, "/runtimes").query(query))
            .await
    }

    /// Allows a new runtime; the answer holds its key.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_runtime(&self, body: &CreateRuntime) -> Result<RuntimeCreated, Error> {
        self.send(Call::new(Method::POST, "/runtimes").body(body))
            .await
    }

    /// One runtime.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_runtime(&self, id: RuntimeId) -> Result<RuntimeView, Error> {
        self.send(Call::new(Method::GET, &format!("/runtimes/{id}")))
            .await
    }

    /// Changes by which client certificates a runtime is known.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_runtime(
        &self,
        id: RuntimeId,
        body: &UpdateRuntime,
    ) -> Result<RuntimeView, Error> {
        self.send(Call::new(Method::PATCH, &format!("/runtimes/{id}")).body(body))
            .await
    }

    /// Replaces the key of a runtime; the answer holds the new one.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn rotate_runtime_key(
        &self,
        id: RuntimeId,
        body: &RotateRuntimeKey,
    ) -> Result<RuntimeKeyRotated, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/rotate")).body(body))
            .await
    }

    /// Revokes the key of a runtime and takes its leases away.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn revoke_runtime(&self, id: RuntimeId, body: &Reason) -> Result<RuntimeView, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/revoke")).body(body))
            .await
    }

    /// A process of a runtime begins.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn enroll_runtime(&self, body: &EnrollRuntime) -> Result<RuntimeEnrolled, Error> {
        self.send(Call::new(Method::POST, "/runtimes/enroll").body(body))
            .await
    }

    /// Reports what leases have used and asks for more.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn exchange_leases(
        &self,
        id: RuntimeId,
        body: &Exchange,
    ) -> Result<ExchangeReply, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/exchange")).body(body))
            .await
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn identify_bearer(
        &self,
        id: RuntimeId,
        body: &IdentifyBearer,
    ) -> Result<BearerAnswer, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/bearers")).body(body))
            .await
    }

    /// What has ended of what is under way.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn ask_ended(&self, id: RuntimeId, body: &AskEnded) -> Result<EndedAnswer, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/ended")).body(body))
            .await
    }

    /// The key of a provider.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn ask_credential(
        &self,
        id: RuntimeId,
        body: &AskCredential,
    ) -> Result<CredentialAnswer, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/credentials")).body(body))
            .await
    }

    /// The secret of a tool.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn ask_tool_secret(
        &self,
        id: RuntimeId,
        body: &AskToolSecret,
    ) -> Result<CredentialAnswer, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/tool-secrets")).body(body))
            .await
    }

    /// The key of a data subject.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn ask_subject_key(
        &self,
        id: RuntimeId,
        body: &AskSubjectKey,
    ) -> Result<SubjectKeyAnswer, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/subject-keys")).body(body))
            .await
    }

    /// Books calls of the tenant's day.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn book_calls(
        &self,
        id: RuntimeId,
        body: &BookTenantCalls,
    ) -> Result<TenantCallsBooked, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/calls")).body(body))
            .await
    }

    /// The prices in force.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn ask_prices(&self, id: RuntimeId, body: &AskPrices) -> Result<PricesAnswer, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/prices")).body(body))
            .await
    }

    /// Sends records.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn ship_records(
        &self,
        id: RuntimeId,
        body: &ShipRecords,
    ) -> Result<RecordsTaken, Error> {
        self.send(Call::new(Method::POST, &format!("/runtimes/{id}/records")).body(body))
            .await
    }
}
