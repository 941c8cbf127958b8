//! Budgets that agents share.

use iron_primitives::PoolId;
use reqwest::Method;

use crate::lists::List;
use crate::pools::{CreatePool, PoolDeleted, PoolQuery, PoolView, UpdatePool};

use super::{Call, Client, Error};

impl Client {
    /// Creates a pool.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_pool(&self, body: &CreatePool) -> Result<PoolView, Error> {
        self.send(Call::new(Method::POST, "/budget-pools").body(body))
            .await
    }

    /// The pools of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_pools(&self, query: &PoolQuery) -> Result<List<PoolView>, Error> {
        self.send(Call::new(Method::GET, "/budget-pools").query(query))
            .await
    }

    /// One pool, with what is used of it.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_pool(&self, id: PoolId) -> Result<PoolView, Error> {
        self.send(Call::new(Method::GET, &format!("/budget-pools/{id}")))
            .await
    }

    /// Changes a pool.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_pool(&self, id: PoolId, body: &UpdatePool) -> Result<PoolView, Error> {
        self.send(Call::new(Method::PATCH, &format!("/budget-pools/{id}")).body(body))
            .await
    }

    /// Deletes a pool that has no members.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_pool(&self, id: PoolId) -> Result<PoolDeleted, Error> {
        self.send(Call::new(Method::DELETE, &format!("/budget-pools/{id}")))
            .await
    }
}
