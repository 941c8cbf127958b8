//! iron-gateway
