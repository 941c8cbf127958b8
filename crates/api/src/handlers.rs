//! The handlers: parse, authorise, one call of a feature, view.

pub(crate) mod access;
pub(crate) mod agents;
pub(crate) mod analytics;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod budget;
pub(crate) mod budget_events;
pub(crate) mod budget_requests;
pub(crate) mod configuration;
pub(crate) mod invitations;
pub(crate) mod leases;
pub(crate) mod limits;
pub(crate) mod models;
pub(crate) mod notifications;
pub(crate) mod pools;
pub(crate) mod projects;
pub(crate) mod providers;
pub(crate) mod quotas;
pub(crate) mod reconciliations;
pub(crate) mod runtimes;
pub(crate) mod settings;
pub(crate) mod system;
pub(crate) mod teams;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod users;
