//! iron-telemetry
