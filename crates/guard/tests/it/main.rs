//! What the guardrails promise, tried on real texts and hostile ones.

mod scan;
