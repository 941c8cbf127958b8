//! Profiles as tenants keep them, on both engines.

#![cfg(test)]

mod kit;
mod profiles;
