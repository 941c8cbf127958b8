//! iron-store
