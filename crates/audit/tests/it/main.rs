//! The audit log on both engines.

mod kit;
mod log;
mod projection;
mod schema;
mod verify;
