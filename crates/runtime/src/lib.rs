//! iron-runtime
