//! Providers, models and prices.

use iron_primitives::ProviderId;
use reqwest::Method;

use crate::lists::{List, PageQuery};
use crate::models::{
    ImportPrices, ModelQuery, ModelView, PriceQuery, PriceView, PricesImported, SetPrice,
};
use crate::providers::{
    CreateProvider, DeleteProvider, ProviderAgent, ProviderDeleted, ProviderHealth, ProviderQuery,
    ProviderTested, ProviderView, TestProvider, UpdateProvider,
};

use super::{Call, Client, Error, segment};

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

    /// How a provider has done, as this server has seen it.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_provider_health(&self, id: ProviderId) -> Result<ProviderHealth, Error> {
        self.send(Call::new(Method::GET, &format!("/providers/{id}/health")))
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
