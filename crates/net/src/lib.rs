//! iron-net

pub mod egress;
