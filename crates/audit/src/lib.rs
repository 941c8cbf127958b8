//! iron-audit
