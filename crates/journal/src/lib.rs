//! iron-journal
