//! The governed path of a call, and what it needs in memory.

pub mod authority;
pub mod wallet;
