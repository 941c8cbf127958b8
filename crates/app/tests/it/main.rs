//! What must be true of the house itself, and of the command line without a server.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where its setting cannot be made"
)]

mod budgets;
mod command_line;
mod doctor;
mod first_minutes;
mod floors;
mod foreign;
mod guardrails;
mod invoked;
mod kit;
mod people;
mod pools;
mod quotas;
mod schemas;
mod secrets;
mod settings;
mod sizes;
mod teams;
mod verbs;
