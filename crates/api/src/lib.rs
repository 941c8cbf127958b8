//! iron-api
