//! The control plane through its router, on both engines.

#![cfg(test)]

mod authorisation;
mod client;
mod contract;
mod conventions;
mod idempotency;
mod kit;
mod people;
mod rates;
mod resources;
