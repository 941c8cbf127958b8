//! iron-testkit
