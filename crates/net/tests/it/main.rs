//! The network edge, against real sockets.

mod edge;
mod egress;
mod rate;
mod server;
