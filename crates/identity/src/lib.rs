//! iron-identity
