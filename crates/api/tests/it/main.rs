//! The control plane through its router, on both engines.

#![cfg(test)]

mod access;
mod agents;
mod analytics;
mod apart;
mod approvals;
mod authorisation;
mod budget_protocol;
mod budget_requests;
mod certificates;
mod client;
mod concurrency;
mod contract;
mod conventions;
mod deprecation;
mod guardrails;
mod house;
mod idempotency;
mod invitations;
mod keeper;
mod kit;
mod locks;
mod notifications;
mod owasp_access;
mod owasp_surface;
mod people;
mod periods;
mod pools;
mod quotas;
mod rates;
mod reconciliations;
mod reports;
mod resources;
mod routing;
mod runtimes;
mod settings;
mod teams;
mod tenants;
mod tools;
mod tops;
