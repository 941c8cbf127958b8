//! The network edge, against real sockets.
// What the tests share is test code, too.
#![cfg(test)]

mod edge;
mod egress;
mod rate;
mod server;
mod shared_rates;
mod tls;
