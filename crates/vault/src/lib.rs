//! iron-vault
