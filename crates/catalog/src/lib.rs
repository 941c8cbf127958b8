//! iron-catalog
