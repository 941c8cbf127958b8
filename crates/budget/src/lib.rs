//! iron-budget
