//! Profiles as tenants keep them, on both engines.

#![cfg(test)]

mod kit;
mod policies;
mod profiles;
mod sets;
mod tools;
