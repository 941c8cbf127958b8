//! Telemetry as an operator meets it.

mod lines;
mod numbers;
