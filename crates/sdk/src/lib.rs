//! iron-sdk
