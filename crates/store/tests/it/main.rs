//! The store on both engines.

mod concurrency;
mod migrations;
mod select;
mod statements;
