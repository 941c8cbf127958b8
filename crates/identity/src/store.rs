//! All SQL of this feature, by table.

pub(crate) mod api_tokens;
pub(crate) mod call_days;
pub(crate) mod ic_tokens;
pub(crate) mod invitations;
pub(crate) mod login;
pub(crate) mod projects;
pub(crate) mod sessions;
pub(crate) mod tenants;
pub(crate) mod users;
