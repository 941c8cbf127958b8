//! iron-net
