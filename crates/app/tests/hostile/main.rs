//! Bad input, shown on the real binary: clients and providers that mean no good or are merely
//! broken. Each is answered by a clear error in the caller's own shape, nothing is leaked, every
//! call leaves its one record, money is settled by the rule, and memory stays bounded.

#![cfg(test)]
#![expect(dead_code, reason = "the kit is shared with the proof of the money")]

#[path = "../support/http.rs"]
mod http;
#[path = "../support/server.rs"]
mod server;

mod answers;
mod bodies;
mod callers;
mod damage;
mod elsewhere;
mod ends;
mod kit;
mod memory;
mod provider;
mod streams;
