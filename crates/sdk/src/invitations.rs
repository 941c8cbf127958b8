//! Invitations: by which people set their first password.

use crate::{SecretText, users::UserView};
use iron_primitives::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An invitation that was just made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct InvitationView {
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// The address to which it was mailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sent_to: Option<String>,
    /// What the user accepts it with, shown this once; absent if it was mailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    pub token: Option<SecretText>,
}

/// A user, and his invitation if one was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserCreated {
    /// The user.
    #[serde(flatten)]
    pub user: UserView,
    /// The invitation; absent for a user with a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub invitation: Option<InvitationView>,
}

/// A user who was invited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserInvited {
    /// The user.
    #[serde(flatten)]
    pub user: UserView,
    /// The invitation.
    pub invitation: InvitationView,
}

/// The wish to set a first password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptInvitation {
    /// The token of the invitation.
    #[schema(min_length = 1, max_length = 200, value_type = String)]
    pub token: SecretText,
    /// The password to be, 8 to 1000 characters.
    #[schema(min_length = 8, max_length = 1000, value_type = String)]
    pub password: SecretText,
    /// Whether the session is to live in cookies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cookie: Option<bool>,
}
