//! The audit log on both engines.
// What the tests share is test code, too.
#![cfg(test)]

mod failures;
mod intake;
mod kit;
mod log;
mod projection;
mod retention;
mod rollups;
mod schema;
mod tool_calls;
mod verify;
mod violations;
