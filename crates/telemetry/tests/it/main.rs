//! Telemetry as an operator meets it.

#![cfg(test)]

mod lines;
mod numbers;
