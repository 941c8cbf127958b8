//! iron-llm
