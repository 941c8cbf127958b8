//! The store on both engines.

#![cfg(test)]

mod bound;
mod concurrency;
mod migrations;
mod select;
mod statements;
mod tls;
mod vitals;
