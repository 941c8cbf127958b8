//! How people are told.

use iron_primitives::{ChannelId, DeliveryId};
use reqwest::Method;

use crate::lists::{List, PageQuery};
use crate::notifications::{
    CreateNotificationChannel, DeliveryQuery, DeliveryView, NotificationChannelCreated,
    NotificationChannelDeleted, NotificationChannelView, NotificationTest, SigningSecret,
    UpdateNotificationChannel,
};

use super::{Call, Client, Error};

fn path(id: ChannelId) -> String {
    format!("/notification-channels/{id}")
}

impl Client {
    /// Makes a notification channel.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn create_notification_channel(
        &self,
        body: &CreateNotificationChannel,
    ) -> Result<NotificationChannelCreated, Error> {
        self.send(Call::new(Method::POST, "/notification-channels").body(body))
            .await
    }

    /// The notification channels of the tenant.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_notification_channels(
        &self,
        query: &PageQuery,
    ) -> Result<List<NotificationChannelView>, Error> {
        self.send(Call::new(Method::GET, "/notification-channels").query(query))
            .await
    }

    /// One notification channel.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn get_notification_channel(
        &self,
        id: ChannelId,
    ) -> Result<NotificationChannelView, Error> {
        self.send(Call::new(Method::GET, &path(id))).await
    }

    /// Changes a notification channel.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn update_notification_channel(
        &self,
        id: ChannelId,
        body: &UpdateNotificationChannel,
    ) -> Result<NotificationChannelView, Error> {
        self.send(Call::new(Method::PATCH, &path(id)).body(body))
            .await
    }

    /// Deletes a notification channel.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn delete_notification_channel(
        &self,
        id: ChannelId,
    ) -> Result<NotificationChannelDeleted, Error> {
        self.send(Call::new(Method::DELETE, &path(id))).await
    }

    /// Sends a test through a notification channel.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn test_notification_channel(
        &self,
        id: ChannelId,
    ) -> Result<NotificationTest, Error> {
        self.send(Call::new(Method::POST, &format!("{}/test", path(id))))
            .await
    }

    /// Gives a webhook a new signing secret.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn rotate_notification_secret(&self, id: ChannelId) -> Result<SigningSecret, Error> {
        let path = format!("{}/rotate-secret", path(id));
        self.send(Call::new(Method::POST, &path)).await
    }

    /// What was told through a notification channel.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn list_notification_deliveries(
        &self,
        id: ChannelId,
        query: &DeliveryQuery,
    ) -> Result<List<DeliveryView>, Error> {
        let path = format!("{}/deliveries", path(id));
        self.send(Call::new(Method::GET, &path).query(query)).await
    }

    /// Sends a dead delivery again.
    ///
    /// # Errors
    /// [`Error`], if the server refuses or cannot be reached.
    pub async fn retry_notification_delivery(&self, id: DeliveryId) -> Result<DeliveryView, Error> {
        let path = format!("/notification-deliveries/{id}/retry");
        self.send(Call::new(Method::POST, &path)).await
    }
}
