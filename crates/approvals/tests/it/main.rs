//! Channels and their courier against receivers that behave as real ones do, on both engines.

#![cfg(test)]

mod delivery;
mod keeping;
mod kit;
mod patience;
