//! From what a feature knows to what the wire shows.

mod access;
mod agents;
mod analytics;
mod approvals;
mod budget_events;
mod budget_requests;
mod catalog;
mod guardrails;
mod money;
mod notifications;
mod people;
mod periods;
mod pools;
mod quotas;
mod reconciliations;
mod records;
mod settings;
mod teams;

pub(crate) use access::*;
pub(crate) use agents::*;
pub(crate) use analytics::*;
pub(crate) use approvals::*;
pub(crate) use budget_events::*;
pub(crate) use budget_requests::*;
pub(crate) use catalog::*;
pub(crate) use guardrails::*;
pub(crate) use money::*;
pub(crate) use notifications::*;
pub(crate) use people::*;
pub(crate) use periods::*;
pub(crate) use pools::*;
pub(crate) use quotas::*;
pub(crate) use reconciliations::*;
pub(crate) use records::*;
pub(crate) use settings::*;
pub(crate) use teams::*;
