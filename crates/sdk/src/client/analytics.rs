//! What spending will come to.

use reqwest::Method;

use crate::analytics::{
    AnomalyQuery, AnomalyView, ProjectionQuery, ProjectionView, TokenQuery, TokenTotalView, WhatIf,
    WhatIfView,
};
use crate::lists::List;

use super::{Call, Client, Error};

impl Client {
    /// What the month will come to.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_projection(&self, query: &ProjectionQuery) -> Result<ProjectionView, Error> {
        self.send(Call::new(Method::GET, "/analytics/projection").query(query))
            .await
    }

    /// What thirty days would cost if things were different.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn what_if(&self, body: &WhatIf) -> Result<WhatIfView, Error> {
        self.send(Call::new(Method::POST, "/analytics/what-if").body(body))
            .await
    }

    /// The hours that cost far more than usual.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_anomalies(&self, query: &AnomalyQuery) -> Result<List<AnomalyView>, Error> {
        self.send(Call::new(Method::GET, "/analytics/anomalies").query(query))
            .await
    }

    /// What agents, users, end users or conversations have used, of all time.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_token_totals(
        &self,
        query: &TokenQuery,
    ) -> Result<List<TokenTotalView>, Error> {
        self.send(Call::new(Method::GET, "/analytics/tokens").query(query))
            .await
    }
}
