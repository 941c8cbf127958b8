//! iron-fleet
